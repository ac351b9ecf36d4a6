//! Probes and hooks, and what they ask.

use super::field::Fields;
use crate::forecast::pod::Kind;
use crate::forecast::workload::{Handler, Probe};
use crate::forecast::yaml::{Node, Value};
use crate::text;
use crate::text::Value::Text;

/// A container's ports with their names, which may be empty.
pub(super) type Ports<'d> = Vec<(&'d str, u16)>;

/// What only containers that go on have: probes by their kinds, and hooks.
pub(super) const FIELDS: &str = "startupProbe livenessProbe readinessProbe lifecycle";

/// Reads a container's probe of a kind.
pub(super) fn probe(fields: &Fields<'_>, container: Node, kind: usize, ports: &Ports<'_>, out: &mut Option<Probe>) {
    let node = fields.get(container, text::word(FIELDS, kind));
    if fields.is_nothing(node) {
        return;
    }
    // 0 is what the API server takes for not set.
    let number = |name, default| match fields.natural(node, name, default) {
        0 => default,
        number => number,
    };
    let at_grace = fields.get(node, "terminationGracePeriodSeconds");
    let grace = fields.whole(at_grace, 0, 1, i64::MAX).min(u32::MAX.into()) as u32;
    let successes = number("successThreshold", 1);
    if let Some(handler) = handler(fields, node, "httpGet tcpSocket exec grpc", ports, 0) {
        *out = Some(Probe {
            handler,
            initial_delay: number("initialDelaySeconds", 0),
            period: number("periodSeconds", 10),
            timeout: number("timeoutSeconds", 1),
            failures: number("failureThreshold", 3),
            successes,
            grace: (grace > 0).then_some(grace),
        });
    }
    let is_readiness = kind == Kind::Readiness as usize;
    if is_readiness && grace > 0 {
        fields.unexpected(at_grace, "none: a readiness probe ends nothing");
    }
    if !is_readiness && successes != 1 {
        let at = fields.get(node, "successThreshold");
        fields.unexpected(at, "1: only a readiness probe may ask for more successes");
    }
}

/// Reads a hook of a container's `lifecycle`.
#[inline(never)]
pub(super) fn hook(fields: &Fields<'_>, lifecycle: Node, name: &str, ports: &Ports<'_>, grace: u32) -> Option<Handler> {
    let node = fields.get(lifecycle, name);
    if fields.is_nothing(node) { None } else { handler(fields, node, "httpGet tcpSocket exec sleep", ports, grace) }
}

/// The one handler among these kinds; `None` is a fault.
#[inline(never)]
fn handler(fields: &Fields<'_>, node: Node, kinds: &str, ports: &Ports<'_>, grace: u32) -> Option<Handler> {
    let mut found = "";
    for place in 0..4 {
        let kind = text::word(kinds, place);
        if fields.has(node, kind) {
            if !found.is_empty() {
                fields.fail_with(node, "got ~ and ~, expected one handler", &[Text(found), Text(kind)]);
            }
            found = kind;
        }
    }
    let at = fields.get(node, found);
    Some(match text::place("httpGet tcpSocket exec grpc sleep", found.as_bytes()) {
        None => {
            let kinds = text::replaced(kinds, b' ', ", ");
            fields.fail_with(node, "got no handler, expected one of ~", &[Text(&kinds)]);
            return None;
        }
        Some(0) => {
            let path = fields.text(fields.get(at, "path"));
            for header in fields.list(at, "httpHeaders") {
                fields.need_text(header, "name");
            }
            Handler::Http {
                // The kubelet puts in the slash that is not there.
                path: text::joined(&[if path.starts_with('/') { "" } else { "/" }, path]),
                port: port(fields, at, ports),
                is_https: fields.choice(at, "scheme", "HTTP HTTPS") == 1,
            }
        }
        Some(1) => Handler::Tcp { port: port(fields, at, ports) },
        Some(2) => {
            let mut command = Vec::new();
            fields.texts(at, "command", &mut command);
            if command.is_empty() {
                fields.fail(at, "got no command, expected one");
            }
            Handler::Exec { command }
        }
        Some(3) => {
            Handler::Grpc { port: fields.port(at, "port"), service: String::from(fields.text_or(at, "service", "")) }
        }
        Some(_) => {
            let at = fields.need(at, "seconds");
            let seconds = fields.whole(at, 0, i64::MIN, i64::MAX);
            if seconds < 0 || seconds > grace.into() {
                fields.unexpected(at, "0 to terminationGracePeriodSeconds (30 when not set)");
            }
            Handler::Sleep { seconds: seconds as u32 }
        }
    })
}

/// The number of a port that is written as a number or by its name; `None` for a name that no port has.
fn port(fields: &Fields<'_>, node: Node, ports: &Ports<'_>) -> Option<u16> {
    let at = fields.need(node, "port");
    if !matches!(fields.document.value(at), Value::Text(_)) {
        return Some(fields.port(node, "port"));
    }
    let name = fields.port_name(at);
    ports.iter().find(|&&(known, _)| known == name).map(|&(_, number)| number)
}
