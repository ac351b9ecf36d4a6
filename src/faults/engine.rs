//! The decision: which rules of the plan hit a request, given their windows, counts and dice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Check;
use super::dice::Draw;
use super::plan::MAX_RULES;
use super::rule::{Effect, Nanos, Rule, Target, nanoseconds};
use crate::quantity::Percent;
use crate::sync::Lock;
use crate::text;

/// What rules can see of a request.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The check it asks for, if it is one.
    pub check: Option<Check>,
    /// Whether only its own target or an exact path may touch it.
    pub is_protected: bool,
    pub path: &'a [u8],
}

impl Subject<'_> {
    /// Whether rules of this target are about it.
    pub fn is_covered_by(&self, target: &Target) -> bool {
        match target {
            Target::Check(check) => self.check == Some(*check),
            Target::App => !self.is_protected,
            Target::Path(path, false) => self.path == path,
            Target::Path(prefix, true) => !self.is_protected && self.path.starts_with(prefix),
            Target::Start | Target::Listen | Target::Process | Target::Term => false,
        }
    }
}

/// A rule that stands, with its counts.
#[derive(Debug)]
pub struct LiveRule {
    /// From 1, never used twice in the life of a plan.
    pub number: u32,
    /// What it says.
    pub rule: Rule,
    /// The same in its canonical spelling.
    pub spelled: String,
    /// Whether it stands on this pod.
    pub is_here: bool,
    /// When it began to count, in nanoseconds after the engine was made.
    since: AtomicU64,
    tried: AtomicU64,
    hits: AtomicU64,
    /// The window that was rolled for last, counted from 1; for rules that roll by window rather than by request.
    pub(super) window: AtomicU64,
    /// Whether that roll hit.
    pub(super) is_active: AtomicBool,
}

/// What one try of a rule came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Try {
    pub is_hit: bool,
    /// What was rolled, where there was a chance: thousandths of a percent.
    pub roll: Option<u32>,
    /// For a delay, how long.
    pub delay: Duration,
}

impl LiveRule {
    /// How often it was tried, and how often it hit.
    pub fn counts(&self) -> (u64, u64) {
        (self.tried.load(Ordering::Relaxed), self.hits.load(Ordering::Relaxed))
    }

    /// Whether it may be tried at `now` (after the engine was made): it stands here, its window is open and its count
    /// not used up.
    fn is_due(&self, now: Nanos) -> bool {
        self.is_here && !self.is_used_up() && self.rule.is_open(self.elapsed(now))
    }

    /// How long it has counted at `now`.
    pub(super) fn elapsed(&self, now: Nanos) -> Nanos {
        now.saturating_sub(self.since.load(Ordering::Relaxed))
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.rule.times.is_some_and(|times| self.hits.load(Ordering::Relaxed) >= u64::from(times))
    }

    /// Rolls, counts, and says what came of it.
    pub fn attempt(&self, seed: u64) -> Try {
        let n = self.tried.fetch_add(1, Ordering::Relaxed);
        let mut draw = Draw::new(seed, self.number, n);
        let roll = self.rule.chance.map(|_| draw.roll());
        let is_lucky = match (self.rule.chance, roll) {
            (Some(chance), Some(roll)) => chance.thousandths() > roll,
            _ => true,
        };
        let is_hit = is_lucky && self.count_hit();
        let delay = match self.rule.effect {
            Effect::Delay(shortest, longest) if is_hit => draw.between(shortest, longest),
            _ => 0,
        };
        Try { is_hit, roll, delay: Duration::from_nanos(delay) }
    }

    /// Counts a hit, unless another thread has just used up the last one.
    fn count_hit(&self) -> bool {
        let most = self.rule.times.map_or(u64::MAX, u64::from);
        let more = |hits| (hits < most).then_some(hits + 1);
        let is_hit = self.hits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if is_hit {
            let row = &HITS[self.rule.target.kind()];
            row[self.rule.effect.kind()].fetch_add(1, Ordering::Relaxed);
        }
        is_hit
    }
}

/// All hits there have been, by target and effect; rules come and go.
static HITS: [[AtomicU64; Effect::KINDS]; Target::KINDS] =
    [const { [const { AtomicU64::new(0) }; Effect::KINDS] }; Target::KINDS];

/// Visits the names of target and effect and the count of all hits that there have been.
pub fn each_hit(mut visit: impl FnMut(&'static str, &'static str, u64)) {
    for (target, row) in HITS.iter().enumerate() {
        for (effect, hits) in row.iter().enumerate() {
            let hits = hits.load(Ordering::Relaxed);
            if hits > 0 {
                visit(text::word(Target::NAMES, target), text::word(Effect::NAMES, effect), hits);
            }
        }
    }
}

/// What the rules do to one request.
#[derive(Clone, Default, Debug)]
pub struct Decision {
    /// How long it waits first.
    pub delay: Duration,
    /// The rules that hit, in order. Only the last can be anything but a delay.
    pub hits: Vec<Arc<LiveRule>>,
}

impl Decision {
    /// The rule whose effect ended the walk, if one did.
    #[inline(never)]
    pub fn deciding(&self) -> Option<&LiveRule> {
        self.hits.last().map(Arc::as_ref).filter(|live| !matches!(live.rule.effect, Effect::Delay(..)))
    }
}

/// The rules that stand. Requests see a plan whole: the old one or the new one.
pub struct Engine {
    seed: u64,
    pod: String,
    start: Instant,
    /// Whether any rule is about requests: with none, a request costs this one load.
    watches_requests: AtomicBool,
    plan: Lock<Plan>,
}

/// A plan, replaced as a whole.
struct Plan {
    rules: Arc<Vec<Arc<LiveRule>>>,
    /// The number of the next rule.
    next: u32,
}

/// The plan would have more rules than [`MAX_RULES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

impl Engine {
    /// An engine with these rules on the pod of that name; their time runs from `now`.
    pub fn new(seed: u64, pod: &str, rules: Vec<Rule>, now: Instant) -> Self {
        let plan = Lock::new(Plan { rules: Arc::default(), next: 1 });
        let engine = Self { seed, pod: pod.to_owned(), start: now, watches_requests: AtomicBool::new(false), plan };
        engine.replace(rules, now);
        engine
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn rules(&self) -> Arc<Vec<Arc<LiveRule>>> {
        Arc::clone(&self.plan.lock().rules)
    }

    /// Whether a rule stands that is spelled so.
    #[inline(never)]
    pub fn has(&self, spelled: &str) -> bool {
        self.rules().iter().any(|live| live.spelled == spelled)
    }

    /// Takes away the rules that `goes` picks, and lets new ones stand behind the others, their time running from `now`.
    /// Whether any went.
    fn change(&self, goes: &dyn Fn(&LiveRule) -> bool, rules: Vec<Rule>, now: Instant) -> Result<bool, TooMany> {
        let since = self.since_start(now);
        let mut plan = self.plan.lock();
        let mut kept = Vec::new();
        for live in plan.rules.iter() {
            if !goes(live) {
                kept.push(Arc::clone(live));
            }
        }
        if kept.len() + rules.len() > MAX_RULES {
            return Err(TooMany);
        }
        let is_any = kept.len() < plan.rules.len();
        for rule in rules {
            let is_here = rule.pods.as_ref().is_none_or(|pods| pods.include(self.pod.as_bytes()));
            kept.push(Arc::new(LiveRule {
                number: plan.next,
                spelled: rule.spelled(),
                rule,
                is_here,
                since: AtomicU64::new(since),
                tried: AtomicU64::new(0),
                hits: AtomicU64::new(0),
                window: AtomicU64::new(0),
                is_active: AtomicBool::new(false),
            }));
            plan.next += 1;
        }
        let is_watching =
            |live: &Arc<LiveRule>| matches!(live.rule.target, Target::Check(_) | Target::App | Target::Path(..));
        self.watches_requests.store(kept.iter().any(is_watching), Ordering::Release);
        plan.rules = Arc::new(kept);
        Ok(is_any)
    }

    /// Replaces the plan; numbers begin at 1 again.
    pub fn replace(&self, rules: Vec<Rule>, now: Instant) {
        self.plan.lock().next = 1;
        let _ = self.change(&|_| true, rules, now); // Cannot fail: no plan has too many.
    }

    /// Adds rules behind those that stand.
    pub fn add(&self, rules: Vec<Rule>, now: Instant) -> Result<(), TooMany> {
        self.change(&|_| false, rules, now).map(|_| ())
    }

    /// Removes the rules that `goes` picks, and says whether there were any. What stays keeps its counts.
    pub fn remove(&self, goes: &dyn Fn(&LiveRule) -> bool) -> bool {
        self.change(goes, Vec::new(), self.start).unwrap_or(false)
    }

    /// Lets the time of all rules run from `now`: listening has begun.
    pub fn restart_clock(&self, now: Instant) {
        let since = self.since_start(now);
        for live in self.rules().iter() {
            live.since.store(since, Ordering::Relaxed);
        }
    }

    #[inline(never)]
    pub(super) fn since_start(&self, now: Instant) -> Nanos {
        nanoseconds(now.saturating_duration_since(self.start))
    }

    /// Walks the rules in order for one request, on which nothing has been decided.
    pub fn decide(&self, decision: &mut Decision, subject: Subject<'_>, now: Instant) {
        if !self.watches_requests.load(Ordering::Acquire) {
            return;
        }
        let now = self.since_start(now);
        for live in self.rules().iter() {
            if !subject.is_covered_by(&live.rule.target) || !live.is_due(now) {
                continue;
            }
            let result = live.attempt(self.seed);
            if result.is_hit {
                decision.delay += result.delay;
                decision.hits.push(Arc::clone(live));
                if !matches!(live.rule.effect, Effect::Delay(..)) {
                    break;
                }
            }
        }
    }

    /// The status that a request fails with now for certain, by a rule without a chance; nothing is tried and counted.
    #[inline(never)]
    pub fn certain_failure(&self, subject: Subject<'_>, now: Instant) -> Option<u16> {
        let now = self.since_start(now);
        self.rules().iter().find_map(|live| match live.rule.effect {
            Effect::Fail(status) if live.rule.chance.is_none_or(|chance| chance == Percent::ALWAYS) => {
                (subject.is_covered_by(&live.rule.target) && live.is_due(now)).then_some(status)
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::rule::Pods;
    use crate::quantity::Percent;

    const HEALTHZ: Subject<'_> = Subject { check: Some(Check::Health), is_protected: true, path: b"/healthz" };

    fn decide(engine: &Engine, subject: Subject<'_>, now: Instant) -> Decision {
        let mut decision = Decision::default();
        engine.decide(&mut decision, subject, now);
        decision
    }

    fn flaky(percent: &str) -> Rule {
        let mut rule = Rule::new(Target::Check(Check::Health), Effect::Fail(500));
        rule.chance = Percent::parse(percent.as_bytes());
        rule
    }

    #[test]
    fn rules_are_walked_in_order_until_one_ends_the_walk() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let delay = || Rule::new(Target::App, Effect::Delay(1_000_000_000, 1_000_000_000));
        let fail = || Rule::new(Target::App, Effect::Fail(500));
        let root = Subject { check: None, is_protected: false, path: b"/" };
        for (rules, want_delay, want_end) in [
            (vec![delay(), fail()], second, Some(2)),
            (vec![fail(), delay()], Duration::ZERO, Some(1)),
            (vec![delay(), delay()], 2 * second, None),
        ] {
            let decision = decide(&Engine::new(1, "web-0", rules, now), root, now);
            assert_eq!((decision.delay, decision.deciding().map(|live| live.number)), (want_delay, want_end));
        }
        assert!(
            decide(&Engine::new(1, "web-0", vec![fail()], now), HEALTHZ, now).hits.is_empty(),
            "app leaves checks alone"
        );
    }

    #[test]
    fn a_path_covers_itself_and_a_prefix_spares_protected_routes() {
        let now = Instant::now();
        let hits = |path: &str, is_prefix, subject| {
            let rule = Rule::new(Target::Path(path.as_bytes().to_vec(), is_prefix), Effect::Hang);
            !decide(&Engine::new(1, "web-0", vec![rule], now), subject, now).hits.is_empty()
        };
        let other = Subject { check: None, is_protected: false, path: b"/healthz/x" };
        assert!(hits("/healthz", false, HEALTHZ) && !hits("/healthz", false, other));
        assert!(!hits("/heal", true, HEALTHZ) && hits("/heal", true, other) && hits("/", true, other));
    }

    #[test]
    fn counts_and_limits_hits() {
        let now = Instant::now();
        let mut rule = flaky("50%");
        rule.times = Some(3);
        let engine = Engine::new(5, "web-0", vec![rule], now);
        let hits = (0..1000).filter(|_| !decide(&engine, HEALTHZ, now).hits.is_empty()).count();
        let (tried, hit) = engine.rules()[0].counts();
        assert_eq!((hits, hit), (3, 3));
        assert!(tried < 1000, "a rule that is used up is no longer tried: {tried}");
    }

    /// Draws are numbered, so threads share them out but cannot change them.
    #[test]
    fn threads_do_not_change_how_often_a_rule_hits() {
        let now = Instant::now();
        let run = |threads: usize| {
            let engine = Engine::new(99, "web-0", vec![flaky("40%"), flaky("10%")], now);
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| (0..3200 / threads).for_each(|_| drop(decide(&engine, HEALTHZ, now))));
                }
            });
            engine.rules().iter().map(|live| live.counts()).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(32));
    }

    #[test]
    fn replacing_adding_and_removing_keep_what_they_should() {
        let now = Instant::now();
        let engine = Engine::new(1, "web-0", vec![flaky("100%"), flaky("50%")], now);
        decide(&engine, HEALTHZ, now);
        let numbers = || engine.rules().iter().map(|live| (live.number, live.counts().0)).collect::<Vec<_>>();
        assert_eq!(engine.add(vec![flaky("10%")], now), Ok(()));
        assert_eq!(numbers(), [(1, 1), (2, 0), (3, 0)]);
        assert!(engine.remove(&|live| live.number == 3) && !engine.remove(&|live| live.number == 3));
        assert_eq!(engine.add(vec![flaky("10%")], now), Ok(()));
        assert_eq!(numbers(), [(1, 1), (2, 0), (4, 0)], "a number is not used again");
        assert_eq!(engine.add(vec![flaky("10%"); MAX_RULES - 2], now), Err(TooMany));
        assert_eq!(engine.add(vec![flaky("10%"); MAX_RULES - 3], now), Ok(()));
        engine.replace(vec![flaky("20%")], now);
        assert_eq!(numbers(), [(1, 0)]);
        assert!(engine.remove(&|_| true) && decide(&engine, HEALTHZ, now).hits.is_empty());
    }

    #[test]
    fn the_clock_of_rules_begins_again_with_listening() {
        let now = Instant::now();
        let rule = Rule { length: Some(nanoseconds(Duration::from_secs(10))), ..flaky("100%") };
        let engine = Engine::new(1, "web-0", vec![rule], now);
        let at = |seconds| !decide(&engine, HEALTHZ, now + Duration::from_secs(seconds)).hits.is_empty();
        assert!(at(9) && !at(11));
        engine.restart_clock(now + Duration::from_secs(100));
        assert!(at(109) && !at(111));
    }

    /// What a page or a gRPC watch may say beforehand: chances and other effects are not certain, and saying it uses nothing up.
    #[test]
    fn only_a_failure_without_a_chance_that_is_due_is_certain() {
        let now = Instant::now();
        for (plan, want) in [
            ("health fail 418", Some(418)),
            ("health fail", Some(500)),
            ("health fail 100%", Some(500)),
            ("health fail 50%; health fail 503", Some(503)),
            ("health hang", None),
            ("health delay 5s; health fail 502", Some(502)),
            ("live fail", None),
            ("health fail after 10s", None),
            ("health fail times 1", Some(500)),
            ("", None),
        ] {
            let engine = Engine::new(1, "web-0", crate::faults::plan::parse(plan.as_bytes()).expect(plan), now);
            assert_eq!(engine.certain_failure(HEALTHZ, now), want, "{plan}");
            assert_eq!(engine.certain_failure(HEALTHZ, now), want, "{plan}, again");
        }
    }

    #[test]
    fn a_rule_stands_only_on_its_pods() {
        let now = Instant::now();
        for (pod, want) in [("web-0", true), ("web-1", false)] {
            let rule = Rule { pods: Some(Pods::Glob(b"*-0".to_vec())), ..Rule::new(Target::App, Effect::Hang) };
            let root = Subject { check: None, is_protected: false, path: b"/" };
            assert_eq!(!decide(&Engine::new(1, pod, vec![rule], now), root, now).hits.is_empty(), want, "{pod}");
        }
    }
}
