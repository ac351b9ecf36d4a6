//! Request targets (RFC 9112 section 3.2) and what their query says.

use super::Method;
use super::octets::{self, HOST, TARGET};
use crate::text;

/// What a request is about. Kept octet by octet as it was sent; only parameter values are decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target<'b> {
    /// From the first slash to before `?`; `*` for `OPTIONS *`.
    pub path: &'b [u8],
    /// What stands after the first `?`; empty when there is none.
    pub query: &'b [u8],
}

impl<'b> Target<'b> {
    /// Parses origin-form, absolute-form (whose authority replaces Host, RFC 9112 section 3.2.2), and
    /// for OPTIONS asterisk-form. `None`: a malformed target.
    pub fn parse(target: &'b [u8], method: Method) -> Option<Self> {
        if target == b"*" {
            return (method == Method::Options).then_some(Self { path: target, query: b"" });
        }
        let target = if target.first() == Some(&b'/') { target } else { after_authority(target)? };
        let mark = path_end(target)?;
        let (path, query) = (&target[..mark], target.get(mark + 1..).unwrap_or_default());
        // `http://host` and `http://host?query` mean its root (RFC 9110 section 4.2.3).
        Some(Self { path: if path.is_empty() { b"/" } else { path }, query })
    }

    /// The raw value of a parameter: empty for `?name`, `None` when it does not occur. The first one counts.
    pub fn parameter(&self, name: &str) -> Option<&'b [u8]> {
        self.query.split(|&byte| byte == b'&').find_map(|pair| {
            let rest = pair.strip_prefix(name.as_bytes())?;
            match rest.first() {
                None => Some(rest),
                Some(b'=') => Some(&rest[1..]),
                Some(_) => None,
            }
        })
    }
}

/// Decodes percent-encoding once. An incomplete escape, which [`Target::parse`] refuses, stays as it is.
pub fn decode(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = if byte == b'%' { escaped_byte(after) } else { None };
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    decoded
}

/// The value of the two hexadecimal digits that `after` starts with.
fn escaped_byte(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| (*after.get(at)? as char).to_digit(16);
    Some((digit(0)? * 16 + digit(1)?) as u8)
}

/// What follows the authority of `http://authority...`, the authority being valid.
fn after_authority(target: &[u8]) -> Option<&[u8]> {
    let scheme = target.get(..7)?;
    if !text::is_same(scheme, b"http://") {
        return None;
    }
    let rest = &target[7..];
    let end = rest.iter().position(|&byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    is_host(authority).then_some(rest)
}

/// Where the path ends: at the first `?`, or with the target. `None`: an octet that no target has, a fragment, or half an escape.
/// An escaped NUL is refused as well, and CR and LF in a path: nothing here has a use for them. (A plan in a query has lines.)
fn path_end(target: &[u8]) -> Option<usize> {
    let mut mark = target.len();
    for (at, &byte) in target.iter().enumerate() {
        match byte {
            _ if octets::is_of(TARGET, byte) => {}
            b'?' => mark = mark.min(at),
            b'%' => match escaped_byte(&target[at + 1..])? {
                b'\r' | b'\n' if mark < at => {}
                0 | b'\r' | b'\n' => return None,
                _ => {}
            },
            _ => return None,
        }
    }
    Some(mark)
}

/// Whether a Host value, or the authority of a target, is `host [":" port]` (RFC 9110 section 7.2): a
/// name of letters, digits, `-`, `_`, `~` and single dots, or an IP literal; a port of 1 to 65535.
pub fn is_host(value: &[u8]) -> bool {
    let (host_is_valid, rest) = match value.strip_prefix(b"[") {
        Some(literal) => {
            let Some((literal, rest)) = text::split_once(literal, b']') else { return false };
            (text::parse_ip(literal).is_some_and(|ip| ip.is_ipv6()), rest)
        }
        None => {
            let (mut before, mut end) = (b'.', 0);
            while let Some(&byte) = value.get(end)
                && octets::is_of(HOST, byte)
                && (byte != b'.' || before != b'.')
            {
                (before, end) = (byte, end + 1);
            }
            (end > 0, &value[end..])
        }
    };
    host_is_valid
        && match rest {
            [] | [b':'] => true,
            [b':', port @ ..] => matches!(text::parse_decimal(port), Some(1..=65535)),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_forms_of_rfc_9112_apart() {
        for (target, path, query) in [
            ("/", "/", ""),
            ("/a%20b?x=1?y", "/a%20b", "x=1?y"),
            ("http://h", "/", ""),
            ("HTTP://h:80/p?q", "/p", "q"),
            ("http://h?q", "/", "q"),
            ("//double", "//double", ""),
        ] {
            let parsed = Target::parse(target.as_bytes(), Method::Get).expect(target);
            assert_eq!((parsed.path, parsed.query), (path.as_bytes(), query.as_bytes()), "{target}");
        }
        for bad in [
            "*",
            "a",
            "h:443",
            "ftp://h/",
            "http://",
            "http:///p",
            "http://u@h/",
            "http://h:0/",
            "/p#f",
            "/%1",
            "/%00",
            "/%0D",
        ] {
            assert_eq!(Target::parse(bad.as_bytes(), Method::Get), None, "{bad}");
        }
    }

    #[test]
    fn finds_parameters() {
        let target = Target::parse(b"/?service=a%2eb&verbose&servicex=1", Method::Get).unwrap();
        assert_eq!(target.parameter("service").map(decode), Some(b"a.b".to_vec()));
        assert_eq!(target.parameter("verbose"), Some(&b""[..]));
        assert_eq!(target.parameter("serv"), None);
    }

    #[test]
    fn hosts() {
        for good in ["a", "A.b:80", "a.", "a:", "1.2.3.4", "[::1]", "[::1]:80", "a_b"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "u@h", "h/p", "a, b", "a b", "a..b", "[::1", "[::1]x", "[x]", "h:65536", "h:0", "h:a", "h:1:2",
            "é",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
