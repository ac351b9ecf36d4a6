//! Dates: IMF-fixdate for the Date field (RFC 9110 section 5.6.7), RFC 3339 for logs and JSON.

use std::time::{Duration, SystemTime};

use crate::text;

/// A point in UTC, split for printing.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    weekday: usize,
    hour: u64,
    minute: u64,
    second: u64,
}

/// Days to a date of the Gregorian calendar, after Howard Hinnant's `civil_from_days`.
fn civil(seconds: u64) -> Civil {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468; // Days since 0000-03-01, so that the leap day ends a year.
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Civil {
        year: era * 400 + year_of_era + u64::from(month <= 2),
        month,
        day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
        weekday: ((days + 4) % 7) as usize, // 1970-01-01 was a Thursday.
        hour: rest / 3600,
        minute: rest / 60 % 60,
        second: rest % 60,
    }
}

/// Time since 1970, zero for a clock set before.
pub fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Three letters out of a row of names.
fn name(names: &[u8], index: usize) -> &[u8] {
    &names[3 * index..3 * index + 3]
}

/// Appends `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn write_imf_fixdate(out: &mut Vec<u8>, seconds: u64) {
    let date = civil(seconds);
    text::put(out, name(b"SunMonTueWedThuFriSat", date.weekday));
    text::put(out, b", ");
    text::padded(out, date.day, 2);
    out.push(b' ');
    text::put(out, name(b"JanFebMarAprMayJunJulAugSepOctNovDec", date.month as usize - 1));
    out.push(b' ');
    text::padded(out, date.year, 4);
    for (before, number) in [(b' ', date.hour), (b':', date.minute), (b':', date.second)] {
        out.push(before);
        text::padded(out, number, 2);
    }
    text::put(out, b" GMT");
}

/// Appends `1994-11-06T08:49:37.123Z`.
pub fn write_rfc3339(out: &mut Vec<u8>, since_epoch: Duration) {
    let date = civil(since_epoch.as_secs());
    text::padded(out, date.year, 4);
    for (before, number) in
        [(b'-', date.month), (b'-', date.day), (b'T', date.hour), (b':', date.minute), (b':', date.second)]
    {
        out.push(before);
        text::padded(out, number, 2);
    }
    out.push(b'.');
    text::padded(out, u64::from(since_epoch.subsec_millis()), 3);
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_known_dates() {
        for (seconds, imf, rfc3339) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00.007Z"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37.007Z"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT", "2000-02-29T00:00:00.007Z"),
            (1_709_164_799, "Wed, 28 Feb 2024 23:59:59 GMT", "2024-02-28T23:59:59.007Z"),
            (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 GMT", "2100-01-01T00:00:00.007Z"),
        ] {
            let mut out = Vec::new();
            write_imf_fixdate(&mut out, seconds);
            assert_eq!(text::into_string(out), imf);
            let mut out = Vec::new();
            write_rfc3339(&mut out, Duration::from_millis(seconds * 1000 + 7));
            assert_eq!(text::into_string(out), rfc3339);
        }
    }

    /// Four centuries, after which the calendar repeats itself, counted day by day.
    #[test]
    fn each_day_is_the_next_one() {
        let (mut year, mut month, mut day, mut days) = (1970, 1, 1, 0);
        while year < 2370 {
            let date = civil(days * 86_400);
            assert_eq!((date.year, date.month, date.day), (year, month, day), "day {days}");
            assert_eq!(date.weekday as u64, (days + 4) % 7);
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u64::from(is_leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            days += 1;
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }
}
