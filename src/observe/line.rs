//! One line of the log: a name and a value after the other, logfmt or JSON, never longer than others can take.
//!
//! Untrusted bytes are escaped here and nowhere else.

use std::time::Duration;

use crate::http::date;
use crate::text::{self, Value};

/// Container runtimes split lines of 16 KiB and more, and what comes of that is no log line any more.
const MAX_LINE: usize = 16 * 1024 - 1;
/// What a line needs besides its values: its end, and the word that some of them are missing.
const RESERVE: usize = 32;
/// Longest value, in octets as they came; what is cut off is worth less than the other values of its line.
const MAX_VALUE: usize = 256;

/// How a line looks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Format {
    /// logfmt: `time=... event=... name=value`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

pub struct Line {
    bytes: Vec<u8>,
    format: Format,
    /// Whether a value had no room.
    is_cut: bool,
}

impl Line {
    /// A line with these values; `what` is the event, and their names.
    pub(super) fn new(format: Format, since_epoch: Duration, what: &str, values: &[Value<'_>]) -> Self {
        let mut line = Self { bytes: Vec::with_capacity(text::LINES), format, is_cut: false };
        let mut time = Vec::with_capacity(32);
        date::write_rfc3339(&mut time, since_epoch);
        line.add("time", Value::Bytes(&time));
        let mut names = what.split(' ');
        line.add("event", Value::Text(names.next().unwrap_or_default()));
        for (name, value) in names.zip(values) {
            line.add(name, *value);
        }
        line
    }

    /// Adds a value, unless it is nothing or the line has no room for it.
    pub fn add(&mut self, name: &str, value: Value<'_>) {
        let before = self.bytes.len();
        let (start, separator, end) = match self.format {
            Format::Text => ("", " ", "="),
            Format::Json => ("{\"", ",\"", "\":"),
        };
        let value = match value {
            Value::Nothing => return,
            Value::Text(text) => Value::Bytes(text.as_bytes()),
            Value::Number(number) if self.format == Format::Json => Value::JsonNumber(number),
            value => value,
        };
        text::put_all(&mut self.bytes, &[if before == 0 { start } else { separator }, name, end]);
        match value {
            Value::Bytes(bytes) => self.put(bytes),
            value => text::fill(&mut self.bytes, "~", &[value]),
        }
        if self.bytes.len() > MAX_LINE - RESERVE {
            self.bytes.truncate(before);
            self.is_cut = true;
        }
    }

    /// A string, whose bytes may be anything.
    fn put(&mut self, bytes: &[u8]) {
        let (value, dots) = cut(bytes);
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\');
        let is_plain = self.format == Format::Text && !value.is_empty() && value.iter().all(is_plain);
        let quote: &[u8] = if is_plain { b"" } else { b"\"" };
        text::put(&mut self.bytes, quote);
        // What needs no escapes is not looked at character by character: most of a start's lines.
        let write = if is_plain { text::put } else { text::json_escaped };
        write(&mut self.bytes, value);
        text::put(&mut self.bytes, dots);
        text::put(&mut self.bytes, quote);
    }

    pub(super) fn finished(mut self) -> Vec<u8> {
        let (cut, end): (&[u8], &[u8]) = match self.format {
            Format::Text => (b" cut=true", b"\n"),
            Format::Json => (b",\"cut\":true", b"}\n"),
        };
        text::put(&mut self.bytes, if self.is_cut { cut } else { b"" });
        text::put(&mut self.bytes, end);
        self.bytes
    }
}

/// As much of a value as a line shows, whole characters where it is text, and what stands for the rest.
fn cut(value: &[u8]) -> (&[u8], &'static [u8]) {
    if value.len() <= MAX_VALUE {
        return (value, b"");
    }
    let is_inside = |at: usize| value[at] & 0xc0 == 0x80;
    let end = (MAX_VALUE - 3..=MAX_VALUE).rev().find(|&at| !is_inside(at)).unwrap_or(MAX_VALUE);
    (&value[..end], b"...")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: Format) -> String {
        let values = [
            Value::Bytes(b"a\" event=x\n\x1b\xff"),
            Value::Text("/healthz?x"),
            Value::Text(""),
            Value::Nothing,
            Value::Number(200),
            Value::Number(u64::MAX),
            Value::Thousandths(1500),
            Value::Flag(true),
        ];
        let what = "request agent plain empty nothing status seed seconds hit";
        let line = Line::new(format, Duration::from_millis(1500), what, &values);
        text::into_string(line.finished())
    }

    #[test]
    fn lines_are_logfmt_or_json_whatever_is_in_them() {
        assert_eq!(
            line(Format::Text),
            "time=1970-01-01T00:00:01.500Z event=request agent=\"a\\\" event=x\\n\\u001b\u{fffd}\" plain=/healthz?x empty=\"\" status=200 seed=18446744073709551615 seconds=1.5 hit=true\n"
        );
        assert_eq!(
            line(Format::Json),
            "{\"time\":\"1970-01-01T00:00:01.500Z\",\"event\":\"request\",\"agent\":\"a\\\" event=x\\n\\u001b\u{fffd}\",\"plain\":\"/healthz?x\",\"empty\":\"\",\"status\":200,\"seed\":\"18446744073709551615\",\"seconds\":1.5,\"hit\":true}\n"
        );
    }

    #[test]
    fn a_value_is_cut_where_a_character_ends() {
        for (value, want) in [
            ("x".repeat(256), "x".repeat(256)),
            ("x".repeat(257), "x".repeat(256) + "..."),
            ("\u{20ac}".repeat(100), "\u{20ac}".repeat(85) + "..."),
        ] {
            let (kept, dots) = cut(value.as_bytes());
            assert_eq!(text::lossy(&[kept, dots].concat()), want);
        }
        assert_eq!(cut(&[0x80; 1000]).0.len(), 256, "bytes without an end");
    }

    #[test]
    fn no_line_is_longer_than_others_can_take() {
        for format in [Format::Text, Format::Json] {
            for filler in [&b"x"[..], b"\0", "\u{2028}".as_bytes(), b"\xff", b"\""] {
                for count in [1, 40, 64, 300] {
                    let mut line = Line::new(format, Duration::ZERO, "config", &[]);
                    (0..count).for_each(|_| line.add("A_NAME_OF_A_VARIABLE", Value::Bytes(&filler.repeat(300))));
                    line.add("last", Value::Number(7));
                    let line = text::into_string(line.finished());
                    assert!(line.len() < 16 * 1024 && line.ends_with('\n'), "{} octets", line.len());
                    let is_whole = line.matches("VARIABLE").count() == count && line.contains("last");
                    assert_eq!(line.contains("cut"), !is_whole, "{count} of {filler:?}: what is missing is told");
                }
            }
        }
    }
}
