//! Locks and counters that threads share. What has a protocol takes them from here, so that `tests/model` can put a model
//! checker's in their place.

pub use std::sync::atomic::AtomicUsize;
pub use std::thread::sleep;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock without poison: a panic ends the process, so that nobody meets what it left half done.
#[derive(Default)]
pub struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A share of what is limited; given back when it is dropped.
pub struct Share {
    taken: &'static AtomicU64,
    pub size: u64,
}

impl Share {
    /// A share of that size, unless more than `most` were taken then.
    #[inline(never)]
    pub fn take(taken: &'static AtomicU64, size: u64, most: u64) -> Option<Self> {
        let more = |before: u64| before.checked_add(size).filter(|&after| after <= most);
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { taken, size })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_free_again_once_it_is_given_back() {
        static TAKEN: AtomicU64 = AtomicU64::new(0);
        let take = |size| Share::take(&TAKEN, size, 3);
        let (first, second) = (take(1), take(2));
        assert!(first.is_some() && second.is_some() && take(1).is_none());
        drop(second);
        assert!(take(3).is_none() && take(u64::MAX).is_none());
        let third = take(2);
        assert!(third.is_some() && take(1).is_none());
        drop((first, third));
        assert_eq!(TAKEN.load(Ordering::Relaxed), 0);
    }
}
