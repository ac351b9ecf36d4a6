//! What is asked of a forecast, as options of the command line or parameters of a query, and the inquiries that they
//! and the manifests come to.

use super::behaviour::Answers;
use super::manifest::{self, Read};
use super::play::{Inquiry, Terms};
use super::workload::{Handler, Pod};
use super::{NEVER, assume, millis, sketch};
use crate::faults::plan;
use crate::quantity;
use crate::text::{self, Value};

/// The seed of a forecast that is given none: the same question has the same answer.
const SEED: u64 = 1;
/// From this version on hooks know `sleep`.
const SLEEP: u64 = 30;

/// What can be asked, by the names of the options.
pub const OPTIONS: &str = "plan container probe only format pods seed for delete-at kubernetes";
/// What a time is written as, for [`text::filled`] with the most of it.
const TIME: &str = "a duration such as 15m, 1s to ~h";

/// How much may be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pods.
    pub pods: u64,
    /// Hours.
    pub hours: u64,
    /// Moments of one forecast.
    pub events: u64,
}

/// Of the command line.
pub const COMMAND: Limits = Limits { pods: 1_000_000, hours: 24, events: 8_000_000_000 };
/// Of a request.
pub const REQUEST: Limits = Limits { pods: 1000, hours: 1, events: 100_000_000 };

/// What is asked, so far.
#[derive(Debug)]
pub struct Asked {
    limits: Limits,
    /// What this program answers.
    answers: Answers,
    /// Containers with their plans; that of the container that callers reach has no name.
    plans: Vec<(String, String)>,
    /// Of a pod without a manifest, each as a field of its container.
    probes: [String; 3],
    /// One workload of several; empty for all.
    only: String,
    terms: Terms,
    /// Whether it is to be told as JSON.
    pub is_json: bool,
}

impl Asked {
    /// Nothing but the defaults.
    pub fn new(limits: Limits, answers: Answers) -> Self {
        Self {
            limits,
            answers,
            plans: Vec::new(),
            probes: [const { String::new() }; 3],
            only: String::new(),
            terms: Terms {
                pods: 1000,
                length: 900_000,
                seed: SEED,
                delete_at: NEVER,
                minor: 34,
                max_events: limits.events,
            },
            is_json: false,
        }
    }

    /// Takes an option by its name. What is wrong with it is a line; false: there is no such option.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let Some(option) = text::place(OPTIONS, name.as_bytes()) else { return Ok(false) };
        // What was expected; nothing where it was right.
        let expected = match option {
            0 | 1 => {
                let (container, plan) =
                    if option == 0 { ("", value) } else { value.split_once('=').unwrap_or_default() };
                match plan::parse(plan.as_bytes()) {
                    _ if option == 1 && container.is_empty() => "NAME=PLAN",
                    Err(line) => return Err(text::joined(&[name, ": ", &line])),
                    Ok(rules) if rules.is_empty() && !plan.is_empty() => "more than a comment",
                    Ok(_) => {
                        self.plans.push((container.to_owned(), plan.to_owned()));
                        ""
                    }
                }
            }
            2 => match sketch::probe(value) {
                None => sketch::PROBE_FORM,
                Some((kind, probe)) if self.probes[kind].is_empty() => {
                    self.probes[kind] = probe;
                    ""
                }
                Some(_) => "one probe of each kind",
            },
            3 => {
                self.only = value.to_owned();
                if value.is_empty() { "a name" } else { "" }
            }
            4 => {
                self.is_json = value == "json";
                if self.is_json || value == "text" { "" } else { "text or json" }
            }
            _ => self.take_number(option, value),
        };
        if expected.is_empty() {
            return Ok(true);
        }
        let most = if expected == TIME { self.limits.hours } else { self.limits.pods };
        let values = [Value::Text(name), Value::Json(value), Value::Number(most)];
        Err(text::filled(&text::joined(&["~: got ~, expected ", expected]), &values))
    }

    /// Takes one of the options that are numbers. What was expected; nothing where it was right.
    fn take_number(&mut self, option: usize, value: &str) -> &'static str {
        let longest = self.limits.hours * 3_600_000;
        let terms = &mut self.terms;
        let (slot, least, most, expected) = match option {
            5 => (&mut terms.pods, 1, self.limits.pods, "a number, 1 to ~"),
            6 => (&mut terms.seed, 0, u64::MAX, "a whole number below 2^64"),
            7 => (&mut terms.length, 1000, longest, TIME),
            8 => (&mut terms.delete_at, 1000, longest, TIME),
            _ => (&mut terms.minor, 29, 36, "1.29 to 1.36"),
        };
        let number = match option {
            5 | 6 => text::parse_decimal(value.as_bytes()),
            7 | 8 => quantity::parse_duration(value.as_bytes()).map(millis),
            _ => text::parse_decimal(value.strip_prefix("1.").unwrap_or_default().as_bytes()),
        };
        match number {
            Some(number) if (least..=most).contains(&number) => *slot = number,
            _ => return expected,
        }
        ""
    }

    /// What is to be played, for each workload of the inputs, which have names for messages.
    pub fn inquiries(&self, inputs: &[(&str, &[u8])]) -> Result<Vec<Inquiry>, String> {
        let mut read = Read::default();
        self.read(inputs, &mut read)?;
        let mut inquiries = Vec::new();
        let mut names = Vec::new();
        for workload in &mut read.workloads {
            let name = text::joined(&[workload.controller.kind(), "/", &workload.name]);
            if self.only.is_empty()
                || self.only == workload.name
                || text::is_same(self.only.as_bytes(), name.as_bytes())
            {
                inquiries.push(Inquiry {
                    workload: std::mem::take(workload),
                    programs: Vec::new(),
                    assumed: read.notes.clone(),
                    terms: self.terms,
                });
            }
            names.push(name);
        }
        if inquiries.is_empty() {
            let values = [Value::Text(&self.only), Value::Text(&text::list(&names, ", "))];
            return Err(text::filled("only: got \"~\", expected one of ~", &values));
        }
        for inquiry in &mut inquiries {
            self.assume(inquiry)?;
        }
        Ok(inquiries)
    }

    /// Reads the inputs, or else the pod that the probes sketch.
    #[inline(never)]
    fn read(&self, inputs: &[(&str, &[u8])], out: &mut Read) -> Result<(), String> {
        let is_sketch = inputs.is_empty();
        if self.terms.delete_at < NEVER && self.terms.delete_at > self.terms.length {
            return Err("delete-at: expected a time before the end of the play, which is set by for".to_owned());
        }
        if !is_sketch && self.probes.iter().any(|probe| !probe.is_empty()) {
            return Err("probe: a manifest has probes of its own, expected one or the other".to_owned());
        }
        let sketch = sketch::manifest(&self.probes);
        let sketch = [("probe", sketch.as_bytes())];
        manifest::read(if is_sketch { &sketch } else { inputs }, out)?;
        if is_sketch {
            out.notes.push("no manifest: one container with the probes given, grace period 30s".to_owned());
        }
        if !out.passed_over.is_empty() {
            out.notes.push(text::joined(&["not read: ", &text::list(&out.passed_over, ", ")]));
        }
        Ok(())
    }

    #[inline(never)]
    fn assume(&self, inquiry: &mut Inquiry) -> Result<(), String> {
        assume::programs(inquiry, &self.plans, self.answers)?;
        if self.terms.minor < SLEEP && drop_sleeps(&mut inquiry.workload.pod) {
            inquiry.assumed.push("a sleep in preStop needs Kubernetes 1.30: there is none".to_owned());
        }
        Ok(())
    }
}

/// Takes `sleep` out of the hooks, as a cluster does that does not know it. Whether there was one.
fn drop_sleeps(pod: &mut Pod) -> bool {
    let mut had = false;
    for container in &mut pod.containers {
        for hook in [&mut container.pre_stop, &mut container.post_start] {
            if matches!(hook, Some(Handler::Sleep { .. })) {
                *hook = None;
                had = true;
            }
        }
    }
    had
}
