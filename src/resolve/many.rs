//! Many calls of one service, a few at a time.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, PoisonError};
use std::time::{Duration, Instant};

use super::Service;
use super::call::{self, PassedOn, Rules};
use super::error::CallError;
use super::link::{Answer, Link};
use super::summary::Summary;
use crate::sync::Lock;
use crate::{quantity, sys};

/// Most calls at a time.
pub const AT_ONCE: usize = 4;
/// Enough for a call; unoptimized code needs more.
const STACK: usize = if cfg!(debug_assertions) { 512 * 1024 } else { 64 * 1024 };

pub struct Run {
    pub service: Service,
    pub passed_on: PassedOn,
    pub rules: Rules<'static>,
    pub count: u64,
    /// Whether all go over one connection, one after the other.
    pub keeps_alive: bool,
    /// Whether each looks the name up again.
    pub is_fresh: bool,
    /// When it ends at the latest.
    pub deadline: Option<Instant>,
    /// Asked before each call, if at all: whether to end now.
    pub is_over: Option<Box<dyn Fn() -> bool + Send + Sync>>,
}

struct Shared {
    run: Run,
    addresses: Option<Vec<IpAddr>>,
    next: AtomicU64,
    progress: Lock<Progress>,
    finished: Condvar,
}

struct Progress {
    summary: Summary,
    helpers: usize,
}

/// Makes the calls, at most `at_once` at a time, and shows each of the figures so far to `report`. Fails as a whole where the
/// name is to be looked up once and that fails.
pub fn run(run: Run, at_once: usize, report: &mut dyn FnMut(&Summary)) -> Result<Summary, CallError> {
    let first = || call::permitted_addresses(&run.service, run.rules, quantity::deadline_in(run.rules.timeout));
    let addresses = if run.is_fresh { None } else { Some(first()?) };
    let at_once = if run.keeps_alive { 1 } else { run.count.min(at_once as u64) as usize };
    let progress = Progress { summary: Summary::new(run.count), helpers: at_once - 1 };
    let shared = Arc::new(Shared {
        run,
        addresses,
        next: AtomicU64::new(0),
        progress: Lock::new(progress),
        finished: Condvar::new(),
    });
    for _ in 1..at_once {
        let theirs = Arc::clone(&shared);
        let help = move || {
            theirs.work(&mut |_| {});
            theirs.leave();
        };
        if sys::spawn("call", STACK, help).is_err() {
            shared.leave(); // Fewer at a time, then.
        }
    }
    shared.work(report);
    let mut progress = shared.progress.lock();
    while progress.helpers > 0 {
        progress = shared.finished.wait(progress).unwrap_or_else(PoisonError::into_inner);
    }
    Ok(std::mem::replace(&mut progress.summary, Summary::new(0)))
}

impl Shared {
    /// Makes one call after the other until none is left.
    fn work(&self, report: &mut dyn FnMut(&Summary)) {
        let mut link = None;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let start = Instant::now();
            let deadline = self.run.deadline.unwrap_or(start + Duration::from_secs(3600));
            let is_over = self.run.is_over.as_ref().is_some_and(|is_over| is_over());
            if number >= self.run.count || start >= deadline || is_over {
                return;
            }
            let result = self.call(number, &mut link, deadline.min(start + self.run.rules.timeout));
            let mut progress = self.progress.lock();
            progress.summary.add(&result, start.elapsed().as_micros() as u64);
            report(&progress.summary);
        }
    }

    fn leave(&self) {
        self.progress.lock().helpers -= 1;
        self.finished.notify_one();
    }

    /// One call, over the connection of the one before where there is one.
    #[inline(never)]
    fn call(&self, number: u64, link: &mut Option<Link>, deadline: Instant) -> Result<Answer, CallError> {
        let Run { service, rules, passed_on, keeps_alive, .. } = &self.run;
        let request = call::request_head(service, passed_on, *keeps_alive);
        // The server may have closed it meanwhile (RFC 9112 section 9.3.1): on to a new one. What comes of a request that has been
        // sent counts.
        let connection = match link.take().filter(Link::is_open) {
            Some(old) => old,
            None => {
                let found;
                let addresses = match &self.addresses {
                    Some(addresses) => addresses,
                    None => {
                        found = call::permitted_addresses(service, *rules, deadline)?;
                        &found
                    }
                };
                Link::connect(addresses, number as usize, service.port, deadline)?
            }
        };
        let result = connection.exchange(&request, deadline);
        if result.as_ref().is_ok_and(|answer| answer.keeps) {
            *link = Some(connection);
        }
        result
    }
}
