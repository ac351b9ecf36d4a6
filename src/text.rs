//! Numbers and strings as bytes, without `core::fmt` (which costs kilobytes and time on every answer).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Appends bytes. Not inlined: growing a vector in two hundred places costs 10 KB of the binary.
#[inline(never)]
pub fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// Appends strings, one after the other.
#[inline(never)]
pub fn put_all(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Room for some lines. What is asked for before the first answer is asked for in few sizes, this among them: for each (a power of
/// two, 16 octets of it its own) zig's C library maps memory when it is wanted first, by two or three calls and a page fault. That
/// is 3 % of a start.
pub const LINES: usize = 480;

/// Nothing yet, with room for some words: growing step by step costs a thousand instructions.
#[inline(never)]
fn begun() -> Vec<u8> {
    Vec::with_capacity(48)
}

/// Strings, put together.
#[inline(never)]
pub fn joined(parts: &[&str]) -> String {
    let mut out = begun();
    put_all(&mut out, parts);
    into_string(out)
}

/// What stands in a text that is [`fill`]ed.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Nothing,
    Text(&'a str),
    /// Text of others, which may be no text.
    Bytes(&'a [u8]),
    Flag(bool),
    Number(u64),
    /// So many thousandths, with as many decimals as that needs.
    Thousandths(u64),
    /// A JSON string.
    Json(&'a str),
    /// A JSON string, or `null`.
    JsonOptional(Option<&'a str>),
    /// A number that JSON has exactly, or else as a string.
    JsonNumber(u64),
}

/// Appends a text with a value in place of each `~`; what values are left then are not told.
#[inline(never)]
pub fn fill(out: &mut Vec<u8>, text: &str, values: &[Value<'_>]) {
    let mut rest = text.as_bytes();
    for value in values {
        let Some((before, after)) = split_once(rest, b'~') else { break };
        put(out, before);
        rest = after;
        match *value {
            Value::Text(text) => put(out, text.as_bytes()),
            Value::Bytes(bytes) => put(out, bytes),
            Value::Flag(flag) => put(out, if flag { b"true" } else { b"false" }),
            Value::Number(number) => decimal(out, number),
            Value::Thousandths(number) => thousandths(out, number),
            Value::Json(text) => json_string(out, text.as_bytes()),
            Value::JsonOptional(text) => json_optional(out, text),
            Value::JsonNumber(number) => json_number(out, number),
            Value::Nothing => {}
        }
    }
    put(out, rest);
}

/// The same as a string.
#[inline(never)]
pub fn filled(text: &str, values: &[Value<'_>]) -> String {
    let mut out = begun();
    fill(&mut out, text, values);
    into_string(out)
}

/// Texts with another between them.
pub fn list(items: &[String], between: &str) -> String {
    let mut out = Vec::new();
    for (at, item) in items.iter().enumerate() {
        put_all(&mut out, &[if at == 0 { "" } else { between }, item]);
    }
    into_string(out)
}

/// A text with another in place of an ASCII byte.
#[inline(never)]
pub fn replaced(text: &str, byte: u8, with: &str) -> String {
    let mut out = begun();
    for own in text.as_bytes() {
        put(&mut out, if *own == byte { with.as_bytes() } else { std::slice::from_ref(own) });
    }
    into_string(out)
}

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
    written(|out| decimal(out, number))
}

/// What `write` appends to nothing, as a string.
pub fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = begun();
    write(&mut out);
    into_string(out)
}

/// An address and port as they are written in URLs: `[::1]:80`.
#[inline(never)]
pub fn socket_address(address: SocketAddr) -> String {
    let form = if address.is_ipv6() { "[~]:~" } else { "~:~" };
    filled(form, &[Value::Text(&ip_address(address.ip())), Value::Number(address.port().into())])
}

/// An IP address in its canonical text form (RFC 5952 for IPv6).
#[inline(never)]
pub fn ip_address(address: IpAddr) -> String {
    let mut out = begun();
    match address {
        IpAddr::V4(v4) => ipv4_address(&mut out, v4),
        IpAddr::V6(v6) => ipv6_address(&mut out, v6),
    }
    into_string(out)
}

fn ipv4_address(out: &mut Vec<u8>, address: Ipv4Addr) {
    fill(out, "~.~.~.~", &address.octets().map(|octet| Value::Number(octet.into())));
}

fn ipv6_address(out: &mut Vec<u8>, address: Ipv6Addr) {
    if let Some(v4) = address.to_ipv4_mapped() {
        put(out, b"::ffff:");
        return ipv4_address(out, v4);
    }
    let groups = address.segments();
    let zeros_from = |at: usize| groups[at..].iter().take_while(|&&group| group == 0).count();
    // The first of the longest runs of two or more zero groups is written `::`.
    let (mut start, mut length) = (8, 1);
    for at in 0..8 {
        if zeros_from(at) > length {
            (start, length) = (at, zeros_from(at));
        }
    }
    let mut at = 0;
    while at < 8 {
        if at == start {
            put(out, b"::");
            at += length;
            continue;
        }
        put(out, if at == 0 || at == start + length && start < 8 { b"" } else { b":" });
        hexadecimal(out, groups[at].into(), 1);
        at += 1;
    }
}

/// Appends a number in lower-case hexadecimal with at least `width` digits.
pub fn hexadecimal(out: &mut Vec<u8>, number: u64, width: u32) {
    for place in (0..16).rev() {
        let rest = number >> (4 * place);
        if rest > 0 || place < width {
            out.push(HEX[(rest & 15) as usize]);
        }
    }
}

/// Text that this program has put together from valid pieces; anything else is replaced.
pub fn into_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| lossy(error.as_bytes()))
}

/// Bytes as text; what is not UTF-8 comes out as U+FFFD.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends the inside of a JSON string (RFC 8259 section 7). Bytes that are not UTF-8 come out as U+FFFD, and
/// whatever ends a line or starts a terminal sequence somewhere (C0, DEL, C1, U+2028, U+2029) as an escape; so no
/// input can end the string or begin a line.
pub fn json_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => put(out, &[b'\\', character as u8]),
                '\n' => put(out, b"\\n"),
                '\t' => put(out, b"\\t"),
                '\0'..=' ' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' if character != ' ' => {
                    put(out, b"\\u");
                    hexadecimal(out, character.into(), 4);
                }
                _ => put(out, character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            put(out, "\u{fffd}".as_bytes());
        }
    }
}

/// Appends a JSON string with its quotes.
pub fn json_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    json_escaped(out, bytes);
    out.push(b'"');
}

/// Appends a number to JSON: those that a reader might round (RFC 8259 section 6: from 2^53 on) as a string.
pub fn json_number(out: &mut Vec<u8>, number: u64) {
    let quote: &[u8] = if number < 1 << 53 { b"" } else { b"\"" };
    put(out, quote);
    decimal(out, number);
    put(out, quote);
}

/// Appends a JSON string, or `null` when there is no value.
pub fn json_optional(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => json_string(out, value.as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

/// Where a word stands in a list of words with blanks between them; what has a blank in it is no word. (Such a list is one
/// text; a table of texts costs 40 bytes a cell, for the place that each is loaded at.)
#[inline(never)]
pub fn place(words: &str, word: &[u8]) -> Option<usize> {
    words.split(' ').position(|known| is_equal(known.as_bytes(), word))
}

/// The word at a place in such a list.
pub fn word(words: &str, at: usize) -> &str {
    nth(words, b' ', at)
}

/// The item at a place of a list that has something else than blanks between its items.
#[inline(never)]
pub fn nth(list: &str, between: u8, at: usize) -> &str {
    let item = list.as_bytes().split(|&byte| byte == between).nth(at);
    str::from_utf8(item.unwrap_or_default()).unwrap_or_default()
}

/// Where a byte stands first.
#[inline(never)]
pub fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|&byte| byte == wanted)
}

/// What stands before a byte, where it is first, and what behind it.
#[inline(never)]
pub fn split_once(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = position(bytes, byte)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// What stands before a byte, or all where that is not in it.
#[inline(never)]
pub fn before(bytes: &[u8], byte: u8) -> &[u8] {
    &bytes[..position(bytes, byte).unwrap_or(bytes.len())]
}

/// Whether two short texts are the same. (What slices are compared with takes a hundred instructions to begin with, where size counts.)
#[inline(never)]
pub fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one == other)
}

/// Whether two texts are the same but for the case of ASCII letters. (As in std, whose own calls a function for each byte where
/// size counts.)
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differ_in_case = |one: u8, other: u8| one ^ other == 0x20 && (one | 0x20).wrapping_sub(b'a') < 26;
    one.len() == other.len() && one.iter().zip(other).all(|(&one, &other)| one == other || differ_in_case(one, other))
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

/// A number without its sign, and whether that is a minus.
#[inline(never)]
pub fn signed(number: &[u8]) -> (bool, &[u8]) {
    match number {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    }
}

/// Parses an IP address in the forms that have one meaning: no short, octal or hexadecimal IPv4, no scopes.
pub fn parse_ip(bytes: &[u8]) -> Option<IpAddr> {
    str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_their_items_by_place() {
        assert_eq!([0, 1, 2, 3].map(|at| nth("a,,b c", b',', at)), ["a", "", "b c", ""]);
    }

    #[test]
    fn writes_numbers() {
        assert_eq!(written(|out| decimal(out, 0)), "0");
        assert_eq!(written(|out| decimal(out, u64::MAX)), "18446744073709551615");
        assert_eq!(written(|out| padded(out, 7, 3)), "007");
        assert_eq!(written(|out| padded(out, 0, 2)), "00");
        assert_eq!(written(|out| padded(out, 10, 2)), "10");
        assert_eq!(written(|out| padded(out, 1234, 3)), "1234");
        for (number, want) in [(0, "0"), (1500, "1.5"), (1050, "1.05"), (1001, "1.001"), (40_000, "40")] {
            assert_eq!(written(|out| thousandths(out, number)), want);
        }
    }

    #[test]
    fn writes_addresses_as_std_does() {
        for text in [
            "1.2.3.4",
            "0.0.0.0",
            "::",
            "::1",
            "1::",
            "fe80::1:2",
            "1:0:0:2::3",
            "1:2:3:4:5:6:7:8",
            "1:0:2:3:4:5:6:7",
            "::2:3:4:5:6:7",
            "0:1::",
            "2001:db8::ff00:42:8329",
            "1:0:0:1:0:0:0:1",
            "::ffff:1.2.3.4",
            "64:ff9b::102:304",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(ip_address(address), address.to_string());
            let address = SocketAddr::new(address, 80);
            assert_eq!(socket_address(address), address.to_string());
        }
    }

    #[test]
    fn values_stand_in_their_holes() {
        let values = [Value::Json("a\"~"), Value::Text("b"), Value::Thousandths(1500), Value::JsonOptional(None)];
        assert_eq!(filled("{~:~,~}~", &values), "{\"a\\\"~\":b,1.5}null");
        let values = [Value::Text("a~"), Value::JsonNumber(7)];
        assert_eq!(filled("~: got ~", &values), "a~: got 7");
        assert_eq!((filled("~!", &values), filled("", &values)), ("a~!".to_owned(), String::new()));
    }

    #[test]
    fn lists_have_something_between() {
        assert_eq!(
            (list(&["a".to_owned()], ", "), list(&["a", "b"].map(str::to_owned), ", ")),
            ("a".to_owned(), "a, b".to_owned())
        );
        assert_eq!(list(&[], ", "), "");
        assert_eq!(replaced("a é b", b' ', ", "), "a, é, b");
    }

    #[test]
    fn words_have_their_places() {
        for (at, name) in ["a", "bc", "d"].into_iter().enumerate() {
            assert_eq!((word("a bc d", at), place("a bc d", name.as_bytes())), (name, Some(at)));
        }
        assert_eq!((word("a bc d", 3), place("a bc d", b"b"), place("a bc d", b"")), ("", None, None));
        assert_eq!((place("a bc d", b"a bc"), place("a bc d", b"bc d")), (None, None));
    }

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        let bytes: Vec<u8> = (0..=255u8).rev().chain([7, 0x80, 0xff, 0]).collect();
        for length in 0..bytes.len() {
            for wanted in [0u8, 1, 7, 10, 0x7f, 0x80, 0x81, 0xfe, 0xff] {
                let part = &bytes[bytes.len() - length..];
                assert_eq!(
                    position(part, wanted),
                    part.iter().position(|&byte| byte == wanted),
                    "{wanted} in {length}"
                );
            }
        }
        for one in 0..=255u8 {
            for other in 0..=255u8 {
                assert_eq!(is_same(&[one], &[other]), one.eq_ignore_ascii_case(&other), "{one} {other}");
            }
        }
        assert!(!is_same(b"a", b"ab") && is_same(b"", b"") && is_same(b"Keep-Alive", b"keep-alive"));
    }

    #[test]
    fn a_sign_is_taken_off_once() {
        let signs = [("-1", (true, "1")), ("+-1", (false, "-1")), ("1", (false, "1")), ("", (false, ""))];
        for (number, (is_negative, digits)) in signs {
            assert_eq!(signed(number.as_bytes()), (is_negative, digits.as_bytes()), "{number}");
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
    fn json_numbers_are_exact_or_strings() {
        for (number, want) in [
            (0, "0"),
            ((1 << 53) - 1, "9007199254740991"),
            (1 << 53, "\"9007199254740992\""),
            (u64::MAX, "\"18446744073709551615\""),
        ] {
            assert_eq!(written(|out| json_number(out, number)), want);
        }
    }

    #[test]
    fn json_strings_cannot_be_broken_out_of() {
        let hostile = b"a\"b\\c\nd\x00\x7f\xff\xc3\xa9\xc2\x85\xe2\x80\xa8";
        assert_eq!(
            written(|out| json_string(out, hostile)),
            "\"a\\\"b\\\\c\\nd\\u0000\\u007f\u{fffd}é\\u0085\\u2028\""
        );
    }
}
