//! Frames of HTTP/2 (RFC 9113 sections 4 and 6): their heads, their padding, and how ours are written.

use super::{FRAME_HEAD, MAX_FRAME};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const HAS_PRIORITY: u8 = 0x20;

/// An error code of HTTP/2 (RFC 9113 section 7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    None = 0,
    Protocol = 1,
    FlowControl = 3,
    StreamClosed = 5,
    FrameSize = 6,
    RefusedStream = 7,
    Cancel = 8,
    Compression = 9,
    EnhanceYourCalm = 11,
}

/// A whole frame at the start of what was received.
#[derive(Debug)]
pub(super) struct Frame<'b> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: &'b [u8],
}

impl<'b> Frame<'b> {
    /// Takes one apart. `Ok(None)`: it is not all there yet.
    pub(super) fn parse(input: &'b [u8]) -> Result<Option<Self>, Code> {
        let Some((&[a, b, c, kind, flags, stream @ ..], rest)) = input.split_first_chunk::<FRAME_HEAD>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if length > MAX_FRAME {
            return Err(Code::FrameSize);
        }
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff; // The first bit is reserved, and ignored.
        Ok(rest.get(..length).map(|payload| Self { kind, flags, stream, payload }))
    }

    /// Its octets, head included.
    pub(super) fn length(&self) -> usize {
        FRAME_HEAD + self.payload.len()
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload without padding (DATA and HEADERS).
    pub(super) fn unpadded(&self) -> Result<&'b [u8], Code> {
        if !self.has(PADDED) {
            return Ok(self.payload);
        }
        let (&padding, rest) = self.payload.split_first().ok_or(Code::FrameSize)?;
        let length = rest.len().checked_sub(padding.into()).ok_or(Code::Protocol)?;
        Ok(&rest[..length])
    }

    /// The piece of a header block in a HEADERS frame, and whether the stream is said to depend on itself.
    pub(super) fn block(&self) -> Result<(&'b [u8], bool), Code> {
        let payload = self.unpadded()?;
        if !self.has(HAS_PRIORITY) {
            return Ok((payload, false));
        }
        let (priority, block) = payload.split_at_checked(5).ok_or(Code::FrameSize)?;
        Ok((block, depends_on(priority) == Some(self.stream)))
    }

    /// The payload as one number of 4 octets.
    pub(super) fn number(&self) -> Result<u32, Code> {
        self.payload.try_into().map(u32::from_be_bytes).map_err(|_| Code::FrameSize)
    }
}

/// The stream that a priority is relative to.
pub(super) fn depends_on(priority: &[u8]) -> Option<u32> {
    priority.first_chunk().map(|&stream| u32::from_be_bytes(stream) & 0x7fff_ffff)
}

pub(super) fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    // Cannot fail: nothing of ours is long.
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Appends a frame whose payload is one number.
pub(super) fn put_number(out: &mut Vec<u8>, kind: u8, stream: u32, number: u32) {
    put(out, kind, 0, stream, &number.to_be_bytes());
}
