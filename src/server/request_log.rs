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
        let (name, outcome) = match (status, self.outcome) {
            (Some(status), _) => ("status", Number(status.into())),
            (None, Outcome::Hang) => ("outcome", Text("hang")),
            (None, Outcome::Reset) => ("outcome", Text("reset")),
            (None, Outcome::End(_)) => ("outcome", Text("end")),
            (None, _) => ("outcome", Text("drop")),
        };
        let head = [Text(self.head.method.name()), Bytes(self.head.target.path)];
        let mut line = log.line("request method path", &head);
        line.add(name, outcome);
        add_rules(&mut line, self.decision);
        // A kubelet names itself in User-Agent; manifests can name the probe in X-Probe.
        let agent = self.head.field("x-probe").or_else(|| self.head.field("user-agent")).unwrap_or_default();
        let (name, patience) =
            if self.route.check().is_some() { ("probe", Duration::ZERO) } else { ("agent", REQUEST_PATIENCE) };
        line.add(name, Bytes(agent));
        offer(log, line, self.stream, patience);
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
        let (name, outcome) = match (self.status, self.decision.deciding().map(|live| &live.rule.effect)) {
            (Some(status), _) => ("status", Number(status.into())),
            (None, Some(Effect::Hang)) => ("outcome", Text("hang")),
            (None, Some(Effect::Reset)) => ("outcome", Text("reset")),
            (None, Some(Effect::Exit(_) | Effect::Crash(_))) => ("outcome", Text("end")),
            (None, _) => ("outcome", Text("drop")),
        };
        let check = self.check.map_or(Nothing, |check| Text(check.name()));
        let mut line = log.line("request method path check", &[Text("POST"), Text(self.method.path()), check]);
        line.add(name, outcome);
        add_rules(&mut line, self.decision);
        line.add("probe", Bytes(self.agent));
        offer(log, line, self.stream, Duration::ZERO);
    }
}

/// Adds who has asked, and hands the line to the log.
fn offer(log: &Log, mut line: Line, stream: &TcpStream, patience: Duration) {
    if let (Some(peer), _) = addresses(stream) {
        let mut address = Vec::new();
        text::socket_address(&mut address, peer);
        line.add("peer", Bytes(&address));
    }
    log.offer(line, patience);
}

fn add_rules(line: &mut Line, decision: &Decision) {
    if !decision.delay.is_zero() {
        line.add("delay_ms", Thousandths(decision.delay.as_micros() as u64));
    }
    for live in &decision.hits {
        line.add("rule", Text(&live.spelled));
    }
}
