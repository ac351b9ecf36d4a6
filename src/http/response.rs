//! Responses: what handlers return, and its head as bytes.

use std::time::{Duration, Instant};

use super::{Method, Methods, date};
use crate::text;
use crate::text::Value::{Number, Text};

/// Plain text, as curl shows it.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// JSON (RFC 8259).
pub const JSON: &str = "application/json";
/// Bytes without a meaning.
pub const OCTETS: &str = "application/octet-stream";

/// The field of what others have sent: it is text and nothing else, whatever it looks like.
pub const NO_SNIFF: &str = "X-Content-Type-Options: nosniff\r\n";
/// The field that makes a client try again soon: too much is going on.
pub const RETRY_AFTER: &str = "Retry-After: 1\r\n";

/// Content of a response.
#[derive(Debug, PartialEq, Eq)]
#[repr(u8)] // A byte says which it is, where the capacity of a vector would be asked in every match.
pub enum Body {
    /// Lives as long as the program.
    Static(&'static [u8]),
    /// Made for this response.
    Owned(Vec<u8>),
    /// So many zero octets, made up while they are sent.
    Zeros(u64),
}

impl Body {
    pub fn length(&self) -> u64 {
        match self {
            Self::Static(bytes) => bytes.len() as u64,
            Self::Owned(bytes) => bytes.len() as u64,
            Self::Zeros(length) => *length,
        }
    }

    /// Its octets, unless they are made up.
    pub fn octets(&self) -> Option<&[u8]> {
        match self {
            Self::Static(bytes) => Some(bytes),
            Self::Owned(bytes) => Some(bytes),
            Self::Zeros(_) => None,
        }
    }

    /// Bytes of memory that go with it.
    pub fn held(&self) -> usize {
        if let Self::Owned(bytes) = self { bytes.len() } else { 0 }
    }
}

/// An answer, not yet bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Content-Type; empty: no such field.
    pub content_type: &'static str,
    /// The content, whether or not the method asks for it.
    pub body: Body,
    /// Whole field lines with their CRLF, for what few answers have: Retry-After.
    pub fields: &'static str,
    /// The methods that Allow names; none: no such field.
    pub allow: Methods,
    /// Whether the connection ends with this answer.
    pub close: bool,
}

impl Response {
    /// An answer with that content.
    #[inline(never)]
    pub fn new(status: u16, content_type: &'static str, body: Body) -> Self {
        Self { status, content_type, body, fields: "", allow: Methods::NONE, close: false }
    }

    /// 200 with text.
    #[inline(never)]
    pub fn text(body: Vec<u8>) -> Self {
        Self::new(200, TEXT, Body::Owned(body))
    }

    /// 200 with JSON.
    #[inline(never)]
    pub fn json(body: Vec<u8>) -> Self {
        Self::new(200, JSON, Body::Owned(body))
    }

    /// The status and its phrase as a line of text, as errors look here: `404 Not Found`.
    pub fn status_page(status: u16) -> Self {
        let mut body = Vec::with_capacity(40);
        text::decimal(&mut body, u64::from(status));
        let phrase = reason(status);
        text::put_all(&mut body, &[if phrase.is_empty() { "" } else { " " }, phrase, "\n"]);
        Self::new(status, TEXT, Body::Owned(body))
    }

    /// An error with a line of text that says what was expected.
    pub fn error(status: u16, line: &str) -> Self {
        let mut body = line.as_bytes().to_vec();
        body.push(b'\n');
        Self::new(status, TEXT, Body::Owned(body))
    }

    /// The same with more field lines.
    pub fn with_fields(mut self, fields: &'static str) -> Self {
        self.fields = fields;
        self
    }

    /// Whether a status has content at all (RFC 9110 sections 6.4.1 and 15.3.6).
    pub fn has_content(&self) -> bool {
        !matches!(self.status, 100..200 | 204 | 205 | 304)
    }

    /// Appends the head. `common` are the lines that every answer carries, Date among them, and `connection` what is to be said
    /// of persistence.
    pub fn write_head(&self, out: &mut Vec<u8>, common: &[u8], connection: Persistence) {
        match self.status {
            200 => text::put(out, b"HTTP/1.1 200 OK\r\n"),
            status => {
                text::fill(out, "HTTP/1.1 ~ ~\r\n", &[Number(status.into()), Text(reason(status))]);
            }
        }
        text::put(out, common);
        if self.has_content() {
            if !self.content_type.is_empty() {
                text::put_all(out, &["Content-Type: ", self.content_type, "\r\n"]);
            }
            text::put(out, b"Content-Length: ");
            text::decimal(out, self.body.length());
            text::put(out, b"\r\n");
        } else if self.status == 205 {
            // RFC 9112 section 6.3 has no exception for it: without a length, its end would be that of the connection.
            text::put(out, b"Content-Length: 0\r\n");
        }
        if self.status != 200 {
            self.write_required_fields(out);
        }
        text::put(out, self.fields.as_bytes());
        if self.allow != Methods::NONE {
            self.write_allow(out);
        }
        let option: &[u8] = match connection {
            Persistence::Default if self.status == 426 => b"Connection: upgrade\r\n\r\n",
            Persistence::Close if self.status == 426 => b"Connection: close, upgrade\r\n\r\n",
            Persistence::KeepAlive if self.status == 426 => b"Connection: keep-alive, upgrade\r\n\r\n",
            Persistence::Default => b"\r\n",
            Persistence::Close => b"Connection: close\r\n\r\n",
            Persistence::KeepAlive => b"Connection: keep-alive\r\n\r\n",
        };
        text::put(out, option);
    }

    #[inline(never)]
    fn write_allow(&self, out: &mut Vec<u8>) {
        let mut before = "Allow: ";
        for method in Method::ALL.iter().filter(|&&method| self.allow.contains(method)) {
            text::put_all(out, &[std::mem::replace(&mut before, ", "), method.name()]);
        }
        text::put(out, b"\r\n");
    }

    /// Appends the field lines that RFC 9110 section 15 asks of whoever sends a status, but for Allow and Location, which depend
    /// on the route.
    #[inline(never)] // What is answered most, 200, has none.
    fn write_required_fields(&self, out: &mut Vec<u8>) {
        let fields: &[u8] = match self.status {
            401 => b"WWW-Authenticate: Bearer\r\n",
            407 => b"Proxy-Authenticate: Basic realm=\"probeserver\"\r\n",
            416 => b"Content-Range: bytes */0\r\n",
            426 => b"Upgrade: HTTP/2.0\r\n",
            _ => b"",
        };
        text::put(out, fields);
        if self.status == 206 {
            // The only part there is, and the whole of it.
            let length = self.body.length();
            match length.checked_sub(1) {
                Some(last) => text::fill(out, "Content-Range: bytes 0-~/~\r\n", &[last, length].map(Number)),
                None => text::put(out, b"Content-Range: bytes */0\r\n"),
            }
        }
    }
}

/// What an answer says of its connection (RFC 9112 section 9.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Persistence {
    /// Nothing: HTTP/1.1 stays open.
    Default,
    /// It ends after this answer.
    Close,
    /// It stays open although the client is HTTP/1.0.
    KeepAlive,
}

/// The lines that every answer carries: Date, and those of the identity, which are always the same.
#[derive(Default)]
pub struct CommonLines {
    pub text: Vec<u8>,
    /// When they are others.
    until: Option<Instant>,
}

impl CommonLines {
    /// Makes them what they are `now`, and says whether they were others before. The clock of the `calendar`, in time since 1970, is
    /// only asked when its next second begins; a step of it is seen by then.
    pub fn renew(&mut self, now: Instant, calendar: impl FnOnce() -> Duration, identity: &[u8]) -> bool {
        if self.until.is_some_and(|until| now < until) {
            return false;
        }
        let time = calendar();
        self.until = Some(now + Duration::from_nanos(1_000_000_000 - u64::from(time.subsec_nanos())));
        self.text.clear();
        self.text.reserve(text::LINES);
        text::put(&mut self.text, b"Date: ");
        date::write_imf_fixdate(&mut self.text, time.as_secs());
        text::put(&mut self.text, b"\r\n");
        text::put(&mut self.text, identity);
        true
    }
}

/// The reason phrases of IANA's registry of 2026, a line each: as one text they are 3 KB smaller than as arms of a match.
/// (418 is registered as unused; here it is what everybody expects.)
const PHRASES: &str = "\
200 OK\n\
201 Created\n\
202 Accepted\n\
203 Non-Authoritative Information\n\
204 No Content\n\
205 Reset Content\n\
206 Partial Content\n\
207 Multi-Status\n\
208 Already Reported\n\
226 IM Used\n\
300 Multiple Choices\n\
301 Moved Permanently\n\
302 Found\n\
303 See Other\n\
304 Not Modified\n\
305 Use Proxy\n\
307 Temporary Redirect\n\
308 Permanent Redirect\n\
400 Bad Request\n\
401 Unauthorized\n\
402 Payment Required\n\
403 Forbidden\n\
404 Not Found\n\
405 Method Not Allowed\n\
406 Not Acceptable\n\
407 Proxy Authentication Required\n\
408 Request Timeout\n\
409 Conflict\n\
410 Gone\n\
411 Length Required\n\
412 Precondition Failed\n\
413 Content Too Large\n\
414 URI Too Long\n\
415 Unsupported Media Type\n\
416 Range Not Satisfiable\n\
417 Expectation Failed\n\
418 I'm a teapot\n\
421 Misdirected Request\n\
422 Unprocessable Content\n\
423 Locked\n\
424 Failed Dependency\n\
425 Too Early\n\
426 Upgrade Required\n\
428 Precondition Required\n\
429 Too Many Requests\n\
431 Request Header Fields Too Large\n\
451 Unavailable For Legal Reasons\n\
500 Internal Server Error\n\
501 Not Implemented\n\
502 Bad Gateway\n\
503 Service Unavailable\n\
504 Gateway Timeout\n\
505 HTTP Version Not Supported\n\
506 Variant Also Negotiates\n\
507 Insufficient Storage\n\
508 Loop Detected\n\
510 Not Extended\n\
511 Network Authentication Required\n\
";

/// The reason phrase of a status; empty where none is registered.
pub fn reason(status: u16) -> &'static str {
    let digits = [status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8);
    let line = PHRASES.split('\n').find(|line| line.as_bytes().starts_with(&digits));
    line.map_or("", |line| &line[4..]) // Behind the digits and a space.
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(response: &Response, persistence: Persistence) -> String {
        let mut out = Vec::new();
        response.write_head(&mut out, b"Date: now\r\n", persistence);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn a_head_says_what_its_status_asks_for_and_nothing_else() {
        let page = |status| Response::new(status, "", Body::Static(b"abc"));
        for (status, lines) in [
            (200, "200 OK\r\nDate: now\r\nContent-Length: 3\r\n"),
            (101, "101 \r\nDate: now\r\n"),
            (204, "204 No Content\r\nDate: now\r\n"),
            (205, "205 Reset Content\r\nDate: now\r\nContent-Length: 0\r\n"),
            (206, "206 Partial Content\r\nDate: now\r\nContent-Length: 3\r\nContent-Range: bytes 0-2/3\r\n"),
            (304, "304 Not Modified\r\nDate: now\r\n"),
            (401, "401 Unauthorized\r\nDate: now\r\nContent-Length: 3\r\nWWW-Authenticate: Bearer\r\n"),
            (
                407,
                "407 Proxy Authentication Required\r\nDate: now\r\nContent-Length: 3\r\n\
                 Proxy-Authenticate: Basic realm=\"probeserver\"\r\n",
            ),
            (416, "416 Range Not Satisfiable\r\nDate: now\r\nContent-Length: 3\r\nContent-Range: bytes */0\r\n"),
            (299, "299 \r\nDate: now\r\nContent-Length: 3\r\n"),
        ] {
            assert_eq!(head(&page(status), Persistence::Default), format!("HTTP/1.1 {lines}\r\n"));
        }
        let empty = Response::new(206, "", Body::Static(b""));
        assert!(head(&empty, Persistence::Default).contains("\r\nContent-Range: bytes */0\r\n"));
        let typed = Response::new(200, "a/b", Body::Zeros(12)).with_fields("X: y\r\n");
        assert_eq!(
            head(&typed, Persistence::Close),
            "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: a/b\r\nContent-Length: 12\r\nX: y\r\nConnection: close\r\n\r\n"
        );
        let mut allowed = page(405);
        allowed.allow = Methods::of(&[Method::Get, Method::Head]);
        assert!(
            head(&allowed, Persistence::KeepAlive).ends_with("\r\nAllow: GET, HEAD\r\nConnection: keep-alive\r\n\r\n")
        );
        for (persistence, options) in [
            (Persistence::Default, "upgrade"),
            (Persistence::Close, "close, upgrade"),
            (Persistence::KeepAlive, "keep-alive, upgrade"),
        ] {
            let expected = format!("\r\nUpgrade: HTTP/2.0\r\nConnection: {options}\r\n\r\n");
            assert!(head(&page(426), persistence).ends_with(&expected));
        }
    }

    #[test]
    fn a_body_knows_its_length_its_octets_and_what_it_holds() {
        let of = |body: Body| (body.length(), body.octets().map(<[u8]>::to_vec), body.held());
        assert_eq!(of(Body::Static(b"abc")), (3, Some(b"abc".to_vec()), 0));
        assert_eq!(of(Body::Owned(b"ab".to_vec())), (2, Some(b"ab".to_vec()), 2));
        assert_eq!(of(Body::Zeros(7)), (7, None, 0));
    }

    #[test]
    fn every_phrase_is_found_by_its_number_and_pages_are_made_of_it() {
        for line in PHRASES.lines() {
            let status = line[..3].parse().expect("a number");
            assert_eq!(reason(status), &line[4..]);
        }
        assert_eq!([reason(299), reason(599)], [""; 2]);
        let page = |status| Response::status_page(status).body;
        assert_eq!([page(404), page(299)], ["404 Not Found\n", "299\n"].map(|text| Body::Owned(text.into())));
        let error = Response::error(400, "got x");
        assert_eq!((error.status, error.body), (400, Body::Owned(b"got x\n".to_vec())));
        assert_eq!((Response::text(Vec::new()).content_type, Response::json(Vec::new()).content_type), (TEXT, JSON));
    }

    #[test]
    fn the_common_lines_are_those_of_the_second_that_it_is() {
        let (mut lines, start) = (CommonLines::default(), Instant::now());
        // Milliseconds by a clock that nobody sets, and by the calendar's, which somebody sets back by an hour.
        for (now, calendar, date) in [
            (0, 3_600_400, "01:00:00"),
            (599, 3_600_999, "01:00:00"),
            (600, 3_601_000, "01:00:01"),
            (1_000, 1_400, "01:00:01"),
            (1_599, 1_999, "01:00:01"),
            (1_600, 2_000, "00:00:02"),
            (9_999, 10_399, "00:00:10"),
            (10_600, 11_000, "00:00:11"),
        ] {
            let before = lines.text.clone();
            let now = start + Duration::from_millis(now);
            let is_other = lines.renew(now, || Duration::from_millis(calendar), b"Probe-Pod: a\r\n");
            let expected = format!("Date: Thu, 01 Jan 1970 {date} GMT\r\nProbe-Pod: a\r\n");
            assert_eq!(lines.text, expected.as_bytes());
            assert_eq!(is_other, before != lines.text);
        }
    }
}
