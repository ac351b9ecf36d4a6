//! Variables one by one, in each of their forms, and what is wrong with them.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::control::{Control, MAX_TOKEN, is_token, shown};
use super::{Lookup, Variable, variables};
use crate::faults::plan::{self, MAX_PLAN};
use crate::faults::rule::Rule;
use crate::quantity::{self, Percent};
use crate::text::Value::{self, Json, Text};
use crate::{sys, text};

/// Reads variables one by one and collects what is wrong with them.
pub(super) struct Reader<'a> {
    lookup: Lookup<'a>,
    /// The variable that was read last.
    variable: Variable,
    /// Its value: what is set, or else the default, which may be empty.
    value: Vec<u8>,
    /// Whether it is set.
    pub(super) is_set: bool,
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) given: Vec<(&'static str, String)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: Lookup<'a>) -> Self {
        let variable = Variable { name: "", form: "", default: "", meaning: "" };
        let (errors, warnings, given) = (Vec::new(), Vec::new(), Vec::new());
        Self { lookup, variable, value: Vec::new(), is_set: false, errors, warnings, given }
    }

    /// Reads a variable of the table; an empty value counts as unset. Whether there is a value, by default at least.
    #[inline(never)]
    fn read(&mut self, name: &str) -> bool {
        for variable in variables() {
            if variable.name == name {
                self.variable = variable;
            }
        }
        let value = (self.lookup)(name).unwrap_or_default();
        self.is_set = !value.is_empty();
        if self.is_set {
            self.given.push((self.variable.name, shown(name, &value)));
            self.value = value;
        } else {
            self.value = self.variable.default.as_bytes().to_vec();
        }
        !self.value.is_empty()
    }

    /// The value as `parse` reads it; what it refuses is an error.
    pub(super) fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        if !self.read(name) {
            return None;
        }
        let parsed = parse(&self.value);
        if parsed.is_none() {
            self.refuse();
        }
        parsed
    }

    /// Refuses the value that was read last, names its form, and shows it as far as it may be shown.
    #[inline(never)]
    fn refuse(&mut self) {
        let value = shown(self.variable.name, &self.value);
        let Variable { name, form, .. } = self.variable;
        self.error("~: got ~, expected ~", &[Text(name), Json(&value), Text(form)]);
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
    pub(super) fn rules(&mut self, crash_exit_code: u8) -> Vec<Rule> {
        let mut plan = Vec::new();
        let long = self.seconds("START_WAIT_SECONDS");
        let short = self.seconds("START_WAIT_SECS");
        add_wait(&mut plan, "start delay ", if self.is_set { short } else { long });
        self.add_chance(&mut plan, "CRASH_FACTOR", &["start exit ", &text::to_decimal(crash_exit_code.into())]);
        self.add_chance(&mut plan, "HEALTH_STATUS_FACTOR", &["health fail"]);
        add_wait(&mut plan, "startup fail for ", self.seconds("STARTUP_WAIT_SECS"));
        add_wait(&mut plan, "ready fail for ", self.seconds("READY_WAIT_SECS"));
        self.add_chance(&mut plan, "ERROR_FACTOR", &["app fail"]);
        let delay = self.parsed("RESPONSE_DELAY", plan::range);
        if delay.is_some_and(|(_, longest)| !longest.is_zero()) {
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
        if plan.len() > MAX_PLAN {
            return self.error("FAULTS: longer than 16 KiB", &[]);
        }
        if let Err(error) = plan::add(plan, rules) {
            self.error("FAULTS: ~", &[Text(&error.line())]);
        }
    }

    /// A rule with the chance that a variable gives: a number with an optional `%`; above 100 it counts as 100.
    #[inline(never)]
    fn add_chance(&mut self, plan: &mut Vec<u8>, name: &str, rule: &[&str]) {
        let parse = |value: &[u8]| Percent::parse_capped(value.strip_suffix(b"%").unwrap_or(value));
        let (Some((percent, is_capped)), true) = (self.parsed(name, parse), self.is_set) else { return };
        if is_capped {
            self.warn("~: above 100, counts as 100", &[Text(name)]);
        }
        text::put_all(plan, rule);
        plan.push(b' ');
        percent.write(plan);
        plan.push(b'\n');
    }

    /// CONTROL, and the file that can hold its token instead.
    pub(super) fn control(&mut self) -> Control {
        self.read("CONTROL");
        let control = Control::parse(&self.value).unwrap_or_else(|problem| {
            self.error("CONTROL: expected open, off or token:SECRET (the value is not shown): ~", &[Text(problem)]);
            Control::Open
        });
        if !self.read("CONTROL_TOKEN_FILE") {
            return control;
        }
        let content = sys::read_file(&text::lossy(&self.value), MAX_TOKEN + 1).unwrap_or_default();
        let token = content.strip_suffix(b"\n").unwrap_or(&content);
        if !is_token(token) || matches!(control, Control::Token(_)) {
            self.refuse();
        }
        if control == Control::Off { control } else { Control::Token(token.to_vec()) }
    }

    /// Reads a text into its place.
    #[inline(never)]
    pub(super) fn text(&mut self, name: &str, place: &mut Option<String>) {
        *place = self.parsed(name, |value| str::from_utf8(value).ok().map(str::to_owned));
    }

    /// Reads a value that may become a header field.
    #[inline(never)]
    pub(super) fn field_value(&mut self, name: &str, place: &mut Option<String>) {
        self.text(name, place);
        if place.as_ref().is_some_and(|value| !is_field_value(value.as_bytes())) {
            self.refuse();
        }
    }

    #[inline(never)]
    pub(super) fn number(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        self.parsed(name, |value| text::parse_decimal(value).filter(|number| (least..=most).contains(number)))
    }

    /// One of some words, by its place.
    #[inline(never)]
    pub(super) fn choice(&mut self, name: &str, words: &str) -> usize {
        self.parsed(name, |value| text::place(words, value)).unwrap_or_default()
    }

    #[inline(never)]
    pub(super) fn seconds(&mut self, name: &str) -> Duration {
        self.parsed(name, quantity::parse_seconds).unwrap_or_default()
    }

    /// A duration with its unit, in a range.
    #[inline(never)]
    pub(super) fn duration(&mut self, name: &str, range: RangeInclusive<Duration>) -> Duration {
        let parse = |value: &[u8]| quantity::parse_duration(value).filter(|duration| range.contains(duration));
        self.parsed(name, parse).unwrap_or_default()
    }
}

/// A rule that takes some time, unless that is none.
#[inline(never)]
fn add_wait(plan: &mut Vec<u8>, rule: &str, wait: Duration) {
    if !wait.is_zero() {
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
