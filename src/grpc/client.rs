//! The client's side, for `probeserver healthcheck --grpc`: one Check as octets, and what comes back.

use super::field::Meaning;
use super::frame::{self, Code, END_HEADERS, END_STREAM, Frame};
use super::hpack::Decoder;
use super::{Method, PREFACE};

/// Longest name of a service that is asked for, so that one octet holds each length.
pub const MAX_SERVICE: usize = 100;

/// What an answer comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The number of a state; 1 is SERVING.
    State(u8),
    /// The call failed with that code of gRPC.
    Failed(u32),
    /// There is none: it is not HTTP/2, not gRPC, or was broken off.
    None,
}

/// All that a client sends for one Check: it waits for nothing in between.
pub fn request(service: &str, agent: &str) -> Vec<u8> {
    let path = Method::Check.path();
    let mut block = b"\x83\x86".to_vec(); // POST, http
    for (name, value) in [
        (&b"\x04"[..], path),
        (b"\x01", "localhost"),
        (b"\x0f\x10", "application/grpc"),
        (b"\0\x02te", "trailers"),
        (b"\x0f\x2b", agent),
    ] {
        block.extend_from_slice(name);
        // Cannot fail: all are shorter than 127 octets.
        block.push(value.len() as u8);
        block.extend_from_slice(value.as_bytes());
    }
    let length = service.len() as u8;
    let message = [&[0, 0, 0, 0, length + 2, 0x0a, length], service.as_bytes()].concat();
    let mut out = PREFACE.to_vec();
    frame::put(&mut out, frame::SETTINGS, 0, 0, b"");
    frame::put(&mut out, frame::HEADERS, END_HEADERS, 1, &block);
    frame::put(&mut out, frame::DATA, END_STREAM, 1, &message);
    out
}

/// What has come of an answer.
pub struct Reading {
    rest: Vec<u8>,
    decoder: Decoder,
    message: Vec<u8>,
}

impl Reading {
    /// Nothing yet.
    #[allow(clippy::new_without_default, reason = "it is made in one place")]
    pub fn new() -> Self {
        Self { rest: Vec::new(), decoder: Decoder::new(), message: Vec::new() }
    }

    /// Takes octets as they come; `None`: more are needed.
    pub fn take(&mut self, bytes: &[u8]) -> Option<Answer> {
        self.rest.extend_from_slice(bytes);
        let rest = std::mem::take(&mut self.rest);
        let mut at = 0;
        let answer = loop {
            match Frame::parse(&rest[at..]) {
                Ok(None) => break None,
                Ok(Some(frame)) => {
                    at += frame.length();
                    match self.frame(&frame) {
                        Ok(None) => {}
                        Ok(answer) => break answer,
                        Err(_) => break Some(Answer::None),
                    }
                }
                Err(_) => break Some(Answer::None),
            }
        };
        self.rest.extend_from_slice(&rest[at..]);
        answer
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<Option<Answer>, Code> {
        let mut status = None;
        match (frame.kind, frame.stream) {
            (frame::DATA, 1) => self.message.extend_from_slice(frame.unpadded()?),
            (frame::HEADERS, 1) => {
                let mut meaning = Meaning::default();
                self.decoder.decode(frame.block()?.0, |field| meaning.add(field)).map_err(|_| Code::Compression)?;
                status = meaning.grpc_status;
            }
            (frame::RST_STREAM, 1) | (frame::GOAWAY, _) => return Err(Code::StreamClosed),
            _ => return Ok(None),
        }
        if !frame.has(END_STREAM) {
            return Ok(None);
        }
        Ok(Some(match (status, self.message.as_slice()) {
            (Some(0), [0, 0, 0, 0, 2, 8, state]) => Answer::State(*state),
            (Some(0), [0, 0, 0, 0, 0]) => Answer::State(0),
            (Some(0) | None, _) => Answer::None,
            (Some(code), _) => Answer::Failed(code),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer;
    use super::super::{Status, message};
    use super::*;

    #[test]
    fn answers_are_read_however_they_are_cut() {
        let mut serving = Vec::new();
        frame::put(&mut serving, frame::SETTINGS, 0, 0, answer::SETTINGS);
        answer::head(&mut serving, 1);
        let mut failed = serving.clone();
        frame::put(&mut serving, frame::DATA, 0, 1, &message::state(2));
        let mut cut_off = serving.clone();
        answer::trailers(&mut serving, 1);
        answer::error(&mut failed, 1, Status::NO_SERVICE, true);
        frame::put_number(&mut cut_off, frame::RST_STREAM, 1, 7);
        let foreign = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
        for (bytes, want) in
            [(serving, Answer::State(2)), (failed, Answer::Failed(5)), (cut_off, Answer::None), (foreign, Answer::None)]
        {
            for cut in 1..bytes.len() {
                let mut reading = Reading::new();
                let answer = reading.take(&bytes[..cut]).or_else(|| reading.take(&bytes[cut..]));
                assert_eq!(answer, Some(want), "cut at {cut}");
            }
        }
    }
}
