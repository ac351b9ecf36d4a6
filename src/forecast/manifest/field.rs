//! Fields of an object, typed as the API types them. Every fault says what was there and what was expected.
//!
//! Only the first fault counts, so it is kept here, and who reads goes on with what stands for nothing: the object is
//! refused in the end. That makes reading one line a field.

use std::cell::OnceCell;

use crate::forecast::workload::Share;
use crate::forecast::yaml::{Fault, Mark, Node, Value};
use crate::text;

/// The most that an `int32` can be.
pub(super) const INT: i64 = i32::MAX as i64;
/// What is absent.
const NOTHING: &Node<'static> = &Node { mark: Mark { line: 0, column: 0 }, value: Value::Null };

/// Reads fields, and keeps the first fault.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) fault: OnceCell<Fault>,
}

impl Fields {
    /// A fault at a value, in pieces of text.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&self, node: &Node<'_>, message: &[&str]) {
        // A later one does not matter.
        let _ = self.fault.set(Fault { mark: node.mark, text: text::joined(message) });
    }

    /// A fault at a value that is not as expected.
    #[cold]
    #[inline(never)]
    pub(super) fn unexpected(&self, node: &Node<'_>, expected: &str) {
        self.fail(node, &["got ", &node.shown(), ", expected ", expected]);
    }

    /// The value of a field; nothing if it is absent or null. What has fields is a mapping.
    #[inline(never)]
    pub(super) fn get<'a, 't>(&self, node: &'a Node<'t>, name: &str) -> &'a Node<'t> {
        match node.value {
            Value::Mapping(_) => return node.get(name).unwrap_or(NOTHING),
            Value::Null => {}
            _ => self.unexpected(node, "a mapping"),
        }
        NOTHING
    }

    /// The value of a field that has to be there.
    #[inline(never)]
    pub(super) fn need<'a, 't>(&self, node: &'a Node<'t>, name: &str) -> &'a Node<'t> {
        let value = self.get(node, name);
        if value.is_nothing() {
            self.fail(node, &["got no ", name, ", expected one"]);
        }
        value
    }

    /// A string; an empty one for nothing.
    #[inline(never)]
    pub(super) fn text<'a>(&self, node: &'a Node<'_>) -> &'a str {
        match &node.value {
            Value::Text(value) => return value,
            Value::Null => {}
            Value::Sequence(_) | Value::Mapping(_) => self.unexpected(node, "text"),
            _ => self.unexpected(node, "text: put it in quotes"),
        }
        ""
    }

    /// A string field, or what stands for it when it is absent or empty.
    pub(super) fn text_or<'a>(&self, node: &'a Node<'_>, name: &str, default: &'a str) -> &'a str {
        match self.text(self.get(node, name)) {
            "" => default,
            value => value,
        }
    }

    /// A string field that has to be there and not empty.
    #[inline(never)]
    pub(super) fn need_text<'a>(&self, node: &'a Node<'_>, name: &str) -> &'a str {
        let at = self.need(node, name);
        let value = self.text(at);
        if value.is_empty() {
            self.unexpected(at, "a text that is not empty");
        }
        value
    }

    /// A field that is one of these words; the place of the first when absent or empty.
    #[inline(never)]
    pub(super) fn choice(&self, node: &Node<'_>, name: &str, words: &[&str]) -> usize {
        let at = self.get(node, name);
        let word = self.text(at);
        if word.is_empty() {
            return 0;
        }
        words.iter().position(|known| *known == word).unwrap_or_else(|| {
            self.unexpected(at, &words.join(" or "));
            0
        })
    }

    /// A boolean field, false when absent.
    #[inline(never)]
    pub(super) fn flag(&self, node: &Node<'_>, name: &str) -> bool {
        let at = self.get(node, name);
        match at.value {
            Value::Boolean(value) => return value,
            Value::Null => {}
            _ => self.unexpected(at, "true or false"),
        }
        false
    }

    /// The items of a list field, none when absent.
    #[inline(never)]
    pub(super) fn list<'a, 't>(&self, node: &'a Node<'t>, name: &str) -> &'a [Node<'t>] {
        let at = self.get(node, name);
        match &at.value {
            Value::Sequence(items) => return items,
            Value::Null => {}
            _ => self.unexpected(at, "a list"),
        }
        &[]
    }

    /// Appends the strings of a list field.
    #[inline(never)]
    pub(super) fn texts(&self, node: &Node<'_>, name: &str, out: &mut Vec<String>) {
        for item in self.list(node, name) {
            out.push(String::from(self.text(item)));
        }
    }

    /// A whole number in a range, or what stands for it when it is absent. `3.0` and `1e3` are whole too.
    #[inline(never)]
    pub(super) fn whole(&self, node: &Node<'_>, default: i64, least: i64, most: i64) -> i64 {
        let number = match &node.value {
            Value::Null => return default,
            Value::Integer(number) => Some(*number),
            Value::Decimal(number) => Decimal::parse(number).and_then(Decimal::exact),
            _ => None,
        };
        if let Some(number) = number
            && (least..=most).contains(&number)
        {
            return number;
        }
        let expected = text::written(|out| {
            text::put(out, b"a whole number");
            if number.is_some() {
                text::put(out, if most < INT || number > Some(most) { b" from " } else { b" of at least " });
                text::decimal(out, least.unsigned_abs());
                if most < INT || number > Some(most) {
                    text::put(out, b" to ");
                    text::decimal(out, most.unsigned_abs());
                }
            }
        });
        self.unexpected(node, &expected);
        default
    }

    /// A field that is a whole number and not negative, as most are.
    #[inline(never)]
    pub(super) fn natural(&self, node: &Node<'_>, name: &str, default: u32) -> u32 {
        self.whole(self.get(node, name), default.into(), 0, INT) as u32
    }

    /// A field that is a port's number and has to be there.
    #[inline(never)]
    pub(super) fn port(&self, node: &Node<'_>, name: &str) -> u16 {
        self.whole(self.need(node, name), 0, 1, 65535) as u16
    }

    /// A number of pods, or a percentage, at most 100 % where the API has such a limit.
    #[inline(never)]
    pub(super) fn share(&self, node: &Node<'_>, name: &str, most: u32) -> Option<Share> {
        let at = self.get(node, name);
        let text = match &at.value {
            Value::Null => return None,
            Value::Text(text) => text,
            _ => return Some(Share::Pods(self.whole(at, 0, 0, INT) as u32)),
        };
        let digits = text.strip_suffix('%').map(str::as_bytes);
        match digits.and_then(text::parse_decimal).and_then(|percent| u32::try_from(percent).ok()) {
            Some(percent) if percent <= most => return Some(Share::Percent(percent)),
            Some(_) => self.unexpected(at, "at most 100%"),
            None => self.unexpected(at, "a whole number or a percentage such as 25%"),
        }
        None
    }

    /// A quantity of something that is counted in whole units, such as bytes: `64Mi`, `0.5Gi`, `1e3`, `128974848`.
    pub(super) fn quantity(&self, node: &Node<'_>) -> Option<u64> {
        let quantity = match &node.value {
            Value::Null => return None,
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Decimal(text) | Value::Text(text) => parse_quantity(text),
            _ => None,
        };
        if quantity.is_none() {
            self.unexpected(node, "a quantity such as 64Mi");
        }
        quantity
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
