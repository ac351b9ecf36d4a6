//! One line of the log: a name and a value after the other, logfmt or JSON, never longer than others can take.
//!
//! Untrusted bytes are escaped here and nowhere else.

use std::time::Duration;

use crate::http::date;
use crate::text;
use crate::text::Value::Text;

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

/// A line being put together.
pub struct Line {
    bytes: Vec<u8>,
    format: Format,
    /// Whether a value had no room.
    is_cut: bool,
}

impl Line {
    pub(super) fn new(format: Format, event: &str, since_epoch: Duration) -> Self {
        let line = Self { bytes: Vec::with_capacity(256), format, is_cut: false };
        let mut time = Vec::with_capacity(32);
        date::write_rfc3339(&mut time, since_epoch);
        line.text("time", &time).text("event", event.as_bytes())
    }

    /// Begins a value: what stands before it. Where that begins is what [`Line::ended`] wants to know.
    #[inline(never)]
    fn begin(&mut self, name: &str) -> usize {
        let before = self.bytes.len();
        let text = match self.format {
            Format::Text if before == 0 => "~=",
            Format::Text => " ~=",
            Format::Json if before == 0 => "{\"~\":",
            Format::Json => ",\"~\":",
        };
        text::fill(&mut self.bytes, text, &[Text(name)]);
        before
    }

    /// Takes a value away again that the line has no room for.
    fn ended(mut self, before: usize) -> Self {
        if self.bytes.len() > MAX_LINE - RESERVE {
            self.bytes.truncate(before);
            self.is_cut = true;
        }
        self
    }

    /// Adds a string; its bytes may be anything.
    #[inline(never)]
    pub fn text(mut self, name: &str, value: &[u8]) -> Self {
        let before = self.begin(name);
        let (value, dots) = cut(value);
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\');
        let is_bare = self.format == Format::Text && !value.is_empty() && value.iter().all(is_plain);
        let quote: &[u8] = if is_bare { b"" } else { b"\"" };
        text::put(&mut self.bytes, quote);
        text::json_escaped(&mut self.bytes, value);
        text::put(&mut self.bytes, dots);
        text::put(&mut self.bytes, quote);
        self.ended(before)
    }

    /// Adds a whole number.
    #[inline(never)]
    pub fn number(mut self, name: &str, value: u64) -> Self {
        let before = self.begin(name);
        match self.format {
            Format::Text => text::decimal(&mut self.bytes, value),
            Format::Json => text::json_number(&mut self.bytes, value),
        }
        self.ended(before)
    }

    /// Adds a number given in thousandths.
    #[inline(never)]
    pub fn thousandths(mut self, name: &str, value: u64) -> Self {
        let before = self.begin(name);
        text::thousandths(&mut self.bytes, value);
        self.ended(before)
    }

    /// Adds true or false.
    pub fn flag(mut self, name: &str, value: bool) -> Self {
        let before = self.begin(name);
        text::put(&mut self.bytes, if value { b"true" } else { b"false" });
        self.ended(before)
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
        let line = Line::new(format, "request", Duration::from_millis(1500))
            .text("agent", b"a\" event=x\n\x1b\xff")
            .text("plain", b"/healthz?x")
            .text("empty", b"")
            .number("status", 200)
            .number("seed", u64::MAX)
            .thousandths("seconds", 1500)
            .flag("hit", true);
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
                    let line = Line::new(format, "config", Duration::ZERO);
                    let line = (0..count).fold(line, |line, _| line.text("A_NAME_OF_A_VARIABLE", &filler.repeat(300)));
                    let line = text::into_string(line.number("last", 7).finished());
                    assert!(line.len() < 16 * 1024 && line.ends_with('\n'), "{} octets", line.len());
                    let is_whole = line.matches("VARIABLE").count() == count && line.contains("last");
                    assert_eq!(line.contains("cut"), !is_whole, "{count} of {filler:?}: what is missing is told");
                }
            }
        }
    }
}
