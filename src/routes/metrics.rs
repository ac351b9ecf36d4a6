//! `GET /metrics`: the counts in the Prometheus text format 0.0.4.
//!
//! Label values come from fixed lists, so their number is bounded; those that hold outside text are our own names.

use std::time::Duration;

use super::{Outcome, Request, Route, STATES, State};
use crate::faults::{Check, engine};
use crate::http::date;
use crate::http::response::{Body, Response};
use crate::identity::OWN_VERSION;
use crate::observe::counts::{self, Called, TurnedAway};
use crate::resolve::lookup;
use crate::text::Value::{self, Json, Number, Text};
use crate::{sys, text};

/// The bounds of durations, in seconds.
const BOUND_NAMES: &str = "0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 1.0 5.0 30.0 +Inf";

/// The families that have one sample without labels, in the order of their values.
const SINGLE: &str = "\
probeserver_lookups gauge Lookups of names under way, abandoned ones included; at most 8.
probeserver_lookups_abandoned_total counter Lookups that went on when their call did not wait for them any more.
probeserver_log_dropped_total counter Log lines that found no room or could not be written.
process_open_fds gauge Open file descriptors.
process_max_fds gauge Most open file descriptors.
process_virtual_memory_bytes gauge Virtual memory.
process_resident_memory_bytes gauge Resident memory.
process_threads gauge Threads.";

/// The page that Prometheus scrapes.
#[inline(never)]
pub(super) fn answer(request: &Request<'_>, state: &'static State) -> Outcome {
    let surroundings = request.surroundings;
    let mut page = Page { out: Vec::with_capacity(4096), name: "" };
    requests(&mut page, state);
    page.family("probeserver_faults_total counter Hits of fault rules.");
    engine::each_hit(|target, effect, hits| page.sample("{target=~,effect=~}", &[Json(target), Json(effect)], hits));
    page.family("probeserver_connections gauge Open connections.");
    page.samples("{state=~}", STATES, &surroundings.connections);
    page.family("probeserver_check gauge Last answer: 1 for 200 to 399, else 0.");
    for check in Check::ALL {
        if let Some(status) = state.counts.last_answer(check) {
            page.sample("{check=~}", &[Json(check.name())], u64::from(status < 400));
        }
    }
    page.family("probeserver_resolve_total counter Calls made for /resolve.");
    page.samples("{result=~}", Called::NAMES, &state.counts.calls());
    page.family(
        "probeserver_turned_away_total counter Connections closed or refused, and requests not kept waiting, to make room.",
    );
    page.samples("{why=~}", TurnedAway::NAMES, &state.counts.all_turned_away());
    let (lookups, abandoned) = lookup::counts();
    let status = sys::process_status();
    let values = [
        lookups,
        abandoned,
        surroundings.log_dropped,
        status.open_files,
        status.max_files,
        status.virtual_bytes,
        status.resident_bytes,
        status.threads,
    ];
    for (at, value) in values.iter().enumerate() {
        page.family(text::nth(SINGLE, b'\n', at));
        page.sample("", &[], *value);
    }
    page.family("process_cpu_seconds_total counter Time on cores, user and system.");
    page.seconds("", sys::process_time());
    page.family("process_start_time_seconds gauge Start, in seconds since 1970.");
    page.seconds("", date::since_epoch(state.started_at));
    page.family("probeserver_build_info gauge What runs; always 1.");
    page.sample("{version=~,app_version=~}", &[Json(OWN_VERSION), Json(state.identity.version)], 1);
    Outcome::Respond(Response::new(200, "text/plain; version=0.0.4; charset=utf-8", Body::Owned(page.out)))
}

fn requests(page: &mut Page, state: &State) {
    page.family("probeserver_requests_total counter Requests; code 000: no answer.");
    counts::each_answer(|route, status, count| {
        let code = if status == 0 { Text("000") } else { Number(status) };
        page.sample("{route=~,code=\"~\"}", &[Json(Route::numbered(route).name()), code], count);
    });
    page.family("probeserver_request_duration_seconds histogram Time from the end of the head to the answer.");
    let (counts, sum) = state.counts.durations();
    let mut so_far = 0;
    for (at, count) in counts.iter().enumerate() {
        so_far += count;
        page.sample("_bucket{le=~}", &[Json(text::word(BOUND_NAMES, at))], so_far);
    }
    page.seconds("_sum", sum);
    page.sample("_count", &[], so_far);
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
    /// Begins a family: its name, its kind and its help, which are ours and need no escapes.
    fn family(&mut self, family: &'static str) {
        let (name, rest) = family.split_once(' ').unwrap_or_default();
        let (kind, help) = rest.split_once(' ').unwrap_or_default();
        self.name = name;
        text::fill(&mut self.out, "# HELP ~ ~\n# TYPE ~ ~\n", &[Text(name), Text(help), Text(name), Text(kind)]);
    }

    /// Begins a sample: what stands behind the name of its family, and the values of labels there. Those are visible ASCII,
    /// for which JSON has the same escapes.
    fn begin(&mut self, rest: &str, labels: &[Value<'_>]) {
        text::put(&mut self.out, self.name.as_bytes());
        text::fill(&mut self.out, rest, labels);
        self.out.push(b' ');
    }

    fn sample(&mut self, rest: &str, labels: &[Value<'_>], value: u64) {
        self.begin(rest, labels);
        text::fill(&mut self.out, "~\n", &[Number(value)]);
    }

    fn seconds(&mut self, rest: &str, value: Duration) {
        self.begin(rest, &[]);
        seconds(&mut self.out, value);
        self.out.push(b'\n');
    }

    fn samples(&mut self, rest: &str, names: &str, values: &[u64]) {
        for (at, value) in values.iter().enumerate() {
            self.sample(rest, &[Json(text::word(names, at))], *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::counts::BOUNDS;

    #[test]
    fn bounds_have_their_names() {
        let mut names: Vec<String> = BOUNDS.iter().map(|bound| text::written(|out| seconds(out, *bound))).collect();
        names.push("+Inf".to_owned());
        assert_eq!(names.join(" "), BOUND_NAMES);
    }

    #[test]
    fn seconds_are_short_and_exact() {
        for (micros, want) in [(100, "0.0001"), (2500, "0.0025"), (1_000_000, "1.0"), (30_000_000, "30.0"), (0, "0.0")]
        {
            assert_eq!(text::written(|out| seconds(out, Duration::from_micros(micros))), want);
        }
    }
}
