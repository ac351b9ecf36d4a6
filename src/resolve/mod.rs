//! `/resolve`: call a service by name and say who really answered.
//!
//! The address that was checked is the address that is contacted: a name is looked up once, and nothing after
//! that looks at the name again.

pub mod call;
pub mod lookup;
pub mod policy;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::http::Method;
use crate::http::target::Target;
use crate::text;

/// What to call: `HOST[:PORT][/PATH]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// The host as given, an IPv6 literal in its brackets.
    pub host: String,
    /// The address, when the host is a literal.
    pub literal: Option<IpAddr>,
    /// The port, 80 when none is given.
    pub port: u16,
    /// The request target, `/` when none is given.
    pub path: String,
}

impl Service {
    /// Parses a service. `None`: no DNS name or canonical IP literal, a bad port, or a path that is no request target.
    pub fn parse(service: &str) -> Option<Self> {
        let (authority, path) = match service.find('/') {
            Some(slash) => service.split_at(slash),
            None => (service, "/"),
        };
        Target::parse(path.as_bytes(), Method::Get)?;
        let host_end = match authority.strip_prefix('[') {
            Some(literal) => literal.find(']')? + 2,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at(host_end);
        let port = match port.strip_prefix(':') {
            Some(digits) => text::parse_decimal(digits.as_bytes()).filter(|port| (1..=65535).contains(port))? as u16,
            None if port.is_empty() => 80,
            None => return None,
        };
        let literal = match host.strip_prefix('[') {
            Some(literal) => Some(IpAddr::V6(literal.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?)),
            None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        };
        let is_valid = literal.is_some() || is_dns_name(host);
        is_valid.then(|| Self { host: host.to_owned(), literal, port, path: path.to_owned() })
    }

    /// What Host says: the port only where it is not HTTP's own.
    pub fn authority(&self) -> String {
        if self.port == 80 {
            return self.host.clone();
        }
        [self.host.as_str(), ":", &text::to_decimal(u64::from(self.port))].concat()
    }
}

/// Whether a name is one that DNS can have (RFC 1123, and `_`, which compose files use). A last label that C
/// libraries read as a number (`127.1`, `2130706433`, `0x7f.1`, `0x7f000001`) makes it none.
pub fn is_dns_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = last.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = digits || hexadecimal.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    name.len() <= 253 && name.split('.').all(is_label) && !is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_a_host_with_an_optional_port_and_path() {
        for (service, host, port, path) in [
            ("a", "a", 80, "/"),
            ("a.b.svc.cluster.local.:8080/x/y?z=1", "a.b.svc.cluster.local.", 8080, "/x/y?z=1"),
            ("10.0.0.1", "10.0.0.1", 80, "/"),
            ("[::1]:81", "[::1]", 81, "/"),
            ("0x7f.a", "0x7f.a", 80, "/"),
            ("web_1", "web_1", 80, "/"),
        ] {
            let parsed = Service::parse(service).expect(service);
            assert_eq!((parsed.host.as_str(), parsed.port, parsed.path.as_str()), (host, port, path), "{service}");
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            ":80",
            "/x",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "0177.0.0.1",
            "1.2.3.4.5",
            "a b",
            "a..b",
            "-a",
            "a-",
            "a:0",
            "a:65536",
            "a:x",
            "a:",
            "::1",
            "[::1",
            "[::1]x",
            "[1.2.3.4]",
            "u@a",
            "http://a",
            "a/ b",
            "a/#f",
            "é",
            "fe80::1%lo",
            &long,
            "a\r\nb",
            "a/%0d%0a",
            "a?b",
        ] {
            assert_eq!(Service::parse(bad), None, "{bad}");
        }
    }
}
