//! The client's side of HTTP: response heads as `/resolve` and `healthcheck` meet them.

use super::body::BodyReader;
use super::{MAX_FIELDS, head, octets};
use crate::text;

/// What an upstream's response head says.
#[derive(Debug)]
pub struct UpstreamHead<'b> {
    pub status: u16,
    /// Its reason phrase, as sent.
    pub reason: &'b [u8],
    /// Reads the content that follows.
    pub body: BodyReader,
    /// `Probe-Pod`, where a probeserver answered.
    pub pod: Option<&'b str>,
    /// `Probe-Zone`, where a probeserver answered.
    pub zone: Option<&'b str>,
    /// Whether the connection goes on after this answer, as far as its head says (RFC 9112 section 9.3).
    pub keeps: bool,
    pub length: usize,
}

/// The other side did not speak HTTP/1.x.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotHttp;

/// How every status line begins.
const VERSION: &[u8] = b"HTTP/1.";

/// Parses a response head to a GET. `Ok(None)`: not all there yet. Interim (1xx) heads are passed over.
pub fn parse(input: &[u8]) -> Result<Option<UpstreamHead<'_>>, NotHttp> {
    let mut skipped = 0;
    loop {
        skipped += input[skipped..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let rest = &input[skipped..];
        let begun = rest.len().min(VERSION.len());
        if rest[..begun] != VERSION[..begun] {
            return Err(NotHttp);
        }
        let Some(end) = text::position(rest, b'\n') else { return Ok(None) };
        let (is_http11, status, reason) = status_line(&rest[..end]).ok_or(NotHttp)?;
        let mut slots = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let (length, headers) = match httparse::parse_headers(&rest[end + 1..], &mut slots) {
            Ok(httparse::Status::Complete(fields)) => fields,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(NotHttp),
        };
        skipped += end + 1 + length;
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let value = |name: &str| head::value_of(headers, name);
        let visible = |name: &str| {
            let is_visible = |value: &&[u8]| value.len() <= 256 && value.iter().all(|byte| matches!(byte, b' '..=b'~'));
            value(name).filter(is_visible).and_then(|value| str::from_utf8(value).ok())
        };
        let has_content = !matches!(status, 204 | 304);
        let is_chunked =
            has_content && value("transfer-encoding").is_some_and(|coding| octets::is_word(coding, b"chunked"));
        let length = match value("content-length") {
            _ if !has_content => Some(0),
            Some(length) if !is_chunked => Some(text::parse_decimal(length).ok_or(NotHttp)?),
            _ => None,
        };
        return Ok(Some(UpstreamHead {
            status,
            reason,
            body: BodyReader::of_response(length, is_chunked),
            pod: visible("probe-pod"),
            zone: visible("probe-zone"),
            keeps: is_http11 && !value("connection").is_some_and(|options| octets::is_word(options, b"close")),
            length: skipped,
        }));
    }
}

/// Takes a status line apart (RFC 9112 section 4): whether it is HTTP/1.1, the status, the reason phrase.
fn status_line(line: &[u8]) -> Option<(bool, u16, &[u8])> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (minor, rest) = line.strip_prefix(VERSION)?.split_at_checked(2)?;
    let (status, reason) = rest.split_at_checked(3)?;
    let status = text::parse_decimal(status)? as u16;
    let is_reason = reason.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
    let is_valid = matches!(minor, b"0 " | b"1 ") && is_reason && matches!(reason.first(), None | Some(b' '));
    is_valid.then_some((minor == b"1 ", status, reason.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, phrase, whether its content is over, whether it may end with the connection, whether that goes on, and the head's length.
    type Seen = (u16, String, bool, bool, bool, usize);

    fn seen(head: &str) -> Result<Option<Seen>, NotHttp> {
        parse(head.as_bytes()).map(|head| {
            head.map(|head| {
                let reason = String::from_utf8_lossy(head.reason).into_owned();
                (head.status, reason, head.body.is_done(), head.body.may_end(), head.keeps, head.length)
            })
        })
    }

    #[test]
    fn a_head_says_where_its_answer_ends() {
        for (head, is_done, may_end, keeps) in [
            ("HTTP/1.1 200 OK\r\n\r\n", false, true, true),
            ("HTTP/1.0 200 OK\r\n\r\n", false, true, false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, false, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, true, true),
            ("HTTP/1.1 204 OK\r\nContent-Length: 3\r\n\r\n", true, true, true),
            ("HTTP/1.1 304 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, true, true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: x\r\n\r\n", false, false, true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, true, true),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", false, true, false),
        ] {
            for before in ["", "\r\n", "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"] {
                let status = head[9..12].parse().expect("a number");
                let expected = (status, "OK".into(), is_done, may_end, keeps, before.len() + head.len());
                let all = [before, head].concat();
                assert_eq!(seen(&all), Ok(Some(expected.clone())), "{all:?}");
                assert_eq!(seen(&[&all, "behind it"].concat()), Ok(Some(expected)), "{all:?}");
                assert!((0..all.len()).all(|end| seen(&all[..end]) == Ok(None)), "{all:?}");
            }
        }
    }

    #[test]
    fn a_status_line_is_taken_apart_or_it_is_not_http() {
        for (line, status, reason) in [
            ("HTTP/1.1 200 Two words", 200, "Two words"),
            ("HTTP/1.1 200 ", 200, ""),
            ("HTTP/1.1 200", 200, ""),
            ("HTTP/1.1 101 \t\u{e9}", 101, "\t\u{e9}"),
            ("HTTP/1.0 199 x\r\n\r\nHTTP/1.1 200 y", 200, "y"),
        ] {
            let head = format!("{line}\r\n\r\n");
            let taken = seen(&head).map(|head| head.map(|head| (head.0, head.1)));
            assert_eq!(taken, Ok(Some((status, reason.into()))), "{line:?}");
        }
        for line in [
            "SSH-2.0",
            "HTTP/2.0 200 OK",
            "HTTP/1.2 200 OK",
            "HTTP/1.1200 OK",
            "HTTP/1.1 2x0 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000",
            "HTTP/1.1 200 a\u{1}",
            "HTTP/1.1 200 OK\r\nno colon",
            "HTTP/1.1 200 OK\r\nContent-Length: x",
        ] {
            assert_eq!(seen(&format!("{line}\r\n\r\n")), Err(NotHttp), "{line:?}");
        }
    }

    #[test]
    fn who_answered_is_told_where_it_can_be_shown() {
        let of = |value: &str| {
            let head = format!("HTTP/1.1 200 OK\r\nProbe-Pod: {value}\r\nProbe-Zone: z\r\n\r\n");
            let head = parse(head.as_bytes()).expect("HTTP").expect("whole");
            assert_eq!(head.zone, Some("z"));
            head.pod.map(str::to_owned)
        };
        assert_eq!(of("a b~"), Some("a b~".into()));
        assert_eq!([of("a\tb"), of("\u{e9}")], [None, None]);
        assert_eq!([of(&"x".repeat(256)), of(&"x".repeat(257))], [Some("x".repeat(256)), None]);
    }
}
