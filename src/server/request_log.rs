//! What a request leaves in the log, and in the last answers of the checks.

use std::net::TcpStream;
use std::time::Duration;

use super::Server;
use super::sending::addresses;
use crate::faults::Check;
use crate::faults::engine::Decision;
use crate::faults::rule::Effect;
use crate::grpc::Method;
use crate::http::head::Head;
use crate::observe::counts;
use crate::observe::log::{Line, REQUEST_PATIENCE, Requests};
use crate::routes::{Outcome, Route};
use crate::text;

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
            Outcome::Respond(response) | Outcome::Wait(_, response, _) => Some(response.status),
            _ => None,
        };
        counts::answered(self.route.number(), status);
        let has_changed = match (self.route.check(), status) {
            (Some(check), Some(status)) => self.server.state.counts.check_answered(check, status),
            _ => false,
        };
        let is_wanted = match self.server.state.config.log_requests {
            Requests::None => false,
            Requests::Faults => has_changed || !self.decision.hits.is_empty(),
            Requests::All => true,
        };
        if is_wanted {
            self.log(status);
        }
    }

    #[inline(never)]
    fn log(&self, status: Option<u16>) {
        let log = self.server.log;
        let line = log.line("request").text("method", self.head.method.name().as_bytes());
        let line = line.text("path", self.head.target.path);
        let line = match (status, self.outcome) {
            (Some(status), _) => line.number("status", u64::from(status)),
            (None, Outcome::Hang) => line.text("outcome", b"hang"),
            (None, Outcome::Reset) => line.text("outcome", b"reset"),
            (None, Outcome::End(_)) => line.text("outcome", b"end"),
            (None, _) => line.text("outcome", b"drop"),
        };
        let line = with_rules(line, self.decision);
        // A kubelet names itself in User-Agent; manifests can name the probe in X-Probe.
        let agent = self.head.field("x-probe").or_else(|| self.head.field("user-agent")).unwrap_or_default();
        let line = line.text(if self.route.check().is_some() { "probe" } else { "agent" }, agent);
        let patience = if self.route.check().is_some() { Duration::ZERO } else { REQUEST_PATIENCE };
        log.offer(with_peer(line, self.stream), patience);
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
        let has_changed = match (self.check, self.status) {
            (Some(check), Some(status)) => self.server.state.counts.check_answered(check, status),
            _ => false,
        };
        let is_wanted = match self.server.state.config.log_requests {
            Requests::None => false,
            Requests::Faults => has_changed || !is_look && !self.decision.hits.is_empty(),
            Requests::All => true,
        };
        if is_wanted {
            self.log();
        }
    }

    #[inline(never)]
    fn log(&self) {
        let log = self.server.log;
        let line = log.line("request").text("method", b"POST").text("path", self.method.path().as_bytes());
        let line = match self.check {
            Some(check) => line.text("check", check.name().as_bytes()),
            None => line,
        };
        let line = match (self.status, self.decision.deciding().map(|live| &live.rule.effect)) {
            (Some(status), _) => line.number("status", status.into()),
            (None, Some(Effect::Hang)) => line.text("outcome", b"hang"),
            (None, Some(Effect::Reset)) => line.text("outcome", b"reset"),
            (None, Some(Effect::Exit(_) | Effect::Crash(_))) => line.text("outcome", b"end"),
            (None, _) => line.text("outcome", b"drop"),
        };
        let line = with_rules(line, self.decision).text("probe", self.agent);
        log.offer(with_peer(line, self.stream), Duration::ZERO);
    }
}

fn with_peer(line: Line, stream: &TcpStream) -> Line {
    let (Some(peer), _) = addresses(stream) else { return line };
    let mut address = Vec::new();
    text::socket_address(&mut address, peer);
    line.text("peer", &address)
}

fn with_rules(mut line: Line, decision: &Decision) -> Line {
    if !decision.delay.is_zero() {
        line = line.thousandths("delay_ms", decision.delay.as_micros() as u64);
    }
    for live in &decision.hits {
        line = line.text("rule", live.rule.spelled().as_bytes());
    }
    line
}
