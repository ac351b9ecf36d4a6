//! Counts that requests leave behind, without a lock: recording is a few relaxed additions.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use crate::faults::Check;
use crate::text;

/// Most routes that are told apart.
pub const ROUTES: usize = 31;
/// The statuses that are told apart: none at all (000), and 200 to 599 (1xx is never final).
const CODES: usize = 1 + 400;

/// Counts by status and route, in pages that nothing else lies in: what is around them, and used from the start, is then in one
/// page and not in two.
#[repr(align(4096))]
struct Answers([[AtomicU64; ROUTES]; CODES]);

/// Zero until used, so that most of it is memory that was never touched.
static ANSWERS: Answers = Answers([const { [const { AtomicU64::new(0) }; ROUTES] }; CODES]);

/// Counts what a request of a route, by its number, was answered; `None`: nothing.
pub fn answered(route: usize, status: Option<u16>) {
    let code = status.map_or(0, |status| usize::from(status).saturating_sub(199));
    if let Some(count) = ANSWERS.0.get(code).and_then(|routes| routes.get(route)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Visits the route, the status (0: none) and the count of all answers that there have been.
pub fn each_answer(mut visit: impl FnMut(usize, u64, u64)) {
    for (code, routes) in ANSWERS.0.iter().enumerate() {
        for (route, count) in routes.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                visit(route, if code == 0 { 0 } else { code as u64 + 199 }, count);
            }
        }
    }
}

/// The upper bounds of the durations that are told apart.
pub const BOUNDS: [Duration; 14] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// What a call of `/resolve` came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Called {
    /// An answer with 2xx.
    Ok,
    /// Any other answer.
    Status,
    /// The name has no address.
    Name,
    /// Nobody listens there.
    Refused,
    /// The connection broke.
    Reset,
    /// Too late.
    Timeout,
    /// The answer was no HTTP/1.x.
    NotHttp,
    /// Not allowed.
    Denied,
}

impl Called {
    /// Their names, in the order of their numbers.
    pub const NAMES: &str = "ok status name refused reset timeout not_http denied";
    /// How many they are.
    pub const KINDS: usize = 8;
}

/// Why a connection was closed or refused, or a request not kept waiting: to make room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TurnedAway {
    /// There were too many connections: one that waited was closed for a new one.
    Full,
    /// The same, but none could go: the new one was closed.
    Refused,
    /// Those that waited held too many bytes.
    Bytes,
    /// There was no descriptor, or no memory in the kernel.
    Files,
    /// Too many waited for an answer that is to come later: 503.
    Delay,
}

impl TurnedAway {
    /// Their names, in the order of their numbers.
    pub const NAMES: &str = "full refused bytes files delay";
    /// How many they are.
    pub const KINDS: usize = 5;

    pub fn name(self) -> &'static str {
        text::word(Self::NAMES, self as usize)
    }
}

/// Reads what some counts are now.
#[inline(never)]
fn loaded(counts: &[AtomicU64]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for count in counts {
        numbers.push(count.load(Ordering::Relaxed));
    }
    numbers
}

/// The counts of one server.
#[derive(Default)]
pub struct Counts {
    requests: AtomicU64,
    requests_after_term: AtomicU64,
    last_answers: [AtomicU16; Check::ALL.len()],
    durations: [AtomicU64; BOUNDS.len() + 1],
    /// Nanoseconds.
    duration_sum: AtomicU64,
    calls: [AtomicU64; Called::KINDS],
    turned_away: [AtomicU64; TurnedAway::KINDS],
}

impl Counts {
    /// Counts one request, and once more when it came after SIGTERM.
    pub fn request(&self, after_term: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if after_term {
            self.requests_after_term.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn requests_after_term(&self) -> u64 {
        self.requests_after_term.load(Ordering::Relaxed)
    }

    /// Counts how long a request took, from the end of its head until there was an answer to send.
    pub fn took(&self, duration: Duration) {
        let place = BOUNDS.iter().position(|bound| duration <= *bound).unwrap_or(BOUNDS.len());
        self.durations[place].fetch_add(1, Ordering::Relaxed);
        self.duration_sum.fetch_add(duration.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Durations up to each of [`BOUNDS`] and beyond the last, each counted once; and the sum of all.
    pub fn durations(&self) -> (Vec<u64>, Duration) {
        (loaded(&self.durations), Duration::from_nanos(self.duration_sum.load(Ordering::Relaxed)))
    }

    pub fn called(&self, result: Called, count: u64) {
        self.calls[result as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// The calls that came to each of [`Called::NAMES`].
    pub fn calls(&self) -> Vec<u64> {
        loaded(&self.calls)
    }

    pub fn turned_away(&self, why: TurnedAway) {
        self.turned_away[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many were turned away for each of [`TurnedAway::NAMES`].
    pub fn all_turned_away(&self) -> Vec<u64> {
        loaded(&self.turned_away)
    }

    /// Notes what a check answered, and says whether its last answer was another one, or none.
    pub fn check_answered(&self, check: Check, status: u16) -> bool {
        let last = &self.last_answers[check as usize];
        // Reading first keeps the cache line shared between workers while nothing changes.
        last.load(Ordering::Relaxed) != status && last.swap(status, Ordering::Relaxed) != status
    }

    /// What a check answered last; `None` before the first time.
    pub fn last_answer(&self, check: Check) -> Option<u16> {
        Some(self.last_answers[check as usize].load(Ordering::Relaxed)).filter(|&status| status != 0)
    }
}
