//! What a connection in the lot was doing, and how much it keeps meanwhile.

use std::time::Instant;

use super::grpc::Talk;
use super::sending::Output;
use crate::faults::engine::Decision;
use crate::routes::Waiting;
use crate::sync::Share;

/// What a parked connection was doing.
pub struct Paused {
    /// Bytes received and not used yet.
    pub(super) input: Box<[u8]>,
    /// When the request was there.
    pub(super) since: Instant,
    pub(super) then: Then,
}

impl Paused {
    /// Bytes that it keeps.
    pub(super) fn held(&self) -> usize {
        self.input.len()
            + match &self.then {
                Then::Answer(waiting) => waiting.response.body.held(),
                Then::Send(output) => output.held(),
                Then::Talk(talk) => talk.held(),
                Then::Read | Then::Handle(..) => 0,
            }
    }
}

/// How a parked connection goes on. What it takes for that is boxed, so that an idle connection of HTTP/2 is small.
pub(super) enum Then {
    /// Reads the rest of the head.
    Read,
    /// Handles the request at the start of its input, for which the rules have decided.
    Handle(Box<(Decision, Share)>),
    /// Sends the answer to that request, and lets go of what was held meanwhile.
    Answer(Box<Waiting>),
    /// Sends the rest of an answer.
    Send(Box<Output>),
    /// Goes on speaking HTTP/2.
    Talk(Talk),
}
