//! `GET /whoami`: everything about this pod in one line of JSON.

use std::net::SocketAddr;

use super::{Outcome, Request, State, Surroundings};
use crate::faults::Check;
use crate::http::date;
use crate::http::response::Response;
use crate::text;

pub(super) fn answer(request: &Request<'_>, state: &'static State) -> Outcome {
    let identity = state.identity;
    let mut out = Vec::with_capacity(512);
    let strings = |out: &mut Vec<u8>, fields: &[(&str, Option<&str>)]| {
        for (name, value) in fields {
            text::put(out, if out.is_empty() { b"{" } else { b"," });
            text::json_string(out, name.as_bytes());
            out.push(b':');
            text::json_optional(out, *value);
        }
    };
    let mut started = Vec::new();
    date::write_rfc3339(&mut started, date::since_epoch(state.started_at));
    strings(
        &mut out,
        &[
            ("pod", Some(&identity.pod)),
            ("namespace", identity.namespace.as_deref()),
            ("node", identity.node.as_deref()),
            ("zone", identity.zone.as_deref()),
            ("ip", Some(identity.ip())),
            ("version", Some(&identity.version)),
            ("started", str::from_utf8(&started).ok()),
        ],
    );
    let uptime = text::written(|out| text::thousandths(out, state.started.elapsed().as_millis() as u64));
    let requests = text::written(|out| text::json_number(out, state.counts.requests()));
    text::put_all(&mut out, &[",\"uptime_seconds\":", &uptime, ",\"requests\":", &requests]);
    let &Surroundings { peer, local, .. } = request.surroundings;
    for (name, address) in [(",\"connection\":{\"peer\":", peer), (",\"local\":", local)] {
        text::put(&mut out, name.as_bytes());
        json_address(&mut out, address);
    }
    text::put(&mut out, b"},\"checks\":{");
    for (index, check) in Check::ALL.into_iter().enumerate() {
        text::put(&mut out, if index == 0 { b"" } else { b"," });
        text::json_string(&mut out, check.name().as_bytes());
        out.push(b':');
        match state.counts.last_answer(check) {
            Some(status) => text::decimal(&mut out, u64::from(status)),
            None => out.extend_from_slice(b"null"),
        }
    }
    text::put(&mut out, b"},\"faults\":[");
    for (index, live) in state.engine.rules().iter().enumerate() {
        text::put(&mut out, if index == 0 { b"" } else { b"," });
        text::json_string(&mut out, live.rule.spelled().as_bytes());
    }
    text::put(&mut out, b"]}\n");
    Outcome::Respond(Response::json(out))
}

fn json_address(out: &mut Vec<u8>, address: Option<SocketAddr>) {
    match address {
        None => out.extend_from_slice(b"null"),
        Some(address) => {
            out.push(b'"');
            text::socket_address(out, address);
            out.push(b'"');
        }
    }
}
