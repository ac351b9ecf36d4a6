//! Connections that were closed or refused to make room, and delays that were refused: counted, and told once an episode.

use std::time::{Duration, Instant};

use super::Server;
use crate::observe::counts::TurnedAway;
use crate::sync::Lock;
use crate::text::Value;

/// An episode is over when nobody has been turned away for so long.
const EPISODE: Duration = Duration::from_secs(10);

/// When somebody was turned away last, for each reason.
#[derive(Default)]
pub(super) struct Episodes(Lock<[Option<Instant>; TurnedAway::KINDS]>);

impl Episodes {
    /// Whether an episode begins with this one.
    fn begins(&self, why: TurnedAway, now: Instant) -> bool {
        let before = self.0.lock()[why as usize].replace(now);
        before.is_none_or(|before| now.saturating_duration_since(before) > EPISODE)
    }
}

impl Server {
    /// Counts one that was turned away, and tells of the first of an episode.
    #[inline(never)]
    pub(super) fn turned_away(&self, why: TurnedAway) {
        self.state.counts.turned_away(why);
        if self.episodes.begins(why, Instant::now()) {
            self.log.offer(self.log.line("turned_away why", &[Value::Text(why.name())]), Duration::ZERO);
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
            assert_eq!(episodes.begins(why, at(second)), want, "{} at {second}", why.name());
        }
    }
}
