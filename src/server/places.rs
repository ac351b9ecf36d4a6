//! A number of places, so that what takes them leaves room for others.

use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) struct Places {
    number: usize,
    taken: AtomicUsize,
}

/// One of them; given back when dropped.
pub(super) struct Place(&'static Places);

impl Places {
    pub(super) fn new(number: usize) -> Self {
        Self { number, taken: AtomicUsize::new(0) }
    }

    /// A place, if there is one.
    pub(super) fn take(&'static self) -> Option<Place> {
        let more = |taken: usize| (taken < self.number).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Place(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_it_is_given_back() {
        let places: &'static Places = Box::leak(Box::new(Places::new(2)));
        let (first, second) = (places.take(), places.take());
        assert!(first.is_some() && second.is_some() && places.take().is_none());
        drop(first);
        let third = places.take();
        assert!(third.is_some() && places.take().is_none());
        drop((second, third));
        assert_eq!(places.taken.load(Ordering::Relaxed), 0);
    }
}
