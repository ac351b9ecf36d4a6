//! Variables one by one, in each of their forms, and what is wrong with them.

use std::time::Duration;

use super::Lookup;
use super::control::{Control, MAX_TOKEN, is_token, shown};
use super::table::variable;
use crate::faults::plan;
use crate::faults::rule::Rule;
use crate::quantity::{self, Percent};
use crate::text::Value::{self, Json, Number, Text};
use crate::{sys, text};

/// Reads variables one by one and collects what is wrong with them.
pub(super) struct Reader<'a> {
    lookup: Lookup<'a>,
    /// The variable that was read last.
    name: &'static str,
    /// Its value; empty when it is not set.
    value: Vec<u8>,
    pub(super) errors: Vec<String>,
    warnings: &'a mut Vec<String>,
    given: &'a mut Vec<(&'static str, String)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        lookup: Lookup<'a>,
        given: &'a mut Vec<(&'static str, String)>,
        warnings: &'a mut Vec<String>,
    ) -> Self {
        given.reserve(12); // More are rare, and the size is asked for anyway (text::LINES).
        Self { lookup, name: "", value: Vec::new(), errors: Vec::new(), warnings, given }
    }

    /// Reads a variable; an empty value counts as unset. Whether it is set.
    #[inline(never)]
    fn read(&mut self, name: &'static str) -> bool {
        self.name = name;
        self.value = (self.lookup)(name).unwrap_or_default();
        if self.value.is_empty() {
            return false;
        }
        self.note();
        true
    }

    /// Notes the value that was read last, for the log.
    fn note(&mut self) {
        self.given.push((self.name, shown(self.name, &self.value)));
    }

    /// The one variable that tells empty from unset. A newline comes behind it.
    pub(super) fn content(&mut self) -> Option<Vec<u8>> {
        (self.name, self.value) = ("CONTENT", (self.lookup)("CONTENT")?);
        self.note();
        self.value.push(b'\n');
        Some(std::mem::take(&mut self.value))
    }

    /// The value as `parse` reads it; what it refuses is an error.
    pub(super) fn parsed<T>(&mut self, name: &'static str, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        if !self.read(name) {
            return None;
        }
        let parsed = parse(&self.value);
        if parsed.is_none() {
            self.refuse();
        }
        parsed
    }

    /// Refuses the value that was read last, names its form, and shows it as far as it may be shown. (Only here the table is
    /// searched: a start that finds nothing wrong does not even look at it.)
    #[inline(never)]
    fn refuse(&mut self) {
        let form = variable(self.name).map_or("", |variable| variable.form);
        let value = shown(self.name, &self.value);
        self.error("~: got ~, expected ~", &[Text(self.name), Json(&value), Text(form)]);
    }

    #[inline(never)]
    fn error(&mut self, text: &str, values: &[Value<'_>]) {
        self.errors.push(text::filled(text, values));
    }

    #[inline(never)]
    pub(super) fn warn(&mut self, text: &str, values: &[Value<'_>]) {
        self.warnings.push(text::filled(text, values));
    }

    /// The rules that the shorthand variables stand for, in their order, and then those of FAULTS. A shorthand is a rule in
    /// the same language.
    pub(super) fn rules(&mut self, crash_exit_code: &mut u8) -> Vec<Rule> {
        let mut plan = Vec::new();
        let short = self.seconds("START_WAIT_SECS");
        let long = self.seconds("START_WAIT_SECONDS");
        add_wait(&mut plan, "start delay ", short.or(long));
        let crash = self.factor("CRASH_FACTOR");
        *crash_exit_code = self.number("CRASH_EXIT_CODE", 0, 255).unwrap_or_default() as u8;
        add_chance(&mut plan, &text::filled("start exit ~", &[Number((*crash_exit_code).into())]), crash);
        add_chance(&mut plan, "health fail", self.factor("HEALTH_STATUS_FACTOR"));
        add_wait(&mut plan, "startup fail for ", self.seconds("STARTUP_WAIT_SECS"));
        add_wait(&mut plan, "ready fail for ", self.seconds("READY_WAIT_SECS"));
        add_chance(&mut plan, "app fail", self.factor("ERROR_FACTOR"));
        let delay = self.parsed("RESPONSE_DELAY", plan::range);
        if delay.is_some_and(|(_, longest)| longest > 0) {
            text::put(&mut plan, b"app delay ");
            text::put(&mut plan, &self.value);
        }
        let mut rules = Vec::new();
        self.add_plan(&plan, &mut rules); // Cannot fail: every value has been parsed.
        if self.read("FAULTS") {
            let plan = std::mem::take(&mut self.value);
            let before = rules.len();
            self.add_plan(&plan, &mut rules);
            if rules.len() == before {
                self.warn("FAULTS: ~", &[Text(plan::NO_RULE)]);
            }
        }
        rules
    }

    #[inline(never)]
    fn add_plan(&mut self, plan: &[u8], rules: &mut Vec<Rule>) {
        if let Err(line) = plan::add(plan, rules) {
            self.error("FAULTS: ~", &[Text(&line)]);
        }
    }

    /// A chance: a number with an optional `%`; above 100 it counts as 100.
    #[inline(never)]
    fn factor(&mut self, name: &'static str) -> Option<Percent> {
        let parse = |value: &[u8]| Percent::parse_capped(value.strip_suffix(b"%").unwrap_or(value));
        let (percent, is_capped) = self.parsed(name, parse)?;
        if is_capped {
            self.warn("~: above 100, counts as 100", &[Text(name)]);
        }
        Some(percent)
    }

    /// CONTROL, and the file that can hold its token instead.
    pub(super) fn control(&mut self) -> Control {
        let mut control = Control::Open;
        if self.read("CONTROL") {
            match Control::parse(&self.value) {
                Ok(parsed) => control = parsed,
                Err(problem) => {
                    let expected = "CONTROL: expected open, off or token:SECRET (the value is not shown): ~";
                    self.error(expected, &[Text(problem)]);
                }
            }
        }
        if self.read("CONTROL_TOKEN_FILE") {
            let mut token = sys::read_file(&text::lossy(&self.value), MAX_TOKEN + 1).unwrap_or_default();
            token.pop_if(|last| *last == b'\n');
            match control {
                Control::Open if is_token(&token) => control = Control::Token(token),
                Control::Off if is_token(&token) => {}
                _ => self.refuse(),
            }
        }
        control
    }

    /// Reads a text into its place.
    #[inline(never)]
    pub(super) fn text(&mut self, name: &'static str, place: &mut Option<String>) {
        *place = self.parsed(name, |value| str::from_utf8(value).ok().map(str::to_owned));
    }

    /// Reads a value that may become a header field.
    #[inline(never)]
    pub(super) fn field_value(&mut self, name: &'static str, place: &mut Option<String>) {
        self.text(name, place);
        if place.as_ref().is_some_and(|value| !is_field_value(value.as_bytes())) {
            self.refuse();
        }
    }

    #[inline(never)]
    pub(super) fn number(&mut self, name: &'static str, least: u64, most: u64) -> Option<u64> {
        self.parsed(name, |value| text::parse_decimal(value).filter(|number| (least..=most).contains(number)))
    }

    /// One of some words, by its place.
    #[inline(never)]
    pub(super) fn choice(&mut self, name: &'static str, words: &str) -> Option<usize> {
        self.parsed(name, |value| text::place(words, value))
    }

    #[inline(never)]
    pub(super) fn seconds(&mut self, name: &'static str) -> Option<Duration> {
        self.parsed(name, quantity::parse_seconds)
    }

    /// A duration with its unit, from the least to the most.
    #[inline(never)]
    pub(super) fn duration(&mut self, name: &'static str, least: Duration, most: Duration) -> Option<Duration> {
        let parse = |value: &[u8]| quantity::parse_duration(value).filter(|duration| (least..=most).contains(duration));
        self.parsed(name, parse)
    }
}

/// A rule with a chance, unless there is none.
#[inline(never)]
fn add_chance(plan: &mut Vec<u8>, rule: &str, chance: Option<Percent>) {
    if let Some(percent) = chance.filter(|percent| percent.thousandths() > 0) {
        text::put_all(plan, &[rule, " "]);
        percent.write(plan);
        plan.push(b'\n');
    }
}

/// A rule that takes some time, unless that is none.
#[inline(never)]
fn add_wait(plan: &mut Vec<u8>, rule: &str, wait: Option<Duration>) {
    if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
        text::put(plan, rule.as_bytes());
        quantity::write_duration(plan, wait);
        plan.push(b'\n');
    }
}

/// Whether a value can stand in a header field as it is: visible ASCII and single spaces between.
fn is_field_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic())
        && value.trim_ascii().len() == value.len()
        && !value.windows(2).any(|pair| pair == b"  ")
}
