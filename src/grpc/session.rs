//! A connection: frames to streams, flow control both ways, and the errors of both. Whoever moves the bytes asks it what
//! comes next until it says that it needs more of them.

use std::time::Instant;

use super::frame::{self, ACK, Code, Frame};
use super::hpack::Decoder;
use super::request::{Outcome, Wrong};
use super::stream::{Stage, Stream};
use super::{Call, INPUT_TIMEOUT, Method, State, Status, Verdict, WATCH_PERIOD, answer, message};

/// Windows at first, both ways (RFC 9113 section 6.9.2).
const FIRST_WINDOW: i32 = 65_535;
/// Streams that we have reset and of which more may still come.
const REMEMBERED: usize = 8;

/// What a client may do that makes work and leads to no answer: at first and at most, and what it gains.
const CREDIT: i32 = 2000;
const CREDIT_PER_SECOND: u64 = 100;
const CREDIT_FOR_ANSWER: i32 = 12;
/// What it pays for a frame that carries nothing, for a stream that it resets, and for one that we have to.
pub(super) const PRICE_OF_FRAME: i32 = 1;
const PRICE_OF_RESET: i32 = 10;
pub(super) const PRICE_OF_ERROR: i32 = 20;

/// What comes next on a connection.
#[derive(Debug)]
pub enum Next<D> {
    /// This call wants an answer.
    Call(Call<D>),
    /// A request has been refused; HTTP/1.1 would have said so with that status.
    Refused(u16),
    /// Nothing, until more octets come or [`Session::due`].
    More,
    /// The end: send what there is, then FIN.
    End,
}

/// A connection of HTTP/2. `D` is what a call that is delayed carries along.
pub struct Session<D> {
    pub(super) decoder: Decoder,
    pub(super) streams: Vec<Stream<D>>,
    /// A header block whose end is missing, and what is known of its frame.
    pub(super) block: Vec<u8>,
    pub(super) open_block: Option<Block>,
    /// The highest number of a stream so far, and the last of them that GOAWAY has promised to serve.
    pub(super) last: u32,
    pub(super) promised: Option<u32>,
    pub(super) reset: [u32; REMEMBERED],
    /// How much the client takes, over all streams, and on a new one.
    pub(super) window: i32,
    pub(super) first_window: i32,
    /// What it has spent of our window for the connection.
    pub(super) spent: u32,
    pub(super) credit: i32,
    pub(super) credited: Instant,
    /// When the first octet came of what is incomplete.
    pub(super) since: Option<Instant>,
    pub(super) has_settings: bool,
    /// Whether the last request has named a probe.
    pub(super) has_probe: bool,
    pub output: Vec<u8>,
}

/// What is known of a header block before its end.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) ends_stream: bool,
    pub(super) depends_on_itself: bool,
}

impl<D> Session<D> {
    /// A connection whose preface has come at `now`; our own is the first output.
    pub fn new(now: Instant) -> Self {
        let mut output = Vec::new();
        frame::put(&mut output, frame::SETTINGS, 0, 0, answer::SETTINGS);
        Self {
            decoder: Decoder::new(),
            streams: Vec::new(),
            block: Vec::new(),
            open_block: None,
            last: 0,
            promised: None,
            reset: [0; REMEMBERED],
            window: FIRST_WINDOW,
            first_window: FIRST_WINDOW,
            spent: 0,
            credit: CREDIT,
            credited: now,
            since: Some(now),
            has_settings: false,
            has_probe: false,
            output,
        }
    }

    /// Takes whole frames from the start of `input` until something is to be told; returns how many octets it took.
    #[inline(never)]
    pub fn receive(&mut self, input: &[u8], now: Instant) -> (usize, Next<D>) {
        let gained = now.saturating_duration_since(self.credited).as_millis() as u64 * CREDIT_PER_SECOND / 1000;
        if gained > 0 {
            self.credited = now;
            self.earn(gained.min(CREDIT as u64) as i32);
        }
        let mut used = 0;
        loop {
            let outcome = match Frame::parse(&input[used..]) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    used += frame.length();
                    self.frame(&frame, now).or_else(|wrong| self.get_over(frame.stream, wrong))
                }
                Err(code) => Err(code),
            };
            match outcome {
                _ if self.credit < 0 => return self.fail(input, Code::EnhanceYourCalm),
                Err(code) => return self.fail(input, code),
                Ok(next) => {
                    if self.open_block.is_none() {
                        self.since = None;
                    }
                    if let Some(next) = next {
                        return (used, next);
                    }
                }
            }
        }
        if used < input.len() {
            self.since.get_or_insert(now);
        }
        (used, Next::More)
    }

    /// Ends the connection for an error of the client's; nothing of it is read any more.
    fn fail(&mut self, input: &[u8], code: Code) -> (usize, Next<D>) {
        self.go_away(code);
        (input.len(), Next::End)
    }

    fn go_away(&mut self, code: Code) {
        let last = self.promised.unwrap_or(self.last);
        self.promised = Some(last);
        let payload = u64::from(last) << 32 | code as u64;
        frame::put(&mut self.output, frame::GOAWAY, 0, 0, &payload.to_be_bytes());
    }

    pub(super) fn earn(&mut self, credit: i32) {
        self.credit = CREDIT.min(self.credit + credit);
    }

    fn frame(&mut self, frame: &Frame<'_>, now: Instant) -> Outcome<D> {
        let is_settings = frame.kind == frame::SETTINGS && !frame.has(ACK);
        if !self.has_settings && !is_settings || self.open_block.is_some() != (frame.kind == frame::CONTINUATION) {
            return Err(Code::Protocol.into());
        }
        self.has_settings = true;
        match frame.kind {
            frame::DATA => self.data(frame, now),
            frame::HEADERS | frame::CONTINUATION => self.headers(frame, now),
            kind => {
                self.credit -= if kind == frame::RST_STREAM { PRICE_OF_RESET } else { PRICE_OF_FRAME };
                self.control(frame).map(|()| None)
            }
        }
    }

    /// Ends a stream for what is wrong with it, and says what is to be told; the error is one of the connection.
    fn get_over(&mut self, stream: u32, wrong: Wrong) -> Result<Option<Next<D>>, Code> {
        let (code, next) = match wrong {
            Wrong::Connection(code) => return Err(code),
            Wrong::Stream(code) => (code, None),
            Wrong::Request => (Code::Protocol, Some(Next::Refused(400))),
        };
        self.stream_error(stream, code).map(|()| next)
    }

    /// Forgets a stream whose answer is sent; a client that still sends is told that nobody reads.
    pub(super) fn finish(&mut self, at: usize) {
        let &Stream { id, has_ended, .. } = &self.streams[at];
        self.remove(at);
        if has_ended {
            self.earn(CREDIT_FOR_ANSWER);
        } else {
            self.put_reset(id, Code::None);
        }
    }

    /// Sends what the windows let through of a stream; `true`: that was its end.
    pub(super) fn send(&mut self, at: usize) -> bool {
        let is_over = self.streams[at].send(&mut self.window, &mut self.output);
        if is_over {
            self.finish(at);
        }
        is_over
    }

    pub(super) fn send_all(&mut self) {
        let mut at = 0;
        while at < self.streams.len() {
            // The last one takes the place of one that is at its end.
            at += usize::from(!self.send(at));
        }
    }

    #[inline(never)]
    pub fn answer(&mut self, id: u32, verdict: Verdict, now: Instant) {
        let Some(at) = self.find(id) else { return };
        let stream = &mut self.streams[at];
        let is_watch = stream.method == Some(Method::Watch);
        stream.end(true, now);
        match verdict {
            Verdict::State(State::Unknown) if !is_watch => return self.end_with(at, Status::NoService),
            Verdict::Status(status) => return self.end_with(at, status),
            Verdict::State(state) => stream.tell(state),
            Verdict::List(states) => stream.bytes = message::list(&states),
        }
        if is_watch {
            let is_unknown = verdict == Verdict::State(State::Unknown);
            stream.stage = if is_unknown { Stage::Silent } else { Stage::Watching };
            stream.at = now + WATCH_PERIOD;
        }
        if !std::mem::replace(&mut stream.has_head, true) {
            answer::head(&mut self.output, id);
        }
        self.send(at);
    }

    /// Keeps a call until then; it comes back with what was decided.
    pub fn delay(&mut self, id: u32, until: Instant, decided: D) {
        if let Some(at) = self.find(id) {
            (self.streams[at].stage, self.streams[at].at) = (Stage::Delayed(decided), until);
        }
    }

    /// Never answers a call. A Watch looks again all the same: another look may be let through.
    pub fn hang(&mut self, id: u32, now: Instant) {
        if let Some(at) = self.find(id) {
            let is_watch = self.streams[at].method == Some(Method::Watch);
            self.streams[at].stage = if is_watch { Stage::Watching } else { Stage::Hung };
            self.streams[at].at = now + WATCH_PERIOD;
        }
    }

    /// The name of the client for the log, as it has last said it: what `x-probe` holds, else `user-agent`.
    pub fn agent(&self) -> &[u8] {
        self.decoder.name(self.has_probe)
    }

    /// When [`Session::due`] has something, if nothing else happens before.
    pub fn next_time(&self) -> Option<Instant> {
        let mut next = self.since.map(|since| since + INPUT_TIMEOUT);
        for stream in &self.streams {
            let due = stream.due();
            if due.is_some() && (next.is_none() || due < next) {
                next = due;
            }
        }
        next
    }

    /// What is due at `now`; to be asked until it says [`Next::More`].
    pub fn due(&mut self, now: Instant) -> Next<D> {
        if self.since.is_some_and(|since| since + INPUT_TIMEOUT <= now) {
            self.go_away(Code::None);
            return Next::End;
        }
        let is_due = |stream: &Stream<D>| stream.due().is_some_and(|due| due <= now);
        let Some(at) = self.streams.iter().position(is_due) else { return Next::More };
        if matches!(self.streams[at].stage, Stage::Ending { .. }) {
            // Cannot fail: it is open.
            return self.stream_error(self.streams[at].id, Code::Cancel).map_or(Next::End, |()| self.due(now));
        }
        let stream = &mut self.streams[at];
        let is_look = stream.method == Some(Method::Watch) && stream.has_head;
        match (std::mem::replace(&mut stream.stage, Stage::Asked), stream.method) {
            (Stage::Delayed(decided), Some(method)) => Next::Call(stream.call(method, Some(decided), is_look)),
            (Stage::Watching, Some(method)) => Next::Call(stream.call(method, None, is_look)),
            (_, Some(_)) => self.refuse(at, Status::TooLate, 408),
            (_, None) => self.refuse_foreign(at, now),
        }
    }

    /// Whether nothing is under way, so that the connection only waits for the next request.
    pub fn is_idle(&self) -> bool {
        self.streams.is_empty() && self.since.is_none()
    }

    /// Takes no more requests: tells the client so and lets what is open come to its end.
    pub fn close(&mut self) {
        if self.promised.is_some() {
            return;
        }
        self.go_away(Code::None);
        for at in (0..self.streams.len()).rev() {
            if self.streams[at].method == Some(Method::Watch) && !matches!(self.streams[at].stage, Stage::Receiving) {
                self.end_with(at, Status::Closing);
            }
        }
    }

    /// Whether a connection that takes no more requests has nothing left to answer.
    pub fn is_over(&self) -> bool {
        self.promised.is_some() && self.streams.iter().all(|stream| matches!(stream.stage, Stage::Hung))
    }

    /// Gives back memory that is not needed while the connection waits.
    pub fn shrink(&mut self) {
        self.decoder.shrink();
        self.streams.shrink_to_fit();
        self.block.shrink_to_fit();
        self.output.shrink_to_fit();
    }

    /// Octets that it keeps.
    pub fn held(&self) -> usize {
        let contents = self.streams.iter().map(|stream| stream.bytes.capacity()).sum::<usize>();
        let streams = self.streams.capacity() * size_of::<Stream<D>>();
        let buffers = self.block.capacity() + self.output.capacity();
        size_of::<Self>() + self.decoder.held() + buffers + streams + contents
    }
}
