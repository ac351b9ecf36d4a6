//! What all lives of a play come to: shares and spreads of fixed size, which can be added to each other.

use super::Millis;
use super::behaviour::Exit;
use super::controllers::Rollout;
use super::life::{By, Life, What, Word};
use super::spread::Spread;
use super::{NEVER, SAMPLE};

/// Restarts that are told one by one, of each container.
pub const RESTARTS: usize = 10;

/// How a run ended, and how often.
pub type Ends = Vec<((Exit, By), u64)>;

/// The n-th restart of a container.
#[derive(Clone, Default, Debug)]
pub struct Restarted {
    /// When.
    pub at: Spread,
    /// The life before it.
    pub life: Spread,
    /// The pause before it.
    pub pause: Spread,
    /// How the life before it ended.
    pub ends: Ends,
}

/// All of a play.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Pods.
    pub pods: u64,
    /// When each [`What`] came first.
    pub first: Vec<Spread>,
    /// Restarts by container, and then by number.
    pub restarts: Vec<Vec<Restarted>>,
    /// All restarts of the second half, and the time Ready in it.
    pub late_restarts: u64,
    /// As above.
    pub late_ready: u64,
    /// Time in the Service, of it unanswered, of it failing by the rules.
    pub service: [u64; 3],
    /// Pods by STATUS, for each moment.
    pub words: Vec<[u64; Word::COUNT]>,
    /// From the deletion to the end of the last container, and of the object.
    pub ended: Spread,
    /// As above.
    pub gone: Spread,
    /// How the container that callers reach ended then.
    pub exits: Ends,
    /// For those that the Service still sent calls when nobody answered: how long.
    pub unanswered: Spread,
    /// Pods that were in the Service when they were deleted.
    pub served: u64,
    /// Rollouts: complete, called failed, fewest available.
    pub complete: Spread,
    /// As above.
    pub failed: Spread,
    /// As above.
    pub fewest: Spread,
    /// How many there were.
    pub rollouts: u64,
    /// A few pods with how long they were not Ready.
    pub sample: Vec<(Millis, u64)>,
    /// Pods that did more than a play may.
    pub cut: u64,
    /// All moments.
    pub events: u64,
}

fn count(ends: &mut Ends, end: (Exit, By), more: u64) {
    match ends.iter_mut().find(|(known, _)| *known == end) {
        Some((_, count)) => *count += more,
        None => ends.push((end, more)),
    }
}

impl Tally {
    /// Nothing yet, for so many containers and moments.
    pub fn new(containers: usize, moments: usize) -> Self {
        Self {
            first: vec![Spread::default(); What::COUNT],
            restarts: vec![Vec::new(); containers],
            words: vec![[0; Word::COUNT]; moments],
            ..Self::default()
        }
    }

    /// Counts a life that began at `created`, of the pod of that number.
    pub fn add(&mut self, life: &Life, number: u64, created: Millis, end: Millis) {
        self.pods += 1;
        self.events += life.events;
        self.cut += u64::from(life.is_cut);
        for (spread, &first) in self.first.iter_mut().zip(&life.first) {
            if first < NEVER && first + created <= end {
                spread.add(first + created);
            }
        }
        for restart in &life.restarts {
            let n = restart.n as usize;
            let known = &mut self.restarts[restart.container];
            if n > RESTARTS {
                continue;
            }
            if known.len() < n {
                known.resize(n, Restarted::default());
            }
            let known = &mut known[n - 1];
            known.at.add(restart.at + created);
            known.life.add(restart.life);
            known.pause.add(restart.pause);
            count(&mut known.ends, (restart.exit, restart.by), 1);
        }
        self.late_restarts += life.late_restarts;
        self.late_ready += life.late_ready;
        for (sum, more) in self.service.iter_mut().zip([life.in_service, life.unanswered, life.failing]) {
            *sum += more;
        }
        for (counts, word) in self.words.iter_mut().zip(&life.words) {
            counts[*word as usize] += 1;
        }
        let deletion = &life.deletion;
        if deletion.gone < NEVER {
            self.gone.add(deletion.gone - deletion.at);
            if deletion.ended < NEVER {
                self.ended.add(deletion.ended - deletion.at);
            }
            if let Some(exit) = deletion.exit {
                count(&mut self.exits, (exit, By::Deletion), 1);
            }
            self.served += u64::from(deletion.was_in_service);
            if deletion.was_in_service && deletion.unanswered > 0 {
                self.unanswered.add(deletion.unanswered);
            }
        }
        if number < SAMPLE {
            let ready: Millis = (0..life.turns.len())
                .step_by(2)
                .map(|turn| life.turns.get(turn + 1).map_or(end, |turn| *turn).saturating_sub(life.turns[turn]))
                .sum();
            self.sample.push((end.saturating_sub(ready), number));
        }
    }

    /// Counts a pod that has not been created.
    pub fn add_missing(&mut self, number: u64, end: Millis) {
        self.pods += 1;
        self.words.iter_mut().for_each(|counts| counts[Word::Absent as usize] += 1);
        if number < SAMPLE {
            self.sample.push((end, number));
        }
    }

    /// Counts a rollout.
    pub fn add_rollout(&mut self, rollout: &Rollout) {
        self.rollouts += 1;
        if let Some(at) = rollout.complete {
            self.complete.add(at);
        }
        if let Some(at) = rollout.failed {
            self.failed.add(at);
        }
        self.fewest.add(u64::from(rollout.fewest));
    }

    /// Counts all that another one has.
    pub fn merge(&mut self, other: &Self) {
        self.pods += other.pods;
        self.events += other.events;
        self.cut += other.cut;
        self.late_restarts += other.late_restarts;
        self.late_ready += other.late_ready;
        self.served += other.served;
        self.rollouts += other.rollouts;
        self.first.iter_mut().zip(&other.first).for_each(|(mine, other)| mine.merge(other));
        for (mine, other) in self.restarts.iter_mut().zip(&other.restarts) {
            if mine.len() < other.len() {
                mine.resize(other.len(), Restarted::default());
            }
            for (mine, other) in mine.iter_mut().zip(other) {
                mine.at.merge(&other.at);
                mine.life.merge(&other.life);
                mine.pause.merge(&other.pause);
                other.ends.iter().for_each(|(end, more)| count(&mut mine.ends, *end, *more));
            }
        }
        self.service.iter_mut().zip(other.service).for_each(|(mine, other)| *mine += other);
        for (mine, other) in self.words.iter_mut().zip(&other.words) {
            mine.iter_mut().zip(other).for_each(|(mine, other)| *mine += other);
        }
        for (mine, other) in [
            (&mut self.ended, &other.ended),
            (&mut self.gone, &other.gone),
            (&mut self.unanswered, &other.unanswered),
            (&mut self.complete, &other.complete),
            (&mut self.failed, &other.failed),
            (&mut self.fewest, &other.fewest),
        ] {
            mine.merge(other);
        }
        other.exits.iter().for_each(|(end, more)| count(&mut self.exits, *end, *more));
        self.sample.extend(&other.sample);
    }

    /// How many pods SIGKILL has ended when they were deleted.
    pub fn sigkilled(&self) -> u64 {
        self.exits.iter().filter(|((exit, _), _)| *exit == Exit::KILLED).map(|(_, count)| count).sum()
    }

    /// How many pods something has happened to.
    pub fn share(&self, what: What) -> f64 {
        self.first[what as usize].total() as f64 / self.pods.max(1) as f64
    }
}

/// The most common of some ends: those that were counted most, and of those the least.
pub fn most_common(ends: &Ends) -> Option<(Exit, By)> {
    ends.iter().max_by(|(a, m), (b, n)| m.cmp(n).then(b.cmp(a))).map(|(end, _)| *end)
}

/// A share in thousandths, that is 0 or 1000 only where it is none or all.
pub fn share(part: u64, whole: u64) -> u64 {
    match (part, whole) {
        (0, _) | (_, 0) => 0,
        (part, whole) if part >= whole => 1000,
        (part, whole) => ((u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole)).clamp(1, 999) as u64,
    }
}
