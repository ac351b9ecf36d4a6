//! What std's sockets cannot do: binding without listening, listening again, refusing, and a close that resets.

use std::io::Result;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};

use super::{check, own};

fn set_option<T>(socket: &impl AsRawFd, level: libc::c_int, name: libc::c_int, value: &T) -> Result<()> {
    let size = size_of_val(value) as libc::socklen_t;
    // SAFETY: `value` has that size, lives through the call, and is what the option takes; the kernel copies it.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), size) })
}

/// A socket bound to `address`, non-blocking and not yet listening, as std's own would be at once. Dual-stack when the
/// address is `::`. TCP_NODELAY is inherited by what it accepts, so it costs no call per connection.
pub fn bind(address: &SocketAddr) -> Result<TcpListener> {
    let family = if address.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
    // SAFETY: no pointers are passed.
    let socket = own(unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) })?;
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, &1)?;
    set_option(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, &1)?;
    match address {
        SocketAddr::V4(v4) => {
            let name = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            bind_to(&socket, &name)?;
        }
        SocketAddr::V6(v6) => {
            let only_v6 = libc::c_int::from(!v6.ip().is_unspecified());
            set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, &only_v6)?;
            let name = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            bind_to(&socket, &name)?;
        }
    }
    Ok(socket.into())
}

fn bind_to<T>(socket: &OwnedFd, name: &T) -> Result<()> {
    let size = size_of_val(name) as libc::socklen_t;
    // SAFETY: `name` is a socket address of that size, and lives through the call.
    check(unsafe { libc::bind(socket.as_raw_fd(), std::ptr::from_ref(name).cast(), size) })
}

/// Starts, or after [`stop_listening`] resumes, accepting connections.
pub fn listen(listener: &TcpListener, backlog: libc::c_int) -> Result<()> {
    // SAFETY: no pointers are passed.
    check(unsafe { libc::listen(listener.as_raw_fd(), backlog) })
}

/// Drops connection attempts (SYN) at the listener, while handshakes that have begun go on, so that
/// the queue can be emptied before it is closed. Refused filters (an unusual kernel) change nothing.
pub fn refuse_new_handshakes(listener: &TcpListener) {
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
    let _ = set_option(listener, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter);
}

/// Refuses connections from now on; the socket keeps its port. What waits in its queue is reset.
pub fn stop_listening(listener: &TcpListener) {
    // SAFETY: no pointers are passed.
    unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RD) };
}

/// Accepts connections again after [`stop_listening`], and handshakes after [`refuse_new_handshakes`].
pub fn listen_again(listener: &TcpListener, backlog: libc::c_int) -> Result<()> {
    // Where no filter was taken there is none to take away.
    let _ = set_option(listener, libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0);
    listen(listener, backlog)
}

/// Makes the next close a reset (RST) that throws away what was not delivered.
pub fn close_with_reset(stream: &TcpStream) {
    let _ = set_option(stream, libc::SOL_SOCKET, libc::SO_LINGER, &libc::linger { l_onoff: 1, l_linger: 0 });
}

/// Whether anything has been sent on a connection. `false` where the kernel does not tell (before Linux 4.6).
pub fn has_sent(stream: &TcpStream) -> bool {
    /// The place of `tcpi_data_segs_out` in tcp_info of linux/tcp.h, in numbers of 4 octets; libc's ends before it.
    const PLACE: usize = 39;
    let mut info = [0u32; PLACE + 1];
    let mut size = size_of_val(&info) as libc::socklen_t;
    let (info_start, fd) = (info.as_mut_ptr().cast(), stream.as_raw_fd());
    // SAFETY: `info` has that size and lives through the call; the kernel fills no more of it.
    let result = check(unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info_start, &raw mut size) });
    result.is_ok() && info[PLACE] > 0
}
