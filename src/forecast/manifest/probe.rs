//! Probes and hooks, and what they ask.

use super::field::{
    NATURAL, PORT, as_whole, choice, fail, get, list, need, need_text, text_or, texts, unexpected, whole,
};
use super::name::port_name;
use crate::forecast::workload::{Handler, Probe};
use crate::forecast::yaml::{Fault, Node, Value};

/// A container's ports.
pub(super) type Ports = Vec<(Option<String>, u16)>;

/// Reads a probe of a container.
pub(super) fn probe(container: &Node<'_>, name: &str, ports: &Ports) -> Result<Option<Probe>, Fault> {
    let Some(node) = get(container, name)? else { return Ok(None) };
    // 0 is what the API server takes for not set.
    let number = |name, default| -> Result<u32, Fault> {
        Ok(whole(node, name, NATURAL)?.filter(|&number| number > 0).unwrap_or(default))
    };
    let probe = Probe {
        handler: handler(node, &["httpGet", "tcpSocket", "exec", "grpc"], ports, 0)?,
        initial_delay: number("initialDelaySeconds", 0)?,
        period: number("periodSeconds", 10)?,
        timeout: number("timeoutSeconds", 1)?,
        failures: number("failureThreshold", 3)?,
        successes: number("successThreshold", 1)?,
        grace: whole(node, "terminationGracePeriodSeconds", 1..=i64::MAX)?,
    };
    let is_readiness = name == "readinessProbe";
    if let Some(at) = get(node, "successThreshold")?
        && probe.successes != 1
        && !is_readiness
    {
        return unexpected(at, "1: only a readiness probe may ask for more successes");
    }
    if let Some(at) = get(node, "terminationGracePeriodSeconds")?
        && is_readiness
    {
        return unexpected(at, "none: a readiness probe ends nothing");
    }
    Ok(Some(probe))
}

/// Reads a hook of a container's `lifecycle`.
pub(super) fn hook(lifecycle: &Node<'_>, name: &str, ports: &Ports, grace: u32) -> Result<Option<Handler>, Fault> {
    let Some(node) = get(lifecycle, name)? else { return Ok(None) };
    handler(node, &["httpGet", "tcpSocket", "exec", "sleep"], ports, grace).map(Some)
}

/// The one handler among these kinds.
fn handler(node: &Node<'_>, kinds: &[&'static str], ports: &Ports, grace: u32) -> Result<Handler, Fault> {
    let mut found = None;
    for &kind in kinds {
        if let Some(at) = get(node, kind)? {
            if let Some((other, _)) = found {
                return fail(node, &crate::text::joined(&["got ", other, " and ", kind, ", expected one handler"]));
            }
            found = Some((kind, at));
        }
    }
    let Some((kind, at)) = found else {
        return fail(node, &crate::text::joined(&["got no handler, expected one of ", &kinds.join(", ")]));
    };
    Ok(match kind {
        "httpGet" => http(at, ports)?,
        "tcpSocket" => Handler::Tcp { port: port(at, ports)? },
        "exec" => {
            let command = texts(at, "command")?;
            if command.is_empty() {
                return fail(at, "got no command, expected one");
            }
            Handler::Exec { command }
        }
        "grpc" => Handler::Grpc {
            port: as_whole(need(at, "port")?, PORT)? as u16,
            service: String::from(text_or(at, "service", "")?),
        },
        _ => {
            let seconds = need(at, "seconds")?;
            match as_whole(seconds, i64::MIN..=i64::MAX)? {
                number @ 0.. if number <= grace.into() => Handler::Sleep { seconds: number as u32 },
                _ => return unexpected(seconds, "0 to terminationGracePeriodSeconds (30 when not set)"),
            }
        }
    })
}

fn http(node: &Node<'_>, ports: &Ports) -> Result<Handler, Fault> {
    for header in list(node, "httpHeaders")? {
        need_text(header, "name")?;
    }
    Ok(Handler::Http {
        path: String::from(text_or(node, "path", "/")?),
        port: port(node, ports)?,
        is_https: choice(node, "scheme", &["HTTP", "HTTPS"])? == 1,
    })
}

/// The number of a port that is written as a number or by its name; `None` for a name that no port has.
fn port(node: &Node<'_>, ports: &Ports) -> Result<Option<u16>, Fault> {
    let at = need(node, "port")?;
    match at.value {
        Value::Text(_) => {
            let name = Some(port_name(at)?);
            Ok(ports.iter().find(|(known, _)| *known == name).map(|&(_, number)| number))
        }
        _ => Ok(Some(as_whole(at, PORT)? as u16)),
    }
}
