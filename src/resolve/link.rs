//! A connection to a service: requests out and answers in, every step by a deadline.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::error::{CallError, Cause, Phase};
use crate::http::upstream::{self, UpstreamHead};
use crate::{quantity, text};

/// Most content of an answer that is kept.
pub const MAX_CONTENT: usize = 1024 * 1024;
/// Longest head of an answer.
const MAX_ANSWER_HEAD: usize = 64 * 1024;

/// Who answered, and what.
#[derive(Debug)]
pub struct Answer {
    /// The address that was contacted.
    pub address: IpAddr,
    pub status: u16,
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

pub struct Link {
    stream: TcpStream,
    address: SocketAddr,
}

impl Link {
    /// Connects to the first address that takes it, beginning at the place `first`; each gets an even share of the time that
    /// is left.
    pub fn connect(addresses: &[IpAddr], first: usize, port: u16, deadline: Instant) -> Result<Self, CallError> {
        let no_addresses =
            || CallError { phase: Phase::Connect, cause: Cause::Name, detail: "no addresses".to_owned() };
        let mut failure = None;
        for index in 0..addresses.len() {
            let address = SocketAddr::new(addresses[(first + index) % addresses.len()], port);
            // A share that is rounded down to nothing would be an error of its own.
            let share = |left: Duration| (left / (addresses.len() - index) as u32).max(Duration::from_millis(1));
            match left(deadline).and_then(|left| TcpStream::connect_timeout(&address, share(left))) {
                Ok(stream) => return Ok(Self { stream, address }),
                Err(error) => failure = Some(CallError::from_io(Phase::Connect, address, &error)),
            }
        }
        Err(failure.unwrap_or_else(no_addresses))
    }

    /// Whether it stands, as far as is known here, and nothing has come that nobody asked for.
    pub fn is_open(&self) -> bool {
        let read = self.stream.set_nonblocking(true).and_then(|()| (&self.stream).read(&mut [0]));
        let is_silent = read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        is_silent && self.stream.set_nonblocking(false).is_ok()
    }

    pub fn exchange(&self, request: &[u8], deadline: Instant) -> Result<Answer, CallError> {
        self.send(request, deadline)?;
        self.receive(deadline).map_err(|error| self.failed(Phase::Receive, &error))
    }

    /// Sends octets, and receives until what has come is enough, or the end, or more than a head may be.
    pub fn converse(
        &self,
        octets: &[u8],
        deadline: Instant,
        is_enough: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>, CallError> {
        self.send(octets, deadline)?;
        let mut received = Vec::new();
        loop {
            match self.read(&mut received, deadline) {
                Ok(1..) if received.len() <= MAX_ANSWER_HEAD && !is_enough(&received) => {}
                Ok(_) => return Ok(received),
                Err(error) => return Err(self.failed(Phase::Receive, &error)),
            }
        }
    }

    fn failed(&self, phase: Phase, error: &io::Error) -> CallError {
        CallError::from_io(phase, self.address, error)
    }

    #[inline(never)]
    fn send(&self, request: &[u8], deadline: Instant) -> Result<(), CallError> {
        self.write(request, deadline).map_err(|error| self.failed(Phase::Send, &error))
    }

    fn write(&self, request: &[u8], deadline: Instant) -> io::Result<()> {
        let mut rest = request;
        while !rest.is_empty() {
            // The kernel's limit is for one call, so that each gets what is left of the time.
            self.stream.set_write_timeout(Some(left(deadline)?))?;
            match (&self.stream).write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Appends what comes next; nothing more comes after 0.
    #[inline(never)] // Its buffer is on the stack only while it is needed.
    fn read(&self, received: &mut Vec<u8>, deadline: Instant) -> io::Result<usize> {
        let mut buffer = [0; 8 * 1024];
        let mut read = || {
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            (&self.stream).read(&mut buffer)
        };
        let count = loop {
            match read() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        text::put(received, &buffer[..count]);
        Ok(count)
    }

    /// An answer that is no HTTP is invalid data, and one that is not whole an early end.
    fn receive(&self, deadline: Instant) -> io::Result<Answer> {
        let mut received = Vec::new();
        loop {
            let count = self.read(&mut received, deadline)?;
            let Ok(parsed) = &mut upstream::parse(&received) else { return Err(ErrorKind::InvalidData.into()) };
            match parsed {
                Some(head) => return self.receive_content(head, &received, deadline),
                None if received.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                None if count == 0 || received.len() > MAX_ANSWER_HEAD => return Err(ErrorKind::InvalidData.into()),
                None => {}
            }
        }
    }

    fn receive_content(&self, head: &mut UpstreamHead<'_>, received: &[u8], deadline: Instant) -> io::Result<Answer> {
        let body = &mut head.body;
        let (mut content, mut piece) = (Vec::new(), received[head.length..].to_vec());
        loop {
            body.feed(&piece, &mut content).map_err(|_| ErrorKind::InvalidData)?;
            if body.is_done() || content.len() > MAX_CONTENT {
                break;
            }
            piece.clear();
            if self.read(&mut piece, deadline)? == 0 {
                if body.may_end() {
                    break;
                }
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let is_cut = content.len() > MAX_CONTENT;
        content.truncate(MAX_CONTENT);
        Ok(Answer {
            address: self.address.ip(),
            status: head.status,
            reason: text::lossy(head.reason),
            content,
            is_cut,
            pod: head.pod.map(str::to_owned),
            zone: head.zone.map(str::to_owned),
            keeps: head.keeps && body.is_done() && !is_cut,
        })
    }
}

/// Time until a deadline; past it an error.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = quantity::left_until(deadline);
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}
