//! Numbers as the API takes them: whole ones in any notation, and quantities with their units.

use crate::text;

/// A decimal number without its sign: its digits, and the power of ten they are multiplied by.
#[derive(Clone, Copy, Default)]
struct Decimal {
    /// 18 of them, or 19: more than a quantity that fits 64 bits can hold.
    digits: u64,
    exponent: i32,
    /// Whether digits other than 0 have been left out behind those.
    is_cut: bool,
}

impl Decimal {
    /// Reads as much of a number as there is, without an exponent; and what follows it.
    fn leading(text: &[u8]) -> Option<(Self, &[u8])> {
        let mut number = Self::default();
        let (mut is_any, mut is_fraction) = (false, false);
        let mut end = 0;
        for byte in text {
            match byte {
                b'.' if !is_fraction => is_fraction = true,
                b'0'..=b'9' => {
                    is_any = true;
                    number.exponent -= i32::from(is_fraction);
                    number.append(byte - b'0');
                }
                _ => break,
            }
            end += 1;
        }
        is_any.then_some((number, &text[end..]))
    }

    /// Appends a digit, unless there are enough.
    fn append(&mut self, digit: u8) {
        if self.digits < 1_000_000_000_000_000_000 {
            self.digits = self.digits * 10 + u64::from(digit);
        } else {
            self.exponent += 1;
            self.is_cut |= digit != 0;
        }
    }

    /// Multiplied by 1024.
    fn times_1024(&mut self) {
        while self.digits > u64::MAX / 1024 {
            self.is_cut |= !self.digits.is_multiple_of(10);
            self.digits /= 10;
            self.exponent += 1;
        }
        self.digits *= 1024;
    }

    /// Rounded up, away from zero, to a whole number; and whether it was one.
    fn rounded(self) -> (u64, bool) {
        let (mut digits, mut is_cut) = (self.digits, self.is_cut);
        for _ in 0..self.exponent.min(20) {
            digits = digits.saturating_mul(10);
        }
        // Below 10^-20 nothing is left of 19 digits.
        for _ in 0..self.exponent.saturating_neg().min(20) {
            is_cut |= !digits.is_multiple_of(10);
            digits /= 10;
        }
        (digits.saturating_add(is_cut.into()), !is_cut)
    }
}

/// A number and its unit, rounded up, away from zero, and not above what 63 bits hold; and whether it was whole.
#[inline(never)]
fn read(text: &str) -> Option<(i64, bool)> {
    // From 10^-9 on, by thousands; in the middle stands no unit at all.
    const DECIMAL: &str = "n u m  k M G T P E";
    const BINARY: &str = "Ki Mi Gi Ti Pi Ei";
    let (is_negative, digits) = text::signed(text.as_bytes());
    let (mut number, unit) = Decimal::leading(digits)?;
    if let Some(power) = text::place(BINARY, unit) {
        for _ in 0..=power {
            number.times_1024();
        }
    } else if let Some(power) = text::place(DECIMAL, unit) {
        number.exponent += 3 * (power as i32 - 3);
    } else {
        let [b'e' | b'E', power @ ..] = unit else { return None };
        let (is_negative, digits) = text::signed(power);
        let power = text::parse_decimal(digits).filter(|&power| power <= 1000)? as i32;
        number.exponent += if is_negative { -power } else { power };
    }
    let (digits, is_whole) = number.rounded();
    let number = digits.min(i64::MAX as u64) as i64;
    Some((if is_negative { -number } else { number }, is_whole && digits <= i64::MAX as u64))
}

/// A whole number, however it is written: `3`, `3.0`, `3e0`.
pub(super) fn parse_whole(text: &str) -> Option<i64> {
    read(text).filter(|(_, is_whole)| *is_whole).map(|(number, _)| number)
}

/// A quantity in whole units, rounded up, and not above what 63 bits hold.
pub(super) fn parse(text: &str) -> Option<u64> {
    read(text).and_then(|(number, _)| u64::try_from(number).ok())
}
