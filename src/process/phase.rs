//! waiting -> listening -> draining -> closing: where the process is on its way, for all threads to see.

use std::sync::atomic::{AtomicU8, Ordering};

/// A stage of the process's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Not listening yet.
    Waiting,
    Listening,
    /// SIGTERM has come: serving on, ready checks fail, answers close their connections.
    Draining,
    /// The listener is closed: what is in progress is finished.
    Closing,
}

/// The current phase, shared; [`Phase::Waiting`] at first.
#[derive(Default)]
pub struct PhaseCell(AtomicU8);

impl PhaseCell {
    pub fn get(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Waiting,
            1 => Phase::Listening,
            2 => Phase::Draining,
            _ => Phase::Closing,
        }
    }

    pub fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }
}
