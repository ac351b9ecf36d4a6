//! A program as its plan says it behaves, seen from outside: what a probe or a caller meets at a moment, and when and
//! how the process ends. What the kubelet makes of that is elsewhere.

use super::chance::Chance;
use super::{Millis, NEVER};
use crate::faults::clock::Listening;
use crate::faults::dice::Draw;
use crate::faults::engine::Subject;
use crate::faults::plan::MAX_RULES;
use crate::faults::rule::{CrashKind, Effect, Nanos, Rule, Target};
use crate::faults::{Check, is_protected};
use crate::{grpc, text};

/// From the start of a process to its first act.
const BOOT: Millis = 5;
/// From the end of a drain to the exit: handshakes under way, and connections that have just been used.
const CLOSING: Millis = 30;
/// Most windows of one rule that one process rolls for.
const MAX_ROLLS: u64 = 20_000;

/// Whether a program answers a GET of a path with 200 to 399.
pub type Answers = fn(&[u8]) -> bool;

/// What a container's process does, as far as anybody outside sees.
#[derive(Clone, Debug)]
pub struct Program {
    /// The rules of its plan.
    pub rules: Vec<Rule>,
    /// How much later than its start rules let it it ends by itself, with status 0; `None`: it serves until it is told
    /// to end.
    pub ends: Option<Millis>,
    /// How long it serves on after SIGTERM.
    pub drain: Millis,
    /// The dice of every process, where they are set.
    pub seed: Option<u64>,
    /// Where it listens, at one of them; zeroes: wherever it is asked.
    pub ports: [u16; 2],
    /// Its container's memory limit in bytes.
    pub memory: u64,
    /// Whether it is this program, of which more is known than of others.
    pub is_own: bool,
    /// Whether it answers a GET of a path well where no rule decides. One of which nobody knows does.
    pub answers: Answers,
    /// Whether nothing from outside the pod reaches it.
    pub is_local: bool,
    /// Whether the signal that stops it means nothing to it.
    pub ignores_stop: bool,
}

impl Default for Program {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            ends: None,
            drain: 0,
            seed: None,
            ports: [0; 2],
            memory: u64::MAX,
            is_own: false,
            answers: |_| true,
            is_local: false,
            ignores_stop: false,
        }
    }
}

/// A path as rules and routes see it.
pub(super) fn without_query(path: &str) -> &[u8] {
    let length = path.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
    &path.as_bytes()[..length]
}

/// How a process has ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Exit {
    /// Its status.
    pub code: u8,
    /// Whether the kernel killed it for want of memory.
    pub is_oom: bool,
}

impl Exit {
    /// SIGKILL.
    pub const KILLED: Self = Self { code: 137, is_oom: false };
    /// The kernel's own, for want of memory.
    const OOM: Self = Self { code: 137, is_oom: true };

    fn with(code: u8) -> Self {
        Self { code, is_oom: false }
    }

    /// The reason that the runtime gives.
    pub fn reason(self) -> &'static str {
        let place = match self {
            Self { is_oom: true, .. } => 0,
            Self { code: 0, .. } => 1,
            _ => 2,
        };
        text::word("OOMKilled Completed Error", place)
    }
}

/// The rules that cover what somebody asks for, a bit for each, and the check that it is.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Question {
    covered: u64,
    check: Option<Check>,
    port: Option<u16>,
    /// Whether it has no good answer where no rule has one.
    is_missing: bool,
    /// Whether any answer is a good one.
    is_hook: bool,
}

impl Question {
    /// Whether some rule covers it at all.
    pub(super) fn is_covered(self) -> bool {
        self.covered != 0
    }
}

impl Program {
    /// Which rules stand on the pod of that name, a bit for each.
    pub(super) fn rules_on(&self, pod: &str) -> u64 {
        self.bits(|rule| rule.pods.as_ref().is_none_or(|pods| pods.include(pod.as_bytes())))
    }

    /// A bit for each rule, set where it is so.
    fn bits(&self, is_so: impl Fn(&Rule) -> bool) -> u64 {
        let mut bits = 0;
        for (at, rule) in self.rules.iter().enumerate() {
            bits |= u64::from(is_so(rule)) << (at & 63);
        }
        bits
    }

    /// What a request for a path comes to.
    pub(super) fn question(&self, path: &str, port: Option<u16>) -> Question {
        let path = without_query(path);
        let is_missing = !(self.answers)(path);
        Question { is_missing, ..self.question_for(Check::of_path(path), path, port) }
    }

    /// What a hook comes to that requests a path: its status is not looked at (lifecycle/handlers.go:149).
    pub(super) fn hook_question(&self, path: &str, port: u16) -> Question {
        Question { is_hook: true, ..self.question(path, Some(port)) }
    }

    /// What a check over gRPC comes to; `None`: no such service is known.
    pub(super) fn grpc_question(&self, service: &str, port: Option<u16>) -> Option<Question> {
        // What services another program has nobody knows, but whoever wrote its manifest.
        let check = grpc::check_of(service.as_bytes()).or((!self.is_own).then_some(Check::Health))?;
        Some(self.question_for(Some(check), grpc::Method::Check.path().as_bytes(), port))
    }

    fn question_for(&self, check: Option<Check>, path: &[u8], port: Option<u16>) -> Question {
        let subject = Subject { check, is_protected: check.is_some() || is_protected(path), path };
        let covered = self.bits(|rule| subject.is_covered_by(&rule.target));
        Question { covered, check, port, ..Question::default() }
    }

    /// Whether nobody listens where somebody asks.
    pub(super) fn is_elsewhere(&self, port: Option<u16>) -> bool {
        port.is_some_and(|port| self.is_local || self.ports[0] != 0 && !self.ports.contains(&port))
    }

    /// How a rule's effect ends the process, if it does.
    fn exit_of(&self, effect: &Effect) -> Option<Exit> {
        match effect {
            Effect::Exit(code) => Some(Exit::with(*code)),
            // As PID 1 of its container, for which abort() ends in a segmentation fault.
            Effect::Crash(CrashKind::Abort | CrashKind::Segv) => Some(Exit::with(139)),
            Effect::Crash(CrashKind::Trap) => Some(Exit::with(132)),
            Effect::Crash(CrashKind::Oom) => Some(Exit::OOM),
            Effect::Mem(bytes) if *bytes >= self.memory => Some(Exit::OOM),
            _ => None,
        }
    }
}

/// How often a rule of a process was tried, and hit.
#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    tried: u64,
    hits: u32,
    /// The window that was rolled for last, from 1, and whether it hit.
    window: u64,
    is_active: bool,
}

/// One run of a program. Times are those of the play.
#[derive(Debug)]
pub(super) struct Process {
    seed: u64,
    here: u64,
    counts: [Counts; MAX_RULES],
    /// When it started.
    pub(super) started: Millis,
    /// When it begins to listen; `NEVER` when it does not get so far.
    pub(super) listens: Millis,
    /// When and how it ends by itself.
    pub(super) end: (Millis, Exit),
    /// When it closes its listener after SIGTERM.
    closes: Millis,
    /// What its listener does now.
    listening: Listening,
    /// When that changes next.
    pub(super) listening_until: Millis,
}

impl Process {
    /// A process that does not listen yet.
    #[inline(never)]
    pub(super) fn new(now: Millis) -> Self {
        Self {
            seed: 0,
            here: 0,
            counts: [Counts::default(); MAX_RULES],
            started: now,
            listens: NEVER,
            end: (NEVER, Exit::KILLED),
            closes: NEVER,
            listening: Listening::Open,
            listening_until: NEVER,
        }
    }

    /// A process that starts now, on a pod where the rules of these bits stand. What it will do by itself until the
    /// end of the play is settled at once.
    #[inline(never)]
    pub(super) fn start(program: &Program, here: u64, now: Millis, end: Millis, chance: &mut Chance) -> Self {
        let mut process = Self::new(now);
        process.seed = program.seed.unwrap_or_else(|| chance.any());
        process.here = here;
        let mut at = now + BOOT;
        for (number, rule) in program.rules.iter().enumerate() {
            if process.stands(number)
                && matches!(rule.target, Target::Start)
                && let Some(delay) = process.attempt(number, rule)
            {
                at += delay;
                if let Some(exit) = program.exit_of(&rule.effect) {
                    process.end = (at, exit);
                    return process;
                }
            }
        }
        process.listens = at;
        if let Some(after) = program.ends {
            process.end = (at + after, Exit::with(0));
        }
        for (number, rule) in program.rules.iter().enumerate() {
            if process.stands(number)
                && matches!(rule.target, Target::Process)
                && let Some(exit) = program.exit_of(&rule.effect)
                && let Some(due) = process.due(number, rule, end.min(process.end.0))
            {
                process.end = (due, exit);
            }
        }
        process.watch_listener(program, at);
        process
    }

    /// Whether a rule stands on this pod.
    fn stands(&self, at: usize) -> bool {
        self.here >> at & 1 == 1
    }

    /// Rolls for a rule. `Some`: it hits, with that delay.
    fn attempt(&mut self, at: usize, rule: &Rule) -> Option<Millis> {
        let counts = &mut self.counts[at];
        if rule.times.is_some_and(|times| counts.hits >= times) {
            return None;
        }
        counts.tried += 1;
        let mut draw = Draw::new(self.seed, at as u32 + 1, counts.tried - 1);
        if rule.chance.is_some_and(|chance| chance.thousandths() <= draw.roll()) {
            return None;
        }
        counts.hits += 1;
        match rule.effect {
            Effect::Delay(shortest, longest) => Some(millis(draw.between(shortest, longest))),
            _ => Some(0),
        }
    }

    /// When a rule that goes by the clock ends the process, if it does so before `end`.
    fn due(&mut self, at: usize, rule: &Rule, end: Millis) -> Option<Millis> {
        let first = self.listens + millis(rule.after.unwrap_or_default());
        let every = rule.every.map_or(NEVER, |every| millis(every).max(1));
        let mut due = first;
        for _ in 0..MAX_ROLLS {
            if due >= end {
                break;
            }
            if self.attempt(at, rule).is_some() {
                return Some(due);
            }
            due = due.saturating_add(every);
        }
        None
    }

    /// Settles what the listener does from `now` on, and until when.
    pub(super) fn watch_listener(&mut self, program: &Program, now: Millis) {
        // What only waits to end listens nowhere.
        self.listening = if program.ends.is_none() { Listening::Open } else { Listening::Closed };
        self.listening_until = NEVER;
        for (at, rule) in program.rules.iter().enumerate() {
            if !self.stands(at) || !matches!(rule.target, Target::Listen) {
                continue;
            }
            let first = self.listens + millis(rule.after.unwrap_or_default());
            if now < first {
                self.listening_until = self.listening_until.min(first);
                continue;
            }
            let every = rule.every.map_or(NEVER, |every| millis(every).max(2));
            let opened = first + (now - first) / every * every;
            let window = (now - first) / every + 1;
            let shuts = rule.length.map_or(NEVER, |length| opened + millis(length).max(1));
            if self.counts[at].window != window {
                self.counts[at].window = window;
                self.counts[at].is_active = self.attempt(at, rule).is_some();
            }
            let next = if now < shuts { shuts } else { NEVER }.min(opened.saturating_add(every));
            self.listening_until = self.listening_until.min(next);
            if now < shuts && self.counts[at].is_active {
                let does = if matches!(rule.effect, Effect::Close) { Listening::Closed } else { Listening::Hung };
                self.listening = self.listening.max(does);
            }
        }
    }

    /// Whether it ended before `now`, or has not begun to listen, or has closed its listener.
    pub(super) fn listening(&self, now: Millis) -> Listening {
        let is_open = now >= self.listens && now < self.end.0.min(self.closes);
        if is_open { self.listening } else { Listening::Closed }
    }

    /// What a client comes to that asks at `now` and waits `timeout` at most: how long it takes, and whether the answer is
    /// a good one. The process may end over it.
    pub(super) fn ask(
        &mut self,
        program: &Program,
        question: Question,
        now: Millis,
        timeout: Millis,
    ) -> (Millis, bool) {
        match self.listening(now) {
            _ if program.is_elsewhere(question.port) => return (0, false),
            Listening::Closed => return (0, false),
            Listening::Hung => return (timeout, false),
            Listening::Open => {}
        }
        let drains = self.closes < NEVER && program.is_own && question.check == Some(Check::Ready);
        let (mut takes, mut is_good) = (0, question.is_hook || !drains && !question.is_missing);
        for (at, rule) in program.rules.iter().enumerate() {
            if !self.meets(at, rule, question, now) {
                continue;
            }
            let Some(more) = self.attempt(at, rule) else { continue };
            takes += more;
            is_good = match rule.effect {
                Effect::Delay(..) => continue,
                Effect::Fail(status) => question.is_hook || (200..400).contains(&status),
                Effect::Hang => return (timeout, false),
                _ => false,
            };
            if let Some(exit) = program.exit_of(&rule.effect)
                && takes < timeout
            {
                self.end = self.end.min((now + takes, exit));
            }
            break;
        }
        (takes.min(timeout), is_good && takes < timeout)
    }

    /// Whether a rule covers a question on this pod, and its window is open.
    fn meets(&self, at: usize, rule: &Rule, question: Question, now: Millis) -> bool {
        (question.covered & self.here) >> at & 1 == 1 && is_open(rule, now.saturating_sub(self.listens))
    }

    /// What share of calls fail at `now`, in thousandths of a percent, of those that find the listener open. Calls use
    /// up no counts.
    pub(super) fn failing_share(&self, program: &Program, question: Question, now: Millis) -> u64 {
        let mut passing = 100_000;
        for (at, rule) in program.rules.iter().enumerate() {
            let is_used_up = rule.times.is_some_and(|times| self.counts[at].hits >= times);
            let is_harmless = matches!(rule.effect, Effect::Delay(..) | Effect::Fail(..400));
            if !is_used_up && !is_harmless && self.meets(at, rule, question, now) {
                let chance = rule.chance.map_or(100_000, |chance| u64::from(chance.thousandths()));
                passing = passing * (100_000 - chance) / 100_000;
            }
        }
        100_000 - passing
    }

    /// SIGTERM, or what stands for it: when the process ends of it, and how. `NEVER`: it does not. One that is obedient
    /// drains, and that is all.
    #[inline(never)]
    pub(super) fn terminate(&mut self, program: &Program, is_obedient: bool, now: Millis) -> (Millis, Exit) {
        let (mut delay, mut exit) = (0, Exit::with(0));
        if program.ignores_stop && !is_obedient {
            return (NEVER, Exit::KILLED);
        }
        let since = if now < self.listens { self.started } else { self.listens };
        for (at, rule) in program.rules.iter().enumerate() {
            let is_meant = matches!(rule.target, Target::Term) && !is_obedient && self.stands(at);
            if !is_meant || !is_open(rule, now.saturating_sub(since)) {
                continue;
            }
            let Some(more) = self.attempt(at, rule) else { continue };
            match rule.effect {
                Effect::Delay(..) => delay += more,
                Effect::Exit(code) => {
                    exit = Exit::with(code);
                    break;
                }
                _ => return (NEVER, Exit::KILLED),
            }
        }
        let drain = if now < self.listens { 0 } else { program.drain };
        let closing = if program.is_own && now >= self.listens { CLOSING } else { 0 };
        self.closes = now + drain;
        // That is a moment of the listener.
        self.listening_until = self.listening_until.min(self.closes);
        (now + drain + closing + delay, exit)
    }
}

/// A time of a rule in whole milliseconds.
fn millis(time: Nanos) -> Millis {
    time / 1_000_000
}

/// Whether a rule's window is open so much later than it began to count.
fn is_open(rule: &Rule, elapsed: Millis) -> bool {
    rule.is_open(elapsed * 1_000_000)
}
