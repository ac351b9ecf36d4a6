//! What a call came to where it has no answer: in which phase it failed, and why.

use std::io::ErrorKind;
use std::net::SocketAddr;

use crate::{sys, text};

/// Where a call was when it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Resolve,
    Connect,
    Send,
    Receive,
}

impl Phase {
    /// Its name in error lines.
    pub fn name(self) -> &'static str {
        text::word("resolve connect send receive", self as usize)
    }
}

/// Why a call failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// No address may be called.
    Denied,
    /// Too much is under way for another lookup; nothing was asked.
    Busy,
    /// The name has no address.
    Name,
    /// Nobody listens there.
    Refused,
    /// The connection broke.
    Reset,
    /// The answer is no HTTP/1.x.
    NotHttp,
    /// The deadline went by.
    Timeout,
}

/// A failed call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallError {
    pub phase: Phase,
    pub cause: Cause,
    /// What exactly, for people.
    pub detail: String,
}

impl CallError {
    /// What happened with an address, in the words of a call.
    #[inline(never)]
    pub(super) fn from_io(phase: Phase, address: SocketAddr, error: &std::io::Error) -> Self {
        let cause = match error.kind() {
            ErrorKind::ConnectionRefused => Cause::Refused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Cause::Timeout,
            ErrorKind::InvalidData => Cause::NotHttp,
            _ => Cause::Reset,
        };
        let what = if cause == Cause::Timeout { "timed out".to_owned() } else { sys::error_text(error) };
        Self { phase, cause, detail: text::joined(&[&text::socket_address(address), ": ", &what]) }
    }

    pub fn status(&self) -> u16 {
        match self.cause {
            Cause::Denied => 403,
            Cause::Busy => 503,
            Cause::Name | Cause::Refused | Cause::Reset | Cause::NotHttp => 502,
            Cause::Timeout => 504,
        }
    }

    /// `phase: what happened`.
    pub fn line(&self) -> String {
        text::joined(&[self.phase.name(), ": ", &self.detail])
    }
}
