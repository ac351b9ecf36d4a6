//! Numbers and strings as bytes, without `core::fmt` (which costs kilobytes and time on every answer).

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

/// Appends `number` in decimal.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let mut rest = number;
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends `number` with at least `width` digits.
pub fn padded(out: &mut Vec<u8>, number: u64, width: u32) {
    for place in (1..width).rev() {
        if number < 10u64.pow(place) {
            out.push(b'0');
        }
    }
    decimal(out, number);
}

/// Appends `thousandths` / 1000 with as many decimals as it needs, at most three.
pub fn thousandths(out: &mut Vec<u8>, thousandths: u64) {
    decimal(out, thousandths / 1000);
    let mut rest = thousandths % 1000;
    if rest > 0 {
        out.push(b'.');
        let mut width = 3;
        while rest.is_multiple_of(10) {
            rest /= 10;
            width -= 1;
        }
        padded(out, rest, width);
    }
}

/// `number` in decimal, as a string.
pub fn to_decimal(number: u64) -> String {
    let mut out = Vec::with_capacity(20);
    decimal(&mut out, number);
    into_string(out)
}

/// An address and port as they are written in URLs: `[::1]:80`.
pub fn socket_address(out: &mut Vec<u8>, address: SocketAddr) {
    // Cannot fail: a Vec takes every byte.
    let _ = write!(out, "{address}");
}

/// An IP address in its canonical text form (RFC 5952 for IPv6).
pub fn ip_address(address: IpAddr) -> String {
    address.to_string()
}

/// Text that this program has put together from valid pieces; anything else is replaced.
pub fn into_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends the inside of a JSON string (RFC 8259 section 7). Bytes that are not UTF-8 come out as
/// U+FFFD; so no input can end the string or begin a line.
pub fn json_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..0x20 | 0x7f => {
                    out.extend_from_slice(b"\\u00");
                    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                }
                _ => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Appends a JSON string with its quotes.
pub fn json_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    json_escaped(out, bytes);
    out.push(b'"');
}

/// Appends a JSON string, or `null` when there is no value.
pub fn json_optional(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => json_string(out, value.as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

/// Parses 1*DIGIT, and nothing else (no sign, no space), as RFC 9110 writes numbers.
pub fn parse_decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        into_string(out)
    }

    #[test]
    fn writes_numbers() {
        assert_eq!(written(|out| decimal(out, 0)), "0");
        assert_eq!(written(|out| decimal(out, u64::MAX)), "18446744073709551615");
        assert_eq!(written(|out| padded(out, 7, 3)), "007");
        assert_eq!(written(|out| padded(out, 1234, 3)), "1234");
        for (number, want) in [(0, "0"), (1500, "1.5"), (1050, "1.05"), (1001, "1.001"), (40_000, "40")] {
            assert_eq!(written(|out| thousandths(out, number)), want);
        }
    }

    #[test]
    fn parses_digits_only() {
        assert_eq!(parse_decimal(b"0200"), Some(200));
        for bad in ["", "+5", "-1", "0x5", "1_0", "1 0", "1Z", "99999999999999999999"] {
            assert_eq!(parse_decimal(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn json_strings_cannot_be_broken_out_of() {
        let hostile = b"a\"b\\c\nd\x00\x7f\xff\xc3\xa9";
        assert_eq!(written(|out| json_string(out, hostile)), "\"a\\\"b\\\\c\\nd\\u0000\\u007f\u{fffd}é\"");
    }
}
