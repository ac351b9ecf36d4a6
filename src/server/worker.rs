//! The workers: leaders and followers. One takes an event and does the work itself; the others wait behind it.
//!
//! Few threads are enough, since nothing that waits holds one. More are started only for work that keeps a thread
//! busy, and the last free one never takes such work: checks are always answered.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Server;
use super::connection;
use super::desk::Desk;
use super::lot::Event;
use crate::sys;

/// Workers at start.
const START: usize = 2;
/// Free workers that are kept when there was much slow work.
const KEEP: usize = 8;
/// Enough for every path through the server; unoptimized code needs more.
const STACK: usize = if cfg!(debug_assertions) { 512 * 1024 } else { 64 * 1024 };

/// The workers, counted.
pub struct Crew {
    /// Most threads.
    max: usize,
    /// Free workers worth having: one for each CPU.
    useful: usize,
    total: AtomicUsize,
    slow: AtomicUsize,
    waiting: AtomicUsize,
    /// Held while deciding about threads and slow work.
    deciding: Mutex<()>,
}

/// Leave to keep a thread busy; given back when dropped.
pub struct SlowPermit(&'static Crew);

impl Drop for SlowPermit {
    fn drop(&mut self) {
        self.0.slow.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Crew {
    /// A crew of at most `max`, on a machine with that many CPUs.
    pub fn new(max: usize, cpus: usize) -> Self {
        let zero = || AtomicUsize::new(0);
        let useful = cpus.clamp(START, max);
        Self { max, useful, total: zero(), slow: zero(), waiting: zero(), deciding: Mutex::new(()) }
    }

    /// Starts the first workers; one is enough to serve.
    pub fn start(&self, server: &'static Server) -> io::Result<()> {
        // The first one may be at work before the second is there, and must not make up for it.
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        self.spawn(server)?;
        for _ in 1..START {
            if let Err(error) = self.spawn(server) {
                server.log.write(server.log.line("thread_failed").text("error", sys::error_text(&error).as_bytes()));
            }
        }
        Ok(())
    }

    fn spawn(&self, server: &'static Server) -> io::Result<()> {
        self.total.fetch_add(1, Ordering::Relaxed);
        let spawned = sys::spawn("worker", STACK, move || work(server));
        if spawned.is_err() {
            self.total.fetch_sub(1, Ordering::Relaxed);
        }
        spawned
    }

    fn free(&self) -> usize {
        self.total.load(Ordering::Relaxed).saturating_sub(self.slow.load(Ordering::Relaxed))
    }

    /// Leave for slow work, or `None`: this is the last free worker, and no other can be had.
    pub fn begin_slow(&'static self, server: &'static Server) -> Option<SlowPermit> {
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        if self.free() <= START && self.total.load(Ordering::Relaxed) < self.max {
            let _ = self.spawn(server); // No thread to be had: the count below says what follows.
        }
        if self.free() <= 1 {
            return None;
        }
        self.slow.fetch_add(1, Ordering::Relaxed);
        Some(SlowPermit(self))
    }

    /// Called by a worker that has got an event: starts another one when nobody waits behind it and a CPU may be
    /// idle.
    fn make_sure_of_a_follower(&self, server: &'static Server) {
        if self.waiting.load(Ordering::Relaxed) == 0 && self.free() < self.useful {
            let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
            if self.free() < self.useful && self.total.load(Ordering::Relaxed) < self.max {
                let _ = self.spawn(server); // The ones there are go on without it.
            }
        }
    }

    /// Whether the calling worker may go: slow work has left more than are kept.
    fn dismisses(&self) -> bool {
        if self.free() <= self.useful.max(KEEP) {
            return false;
        }
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let is_surplus = self.free() > self.useful.max(KEEP);
        if is_surplus {
            self.total.fetch_sub(1, Ordering::Relaxed);
        }
        is_surplus
    }
}

/// The life of a worker.
fn work(server: &'static Server) {
    let mut desk = Desk::new();
    let crew = &server.crew;
    while !crew.dismisses() {
        crew.waiting.fetch_add(1, Ordering::Relaxed);
        let event = server.lot.wait();
        crew.waiting.fetch_sub(1, Ordering::Relaxed);
        crew.make_sure_of_a_follower(server);
        match event {
            Event::Listener => {
                if let Some(connection) = server.listener.accept(server) {
                    connection::begin(server, &mut desk, connection);
                }
            }
            Event::Timer => {
                let due = server.lot.take_due(Instant::now());
                server.listener.retry(server);
                if let Some(taken) = due {
                    connection::resume(server, &mut desk, taken);
                }
            }
            Event::Ready(taken) => connection::resume(server, &mut desk, taken),
            Event::Nothing => {}
        }
    }
}
