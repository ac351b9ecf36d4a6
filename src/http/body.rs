//! Message content: finding its end, and taking chunks apart (RFC 9112 sections 6 and 7.1). Strict:
//! whatever two readers could read differently is refused.

use super::RequestError;
use super::head::Framing;
use super::octets::{self, TOKEN};
use Octet::{Text, This, Token};
use Place::{
    BeforeExtension, Data, DataLineFeed, DataReturn, End, Extension, ExtensionEquals, ExtensionEscaped, ExtensionName,
    ExtensionQuoted, ExtensionValue, LastLineFeed, Size, SizeLineFeed, Trailer, TrailerLineFeed, TrailerName,
    TrailerStart,
};

/// Most octets of chunk extensions in one message.
const MAX_EXTENSIONS: u32 = 4 * 1024;
/// Most octets of trailer fields in one message.
const MAX_TRAILERS: u32 = 8 * 1024;
/// Most hexadecimal digits in a chunk size.
const MAX_SIZE_DIGITS: u8 = 16;

/// Reads the content of one message from the bytes of a connection, however they are cut.
#[derive(Debug)]
pub struct BodyReader {
    state: State,
    /// Octets of content still allowed.
    room: u64,
}

#[derive(Debug)]
enum State {
    /// So many octets of content are left.
    Length(u64),
    /// Until the connection ends (responses only).
    ToEnd,
    /// Somewhere in a chunked message.
    Chunked(Chunked),
    Done,
}

#[derive(Debug)]
struct Chunked {
    place: Place,
    /// The size of the chunk, or what is left of it.
    size: u64,
    digits: u8,
    extensions: u32,
    trailers: u32,
}

/// What the next octet belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Size,
    /// Between size and extension, or after one: only `;` or CR may come.
    BeforeExtension,
    /// After `;`: at least one octet of a name must come.
    Extension,
    ExtensionName,
    /// After `=`: a value must come.
    ExtensionEquals,
    /// In a value that is a token.
    ExtensionValue,
    /// In a quoted value.
    ExtensionQuoted,
    /// There, after a backslash.
    ExtensionEscaped,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    /// At the start of a trailer line.
    TrailerStart,
    /// In the name of a trailer field.
    TrailerName,
    /// In its value.
    Trailer,
    TrailerLineFeed,
    LastLineFeed,
    End,
}

/// An octet of a chunked message that is not data.
enum Octet {
    This(u8),
    /// One that a token may have.
    Token,
    /// A visible one, white space, or one that is not ASCII.
    Text,
}

/// What may come where, apart from the digits of a size, and what follows it; the first that fits counts.
const STEPS: [(Place, Octet, Place); 29] = [
    (Size, This(b'\r'), SizeLineFeed),
    (Size, This(b';'), Extension),
    (BeforeExtension, This(b'\r'), SizeLineFeed),
    (BeforeExtension, This(b';'), Extension),
    (Extension, Token, ExtensionName),
    (ExtensionName, This(b'\r'), SizeLineFeed),
    (ExtensionName, This(b';'), Extension),
    (ExtensionName, This(b'='), ExtensionEquals),
    (ExtensionName, Token, ExtensionName),
    (ExtensionEquals, This(b'"'), ExtensionQuoted),
    (ExtensionEquals, Token, ExtensionValue),
    (ExtensionValue, This(b'\r'), SizeLineFeed),
    (ExtensionValue, This(b';'), Extension),
    (ExtensionValue, Token, ExtensionValue),
    (ExtensionQuoted, This(b'"'), BeforeExtension),
    (ExtensionQuoted, This(b'\\'), ExtensionEscaped),
    (ExtensionQuoted, Text, ExtensionQuoted),
    (ExtensionEscaped, Text, ExtensionQuoted),
    (SizeLineFeed, This(b'\n'), Data),
    (DataReturn, This(b'\r'), DataLineFeed),
    (DataLineFeed, This(b'\n'), Size),
    (TrailerStart, This(b'\r'), LastLineFeed),
    (TrailerStart, Token, TrailerName),
    (TrailerName, This(b':'), Trailer),
    (TrailerName, Token, TrailerName),
    (Trailer, This(b'\r'), TrailerLineFeed),
    (Trailer, Text, Trailer),
    (TrailerLineFeed, This(b'\n'), TrailerStart),
    (LastLineFeed, This(b'\n'), End),
];

impl BodyReader {
    /// A reader for a request's content of at most `limit` octets.
    pub fn new(framing: Framing, limit: u64) -> Result<Self, RequestError> {
        let state = match framing {
            Framing::None => State::Done,
            Framing::Length(length) if length > limit => return Err(RequestError::ContentTooLarge),
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::chunked(),
        };
        Ok(Self { state, room: limit })
    }

    /// A reader for a response's content: `length` octets, or chunks, or until the connection ends.
    pub fn of_response(length: Option<u64>, is_chunked: bool) -> Self {
        let state = match length {
            _ if is_chunked => State::chunked(),
            Some(0) => State::Done,
            Some(length) => State::Length(length),
            None => State::ToEnd,
        };
        Self { state, room: u64::MAX }
    }

    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether the end of the connection is a proper end of it.
    pub fn may_end(&self) -> bool {
        matches!(self.state, State::Done | State::ToEnd)
    }

    /// Takes octets from `input`, appends content to `out`, and returns how many octets belonged to the message.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, RequestError> {
        match &mut self.state {
            State::Done => Ok(0),
            State::ToEnd => {
                out.extend_from_slice(input);
                Ok(input.len())
            }
            State::Length(left) => {
                let taken = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                out.extend_from_slice(&input[..taken]);
                *left -= taken as u64;
                if *left == 0 {
                    self.state = State::Done;
                }
                Ok(taken)
            }
            State::Chunked(chunked) => {
                let mut at = 0;
                while at < input.len() {
                    if chunked.place == Data {
                        let taken = (input.len() - at).min(usize::try_from(chunked.size).unwrap_or(usize::MAX));
                        self.room = self.room.checked_sub(taken as u64).ok_or(RequestError::ContentTooLarge)?;
                        out.extend_from_slice(&input[at..at + taken]);
                        at += taken;
                        chunked.size -= taken as u64;
                        if chunked.size == 0 {
                            chunked.place = DataReturn;
                        }
                    } else {
                        let is_last = chunked.step(input[at])?;
                        at += 1;
                        if is_last {
                            self.state = State::Done;
                            break;
                        }
                        if chunked.place == Data && chunked.size > self.room {
                            return Err(RequestError::ContentTooLarge);
                        }
                    }
                }
                Ok(at)
            }
        }
    }
}

impl State {
    fn chunked() -> Self {
        Self::Chunked(Chunked { place: Size, size: 0, digits: 0, extensions: 0, trailers: 0 })
    }
}

impl Chunked {
    /// Takes one octet that is not data. `true`: it was the last one of the message.
    fn step(&mut self, byte: u8) -> Result<bool, RequestError> {
        self.count()?;
        if self.place == Size {
            let digit = (byte as char).to_digit(16).filter(|_| self.digits < MAX_SIZE_DIGITS);
            if let Some(digit) = digit {
                self.digits += 1;
                self.size = self.size << 4 | u64::from(digit);
                return Ok(false);
            }
            if self.digits == 0 {
                return Err(RequestError::Malformed);
            }
        }
        let fits = |octet: &Octet| match octet {
            This(octet) => byte == *octet,
            Token => octets::is_of(TOKEN, byte),
            Text => matches!(byte, b'\t' | b' '..=b'~' | 0x80..),
        };
        let step = STEPS.iter().find(|(place, octet, _)| *place == self.place && fits(octet));
        self.place = match step {
            None => return Err(RequestError::Malformed),
            Some((SizeLineFeed, ..)) => {
                self.digits = 0;
                if self.size == 0 { TrailerStart } else { Data }
            }
            Some((.., next)) => *next,
        };
        Ok(self.place == End)
    }

    /// Bounds what is read and thrown away.
    fn count(&mut self) -> Result<(), RequestError> {
        match self.place {
            BeforeExtension | Extension | ExtensionName | ExtensionEquals | ExtensionValue | ExtensionQuoted
            | ExtensionEscaped => {
                self.extensions += 1;
                if self.extensions > MAX_EXTENSIONS { Err(RequestError::Malformed) } else { Ok(()) }
            }
            TrailerStart | TrailerName | Trailer | TrailerLineFeed => {
                self.trailers += 1;
                if self.trailers > MAX_TRAILERS { Err(RequestError::FieldsTooLarge) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in two pieces cut at `cut`; returns the content and how much was consumed.
    fn read(input: &[u8], cut: usize) -> Result<(Vec<u8>, usize, bool), RequestError> {
        let mut reader = BodyReader::new(Framing::Chunked, 100)?;
        let mut out = Vec::new();
        let mut taken = reader.feed(&input[..cut], &mut out)?;
        if !reader.is_done() {
            taken += reader.feed(&input[cut..], &mut out)?;
        }
        Ok((out, taken, reader.is_done()))
    }

    #[test]
    fn reads_chunks_however_they_are_cut() {
        for (input, content) in [
            ("0\r\n\r\nGET", ""),
            ("5\r\nhello\r\n0\r\n\r\nGET", "hello"),
            (
                "0005\r\nhello\r\n1;a=b;c=\"d \\\" e\";f\r\n!\r\n000\r\nTrailer: x\r\nContent-Length: 5\r\n\r\nGET",
                "hello!",
            ),
            ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\nGET", "01234567890123456789"),
        ] {
            for cut in 0..=input.len() {
                let (out, taken, done) =
                    read(input.as_bytes(), cut).unwrap_or_else(|error| panic!("{input:?}: {error:?}"));
                assert!(done, "{input:?} cut at {cut}");
                assert_eq!(out, content.as_bytes(), "{input:?} cut at {cut}");
                assert_eq!(&input[taken..], "GET", "{input:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        for input in [
            "\r\n\r\n",
            "0x5\r\n",
            "+5\r\n",
            "-1\r\n",
            "1_0\r\n",
            "Z\r\n",
            " 5\r\n",
            "5 \r\n",
            "5\t;a\r\n",
            "5;\r\n",
            "5;a=\r\n",
            "5;a=b=c\r\n",
            "5;\"a\"\r\n",
            "5;bad[=x\r\n",
            "5;a=\"\x01\"\r\n",
            "5;a\nhello",
            "5\nhello",
            "5\r\nhello!\r\n",
            "5\r\nhelloX\r\n",
            "5\r\nhello\n",
            "00000000000000005\r\n",
            "0\r\n \r\n",
            "0\r\na\nb\r\n",
            "0\r\nX : y\r\n",
            "0\r\nX\r\n",
            "0\r\n\rX",
        ] {
            assert_eq!(read(input.as_bytes(), 0), Err(RequestError::Malformed), "{input:?}");
        }
        assert_eq!(read(b"65\r\n", 0), Err(RequestError::ContentTooLarge), "past the limit of 100");
        assert_eq!(read(b"FFFFFFFFFFFFFFFF\r\n", 0), Err(RequestError::ContentTooLarge));
        let endless = format!("0\r\nA: {}", "x".repeat(9000));
        assert_eq!(read(endless.as_bytes(), 3), Err(RequestError::FieldsTooLarge));
        let endless = format!("5;a={}", "x".repeat(5000));
        assert_eq!(read(endless.as_bytes(), 3), Err(RequestError::Malformed));
    }

    /// What a reader of at most `limit` octets makes of it at once: its content's length, or why not.
    fn of(input: &[u8], limit: u64) -> Result<usize, RequestError> {
        let mut out = Vec::new();
        BodyReader::new(Framing::Chunked, limit)?.feed(input, &mut out).map(|_| out.len())
    }

    #[test]
    fn as_much_is_read_and_thrown_away_as_is_said_and_no_octet_more() {
        let extension = |octets: usize| format!("0;{}\r\n\r\n", "x".repeat(octets));
        assert_eq!(of(extension(4095).as_bytes(), 0), Ok(0), "4096 are they and the CR behind them");
        assert_eq!(of(extension(4096).as_bytes(), 0), Err(RequestError::Malformed));
        let trailer = |octets: usize| format!("0\r\nx:{}\r\n\r\n", "x".repeat(octets));
        assert_eq!(of(trailer(8187).as_bytes(), 0), Ok(0), "8192 are the line and the CR of the empty one");
        assert_eq!(of(trailer(8188).as_bytes(), 0), Err(RequestError::FieldsTooLarge));
    }

    #[test]
    fn a_chunk_that_is_too_large_is_refused_at_its_size() {
        assert_eq!(of(b"5\r\n", 5), Ok(0));
        assert_eq!(of(b"6\r\n", 5), Err(RequestError::ContentTooLarge));
        assert_eq!(of(b"6", 5), Ok(0), "it may go on, and is refused then");
        assert_eq!(of(b"3\r\nabc\r\n3\r\n", 5), Err(RequestError::ContentTooLarge));
    }

    #[test]
    fn a_response_ends_where_it_says_or_with_its_connection() {
        let states = [(None, true), (Some(0), false), (Some(1), false), (None, false), (Some(7), true)]
            .map(|(length, is_chunked)| BodyReader::of_response(length, is_chunked))
            .map(|reader| (reader.is_done(), reader.may_end()));
        assert_eq!(states, [(false, false), (true, true), (false, false), (false, true), (false, false)]);
    }
}
