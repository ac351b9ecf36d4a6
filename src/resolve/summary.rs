//! Who answered many calls, how fast, and what went wrong: in bounded memory, however many calls there were.

use super::call::{Answer, CallError, Cause};
use crate::text;

/// Most rows of a table; what comes after shares one.
const MAX_ROWS: usize = 128;
const OTHERS: &str = "(others)";
const UNKNOWN: &str = "unknown";

/// What can go wrong with a call.
const CLASSES: [&str; 13] = [
    "denied",
    "name",
    "refused",
    "reset",
    "not_http",
    "timeout_resolve",
    "timeout_connect",
    "timeout_send",
    "timeout_receive",
    "status_1xx",
    "status_3xx",
    "status_4xx",
    "status_5xx",
];

/// The class of what a call came to; `None`: 2xx.
fn class(result: &Result<Answer, CallError>) -> Option<usize> {
    match result {
        Ok(answer) if answer.is_ok() => None,
        Ok(Answer { status: ..200, .. }) => Some(9),
        Ok(Answer { status, .. }) => Some(7 + usize::from(status / 100).min(5)),
        Err(CallError { cause: Cause::Timeout, phase, .. }) => Some(5 + *phase as usize),
        Err(CallError { cause, .. }) => Some(*cause as usize),
    }
}

/// Latencies in buckets that are a sixteenth of their value wide.
#[derive(Default)]
struct Latencies(Vec<u32>);

impl Latencies {
    fn bucket(micros: u64) -> usize {
        let shift = 59u32.saturating_sub(micros.leading_zeros());
        shift as usize * 16 + (micros >> shift) as usize
    }

    fn add(&mut self, micros: u64) {
        let bucket = Self::bucket(micros);
        if bucket >= self.0.len() {
            self.0.resize(bucket + 1, 0);
        }
        self.0[bucket] += 1;
    }

    /// The middle of the bucket below whose end so many hundredths of all lie, in microseconds.
    fn quantile(&self, hundredths: u64, all: u64) -> u64 {
        let wanted = (all * hundredths).div_ceil(100).max(1);
        let mut below = 0;
        let found = self.0.iter().position(|count| {
            below += u64::from(*count);
            below >= wanted
        });
        match found.unwrap_or_default() {
            bucket @ 0..32 => bucket as u64,
            bucket => {
                let shift = bucket / 16 - 1;
                ((bucket % 16 + 16) as u64) << shift | 1 << (shift - 1)
            }
        }
    }
}

struct Row {
    key: String,
    calls: u64,
    latencies: Latencies,
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn add(&mut self, key: &str, micros: u64) {
        let place_of = |key| self.0.iter().position(|row| row.key == key);
        let is_full = self.0.len() >= MAX_ROWS;
        let (key, found) = match place_of(key) {
            None if is_full => (OTHERS, place_of(OTHERS)),
            found => (key, found),
        };
        let place = found.unwrap_or_else(|| {
            self.0.push(Row { key: key.to_owned(), calls: 0, latencies: Latencies::default() });
            self.0.len() - 1
        });
        self.0[place].calls += 1;
        self.0[place].latencies.add(micros);
    }
}

/// The figures of a run so far.
#[derive(Default)]
pub struct Summary {
    /// Calls made.
    pub calls: u64,
    /// Calls that were to be made.
    pub wanted: u64,
    answers: u64,
    errors: [u64; CLASSES.len()],
    /// By address, by pod, by zone.
    tables: [Table; 3],
}

/// What each table is about.
const TITLES: [&str; 3] = ["address", "pod", "zone"];

impl Summary {
    /// Nothing yet of so many calls.
    pub fn new(wanted: u64) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Takes in one call that took so long.
    pub fn add(&mut self, result: &Result<Answer, CallError>, micros: u64) {
        self.calls += 1;
        if let Some(class) = class(result) {
            self.errors[class] += 1;
        }
        if let Ok(answer) = result {
            self.answers += 1;
            let address = text::written(|out| text::ip_address(out, answer.address));
            let known = |name: &Option<String>| name.clone().unwrap_or_else(|| UNKNOWN.to_owned());
            for (table, key) in self.tables.iter_mut().zip([address, known(&answer.pod), known(&answer.zone)]) {
                table.add(&key, micros);
            }
        }
    }

    /// Calls that failed, or had another answer than 2xx.
    pub fn failed(&self) -> u64 {
        self.errors.iter().sum()
    }

    /// Calls answered with 2xx, answered otherwise, and failed for each [`Cause`].
    pub fn results(&self) -> (u64, u64, [u64; 6]) {
        let [denied, name, refused, reset, not_http, late @ .., s1, s3, s4, s5] = self.errors;
        let statuses = s1 + s3 + s4 + s5;
        (self.answers - statuses, statuses, [denied, name, refused, reset, not_http, late.iter().sum()])
    }

    /// A row's share of all answers, in thousandths.
    fn share(&self, row: &Row) -> u64 {
        (row.calls * 1000 + self.answers / 2) / self.answers
    }

    /// The tables for people. `zone` is ours.
    pub fn write_text(&self, out: &mut Vec<u8>, zone: Option<&str>) {
        let number = text::to_decimal;
        text::put_all(out, &[&number(self.calls), " of ", &number(self.wanted), " calls, ", &number(self.failed())]);
        text::put(out, b" errors\n");
        for (table, title) in self.tables.iter().zip(TITLES) {
            let from = if title == "zone" { text::joined(&[zone.unwrap_or(UNKNOWN), " -> "]) } else { String::new() };
            let width = table.0.iter().map(|row| row.key.len()).max().unwrap_or_default();
            let width = (from.len() + width).max(TITLES[0].len());
            if !table.0.is_empty() {
                out.push(b'\n');
                line(out, width, &[title, "calls", "share", "p50 ms", "p99 ms"]);
            }
            for row in &table.0 {
                let share = text::written(|out| text::thousandths(out, self.share(row) * 100));
                let [p50, p99] = row.quantiles();
                let key = text::joined(&[&from, &row.key]);
                line(out, width, &[&key, &number(row.calls), &text::joined(&[&share, "%"]), &p50, &p99]);
            }
        }
        if self.failed() > 0 {
            text::put(out, b"\nerrors\n");
        }
        for (count, class) in self.errors.iter().zip(CLASSES).filter(|(count, _)| **count > 0) {
            line(out, CLASSES[8].len(), &[class, &number(*count)]);
        }
    }

    /// The same as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>, zone: Option<&str>) {
        let number = text::to_decimal;
        text::put_all(out, &["{\"calls\":", &number(self.calls), ",\"requested\":", &number(self.wanted)]);
        text::put(out, b",\"errors\":{");
        let errors = self.errors.iter().zip(CLASSES).filter(|(count, _)| **count > 0);
        for (at, (count, class)) in errors.enumerate() {
            text::put_all(out, &[if at == 0 { "\"" } else { ",\"" }, class, "\":", &number(*count)]);
        }
        out.push(b'}');
        for (table, title) in self.tables.iter().zip(TITLES) {
            text::put_all(out, &[",\"by_", title, "\":["]);
            for (at, row) in table.0.iter().enumerate() {
                text::put(out, if at == 0 { b"{" } else { b",{" });
                if title == "zone" {
                    text::put(out, b"\"from\":");
                    text::json_string(out, zone.unwrap_or(UNKNOWN).as_bytes());
                    text::put(out, b",");
                }
                text::put_all(out, &["\"", if title == "zone" { "to" } else { title }, "\":"]);
                text::json_string(out, row.key.as_bytes());
                let share = text::written(|out| text::thousandths(out, self.share(row)));
                let [p50, p99] = row.quantiles();
                text::put_all(out, &[",\"calls\":", &number(row.calls), ",\"share\":", &share]);
                text::put_all(out, &[",\"p50_ms\":", &p50, ",\"p99_ms\":", &p99, "}"]);
            }
            out.push(b']');
        }
        text::put(out, b"}\n");
    }
}

impl Row {
    /// p50 and p99 in milliseconds.
    fn quantiles(&self) -> [String; 2] {
        [50, 99].map(|q| text::written(|out| text::thousandths(out, self.latencies.quantile(q, self.calls))))
    }
}

/// One line of a table: the first cell to the left, the others to the right.
fn line(out: &mut Vec<u8>, width: usize, cells: &[&str]) {
    let mut room = width.saturating_sub(cells[0].len());
    text::put(out, cells[0].as_bytes());
    for cell in &cells[1..] {
        out.resize(out.len() + (room + 9).saturating_sub(cell.len()).max(1), b' ');
        text::put(out, cell.as_bytes());
        room = 0;
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::call::Phase;
    use super::*;

    fn answer(address: [u8; 4], status: u16, pod: &str, zone: Option<&str>) -> Result<Answer, CallError> {
        let zone = zone.map(str::to_owned);
        let reason = String::new();
        let answer = Answer {
            address: address.into(),
            status,
            reason,
            content: Vec::new(),
            is_cut: false,
            pod: Some(pod.to_owned()),
            zone,
            keeps: false,
        };
        Ok(answer)
    }

    #[test]
    fn latencies_are_known_to_a_sixteenth() {
        for micros in [0, 1, 15, 16, 17, 31, 32, 33, 100, 999, 12_345, 60_000_000, u64::from(u32::MAX)] {
            let mut latencies = Latencies::default();
            latencies.add(micros);
            let got = latencies.quantile(50, 1);
            assert!(got.abs_diff(micros) * 16 <= micros, "{micros}: {got}");
        }
        let mut latencies = Latencies::default();
        (1..=100).for_each(|ms| latencies.add(ms * 1000));
        assert!(latencies.quantile(50, 100).abs_diff(50_000) < 3200);
        assert!(latencies.quantile(99, 100).abs_diff(99_000) < 6200);
    }

    #[test]
    fn the_tables_say_who_answered() {
        let mut summary = Summary::new(10);
        for n in 0..6 {
            summary.add(&answer([10, 0, 0, 1], 200, "web-0", Some("a")), 1000 + n);
        }
        summary.add(&answer([10, 0, 0, 2], 503, "web-1", None), 20_000);
        let failed = |phase, cause| Err(CallError { phase, cause, detail: String::new() });
        summary.add(&failed(Phase::Connect, Cause::Refused), 100);
        summary.add(&failed(Phase::Receive, Cause::Timeout), 100);
        let mut out = Vec::new();
        summary.write_text(&mut out, Some("a"));
        let want = "\
9 of 10 calls, 3 errors

address     calls    share   p50 ms   p99 ms
10.0.0.1        6    85.7%    1.008    1.008
10.0.0.2        1    14.3%   19.968   19.968

pod        calls    share   p50 ms   p99 ms
web-0          6    85.7%    1.008    1.008
web-1          1    14.3%   19.968   19.968

zone            calls    share   p50 ms   p99 ms
a -> a              6    85.7%    1.008    1.008
a -> unknown        1    14.3%   19.968   19.968

errors
refused                1
timeout_receive        1
status_5xx             1
";
        assert_eq!(text::into_string(out), want);
        let mut out = Vec::new();
        summary.write_json(&mut out, None);
        let json = text::into_string(out);
        assert!(json.starts_with(r#"{"calls":9,"requested":10,"errors":{"refused":1,"timeout_receive":1,"status_5xx":1},"by_address":[{"address":"10.0.0.1","calls":6,"share":0.857,"#), "{json}");
        assert!(json.contains(r#""by_zone":[{"from":"unknown","to":"a","calls":6,"#), "{json}");
    }

    #[test]
    fn a_service_of_a_thousand_pods_takes_bounded_memory() {
        let mut summary = Summary::new(1000);
        for n in 0..1000u16 {
            let [high, low] = n.to_be_bytes();
            summary.add(&answer([10, 0, high, low], 200, &n.to_string(), Some("a")), u64::from(n));
        }
        summary.add(&answer([10, 0, 0, 5], 200, "5", Some("a")), 1);
        let rows = &summary.tables[1].0;
        assert_eq!(rows.len(), MAX_ROWS + 1);
        assert_eq!(rows.iter().map(|row| row.calls).sum::<u64>(), 1001);
        assert_eq!((rows[5].calls, rows[MAX_ROWS].calls), (2, 1000 - MAX_ROWS as u64), "what has a row keeps it");
    }
}
