//! What the kubelet says of a pod, and who acts on it: container statuses as a sync sees them, conditions, the API,
//! the EndpointSlice and kube-proxy, and the STATUS that kubectl prints (pkg/printers/internalversion/printers.go:892).

use super::{Body, By, Exit, Millis, NEVER, PICK_UP, PROXY, Pod, SLICE, Shade, Sum, WRITE, What, Word};
use crate::faults::clock::Listening;
use crate::forecast::pod::Kind;

/// A deletion shows in the EndpointSlice so much later.
const DELETED: (Millis, Millis) = (20, 130);
/// A stretch of time is looked at once for each of these, when rules may let calls fail in it.
const LOOK: Millis = 60_000;

impl Pod<'_> {
    /// Takes the containers as the last relist has found them into the status (prober_manager.go:281), and lets
    /// readiness workers ask that have not passed.
    pub(super) fn see(&mut self) {
        for at in 0..self.bodies.len() {
            let body = &self.bodies[at];
            if body.run == 0 {
                continue;
            }
            let run = body.run;
            let is_running = body.is_up || body.ended > self.relist;
            let is_refused = body.is_refused && !is_running;
            let passed = |kind| self.result(at, kind, run) == Some(true);
            let is_started = is_running && passed(Kind::Startup);
            let is_ready = is_started && passed(Kind::Readiness);
            self.bodies[at].seen = super::Seen { run, is_running, is_started, is_ready, is_refused };
            if is_started && !is_ready {
                self.trigger(at);
            }
        }
        self.update();
        self.word = self.read_word();
        if matches!(self.word, Word::CrashLoopBackOff | Word::InitCrashLoopBackOff) {
            self.note(What::CrashLoop);
        }
    }

    /// Draws the pod's conditions from its containers.
    pub(super) fn update(&mut self) {
        let (mut is_started, mut is_ready) = (true, !self.plan.is_gated && !self.is_done);
        for (at, body) in self.bodies.iter().enumerate() {
            if at >= self.plan.inits || body.part.is_sidecar {
                is_started &= body.seen.is_started;
                is_ready &= body.seen.is_ready;
            }
        }
        if is_started {
            self.note(What::Started);
        }
        if is_ready != self.is_ready {
            self.is_ready = is_ready;
            if self.written_at == NEVER {
                self.written_at = self.now + self.chance.between(PICK_UP);
            }
        }
        // It has an address with its sandbox.
        if self.plan.is_published && self.bodies[0].run > 0 && !self.is_routed {
            self.route(SLICE.0);
        }
    }

    /// The status manager takes Ready as it is now to the API.
    pub(super) fn written(&mut self) {
        self.written_at = NEVER;
        if self.is_ready == self.is_ready_in_api {
            return;
        }
        self.account();
        let lag = self.chance.between(WRITE);
        self.is_ready_in_api = self.is_ready;
        if !self.is_deleted {
            self.life.note(if self.is_ready { What::Ready } else { What::NotReady }, self.now + lag);
            self.life.turn(self.now + lag);
        }
        if !self.plan.is_published && !self.is_deleted {
            let slice = self.chance.lognormal(SLICE);
            self.route(lag + slice);
        }
        self.shade_now();
    }

    /// The EndpointSlice changes so much later; kube-proxy follows.
    fn route(&mut self, slice: Millis) {
        if self.routed_at == NEVER {
            self.routed_at = self.now + slice + self.chance.lognormal(PROXY);
        }
    }

    /// Whether a Service has it as it is, ready or not, and as long as the object is there (endpointslice/utils.go:43).
    pub(super) fn stays_published(&self) -> bool {
        self.plan.is_published && !(self.is_deleted && self.plan.grace == 0)
    }

    /// The pod has been deleted: it leaves the EndpointSlice.
    pub(super) fn leave(&mut self) {
        self.routed_at = NEVER;
        let slice = self.chance.between(DELETED);
        self.route(slice);
    }

    /// kube-proxy takes up what the EndpointSlice says.
    pub(super) fn routed(&mut self) {
        self.routed_at = NEVER;
        let is_routed = !self.is_done && (self.stays_published() || self.is_ready_in_api && !self.is_deleted);
        if is_routed == self.is_routed {
            return;
        }
        self.account();
        self.is_routed = is_routed;
        if !self.is_deleted {
            self.note(if is_routed { What::InService } else { What::OutOfService });
        }
    }

    /// Counts the time since the last change, before the next one.
    pub(super) fn account(&mut self) {
        let (since, now) = (self.counted, self.now);
        self.counted = now;
        if now <= since {
            return;
        }
        let half = self.terms.end / 2;
        if self.is_ready_in_api && !self.is_deleted {
            self.life.sums.add(Sum::LateReady, now.saturating_sub(since.max(half)));
        }
        if !self.is_routed {
            return;
        }
        let (front, question) = self.plan.front;
        let body = &self.bodies[front];
        let program = body.part.program;
        let is_answered = body.process.listening(since) == Listening::Open;
        if self.is_deleted {
            self.life.deletion.unanswered += if is_answered { 0 } else { now - since };
            return;
        }
        self.life.sums.add(Sum::InService, now - since);
        if !is_answered {
            self.life.sums.add(Sum::Unanswered, now - since);
        } else if question.is_covered() {
            let looks = (1 + (now - since) / LOOK).min(8);
            let part = (now - since).div_ceil(looks);
            for look in 0..looks {
                let at = since + look * part + self.chance.between((0, part));
                let share = body.process.failing_share(program, question, at.min(now - 1));
                self.life.sums.add(Sum::Failing, part * share / 100_000);
            }
        }
    }

    /// STATUS as kubectl prints it.
    pub(super) fn read_word(&self) -> Word {
        if self.is_deleted && !self.is_done {
            return Word::Terminating;
        }
        let ended = |at: usize| match self.bodies[at].exit {
            // Why it could not be started stands before how it ended (kubelet_pods.go:2439).
            _ if self.bodies[at].killed_by == By::PostStart && self.comes_again(at) => Word::PostStartHookError,
            Exit { is_oom: true, .. } => Word::OomKilled,
            Exit { code: 0, .. } => Word::Completed,
            _ => Word::Error,
        };
        let inits = self.plan.inits;
        let (mut word, mut runs) = (Word::Running, false);
        for body in &self.bodies[..inits] {
            word = match body.seen {
                // Such a one is never shown to wait (kubelet_pods.go:2419).
                seen if seen.run > 0 && !seen.is_running && body.exit.code == 0 => continue,
                seen if seen.is_running && body.part.is_sidecar && seen.is_started => continue,
                seen if seen.run == 0 || seen.is_running => Word::Init,
                seen if seen.is_refused => Word::InitCrashLoopBackOff,
                _ if body.exit.is_oom => Word::InitOomKilled,
                _ => Word::InitError,
            };
            break;
        }
        // A sidecar that is down later stands behind what regular containers have to say (printers.go:1000).
        let has_begun = |body: &Body<'_>| body.seen.run > 0 && !body.seen.is_refused;
        if word != Word::Running && !self.bodies[inits..].iter().any(has_begun) {
            return word;
        }
        for &at in self.plan.by_name.iter().rev() {
            word = match self.bodies[at].seen {
                seen if seen.is_running => {
                    runs |= seen.is_ready;
                    continue;
                }
                seen if seen.run == 0 && inits > 0 => Word::PodInitializing,
                seen if seen.run == 0 => Word::ContainerCreating,
                seen if seen.is_refused && self.comes_again(at) => Word::CrashLoopBackOff,
                _ => ended(at),
            };
        }
        match word {
            Word::Completed if runs && self.is_ready => Word::Running,
            Word::Completed if runs => Word::NotReady,
            word => word,
        }
    }

    /// What the pod looks like now.
    pub(super) fn shade_now(&mut self) {
        let body = &self.bodies[self.plan.front.0];
        let shade = match body.is_up {
            _ if self.is_done => Shade::None,
            true if body.stops.is_some() || self.is_deleted => Shade::Ending,
            true if self.is_ready_in_api => Shade::Ready,
            true => Shade::Running,
            false if body.run == 0 => Shade::None,
            false => Shade::Waiting,
        };
        self.shade(shade);
    }

    pub(super) fn shade(&mut self, shade: Shade) {
        if let Some(shades) = &mut self.life.shades
            && shades.last().is_none_or(|&(_, last)| last != shade)
        {
            shades.push((self.now, shade));
        }
    }
}
