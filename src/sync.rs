//! Locks and counters that threads share. What has a protocol takes them from here, so that `tests/model` can put a model
//! checker's in their place.

pub use std::sync::atomic::AtomicUsize;

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
