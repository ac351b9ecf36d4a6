//! Why connections wait, and what may end the wait.

use crate::sys;

/// Why a connection waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Between requests, or nothing has come yet.
    Idle,
    /// Part of a head has come.
    Head,
    /// Its client does not take the answer.
    Write,
    /// Nothing more is sent; what still comes is thrown away.
    Linger,
    /// Hung by a rule: until the client goes.
    Hang,
    /// Delayed by a rule: until it is due.
    Delay,
    /// Calls of gRPC are under way: delayed, hung, watched or half received.
    Calls,
}

impl Reason {
    /// How many there are.
    pub(super) const COUNT: usize = 7;

    /// What may end the wait, beside its time: what epoll is to tell of meanwhile.
    pub(super) fn interest(self) -> u32 {
        sys::BROKEN
            | match self {
                Self::Idle | Self::Head | Self::Linger | Self::Calls => sys::READABLE | sys::PEER_CLOSED,
                Self::Write => sys::WRITABLE,
                Self::Hang => sys::PEER_CLOSED,
                Self::Delay => 0,
            }
    }

    /// Whether a worker may take it out and put it back as the same wait, so that it keeps its place meanwhile.
    pub(super) fn keeps_place(self) -> bool {
        matches!(self, Self::Head | Self::Write | Self::Linger)
    }
}
