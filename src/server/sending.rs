//! Answers on their way out: one call for a whole answer, and what is left when the client does not take it. And one call
//! for what comes in.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::http::response::Body;

/// Content up to this size is sent in one piece with its head.
const COPIED: u64 = 4 * 1024;
/// Made-up octets sent at a time.
const ZEROS: usize = 64 * 1024;

/// What a connection does once the answer is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    /// Take the next request.
    Next,
    /// Close.
    Close,
    /// Close once the client has read it all.
    Linger,
}

/// An answer that has been sent in part.
pub(super) struct Output {
    head: Vec<u8>,
    body: Body,
    /// Octets of head and content sent so far.
    sent: u64,
    pub(super) after: After,
}

/// Sends an answer whose head is in `head`. What the client does not take at once is returned.
pub(super) fn send(stream: &TcpStream, head: &mut Vec<u8>, body: Body, after: After) -> io::Result<Option<Output>> {
    let body = match body {
        Body::Static(bytes) if body.length() <= COPIED => {
            head.extend_from_slice(bytes);
            Body::Static(b"")
        }
        Body::Owned(bytes) if bytes.len() as u64 <= COPIED => {
            head.extend_from_slice(&bytes);
            Body::Static(b"")
        }
        body => body,
    };
    let sent = transmit(stream, head, &body, 0)?;
    let all = head.len() as u64 + body.length();
    Ok((sent < all).then(|| Output { head: std::mem::take(head), body, sent, after }))
}

impl Output {
    /// Bytes that it keeps.
    pub(super) fn held(&self) -> usize {
        self.head.len() + self.body.held()
    }

    /// Sends on. `true`: that was all.
    pub(super) fn send(&mut self, stream: &TcpStream) -> io::Result<bool> {
        self.sent = transmit(stream, &self.head, &self.body, self.sent)?;
        Ok(self.sent == self.head.len() as u64 + self.body.length())
    }
}

/// Sends head and body from octet `sent` on until the kernel takes no more; returns how far it got.
fn transmit(mut stream: &TcpStream, head: &[u8], body: &Body, mut sent: u64) -> io::Result<u64> {
    let zeros;
    let body_length = body.length();
    let content: &[u8] = match body {
        Body::Static(bytes) => bytes,
        Body::Owned(bytes) => bytes,
        Body::Zeros(length) => {
            zeros = vec![0; ZEROS.min(*length as usize)];
            &zeros
        }
    };
    let all = head.len() as u64 + body_length;
    while sent < all {
        let in_body = sent.saturating_sub(head.len() as u64);
        let piece = match body {
            Body::Zeros(_) => &content[..content.len().min((body_length - in_body) as usize)],
            _ => &content[in_body as usize..],
        };
        let result = match head.get(sent as usize..) {
            Some(rest) if piece.is_empty() => stream.write(rest),
            Some(rest) if !rest.is_empty() => stream.write_vectored(&[IoSlice::new(rest), IoSlice::new(piece)]),
            _ => stream.write(piece),
        };
        match result {
            Ok(count) => sent += count as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

/// Receives what is there, whatever interrupts it.
pub(super) fn receive(mut stream: &TcpStream, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
    loop {
        match stream.read(buffer) {
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.kind()),
        }
    }
}

/// Sends FIN after what was sent; reading goes on.
pub(super) fn finish_sending(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write); // Fails where the client has gone, which the next read tells.
}

/// The two ends of a connection: the peer's address and our own. (A dual-stack socket shows IPv4 as `::ffff:a.b.c.d`.)
pub(super) fn addresses(stream: &TcpStream) -> (Option<SocketAddr>, Option<SocketAddr>) {
    (plain(stream.peer_addr()), plain(stream.local_addr()))
}

/// An address as people know it.
#[inline(never)]
pub(super) fn plain(address: io::Result<SocketAddr>) -> Option<SocketAddr> {
    let address = address.ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}
