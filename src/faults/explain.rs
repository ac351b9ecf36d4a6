//! A plan in plain words: what each rule does, when, and on which pods. What a kubelet makes of it is the business of
//! the forecast.

use super::rule::{Effect, Pods, Rule, Target, write_time};
use crate::text;

/// Explains a plan on the pod of that name.
#[inline(never)]
pub fn explain(rules: &[Rule], pod: &str) -> String {
    let mut out = Vec::new();
    if rules.is_empty() {
        text::put(&mut out, b"no rules: nothing goes wrong on purpose\n");
    }
    for (at, rule) in rules.iter().enumerate() {
        text::decimal(&mut out, at as u64 + 1);
        text::put(&mut out, b": ");
        rule.write(&mut out);
        text::put(&mut out, b"\n   ");
        explain_target(&mut out, &rule.target);
        explain_effect(&mut out, rule);
        explain_window(&mut out, rule);
        explain_limits(&mut out, rule);
        explain_pods(&mut out, rule, pod);
        text::put(&mut out, b"\n");
        let ends_all = |earlier: &Rule| {
            let is_always = earlier.chance.is_none() && earlier.after.is_none() && earlier.length.is_none();
            let is_everywhere = earlier.times.is_none() && earlier.pods.is_none();
            let ends = !matches!(earlier.effect, Effect::Delay(..));
            is_always && is_everywhere && ends && earlier.target == rule.target
        };
        // Rules of these two targets go on beside each other.
        let is_alone = !matches!(rule.target, Target::Listen | Target::Process);
        if is_alone && rules[..at].iter().any(ends_all) {
            text::put(&mut out, b"   never reached: an earlier rule decides each time\n");
        }
    }
    text::into_string(out)
}

/// Who meets a rule, in the order of [`Target::NAMES`].
const TARGETS: &str = "each request to /healthz and /health;each request to /livez, /health/live and /health/alive;\
    each request to /readyz and /health/ready;each request to /startupz;before listening, the process;\
    each request to a route that is not protected;new connections;the process;SIGTERM";

fn explain_target(out: &mut Vec<u8>, target: &Target) {
    if let Target::Path(path, is_prefix) = target {
        let what = if *is_prefix { "an unprotected path that begins with " } else { "" };
        text::put_all(out, &["each request to ", what]);
        text::put(out, path);
    } else {
        text::put(out, text::nth(TARGETS, b';', target.kind()).as_bytes());
    }
    out.push(b' ');
}

/// What comes of each effect, in the order of [`Effect::NAMES`], with its argument in place of the `~`.
const EFFECTS: &str = "is answered ~;waits ~, then goes on;is never answered;is closed without a byte;is reset (RST);\
    are refused;ends the process with status ~;kills the process by ~;burns ~ of one core;holds ~ of touched memory;\
    changes nothing: the pod is killed (137) when its grace period is over";
/// What a kubelet sees of each crash, in the order of [`super::rule::CrashKind::NAMES`].
const CRASHES: &str = "status 139 as PID 1, else 134;a segmentation fault, status 139;\
    an illegal instruction, status 132;out of memory, status 137, OOMKilled";

fn explain_effect(out: &mut Vec<u8>, rule: &Rule) {
    let words = match (&rule.effect, &rule.target) {
        (Effect::Delay(..), Target::Term) => "lets the exit wait ~ after the drain",
        (Effect::Hang, Target::Listen) => "are accepted by the kernel and served by nobody",
        (Effect::Exit(_), Target::Term) => "leads to a drain and exit status ~",
        (Effect::Exit(_), Target::Start | Target::Process) => "exits with status ~",
        (Effect::Crash(_), Target::Start | Target::Process) => "dies of ~",
        (effect, _) => text::nth(EFFECTS, b';', effect.kind()),
    };
    let (before, after) = words.split_once('~').unwrap_or((words, ""));
    text::put(out, before.as_bytes());
    rule.effect.write_argument(out, 0);
    text::put(out, after.as_bytes());
    let end = match rule.effect {
        Effect::Exit(0) => "Completed",
        Effect::Exit(_) => "Error",
        Effect::Crash(kind) => text::nth(CRASHES, b';', kind as usize),
        _ => "",
    };
    if !end.is_empty() {
        text::put_all(out, &[" (", end, ")"]);
    }
}

/// ` from 20s to 30s after listening`, ` for 1s every 10s, first 5s after listening`.
fn explain_window(out: &mut Vec<u8>, rule: &Rule) {
    let after = rule.after.unwrap_or_default();
    if rule.every.is_some() {
        write_time(out, " for ", rule.length);
        write_time(out, " every ", rule.every);
        write_time(out, ", first ", Some(after));
    } else if rule.length.is_some() || rule.after.is_some() {
        write_time(out, if rule.ends_by_clock() { " " } else { " from " }, Some(after));
        write_time(out, " to ", rule.length.map(|length| after + length));
    } else {
        return text::put(out, if rule.ends_by_clock() { b" as soon as it listens" } else { b"" });
    }
    text::put(out, b" after listening");
}

fn explain_limits(out: &mut Vec<u8>, rule: &Rule) {
    if let Some(chance) = rule.chance {
        text::put(out, b", with a chance of ");
        chance.write(out);
        let rolled: &[u8] = match rule.target {
            Target::Start | Target::Term => b" (rolled once)",
            Target::Listen | Target::Process => b" (rolled each time)",
            _ => b"",
        };
        text::put(out, rolled);
    }
    if let Some(times) = rule.times {
        text::put(out, b", at most ");
        text::decimal(out, times.into());
        text::put(out, if times == 1 { b" time" } else { b" times" });
    }
}

fn explain_pods(out: &mut Vec<u8>, rule: &Rule, pod: &str) {
    let Some(pods) = &rule.pods else { return };
    let (before, after) = match pods {
        Pods::Share(_) => ("; on a share of ", " of all pods"),
        Pods::Glob(_) => ("; on pods named ", ""),
    };
    text::put(out, before.as_bytes());
    pods.write(out);
    let is_in = pods.include(pod.as_bytes());
    text::put_all(out, &[after, " (", pod, if is_in { " is one)" } else { " is not one)" }]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::plan;

    fn explained(plan: &str) -> String {
        explain(&plan::parse(plan.as_bytes()).unwrap_or_else(|error| panic!("{error}")), "web-0")
    }

    #[test]
    fn rules_become_sentences() {
        for (plan, want) in [
            ("", "no rules: nothing goes wrong on purpose\n"),
            (
                "health fail 40%",
                "1: health fail 40%\n   each request to /healthz and /health is answered 500, with a chance of 40%\n",
            ),
            (
                "listen close after 20s for 10s",
                "1: listen close after 20s for 10s\n   new connections are refused from 20s to 30s after listening\n",
            ),
            (
                "live fail after 5m",
                "1: live fail after 5m\n   each request to /livez, /health/live and /health/alive is answered 500 from 5m after listening\n",
            ),
            (
                "process crash oom 5% every 30s",
                "1: process crash oom 5% every 30s\n   the process dies of oom (out of memory, status 137, OOMKilled) every 30s, first 0s after listening, with a chance of 5% (rolled each time)\n",
            ),
            ("process exit 3", "1: process exit 3\n   the process exits with status 3 (Error) as soon as it listens\n"),
            (
                "term ignore",
                "1: term ignore\n   SIGTERM changes nothing: the pod is killed (137) when its grace period is over\n",
            ),
            (
                "start exit 0 40%",
                "1: start exit 0 40%\n   before listening, the process exits with status 0 (Completed), with a chance of 40% (rolled once)\n",
            ),
            (
                "app delay 50ms..1s times 1",
                "1: app delay 50ms..1s times 1\n   each request to a route that is not protected waits 50ms..1s, then goes on, at most 1 time\n",
            ),
            (
                "/a drop pods *-0",
                "1: /a drop pods *-0\n   each request to /a is closed without a byte; on pods named *-0 (web-0 is one)\n",
            ),
            (
                "app hang; app fail",
                "1: app hang\n   each request to a route that is not protected is never answered\n2: app fail\n   each request to a route that is not protected is answered 500\n   never reached: an earlier rule decides each time\n",
            ),
        ] {
            assert_eq!(explained(plan), want, "{plan}");
        }
    }

    /// Only what decides at any time leaves nothing for a rule behind it.
    #[test]
    fn a_rule_behind_one_that_may_let_a_request_by_is_reached() {
        let is_reached = |plan: &str| !explained(plan).contains("never reached");
        for ends_all in [
            "app fail; app hang",
            "app drop; app delay 1s; app fail",
            "/a reset; /a fail",
            "live hang; live fail 5%",
            "term ignore; term delay 5s",
            "term exit 3; term exit 4",
            "start exit 3; start delay 1s",
        ] {
            assert!(!is_reached(ends_all), "{ends_all}");
        }
        for may_pass in ["50%", "after 5s", "for 5s", "after 5s for 5s every 1m", "times 3", "pods *-0"] {
            assert!(is_reached(&format!("app fail {may_pass}; app hang")), "{may_pass}");
        }
        for other in [
            "app delay 5s; app fail",
            "live fail; ready fail",
            "/a fail; /b fail",
            "listen hang; listen close",
            "term delay 3s; term exit 4",
            "process exit 3; process cpu 50%",
        ] {
            assert!(is_reached(other), "{other}");
        }
    }
}
