//! Enforces the rules that go by the clock: on the listener, on the process, and its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Server;
use crate::faults::engine::LiveRule;
use crate::faults::rule::Effect;
use crate::process::ending::{self, Ending};
use crate::process::load::Load;
use crate::{sys, text};

/// The clock is not looked at more often than this, however small the windows of a rule.
const SHORTEST: Duration = Duration::from_millis(1);

/// The loads that are at work, each with its rule.
#[derive(Default)]
pub(super) struct Enforcer(Vec<(Arc<LiveRule>, Load)>);

/// How a rule is named where it ends something: `rule 1: process exit 3`.
pub(super) fn named(live: &LiveRule) -> String {
    text::joined(&["rule ", &text::to_decimal(live.number.into()), ": ", &live.rule.spelled()])
}

impl Enforcer {
    /// Does what the rules say now; returns when to look again.
    pub(super) fn tick(&mut self, server: &'static Server) -> Option<Instant> {
        let (log, now) = (server.log, Instant::now());
        let tick = server.state.engine.tick(now);
        server.listener.obey(server, tick.listening);
        for (live, result) in tick.opened.iter().filter(|(_, result)| result.is_hit) {
            let line =
                log.line("fault").number("number", live.number.into()).text("rule", live.rule.spelled().as_bytes());
            log.write(match result.roll {
                Some(roll) => line.thousandths("roll", roll.into()),
                None => line,
            });
        }
        self.0.retain(|(live, _)| tick.loads.iter().any(|at_work| Arc::ptr_eq(live, at_work)));
        for live in &tick.loads {
            if self.0.iter().any(|(known, _)| Arc::ptr_eq(known, live)) {
                continue;
            }
            match start(live) {
                Ok(load) => self.0.push((Arc::clone(live), load)),
                Err(error) => {
                    let line = log.line("fault_failed").text("rule", live.rule.spelled().as_bytes());
                    log.write(line.text("error", sys::error_text(&error).as_bytes()));
                }
            }
        }
        if let Some(live) = tick.end {
            match live.rule.effect {
                Effect::Exit(code) => ending::end(log, Ending::Exit(code), &named(&live)),
                Effect::Crash(kind) => ending::end(log, Ending::Crash(kind), &named(&live)),
                _ => {} // Cannot fail: no other effect ends the process.
            }
        }
        tick.next.map(|next| next.max(now + SHORTEST))
    }
}

fn start(live: &LiveRule) -> std::io::Result<Load> {
    match live.rule.effect {
        Effect::Mem(bytes) => Load::hold(bytes),
        Effect::Cpu(percent) => Load::burn(percent),
        _ => Err(std::io::ErrorKind::InvalidInput.into()), // Cannot fail: no other effect is a load.
    }
}
