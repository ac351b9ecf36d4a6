//! One fault rule as a value, and its canonical spelling: `target effect [argument] [qualifier ...]`.

use std::time::Duration;

use super::Check;
use crate::quantity::{self, Percent};
use crate::text;

/// What a rule covers.
#[derive(Clone, PartialEq, Eq, Debug)]
#[repr(u8)] // A byte says which it is, where the capacity of the path would be asked in every match.
pub enum Target {
    /// The moment before listening.
    Start,
    /// One of the checks.
    Check(Check),
    /// Every request to a route that is not protected.
    App,
    /// That path alone, or with the flag every unprotected path that begins so.
    Path(Vec<u8>, bool),
    /// The listening socket.
    Listen,
    /// The process, by the clock.
    Process,
    /// The reaction to SIGTERM.
    Term,
}

impl Target {
    /// What `fail` answers when no status is given.
    pub fn failing_status(&self) -> u16 {
        if let Self::Check(check) = self { check.failing_status() } else { 500 }
    }

    /// The kinds of targets, checks first; all paths are one.
    pub const NAMES: &str = "health live ready startup start app listen process term path";
    /// How many they are.
    pub const KINDS: usize = 10;

    /// Its place in [`Target::NAMES`].
    pub fn kind(&self) -> usize {
        match self {
            Self::Check(check) => *check as usize,
            Self::Start => 4,
            Self::App => 5,
            Self::Listen => 6,
            Self::Process => 7,
            Self::Term => 8,
            Self::Path(..) => 9,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Path(path, is_prefix) => {
                text::put(out, path);
                text::put(out, if *is_prefix { b"*" } else { b"" });
            }
            _ => text::put(out, text::word(Self::NAMES, self.kind()).as_bytes()),
        }
    }
}

/// What is missing where running out of memory is refused.
pub const NEEDS_MEMORY_LIMIT: &str = "needs a memory limit on the container, or it would hurt the whole machine";

/// A way to die that is not an exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CrashKind {
    /// `abort()`: 134, as PID 1 139.
    Abort,
    /// A store to an address that is not mapped: 139.
    Segv,
    /// An illegal instruction: 132.
    Trap,
    /// More memory than the container may have: 137.
    Oom,
}

impl CrashKind {
    pub const NAMES: &str = "abort segv trap oom";
    const ALL: [Self; 4] = [Self::Abort, Self::Segv, Self::Trap, Self::Oom];

    pub fn parse(name: &[u8]) -> Option<Self> {
        text::place(Self::NAMES, name).map(|at| Self::ALL[at])
    }

    pub fn name(self) -> &'static str {
        text::word(Self::NAMES, self as usize)
    }
}

/// What a rule does when it hits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Answer with that status.
    Fail(u16),
    /// Wait, uniformly between the two, then go on.
    Delay(Nanos, Nanos),
    /// Accept and never answer.
    Hang,
    /// Close with no bytes.
    Drop,
    /// Close with RST.
    Reset,
    /// Refuse connections.
    Close,
    /// End with that status.
    Exit(u8),
    /// End the hard way.
    Crash(CrashKind),
    /// Burn so many percent of one core.
    Cpu(u32),
    /// Hold so many bytes of touched memory.
    Mem(u64),
    /// No SIGTERM changes anything.
    Ignore,
}

impl Effect {
    /// Their first words.
    pub const NAMES: &str = "fail delay hang drop reset close exit crash cpu mem ignore";
    /// How many they are.
    pub const KINDS: usize = 11;

    /// Its place in [`Effect::NAMES`].
    pub fn kind(&self) -> usize {
        match self {
            Self::Fail(_) => 0,
            Self::Delay(..) => 1,
            Self::Hang => 2,
            Self::Drop => 3,
            Self::Reset => 4,
            Self::Close => 5,
            Self::Exit(_) => 6,
            Self::Crash(_) => 7,
            Self::Cpu(_) => 8,
            Self::Mem(_) => 9,
            Self::Ignore => 10,
        }
    }

    /// Its first word.
    pub fn name(&self) -> &'static str {
        text::word(Self::NAMES, self.kind())
    }

    /// Appends what stands behind its first word; a status only where it is not the default one.
    pub(super) fn write_argument(&self, out: &mut Vec<u8>, default_status: u16) {
        match self {
            Self::Fail(status) if *status != default_status => text::decimal(out, u64::from(*status)),
            Self::Delay(shortest, longest) => {
                write_time(out, "", Some(*shortest));
                write_time(out, "..", (longest > shortest).then_some(*longest));
            }
            Self::Exit(code) => text::decimal(out, u64::from(*code)),
            Self::Crash(kind) => text::put(out, kind.name().as_bytes()),
            Self::Cpu(percent) => {
                text::decimal(out, u64::from(*percent));
                out.push(b'%');
            }
            Self::Mem(bytes) => quantity::write_size(out, *bytes),
            _ => {}
        }
    }
}

/// On which pods a rule stands at all.
#[derive(Clone, PartialEq, Eq, Debug)]
#[repr(u8)] // As of a target.
pub enum Pods {
    /// The share of pods whose name hashes low enough.
    Share(Percent),
    /// Those whose name matches, one `*` standing for anything.
    Glob(Vec<u8>),
}

impl Pods {
    /// Appends what stands behind `pods`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Share(share) => share.write(out),
            Self::Glob(glob) => text::put(out, glob),
        }
    }

    /// Whether a rule stands on the pod of that name. A share is decided by the name's hash, so the same pods are in
    /// at every start.
    pub fn include(&self, pod: &[u8]) -> bool {
        match self {
            // 0.01 % of the share is one of the 10,000 residues; thousandths of a percent are ten times finer.
            Self::Share(share) => fnv1a(pod) % 10_000 * 10 < u64::from(share.thousandths()),
            Self::Glob(glob) => match text::split_once(glob, b'*') {
                None => glob == pod,
                Some((start, end)) => {
                    pod.len() >= start.len() + end.len() && pod.starts_with(start) && pod.ends_with(end)
                }
            },
        }
    }
}

/// A time in nanoseconds: no rule's is longer than 30 days, and no process runs for the 584 years that 64 bits hold.
pub type Nanos = u64;

/// A duration, so.
pub(super) fn nanoseconds(time: Duration) -> Nanos {
    time.as_secs() * 1_000_000_000 + u64::from(time.subsec_nanos())
}

/// Appends a time that is given, and what stands before it.
#[inline(never)]
pub(super) fn write_time(out: &mut Vec<u8>, before: &str, time: Option<Nanos>) {
    if let Some(time) = time {
        text::put(out, before.as_bytes());
        quantity::write_duration(out, Duration::from_nanos(time));
    }
}

/// FNV-1a, 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// One rule. Qualifiers that were not given are `None`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    pub target: Target,
    pub effect: Effect,
    /// With which chance; always when `None`.
    pub chance: Option<Percent>,
    /// When its window first opens.
    pub after: Option<Nanos>,
    /// How long its window stays open.
    pub length: Option<Nanos>,
    /// When its window opens again.
    pub every: Option<Nanos>,
    /// How often it hits at most.
    pub times: Option<u32>,
    /// Where it stands.
    pub pods: Option<Pods>,
}

impl Rule {
    /// A rule without qualifiers.
    pub fn new(target: Target, effect: Effect) -> Self {
        Self { target, effect, chance: None, after: None, length: None, every: None, times: None, pods: None }
    }

    /// Whether its window is open `elapsed` after the rule began to count.
    pub fn is_open(&self, elapsed: Nanos) -> bool {
        let Some(inside) = elapsed.checked_sub(self.after.unwrap_or_default()) else { return false };
        let inside = self.every.map_or(inside, |every| inside % every);
        self.length.is_none_or(|length| inside < length)
    }

    /// Whether it runs out of memory, which is refused without a limit.
    pub fn needs_memory_limit(&self) -> bool {
        matches!(self.effect, Effect::Crash(CrashKind::Oom))
    }

    /// Appends the canonical spelling.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.target.write(out);
        text::put_all(out, &[" ", self.effect.name(), " "]);
        let length = out.len();
        self.effect.write_argument(out, self.target.failing_status());
        if out.len() == length {
            out.pop();
        }
        if let Some(chance) = self.chance {
            out.push(b' ');
            chance.write(out);
        }
        write_time(out, " after ", self.after);
        write_time(out, " for ", self.length);
        write_time(out, " every ", self.every);
        if let Some(times) = self.times {
            text::put(out, b" times ");
            text::decimal(out, u64::from(times));
        }
        if let Some(pods) = &self.pods {
            text::put(out, b" pods ");
            pods.write(out);
        }
    }

    pub fn spelled(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        text::into_string(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_open_and_shut_at_their_edges() {
        let mut rule = Rule::new(Target::App, Effect::Hang);
        let open = |rule: &Rule, seconds: f64| rule.is_open((seconds * 1e9) as Nanos);
        assert!(open(&rule, 0.0));
        rule.after = Some(20_000_000_000);
        assert!(!open(&rule, 19.999) && open(&rule, 20.0) && open(&rule, 1e6));
        rule.length = Some(10_000_000_000);
        assert!(open(&rule, 29.999) && !open(&rule, 30.0));
        rule.every = Some(60_000_000_000);
        assert!(!open(&rule, 79.999) && open(&rule, 80.0) && open(&rule, 89.999) && !open(&rule, 90.0));
    }

    #[test]
    fn pods_are_picked_by_hash_or_name() {
        // Test vectors of the FNV reference.
        assert_eq!(
            (fnv1a(b""), fnv1a(b"a"), fnv1a(b"foobar")),
            (0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x85944171f73967e8)
        );
        let share = |percent: &str| Pods::Share(Percent::parse(percent.as_bytes()).unwrap());
        assert!(share("100%").include(b"web-0") && !share("0%").include(b"web-0"));
        let picked = (0..10_000).filter(|n| share("33.3%").include(format!("web-{n:x}").as_bytes())).count();
        assert!((3030..3630).contains(&picked), "{picked} of 10000");
        // Its residue is the first that a share does not take.
        let residue = fnv1a(b"web-0") % 10_000;
        let up_to = |count: u64| share(&format!("{}.{:02}%", count / 100, count % 100));
        assert!(!up_to(residue).include(b"web-0") && up_to(residue + 1).include(b"web-0"), "{residue}");
        for (glob, pod, want) in [
            ("*-0", "web-0", true),
            ("*-0", "web-10", false),
            ("web-*", "web-", true),
            ("w*w", "w", false),
            ("web-0", "web-0", true),
            ("web", "web-0", false),
            ("*", "", true),
        ] {
            assert_eq!(Pods::Glob(glob.as_bytes().to_vec()).include(pod.as_bytes()), want, "{glob} {pod}");
        }
    }
}
