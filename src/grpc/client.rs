//! The client's side, for `probeserver healthcheck --grpc`: one Check as octets, and what comes back.

use super::PREFACE;
use super::field::Meaning;
use super::frame::{self, END_HEADERS, END_STREAM, Frame};
use super::hpack::Decoder;
use crate::text;

/// Longest name of a service that is asked for, so that one octet holds each length.
pub const MAX_SERVICE: usize = 100;

/// The header block up to the length of `user-agent`: POST, http, `:path`, `:authority`, `content-type`, `te`.
const HEAD: &[u8] = b"\x83\x86\x04\x1c/grpc.health.v1.Health/Check\x01\x09localhost\x0f\x10\x10application/grpc\
                      \0\x02te\x08trailers\x0f\x2b";

/// What an answer comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The number of a state; 1 is SERVING.
    State(u8),
    /// The call failed with that code of gRPC.
    Failed(u16),
    /// There is none: it is not HTTP/2, not gRPC, or was broken off.
    None,
}

/// All that a client sends for one Check: it waits for nothing in between.
pub fn request(service: &str, agent: &str) -> Vec<u8> {
    let mut block = HEAD.to_vec();
    // Cannot fail: it is shorter than 127 octets.
    block.push(agent.len() as u8);
    text::put(&mut block, agent.as_bytes());
    let length = service.len() as u8;
    let mut message = vec![0, 0, 0, 0, length + 2, 0x0a, length];
    text::put(&mut message, service.as_bytes());
    let mut out = PREFACE.to_vec();
    frame::put(&mut out, frame::SETTINGS, 0, 0, b"");
    frame::put(&mut out, frame::HEADERS, END_HEADERS, 1, &block);
    frame::put(&mut out, frame::DATA, END_STREAM, 1, &message);
    out
}

/// What the octets that have come so far are; `None`: more are needed.
pub fn answer(mut received: &[u8]) -> Option<Answer> {
    let (mut decoder, mut message, mut status) = (Decoder::new(), Vec::new(), None);
    loop {
        let frame = match Frame::parse(received) {
            Ok(frame) => frame?,
            Err(_) => return Some(Answer::None),
        };
        received = &received[frame.length()..];
        let is_good = match (frame.kind, frame.stream) {
            (frame::DATA, 1) => frame.unpadded().map(|content| message.extend_from_slice(content)).is_ok(),
            (frame::HEADERS, 1) => {
                let mut meaning = Meaning::default();
                let decoded = frame.block().map(|(block, _)| decoder.decode(block, &mut |field| meaning.add(field)));
                status = meaning.grpc_status;
                matches!(decoded, Ok(Ok(())))
            }
            (frame::RST_STREAM, 1) | (frame::GOAWAY, _) => false,
            _ => continue,
        };
        if !is_good {
            return Some(Answer::None);
        }
        if frame.has(END_STREAM) {
            return Some(match (status, message.strip_prefix(b"\0\0\0\0\x02\x08")) {
                (Some(0), Some([state])) => Answer::State(*state),
                (Some(0), _) if message == [0; 5] => Answer::State(0),
                (Some(0) | None, _) => Answer::None,
                (Some(code), _) => Answer::Failed(code),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Status, answer as ours, message};
    use super::*;

    #[test]
    fn answers_are_read_however_they_are_cut() {
        let mut serving = Vec::new();
        frame::put(&mut serving, frame::SETTINGS, 0, 0, ours::SETTINGS);
        ours::head(&mut serving, 1);
        let mut failed = serving.clone();
        frame::put(&mut serving, frame::DATA, 0, 1, &message::state(2));
        let mut cut_off = serving.clone();
        ours::trailers(&mut serving, 1);
        ours::error(&mut failed, 1, Status::NoService, true);
        frame::put_number(&mut cut_off, frame::RST_STREAM, 1, 7);
        let foreign = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
        for (bytes, want) in
            [(serving, Answer::State(2)), (failed, Answer::Failed(5)), (cut_off, Answer::None), (foreign, Answer::None)]
        {
            assert_eq!(answer(&bytes), Some(want));
            for cut in 1..bytes.len() {
                let early = answer(&bytes[..cut]);
                assert!(early.is_none() || early == Some(want), "cut at {cut}");
            }
        }
    }
}
