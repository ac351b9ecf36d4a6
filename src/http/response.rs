//! Responses: what handlers return, and its head as bytes.

use super::date;
use crate::text;

/// Plain text, as curl shows it.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// JSON (RFC 8259).
pub const JSON: &str = "application/json";
/// Bytes without a meaning.
pub const OCTETS: &str = "application/octet-stream";

/// Content of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// Lives as long as the program.
    Static(&'static [u8]),
    /// Made for this response.
    Owned(Vec<u8>),
    /// So many zero octets, made up while they are sent.
    Zeros(u64),
}

impl Body {
    /// Its length in octets.
    pub fn length(&self) -> u64 {
        match self {
            Self::Static(bytes) => bytes.len() as u64,
            Self::Owned(bytes) => bytes.len() as u64,
            Self::Zeros(length) => *length,
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
    /// Status code, 100 to 599.
    pub status: u16,
    /// Content-Type; empty: no such field.
    pub content_type: &'static str,
    /// The content, whether or not the method asks for it.
    pub body: Body,
    /// Whole field lines with their CRLF, for what few answers have: Allow, Retry-After.
    pub fields: &'static str,
    /// Whether the connection ends with this answer.
    pub close: bool,
}

impl Response {
    /// An answer with that content.
    pub fn new(status: u16, content_type: &'static str, body: Body) -> Self {
        Self { status, content_type, body, fields: "", close: false }
    }

    /// 200 with text.
    pub fn text(body: Vec<u8>) -> Self {
        Self::new(200, TEXT, Body::Owned(body))
    }

    /// 200 with JSON.
    pub fn json(body: Vec<u8>) -> Self {
        Self::new(200, JSON, Body::Owned(body))
    }

    /// The status and its phrase as a line of text, as errors look here: `404 Not Found`.
    pub fn status_page(status: u16) -> Self {
        let mut body = Vec::with_capacity(40);
        text::decimal(&mut body, u64::from(status));
        body.push(b' ');
        text::put(&mut body, reason(status).as_bytes());
        body.push(b'\n');
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

    /// Whether a status has content at all (RFC 9110 section 6.4.1).
    pub fn has_content(&self) -> bool {
        !matches!(self.status, 100..200 | 204 | 304)
    }

    /// Appends the head. `identity` are the lines that every answer carries, `connection` what is to be said of
    /// persistence, `date` the IMF-fixdate.
    pub fn write_head(&self, out: &mut Vec<u8>, date: &[u8], identity: &[u8], connection: Persistence) {
        match self.status {
            200 => out.extend_from_slice(b"HTTP/1.1 200 OK\r\nDate: "),
            status => {
                text::put(out, b"HTTP/1.1 ");
                text::decimal(out, u64::from(status));
                out.push(b' ');
                text::put(out, reason(status).as_bytes());
                text::put(out, b"\r\nDate: ");
            }
        }
        text::put(out, date);
        text::put(out, b"\r\n");
        text::put(out, identity);
        if self.has_content() {
            if !self.content_type.is_empty() {
                text::put(out, b"Content-Type: ");
                text::put(out, self.content_type.as_bytes());
                text::put(out, b"\r\n");
            }
            text::put(out, b"Content-Length: ");
            text::decimal(out, self.body.length());
            text::put(out, b"\r\n");
        }
        text::put(out, self.fields.as_bytes());
        text::put(
            out,
            match connection {
                Persistence::Default => b"\r\n",
                Persistence::Close => b"Connection: close\r\n\r\n",
                Persistence::KeepAlive => b"Connection: keep-alive\r\n\r\n",
            },
        );
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

/// The Date value of the second it was last asked for.
#[derive(Default)]
pub struct DateCache {
    second: u64,
    text: Vec<u8>,
}

impl DateCache {
    /// The IMF-fixdate of a second since 1970.
    pub fn get(&mut self, second: u64) -> &[u8] {
        if self.second != second || self.text.is_empty() {
            self.second = second;
            self.text.clear();
            date::write_imf_fixdate(&mut self.text, second);
        }
        &self.text
    }
}

/// The reason phrase of a status (RFC 9110 section 15 and the IANA registry); empty where there is none.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        _ => "",
    }
}
