//! The way from the first signal to the end, as values: what is to be done now, and when to look again. `life` does it.

use std::time::{Duration, Instant};

/// How long handshakes that have begun may take once the listener lets no new ones in: a few round trips inside a cluster,
/// and more than a busy machine holds back a packet. One that ends while the listener is closed is reset.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(20);
/// A connection that came, or had its answer, no longer ago than this when the listener closes may have a request on its
/// way: it is given the rest of this time.
const IDLE_GRACE: Duration = Duration::from_millis(100);

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    /// Let no new handshakes in.
    RefuseHandshakes,
    /// Take in what the kernel has accepted, close the listener, and close what is hung, and what has been idle so long.
    Close { idle_grace: Duration },
    /// End; so many connections are not finished.
    Stop { unfinished: u64 },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Serving on, while balancers take notice.
    Draining,
    /// Handshakes that have begun are ended.
    Handshaking,
    /// What is in progress is finished.
    Closing,
    /// Nothing is left but the delay that a rule asks for.
    Staying { unfinished: u64 },
}

pub(super) struct Drain {
    stage: Stage,
    deadline: Instant,
    /// How long requests in progress have.
    shutdown: Duration,
    /// How much later it ends than it could.
    delay: Duration,
}

impl Drain {
    /// Begins with the signal.
    pub(super) fn new(now: Instant, drain: Duration, shutdown: Duration, delay: Duration) -> Self {
        Self { stage: Stage::Draining, deadline: now + drain, shutdown, delay }
    }

    /// When to look again, if nothing happens before.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What is to be done now, while so many connections are not finished; `None`: nothing, for the moment.
    pub(super) fn next(&mut self, now: Instant, unfinished: u64) -> Option<Act> {
        let is_due = self.deadline <= now;
        match self.stage {
            Stage::Draining if is_due => {
                (self.stage, self.deadline) = (Stage::Handshaking, now + HANDSHAKE_TIMEOUT);
                Some(Act::RefuseHandshakes)
            }
            Stage::Handshaking if is_due => {
                (self.stage, self.deadline) = (Stage::Closing, now + self.shutdown);
                Some(Act::Close { idle_grace: IDLE_GRACE })
            }
            Stage::Closing if is_due || unfinished == 0 => {
                (self.stage, self.deadline) = (Stage::Staying { unfinished }, now + self.delay);
                self.next(now, unfinished)
            }
            Stage::Staying { unfinished } if is_due => Some(Act::Stop { unfinished }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Each step: milliseconds after the signal, unfinished connections, what is to be done.
    fn goes(drain: Duration, shutdown: Duration, delay: Duration, steps: &[(u64, u64, Option<Act>)]) {
        let start = Instant::now();
        let mut machine = Drain::new(start, drain, shutdown, delay);
        for &(at, unfinished, want) in steps {
            assert_eq!(machine.next(start + ms(at), unfinished), want, "after {at} ms");
        }
    }

    /// Nobody in the middle of a handshake is reset, and nobody whose request is on its way: the promise in the docs.
    #[test]
    fn handshakes_have_20_ms_and_idle_connections_100() {
        let steps = [
            (0, 3, Some(Act::RefuseHandshakes)),
            (0, 3, None),
            (19, 3, None),
            (20, 3, Some(Act::Close { idle_grace: ms(100) })),
            (20, 3, None),
        ];
        goes(ms(0), ms(5000), ms(0), &steps);
    }

    #[test]
    fn it_serves_on_as_long_as_it_is_to_drain_and_stops_once_nothing_is_left() {
        let steps = [
            (0, 0, None),
            (999, 0, None),
            (1000, 2, Some(Act::RefuseHandshakes)),
            (1020, 2, Some(Act::Close { idle_grace: ms(100) })),
            (1500, 1, None),
            (1600, 0, Some(Act::Stop { unfinished: 0 })),
        ];
        goes(ms(1000), ms(5000), ms(0), &steps);
    }

    #[test]
    fn what_is_in_progress_has_its_time_and_a_rule_its_delay() {
        let steps = [
            (0, 2, Some(Act::RefuseHandshakes)),
            (20, 2, Some(Act::Close { idle_grace: ms(100) })),
            (5019, 1, None),
            (5020, 1, None),
            (5719, 0, None),
            (5720, 0, Some(Act::Stop { unfinished: 1 })),
        ];
        goes(ms(0), ms(5000), ms(700), &steps);
    }
}
