//! What is asked of a forecast, as options of the command line or parameters of a query, and the inquiries that they
//! and the manifests come to.

use super::manifest::{self, Read};
use super::play::Inquiry;
use super::pod::Kind;
use super::workload::{Handler, Probe, Workload};
use super::{Millis, NEVER, assume, millis, sketch};
use crate::quantity;
use crate::text::{self, Value};

/// The seed of a forecast that is given none: the same question has the same answer.
const SEED: u64 = 1;
/// From this version on hooks know `sleep`.
const SLEEP: u64 = 30;
/// Most moments of one forecast.
const MAX_EVENTS: u64 = 8_000_000_000;

/// What a time is written as, for [`text::filled`] with the most of it.
const TIME: &str = "a duration such as 15m, 1s to ~h";

/// How much may be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pods.
    pub pods: u64,
    /// Hours.
    pub hours: u64,
}

/// Of the command line.
pub const COMMAND: Limits = Limits { pods: 1_000_000, hours: 24 };
/// Of a request.
pub const REQUEST: Limits = Limits { pods: 1000, hours: 1 };

/// What is asked, so far.
#[derive(Debug)]
pub struct Asked {
    limits: Limits,
    /// Containers with their plans; that of the container that callers reach has no name.
    plans: Vec<(String, String)>,
    probes: Vec<(Kind, Probe)>,
    only: Option<String>,
    pods: u64,
    length: Millis,
    seed: u64,
    delete_at: Millis,
    minor: u64,
    /// Whether it is to be told as JSON.
    pub is_json: bool,
}

/// Takes a number from `least` to `most`. Whether it is one.
fn take(slot: &mut u64, number: Option<u64>, least: u64, most: u64) -> bool {
    let number = number.filter(|number| (least..=most).contains(number));
    *slot = number.unwrap_or(*slot);
    number.is_some()
}

impl Asked {
    /// Nothing but the defaults.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            plans: Vec::new(),
            probes: Vec::new(),
            only: None,
            pods: 1000,
            length: 900_000,
            seed: SEED,
            delete_at: NEVER,
            minor: 34,
            is_json: false,
        }
    }

    /// Takes an option by its name. What is wrong with it is a line; false: there is no such option.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let Limits { pods, hours } = self.limits;
        let number = text::parse_decimal(value.as_bytes());
        let time = quantity::parse_duration(value.as_bytes()).map(millis);
        let known = "plan container probe only format pods seed for delete-at kubernetes";
        let option = text::place(known, name.as_bytes());
        let given = match option {
            Some(0) => Some(("", value)),
            Some(1) => value.split_once('=').filter(|(container, _)| !container.is_empty()),
            _ => None,
        };
        if let Some((_, plan)) = given
            && let Err(line) = assume::rules(plan)
        {
            return Err(text::joined(&[name, ": ", &line]));
        }
        let (is_taken, expected) = match option {
            Some(0 | 1) => {
                let is_new = option == Some(1) || self.plans.iter().all(|(container, _)| !container.is_empty());
                if let Some((container, plan)) = given {
                    self.plans.push((container.to_owned(), plan.to_owned()));
                }
                (given.is_some() && is_new, if option == Some(0) { "one plan" } else { "NAME=PLAN" })
            }
            Some(2) => match sketch::probe(value) {
                Some(probe) => {
                    let is_new = self.probes.iter().all(|(known, _)| *known != probe.0);
                    self.probes.push(probe);
                    (is_new, "one probe of each kind")
                }
                None => (false, sketch::PROBE_FORM),
            },
            Some(3) => {
                self.only = Some(value.to_owned());
                (true, "")
            }
            Some(4) => {
                self.is_json = value == "json";
                (self.is_json || value == "text", "text or json")
            }
            Some(5) => (take(&mut self.pods, number, 1, pods), "a number, 1 to ~"),
            Some(6) => (take(&mut self.seed, number, 0, u64::MAX), "a whole number below 2^64"),
            Some(7) => (take(&mut self.length, time, 1000, hours * 3_600_000), TIME),
            Some(8) => (take(&mut self.delete_at, time, 1000, hours * 3_600_000), TIME),
            Some(_) => {
                let minor = value.strip_prefix("1.").and_then(|minor| text::parse_decimal(minor.as_bytes()));
                (take(&mut self.minor, minor, 29, 36), "1.29 to 1.36")
            }
            None => return Ok(false),
        };
        if is_taken {
            return Ok(true);
        }
        let most = if expected == TIME { hours } else { pods };
        let values = [Value::Text(name), Value::Json(value), Value::Number(most)];
        Err(text::filled(&text::joined(&["~: got ~, expected ", expected]), &values))
    }

    /// What is to be played, for each workload of the inputs, which have names for messages.
    pub fn inquiries(&mut self, inputs: &[(&str, &[u8])]) -> Result<Vec<Inquiry>, String> {
        if self.delete_at < NEVER && self.delete_at > self.length {
            return Err("delete-at: expected a time before the end of the play, which --for sets".to_owned());
        }
        let mut read = if !inputs.is_empty() && !self.probes.is_empty() {
            return Err("probe: a manifest has probes of its own, expected one or the other".to_owned());
        } else if inputs.is_empty() {
            let assumed = "no manifest: one container with the probes given, grace period 30s";
            let workload = sketch::workload(std::mem::take(&mut self.probes));
            Read { workloads: vec![workload], notes: vec![assumed.to_owned()], passed_over: Vec::new() }
        } else {
            manifest::read(inputs)?
        };
        if !read.passed_over.is_empty() {
            read.notes.push(text::joined(&["not read: ", &text::list(&read.passed_over, ", ")]));
        }
        let (mut inquiries, mut names) = (Vec::new(), Vec::new());
        for workload in read.workloads {
            let name = text::joined(&[workload.controller.kind(), "/", &workload.name]);
            if self.only.as_ref().is_some_and(|only| *only != workload.name && *only != name) {
                names.push(name);
                continue;
            }
            let mut inquiry = Inquiry {
                programs: Vec::new(),
                workload,
                assumed: read.notes.clone(),
                pods: self.pods,
                length: self.length,
                seed: self.seed,
                delete_at: self.delete_at,
                minor: self.minor,
                max_events: MAX_EVENTS / if self.limits.hours > 1 { 1 } else { 80 },
            };
            assume::programs(&mut inquiry, &self.plans)?;
            if self.minor < SLEEP && drop_sleeps(&mut inquiry.workload) {
                inquiry.assumed.push("a sleep in preStop needs Kubernetes 1.30: there is none".to_owned());
            }
            inquiries.push(inquiry);
        }
        if inquiries.is_empty() {
            let only = self.only.as_deref().unwrap_or_default();
            let values = [Value::Text(only), Value::Text(&text::list(&names, ", "))];
            return Err(text::filled("only: got \"~\", expected one of ~", &values));
        }
        Ok(inquiries)
    }
}

/// Takes `sleep` out of the hooks, as a cluster does that does not know it. Whether there was one.
fn drop_sleeps(workload: &mut Workload) -> bool {
    let mut had = false;
    for container in workload.pod.init.iter_mut().chain(&mut workload.pod.containers) {
        for hook in [&mut container.pre_stop, &mut container.post_start] {
            if matches!(hook, Some(Handler::Sleep { .. })) {
                *hook = None;
                had = true;
            }
        }
    }
    had
}
