//! The pod worker's sync: what it sees, what it decides (kuberuntime_manager.go:997), and what it does, one step after
//! the other; kills (kuberuntime_container.go:818) and the crash back-off (kuberuntime_manager.go:1607).

use super::{FIRST_START, LEAST_GRACE, LETTING_GO, Millis, NEVER, Pod, START, What, Worker};
use crate::forecast::life::By;
use crate::forecast::pod::Kind;
use crate::forecast::workload::RestartPolicy;

/// A sync that does nothing takes so long.
const NO_OP: Millis = 2;
/// After an error the kubelet looks again so much later, and after a success so (pod_workers.go:326).
const RETRY: (Millis, Millis) = (10_000, 15_000);
/// As above.
const RESYNC: (Millis, Millis) = (60_000, 90_000);
/// Of the time until the first start, so many percent make the sandbox.
const SANDBOX: Millis = 60;
/// From the start of a process to its postStart hook: the runtime answers, and is asked for the pod's address. (Observed in 20 starts
/// at a time: 6 to 47 ms after it listens, 15 in the middle.)
const POST_START: (Millis, Millis) = (10, 40);
/// From the decision to the signal: the runtime is told.
const SIGNAL: (Millis, Millis) = (5, 20);
/// The back-off: first, most, and when it is forgotten (client-go flowcontrol/backoff.go).
const BACK_OFF: Millis = 10_000;
/// As above.
const MAX_BACK_OFF: Millis = 300_000;
/// As above.
const FORGIVEN: Millis = 600_000;

/// What a sync does, last first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The pod comes to the kubelet: its sandbox is to be made.
    Add,
    /// The sandbox is there; the first container comes so much later.
    Sandbox(Millis),
    /// Kill a container.
    Kill(usize, By),
    /// Wait for the end of one that is being killed.
    Await(usize),
    /// Start a container, unless it is in back-off.
    Start(usize),
    /// It has started.
    Started(usize),
    /// Its postStart has come to an end, well or not.
    PostStart(usize, bool),
    /// That is all.
    Done,
}

impl Pod<'_> {
    /// Looks at the pod as the last relist has found it, and begins to do what is to be done.
    pub(super) fn sync(&mut self) {
        self.worker = Worker::Syncing;
        self.is_error = false;
        self.see();
        self.steps.clear();
        self.steps.push(Step::Done);
        if self.decide() {
            self.end_pod();
            return;
        }
        self.steps[1..].reverse();
        self.step_at = self.now + NO_OP;
    }

    /// Puts the steps in order. True: nothing is to be kept and nothing to be started.
    fn decide(&mut self) -> bool {
        let (plan, policy) = (self.plan, self.plan.policy);
        // The last of those that have begun decides, unless a regular container runs (kuberuntime_container.go:1017).
        let mut is_initialized = self.bodies[plan.inits..].iter().any(|body| body.seen.is_running) || plan.inits == 0;
        let last = if is_initialized {
            plan.inits
        } else {
            self.bodies[..plan.inits].partition_point(|body| body.seen.run > 0)
        };
        if last == 0 && !is_initialized {
            self.steps.push(Step::Start(0));
        }
        for at in 0..plan.inits {
            let body = &self.bodies[at];
            let (is_sidecar, seen, is_last) = (body.part.is_sidecar, body.seen, at + 1 == last && !is_initialized);
            let is_well = if is_sidecar { seen.is_started } else { !seen.is_running && body.exit.code == 0 };
            if let Some(by) = self.kill_reason(at) {
                self.steps.push(Step::Kill(at, by));
                self.steps.push(Step::Start(at));
            } else if seen.run > 0 && !seen.is_running && (is_sidecar || is_last && !is_well) {
                if !is_sidecar && policy == RestartPolicy::Never {
                    return true;
                }
                self.steps.push(Step::Start(at));
            }
            if is_last && is_well {
                is_initialized = last == plan.inits;
                if !is_initialized {
                    self.steps.push(Step::Start(last));
                }
            }
        }
        if !is_initialized {
            // Its phase says that it is done before anything is started.
            let is_done = |at: usize| self.bodies[at].seen.run > 0 && !self.comes_again(at);
            return (plan.inits..self.bodies.len()).all(is_done);
        }
        // First all that is killed, then all that is started.
        for at in plan.inits..self.bodies.len() {
            if let Some(by) = self.kill_reason(at) {
                self.steps.push(Step::Kill(at, by));
            }
        }
        let mut is_over = true;
        for at in plan.inits..self.bodies.len() {
            let (seen, is_killed) = (self.bodies[at].seen, self.kill_reason(at).is_some());
            let starts = match is_killed {
                true => policy != RestartPolicy::Never,
                false => !seen.is_running && (seen.run == 0 || self.comes_again(at)),
            };
            is_over &= !starts && (is_killed || !seen.is_running);
            if starts {
                self.steps.push(Step::Start(at));
            }
        }
        is_over
    }

    /// Whether a container that has ended is started again.
    pub(super) fn comes_again(&self, at: usize) -> bool {
        match self.plan.policy {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => self.bodies[at].exit.code != 0,
            RestartPolicy::Never => false,
        }
    }

    /// Why a container that runs is to be killed.
    pub(super) fn kill_reason(&self, at: usize) -> Option<By> {
        let seen = self.bodies[at].seen;
        let fails = |kind| self.result(at, kind, seen.run) == Some(false);
        match seen.is_running {
            true if fails(Kind::Liveness) => Some(By::Liveness),
            true if fails(Kind::Startup) => Some(By::Startup),
            _ => None,
        }
    }

    /// The next step of the sync that is under way.
    #[inline(never)]
    pub(super) fn step(&mut self) {
        self.step_at = NEVER;
        let Some(step) = self.steps.pop() else { return };
        match step {
            Step::Add => {
                self.see();
                let takes = self.chance.lognormal(FIRST_START);
                // The first of them comes with the sandbox.
                let starts = if self.plan.inits > 0 { 1 } else { self.bodies.len() };
                self.steps.push(Step::Done);
                for at in (1..starts).rev() {
                    self.steps.push(Step::Start(at));
                }
                self.steps.push(Step::Sandbox(takes * (100 - SANDBOX) / 100));
                self.step_at = self.now + takes * SANDBOX / 100;
            }
            Step::Sandbox(left) => {
                self.change();
                self.steps.push(Step::Started(0));
                self.step_at = self.now + left;
            }
            Step::Kill(at, by) => {
                self.kill(at, by, None);
                self.steps.push(Step::Await(at));
                self.step_at = if self.bodies[at].is_up { NEVER } else { self.now };
            }
            // So much later the back-off is judged, by the end of the run before: kills that are exactly as far apart
            // as it lasts are past it.
            Step::Await(_) => self.step_at = self.now + self.chance.between(LETTING_GO),
            Step::Start(at) => {
                if self.is_in_back_off(at) {
                    self.bodies[at].is_refused = true;
                    self.is_error = true;
                    self.step_at = self.now;
                } else {
                    self.steps.push(Step::Started(at));
                    self.step_at = self.now + self.chance.lognormal(START);
                }
            }
            Step::Started(at) => {
                self.start(at);
                self.step_at = self.now;
                let (body, now) = (&mut self.bodies[at], self.now);
                let (part, chance) = (body.part, &mut self.chance);
                let asked = now + if part.post_start.is_some() { chance.between(POST_START) } else { 0 };
                if let Some((takes, is_good)) = part.hook(part.post_start, &mut body.process, asked, NEVER, chance) {
                    self.steps.push(Step::PostStart(at, is_good));
                    self.step_at = asked.saturating_add(takes).min(body.dies.0);
                }
            }
            Step::PostStart(_, true) => self.step_at = self.now,
            Step::PostStart(at, false) => {
                self.is_error = true;
                self.steps.push(Step::Kill(at, By::PostStart));
                self.step_at = self.now;
            }
            Step::Done => self.end_sync(),
        }
    }

    fn end_sync(&mut self) {
        self.synced = self.now;
        if self.is_deleted {
            return self.end_pod();
        }
        self.worker = Worker::Idle;
        let due = self.now + self.chance.between(if self.is_error { RETRY } else { RESYNC });
        // The queue is looked at each second.
        self.look_at = due + (self.look_phase + 1000 - due % 1000) % 1000;
        if std::mem::take(&mut self.is_pending) {
            self.request();
        }
    }

    /// Kills a container: preStop, SIGTERM, and SIGKILL when the grace period is over. `grace` is that of an end that
    /// knows no other.
    pub(super) fn kill(&mut self, at: usize, by: By, grace: Option<Millis>) {
        let plan = self.plan;
        let part = self.bodies[at].part;
        let kind = match by {
            By::Startup => Some((Kind::Startup, What::KilledStartup)),
            By::Liveness => Some((Kind::Liveness, What::KilledLiveness)),
            _ => None,
        };
        let own = kind.and_then(|(kind, _)| part.aims[kind as usize].as_ref()).and_then(|aim| aim.grace);
        let grace = grace.or(own).unwrap_or(plan.grace);
        if let Some((_, what)) = kind {
            self.life.note(what, self.now);
            #[cfg(test)]
            self.life.kills.push(self.now);
        }
        let body = &mut self.bodies[at];
        if !body.is_up {
            return;
        }
        let hook = part.hook(part.pre_stop, &mut body.process, self.now, grace, &mut self.chance);
        let takes = hook.map_or(0, |(takes, _)| takes);
        body.dies = body.dies.min(body.process.end); // It may end over the question.
        let left = (grace - takes / 1000 * 1000).max(LEAST_GRACE);
        body.killed_by = by;
        body.stops = Some((self.now + takes + self.chance.between(SIGNAL), left));
        self.shade_now();
    }

    /// SIGTERM is due.
    pub(super) fn stop(&mut self, at: usize) {
        self.account();
        let body = &mut self.bodies[at];
        let Some((_, left)) = body.stops.take() else { return };
        let ends = body.process.terminate(body.part.program, self.plan.is_obedient, self.now);
        let killed = (self.now + left, super::Exit::KILLED);
        body.dies = body.dies.min(ends).min(killed);
    }

    /// Whether a container has to wait before it is started again; else it is noted that it is.
    fn is_in_back_off(&mut self, at: usize) -> bool {
        let now = self.now;
        let body = &mut self.bodies[at];
        // What the sync has seen: a container that it has just killed ran then.
        let ended = if body.seen.is_running { body.ended_before } else { body.ended };
        if ended == NEVER || body.run == 0 {
            return false;
        }
        let is_fresh = |&(_, made): &(Millis, Millis)| ended.saturating_sub(made) <= FORGIVEN && now - made <= FORGIVEN;
        let entry = body.entry.filter(is_fresh);
        if let Some((delay, _)) = entry
            && now - ended < delay
        {
            return true;
        }
        body.entry = Some((entry.map_or(BACK_OFF, |(delay, _)| (2 * delay).min(MAX_BACK_OFF)), now));
        false
    }
}
