//! What is asked of a forecast, as options of the command line or parameters of a query, and the inquiries that they
//! and the manifests come to.

use super::manifest::{self, Read};
use super::play::Inquiry;
use super::pod::Kind;
use super::workload::{Probe, Workload};
use super::{Millis, assume, millis, sketch};
use crate::faults::rule::Rule;
use crate::{quantity, text};

/// The seed of a forecast that is given none: the same question has the same answer.
const SEED: u64 = 1;
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
        let number = || text::parse_decimal(value.as_bytes());
        let duration = || {
            let most = self.limits.hours * 3_600_000;
            let duration = quantity::parse_duration(value.as_bytes()).map(millis);
            duration.filter(|duration| (1000..=most).contains(duration))
        };
        let hours = text::to_decimal(self.limits.hours);
        let length = text::joined(&["a duration such as 15m, 1s to ", &hours, "h"]);
        let result = match name {
            "plan" => match assume::rules(value) {
                Ok(rules) => self.plan.replace(rules).is_none().then_some(()).ok_or_else(|| "one plan".to_owned()),
                Err(line) => return Some(Err(text::joined(&["plan: ", &line]))),
            },
            "container" => match value.split_once('=').map(|(name, plan)| (name, assume::rules(plan))) {
                Some((name, Ok(rules))) => {
                    self.plans.push((name.to_owned(), rules));
                    Ok(())
                }
                Some((_, Err(line))) => return Some(Err(text::joined(&["container: ", &line]))),
                None => Err("NAME=PLAN".to_owned()),
            },
            "probe" => match sketch::probe(value) {
                Some((kind, _)) if self.probes.iter().any(|(known, _)| *known == kind) => {
                    Err("one probe of each kind".to_owned())
                }
                Some(probe) => {
                    self.probes.push(probe);
                    Ok(())
                }
                None => Err(sketch::PROBE_FORM.to_owned()),
            },
            "only" => {
                self.only = Some(value.to_owned());
                Ok(())
            }
            "pods" => {
                let most = text::to_decimal(self.limits.pods);
                let pods = number().filter(|pods| (1..=self.limits.pods).contains(pods));
                let expected = text::joined(&["a number, 1 to ", &most]);
                pods.map(|pods| self.pods = pods).ok_or(expected)
            }
            "for" => duration().map(|duration| self.length = duration).ok_or(length),
            "delete-at" => duration().map(|duration| self.delete_at = Some(duration)).ok_or(length),
            "seed" => number().map(|seed| self.seed = seed).ok_or_else(|| "a whole number below 2^64".to_owned()),
            "kubernetes" => {
                let minor = value.strip_prefix("1.").and_then(|minor| text::parse_decimal(minor.as_bytes()));
                let minor = minor.filter(|minor| (29..=36).contains(minor));
                minor.map(|minor| self.minor = minor).ok_or_else(|| "1.29 to 1.36".to_owned())
            }
            _ => return None,
        };
        Some(result.map_err(|expected| {
            let mut line = name.as_bytes().to_vec();
            text::put(&mut line, b": got ");
            text::json_string(&mut line, value.as_bytes());
            text::put_all(&mut line, &[", expected ", &expected]);
            text::into_string(line)
        }))
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
        let names: Vec<String> = workloads.iter().map(name).collect();
        let is_wanted = |workload: &Workload| {
            self.only.as_ref().is_none_or(|only| *only == workload.name || *only == name(workload))
        };
        let wanted: Vec<Workload> = workloads.into_iter().filter(is_wanted).collect();
        if wanted.is_empty() {
            let only = self.only.as_deref().unwrap_or_default();
            return Err(text::joined(&["only: got \"", only, "\", expected one of ", &names.join(", ")]));
        }
        let inquiry = |workload: Workload| {
            let behaviours = assume::behaviours(&workload, self.plan.clone(), self.plans.clone())?;
            let assumed = assumed.iter().cloned().chain(behaviours.iter().map(|known| known.source.clone())).collect();
            Ok(Inquiry {
                behaviours,
                workload,
                assumed,
                pods: self.pods,
                length: self.length,
                seed: self.seed,
                delete_at: self.delete_at,
                minor: self.minor,
                max_events: MAX_EVENTS / if self.limits.hours > 1 { 1 } else { 80 },
            })
        };
        wanted.into_iter().map(inquiry).collect()
    }
}

/// `Kind/name`.
pub fn name(workload: &Workload) -> String {
    text::joined(&[workload.controller.kind(), "/", &workload.name])
}
