//! `POST /forecast`: what Kubernetes will do with the workloads of the content, or with one container and the probes of
//! the query, when they behave by the plan of the query.

use super::{Outcome, Request, Work, wants_json};
use crate::forecast::asked::{Asked, OPTIONS, REQUEST};
use crate::forecast::play::Inquiry;
use crate::forecast::{play, tell};
use crate::http::response::Response;
use crate::http::target;
use crate::text::{self, Value};

/// Most content: more than any one object that the API server takes has of its own, and room for a few.
pub(super) const MAX_MANIFESTS: u64 = 256 * 1024;

pub struct Forecast {
    inquiries: Vec<Inquiry>,
    is_json: bool,
}

/// Checks what is asked; the play itself is work.
#[inline(never)]
pub(super) fn answer(request: &Request<'_>) -> Outcome {
    match asked(request) {
        Ok(forecast) => Outcome::Work(Work::Forecast(Box::new(forecast))),
        Err(line) => Outcome::error(400, &line),
    }
}

fn asked(request: &Request<'_>) -> Result<Forecast, String> {
    let mut asked = Asked::new(REQUEST, super::answers_well);
    asked.is_json = wants_json(request);
    for pair in request.head.target.query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
        // As forms are sent, where a space is a plus.
        let mut spaced = pair.to_vec();
        for byte in &mut spaced {
            *byte = if *byte == b'+' { b' ' } else { *byte };
        }
        let Ok(pair) = String::from_utf8(target::decode(&spaced)) else {
            return Err("query: expected UTF-8".to_owned());
        };
        let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
        if !asked.set(name, value)? {
            let values = [Value::Json(name), Value::Text(&text::replaced(OPTIONS, b' ', ", "))];
            return Err(text::filled("query: got ~, expected one of ~", &values));
        }
    }
    let content = [("content", request.body)];
    let inputs = if request.body.is_empty() { &content[..0] } else { &content[..] };
    Ok(Forecast { inquiries: asked.inquiries(inputs)?, is_json: asked.is_json })
}

pub(super) fn run(forecast: &Forecast) -> Outcome {
    let mut out = Vec::new();
    for inquiry in &forecast.inquiries {
        let play = play::Play::new(inquiry);
        let tally = play.run(0..play.groups());
        tell::write(&mut out, &play.told(tally), forecast.is_json);
    }
    Outcome::Respond(if forecast.is_json { Response::json(out) } else { Response::text(out) })
}
