//! One call: look up, check, connect, ask, read; all of it by one deadline.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Service;
use super::error::{CallError, Cause, Phase};
use super::link::{Answer, Link};
use super::lookup::{self, LookupError};
use super::policy::Allow;
use crate::text::Value::{Number, Text};
use crate::{quantity, sys, text};

/// What a call may do.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Names and addresses that may be called.
    pub allow: &'a Allow,
    /// Time for all of it.
    pub timeout: Duration,
    /// Whether it waits for a place among the lookups, or fails at once where there is none.
    pub waits: bool,
}

/// What goes with the request: field lines passed on, and the hops so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PassedOn {
    /// Probeservers that the request has passed, this one not counted.
    pub hops: u32,
    /// Whole field lines with their CRLF.
    pub fields: Vec<u8>,
}

pub fn call(service: &Service, rules: Rules<'_>, passed_on: &PassedOn) -> Result<Answer, CallError> {
    let deadline = quantity::deadline_in(rules.timeout);
    let addresses = permitted_addresses(service, rules, deadline)?;
    fetch(&addresses, service.port, &request_head(service, passed_on, false), deadline)
}

/// Sends a request to the first of some addresses that takes a connection, and receives the answer.
pub fn fetch(addresses: &[IpAddr], port: u16, request: &[u8], deadline: Instant) -> Result<Answer, CallError> {
    Link::connect(addresses, 0, port, deadline)?.exchange(request, deadline)
}

/// The addresses of a service that may be called.
pub(super) fn permitted_addresses(
    service: &Service,
    rules: Rules<'_>,
    deadline: Instant,
) -> Result<Vec<IpAddr>, CallError> {
    let found = match service.literal {
        _ if !rules.allow.may_permit(&service.host) => Ok(Vec::new()),
        Some(address) => Ok(vec![address]),
        None => lookup::addresses(&service.host, deadline, rules.waits),
    };
    let (cause, detail) = match found {
        Ok(found) => {
            let own = if found.is_empty() { Vec::new() } else { sys::interface_addresses() };
            let mut permitted = Vec::new();
            for address in found {
                if rules.allow.permits(&service.host, address, &own) {
                    permitted.push(address);
                }
            }
            if !permitted.is_empty() {
                return Ok(permitted);
            }
            (Cause::Denied, "not allowed by RESOLVE_ALLOW")
        }
        Err(LookupError::NoSuchName) => (Cause::Name, "no such name"),
        Err(LookupError::Failed) => (Cause::Name, "the name servers cannot tell"),
        Err(LookupError::TimedOut) => (Cause::Timeout, "timed out"),
        Err(LookupError::Busy) => (Cause::Busy, "8 lookups are under way"),
        Err(LookupError::NoThread) => (Cause::Busy, "there is no thread for a lookup"),
    };
    Err(CallError { phase: Phase::Resolve, cause, detail: text::joined(&[&service.host, ": ", detail]) })
}

/// The request for a service; asks for the end of the connection unless another one may follow.
pub(super) fn request_head(service: &Service, passed_on: &PassedOn, keeps: bool) -> Vec<u8> {
    const HEAD: &str = concat!(
        "GET ~ HTTP/1.1\r\nHost: ~\r\nUser-Agent: probeserver/",
        env!("CARGO_PKG_VERSION"),
        "\r\nAccept: */*\r\nProbe-Hops: ~\r\n"
    );
    let (mut head, hops) = (Vec::new(), u64::from(passed_on.hops) + 1);
    text::fill(&mut head, HEAD, &[Text(&service.path), Text(&service.authority()), Number(hops)]);
    text::put(&mut head, &passed_on.fields);
    text::put(&mut head, if keeps { b"\r\n" } else { b"Connection: close\r\n\r\n" });
    head
}

/// The block that the original prints.
pub fn block(hostname: &str, ip: &str, service: &Service, answer: &Answer) -> Vec<u8> {
    const RULE: &str = "----------------------------------------------------\n";
    let address = text::ip_address(answer.address);
    let mut out = Vec::new();
    let ends = [Text(RULE), Text(hostname), Text(ip), Text(&service.host), Text(&address)];
    text::fill(&mut out, "~Hostname = ~\nIp Address = ~\nService hostname = ~\nService IP = ~\n", &ends);
    if !answer.is_ok() {
        text::fill(&mut out, "Service status = ~ ~\n", &[Number(answer.status.into()), Text(&answer.reason)]);
    }
    text::put(&mut out, RULE.as_bytes());
    text::put(&mut out, &answer.content);
    if answer.is_cut {
        text::put(&mut out, b"\n(cut at 1048576 bytes)\n");
    }
    out
}
