//! `/resolve`: call a service by name and say who really answered.
//!
//! The address that was checked is the address that is contacted: a name is looked up once, and nothing after
//! that looks at the name again.

pub mod address;
pub mod call;
pub mod came;
pub mod error;
mod latencies;
pub mod link;
pub mod lookup;
pub mod many;
pub mod policy;
pub mod summary;

use std::net::IpAddr;

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
    pub fn parse(service: &[u8]) -> Option<Self> {
        let slash = text::position(service, b'/');
        let (authority, path) = slash.map_or((service, &b"/"[..]), |slash| service.split_at(slash));
        Target::parse(path, Method::Get)?;
        let host_end = match authority.first() {
            Some(b'[') => text::position(authority, b']')? + 1,
            _ => text::before(authority, b':').len(),
        };
        let (host, port) = authority.split_at(host_end);
        let port = match port {
            [] => 80,
            [b':', digits @ ..] => text::parse_decimal(digits).filter(|port| (1..=65535).contains(port))? as u16,
            _ => return None,
        };
        let literal = match host {
            [b'[', literal @ .., b']'] => Some(text::parse_ip(literal).filter(IpAddr::is_ipv6)?),
            _ => text::parse_ip(host).filter(IpAddr::is_ipv4),
        };
        let is_valid = literal.is_some() || is_dns_name(host);
        let owned = |bytes: &[u8]| text::into_string(bytes.to_vec());
        is_valid.then(|| Self { host: owned(host), literal, port, path: owned(path) })
    }

    /// What Host says: the port only where it is not HTTP's own.
    pub fn authority(&self) -> String {
        if self.port == 80 {
            return self.host.clone();
        }
        text::joined(&[&self.host, ":", &text::to_decimal(u64::from(self.port))])
    }
}

/// Whether a name is one that DNS can have (RFC 1123, and `_`, which compose files use). A last label that C
/// libraries read as a number (`127.1`, `2130706433`, `0x7f.1`, `0x7f000001`) makes it none.
pub fn is_dns_name(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let is_label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && label.first() != Some(&b'-')
            && label.last() != Some(&b'-')
    };
    let labels = || name.split(|&byte| byte == b'.');
    let is_number = match labels().next_back() {
        Some([b'0', b'x' | b'X', rest @ ..]) => rest.iter().all(u8::is_ascii_hexdigit),
        Some(last) => last.iter().all(u8::is_ascii_digit),
        None => false,
    };
    name.len() <= 253 && labels().all(is_label) && !is_number
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
            let parsed = Service::parse(service.as_bytes()).expect(service);
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
            assert_eq!(Service::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
