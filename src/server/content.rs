//! The content of a request, from what has been received already and, where that is not all, from the socket.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::input::Input;
use crate::http::RequestError;
use crate::http::body::BodyReader;
use crate::http::head::Head;
use crate::quantity;

/// How long content may take, from the end of the head to its last octet.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Octets received at a time.
const PIECE: usize = 8 * 1024;

/// Content that is being read.
pub(super) struct Content<'b> {
    reader: BodyReader,
    expects_continue: bool,
    /// What has been received behind the head and is not content.
    pub(super) rest: &'b [u8],
}

/// Why content was not read.
pub(super) enum Unread {
    /// It is not what it should be, or too much, or too late.
    Refused(RequestError),
    /// No thread is to spare for waiting.
    Busy,
    /// The client has gone.
    Gone,
}

impl<'b> Content<'b> {
    /// The content that follows `head`, of which `rest` has been received.
    pub(super) fn new(head: &Head<'_, '_>, limit: u64, rest: &'b [u8]) -> Result<Self, RequestError> {
        let reader = BodyReader::new(head.framing, limit)?;
        Ok(Self { reader, expects_continue: head.expects_continue, rest })
    }

    /// Whether all of it has been taken from the connection.
    pub(super) fn is_read(&self) -> bool {
        self.reader.is_done()
    }

    /// Takes what has been received already, without waiting for more.
    pub(super) fn take_received(&mut self, body: &mut Vec<u8>) -> Result<(), RequestError> {
        if self.is_read() {
            return Ok(());
        }
        // Gone when it is wrong: nobody may take what is behind an error for anything.
        let rest = std::mem::take(&mut self.rest);
        let used = self.reader.feed(rest, body)?;
        self.rest = &rest[used..];
        Ok(())
    }

    /// Waits for the rest of it: the one place where a worker waits for a client, so that it needs leave. What comes
    /// `behind` it stays there.
    pub(super) fn receive(
        &mut self,
        mut stream: &TcpStream,
        behind: &mut Input,
        body: &mut Vec<u8>,
    ) -> Result<(), Unread> {
        if self.expects_continue {
            // A client that does not take this will not get the answer either.
            stream.write(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| Unread::Gone)?;
        }
        let set_blocking = |blocks: bool| stream.set_nonblocking(!blocks).map_err(|_| Unread::Gone);
        set_blocking(true)?;
        let result = self.receive_all(stream, behind, body);
        set_blocking(false)?;
        if result.is_err() {
            behind.clear();
        }
        result
    }

    fn receive_all(&mut self, stream: &TcpStream, behind: &mut Input, body: &mut Vec<u8>) -> Result<(), Unread> {
        let deadline = quantity::deadline_in(BODY_TIMEOUT);
        behind.make_room(PIECE);
        while !self.reader.is_done() {
            let left = quantity::left_until(deadline);
            // The kernel's timeout bounds one read, and the deadline is for all of them.
            if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
                return Err(Unread::Refused(RequestError::Timeout));
            }
            match behind.receive(stream) {
                Ok(0) => return Err(Unread::Gone),
                Ok(_) => {
                    let used = self.reader.feed(behind.unused(), body).map_err(Unread::Refused)?;
                    behind.consume(used);
                }
                Err(std::io::ErrorKind::WouldBlock) => {} // The time is over.
                Err(_) => return Err(Unread::Gone),
            }
        }
        Ok(())
    }
}
