//! What all lives of a play come to: shares and spreads of fixed size, which can be added to each other.

use super::behaviour::Exit;
use super::controllers::Rollout;
use super::life::{By, Life, Sum, Sums, What, Word};
use super::spread::Spread;
use super::{Millis, NEVER, SAMPLE};

/// Restarts that are told one by one, of each container.
pub const RESTARTS: usize = 10;

/// What is spread, after the first time of each [`What`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// From the deletion to the end of the last container.
    Ended = What::COUNT as isize,
    /// From the deletion to the end of the object.
    Gone,
    /// For those that the Service still sent calls when nobody answered: how long.
    Unanswered,
    /// When rollouts were complete.
    Complete,
    /// When they were called failed.
    Failed,
    /// Fewest pods available in one.
    Fewest,
}

/// Spreads that are not of restarts.
const FIGURES: usize = Figure::Fewest as usize + 1;

/// All of a play.
#[derive(Debug)]
pub struct Tally {
    /// What is added up.
    pub sums: Sums,
    /// The first time of each [`What`], each [`Figure`], and for each restart that is told when it was, the life
    /// before it and the pause before it.
    spreads: Vec<Spread>,
    /// How runs ended, and how often; those before a restart have the place of its first spread, those at the deletion,
    /// of the container that callers reach, that of [`Figure::Ended`].
    ends: Vec<(usize, Exit, By, u64)>,
    /// Pods by STATUS, [`Word::COUNT`] numbers for each moment.
    pub words: Vec<u64>,
    /// A few pods with how long they were not Ready.
    pub sample: Vec<(Millis, u64)>,
}

/// Where the three spreads of a container's n-th restart begin.
fn place(container: usize, n: usize) -> usize {
    FIGURES + (container * RESTARTS + n - 1) * 3
}

impl Tally {
    /// Nothing yet, for so many containers and moments.
    #[inline(never)]
    pub fn new(containers: usize, moments: usize) -> Self {
        let mut spreads = Vec::new();
        for _ in 0..place(containers, 1) {
            spreads.push(Spread::default());
        }
        Self {
            sums: Sums::default(),
            spreads,
            ends: Vec::new(),
            words: vec![0; moments * Word::COUNT],
            sample: Vec::new(),
        }
    }

    /// What was added up.
    pub fn sum(&self, sum: Sum) -> u64 {
        self.sums.get(sum)
    }

    /// When each [`What`] came first.
    pub fn firsts(&self) -> &[Spread] {
        &self.spreads[..What::COUNT]
    }

    /// When something came first.
    #[inline(never)]
    pub fn first(&self, what: What) -> &Spread {
        &self.spreads[what as usize]
    }

    /// Another figure.
    #[inline(never)]
    pub fn figure(&self, figure: Figure) -> &Spread {
        &self.spreads[figure as usize]
    }

    /// When a container's n-th restart was, the life before it, and the pause; `None` where there was none, or no more
    /// are told.
    pub fn restart(&self, container: usize, n: usize) -> Option<&[Spread]> {
        let place = place(container, n);
        self.spreads.get(place..place + 3).filter(|spreads| n <= RESTARTS && spreads[0].total() > 0)
    }

    /// How the life before that restart ended most often.
    pub fn end(&self, container: usize, n: usize) -> Option<(Exit, By)> {
        self.most_common(place(container, n))
    }

    /// How the container that callers reach ended most often when the pod was deleted.
    pub fn exit(&self) -> Option<Exit> {
        self.most_common(Figure::Ended as usize).map(|(exit, _)| exit)
    }

    /// The end at a place that was counted most, and of those the least.
    fn most_common(&self, place: usize) -> Option<(Exit, By)> {
        let mut most: Option<&(usize, Exit, By, u64)> = None;
        for end in self.ends.iter().filter(|end| end.0 == place) {
            if most.is_none_or(|most| end.3 > most.3 || end.3 == most.3 && (end.1, end.2) < (most.1, most.2)) {
                most = Some(end);
            }
        }
        most.map(|end| (end.1, end.2))
    }

    /// How many pods SIGKILL has ended when they were deleted.
    pub fn sigkilled(&self) -> u64 {
        let is_killed = |end: &&(usize, Exit, By, u64)| end.0 == Figure::Ended as usize && end.1 == Exit::KILLED;
        self.ends.iter().filter(is_killed).map(|end| end.3).sum()
    }

    fn count_end(&mut self, end: (usize, Exit, By, u64)) {
        let is_same = |known: &&mut (usize, Exit, By, u64)| (known.0, known.1, known.2) == (end.0, end.1, end.2);
        match self.ends.iter_mut().find(is_same) {
            Some(known) => known.3 += end.3,
            None => self.ends.push(end),
        }
    }

    /// Counts a life, of the pod of that number, in a play until `end`.
    #[inline(never)]
    pub fn add(&mut self, life: &Life, number: u64, end: Millis) {
        self.sums.add(Sum::Pods, 1);
        self.sums.merge(&life.sums);
        for (spread, &first) in self.spreads.iter_mut().zip(&life.first) {
            if first < NEVER && first + life.created <= end {
                spread.add(first + life.created);
            }
        }
        for restart in &life.restarts {
            let n = restart.n as usize;
            if n > RESTARTS {
                continue;
            }
            let place = place(restart.container, n);
            self.spreads[place].add(restart.at + life.created);
            self.spreads[place + 1].add(restart.life);
            self.spreads[place + 2].add(restart.pause);
            self.count_end((place, restart.exit, restart.by, 1));
        }
        for (counts, word) in self.words.chunks_exact_mut(Word::COUNT).zip(&life.words) {
            counts[*word as usize] += 1;
        }
        self.add_deletion(life);
        if number < SAMPLE {
            let mut ready = 0;
            let mut turns = life.turns.iter();
            while let Some(turn) = turns.next() {
                ready += turns.next().unwrap_or(&end).saturating_sub(*turn);
            }
            self.sample.push((end.saturating_sub(ready), number));
        }
    }

    fn add_deletion(&mut self, life: &Life) {
        let deletion = &life.deletion;
        if deletion.gone >= NEVER {
            return;
        }
        self.note(Figure::Gone, deletion.gone - deletion.at);
        if deletion.ended < NEVER {
            self.note(Figure::Ended, deletion.ended - deletion.at);
        }
        if let Some(exit) = deletion.exit {
            self.count_end((Figure::Ended as usize, exit, By::Deletion, 1));
        }
        self.sums.add(Sum::Served, deletion.was_in_service.into());
        if deletion.unanswered > 0 {
            self.note(Figure::Unanswered, deletion.unanswered);
        }
    }

    fn note(&mut self, figure: Figure, value: u64) {
        self.spreads[figure as usize].add(value);
    }

    /// Counts a pod that has not been created.
    pub fn add_missing(&mut self, number: u64, end: Millis) {
        self.sums.add(Sum::Pods, 1);
        for counts in self.words.chunks_exact_mut(Word::COUNT) {
            counts[Word::Absent as usize] += 1;
        }
        if number < SAMPLE {
            self.sample.push((end, number));
        }
    }

    /// Counts a rollout.
    pub fn add_rollout(&mut self, rollout: &Rollout) {
        self.sums.add(Sum::Rollouts, 1);
        if let Some(at) = rollout.complete {
            self.note(Figure::Complete, at);
        }
        if let Some(at) = rollout.failed {
            self.note(Figure::Failed, at);
        }
        self.note(Figure::Fewest, rollout.fewest.into());
    }

    /// Counts all that another one has.
    pub fn merge(&mut self, other: &Self) {
        self.sums.merge(&other.sums);
        for (mine, other) in self.spreads.iter_mut().zip(&other.spreads) {
            mine.merge(other);
        }
        for (mine, other) in self.words.iter_mut().zip(&other.words) {
            *mine += other;
        }
        for &end in &other.ends {
            self.count_end(end);
        }
        for &pod in &other.sample {
            self.sample.push(pod);
        }
    }
}

/// A share in thousandths, that is 0 or 1000 only where it is none or all. (A million pods of a day have 8.64e13
/// milliseconds, so the product fits.)
pub fn share(part: u64, whole: u64) -> u64 {
    match (part, whole) {
        (0, _) | (_, 0) => 0,
        (part, whole) if part >= whole => 1000,
        (part, whole) => ((part * 1000 + whole / 2) / whole).clamp(1, 999),
    }
}
