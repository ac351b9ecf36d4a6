//! Sockets: binding, listening, accepting, connecting, and bytes in and out. All are non-blocking.

use std::io::Result;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::names::ip_of;
use super::{check, check_size, own};

/// `MSG_NOSIGNAL`: a closed peer is EPIPE, never a signal.
const SEND_FLAGS: libc::c_int = libc::MSG_NOSIGNAL;

fn set_option(fd: RawFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option is an int, and `value` lives through the call.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), size) }).map(drop)
}

/// An address as the kernel takes it.
fn socket_name(address: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: sockaddr_storage is plain numbers, for which all zero is a value, and has room for every kind of address.
    unsafe {
        let mut name: libc::sockaddr_storage = std::mem::zeroed();
        let size = match address {
            SocketAddr::V4(v4) => {
                let name = &mut *(&raw mut name).cast::<libc::sockaddr_in>();
                name.sin_family = libc::AF_INET as libc::sa_family_t;
                name.sin_port = v4.port().to_be();
                name.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
                size_of_val(name)
            }
            SocketAddr::V6(v6) => {
                let name = &mut *(&raw mut name).cast::<libc::sockaddr_in6>();
                name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                name.sin6_port = v6.port().to_be();
                name.sin6_addr.s6_addr = v6.ip().octets();
                name.sin6_scope_id = v6.scope_id();
                size_of_val(name)
            }
        };
        (name, size as libc::socklen_t)
    }
}

/// A socket bound to `address`, not yet listening. Dual-stack when the address is `::`.
/// TCP_NODELAY is inherited by what it accepts, so it costs no call per connection.
pub fn bind(address: SocketAddr) -> Result<OwnedFd> {
    let family = if address.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
    // SAFETY: no pointers are passed.
    let fd = own(unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) })?;
    let raw = fd.as_raw_fd();
    set_option(raw, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    set_option(raw, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    if let SocketAddr::V6(v6) = address {
        set_option(raw, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, libc::c_int::from(!v6.ip().is_unspecified()))?;
    }
    let (name, size) = socket_name(address);
    // SAFETY: `name` is a socket address of the size that is passed.
    check(unsafe { libc::bind(raw, (&raw const name).cast(), size) })?;
    Ok(fd)
}

/// Starts, or after [`stop_listening`] resumes, accepting connections.
pub fn listen(listener: RawFd, backlog: libc::c_int) -> Result<()> {
    // SAFETY: no pointers are passed.
    check(unsafe { libc::listen(listener, backlog) }).map(drop)
}

/// Drops connection attempts (SYN) at the listener, while handshakes that have begun go on, so that
/// the queue can be emptied before it is closed. Refused filters (an unusual kernel) change nothing.
pub fn refuse_new_handshakes(listener: RawFd) {
    // A socket filter sees the packet from its TCP header on: byte 13 holds the flags.
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, 13),
        step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, 0x12), // SYN, ACK
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, 0x02), // SYN alone
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: `filter` points to `len` instructions that live through the call; the kernel copies them.
    unsafe {
        libc::setsockopt(
            listener,
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    };
}

/// Refuses connections from now on; the socket keeps its port. What waits in its queue is reset.
pub fn stop_listening(listener: RawFd) {
    // SAFETY: no pointers are passed.
    unsafe { libc::shutdown(listener, libc::SHUT_RD) };
}

/// Accepts connections again after [`stop_listening`], and handshakes after [`refuse_new_handshakes`].
pub fn listen_again(listener: RawFd, backlog: libc::c_int) -> Result<()> {
    // Where no filter was taken there is none to take away.
    let _ = set_option(listener, libc::SOL_SOCKET, libc::SO_DETACH_FILTER, 0);
    listen(listener, backlog)
}

/// Takes one connection from the queue, non-blocking. `WouldBlock`: none is there.
pub fn accept(listener: RawFd) -> Result<OwnedFd> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: null pointers say that the peer's address is not wanted.
    own(unsafe { libc::accept4(listener, std::ptr::null_mut(), std::ptr::null_mut(), flags) })
}

/// Reads what is there. `Ok(0)`: the peer has closed. `WouldBlock`: nothing is there.
pub fn receive(fd: RawFd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `len` bytes into the buffer.
    check_size(unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) })
}

/// Sends what the kernel takes, at once.
pub fn send(fd: RawFd, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads at most `len` bytes of the slice.
    check_size(unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), SEND_FLAGS) })
}

/// Sends two pieces as one, in one call.
pub fn send_both(fd: RawFd, first: &[u8], second: &[u8]) -> Result<usize> {
    let piece = |bytes: &[u8]| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut pieces = [piece(first), piece(second)];
    // SAFETY: msghdr is plain numbers and pointers, for which all zero is a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = pieces.as_mut_ptr();
    message.msg_iovlen = 2;
    // SAFETY: the message names two slices that live through the call; the kernel only reads them.
    check_size(unsafe { libc::sendmsg(fd, &raw const message, SEND_FLAGS) })
}

/// Sends FIN after what was sent; reading goes on.
pub fn finish_sending(fd: RawFd) {
    // SAFETY: no pointers are passed.
    unsafe { libc::shutdown(fd, libc::SHUT_WR) };
}

/// Makes the next close of `fd` a reset (RST) that throws away what was not delivered.
pub fn close_with_reset(fd: RawFd) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = size_of::<libc::linger>() as libc::socklen_t;
    // SAFETY: the option is a `linger`, which lives through the call.
    unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), size) };
}

/// Waits until `fd` can be read, or has been closed by the peer. `false`: `timeout` went by.
pub fn wait_readable(fd: RawFd, timeout: Duration) -> bool {
    wait(fd, libc::POLLIN, timeout)
}

fn wait(fd: RawFd, events: libc::c_short, timeout: Duration) -> bool {
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    // Rounded up, so that a wait never ends before its deadline only to be made again.
    let milliseconds = timeout.as_micros().div_ceil(1000).min(i32::MAX as u128) as libc::c_int;
    // SAFETY: `poll` is one pollfd that lives through the call.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) > 0 }
}

/// The two ends of a connection: the peer's address and our own.
pub fn addresses(fd: RawFd) -> (Option<SocketAddr>, Option<SocketAddr>) {
    type Ask = unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;
    let ask = |call: Ask| {
        // SAFETY: sockaddr_storage is plain numbers, for which all zero is a value.
        let mut name: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        let mut size = size_of_val(&name) as libc::socklen_t;
        // SAFETY: the kernel writes at most `size` bytes, and there is that much room.
        let status = unsafe { call(fd, (&raw mut name).cast(), &raw mut size) };
        let address = if status == 0 { ip_of((&raw const name).cast()) } else { None };
        // A dual-stack socket shows IPv4 as ::ffff:a.b.c.d.
        address.map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()))
    };
    (ask(libc::getpeername), ask(libc::getsockname))
}
