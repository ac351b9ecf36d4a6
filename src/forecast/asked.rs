//! What is asked of a forecast, as options of the command line or parameters of a query, and the inquiries that they
//! and the manifests come to.

use super::manifest::{self, Read};
use super::play::Inquiry;
use super::pod::Kind;
use super::workload::{Handler, Probe, Workload};
use super::{Millis, assume, millis, sketch};
use crate::faults::rule::Rule;
use crate::{quantity, text};

/// The seed of a forecast that is given none: the same question has the same answer.
const SEED: u64 = 1;
/// From this version on hooks know `sleep`.
const SLEEP: u64 = 30;
/// Most moments of one forecast.
const MAX_EVENTS: u64 = 8_000_000_000;

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
    plan: Option<Vec<Rule>>,
    plans: Vec<(String, Vec<Rule>)>,
    probes: Vec<(Kind, Probe)>,
    only: Option<String>,
    pods: u64,
    length: Millis,
    seed: u64,
    delete_at: Option<Millis>,
    minor: u64,
}

impl Asked {
    /// Nothing but the defaults.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            plan: None,
            plans: Vec::new(),
            probes: Vec::new(),
            only: None,
            pods: 1000,
            length: 900_000,
            seed: SEED,
            delete_at: None,
            minor: 34,
        }
    }

    /// Takes an option by its name. What is wrong with it is a line; `None`: there is no such option.
    pub fn set(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        let rules = |plan: &str| assume::rules(plan).map_err(|line| text::joined(&[name, ": ", &line]));
        let is_taken = match name {
            "plan" => match rules(value) {
                Ok(rules) => self.plan.replace(rules).is_none(),
                Err(line) => return Some(Err(line)),
            },
            "container" => match value.split_once('=').map(|(name, plan)| (name, rules(plan))) {
                Some((_, Err(line))) => return Some(Err(line)),
                Some((name, Ok(rules))) => {
                    self.plans.push((name.to_owned(), rules));
                    true
                }
                None => false,
            },
            "probe" => sketch::probe(value).is_some_and(|probe| {
                let is_new = self.probes.iter().all(|(known, _)| *known != probe.0);
                self.probes.push(probe);
                is_new
            }),
            "only" => {
                self.only = Some(value.to_owned());
                true
            }
            _ => match self.number(name, value) {
                Some(Some(number)) => {
                    match name {
                        "pods" => self.pods = number,
                        "for" => self.length = number,
                        "delete-at" => self.delete_at = Some(number),
                        "seed" => self.seed = number,
                        _ => self.minor = number,
                    }
                    true
                }
                Some(None) => false,
                None => return None,
            },
        };
        Some(if is_taken { Ok(()) } else { Err(self.refusal(name, value)) })
    }

    /// The number that an option stands for, if it is one that it can have; `None`: there is no such option.
    fn number(&self, name: &str, value: &str) -> Option<Option<u64>> {
        let (least, most) = match name {
            "pods" => (1, self.limits.pods),
            "for" | "delete-at" => (1000, self.limits.hours * 3_600_000),
            "seed" => (0, u64::MAX),
            "kubernetes" => (29, 36),
            _ => return None,
        };
        let number = match name {
            "for" | "delete-at" => quantity::parse_duration(value.as_bytes()).map(millis),
            "kubernetes" => value.strip_prefix("1.").and_then(|minor| text::parse_decimal(minor.as_bytes())),
            _ => text::parse_decimal(value.as_bytes()),
        };
        Some(number.filter(|number| (least..=most).contains(number)))
    }

    fn refusal(&self, name: &str, value: &str) -> String {
        let (expected, most) = match name {
            "plan" => ("one plan", String::new()),
            "container" => ("NAME=PLAN", String::new()),
            "probe" if sketch::probe(value).is_some() => ("one probe of each kind", String::new()),
            "probe" => (sketch::PROBE_FORM, String::new()),
            "pods" => ("a number, 1 to ", text::to_decimal(self.limits.pods)),
            "for" | "delete-at" => ("a duration such as 15m, 1s to ", text::to_decimal(self.limits.hours) + "h"),
            "seed" => ("a whole number below 2^64", String::new()),
            _ => ("1.29 to 1.36", String::new()),
        };
        let value = text::written(|out| text::json_string(out, value.as_bytes()));
        text::joined(&[name, ": got ", &value, ", expected ", expected, &most])
    }

    /// What is to be played, for each workload of the inputs, which have names for messages.
    pub fn inquiries(self, inputs: &[(&str, &[u8])]) -> Result<Vec<Inquiry>, String> {
        if self.delete_at.is_some_and(|at| at > self.length) {
            return Err("delete-at: expected a time before the end of the play, which --for sets".to_owned());
        }
        let mut assumed = Vec::new();
        let workloads = if inputs.is_empty() {
            assumed.push("no manifest: one container with the probes given, grace period 30s".to_owned());
            vec![sketch::workload(self.probes.clone())]
        } else {
            if !self.probes.is_empty() {
                return Err("probe: a manifest has probes of its own, expected one or the other".to_owned());
            }
            let Read { workloads, passed_over, notes } = manifest::read(inputs).map_err(|error| error.to_string())?;
            assumed.extend(notes);
            if !passed_over.is_empty() {
                assumed.push(text::joined(&["not read: ", &passed_over.join(", ")]));
            }
            workloads
        };
        let is_wanted = |workload: &Workload| {
            self.only.as_ref().is_none_or(|only| *only == workload.name || *only == name(workload))
        };
        if !workloads.iter().any(is_wanted) {
            let names: Vec<String> = workloads.iter().map(name).collect();
            let only = self.only.as_deref().unwrap_or_default();
            return Err(text::joined(&["only: got \"", only, "\", expected one of ", &names.join(", ")]));
        }
        let mut inquiries = Vec::new();
        for mut workload in workloads {
            if !is_wanted(&workload) {
                continue;
            }
            let behaviours = assume::behaviours(&workload, self.plan.clone(), self.plans.clone())?;
            let mut assumed = assumed.clone();
            assumed.extend(behaviours.iter().map(|known| known.source.clone()));
            if self.minor < SLEEP && drop_sleeps(&mut workload) {
                assumed.push("a sleep in preStop needs Kubernetes 1.30: there is none".to_owned());
            }
            inquiries.push(Inquiry {
                behaviours,
                workload,
                assumed,
                pods: self.pods,
                length: self.length,
                seed: self.seed,
                delete_at: self.delete_at,
                minor: self.minor,
                max_events: MAX_EVENTS / if self.limits.hours > 1 { 1 } else { 80 },
            });
        }
        Ok(inquiries)
    }
}

/// Takes `sleep` out of the hooks, as a cluster does that does not know it. Whether there was one.
fn drop_sleeps(workload: &mut Workload) -> bool {
    let is_sleep = |hook: &Option<Handler>| matches!(hook, Some(Handler::Sleep { .. }));
    let mut had = false;
    for container in workload.pod.init.iter_mut().chain(&mut workload.pod.containers) {
        for hook in [&mut container.pre_stop, &mut container.post_start] {
            if is_sleep(hook) {
                *hook = None;
                had = true;
            }
        }
    }
    had
}

/// `Kind/name`.
pub fn name(workload: &Workload) -> String {
    text::joined(&[workload.controller.kind(), "/", &workload.name])
}
