//! Quantities with units, as variables and fault rules write them: durations, sizes, chances.

use std::time::{Duration, Instant};

use crate::text;

/// The longest duration anything takes: 30 days.
pub const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// When a time that begins now is over.
#[inline(never)] // Two calls and the places between them, in thirty places.
pub fn deadline_in(timeout: Duration) -> Instant {
    Instant::now() + timeout
}

/// The time that is left until a deadline; past it none.
#[inline(never)]
pub fn left_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Units of time, and how long they are in microseconds.
const TIME_UNITS: &str = "h m s ms";
const TIMES: [u64; 4] = [3_600_000_000, 60_000_000, 1_000_000, 1000];

/// Units of memory, the last being none, and how large they are in bytes.
const SIZE_UNITS: &str = "Gi Mi Ki G M k ";
const SIZES: [u64; 7] = [1 << 30, 1 << 20, 1 << 10, 1_000_000_000, 1_000_000, 1000, 1];

/// Splits digits from what follows them.
#[inline(never)]
fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len()))
}

/// Splits a decimal number (digits, and at most `places` more after one point) from what follows it;
/// the number comes multiplied by 10^places.
fn leading_number(bytes: &[u8], places: usize) -> Option<(u64, &[u8])> {
    let (whole, mut rest) = digits(bytes);
    let mut number = text::parse_decimal(whole)?;
    let mut fraction = &b""[..];
    if let [b'.', after @ ..] = rest {
        (fraction, rest) = digits(after);
        if fraction.is_empty() || fraction.len() > places {
            return None;
        }
    }
    for at in 0..places {
        let digit = fraction.get(at).map_or(0, |digit| digit - b'0');
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    Some((number, rest))
}

/// A duration of at most 30 days.
#[inline(never)]
fn duration(microseconds: u64) -> Option<Duration> {
    Some(Duration::from_micros(microseconds)).filter(|duration| *duration <= LONGEST)
}

/// Parses one or more number-and-unit without spaces: `1.5s`, `1m30s`, `50ms`. No bare number; at most 30 days.
pub fn parse_duration(input: &[u8]) -> Option<Duration> {
    let mut rest = input;
    let mut microseconds = 0u64;
    while !rest.is_empty() {
        let (thousandths, after) = leading_number(rest, 3)?;
        let end = after.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let size = TIMES[text::place(TIME_UNITS, unit)?];
        microseconds = microseconds.checked_add(thousandths.checked_mul(size)? / 1000)?;
        rest = next;
    }
    if input.is_empty() { None } else { duration(microseconds) }
}

/// Parses seconds without a unit (`15`, `0.5`), or a duration.
pub fn parse_seconds(input: &[u8]) -> Option<Duration> {
    match leading_number(input, 3) {
        Some((thousandths, b"")) => duration(thousandths.saturating_mul(1000)),
        _ => parse_duration(input),
    }
}

/// Appends a duration so that [`parse_duration`] reads the same one: `1m30s`, `1.5s`, `0s`.
pub fn write_duration(out: &mut Vec<u8>, duration: Duration) {
    let microseconds = duration.as_micros() as u64; // 30 days fit many times.
    let (hours, rest) = (microseconds / 3_600_000_000, microseconds % 3_600_000_000);
    let (minutes, rest) = (rest / 60_000_000, rest % 60_000_000);
    for (number, unit) in [(hours, b'h'), (minutes, b'm')] {
        if number > 0 {
            text::decimal(out, number);
            out.push(unit);
        }
    }
    let (milliseconds, below) = (rest / 1000, rest % 1000);
    if below > 0 || (milliseconds > 0 && milliseconds < 1000) {
        text::thousandths(out, rest);
        text::put(out, b"ms");
    } else if milliseconds > 0 || microseconds == 0 {
        text::thousandths(out, milliseconds);
        out.push(b's');
    }
}

/// Parses a whole number of bytes with nothing or `k M G Ki Mi Gi` behind it.
pub fn parse_size(input: &[u8]) -> Option<u64> {
    let (number, unit) = leading_number(input, 0)?;
    number.checked_mul(SIZES[text::place(SIZE_UNITS, unit)?]).filter(|&bytes| bytes <= i64::MAX as u64)
}

/// Appends a size in the largest unit that divides it.
pub fn write_size(out: &mut Vec<u8>, bytes: u64) {
    let at = SIZES.iter().position(|&size| bytes > 0 && bytes.is_multiple_of(size)).unwrap_or(SIZES.len() - 1);
    text::decimal(out, bytes / SIZES[at]);
    text::put(out, text::word(SIZE_UNITS, at).as_bytes());
}

/// A chance between never and always, in thousandths of a percent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Percent(u32);

impl Percent {
    /// 100 %.
    pub const ALWAYS: Self = Self(100_000);

    /// Parses a number with at most three decimals, above 100 too. The flag says that it was above and has been cut to 100.
    pub fn parse_capped(digits: &[u8]) -> Option<(Self, bool)> {
        match leading_number(digits, 3)? {
            (thousandths, b"") => {
                let capped = thousandths.min(u64::from(Self::ALWAYS.0)) as u32;
                Some((Self(capped), u64::from(capped) < thousandths))
            }
            _ => None,
        }
    }

    /// Parses `N%`: 0 to 100 with at most three decimals.
    pub fn parse(word: &[u8]) -> Option<Self> {
        match Self::parse_capped(word.strip_suffix(b"%")?)? {
            (percent, false) => Some(percent),
            _ => None,
        }
    }

    /// Appends `N%`.
    pub fn write(self, out: &mut Vec<u8>) {
        text::thousandths(out, u64::from(self.0));
        out.push(b'%');
    }

    /// The chance in thousandths of a percent, 0 to 100,000.
    pub fn thousandths(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::written;

    #[test]
    fn durations_are_read_and_written_alike() {
        for (input, milliseconds, canonical) in [
            ("0s", 0.0, "0s"),
            ("50ms", 50.0, "50ms"),
            ("1.5s", 1500.0, "1.5s"),
            ("1500ms", 1500.0, "1.5s"),
            ("1m30s", 90_000.0, "1m30s"),
            ("90s", 90_000.0, "1m30s"),
            ("1h", 3_600_000.0, "1h"),
            ("1h0.5s", 3_600_500.0, "1h500ms"),
            ("0.001ms", 0.001, "0.001ms"),
            ("720h", 30.0 * 86_400_000.0, "720h"),
        ] {
            let duration = parse_duration(input.as_bytes()).expect(input);
            assert_eq!(duration.as_secs_f64() * 1000.0, milliseconds, "{input}");
            let again = written(|out| write_duration(out, duration));
            assert_eq!(again, canonical, "{input}");
            assert_eq!(parse_duration(again.as_bytes()), Some(duration), "{input}");
        }
        for bad in ["", "5", "s", "1.s", ".5s", "1.2345s", "5 s", "5S", "-5s", "721h", "1m30", "99999999999999999999h"]
        {
            assert_eq!(parse_duration(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse_seconds(b"0.5"), Some(Duration::from_millis(500)));
        assert_eq!(parse_seconds(b"15s"), Some(Duration::from_secs(15)));
        assert_eq!(parse_seconds(b"15x"), None);
    }

    #[test]
    fn sizes_are_read_and_written_alike() {
        for (input, bytes, canonical) in
            [("0", 0, "0"), ("64Mi", 64 << 20, "64Mi"), ("1000", 1000, "1k"), ("2048Ki", 2 << 20, "2Mi"), ("5", 5, "5")]
        {
            assert_eq!(parse_size(input.as_bytes()), Some(bytes), "{input}");
            assert_eq!(written(|out| write_size(out, bytes)), canonical);
        }
        for bad in ["", "Mi", "1.5Mi", "64mi", "64 Mi", "18446744073709551615", "64MiB"] {
            assert_eq!(parse_size(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn percents_have_three_decimals_at_most() {
        for (input, thousandths) in [("0%", 0), ("40%", 40_000), ("0.125%", 125), ("100%", 100_000)] {
            let percent = Percent::parse(input.as_bytes()).expect(input);
            assert_eq!(percent.thousandths(), thousandths);
            assert_eq!(written(|out| percent.write(out)), input);
        }
        for bad in ["", "%", "40", "100.001%", "0.1234%", "-1%", "4 0%"] {
            assert_eq!(Percent::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Percent::parse_capped(b"150"), Some((Percent::ALWAYS, true)));
    }
}
