//! Answers on their way out: one call for a whole answer, and what is left when the client does not take it. And one call
//! for what comes in.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::http::Methods;
use crate::http::response::{Body, Persistence, Response};
use crate::text;

/// Content up to this size is sent in one piece with its head.
const COPIED: usize = 4 * 1024;
/// Made-up octets sent at a time.
const ZEROS: usize = 64 * 1024;

/// What a connection does once the answer is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    Next,
    Close,
    /// Close once the client has read it all.
    Linger,
}

/// What an answer is that is the same again within the second: 200 with small content that lives as long as the program.
#[derive(PartialEq, Eq)]
pub(super) struct Kept {
    content_type: *const u8,
    content: *const u8,
    length: usize,
}

impl Kept {
    /// `None`: it is none of these.
    pub(super) fn of(response: &Response, persistence: Persistence) -> Option<Self> {
        match *response {
            Response {
                status: 200, content_type, body: Body::Static(content), fields, allow: Methods::NONE, ..
            } if fields.is_empty() && content.len() <= COPIED && persistence == Persistence::Default => {
                let (content_type, length) = (content_type.as_ptr(), content.len());
                Some(Self { content_type, content: content.as_ptr(), length })
            }
            _ => None,
        }
    }
}

/// An answer on its way out.
pub(super) struct Output {
    pub(super) head: Vec<u8>,
    body: Body,
    /// Octets of head and content sent so far.
    sent: u64,
    pub(super) after: After,
}

impl Output {
    /// An answer of which nothing has been sent. Small content goes behind its head, so that both are one piece.
    #[inline(never)]
    pub(super) fn new(mut head: Vec<u8>, mut body: Body, after: After) -> Self {
        if let Some(bytes) = body.octets().filter(|bytes| bytes.len() <= COPIED) {
            text::put(&mut head, bytes);
            body = Body::Static(b"");
        }
        Self { head, body, sent: 0, after }
    }

    /// Bytes that it keeps.
    pub(super) fn held(&self) -> usize {
        self.head.len() + self.body.held()
    }

    /// Sends on until the kernel takes no more. `true`: that was all.
    #[inline(never)]
    pub(super) fn send(&mut self, mut stream: &TcpStream) -> io::Result<bool> {
        let (head, body_length) = (self.head.as_slice(), self.body.length());
        let zeros;
        let content = match self.body.octets() {
            Some(octets) => octets,
            None => {
                zeros = vec![0; ZEROS.min(body_length as usize)];
                &zeros
            }
        };
        let all = head.len() as u64 + body_length;
        while self.sent < all {
            let in_body = self.sent.saturating_sub(head.len() as u64);
            let piece = match &self.body {
                Body::Zeros(_) => &content[..content.len().min((body_length - in_body) as usize)],
                _ => &content[in_body as usize..],
            };
            let result = match head.get(self.sent as usize..) {
                Some(rest) if piece.is_empty() => stream.write(rest),
                Some(rest) if !rest.is_empty() => stream.write_vectored(&[IoSlice::new(rest), IoSlice::new(piece)]),
                _ => stream.write(piece),
            };
            match result {
                Ok(count) => self.sent += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
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

/// The address of a connection's end as people know it. (A dual-stack socket shows IPv4 as `::ffff:a.b.c.d`.)
#[inline(never)]
pub(super) fn plain(address: io::Result<SocketAddr>) -> Option<String> {
    let address = address.ok()?;
    Some(text::socket_address(SocketAddr::new(address.ip().to_canonical(), address.port())))
}
