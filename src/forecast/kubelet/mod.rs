//! One pod on a node, as a queue of moments: the kubelet's clocks, its pod worker, its probe workers, and the
//! processes they look after. The rules are those of Kubernetes' source; where they stand in it is said with each.
//!
//! What happens at one moment happens in the order in which it is listed in [`Pod::next`].

mod ending;
mod probes;
mod status;
mod sync;
#[cfg(test)]
mod tests;

use super::behaviour::{Exit, Process};
use super::chance::{Chance, Lognormal};
use super::life::{By, Life, Restart, Shade, Sum, What, Word};
use super::pod::{Part, Plan};
use super::{Millis, NEVER};
use crate::faults::clock::Listening;
use probes::Prober;
use sync::Step;

/// From the object to the workers: scheduling, and the kubelet's watch.
const SCHEDULING: (Millis, Millis) = (10, 80);
/// From the workers to the first container, the sandbox and the first start. (Observed in 550 pods,
/// from their creation, two scenarios at a time: 5, 50, 95 % at 0.19, 0.26, 0.5 s; four at a time 0.19, 0.34, 2.3.)
const FIRST_START: Lognormal = Lognormal(130, 110, 95);
/// From a container's end until the runtime has let go of it.
const LETTING_GO: (Millis, Millis) = (10, 40);
/// A start in a sandbox that stands. (Observed in 2,500 restarts by a probe, from the last line of one log to the first of the next:
/// 5, 50, 95 % at 0.10, 0.13, 0.3 s, two scenarios at a time; four at a time 0.10, 0.17, 0.7.)
const START: Lognormal = Lognormal(60, 55, 110);
/// So much is left of any grace period (kuberuntime_container.go:862).
const LEAST_GRACE: Millis = 2000;
/// Stopping the sandbox and its network.
const SANDBOX_STOP: Lognormal = Lognormal(0, 200, 35);
/// The PLEG lists every second, and takes so long itself (pkg/kubelet/pleg/generic.go:161).
const RELIST: (Millis, Millis) = (1010, 1035);
/// After so long without need nobody can know the phase of the relists.
const FORGOTTEN: Millis = 8000;
/// A result on its way to the sync loop.
const NOTICE: Millis = 6;
/// The status manager picks a change up, and the API server has it.
const PICK_UP: (Millis, Millis) = (0, 12);
/// As above.
const WRITE: (Millis, Millis) = (10, 50);
/// From the API to the EndpointSlice, and from there to a node's kube-proxy.
const SLICE: Lognormal = Lognormal(0, 15, 80);
/// As above.
const PROXY: Lognormal = Lognormal(0, 130, 70);
/// Most moments of one pod.
pub(super) const MAX_EVENTS: u64 = 2_000_000;

/// A container as the kubelet last saw it: what its status says.
#[derive(Clone, Copy, Default, Debug)]
struct Seen {
    /// Which run, from 1; 0 before the first.
    run: u32,
    is_running: bool,
    is_started: bool,
    is_ready: bool,
    /// CrashLoopBackOff.
    is_refused: bool,
}

/// A container on the node.
struct Body<'p> {
    part: &'p Part<'p>,
    /// Its last process; one that never was before the first.
    process: Box<Process>,
    /// Runs so far.
    run: u32,
    is_up: bool,
    /// When the last run ended, and the one before it.
    ended: Millis,
    ended_before: Millis,
    exit: Exit,
    /// When SIGTERM is due, and what is left of the grace period then.
    stops: Option<(Millis, Millis)>,
    /// When and how it ends, as far as is settled, and by whom it is or was killed.
    dies: (Millis, Exit),
    killed_by: By,
    seen: Seen,
    /// The back-off entry: delay, and when it was made.
    entry: Option<(Millis, Millis)>,
    /// Whether a start was refused in the last sync that tried.
    is_refused: bool,
}

/// What the pod worker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Worker {
    /// It has nothing to do.
    Idle,
    /// It waits for a relist.
    Waiting,
    /// It is in a sync.
    Syncing,
    /// The pod is being ended for good.
    Ending,
}

/// What is due next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    Ended(usize),
    Stop(usize),
    Listener(usize),
    Step,
    Notice,
    Prober(usize),
    Relist,
    Look,
    Written,
    Routed,
    Deleted,
    Final,
    Gone,
}

/// One pod, played from its creation on.
pub(super) struct Pod<'p> {
    plan: &'p Plan<'p>,
    terms: &'p Terms<'p>,
    chance: Chance,
    now: Millis,
    is_deleted: bool,
    bodies: Vec<Body<'p>>,
    probers: Vec<Prober<'p>>,
    /// The last relist that has begun, the next one, and whether it will find something new.
    relist: Millis,
    next_relist: Millis,
    has_news: bool,
    /// The phase of the kubelet's look at its queue, and of whole seconds.
    look_phase: Millis,
    wall: Millis,
    look_at: Millis,
    worker: Worker,
    is_pending: bool,
    synced: Millis,
    steps: Vec<Step>,
    step_at: Millis,
    is_error: bool,
    /// Results on their way to the sync loop.
    notices: Vec<(Millis, usize, bool)>,
    /// Ready as the kubelet has it, as the API has it, and as kube-proxy acts on it.
    is_ready: bool,
    is_ready_in_api: bool,
    written_at: Millis,
    is_routed: bool,
    routed_at: Millis,
    counted: Millis,
    final_at: Millis,
    gone_at: Millis,
    is_done: bool,
    /// STATUS, and since when the one before held no more.
    word: Word,
    /// What it leaves behind.
    life: Life,
}

/// What a play asks of a pod.
pub(super) struct Terms<'t> {
    /// The pod's name.
    pub(super) name: &'t str,
    /// Of all dice.
    pub(super) seed: u64,
    /// The pod's number.
    pub(super) number: u64,
    /// When it is created, in the time of the play.
    pub(super) created: Millis,
    /// Whether its looks are wanted.
    pub(super) draws: bool,
    /// How long is looked.
    pub(super) end: Millis,
    /// When it is deleted.
    pub(super) deleted_at: Millis,
    /// When its STATUS is wanted, in the time of the play.
    pub(super) moments: &'t [Millis],
    /// Most moments.
    pub(super) max_events: u64,
}

/// Plays one pod.
pub(super) fn play(plan: &Plan<'_>, terms: &Terms<'_>) -> Life {
    let mut pod = Pod::new(plan, terms);
    pod.run();
    pod.life
}

impl<'p> Pod<'p> {
    #[inline(never)]
    fn new(plan: &'p Plan<'p>, terms: &'p Terms<'p>) -> Self {
        let mut chance = Chance::new(terms.seed, terms.number);
        let added = chance.between(SCHEDULING);
        let relist = chance.between((0, RELIST.0));
        let mut bodies = Vec::new();
        for part in &plan.parts {
            bodies.push(Body {
                part,
                process: Box::new(Process::new(0)),
                run: 0,
                is_up: false,
                ended: NEVER,
                ended_before: NEVER,
                exit: Exit::KILLED,
                stops: None,
                dies: (NEVER, Exit::KILLED),
                killed_by: By::Itself,
                seen: Seen::default(),
                entry: None,
                is_refused: false,
            });
        }
        Self {
            plan,
            terms,
            now: 0,
            is_deleted: false,
            bodies,
            probers: Prober::all(plan, added),
            relist: 0,
            next_relist: relist,
            has_news: false,
            look_phase: chance.between((0, 1000)),
            wall: chance.between((0, 1000)),
            look_at: NEVER,
            worker: Worker::Syncing,
            is_pending: false,
            synced: 0,
            steps: vec![Step::Add],
            step_at: added,
            is_error: false,
            notices: Vec::new(),
            is_ready: false,
            is_ready_in_api: false,
            written_at: NEVER,
            is_routed: false,
            routed_at: NEVER,
            counted: 0,
            final_at: NEVER,
            gone_at: NEVER,
            is_done: false,
            word: Word::Pending,
            chance,
            life: Life::new(terms.created, terms.draws),
        }
    }

    #[inline(never)]
    fn run(&mut self) {
        let terms = self.terms;
        self.note(What::Created);
        self.shade(Shade::None);
        while terms.moments.get(self.life.words.len()).is_some_and(|&moment| moment < self.life.created) {
            self.life.words.push(Word::Absent);
        }
        let mut events = 0;
        loop {
            let (at, due) = self.next();
            while let Some(&moment) = terms.moments.get(self.life.words.len())
                && moment - self.life.created < at
            {
                self.life.words.push(self.word);
                self.now = moment - self.life.created;
            }
            if at >= NEVER || at > terms.end && !self.is_deleted {
                break;
            }
            events += 1;
            if events > terms.max_events {
                self.life.sums.add(Sum::Cut, 1);
                break;
            }
            self.now = at;
            self.act(due);
            if due == Due::Gone {
                break;
            }
        }
        while self.life.words.len() < terms.moments.len() {
            self.life.words.push(self.word);
        }
        self.now = self.now.max(terms.end.min(terms.deleted_at));
        self.account();
    }

    /// It happens now, if it has not before.
    #[inline(never)]
    fn note(&mut self, what: What) {
        self.life.note(what, self.now);
    }

    /// What is due next, and when.
    fn next(&self) -> (Millis, Due) {
        let mut next = (self.step_at, Due::Step);
        let mut soonest = |at: Millis, due: Due| {
            if at < next.0 {
                next = (at, due);
            }
        };
        for (at, body) in self.bodies.iter().enumerate() {
            if body.is_up {
                soonest(body.dies.0, Due::Ended(at));
                soonest(body.stops.map_or(NEVER, |(at, _)| at), Due::Stop(at));
                soonest(body.process.listening_until, Due::Listener(at));
            }
        }
        soonest(self.notices.first().map_or(NEVER, |notice| notice.0), Due::Notice);
        for (at, prober) in self.probers.iter().enumerate() {
            soonest(prober.due(), Due::Prober(at));
        }
        if self.has_news || self.worker == Worker::Waiting {
            soonest(self.next_relist, Due::Relist);
        }
        soonest(self.look_at, Due::Look);
        soonest(self.written_at, Due::Written);
        soonest(self.routed_at, Due::Routed);
        soonest(if self.is_deleted { NEVER } else { self.terms.deleted_at }, Due::Deleted);
        soonest(self.final_at, Due::Final);
        soonest(self.gone_at, Due::Gone);
        next
    }

    fn act(&mut self, due: Due) {
        match due {
            Due::Ended(container) => self.ended(container),
            Due::Stop(container) => self.stop(container),
            Due::Listener(container) => self.listener_changes(container),
            Due::Step => self.step(),
            Due::Notice => self.notice(),
            Due::Prober(prober) => self.probe(prober),
            Due::Relist => self.relists(),
            Due::Look => {
                self.look_at = NEVER;
                self.request();
            }
            Due::Written => self.written(),
            Due::Routed => self.routed(),
            Due::Deleted => self.delete(),
            Due::Final => self.finish(),
            Due::Gone => self.gone(),
        }
    }

    /// Brings the relists up to now.
    fn follow_relists(&mut self) {
        if self.now > self.next_relist + FORGOTTEN {
            self.next_relist = self.now - self.chance.between((0, RELIST.0));
        }
        while self.next_relist <= self.now {
            self.relist = self.next_relist;
            self.next_relist += self.chance.between(RELIST);
        }
    }

    /// Something on the node has changed that the next relist will find.
    fn change(&mut self) {
        self.follow_relists();
        self.has_news = true;
    }

    /// The PLEG lists. What waits for its data goes on first; then what it has found is requested (generic.go:234).
    fn relists(&mut self) {
        let has_news = std::mem::take(&mut self.has_news);
        self.follow_relists();
        if self.worker == Worker::Waiting {
            self.sync();
        }
        if has_news {
            self.request();
        }
    }

    /// Somebody wants the kubelet to look at the pod (pod_workers.go:755).
    fn request(&mut self) {
        if self.worker != Worker::Idle {
            self.is_pending |= self.worker != Worker::Ending;
            return;
        }
        self.follow_relists();
        if self.relist > self.synced {
            self.sync();
        } else {
            self.worker = Worker::Waiting;
        }
    }

    /// A process starts in a container.
    #[inline(never)]
    fn start(&mut self, container: usize) {
        let part = self.bodies[container].part;
        let here = part.program.rules_on(self.terms.name);
        // Where the pod is deleted at the end of the play, its process goes on a little.
        let process = Process::start(part.program, here, self.now, self.terms.end + 60_000, &mut self.chance);
        self.account();
        let (now, is_late) = (self.now, self.now * 2 >= self.terms.end);
        let body = &mut self.bodies[container];
        if body.run > 0 {
            let (n, life_before, pause) = (body.run, body.ended - body.process.started, now - body.ended);
            let restart =
                Restart { container, n, at: now, life: life_before, pause, exit: body.exit, by: body.killed_by };
            self.life.restart(restart, is_late);
            self.life.note(What::Restarted, now);
        }
        body.run += 1;
        body.is_up = true;
        body.ended_before = body.ended;
        body.dies = process.end;
        body.killed_by = By::Itself;
        body.stops = None;
        body.is_refused = false;
        *body.process = process;
        // The listener's first moment comes as a change of it.
        body.process.listening_until = body.process.listens;
        if container >= self.plan.inits {
            self.note(What::ContainerStarted);
        }
        self.shade_now();
        self.change();
    }

    fn listener_changes(&mut self, container: usize) {
        self.account();
        let body = &mut self.bodies[container];
        body.process.watch_listener(body.part.program, self.now);
        if container == self.plan.front.0 && body.process.listening(self.now) != Listening::Closed {
            self.life.note(What::Listening, self.now);
        }
    }

    /// A container has ended.
    fn ended(&mut self, container: usize) {
        self.account();
        let now = self.now;
        let body = &mut self.bodies[container];
        body.is_up = false;
        body.ended = now;
        body.exit = body.dies.1;
        body.stops = None;
        body.process.end.0 = now;
        if self.is_deleted && container == self.plan.front.0 {
            self.life.deletion.exit = Some(body.exit);
        }
        self.note(What::Ended);
        self.change();
        self.probes_cut(container);
        if self.steps.last() == Some(&Step::Await(container)) {
            self.step_at = now;
        }
        self.shade_now();
        if self.worker == Worker::Ending {
            self.end_next();
        }
    }
}
