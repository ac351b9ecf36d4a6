//! HPACK (RFC 7541), decoding only, and to what fields mean rather than to their text: an entry of the table is 8 octets,
//! and a reference to it costs no more than that.

use super::field::{BAD, Field, Kind, Text};
use super::huffman;
use crate::text;

/// The size of the table that a peer may use; we never allow another.
const MAX_TABLE: u16 = 4096;
/// What an entry counts besides its octets (RFC 7541 section 4.1).
const OVERHEAD: usize = 32;
/// How much of a name for the log is kept.
const KEPT: usize = 47;

/// A block that breaks the rules; what it says about the table is lost, and so is the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Broken;

/// The lengths of the names of the static table (RFC 7541 appendix A).
const STATIC_NAMES: [u8; 61] = [
    10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12, 6, 4,
    4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3, 16,
];

/// An entry of the static table, from 1.
fn static_entry(index: usize) -> Option<Field> {
    let name_length = u16::from(*STATIC_NAMES.get(index.wrapping_sub(1))?);
    let (kind, value, length) = match index {
        1 => (Kind::Authority, 0, 0),
        2 => (Kind::Method, 0, 3), // GET
        3 => (Kind::Method, 1, 4), // POST
        4 => (Kind::Path, 0, 1),   // /
        5 => (Kind::Path, 0, 11),  // /index.html
        6 => (Kind::Scheme, 0, 4), // http
        7 => (Kind::Scheme, 0, 5), // https
        8..=14 => (Kind::Status, 0, 3),
        16 => (Kind::Other, 0, 13), // gzip, deflate
        28 => (Kind::Length, BAD, 0),
        31 => (Kind::ContentType, 0, 0),
        57 => (Kind::Forbidden, 0, 0),
        58 => (Kind::Agent, 0, 0),
        _ => (Kind::Other, 0, 0),
    };
    Some(Field { kind, value, name_length, size: name_length + length + OVERHEAD as u16 })
}

/// What a peer's header blocks have left behind.
pub(super) struct Decoder {
    /// The dynamic table, the newest entry last.
    entries: Vec<Field>,
    size: u16,
    /// How large the peer lets it become.
    max: u16,
    /// Names for the log: the beginnings of values that were sent once and are only referred to from then on.
    agent: Box<[u8]>,
    probe: Box<[u8]>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), size: 0, max: MAX_TABLE, agent: Box::default(), probe: Box::default() }
    }

    /// The last `user-agent` that was spelled out, or the last `x-probe`.
    pub(super) fn name(&self, is_probe: bool) -> &[u8] {
        if is_probe { &self.probe } else { &self.agent }
    }

    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// Octets on the heap.
    pub(super) fn held(&self) -> usize {
        self.entries.capacity() * size_of::<Field>() + self.agent.len() + self.probe.len()
    }

    /// Decodes a whole block, field by field.
    pub(super) fn decode(&mut self, mut block: &[u8], each: &mut dyn FnMut(Field)) -> Result<(), Broken> {
        let input = &mut block;
        let mut may_resize = true;
        while let Some(&first) = input.first() {
            if first & 0xe0 == 0x20 {
                let max = integer(input, 5)?;
                if !may_resize || max > usize::from(MAX_TABLE) {
                    return Err(Broken);
                }
                self.max = max as u16;
                self.make_room(0);
                continue;
            }
            may_resize = false;
            let field = if first & 0x80 != 0 {
                let index = integer(input, 7)?;
                self.entry(index)?
            } else {
                let is_kept = first & 0x40 != 0;
                let index = integer(input, if is_kept { 6 } else { 4 })?;
                self.literal(input, index, is_kept)?
            };
            each(field);
        }
        Ok(())
    }

    fn entry(&self, index: usize) -> Result<Field, Broken> {
        let newest = || self.entries.len().checked_sub(index.checked_sub(STATIC_NAMES.len())?);
        static_entry(index).or_else(|| self.entries.get(newest()?).copied()).ok_or(Broken)
    }

    /// A field that is spelled out, with a name of the table or (index 0) one of its own.
    fn literal(&mut self, input: &mut &[u8], index: usize, is_kept: bool) -> Result<Field, Broken> {
        let mut text = Text::new();
        let (kind, name_length) = if index == 0 {
            string(input, &mut text)?;
            (text.kind(), text.length)
        } else {
            let named = self.entry(index)?;
            (named.kind, usize::from(named.name_length))
        };
        string(input, &mut text)?;
        match kind {
            // The first of its products says who asks (RFC 9110 section 10.1.5), and every connection keeps it.
            Kind::Agent => self.agent = kept(text::before(text.start(), b' ')),
            Kind::Probe => self.probe = kept(text.start()),
            _ => {}
        }
        let size = name_length + text.length + OVERHEAD;
        // Cannot fail: a block is at most 16 KiB, and no octet of it is a string of more than two.
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        let field = Field { kind, value: text.value(kind), name_length: short(name_length), size: short(size) };
        if is_kept {
            self.make_room(field.size);
            // One that is larger than the table leaves it empty, which is no error (RFC 7541 section 4.4).
            if field.size <= self.max {
                self.size += field.size;
                self.entries.push(field);
            }
        }
        Ok(field)
    }

    /// Drops the oldest entries until there is room for one of that size.
    fn make_room(&mut self, size: u16) {
        let mut gone = 0;
        while gone < self.entries.len() && self.size.saturating_add(size) > self.max {
            self.size -= self.entries[gone].size;
            gone += 1;
        }
        self.entries.drain(..gone);
    }
}

/// As much of a name as is kept for the log.
fn kept(name: &[u8]) -> Box<[u8]> {
    name[..name.len().min(KEPT)].into()
}

/// Takes an integer with a prefix of so many bits (RFC 7541 section 5.1); at most 4 octets follow the prefix.
fn integer(input: &mut &[u8], bits: u32) -> Result<usize, Broken> {
    let mut next = || input.split_off_first().copied().ok_or(Broken);
    let most = (1 << bits) - 1;
    let mut value = usize::from(next()?) & most;
    if value < most {
        return Ok(value);
    }
    for shift in [0, 7, 14, 21] {
        let byte = usize::from(next()?);
        value += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Broken)
}

/// Takes a string (RFC 7541 section 5.2).
fn string(input: &mut &[u8], text: &mut Text) -> Result<(), Broken> {
    *text = Text::new();
    let is_huffman = input.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer(input, 7)?;
    let bytes = input.split_off(..length).ok_or(Broken)?;
    if is_huffman {
        huffman::decode(bytes, |byte| text.push(byte)).ok_or(Broken)?;
    } else {
        bytes.iter().for_each(|&byte| text.push(byte));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_hexadecimal(text: &str) -> Vec<u8> {
        let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        if text == "-" { Vec::new() } else { (0..text.len()).step_by(2).map(digit).collect() }
    }

    fn decoded(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Field>, Broken> {
        let mut fields = Vec::new();
        decoder.decode(block, &mut |field| fields.push(field)).map(|()| fields)
    }

    /// What a field has to come to, from its text.
    fn meant(name: &[u8], value: &[u8]) -> Field {
        let is_name = |&byte: &u8| byte > b' ' && byte < 0x7f && !byte.is_ascii_uppercase();
        let kind = match name {
            b":method" => Kind::Method,
            b":scheme" => Kind::Scheme,
            b":path" => Kind::Path,
            b":authority" => Kind::Authority,
            b":status" => Kind::Status,
            b"content-type" => Kind::ContentType,
            b"te" => Kind::Te,
            b"grpc-encoding" => Kind::Encoding,
            b"content-length" => Kind::Length,
            b"user-agent" => Kind::Agent,
            b"x-probe" => Kind::Probe,
            b"grpc-status" => Kind::GrpcStatus,
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => Kind::Forbidden,
            _ if name.is_empty() || !name.iter().all(is_name) || name.contains(&b':') => Kind::Bad,
            _ => Kind::Other,
        };
        let text = String::from_utf8_lossy(value);
        let number = (value.iter().all(u8::is_ascii_digit) && value.len() <= 9).then(|| text.parse().ok()).flatten();
        let number = number.map(|number: u32| number.min(65534) as u16);
        let edges = [value.first(), value.last()];
        let is_bad = value.iter().any(|byte| b"\0\r\n".contains(byte))
            || edges.iter().any(|edge| matches!(edge, Some(b' ' | b'\t')));
        let value_means = match kind {
            _ if is_bad => u16::MAX,
            Kind::Method => u16::from(value == b"POST"),
            Kind::Path => match value {
                b"" => u16::MAX,
                b"/grpc.health.v1.Health/Check" => 1,
                b"/grpc.health.v1.Health/List" => 2,
                b"/grpc.health.v1.Health/Watch" => 3,
                _ => 0,
            },
            Kind::Te => {
                if value == b"trailers" {
                    0
                } else {
                    u16::MAX
                }
            }
            Kind::ContentType => u16::from(
                value == b"application/grpc"
                    || ["application/grpc+", "application/grpc;"].iter().any(|start| text.starts_with(start)),
            ),
            Kind::Encoding => u16::from(value != b"identity"),
            Kind::Length => number.unwrap_or(u16::MAX),
            Kind::GrpcStatus => number.unwrap_or(1000),
            _ => 0,
        };
        let size = (name.len() + value.len() + 32) as u16;
        Field { kind, value: value_means, name_length: name.len() as u16, size }
    }

    /// `tests/grpc/hpack_oracle.py` tells what another decoder reads in them.
    #[test]
    fn blocks_mean_what_another_decoder_reads_in_them() {
        let (mut decoder, mut got, mut want) = (Decoder::new(), Ok(Vec::new()), Vec::new());
        let (mut blocks, mut refused) = (0, 0);
        for (number, line) in include_str!("../../tests/grpc/hpack.txt").lines().enumerate() {
            let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
            let place = || format!("line {}: {line}", number + 1);
            match what {
                "connection" => decoder = Decoder::new(),
                "block" => {
                    got = decoded(&mut decoder, &from_hexadecimal(rest));
                    want.clear();
                    blocks += 1;
                }
                "field" => {
                    let (name, value) = rest.split_once(' ').unwrap();
                    want.push(meant(&from_hexadecimal(name), &from_hexadecimal(value)));
                }
                "table" => {
                    assert_eq!(got.as_ref(), Ok(&want), "{}", place());
                    assert_eq!(format!("{} {}", decoder.size, decoder.entries.len()), rest, "{}", place());
                }
                "broken" => {
                    assert_eq!(got, Err(Broken), "{}", place());
                    refused += 1;
                }
                _ => assert_eq!(what, "#"),
            }
        }
        assert!(blocks > 250 && refused > 90, "{blocks} blocks, {refused} refused");
    }

    #[test]
    fn integers_of_rfc_7541_appendix_c_are_read_and_endless_ones_refused() {
        for (bytes, bits, want) in [
            (&b"\x0a"[..], 5, Ok(10)),
            (b"\x1f\x9a\x0a", 5, Ok(1337)),
            (b"\x2a", 8, Ok(42)),
            (b"\xff\x80\x80\x80\0", 7, Ok(127)),
            (b"\xff\xff\xff\xff\x7f", 7, Ok((1 << 28) + 126)),
            (b"\xff\x80\x80\x80\x80\0", 7, Err(Broken)),
            (b"\xff\x80", 7, Err(Broken)),
            (b"", 7, Err(Broken)),
        ] {
            assert_eq!(integer(&mut &*bytes, bits), want, "{}", bytes.escape_ascii());
        }
    }

    /// RFC 7541 appendix C.3 and C.4: the same three requests, without and with Huffman's code.
    #[test]
    fn requests_of_rfc_7541_appendix_c_are_read() {
        for blocks in [
            [
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ],
            [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ],
        ] {
            let mut decoder = Decoder::new();
            let authority = meant(b":authority", b"www.example.com");
            let first = [meant(b":method", b"GET"), meant(b":scheme", b"http"), meant(b":path", b"/"), authority];
            let cache = meant(b"cache-control", b"no-cache");
            let last =
                [meant(b":method", b"GET"), meant(b":scheme", b"https"), meant(b":path", b"/index.html"), authority];
            let custom = meant(b"custom-key", b"custom-value");
            for (block, fields, size) in [
                (blocks[0], first.to_vec(), 57),
                (blocks[1], [&first[..], &[cache]].concat(), 110),
                (blocks[2], [&last[..], &[custom]].concat(), 164),
            ] {
                assert_eq!(decoded(&mut decoder, &from_hexadecimal(block)), Ok(fields), "{block}");
                assert_eq!(decoder.size, size, "{block}");
            }
        }
    }

    /// RFC 7541 appendix C.5: answers, in a table of 256 octets.
    #[test]
    fn the_oldest_entries_are_evicted_first() {
        let mut decoder = Decoder::new();
        let blocks = [
            "3fe101",
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
            "4803333037c1c0bf",
        ]
        .map(|block| decoded(&mut decoder, &from_hexadecimal(block)).unwrap());
        assert_eq!((decoder.size, decoder.entries.len()), (222, 4));
        assert_eq!(blocks[2][0], meant(b":status", b"307"));
        assert_eq!(blocks[2][1..], blocks[1][1..]);
    }

    #[test]
    fn the_size_of_the_table_changes_only_in_front_of_fields_and_within_its_limit() {
        for (block, is_taken) in [("20", true), ("203fe11f82", true), ("8220", false), ("3fe21f", false), ("3f", false)]
        {
            assert_eq!(decoded(&mut Decoder::new(), &from_hexadecimal(block)).is_ok(), is_taken, "{block}");
        }
    }

    #[test]
    fn an_entry_larger_than_the_table_empties_it_and_may_take_its_name_from_what_goes() {
        let mut decoder = Decoder::new();
        decoded(&mut decoder, b"\x40\x01a\x01b").unwrap();
        assert_eq!(decoder.entries.len(), 1);
        // Its name is the entry that its own value pushes out.
        let value = vec![b'x'; 4096];
        let block = [&[0x7e, 0x7f, 0x81, 0x1f][..], &value].concat();
        assert_eq!(decoded(&mut decoder, &block), Ok(vec![meant(b"a", &value)]));
        assert_eq!((decoder.size, decoder.entries.len()), (0, 0));
    }

    #[test]
    fn references_are_cheap_and_the_table_small() {
        assert_eq!(size_of::<Field>(), 8);
        let mut decoder = Decoder::new();
        let block = [&b"\x40\0\0"[..]; 1000].concat();
        decoded(&mut decoder, &block).unwrap();
        assert_eq!((decoder.entries.len(), decoder.size), (128, 4096));
        assert!(decoder.held() <= 128 * 2 * 8, "{}", decoder.held());
    }

    #[test]
    fn the_clients_name_is_kept_when_it_is_only_referred_to() {
        let mut decoder = Decoder::new();
        decoded(&mut decoder, b"\x7a\x05probe\x40\x07x-probe\x04live").unwrap();
        decoded(&mut decoder, b"\xbe\xbf").unwrap();
        assert_eq!((decoder.name(false), decoder.name(true)), (&b"probe"[..], &b"live"[..]));
        decoded(&mut decoder, &[&b"\x7a\x7f\x01"[..], &[b'x'; 128]].concat()).unwrap();
        assert_eq!(decoder.name(false), [b'x'; 47]);
    }
}
