//! `GET /resolve?service=...`: who really answers at a service's name.

use std::time::Duration;

use super::{Outcome, Request, State, Work};
use crate::http::response::{NO_SNIFF, RETRY_AFTER, Response};
use crate::http::target;
use crate::observe::counts::Called;
use crate::process::phase::Phase;
use crate::resolve::Service;
use crate::resolve::call::{self, PassedOn, Rules};
use crate::resolve::came::Came;
use crate::resolve::error::{self, CallError, Cause};
use crate::resolve::many::{self, Run};
use crate::sync::Share;
use crate::text::Value::{Bytes, Text};
use crate::{quantity, text};

/// Most outgoing calls at a time.
const MAX_CALLS: u64 = 8;
/// Fields that trace a request through many services (W3C Trace Context, B3); nothing else is passed on.
const PASSED_ON: &str = "traceparent tracestate b3 x-request-id";
const PASSED_ON_PREFIX: &str = "x-b3-";

/// Longest run of many calls.
const MAX_RUN: Duration = Duration::from_secs(60);
/// Most calls of a run.
const MAX_COUNT: u64 = 1000;

/// One call to be made, or a run of many.
pub struct Call {
    run: Run,
    /// Whether the answer tells of a run, be it of one call.
    is_run: bool,
    is_json: bool,
}

/// Checks the request; the call itself is work.
#[inline(never)]
pub(super) fn answer(request: &Request<'_>, state: &'static State) -> Outcome {
    match asked(request, state) {
        Ok(call) => Outcome::Work(Work::Call(Box::new(call))),
        Err((status, line)) => Outcome::error(status, line),
    }
}

/// Reads the parameters. The error is a status and what was expected.
fn asked(request: &Request<'_>, state: &'static State) -> Result<Call, (u16, &'static str)> {
    let (target, config) = (&request.head.target, state.config);
    let service = target.parameter("service").and_then(|service| Service::parse(&target::decode(service)));
    let service = service.ok_or((400, "service: expected HOST[:PORT][/PATH], HOST a DNS name or an IP address"))?;
    let count = match target.parameter("count").map(text::parse_decimal) {
        None => 1,
        Some(Some(count @ 1..=MAX_COUNT)) => count,
        Some(_) => return Err((400, "count: expected 1 to 1000")),
    };
    // Whether it is the second of two words.
    let is_second = |name, words, default, line| match target.parameter(name) {
        None => Ok(default),
        Some(word) => text::place(words, word).map(|place| place == 1).ok_or((400, line)),
    };
    let is_json = is_second("format", "text json", false, "format: expected text or json")?;
    let keeps_alive = is_second("keepalive", "0 1", false, "keepalive: expected 0 or 1")?;
    let is_fresh = is_second("fresh", "0 1", true, "fresh: expected 0 or 1")?;
    let is_run = "count keepalive fresh format".split(' ').any(|name| target.parameter(name).is_some());
    let hops = request.head.field("probe-hops").map_or(Some(0), text::parse_decimal);
    let hops = hops.filter(|&hops| hops < u64::from(u32::MAX)).ok_or((400, "Probe-Hops: expected a number"))?;
    if hops >= u64::from(config.resolve_max_hops) {
        return Err((508, "Probe-Hops: the request has passed RESOLVE_MAX_HOPS probeservers"));
    }
    let mut fields = Vec::new();
    for field in request.head.fields {
        let name = field.name.to_ascii_lowercase();
        if text::place(PASSED_ON, name.as_bytes()).is_some() || name.starts_with(PASSED_ON_PREFIX) {
            text::fill(&mut fields, "~: ~\r\n", &[Text(field.name), Bytes(field.value)]);
        }
    }
    let run = Run {
        service,
        passed_on: PassedOn { hops: hops as u32, fields },
        // One call fails at once where there is no place for its lookup; a run has a minute, and waits.
        rules: Rules { allow: &config.resolve_allow, timeout: config.resolve_timeout, waits: is_run },
        count,
        keeps_alive,
        is_fresh,
        deadline: Some(quantity::deadline_in(MAX_RUN)),
        is_over: Some(Box::new(|| state.phase.get() >= Phase::Draining)),
    };
    Ok(Call { run, is_run, is_json })
}

/// Makes the call and prints the block, or the line that says what failed; or makes many and prints who answered.
#[inline(never)]
pub(super) fn run(call: Call, state: &'static State) -> Response {
    let (is_json, body) = match made(call, state) {
        Ok(made) => made,
        Err(error) => {
            let fields = if error.cause == Cause::Busy { RETRY_AFTER } else { "" };
            return Response::error(error.status(), &error.line()).with_fields(fields);
        }
    };
    (if is_json { Response::json(body) } else { Response::text(body) }).with_fields(NO_SNIFF)
}

/// What the answer has to say, and whether that is JSON.
fn made(call: Call, state: &'static State) -> Result<(bool, Vec<u8>), CallError> {
    let Call { run, is_run, is_json } = call;
    let at_once = if run.count > 1 && !run.keeps_alive { many::AT_ONCE as u64 } else { 1 };
    let busy =
        || CallError { phase: error::Phase::Resolve, cause: Cause::Busy, detail: "8 calls are under way".to_owned() };
    // Leave for as many calls at a time as are free.
    let leave = (0..at_once).find_map(|less| Share::take(&state.calls, at_once - less, MAX_CALLS)).ok_or_else(busy)?;
    if !is_run {
        let result = call::call(&run.service, run.rules, &run.passed_on);
        count(Came::of(&result), 1, state);
        let block = call::block(&state.identity.hostname, state.identity.ip(), &run.service, &result?);
        return Ok((false, block));
    }
    let made = many::run(run, leave.size as usize, &mut |_| {});
    if let Err(error) = &made {
        count(Came::Failed(error.cause), 1, state); // The one lookup that was to be for all of them.
    }
    let summary = made?;
    summary.each_result(&mut |came, times| count(came, times, state));
    let mut body = Vec::new();
    if is_json {
        summary.write_json(&mut body, state.identity.zone);
    } else {
        summary.write_text(&mut body, state.identity.zone);
    }
    Ok((is_json, body))
}

/// Counts what calls came to, as metrics name it.
#[inline(never)]
fn count(came: Came, times: u64, state: &State) {
    let called = match came {
        Came::Ok => Called::Ok,
        Came::Status(_) => Called::Status,
        Came::Late(_) | Came::Failed(Cause::Timeout) => Called::Timeout,
        Came::Failed(Cause::Denied) => Called::Denied,
        Came::Failed(Cause::Name) => Called::Name,
        Came::Failed(Cause::Refused) => Called::Refused,
        Came::Failed(Cause::Reset) => Called::Reset,
        Came::Failed(Cause::NotHttp) => Called::NotHttp,
        Came::Failed(Cause::Busy) => return, // Nobody was called.
    };
    state.counts.called(called, times);
}
