//! Frames that carry no part of a message: settings, windows, resets; and the errors of streams.

use super::MAX_FRAME;
use super::frame::{self, ACK, Code, Frame};
use super::request::Wrong;
use super::session::{PRICE_OF_ERROR, Session};

impl<D> Session<D> {
    /// Frames that carry no part of a message.
    #[inline(never)]
    pub(super) fn control(&mut self, frame: &Frame<'_>) -> Result<(), Wrong> {
        let (stream, payload) = (frame.stream, frame.payload);
        let is_of_connection = matches!(frame.kind, frame::SETTINGS | frame::PING | frame::GOAWAY);
        let is_of_stream = matches!(frame.kind, frame::PRIORITY | frame::RST_STREAM | frame::PUSH_PROMISE);
        if is_of_connection && stream != 0 || is_of_stream && stream == 0 {
            return Err(Code::Protocol.into());
        }
        match frame.kind {
            frame::PRIORITY if payload.len() != 5 => return Err(Wrong::Stream(Code::FrameSize)),
            frame::PRIORITY if frame::depends_on(payload) == Some(stream) => {
                return Err(Wrong::Stream(Code::Protocol));
            }
            frame::RST_STREAM => {
                frame.number()?;
                self.is_known(stream)?;
                self.forget(stream);
            }
            frame::SETTINGS => self.settings(frame)?,
            frame::PUSH_PROMISE => return Err(Code::Protocol.into()),
            frame::PING if payload.len() != 8 => return Err(Code::FrameSize.into()),
            frame::PING if !frame.has(ACK) => frame::put(&mut self.output, frame::PING, ACK, 0, payload),
            frame::GOAWAY if payload.len() < 8 => return Err(Code::FrameSize.into()),
            frame::WINDOW_UPDATE => self.window_update(stream, frame.number()? & 0x7fff_ffff)?,
            _ => {} // Also all that is unknown (RFC 9113 section 5.5).
        }
        Ok(())
    }

    /// Settings of the client's. Only its windows matter here: we send no frame that is long and no entry of a table.
    fn settings(&mut self, frame: &Frame<'_>) -> Result<(), Code> {
        if !frame.payload.len().is_multiple_of(6) || frame.has(ACK) && !frame.payload.is_empty() {
            return Err(Code::FrameSize);
        }
        for setting in frame.payload.chunks_exact(6) {
            // Cannot fail: a piece has 6 octets.
            let &[_, id, a, b, c, d] = setting else { continue };
            let value = u32::from_be_bytes([a, b, c, d]);
            match (setting[0], id) {
                (0, 2) if value > 1 => return Err(Code::Protocol),
                (0, 4) => {
                    let window = i32::try_from(value).map_err(|_| Code::FlowControl)?;
                    let before = std::mem::replace(&mut self.first_window, window);
                    for stream in &mut self.streams {
                        let now = i64::from(stream.window) + i64::from(window) - i64::from(before);
                        stream.window = now.try_into().map_err(|_| Code::FlowControl)?;
                    }
                }
                (0, 5) if !(MAX_FRAME as u32..1 << 24).contains(&value) => return Err(Code::Protocol),
                _ => {}
            }
        }
        if !frame.has(ACK) {
            frame::put(&mut self.output, frame::SETTINGS, ACK, 0, b"");
            self.send_all();
        }
        Ok(())
    }

    fn window_update(&mut self, stream: u32, more: u32) -> Result<(), Wrong> {
        let widened = |window: i32| window.checked_add_unsigned(more).filter(|_| more > 0);
        let code = if more == 0 { Code::Protocol } else { Code::FlowControl };
        if stream == 0 {
            self.window = widened(self.window).ok_or(code)?;
            self.send_all();
            return Ok(());
        }
        self.is_known(stream)?;
        let Some(at) = self.find(stream) else { return Ok(()) };
        match widened(self.streams[at].window) {
            Some(window) => {
                self.streams[at].window = window;
                self.send(at);
                Ok(())
            }
            None => Err(Wrong::Stream(code)),
        }
    }

    /// The place of a stream that is open.
    #[inline(never)]
    pub(super) fn find(&self, id: u32) -> Option<usize> {
        self.streams.iter().position(|stream| stream.id == id)
    }

    fn forget(&mut self, id: u32) {
        if let Some(at) = self.find(id) {
            self.remove(at);
        }
    }

    /// The last stream takes the place of one that goes.
    #[inline(never)]
    pub(super) fn remove(&mut self, at: usize) {
        self.streams.swap_remove(at);
    }

    /// Refuses frames of a stream that has not been opened; those of one that is closed are let pass.
    pub(super) fn is_known(&self, stream: u32) -> Result<(), Code> {
        if stream.is_multiple_of(2) || stream > self.last { Err(Code::Protocol) } else { Ok(()) }
    }

    /// Whether frames of a closed stream are to be ignored: it is above what GOAWAY has promised, or we have reset it.
    pub(super) fn is_ignored(&self, stream: u32) -> bool {
        self.promised.is_some_and(|promised| stream > promised) || self.reset.contains(&stream)
    }

    /// An error of a stream; of one that is not open yet, which cannot be reset, it is one of the connection.
    pub(super) fn stream_error(&mut self, stream: u32, code: Code) -> Result<(), Code> {
        self.is_known(stream).map_err(|_| code)?;
        self.forget(stream);
        self.credit -= PRICE_OF_ERROR;
        self.put_reset(stream, code);
        Ok(())
    }

    pub(super) fn put_reset(&mut self, stream: u32, code: Code) {
        frame::put_number(&mut self.output, frame::RST_STREAM, stream, code as u32);
        self.reset.rotate_right(1);
        self.reset[0] = stream;
    }
}
