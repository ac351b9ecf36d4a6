//! One connection: read, parse, route, decide the fault, handle, carry the outcome out; again, or park.
//!
//! This alone reads and writes client sockets. Nothing here sleeps: whatever has to wait is put into the lot.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use super::content::{Content, Unread};
use super::desk::{Desk, FIRST_INPUT, make_room};
use super::lot::{Connection, Taken, Until};
use super::paused::{Paused, Then};
use super::reason::Reason;
use super::request_log::Done;
use super::sending::{self, After, Output, finish_sending, receive};
use super::{Around, Server};
use crate::faults::engine::Decision;
use crate::faults::rule::Effect;
use crate::http::date::since_epoch;
use crate::http::head::{self, FieldSlots, Head};
use crate::http::response::{Body, Persistence, Response};
use crate::http::{MAX_FIELDS, MAX_HEAD, Method, RequestError};
use crate::observe::counts;
use crate::process::ending::{self, Ending};
use crate::process::phase::Phase;
use crate::routes::{self, Outcome, Request, Route};
use crate::{sys, text};

/// How long a connection may be idle between requests, and before the first.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a head may take, from its first octet to its last.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to take an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection on which nothing more is sent waits for its client to close.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests served in a row before other connections have their turn.
const TURN: u32 = 8;
/// What makes a client try again soon: too much is going on.
const RETRY_AFTER: &str = "Retry-After: 1\r\n";

/// What comes after a piece of work on a connection.
enum Step {
    /// The next request.
    Next,
    /// Wait in the lot.
    Park(Reason, Until, Option<Paused>),
    /// Close; nothing is left unread.
    Close,
    /// Send FIN, throw away what still comes, then close: so the client reads all that was sent.
    Linger,
    /// Close with RST.
    Reset,
}

/// A worker at work on a connection.
struct Visit<'d> {
    server: &'static Server,
    desk: &'d mut Desk,
    stream: &'d TcpStream,
    /// Bytes received: where those not used yet begin, and where they end.
    start: usize,
    end: usize,
    /// Bytes received behind content that did not fit the input: they come next.
    spill: Vec<u8>,
    /// Whether the head being read was begun on an earlier visit.
    is_same_head: bool,
    /// When the request in work was there.
    since: Instant,
}

/// Serves a connection that has just been accepted: its request is mostly there already.
pub fn begin(server: &'static Server, desk: &mut Desk, connection: Connection) {
    visit(server, desk, connection, |visit, input| visit.converse(input));
}

/// Leaves a connection that has just been accepted to whoever is free when it says something.
pub fn park_new(server: &'static Server, connection: Connection) {
    let until = Until::Deadline(Instant::now() + IDLE_TIMEOUT);
    drop(server.lot.park(connection, Reason::Idle, until, None, 0));
}

/// Goes on with a connection that was parked.
pub fn resume(server: &'static Server, desk: &mut Desk, taken: Taken<Paused>) {
    let Taken { connection, reason, is_due, payload } = taken;
    let paused = payload.map(|paused| *paused);
    visit(server, desk, connection, |visit, input| {
        if let Some(paused) = &paused {
            make_room(input, paused.input.len());
            input[..paused.input.len()].copy_from_slice(&paused.input);
            visit.end = paused.input.len();
            visit.since = paused.since;
        }
        match (reason, is_due, paused.map(|paused| paused.then)) {
            (Reason::Idle, ..) => match visit.converse(input) {
                // That was its last chance.
                Step::Park(Reason::Idle, ..) if is_due => Step::Close,
                step => step,
            },
            (Reason::Head, true, _) => visit.refuse(RequestError::Timeout),
            (Reason::Head, false, _) => {
                visit.is_same_head = true;
                visit.converse(input)
            }
            (Reason::Write, false, Some(Then::Send(output))) => match visit.send_rest(&input[..visit.end], output) {
                Step::Next => visit.converse(input),
                step => step,
            },
            (Reason::Linger, false, _) => visit.linger(Until::AsBefore),
            (Reason::Delay, true, Some(then)) => visit.after_delay(input, then),
            // The client has gone, or its time is over.
            _ => Step::Close,
        }
    });
}

/// Works on a connection and then does with it what came of that.
fn visit(
    server: &'static Server,
    desk: &mut Desk,
    connection: Connection,
    work: impl FnOnce(&mut Visit<'_>, &mut Vec<u8>) -> Step,
) {
    let stream = &connection.socket;
    // Out of the desk while requests borrow from it.
    let mut input = std::mem::take(&mut desk.input);
    let since = Instant::now();
    let mut visit = Visit { server, desk, stream, start: 0, end: 0, spill: Vec::new(), is_same_head: false, since };
    let mut step = work(&mut visit, &mut input);
    if matches!(step, Step::Linger) {
        finish_sending(stream);
        step = visit.linger(Until::Deadline(Instant::now() + LINGER_TIMEOUT));
    }
    desk.input = input;
    let to_close = match step {
        Step::Park(reason, until, paused) => {
            let held = paused.as_ref().map_or(0, Paused::held);
            server.lot.park(connection, reason, until, paused.map(Box::new), held)
        }
        Step::Reset => {
            sys::close_with_reset(&connection.socket);
            Some(server.lot.close(connection))
        }
        Step::Next | Step::Close | Step::Linger => Some(server.lot.close(connection)),
    };
    if to_close.is_some() || matches!(server.state.phase.get(), Phase::Closing) {
        drop(to_close);
        if server.state.phase.get() == Phase::Closing {
            sys::wake(); // The process may be waiting for this one.
        }
    }
}

impl Visit<'_> {
    /// Requests and answers, until there is nothing to do at once.
    fn converse(&mut self, input: &mut Vec<u8>) -> Step {
        let mut served = 0;
        loop {
            if self.start < self.end {
                let mut slots: FieldSlots<'_> = [const { MaybeUninit::uninit() }; MAX_FIELDS];
                let bytes = &input[self.start..self.end];
                match head::parse(bytes, &mut slots) {
                    Err(error) => return self.refuse(error),
                    Ok(Some(head)) => {
                        self.is_same_head = false;
                        match self.request(&head, bytes, None) {
                            Step::Next => served += 1,
                            step => return step,
                        }
                        self.take_spill(input);
                        continue;
                    }
                    Ok(None) => {}
                }
            }
            if served >= TURN {
                return if self.start == self.end { self.park_idle() } else { self.park_head(input) };
            }
            match self.fill(input) {
                Ok(0) => return Step::Close,
                Ok(_) => {}
                Err(ErrorKind::WouldBlock) if self.start == self.end => return self.park_idle(),
                Err(ErrorKind::WouldBlock) => return self.park_head(input),
                Err(_) => return Step::Close,
            }
        }
    }

    /// Receives what is there, behind what was received before.
    fn fill(&mut self, input: &mut Vec<u8>) -> Result<usize, ErrorKind> {
        input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        make_room(input, self.end + 1);
        let count = receive(self.stream, &mut input[self.end..])?;
        self.end += count;
        Ok(count)
    }

    fn park_idle(&self) -> Step {
        Step::Park(Reason::Idle, Until::Deadline(Instant::now() + IDLE_TIMEOUT), None)
    }

    fn park_head(&self, input: &[u8]) -> Step {
        let until = if self.is_same_head { Until::AsBefore } else { Until::Deadline(Instant::now() + HEAD_TIMEOUT) };
        Step::Park(Reason::Head, until, Some(self.paused(&input[self.start..self.end], Then::Read)))
    }

    fn paused(&self, input: &[u8], then: Then) -> Paused {
        Paused { input: input.to_vec(), since: self.since, then }
    }

    /// Answers a whole request, whose head starts `bytes`; what has come behind the head follows it there.
    fn request(&mut self, head: &Head<'_, '_>, bytes: &[u8], decided: Option<Decision>) -> Step {
        let route = Route::find(head.target.path);
        let mut content = match Content::new(head, route.max_body(), &bytes[head.length..]) {
            Ok(content) => content,
            Err(error) => return self.refuse(error),
        };
        let state = self.server.state;
        let is_resumed = decided.is_some();
        if !is_resumed {
            self.since = Instant::now();
        }
        if let Some(refusal) = route.guard(head, state) {
            return self.refuse_politely(head, route, refusal, content);
        }
        let decision = decided.unwrap_or_else(|| state.engine.decide(route.subject(head.target.path), self.since));
        if !is_resumed && !decision.delay.is_zero() {
            let until = Until::Deadline(self.since + decision.delay);
            return Step::Park(Reason::Delay, until, Some(self.paused(bytes, Then::CarryOut(decision))));
        }
        state.counts.request(state.phase.get() >= Phase::Draining);
        let stream = self.stream;
        let surroundings = Around { server: self.server, stream };
        let head_bytes = &bytes[..head.length];
        let mut body = std::mem::take(&mut self.desk.body);
        let request = |body| Request { head, head_bytes, body, decision: &decision, surroundings: &surroundings };
        let outcome = match decision.deciding().map(|live| &live.rule.effect) {
            Some(Effect::Fail(status)) => Outcome::Respond(routes::failed(route, *status, &request(&[]))),
            Some(Effect::Hang) => Outcome::Hang,
            Some(Effect::Drop) => Outcome::Drop,
            Some(Effect::Reset) => Outcome::Reset,
            Some(Effect::Exit(code)) => Outcome::End(ending::Ending::Exit(*code)),
            Some(Effect::Crash(kind)) => Outcome::End(ending::Ending::Crash(*kind)),
            _ => match route.refuses(head.method) {
                Some(refusal) => Outcome::Respond(refusal),
                None => match content.read(self.stream, self.server, &mut body) {
                    Ok(()) => routes::answer(route, &request(&body), state),
                    Err(Unread::Refused(error)) => Outcome::Respond(Response::status_page(error.status())),
                    Err(Unread::Busy) => Outcome::Respond(Response::status_page(503).with_fields(RETRY_AFTER)),
                    Err(Unread::Gone) => Outcome::Drop,
                },
            },
        };
        let outcome = match outcome {
            Outcome::Work(work) => match self.server.crew.begin_slow(self.server) {
                Some(_permit) => work.run(state),
                None => Outcome::Respond(Response::status_page(503).with_fields(RETRY_AFTER)),
            },
            outcome => outcome,
        };
        content.skip(&mut body);
        body.clear();
        body.shrink_to(MAX_HEAD); // An echo does not keep its memory for ever.
        self.desk.body = body;
        let done = Done { server: self.server, stream, head, route, decision: &decision, outcome: &outcome };
        done.note();
        self.start = self.end - content.rest.len();
        self.spill = std::mem::take(&mut content.spill);
        let close = !content.is_read();
        match outcome {
            Outcome::Respond(response) => {
                let response = Response { close: response.close || close, ..response };
                self.answer(head, response, content.rest)
            }
            // The head is met again when the wait is over; its content has been read.
            Outcome::Wait(delay, response, held) => {
                let until = Until::Deadline(Instant::now() + delay);
                let then = Then::Answer(Response { close: response.close || close, ..response }, held);
                let input = [head_bytes, content.rest, &self.spill].concat();
                Step::Park(Reason::Delay, until, Some(Paused { input, since: self.since, then }))
            }
            Outcome::Hang => Step::Park(Reason::Hang, Until::ItCloses, None),
            Outcome::Drop => Step::Linger,
            Outcome::Reset => Step::Reset,
            Outcome::End(ending) => self.end_process(ending, head, &decision),
            Outcome::Work(_) => Step::Close, // Cannot fail: work never leads to more work.
        }
    }

    /// Answers a request that the guard does not let pass.
    fn refuse_politely(
        &mut self,
        head: &Head<'_, '_>,
        route: Route,
        refusal: Response,
        mut content: Content<'_>,
    ) -> Step {
        self.server.state.counts.request(self.server.state.phase.get() >= Phase::Draining);
        let (decision, outcome) = (Decision::default(), Outcome::Respond(refusal));
        Done { server: self.server, stream: self.stream, head, route, decision: &decision, outcome: &outcome }.note();
        let Outcome::Respond(refusal) = outcome else { return Step::Close };
        content.skip(&mut Vec::new());
        self.start = self.end - content.rest.len();
        let refusal = Response { close: refusal.close || !content.is_read(), ..refusal };
        self.answer(head, refusal, content.rest)
    }

    /// Goes on with the request at the start of the input, whose delay is over.
    fn after_delay(&mut self, input: &mut Vec<u8>, then: Then) -> Step {
        let mut slots: FieldSlots<'_> = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let bytes = &input[..self.end];
        // Cannot fail: this head was parsed before it was parked.
        let Ok(Some(head)) = head::parse(bytes, &mut slots) else { return Step::Close };
        let step = match then {
            Then::CarryOut(decision) => self.request(&head, bytes, Some(decision)),
            Then::Answer(response, held) => {
                drop(held);
                self.start = head.length;
                self.answer(&head, response, &bytes[head.length..])
            }
            Then::Read | Then::Send(_) => Step::Close,
        };
        match step {
            Step::Next => {
                self.take_spill(input);
                self.converse(input)
            }
            step => step,
        }
    }

    /// Sends an answer; `rest` is what has been received behind its request.
    fn answer(&mut self, head: &Head<'_, '_>, response: Response, rest: &[u8]) -> Step {
        let keep = head.keep_alive && !response.close && self.server.state.phase.get() < Phase::Draining;
        let (persistence, after) = match keep {
            true if head.is_http10 => (Persistence::KeepAlive, After::Next),
            true => (Persistence::Default, After::Next),
            // A client that asked for the end has nothing more to say; another one may be saying it already.
            false if !head.keep_alive && !response.close && rest.is_empty() => (Persistence::Close, After::Close),
            false => (Persistence::Close, After::Linger),
        };
        let with_content = head.method != Method::Head && response.has_content();
        self.write_head(&response, persistence);
        let body = if with_content { response.body } else { Body::Static(b"") };
        let sent = sending::send(self.stream, &mut self.desk.output, body, after);
        self.server.state.counts.took(self.since.elapsed());
        match sent {
            Ok(None) => step_after(after),
            Ok(Some(output)) => {
                let input = [rest, &self.spill].concat();
                let until = Until::Deadline(Instant::now() + WRITE_TIMEOUT);
                Step::Park(Reason::Write, until, Some(Paused { input, since: self.since, then: Then::Send(output) }))
            }
            Err(_) => Step::Close,
        }
    }

    /// Goes on sending an answer that the client did not take at once.
    fn send_rest(&mut self, input: &[u8], mut output: Output) -> Step {
        match output.send(self.stream) {
            Ok(true) => step_after(output.after),
            Ok(false) => Step::Park(Reason::Write, Until::AsBefore, Some(self.paused(input, Then::Send(output)))),
            Err(_) => Step::Close,
        }
    }

    /// Refuses a request; nothing of the connection is parsed after it.
    fn refuse(&mut self, error: RequestError) -> Step {
        self.server.state.counts.request(self.server.state.phase.get() >= Phase::Draining);
        counts::answered(Route::OTHER.number(), Some(error.status()));
        let response = Response::status_page(error.status());
        self.write_head(&response, Persistence::Close);
        // A client that takes not even this gets no more.
        let _ = sending::send(self.stream, &mut self.desk.output, response.body, After::Linger);
        Step::Linger
    }

    fn write_head(&mut self, response: &Response, persistence: Persistence) {
        let Desk { output, date, .. } = &mut *self.desk;
        let second = since_epoch(SystemTime::now()).as_secs();
        output.clear();
        response.write_head(output, date.get(second), &self.server.state.identity.field_lines, persistence);
    }

    /// Throws away what comes until the client closes or its time is over.
    fn linger(&mut self, until: Until) -> Step {
        self.desk.output.resize(FIRST_INPUT, 0);
        for _ in 0..TURN {
            match receive(self.stream, &mut self.desk.output) {
                Ok(0) => return Step::Close,
                Ok(_) => {}
                Err(ErrorKind::WouldBlock) => break,
                Err(_) => return Step::Close,
            }
        }
        Step::Park(Reason::Linger, until, None)
    }

    /// Ends the process. The client sees its connection end without a byte, not broken off.
    fn end_process(&mut self, ending: Ending, head: &Head<'_, '_>, decision: &Decision) -> ! {
        finish_sending(self.stream);
        self.linger(Until::AsBefore);
        let why = match decision.deciding() {
            Some(live) => super::clock::named(live),
            None => text::joined(&[head.method.name(), " ", &text::lossy(head.target.path)]),
        };
        ending::end(self.server.log, ending, &why)
    }

    /// What was received behind long content comes next.
    fn take_spill(&mut self, input: &mut Vec<u8>) {
        if !self.spill.is_empty() {
            make_room(input, self.spill.len());
            input[..self.spill.len()].copy_from_slice(&self.spill);
            (self.start, self.end) = (0, self.spill.len());
            self.spill.clear();
        }
    }
}

fn step_after(after: After) -> Step {
    match after {
        After::Next => Step::Next,
        After::Close => Step::Close,
        After::Linger => Step::Linger,
    }
}
