//! `/`, `/ip`, `/hostname`, `/version`: one value each.

use super::{Outcome, Request, State};
use crate::http::response::{Body, Response};
use crate::text;

/// `GET /`: CONTENT, or who this is; made once, so that no request pays for it.
pub(super) fn index(_: &Request<'_>, state: &'static State) -> Outcome {
    Outcome::Respond(Response::new(200, &state.config.content_type, Body::Static(state.identity.index())))
}

pub(super) fn ip(_: &Request<'_>, state: &'static State) -> Outcome {
    line(state.identity.ip())
}

pub(super) fn hostname(_: &Request<'_>, state: &'static State) -> Outcome {
    line(&state.identity.hostname)
}

pub(super) fn version(_: &Request<'_>, state: &'static State) -> Outcome {
    line(&state.identity.version)
}

fn line(value: &str) -> Outcome {
    Outcome::Respond(Response::text(text::joined(&[value, "\n"]).into_bytes()))
}
