//! What to change: advice only where the play shows the harm, with the value that mends it, found by playing again, and
//! what the play comes to with it as proof.

use super::Millis;
use super::life::What;
use super::play::{Inquiry, Play};
use super::pod::Kind;
use super::tally::{self, Tally};
use super::workload::{Container, Controller, Handler, Probe, Share, Strategy};
use crate::faults::rule::Target;
use crate::text;

/// So many pods play again, at most.
const AGAIN: u64 = 200;
/// What no program waits for.
const PATIENT: u32 = 100_000;

/// What a play comes to, in thousandths: of a share, of a second, of a pod.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome(pub [Option<u64>; 9]);

/// The places in an [`Outcome`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Share of pods that were ever Ready.
    Ready,
    /// When, at the median.
    ReadyAt,
    /// Share of pods with a restart.
    Restarted,
    /// Share of pods that turned not ready.
    NotReady,
    /// Share of calls lost while a pod was in the Service.
    Lost,
    /// Share of deletions that ended by SIGKILL.
    Killed,
    /// Share of deletions that lost calls.
    Unanswered,
    /// Share of rollouts that were called failed.
    RolloutFailed,
    /// Fewest pods available in a rollout, at the median.
    Fewest,
}

impl Outcome {
    /// Their names, as in JSON.
    pub const NAMES: [&'static str; 9] = [
        "ready",
        "ready_at",
        "restarted",
        "not_ready",
        "lost",
        "killed_at_deletion",
        "unanswered_at_deletion",
        "rollout_failed",
        "fewest_available",
    ];

    /// What a play came to.
    pub fn of(tally: &Tally) -> Self {
        let share = |part, whole: u64| (whole > 0).then(|| tally::share(part, whole));
        let first = |what: What| share(tally.first[what as usize].total(), tally.pods);
        Self([
            first(What::Ready),
            tally.first[What::Ready as usize].percentile(50),
            first(What::Restarted),
            first(What::NotReady),
            share(tally.service[1] + tally.service[2], tally.service[0]),
            share(tally.sigkilled(), tally.pods),
            share(tally.unanswered.total(), tally.served),
            share(tally.failed.total(), tally.rollouts),
            tally.fewest.percentile(50).map(|pods| pods * 1000),
        ])
    }

    /// One of them; 0 where there is none.
    pub fn get(&self, measure: Measure) -> u64 {
        self.0[measure as usize].unwrap_or(0)
    }
}

/// Something to change.
#[derive(Clone, Debug)]
pub struct Advice {
    /// Which field.
    pub field: String,
    /// To what.
    pub set: String,
    /// Why.
    pub why: String,
    /// By what it is told how it helps.
    pub measure: Measure,
    /// What the play came to.
    pub now: Outcome,
    /// What it comes to then.
    pub then: Outcome,
}

/// A play with its advice so far.
struct Adviser<'i> {
    inquiry: &'i Inquiry,
    tally: &'i Tally,
    now: Outcome,
    advice: Vec<Advice>,
}

/// Plays again with a change.
fn again(inquiry: &Inquiry, change: &dyn Fn(&mut Inquiry)) -> Tally {
    let mut inquiry = inquiry.clone();
    let least = u64::from(inquiry.workload.replicas.max(1));
    inquiry.pods = inquiry.pods.min(AGAIN.max(least));
    change(&mut inquiry);
    let play = Play::new(&inquiry);
    play.run(0..play.groups())
}

fn probe(inquiry: &mut Inquiry, at: usize, kind: Kind) -> &mut Option<Probe> {
    let container = &mut inquiry.workload.pod.containers[at];
    match kind {
        Kind::Startup => &mut container.startup,
        Kind::Liveness => &mut container.liveness,
        Kind::Readiness => &mut container.readiness,
    }
}

/// What to change of an inquiry that came to this.
pub(super) fn advise(inquiry: &Inquiry, tally: &Tally) -> Vec<Advice> {
    let now = Outcome::of(tally);
    let mut adviser = Adviser { inquiry, tally, now, advice: Vec::new() };
    for at in 0..inquiry.workload.pod.containers.len() {
        if !adviser.starting(at) {
            adviser.living(at);
        }
        adviser.readiness(at);
        adviser.deletion(at);
    }
    adviser.rollout();
    adviser.advice
}

impl Adviser<'_> {
    fn container(&self, at: usize) -> &Container {
        &self.inquiry.workload.pod.containers[at]
    }

    fn has(&self, what: What) -> bool {
        self.tally.first[what as usize].total() > 0
    }

    /// Notes advice on a field below a container, if the play with it is better.
    fn note(&mut self, (field, set, why): (String, String, String), measure: Measure, then: &Tally) -> bool {
        let then = Outcome::of(then);
        let (old, new) = (self.now.get(measure), then.get(measure));
        let is_better = match measure {
            Measure::Ready | Measure::Fewest => new > old,
            Measure::ReadyAt => new + 500 < old,
            _ => new * 10 < old * 9,
        };
        if is_better {
            self.advice.push(Advice { field, set, why, measure, now: self.now, then });
        }
        is_better
    }

    fn field(&self, at: usize, field: &str) -> String {
        text::joined(&["containers[", &self.container(at).name, "].", field])
    }

    /// A start that is slower than its probes' patience. Whether that is what is wrong.
    fn starting(&mut self, at: usize) -> bool {
        let (startup, liveness) = (self.container(at).startup.clone(), self.container(at).liveness.clone());
        let started_late = |tally: &Tally, period: u32| {
            let latest = tally.first[What::Started as usize].percentile(100)?;
            Some((latest / 1000 / u64::from(period) + 2) as u32)
        };
        if let Some(known) = startup.filter(|_| self.has(What::KilledStartup)) {
            let patient = again(self.inquiry, &|inquiry| {
                if let Some(probe) = probe(inquiry, at, Kind::Startup) {
                    probe.failures = PATIENT;
                }
            });
            let patience = text::to_decimal(u64::from(known.failures) * u64::from(known.period));
            match started_late(&patient, known.period) {
                Some(failures) => {
                    let then = again(self.inquiry, &|inquiry| {
                        if let Some(probe) = probe(inquiry, at, Kind::Startup) {
                            probe.failures = failures;
                        }
                    });
                    let why =
                        ["it starts slower than the ", &patience, " s that the startup probe waits, and is killed"];
                    let words = (
                        self.field(at, "startupProbe.failureThreshold"),
                        text::to_decimal(failures.into()),
                        text::joined(&why),
                    );
                    return self.note(words, Measure::Restarted, &then);
                }
                None => {
                    let then = again(self.inquiry, &|inquiry| *probe(inquiry, at, Kind::Startup) = None);
                    let why = "it never passes, however long it is given".to_owned();
                    let words = (self.field(at, "startupProbe"), "what the program answers".to_owned(), why);
                    return self.note(words, Measure::Restarted, &then);
                }
            }
        }
        // Killed by liveness without ever having passed it.
        let never_passed = self.tally.first[What::FailingLiveness as usize].total() * 2
            < self.tally.first[What::KilledLiveness as usize].total();
        if let Some(known) = liveness.filter(|_| self.has(What::KilledLiveness) && never_passed)
            && self.container(at).startup.is_none()
        {
            let with = |failures: u32| {
                again(self.inquiry, &|inquiry| {
                    *probe(inquiry, at, Kind::Startup) = Some(Probe { failures, initial_delay: 0, ..known.clone() });
                })
            };
            if let Some(failures) = started_late(&with(PATIENT), known.period) {
                let then = with(failures);
                let set = ["as livenessProbe, with failureThreshold ", &text::to_decimal(failures.into())];
                let why = "liveness kills it before it has started".to_owned();
                return self.note((self.field(at, "startupProbe"), text::joined(&set), why), Measure::Restarted, &then);
            }
        }
        false
    }

    /// Liveness that kills what lives.
    fn living(&mut self, at: usize) {
        let Some(known) = self.container(at).liveness.clone().filter(|_| self.has(What::KilledLiveness)) else {
            return;
        };
        let readiness = self.container(at).readiness.clone();
        if readiness.is_some_and(|readiness| readiness.handler == known.handler) {
            let then = again(self.inquiry, &|inquiry| {
                if let Some(probe) = probe(inquiry, at, Kind::Liveness) {
                    probe.handler = Handler::Tcp { port: Some(0) };
                }
            });
            let why = "it asks what readiness asks, so what is not ready is killed instead of left alone".to_owned();
            let set = "what only a restart mends, such as its tcpSocket".to_owned();
            if self.note((self.field(at, "livenessProbe"), set, why), Measure::Restarted, &then) {
                return;
            }
        }
        if self.change(at, Kind::Liveness, Measure::Restarted) {
            return;
        }
        if known.timeout > known.period {
            let then = again(self.inquiry, &|inquiry| {
                if let Some(probe) = probe(inquiry, at, Kind::Liveness) {
                    probe.timeout = probe.period;
                }
            });
            let why = "a timeout above the period lets each failure take longer than a period".to_owned();
            let set = text::to_decimal(known.period.into());
            self.note((self.field(at, "livenessProbe.timeoutSeconds"), set, why), Measure::Lost, &then);
        }
    }

    /// Looks for a timeout or a threshold that a probe should have.
    fn change(&mut self, at: usize, kind: Kind, measure: Measure) -> bool {
        let base = self.field(at, kind.name());
        for timeout in [2, 3, 5, 10, 30] {
            let Some(known) = probe(&mut self.inquiry.clone(), at, kind).clone() else { return false };
            if timeout <= known.timeout {
                continue;
            }
            let then = again(self.inquiry, &|inquiry| {
                if let Some(probe) = probe(inquiry, at, kind) {
                    probe.timeout = timeout;
                }
            });
            let better = Outcome::of(&then);
            let is_mended = match measure {
                Measure::Ready => better.get(measure) > self.now.get(measure) + 500,
                _ => better.get(measure) * 10 < self.now.get(measure),
            };
            if is_mended {
                let why = "answers take longer than it waits".to_owned();
                let set = text::to_decimal(timeout.into());
                return self.note((text::joined(&[&base, "Probe.timeoutSeconds"]), set, why), measure, &then);
            }
        }
        for failures in [2, 3, 5, 10] {
            let Some(known) = probe(&mut self.inquiry.clone(), at, kind).clone() else { return false };
            if failures <= known.failures || kind == Kind::Readiness && measure == Measure::Ready {
                continue;
            }
            let then = again(self.inquiry, &|inquiry| {
                if let Some(probe) = probe(inquiry, at, kind) {
                    probe.failures = failures;
                }
            });
            if Outcome::of(&then).get(measure) * 5 < self.now.get(measure) {
                let why = "it fails now and then, and so often in a row".to_owned();
                let set = text::to_decimal(failures.into());
                return self.note((text::joined(&[&base, "Probe.failureThreshold"]), set, why), measure, &then);
            }
        }
        false
    }

    fn readiness(&mut self, at: usize) {
        let Some(known) = self.container(at).readiness.clone() else { return };
        if self.now.get(Measure::Ready) < 500 && !self.has(What::Restarted) {
            if !self.change(at, Kind::Readiness, Measure::Ready) {
                let then = again(self.inquiry, &|inquiry| *probe(inquiry, at, Kind::Readiness) = None);
                let set = "what the program answers once it can serve".to_owned();
                let why = "it does not pass, so the pod gets no calls and a rollout waits for it".to_owned();
                self.note((self.field(at, "readinessProbe"), set, why), Measure::Ready, &then);
            }
        } else if self.has(What::FailingReadiness) && !self.has(What::Restarted) {
            self.change(at, Kind::Readiness, Measure::NotReady);
        }
        if known.initial_delay > 0 {
            let then = again(self.inquiry, &|inquiry| {
                if let Some(probe) = probe(inquiry, at, Kind::Readiness) {
                    probe.initial_delay = 0;
                }
            });
            let why = "it could be Ready sooner: a readiness probe that fails early costs nothing".to_owned();
            let field = self.field(at, "readinessProbe.initialDelaySeconds");
            self.note((field, "0".to_owned(), why), Measure::ReadyAt, &then);
        }
    }

    fn deletion(&mut self, at: usize) {
        if self.now.get(Measure::Killed) > 0 {
            let patient = again(self.inquiry, &|inquiry| inquiry.workload.pod.grace = 3600);
            let takes = patient.ended.percentile(100).unwrap_or(0) / 1000 + 5;
            let (field, set, why) = match patient.sigkilled() * 2 < patient.pods {
                true => {
                    ("terminationGracePeriodSeconds", text::to_decimal(takes), "it is killed while it still drains")
                }
                false => ("the program", "one that ends on SIGTERM".to_owned(), "it does not heed SIGTERM"),
            };
            let then = again(self.inquiry, &|inquiry| {
                inquiry.workload.pod.grace = takes as u32;
                if patient.sigkilled() * 2 >= patient.pods {
                    for program in inquiry.behaviours.iter_mut().map(|behaviour| &mut behaviour.program) {
                        program.rules.retain(|rule| rule.target != Target::Term);
                        program.ignores_stop = false;
                    }
                }
            });
            self.note((field.to_owned(), set, why.to_owned()), Measure::Killed, &then);
            return;
        }
        if self.now.get(Measure::Unanswered) > 0 && self.container(at).pre_stop.is_none() {
            let then = again(self.inquiry, &|inquiry| {
                inquiry.workload.pod.containers[at].pre_stop = Some(Handler::Sleep { seconds: 5 });
                inquiry.workload.pod.grace += 5;
            });
            let why = "it closes its listener while nodes still send it calls".to_owned();
            let set = "sleep 5 s (and the grace period 5 s longer), or a drain in the program".to_owned();
            self.note((self.field(at, "lifecycle.preStop"), set, why), Measure::Unanswered, &then);
        }
    }

    fn rollout(&mut self) {
        let Controller::Deployment { strategy, progress_deadline, .. } = self.inquiry.workload.controller else {
            return;
        };
        if self.tally.rollouts == 0 {
            return;
        }
        if self.now.get(Measure::RolloutFailed) > 0 && self.tally.complete.total() * 2 > self.tally.rollouts {
            let ready = self.tally.first[What::Ready as usize].percentile(100).unwrap_or(0);
            let needed = (ready / 1000) as u32 + self.inquiry.workload.min_ready + 10;
            let deadline = needed.max(progress_deadline + 10);
            let then = again(self.inquiry, &|inquiry| {
                if let Controller::Deployment { progress_deadline, .. } = &mut inquiry.workload.controller {
                    *progress_deadline = deadline;
                }
            });
            let why = "pods take longer to be available than it allows between two steps".to_owned();
            let words = ("progressDeadlineSeconds".to_owned(), text::to_decimal(deadline.into()), why);
            self.note(words, Measure::RolloutFailed, &then);
        }
        let replicas = self.inquiry.workload.replicas;
        if self.now.get(Measure::Fewest) == 0 && replicas > 0 && self.now.get(Measure::Ready) > 900 {
            let then = again(self.inquiry, &|inquiry| {
                if let Controller::Deployment { strategy, .. } = &mut inquiry.workload.controller {
                    *strategy = Strategy::RollingUpdate { max_unavailable: Share::Pods(0), max_surge: Share::Pods(1) };
                }
            });
            let what = if strategy == Strategy::Recreate { "Recreate ends" } else { "maxUnavailable may end" };
            let why = text::joined(&[what, " every old pod before a new one is available"]);
            let words = ("strategy".to_owned(), "RollingUpdate with maxUnavailable 0 and maxSurge 1".to_owned(), why);
            self.note(words, Measure::Fewest, &then);
        }
        self.soaking();
    }

    /// Pods that fail soon after they were Ready, when the rollout has long gone on.
    fn soaking(&mut self) {
        let (ready, failing) = (&self.tally.first[What::Ready as usize], &self.tally.first[What::Restarted as usize]);
        let (Some(ready), Some(failing)) = (ready.percentile(50), failing.percentile(50)) else { return };
        let soak: Millis = failing.saturating_sub(ready) / 1000 + 10;
        let Controller::Deployment { progress_deadline, .. } = self.inquiry.workload.controller else { return };
        let is_soon = self.now.get(Measure::Restarted) > 900 && soak < progress_deadline.into();
        let min_ready = u64::from(self.inquiry.workload.min_ready);
        if !is_soon || soak <= min_ready || self.tally.complete.total() * 2 < self.tally.rollouts {
            return;
        }
        let then = again(self.inquiry, &|inquiry| inquiry.workload.min_ready = soak as u32);
        if then.complete.total() * 2 < then.rollouts {
            let why = "every new pod fails soon after it was Ready, and the rollout has replaced all old ones by then";
            self.advice.push(Advice {
                field: "minReadySeconds".to_owned(),
                set: text::to_decimal(soak),
                why: why.to_owned(),
                measure: Measure::Fewest,
                now: self.now,
                then: Outcome::of(&then),
            });
        }
    }
}
