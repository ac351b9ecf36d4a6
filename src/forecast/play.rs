//! The play: many pods, one after the other, each by its own dice.

use super::advice;
use super::behaviour::Program;
use super::chance::Chance;
use super::controllers;
use super::kubelet;
use super::life::Life;
use super::pod::Plan;
use super::tally::Tally;
use super::workload::{Controller, Workload};
use super::{Forecast, Millis, NEVER};
use crate::text;

/// Moments at which STATUS is looked at, in seconds, as far as the play goes; its end is one more.
const MOMENTS: [Millis; 12] = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 10_800, 21_600, 43_200];

/// What the ends of pods' names are made of.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// What is asked.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// What is applied.
    pub workload: Workload,
    /// What its containers do, init containers first.
    pub programs: Vec<Program>,
    /// What was assumed, a sentence each.
    pub assumed: Vec<String>,
    /// What it is played by.
    pub terms: Terms,
}

/// What a workload is played by.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How many pods are played.
    pub pods: u64,
    /// For how long.
    pub length: Millis,
    /// Of all dice.
    pub seed: u64,
    /// When each pod is deleted; `NEVER`: at the end.
    pub delete_at: Millis,
    /// The cluster's version, 1.N.
    pub minor: u64,
    /// Most moments in all.
    pub max_events: u64,
}

/// An inquiry made ready to be played. Advice changes one and plays again.
pub struct Play<'i> {
    /// What is asked.
    pub inquiry: &'i Inquiry,
    pub(super) plan: Plan<'i>,
    pub(super) controller: Controller,
    pub(super) min_ready: Millis,
    pub(super) pods: u64,
    /// When STATUS is looked at.
    pub moments: Vec<Millis>,
    /// When the play ends, as the pods see it: they are deleted then.
    pub end: Millis,
}

impl<'i> Play<'i> {
    /// Makes it ready.
    pub fn new(inquiry: &'i Inquiry) -> Self {
        let workload = &inquiry.workload;
        let is_published = workload.services.iter().any(|service| service.publishes_not_ready);
        let end = inquiry.terms.delete_at.min(inquiry.terms.length);
        let mut moments = Vec::new();
        for &at in &MOMENTS {
            if at * 1000 < end {
                moments.push(at * 1000);
            }
        }
        moments.push(end);
        Self {
            inquiry,
            plan: Plan::new(&workload.pod, &inquiry.programs, is_published),
            controller: workload.controller,
            min_ready: Millis::from(workload.min_ready) * 1000,
            pods: inquiry.terms.pods,
            moments,
            end,
        }
    }

    /// How many groups of pods there are, each as large as the workload.
    #[inline(never)]
    pub fn groups(&self) -> u64 {
        self.pods.div_ceil(self.size())
    }

    /// How many pods the workload has.
    pub(super) fn size(&self) -> u64 {
        u64::from(self.inquiry.workload.replicas.max(1))
    }

    /// Plays the pods of these groups.
    pub fn run(&self, groups: std::ops::Range<u64>) -> Tally {
        let mut tally = Tally::new(self.plan.parts.len(), self.moments.len());
        for group in groups {
            self.group(group, &mut tally);
        }
        tally
    }

    /// Plays the pods of a group, one of each that the workload has, and a rollout over them.
    fn group(&self, group: u64, tally: &mut Tally) {
        let one_by_one = matches!(self.controller, Controller::StatefulSet { is_parallel: false, .. });
        let first = group * self.size();
        let last = (first + self.size()).min(self.pods);
        // Of its own, so that it changes no pod.
        let mut chance = Chance::new(self.inquiry.terms.seed, !group);
        let mut made: Vec<Life> = Vec::new();
        for number in first..last {
            let created = match one_by_one && number > first {
                true => controllers::next_created(&made, self.min_ready, self.end, &mut chance),
                false => Some(0),
            };
            match created {
                Some(created) => {
                    let life = self.life(number, created, false);
                    tally.add(&life, number, self.end);
                    made.push(life);
                }
                None => tally.add_missing(number, self.end),
            }
        }
        let made_all = made.len() as u64 == self.size().min(self.pods);
        if self.inquiry.terms.delete_at == NEVER
            && made_all
            && let Some(rollout) = controllers::rollout(self.controller, self.min_ready, &made, self.end, &mut chance)
        {
            tally.add_rollout(&rollout);
        }
    }

    /// What the play came to.
    pub fn told(&'i self, tally: Tally) -> Forecast<'i> {
        let advice = advice::advise(self, &tally);
        Forecast { play: self, tally, advice }
    }

    /// The life of a pod that is created at a moment.
    pub fn life(&self, number: u64, created: Millis, draws: bool) -> Life {
        let Terms { seed, max_events, .. } = self.inquiry.terms;
        let terms = kubelet::Terms {
            name: &self.name(number),
            seed,
            number,
            created,
            draws,
            end: self.end - created,
            deleted_at: self.end - created,
            moments: &self.moments,
            max_events: kubelet::MAX_EVENTS.min(max_events / self.pods.max(1)),
        };
        kubelet::play(&self.plan, &terms)
    }

    /// What a pod of that number may be called.
    #[inline(never)]
    fn name(&self, number: u64) -> String {
        let mut name = self.inquiry.workload.name.as_bytes().to_vec();
        match self.controller {
            Controller::Pod => {}
            Controller::StatefulSet { .. } => {
                name.push(b'-');
                text::decimal(&mut name, number % self.size());
            }
            controller => {
                let is_deployment = matches!(controller, Controller::Deployment { .. });
                text::put(&mut name, if is_deployment { b"-7d4b9c6f58-" } else { b"-" });
                let mut chance = Chance::new(self.inquiry.terms.seed ^ 0xa5a5, number);
                for _ in 0..5 {
                    name.push(LETTERS[chance.between((0, LETTERS.len() as u64)) as usize]);
                }
            }
        }
        text::into_string(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::plan;
    use crate::forecast::life::{Sum, What};
    use crate::forecast::sketch;
    use crate::forecast::tally::Figure;
    use crate::forecast::workload::{Share, Strategy};

    fn inquiry(controller: Controller, replicas: u32, min_ready: u32) -> Inquiry {
        let rules = plan::parse(b"start delay 3s").unwrap_or_default();
        let program = Program { rules, is_own: true, ..Program::default() };
        Inquiry {
            workload: Workload { controller, replicas, min_ready, ..sketch::workload(&["readiness:period=5"]) },
            programs: vec![program],
            assumed: Vec::new(),
            terms: Terms { pods: 800, length: 120_000, seed: 3, delete_at: NEVER, minor: 34, max_events: 1 << 40 },
        }
    }

    fn tally(inquiry: &Inquiry) -> Tally {
        let play = Play::new(inquiry);
        play.run(0..play.groups())
    }

    /// The last rows of section 12 of the research (15.0 and 24.2 s), less what a calm node's first starts are quicker.
    #[test]
    fn rollouts_take_what_the_calibrated_model_says() {
        let quarter = Share::Percent(25);
        let strategy = Strategy::RollingUpdate { max_unavailable: quarter, max_surge: quarter };
        for (min_ready, want) in [(0, [14.1, 13.3, 15.7]), (5, [23.3, 21.9, 25.3])] {
            let deployment = Controller::Deployment { strategy, progress_deadline: 600, is_paused: false };
            let tally = tally(&inquiry(deployment, 4, min_ready));
            let got = [50, 5, 95]
                .map(|percent| tally.figure(Figure::Complete).percentile(percent).map_or(0.0, |at| at as f64 / 1000.0));
            let is_near = got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1.0);
            assert!(is_near, "minReadySeconds {min_ready}: {got:?}, expected {want:?}");
            assert_eq!(tally.sum(Sum::Rollouts), 200);
        }
    }

    #[test]
    fn a_stateful_set_makes_its_pods_one_after_the_other() {
        let set = |is_parallel| Controller::StatefulSet { is_parallel, is_on_delete: false, partition: 0 };
        let latest = |is_parallel| tally(&inquiry(set(is_parallel), 3, 0)).first(What::Created).percentile(95);
        assert_eq!(latest(true), Some(0));
        assert!(latest(false).is_some_and(|at| (8_000..18_000).contains(&at)), "{:?}", latest(false));
        let mut stuck = inquiry(set(false), 3, 0);
        stuck.programs[0].rules = plan::parse(b"ready fail").unwrap_or_default();
        let stuck = tally(&stuck);
        assert_eq!(stuck.first(What::Created).total() * 3, stuck.sum(Sum::Pods) + 1, "the first of each, and no other");
    }
}
