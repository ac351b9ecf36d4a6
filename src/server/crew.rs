//! Leaders and followers: who of the workers takes an event, that another waits behind it, and when there are too many or too
//! few. Nothing of what workers do, nor of how they are started.
//!
//! Few threads are enough, since nothing that waits holds one. More are started only for work that keeps a thread
//! busy, and the last free one never takes such work: checks are always answered.

use std::io;
use std::sync::atomic::Ordering;

use crate::sync::{AtomicUsize, Lock};

/// Workers at start, and free ones that there are at least while there is slow work.
pub const START: usize = 2;
/// Free workers that are kept when there was much slow work.
const KEEP: usize = 8;

/// Starts one more worker, whose life is [`Crew::work`].
pub type Spawn<'a> = &'a dyn Fn() -> io::Result<()>;

/// The workers, counted.
pub struct Crew {
    /// Most threads.
    max: usize,
    /// Free workers worth having: one for each CPU.
    useful: AtomicUsize,
    total: AtomicUsize,
    slow: AtomicUsize,
    waiting: AtomicUsize,
    /// Held while deciding about threads and slow work.
    deciding: Lock<()>,
}

/// Leave to keep a thread busy; given back when dropped.
pub struct SlowPermit<'c>(&'c Crew);

impl Drop for SlowPermit<'_> {
    fn drop(&mut self) {
        self.0.slow.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Crew {
    /// A crew of at most `max`, which is at least [`START`].
    pub fn new(max: usize) -> Self {
        let count = AtomicUsize::new;
        Self { max, useful: count(START), total: count(0), slow: count(0), waiting: count(0), deciding: Lock::new(()) }
    }

    /// Says how many CPUs there are, which takes longer to find out than starting workers.
    pub fn set_cpus(&self, cpus: usize) {
        self.useful.store(cpus.clamp(START, self.max), Ordering::Relaxed);
    }

    /// Starts the first workers; one is enough to serve. Returns why there are fewer than there should be.
    pub fn start(&self, spawn: Spawn<'_>) -> io::Result<Option<io::Error>> {
        // The first one may be at work before the second is there, and must not make up for it.
        let _deciding = self.deciding.lock();
        self.spawn(spawn)?;
        Ok((1..START).find_map(|_| self.spawn(spawn).err()))
    }

    fn spawn(&self, spawn: Spawn<'_>) -> io::Result<()> {
        self.total.fetch_add(1, Ordering::Relaxed);
        let spawned = spawn();
        if spawned.is_err() {
            self.total.fetch_sub(1, Ordering::Relaxed);
        }
        spawned
    }

    fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    fn free(&self) -> usize {
        self.total().saturating_sub(self.slow.load(Ordering::Relaxed))
    }

    fn useful(&self) -> usize {
        self.useful.load(Ordering::Relaxed)
    }

    /// Leave for slow work, or `None`: this is the last free worker, and no other can be had.
    pub fn begin_slow(&self, spawn: Spawn<'_>) -> Option<SlowPermit<'_>> {
        let _deciding = self.deciding.lock();
        if self.free() <= START && self.total() < self.max {
            let _ = self.spawn(spawn); // No thread to be had: the count below says what follows.
        }
        if self.free() <= 1 {
            return None;
        }
        self.slow.fetch_add(1, Ordering::Relaxed);
        Some(SlowPermit(self))
    }

    /// The life of a worker: takes what comes next, makes sure that another one waits behind it, and handles it itself; until
    /// it is not needed any more.
    pub fn work<E>(&self, spawn: Spawn<'_>, next: impl Fn() -> E, mut handle: impl FnMut(E)) {
        while !self.dismisses() {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let event = next();
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.make_sure_of_a_follower(spawn);
            handle(event);
        }
    }

    /// Starts another worker when nobody waits and a CPU may be idle.
    fn make_sure_of_a_follower(&self, spawn: Spawn<'_>) {
        if self.waiting.load(Ordering::Relaxed) == 0 && self.free() < self.useful() {
            let _deciding = self.deciding.lock();
            if self.free() < self.useful() && self.total() < self.max {
                let _ = self.spawn(spawn); // The ones there are go on without it.
            }
        }
    }

    /// Whether the calling worker may go: slow work has left more than are kept.
    fn dismisses(&self) -> bool {
        let is_surplus = || self.free() > self.useful().max(KEEP);
        if !is_surplus() {
            return false;
        }
        let _deciding = self.deciding.lock();
        let goes = is_surplus();
        if goes {
            self.total.fetch_sub(1, Ordering::Relaxed);
        }
        goes
    }
}
