//! The kernel, as small safe functions: the only unsafe code and the only use of libc.
//!
//! Every function returns `io::Result` with the kernel's errno, or cannot fail. Policy (what to do
//! about an error, when to call) is elsewhere.
#![allow(unsafe_code)] // The one place for it; each block says why it is sound.

mod cgroup;
mod file;
mod names;
mod process;
mod readiness;
mod signal;
mod socket;

pub use cgroup::has_memory_limit;
pub use file::{overwrite_file, read_file, read_input, standard, write_all, write_some};
pub use names::{host_name, interface_addresses, ipv4_addresses};
pub use process::{
    Trapped, abort, allow_low_ports, cpu_count, exit_now, forget_low_ports, make_dumpable, on_trap, process_status,
    process_time, raise_file_limit, segfault, spawn, thread_time, trap,
};
pub use readiness::{BROKEN, Epoll, Happened, PEER_CLOSED, READABLE, Timer, WRITABLE};
pub use signal::{Signal, block_signals, wait_signal, wake};
pub use socket::{bind, close_with_reset, has_sent, listen, listen_again, refuse_new_handshakes, stop_listening};

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use crate::text;

/// Turns the kernel's -1 into errno.
fn check(result: libc::c_int) -> Result<()> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

/// Owns a descriptor that a system call has just made.
fn own(fd: libc::c_int) -> Result<OwnedFd> {
    check(fd)?;
    // SAFETY: the kernel has just handed out `fd`, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What the kernel's answer means, in words; the number for what this program does not expect to meet.
pub fn error_text(error: &Error) -> String {
    let words = match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => "permission denied",
        Some(libc::EADDRINUSE) => "address in use",
        Some(libc::EADDRNOTAVAIL) => "address not available",
        Some(libc::EAGAIN) => "resource temporarily unavailable",
        Some(libc::ECONNREFUSED) => "connection refused",
        Some(libc::ECONNRESET | libc::EPIPE) => "connection reset",
        Some(libc::EHOSTUNREACH) => "no route to host",
        Some(libc::EMFILE | libc::ENFILE) => "too many open files",
        Some(libc::EISDIR) => "a directory",
        Some(libc::ENETUNREACH) => "network unreachable",
        Some(libc::ENOENT) => "no such file",
        Some(libc::ENOMEM | libc::ENOBUFS) => "out of memory",
        Some(libc::ETIMEDOUT) => "timed out",
        Some(number) => return text::joined(&["error ", &text::to_decimal(number.unsigned_abs().into())]),
        None => match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => "timed out",
            ErrorKind::InvalidData => "the answer is not HTTP/1.x, or its head has more than 64 fields or 64 KiB",
            ErrorKind::OutOfMemory => "out of memory",
            ErrorKind::UnexpectedEof => "closed before the end of the answer",
            _ => "broken",
        },
    };
    words.to_owned()
}

/// No descriptor or no memory: passes when somebody closes something.
pub fn is_starvation(error: &Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

fn timespec(duration: Duration) -> libc::timespec {
    // SAFETY: timespec is plain numbers, for which all zero is a value (it has padding on some targets).
    let mut spec: libc::timespec = unsafe { std::mem::zeroed() };
    spec.tv_sec = duration.as_secs().min(i32::MAX as u64) as _; // 68 years are enough on every target.
    spec.tv_nsec = duration.subsec_nanos() as _;
    spec
}
