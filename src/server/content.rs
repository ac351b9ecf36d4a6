//! The content of a request, from what has been received already and, where that is not all, from the socket.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Server, sending};
use crate::http::RequestError;
use crate::http::body::BodyReader;
use crate::http::head::Head;

/// How long content may take, from the end of the head to its last octet.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes read at a time; what follows the content in them has room in a connection's input.
const PIECE: usize = 8 * 1024;

/// Content that is being read.
pub(super) struct Content<'b> {
    reader: BodyReader,
    expects_continue: bool,
    /// What has been received and is not content.
    pub(super) rest: &'b [u8],
    /// What has been received behind the content since then.
    pub(super) spill: Vec<u8>,
}

/// Why content was not read.
pub(super) enum Unread {
    /// It is not what it should be, or too much, or too late.
    Refused(RequestError),
    /// Reading it would take the last free worker.
    Busy,
    /// The client has gone.
    Gone,
}

impl<'b> Content<'b> {
    /// The content that follows `head`, of which `rest` has been received.
    pub(super) fn new(head: &Head<'_, '_>, limit: u64, rest: &'b [u8]) -> Result<Self, RequestError> {
        let reader = BodyReader::new(head.framing, limit)?;
        Ok(Self { reader, expects_continue: head.expects_continue, rest, spill: Vec::new() })
    }

    /// Whether all of it has been taken from the connection.
    pub(super) fn is_read(&self) -> bool {
        self.reader.is_done()
    }

    /// Takes what has been received already, without waiting for more.
    pub(super) fn skip(&mut self, body: &mut Vec<u8>) {
        self.take_received(body).unwrap_or_default();
    }

    fn take_received(&mut self, body: &mut Vec<u8>) -> Result<(), RequestError> {
        // Gone when it is wrong: nobody may take what is behind an error for anything.
        let rest = std::mem::take(&mut self.rest);
        let used = self.reader.feed(rest, body)?;
        self.rest = &rest[used..];
        Ok(())
    }

    /// Reads all of it, waiting for the client where needed. That keeps a thread, so it needs leave.
    pub(super) fn read(
        &mut self,
        mut stream: &TcpStream,
        server: &'static Server,
        body: &mut Vec<u8>,
    ) -> Result<(), Unread> {
        self.take_received(body).map_err(Unread::Refused)?;
        if self.reader.is_done() {
            return Ok(());
        }
        let _permit = server.crew.begin_slow(server).ok_or(Unread::Busy)?;
        if self.expects_continue {
            // A client that does not take this will not get the answer either.
            stream.write(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| Unread::Gone)?;
        }
        // The one place where a worker waits for a client.
        let blocking = |blocks: bool| stream.set_nonblocking(!blocks).map_err(|_| Unread::Gone);
        blocking(true)?;
        let result = self.read_from_socket(stream, body);
        blocking(false)?;
        result
    }

    #[inline(never)] // Its buffer is on the stack only while it is needed.
    fn read_from_socket(&mut self, stream: &TcpStream, body: &mut Vec<u8>) -> Result<(), Unread> {
        let deadline = Instant::now() + BODY_TIMEOUT;
        let mut piece = [0u8; PIECE];
        while !self.reader.is_done() {
            let left = deadline.saturating_duration_since(Instant::now());
            // It bounds one read, and the deadline is for all of them.
            if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
                return Err(Unread::Refused(RequestError::Timeout));
            }
            match sending::receive(stream, &mut piece) {
                Ok(0) => return Err(Unread::Gone),
                Ok(count) => {
                    let used = self.reader.feed(&piece[..count], body).map_err(Unread::Refused)?;
                    self.spill.extend_from_slice(&piece[used..count]);
                }
                Err(ErrorKind::WouldBlock) => {}
                Err(_) => return Err(Unread::Gone),
            }
        }
        Ok(())
    }
}
