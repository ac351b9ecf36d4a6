//! `GET /resolve?service=...`: who really answers at a service's name.

use std::sync::atomic::Ordering;

use super::{Outcome, Request, State, Work};
use crate::http::response::{Body, Response, TEXT};
use crate::http::target;
use crate::resolve::Service;
use crate::resolve::call::{self, PassedOn, Rules};
use crate::text;

/// Most outgoing calls at a time.
const MAX_CALLS: usize = 8;
/// Fields that trace a request through many services (W3C Trace Context, B3); nothing else is passed on.
const PASSED_ON: [&str; 4] = ["traceparent", "tracestate", "b3", "x-request-id"];
const PASSED_ON_PREFIX: &str = "x-b3-";

/// A call to be made.
pub struct Call {
    service: Service,
    passed_on: PassedOn,
}

/// Checks the request; the call itself is work.
pub(super) fn answer(request: &Request<'_>, state: &State) -> Outcome {
    let refuse = |status, line| Outcome::Respond(Response::error(status, line));
    let service = request.head.target.parameter("service").and_then(target::decode);
    let service = service.and_then(|service| Service::parse(&service));
    let Some(service) = service else {
        return refuse(400, "service: expected HOST[:PORT][/PATH], HOST a DNS name or an IP address");
    };
    let hops = request.head.field("probe-hops").map_or(Some(0), text::parse_decimal);
    let Some(hops) = hops.filter(|&hops| hops < u64::from(u32::MAX)) else {
        return refuse(400, "Probe-Hops: expected a number");
    };
    if hops >= u64::from(state.config.resolve_max_hops) {
        return refuse(508, "Probe-Hops: the request has passed RESOLVE_MAX_HOPS probeservers");
    }
    let mut fields = Vec::new();
    for field in request.head.fields {
        let name = field.name.as_bytes();
        let prefix = name.get(..PASSED_ON_PREFIX.len());
        let is_passed_on = PASSED_ON.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
            || prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PASSED_ON_PREFIX.as_bytes()));
        if is_passed_on {
            for part in [field.name.as_bytes(), b": ", field.value, b"\r\n"] {
                text::put(&mut fields, part);
            }
        }
    }
    Outcome::Work(Work::Call(Box::new(Call { service, passed_on: PassedOn { hops: hops as u32, fields } })))
}

/// Makes the call and prints the block, or the line that says what failed.
pub(super) fn run(call: &Call, state: &'static State) -> Response {
    if state.calls.fetch_add(1, Ordering::Relaxed) >= MAX_CALLS {
        state.calls.fetch_sub(1, Ordering::Relaxed);
        return Response::error(503, "resolve: 8 calls are under way").with_fields("Retry-After: 1\r\n");
    }
    let config = state.config;
    let rules = Rules { allow: &config.resolve_allow, timeout: config.resolve_timeout };
    let result = call::call(&call.service, rules, &call.passed_on);
    state.calls.fetch_sub(1, Ordering::Relaxed);
    match result {
        Ok(answer) => {
            let block = call::block(&state.identity.hostname, &state.identity.ip, &call.service, &answer);
            Response::new(200, TEXT, Body::Owned(block)).with_fields("X-Content-Type-Options: nosniff\r\n")
        }
        Err(error) => {
            let response = Response::error(error.status(), &error.line());
            if error.status() == 503 { response.with_fields("Retry-After: 1\r\n") } else { response }
        }
    }
}
