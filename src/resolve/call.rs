//! One call: look up, check, connect, ask, read; every step inside one deadline, every error with its phase.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use super::Service;
use super::lookup::{self, LookupError};
use super::policy::Allow;
use crate::http::upstream;
use crate::{sys, text};

/// Most content of an answer that is kept.
pub const MAX_CONTENT: usize = 1024 * 1024;
/// Longest head of an answer.
const MAX_ANSWER_HEAD: usize = 64 * 1024;

/// What a call may do.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Names and addresses that may be called.
    pub allow: &'a Allow,
    /// Time for all of it.
    pub timeout: Duration,
}

/// What goes with the request: field lines passed on, and the hops so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PassedOn {
    /// Probeservers that the request has passed, this one not counted.
    pub hops: u32,
    /// Whole field lines with their CRLF.
    pub fields: Vec<u8>,
}

/// Who answered, and what.
#[derive(Debug)]
pub struct Answer {
    /// The address that was contacted.
    pub address: IpAddr,
    /// Status code.
    pub status: u16,
    /// Reason phrase as sent.
    pub reason: String,
    /// The content, at most [`MAX_CONTENT`].
    pub content: Vec<u8>,
    /// Whether there was more of it.
    pub is_cut: bool,
    /// `Probe-Pod`, where a probeserver answered.
    pub pod: Option<String>,
    /// `Probe-Zone`, where a probeserver answered.
    pub zone: Option<String>,
    /// Whether another request may follow on the same connection.
    pub keeps: bool,
}

impl Answer {
    /// Whether its status is 2xx.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Where a call was when it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Looking the name up.
    Resolve,
    /// Connecting.
    Connect,
    /// Sending the request.
    Send,
    /// Receiving the answer.
    Receive,
}

impl Phase {
    /// Its name in error lines.
    pub fn name(self) -> &'static str {
        ["resolve", "connect", "send", "receive"][self as usize]
    }
}

/// Why a call failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// No address may be called.
    Denied,
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
    /// Where.
    pub phase: Phase,
    /// Why.
    pub cause: Cause,
    /// What exactly, for people.
    pub detail: String,
}

impl CallError {
    fn new(phase: Phase, cause: Cause, detail: impl Into<String>) -> Self {
        Self { phase, cause, detail: detail.into() }
    }

    fn from_io(phase: Phase, address: SocketAddr, error: &std::io::Error) -> Self {
        let cause = match error.kind() {
            ErrorKind::ConnectionRefused => Cause::Refused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Cause::Timeout,
            _ => Cause::Reset,
        };
        let what = if cause == Cause::Timeout { "timed out".to_owned() } else { sys::error_text(error) };
        Self::at(phase, cause, address, &what)
    }

    #[inline(never)]
    fn at(phase: Phase, cause: Cause, address: SocketAddr, what: &str) -> Self {
        let mut detail = Vec::new();
        text::socket_address(&mut detail, address);
        text::put_all(&mut detail, &[": ", what]);
        Self::new(phase, cause, text::into_string(detail))
    }

    /// The status that tells the client.
    pub fn status(&self) -> u16 {
        match self.cause {
            Cause::Denied => 403,
            Cause::Name | Cause::Refused | Cause::Reset | Cause::NotHttp => 502,
            Cause::Timeout => 504,
        }
    }

    /// `phase: what happened`.
    pub fn line(&self) -> String {
        text::joined(&[self.phase.name(), ": ", &self.detail])
    }
}

/// Makes one call to a service.
pub fn call(service: &Service, rules: Rules<'_>, passed_on: &PassedOn) -> Result<Answer, CallError> {
    let deadline = Instant::now() + rules.timeout;
    let addresses = permitted_addresses(service, rules.allow, deadline)?;
    fetch(&addresses, service.port, &request_head(service, passed_on, false), deadline)
}

/// Sends a request to the first of some addresses that takes a connection, and receives the answer.
pub fn fetch(addresses: &[IpAddr], port: u16, request: &[u8], deadline: Instant) -> Result<Answer, CallError> {
    Link::connect(addresses, port, deadline)?.exchange(request, deadline)
}

/// A connection to a service.
pub struct Link {
    socket: OwnedFd,
    address: SocketAddr,
}

impl Link {
    /// Connects to the first address that takes it; each gets an even share of the time that is left.
    pub fn connect(addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<Self, CallError> {
        let mut failure = None;
        for (index, &ip) in addresses.iter().enumerate() {
            let address = SocketAddr::new(ip, port);
            let share = |left: Duration| left / (addresses.len() - index) as u32;
            match left(deadline).and_then(|left| sys::connect(address, share(left))) {
                Ok(socket) => return Ok(Self { socket, address }),
                Err(error) => failure = Some(CallError::from_io(Phase::Connect, address, &error)),
            }
        }
        Err(failure.unwrap_or_else(|| CallError::new(Phase::Connect, Cause::Name, "no addresses")))
    }

    /// Sends a request and receives the answer.
    pub fn exchange(&self, request: &[u8], deadline: Instant) -> Result<Answer, CallError> {
        let (fd, address) = (self.socket.as_raw_fd(), self.address);
        send(fd, request, deadline).map_err(|error| CallError::from_io(Phase::Send, address, &error))?;
        receive(fd, address, deadline)
    }
}

/// Time until a deadline; past it an error.
pub(super) fn left(deadline: Instant) -> std::io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

pub(super) fn send(fd: RawFd, request: &[u8], deadline: Instant) -> std::io::Result<()> {
    let mut rest = request;
    while !rest.is_empty() {
        match sys::send(fd, rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                sys::wait_writable(fd, left(deadline)?);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Receives what comes next; nothing more comes after 0.
pub(super) fn receive_some(fd: RawFd, buffer: &mut [u8], deadline: Instant) -> std::io::Result<usize> {
    loop {
        match sys::receive(fd, buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                sys::wait_readable(fd, left(deadline)?);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The addresses of a service that may be called.
pub(super) fn permitted_addresses(
    service: &Service,
    allow: &Allow,
    deadline: Instant,
) -> Result<Vec<IpAddr>, CallError> {
    let fail =
        |cause, detail: &str| CallError::new(Phase::Resolve, cause, text::joined(&[&service.host, ": ", detail]));
    const DENIED: &str = "not allowed by RESOLVE_ALLOW";
    if !allow.may_permit(&service.host) {
        return Err(fail(Cause::Denied, DENIED));
    }
    let mut addresses = match service.literal {
        Some(address) => vec![address],
        None => lookup::addresses(&service.host, deadline).map_err(|error| match error {
            LookupError::NoSuchName => fail(Cause::Name, "no such name"),
            LookupError::Failed => fail(Cause::Name, "the name servers cannot tell"),
            LookupError::TimedOut => fail(Cause::Timeout, "timed out"),
        })?,
    };
    let own = sys::interface_addresses();
    addresses.retain(|&address| allow.permits(&service.host, address, &own));
    if addresses.is_empty() {
        return Err(fail(Cause::Denied, DENIED));
    }
    Ok(addresses)
}

/// The request for a service; asks for the end of the connection unless another one may follow.
pub(super) fn request_head(service: &Service, passed_on: &PassedOn, keeps: bool) -> Vec<u8> {
    let mut head = Vec::with_capacity(256);
    text::put_all(&mut head, &["GET ", &service.path, " HTTP/1.1\r\nHost: ", &service.authority()]);
    text::put(&mut head, concat!("\r\nUser-Agent: probeserver/", env!("CARGO_PKG_VERSION")).as_bytes());
    text::put(&mut head, b"\r\nAccept: */*\r\nProbe-Hops: ");
    text::decimal(&mut head, u64::from(passed_on.hops) + 1);
    text::put(&mut head, b"\r\n");
    text::put(&mut head, &passed_on.fields);
    text::put(&mut head, if keeps { b"\r\n" } else { b"Connection: close\r\n\r\n" });
    head
}

fn receive(fd: RawFd, address: SocketAddr, deadline: Instant) -> Result<Answer, CallError> {
    let broken = |cause, what| CallError::at(Phase::Receive, cause, address, what);
    let not_http = || broken(Cause::NotHttp, "the answer is not HTTP");
    let read = |buffer: &mut [u8]| {
        receive_some(fd, buffer, deadline).map_err(|error| CallError::from_io(Phase::Receive, address, &error))
    };
    let mut buffer = vec![0; 16 * 1024];
    let mut head_bytes = Vec::new();
    let mut head = loop {
        let count = read(&mut buffer)?;
        text::put(&mut head_bytes, &buffer[..count]);
        match upstream::parse(&head_bytes).map_err(|_| not_http())? {
            Some(head) => break head,
            None if count == 0 && head_bytes.is_empty() => {
                return Err(broken(Cause::Reset, "closed without an answer"));
            }
            None if count == 0 || head_bytes.len() > MAX_ANSWER_HEAD => return Err(not_http()),
            None => {}
        }
    };
    let mut content = Vec::new();
    head.body.feed(&head_bytes[head.length..], &mut content).map_err(|_| not_http())?;
    while !head.body.is_done() && content.len() <= MAX_CONTENT {
        let count = read(&mut buffer)?;
        if count == 0 {
            if head.body.may_end() {
                break;
            }
            return Err(broken(Cause::Reset, "closed before the end of the answer"));
        }
        head.body.feed(&buffer[..count], &mut content).map_err(|_| not_http())?;
    }
    let is_cut = content.len() > MAX_CONTENT;
    content.truncate(MAX_CONTENT);
    Ok(Answer {
        address: address.ip(),
        status: head.status,
        reason: head.reason,
        content,
        is_cut,
        pod: head.pod,
        zone: head.zone,
        keeps: head.keeps && head.body.is_done() && !is_cut,
    })
}

/// The block that the original prints.
pub fn block(hostname: &str, ip: &str, service: &Service, answer: &Answer) -> Vec<u8> {
    const RULE: &str = "----------------------------------------------------\n";
    let address = text::written(|out| text::ip_address(out, answer.address));
    let mut out = Vec::with_capacity(256 + answer.content.len());
    let ours = [RULE, "Hostname = ", hostname, "\nIp Address = ", ip];
    let theirs = ["\nService hostname = ", &service.host, "\nService IP = ", &address, "\n"];
    text::put_all(&mut out, &ours);
    text::put_all(&mut out, &theirs);
    if !answer.is_ok() {
        text::put(&mut out, b"Service status = ");
        text::decimal(&mut out, u64::from(answer.status));
        out.push(b' ');
        text::put(&mut out, answer.reason.as_bytes());
        out.push(b'\n');
    }
    text::put(&mut out, RULE.as_bytes());
    text::put(&mut out, &answer.content);
    if answer.is_cut {
        text::put(&mut out, b"\n(cut at 1048576 bytes)\n");
    }
    out
}
