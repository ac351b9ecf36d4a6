//! A pod without a manifest: one container, and the probes that the command line or a query gives it. It is written as
//! a manifest, so that there is one reader.

use super::pod::Kind;
use crate::text::{self, Value, put_all};

/// What a probe is written as.
pub const PROBE_FORM: &str = "liveness, readiness or startup, and :period=10,timeout=1,failures=3,successes=1,delay=0,grace=30,path=/livez; tcp, grpc or grpc=SERVICE in place of path; more successes than 1 for readiness alone, grace for the others";
/// Most of any number in it.
const MOST: u64 = 86_400;

/// The settings in it, of which all but the first three are numbers, and the fields that those are.
const SETTINGS: &str = "tcp grpc path delay period timeout failures successes grace";
const FIELDS: &str = "initialDelaySeconds periodSeconds timeoutSeconds failureThreshold successThreshold \
    terminationGracePeriodSeconds";
/// Places among those of what not every kind of probe may set.
const SUCCESSES: usize = 4;
const GRACE: usize = 5;

/// Reads [`PROBE_FORM`]: the place of the probe's kind among all, and the field of a container that it comes to.
pub fn probe(word: &str) -> Option<(usize, String)> {
    let (kind, rest) = word.split_once(':').unwrap_or((word, ""));
    let place = text::place(Kind::NAMES, kind.as_bytes())?;
    let is_readiness = place == Kind::Readiness as usize;
    let mut handler = ("httpGet: {port: 8080, path: ~}}", text::word("/startupz /livez /readyz", place));
    let mut out = Vec::new();
    put_all(&mut out, &[", ", kind, "Probe: {"]);
    let mut numbers = [0; 6];
    for setting in rest.split(',').filter(|setting| !setting.is_empty()) {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        match text::place(SETTINGS, name.as_bytes())? {
            0 if value.is_empty() => handler = ("tcpSocket: {port: 8080}}", ""),
            1 => handler = ("grpc: {port: 8080, service: ~}}", value),
            2 if value.starts_with('/') => handler = ("httpGet: {port: 8080, path: ~}}", value),
            place @ 3.. => {
                let at = place - 3;
                let most = match at {
                    SUCCESSES if !is_readiness => 1,
                    GRACE if is_readiness => 0,
                    _ => MOST,
                };
                let number = text::parse_decimal(value.as_bytes())?;
                // Only a delay may be 0.
                if number > most || number == 0 && at > 0 {
                    return None;
                }
                numbers[at] = number;
            }
            _ => return None,
        }
    }
    for (at, &number) in numbers.iter().enumerate() {
        if number > 0 {
            text::fill(&mut out, "~: ~, ", &[Value::Text(text::word(FIELDS, at)), Value::Number(number)]);
        }
    }
    text::fill(&mut out, handler.0, &[Value::Json(handler.1)]);
    Some((place, text::into_string(out)))
}

/// The manifest of a pod with one container and these probes.
pub fn manifest([startup, liveness, readiness]: &[String; 3]) -> String {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: app}, spec: {containers: [{name: app, image: app, \
               ports: [{containerPort: 8080}]";
    text::joined(&[pod, startup, liveness, readiness, "}]}}"])
}

/// Such a pod, for tests.
#[cfg(test)]
pub(super) fn workload(probes: &[&str]) -> super::workload::Workload {
    let mut texts = [const { String::new() }; 3];
    for word in probes {
        let (place, text) = probe(word).unwrap_or_else(|| panic!("{word}"));
        texts[place] = text;
    }
    let mut read = super::manifest::Read::default();
    let result = super::manifest::read(&[("probe", manifest(&texts).as_bytes())], &mut read);
    result.unwrap_or_else(|line| panic!("{line}"));
    read.workloads.remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_have_the_defaults_of_kubernetes() {
        let long = "liveness:period=10,timeout=1,failures=3,successes=1,delay=0,path=/livez";
        assert_eq!(workload(&["liveness"]), workload(&[long]));
        assert_ne!(workload(&["liveness"]), workload(&["liveness:delay=5"]));
        assert!(probe("readiness:successes=3,tcp").is_some() && probe("startup:grpc=ready,grace=5").is_some());
        for bad in [
            "",
            "live",
            "liveness:period=0",
            "liveness:period",
            "liveness:x=1",
            "liveness:path=x",
            "liveness:period=1x",
            "liveness:tcp=1",
            "liveness:timeout=99999999999",
            "liveness:successes=2",
            "startup:successes=x",
            "readiness:grace=5",
        ] {
            assert_eq!(probe(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_last_setting_counts_and_no_text_leaves_its_place() {
        assert_eq!(workload(&["liveness:tcp,path=/a,period=3,period=4"]), workload(&["liveness:path=/a,period=4"]));
        let hostile = "/a\"}}]\\: {b\u{85}\u{2028}\n\t\u{1b} #'c";
        let workload = workload(&[&format!("readiness:path={hostile}")]);
        let probe = workload.pod.containers[0].probes[2].as_ref().expect("it has one");
        let path = hostile.to_owned();
        let handler = crate::forecast::workload::Handler::Http { path, port: Some(8080), is_https: false };
        assert_eq!(probe.handler, handler);
    }
}
