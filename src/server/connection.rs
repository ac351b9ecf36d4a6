//! One connection: read, parse, answer the request (`exchange`); again, or park.
//!
//! This and `exchange` alone read and write client sockets. Nothing here sleeps: whatever has to wait is put into the lot.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Server;
use super::desk::{Desk, Papers};
use super::input::Input;
use super::paused::{Paused, Then};
use super::queues::{Connection, Taken, Until};
use super::reason::Reason;
use super::sending::{After, Output, finish_sending, receive};
use crate::faults::engine::Decision;
use crate::http::head::{self, FieldSlots, Head};
use crate::http::{MAX_FIELDS, RequestError};
use crate::observe::counts::TurnedAway;
use crate::process::phase::Phase;
use crate::routes::Waiting;
use crate::{quantity, sys};

/// How long a head may take, from its first octet to its last.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection on which nothing more is sent waits for its client to close.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests served in a row before other connections have their turn.
pub(super) const TURN: u32 = 8;
/// Bytes thrown away at a time.
const DISCARDED: usize = 2 * 1024;

/// What comes after a piece of work on a connection.
pub(super) enum Step {
    /// The next request.
    Next,
    /// Wait in the lot.
    Park(Reason, Until, Option<Box<Paused>>),
    /// Close; nothing is left unread.
    Close,
    /// Send FIN, throw away what still comes, then close: so the client reads all that was sent.
    Linger,
    /// Close with RST.
    Reset,
}

impl From<After> for Step {
    fn from(after: After) -> Self {
        match after {
            After::Next => Self::Next,
            After::Close => Self::Close,
            After::Linger => Self::Linger,
        }
    }
}

/// A worker at work on a connection.
pub(super) struct Visit<'d> {
    pub(super) server: &'static Server,
    pub(super) papers: &'d mut Papers,
    pub(super) stream: &'d TcpStream,
    /// Octets of the input that the request in work has used, head and content.
    pub(super) used: usize,
    /// Whether the client sends nothing more, as far as is known, so that there is an end to be read.
    has_ended: bool,
    /// Whether all that had come has been received. What comes after that, epoll tells.
    pub(super) is_drained: bool,
    /// Whether the head being read was begun on an earlier visit.
    is_same_head: bool,
    /// When the request in work was there.
    pub(super) since: Instant,
    /// When the last answer was there to be sent, if one was.
    pub(super) idle_since: Option<Instant>,
}

/// Leaves a connection that has just been accepted to whoever is free when it says something.
pub fn park_new(server: &'static Server, connection: Connection<TcpStream>) {
    park(server, connection, Reason::Idle, Until::IdleSince(Instant::now()), None, false);
}

/// Serves a connection that has just been accepted, whose request is mostly there already.
pub fn begin(server: &'static Server, desk: &mut Desk, connection: Connection<TcpStream>) {
    resume(server, desk, Taken { connection, reason: Reason::Idle, is_due: false, has_ended: false, payload: None });
}

/// Goes on with a connection that was parked, and then does with it what came of that.
pub fn resume(server: &'static Server, desk: &mut Desk, taken: Taken<TcpStream, Paused>) {
    let Taken { connection, reason, is_due, has_ended, payload } = taken;
    let Desk { input, papers } = desk;
    input.clear();
    papers.behind.clear();
    let mut visit = Visit {
        server,
        papers,
        stream: &connection.socket,
        used: 0,
        has_ended,
        is_drained: false,
        is_same_head: false,
        since: server.state.started, // Until there is a request.
        idle_since: None,
    };
    let mut step = visit.go_on(input, reason, is_due, payload);
    if is_due && visit.idle_since.is_none() && matches!(step, Step::Park(Reason::Idle, _, None)) {
        step = Step::Close; // That was its last chance, and nothing came.
    } else if matches!(step, Step::Linger) {
        finish_sending(&connection.socket);
        step = visit.discard(Until::Deadline(quantity::deadline_in(LINGER_TIMEOUT)));
    }
    let is_drained = visit.is_drained;
    match step {
        Step::Park(reason, until, paused) => park(server, connection, reason, until, paused, is_drained),
        Step::Reset => {
            sys::close_with_reset(&connection.socket);
            close(server, connection);
        }
        Step::Next | Step::Close | Step::Linger => close(server, connection),
    }
}

fn park(
    server: &'static Server,
    connection: Connection<TcpStream>,
    reason: Reason,
    until: Until,
    paused: Option<Box<Paused>>,
    is_drained: bool,
) {
    let held = paused.as_ref().map_or(0, |paused| paused.held());
    match server.lot.park(connection, reason, until, paused, held, is_drained) {
        Ok(evicted) => evicted.iter().for_each(|_| server.turned_away(TurnedAway::Bytes)),
        Err(gone) => drop(gone),
    }
    wake_drain(server);
}

fn close(server: &'static Server, connection: Connection<TcpStream>) {
    drop(server.lot.close(connection));
    wake_drain(server);
}

/// A process that drains may be waiting for this one.
fn wake_drain(server: &Server) {
    if server.state.phase.get() == Phase::Closing {
        sys::wake();
    }
}

impl Visit<'_> {
    /// Goes on with what a connection was doing when it was parked.
    fn go_on(&mut self, input: &mut Input, reason: Reason, is_due: bool, payload: Option<Box<Paused>>) -> Step {
        let then = payload.map(|paused| {
            let Paused { input: received, since, then } = *paused;
            input.restore(&received);
            self.since = since;
            then
        });
        match (reason, is_due, then) {
            (_, _, Some(Then::Talk(talk))) => self.talk(input, talk, Some(reason), is_due),
            (Reason::Idle, ..) => self.converse(input),
            (Reason::Head, true, _) => self.refuse(RequestError::Timeout, None),
            (Reason::Head, false, _) => {
                self.is_same_head = true;
                self.converse(input)
            }
            (Reason::Write, false, Some(Then::Send(output))) => match self.send_rest(input, output) {
                Step::Next => self.converse(input),
                step => step,
            },
            (Reason::Linger, false, _) => self.discard(Until::AsBefore),
            (Reason::Delay, true, Some(then)) => self.after_delay(input, then),
            // The client has gone, or its time is over.
            _ => Step::Close,
        }
    }

    /// Requests and answers, until there is nothing to do at once.
    fn converse(&mut self, input: &mut Input) -> Step {
        let mut served = 0;
        loop {
            if !input.is_empty() {
                let mut slots: FieldSlots<'_> = [const { MaybeUninit::uninit() }; MAX_FIELDS];
                match &head::parse(input.unused(), &mut slots) {
                    Err(error) => {
                        let error = *error;
                        if let Some(step) = self.not_http1(input, error) {
                            return step;
                        }
                    }
                    Ok(Some(head)) => {
                        self.is_same_head = false;
                        match self.request(head, input.unused(), Decision::default(), true) {
                            Step::Next => served += 1,
                            step => return step,
                        }
                        self.move_on(input);
                        continue;
                    }
                    Ok(None) => {}
                }
            }
            if served >= TURN || self.is_drained {
                return self.park_reading(input);
            }
            if self.receive(input).is_err() {
                return Step::Close;
            }
        }
    }

    /// Receives what has come. An error: nothing more will come.
    pub(super) fn receive(&mut self, input: &mut Input) -> Result<(), ()> {
        match input.receive(self.stream) {
            Ok(0) => Err(()),
            // Less than there was room for: that was all, but for an end that came with it, which only epoll tells.
            Ok(_) => {
                self.is_drained = !input.is_full() && !self.has_ended;
                Ok(())
            }
            Err(ErrorKind::WouldBlock) => {
                self.is_drained = true;
                Ok(())
            }
            Err(_) => Err(()),
        }
    }

    /// On to what follows the request that has been answered.
    fn move_on(&mut self, input: &mut Input) {
        input.consume(std::mem::take(&mut self.used));
        // Content that had to be waited for has used all that was there.
        if !self.papers.behind.is_empty() {
            std::mem::swap(input, &mut self.papers.behind);
            self.papers.behind.clear();
        }
    }

    /// Waits for a head, or for the rest of one.
    fn park_reading(&self, input: &Input) -> Step {
        if input.is_empty() {
            let since = self.idle_since.unwrap_or_else(Instant::now);
            return Step::Park(Reason::Idle, Until::IdleSince(since), None);
        }
        let until =
            if self.is_same_head { Until::AsBefore } else { Until::Deadline(quantity::deadline_in(HEAD_TIMEOUT)) };
        self.pause(Reason::Head, until, &[input.unused()], Then::Read)
    }

    /// Waits, and keeps what has been received, in pieces, and what comes then.
    pub(super) fn pause(&self, reason: Reason, until: Until, received: &[&[u8]], then: Then) -> Step {
        Step::Park(reason, until, Some(Box::new(Paused { input: received.concat().into(), since: self.since, then })))
    }

    /// Goes on with the request at the start of the input, whose delay is over.
    #[inline(never)] // So that its room on the stack, 2 KB of it the fields' places, is not everybody's.
    fn after_delay(&mut self, input: &mut Input, then: Then) -> Step {
        let mut slots: FieldSlots<'_> = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let bytes = input.unused();
        // Cannot fail: this head was parsed before it was parked.
        let Ok(Some(head)) = head::parse(bytes, &mut slots) else { return Step::Close };
        match self.answer_delayed(&head, bytes, then) {
            Step::Next => {
                self.move_on(input);
                self.converse(input)
            }
            step => step,
        }
    }

    fn answer_delayed(&mut self, head: &Head<'_, '_>, bytes: &[u8], then: Then) -> Step {
        match then {
            Then::Handle(decided) => {
                let (decision, place) = *decided;
                drop(place);
                self.request(head, bytes, decision, false)
            }
            Then::Answer(waiting) => {
                let Waiting { mut response, held, place, .. } = *waiting;
                drop((held, place));
                self.used = head.length;
                self.answer(head, &mut response, &bytes[head.length..])
            }
            Then::Read | Then::Send(_) | Then::Talk(_) => Step::Close,
        }
    }

    /// Goes on sending an answer that the client did not take at once.
    fn send_rest(&mut self, input: &Input, mut output: Box<Output>) -> Step {
        match output.send(self.stream) {
            Ok(true) => output.after.into(),
            Ok(false) => self.pause(Reason::Write, Until::AsBefore, &[input.unused()], Then::Send(output)),
            Err(_) => Step::Close,
        }
    }

    /// Throws away what comes until the client closes or its time is over.
    pub(super) fn discard(&mut self, until: Until) -> Step {
        self.is_drained = false;
        for _ in 0..TURN {
            match receive(self.stream, &mut [0; DISCARDED]) {
                Ok(0) => return Step::Close,
                Ok(_) => {}
                Err(ErrorKind::WouldBlock) => {
                    self.is_drained = true;
                    break;
                }
                Err(_) => return Step::Close,
            }
        }
        Step::Park(Reason::Linger, until, None)
    }
}
