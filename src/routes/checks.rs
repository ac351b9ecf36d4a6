//! `/healthz`, `/livez`, `/readyz`, `/startupz` and their aliases: as the rules say, else fine, but not ready
//! while draining.

use super::{Outcome, Request, State};
use crate::faults::Check;
use crate::http::response::{Body, JSON, Response};
use crate::process::phase::Phase;
use crate::text;

const OK: &str = "{ \"status\": \"ok\" }\n";
const ERROR: &str = "{ \"status\": \"error\" }\n";

/// What a check answers when no rule decides.
pub(super) fn answer(check: Check, request: &Request<'_>, state: &State) -> Outcome {
    let status = status(check, state);
    Outcome::Respond(respond(status, request, (status != 200).then_some("draining")))
}

/// The status of a check when no rule decides.
pub fn status(check: Check, state: &State) -> u16 {
    let is_draining = check == Check::Ready && state.phase.get() >= Phase::Draining;
    if is_draining { check.failing_status() } else { 200 }
}

/// What a check answers when a rule says `fail`.
pub(super) fn with_status(status: u16, request: &Request<'_>) -> Response {
    respond(status, request, request.decision.deciding().map(|live| live.spelled.as_str()))
}

/// The body for a status; with `?verbose` also what decided.
fn respond(status: u16, request: &Request<'_>, decided_by: Option<&str>) -> Response {
    let body = if status >= 400 { ERROR } else { OK };
    if request.head.target.parameter("verbose").is_none() {
        return Response::new(status, JSON, Body::Static(body.as_bytes()));
    }
    // Cannot fail: both bodies end so.
    let mut out = body.strip_suffix(" }\n").unwrap_or_default().as_bytes().to_vec();
    text::put(&mut out, b", \"rule\": ");
    text::json_optional(&mut out, decided_by);
    text::put(&mut out, b" }\n");
    Response::new(status, JSON, Body::Owned(out))
}
