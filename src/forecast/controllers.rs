//! What controllers make of pods whose lives are known: when they create the next one, when a rollout is complete or
//! called failed, how many are available meanwhile. A rollout replaces old pods that are all available by new ones.

use super::chance::Chance;
use super::life::Life;
use super::workload::{Controller, Share, Strategy};
use super::{Millis, NEVER};

/// From one act of a controller to the next.
const STEP: (Millis, Millis) = (50, 100);
/// From the end of the last container to the phase that says so.
const PHASE: Millis = 250;

/// What a rollout came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rollout {
    /// When every pod was new and available.
    pub complete: Option<Millis>,
    /// When it was called failed.
    pub failed: Option<Millis>,
    /// Fewest pods available at a time.
    pub fewest: u32,
}

/// Whether a pod whose life began at `at` is ready and available at a moment, and when the one or other changes next.
fn look(life: &Life, at: Millis, now: Millis, min_ready: Millis) -> (bool, bool, Millis) {
    let turn = life.turns.partition_point(|&turn| turn <= now - at);
    let next = life.turns.get(turn).map_or(NEVER, |next| next + at);
    if turn % 2 == 0 {
        return (false, false, next);
    }
    let available = at + available_at(life.turns[turn - 1], min_ready);
    (true, available <= now, if available > now { next.min(available) } else { next })
}

/// When a pod that turned Ready at a moment is available: that moment is kept in whole seconds (replica_set.go:507).
fn available_at(turn: Millis, min_ready: Millis) -> Millis {
    if min_ready == 0 { turn } else { turn.max(turn / 1000 * 1000 + min_ready) }
}

/// When a pod is first available, in its own time; `None`: not as long as it is known.
fn first_available(life: &Life, min_ready: Millis) -> Option<Millis> {
    let mut turns = life.turns.as_slice();
    while let [turn, after @ ..] = turns {
        let at = available_at(*turn, min_ready);
        let [until, after @ ..] = after else { return Some(at) };
        if at < *until {
            return Some(at);
        }
        turns = after;
    }
    None
}

/// So many of the replicas.
#[inline(never)]
fn pods(share: Share, replicas: u32, rounds_up: bool) -> u32 {
    match share {
        Share::Pods(pods) => pods,
        Share::Percent(percent) => {
            let product = u64::from(percent) * u64::from(replicas);
            (if rounds_up { product.div_ceil(100) } else { product / 100 }) as u32
        }
    }
}

/// When a StatefulSet that makes one pod after the other makes the next, given those it has made; `None`: not before
/// `end`.
pub(super) fn next_created(made: &[Life], min_ready: Millis, end: Millis, chance: &mut Chance) -> Option<Millis> {
    let mut now = made.last()?.created;
    while now < end {
        let (mut all, mut next) = (true, NEVER);
        for life in made {
            let (_, is_available, change) = look(life, life.created, now, min_ready);
            all &= is_available;
            next = next.min(change);
        }
        if all {
            return Some(now + chance.between(STEP)).filter(|at| *at < end);
        }
        now = next;
    }
    None
}

/// Rolls a change of the template out over these pods; `None` where the controller does not.
#[inline(never)]
pub(super) fn rollout(
    controller: Controller,
    min_ready: Millis,
    lives: &[Life],
    end: Millis,
    chance: &mut Chance,
) -> Option<Rollout> {
    let replicas = lives.len() as u32;
    // How many stay as they are, how many go at once, and when the next one comes.
    let (skipped, at_once, waits) = match controller {
        Controller::Deployment { is_paused: true, .. }
        | Controller::StatefulSet { is_on_delete: true, .. }
        | Controller::DaemonSet { is_on_delete: true, .. }
        | Controller::Pod
        | Controller::ReplicaSet => return None,
        Controller::Deployment { strategy, progress_deadline, .. } => {
            // The API takes this for "never": there is no condition then.
            let deadline = if progress_deadline == i32::MAX as u32 { NEVER } else { progress_deadline.into() };
            let deadline = deadline.saturating_mul(1000).min(NEVER);
            return Some(rolling(lives, min_ready, deadline, strategy, end, chance));
        }
        Controller::StatefulSet { partition, .. } => (partition.min(replicas), 1, Waits::Gone),
        Controller::DaemonSet { max_unavailable, max_surge, .. } => match pods(max_surge, replicas, true) {
            0 => (0, pods(max_unavailable, replicas, true).max(1), Waits::Ended),
            surge => (0, surge, Waits::Not),
        },
    };
    let rollout = one_by_one(&lives[skipped as usize..], min_ready, at_once as usize, waits, end, chance);
    Some(Rollout { fewest: rollout.fewest + skipped, ..rollout })
}

/// A Deployment's rollout (controller/deployment/rolling.go).
fn rolling(
    lives: &[Life],
    min_ready: Millis,
    deadline: Millis,
    strategy: Strategy,
    end: Millis,
    chance: &mut Chance,
) -> Rollout {
    let replicas = lives.len() as u32;
    let mut rollout = Rollout { complete: None, failed: None, fewest: replicas };
    let (mut now, mut progress, mut old) = (0, 0, replicas);
    let (mut surge, mut unavailable) = (0, replicas);
    if let Strategy::RollingUpdate { max_unavailable, max_surge } = strategy {
        surge = pods(max_surge, replicas, true);
        unavailable = pods(max_unavailable, replicas, false).min(replicas);
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
    } else {
        // All old pods end first.
        (old, rollout.fewest) = (0, 0);
        for life in lives {
            now = now.max(Waits::Ended.time(life));
        }
    }
    let least = replicas - unavailable;
    // When the new pods were created, and how many of them were ready and available.
    let mut created: Vec<Millis> = Vec::new();
    let mut before = (0, 0);
    while now <= end {
        let (mut ready, mut available, mut next) = (0, 0, NEVER);
        for (life, &at) in lives.iter().zip(&created) {
            let (is_ready, is_available, change) = look(life, at, now, min_ready);
            ready += u32::from(is_ready);
            available += u32::from(is_available);
            next = next.min(change);
        }
        if ready > before.0 || available > before.1 {
            progress = now;
        }
        before = (ready, available);
        rollout.fewest = rollout.fewest.min(old + available);
        let new = created.len() as u32;
        if old == 0 && new == replicas && available == replicas {
            rollout.complete = Some(now);
            break;
        }
        let room = (replicas + surge).saturating_sub(old + new).min(replicas - new);
        let spare = (old + new).saturating_sub(least + (new - available));
        let spare = spare.min(old).min((old + available).saturating_sub(least));
        if room > 0 || spare > 0 {
            for _ in 0..room {
                created.push(now);
            }
            old -= if room > 0 { 0 } else { spare };
            progress = now;
            now += chance.between(STEP);
            continue;
        }
        // The condition keeps whole seconds, and is looked at one second after the deadline.
        let failed = progress / 1000 * 1000 + deadline + 1000;
        if rollout.failed.is_none() && failed <= next.min(end) {
            rollout.failed = Some(failed);
        }
        now = next;
    }
    rollout
}

/// What of an old pod the new one waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    Not,
    /// The phase that says that it has ended, or that the object is gone (daemon_controller.go:737).
    Ended,
    /// That the object is gone, whose name it is to have.
    Gone,
}

impl Waits {
    /// How long that takes from its deletion.
    fn time(self, life: &Life) -> Millis {
        let at = match self {
            Self::Not => 0,
            Self::Ended => (life.deletion.ended + PHASE).min(life.deletion.gone),
            Self::Gone => life.deletion.gone,
        };
        at.saturating_sub(life.deletion.at)
    }
}

/// The rollouts of StatefulSets and DaemonSets: an old pod is deleted and ends, the new one is created and available, and
/// then it is the next one's turn; with a surge the new one comes first.
fn one_by_one(
    lives: &[Life],
    min_ready: Millis,
    at_once: usize,
    waits: Waits,
    end: Millis,
    chance: &mut Chance,
) -> Rollout {
    let replicas = lives.len() as u32;
    let mut turns: Vec<Millis> = vec![0; at_once.min(lives.len()).max(1)];
    let mut last = 0;
    for life in lives.iter().rev() {
        let lag = chance.between(STEP);
        if let Some(turn) = turns.iter_mut().min() {
            let takes = first_available(life, min_ready).map_or(NEVER, |at| lag + at + waits.time(life));
            *turn = turn.saturating_add(takes);
            last = last.max(*turn);
        }
    }
    let missing = if waits == Waits::Not { 0 } else { turns.len() as u32 };
    Rollout { complete: (last <= end).then_some(last), failed: None, fewest: replicas - missing.min(replicas) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::sketch;
    use crate::forecast::workload::Workload;

    /// A pod that turns Ready, and not, at these moments, and takes 2 s to go.
    fn life(turns: &[Millis]) -> Life {
        let mut life = Life::new(0, false);
        life.turns = turns.to_vec();
        life.deletion.at = 0;
        life.deletion.ended = 1500;
        life.deletion.gone = 2000;
        life
    }

    fn deployment(strategy: Strategy, min_ready: u32) -> Workload {
        let controller = Controller::Deployment { strategy, progress_deadline: 60, is_paused: false };
        Workload { controller, min_ready, replicas: 4, ..sketch::workload(&[]) }
    }

    fn rolled(workload: &Workload, turns: &[&[Millis]]) -> Rollout {
        let lives: Vec<Life> = turns.iter().map(|turns| life(turns)).collect();
        rollout(workload.controller, Millis::from(workload.min_ready) * 1000, &lives, 600_000, &mut Chance::new(1, 1))
            .expect("it rolls")
    }

    const ROLLING: Strategy =
        Strategy::RollingUpdate { max_unavailable: Share::Percent(25), max_surge: Share::Percent(25) };
    const READY: &[Millis] = &[7000];

    #[test]
    fn a_deployment_of_four_takes_two_waves() {
        // One more and one fewer: two new pods at once, and again when they are available.
        let rolled = rolled(&deployment(ROLLING, 0), &[READY; 4]);
        assert!(rolled.complete.is_some_and(|at| (14_000..15_000).contains(&at)), "{rolled:?}");
        assert_eq!((rolled.failed, rolled.fewest), (None, 3));
    }

    #[test]
    fn min_ready_seconds_come_on_top_of_each_wave() {
        let rolled = rolled(&deployment(ROLLING, 5), &[&[7600][..]; 4]);
        assert!(rolled.complete.is_some_and(|at| (24_000..25_000).contains(&at)), "{rolled:?}");
    }

    #[test]
    fn a_rollout_without_progress_is_called_failed_a_second_after_its_deadline() {
        let stuck = rolled(&deployment(ROLLING, 0), &[&[], &[], &[], &[]]);
        assert!(stuck.complete.is_none() && stuck.failed.is_some_and(|at| (60_000..62_000).contains(&at)), "{stuck:?}");
        assert_eq!(stuck.fewest, 3, "what is not there yet cannot be missed");
        let late = rolled(&deployment(ROLLING, 0), &[&[100_000][..]; 4]);
        assert!(late.failed.is_some() && late.complete.is_some(), "a label only: {late:?}");
        // Each time a pod is ready is progress.
        let flaps: Vec<Millis> = (1..40).map(|turn| turn * 15_000).collect();
        let flapping = rolled(&deployment(ROLLING, 30), &[flaps.as_slice(); 4]);
        assert_eq!((flapping.failed, flapping.complete), (None, None));
    }

    #[test]
    fn recreate_has_nobody_for_a_while() {
        let rolled = rolled(&deployment(Strategy::Recreate, 0), &[READY; 4]);
        assert!(rolled.complete.is_some_and(|at| (8750..9000).contains(&at)), "{rolled:?}");
        assert_eq!(rolled.fewest, 0);
        // With a grace period of 0 nobody waits for the end.
        let mut forced = life(READY);
        forced.deletion.gone = 100;
        let Workload { controller, .. } = deployment(Strategy::Recreate, 0);
        let rolled =
            rollout(controller, 0, &[forced], 600_000, &mut Chance::new(1, 1)).and_then(|rolled| rolled.complete);
        assert!(rolled.is_some_and(|at| (7100..7300).contains(&at)), "{rolled:?}");
    }

    #[test]
    fn a_stateful_set_goes_one_by_one_and_waits_for_the_object_to_be_gone() {
        let controller = Controller::StatefulSet { is_parallel: false, is_on_delete: false, partition: 1 };
        let set = Workload { controller, replicas: 3, ..sketch::workload(&[]) };
        let done = rolled(&set, &[READY; 3]);
        assert!(done.complete.is_some_and(|at| (18_000..18_300).contains(&at)), "two of three: {done:?}");
        assert_eq!(done.fewest, 2);
        assert_eq!(rolled(&set, &[READY, &[], READY]).complete, None, "one that never gets ready blocks for good");
        let many = Workload { replicas: 6, ..set };
        let stuck = rolled(&many, &[READY, READY, &[], &[], &[], &[]]);
        assert_eq!(stuck.complete, None, "and so do four of them");
        let made = [life(READY), Life { created: 7100, ..life(&[5000]) }];
        let next = next_created(&made, 0, 60_000, &mut Chance::new(1, 1));
        assert!(next.is_some_and(|at| (12_150..12_201).contains(&at)), "{next:?}");
    }

    #[test]
    fn a_daemon_set_with_a_surge_misses_nobody() {
        let set = |surge| {
            let max_surge = Share::Pods(surge);
            let max_unavailable = Share::Pods(1 - surge);
            let controller = Controller::DaemonSet { is_on_delete: false, max_unavailable, max_surge };
            rolled(&Workload { controller, ..sketch::workload(&[]) }, &[READY; 2])
        };
        assert_eq!((set(0).fewest, set(1).fewest), (1, 2));
        assert!(set(0).complete > set(1).complete);
        // It does not wait for the objects.
        assert!(set(0).complete.is_some_and(|at| (17_600..17_700).contains(&at)), "{:?}", set(0));
    }
}
