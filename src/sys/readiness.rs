//! Waiting for descriptors and for moments: epoll and timers.

use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::{check, own, timespec};

/// Data can be read, or a connection accepted.
pub const READABLE: u32 = libc::EPOLLIN as u32;
/// The peer will send nothing more (FIN or RST).
pub const PEER_CLOSED: u32 = libc::EPOLLRDHUP as u32;
pub const WRITABLE: u32 = libc::EPOLLOUT as u32;
/// The connection has broken, or both ends have closed it; epoll reports these in any case.
pub const BROKEN: u32 = (libc::EPOLLERR | libc::EPOLLHUP) as u32;

/// A set of descriptors to wait for.
pub struct Epoll(OwnedFd);

/// What has happened, as the kernel writes it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Happened(libc::epoll_event);

impl Happened {
    /// What has happened on the descriptor that was added with this token.
    pub const fn new(token: u64, what: u32) -> Self {
        Self(libc::epoll_event { events: what, u64: token })
    }

    /// What the descriptor was added with.
    pub fn token(&self) -> u64 {
        self.0.u64
    }

    /// What of the constants above.
    pub fn what(&self) -> u32 {
        self.0.events
    }
}

impl Epoll {
    pub fn new() -> Result<Self> {
        // SAFETY: no pointers are passed.
        own(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Self)
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, events: u32, token: u64) -> Result<()> {
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: `event` lives through the call; the kernel copies it.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, fd, &raw mut event) })
    }

    /// Adds a descriptor, armed for one event (EPOLLONESHOT), which belongs to the one thread that gets it.
    pub fn add(&self, fd: RawFd, interest: u32, token: u64) -> Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, interest | libc::EPOLLONESHOT as u32, token)
    }

    /// Arms a descriptor of the set for one more.
    pub fn arm(&self, fd: RawFd, interest: u32, token: u64) -> Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, interest | libc::EPOLLONESHOT as u32, token)
    }

    /// Lets the set tell whenever something new happens on a descriptor (EPOLLET), and at once of what is there already. `is_in`:
    /// the set has it, with another interest or to be told again.
    pub fn follow(&self, fd: RawFd, interest: u32, token: u64, is_in: bool) -> Result<()> {
        let operation = if is_in { libc::EPOLL_CTL_MOD } else { libc::EPOLL_CTL_ADD };
        self.control(operation, fd, interest | libc::EPOLLET as u32, token)
    }

    /// Waits until something happens, at most so long, and says as much of it as there is room for. Nothing: the time is over, or
    /// interrupted.
    pub fn wait<'r>(&self, room: &'r mut [MaybeUninit<Happened>], most: Option<Duration>) -> &'r [Happened] {
        let milliseconds = most.map_or(-1, |most| most.as_millis() as libc::c_int);
        let (events, length) = (room.as_mut_ptr().cast(), room.len() as libc::c_int);
        // SAFETY: the kernel writes no more events than there is room for, and says how many.
        unsafe {
            let count = libc::epoll_wait(self.0.as_raw_fd(), events, length, milliseconds);
            std::slice::from_raw_parts(events.cast(), usize::try_from(count).unwrap_or(0))
        }
    }
}

/// A monotonic timer that becomes readable when it fires.
pub struct Timer(OwnedFd);

impl Timer {
    /// A timer that is not set.
    pub fn new() -> Result<Self> {
        // SAFETY: no pointers are passed.
        own(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) }).map(Self)
    }

    /// Fires once, `after` from now, or never; setting it also takes back what has fired before, which it would
    /// otherwise tell for ever.
    pub fn set(&self, after: Option<Duration>) {
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // All zero switches it off.
        let value = after.map_or(zero, |after| timespec(after.max(Duration::from_nanos(1))));
        let spec = libc::itimerspec { it_interval: zero, it_value: value };
        // SAFETY: `spec` lives through the call; the old value is not asked for.
        unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const spec, std::ptr::null_mut()) };
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
