//! What controllers make of pods whose lives are known: when they create the next one, when a rollout is complete or
//! called failed, how many are available meanwhile.

use super::Millis;

/// What a rollout came to.
#[derive(Clone, Copy, Debug)]
pub struct Rollout {
    /// When every pod was new and available.
    pub complete: Option<Millis>,
    /// When it was called failed.
    pub failed: Option<Millis>,
    /// Fewest pods available at a time.
    pub fewest: u32,
}
