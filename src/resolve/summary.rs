//! Who answered many calls, how fast, and what went wrong: in bounded memory, however many calls there were.

use super::came::{CLASSES, Came, NAMES};
use super::error::CallError;
use super::latencies::Latencies;
use super::link::Answer;
use crate::text;
use crate::text::Value::{self, Json, Number, Text, Thousandths};

/// Most rows of a table; what comes after shares one.
const MAX_ROWS: usize = 128;
const OTHERS: &str = "(others)";
const UNKNOWN: &str = "unknown";

struct Row {
    key: String,
    calls: u64,
    latencies: Latencies,
}

/// What a table tells apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Address,
    Pod,
    Zone,
}

impl By {
    /// Its heading, and its name in JSON.
    fn name(self) -> &'static str {
        text::word("address pod zone", self as usize)
    }

    /// The row that an answer counts for.
    fn key(self, answer: &Answer) -> String {
        let known = |name: &Option<String>| name.clone().unwrap_or_else(|| UNKNOWN.to_owned());
        match self {
            Self::Address => text::ip_address(answer.address),
            Self::Pod => known(&answer.pod),
            Self::Zone => known(&answer.zone),
        }
    }
}

struct Table {
    by: By,
    rows: Vec<Row>,
}

impl Table {
    fn add(&mut self, key: &str, micros: u64) {
        let place_of = |key| self.rows.iter().position(|row| row.key == key);
        let is_full = self.rows.len() >= MAX_ROWS;
        let (key, found) = match place_of(key) {
            None if is_full => (OTHERS, place_of(OTHERS)),
            found => (key, found),
        };
        let place = found.unwrap_or_else(|| {
            self.rows.push(Row { key: key.to_owned(), calls: 0, latencies: Latencies::default() });
            self.rows.len() - 1
        });
        self.rows[place].calls += 1;
        self.rows[place].latencies.add(micros);
    }
}

/// The figures of a run so far.
pub struct Summary {
    pub calls: u64,
    /// Calls that were to be made.
    pub wanted: u64,
    answers: u64,
    /// How often each of [`CLASSES`] came.
    errors: [u64; CLASSES.len()],
    tables: [Table; 3],
}

impl Summary {
    /// Nothing yet of so many calls.
    #[inline(never)]
    pub fn new(wanted: u64) -> Self {
        let tables = [By::Address, By::Pod, By::Zone].map(|by| Table { by, rows: Vec::new() });
        Self { calls: 0, wanted, answers: 0, errors: [0; CLASSES.len()], tables }
    }

    /// Takes in one call that took so long.
    pub fn add(&mut self, result: &Result<Answer, CallError>, micros: u64) {
        self.calls += 1;
        let came = Came::of(result);
        if let Some(class) = CLASSES.iter().position(|class| *class == came) {
            self.errors[class] += 1;
        }
        if let Ok(answer) = result {
            self.answers += 1;
            for table in &mut self.tables {
                table.add(&table.by.key(answer), micros);
            }
        }
    }

    /// Calls that failed, or had another answer than 2xx.
    pub fn failed(&self) -> u64 {
        self.errors.iter().sum()
    }

    /// Visits what the calls came to, and how often, what never was included: first those that came to what they should.
    pub fn each_result(&self, visit: &mut dyn FnMut(Came, u64)) {
        visit(Came::Ok, self.calls - self.failed());
        for (class, &count) in CLASSES.iter().zip(&self.errors) {
            visit(*class, count);
        }
    }

    /// A row's share of all answers, in thousandths.
    fn share(&self, row: &Row) -> u64 {
        (row.calls * 1000 + self.answers / 2) / self.answers
    }

    /// The tables for people. `zone` is ours.
    pub fn write_text(&self, out: &mut Vec<u8>, zone: Option<&str>) {
        let counts = [Number(self.calls), Number(self.wanted), Number(self.failed())];
        text::fill(out, "~ of ~ calls, ~ errors\n", &counts);
        for Table { by, rows } in &self.tables {
            let (from, arrow) = if *by == By::Zone { (zone.unwrap_or(UNKNOWN), " -> ") } else { ("", "") };
            let width = rows.iter().map(|row| row.key.len()).max().unwrap_or_default();
            let width = (from.len() + arrow.len() + width).max(By::Address.name().len());
            if !rows.is_empty() {
                out.push(b'\n');
                line(out, width, "~\ncalls\nshare\np50 ms\np99 ms", &[Text(by.name())]);
            }
            for row in rows {
                let share = Thousandths(self.share(row) * 100);
                let [p50, p99] = row.quantiles();
                let values = [Text(from), Text(arrow), Text(&row.key), Number(row.calls), share, p50, p99];
                line(out, width, "~~~\n~\n~%\n~\n~", &values);
            }
        }
        if self.failed() > 0 {
            text::put(out, b"\nerrors\n");
        }
        for (class, &count) in self.errors.iter().enumerate() {
            if count > 0 {
                line(out, "timeout_connect".len(), "~\n~", &[Text(text::word(NAMES, class)), Number(count)]);
            }
        }
    }

    /// The same as JSON.
    #[inline(never)]
    pub fn write_json(&self, out: &mut Vec<u8>, zone: Option<&str>) {
        text::fill(out, "{\"calls\":~,\"requested\":~,\"errors\":{", &[Number(self.calls), Number(self.wanted)]);
        let mut comma = Text("");
        for (class, &count) in self.errors.iter().enumerate() {
            if count > 0 {
                text::fill(out, "~~:~", &[comma, Json(text::word(NAMES, class)), Number(count)]);
                comma = Text(",");
            }
        }
        text::put(out, b"}");
        for Table { by, rows } in &self.tables {
            text::fill(out, ",\"by_~\":[", &[Text(by.name())]);
            let mut comma: &[u8] = b"{";
            for row in rows {
                text::put(out, comma);
                comma = b",{";
                let mut name = by.name();
                if *by == By::Zone {
                    text::fill(out, "\"from\":~,", &[Json(zone.unwrap_or(UNKNOWN))]);
                    name = "to";
                }
                let [p50, p99] = row.quantiles();
                let values = [Json(name), Json(&row.key), Number(row.calls), Thousandths(self.share(row)), p50, p99];
                text::fill(out, "~:~,\"calls\":~,\"share\":~,\"p50_ms\":~,\"p99_ms\":~}", &values);
            }
            out.push(b']');
        }
        text::put(out, b"}\n");
    }
}

impl Row {
    /// p50 and p99 in milliseconds.
    fn quantiles(&self) -> [Value<'static>; 2] {
        let quantile = |q| Thousandths(self.latencies.quantile(q, self.calls));
        [quantile(50), quantile(99)]
    }
}

/// One line of a table, with an end of a line between its cells: the first cell to the left, the others to the right.
fn line(out: &mut Vec<u8>, width: usize, cells: &str, values: &[Value<'_>]) {
    let mut room = None;
    for cell in text::filled(cells, values).split('\n') {
        if let Some(room) = room {
            out.resize(out.len() + usize::saturating_sub(room, cell.len()).max(1), b' ');
        }
        text::put(out, cell.as_bytes());
        room = Some(if room.is_none() { width.saturating_sub(cell.len()) + 9 } else { 9 });
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::error::{Cause, Phase};
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
    fn all_that_can_be_wrong_has_a_class() {
        let failed = |phase, cause| Err(CallError { phase, cause, detail: String::new() });
        let mut summary = Summary::new(100);
        for cause in
            [Cause::Denied, Cause::Busy, Cause::Name, Cause::Refused, Cause::Reset, Cause::NotHttp, Cause::Timeout]
        {
            for phase in [Phase::Resolve, Phase::Connect, Phase::Send, Phase::Receive] {
                summary.add(&failed(phase, cause), 1);
            }
        }
        assert_eq!(summary.failed(), 28);
        for (status, failed) in
            [(0, 29), (99, 30), (101, 31), (200, 31), (299, 31), (304, 32), (404, 33), (503, 34), (999, 35)]
        {
            summary.add(&answer([10, 0, 0, 1], status, "a", None), 1);
            assert_eq!(summary.failed(), failed, "{status}");
        }
        let mut results = Vec::new();
        summary.each_result(&mut |came, count| results.push((came, count)));
        assert_eq!(results.iter().map(|(_, count)| count).sum::<u64>(), summary.calls);
        assert_eq!(results[0], (Came::Ok, 2));
    }

    #[test]
    fn a_service_of_a_thousand_pods_takes_bounded_memory() {
        let mut summary = Summary::new(1000);
        for n in 0..1000u16 {
            let [high, low] = n.to_be_bytes();
            summary.add(&answer([10, 0, high, low], 200, &n.to_string(), Some("a")), u64::from(n));
        }
        summary.add(&answer([10, 0, 0, 5], 200, "5", Some("a")), 1);
        let rows = &summary.tables[1].rows;
        assert_eq!(rows.len(), MAX_ROWS + 1);
        assert_eq!(rows.iter().map(|row| row.calls).sum::<u64>(), 1001);
        assert_eq!((rows[5].calls, rows[MAX_ROWS].calls), (2, 1000 - MAX_ROWS as u64), "what has a row keeps it");
    }
}
