//! The play: many pods, one after the other, each by its own dice.

use super::advice;
use super::chance::Chance;
use super::controllers;
use super::kubelet::{self, Terms};
use super::life::{Life, Word};
use super::pod::Plan;
use super::tally::Tally;
use super::workload::{Controller, Workload};
use super::{Behaviour, Forecast, Millis};
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
            self.group(group, &mut tally);
        }
        tally
    }

    /// Plays the pods of a group, one of each that the workload has, and a rollout over them.
    fn group(&self, group: u64, tally: &mut Tally) {
        let workload = &self.inquiry.workload;
        let one_by_one = matches!(workload.controller, Controller::StatefulSet { is_parallel: false, .. });
        let min_ready = Millis::from(workload.min_ready) * 1000;
        let first = group * self.size();
        let last = (first + self.size()).min(self.inquiry.pods);
        // Of its own, so that it changes no pod.
        let mut chance = Chance::new(self.inquiry.seed, !group);
        let mut made: Vec<(Millis, Life)> = Vec::new();
        for number in first..last {
            let created = match one_by_one && number > first {
                true => controllers::next_created(&made, min_ready, self.end, &mut chance),
                false => Some(0),
            };
            match created {
                Some(created) => {
                    let life = self.life(number, created, false);
                    tally.add(&life, number, created, self.end);
                    made.push((created, life));
                }
                None => tally.add_missing(number, self.end),
            }
        }
        let is_whole = made.len() as u64 == self.size() || made.len() as u64 == self.inquiry.pods;
        if self.inquiry.delete_at.is_none() && is_whole {
            let lives: Vec<&Life> = made.iter().map(|(_, life)| life).collect();
            if let Some(rollout) = controllers::rollout(workload, &lives, self.end, &mut chance) {
                tally.add_rollout(&rollout);
            }
        }
    }

    /// What the play came to.
    pub fn told(&self, tally: Tally) -> Forecast {
        let advice = advice::advise(self.inquiry, &tally);
        Forecast { inquiry: self.inquiry.clone(), moments: self.moments.clone(), tally, advice }
    }

    /// The life of a pod that is created at a moment.
    pub fn life(&self, number: u64, created: Millis, draws: bool) -> Life {
        let inquiry = self.inquiry;
        let moments: Vec<Millis> = self.moments.iter().filter_map(|at| at.checked_sub(created)).collect();
        let terms = Terms {
            seed: inquiry.seed,
            number,
            end: self.end - created,
            deleted_at: self.end - created,
            moments: &moments,
            draws,
            max_events: kubelet::MAX_EVENTS.min(inquiry.max_events / inquiry.pods.max(1)),
        };
        let mut life = kubelet::play(&self.plan, &self.name(number), &terms);
        let missed = self.moments.len() - life.words.len();
        life.words.splice(0..0, std::iter::repeat_n(Word::Absent, missed));
        life
    }

    /// What a pod of that number may be called.
    fn name(&self, number: u64) -> String {
        let workload = &self.inquiry.workload;
        let mut name = workload.name.clone();
        let at = number % self.size();
        match workload.controller {
            Controller::Pod => return name,
            Controller::StatefulSet { .. } => name.push_str(&text::joined(&["-", &text::to_decimal(at)])),
            _ => {
                let mut chance = Chance::new(self.inquiry.seed ^ 0xa5a5, number);
                let is_deployment = matches!(workload.controller, Controller::Deployment { .. });
                name.push_str(if is_deployment { "-7d4b9c6f58-" } else { "-" });
                name.extend((0..5).map(|_| char::from(LETTERS[chance.between(0, LETTERS.len() as u64) as usize])));
            }
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::plan;
    use crate::forecast::behaviour::Program;
    use crate::forecast::sketch;
    use crate::forecast::workload::{Share, Strategy};

    fn inquiry(controller: Controller, replicas: u32, min_ready: u32) -> Inquiry {
        let probe = sketch::probe("readiness:period=5").expect("it is one");
        let rules = plan::parse(b"start delay 3s").unwrap_or_default();
        let program = Program { rules, is_own: true, ..Program::default() };
        Inquiry {
            workload: Workload { controller, replicas, min_ready, ..sketch::workload(vec![probe]) },
            behaviours: vec![Behaviour { program, ..Behaviour::default() }],
            assumed: Vec::new(),
            pods: 800,
            length: 120_000,
            seed: 3,
            delete_at: None,
            minor: 34,
            max_events: 1 << 40,
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
            let got =
                [50, 5, 95].map(|percent| tally.complete.percentile(percent).map_or(0.0, |at| at as f64 / 1000.0));
            let is_near = got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1.0);
            assert!(is_near, "minReadySeconds {min_ready}: {got:?}, expected {want:?}");
            assert_eq!(tally.rollouts, 200);
        }
    }

    #[test]
    fn a_stateful_set_makes_its_pods_one_after_the_other() {
        let set = |is_parallel| Controller::StatefulSet { is_parallel, is_on_delete: false, partition: 0 };
        let latest = |is_parallel| tally(&inquiry(set(is_parallel), 3, 0)).first[0].percentile(95);
        assert_eq!(latest(true), Some(0));
        assert!(latest(false).is_some_and(|at| (8_000..18_000).contains(&at)), "{:?}", latest(false));
        let mut stuck = inquiry(set(false), 3, 0);
        stuck.behaviours[0].program.rules = plan::parse(b"ready fail").unwrap_or_default();
        let stuck = tally(&stuck);
        assert_eq!(stuck.first[0].total() * 3, stuck.pods + 1, "the first of each, and no other");
    }
}
