//! Name lookup with a deadline. getaddrinfo cannot be cancelled, so it runs on threads that are left to
//! finish by themselves.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sys::{self, Family};

/// musl loses a good A answer to a broken AAAA one, so after this long, or when the lookup of both fails, IPv4
/// is asked for alone.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most lookups under way. Those of calls that have timed out count until they end.
const MAX_LOOKUPS: usize = 32;
/// getaddrinfo of musl keeps answers of 10 KiB on its stack, that of glibc more; untouched pages cost nothing.
const STACK: usize = 256 * 1024;

static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// Why there are no addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LookupError {
    /// The resolver says so, with its text.
    Failed(String),
    /// No answer by the deadline.
    TimedOut,
    /// Too many lookups are under way, or no thread could be had.
    Busy,
}

/// Where the two lookups meet.
#[derive(Default)]
struct Race {
    addresses: Option<Vec<IpAddr>>,
    started: u32,
    failed: u32,
    error: Option<String>,
}

type Meeting = Arc<(Mutex<Race>, Condvar)>;

/// The addresses of a host, in the resolver's order.
pub fn addresses(host: &str, deadline: Instant) -> Result<Vec<IpAddr>, LookupError> {
    let meeting = Meeting::default();
    start(host, Family::Any, &meeting)?;
    let (race, changed) = &*meeting;
    let patience_ends = Instant::now() + PATIENCE;
    let mut state = race.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(addresses) = state.addresses.take() {
            return Ok(addresses);
        }
        let now = Instant::now();
        if state.started == 1 && (state.failed == 1 || now >= patience_ends) {
            drop(state);
            let second = start(host, Family::V4, &meeting);
            state = race.lock().unwrap_or_else(PoisonError::into_inner);
            if second.is_err() {
                state.started += 1;
                state.failed += 1;
            }
            continue;
        }
        if state.failed == 2 {
            return Err(LookupError::Failed(state.error.take().unwrap_or_default()));
        }
        let until = if state.started == 1 { patience_ends.min(deadline) } else { deadline };
        let left = until.saturating_duration_since(now);
        if now >= deadline {
            return Err(LookupError::TimedOut);
        }
        state = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn start(host: &str, family: Family, meeting: &Meeting) -> Result<(), LookupError> {
    if UNDER_WAY.fetch_add(1, Ordering::Relaxed) >= MAX_LOOKUPS {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        return Err(LookupError::Busy);
    }
    meeting.0.lock().unwrap_or_else(PoisonError::into_inner).started += 1;
    let (host, theirs) = (host.to_owned(), Arc::clone(meeting));
    let work = move || {
        let result = sys::lookup(&host, family);
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        let (race, changed) = &*theirs;
        let mut state = race.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(addresses) if !addresses.is_empty() => {
                state.addresses.get_or_insert(addresses);
            }
            other => {
                state.failed += 1;
                state.error.get_or_insert_with(|| other.err().unwrap_or_else(|| "no addresses".to_owned()));
            }
        }
        changed.notify_one();
    };
    match sys::spawn(STACK, work) {
        Ok(()) => Ok(()),
        Err(_) => {
            UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
            meeting.0.lock().unwrap_or_else(PoisonError::into_inner).started -= 1;
            Err(LookupError::Busy)
        }
    }
}
