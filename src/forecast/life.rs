//! What one pod's life leaves behind: first times, restarts, turns of readiness, how it was seen.

use super::behaviour::Exit;
use super::{Millis, NEVER};
use crate::text;

/// What can happen to a pod, in the order in which it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// The object is there.
    Created,
    /// The first regular container runs.
    ContainerStarted,
    /// It listens.
    Listening,
    /// The first startup probe that is asked.
    StartupProbe,
    /// The first liveness probe that is asked.
    LivenessProbe,
    /// The first readiness probe that is asked.
    ReadinessProbe,
    /// All containers have started, as the status says it.
    Started,
    /// The pod is Ready.
    Ready,
    /// The Service sends it calls.
    InService,
    /// A startup probe fails after a success; it cannot, but the kinds stand in one order.
    FailingStartup,
    /// A liveness probe fails after a success.
    FailingLiveness,
    /// A readiness probe fails after a success.
    FailingReadiness,
    /// The kubelet kills a container for its startup probe.
    KilledStartup,
    /// The kubelet kills a container for its liveness probe.
    KilledLiveness,
    /// A container ends, whatever the reason.
    Ended,
    /// A container is started again.
    Restarted,
    /// The STATUS word CrashLoopBackOff.
    CrashLoop,
    /// Ready no more.
    NotReady,
    /// The Service sends it nothing more.
    OutOfService,
    /// The pod is done, well.
    Succeeded,
    /// The pod is done, not well.
    Failed,
}

impl What {
    /// How many there are.
    pub const COUNT: usize = Self::Failed as usize + 1;
}

/// Why a container ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum By {
    /// It ended by itself.
    Itself,
    /// The kubelet, for its startup probe.
    Startup,
    /// The kubelet, for its liveness probe.
    Liveness,
    /// The kubelet, since postStart failed.
    PostStart,
    /// The kubelet, since the pod is done or deleted.
    Deletion,
}

impl By {
    /// As it is told.
    pub fn name(self) -> &'static str {
        text::word("itself startup liveness postStart deletion", self as usize)
    }
}

/// A container that was started again.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// Which, init containers counted first.
    pub container: usize,
    /// From 1, of this container.
    pub n: u32,
    /// When it started again.
    pub at: Millis,
    /// How long it had run before.
    pub life: Millis,
    /// How long it had not.
    pub pause: Millis,
    /// How it had ended.
    pub exit: Exit,
    /// Why.
    pub by: By,
}

/// STATUS words of kubectl.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Word {
    /// Not there yet, of StatefulSets that make one pod after the other.
    Absent,
    /// No node has it yet.
    Pending,
    /// No container has been seen yet.
    ContainerCreating,
    /// Init containers are at work.
    Init,
    /// They are done, and regular containers come.
    PodInitializing,
    /// Running, ready or not.
    Running,
    /// A container ended with status 0.
    Completed,
    /// A container ended with another status.
    Error,
    /// A container was killed for want of memory.
    OomKilled,
    /// A container was killed since its postStart hook failed.
    PostStartHookError,
    /// A container that is not started again for now.
    CrashLoopBackOff,
    /// Some containers are done, the others not ready.
    NotReady,
    /// An init container ended with another status.
    InitError,
    /// An init container was killed for want of memory.
    InitOomKilled,
    /// An init container that is not started again for now.
    InitCrashLoopBackOff,
    /// Deleted, and not gone.
    Terminating,
    /// Gone.
    Gone,
}

impl Word {
    /// How many there are.
    pub const COUNT: usize = Self::Gone as usize + 1;
    /// As kubectl shows them, for [`crate::text::word`].
    pub const NAMES: &str = "Absent Pending ContainerCreating Init PodInitializing Running Completed Error OOMKilled \
        PostStartHookError CrashLoopBackOff NotReady Init:Error Init:OOMKilled Init:CrashLoopBackOff Terminating Gone";
}

/// What can be seen of a pod from outside, for the drawing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Shade {
    /// Nothing of it is there.
    None,
    /// A process runs and is not Ready.
    Running,
    /// Ready.
    Ready,
    /// It is being ended.
    Ending,
    /// Nothing runs, and the kubelet waits.
    Waiting,
}

/// What is added up, of one life and of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sum {
    /// Pods.
    Pods,
    /// Those that did more than a play may.
    Cut,
    /// Restarts in the second half of the play.
    LateRestarts,
    /// How long a pod was Ready in the second half.
    LateReady,
    /// How long the Service sent it calls.
    InService,
    /// How long of that nobody answered.
    Unanswered,
    /// How much of that fails by the rules.
    Failing,
    /// Pods that were in the Service when they were deleted.
    Served,
    /// Rollouts.
    Rollouts,
}

/// A number for each [`Sum`].
#[derive(Clone, Copy, Default, Debug)]
pub struct Sums([u64; Sum::Rollouts as usize + 1]);

impl Sums {
    /// One of them.
    pub fn get(&self, sum: Sum) -> u64 {
        self.0[sum as usize]
    }

    /// Adds to one of them.
    pub fn add(&mut self, sum: Sum, more: u64) {
        self.0[sum as usize] += more;
    }

    /// Adds all that others have.
    #[inline(never)]
    pub fn merge(&mut self, others: &Self) {
        for (mine, other) in self.0.iter_mut().zip(&others.0) {
            *mine += other;
        }
    }
}

/// Most restarts and turns that are kept of one pod; all are counted.
const MAX_KEPT: usize = 2048;

/// What one pod leaves behind.
#[derive(Debug)]
pub struct Life {
    /// When the pod was created; all other times are after that.
    pub created: Millis,
    /// The first time of each [`What`].
    pub first: [Millis; What::COUNT],
    /// Containers that were started again.
    pub restarts: Vec<Restart>,
    /// When the kubelet decided to kill a container, for its own tests.
    #[cfg(test)]
    pub kills: Vec<Millis>,
    /// What is added up.
    pub sums: Sums,
    /// Turns of Ready in the API, the first to true.
    pub turns: Vec<Millis>,
    /// STATUS at the moments that were asked for.
    pub words: Vec<Word>,
    /// What became of its deletion.
    pub deletion: Deletion,
    /// What it looked like from when on, where that was asked for.
    pub shades: Option<Vec<(Millis, Shade)>>,
}

/// What became of a deletion.
#[derive(Clone, Copy, Debug)]
pub struct Deletion {
    /// When it was asked for.
    pub at: Millis,
    /// When its last container had ended.
    pub ended: Millis,
    /// When the object was gone.
    pub gone: Millis,
    /// How the container that callers reach ended.
    pub exit: Option<Exit>,
    /// How long the Service sent calls after that one had closed its listener.
    pub unanswered: Millis,
    /// Whether the Service sent it calls at that moment.
    pub was_in_service: bool,
}

impl Life {
    /// Nothing yet.
    pub fn new(created: Millis, draws: bool) -> Self {
        Self {
            created,
            first: [NEVER; What::COUNT],
            restarts: Vec::new(),
            #[cfg(test)]
            kills: Vec::new(),
            sums: Sums::default(),
            turns: Vec::new(),
            words: Vec::new(),
            deletion: Deletion {
                at: NEVER,
                ended: NEVER,
                gone: NEVER,
                exit: None,
                unanswered: 0,
                was_in_service: false,
            },
            shades: draws.then(Vec::new),
        }
    }

    /// It happens now, if it has not before.
    #[inline(never)]
    pub(super) fn note(&mut self, what: What, now: Millis) {
        let first = &mut self.first[what as usize];
        *first = now.min(*first);
    }

    pub(super) fn restart(&mut self, restart: Restart, is_late: bool) {
        self.sums.add(Sum::LateRestarts, is_late.into());
        if self.restarts.len() < MAX_KEPT {
            self.restarts.push(restart);
        }
    }

    pub(super) fn turn(&mut self, now: Millis) {
        if self.turns.len() < MAX_KEPT {
            self.turns.push(now);
        }
    }
}
