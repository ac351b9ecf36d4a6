//! Fields of a request as what they mean here. Nobody needs their text: a name becomes a kind, a value a number, and that
//! is all the table of HPACK keeps of them.

use super::Method;
use crate::text;

/// The value of a field that makes a message malformed (RFC 9113 section 8.2.1).
pub(super) const BAD: u16 = u16::MAX;
/// The largest number that a value comes to: more than any content that is taken, so that what is above it is as wrong as that.
const MOST: u16 = BAD - 1;
/// Longest content length that is looked at, in digits.
const MAX_DIGITS: usize = 9;

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `:method`: 1 for POST, else 0.
    Method,
    Scheme,
    Authority,
    /// `:path`: the number of the method of the health service, else 0.
    Path,
    /// `:status`, which only answers have.
    Status,
    /// `content-type`: 1 for gRPC.
    ContentType,
    Te,
    /// `grpc-encoding`: 0 for none.
    Encoding,
    /// `content-length`: its number.
    Length,
    Agent,
    /// `x-probe`: the probe's name, which a manifest can give.
    Probe,
    /// `grpc-status`: its number; 1000 for anything that is none.
    GrpcStatus,
    /// A field of the connection, which HTTP/2 does not have (RFC 9113 section 8.2.2).
    Forbidden,
    /// A name that cannot be one, or an unknown one with a colon.
    Bad,
    /// Any other.
    Other,
}

/// The names that mean something.
const NAMES: &str = ":method :scheme :authority :path :status content-type te grpc-encoding content-length user-agent x-probe \
                     grpc-status connection keep-alive proxy-connection transfer-encoding upgrade";
/// What they mean; those that follow are forbidden.
const KINDS: [Kind; 12] = [
    Kind::Method,
    Kind::Scheme,
    Kind::Authority,
    Kind::Path,
    Kind::Status,
    Kind::ContentType,
    Kind::Te,
    Kind::Encoding,
    Kind::Length,
    Kind::Agent,
    Kind::Probe,
    Kind::GrpcStatus,
];

/// A field, or an entry of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Field {
    pub(super) kind: Kind,
    /// What the value comes to; see [`Kind`].
    pub(super) value: u16,
    /// Octets of its name.
    pub(super) name_length: u16,
    /// Octets of name and value, and 32 (RFC 7541 section 4.1).
    pub(super) size: u16,
}

/// A string of HPACK: the beginning of its text, and what the rest of it can matter for.
pub(super) struct Text {
    start: [u8; Self::KEPT],
    pub(super) length: usize,
    last: u8,
    /// Whether it holds an octet that no name has.
    is_no_name: bool,
    /// Whether it holds an octet that no value has.
    is_no_value: bool,
}

impl Text {
    /// How much of a string is kept: more than any that is compared.
    const KEPT: usize = 64;

    pub(super) fn new() -> Self {
        Self { start: [0; Self::KEPT], length: 0, last: 0, is_no_name: false, is_no_value: false }
    }

    pub(super) fn push(&mut self, byte: u8) {
        if let Some(place) = self.start.get_mut(self.length) {
            *place = byte;
        }
        self.is_no_name |= matches!(byte, 0..=b' ' | b'A'..=b'Z' | 0x7f..) || byte == b':' && self.length > 0;
        self.is_no_value |= matches!(byte, b'\0' | b'\r' | b'\n');
        self.length += 1;
        self.last = byte;
    }

    /// Its beginning.
    pub(super) fn start(&self) -> &[u8] {
        &self.start[..self.length.min(Self::KEPT)]
    }

    /// What it stands for as a name.
    pub(super) fn kind(&self) -> Kind {
        let start = self.start();
        if self.is_no_name || start.is_empty() {
            return Kind::Bad;
        }
        match text::place(NAMES, start) {
            Some(at) => KINDS.get(at).copied().unwrap_or(Kind::Forbidden),
            None if start[0] == b':' => Kind::Bad,
            None => Kind::Other,
        }
    }

    /// What it comes to as the value of a field.
    pub(super) fn value(&self, kind: Kind) -> u16 {
        let start = self.start();
        let is_space = |byte: u8| matches!(byte, b' ' | b'\t');
        if self.is_no_value || start.first().is_some_and(|&first| is_space(first) || is_space(self.last)) {
            return BAD;
        }
        match kind {
            Kind::Method => u16::from(start == b"POST"),
            Kind::Path if start.is_empty() => BAD,
            Kind::Path => Method::of_path(start).map_or(0, |method| method as u16),
            Kind::Te if start != b"trailers" => BAD,
            Kind::ContentType => {
                let rest = start.strip_prefix(b"application/grpc");
                u16::from(rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';'))))
            }
            Kind::Encoding => u16::from(start != b"identity"),
            Kind::Length | Kind::GrpcStatus => match text::parse_decimal(start) {
                Some(number) if self.length <= MAX_DIGITS => number.min(MOST.into()) as u16,
                _ if kind == Kind::Length => BAD,
                _ => 1000,
            },
            _ => 0,
        }
    }
}

/// What the fields of a request come to.
#[derive(Default, Debug)]
pub(super) struct Meaning {
    /// Whether it is not a request of HTTP/2 (RFC 9113 section 8.1.1), as far as the fields so far say.
    is_malformed: bool,
    /// The pseudo fields there were, a bit each.
    pseudo: u8,
    has_other: bool,
    is_post: bool,
    is_grpc: bool,
    pub(super) is_encoded: bool,
    pub(super) has_probe: bool,
    pub(super) method: Option<Method>,
    pub(super) length: Option<u16>,
    /// The status of an answer, and the last `grpc-status`; only for whoever asks.
    pub(super) grpc_status: Option<u16>,
    /// The size of the list (RFC 9113 section 6.5.2).
    pub(super) size: usize,
}

impl Meaning {
    pub(super) fn add(&mut self, field: Field) {
        self.size += usize::from(field.size);
        self.is_malformed |= field.value == BAD;
        let value = field.value;
        let pseudo = match field.kind {
            Kind::Method => 1,
            Kind::Scheme => 2,
            Kind::Path => 4,
            Kind::Authority => 8,
            Kind::Status => 16,
            _ => 0,
        };
        self.is_malformed |= pseudo != 0 && (self.has_other || self.pseudo & pseudo != 0);
        self.pseudo |= pseudo;
        self.has_other |= pseudo == 0;
        match field.kind {
            Kind::Method => self.is_post = value == 1,
            Kind::Path => self.method = Method::from_number(value),
            Kind::ContentType => self.is_grpc = value == 1,
            Kind::Encoding => self.is_encoded |= value == 1,
            Kind::Length => self.is_malformed |= self.length.replace(value).is_some_and(|before| before != value),
            Kind::Probe => self.has_probe = true,
            Kind::GrpcStatus => self.grpc_status = Some(value),
            Kind::Forbidden | Kind::Bad => self.is_malformed = true,
            _ => {}
        }
    }

    /// Whether it cannot be a request: something is wrong, missing or too much of it.
    pub(super) fn is_no_request(&self) -> bool {
        self.is_malformed || self.pseudo & !8 != 1 | 2 | 4
    }

    pub(super) fn is_no_trailers(&self) -> bool {
        self.is_malformed || self.pseudo != 0
    }

    pub(super) fn is_call(&self) -> bool {
        self.is_post && self.is_grpc
    }
}
