//! Connections that were closed or refused to make room, delays that were refused, and want of descriptors or memory: told once an
//! episode.

use std::time::{Duration, Instant};

use super::Server;
use crate::observe::counts::TurnedAway;
use crate::sync::Lock;
use crate::text::Value;

/// An episode is over when nobody has been turned away for so long.
const EPISODE: Duration = Duration::from_secs(10);

/// The place of accepts that fail for want of descriptors or memory.
const STARVED: usize = TurnedAway::KINDS;

/// When somebody was turned away last, for each reason, and when an accept failed.
#[derive(Default)]
pub(super) struct Episodes(Lock<[Option<Instant>; TurnedAway::KINDS + 1]>);

impl Episodes {
    /// Whether an episode begins with this one.
    fn begins(&self, place: usize, now: Instant) -> bool {
        let before = self.0.lock()[place].replace(now);
        before.is_none_or(|before| now.saturating_duration_since(before) > EPISODE)
    }
}

impl Server {
    /// Counts one that was turned away, and tells of the first of an episode.
    pub(super) fn turned_away(&self, why: TurnedAway) {
        self.state.counts.turned_away(why);
        self.tell(why as usize, "turned_away why", why.name());
    }

    /// Tells of the first accept of an episode that failed for want of descriptors or memory.
    pub(super) fn starved(&self, error: &str) {
        self.tell(STARVED, "accept_failed error", error);
    }

    #[inline(never)]
    fn tell(&self, place: usize, what: &str, value: &str) {
        if self.episodes.begins(place, Instant::now()) {
            self.log.offer(self.log.line(what, &[Value::Text(value)]), Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_begins_once_and_anew_after_a_pause() {
        let (episodes, start) = (Episodes::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for (why, second, want) in [
            (TurnedAway::Full, 0, true),
            (TurnedAway::Full, 1, false),
            (TurnedAway::Delay, 1, true),
            (TurnedAway::Full, 11, false), // Ten seconds after the one before.
            (TurnedAway::Full, 22, true),
        ] {
            assert_eq!(episodes.begins(why as usize, at(second)), want, "{} at {second}", why.name());
        }
        assert!(episodes.begins(STARVED, at(22)) && !episodes.begins(STARVED, at(32)), "it has a place of its own");
    }
}
