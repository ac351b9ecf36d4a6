//! What a kubelet would do to a pod with a plan, and when: its probes played through against the rules.
//!
//! The kubelet's worker (pkg/kubelet/prober/worker.go) probes every period, the first time at a random moment of the
//! first one; so every prediction is a span, found by playing many first moments through. Chances are carried as
//! the distribution of failures in a row.

use std::time::Duration;

use super::Check;
use super::explain::outlasts;
use super::rule::{Effect, Rule, Target};
use crate::quantity;
use crate::text;

/// What `--probe` takes.
pub const PROBE_FORM: &str = "liveness, readiness or startup, and :period=10,timeout=1,failures=3,successes=1,delay=0,path=/livez; tcp in place of path";
/// What the predictions rest on.
pub const ASSUMPTIONS: &str = "Assumed: it listens once its start rules let it; the first probe comes at any moment of the first period after its\n\
delay; liveness and readiness do not wait for a startup probe; chances are independent.\n";
/// First moments that are played through.
const PHASES: u32 = 50;
/// How far is looked ahead.
const HORIZON: Duration = Duration::from_secs(3600);
/// Most probes of one run.
const MAX_PROBES: u32 = 4000;
/// What counts as certain, and as impossible.
const CERTAIN: f64 = 1.0 - 1e-9;

/// The three kinds of probes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Liveness,
    Readiness,
    Startup,
}

/// A probe as a pod's manifest has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    kind: Kind,
    period: Duration,
    timeout: Duration,
    failures: u32,
    successes: u32,
    delay: Duration,
    /// What it asks for; `None` for a tcpSocket.
    path: Option<Vec<u8>>,
}

impl Probe {
    /// Parses [`PROBE_FORM`].
    pub fn parse(word: &[u8]) -> Option<Self> {
        let colon = word.iter().position(|&byte| byte == b':');
        let (kind, rest) = colon.map_or((word, &b""[..]), |colon| (&word[..colon], &word[colon + 1..]));
        let (kind, path) = match kind {
            b"liveness" => (Kind::Liveness, "/livez"),
            b"readiness" => (Kind::Readiness, "/readyz"),
            b"startup" => (Kind::Startup, "/startupz"),
            _ => return None,
        };
        let second = Duration::from_secs(1);
        let mut probe = Self {
            kind,
            period: 10 * second,
            timeout: second,
            failures: 3,
            successes: 1,
            delay: Duration::ZERO,
            path: Some(path.as_bytes().to_vec()),
        };
        for setting in rest.split(|&byte| byte == b',').filter(|setting| !setting.is_empty()) {
            if setting == b"tcp" {
                probe.path = None;
                continue;
            }
            let equals = setting.iter().position(|&byte| byte == b'=')?;
            let (name, value) = (&setting[..equals], &setting[equals + 1..]);
            if name == b"path" {
                probe.path = value.starts_with(b"/").then(|| Some(value.to_vec()))?;
                continue;
            }
            let number = text::parse_decimal(value).filter(|&number| number <= 86_400)? as u32;
            match (name, number) {
                (b"delay", _) => probe.delay = second * number,
                (_, 0) => return None,
                (b"period", _) => probe.period = second * number,
                (b"timeout", _) => probe.timeout = second * number,
                (b"failures", _) => probe.failures = number,
                (b"successes", _) => probe.successes = number,
                _ => return None,
            }
        }
        Some(probe)
    }

    /// The chance that a probe fails `at` after the container started, `listening` of which it took to listen; and how
    /// long it takes to.
    fn failure(&self, rules: &[&Rule], hits: &mut [u32], at: Duration, listening: Duration) -> (f64, Duration) {
        let Some(elapsed) = at.checked_sub(listening) else { return (1.0, Duration::ZERO) };
        let mut takes = Duration::ZERO;
        // The chance that the walk gets as far as the next rule.
        let (mut failure, mut left) = (0.0, 1.0);
        for (rule, hits) in rules.iter().zip(hits) {
            let is_used_up = rule.times.is_some_and(|times| *hits >= times);
            if is_used_up || !self.is_met_by(&rule.target) || !rule.is_open(elapsed) {
                continue;
            }
            let chance = rule.chance.map_or(1.0, |chance| f64::from(chance.thousandths()) / 100_000.0);
            let (fails, ends) = match rule.effect {
                Effect::Fail(status) => (f64::from(u8::from(status >= 400)), 1.0),
                Effect::Delay(shortest, longest) => {
                    let late = outlasts(shortest, longest, self.timeout);
                    (late, late)
                }
                // A tcpSocket sees the kernel accept, and is content.
                Effect::Hang if self.path.is_none() => (0.0, 0.0),
                _ => (1.0, 1.0),
            };
            if fails > 0.0 && matches!(rule.effect, Effect::Hang | Effect::Delay(..)) {
                takes = self.timeout;
            }
            failure += left * chance * fails;
            left *= 1.0 - chance * ends;
            *hits += u32::from(rule.chance.is_none());
        }
        (failure, takes)
    }

    fn is_met_by(&self, target: &Target) -> bool {
        let check = self.path.as_deref().and_then(Check::of_path);
        match (target, &self.path) {
            (Target::Listen, _) => true,
            (Target::Check(target), _) => check == Some(*target),
            (Target::App, Some(_)) => check.is_none(),
            (Target::Path(path, false), Some(asked)) => path == asked,
            (Target::Path(prefix, true), Some(asked)) => check.is_none() && asked.starts_with(prefix),
            _ => false,
        }
    }
}

/// Whether a rule ends the process by the clock.
pub(super) fn is_end(rule: &Rule) -> bool {
    rule.target == Target::Process && matches!(rule.effect, Effect::Exit(_) | Effect::Crash(_))
}

/// The shortest and the longest of some times.
#[derive(Clone, Copy, Default)]
struct Span(Option<(Duration, Duration)>);

impl Span {
    fn add(&mut self, time: Duration) {
        let (least, most) = self.0.unwrap_or((time, time));
        self.0 = Some((least.min(time), most.max(time)));
    }
}

/// What playing a probe through has shown.
#[derive(Default)]
struct Played {
    /// When the threshold of failures can be reached first.
    possible: Span,
    /// When it is certain to have been reached.
    certain: Span,
    /// When enough successes in a row are first possible.
    passed: Span,
    /// The chance to reach it within the horizon, summed over all phases.
    reached: f64,
    /// The mean number of probes until then, where it is reached, summed likewise.
    probes: f64,
    /// Most failures in a row that can happen.
    run: u32,
}

fn play(rules: &[&Rule], probe: &Probe, listening: Duration) -> Played {
    let mut played = Played::default();
    let count = (HORIZON.as_secs() / probe.period.as_secs().max(1)).min(MAX_PROBES.into()) as u32;
    for phase in 0..PHASES {
        let first = probe.delay + probe.period * phase / PHASES;
        let mut hits = vec![0; rules.len()];
        // The chance of each number of failures in a row; the threshold is the end.
        let mut rows = vec![0.0; probe.failures as usize + 1];
        rows[0] = 1.0;
        let (mut run, mut successes, mut reached, mut has_passed) = (0, 0, 0.0, false);
        for n in 0..count {
            let at = first + probe.period * n;
            let (failure, takes) = probe.failure(rules, &mut hits, at, listening);
            // A pod that was not ready yet cannot be taken out.
            if probe.kind == Kind::Readiness && failure >= CERTAIN && !has_passed {
                continue;
            }
            run = if failure > 0.0 { run + 1 } else { 0 };
            played.run = played.run.max(run);
            successes = if failure < CERTAIN { successes + 1 } else { 0 };
            if successes == probe.successes {
                has_passed = true;
                played.passed.add(at);
                if probe.kind == Kind::Startup && failure <= 1.0 - CERTAIN {
                    break; // It is not asked again.
                }
            }
            let ended = rows[probe.failures as usize - 1] * failure;
            let alive: f64 = rows[..probe.failures as usize].iter().sum();
            for row in (1..probe.failures as usize).rev() {
                rows[row] = rows[row - 1] * failure;
            }
            // A startup probe's first success is its last.
            rows[0] = if probe.kind == Kind::Startup { 0.0 } else { alive * (1.0 - failure) };
            if ended > 0.0 && reached == 0.0 {
                played.possible.add(at + takes);
            }
            played.reached += ended / f64::from(PHASES);
            played.probes += ended * f64::from(n + 1) / f64::from(PHASES);
            let was = reached;
            reached += ended;
            if reached >= CERTAIN && was < CERTAIN {
                played.certain.add(at + takes);
                break;
            }
        }
    }
    played
}

/// Says what a probe does to a pod with these rules.
pub(super) fn forecast(out: &mut Vec<u8>, rules: &[&Rule], probe: &Probe) {
    let is_start_delay = |rule: &&&Rule| rule.target == Target::Start;
    let listening = rules.iter().filter(is_start_delay).fold(Duration::ZERO, |sum, rule| match rule.effect {
        Effect::Delay(_, longest) => sum + longest,
        _ => sum,
    });
    let played = play(rules, probe, listening);
    let (name, consequence) = match probe.kind {
        Kind::Liveness => ("liveness", "restart"),
        Kind::Readiness => ("readiness", "taken out of the EndpointSlices"),
        Kind::Startup => ("startup", "restart"),
    };
    text::put_all(out, &[name, ": "]);
    let is_readiness = probe.kind == Kind::Readiness;
    if probe.kind != Kind::Liveness {
        match played.passed.0 {
            Some(span) => {
                text::put(out, if is_readiness { b"ready " } else { b"started " });
                write_span(out, span);
                text::put(out, b"; ");
            }
            None => text::put(out, b"never passes; "),
        }
    }
    match (played.possible.0, played.certain.0) {
        (None, _) => {
            text::put_all(out, &[if is_readiness { "not " } else { "no " }, consequence, ", at most "]);
            text::decimal(out, played.run.into());
            text::put(out, if played.run == 1 { b" failure in a row\n" } else { b" failures in a row\n" });
        }
        (Some(possible), Some(certain)) if possible == certain && played.reached >= CERTAIN => {
            text::put_all(out, &[if is_readiness { "" } else { "first " }, consequence, " "]);
            write_span(out, certain);
            out.push(b'\n');
        }
        (Some((earliest, _)), _) => {
            text::put_all(out, &[consequence, " possible from "]);
            quantity::write_duration(out, rounded(earliest));
            text::put(out, b" on; chance within an hour ");
            write_chance(out, played.reached);
            if played.reached >= 0.999 {
                text::put(out, b", on average after ");
                let probes = (played.probes / played.reached * 10.0 - 5.0) as u32; // The first comes half a period in.
                quantity::write_duration(out, rounded(probe.delay + probe.period * probes / 10));
            }
            out.push(b'\n');
        }
    }
}

/// `about 50s after the container started (40s at the earliest)`
fn write_span(out: &mut Vec<u8>, (earliest, latest): (Duration, Duration)) {
    let latest = if latest > earliest { latest + Duration::from_millis(999) } else { latest };
    text::put(out, b"about ");
    quantity::write_duration(out, rounded(latest));
    text::put(out, b" after the container started");
    if rounded(latest) > rounded(earliest) {
        text::put(out, b" (");
        quantity::write_duration(out, rounded(earliest));
        text::put(out, b" at the earliest)");
    }
}

fn rounded(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

fn write_chance(out: &mut Vec<u8>, chance: f64) {
    match (chance * 100_000.0) as u64 {
        0 => text::put(out, b"below 0.001%"),
        thousandths => {
            text::thousandths(out, thousandths);
            out.push(b'%');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::plan;

    fn predicted(plan: &str, probe: &str) -> String {
        let rules = plan::parse(plan.as_bytes()).unwrap_or_else(|error| panic!("{plan}: {}", error.line()));
        let probe = Probe::parse(probe.as_bytes()).unwrap_or_else(|| panic!("{probe}"));
        text::written(|out| forecast(out, &rules.iter().collect::<Vec<_>>(), &probe))
    }

    #[test]
    fn predicts_what_the_kubelet_does() {
        const LIVE: &str = "liveness:period=10,timeout=1,failures=3";
        for (plan, probe, want) in [
            // Third failure in [40 s, 50 s): the first comes within a period after 20 s, the third two periods later.
            (
                "listen close after 20s",
                LIVE,
                "liveness: first restart about 50s after the container started (40s at the earliest)\n",
            ),
            // Ten seconds hold one probe of a period of ten.
            ("listen close after 20s for 10s", LIVE, "liveness: no restart, at most 1 failure in a row\n"),
            (
                "listen close after 20s for 25s",
                LIVE,
                "liveness: restart possible from 40s on; chance within an hour 50%\n",
            ),
            (
                "live fail after 5m",
                LIVE,
                "liveness: first restart about 5m30s after the container started (5m20s at the earliest)\n",
            ),
            (
                "live fail",
                "liveness:period=5,failures=1",
                "liveness: first restart about 5s after the container started (0s at the earliest)\n",
            ),
            ("", LIVE, "liveness: no restart, at most 0 failures in a row\n"),
            ("health fail", LIVE, "liveness: no restart, at most 0 failures in a row\n"),
            // The kernel accepts for a process that hangs: a tcpSocket does not see it, an httpGet does.
            ("listen hang", "liveness:tcp", "liveness: no restart, at most 0 failures in a row\n"),
            ("live hang", "liveness:tcp", "liveness: no restart, at most 0 failures in a row\n"),
            (
                "live delay 2s",
                LIVE,
                "liveness: first restart about 31s after the container started (21s at the earliest)\n",
            ),
            ("live delay 500ms", LIVE, "liveness: no restart, at most 0 failures in a row\n"),
            ("live fail 204; live fail", LIVE, "liveness: no restart, at most 0 failures in a row\n"),
            ("live fail times 2", LIVE, "liveness: no restart, at most 2 failures in a row\n"),
            // Killed before it listens, whatever comes after: the seed's slow start without a startup probe.
            (
                "start delay 60s",
                LIVE,
                "liveness: first restart about 30s after the container started (20s at the earliest)\n",
            ),
            ("start delay 15s", "liveness:delay=20,failures=1", "liveness: no restart, at most 0 failures in a row\n"),
            (
                "start delay 20s",
                "startup:period=5,failures=10",
                "startup: started about 25s after the container started (20s at the earliest); no restart, at most 4 failures in a row\n",
            ),
            (
                "startup fail for 20s",
                "startup:period=5,failures=3",
                "startup: never passes; first restart about 15s after the container started (10s at the earliest)\n",
            ),
            (
                "ready fail for 60s",
                "readiness:period=5,failures=3",
                "readiness: ready about 1m5s after the container started (1m at the earliest); not taken out of the EndpointSlices, at most 0 failures in a row\n",
            ),
            (
                "ready fail after 60s for 60s",
                "readiness:period=5,failures=3",
                "readiness: ready about 5s after the container started (0s at the earliest); taken out of the EndpointSlices about 1m15s after the container started (1m10s at the earliest)\n",
            ),
            (
                "app fail",
                "liveness:path=/",
                "liveness: first restart about 30s after the container started (20s at the earliest)\n",
            ),
        ] {
            assert_eq!(predicted(plan, probe), want, "{plan} / {probe}");
        }
        // p = 0.4, n = 1: the mean is 1/p = 2.5 probes; n = 2: (1 - p^2) / ((1 - p) p^2) = 8.75 probes of 3 s, the first at 1.5 s: 24.75 s.
        let flaky = predicted("health fail 40%", "liveness:period=3,failures=2,path=/healthz");
        assert!(flaky.contains("chance within an hour 100%") || flaky.contains("99.999%"), "{flaky}");
        assert!(flaky.contains("on average after 24s"), "{flaky}");
        // n = 3, p = 0.1: 1110 probes of 10 s on average, so an hour's 360 probes reach it with 1 - e^(-360/1110) = 28 %.
        let rare = predicted("health fail 10%", "liveness:path=/healthz");
        assert!(rare.contains("possible from 20s on; chance within an hour 27."), "{rare}");
    }

    #[test]
    fn probes_have_the_defaults_of_kubernetes() {
        assert_eq!(
            Probe::parse(b"liveness"),
            Probe::parse(b"liveness:period=10,timeout=1,failures=3,successes=1,delay=0,path=/livez")
        );
        for bad in [
            "",
            "live",
            "liveness:period=0",
            "liveness:period",
            "liveness:x=1",
            "liveness:path=x",
            "liveness:period=1x",
        ] {
            assert_eq!(Probe::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
