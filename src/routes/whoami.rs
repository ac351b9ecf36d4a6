//! `GET /whoami`: everything about this pod in one line of JSON.

use super::{Outcome, Request, State, Surroundings};
use crate::faults::Check;
use crate::http::date;
use crate::http::response::Response;
use crate::text::Value::{Json, JsonNumber, JsonOptional, Number, Text, Thousandths};
use crate::text::{fill, put, written};

#[inline(never)]
pub(super) fn answer(request: &Request<'_>, state: &'static State) -> Outcome {
    let identity = state.identity;
    let mut out = Vec::new();
    let started = written(|out| date::write_rfc3339(out, date::since_epoch(state.started_at)));
    let Surroundings { peer, local, .. } = request.surroundings;
    fill(
        &mut out,
        "{\"pod\":~,\"namespace\":~,\"node\":~,\"zone\":~,\"ip\":~,\"version\":~,\"started\":~,\"uptime_seconds\":~,\
         \"requests\":~,\"connection\":{\"peer\":~,\"local\":~},\"checks\":{",
        &[
            Json(&identity.pod),
            JsonOptional(identity.namespace),
            JsonOptional(identity.node),
            JsonOptional(identity.zone),
            Json(identity.ip()),
            Json(identity.version),
            Json(&started),
            Thousandths(state.started.elapsed().as_millis() as u64),
            JsonNumber(state.counts.requests()),
            JsonOptional(peer.as_deref()),
            JsonOptional(local.as_deref()),
        ],
    );
    let mut comma = "";
    for check in Check::ALL {
        let status = state.counts.last_answer(check).map_or(JsonOptional(None), |status| Number(status.into()));
        fill(&mut out, "~~:~", &[Text(comma), Json(check.name()), status]);
        comma = ",";
    }
    put(&mut out, b"},\"faults\":[");
    comma = "";
    for live in state.engine.rules().iter() {
        fill(&mut out, "~~", &[Text(comma), Json(&live.spelled)]);
        comma = ",";
    }
    put(&mut out, b"]}\n");
    Outcome::Respond(Response::json(out))
}
