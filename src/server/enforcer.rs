//! Enforces the rules that go by the clock: on the listener, on the process, and its end.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Server;
use crate::faults::engine::LiveRule;
use crate::faults::rule::Effect;
use crate::process::ending::{self, Ending};
use crate::process::strain::Load;
use crate::text::Value::{Nothing, Number, Text, Thousandths};
use crate::{sys, text};

/// The clock is not looked at more often than this, however small the windows of a rule.
const SHORTEST: Duration = Duration::from_millis(1);

/// The rules whose load should be at work, each with it; without it where it could not be had, so that it is tried once in a
/// window and not at each look at the clock.
#[derive(Default)]
pub(super) struct Enforcer(Vec<(Arc<LiveRule>, Option<Load>)>);

/// How a rule is named where it ends something: `rule 1: process exit 3`.
pub(super) fn named(live: &LiveRule) -> String {
    text::joined(&["rule ", &text::to_decimal(live.number.into()), ": ", &live.spelled])
}

impl Enforcer {
    /// Does what the rules say now; returns when to look again.
    pub(super) fn tick(&mut self, server: &'static Server) -> Option<Instant> {
        let (log, now) = (server.log, Instant::now());
        let tick = server.state.engine.tick(now);
        server.listener.obey(server, tick.listening);
        for (live, result) in tick.opened.iter().filter(|(_, result)| result.is_hit) {
            let roll = result.roll.map_or(Nothing, |roll| Thousandths(roll.into()));
            log.say("fault number rule roll", &[Number(live.number.into()), Text(&live.spelled), roll]);
        }
        self.put_to_work(&tick.loads, start, |live, error| {
            log.say("fault_failed rule error", &[Text(&live.spelled), Text(&sys::error_text(&error))]);
        });
        if let Some(live) = tick.end {
            // Cannot fail: no other effect ends the process.
            if let Some(ending) = Ending::of(&live.rule.effect) {
                ending::end(log, ending, &named(&live));
            }
        }
        tick.next.map(|next| next.max(now + SHORTEST))
    }

    /// Ends the loads whose window has shut, and starts those whose window has opened.
    fn put_to_work(
        &mut self,
        wanted: &[Arc<LiveRule>],
        start: impl Fn(&LiveRule) -> io::Result<Load>,
        failed: impl Fn(&LiveRule, io::Error),
    ) {
        for at in (0..self.0.len()).rev() {
            if !wanted.iter().any(|at_work| Arc::ptr_eq(&self.0[at].0, at_work)) {
                self.0.swap_remove(at);
            }
        }
        for live in wanted {
            if !self.0.iter().any(|(known, _)| Arc::ptr_eq(known, live)) {
                let load = start(live).map_err(|error| failed(live, error)).ok();
                self.0.push((Arc::clone(live), load));
            }
        }
    }
}

#[inline(never)]
fn start(live: &LiveRule) -> io::Result<Load> {
    match live.rule.effect {
        Effect::Mem(bytes) => Load::hold(bytes),
        Effect::Cpu(percent) => Load::burn(percent),
        _ => Err(io::ErrorKind::InvalidInput.into()), // Cannot fail: no other effect is a load.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::engine::Engine;
    use crate::faults::plan;
    use std::cell::Cell;

    #[test]
    fn a_load_that_cannot_be_had_is_tried_once_a_window() {
        let rules = plan::parse(b"process mem 4000000Gi").unwrap_or_else(|error| panic!("{error}"));
        let rules = Engine::new(1, "web-0", rules, Instant::now()).rules();
        let (tries, failures) = (Cell::new(0), Cell::new(0));
        let start = |live: &LiveRule| {
            tries.set(tries.get() + 1);
            start(live)
        };
        let mut enforcer = Enforcer::default();
        for (open, want) in [(true, 1), (true, 1), (false, 1), (true, 2), (true, 2)] {
            let wanted = if open { &rules[..] } else { &[] };
            enforcer.put_to_work(wanted, start, |_, _| failures.set(failures.get() + 1));
            assert_eq!((tries.get(), failures.get()), (want, want));
        }
    }
}
