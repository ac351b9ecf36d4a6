//! What Kubernetes will do with a workload, and when: manifest, behaviour, kubelet, controllers, play, tell. Pure: no
//! socket, no clock, no file; the same input and seed give the same forecast everywhere.

pub mod advice;
pub mod asked;
pub mod assume;
pub mod behaviour;
mod chance;
pub mod controllers;
mod kubelet;
pub mod life;
pub mod manifest;
pub mod play;
pub mod pod;
pub mod sketch;
pub mod spread;
pub mod tally;
pub mod tell;
pub mod workload;
pub mod yaml;

use std::time::Duration;

/// Milliseconds after the creation of the first pod.
pub type Millis = u64;
/// What does not come.
pub const NEVER: Millis = u64::MAX >> 2;
/// Of so many pods the drawing picks its own.
const SAMPLE: u64 = 101;

/// A duration in whole milliseconds.
pub fn millis(duration: Duration) -> Millis {
    duration.as_millis() as u64
}

/// What a container does, and what was assumed to know it.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// Its program.
    pub program: behaviour::Program,
    /// A sentence on where that comes from.
    pub source: String,
}

/// All that is told.
pub struct Forecast {
    /// What was asked.
    pub inquiry: play::Inquiry,
    /// When STATUS was looked at.
    pub moments: Vec<Millis>,
    /// What the play came to.
    pub tally: tally::Tally,
    /// What to change.
    pub advice: Vec<advice::Advice>,
}

/// What no play has.
const LEFT_OUT: [&str; 9] = [
    "image pulls and scheduling (add their time to the start)",
    "nodes that are busy, full, drained or lost",
    "evictions and disruption budgets",
    "autoscaling",
    "admission and quotas",
    "network policies, ingresses and meshes",
    "kubelet restarts",
    "redirects of probes",
    "calls do not use up counts of rules",
];

impl Forecast {
    /// How long was played, and how many milliseconds of pods there are in the second half of it.
    pub fn late(&self) -> (Millis, Millis) {
        let end = self.moments.last().copied().unwrap_or(0);
        (end / 2, ((end - end / 2) * self.tally.pods).max(1))
    }

    /// All milliseconds of pods.
    pub fn played(&self) -> Millis {
        (self.moments.last().copied().unwrap_or(0) * self.tally.pods).max(1)
    }

    /// What no play has, and what this one has not had.
    pub fn left_out(&self) -> Vec<String> {
        let mut left_out: Vec<String> = LEFT_OUT.iter().map(|line| (*line).to_owned()).collect();
        if self.tally.cut > 0 {
            let cut = crate::text::to_decimal(self.tally.cut);
            left_out.push(crate::text::joined(&["the rest of ", &cut, " pods that did more than a play may"]));
        }
        left_out
    }

    /// Whether it comes to what is to be avoided: `never-ready`, `restarts`, `lost-calls` or `rollout-failed`.
    pub fn comes_to(&self, outcome: &str) -> bool {
        let tally = &self.tally;
        match outcome {
            "never-ready" => tally.first[life::What::Ready as usize].total() < tally.pods,
            "restarts" => tally.first[life::What::Restarted as usize].total() > 0,
            "lost-calls" => tally.service[1] + tally.service[2] > 0 || tally.unanswered.total() > 0,
            _ => tally.failed.total() > 0,
        }
    }
}
