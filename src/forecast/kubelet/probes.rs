//! Probe workers (pkg/kubelet/prober/worker.go:158, prober_manager.go:181): one for each container and kind of probe,
//! as long as the pod lives.

use super::{Millis, NEVER, NOTICE, Pod, What};
use crate::forecast::pod::{Aim, Kind, Plan, Verdict};

/// From the sync to a probe that it triggers.
const TRIGGER: Millis = 1;
/// An error is tried so often at once.
const TRIES: u32 = 3;

/// One worker.
pub(super) struct Prober<'p> {
    aim: &'p Aim,
    container: usize,
    kind: Kind,
    tick: Millis,
    trigger: Millis,
    /// When the last probe was done: a tick that came while it ran is kept until then.
    free: Millis,
    /// When the probe that is under way is done, and what it will have come to.
    asking: Option<(Millis, Verdict)>,
    /// The run of the container that it knows, and the result it has set for that.
    run: u32,
    result: Option<bool>,
    last: Option<bool>,
    streak: u32,
    is_on_hold: bool,
    is_over: bool,
    has_passed: bool,
}

impl<'p> Prober<'p> {
    /// The workers of a pod that comes to the kubelet at `added`; their first tick is a period later.
    pub(super) fn all(plan: &'p Plan<'p>, added: Millis) -> Vec<Self> {
        let mut probers = Vec::new();
        for (container, part) in plan.parts.iter().enumerate() {
            for &kind in &Kind::ALL {
                if let Some(aim) = &part.aims[kind as usize] {
                    probers.push(Self {
                        aim,
                        container,
                        kind,
                        tick: added + aim.period,
                        trigger: NEVER,
                        free: 0,
                        asking: None,
                        run: 0,
                        result: None,
                        last: None,
                        streak: 0,
                        is_on_hold: false,
                        is_over: false,
                        has_passed: false,
                    });
                }
            }
        }
        probers
    }

    pub(super) fn due(&self) -> Millis {
        match self.asking {
            _ if self.is_over => NEVER,
            Some((done, _)) => done,
            None => self.tick.min(self.trigger).max(self.free),
        }
    }
}

impl Pod<'_> {
    /// The result that holds for a run of a container; `None` before the first. What nobody asks has passed.
    pub(super) fn result(&self, container: usize, kind: Kind, run: u32) -> Option<bool> {
        for prober in &self.probers {
            if prober.container == container && prober.kind == kind {
                return prober.result.filter(|_| prober.run == run);
            }
        }
        Some(true)
    }

    /// Lets the readiness worker of a container probe at once.
    pub(super) fn trigger(&mut self, container: usize) {
        for prober in &mut self.probers {
            if prober.container == container && prober.kind == Kind::Readiness {
                prober.trigger = prober.trigger.min(self.now + TRIGGER);
            }
        }
    }

    /// A worker has something to do: a tick, a trigger, or the end of a probe.
    pub(super) fn probe(&mut self, at: usize) {
        let now = self.now;
        let prober = &mut self.probers[at];
        let aim = prober.aim;
        if let Some((_, verdict)) = prober.asking.take() {
            prober.free = now;
            self.probed(at, verdict);
            return;
        }
        if prober.trigger <= now {
            // The ticker begins anew (from 1.29 on).
            prober.trigger = NEVER;
            prober.tick = now + aim.period;
        } else {
            prober.tick += aim.period * ((now - prober.tick) / aim.period + 1);
        }
        if self.may_ask(at) {
            self.ask(at);
        }
    }

    /// What comes before asking (worker.go:200).
    fn may_ask(&mut self, at: usize) -> bool {
        let prober = &mut self.probers[at];
        let body = &self.bodies[prober.container];
        let (seen, started) = (body.seen, body.process.started);
        if seen.run == 0 {
            return false;
        }
        if self.is_done {
            prober.is_over = true;
            return false;
        }
        if seen.run != prober.run {
            prober.run = seen.run;
            prober.is_on_hold = false;
            prober.has_passed = false;
            prober.result = match prober.kind {
                Kind::Startup => None,
                Kind::Liveness => Some(true),
                Kind::Readiness => Some(false),
            };
            if prober.kind != Kind::Liveness {
                self.tell(at, false);
            }
        }
        let prober = &mut self.probers[at];
        if prober.is_on_hold {
            return false;
        }
        if !seen.is_running {
            self.set(at, false);
            return false;
        }
        // The status has the start in whole seconds, rounded down.
        let begun = (started + self.wall) % 1000;
        if self.now + begun < started + prober.aim.delay {
            return false;
        }
        seen.is_started != (prober.kind == Kind::Startup)
    }

    #[inline(never)]
    fn ask(&mut self, at: usize) {
        let Prober { aim, container, kind, .. } = self.probers[at];
        self.note(match kind {
            Kind::Startup => What::StartupProbe,
            Kind::Liveness => What::LivenessProbe,
            Kind::Readiness => What::ReadinessProbe,
        });
        let body = &mut self.bodies[container];
        let (mut takes, mut verdict) = (0, None);
        for _ in 0..TRIES {
            let process = body.is_up.then_some(&mut *body.process);
            (takes, verdict) = aim.asks.ask(body.part.program, process, self.now, aim.timeout, &mut self.chance);
            if verdict.is_some() {
                break;
            }
        }
        body.dies = body.dies.min(body.process.end); // It may end over the question.
        if takes == 0 {
            self.probed(at, verdict);
        } else {
            self.probers[at].asking = Some((self.now + takes, verdict));
        }
    }

    /// A process has ended: what was asking it knows at once.
    pub(super) fn probes_cut(&mut self, container: usize) {
        for prober in &mut self.probers {
            if prober.container == container
                && let Some((done, verdict)) = &mut prober.asking
            {
                (*done, *verdict) = (self.now, verdict.and(Some(false)));
            }
        }
    }

    /// A probe is done (worker.go:313).
    fn probed(&mut self, at: usize, verdict: Verdict) {
        let prober = &mut self.probers[at];
        let aim = prober.aim;
        let Some(is_pass) = verdict else { return };
        if prober.last == Some(is_pass) {
            prober.streak += 1;
        } else {
            prober.last = Some(is_pass);
            prober.streak = 1;
        }
        if is_pass {
            prober.has_passed = true;
        } else if prober.has_passed {
            let what = [What::FailingStartup, What::FailingLiveness, What::FailingReadiness];
            self.life.note(what[prober.kind as usize], self.now);
        }
        let threshold = if is_pass { aim.successes } else { aim.failures };
        if prober.streak < threshold {
            return;
        }
        let holds = match prober.kind {
            Kind::Startup => true,
            Kind::Liveness => !is_pass,
            Kind::Readiness => false,
        };
        if holds {
            prober.is_on_hold = true;
            prober.streak = 0;
        }
        self.set(at, is_pass);
    }

    /// Sets the result of a worker, and tells of it when it is another than before.
    fn set(&mut self, at: usize, is_pass: bool) {
        let prober = &mut self.probers[at];
        if prober.result != Some(is_pass) {
            prober.result = Some(is_pass);
            if prober.kind != Kind::Liveness || !is_pass {
                self.tell(at, is_pass);
            }
        }
    }

    fn tell(&mut self, at: usize, is_pass: bool) {
        self.notices.push((self.now + NOTICE, at, is_pass));
    }

    /// A result has come to the sync loop (kubelet.go:2567): the status has it at once, and a sync is requested.
    pub(super) fn notice(&mut self) {
        let (_, at, is_pass) = self.notices.remove(0);
        let Prober { container, kind, run, .. } = self.probers[at];
        let seen = &mut self.bodies[container].seen;
        if seen.run == run {
            match kind {
                Kind::Readiness => seen.is_ready = is_pass,
                Kind::Startup => seen.is_started = is_pass,
                Kind::Liveness => {}
            }
            self.update();
        }
        self.request();
    }

    /// No probe of these kinds from now on (prober_manager.go:248).
    pub(super) fn stop_probes(&mut self) {
        for prober in &mut self.probers {
            prober.is_over |= prober.kind != Kind::Readiness;
        }
    }

    /// No probe at all from now on.
    pub(super) fn end_probes(&mut self) {
        for prober in &mut self.probers {
            prober.is_over = true;
        }
    }
}
