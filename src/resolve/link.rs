//! A connection to a service: requests out and answers in, every step by a deadline.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::error::{CallError, Cause, Phase};
use crate::http::upstream;
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

/// A connection to a service.
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

    /// Sends a request and receives the answer.
    pub fn exchange(&self, request: &[u8], deadline: Instant) -> Result<Answer, CallError> {
        self.send(request, deadline).map_err(|error| CallError::from_io(Phase::Send, self.address, &error))?;
        self.receive(deadline)
    }

    /// Sends octets, and receives until what has come is enough, or the end, or more than a head may be.
    pub fn converse(
        &self,
        octets: &[u8],
        deadline: Instant,
        is_enough: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>, CallError> {
        self.send(octets, deadline).map_err(|error| CallError::from_io(Phase::Send, self.address, &error))?;
        let mut received = Vec::new();
        loop {
            let count = self.read(&mut received, deadline);
            let count = count.map_err(|error| CallError::from_io(Phase::Receive, self.address, &error))?;
            if count == 0 || received.len() > MAX_ANSWER_HEAD || is_enough(&received) {
                return Ok(received);
            }
        }
    }

    fn send(&self, request: &[u8], deadline: Instant) -> std::io::Result<()> {
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
    fn read(&self, received: &mut Vec<u8>, deadline: Instant) -> std::io::Result<usize> {
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

    fn receive(&self, deadline: Instant) -> Result<Answer, CallError> {
        self.receive_whole(deadline).map_err(|failed| match failed {
            Failed::Io(error) => CallError::from_io(Phase::Receive, self.address, &error),
            Failed::NotHttp => self.broken(Cause::NotHttp, "the answer is not HTTP"),
            Failed::Closed(what) => self.broken(Cause::Reset, what),
        })
    }

    fn broken(&self, cause: Cause, what: &str) -> CallError {
        CallError::at(Phase::Receive, cause, self.address, what)
    }

    fn receive_whole(&self, deadline: Instant) -> Result<Answer, Failed> {
        let mut received = Vec::new();
        let mut head = loop {
            let count = self.read(&mut received, deadline)?;
            match upstream::parse(&received)? {
                Some(head) => break head,
                None if received.is_empty() => return Err(Failed::Closed("closed without an answer")),
                None if count == 0 || received.len() > MAX_ANSWER_HEAD => return Err(Failed::NotHttp),
                None => {}
            }
        };
        received.drain(..head.length);
        let mut content = Vec::new();
        loop {
            head.body.feed(&received, &mut content).map_err(|_| Failed::NotHttp)?;
            if head.body.is_done() || content.len() > MAX_CONTENT {
                break;
            }
            received.clear();
            if self.read(&mut received, deadline)? == 0 {
                if head.body.may_end() {
                    break;
                }
                return Err(Failed::Closed("closed before the end of the answer"));
            }
        }
        let is_cut = content.len() > MAX_CONTENT;
        content.truncate(MAX_CONTENT);
        Ok(Answer {
            address: self.address.ip(),
            status: head.status,
            reason: head.reason,
            content,
            is_cut,
            pod: head.pod,
            zone: head.zone,
            keeps: head.keeps && head.body.is_done() && !is_cut,
        })
    }
}

/// Why there is no whole answer.
enum Failed {
    Io(std::io::Error),
    NotHttp,
    /// The other side has closed the connection; that is what is said of it.
    Closed(&'static str),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<upstream::NotHttp> for Failed {
    fn from(_: upstream::NotHttp) -> Self {
        Self::NotHttp
    }
}

/// Time until a deadline; past it an error.
fn left(deadline: Instant) -> std::io::Result<Duration> {
    let left = quantity::left_until(deadline);
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}
