//! One stream: a request on its way in, a call that waits, an answer on its way out.

use std::time::Instant;

use super::frame::{self, DATA, END_STREAM};
use super::message::{self, PREFIX};
use super::{Call, Method, OUTPUT_TIMEOUT, State, Status, answer};
use crate::faults::Check;

/// Most content of a request that is not gRPC.
const MAX_CONTENT: usize = PREFIX + message::MAX_MESSAGE;

/// Where a stream is. Those of which it is said have a time in [`Stream::at`].
#[derive(Debug)]
pub(super) enum Stage<D> {
    /// Its request is on its way: until then.
    Receiving,
    /// Whoever asks the rules has it.
    Asked,
    /// Delayed by a rule, which has decided this: until then.
    Delayed(D),
    /// Never answered.
    Hung,
    /// A Watch: looks again then.
    Watching,
    /// A Watch of a name that no service has.
    Silent,
    /// An answer on its way, with trailers behind it or not: until then.
    Ending { has_trailers: bool },
}

/// A stream that is open.
#[derive(Debug)]
pub(super) struct Stream<D> {
    pub(super) id: u32,
    /// How much the client takes; may be below zero (RFC 9113 section 6.9.2).
    pub(super) window: i32,
    /// What is called; `None`: it is not gRPC.
    pub(super) method: Option<Method>,
    pub(super) check: Option<Check>,
    /// Whether the request is all there.
    pub(super) has_ended: bool,
    /// Whether the head of the answer has been sent.
    pub(super) has_head: bool,
    /// What the request says of the length of its content, and what of that has come.
    pub(super) expected: Option<u16>,
    pub(super) received: u32,
    /// The state told last, and the one to tell; 0 for none.
    told: u8,
    wanted: u8,
    pub(super) stage: Stage<D>,
    pub(super) at: Instant,
    /// Of the request while that is on its way, then of the answer.
    pub(super) bytes: Vec<u8>,
}

impl<D> Stream<D> {
    pub(super) fn new(id: u32, window: i32, method: Option<Method>, expected: Option<u16>, at: Instant) -> Self {
        Self {
            id,
            window,
            method,
            check: None,
            has_ended: false,
            has_head: false,
            expected,
            received: 0,
            told: 0,
            wanted: 0,
            stage: Stage::Receiving,
            at,
            bytes: Vec::new(),
        }
    }

    /// When something is to happen by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        (!matches!(self.stage, Stage::Asked | Stage::Hung | Stage::Silent)).then_some(self.at)
    }

    /// Takes content of the request. `Err`: no more of it is needed to refuse it.
    pub(super) fn receive(&mut self, content: &[u8]) -> Result<(), Option<Status>> {
        self.bytes.extend_from_slice(content);
        match self.method {
            Some(_) => message::check(&self.bytes).map(|_| ()).map_err(Some),
            None if self.bytes.len() > MAX_CONTENT => Err(None),
            None => Ok(()),
        }
    }

    /// Whether the length of the content is not what was said; `has_ended`: no more comes.
    pub(super) fn is_wrong_length(&self, has_ended: bool) -> bool {
        self.expected
            .map(u32::from)
            .is_some_and(|expected| self.received > expected || has_ended && self.received != expected)
    }

    /// The call that it is, now that it is all there; or now that a Watch looks again.
    pub(super) fn call(&mut self, method: Method, held: Option<D>, is_look: bool) -> Call<D> {
        self.stage = Stage::Asked;
        Call { stream: self.id, method, check: self.check, is_look, held }
    }

    /// Puts a state where it goes out next. While the client takes nothing, only the newest is kept.
    pub(super) fn tell(&mut self, state: State) {
        self.wanted = state as u8;
    }

    /// Begins the last part of an answer.
    pub(super) fn end(&mut self, has_trailers: bool, now: Instant) {
        self.stage = Stage::Ending { has_trailers };
        self.at = now + OUTPUT_TIMEOUT;
    }

    /// Sends what both windows let through. `true`: the answer is at its end.
    pub(super) fn send(&mut self, window: &mut i32, out: &mut Vec<u8>) -> bool {
        if matches!(self.stage, Stage::Receiving) {
            return false;
        }
        loop {
            let open = self.window.min(*window).max(0) as usize;
            if open > 0 && self.bytes.is_empty() && self.wanted != self.told {
                self.told = self.wanted;
                self.bytes.extend_from_slice(&message::state(self.told));
            }
            let count = self.bytes.len().min(open);
            if count == 0 {
                break;
            }
            let is_last = count == self.bytes.len() && matches!(self.stage, Stage::Ending { has_trailers: false });
            frame::put(out, DATA, if is_last { END_STREAM } else { 0 }, self.id, &self.bytes[..count]);
            self.bytes.drain(..count);
            // Cannot fail: the count is not above either.
            self.window -= count as i32;
            *window -= count as i32;
        }
        match self.stage {
            Stage::Ending { has_trailers } if self.bytes.is_empty() && self.wanted == self.told => {
                if has_trailers {
                    answer::trailers(out, self.id);
                }
                true
            }
            _ => false,
        }
    }
}
