//! The kernel, as small safe functions: the only unsafe code and the only use of libc.
//!
//! Every function returns `io::Result` with the kernel's errno, or cannot fail. Policy (what to do
//! about an error, when to call) is elsewhere.
#![allow(unsafe_code)] // The one place for it; each block says why it is sound.

mod cgroup;
mod heap;
pub use cgroup::has_memory_limit;
#[cfg(test)]
pub(crate) use heap::allocations;

use std::ffi::CString;
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::text;

/// Turns the kernel's -1 into errno.
fn check(result: libc::c_int) -> Result<libc::c_int> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}

/// Turns the kernel's -1 into errno, for calls that count bytes.
fn check_size(result: libc::ssize_t) -> Result<usize> {
    usize::try_from(result).map_err(|_| Error::last_os_error())
}

/// Owns a descriptor that a system call has just made.
fn own(result: libc::c_int) -> Result<OwnedFd> {
    let fd = check(result)?;
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
        Some(libc::ENETUNREACH) => "network unreachable",
        Some(libc::ENOMEM | libc::ENOBUFS) => "out of memory",
        Some(libc::ETIMEDOUT) => "timed out",
        Some(number) => return text::joined(&["error ", &text::to_decimal(number.unsigned_abs().into())]),
        None if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => "timed out",
        None if error.kind() == ErrorKind::InvalidData => "the answer is not HTTP",
        None => "broken",
    };
    words.to_owned()
}

/// No descriptor or no memory: passes when somebody closes something.
pub fn is_starvation(error: &Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

// ---------------------------------------------------------------- readiness

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

    /// Fires once, `after` from now; setting it also takes back what has fired before.
    pub fn set(&self, after: Duration) {
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let value = timespec(after.max(Duration::from_nanos(1))); // All zero would switch it off.
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

fn timespec(duration: Duration) -> libc::timespec {
    // SAFETY: timespec is plain numbers, for which all zero is a value (it has padding on some targets).
    let mut spec: libc::timespec = unsafe { std::mem::zeroed() };
    spec.tv_sec = duration.as_secs().min(i32::MAX as u64) as _; // 68 years are enough on every target.
    spec.tv_nsec = duration.subsec_nanos() as _;
    spec
}

// ------------------------------------------------------------------ sockets

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

/// A non-blocking connection to `address`, made within `timeout`.
pub fn connect(address: SocketAddr, timeout: Duration) -> Result<OwnedFd> {
    let family = if address.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
    // SAFETY: no pointers are passed.
    let fd = own(unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) })?;
    let (name, size) = socket_name(address);
    // SAFETY: `name` is a socket address of the size that is passed.
    match check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const name).cast(), size) }) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
        Ok(_) => return Ok(fd),
    }
    if !wait(fd.as_raw_fd(), libc::POLLOUT, timeout) {
        return Err(ErrorKind::TimedOut.into());
    }
    let mut failure: libc::c_int = 0;
    let mut size = size_of_val(&failure) as libc::socklen_t;
    // SAFETY: the option is an int, and there is room for one.
    check(unsafe {
        libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut failure).cast(), &raw mut size)
    })?;
    if failure == 0 { Ok(fd) } else { Err(Error::from_raw_os_error(failure)) }
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

/// Waits until `fd` can be written. `false`: `timeout` went by.
pub fn wait_writable(fd: RawFd, timeout: Duration) -> bool {
    wait(fd, libc::POLLOUT, timeout)
}

fn wait(fd: RawFd, events: libc::c_short, timeout: Duration) -> bool {
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    // Rounded up, so that a wait never ends before its deadline only to be made again.
    let milliseconds = timeout.as_micros().div_ceil(1000).min(i32::MAX as u128) as libc::c_int;
    // SAFETY: `poll` is one pollfd that lives through the call.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) > 0 }
}

// ------------------------------------------------------------------ signals

/// What [`wait_signal`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM: the kubelet wants the pod to go.
    Terminate,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGUSR2, which the process sends itself: something has changed, look again.
    Wake,
}

fn handled_signals() -> libc::sigset_t {
    // SAFETY: sigset_t is plain numbers; sigemptyset and sigaddset only write to it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR2] {
            libc::sigaddset(&raw mut set, signal);
        }
        set
    }
}

/// Blocks the handled signals in this thread and in those it will start. A blocked signal waits to be
/// fetched, also by PID 1, for which the kernel drops unblocked signals without a handler.
pub fn block_signals() {
    let set = handled_signals();
    // SAFETY: `set` lives through the call; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
}

/// Waits for one of the handled signals, at most `timeout` (for ever when `None`).
pub fn wait_signal(timeout: Option<Duration>) -> Option<Signal> {
    let set = handled_signals();
    let spec = timeout.map(timespec);
    let spec = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `set` and the timespec live through the call; no siginfo is asked for.
    match unsafe { libc::sigtimedwait(&raw const set, std::ptr::null_mut(), spec) } {
        libc::SIGTERM => Some(Signal::Terminate),
        libc::SIGINT => Some(Signal::Interrupt),
        libc::SIGUSR2 => Some(Signal::Wake),
        _ => None,
    }
}

/// Makes [`wait_signal`] return [`Signal::Wake`], now or at its next call.
pub fn wake() {
    // SAFETY: no pointers are passed; the signal is blocked in every thread.
    unsafe { libc::kill(libc::getpid(), libc::SIGUSR2) };
}

// ------------------------------------------------------------------ process

/// Starts a thread that nobody waits for. (std's threads bring names, hooks and signal stacks: 20 KB of the binary
/// and a page each.) The work must not unwind, which `panic = "abort"` and the panic hook see to.
pub fn spawn(stack_size: usize, work: impl FnOnce() + Send + 'static) -> Result<()> {
    extern "C" fn start(work: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: `work` is the box that `spawn` has leaked to this thread alone.
        let work = unsafe { Box::from_raw(work.cast::<Box<dyn FnOnce() + Send>>()) };
        work();
        std::ptr::null_mut()
    }
    let work: Box<dyn FnOnce() + Send> = Box::new(work);
    let work = Box::into_raw(Box::new(work));
    // SAFETY: attributes are initialised before they are used and live through the calls; a thread that was not
    // started gives the box back.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        libc::pthread_attr_init(&raw mut attributes);
        libc::pthread_attr_setstacksize(&raw mut attributes, stack_size);
        libc::pthread_attr_setdetachstate(&raw mut attributes, libc::PTHREAD_CREATE_DETACHED);
        let mut thread: libc::pthread_t = std::mem::zeroed();
        let status = libc::pthread_create(&raw mut thread, &raw const attributes, start, work.cast());
        libc::pthread_attr_destroy(&raw mut attributes);
        if status != 0 {
            drop(Box::from_raw(work));
            return Err(Error::from_raw_os_error(status));
        }
    }
    Ok(())
}

/// What std's runtime would do before `main`, which this program does without (16 KB of the binary): a closed pipe is
/// an error and no signal, and descriptors 0 to 2 are taken, so that no socket is ever mistaken for stdout.
pub fn prepare_process() {
    let mut files = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: numbers, three pollfds that live through the call, and a string that lives for ever.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::poll(files.as_mut_ptr(), 3, 0);
        for file in files {
            if file.revents & libc::POLLNVAL != 0 {
                libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
            }
        }
    }
}

/// The arguments of `main`, without the program's name.
///
/// # Safety
///
/// `arguments` must be what the C runtime has passed to `main`: `count` pointers to strings.
pub unsafe fn arguments(count: libc::c_int, arguments: *const *const libc::c_char) -> Vec<String> {
    let argument = |index| {
        // SAFETY: the caller promises `count` strings.
        let argument = unsafe { std::ffi::CStr::from_ptr(*arguments.add(index)) };
        text::lossy(argument.to_bytes())
    };
    (1..count as usize).map(argument).collect()
}

/// The raw value of an environment variable.
pub fn environment(name: &str) -> Option<Vec<u8>> {
    let name = CString::new(name).ok()?;
    // SAFETY: nothing in this program changes the environment, so the value stays where it is.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| std::ffi::CStr::from_ptr(value).to_bytes().to_vec())
    }
}

/// Raises the soft limit of open files to the hard one and returns it.
pub fn raise_file_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let null = std::ptr::null_mut();
    // SAFETY: `limit` is an rlimit that lives through both calls. (musl's setrlimit stops every thread first.)
    unsafe {
        libc::prlimit(0, libc::RLIMIT_NOFILE, null, &raw mut limit);
        let soft = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if libc::prlimit(0, libc::RLIMIT_NOFILE, &raw const limit, null) != 0 {
            limit.rlim_cur = soft;
        }
    }
    limit.rlim_cur
}

/// The number of CPUs this process may run on.
pub fn cpu_count() -> usize {
    // SAFETY: cpu_set_t is plain numbers; the kernel writes at most its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) == 0 {
            libc::CPU_COUNT(&set) as usize
        } else {
            1
        }
    }
}

/// CAP_NET_BIND_SERVICE in capabilities(7).
const NET_BIND_SERVICE: u32 = 10;

/// One set of capabilities, as version 3 of capget(2) lays it out.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Capabilities {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn change_capabilities(change: impl FnOnce(&mut Capabilities)) -> Result<Capabilities> {
    let mut header = [0x2008_0522u32, 0]; // _LINUX_CAPABILITY_VERSION_3, this thread
    let mut sets = [Capabilities::default(); 2];
    // SAFETY: version 3 reads and writes one header and two sets, all of which live through both calls.
    unsafe {
        check(libc::syscall(libc::SYS_capget, header.as_mut_ptr(), sets.as_mut_ptr()) as libc::c_int)?;
        change(&mut sets[0]);
        check(libc::syscall(libc::SYS_capset, header.as_mut_ptr(), sets.as_ptr()) as libc::c_int)?;
    }
    Ok(sets[0])
}

/// Makes the permitted CAP_NET_BIND_SERVICE effective. Fails where it is not permitted: the image's
/// file capability is permitted only, since an effective one makes exec fail in a pod that drops it.
pub fn allow_low_ports() -> Result<()> {
    const BIT: u32 = 1 << NET_BIND_SERVICE;
    let set = change_capabilities(|set| set.effective |= set.permitted & BIT)?;
    if set.effective & BIT == 0 { Err(Error::from_raw_os_error(libc::EACCES)) } else { Ok(()) }
}

/// Gives CAP_NET_BIND_SERVICE up for good: a bound port stays ours without it.
pub fn forget_low_ports() {
    // Where it was never had there is nothing to give up.
    let _ = change_capabilities(|set| (set.effective, set.permitted) = (0, 0));
}

/// Gives /proc/self back to this user: an exec that gained a file capability left it to root.
pub fn make_dumpable() {
    // SAFETY: PR_SET_DUMPABLE takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
}

fn clock(clock: libc::clockid_t) -> Duration {
    let mut time = timespec(Duration::ZERO);
    // SAFETY: `time` lives through the call, which cannot fail for the clocks that this program asks.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Time that this thread has spent on a core.
pub fn thread_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Time that all threads of this process have spent on cores.
pub fn process_time() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Ends the process at once, with all its threads, running nothing on the way.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(status) }
}

/// Ends as `abort()` does: SIGABRT (134), or 139 as PID 1, where the kernel drops the signal and the
/// C library then runs an instruction that faults.
pub fn abort() -> ! {
    std::process::abort()
}

/// Ends by a real segmentation fault (139), also as PID 1.
pub fn segfault() -> ! {
    default_action(libc::SIGSEGV);
    loop {
        // SAFETY: none, on purpose. No mapping exists below vm.mmap_min_addr, so this store faults.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(8).write_volatile(1) };
    }
}

/// Ends by a real illegal instruction (SIGILL, 132), also as PID 1.
pub fn trap() -> ! {
    default_action(libc::SIGILL);
    // SAFETY: the instructions are defined to fault, so nothing after them runs.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("ud2", options(noreturn));
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("udf #0", options(noreturn));
    }
}

/// Lets `handler` run, with the address in the program, when an instruction traps: what a panic is in the static
/// binaries (`ud2` on amd64, `brk` on arm64). It must not return.
pub fn on_trap(handler: fn(usize) -> !) {
    static HANDLER: std::sync::OnceLock<fn(usize) -> !> = std::sync::OnceLock::new();
    extern "C" fn trapped(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel passes a siginfo, whose address is set for these signals.
        let address = unsafe { (*info).si_addr() } as usize;
        if let Some(handler) = HANDLER.get() {
            handler(address.wrapping_sub(program_start()))
        }
        exit_now(101)
    }
    let _ = HANDLER.set(handler);
    // SAFETY: the action is whole, and lives through the calls; the handler ends the process, so what it interrupted
    // does not matter.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = trapped as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        for signal in [libc::SIGILL, libc::SIGTRAP] {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Where the kernel has put the program.
fn program_start() -> usize {
    unsafe extern "C" {
        static __ehdr_start: u8;
    }
    (&raw const __ehdr_start).addr()
}

/// Takes away the handler that the Rust runtime installs to explain stack overflows.
fn default_action(signal: libc::c_int) {
    // SAFETY: SIG_DFL is a valid action for every signal that can be caught.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Whether writing to stdout or stderr would go to a terminal.
pub fn is_terminal(fd: RawFd) -> bool {
    // SAFETY: no pointers are passed.
    unsafe { libc::isatty(fd) == 1 }
}

/// Opens a file for reading, or for writing from its start.
fn open(path: &str, flags: libc::c_int) -> Result<OwnedFd> {
    let path = CString::new(path)?;
    // SAFETY: the path lives through the call; no file is created, so no mode is read.
    own(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) })
}

/// The first `most` bytes of a file.
pub fn read_file(path: &str, most: usize) -> Result<Vec<u8>> {
    read_all(open(path, libc::O_RDONLY)?.as_raw_fd(), most)
}

/// The first `most` bytes of standard input.
pub fn read_stdin(most: usize) -> Result<Vec<u8>> {
    read_all(0, most)
}

fn read_all(fd: RawFd, most: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut length = 0;
    while length < most {
        // SAFETY: the kernel writes at most as many bytes as the rest of the buffer has.
        let count = unsafe { libc::read(fd, bytes[length..].as_mut_ptr().cast(), most - length) };
        match check_size(count)? {
            0 => break,
            count => length += count,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Replaces what is in a file that exists.
pub fn overwrite_file(path: &str, bytes: &[u8]) -> Result<()> {
    let fd = open(path, libc::O_WRONLY | libc::O_TRUNC)?;
    write(fd.as_raw_fd(), bytes).map(drop)
}

/// Writes all of it; a reader that has gone away wants no more.
pub fn write_all(fd: RawFd, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match write(fd, rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Waits.
pub fn sleep(duration: Duration) {
    let spec = timespec(duration);
    // SAFETY: the timespec lives through the call; what is left is not asked for.
    unsafe { libc::nanosleep(&raw const spec, std::ptr::null_mut()) };
}

/// Writes to a descriptor, blocking while its reader is slow.
pub fn write(fd: RawFd, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads at most `len` bytes of the slice.
    check_size(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })
}

/// Memory of its own, given back when dropped.
pub struct Memory {
    start: *mut libc::c_void,
    size: usize,
}

// SAFETY: the mapping belongs to no thread, and nothing but `touch` (which needs &mut) writes to it.
unsafe impl Send for Memory {}

impl Memory {
    /// Reserves `size` bytes; nothing is used until it is touched.
    pub fn reserve(size: usize) -> Result<Self> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping touches nothing that exists.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), size.max(1), protection, flags, -1, 0) };
        if start == libc::MAP_FAILED { Err(Error::last_os_error()) } else { Ok(Self { start, size: size.max(1) }) }
    }

    /// Writes to every page, so that the kernel has to find memory for each.
    pub fn touch(&mut self) {
        for offset in (0..self.size).step_by(4096) {
            // SAFETY: `offset` is inside the mapping, which lives as long as `self`.
            unsafe { self.start.cast::<u8>().add(offset).write_volatile(1) };
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing refers to it any more.
        unsafe { libc::munmap(self.start, self.size) };
    }
}

// -------------------------------------------------------------------- names

/// The machine's host name, if it has a printable one.
pub fn host_name() -> Option<String> {
    let mut buffer = [0u8; 256];
    // SAFETY: the kernel writes at most `len` bytes into the buffer.
    check(unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len()) }).ok()?;
    let end = buffer.iter().position(|&byte| byte == 0)?;
    let name = str::from_utf8(&buffer[..end]).ok()?;
    let printable = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    printable.then(|| name.to_owned())
}

fn ip_of(address: *const libc::sockaddr) -> Option<SocketAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: a non-null sockaddr begins with its family, which tells what the whole is.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let v4 = &*address.cast::<libc::sockaddr_in>();
                Some((Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()), u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                let v6 = &*address.cast::<libc::sockaddr_in6>();
                Some((Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port)).into())
            }
            _ => None,
        }
    }
}

/// Most IPv4 addresses that are looked at.
const MAX_INTERFACES: usize = 64;

/// The addresses of this machine's (in a pod: this pod's) network interfaces that are up, IPv4 first, in the kernel's
/// order. (netdevice(7) and /proc; the C library's getifaddrs takes three pages of stack for the same.)
pub fn interface_addresses() -> Vec<IpAddr> {
    let mut found = Vec::new();
    // SAFETY: ifreq and ifconf are plain numbers and pointers, for which all zero is a value; the kernel writes at
    // most `ifc_len` bytes into the requests and says how many.
    unsafe {
        let mut requests: [libc::ifreq; MAX_INTERFACES] = std::mem::zeroed();
        let mut list: libc::ifconf = std::mem::zeroed();
        list.ifc_len = size_of_val(&requests) as libc::c_int;
        list.ifc_ifcu.ifcu_req = requests.as_mut_ptr();
        if let Ok(socket) = own(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0))
            && libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFCONF as _, &raw mut list) == 0
        {
            let count = list.ifc_len as usize / size_of::<libc::ifreq>();
            let addresses = requests[..count].iter().map(|request| &raw const request.ifr_ifru.ifru_addr);
            found.extend(addresses.filter_map(ip_of).map(|address| address.ip()));
        }
    }
    let table = read_file("/proc/net/if_inet6", 16 * 1024).unwrap_or_default();
    found.extend(table.split(|&byte| byte == b'\n').filter_map(hexadecimal_ip));
    found
}

/// The address that a line begins with, as 32 hexadecimal digits.
fn hexadecimal_ip(line: &[u8]) -> Option<IpAddr> {
    let digits = line.get(..32)?;
    let bits =
        digits.iter().try_fold(0u128, |bits, &digit| Some(bits << 4 | u128::from((digit as char).to_digit(16)?)))?;
    Some(Ipv6Addr::from_bits(bits).into())
}

/// What getaddrinfo sorts its addresses with, at most 48 of them; the C library's own takes 4 KB of the binary.
#[cfg(target_env = "musl")]
#[unsafe(no_mangle)]
extern "C" fn qsort(
    base: *mut u8,
    count: usize,
    size: usize,
    compare: extern "C" fn(*const u8, *const u8) -> libc::c_int,
) {
    // SAFETY: the caller promises `count` elements of `size` bytes at `base`; every index below is less than `count`.
    unsafe {
        for end in 1..count {
            for at in (0..end).rev() {
                let (left, right) = (base.add(at * size), base.add((at + 1) * size));
                if compare(left, right) <= 0 {
                    break;
                }
                std::ptr::swap_nonoverlapping(left, right, size);
            }
        }
    }
}

/// Which addresses [`lookup`] asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A and AAAA, as std's ToSocketAddrs does.
    Any,
    /// A alone.
    V4,
}

/// Asks the system's resolver, blocking as long as it likes. The error is the resolver's own text.
pub fn lookup(host: &str, family: Family) -> std::result::Result<Vec<IpAddr>, String> {
    let host = CString::new(host).map_err(|_| "name has a NUL".to_owned())?;
    // SAFETY: addrinfo is plain numbers and pointers, for which all zero is a value.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_family = if family == Family::V4 { libc::AF_INET } else { libc::AF_UNSPEC };
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    let mut found = Vec::new();
    // SAFETY: name and hints live through the call; the list is walked before freeaddrinfo ends it.
    unsafe {
        let status = libc::getaddrinfo(host.as_ptr(), std::ptr::null(), &raw const hints, &raw mut list);
        if status != 0 {
            let words = std::ffi::CStr::from_ptr(libc::gai_strerror(status));
            return Err(text::lossy(words.to_bytes()));
        }
        let mut entry = list;
        while !entry.is_null() {
            found.extend(ip_of((*entry).ai_addr).map(|address| address.ip()));
            entry = (*entry).ai_next;
        }
        libc::freeaddrinfo(list);
    }
    Ok(found)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_have_loopback() {
        assert!(interface_addresses().iter().any(IpAddr::is_loopback));
        let line = b"00000000000000000000000000000001 01 80 10 80       lo";
        assert_eq!(hexadecimal_ip(line), Some(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(hexadecimal_ip(b""), None);
    }

    #[test]
    fn a_thread_runs() {
        let (sender, receiver) = std::sync::mpsc::channel();
        spawn(64 * 1024, move || sender.send(5).unwrap()).unwrap();
        assert_eq!(receiver.recv_timeout(Duration::from_secs(20)), Ok(5));
    }
}
