//! `/`, `/ip`, `/hostname`, `/version`: one value each.

use super::{Outcome, State};
use crate::http::response::{Body, Response};
use crate::text;

/// `GET /`: CONTENT, or who this is; made once, so that no request pays for it.
#[inline(never)]
pub(super) fn index(state: &'static State) -> Outcome {
    Outcome::Respond(Response::new(200, &state.config.content_type, Body::Static(state.identity.index())))
}

/// `GET /ip`, `/hostname` and `/version`: a line.
pub(super) fn line(value: &str) -> Outcome {
    Outcome::Respond(Response::text(text::joined(&[value, "\n"]).into_bytes()))
}
