//! The end of a pod: deletion, or all containers done for good. Regular containers end first, together; then sidecars,
//! last first (kuberuntime_termination_order.go); then the sandbox; then the object.

use super::{Body, By, LEAST_GRACE, Millis, NEVER, Pod, SANDBOX_STOP, What, Word, Worker};

/// A pod that is done is looked at once more, a relist later, before its phase says so.
const TERMINATED: Millis = 1020;
/// From the kubelet's last word to the end of the object.
const REMOVAL: (Millis, Millis) = (30, 100);

impl Pod<'_> {
    /// The pod is deleted. A sync that is under way comes to its end first.
    pub(super) fn delete(&mut self) {
        self.account();
        self.is_deleted = true;
        self.life.deletion.at = self.now;
        self.life.deletion.was_in_service = self.is_routed;
        if self.is_done {
            self.gone_at = self.now + self.chance.between((REMOVAL.0, 1000));
            return;
        }
        if self.plan.grace == 0 {
            // The API server does not wait for the kubelet (registry/core/pod/strategy.go:164).
            self.life.deletion.gone = self.now + self.chance.between(REMOVAL);
        }
        self.word = Word::Terminating;
        if !self.stays_published() {
            self.leave();
        }
        self.stop_probes();
        self.shade_now();
        if self.worker != Worker::Syncing && self.worker != Worker::Ending {
            self.end_pod();
        }
    }

    /// Nothing of the pod is to go on.
    pub(super) fn end_pod(&mut self) {
        self.worker = Worker::Ending;
        self.steps.clear();
        self.step_at = NEVER;
        self.look_at = NEVER;
        self.synced = self.now;
        for at in 0..self.bodies.len() {
            if self.bodies[at].is_up && !self.bodies[at].part.is_sidecar {
                // Where nothing is started again, what kills one container ends the pod.
                let by = self.kill_reason(at).filter(|_| !self.is_deleted).unwrap_or(By::Deletion);
                self.kill(at, by, Some(self.plan.grace));
            }
        }
        self.end_next();
    }

    /// Goes on with the end, when a container has come to its own.
    pub(super) fn end_next(&mut self) {
        let (plan, now) = (self.plan, self.now);
        let is_regular = |body: &Body<'_>| body.is_up && !body.part.is_sidecar;
        if self.bodies.iter().any(is_regular) || self.final_at != NEVER {
            return;
        }
        if let Some(at) = (0..plan.inits).rev().find(|&at| self.bodies[at].is_up) {
            if self.bodies[at].killed_by != By::Deletion {
                let waited = now - self.synced;
                self.kill(at, By::Deletion, Some(plan.grace));
                // Its preStop began with the others', and what it takes is not taken off twice.
                if let Some((stops, left)) = &mut self.bodies[at].stops {
                    let turn = waited.saturating_sub(*stops - now);
                    *left = left.saturating_sub(turn / 1000 * 1000).max(LEAST_GRACE);
                    *stops = now.max(stops.saturating_sub(waited));
                }
            }
            return;
        }
        let mut wait = TERMINATED;
        if self.is_deleted {
            self.life.deletion.ended = now;
            wait = 0;
        }
        self.final_at = now + wait + self.chance.lognormal(SANDBOX_STOP);
        for body in &mut self.bodies {
            body.seen.is_running = false;
            body.seen.is_started = false;
            body.seen.is_ready = false;
        }
        self.end_probes();
        self.update();
        if !self.is_deleted {
            self.word = self.read_word();
        }
    }

    /// The phase says how the pod has ended.
    pub(super) fn finish(&mut self) {
        self.final_at = NEVER;
        self.is_done = true;
        let is_well = self.bodies[self.plan.inits..].iter().all(|body| body.run > 0 && body.exit.code == 0);
        if self.is_deleted {
            self.follow_relists();
            self.gone_at = self.next_relist + self.chance.between(REMOVAL);
        } else {
            self.note(if is_well { What::Succeeded } else { What::Failed });
        }
        self.update();
        if self.routed_at == NEVER && self.is_routed {
            self.leave();
        }
        self.shade_now();
    }

    /// The object is gone.
    pub(super) fn gone(&mut self) {
        self.account();
        self.gone_at = NEVER;
        self.word = Word::Gone;
        self.life.deletion.gone = self.life.deletion.gone.min(self.now);
    }
}
