//! The play: many pods, one after the other, each by its own dice.

use super::kubelet::{self, Terms};
use super::life::Life;
use super::pod::Plan;
use super::tally::Tally;
use super::workload::Workload;
use super::{Behaviour, Forecast, Millis};
use crate::text;

/// Moments at which STATUS is looked at, in seconds, as far as the play goes; its end is one more.
const MOMENTS: [Millis; 12] = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 10_800, 21_600, 43_200];

/// What is asked.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// What is applied.
    pub workload: Workload,
    /// What its containers do, init containers first.
    pub behaviours: Vec<Behaviour>,
    /// What was assumed, a sentence each.
    pub assumed: Vec<String>,
    /// How many pods are played.
    pub pods: u64,
    /// For how long.
    pub length: Millis,
    /// Of all dice.
    pub seed: u64,
    /// When each pod is deleted; `None`: at the end.
    pub delete_at: Option<Millis>,
    /// The cluster's version, 1.N.
    pub minor: u64,
    /// Most moments in all.
    pub max_events: u64,
}

impl Inquiry {
    /// The names of the containers, init containers first.
    pub fn containers(&self) -> Vec<&str> {
        let pod = &self.workload.pod;
        pod.init.iter().chain(&pod.containers).map(|container| container.name.as_str()).collect()
    }
}

/// An inquiry made ready to be played.
pub struct Play<'i> {
    inquiry: &'i Inquiry,
    plan: Plan,
    /// When STATUS is looked at.
    pub moments: Vec<Millis>,
    end: Millis,
}

impl<'i> Play<'i> {
    /// Makes it ready.
    pub fn new(inquiry: &'i Inquiry) -> Self {
        let workload = &inquiry.workload;
        let is_published = workload.services.iter().any(|service| service.publishes_not_ready);
        let end = inquiry.delete_at.unwrap_or(inquiry.length).min(inquiry.length);
        let mut moments: Vec<Millis> = MOMENTS.iter().map(|at| at * 1000).filter(|at| *at < end).collect();
        moments.push(end);
        Self { inquiry, plan: Plan::new(&workload.pod, &inquiry.behaviours, is_published, "/"), moments, end }
    }

    /// How many groups of pods there are, each as large as the workload.
    pub fn groups(&self) -> u64 {
        self.inquiry.pods.div_ceil(self.size())
    }

    fn size(&self) -> u64 {
        u64::from(self.inquiry.workload.replicas.max(1))
    }

    /// Plays the pods of these groups.
    pub fn run(&self, groups: std::ops::Range<u64>) -> Tally {
        let mut tally = Tally::new(self.plan.parts.len(), self.moments.len());
        for group in groups {
            for number in group * self.size()..((group + 1) * self.size()).min(self.inquiry.pods) {
                let life = self.life(number, false);
                tally.add(&life, number, 0, self.end);
            }
        }
        tally
    }

    /// What the play came to.
    pub fn told(&self, tally: Tally) -> Forecast {
        Forecast { inquiry: self.inquiry.clone(), moments: self.moments.clone(), tally }
    }

    /// One pod's life.
    pub fn life(&self, number: u64, draws: bool) -> Life {
        let inquiry = self.inquiry;
        let terms = Terms {
            seed: inquiry.seed,
            number,
            end: self.end,
            deleted_at: self.end,
            moments: &self.moments,
            draws,
            max_events: kubelet::MAX_EVENTS.min(inquiry.max_events / inquiry.pods.max(1)),
        };
        kubelet::play(&self.plan, &self.name(number), &terms)
    }

    /// What a pod of that number may be called.
    fn name(&self, number: u64) -> String {
        let at = number % self.size();
        text::joined(&[&self.inquiry.workload.name, "-", &text::to_decimal(at)])
    }
}
