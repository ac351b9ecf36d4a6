//! `/faults` and its kin: the plan at run time.

use std::time::Instant;

use super::{Outcome, Request, State};
use crate::faults::engine::{Engine, LiveRule};
use crate::faults::plan;
use crate::faults::rule::{self, Target};
use crate::http::Method;
use crate::http::response::Response;
use crate::text::Value::{Json, JsonNumber, Number, Text};
use crate::{sys, text};

/// What is said of more rules than there may be.
const TOO_MANY: &str = "rules: at most 64, those that stand included";

/// `GET`, `PUT`, `POST`, `DELETE /faults`.
#[inline(never)]
pub(super) fn answer(request: &Request<'_>, state: &'static State) -> Outcome {
    let engine = &state.engine;
    match request.head.method {
        Method::Put | Method::Post => match change(request, engine) {
            Ok(()) => changed(request, engine),
            Err((status, why)) => Outcome::error(status, &why),
        },
        Method::Delete => cure(request, state),
        _ => list(request, engine),
    }
}

/// Replaces the plan, or adds to it. An error is a status and what is wrong: nothing has changed.
fn change(request: &Request<'_>, engine: &Engine) -> Result<(), (u16, String)> {
    let rules = plan::parse(request.body).map_err(|line| (400, line))?;
    if rules.is_empty() && !request.body.is_empty() {
        return Err((400, text::joined(&[plan::NO_RULE, "; curl: --data-binary, not -d; DELETE removes all"])));
    }
    for rule in &rules {
        // What `GET` lists can be put back.
        if matches!(rule.target, Target::Start) && !engine.has(&rule.spelled()) {
            return Err((400, "start: this moment has passed; set FAULTS".to_owned()));
        }
        if rule.needs_memory_limit() && !sys::has_memory_limit() {
            return Err((409, text::joined(&["crash oom ", rule::NEEDS_MEMORY_LIMIT])));
        }
    }
    let now = Instant::now();
    if request.head.method == Method::Put {
        engine.replace(rules, now);
        return Ok(());
    }
    engine.add(rules, now).map_err(|_| (400, TOO_MANY.to_owned()))
}

/// `DELETE /faults/N`.
#[inline(never)]
pub(super) fn one(request: &Request<'_>, state: &'static State) -> Outcome {
    let number = text::parse_decimal(super::argument(request));
    match number {
        Some(number) if state.engine.remove(&|live| u64::from(live.number) == number) => {
            changed(request, &state.engine)
        }
        _ => Outcome::error(404, "no rule has this number"),
    }
}

/// `POST /infect`: unhealthy in the two ways that a kubelet asks, unless it is already.
#[inline(never)]
pub(super) fn infect(request: &Request<'_>, state: &'static State) -> Outcome {
    let mut missing = Vec::new();
    for ill in ["health fail", "live fail"] {
        if !state.engine.has(ill) {
            text::put_all(&mut missing, &[ill, ";"]);
        }
    }
    let missing = plan::parse(&missing).unwrap_or_default(); // Cannot fail: both are rules.
    match state.engine.add(missing, Instant::now()) {
        Ok(()) => changed(request, &state.engine),
        Err(_) => Outcome::error(400, TOO_MANY),
    }
}

/// `POST /cure`: no rule stands any more.
pub(super) fn cure(request: &Request<'_>, state: &'static State) -> Outcome {
    state.engine.remove(&|_| true);
    changed(request, &state.engine)
}

/// The list, once whoever goes by the clock has been told.
fn changed(request: &Request<'_>, engine: &Engine) -> Outcome {
    sys::wake();
    list(request, engine)
}

/// The rules: a plan in canonical spelling with the counts as comments, or JSON.
fn list(request: &Request<'_>, engine: &Engine) -> Outcome {
    let rules = engine.rules();
    let mut out = Vec::new();
    if !super::wants_json(request) {
        rules.iter().for_each(|live| write_line(&mut out, live));
        return Outcome::Respond(Response::text(out));
    }
    text::fill(&mut out, "{\"seed\":~,\"rules\":[", &[JsonNumber(engine.seed())]);
    let mut comma = "";
    for live in rules.iter() {
        let (tried, hits) = live.counts();
        let number = JsonNumber(live.number.into());
        let values = [Text(comma), number, Json(&live.spelled), JsonNumber(tried), JsonNumber(hits)];
        text::fill(&mut out, "~{\"number\":~,\"rule\":~,\"tried\":~,\"hit\":~}", &values);
        comma = ",";
    }
    text::put(&mut out, b"]}\n");
    Outcome::Respond(Response::json(out))
}

/// `health fail 40%  # 1: tried 12, hit 5`
fn write_line(out: &mut Vec<u8>, live: &LiveRule) {
    let (tried, hits) = live.counts();
    let values = [Text(&live.spelled), Number(live.number.into()), Number(tried), Number(hits)];
    text::fill(out, "~  # ~: tried ~, hit ~", &values);
    text::put(out, if live.is_here { b"\n" } else { b", not on this pod\n" });
}
