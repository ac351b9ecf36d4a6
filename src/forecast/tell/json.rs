//! The forecast as JSON; the shape is documented in docs/reference.md and does not change.

use crate::forecast::advice::Outcome;
use crate::forecast::behaviour::Exit;
use crate::forecast::life::{By, What, Word};
use crate::forecast::spread::Spread;
use crate::forecast::tally::{Ends, most_common, share};
use crate::forecast::{Forecast, Millis};
use crate::text;

/// An object or array that is being written: knows when a comma is due.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> Writer<'o> {
    fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, is_first: true }
    }

    fn next(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
    }

    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.next();
        text::json_string(self.out, key.as_bytes());
        self.out.push(b':');
        self.out
    }

    fn text(&mut self, key: &str, value: &str) {
        text::json_string(self.key(key), value.as_bytes());
    }

    fn number(&mut self, key: &str, value: u64) {
        text::decimal(self.key(key), value);
    }

    fn flag(&mut self, key: &str, value: bool) {
        text::put(self.key(key), if value { b"true" } else { b"false" });
    }

    /// Seconds with three decimals at most.
    fn time(&mut self, key: &str, value: Millis) {
        text::thousandths(self.key(key), value);
    }

    /// A share with three decimals at most, that is neither 0 nor 1 unless it is so exactly.
    fn share(&mut self, key: &str, part: u64, whole: u64) {
        let out = self.key(key);
        text::thousandths(out, share(part, whole));
    }

    fn spread(&mut self, key: &str, spread: &Spread) {
        let out = self.key(key);
        out.push(b'{');
        percentiles(&mut Writer::new(out), spread);
        self.out.push(b'}');
    }

    fn object(&mut self, key: &str, write: impl FnOnce(&mut Writer<'_>)) {
        let out = self.key(key);
        out.push(b'{');
        write(&mut Writer::new(out));
        self.out.push(b'}');
    }

    fn array<T>(&mut self, key: &str, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Writer<'_>, T)) {
        let out = self.key(key);
        out.push(b'[');
        for (at, item) in items.into_iter().enumerate() {
            text::put(out, if at == 0 { b"{" } else { b",{" });
            write(&mut Writer::new(out), item);
            out.push(b'}');
        }
        out.push(b']');
    }

    fn texts(&mut self, key: &str, items: &[String]) {
        let out = self.key(key);
        out.push(b'[');
        for (at, item) in items.iter().enumerate() {
            text::put(out, if at == 0 { b"" } else { b"," });
            text::json_string(out, item.as_bytes());
        }
        out.push(b']');
    }
}

const PERCENTILES: [(&str, u64); 3] = [("p5", 5), ("p50", 50), ("p95", 95)];

fn percentiles(to: &mut Writer<'_>, spread: &Spread) {
    for (key, percent) in PERCENTILES {
        if let Some(time) = spread.percentile(percent) {
            to.time(key, time);
        }
    }
}

fn end(to: &mut Writer<'_>, ends: &Ends) {
    if let Some((Exit { code, .. }, _)) = most_common(ends) {
        to.number("exit", code.into());
    }
    if let Some((exit, _)) = most_common(ends) {
        to.text("reason", exit.reason());
    }
}

/// Appends the whole forecast, and a newline.
pub fn write(out: &mut Vec<u8>, forecast: &Forecast) {
    out.push(b'{');
    let to = &mut Writer::new(out);
    let (inquiry, tally) = (&forecast.inquiry, &forecast.tally);
    // A larger one loses digits in most readers.
    if inquiry.seed < 1 << 53 {
        to.number("seed", inquiry.seed);
    } else {
        to.text("seed", &text::to_decimal(inquiry.seed));
    }
    to.number("pods", tally.pods);
    to.time("for", inquiry.length);
    to.text("kubernetes", &text::joined(&["1.", &text::to_decimal(inquiry.minor)]));
    to.texts("assumed", &inquiry.assumed);
    to.object("workload", |to| {
        let workload = &inquiry.workload;
        to.text("kind", workload.controller.kind());
        to.text("name", &workload.name);
        to.text("namespace", &workload.namespace);
        to.number("replicas", workload.replicas.into());
        to.number("min_ready_seconds", workload.min_ready.into());
        let names = inquiry.containers().into_iter().map(str::to_owned);
        to.texts("containers", &names.collect::<Vec<_>>());
        let services = workload.services.iter().map(|service| service.name.clone());
        to.texts("services", &services.collect::<Vec<_>>());
    });
    events(to, forecast);
    to.array("status", forecast.moments.iter().zip(&tally.words), |to, (at, words)| {
        to.time("at", *at);
        for (name, count) in Word::NAMES.iter().zip(words).filter(|(_, count)| **count > 0) {
            to.share(name, *count, tally.pods);
        }
    });
    to.object("steady", |to| {
        let (half, hours) = forecast.late();
        to.time("from", half);
        to.time("restarts_per_hour", (u128::from(tally.late_restarts) * 3_600_000_000 / u128::from(hours)) as u64);
        to.share("ready", tally.late_ready, hours);
    });
    outcomes(to, forecast);
    to.array("advice", &forecast.advice, |to, advice| {
        to.text("field", &advice.field);
        to.text("set", &advice.set);
        to.text("why", &advice.why);
        to.object("now", |to| outcome(to, &advice.now));
        to.object("then", |to| outcome(to, &advice.then));
    });
    to.texts("left_out", &forecast.left_out());
    text::put(out, b"}\n");
}

fn events(to: &mut Writer<'_>, forecast: &Forecast) {
    let (inquiry, tally) = (&forecast.inquiry, &forecast.tally);
    let whats = What::NAMES.iter().zip(&tally.first).filter(|(_, spread)| spread.total() > 0);
    to.array("events", whats, |to, ((what, kind), spread)| {
        to.text("what", what);
        if let Some(kind) = kind {
            to.text("by", kind.name());
        }
        to.share("share", spread.total(), tally.pods);
        percentiles(to, spread);
    });
    let names = inquiry.containers();
    let restarts = tally.restarts.iter().zip(&names);
    let restarts = restarts.flat_map(|(known, name)| (1..).zip(known).map(move |(n, restart)| (name, n, restart)));
    to.array("restarts", restarts, |to, (name, n, restart)| {
        to.text("container", name);
        to.number("n", n);
        to.share("share", restart.at.total(), tally.pods);
        to.spread("at", &restart.at);
        to.spread("life", &restart.life);
        to.spread("pause", &restart.pause);
        end(to, &restart.ends);
        to.text("by", most_common(&restart.ends).map_or(By::Itself, |(_, by)| by).name());
    });
}

fn outcomes(to: &mut Writer<'_>, forecast: &Forecast) {
    let (inquiry, tally) = (&forecast.inquiry, &forecast.tally);
    let [served, unanswered, failing] = tally.service;
    to.object("service", |to| {
        to.flag("assumed", inquiry.workload.services.is_empty());
        to.share("in_service", served, forecast.played());
        to.share("lost", unanswered + failing, served);
        to.share("unanswered", unanswered, served);
        to.share("failing", failing, served);
    });
    if tally.rollouts > 0 {
        to.object("rollout", |to| {
            to.number("rollouts", tally.rollouts);
            for (key, spread) in [("complete", &tally.complete), ("failed", &tally.failed)] {
                to.object(key, |to| {
                    to.share("share", spread.total(), tally.rollouts);
                    percentiles(to, spread);
                });
            }
            to.object("fewest_available", |to| {
                for (key, percent) in PERCENTILES {
                    to.number(key, tally.fewest.percentile(percent).unwrap_or(0));
                }
            });
        });
    }
    to.object("deletion", |to| {
        to.time("at", forecast.moments.last().copied().unwrap_or(0));
        to.spread("ended", &tally.ended);
        to.spread("gone", &tally.gone);
        end(to, &tally.exits);
        to.share("killed", tally.sigkilled(), tally.pods);
        to.object("unanswered", |to| {
            to.share("share", tally.unanswered.total(), tally.served);
            percentiles(to, &tally.unanswered);
        });
    });
}

fn outcome(to: &mut Writer<'_>, outcome: &Outcome) {
    for (key, value) in Outcome::NAMES.iter().zip(outcome.0) {
        if let Some(thousandths) = value {
            to.time(key, thousandths);
        }
    }
}
