//! Fields of an object, typed as the API types them. Every fault says what was there and what was expected.

use std::ops::RangeInclusive;

use crate::forecast::workload::Share;
use crate::forecast::yaml::{Fault, Node, Value};
use crate::text;

/// What an `int32` that must not be negative can be.
pub(super) const NATURAL: RangeInclusive<i64> = 0..=i32::MAX as i64;
/// A port.
pub(super) const PORT: RangeInclusive<i64> = 1..=65535;

/// A fault at a value.
#[cold]
pub(super) fn fail<T>(node: &Node<'_>, message: &str) -> Result<T, Fault> {
    Err(Fault { mark: node.mark, text: String::from(message) })
}

/// A fault at a value that is not as expected.
#[cold]
pub(super) fn unexpected<T>(node: &Node<'_>, expected: &str) -> Result<T, Fault> {
    fail(node, &text::joined(&["got ", &node.shown(), ", expected ", expected]))
}

/// The value of a field, unless it is absent or null. What has fields is a mapping.
pub(super) fn get<'a, 't>(node: &'a Node<'t>, name: &str) -> Result<Option<&'a Node<'t>>, Fault> {
    match node.value {
        Value::Mapping(_) => Ok(node.get(name)),
        _ => unexpected(node, "a mapping"),
    }
}

/// The value of a field that has to be there.
pub(super) fn need<'a, 't>(node: &'a Node<'t>, name: &str) -> Result<&'a Node<'t>, Fault> {
    match get(node, name)? {
        Some(value) => Ok(value),
        None => fail(node, &text::joined(&["got no ", name, ", expected one"])),
    }
}

/// A string; null is an empty one.
pub(super) fn as_text<'a>(node: &'a Node<'_>) -> Result<&'a str, Fault> {
    match &node.value {
        Value::Text(value) => Ok(value),
        Value::Null => Ok(""),
        Value::Sequence(_) | Value::Mapping(_) => unexpected(node, "text"),
        _ => unexpected(node, "text: put it in quotes"),
    }
}

/// A string field, or what stands for it when it is absent or empty.
pub(super) fn text_or<'a>(node: &'a Node<'_>, name: &str, default: &'a str) -> Result<&'a str, Fault> {
    match get(node, name)? {
        Some(value) => Ok(match as_text(value)? {
            "" => default,
            value => value,
        }),
        None => Ok(default),
    }
}

/// A string field that has to be there and not empty.
pub(super) fn need_text<'a>(node: &'a Node<'_>, name: &str) -> Result<&'a str, Fault> {
    let value = need(node, name)?;
    match as_text(value)? {
        "" => unexpected(value, "a text that is not empty"),
        value => Ok(value),
    }
}

/// A field that is one of these words; the place of the first when absent or empty.
pub(super) fn choice(node: &Node<'_>, name: &str, words: &[&str]) -> Result<usize, Fault> {
    let Some(value) = get(node, name)? else { return Ok(0) };
    let word = as_text(value)?;
    match words.iter().position(|known| *known == word || word.is_empty()) {
        Some(at) => Ok(at),
        None => unexpected(value, &words.join(" or ")),
    }
}

/// A boolean field, false when absent.
pub(super) fn flag(node: &Node<'_>, name: &str) -> Result<bool, Fault> {
    match get(node, name)? {
        None => Ok(false),
        Some(Node { value: Value::Boolean(value), .. }) => Ok(*value),
        Some(value) => unexpected(value, "true or false"),
    }
}

/// The items of a list field, none when absent.
pub(super) fn list<'a, 't>(node: &'a Node<'t>, name: &str) -> Result<&'a [Node<'t>], Fault> {
    match get(node, name)? {
        None => Ok(&[]),
        Some(Node { value: Value::Sequence(items), .. }) => Ok(items),
        Some(value) => unexpected(value, "a list"),
    }
}

/// The strings of a list field.
pub(super) fn texts(node: &Node<'_>, name: &str) -> Result<Vec<String>, Fault> {
    list(node, name)?.iter().map(|item| as_text(item).map(String::from)).collect()
}

/// The strings of a mapping field.
pub(super) fn pairs(node: &Node<'_>, name: &str) -> Result<Vec<(String, String)>, Fault> {
    match get(node, name)? {
        None => Ok(Vec::new()),
        Some(Node { value: Value::Mapping(entries), .. }) => {
            entries.iter().map(|(key, value)| Ok((String::from(&**key), String::from(as_text(value)?)))).collect()
        }
        Some(value) => unexpected(value, "a mapping"),
    }
}

/// A whole number in a range. `3.0` and `1e3` are whole too.
pub(super) fn as_whole(node: &Node<'_>, range: RangeInclusive<i64>) -> Result<i64, Fault> {
    let number = match &node.value {
        Value::Integer(number) => Some(*number),
        Value::Decimal(number) => Decimal::parse(number).and_then(Decimal::exact),
        _ => None,
    };
    match number {
        Some(number) if range.contains(&number) => Ok(number),
        _ => {
            let expected = text::written(|out| {
                text::put(out, b"a whole number");
                let (least, most) = (*range.start(), *range.end());
                if number.is_some() {
                    text::put(
                        out,
                        if most == i64::MAX || most == i32::MAX.into() { b" of at least " } else { b" from " },
                    );
                    text::decimal(out, least.unsigned_abs());
                    if most != i64::MAX && most != i32::MAX.into() || number > Some(most) {
                        text::put(out, b" to ");
                        text::decimal(out, most.unsigned_abs());
                    }
                }
            });
            unexpected(node, &expected)
        }
    }
}

/// A field that is a whole number in a range.
pub(super) fn whole(node: &Node<'_>, name: &str, range: RangeInclusive<i64>) -> Result<Option<u32>, Fault> {
    match get(node, name)? {
        None => Ok(None),
        Some(value) => Ok(Some(as_whole(value, range)?.clamp(0, u32::MAX.into()) as u32)),
    }
}

/// A number of pods, or a percentage, at most 100 % where the API has such a limit.
pub(super) fn share(node: &Node<'_>, name: &str, most: u32) -> Result<Option<Share>, Fault> {
    let Some(value) = get(node, name)? else { return Ok(None) };
    let Value::Text(text) = &value.value else {
        return Ok(Some(Share::Pods(as_whole(value, NATURAL)? as u32)));
    };
    let digits = text.strip_suffix('%').map(str::as_bytes);
    match digits.and_then(text::parse_decimal).and_then(|percent| u32::try_from(percent).ok()) {
        Some(percent) if percent <= most => Ok(Some(Share::Percent(percent))),
        Some(_) => unexpected(value, "at most 100%"),
        None => unexpected(value, "a whole number or a percentage such as 25%"),
    }
}

/// A decimal number: its digits, and the power of ten they are multiplied by.
#[derive(Clone, Copy)]
struct Decimal {
    is_negative: bool,
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// Reads as much of a number as there is, without an exponent; and what follows it.
    fn leading(text: &str) -> Option<(Self, &str)> {
        let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
        let mut number = Self { is_negative: text.starts_with('-'), digits: 0, exponent: 0 };
        let (mut count, mut is_fraction) = (0, false);
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'.' if !is_fraction => is_fraction = true,
                b'0'..=b'9' => {
                    // 30 digits are more than any quantity holds; the rest do not count.
                    if number.digits < 10u128.pow(30) {
                        number.digits = number.digits * 10 + u128::from(byte - b'0');
                        number.exponent -= i32::from(is_fraction);
                    } else {
                        number.exponent += i32::from(!is_fraction);
                    }
                    count += 1;
                }
                _ => return (count > 0).then_some((number, &rest[at..])),
            }
        }
        (count > 0).then_some((number, ""))
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, rest) = Self::leading(text)?;
        if rest.is_empty() { Some(number) } else { number.raised(rest.strip_prefix(['e', 'E'])?) }
    }

    /// Multiplied by ten to a power that is written so.
    fn raised(mut self, power: &str) -> Option<Self> {
        let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
        let power_of_ten = text::parse_decimal(digits.as_bytes()).filter(|&power| power <= 1000)? as i32;
        self.exponent += if power.starts_with('-') { -power_of_ten } else { power_of_ten };
        Some(self)
    }

    /// Rounded up, away from zero, to a whole number; and whether it was one.
    fn rounded(self) -> (u128, bool) {
        let (mut digits, mut is_exact) = (self.digits, true);
        for _ in 0..self.exponent.min(60) {
            digits = digits.saturating_mul(10);
        }
        if self.exponent < 0 {
            let by = 10u128.checked_pow(self.exponent.unsigned_abs()).unwrap_or(u128::MAX);
            is_exact = digits.is_multiple_of(by);
            digits = digits.div_ceil(by);
        }
        (digits, is_exact)
    }

    fn exact(self) -> Option<i64> {
        let (digits, is_exact) = self.rounded();
        let number = i64::try_from(digits).ok().filter(|_| is_exact)?;
        Some(if self.is_negative { -number } else { number })
    }
}

/// A quantity of something that is counted in whole units, such as bytes: `64Mi`, `0.5Gi`, `1e3`, `128974848`.
pub(super) fn quantity(node: &Node<'_>) -> Result<u64, Fault> {
    let text = match &node.value {
        Value::Integer(number) if *number >= 0 => return Ok(number.unsigned_abs()),
        Value::Decimal(text) | Value::Text(text) => &**text,
        _ => "",
    };
    match parse_quantity(text) {
        Some(bytes) => Ok(bytes),
        None => unexpected(node, "a quantity such as 64Mi"),
    }
}

fn parse_quantity(text: &str) -> Option<u64> {
    let (mut number, unit) = Decimal::leading(text)?;
    if number.is_negative && number.digits > 0 {
        return None;
    }
    if let Some(binary) = unit.strip_suffix('i') {
        let power = ["K", "M", "G", "T", "P", "E"].iter().position(|&name| name == binary)? as u32 + 1;
        number.digits = number.digits.saturating_mul(1 << (10 * power));
    } else if let Some(at) = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].iter().position(|&name| name == unit) {
        number.exponent += 3 * (at as i32 - 3);
    } else {
        number = number.raised(unit.strip_prefix(['e', 'E'])?)?;
    }
    Some(number.rounded().0.min(i64::MAX as u128) as u64)
}
