//! Waiting for descriptors and for moments: epoll and timers.

use std::io::Result;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::{check, own, timespec};

/// Data can be read, or a connection accepted.
pub const READABLE: u32 = libc::EPOLLIN as u32;
/// The peer will send nothing more (FIN or RST).
pub const PEER_CLOSED: u32 = libc::EPOLLRDHUP as u32;
/// Data can be written.
pub const WRITABLE: u32 = libc::EPOLLOUT as u32;
/// Nothing but errors, which epoll reports in any case.
pub const ONLY_ERRORS: u32 = 0;

/// A set of descriptors to wait for. Every interest fires once and has to be armed again
/// (EPOLLONESHOT), so an event belongs to the one thread that got it.
pub struct Epoll(OwnedFd);

impl Epoll {
    /// An empty set.
    pub fn new() -> Result<Self> {
        // SAFETY: no pointers are passed.
        own(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Self)
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, interest: u32, token: u64) -> Result<()> {
        let mut event = libc::epoll_event { events: interest | libc::EPOLLONESHOT as u32, u64: token };
        // SAFETY: `event` lives through the call; the kernel copies it.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, fd, &raw mut event) }).map(drop)
    }

    /// Adds a descriptor, armed once for `interest`; its event will carry `token`.
    pub fn add(&self, fd: RawFd, interest: u32, token: u64) -> Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, interest, token)
    }

    /// Arms a descriptor of the set again.
    pub fn arm(&self, fd: RawFd, interest: u32, token: u64) -> Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, interest, token)
    }

    /// Waits for one event and returns its token. `None`: interrupted, wait again.
    pub fn wait(&self) -> Option<u64> {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: the kernel writes at most one event, and there is room for one.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), &raw mut event, 1, -1) };
        (count == 1).then_some(event.u64)
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
