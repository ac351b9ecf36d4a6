//! What a plain scalar means: the words and the numbers of go.yaml.in/yaml/v2's resolve.go, which sigs.k8s.io/yaml uses.

use super::{Piece, Value};
use crate::text::{place, replaced, signed};

/// The words with a meaning: first those for null, then those for true, then those for false.
const WORDS: &str =
    "null Null NULL ~ true True TRUE yes Yes YES on On ON y Y false False FALSE no No NO off Off OFF n N";
const NULLS: usize = 4;
const TRUES: usize = 11;
/// The longest of them.
const LONGEST: usize = 5;

/// The value that a plain scalar stands for: the piece of a document's text that was added last.
#[inline(never)]
pub(super) fn meaning(text: &mut String, piece: Piece) -> Value {
    let scalar = text.get(piece.start as usize..).unwrap_or_default();
    if scalar.is_empty() {
        return Value::Null;
    }
    let word = if scalar.len() > LONGEST { None } else { place(WORDS, scalar.as_bytes()) };
    match word {
        Some(at) if at < NULLS => return Value::Null,
        Some(at) => return Value::Boolean(at < NULLS + TRUES),
        None => {}
    }
    let Some(first @ (b'0'..=b'9' | b'+' | b'-' | b'.')) = scalar.bytes().next() else { return Value::Text(piece) };
    // Underscores between digits are allowed.
    let number = if first == b'.' { String::from(scalar) } else { replaced(scalar, b'_', "") };
    let (is_negative, digits) = signed(number.as_bytes());
    let whole = whole(digits);
    if let Some(Ok(number)) = whole.map(i64::try_from) {
        return Value::Integer(if is_negative { -number } else { number });
    }
    if whole.is_none() && !is_decimal(digits) {
        return Value::Text(piece);
    }
    text.truncate(piece.start as usize);
    text.push_str(&number);
    Value::Decimal(Piece { end: text.len() as u32, ..piece })
}

/// A whole number without sign, in the base that its prefix says: 0x, 0o, 0b, or the leading 0 of octal numbers.
fn whole(digits: &[u8]) -> Option<u64> {
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', b'o' | b'O', digits @ ..] => (8, digits),
        [b'0', b'b' | b'B', digits @ ..] => (2, digits),
        [b'0', digits @ ..] if !digits.is_empty() => (8, digits),
        digits => (10, digits),
    };
    let mut number = (!digits.is_empty()).then_some(0u64)?;
    for &digit in digits {
        number = number.checked_mul(base.into())?.checked_add(char::from(digit).to_digit(base)?.into())?;
    }
    Some(number)
}

/// `[0-9]+(\.[0-9]*)?` or `\.[0-9]+`, and perhaps an exponent; infinity and not-a-number too.
fn is_decimal(text: &[u8]) -> bool {
    let (mut digits, mut points) = (0, 0);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' if points == 0 => points = 1,
            b'e' | b'E' if digits > 0 => {
                let (_, power) = signed(&text[at + 1..]);
                return !power.is_empty() && power.iter().all(u8::is_ascii_digit);
            }
            _ => return place(".inf .Inf .INF .nan .NaN .NAN", text).is_some(),
        }
    }
    digits > 0
}
