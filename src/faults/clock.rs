//! Rules that go by the clock or by SIGTERM rather than by requests: what `listen`, `process` and `term` rules
//! come to at a moment.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::engine::{Engine, LiveRule, Try};
use super::rule::{Effect, Nanos, Rule, Target};

/// What the listening socket does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Listening {
    /// It accepts.
    Open,
    /// The kernel accepts, nobody serves.
    Hung,
    /// It refuses.
    Closed,
}

/// What the clock rules come to at a moment.
pub struct Tick {
    /// What the listening socket should be doing; closed wins over hung.
    pub listening: Listening,
    /// The `cpu` and `mem` rules that are at work.
    pub loads: Vec<Arc<LiveRule>>,
    /// The rule that ends the process now.
    pub end: Option<Arc<LiveRule>>,
    /// Rules whose window has just opened, and what their roll came to.
    pub opened: Vec<(Arc<LiveRule>, Try)>,
    /// When to look again.
    pub next: Option<Instant>,
}

/// What SIGTERM comes to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Termination {
    /// Nothing happens.
    pub is_ignored: bool,
    /// How much later the process exits.
    pub delay: Duration,
    /// Its status, where a rule gives one.
    pub exit: Option<u8>,
}

impl Rule {
    /// The number, from 1, of the window that opened last; `None` before the first.
    fn window_at(&self, elapsed: Nanos) -> Option<u64> {
        let inside = elapsed.checked_sub(self.after.unwrap_or_default())?;
        Some(1 + self.every.map_or(0, |every| inside / every))
    }

    /// When, after the rule began to count, its window opens or shuts next.
    fn next_change(&self, elapsed: Nanos) -> Option<Nanos> {
        let after = self.after.unwrap_or_default();
        let Some(window) = self.window_at(elapsed) else { return Some(after) };
        let opened = after + self.every.unwrap_or_default() * (window - 1); // Not above `elapsed`.
        let shuts = self.length.map(|length| opened + length).filter(|&shuts| shuts > elapsed);
        shuts.or_else(|| self.every.map(|every| opened + every))
    }
}

impl LiveRule {
    /// Rolls once for each window, when it has opened. `Some`: it was rolled just now.
    fn roll_for_window(&self, window: u64, seed: u64) -> Option<Try> {
        if self.window.swap(window, Ordering::Relaxed) == window {
            return None;
        }
        let missed = Try { is_hit: false, roll: None, delay: Duration::ZERO };
        let result = if self.is_used_up() { missed } else { self.attempt(seed) };
        self.is_active.store(result.is_hit, Ordering::Relaxed);
        Some(result)
    }
}

impl Engine {
    /// What the clock rules come to at `now`. Called by one thread.
    #[inline(never)]
    pub fn tick(&self, now: Instant) -> Tick {
        let mut tick =
            Tick { listening: Listening::Open, loads: Vec::new(), end: None, opened: Vec::new(), next: None };
        let mut next = None;
        for live in self.rules().iter() {
            if !live.is_here || !matches!(live.rule.target, Target::Listen | Target::Process) {
                continue;
            }
            let elapsed = live.elapsed(self.since_start(now));
            if let Some(change) = live.rule.next_change(elapsed) {
                let left = change.saturating_sub(elapsed);
                next = Some(next.map_or(left, |next: Nanos| next.min(left)));
            }
            let Some(window) = live.rule.window_at(elapsed) else { continue };
            let rolled = live.roll_for_window(window, self.seed());
            if let Some(result) = rolled {
                tick.opened.push((Arc::clone(live), result));
            }
            if !live.is_active.load(Ordering::Relaxed) || !live.rule.is_open(elapsed) {
                continue;
            }
            match live.rule.effect {
                Effect::Close => tick.listening = Listening::Closed,
                Effect::Hang => tick.listening = tick.listening.max(Listening::Hung),
                Effect::Cpu(_) | Effect::Mem(_) => tick.loads.push(Arc::clone(live)),
                _ if rolled.is_some() && tick.end.is_none() => tick.end = Some(Arc::clone(live)),
                _ => {}
            }
        }
        tick.next = next.map(|left| now + Duration::from_nanos(left));
        tick
    }

    /// What SIGTERM comes to at `now`. A rule rolls at the first SIGTERM that meets it, and once.
    pub fn terminate(&self, now: Instant) -> Termination {
        let mut termination = Termination::default();
        for live in self.rules().iter() {
            let is_met = live.is_here && matches!(live.rule.target, Target::Term);
            if !is_met || !live.rule.is_open(live.elapsed(self.since_start(now))) {
                continue;
            }
            let rolled = live.roll_for_window(1, self.seed());
            if !live.is_active.load(Ordering::Relaxed) {
                continue;
            }
            match live.rule.effect {
                // The delay of a later SIGTERM changes nothing: only the first begins a drain.
                Effect::Delay(..) => termination.delay += rolled.map_or(Duration::ZERO, |result| result.delay),
                Effect::Exit(code) => termination.exit = Some(code),
                _ => termination.is_ignored = true,
            }
            if !matches!(live.rule.effect, Effect::Delay(..)) {
                break;
            }
        }
        termination
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::plan;

    fn engine(plan: &str, now: Instant) -> Engine {
        Engine::new(1, "web-0", plan::parse(plan.as_bytes()).unwrap_or_else(|error| panic!("{error}")), now)
    }

    #[test]
    fn the_listener_follows_its_windows() {
        let start = Instant::now();
        let engine = engine("listen hang after 5s for 20s; listen close after 10s for 2s every 20s", start);
        for (at, listening, next) in [
            (0, Listening::Open, Some(5)),
            (5, Listening::Hung, Some(10)),
            (10, Listening::Closed, Some(12)),
            (12, Listening::Hung, Some(25)),
            (25, Listening::Open, Some(30)),
            (31, Listening::Closed, Some(32)),
            (33, Listening::Open, Some(50)),
        ] {
            let tick = engine.tick(start + Duration::from_secs(at));
            let next = next.map(|next| start + Duration::from_secs(next));
            assert_eq!((tick.listening, tick.next), (listening, next), "at {at} s");
        }
    }

    #[test]
    fn a_window_rolls_once_and_counts_once() {
        let start = Instant::now();
        let engine = engine("process cpu 50% for 1s every 10s times 2", start);
        let mut at_work = Vec::new();
        for at in 0..40 {
            let tick = engine.tick(start + Duration::from_secs(at));
            at_work.extend(tick.loads.first().map(|_| at));
        }
        assert_eq!(at_work, [0, 10], "twice at most");
        assert_eq!(engine.rules()[0].counts(), (2, 2));
    }

    #[test]
    fn an_end_is_due_at_each_opening_the_first_included() {
        let start = Instant::now();
        let engine = engine("process exit 3 50% every 30s", start);
        let ends: Vec<u64> =
            (0..600).filter(|&at| engine.tick(start + Duration::from_secs(at)).end.is_some()).collect();
        assert!(ends.iter().all(|at| at % 30 == 0) && (3..=17).contains(&ends.len()), "{ends:?}");
        assert_eq!(engine.rules()[0].counts().0, 20);
        let at_once = super::tests::engine("process crash segv", start);
        assert!(at_once.tick(start).end.is_some() && at_once.tick(start).end.is_none());
    }

    #[test]
    fn sigterm_is_answered_as_the_rules_say() {
        let start = Instant::now();
        let at = |plan: &str, seconds| engine(plan, start).terminate(start + Duration::from_secs(seconds));
        let termination = |is_ignored, delay, exit| Termination { is_ignored, delay: Duration::from_secs(delay), exit };
        assert_eq!(at("", 0), termination(false, 0, None));
        assert_eq!(at("term ignore", 0), termination(true, 0, None));
        assert_eq!(at("term ignore for 60s", 61), termination(false, 0, None));
        assert_eq!(at("term delay 5s; term exit 9", 0), termination(false, 5, Some(9)));
        assert_eq!(at("term exit 9; term delay 5s", 0), termination(false, 0, Some(9)));
        let engine = engine("term ignore 50%", start);
        let first = engine.terminate(start);
        assert!((0..20).all(|_| engine.terminate(start) == first), "one roll, however many signals");
    }

    #[test]
    fn rules_for_other_pods_and_for_requests_are_not_the_clocks() {
        let start = Instant::now();
        for (plan, is_met) in [("pods web-*", true), ("pods db-*", false)] {
            let engine = engine(&format!("listen close {plan}; process exit 3 {plan}; term ignore {plan}"), start);
            let tick = engine.tick(start);
            assert_eq!((tick.listening == Listening::Closed, tick.end.is_some()), (is_met, is_met), "{plan}");
            assert_eq!(engine.terminate(start).is_ignored, is_met, "{plan}");
        }
        let engine = engine("app hang; /x drop; start exit 3", start);
        assert_eq!(engine.terminate(start), Termination::default());
        let tick = engine.tick(start);
        assert_eq!((tick.listening, tick.end.is_none(), tick.opened.len()), (Listening::Open, true, 0));
    }
}
