//! Which addresses and names `/resolve` may call. Pure.
//!
//! A cluster's services live on private addresses, so a block of those cannot be the defence; what is refused
//! unless named is what nobody means: this pod itself, link-local and cloud metadata, multicast.

use std::net::IpAddr;

use super::address::{Network, is_special, readings};
use crate::text;

/// `RESOLVE_ALLOW`: a comma list of `*`, names, `*.suffix` and CIDR networks; by default nothing.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Allow {
    /// The list, whose words are all valid. A call is rare, so that it may read them again.
    list: Vec<u8>,
    /// What this pod was told are its own addresses.
    own: Vec<IpAddr>,
}

impl Allow {
    pub fn any_name() -> Self {
        Self { list: b"*".to_vec(), own: Vec::new() }
    }

    /// Parses a list. `None`: something else is in it.
    pub fn parse(list: &[u8]) -> Option<Self> {
        let is_valid = |word: &[u8]| {
            let name = word.strip_prefix(b"*.").unwrap_or(word);
            matches!(word, b"" | b"*") || Network::parse(word).is_some() || super::is_dns_name(name)
        };
        let allow = Self { list: list.to_vec(), own: Vec::new() };
        if allow.words().all(is_valid) { Some(allow) } else { None }
    }

    fn words(&self) -> impl Iterator<Item = &[u8]> {
        self.list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
    }

    fn networks(&self) -> impl Iterator<Item = Network> {
        self.words().filter_map(Network::parse)
    }

    /// The same, with addresses that are this pod's own, whether an interface has them or not.
    pub fn with_own(self, own: Vec<IpAddr>) -> Self {
        Self { own, ..self }
    }

    /// Whether `host` may be called at `address`, however that is read; `own` are the addresses of our interfaces.
    pub fn permits(&self, host: &str, address: IpAddr, own: &[IpAddr]) -> bool {
        let is_own = |reading| [own, &self.own].iter().any(|own| own.contains(&address) || own.contains(&reading));
        let is_named = |reading| self.networks().any(|network| network.contains(reading));
        let may = |&reading: &IpAddr| is_named(reading) || !is_own(reading) && !is_special(reading) && self.names(host);
        readings(address).iter().all(may)
    }

    /// Whether some address of `host` could be called; if not, the name need not even be looked up.
    pub fn may_permit(&self, host: &str) -> bool {
        self.networks().next().is_some() || self.names(host)
    }

    fn names(&self, host: &str) -> bool {
        let host = undotted(host.as_bytes());
        self.words().map(undotted).any(|name| match name.strip_prefix(b"*") {
            Some(b"") => true,
            Some(suffix) => host.len() > suffix.len() && text::is_same(&host[host.len() - suffix.len()..], suffix),
            None => text::is_same(host, name),
        })
    }
}

/// A name without its final dot.
fn undotted(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(list: &str, host: &str, address: &str) -> bool {
        let own = ["10.1.2.3".parse().unwrap(), "fd12::3".parse().unwrap()];
        let allow = Allow::parse(list.as_bytes()).expect(list).with_own(vec!["10.4.5.6".parse().unwrap()]);
        allow.permits(host, address.parse().unwrap(), &own)
    }

    #[test]
    fn names_and_networks_open_what_they_name() {
        for (list, host, address, want) in [
            ("*", "a.b", "10.9.9.9", true),
            ("*", "a.b", "10.1.2.3", false),
            ("*,10.1.2.3", "a.b", "10.1.2.3", true),
            ("", "a.b", "10.9.9.9", false),
            ("a.b", "A.B.", "10.9.9.9", true),
            ("a.b", "c.a.b", "10.9.9.9", false),
            ("*.a.b", "c.a.b", "10.9.9.9", true),
            ("*.a.b", "a.b", "10.9.9.9", false),
            ("*.a.b", "xa.b", "10.9.9.9", false),
            ("10.0.0.0/8", "any", "10.9.9.9", true),
            ("10.0.0.0/8", "any", "11.9.9.9", false),
            ("0.0.0.0/0", "any", "127.0.0.1", true),
            ("10.0.0.0/8", "any", "::ffff:10.9.9.9", true),
            ("64:ff9b::/96", "any", "64:ff9b::10.9.9.9", false),
            ("fd00::/8", "any", "fd12::1", true),
            ("*", "a.b", "fd12::1", true),
            ("*", "a.b", "64:ff9b:1::10.9.9.9", true),
            ("*", "a.b", "64:ff9b:1:a09:9:900::", true),
            ("*", "a.b", "10.4.5.6", false),
            ("*,10.4.0.0/16", "a.b", "10.4.5.6", true),
            ("*", "a.b", "::ffff:10.1.2.3", false),
            ("*", "a.b", "2002:a01:203::1", false),
            ("*", "a.b", "fd12::3", false),
            ("*", "a.b", "fd20:ce::253", true),
            ("*", "a.b", "168.63.129.17", true),
            ("*,168.63.129.16", "a.b", "168.63.129.16", true),
        ] {
            assert_eq!(permits(list, host, address), want, "{list} {host} {address}");
        }
        for bad in ["*x", "*.", "a b", "10.0.0.0/33", "http://a", "a/8"] {
            assert_eq!(Allow::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_star_never_opens_what_no_service_has() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "192.0.0.192",
            "168.63.129.16",
            "100.100.100.200",
            "fd00:100::100:200",
            "fd00:a9fe:a9fe::1",
            "fd00:42::42",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "64:ff9b:1:7f00:0:100::",
            "64:ff9b:1:a9:fe:a9fe::",
            "2002:a9fe:a9fe::1",
            "2001:0:a00:1::5601:5601",
            "::ffff:169.254.169.254",
            "::ffff:100.100.100.200",
        ] {
            assert!(!permits("*", "a.b", address), "{address}");
        }
    }
}
