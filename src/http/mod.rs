//! HTTP/1.1 as bytes and values: heads, framing, targets, dates, responses. Pure: no sockets, no clock.

pub mod body;
pub mod date;
pub mod head;
mod octets;
pub mod response;
pub mod target;
pub mod upstream;

use crate::text;

/// Longest request line (RFC 9112 section 3 asks for at least 8000 octets); past it 414.
pub const MAX_REQUEST_LINE: usize = 8 * 1024;
/// Longest head, empty lines before it included; past it 431.
pub const MAX_HEAD: usize = 16 * 1024;
/// Most field lines in a head; past it 431.
pub const MAX_FIELDS: usize = 64;
/// Longest request content that is read at all; past it 413.
pub const MAX_BODY: u64 = 1024 * 1024;

/// The methods this server knows (RFC 9110 section 9.3, RFC 5789); any other is 501.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Patch,
    Trace,
}

impl Method {
    /// Every one, the likeliest first.
    pub const ALL: &'static [Self] =
        &[Self::Get, Self::Head, Self::Post, Self::Put, Self::Delete, Self::Options, Self::Patch, Self::Trace];

    /// The method of that name; names are case-sensitive (RFC 9110 section 9.1).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| text::is_equal(method.name().as_bytes(), name.as_bytes()))
    }

    /// Its name in a request line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Trace => "TRACE",
        }
    }
}

/// Some methods, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Methods(u8);

impl Methods {
    pub const NONE: Self = Self::of(&[]);
    pub const ALL: Self = Self::of(Method::ALL);

    pub const fn of(methods: &[Method]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < methods.len() {
            bits |= 1 << methods[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    pub fn contains(self, method: Method) -> bool {
        self.0 & 1 << method as u8 != 0
    }
}

/// Why a request is refused, and the status that tells the client. After any of these nothing more of its connection is parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestError {
    /// It breaks the grammar or is ambiguous (RFC 9112 sections 2.2, 3, 5, 6).
    Malformed = 400,
    /// It did not arrive within its deadline.
    Timeout = 408,
    /// Its content is longer than what is taken.
    ContentTooLarge = 413,
    /// Its request line is longer than [`MAX_REQUEST_LINE`].
    UriTooLong = 414,
    /// It expects something other than 100-continue.
    ExpectationFailed = 417,
    /// Its head is longer than [`MAX_HEAD`] or has more fields than [`MAX_FIELDS`].
    FieldsTooLarge = 431,
    /// Its method or transfer coding is not known here.
    NotImplemented = 501,
    /// Its version is neither HTTP/1.0 nor HTTP/1.1.
    VersionNotSupported = 505,
}

impl RequestError {
    pub fn status(self) -> u16 {
        self as u16
    }
}
