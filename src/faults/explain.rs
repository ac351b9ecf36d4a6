//! A plan in plain words: what each rule does, when, and on which pods. What a kubelet makes of it is the business of
//! the forecast.

use super::rule::{CrashKind, Effect, Pods, Rule, Target};
use super::{Check, rule};
use crate::{quantity, text};

/// Explains a plan on the pod of that name.
pub fn explain(rules: &[Rule], pod: &str) -> String {
    let mut out = Vec::new();
    if rules.is_empty() {
        text::put(&mut out, b"no rules: nothing goes wrong on purpose\n");
    }
    for (number, rule) in (1..).zip(rules) {
        text::decimal(&mut out, number);
        text::put_all(&mut out, &[": ", &rule.spelled(), "\n   "]);
        explain_rule(&mut out, rule);
        explain_pods(&mut out, rule, pod);
        text::put(&mut out, b"\n");
        let ends_all = |earlier: &Rule| {
            let is_always = earlier.chance.is_none() && earlier.after.is_none() && earlier.length.is_none();
            let is_everywhere = earlier.times.is_none() && earlier.pods.is_none();
            let ends = !matches!(earlier.effect, Effect::Delay(..));
            is_always && is_everywhere && ends && earlier.target == rule.target
        };
        let is_request = matches!(rule.target, Target::Check(_) | Target::App | Target::Path(..));
        if is_request && rules[..number as usize - 1].iter().any(ends_all) {
            text::put(&mut out, b"   never reached: an earlier rule ends every such request\n");
        }
    }
    text::into_string(out)
}

fn explain_rule(out: &mut Vec<u8>, rule: &Rule) {
    let paths = |check: &Check| match check {
        Check::Health => "/healthz and /health",
        Check::Live => "/livez, /health/live and /health/alive",
        Check::Ready => "/readyz and /health/ready",
        Check::Startup => "/startupz",
    };
    match &rule.target {
        Target::Start => text::put(out, b"before listening, the process"),
        Target::Check(check) => text::put_all(out, &["each request to ", paths(check)]),
        Target::App => text::put(out, b"each request to a route that is not protected"),
        Target::Path(path, false) => text::put_all(out, &["each request to ", &text::lossy(path)]),
        Target::Path(path, true) => {
            text::put_all(out, &["each request to an unprotected path that begins with ", &text::lossy(path)]);
        }
        Target::Listen => text::put(out, b"new connections"),
        Target::Process => text::put(out, b"the process"),
        Target::Term => text::put(out, b"SIGTERM"),
    }
    out.push(b' ');
    explain_effect(out, rule);
    explain_window(out, rule);
    if let Some(chance) = rule.chance {
        text::put(out, b", with a chance of ");
        chance.write(out);
        text::put(
            out,
            match rule.target {
                Target::Start | Target::Term => b" (rolled once)",
                Target::Listen | Target::Process => b" (rolled each time)",
                _ => b"",
            },
        );
    }
    if let Some(times) = rule.times {
        text::put(out, b", at most ");
        text::decimal(out, times.into());
        text::put(out, if times == 1 { b" time" } else { b" times" });
    }
}

fn explain_effect(out: &mut Vec<u8>, rule: &Rule) {
    match (&rule.effect, &rule.target) {
        (Effect::Fail(status), _) => {
            text::put(out, b"is answered ");
            text::decimal(out, u64::from(*status));
        }
        (Effect::Delay(shortest, longest), target) => {
            text::put(out, if *target == Target::Term { b"lets the exit wait " } else { b"waits " });
            quantity::write_duration(out, *shortest);
            if longest > shortest {
                text::put(out, b" to ");
                quantity::write_duration(out, *longest);
            }
            text::put(out, if *target == Target::Term { b" after the drain" } else { b", then goes on" });
        }
        (Effect::Hang, Target::Listen) => text::put(out, b"are accepted by the kernel and served by nobody"),
        (Effect::Hang, _) => text::put(out, b"is never answered"),
        (Effect::Drop, _) => text::put(out, b"is closed without a byte"),
        (Effect::Reset, _) => text::put(out, b"is reset (RST)"),
        (Effect::Close, _) => text::put(out, b"are refused"),
        (Effect::Exit(code), target) => {
            let what: &[u8] = match target {
                Target::Term => b"leads to a drain and exit status ",
                Target::Start | Target::Process => b"exits with status ",
                _ => b"ends the process with status ",
            };
            text::put(out, what);
            text::decimal(out, u64::from(*code));
            text::put(out, if *code == 0 { b" (Completed)" } else { b" (Error)" });
        }
        (Effect::Crash(kind), target) => {
            let is_itself = matches!(target, Target::Start | Target::Process);
            let (what, status) = match kind {
                CrashKind::Abort => ("abort()", "139 as PID 1, else 134"),
                CrashKind::Segv => ("a segmentation fault", "139"),
                CrashKind::Trap => ("an illegal instruction", "132"),
                CrashKind::Oom => ("running out of memory", "137, OOMKilled"),
            };
            let verb = if is_itself { "dies of " } else { "kills the process by " };
            text::put_all(out, &[verb, what, " (status ", status, ")"]);
        }
        (Effect::Cpu(percent), _) => {
            text::put(out, b"burns ");
            text::decimal(out, u64::from(*percent));
            text::put(out, b"% of one core");
        }
        (Effect::Mem(bytes), _) => {
            text::put(out, b"holds ");
            quantity::write_size(out, *bytes);
            text::put(out, b" of touched memory");
        }
        (Effect::Ignore, _) => {
            text::put(out, b"changes nothing: the pod is killed (137) when its grace period is over");
        }
    }
}

/// ` from 20s to 30s after listening`, ` for 1s every 10s, first 5s after listening`.
fn explain_window(out: &mut Vec<u8>, rule: &Rule) {
    let after = rule.after.unwrap_or_default();
    match (rule.length, rule.every) {
        (None, None) if rule.after.is_none() => {
            let at_once: &[u8] = if is_end(rule) { b" as soon as it listens" } else { b"" };
            return text::put(out, if rule.target == Target::Process { at_once } else { b"" });
        }
        (None, None) => {
            text::put(out, if is_end(rule) { b" " } else { b" from " });
            quantity::write_duration(out, after);
        }
        (Some(length), None) => {
            text::put(out, b" from ");
            quantity::write_duration(out, after);
            text::put(out, b" to ");
            quantity::write_duration(out, after + length);
        }
        (length, Some(every)) => {
            if let Some(length) = length {
                text::put(out, b" for ");
                quantity::write_duration(out, length);
            }
            text::put(out, b" every ");
            quantity::write_duration(out, every);
            text::put(out, b", first ");
            quantity::write_duration(out, after);
        }
    }
    text::put(out, b" after listening");
}

fn explain_pods(out: &mut Vec<u8>, rule: &rule::Rule, pod: &str) {
    let Some(pods) = &rule.pods else { return };
    match pods {
        Pods::Share(share) => {
            text::put(out, b"; on a share of ");
            share.write(out);
            text::put(out, b" of all pods");
        }
        Pods::Glob(glob) => text::put_all(out, &["; on pods named ", &text::lossy(glob)]),
    }
    let is_in = pods.include(pod.as_bytes());
    text::put_all(out, &[" (", pod, if is_in { " is one)" } else { " is not one)" }]);
}

/// Whether a rule ends the process by the clock.
fn is_end(rule: &Rule) -> bool {
    rule.target == Target::Process && matches!(rule.effect, Effect::Exit(_) | Effect::Crash(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::plan;

    fn explained(plan: &str) -> String {
        explain(&plan::parse(plan.as_bytes()).unwrap_or_else(|error| panic!("{}", error.line())), "web-0")
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
                "1: process crash oom 5% every 30s\n   the process dies of running out of memory (status 137, OOMKilled) every 30s, first 0s after listening, with a chance of 5% (rolled each time)\n",
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
                "1: app delay 50ms..1s times 1\n   each request to a route that is not protected waits 50ms to 1s, then goes on, at most 1 time\n",
            ),
            (
                "/a drop pods *-0",
                "1: /a drop pods *-0\n   each request to /a is closed without a byte; on pods named *-0 (web-0 is one)\n",
            ),
            (
                "app hang; app fail",
                "1: app hang\n   each request to a route that is not protected is never answered\n2: app fail\n   each request to a route that is not protected is answered 500\n   never reached: an earlier rule ends every such request\n",
            ),
        ] {
            assert_eq!(explained(plan), want, "{plan}");
        }
    }
}
