//! Request heads: from bytes to a request that means one thing only, or to the status that refuses it.
//!
//! httparse checks the syntax of lines; what request smuggling lives on is decided here: bare LF,
//! versions, targets, Host, Content-Length, Transfer-Encoding (RFC 9112 sections 2 to 6).

use std::mem::MaybeUninit;

use super::octets::{self, TOKEN};
use super::target::{self, Target};
use super::{MAX_BODY, MAX_FIELDS, MAX_HEAD, MAX_REQUEST_LINE, Method, RequestError};
use crate::text;

/// Most empty lines in front of a request line (RFC 9112 section 2.2 asks for one).
const MAX_EMPTY_LINES: usize = 8;
/// No method is longer than this; a longer one is unknown before its end is seen.
const MAX_METHOD: usize = 20;

/// A field line as httparse leaves it: a token, and a value without the white space around it.
pub type Field<'b> = httparse::Header<'b>;

/// Room for the fields of one head, on the caller's stack.
pub type FieldSlots<'b> = [MaybeUninit<Field<'b>>; MAX_FIELDS];

/// Where the content of a message ends (RFC 9112 section 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many octets.
    Length(u64),
    /// Where the last chunk says so.
    Chunked,
}

/// A whole request head.
#[derive(Debug)]
pub struct Head<'h, 'b> {
    /// What to do.
    pub method: Method,
    /// With what.
    pub target: Target<'b>,
    /// Whether it is HTTP/1.0, which has no 1xx, no chunks and no persistence unless asked for.
    pub is_http10: bool,
    /// Whether the connection outlives the answer (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for 100 Continue before it sends the content (RFC 9110 section 10.1.1).
    pub expects_continue: bool,
    /// Where the content ends.
    pub framing: Framing,
    pub fields: &'h [Field<'b>],
    /// Octets of the whole head, its end included.
    pub length: usize,
}

impl<'b> Head<'_, 'b> {
    /// The value of the first field of that name (given in lower case).
    pub fn field(&self, name: &str) -> Option<&'b [u8]> {
        value_of(self.fields, name)
    }
}

/// The value of the first field of that name (given in lower case).
pub(super) fn value_of<'b>(fields: &[Field<'b>], name: &str) -> Option<&'b [u8]> {
    fields.iter().find(|field| octets::is_word(field.name.as_bytes(), name.as_bytes())).map(|field| field.value)
}

/// Parses the head at the start of `input`. `Ok(None)`: it is not all there yet. Whether it is taken does not
/// depend on how the bytes were cut on their way (which of its faults a bad one is refused for may).
pub fn parse<'h, 'b>(input: &'b [u8], slots: &'h mut FieldSlots<'b>) -> Result<Option<Head<'h, 'b>>, RequestError> {
    let skipped = skip_empty_lines(input)?;
    let rest = &input[skipped..];
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(rest, slots) {
        Ok(httparse::Status::Complete(length)) => length,
        unfinished => return refuse_or_wait(rest, skipped, unfinished.err()).map(|()| None),
    };
    if skipped + length > MAX_HEAD {
        return Err(RequestError::FieldsTooLarge);
    }
    if has_bare_line_feed(&rest[..length], request.headers) {
        return Err(RequestError::Malformed);
    }
    // Cannot fail: a complete request has all three.
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Err(RequestError::Malformed);
    };
    let is_http10 = version == 0;
    if method.len() + target.len() + "  HTTP/1.1\r\n".len() > MAX_REQUEST_LINE {
        return Err(RequestError::UriTooLong);
    }
    let method = Method::parse(method).ok_or(RequestError::NotImplemented)?;
    let target = Target::parse(target.as_bytes(), method).ok_or(RequestError::Malformed)?;
    let meaning = Meaning::read(request.headers, is_http10)?;
    Ok(Some(Head {
        method,
        target,
        is_http10,
        keep_alive: if is_http10 { meaning.keep_alive && !meaning.close } else { !meaning.close },
        expects_continue: meaning.expects_continue && !is_http10,
        framing: meaning.framing,
        fields: request.headers,
        length: skipped + length,
    }))
}

/// Octets of CRLF in front of the request line; a bare LF or too many are refused.
fn skip_empty_lines(input: &[u8]) -> Result<usize, RequestError> {
    let mut skipped = 0;
    while input[skipped..].starts_with(b"\r\n") {
        skipped += 2;
    }
    if skipped > 2 * MAX_EMPTY_LINES || input.get(skipped) == Some(&b'\n') {
        return Err(RequestError::Malformed);
    }
    Ok(skipped)
}

/// What no whole head has come of: refuses it, or it may yet become one.
#[inline(never)] // Seldom.
fn refuse_or_wait(rest: &[u8], skipped: usize, error: Option<httparse::Error>) -> Result<(), RequestError> {
    let line = text::position(&rest[..rest.len().min(MAX_REQUEST_LINE)], b'\n');
    if line.is_none() {
        refuse_endless_line(rest)?;
    }
    match (error, line) {
        (None, _) if skipped + rest.len() < MAX_HEAD => Ok(()),
        (None | Some(httparse::Error::TooManyHeaders), _) => Err(RequestError::FieldsTooLarge),
        // Which status it is depends on the rest of the line.
        (Some(httparse::Error::Version), None) => Ok(()),
        (Some(httparse::Error::Version), Some(end)) => Err(refused_version(&rest[..end])),
        _ => Err(RequestError::Malformed),
    }
}

/// Refuses a request line that is too long, or whose method already is.
fn refuse_endless_line(rest: &[u8]) -> Result<(), RequestError> {
    let start = &rest[..rest.len().min(MAX_METHOD + 1)];
    if start.len() > MAX_METHOD && start.iter().all(u8::is_ascii_alphabetic) {
        return Err(RequestError::NotImplemented);
    }
    if rest.len() >= MAX_REQUEST_LINE {
        return Err(RequestError::UriTooLong);
    }
    Ok(())
}

/// httparse says "version" of every line whose third word is not one it knows, so `GET /a b HTTP/1.1`
/// too. Only a well-formed version that is not ours is 505 (RFC 9110 section 15.6.6).
#[inline(never)] // Seldom.
fn refused_version(line: &[u8]) -> RequestError {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let spaces = line.iter().filter(|&&byte| byte == b' ').count();
    match line {
        [.., b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] if spaces == 2 => {
            RequestError::VersionNotSupported
        }
        _ => RequestError::Malformed,
    }
}

/// Whether some line of a head ends with a bare LF (RFC 9112 section 2.2 lets a server refuse that; proxies disagree about such
/// lines, so it does): a line is what stands before a field's name, or before the end.
fn has_bare_line_feed(head: &[u8], fields: &[Field<'_>]) -> bool {
    let starts_behind_crlf = |field: &Field<'_>| {
        let start = field.name.as_ptr().addr() - head.as_ptr().addr();
        matches!(head[..start], [.., b'\r', b'\n'])
    };
    !(matches!(head, [.., b'\r', b'\n', b'\r', b'\n']) && fields.iter().all(starts_behind_crlf))
}

/// What the fields say that the server itself acts on.
struct Meaning {
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    framing: Framing,
}

impl Meaning {
    fn read(fields: &[Field<'_>], is_http10: bool) -> Result<Self, RequestError> {
        let mut meaning = Self { close: false, keep_alive: false, expects_continue: false, framing: Framing::None };
        let (mut host, mut length, mut coding) = (None, None, None);
        let first_of = |slot: &mut Option<_>, value| match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(RequestError::Malformed), // Two lines, the same value or not: somebody may read the other.
        };
        for field in fields {
            let is = |name: &str| octets::is_word(field.name.as_bytes(), name.as_bytes());
            match field.name.len() {
                4 if is("host") => first_of(&mut host, field.value)?,
                6 if is("expect") => {
                    if !octets::is_word(field.value, b"100-continue") {
                        return Err(RequestError::ExpectationFailed);
                    }
                    meaning.expects_continue = true;
                }
                10 if is("connection") => meaning.connection(field.value),
                14 if is("content-length") => first_of(&mut length, field.value)?,
                17 if is("transfer-encoding") => first_of(&mut coding, field.value)?,
                _ => {}
            }
        }
        match host {
            Some(host) if target::is_host(host) => {}
            None if is_http10 => {}
            _ => return Err(RequestError::Malformed),
        }
        meaning.framing = match (length, coding) {
            (None, None) => Framing::None,
            (Some(length), None) => content_length(length)?,
            (None, Some(coding)) if !is_http10 => transfer_coding(coding)?,
            _ => return Err(RequestError::Malformed), // Both at once, or chunks in HTTP/1.0.
        };
        Ok(meaning)
    }

    fn connection(&mut self, value: &[u8]) {
        for option in value.split(|&byte| byte == b',') {
            let option = option.trim_ascii();
            self.close |= octets::is_word(option, b"close");
            self.keep_alive |= octets::is_word(option, b"keep-alive");
        }
    }
}

fn content_length(value: &[u8]) -> Result<Framing, RequestError> {
    match text::parse_decimal(value) {
        None => Err(RequestError::Malformed),
        Some(0) => Ok(Framing::None),
        Some(length) if length > MAX_BODY => Err(RequestError::ContentTooLarge),
        Some(length) => Ok(Framing::Length(length)),
    }
}

/// Only `chunked`, once and alone, is read. A list that does not end in it, or is no list of tokens,
/// has no end to find (400); a coding we do not have is 501 (RFC 9112 section 6.1).
fn transfer_coding(value: &[u8]) -> Result<Framing, RequestError> {
    let is_token = |coding: &[u8]| !coding.is_empty() && coding.iter().all(|&byte| octets::is_of(TOKEN, byte));
    let mut chunked_at = None;
    for (at, coding) in value.split(|&byte| byte == b',').enumerate() {
        let coding = coding.trim_ascii();
        if !is_token(coding) || chunked_at.is_some() {
            return Err(RequestError::Malformed);
        }
        if octets::is_word(coding, b"chunked") {
            chunked_at = Some(at);
        }
    }
    match chunked_at {
        Some(0) => Ok(Framing::Chunked),
        _ => Err(RequestError::NotImplemented),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_head_is_not_longer_than_an_incomplete_one_may_be() {
        for (length, is_taken) in [(MAX_HEAD, true), (MAX_HEAD + 1, false)] {
            let before = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
            let head = format!("{before}{}\r\n\r\n", "x".repeat(length - before.len() - 4));
            assert_eq!(status(head.as_bytes()), if is_taken { 200 } else { 431 }, "{length}");
        }
    }

    #[test]
    fn a_bare_line_feed_is_refused_wherever_it_stands() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nEmpty:\r\nX: \t \r\nY:  y  \r\n\r\n";
        let is_taken = |head: &str| status(head.as_bytes()) == 200;
        assert!(is_taken(head));
        assert!(is_taken("GET / HTTP/1.0\r\n\r\n"));
        assert!(!is_taken("GET / HTTP/1.0\n\r\n") && !is_taken("GET / HTTP/1.0\r\n\n"));
        let ends: Vec<usize> = head.match_indices("\r\n").map(|(at, _)| at).collect();
        assert_eq!(ends.len(), 6);
        for at in ends {
            assert!(!is_taken(&[&head[..at], &head[at + 1..]].concat()), "{at}");
        }
    }

    /// The status that a head is refused with, 200 if it is taken, 100 if more of it has to come.
    fn status(head: &[u8]) -> u16 {
        let mut slots: FieldSlots<'_> = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        match parse(head, &mut slots) {
            Ok(Some(_)) => 200,
            Ok(None) => 100,
            Err(error) => error.status(),
        }
    }

    #[test]
    fn what_has_not_ended_may_go_on_until_it_is_too_long() {
        let letters = |count| vec![b'A'; count];
        assert_eq!([status(&letters(MAX_METHOD)), status(&letters(MAX_METHOD + 1))], [100, 501]);
        let line = |count: usize| ["/".repeat(count), " HTTP/1.1".into()].concat();
        let ends = |before: &str, count: usize| status(&[b"GET ", line(count).as_bytes(), before.as_bytes()].concat());
        let most = MAX_REQUEST_LINE - "GET  HTTP/1.1\r\n".len();
        assert_eq!([ends("", most), ends("\r\nHost: a\r\n\r\n", most)], [100, 200]);
        assert_eq!([ends("\r", most + 1), ends("\r\nHost: a\r\n\r\n", most + 1)], [414; 2]);
        let fields = |count: usize| format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(count));
        let most = MAX_HEAD - fields(0).len() - 1;
        assert_eq!([status(fields(most).as_bytes()), status(fields(most + 1).as_bytes())], [100, 431]);
        let behind_empty = ["\r\n".to_string(), fields(most - 1)].concat();
        assert_eq!(status(behind_empty.as_bytes()), 431, "an empty line counts");
        for (head, expected) in [
            ("", 100),
            ("\r\n", 100),
            ("\n", 400),
            ("GET / HTTP/2.0", 100),
            ("GET / HTTP/2.0\r\n", 505),
            ("GET / b HTTP/1.1\r\n", 400),
            ("GET / HTTP/x.y\r\n", 400),
        ] {
            assert_eq!(status(head.as_bytes()), expected, "{head:?}");
        }
        let empty_lines = |count: usize| ["\r\n".repeat(count), "GET / HTTP/1.0\r\n\r\n".into()].concat();
        let statuses = [1, MAX_EMPTY_LINES, MAX_EMPTY_LINES + 1].map(|count| status(empty_lines(count).as_bytes()));
        assert_eq!(statuses, [200, 200, 400]);
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for (fields, expected) in [
            ("Host: a\r\n", 200),
            ("", 400),
            ("Host: a\r\nHost: a\r\n", 400),
            ("Host: a\r\nContent-Length: 1\r\n", 200),
            ("Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n", 400),
            ("Host: a\r\nContent-Length: x\r\n", 400),
            ("Host: a\r\nContent-Length: 1048576\r\n", 200),
            ("Host: a\r\nContent-Length: 1048577\r\n", 413),
            ("Host: a\r\nContent-Length: 99999999999999999999\r\n", 400),
            ("Host: a b\r\n", 400),
            ("Host: a\r\nFrom: b c\r\nAccept: tea\r\nAccept-Charset: x\r\nIf-Modified-Since: gzip\r\n", 200),
            ("Host: a\r\nTransfer-Encoding: chunked\r\n", 200),
            ("Host: a\r\nTransfer-Encoding: gzip\r\n", 501),
            ("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", 501),
            ("Host: a\r\nTransfer-Encoding: chunked, chunked\r\n", 400),
            ("Host: a\r\nTransfer-Encoding: g@\r\n", 400),
            ("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400),
            ("Host: a\r\nExpect: 100-continue\r\n", 200),
            ("Host: a\r\nExpect: tea\r\n", 417),
        ] {
            assert_eq!(status(format!("POST / HTTP/1.1\r\n{fields}\r\n").as_bytes()), expected, "{fields:?}");
        }
        assert_eq!(status(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
        assert_eq!(status(b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
        assert_eq!(status(b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    }

    #[test]
    fn a_head_knows_its_fields_and_its_length() {
        for before in ["", "\r\n"] {
            let text = format!("{before}GET / HTTP/1.1\r\nHost: a\r\nX-One: b c\r\nx-one: d\r\n\r\n");
            let all = [&text, "behind it"].concat();
            let mut slots: FieldSlots<'_> = [const { MaybeUninit::uninit() }; MAX_FIELDS];
            let head = parse(all.as_bytes(), &mut slots).ok().flatten().expect("a whole head");
            assert_eq!(head.length, text.len());
            let fields = ["host", "x-one", "x-two"].map(|name| head.field(name));
            assert_eq!(fields, [Some(&b"a"[..]), Some(b"b c"), None]);
        }
    }

    #[test]
    fn a_connection_is_kept_as_version_and_options_say() {
        for (version, options, is_kept) in [
            ("1.1", "", true),
            ("1.1", "User-Agent: close\r\n", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: x, Close\r\n", false),
            ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: keep-alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
            ("1.0", "Keep-Alive: 5\r\n", false),
        ] {
            let head = format!("GET / HTTP/{version}\r\nHost: a\r\nExpect: 100-continue\r\n{options}\r\n");
            let mut slots: FieldSlots<'_> = [const { MaybeUninit::uninit() }; MAX_FIELDS];
            let head = parse(head.as_bytes(), &mut slots).ok().flatten().expect("a whole head");
            let is_10 = version == "1.0";
            assert_eq!((head.keep_alive, head.expects_continue, head.is_http10), (is_kept, !is_10, is_10), "{options}");
        }
    }
}
