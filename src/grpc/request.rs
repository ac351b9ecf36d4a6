//! Requests: from header blocks and content to calls, or to what refuses them.

use std::time::Instant;

use super::field::Meaning;
use super::frame::{self, Code, END_HEADERS, END_STREAM, Frame};
use super::session::{Block, Next, PRICE_OF_FRAME, Session};
use super::stream::{Stage, Stream};
use super::{INPUT_TIMEOUT, MAX_BLOCK, MAX_STREAMS, Method, Status, answer, check_of, message};

/// What a client may spend of the connection's window before it gets that back.
const REFILL: u32 = 16 * 1024;

/// What became of a frame: nothing to tell, something, or an error.
pub(super) type Outcome<D> = Result<Option<Next<D>>, Wrong>;

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wrong {
    /// That ends the connection.
    Connection(Code),
    /// That ends its stream.
    Stream(Code),
    /// The same: its request is malformed (RFC 9113 section 8.1.1).
    Request,
}

impl From<Code> for Wrong {
    fn from(code: Code) -> Self {
        Self::Connection(code)
    }
}

impl<D> Session<D> {
    /// A piece of a header block; at its end, what it means.
    #[inline(never)]
    pub(super) fn headers(&mut self, frame: &Frame<'_>, now: Instant) -> Outcome<D> {
        let (piece, block) = match self.open_block {
            Some(block) if block.stream == frame.stream => (frame.payload, block),
            Some(_) => return Err(Code::Protocol.into()),
            None if frame.stream.is_multiple_of(2) => return Err(Code::Protocol.into()),
            None => {
                let (piece, depends_on_itself) = frame.block()?;
                let ends_stream = frame.has(END_STREAM);
                (piece, Block { stream: frame.stream, ends_stream, depends_on_itself })
            }
        };
        if piece.is_empty() {
            self.credit -= PRICE_OF_FRAME;
        }
        if self.block.len() + piece.len() > MAX_BLOCK {
            return Err(Code::EnhanceYourCalm.into());
        }
        if !frame.has(END_HEADERS) {
            self.block.extend_from_slice(piece);
            if self.open_block.replace(block).is_none() {
                self.since = Some(now);
            }
            return Ok(None);
        }
        let mut meaning = Meaning::default();
        let mut whole = std::mem::take(&mut self.block);
        let bytes = if self.open_block.take().is_some() {
            whole.extend_from_slice(piece);
            &whole
        } else {
            piece
        };
        self.decoder.decode(bytes, &mut |field| meaning.add(field)).map_err(|_| Code::Compression)?;
        if let Some(at) = self.find(block.stream) {
            return self.trailers(at, block, &meaning, now);
        }
        if block.stream > self.last {
            self.last = block.stream;
            return self.request(block, &meaning, now);
        }
        match block.stream {
            stream if self.is_ignored(stream) => Ok(None),
            stream if stream == self.last => Err(Code::StreamClosed.into()),
            _ => Err(Code::Protocol.into()),
        }
    }

    #[inline(never)]
    fn request(&mut self, block: Block, meaning: &Meaning, now: Instant) -> Outcome<D> {
        let id = block.stream;
        if self.is_ignored(id) {
            return Ok(None);
        }
        if self.streams.len() >= MAX_STREAMS {
            return Err(Wrong::Stream(Code::RefusedStream));
        }
        if meaning.is_no_request() || block.depends_on_itself {
            return Err(Wrong::Request);
        }
        self.has_probe = meaning.has_probe;
        let method = if meaning.is_call() { meaning.method } else { None };
        let mut stream = Stream::new(id, self.first_window, method, meaning.length, now + INPUT_TIMEOUT);
        stream.has_ended = block.ends_stream;
        self.streams.push(stream);
        let at = self.streams.len() - 1;
        if meaning.size > MAX_BLOCK {
            return Ok(Some(self.refuse(at, Status::TooLarge, 431)));
        }
        if meaning.is_call() && meaning.is_encoded {
            return Ok(Some(self.refuse(at, Status::Compressed, 415)));
        }
        // Before its end: a call that goes both ways may have none.
        if meaning.is_call() && method.is_none() {
            return Ok(Some(self.refuse(at, Status::NoMethod, 404)));
        }
        if block.ends_stream { self.end_of_request(at, b"", now) } else { Ok(None) }
    }

    fn trailers(&mut self, at: usize, block: Block, meaning: &Meaning, now: Instant) -> Outcome<D> {
        if self.streams[at].has_ended {
            return Err(Wrong::Stream(Code::StreamClosed));
        }
        if meaning.is_no_trailers() || !block.ends_stream || block.depends_on_itself {
            return Err(Wrong::Stream(Code::Protocol));
        }
        self.end_of_request(at, b"", now)
    }

    #[inline(never)]
    pub(super) fn data(&mut self, frame: &Frame<'_>, now: Instant) -> Outcome<D> {
        let content = frame.unpadded()?;
        self.is_known(frame.stream)?;
        self.spent += frame.payload.len() as u32;
        if self.spent >= REFILL {
            frame::put_number(&mut self.output, frame::WINDOW_UPDATE, 0, std::mem::take(&mut self.spent));
        }
        let ends = frame.has(END_STREAM);
        if content.is_empty() && !ends {
            self.credit -= PRICE_OF_FRAME;
        }
        let Some(at) = self.find(frame.stream) else {
            let is_ignored = self.is_ignored(frame.stream);
            return if is_ignored { Ok(None) } else { Err(Wrong::Stream(Code::StreamClosed)) };
        };
        let stream = &mut self.streams[at];
        if stream.has_ended {
            return Err(Wrong::Stream(Code::StreamClosed));
        }
        stream.received = stream.received.saturating_add(content.len() as u32);
        if stream.is_wrong_length(ends) {
            return Err(Wrong::Request);
        }
        if !matches!(stream.stage, Stage::Receiving) {
            // Its answer is on its way already and waits for a window.
            stream.has_ended = ends;
            return Ok(None);
        }
        if ends {
            return self.end_of_request(at, content, now);
        }
        match stream.receive(content) {
            Ok(()) => Ok(None),
            Err(Some(status)) => Ok(Some(self.refuse(at, status, 400))),
            Err(None) => Ok(Some(self.refuse_foreign(at, now))),
        }
    }

    /// A request is all there, with this as its last content.
    fn end_of_request(&mut self, at: usize, content: &[u8], now: Instant) -> Outcome<D> {
        let stream = &mut self.streams[at];
        stream.has_ended = true;
        if stream.is_wrong_length(true) {
            return Err(Wrong::Request);
        }
        if !matches!(stream.stage, Stage::Receiving) {
            return Ok(None);
        }
        let Some(method) = stream.method else { return Ok(Some(self.refuse_foreign(at, now))) };
        let mut whole = std::mem::take(&mut stream.bytes);
        let bytes = if whole.is_empty() {
            content
        } else {
            whole.extend_from_slice(content);
            &whole
        };
        match message::service(bytes) {
            Ok(service) => {
                stream.check = if method == Method::List { None } else { check_of(service) };
                Ok(Some(Next::Call(stream.call(method, None, false))))
            }
            Err(status) => Ok(Some(self.refuse(at, status, 400))),
        }
    }

    /// Answers a request that is not gRPC.
    pub(super) fn refuse_foreign(&mut self, at: usize, now: Instant) -> Next<D> {
        let stream = &mut self.streams[at];
        answer::not_grpc(&mut self.output, stream.id);
        stream.bytes = answer::NOT_GRPC_TEXT.to_vec();
        stream.end(false, now);
        self.send(at);
        Next::Refused(415)
    }

    pub(super) fn refuse(&mut self, at: usize, status: Status, http: u16) -> Next<D> {
        self.end_with(at, status);
        Next::Refused(http)
    }

    /// Ends a call with an error.
    pub(super) fn end_with(&mut self, at: usize, status: Status) {
        let stream = &self.streams[at];
        answer::error(&mut self.output, stream.id, status, stream.has_head);
        self.finish(at);
    }
}
