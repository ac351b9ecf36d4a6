//! The basics of a test target: a status, a delay, bytes, the head as received, an echo.

use super::{MAX_LOAD, Outcome, Request};
use crate::http::response::{Body, NO_SNIFF, OCTETS, Response};
use crate::{quantity, text};

/// Most octets that `/bytes/N` sends.
const MAX_BYTES: u64 = 10 * 1024 * 1024;

/// `GET /status/N`, N 200 to 599.
#[inline(never)]
pub(super) fn status(request: &Request<'_>) -> Outcome {
    match text::parse_decimal(super::argument(request)) {
        Some(status @ 200..=599) => Outcome::Respond(Response::status_page(status as u16)),
        _ => Outcome::error(400, "status: expected 200 to 599"),
    }
}

/// `GET /delay/D`, D seconds or a duration of at most a minute.
#[inline(never)]
pub(super) fn delay(request: &Request<'_>) -> Outcome {
    match quantity::parse_seconds(super::argument(request)).filter(|delay| *delay <= MAX_LOAD) {
        Some(delay) => {
            let mut body = b"waited ".to_vec();
            quantity::write_duration(&mut body, delay);
            body.push(b'\n');
            Outcome::after(delay, Response::text(body), None)
        }
        None => Outcome::error(400, "delay: expected seconds or a duration, at most 60s"),
    }
}

/// `GET /bytes/N`, N at most 10 MiB.
#[inline(never)]
pub(super) fn bytes(request: &Request<'_>) -> Outcome {
    match text::parse_decimal(super::argument(request)) {
        Some(length @ 0..=MAX_BYTES) => Outcome::Respond(Response::new(200, OCTETS, Body::Zeros(length))),
        _ => Outcome::error(400, "bytes: expected 0 to 10485760"),
    }
}

/// `ANY /headers` and `POST /echo`: the head or the content as received, as text.
#[inline(never)]
pub(super) fn received(bytes: &[u8]) -> Outcome {
    Outcome::Respond(Response::text(bytes.to_vec()).with_fields(NO_SNIFF))
}
