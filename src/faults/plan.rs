//! The fault language: from text to rules, or to the place where it goes wrong and what was expected there.
//!
//! `plan = [rule] *( (";" / newline) [rule] )`, a rule being `target effect [argument] [qualifier ...]`. Spelling a
//! rule out again is in [`super::rule`].

use std::time::Duration;

use super::Check;
use super::rule::{CrashKind, Effect, Pods, Rule, Target};
use crate::quantity::{self, Percent};
use crate::text;

/// Most rules in a plan, and at a time.
pub const MAX_RULES: usize = 64;
pub const MAX_PLAN: usize = 16 * 1024;

/// Where a plan goes wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanError {
    /// From 1.
    pub line: u32,
    /// In bytes, from 1.
    pub column: u32,
    /// The word there; empty at the end of a rule.
    pub word: Vec<u8>,
    /// What should have been there.
    pub expected: String,
}

impl PlanError {
    /// `line 1, column 8: got "fial", expected ...`.
    pub fn line(&self) -> String {
        let mut out = Vec::new();
        text::put(&mut out, b"line ");
        text::decimal(&mut out, self.line.into());
        text::put(&mut out, b", column ");
        text::decimal(&mut out, self.column.into());
        text::put(&mut out, b": got ");
        match self.word.as_slice() {
            b"" => text::put(&mut out, b"the end of the rule"),
            word => text::json_string(&mut out, word),
        }
        text::put_all(&mut out, &[", expected ", &self.expected]);
        text::into_string(out)
    }
}

const TARGETS: [&str; 10] =
    ["start", "health", "live", "ready", "startup", "app", "listen", "process", "term", "a path such as /api*"];
const KINDS: [&str; 4] = ["abort", "segv", "trap", "oom"];
const DURATION: &str = "a duration such as 1.5s or 1m30s, at most 30 days";
/// What is odd about a plan that is not empty and has no rule: most likely its newlines were lost on the way.
pub const NO_RULE: &str = "no rule in it: a # drops the rest of its line (are its newlines still there?)";
/// A rule here would take away the cure.
const CURES: [&[u8]; 3] = [b"/faults", b"/infect", b"/cure"];

/// A word and where it stands.
#[derive(Clone, Copy)]
struct Word<'p> {
    text: &'p [u8],
    line: u32,
    column: u32,
}

impl Word<'_> {
    #[inline(never)] // Errors are made in twenty places.
    fn error(&self, expected: &str) -> PlanError {
        PlanError { line: self.line, column: self.column, word: self.text.to_vec(), expected: expected.to_owned() }
    }

    /// An error that lists the words that could stand here, and the one that was probably meant.
    fn none_of(&self, what: &str, words: &[&str]) -> PlanError {
        let mut expected = what.as_bytes().to_vec();
        for (at, word) in words.iter().enumerate() {
            let before = if at == 0 {
                " "
            } else if at + 1 == words.len() {
                " or "
            } else {
                ", "
            };
            text::put_all(&mut expected, &[before, word]);
        }
        if let Some(meant) = words.iter().find(|word| is_one_edit_away(self.text, word.as_bytes())) {
            text::put_all(&mut expected, &["; did you mean ", meant, "?"]);
        }
        self.error(&text::into_string(expected))
    }
}

/// Whether one letter more, less, other or swapped with its neighbour turns one word into the other.
fn is_one_edit_away(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[same..], &long[same..]);
    match (short, long) {
        ([], []) => false,
        ([a, b, ..], [c, d, ..]) if a == d && b == c && short[2..] == long[2..] => true,
        _ if short.len() == long.len() => short[1..] == long[1..],
        _ => *short == long[1..],
    }
}

/// The words of one rule, read one by one.
struct Words<'w, 'p> {
    words: &'w [Word<'p>],
    /// Where the rule ends.
    end: Word<'p>,
}

impl<'p> Words<'_, 'p> {
    fn peek(&self) -> Option<Word<'p>> {
        self.words.first().copied()
    }

    #[inline(never)]
    fn next(&mut self) -> Option<Word<'p>> {
        let (&first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    /// The next word as `parse` reads it; anything else, or nothing, is an error.
    fn parsed<T>(&mut self, expected: &str, parse: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, PlanError> {
        let word = self.next().unwrap_or(self.end);
        parse(word.text).ok_or_else(|| word.error(expected))
    }
}

pub fn parse(plan: &[u8]) -> Result<Vec<Rule>, PlanError> {
    let mut rules = Vec::new();
    let mut words = Vec::new();
    for (line, content) in (1..).zip(plan.split(|&byte| byte == b'\n')) {
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let comment = content.iter().position(|&byte| byte == b'#').unwrap_or(content.len());
        let mut column = 1;
        for segment in content[..comment].split(|&byte| byte == b';') {
            words.clear();
            let mut at = column;
            for text in segment.split(|&byte| byte == b' ' || byte == b'\t') {
                if !text.is_empty() {
                    words.push(Word { text, line, column: at });
                }
                at += text.len() as u32 + 1;
            }
            column += segment.len() as u32 + 1;
            if let Some(&first) = words.first() {
                if rules.len() == MAX_RULES {
                    return Err(first.error("at most 64 rules"));
                }
                rules.push(rule(Words { words: &words, end: Word { text: b"", line, column: column - 1 } })?);
            }
        }
    }
    Ok(rules)
}

fn rule(mut words: Words<'_, '_>) -> Result<Rule, PlanError> {
    let target = target(words.next().unwrap_or(words.end))?;
    let effect = effect(&target, &mut words)?;
    let mut rule = Rule::new(target, effect);
    while let Some(word) = words.next() {
        qualifier(&mut rule, word, &mut words)?;
    }
    match (rule.every, rule.length) {
        (Some(_), None) if rule.takes_length() => Err(words.end.error("for, since the rule has every")),
        (Some(every), Some(length)) if length >= every => {
            Err(words.end.error("for to be shorter than every, or its window never shuts"))
        }
        _ => Ok(rule),
    }
}

fn target(word: Word<'_>) -> Result<Target, PlanError> {
    if let Some(check) = Check::ALL.into_iter().find(|check| check.name().as_bytes() == word.text) {
        return Ok(Target::Check(check));
    }
    match word.text {
        b"start" => Ok(Target::Start),
        b"app" => Ok(Target::App),
        b"listen" => Ok(Target::Listen),
        b"process" => Ok(Target::Process),
        b"term" => Ok(Target::Term),
        [b'/', ..] => path(word),
        _ => Err(word.none_of("a target:", &TARGETS)),
    }
}

fn path(word: Word<'_>) -> Result<Target, PlanError> {
    if !word.text.iter().all(u8::is_ascii_graphic) {
        return Err(word.error("a path of visible ASCII, as requests spell it"));
    }
    if let Some(prefix) = word.text.strip_suffix(b"*") {
        return Ok(Target::Path(prefix.to_vec(), true));
    }
    let is_cure = |cure: &&[u8]| word.text.strip_prefix(*cure).is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
    if CURES.iter().any(is_cure) {
        return Err(word.error("another path: a rule here would take away the cure"));
    }
    Ok(Target::Path(word.text.to_vec(), false))
}

/// The effects that mean something for a target.
fn effects(target: &Target) -> &'static [&'static str] {
    match target {
        Target::Start => &["delay", "exit", "crash"],
        Target::Check(_) | Target::App | Target::Path(..) => {
            &["fail", "delay", "hang", "drop", "reset", "exit", "crash"]
        }
        Target::Listen => &["close", "hang"],
        Target::Process => &["cpu", "mem", "exit", "crash"],
        Target::Term => &["delay", "exit", "ignore"],
    }
}

fn effect(target: &Target, words: &mut Words<'_, '_>) -> Result<Effect, PlanError> {
    let word = words.next().unwrap_or(words.end);
    let allowed = effects(target);
    if !allowed.iter().any(|name| name.as_bytes() == word.text) {
        return Err(word.none_of("an effect for this target:", allowed));
    }
    Ok(match word.text {
        b"fail" => Effect::Fail(match words.peek() {
            // A number without % right behind `fail` can only be meant as its status.
            Some(next) if next.text.iter().all(u8::is_ascii_digit) => {
                words.parsed("a status, 200 to 599, or a chance such as 40%", status)?
            }
            _ => target.failing_status(),
        }),
        b"delay" => {
            let (shortest, longest) = words.parsed("a duration such as 50ms, or a range such as 50ms..1s", range)?;
            Effect::Delay(shortest, longest)
        }
        b"hang" => Effect::Hang,
        b"drop" => Effect::Drop,
        b"reset" => Effect::Reset,
        b"close" => Effect::Close,
        b"exit" => Effect::Exit(words.parsed("an exit status, 0 to 255", |word| number(word, 0, 255))? as u8),
        b"crash" => {
            let word = words.next().unwrap_or(words.end);
            Effect::Crash(CrashKind::parse(word.text).ok_or_else(|| word.none_of("a kind:", &KINDS))?)
        }
        b"cpu" => {
            let percent = |word: &[u8]| number(word.strip_suffix(b"%")?, 1, 6400);
            Effect::Cpu(words.parsed("whole percents of one core, 1% to 6400%", percent)? as u32)
        }
        b"mem" => Effect::Mem(words.parsed("a size such as 64Mi", quantity::parse_size)?),
        _ => Effect::Ignore,
    })
}

fn number(word: &[u8], least: u64, most: u64) -> Option<u64> {
    text::parse_decimal(word).filter(|number| (least..=most).contains(number))
}

fn status(word: &[u8]) -> Option<u16> {
    number(word, 200, 599).map(|status| status as u16)
}

/// `D`, or `D..D` of which the first is not the larger.
pub fn range(word: &[u8]) -> Option<(Duration, Duration)> {
    let (first, second) = match word.windows(2).position(|pair| pair == b"..") {
        Some(dots) => (&word[..dots], &word[dots + 2..]),
        None => (word, word),
    };
    let (shortest, longest) = (quantity::parse_duration(first)?, quantity::parse_duration(second)?);
    (shortest <= longest).then_some((shortest, longest))
}

impl Rule {
    /// Whether its window can shut by `for`: ends of the process happen when it opens, and have no length.
    fn takes_length(&self) -> bool {
        let is_end = matches!(self.effect, Effect::Exit(_) | Effect::Crash(_));
        !(self.target == Target::Start || self.target == Target::Process && is_end)
    }

    /// The qualifiers that mean something for its target and effect.
    fn qualifiers(&self) -> &'static [&'static str] {
        match self.target {
            Target::Start => &["N%", "pods"],
            Target::Term => &["N%", "after", "for", "pods"],
            _ if !self.takes_length() => &["N%", "after", "every", "times", "pods"],
            _ => &["N%", "after", "for", "every", "times", "pods"],
        }
    }
}

/// Puts a value where none is yet.
fn once<T>(slot: &mut Option<T>, value: T, word: Word<'_>) -> Result<(), PlanError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(word.error("each qualifier at most once")),
    }
}

fn qualifier(rule: &mut Rule, word: Word<'_>, words: &mut Words<'_, '_>) -> Result<(), PlanError> {
    let allowed = rule.qualifiers();
    let is_chance = word.text.first().is_some_and(u8::is_ascii_digit);
    if !is_chance && !allowed.iter().any(|name| name.as_bytes() == word.text) {
        return Err(word.none_of("a qualifier for this rule:", allowed));
    }
    let positive = |word: &[u8]| quantity::parse_duration(word).filter(|duration| !duration.is_zero());
    match word.text {
        b"after" => once(&mut rule.after, words.parsed(DURATION, quantity::parse_duration)?, word),
        b"for" => once(&mut rule.length, words.parsed(DURATION, positive)?, word),
        b"every" => once(&mut rule.every, words.parsed(DURATION, positive)?, word),
        b"times" => {
            let times = words.parsed("a number, 1 to 1000000000", |word| number(word, 1, 1_000_000_000))?;
            once(&mut rule.times, times as u32, word)
        }
        b"pods" => once(&mut rule.pods, words.parsed("a share such as 33%, or a name with at most one *", pods)?, word),
        chance => match Percent::parse(chance) {
            Some(percent) => once(&mut rule.chance, percent, word),
            None => Err(word.error("a chance such as 40% or 0.125%, or another qualifier")),
        },
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
        let rules = parse(plan.as_bytes()).unwrap_or_else(|error| panic!("{plan:?}: {}", error.line()));
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
                "a target: start, health, live, ready, startup, app, listen, process, term or a path such as /api*; did you mean health?",
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
            ("/faults/1 fail", 1, 1, "/faults/1", "another path: a rule here would take away the cure"),
            ("/cure drop", 1, 1, "/cure", "another path: a rule here would take away the cure"),
        ] {
            let error = parse(plan.as_bytes()).expect_err(plan);
            let want = PlanError { line, column, word: word.as_bytes().to_vec(), expected: expected.to_owned() };
            assert_eq!(error, want, "{plan:?}");
        }
        let many = "app fail\n".repeat(65);
        let error = parse(many.as_bytes()).expect_err("65 rules");
        assert_eq!(error.line(), "line 65, column 1: got \"app\", expected at most 64 rules");
    }

    const TARGETS_TEXT: &str =
        "a target: start, health, live, ready, startup, app, listen, process, term or a path such as /api*";

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
        for (a, b) in [("fail", "fail"), ("fa", "fail"), ("liaf", "fail"), ("xfailx", "fail")] {
            assert!(!is_one_edit_away(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
    }
}
