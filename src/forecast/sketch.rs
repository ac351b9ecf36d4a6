//! A pod without a manifest: one container, and the probes that the command line or a query gives it.

use super::pod::Kind;
use super::workload::{Container, Controller, Handler, Pod, Probe, RestartPolicy, Workload};
use crate::text;

/// What a probe is written as.
pub const PROBE_FORM: &str = "liveness, readiness or startup, and :period=10,timeout=1,failures=3,successes=1,delay=0,grace=30,path=/livez; tcp, grpc or grpc=SERVICE in place of path";
/// Where it listens.
const PORT: u16 = 8080;
/// Most of any number in it.
const MOST: u64 = 86_400;

/// Reads [`PROBE_FORM`].
pub fn probe(word: &str) -> Option<(Kind, Probe)> {
    let (kind, rest) = word.split_once(':').unwrap_or((word, ""));
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind)?;
    let http = |path: &str| Handler::Http { path: path.to_owned(), port: Some(PORT), is_https: false };
    let mut probe = Probe {
        handler: http(text::word("/startupz /livez /readyz", kind as usize)),
        initial_delay: 0,
        period: 10,
        timeout: 1,
        failures: 3,
        successes: 1,
        grace: None,
    };
    for setting in rest.split(',').filter(|setting| !setting.is_empty()) {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let known = "tcp grpc path delay period timeout failures successes grace";
        let setting = text::place(known, name.as_bytes())?;
        match setting {
            0 if value.is_empty() => probe.handler = Handler::Tcp { port: Some(PORT) },
            1 => probe.handler = Handler::Grpc { port: PORT, service: value.to_owned() },
            2 if value.starts_with('/') => probe.handler = http(value),
            _ => {
                let number = text::parse_decimal(value.as_bytes()).filter(|&number| number <= MOST)? as u32;
                let slot = match setting {
                    3 => &mut probe.initial_delay,
                    _ if number == 0 => return None,
                    4 => &mut probe.period,
                    5 => &mut probe.timeout,
                    6 => &mut probe.failures,
                    7 if number == 1 || kind == Kind::Readiness => &mut probe.successes,
                    8 if kind != Kind::Readiness => probe.grace.insert(number),
                    _ => return None,
                };
                *slot = number;
            }
        }
    }
    Some((kind, probe))
}

/// A pod with one container and these probes.
pub fn workload(probes: Vec<(Kind, Probe)>) -> Workload {
    let mut container = Container::default();
    container.name.push_str("app");
    container.ports.push((None, PORT));
    for (kind, probe) in probes {
        let slot = match kind {
            Kind::Startup => &mut container.startup,
            Kind::Liveness => &mut container.liveness,
            Kind::Readiness => &mut container.readiness,
        };
        *slot = Some(probe);
    }
    let pod = Pod {
        labels: Vec::new(),
        restart_policy: RestartPolicy::Always,
        grace: 30,
        readiness_gates: Vec::new(),
        init: Vec::new(),
        containers: vec![container],
    };
    Workload {
        controller: Controller::Pod,
        name: "app".to_owned(),
        namespace: "default".to_owned(),
        replicas: 1,
        min_ready: 0,
        pod,
        services: Vec::new(),
        budgets: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_have_the_defaults_of_kubernetes() {
        let long = "liveness:period=10,timeout=1,failures=3,successes=1,delay=0,path=/livez";
        assert_eq!(probe("liveness"), probe(long));
        assert!(probe("readiness:successes=3,tcp").is_some() && probe("startup:grpc=ready,grace=5").is_some());
        for bad in [
            "",
            "live",
            "liveness:period=0",
            "liveness:period",
            "liveness:x=1",
            "liveness:path=x",
            "liveness:period=1x",
            "liveness:successes=2",
            "readiness:grace=5",
            "liveness:timeout=99999999999",
        ] {
            assert_eq!(probe(bad), None, "{bad}");
        }
    }
}
