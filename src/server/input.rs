//! Bytes received on a connection and not used yet.

use std::io::ErrorKind;
use std::net::TcpStream;

use super::sending::receive;
use crate::http::MAX_HEAD;

/// Room at first: the heads that probes and browsers send. It grows once, to what the longest head needs.
const FIRST: usize = 2 * 1024;

/// Bytes of one connection; the memory is a worker's, for one connection after another.
#[derive(Default)]
pub(super) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    pub(super) fn unused(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether what was received last fills the room there was for it, so that there may be more.
    pub(super) fn is_full(&self) -> bool {
        self.end == self.buffer.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Goes on behind what has been used.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
    }

    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Begins with bytes that were received earlier.
    pub(super) fn restore(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.buffer[..bytes.len()].copy_from_slice(bytes);
        (self.start, self.end) = (0, bytes.len());
    }

    /// Receives what is there, behind what was received before. `Ok(0)`: nothing more will come.
    pub(super) fn receive(&mut self, stream: &TcpStream) -> Result<usize, ErrorKind> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        self.make_room(self.end + 1);
        let count = receive(stream, &mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// Makes room for so many bytes in all.
    pub(super) fn make_room(&mut self, length: usize) {
        if length > self.buffer.len() {
            self.grow(if length <= FIRST { FIRST } else { MAX_HEAD.max(length) });
        }
    }

    /// Has room for so many bytes from now on.
    pub(super) fn grow(&mut self, room: usize) {
        // Copied in pieces, which the stack has room for: to zero octet by octet, as calloc does too, takes 17,000 instructions
        // for the small one.
        let zeros = [0; 256];
        self.buffer.reserve_exact(room - self.buffer.len());
        while self.buffer.len() < room {
            self.buffer.extend_from_slice(&zeros[..zeros.len().min(room - self.buffer.len())]);
        }
    }
}
