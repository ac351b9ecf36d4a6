//! Which addresses and names `/resolve` may call. Pure.
//!
//! A cluster's services live on private addresses, so a block of those cannot be the defence; what is refused
//! unless named is what nobody means: this pod itself, link-local and cloud metadata, multicast.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::text;

/// A network in CIDR notation; a single address is one of full length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Parses `10.0.0.0/8`, `fd00::/8` or a single address.
    pub fn parse(word: &[u8]) -> Option<Self> {
        let (address, prefix) = match word.iter().position(|&byte| byte == b'/') {
            Some(slash) => (&word[..slash], Some(text::parse_decimal(&word[slash + 1..])?)),
            None => (word, None),
        };
        let address = text::parse_ip(address)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        (prefix <= longest).then_some(Self { address, prefix: prefix as u32 })
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same_start =
            |ours: u128, theirs: u128, bits: u32| self.prefix == 0 || (ours ^ theirs) >> (bits - self.prefix) == 0;
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => same_start(ours.to_bits().into(), theirs.to_bits().into(), 32),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same_start(ours.to_bits(), theirs.to_bits(), 128),
            _ => false,
        }
    }
}

/// `RESOLVE_ALLOW`, parsed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allow {
    /// `*`, names in lower case, and `.suffix` for `*.suffix`.
    names: Vec<Vec<u8>>,
    networks: Vec<Network>,
}

impl Allow {
    /// Allows every name.
    pub fn any_name() -> Self {
        Self { names: vec![b"*".to_vec()], networks: Vec::new() }
    }

    /// Parses a comma list of `*`, names, `*.suffix` and CIDR networks. `None`: something else is in it.
    pub fn parse(list: &[u8]) -> Option<Self> {
        let mut allow = Self { names: Vec::new(), networks: Vec::new() };
        for word in list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty()) {
            if let Some(network) = Network::parse(word) {
                allow.networks.push(network);
                continue;
            }
            let (kept, name) = match word {
                b"*" => (word, None),
                [b'*', suffix @ ..] => (suffix, Some(suffix.strip_prefix(b".")?)),
                name => (name, Some(name)),
            };
            if name.is_some_and(|name| !super::is_dns_name(name)) {
                return None;
            }
            allow.names.push(normal(kept));
        }
        Some(allow)
    }

    /// Whether `host` may be called at `address`; `own` are the addresses of this pod.
    pub fn permits(&self, host: &str, address: IpAddr, own: &[IpAddr]) -> bool {
        let address = unwrapped(address);
        if self.networks.iter().any(|network| network.contains(address)) {
            return true;
        }
        let is_own = own.iter().any(|&own| unwrapped(own) == address);
        !is_own && !is_special(address) && self.names(host)
    }

    /// Whether some address of `host` could be called; if not, the name need not even be looked up.
    pub fn may_permit(&self, host: &str) -> bool {
        !self.networks.is_empty() || self.names(host)
    }

    fn names(&self, host: &str) -> bool {
        let host = normal(host.as_bytes());
        self.names.iter().any(|name| match name.as_slice() {
            b"*" => true,
            [b'.', ..] => host.len() > name.len() && host.ends_with(name),
            name => name == host,
        })
    }
}

/// A name as it is compared: lower case, without the final dot.
fn normal(name: &[u8]) -> Vec<u8> {
    name.strip_suffix(b".").unwrap_or(name).to_ascii_lowercase()
}

/// The IPv4 address inside an IPv4-mapped (::ffff:0:0/96) or NAT64 (64:ff9b::/96) one.
fn unwrapped(address: IpAddr) -> IpAddr {
    if let IpAddr::V6(v6) = address {
        let [a, b, c, d, e, f, high, low] = v6.segments();
        if matches!([a, b, c, d, e, f], [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0]) {
            return Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into();
        }
    }
    address
}

/// Addresses that no service has: loopback, link-local, metadata, multicast, unspecified.
fn is_special(address: IpAddr) -> bool {
    const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(v4) => {
            v4.octets()[0] == 0 || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.segments()[0] & 0xffc0 == 0xfe80
                || v6 == AWS_METADATA
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(list: &str, host: &str, address: &str) -> bool {
        let own = ["10.1.2.3".parse().unwrap()];
        Allow::parse(list.as_bytes()).expect(list).permits(host, address.parse().unwrap(), &own)
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
            ("fd00::/8", "any", "fd12::1", true),
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
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "::ffff:169.254.169.254",
        ] {
            assert!(!permits("*", "a.b", address), "{address}");
        }
    }
}
