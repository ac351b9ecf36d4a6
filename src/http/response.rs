//! Responses: what handlers return, and its head as bytes.

use super::{Method, date};
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
    /// Whole field lines with their CRLF, for what few answers have: Retry-After.
    pub fields: &'static str,
    /// The methods that Allow names; empty: no such field.
    pub allow: &'static [Method],
    /// Whether the connection ends with this answer.
    pub close: bool,
}

impl Response {
    /// An answer with that content.
    pub fn new(status: u16, content_type: &'static str, body: Body) -> Self {
        Self { status, content_type, body, fields: "", allow: &[], close: false }
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
        } else if self.status == 205 {
            // RFC 9112 section 6.3 has no exception for it: without a length, its end would be that of the connection.
            text::put(out, b"Content-Length: 0\r\n");
        }
        if self.status != 200 {
            self.write_required_fields(out);
        }
        text::put(out, self.fields.as_bytes());
        for (at, method) in self.allow.iter().enumerate() {
            text::put_all(out, &[if at == 0 { "Allow: " } else { ", " }, method.name()]);
        }
        text::put(out, if self.allow.is_empty() { b"" } else { b"\r\n" });
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

    #[inline(never)] // What is answered most, 200, has none.
    fn write_required_fields(&self, out: &mut Vec<u8>) {
        text::put(out, required_fields(self.status).as_bytes());
        if self.status == 206 {
            // The only part there is, and the whole of it.
            let length = self.body.length();
            match length.checked_sub(1) {
                Some(last) => {
                    let (last, length) = (text::to_decimal(last), text::to_decimal(length));
                    text::put_all(out, &["Content-Range: bytes 0-", &last, "/", &length, "\r\n"]);
                }
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

/// The reason phrase of a status, as IANA's registry of 2026 has it; empty where none is registered.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot", // Registered as unused, and what everybody expects.
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// The field lines that RFC 9110 section 15 asks of whoever sends a status, where they are the same for every sender.
/// (Allow and Location depend on the route.)
fn required_fields(status: u16) -> &'static str {
    match status {
        401 => "WWW-Authenticate: Bearer\r\n",
        407 => "Proxy-Authenticate: Basic realm=\"probeserver\"\r\n",
        416 => "Content-Range: bytes */0\r\n",
        426 => "Upgrade: HTTP/2.0\r\n",
        _ => "",
    }
}
