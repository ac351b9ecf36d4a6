//! `GET /metrics`: the counts in the Prometheus text format 0.0.4.
//!
//! Label values come from fixed lists, so their number is bounded; those that hold outside text are our own names.

use std::time::Duration;

use super::{Outcome, Request, Route, STATES, State};
use crate::faults::{Check, engine};
use crate::http::date;
use crate::http::response::{Body, Response};
use crate::identity::OWN_VERSION;
use crate::observe::counts::{self, BOUNDS, Called, TurnedAway};
use crate::resolve::lookup;
use crate::{sys, text};

/// The page that Prometheus scrapes.
pub(super) fn answer(request: &Request<'_>, state: &'static State) -> Outcome {
    let surroundings = request.surroundings;
    let mut page = Page { out: Vec::with_capacity(4096), name: "" };
    requests(&mut page, state);
    page.family("probeserver_faults_total", "counter", "Hits of fault rules.");
    engine::each_hit(|target, effect, hits| page.sample(&[("target", target), ("effect", effect)], hits));
    page.family("probeserver_connections", "gauge", "Open connections.");
    page.samples("state", &STATES, &surroundings.connections);
    page.family("probeserver_check", "gauge", "Last answer: 1 for 200 to 399, else 0.");
    for check in Check::ALL {
        if let Some(status) = state.counts.last_answer(check) {
            page.sample(&[("check", check.name())], u64::from(status < 400));
        }
    }
    page.family("probeserver_resolve_total", "counter", "Calls made for /resolve.");
    page.samples("result", &Called::NAMES, &state.counts.calls());
    let help = "Connections closed or refused, and requests not kept waiting, to make room.";
    page.family("probeserver_turned_away_total", "counter", help);
    page.samples("why", &TurnedAway::NAMES, &state.counts.all_turned_away());
    let (lookups, abandoned) = lookup::counts();
    page.family("probeserver_lookups", "gauge", "Lookups of names under way, abandoned ones included; at most 8.");
    page.sample(&[], lookups);
    let help = "Lookups that went on when their call did not wait for them any more.";
    page.family("probeserver_lookups_abandoned_total", "counter", help);
    page.sample(&[], abandoned);
    page.family("probeserver_log_dropped_total", "counter", "Log lines that found no room or could not be written.");
    page.sample(&[], surroundings.log_dropped);
    page.family("probeserver_build_info", "gauge", "What runs; always 1.");
    page.sample(&[("version", OWN_VERSION), ("app_version", &state.identity.version)], 1);
    process(&mut page, state);
    Outcome::Respond(Response::new(200, "text/plain; version=0.0.4; charset=utf-8", Body::Owned(page.out)))
}

fn requests(page: &mut Page, state: &State) {
    page.family("probeserver_requests_total", "counter", "Requests; code 000: no answer.");
    let names: Vec<&str> = Route::all().map(Route::name).collect();
    counts::each_answer(|route, status, count| {
        let route = names.get(route).copied().unwrap_or_default();
        let code = text::written(|out| text::padded(out, status, 3));
        page.sample(&[("route", route), ("code", &code)], count);
    });
    let help = "Time from the end of the head to the answer.";
    page.family("probeserver_request_duration_seconds", "histogram", help);
    let (counts, sum) = state.counts.durations();
    let mut so_far = 0;
    for (at, count) in counts.into_iter().enumerate() {
        so_far += count;
        let bound = BOUNDS.get(at).map(|bound| text::written(|out| seconds(out, *bound)));
        page.begin("_bucket", &[("le", bound.as_deref().unwrap_or("+Inf"))]);
        page.end(so_far);
    }
    page.begin("_sum", &[]);
    page.end_seconds(sum);
    page.begin("_count", &[]);
    page.end(so_far);
}

/// What Prometheus' client libraries tell of every process.
fn process(page: &mut Page, state: &State) {
    let status = sys::process_status();
    for (name, help, value) in [
        ("process_open_fds", "Open file descriptors.", status.open_files),
        ("process_max_fds", "Most open file descriptors.", status.max_files),
        ("process_virtual_memory_bytes", "Virtual memory.", status.virtual_bytes),
        ("process_resident_memory_bytes", "Resident memory.", status.resident_bytes),
        ("process_threads", "Threads.", status.threads),
    ] {
        page.family(name, "gauge", help);
        page.sample(&[], value);
    }
    page.family("process_cpu_seconds_total", "counter", "Time on cores, user and system.");
    page.begin("", &[]);
    page.end_seconds(sys::process_time());
    page.family("process_start_time_seconds", "gauge", "Start, in seconds since 1970.");
    page.begin("", &[]);
    page.end_seconds(date::since_epoch(state.started_at));
}

/// Appends seconds to the microsecond, without zeros at the end.
fn seconds(out: &mut Vec<u8>, duration: Duration) {
    text::decimal(out, duration.as_secs());
    out.push(b'.');
    text::padded(out, u64::from(duration.subsec_micros()), 6);
    while out.ends_with(b"00") || out.ends_with(b"0") && !out.ends_with(b".0") {
        out.pop();
    }
}

/// The page so far, and the family whose samples come next.
struct Page {
    out: Vec<u8>,
    name: &'static str,
}

impl Page {
    /// Begins a family. Its name, kind and help are ours and need no escapes.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        text::put_all(&mut self.out, &["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"]);
    }

    /// Begins a sample; its value follows.
    fn begin(&mut self, suffix: &str, labels: &[(&str, &str)]) {
        text::put_all(&mut self.out, &[self.name, suffix]);
        for (at, (name, value)) in labels.iter().enumerate() {
            text::put_all(&mut self.out, &[if at == 0 { "{" } else { "," }, name, "="]);
            // Values are visible ASCII, for which JSON has the same escapes.
            text::json_string(&mut self.out, value.as_bytes());
        }
        text::put(&mut self.out, if labels.is_empty() { b" " } else { b"} " });
    }

    fn end(&mut self, value: u64) {
        text::decimal(&mut self.out, value);
        self.out.push(b'\n');
    }

    fn end_seconds(&mut self, value: Duration) {
        seconds(&mut self.out, value);
        self.out.push(b'\n');
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: u64) {
        self.begin("", labels);
        self.end(value);
    }

    fn samples(&mut self, label: &str, names: &[&str], values: &[u64]) {
        for (name, value) in names.iter().zip(values) {
            self.sample(&[(label, name)], *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_short_and_exact() {
        for (micros, want) in [(100, "0.0001"), (2500, "0.0025"), (1_000_000, "1.0"), (30_000_000, "30.0"), (0, "0.0")]
        {
            assert_eq!(text::written(|out| seconds(out, Duration::from_micros(micros))), want);
        }
    }
}
