//! Connections that speak HTTP/2: moves the octets of a [`Session`], asks the rules what becomes of its calls as
//! [`super::connection`] does for requests, and carries that out. Delays, hangs and watches hold a stream and no thread.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::connection::{Step, TURN, Visit};
use super::exchange::WRITE_TIMEOUT;
use super::input::Input;
use super::paused::Then;
use super::queues::Until;
use super::reason::Reason;
use super::request_log::{self, Called};
use super::sending::finish_sending;
use crate::faults::Check;
use crate::faults::engine::{Decision, Subject};
use crate::faults::rule::Effect;
use crate::grpc::{self, Call, Method, Next, PREFACE, Session, Status, Verdict};
use crate::http::RequestError;
use crate::process::ending::{self, Ending};
use crate::process::phase::Phase;
use crate::routes::checks;
use crate::{quantity, sys};

/// A call that is delayed: what was decided, and when it came.
pub(super) struct Held {
    decision: Decision,
    since: Instant,
}

/// A session as the lot keeps it.
pub(super) type Talk = Box<Session<Held>>;

impl Visit<'_> {
    /// Goes on with what is no head of HTTP/1.1: HTTP/2, where these are a connection's first octets, else an error.
    /// `None`: which of them it is depends on octets that have not come yet.
    #[inline(never)]
    pub(super) fn not_http1(&mut self, input: &mut Input, error: RequestError) -> Option<Step> {
        let bytes = input.unused();
        let begun = bytes.len().min(PREFACE.len());
        // Behind a request of HTTP/1.1, which has had its answer, it is none (RFC 9113 section 3.3).
        if bytes[..begun] != PREFACE[..begun] || sys::has_sent(self.stream) {
            return Some(self.refuse(error, None));
        }
        if begun < PREFACE.len() {
            return None;
        }
        input.consume(PREFACE.len());
        Some(self.talk(input, Box::new(Session::new(Instant::now())), None, false))
    }

    /// Goes on with a session that was parked for a reason, or has just begun.
    pub(super) fn talk(&mut self, input: &mut Input, mut talk: Talk, before: Option<Reason>, is_due: bool) -> Step {
        if is_due && before == Some(Reason::Write) {
            return Step::Close; // Its client does not take what is sent.
        }
        let (mut is_write, mut has_called) = (before == Some(Reason::Write), false);
        for turn in 0.. {
            // What waits to be sent goes first: nothing is read meanwhile.
            if !talk.output.is_empty() {
                match send(self.stream, &mut talk.output) {
                    Ok(true) => is_write = false,
                    Ok(false) => return self.park_write(input, talk, is_write),
                    Err(()) => return Step::Close,
                }
            }
            let step = self.answer_all(input, &mut talk, &mut has_called);
            if let Some(step) = step {
                // A client that takes no more gets no more.
                let _ = send(self.stream, &mut talk.output);
                return step;
            }
            if !talk.output.is_empty() {
                continue;
            }
            if turn < TURN && !self.is_drained {
                if self.receive(input).is_err() {
                    return Step::Close;
                }
            } else {
                let is_idle = is_due && before == Some(Reason::Idle) && !has_called && talk.is_idle();
                if is_idle || self.server.state.phase.get() == Phase::Closing {
                    talk.close();
                }
                if talk.is_over() {
                    let _ = send(self.stream, &mut talk.output);
                    return Step::Linger;
                }
                if talk.output.is_empty() {
                    let was_idle = before == Some(Reason::Idle) && !has_called;
                    return self.park_talk(input, talk, was_idle);
                }
            }
        }
        Step::Close // Cannot happen: there are more turns than any connection takes.
    }

    /// Answers all that is due and all that has come. A step: that was the end.
    fn answer_all(&mut self, input: &mut Input, talk: &mut Talk, has_called: &mut bool) -> Option<Step> {
        let now = Instant::now();
        loop {
            let mut next = talk.due(now);
            if matches!(next, Next::More) && !input.is_empty() {
                let (used, more) = talk.receive(input.unused(), now);
                input.consume(used);
                next = more;
            }
            match next {
                Next::More => return None,
                Next::End => return Some(Step::Linger),
                Next::Refused(status) => {
                    *has_called = true;
                    self.count_request();
                    request_log::refused(self.server, self.stream, None, status);
                }
                Next::Call(call) => {
                    *has_called = true;
                    if let Some(step) = self.call(talk, call, now) {
                        return Some(step);
                    }
                }
            }
        }
    }

    fn count_request(&self) {
        let state = self.server.state;
        state.counts.request(state.phase.get() >= Phase::Draining);
    }

    /// Does with a call what the rules say. A step: it takes the connection along.
    #[inline(never)]
    fn call(&mut self, talk: &mut Talk, call: Call<Held>, now: Instant) -> Option<Step> {
        let Call { stream, method, check, is_look, held } = call;
        let state = self.server.state;
        let is_resumed = held.is_some();
        let subject = Subject { check, is_protected: true, path: method.path().as_bytes() };
        let Held { decision, since } = held.unwrap_or_else(|| {
            let mut decision = Decision::default();
            state.engine.decide(&mut decision, subject, now);
            Held { decision, since: now }
        });
        if !is_resumed && !decision.delay.is_zero() {
            talk.delay(stream, now + decision.delay, Held { decision, since });
            return None;
        }
        let effect = decision.deciding().map(|live| &live.rule.effect);
        let status = match effect {
            Some(&Effect::Fail(status)) => Some(status),
            Some(Effect::Hang | Effect::Drop | Effect::Reset | Effect::Exit(_) | Effect::Crash(_)) => None,
            _ => Some(match check {
                Some(check) => checks::status(check, state),
                None if method == Method::List => 200,
                None => 404,
            }),
        };
        if !is_look {
            self.count_request();
        }
        let agent = talk.agent();
        Called { server: self.server, stream: self.stream, method, check, decision: &decision, status, agent }
            .note(is_look);
        match (status, effect) {
            (Some(status), _) => {
                talk.answer(stream, self.verdict(method, check, status, now), now);
                state.counts.took(since.elapsed());
                None
            }
            (None, Some(Effect::Hang)) => {
                talk.hang(stream, now);
                None
            }
            (None, Some(Effect::Reset)) => Some(Step::Reset),
            (None, _) => match effect.and_then(Ending::of) {
                Some(ending) => self.end_with(talk, ending, &decision),
                None => Some(Step::Linger),
            },
        }
    }

    /// What a status of HTTP comes to as the answer of a call: from 400 on a probe fails.
    fn verdict(&self, method: Method, check: Option<Check>, status: u16, now: Instant) -> Verdict {
        let state_of = |status| if status < 400 { grpc::State::Serving } else { grpc::State::NotServing };
        match (method, check) {
            (Method::List, _) if status >= 400 => Verdict::Status(Status::Failed),
            (Method::List, _) => {
                let mut states = [grpc::State::Serving; Check::ALL.len()];
                for check in Check::ALL {
                    states[check as usize] = state_of(self.look(check, now));
                }
                Verdict::List(states)
            }
            // Whatever a rule for the path says, nobody is told that a service is well which does not exist.
            (_, None) if status < 400 || status == 404 => Verdict::State(grpc::State::Unknown),
            _ => Verdict::State(state_of(status)),
        }
    }

    /// What a check would answer now, as far as that is certain; without counting as a try.
    fn look(&self, check: Check, now: Instant) -> u16 {
        let state = self.server.state;
        let subject = Subject { check: Some(check), is_protected: true, path: Method::Check.path().as_bytes() };
        state.engine.certain_failure(subject, now).unwrap_or_else(|| checks::status(check, state))
    }

    /// Ends the process; the client sees its connection end without an answer, not broken off.
    fn end_with(&mut self, talk: &mut Talk, ending: Ending, decision: &Decision) -> ! {
        let _ = send(self.stream, &mut talk.output); // What is owed for earlier calls.
        finish_sending(self.stream);
        self.discard(Until::AsBefore);
        let why = decision.deciding().map_or_else(String::new, super::enforcer::named);
        ending::end(self.server.log, ending, &why)
    }

    fn park_write(&self, input: &Input, talk: Talk, is_same: bool) -> Step {
        let until = if is_same { Until::AsBefore } else { Until::Deadline(quantity::deadline_in(WRITE_TIMEOUT)) };
        self.park_with(input, talk, Reason::Write, until)
    }

    #[inline(never)]
    fn park_talk(&self, input: &Input, talk: Talk, was_idle: bool) -> Step {
        let (reason, until) = match talk.next_time() {
            // Frames that ask for nothing do not keep an idle connection.
            _ if talk.is_idle() && was_idle => (Reason::Idle, Until::AsBefore),
            _ if talk.is_idle() => (Reason::Idle, Until::IdleSince(Instant::now())),
            Some(time) => (Reason::Calls, Until::Deadline(time)),
            None => (Reason::Calls, Until::ItCloses),
        };
        self.park_with(input, talk, reason, until)
    }

    fn park_with(&self, input: &Input, mut talk: Talk, reason: Reason, until: Until) -> Step {
        talk.shrink();
        self.pause(reason, until, &[input.unused()], Then::Talk(talk))
    }
}

/// Sends what the kernel takes. `true`: that was all.
fn send(mut stream: &TcpStream, output: &mut Vec<u8>) -> Result<bool, ()> {
    let mut sent = 0;
    while sent < output.len() {
        match stream.write(&output[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(()),
        }
    }
    output.drain(..sent);
    Ok(output.is_empty())
}
