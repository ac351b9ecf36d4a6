//! Counts that requests leave behind, without a lock.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use crate::faults::Check;

/// The counts of one server.
#[derive(Default)]
pub struct Counts {
    requests: AtomicU64,
    requests_after_term: AtomicU64,
    last_answers: [AtomicU16; Check::ALL.len()],
}

impl Counts {
    /// Counts one request, and once more when it came after SIGTERM.
    pub fn request(&self, after_term: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if after_term {
            self.requests_after_term.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests since SIGTERM.
    pub fn requests_after_term(&self) -> u64 {
        self.requests_after_term.load(Ordering::Relaxed)
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
