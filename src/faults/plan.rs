//! The fault language: from text to rules, or to the place where it goes wrong and what was expected there.
//!
//! `plan = [rule] *( (";" / newline) [rule] )`, a rule being `target effect [argument] [qualifier ...]`. Spelling a
//! rule out again is in [`super::rule`].

use super::Check;
use super::rule::{CrashKind, Effect, Nanos, Pods, Rule, Target, nanoseconds};
use crate::quantity::{self, Percent};
use crate::text;
use crate::text::Value::{Json, Number, Text};

/// Most rules in a plan, and at a time.
pub const MAX_RULES: usize = 64;
pub const MAX_PLAN: usize = 16 * 1024;

/// What a rule begins with, as an error lists it.
const TARGETS: &str = "start health live ready startup app listen process term /path";
/// What stands behind the effect; a rule may have some of them.
const QUALIFIERS: &str = "after for every times pods";
const DURATION: &str = "a duration such as 1.5s or 1m30s, at most 30 days";
/// What is odd about a plan that is not empty and has no rule: most likely its newlines were lost on the way.
pub const NO_RULE: &str = "no rule in it: a # drops the rest of its line (are its newlines still there?)";

/// Reads a plan. An error is a line: `line 1, column 8: got "fial", expected ...`.
pub fn parse(plan: &[u8]) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    add(plan, &mut rules)?;
    Ok(rules)
}

/// Reads a plan, whose rules come behind others.
#[inline(never)]
pub fn add(plan: &[u8], rules: &mut Vec<Rule>) -> Result<(), String> {
    if plan.len() > MAX_PLAN {
        return Err("got a plan of more than 16 KiB, expected less".to_owned());
    }
    let mut reader = Reader { plan, at: 0, start: 0, expected: "", words: "" };
    while reader.is_at_rule() {
        let mut rule = Rule::new(Target::App, Effect::Hang);
        let read = if rules.len() < MAX_RULES {
            reader.rule(&mut rule)
        } else {
            reader.next("at most 64 rules");
            None
        };
        if read.is_none() {
            return Err(reader.error());
        }
        rules.push(rule);
    }
    Ok(())
}

/// Whether one letter more, less, other or swapped with its neighbour turns one word into the other.
fn is_one_edit_away(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([first, more @ ..], [other, others @ ..]) = (a, b)
        && first == other
    {
        (a, b) = (more, others);
    }
    while let ([more @ .., last], [others @ .., other]) = (a, b)
        && last == other
    {
        (a, b) = (more, others);
    }
    match (a, b) {
        ([_], [] | [_]) | ([], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

/// Reads a plan word by word, each with what is expected of it. The first thing that is wrong ends the reading: nothing
/// comes of the last word.
struct Reader<'p> {
    plan: &'p [u8],
    /// Where the next word is looked for.
    at: usize,
    /// Where the word that was read last begins.
    start: usize,
    /// What should be there, and the words that could be.
    expected: &'static str,
    words: &'static str,
}

impl<'p> Reader<'p> {
    /// The byte that comes next; a newline at the end, and for the CR before a newline.
    fn peek(&self) -> u8 {
        match self.plan.get(self.at..).unwrap_or_default() {
            [] | [b'\r'] | [b'\r', b'\n', ..] => b'\n',
            [byte, ..] => *byte,
        }
    }

    /// Goes to the first word of the next rule, over comments; whether there is one.
    fn is_at_rule(&mut self) -> bool {
        let mut is_comment = false;
        while self.at < self.plan.len() {
            match self.peek() {
                b'\n' => is_comment = false,
                b'#' => is_comment = true,
                b';' | b' ' | b'\t' => {}
                _ if !is_comment => return true,
                _ => {}
            }
            self.at += 1;
        }
        false
    }

    /// The next word of the rule; an empty one at its end.
    #[inline(never)]
    fn next(&mut self, expected: &'static str) -> &'p [u8] {
        while matches!(self.peek(), b' ' | b'\t') {
            self.at += 1;
        }
        self.start = self.at;
        while !matches!(self.peek(), b' ' | b'\t' | b';' | b'#' | b'\n') {
            self.at += 1;
        }
        self.expected = expected;
        self.words = "";
        self.last()
    }

    fn last(&self) -> &'p [u8] {
        &self.plan[self.start..self.at]
    }

    /// That the word which was read last should be something else, one of these words where there are some.
    fn expect(&mut self, expected: &'static str, words: &'static str) {
        (self.expected, self.words) = (expected, words);
    }

    /// The same, when nothing can come of it.
    fn fail<T>(&mut self, expected: &'static str) -> Option<T> {
        self.expect(expected, "");
        None
    }

    /// What was wrong, and where (from 1, columns in bytes), with the words that could stand there, and the one that was
    /// probably meant.
    #[inline(never)]
    fn error(&self) -> String {
        let (mut line, mut line_start) = (1, 0);
        for (at, &byte) in self.plan[..self.start].iter().enumerate() {
            if byte == b'\n' {
                line += 1;
                line_start = at + 1;
            }
        }
        let column = Number((1 + self.start - line_start) as u64);
        let word = text::lossy(self.last());
        let got = if word.is_empty() { Text("the end of the rule") } else { Json(&word) };
        let mut out = Vec::new();
        let values = [Number(line), column, got, Text(self.expected)];
        text::fill(&mut out, "line ~, column ~: got ~, expected ~", &values);
        let (mut rest, mut before, mut hint) = (self.words, " ", "");
        while !rest.is_empty() {
            let (known, after) = rest.split_once(' ').unwrap_or((rest, ""));
            text::put_all(&mut out, &[before, known]);
            if hint.is_empty() && is_one_edit_away(word.as_bytes(), known.as_bytes()) {
                hint = known;
            }
            before = if after.contains(' ') { ", " } else { " or " };
            rest = after;
        }
        if !hint.is_empty() {
            text::put_all(&mut out, &["; did you mean ", hint, "?"]);
        }
        text::into_string(out)
    }

    #[inline(never)]
    fn rule(&mut self, rule: &mut Rule) -> Option<()> {
        rule.target = self.target()?;
        rule.effect = self.effect(&rule.target)?;
        let mut given = 0;
        while !self.next("").is_empty() {
            self.qualifier(rule, &mut given)?;
        }
        match (rule.every, rule.length) {
            (Some(_), None) if rule.takes_length() => self.fail("for, since the rule has every"),
            (Some(every), Some(length)) if length >= every => {
                self.fail("for to be shorter than every, or its window never shuts")
            }
            _ => Some(()),
        }
    }

    fn target(&mut self) -> Option<Target> {
        let word = self.next("");
        if word.starts_with(b"/") {
            return self.path(word);
        }
        self.expect("a target:", TARGETS);
        Some(match text::place(Target::NAMES, word)? {
            4 => Target::Start,
            5 => Target::App,
            6 => Target::Listen,
            7 => Target::Process,
            8 => Target::Term,
            at => Target::Check(*Check::ALL.get(at)?),
        })
    }

    fn path(&mut self, word: &[u8]) -> Option<Target> {
        // What follows `?` is not looked at, so such a rule would never hit.
        if !word.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'?') {
            return self.fail("a path of visible ASCII, as requests spell it, without a query");
        }
        let (path, is_prefix) = match word.strip_suffix(b"*") {
            Some(prefix) => (prefix, true),
            None => (word, false),
        };
        if !is_prefix && text::place("faults infect cure", text::before(&word[1..], b'/')).is_some() {
            return self.fail("another path: a rule here would take away the cure");
        }
        Some(Target::Path(path.to_vec(), is_prefix))
    }

    fn effect(&mut self, target: &Target) -> Option<Effect> {
        let allowed = effects(target);
        let word = self.next("");
        self.expect("an effect for this target:", allowed);
        text::place(allowed, word)?;
        // What has an argument reads it now; the status of `fail` may be left out.
        Some(match text::place(Effect::NAMES, word)? {
            0 => Effect::Fail(self.status()?.unwrap_or(target.failing_status())),
            1 => {
                let (shortest, longest) = range(self.next("a duration such as 50ms, or a range such as 50ms..1s"))?;
                Effect::Delay(shortest, longest)
            }
            2 => Effect::Hang,
            3 => Effect::Drop,
            4 => Effect::Reset,
            5 => Effect::Close,
            6 => Effect::Exit(self.number("an exit status, 0 to 255", b"", 0, 255)? as u8),
            7 => {
                let word = self.next("");
                self.expect("a kind:", CrashKind::NAMES);
                Effect::Crash(CrashKind::parse(word)?)
            }
            8 => Effect::Cpu(self.number("whole percents of one core, 1% to 6400%", b"%", 1, 6400)?),
            9 => Effect::Mem(quantity::parse_size(self.next("a size such as 64Mi"))?),
            _ => Effect::Ignore,
        })
    }

    /// The status behind `fail`, if there is one. A number without % there can only be meant as one.
    fn status(&mut self) -> Option<Option<u16>> {
        let before = self.at;
        let word = self.next("");
        self.at = before;
        if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
            return Some(None);
        }
        let status = self.number("a status, 200 to 599, or a chance such as 40%", b"", 200, 599)?;
        Some(Some(status as u16))
    }

    /// The next word as a number with that unit.
    #[inline(never)]
    fn number(&mut self, expected: &'static str, unit: &[u8], least: u64, most: u64) -> Option<u32> {
        let number = self.next(expected).strip_suffix(unit).and_then(text::parse_decimal)?;
        (least..=most).contains(&number).then_some(number as u32)
    }

    /// The next word as a duration.
    #[inline(never)]
    fn time(&mut self, least: Nanos) -> Option<Nanos> {
        time(self.next(DURATION)).filter(|&time| time >= least)
    }

    /// Reads the rest of the qualifier whose first word was read last. `given` has a bit for each that the rule has.
    #[inline(never)]
    fn qualifier(&mut self, rule: &mut Rule, given: &mut u32) -> Option<()> {
        let (word, allowed) = (self.last(), rule.qualifiers());
        let is_chance = word[0].is_ascii_digit();
        if !is_chance && text::place(allowed, word).is_none() {
            self.expect("a qualifier for this rule:", allowed);
            return None;
        }
        // What is none of the words can only be a chance.
        let (kind, chance) = (text::place(QUALIFIERS, word).unwrap_or(5), Percent::parse(word));
        if kind == 5 && chance.is_none() {
            return self.fail("a chance such as 40% or 0.125%, or another qualifier");
        }
        if *given >> kind & 1 == 1 {
            return self.fail("each qualifier at most once");
        }
        *given |= 1 << kind;
        match kind {
            0 => rule.after = Some(self.time(0)?),
            1 => rule.length = Some(self.time(1)?),
            2 => rule.every = Some(self.time(1)?),
            3 => rule.times = Some(self.number("a number, 1 to 1000000000", b"", 1, 1_000_000_000)?),
            4 => rule.pods = Some(pods(self.next("a share such as 33%, or a name with at most one *"))?),
            _ => rule.chance = chance,
        }
        Some(())
    }
}

/// The effects that mean something for a target.
fn effects(target: &Target) -> &'static str {
    match target {
        Target::Start => "delay exit crash",
        Target::Check(_) | Target::App | Target::Path(..) => "fail delay hang drop reset exit crash",
        Target::Listen => "close hang",
        Target::Process => "cpu mem exit crash",
        Target::Term => "delay exit ignore",
    }
}

fn time(word: &[u8]) -> Option<Nanos> {
    quantity::parse_duration(word).map(nanoseconds)
}

/// `D`, or `D..D` of which the first is not the larger.
pub fn range(word: &[u8]) -> Option<(Nanos, Nanos)> {
    let (first, second) = match word.windows(2).position(|pair| pair == b"..") {
        Some(dots) => (&word[..dots], &word[dots + 2..]),
        None => (word, word),
    };
    let (shortest, longest) = (time(first)?, time(second)?);
    (shortest <= longest).then_some((shortest, longest))
}

impl Rule {
    /// Whether its window can shut by `for`: ends of the process happen when it opens, and have no length.
    #[inline(never)]
    fn takes_length(&self) -> bool {
        !matches!(self.target, Target::Start) && !self.ends_by_clock()
    }

    /// Whether it ends the process by the clock.
    #[inline(never)]
    pub(super) fn ends_by_clock(&self) -> bool {
        matches!((&self.target, &self.effect), (Target::Process, Effect::Exit(_) | Effect::Crash(_)))
    }

    /// The qualifiers that mean something for its target and effect.
    fn qualifiers(&self) -> &'static str {
        match self.target {
            Target::Start => "N% pods",
            Target::Term => "N% after for pods",
            _ if !self.takes_length() => "N% after every times pods",
            _ => "N% after for every times pods",
        }
    }
}

fn pods(word: &[u8]) -> Option<Pods> {
    if word.ends_with(b"%") {
        return Percent::parse(word).map(Pods::Share);
    }
    let stars = word.iter().filter(|&&byte| byte == b'*').count();
    let is_name = !word.is_empty() && word.iter().all(u8::is_ascii_graphic);
    (is_name && stars <= 1).then(|| Pods::Glob(word.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(plan: &str) -> Vec<String> {
        let rules = parse(plan.as_bytes()).unwrap_or_else(|error| panic!("{plan:?}: {error}"));
        rules.iter().map(Rule::spelled).collect()
    }

    #[test]
    fn reads_sentences() {
        for (plan, want) in [
            ("", &[][..]),
            (" ; ;\n\r\n# nothing\n", &[]),
            ("health fail 40%", &["health fail 40%"]),
            ("ready fail for 60s; live fail after 5m", &["ready fail for 1m", "live fail after 5m"]),
            ("app fail 503 10%; app delay 50ms..400ms 25%", &["app fail 503 10%", "app delay 50ms..400ms 25%"]),
            ("process crash oom 5% every 30s", &["process crash oom 5% every 30s"]),
            ("listen close after 20s for 10s # why\nterm ignore", &["listen close after 20s for 10s", "term ignore"]),
            ("app fail times 3 every 10s for 1s 5%\r\n", &["app fail 5% for 1s every 10s times 3"]),
            ("/a*b/*\tdrop pods *-0", &["/a*b/* drop pods *-0"]),
            ("/crash fail 500 pods 33.3%", &["/crash fail pods 33.3%"]),
            (
                "start delay 1s..2s 50%;start exit 3;start crash segv",
                &["start delay 1s..2s 50%", "start exit 3", "start crash segv"],
            ),
            (
                "process cpu 150% after 0s; process mem 64Mi times 1",
                &["process cpu 150% after 0s", "process mem 64Mi times 1"],
            ),
            ("term delay 5s; term exit 9 50% after 1m for 2m", &["term delay 5s", "term exit 9 50% after 1m for 2m"]),
            ("startup hang;live reset;ready fail 503", &["startup hang", "live reset", "ready fail"]),
        ] {
            assert_eq!(spelled(plan), want, "{plan:?}");
        }
    }

    #[test]
    fn says_where_a_plan_goes_wrong_and_what_was_expected() {
        for (plan, line, column, word, expected) in [
            (
                "helth fail",
                1,
                1,
                "helth",
                "a target: start, health, live, ready, startup, app, listen, process, term or /path; did you mean health?",
            ),
            (
                "app fail\n  health fial",
                2,
                10,
                "fial",
                "an effect for this target: fail, delay, hang, drop, reset, exit or crash; did you mean fail?",
            ),
            ("health", 1, 7, "", "an effect for this target: fail, delay, hang, drop, reset, exit or crash"),
            ("a; app fail", 1, 1, "a", TARGETS_TEXT),
            ("app fail 40", 1, 10, "40", "a status, 200 to 599, or a chance such as 40%"),
            ("app fail 40% 503", 1, 14, "503", "a chance such as 40% or 0.125%, or another qualifier"),
            ("app fail 101%", 1, 10, "101%", "a chance such as 40% or 0.125%, or another qualifier"),
            ("app fail N%", 1, 10, "N%", "a chance such as 40% or 0.125%, or another qualifier"),
            ("app fail 40% 41%", 1, 14, "41%", "each qualifier at most once"),
            ("app fail after 1s after 2s", 1, 19, "after", "each qualifier at most once"),
            ("app fail after 5", 1, 16, "5", DURATION),
            ("app fail for 0s", 1, 14, "0s", DURATION),
            ("app fail after", 1, 15, "", DURATION),
            (
                "app fail aftr 5s",
                1,
                10,
                "aftr",
                "a qualifier for this rule: N%, after, for, every, times or pods; did you mean after?",
            ),
            ("app fail every 10s", 1, 19, "", "for, since the rule has every"),
            ("app fail for 10s every 10s; x", 1, 27, "", "for to be shorter than every, or its window never shuts"),
            ("app delay 2s..1s", 1, 11, "2s..1s", "a duration such as 50ms, or a range such as 50ms..1s"),
            ("app close", 1, 5, "close", "an effect for this target: fail, delay, hang, drop, reset, exit or crash"),
            ("listen fail", 1, 8, "fail", "an effect for this target: close or hang"),
            ("start exit 256", 1, 12, "256", "an exit status, 0 to 255"),
            ("start delay 1s after 1s", 1, 16, "after", "a qualifier for this rule: N% or pods"),
            ("process exit 1 for 5s", 1, 16, "for", "a qualifier for this rule: N%, after, every, times or pods"),
            ("term exit 1 times 2", 1, 13, "times", "a qualifier for this rule: N%, after, for or pods"),
            ("process cpu 0%", 1, 13, "0%", "whole percents of one core, 1% to 6400%"),
            ("process mem 1.5Gi", 1, 13, "1.5Gi", "a size such as 64Mi"),
            ("process crash boom", 1, 15, "boom", "a kind: abort, segv, trap or oom; did you mean oom?"),
            ("app fail times 0", 1, 16, "0", "a number, 1 to 1000000000"),
            ("app fail pods a*b*", 1, 15, "a*b*", "a share such as 33%, or a name with at most one *"),
            ("app fail pods w\u{e9}b", 1, 15, "w\u{e9}b", "a share such as 33%, or a name with at most one *"),
            ("/faults/1 fail", 1, 1, "/faults/1", "another path: a rule here would take away the cure"),
            ("/cure drop", 1, 1, "/cure", "another path: a rule here would take away the cure"),
        ] {
            let error = parse(plan.as_bytes()).expect_err(plan);
            let got = if word.is_empty() { String::from("the end of the rule") } else { format!("{word:?}") };
            let want = format!("line {line}, column {column}: got {got}, expected {expected}");
            assert_eq!(error, want, "{plan:?}");
        }
        let many = "app fail\n".repeat(65);
        let error = parse(many.as_bytes()).expect_err("65 rules");
        assert_eq!(error, "line 65, column 1: got \"app\", expected at most 64 rules");
    }

    const TARGETS_TEXT: &str = "a target: start, health, live, ready, startup, app, listen, process, term or /path";

    #[test]
    fn one_edit() {
        for (a, b) in
            [("fial", "fail"), ("fai", "fail"), ("faill", "fail"), ("fall", "fail"), ("Fail", "fail"), ("", "a")]
        {
            assert!(
                is_one_edit_away(a.as_bytes(), b.as_bytes()) && is_one_edit_away(b.as_bytes(), a.as_bytes()),
                "{a} {b}"
            );
        }
        for (a, b) in [("fail", "fail"), ("fa", "fail"), ("liaf", "fail"), ("xfailx", "fail"), ("ab", "ca")] {
            assert!(!is_one_edit_away(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
    }
}
