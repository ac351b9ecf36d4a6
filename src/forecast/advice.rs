//! What to change: advice only where the play shows the harm, with the value that mends it, found by playing again, and
//! what the play comes to with it as proof.

use super::life::{Sum, What};
use super::play::Play;
use super::pod::{Aim, Asks, Kind};
use super::tally::{self, Figure, Tally};
use super::workload::{Controller, Share, Strategy};
use super::{Millis, NEVER};

/// So many pods play again, at most.
const AGAIN: u64 = 200;
/// What no program waits for.
const PATIENT: u32 = 100_000;

/// What a play comes to, in thousandths: of a share, of a second, of a pod; `NEVER` where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome(pub [u64; 9]);

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
    /// What a play came to.
    pub fn of(tally: &Tally) -> Self {
        let share = |part, whole: u64| if whole > 0 { tally::share(part, whole) } else { NEVER };
        let first = |what: What| share(tally.first(what).total(), tally.sum(Sum::Pods));
        Self([
            first(What::Ready),
            tally.first(What::Ready).percentile(50).unwrap_or(NEVER),
            first(What::Restarted),
            first(What::NotReady),
            share(tally.sum(Sum::Unanswered) + tally.sum(Sum::Failing), tally.sum(Sum::InService)),
            share(tally.sigkilled(), tally.sum(Sum::Pods)),
            share(tally.figure(Figure::Unanswered).total(), tally.sum(Sum::Served)),
            share(tally.figure(Figure::Failed).total(), tally.sum(Sum::Rollouts)),
            tally.figure(Figure::Fewest).percentile(50).map_or(NEVER, |pods| pods * 1000),
        ])
    }

    /// One of them; 0 where there is none.
    #[inline(never)]
    pub fn get(&self, measure: Measure) -> u64 {
        let value = self.0[measure as usize];
        if value < NEVER { value } else { 0 }
    }
}

/// Something to change.
#[derive(Debug)]
pub struct Advice<'p> {
    /// `field|to what|why`, a template: `$a` is the container, `$b` the value, `$c` the patience, `$g` the probe.
    pub words: &'static str,
    /// The container.
    pub container: &'p str,
    /// The kind of the probe whose timeout or threshold is to change.
    pub probe: &'static str,
    /// What is to be set.
    pub value: u64,
    /// How many seconds the container's startup probe waits.
    pub patience: u64,
    /// By what it is told how it helps; `None` where nothing in a forecast shows that.
    pub measure: Option<Measure>,
    /// What the play comes to then.
    pub then: Outcome,
}

/// What is tried.
#[derive(Clone, Copy)]
enum Change {
    /// Failures in a row. A startup probe that is not there is made of the liveness probe.
    Failures(Kind, u32),
    /// How long a probe waits.
    Timeout(Kind, Millis),
    /// No such probe.
    Without(Kind),
    /// A readiness probe that asks at once.
    NoDelay,
    /// A liveness probe that only connects.
    Tcp,
    /// A sleep in preStop, and a grace period that is as much longer.
    Sleep(Millis),
    /// The grace period, and whether every program ends on SIGTERM.
    Grace(Millis, bool),
    /// `minReadySeconds`, in milliseconds.
    MinReady(Millis),
    /// The strategy and the progress deadline of a Deployment.
    Rollout(Strategy, u32),
}

impl Change {
    /// The kind of the probe that it is about, and the number that it sets, times in seconds.
    fn told(self) -> (&'static str, u64) {
        match self {
            Self::Failures(kind, failures) => (kind.name(), failures.into()),
            Self::Without(kind) => (kind.name(), 0),
            Self::Timeout(kind, timeout) => (kind.name(), timeout / 1000),
            Self::Grace(time, _) | Self::MinReady(time) => ("", time / 1000),
            Self::Rollout(_, deadline) => ("", deadline.into()),
            _ => ("", 0),
        }
    }

    fn apply(self, play: &mut Play<'_>, at: usize) {
        let plan = &mut play.plan;
        let part = &mut plan.parts[at];
        let [startup, liveness, readiness] = &mut part.aims;
        if let (Self::Failures(Kind::Startup, _), None, Some(liveness)) = (self, &startup, &liveness) {
            *startup = Some(Aim { delay: 0, ..*liveness });
        }
        match self {
            Self::Failures(kind, failures) => {
                if let Some(aim) = &mut part.aims[kind as usize] {
                    aim.failures = failures;
                }
            }
            Self::Timeout(kind, timeout) => {
                if let Some(aim) = &mut part.aims[kind as usize] {
                    aim.timeout = timeout;
                }
            }
            Self::Without(kind) => part.aims[kind as usize] = None,
            Self::NoDelay => readiness.iter_mut().for_each(|aim| aim.delay = 0),
            Self::Tcp => liveness.iter_mut().for_each(|aim| aim.asks = Asks::Tcp(None)),
            Self::Sleep(length) => {
                part.pre_stop = Some(Asks::Sleep(length));
                plan.grace += length;
            }
            Self::Grace(grace, is_obedient) => {
                plan.grace = grace;
                plan.is_obedient = is_obedient;
            }
            Self::MinReady(min_ready) => play.min_ready = min_ready,
            Self::Rollout(strategy, progress_deadline) => {
                play.controller = Controller::Deployment { strategy, progress_deadline, is_paused: false };
            }
        }
    }
}

/// A play with its advice so far.
struct Adviser<'p, 't> {
    play: &'p Play<'p>,
    tally: &'t Tally,
    now: Outcome,
    advice: Vec<Advice<'p>>,
}

/// What to change of a play that came to this.
pub(super) fn advise<'p>(play: &'p Play<'p>, tally: &Tally) -> Vec<Advice<'p>> {
    let mut adviser = Adviser { play, tally, now: Outcome::of(tally), advice: Vec::new() };
    let inits = play.plan.inits;
    for at in inits..play.plan.parts.len() {
        if !adviser.starting(at) {
            adviser.living(at);
        }
        adviser.readiness(at);
        if adviser.now.get(Measure::Killed) == 0 {
            adviser.leaving(at);
        } else if at == inits {
            adviser.ending();
        }
    }
    if let Controller::Deployment { strategy, progress_deadline, .. } = play.controller
        && tally.sum(Sum::Rollouts) > 0
    {
        adviser.rollout(strategy, progress_deadline);
        // Recreate has ended all old ones before the first new one.
        if strategy != Strategy::Recreate {
            adviser.soaking(progress_deadline);
        }
    }
    adviser.advice
}

impl<'p> Adviser<'p, '_> {
    #[inline(never)]
    fn aim(&self, at: usize, kind: Kind) -> Option<&'p Aim> {
        self.play.plan.parts[at].aims[kind as usize].as_ref()
    }

    fn has(&self, what: What) -> bool {
        self.tally.first(what).total() > 0
    }

    /// Plays again with a change, of a container where it is of one.
    fn again(&self, at: usize, change: Change) -> Tally {
        let mut play = Play::new(self.play.inquiry);
        play.pods = play.pods.min(AGAIN.max(play.size()));
        change.apply(&mut play, at);
        play.run(0..play.groups())
    }

    /// Advises to change something about a container, if the play with it is better. Whether it is.
    #[inline(never)]
    fn advise(&mut self, at: usize, change: Change, measure: Measure, words: &'static str) -> bool {
        let then = Outcome::of(&self.again(at, change));
        let (old, new) = (self.now.get(measure), then.get(measure));
        let is_better = match measure {
            Measure::Ready | Measure::Fewest => new > old,
            Measure::ReadyAt => new + 500 < old,
            _ => new * 10 < old * 9,
        };
        if is_better {
            self.add(at, change, then, Some(measure), words);
        }
        is_better
    }

    /// Advises it, whatever it comes to.
    #[inline(never)]
    fn add(&mut self, at: usize, change: Change, then: Outcome, measure: Option<Measure>, words: &'static str) {
        let container = &self.play.inquiry.workload.pod.containers[at].name;
        let (probe, value) = change.told();
        let patience = self.aim(at, Kind::Startup).map_or(0, |aim| u64::from(aim.failures) * aim.period / 1000);
        self.advice.push(Advice { words, container, probe, value, patience, measure, then });
    }

    /// A start that is slower than its probes' patience. Whether that is what is wrong.
    fn starting(&mut self, at: usize) -> bool {
        let startup = self.aim(at, Kind::Startup);
        // Killed by liveness without ever having passed it.
        let killed = self.tally.first(What::KilledLiveness).total();
        let never_passed = self.tally.first(What::FailingLiveness).total() * 2 < killed;
        let known = match (startup, self.aim(at, Kind::Liveness)) {
            (Some(startup), _) if self.has(What::KilledStartup) => startup,
            (None, Some(liveness)) if never_passed => liveness,
            _ => return false,
        };
        let patient = self.again(at, Change::Failures(Kind::Startup, PATIENT));
        let latest = patient.first(What::Started).percentile(100);
        let failures = latest.unwrap_or(0) / known.period + 2;
        let enough = Change::Failures(Kind::Startup, failures as u32);
        let (change, words) = match (startup, latest) {
            (Some(_), Some(_)) => (
                enough,
                "containers[$a].startupProbe.failureThreshold|$b|it starts slower than the $c s that the startup probe waits, and is killed",
            ),
            (None, Some(_)) => (
                enough,
                "containers[$a].startupProbe|as livenessProbe, with failureThreshold $b|liveness kills it before it has started",
            ),
            (_, None) => (
                Change::Without(if startup.is_some() { Kind::Startup } else { Kind::Liveness }),
                "containers[$a].$gProbe|what the program answers|it never passes, however long it is given",
            ),
        };
        self.advise(at, change, Measure::Restarted, words)
    }

    /// Liveness that kills what lives.
    fn living(&mut self, at: usize) {
        let Some(known) = self.aim(at, Kind::Liveness).filter(|_| self.has(What::KilledLiveness)) else { return };
        if let [_, Some(liveness), Some(readiness)] = &self.play.inquiry.workload.pod.containers[at].probes
            && liveness.handler == readiness.handler
        {
            let words = "containers[$a].livenessProbe|what only a restart mends, such as its tcpSocket|it asks what readiness asks, so what is not ready is killed instead of left alone";
            if self.advise(at, Change::Tcp, Measure::Restarted, words) {
                return;
            }
        }
        if !self.change(at, Kind::Liveness, Measure::Restarted) && known.timeout > known.period {
            let change = Change::Timeout(Kind::Liveness, known.period);
            let words = "containers[$a].livenessProbe.timeoutSeconds|$b|a timeout above the period lets each failure take longer than a period";
            self.advise(at, change, Measure::Lost, words);
        }
    }

    /// Looks for a timeout or a threshold that a probe should have.
    fn change(&mut self, at: usize, kind: Kind, measure: Measure) -> bool {
        let Some(known) = self.aim(at, kind) else { return false };
        let now = self.now.get(measure);
        // Timeouts in seconds come first, then failures in a row.
        for (step, &value) in [2, 3, 5, 10, 30, 2, 3, 5, 10].iter().enumerate() {
            let (is_timeout, timeout) = (step < 5, u64::from(value) * 1000);
            let change = match is_timeout {
                true if timeout > known.timeout => Change::Timeout(kind, timeout),
                false if value > known.failures && measure != Measure::Ready => Change::Failures(kind, value),
                _ => continue,
            };
            let better = Outcome::of(&self.again(at, change)).get(measure);
            let is_mended = match measure {
                Measure::Ready => better > now + 500,
                _ => better * if is_timeout { 10 } else { 5 } < now,
            };
            if is_mended {
                let words = if is_timeout {
                    "containers[$a].$gProbe.timeoutSeconds|$b|answers take longer than it waits"
                } else {
                    "containers[$a].$gProbe.failureThreshold|$b|it fails now and then, and so often in a row"
                };
                return self.advise(at, change, measure, words);
            }
        }
        false
    }

    fn readiness(&mut self, at: usize) {
        let Some(known) = self.aim(at, Kind::Readiness) else { return };
        // What restarts it is to be mended first.
        let is_restarted = self.has(What::Restarted);
        if !is_restarted && self.now.get(Measure::Ready) < 500 {
            if !self.change(at, Kind::Readiness, Measure::Ready) {
                let words = "containers[$a].readinessProbe|what the program answers once it can serve|it does not pass, so the pod gets no calls and a rollout waits for it";
                self.advise(at, Change::Without(Kind::Readiness), Measure::Ready, words);
            }
        } else if !is_restarted && self.has(What::FailingReadiness) {
            self.change(at, Kind::Readiness, Measure::NotReady);
        }
        if known.delay > 0 {
            let words = "containers[$a].readinessProbe.initialDelaySeconds|0|it could be Ready sooner: a readiness probe that fails early costs nothing";
            self.advise(at, Change::NoDelay, Measure::ReadyAt, words);
        }
    }

    /// A deletion that ends by SIGKILL.
    fn ending(&mut self) {
        let patient = self.again(0, Change::Grace(3_600_000, false));
        let ended = |tally: &Tally| tally.figure(Figure::Ended).percentile(100).unwrap_or(0) / 1000 + 5;
        let mut takes = ended(&patient);
        if takes > 3600 {
            // Something in the pod never heeds SIGTERM, and the rest does not wait for it.
            takes = ended(&self.again(0, Change::Grace(3_600_000, true)));
        }
        let heeds = patient.sigkilled() * 2 < patient.sum(Sum::Pods);
        let words = match heeds {
            true => "terminationGracePeriodSeconds|$b|it is killed while it still drains",
            false => "the program|one that ends on SIGTERM|it does not heed SIGTERM",
        };
        self.advise(0, Change::Grace(takes * 1000, !heeds), Measure::Killed, words);
    }

    /// A deletion that loses calls.
    fn leaving(&mut self, at: usize) {
        if self.now.get(Measure::Unanswered) > 0 && self.play.plan.parts[at].pre_stop.is_none() {
            let words = "containers[$a].lifecycle.preStop|sleep 5 s (and the grace period 5 s longer), or a drain in the program|it closes its listener while nodes still send it calls";
            self.advise(at, Change::Sleep(5000), Measure::Unanswered, words);
        }
    }

    fn rollout(&mut self, strategy: Strategy, progress_deadline: u32) {
        let (tally, replicas) = (self.tally, self.play.inquiry.workload.replicas);
        if self.now.get(Measure::RolloutFailed) > 0
            && tally.figure(Figure::Complete).total() * 2 > tally.sum(Sum::Rollouts)
        {
            let ready = tally.first(What::Ready).percentile(100).unwrap_or(0);
            let needed = (ready / 1000 + self.play.min_ready / 1000) as u32 + 10;
            let deadline = needed.max(progress_deadline + 10);
            let change = Change::Rollout(strategy, deadline);
            let words = "progressDeadlineSeconds|$b|pods take longer to be available than it allows between two steps";
            self.advise(0, change, Measure::RolloutFailed, words);
        }
        if self.now.get(Measure::Fewest) == 0 && replicas > 0 && self.now.get(Measure::Ready) > 900 {
            let gentle = Strategy::RollingUpdate { max_unavailable: Share::Pods(0), max_surge: Share::Pods(1) };
            let words = match strategy {
                Strategy::Recreate => {
                    "strategy|RollingUpdate with maxUnavailable 0 and maxSurge 1|Recreate ends every old pod before a new one is available"
                }
                _ => {
                    "strategy|RollingUpdate with maxUnavailable 0 and maxSurge 1|maxUnavailable may end every old pod before a new one is available"
                }
            };
            self.advise(0, Change::Rollout(gentle, progress_deadline), Measure::Fewest, words);
        }
    }

    /// Pods that fail soon after they were Ready, when the rollout has long gone on.
    fn soaking(&mut self, progress_deadline: u32) {
        let first = |what| self.tally.first(what).percentile(50);
        let (Some(ready), Some(failing)) = (first(What::Ready), first(What::Restarted)) else { return };
        let soak: Millis = failing.saturating_sub(ready) / 1000 + 10;
        let is_soon = self.now.get(Measure::Restarted) > 900 && soak < progress_deadline.into();
        let completes = |tally: &Tally| tally.figure(Figure::Complete).total() * 2 >= tally.sum(Sum::Rollouts);
        if !is_soon || soak * 1000 <= self.play.min_ready || !completes(self.tally) {
            return;
        }
        let change = Change::MinReady(soak * 1000);
        let tally = self.again(0, change);
        // It is better already that the rollout stops.
        if !completes(&tally) {
            let words = "minReadySeconds|$b|every new pod fails soon after it was Ready, and the rollout has replaced all old ones by then";
            self.add(0, change, Outcome::of(&tally), None, words);
        }
    }
}
