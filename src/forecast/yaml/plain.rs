//! What a plain scalar means: the table and the numbers of go.yaml.in/yaml/v2's resolve.go, which sigs.k8s.io/yaml uses.

use std::borrow::Cow;

use super::Value;

/// The words with a meaning; each also capitalised and in capitals.
const WORDS: [(&str, Option<bool>); 10] = [
    ("null", None),
    ("~", None),
    ("true", Some(true)),
    ("yes", Some(true)),
    ("on", Some(true)),
    ("y", Some(true)),
    ("false", Some(false)),
    ("no", Some(false)),
    ("off", Some(false)),
    ("n", Some(false)),
];

/// Whether `text` is `word`, capitalised or not, or in capitals.
fn is_word(text: &[u8], word: &str) -> bool {
    text.eq_ignore_ascii_case(word.as_bytes()) && {
        let (first, rest) = (text[0], &text[1..]);
        rest.iter().all(u8::is_ascii_lowercase) || first.is_ascii_uppercase() && rest.iter().all(u8::is_ascii_uppercase)
    }
}

/// The value that a plain scalar stands for.
#[inline(never)]
pub(super) fn meaning(text: Cow<'_, str>) -> Value<'_> {
    if text.is_empty() {
        return Value::Null;
    }
    match WORDS.iter().find(|(word, _)| is_word(text.as_bytes(), word)) {
        Some((_, None)) => Value::Null,
        Some((_, Some(truth))) => Value::Boolean(*truth),
        None => number(&text).unwrap_or(Value::Text(text)),
    }
}

/// A number, if it is one. Underscores between digits are allowed, as are 0x, 0o, 0b and the leading 0 of octal numbers.
fn number<'t>(text: &str) -> Option<Value<'t>> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let mut plain = String::from(text);
    plain.retain(|c| c != '_' || text.starts_with('.'));
    let digits = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let is_negative = plain.starts_with('-');
    if let Some(number) = whole(digits) {
        return Some(match i64::try_from(number) {
            Ok(number) => Value::Integer(if is_negative { -number } else { number }),
            Err(_) => Value::Decimal(Cow::Owned(plain)),
        });
    }
    is_decimal(digits).then_some(Value::Decimal(Cow::Owned(plain)))
}

/// A whole number without sign, in the base that its prefix says.
fn whole(digits: &str) -> Option<u64> {
    let lower = digits.as_bytes().get(1).map(u8::to_ascii_lowercase);
    let (radix, digits) = match (digits.starts_with('0'), lower) {
        (true, Some(b'x')) => (16, &digits[2..]),
        (true, Some(b'o')) => (8, &digits[2..]),
        (true, Some(b'b')) => (2, &digits[2..]),
        (true, Some(_)) => (8, &digits[1..]),
        _ => (10, digits),
    };
    let mut number = (!digits.is_empty()).then_some(0u64)?;
    for digit in digits.bytes() {
        number = number.checked_mul(radix.into())?.checked_add(char::from(digit).to_digit(radix)?.into())?;
    }
    Some(number)
}

/// `[0-9]+(\.[0-9]*)?` or `\.[0-9]+`, and perhaps an exponent; infinity and not-a-number too.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let before = digits(text);
    let mut rest = &text[before..];
    let mut after = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        after = digits(fraction);
        rest = &fraction[after..];
    }
    if before + after == 0 {
        return [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(&text);
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
    }
}
