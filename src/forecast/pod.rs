//! A pod put together for a play: each container with its program, and what its probes and hooks come to when they
//! ask that program.

use super::behaviour::{Process, Program, Question};
use super::chance::Chance;
use super::workload::{Container, Handler, Pod, Probe, RestartPolicy};
use super::{Millis, NEVER};
use crate::faults::clock::Listening;
use crate::{quantity, text};

/// What an exec probe costs beside its command: the runtime starts it. At the timeout it has cost the least.
const EXEC: (Millis, Millis) = (50, 100);
/// grpc-go tries to connect again so much later, and each time 1.6 times that.
const REDIAL: Millis = 1000;
/// What a command that is not known takes.
const COMMAND: Millis = 50;

/// The kinds of probes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// `startupProbe`.
    Startup,
    /// `livenessProbe`.
    Liveness,
    /// `readinessProbe`.
    Readiness,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];
    /// Their names.
    pub(super) const NAMES: &str = "startup liveness readiness";

    /// As in `startupProbe`.
    pub fn name(self) -> &'static str {
        text::word(Self::NAMES, self as usize)
    }
}

/// What a probe or hook asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asks {
    /// A request.
    Http(Question),
    /// A connection to that port.
    Tcp(Option<u16>),
    /// A check over gRPC; `None`: of a service that is not known.
    Grpc(Option<Question>),
    /// A command that takes so long and passes.
    Command(Millis),
    /// Our own `healthcheck`, with its timeout.
    Healthcheck(Question, Millis),
    /// Waiting.
    Sleep(Millis),
    /// What is no result, whatever happens.
    Nothing,
}

/// What came of asking: whether it is a pass. `None`: neither, and the kubelet takes it as not asked.
pub(super) type Verdict = Option<bool>;

/// A probe ready to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    pub(super) asks: Asks,
    pub(super) delay: Millis,
    pub(super) period: Millis,
    pub(super) timeout: Millis,
    pub(super) failures: u32,
    pub(super) successes: u32,
    pub(super) grace: Option<Millis>,
}

/// A container with its program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'p> {
    pub(super) program: &'p Program,
    pub(super) aims: [Option<Aim>; 3],
    pub(super) pre_stop: Option<Asks>,
    pub(super) post_start: Option<Asks>,
    pub(super) is_sidecar: bool,
}

/// A pod as the kubelet gets it.
#[derive(Clone, Debug)]
pub(super) struct Plan<'p> {
    /// Init containers first, in order.
    pub(super) parts: Vec<Part<'p>>,
    /// How many of them are init containers, sidecars included.
    pub(super) inits: usize,
    /// The others in the order of their names, which is that of their statuses (kubelet_pods.go:2460).
    pub(super) by_name: Vec<usize>,
    pub(super) policy: RestartPolicy,
    pub(super) grace: Millis,
    /// Whether every program ends on SIGTERM at once, whatever it is.
    pub(super) is_obedient: bool,
    /// Whether a readiness gate keeps it unready for good.
    pub(super) is_gated: bool,
    /// Whether the Services take it as it is, ready or not.
    pub(super) is_published: bool,
    /// The container that callers of a Service reach, and what they ask for.
    pub(super) front: (usize, Question),
}

fn seconds(seconds: u32) -> Millis {
    Millis::from(seconds) * 1000
}

/// How long the first `sleep` in a command takes. One that is `alone` has nothing but a shell around it.
#[inline(never)]
pub(super) fn sleep_in(command: &[String], is_alone: bool) -> Option<Millis> {
    let line = text::list(command, " ");
    let mut words = line.split_ascii_whitespace();
    let is_sleep = |word: &&str| *word == "sleep" || word.ends_with("/sleep");
    words
        .find(|word| is_sleep(word) || is_alone && !(word.ends_with("sh") || matches!(*word, "-c" | "exec")))
        .filter(is_sleep)?;
    let time = words.next()?;
    match time {
        _ if is_alone && words.next().is_some() => None,
        "infinity" => Some(NEVER),
        time => quantity::parse_seconds(time.strip_suffix(';').unwrap_or(time).as_bytes()).map(super::millis),
    }
}

impl Asks {
    fn new(handler: &Handler, program: &Program) -> Self {
        match handler {
            // A TLS greeting is no request of ours.
            Handler::Http { is_https: true, .. } if program.is_own => Self::Grpc(None),
            Handler::Http { port: None, .. } | Handler::Tcp { port: None } => Self::Nothing,
            Handler::Http { path, port, .. } => Self::Http(program.question(path, *port)),
            Handler::Tcp { port } => Self::Tcp(*port),
            Handler::Grpc { port, service } => Self::Grpc(program.grpc_question(service, Some(*port))),
            Handler::Sleep { seconds: length } => Self::Sleep(seconds(*length)),
            Handler::Exec { command } => {
                let is_ours = command.first().is_some_and(|first| first.ends_with("probeserver"));
                if is_ours && command.get(1).is_some_and(|word| word == "healthcheck") {
                    let behind = |option: &str| {
                        let at = command.iter().position(|word| word == option)?;
                        Some(command.get(at + 1).map_or("", String::as_str))
                    };
                    let timeout = behind("--timeout").and_then(|word| quantity::parse_seconds(word.as_bytes()));
                    let timeout = timeout.map_or(1000, super::millis);
                    if let Some(word) = behind("--grpc") {
                        let service = if word.starts_with("--") { "" } else { word };
                        let question = program.grpc_question(service, None);
                        return question.map_or(Self::Grpc(None), |question| Self::Healthcheck(question, timeout));
                    }
                    let path = command[2..].iter().find(|word| word.starts_with('/'));
                    let path = path.map_or("/healthz", String::as_str);
                    return Self::Healthcheck(program.question(path, None), timeout);
                }
                match sleep_in(command, false) {
                    Some(length) if is_ours || !program.is_own => Self::Command(length),
                    // An image from scratch has no other command.
                    _ if program.is_own && !is_ours => Self::Nothing,
                    _ => Self::Command(COMMAND),
                }
            }
        }
    }

    /// Asks a process, if there is one, and waits `timeout` at most: how long it takes, and what comes of it. The process
    /// may end over it.
    pub(super) fn ask(
        self,
        program: &Program,
        process: Option<&mut Process>,
        now: Millis,
        timeout: Millis,
        chance: &mut Chance,
    ) -> (Millis, Verdict) {
        let Some(process) = process else {
            return match self {
                Self::Http(_) | Self::Tcp(_) | Self::Grpc(None) => (0, Some(false)),
                Self::Grpc(Some(_)) => (timeout, Some(false)),
                _ => (0, None),
            };
        };
        let mut exec = |(takes, is_pass): (Millis, bool)| match takes + chance.between(EXEC) {
            takes if takes >= timeout => (timeout + EXEC.0, false),
            takes => (takes, is_pass),
        };
        let (takes, is_pass) = match self {
            Self::Nothing => return (0, None),
            Self::Sleep(length) => (length, true),
            Self::Command(length) => exec((length, true)),
            Self::Healthcheck(question, own) => exec(process.ask(program, question, now, own)),
            Self::Http(question) => process.ask(program, question, now, timeout),
            Self::Tcp(port) => (0, !program.is_elsewhere(port) && process.listening(now) != Listening::Closed),
            Self::Grpc(None) => (0, false),
            Self::Grpc(Some(question)) => {
                // A connection that is refused is tried again, until the time is over.
                let (mut later, mut pause) = (0, REDIAL);
                while later < timeout && process.listening(now + later) == Listening::Closed {
                    later += pause;
                    pause = pause * 8 / 5;
                }
                if later >= timeout {
                    return (timeout, Some(false));
                }
                let (takes, is_pass) = process.ask(program, question, now + later, timeout - later);
                (later + takes, is_pass)
            }
        };
        (takes, Some(is_pass))
    }
}

impl Aim {
    #[inline(never)]
    fn new(probe: &Option<Probe>, program: &Program) -> Option<Self> {
        let probe = probe.as_ref()?;
        Some(Self {
            asks: Asks::new(&probe.handler, program),
            delay: seconds(probe.initial_delay),
            period: seconds(probe.period),
            timeout: seconds(probe.timeout),
            failures: probe.failures,
            successes: probe.successes,
            grace: probe.grace.map(seconds),
        })
    }
}

impl<'p> Part<'p> {
    fn new(container: &Container, program: &'p Program) -> Self {
        let [startup, liveness, readiness] = &container.probes;
        let hook = |handler: &Option<Handler>| match handler.as_ref()? {
            // The API has it, and the kubelet does not (lifecycle/handlers.go:101).
            Handler::Tcp { .. } => Some(Asks::Nothing),
            // Who answers TLS by HTTP is asked again by that.
            Handler::Http { path, port: Some(port), .. } => Some(Asks::Http(program.hook_question(path, *port))),
            handler => Some(Asks::new(handler, program)),
        };
        Self {
            aims: [Aim::new(startup, program), Aim::new(liveness, program), Aim::new(readiness, program)],
            pre_stop: hook(&container.pre_stop),
            post_start: hook(&container.post_start),
            is_sidecar: container.is_sidecar,
            program,
        }
    }

    /// How long a hook takes, at most `most`, and whether it passes; `None` where there is none.
    pub(super) fn hook(
        &self,
        asks: Option<Asks>,
        process: &mut Process,
        now: Millis,
        most: Millis,
        chance: &mut Chance,
    ) -> Option<(Millis, bool)> {
        let (takes, verdict) = asks?.ask(self.program, Some(process), now, most, chance);
        Some((takes.min(most), verdict == Some(true)))
    }
}

impl<'p> Plan<'p> {
    /// Puts a pod together; `programs` are those of its containers, init containers first.
    pub(super) fn new(pod: &Pod, programs: &'p [Program], is_published: bool) -> Self {
        let mut parts = Vec::new();
        for (container, program) in pod.containers.iter().zip(programs) {
            parts.push(Part::new(container, program));
        }
        let mut by_name: Vec<usize> = Vec::new();
        for at in pod.inits..parts.len() {
            let is_before = |&other: &usize| pod.containers[other].name < pod.containers[at].name;
            by_name.insert(by_name.partition_point(is_before), at);
        }
        let front = pod.front();
        let question = parts[front].program.question("/", None);
        Self {
            parts,
            inits: pod.inits,
            by_name,
            policy: pod.restart_policy,
            grace: seconds(pod.grace),
            is_obedient: false,
            is_gated: pod.is_gated,
            is_published,
            front: (front, question),
        }
    }
}
