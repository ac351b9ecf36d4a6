//! Names to addresses with a deadline, by the C library's resolver.
//!
//! That one cannot be cancelled, so it runs on threads of its own, which are left behind when the time is over. There
//! are few places for lookups, and one that was left behind holds its place until its last thread has ended.
//!
//! It is asked for every kind of address at first. Where that fails, or says nothing for a second, it is asked for IPv4
//! alone too: musl loses a good A answer to an AAAA answer that is an error or never comes, and glibc waits for it
//! longer than a call has.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, PoisonError};
use std::time::{Duration, Instant};

use crate::sync::Lock;
use crate::{quantity, sys};

/// Most lookups at a time, those that were left behind included.
pub const MOST: usize = 8;
/// How long the first question may take before the second is put beside it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Enough for both C libraries (musl's resolver takes 20 KiB), and for code that is not optimized.
const STACK: usize = 256 * 1024;

/// Why there are no addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupError {
    /// No name server knows the name, or it has no address.
    NoSuchName,
    /// Name servers answer that they cannot find out, or none is there.
    Failed,
    /// No answer by the deadline.
    TimedOut,
    /// As many lookups as may be are under way.
    Busy,
    /// The system gives no thread.
    NoThread,
}

static PLACES: Places = Places { taken: Lock::new(0), freed: Condvar::new() };
/// Lookups that were left behind so far.
static ABANDONED: AtomicU64 = AtomicU64::new(0);

/// Lookups under way, and those that their calls have left behind so far (of which some may still be under way).
pub fn counts() -> (u64, u64) {
    (*PLACES.taken.lock() as u64, ABANDONED.load(Ordering::Relaxed))
}

/// The addresses of a host, in the resolver's order. When all places are taken, `waits` says whether to wait for one
/// until the deadline.
pub fn addresses(host: &str, deadline: Instant, waits: bool) -> Result<Vec<IpAddr>, LookupError> {
    let lookup = Arc::new(Lookup {
        _place: PLACES.take(waits.then_some(deadline))?,
        host: host.to_owned(),
        progress: Lock::new(Progress { running: 0, addresses: Vec::new(), failure: LookupError::Failed }),
        news: Condvar::new(),
    });
    if !lookup.ask(Family::Any) {
        return Err(LookupError::NoThread);
    }
    if !lookup.is_answered(deadline.min(quantity::deadline_in(PATIENCE))) && Instant::now() < deadline {
        lookup.ask(Family::Ipv4); // Without a thread for it, the first one may still succeed.
        lookup.is_answered(deadline);
    }
    let mut progress = lookup.progress.lock();
    if progress.running > 0 {
        ABANDONED.fetch_add(1, Ordering::Relaxed);
    }
    match std::mem::take(&mut progress.addresses) {
        none if none.is_empty() => Err(if progress.running > 0 { LookupError::TimedOut } else { progress.failure }),
        addresses => Ok(addresses),
    }
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Any,
    Ipv4,
}

/// One lookup, shared by who wants the answer and the threads that ask for it.
struct Lookup {
    /// Given back when the last one who shares the lookup lets go of it.
    _place: Place,
    host: String,
    progress: Lock<Progress>,
    news: Condvar,
}

struct Progress {
    /// Threads that have not answered yet.
    running: usize,
    /// The first answer that has any.
    addresses: Vec<IpAddr>,
    /// Why there are none, where no thread runs any more.
    failure: LookupError,
}

impl Lookup {
    /// Asks on another thread. `false`: there is none to be had.
    fn ask(self: &Arc<Self>, family: Family) -> bool {
        self.progress.lock().running += 1;
        let lookup = Arc::clone(self);
        let work = move || lookup.answer(family, ask_resolver(&lookup.host, family));
        let is_asked = sys::spawn("lookup", STACK, work).is_ok();
        if !is_asked {
            self.progress.lock().running -= 1;
        }
        is_asked
    }

    fn answer(&self, family: Family, answer: Result<Vec<IpAddr>, LookupError>) {
        let mut progress = self.progress.lock();
        progress.running -= 1;
        match answer {
            Ok(addresses) if progress.addresses.is_empty() => progress.addresses = addresses,
            // Only the question for IPv4 tells why (std hides the resolver's number).
            Err(failure) if family == Family::Ipv4 => progress.failure = failure,
            _ => {}
        }
        self.news.notify_one();
    }

    /// Waits for addresses, or until nobody can bring any, or it is that late. Whether there are addresses.
    fn is_answered(&self, until: Instant) -> bool {
        let left = quantity::left_until(until);
        let is_open = |progress: &mut Progress| progress.addresses.is_empty() && progress.running > 0;
        let waited = self.news.wait_timeout_while(self.progress.lock(), left, is_open);
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !progress.addresses.is_empty()
    }
}

/// Asks the C library. Blocks for as long as it likes.
fn ask_resolver(host: &str, family: Family) -> Result<Vec<IpAddr>, LookupError> {
    if family == Family::Ipv4 {
        let found = sys::ipv4_addresses(host).ok_or(LookupError::Failed)?;
        return if found.is_empty() { Err(LookupError::NoSuchName) } else { Ok(found) };
    }
    let mut found = Vec::new();
    for address in (host, 0).to_socket_addrs().map_err(|_| LookupError::Failed)? {
        found.push(address.ip());
    }
    Ok(found)
}

struct Places {
    taken: Lock<usize>,
    freed: Condvar,
}

/// One of them; free again when it is dropped.
struct Place;

impl Places {
    /// Takes a place; waits for one until then, if at all.
    fn take(&'static self, until: Option<Instant>) -> Result<Place, LookupError> {
        let left = until.map_or(Duration::ZERO, quantity::left_until);
        let waited = self.freed.wait_timeout_while(self.taken.lock(), left, |taken| *taken >= MOST);
        let (mut taken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *taken >= MOST {
            return Err(if until.is_some() { LookupError::TimedOut } else { LookupError::Busy });
        }
        *taken += 1;
        Ok(Place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *PLACES.taken.lock() -= 1;
        PLACES.freed.notify_one();
    }
}
