//! What Kubernetes will do with a workload, and when: manifest, behaviour, kubelet, controllers, play, tell. Pure: no
//! socket, no clock, no file; the same input and seed give the same forecast everywhere.

pub mod advice;
pub mod asked;
pub mod assume;
pub mod behaviour;
mod chance;
pub mod controllers;
mod kubelet;
pub mod life;
pub mod manifest;
pub mod play;
pub mod pod;
pub mod sketch;
pub mod spread;
pub mod tally;
pub mod tell;
pub mod workload;
pub mod yaml;

use std::time::Duration;

/// Milliseconds after the creation of the first pod.
pub type Millis = u64;
/// What does not come.
pub const NEVER: Millis = u64::MAX >> 2;
/// What a forecast may come to that is to be avoided, for [`crate::text::place`].
pub const OUTCOMES: &str = "never-ready restarts lost-calls rollout-failed";
/// Of so many pods the drawing picks its own.
const SAMPLE: u64 = 101;

/// A duration in whole milliseconds.
#[inline(never)]
pub fn millis(duration: Duration) -> Millis {
    duration.as_secs() * 1000 + Millis::from(duration.subsec_millis())
}

/// All that is told.
pub struct Forecast<'p> {
    /// What was played.
    pub play: &'p play::Play<'p>,
    /// What it came to.
    pub tally: tally::Tally,
    /// What to change.
    pub advice: Vec<advice::Advice<'p>>,
}

impl Forecast<'_> {
    /// Which of [`OUTCOMES`] it comes to, by a bit for each.
    pub fn outcomes(&self) -> u8 {
        let tally = &self.tally;
        let lost = tally.sum(life::Sum::Unanswered)
            + tally.sum(life::Sum::Failing)
            + tally.figure(tally::Figure::Unanswered).total();
        u8::from(tally.first(life::What::Ready).total() < tally.sum(life::Sum::Pods))
            | u8::from(tally.first(life::What::Restarted).total() > 0) << 1
            | u8::from(lost > 0) << 2
            | u8::from(tally.figure(tally::Figure::Failed).total() > 0) << 3
    }
}
