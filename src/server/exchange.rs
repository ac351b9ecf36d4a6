//! One request and its answer: decide, handle, carry out.

use std::time::{Duration, Instant, SystemTime};

use super::connection::{Step, Visit};
use super::content::{Content, Unread};
use super::crew::SlowPermit;
use super::desk::Papers;
use super::paused::Then;
use super::queues::Until;
use super::reason::Reason;
use super::request_log::Done;
use super::sending::{After, Kept, Output, finish_sending, plain};
use super::{Server, request_log, worker};
use crate::faults::engine::Decision;
use crate::faults::rule::Effect;
use crate::http::date::since_epoch;
use crate::http::head::Head;
use crate::http::response::{Body, Persistence, RETRY_AFTER, Response};
use crate::http::{MAX_HEAD, Method, RequestError};
use crate::observe::counts::TurnedAway;
use crate::process::ending::{self, Ending};
use crate::process::phase::Phase;
use crate::routes::{self, Outcome, Request, Route, Surroundings};
use crate::sync::Share;
use crate::{quantity, text};

/// How long a client may take to take an answer.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

impl Visit<'_> {
    /// Answers a whole request, whose head starts `bytes`; what has come behind the head follows it there.
    /// `decision` is what the rules have made of it, unless it `is_new`.
    pub(super) fn request(&mut self, head: &Head<'_, '_>, bytes: &[u8], mut decision: Decision, is_new: bool) -> Step {
        let route = Route::find(head.target.path);
        let mut content = match Content::new(head, route.row().max_body, &bytes[head.length..]) {
            Ok(content) => content,
            Err(error) => return self.refuse(error, Some((head, route))),
        };
        if self.papers.is_quick_only && (route.row().is_slow || !content.is_read()) {
            return self.leave(bytes);
        }
        let state = self.server.state;
        if is_new {
            self.since = Instant::now();
        }
        let mut refusal = route.guard(head, state);
        if is_new && refusal.is_none() {
            state.engine.decide(&mut decision, route.subject(head.target.path), self.since);
        }
        if is_new && !decision.delay.is_zero() {
            if let Some(place) = self.place_to_wait() {
                let until = Until::Deadline(self.since + decision.delay);
                let then = Then::Handle(Box::new((decision, place)));
                return self.pause(Reason::Delay, until, &[bytes], then);
            }
            refusal = Some(busy());
        }
        state.counts.request(state.phase.get() >= Phase::Draining);
        let mut body = std::mem::take(&mut self.papers.body);
        let mut outcome = match refusal {
            // What has not come to pass is no hit in the log.
            Some(refusal) => {
                decision = Decision::default();
                Outcome::Respond(refusal)
            }
            None => self.handle(head, &bytes[..head.length], route, &decision, &mut content, &mut body),
        };
        if matches!(outcome, Outcome::Work(_) | Outcome::Wait(_)) {
            outcome = self.arrange(outcome);
        }
        // Where it is wrong the connection closes, since it is then not read.
        let _ = content.take_received(&mut body);
        body.clear();
        body.shrink_to(MAX_HEAD); // An echo does not keep its memory for ever.
        self.papers.body = body;
        Done { server: self.server, stream: self.stream, head, route, decision: &decision, outcome: &outcome }.note();
        self.used = bytes.len() - content.rest.len();
        if let Outcome::Respond(response) = &mut outcome {
            response.close |= !content.is_read();
            return self.answer(head, response, content.rest);
        }
        self.carry_out(head, &bytes[..head.length], &decision, outcome, &content)
    }

    /// Leaves a request to whoever waits next: the connection goes on with it as soon as something can be sent.
    #[inline(never)]
    fn leave(&mut self, bytes: &[u8]) -> Step {
        self.papers.has_left = true;
        let nothing = Output::new(Vec::new(), Body::Static(b""), After::Next);
        let until = Until::Deadline(quantity::deadline_in(WRITE_TIMEOUT));
        self.pause(Reason::Write, until, &[bytes], Then::Send(Box::new(nothing)))
    }

    /// What the deciding rule makes of a request, or else its route's handler, which has the content for it.
    #[inline(never)]
    fn handle(
        &mut self,
        head: &Head<'_, '_>,
        head_bytes: &[u8],
        route: Route,
        decision: &Decision,
        content: &mut Content<'_>,
        body: &mut Vec<u8>,
    ) -> Outcome {
        let state = self.server.state;
        let around;
        let surroundings = if route.row().looks_around {
            around = self.look_around();
            &around
        } else {
            &Surroundings::NONE
        };
        let request = |body| Request { head, head_bytes, body, decision, surroundings };
        if let Some(outcome) = decision.deciding().and_then(|live| decided(&live.rule.effect, route, &request(&[]))) {
            return outcome;
        }
        if let Some(refusal) = route.refuses(head.method) {
            return Outcome::Respond(refusal);
        }
        match self.read(content, body) {
            Ok(()) => routes::answer(route, &request(body), state),
            Err(Unread::Refused(error)) => Outcome::Respond(Response::status_page(error.status())),
            Err(Unread::Busy) => Outcome::Respond(busy()),
            Err(Unread::Gone) => Outcome::Drop,
        }
    }

    /// Finds a thread for work, and a place for who has to wait.
    #[inline(never)]
    fn arrange(&mut self, mut outcome: Outcome) -> Outcome {
        if let Outcome::Work(work) = outcome {
            outcome = match begin_slow(self.server) {
                Some(_permit) => work.run(self.server.state),
                None => Outcome::Respond(busy()),
            };
        }
        if let Outcome::Wait(waiting) = &mut outcome {
            waiting.place = self.place_to_wait();
            if waiting.place.is_none() {
                outcome = Outcome::Respond(busy());
            }
        }
        outcome
    }

    /// Reads all of the content, waiting for the client where needed.
    #[inline(never)]
    fn read(&mut self, content: &mut Content<'_>, body: &mut Vec<u8>) -> Result<(), Unread> {
        content.take_received(body).map_err(Unread::Refused)?;
        if content.is_read() {
            return Ok(());
        }
        let _permit = begin_slow(self.server).ok_or(Unread::Busy)?;
        self.is_drained = false;
        content.receive(self.stream, &mut self.papers.behind, body)
    }

    fn look_around(&self) -> Surroundings {
        let Server { lot, log, .. } = self.server;
        Surroundings {
            peer: plain(self.stream.peer_addr()),
            local: plain(self.stream.local_addr()),
            connections: lot.census(),
            log_dropped: log.dropped_total(),
        }
    }

    /// A place among those that wait for an answer, if there is one.
    fn place_to_wait(&self) -> Option<Share> {
        let place = Share::take(&self.server.delays, 1, self.server.max_delays);
        if place.is_none() {
            self.server.turned_away(TurnedAway::Delay);
        }
        place
    }

    /// Does what has been decided, if that is not an answer. `content` has the rest of what has been received.
    fn carry_out(
        &mut self,
        head: &Head<'_, '_>,
        head_bytes: &[u8],
        decision: &Decision,
        outcome: Outcome,
        content: &Content<'_>,
    ) -> Step {
        match outcome {
            // The head is met again when the wait is over; its content has been read.
            Outcome::Wait(mut waiting) => {
                waiting.response.close |= !content.is_read();
                let until = Until::Deadline(quantity::deadline_in(waiting.delay));
                let received = [head_bytes, content.rest, self.papers.behind.unused()];
                self.pause(Reason::Delay, until, &received, Then::Answer(waiting))
            }
            Outcome::Hang => Step::Park(Reason::Hang, Until::ItCloses, None),
            Outcome::Drop => Step::Linger,
            Outcome::Reset => Step::Reset,
            Outcome::End(ending) => self.end_process(ending, head, decision),
            // Cannot fail: an answer has been sent, and work never leads to more work.
            Outcome::Respond(_) | Outcome::Work(_) => Step::Close,
        }
    }

    /// Sends an answer; `rest` is what has been received behind its request.
    pub(super) fn answer(&mut self, head: &Head<'_, '_>, response: &mut Response, rest: &[u8]) -> Step {
        let keep = head.keep_alive && !response.close && self.server.state.phase.get() < Phase::Draining;
        let (persistence, after) = match keep {
            true if head.is_http10 => (Persistence::KeepAlive, After::Next),
            true => (Persistence::Default, After::Next),
            // A client that asked for the end has nothing more to say; another one may be saying it already.
            false if !head.keep_alive && !response.close && rest.is_empty() => (Persistence::Close, After::Close),
            false => (Persistence::Close, After::Linger),
        };
        let with_content = head.method != Method::Head && response.has_content();
        let now = Instant::now();
        self.server.state.counts.took(now.saturating_duration_since(self.since));
        self.idle_since = Some(now);
        let mut output = self.lay_out(response, now, with_content, persistence, after);
        match output.send(self.stream) {
            Ok(true) => {
                self.papers.output = output.head;
                after.into()
            }
            Ok(false) => {
                let until = Until::Deadline(quantity::deadline_in(WRITE_TIMEOUT));
                self.pause(Reason::Write, until, &[rest, self.papers.behind.unused()], Then::Send(Box::new(output)))
            }
            Err(_) => Step::Close,
        }
    }

    /// Refuses a request, of which no more may be known than that; nothing of the connection is parsed after it.
    pub(super) fn refuse(&mut self, error: RequestError, known: Option<(&Head<'_, '_>, Route)>) -> Step {
        self.server.state.counts.request(self.server.state.phase.get() >= Phase::Draining);
        request_log::refused(self.server, self.stream, known, error.status());
        let mut response = Response::status_page(error.status());
        // A client that takes not even this gets no more.
        let _ = self.lay_out(&mut response, Instant::now(), true, Persistence::Close, After::Linger).send(self.stream);
        Step::Linger
    }

    /// Lays an answer out, unless it is what has been sent last: what a check answers differs from one second to the next in its
    /// Date alone.
    fn lay_out(
        &mut self,
        response: &mut Response,
        now: Instant,
        with_content: bool,
        persistence: Persistence,
        after: After,
    ) -> Output {
        let Papers { output, common, last, .. } = &mut *self.papers;
        let identity = &self.server.state.identity.field_lines;
        let is_renewed = common.renew(now, || since_epoch(SystemTime::now()), identity);
        let this = if with_content { Kept::of(response, persistence) } else { None };
        // Without octets, what was sent last is not here any more.
        let is_last = !is_renewed && this.is_some() && *last == this && !output.is_empty();
        *last = this;
        let mut body = Body::Static(b"");
        if !is_last {
            output.clear();
            output.reserve(text::LINES);
            response.write_head(output, &common.text, persistence);
            if with_content {
                std::mem::swap(&mut body, &mut response.body);
            }
        }
        Output::new(std::mem::take(output), body, after)
    }

    /// Ends the process. The client sees its connection end without a byte, not broken off.
    fn end_process(&mut self, ending: Ending, head: &Head<'_, '_>, decision: &Decision) -> ! {
        finish_sending(self.stream);
        self.discard(Until::AsBefore);
        let why = match decision.deciding() {
            Some(live) => super::enforcer::named(live),
            None => text::joined(&[head.method.name(), " ", &text::lossy(head.target.path)]),
        };
        ending::end(self.server.log, ending, &why)
    }
}

/// What a rule's effect makes of a request; a delay is no such effect.
#[inline(never)]
fn decided(effect: &Effect, route: Route, request: &Request<'_>) -> Option<Outcome> {
    Some(match *effect {
        Effect::Fail(status) => Outcome::Respond(routes::failed(route, status, request)),
        Effect::Hang => Outcome::Hang,
        Effect::Drop => Outcome::Drop,
        Effect::Reset => Outcome::Reset,
        ref effect => Outcome::End(Ending::of(effect)?),
    })
}

fn begin_slow(server: &'static Server) -> Option<SlowPermit<'static>> {
    server.crew.begin_slow(&|| worker::spawn(server))
}

fn busy() -> Response {
    Response::status_page(503).with_fields(RETRY_AFTER)
}
