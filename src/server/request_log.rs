//! What a request leaves in the log, and in the last answers of the checks.

use std::os::fd::RawFd;

use super::Server;
use crate::faults::engine::Decision;
use crate::http::head::Head;
use crate::observe::log::{Line, Requests};
use crate::routes::{Outcome, Route};
use crate::{sys, text};

/// Notes what a request came to; logs it where that is wanted.
pub(super) fn note(
    server: &Server,
    fd: RawFd,
    head: &Head<'_, '_>,
    route: Route,
    decision: &Decision,
    outcome: &Outcome,
) {
    let status = match outcome {
        Outcome::Respond(response) | Outcome::Wait(_, response, _) => Some(response.status),
        _ => None,
    };
    let has_changed = match (route.check(), status) {
        (Some(check), Some(status)) => server.state.counts.check_answered(check, status),
        _ => false,
    };
    let is_wanted = match server.state.config.log_requests {
        Requests::None => false,
        Requests::Faults => has_changed || !decision.hits.is_empty(),
        Requests::All => true,
    };
    if is_wanted {
        log(server, fd, head, route, decision, outcome, status);
    }
}

#[inline(never)]
fn log(
    server: &Server,
    fd: RawFd,
    head: &Head<'_, '_>,
    route: Route,
    decision: &Decision,
    outcome: &Outcome,
    status: Option<u16>,
) {
    let mut line =
        server.log.line("request").text("method", head.method.name().as_bytes()).text("path", head.target.path);
    line = match (status, outcome) {
        (Some(status), _) => line.number("status", u64::from(status)),
        (None, Outcome::Hang) => line.text("outcome", b"hang"),
        (None, Outcome::Reset) => line.text("outcome", b"reset"),
        (None, Outcome::End(_)) => line.text("outcome", b"end"),
        (None, _) => line.text("outcome", b"drop"),
    };
    line = with_rules(line, decision);
    // A kubelet names itself in User-Agent; seed 002's manifests name the probe in X-Probe.
    let agent = head.field("x-probe").or_else(|| head.field("user-agent")).unwrap_or_default();
    line = line.text(if route.check().is_some() { "probe" } else { "agent" }, agent);
    if let (Some(peer), _) = sys::addresses(fd) {
        let mut address = Vec::new();
        text::socket_address(&mut address, peer);
        line = line.text("peer", &address);
    }
    server.log.write(line);
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
