//! What a request leaves in the log, and in the last answers of the checks.

use std::net::TcpStream;
use std::time::Duration;

use super::Server;
use super::sending::plain;
use crate::faults::Check;
use crate::faults::engine::Decision;
use crate::faults::rule::Effect;
use crate::grpc::Method;
use crate::http::head::Head;
use crate::observe::counts;
use crate::observe::log::{Line, Log, REQUEST_PATIENCE, Requests};
use crate::routes::{Outcome, Route};
use crate::text;
use crate::text::Value::{Bytes, Nothing, Number, Text, Thousandths};

/// A request and what it came to.
pub(super) struct Done<'a> {
    pub(super) server: &'a Server,
    pub(super) stream: &'a TcpStream,
    pub(super) head: &'a Head<'a, 'a>,
    pub(super) route: Route,
    pub(super) decision: &'a Decision,
    pub(super) outcome: &'a Outcome,
}

impl Done<'_> {
    /// Notes it; logs it where that is wanted.
    pub(super) fn note(&self) {
        let status = match self.outcome {
            Outcome::Respond(response) => Some(response.status),
            Outcome::Wait(waiting) => Some(waiting.response.status),
            _ => None,
        };
        counts::answered(self.route.number(), status);
        if is_wanted(self.server, self.route.check(), status, !self.decision.hits.is_empty()) {
            self.log(status);
        }
    }

    #[inline(never)]
    fn log(&self, status: Option<u16>) {
        let log = self.server.log;
        let outcome = match self.outcome {
            Outcome::Hang => "hang",
            Outcome::Reset => "reset",
            Outcome::End(_) => "end",
            _ => "drop",
        };
        let (line, asker, patience) = begun(log, Some((self.head, self.route)));
        offer(log, line, (status, outcome), self.decision, asker, self.stream, patience);
    }
}

/// A call of gRPC and what it came to.
pub(super) struct Called<'a> {
    pub(super) server: &'a Server,
    pub(super) stream: &'a TcpStream,
    pub(super) method: Method,
    pub(super) check: Option<Check>,
    pub(super) decision: &'a Decision,
    /// What HTTP/1.1 would have answered; `None`: nothing.
    pub(super) status: Option<u16>,
    pub(super) agent: &'a [u8],
}

impl Called<'_> {
    /// Notes it; logs it where that is wanted. A look that a Watch takes by itself is no request, but an answer of the
    /// check all the same.
    pub(super) fn note(&self, is_look: bool) {
        if !is_look {
            counts::answered(Route::of_method(self.method).number(), self.status);
        }
        if is_wanted(self.server, self.check, self.status, !is_look && !self.decision.hits.is_empty()) {
            self.log();
        }
    }

    #[inline(never)]
    fn log(&self) {
        let log = self.server.log;
        let outcome = match self.decision.deciding().map(|live| &live.rule.effect) {
            Some(Effect::Hang) => "hang",
            Some(Effect::Reset) => "reset",
            Some(Effect::Exit(_) | Effect::Crash(_)) => "end",
            _ => "drop",
        };
        let check = self.check.map_or(Nothing, |check| Text(check.name()));
        let line = log.line("request method path check", &[Text("POST"), Text(self.method.path()), check]);
        let agent = ("probe", self.agent);
        offer(log, line, (self.status, outcome), self.decision, agent, self.stream, Duration::ZERO);
    }
}

/// Notes a request that was refused for how it was put.
#[inline(never)]
pub(super) fn refused(server: &Server, stream: &TcpStream, known: Option<(&Head<'_, '_>, Route)>, status: u16) {
    counts::answered(known.map_or(Route::OTHER, |(_, route)| route).number(), Some(status));
    if is_wanted(server, None, None, false) {
        let (line, asker, patience) = begun(server.log, known);
        offer(server.log, line, (Some(status), ""), &Decision::default(), asker, stream, patience);
    }
}

/// A request's line with what was asked for, who asked, and how long it may wait for the log: a check not at all.
fn begun<'h>(log: &Log, known: Option<(&Head<'_, 'h>, Route)>) -> (Line, (&'static str, &'h [u8]), Duration) {
    let Some((head, route)) = known else {
        return (log.line("request", &[]), ("agent", b""), REQUEST_PATIENCE);
    };
    let line = log.line("request method path", &[Text(head.method.name()), Bytes(head.target.path)]);
    // A kubelet names itself in User-Agent; manifests can name the probe in X-Probe.
    let agent = head.field("x-probe").or_else(|| head.field("user-agent")).unwrap_or_default();
    if route.check().is_some() {
        (line, ("probe", agent), Duration::ZERO)
    } else {
        (line, ("agent", agent), REQUEST_PATIENCE)
    }
}

/// Notes what a check has answered, and says whether a line is wanted of a request, which rules may have hit.
#[inline(never)]
fn is_wanted(server: &Server, check: Option<Check>, status: Option<u16>, is_hit: bool) -> bool {
    let has_changed = match (check, status) {
        (Some(check), Some(status)) => server.state.counts.check_answered(check, status),
        _ => false,
    };
    match server.state.config.log_requests {
        Requests::None => false,
        Requests::Faults => has_changed || is_hit,
        Requests::All => true,
    }
}

/// Adds the status, or what came of it otherwise, the rules that have hit and who has asked, and hands the line to the log.
fn offer(
    log: &Log,
    mut line: Line,
    (status, outcome): (Option<u16>, &str),
    decision: &Decision,
    (name, agent): (&str, &[u8]),
    stream: &TcpStream,
    patience: Duration,
) {
    match status {
        Some(status) => line.add("status", Number(status.into())),
        None => line.add("outcome", Text(outcome)),
    }
    if !decision.delay.is_zero() {
        line.add("delay_ms", Thousandths(decision.delay.as_micros() as u64));
    }
    // As a plan, since an object has each name once.
    let mut rules = Vec::new();
    for live in &decision.hits {
        let between = if rules.is_empty() { "" } else { "; " };
        text::put_all(&mut rules, &[between, &live.spelled]);
    }
    if !rules.is_empty() {
        line.add("rule", Bytes(&rules));
    }
    line.add(name, Bytes(agent));
    if let Some(peer) = plain(stream.peer_addr()) {
        line.add("peer", Text(&peer));
    }
    log.offer(line, patience);
}
