//! What an address is: the IPv4 address inside an IPv6 one, networks, and addresses that no service has. Pure.

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
        let (address, prefix) = match text::split_once(word, b'/') {
            Some((address, prefix)) => (address, Some(text::parse_decimal(prefix)?)),
            None => (word, None),
        };
        // What is asked for is IPv4 where it can be, so a network of mapped addresses would never match.
        let address = text::parse_ip(address).filter(|address| *address == address.to_canonical())?;
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

    const fn v6(segments: [u16; 8], prefix: u32) -> Self {
        let [a, b, c, d, e, f, g, h] = segments;
        Self { address: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix }
    }

    const fn v4([a, b, c, d]: [u8; 4]) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix: 32 }
    }
}

/// Where clouds keep what only a node may know, apart from link-local addresses. Names for it (`metadata.google.internal`)
/// resolve to these. Networks that a cloud gives to its customers are not in it, beside the one address that it keeps.
const METADATA: [Network; 9] = [
    Network::v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), // AWS: metadata ::254, pod identity ::23, names, time
    Network::v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), // Google Cloud
    Network::v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128), // Oracle Cloud
    Network::v4([192, 0, 0, 192]),                      // Oracle Cloud Classic
    Network::v4([168, 63, 129, 16]),                    // Azure: a public address, but of the node's host alone
    Network::v4([100, 100, 100, 200]),                  // Alibaba Cloud
    Network::v6([0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200], 128), // Alibaba Cloud
    Network::v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1], 128), // Akamai (Linode)
    Network::v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128), // Scaleway
];

/// Addresses that no service has: loopback, link-local, metadata, multicast, unspecified.
pub fn is_special(address: IpAddr) -> bool {
    let is_nowhere = match address {
        IpAddr::V4(v4) => {
            is_unspecified(v4) || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.segments()[0] & 0xffc0 == 0xfe80
        }
    };
    is_nowhere || METADATA.iter().any(|network| network.contains(address))
}

/// 0.0.0.0/8 (RFC 6890): this host, or nobody.
fn is_unspecified(v4: Ipv4Addr) -> bool {
    v4.octets()[0] == 0
}

/// The places of the four octets of an IPv4 address at the end of an IPv6 one.
const LOW: [usize; 4] = [12, 13, 14, 15];
/// Where a translator with the prefix 64:ff9b:1::/48, or a longer one within it, may find the IPv4 address (RFC 6052
/// section 2.2, for the lengths 48, 56, 64 and 96).
const LOCAL_NAT64: [[usize; 4]; 4] = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], LOW];

#[inline(never)]
fn inside_at(octets: &[u8; 16], places: [usize; 4]) -> Ipv4Addr {
    let mut v4 = 0;
    for place in places {
        v4 = v4 << 8 | u32::from(octets[place]);
    }
    v4.into()
}

/// The addresses that a packet to `address` may come to: itself, or the IPv4 address inside it.
///
/// Inside are: mapped and compatible (RFC 4291 section 2.5.5), translated (RFC 2765), NAT64 (RFC 6052, RFC 8215), 6to4
/// (RFC 3056), Teredo (RFC 4380). Only for a local NAT64 prefix there may be more than one, since its length is the
/// network's business; readings in 0.0.0.0/8 are then left out, unless there is no other.
pub fn readings(address: IpAddr) -> Vec<IpAddr> {
    let mut found = Vec::new();
    if let IpAddr::V6(v6) = address {
        read_inside(v6, &mut found);
    }
    if found.is_empty() {
        found.push(address);
    }
    found
}

/// Appends the IPv4 addresses inside.
fn read_inside(v6: Ipv6Addr, found: &mut Vec<IpAddr>) {
    let octets = v6.octets();
    let at = |places| inside_at(&octets, places);
    let low = at(LOW);
    let (high, before_low) = ((v6.to_bits() >> 64) as u64, (v6.to_bits() >> 32) as u32);
    let inside = match (high, before_low) {
        (0, 0xffff | 0xffff_0000) | (0x64_ff9b_0000_0000, 0) => low,
        (0, 0) if !is_unspecified(low) => low, // `::` and `::1` are themselves
        (0x2002_0000_0000_0000..0x2003_0000_0000_0000, _) => at([2, 3, 4, 5]),
        (0x2001_0000_0000_0000..0x2001_0001_0000_0000, _) => !low,
        (0x64_ff9b_0001_0000..0x64_ff9b_0002_0000, _) => {
            for places in LOCAL_NAT64 {
                // What comes after the address is zero.
                let is_possible = octets[places[3] + 1..].iter().all(|&octet| octet == 0);
                if is_possible && !is_unspecified(at(places)) {
                    found.push(at(places).into());
                }
            }
            if !found.is_empty() {
                return;
            }
            low
        }
        _ => return,
    };
    found.push(inside.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_embeds_ipv4_is_read() {
        for (address, want) in [
            ("10.0.0.1", "10.0.0.1"),
            ("fd12::10.0.0.1", "fd12::10.0.0.1"),
            ("::", "::"),
            ("::1", "::1"),
            ("::10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:0.0.0.0", "0.0.0.0"),
            ("::ffff:0:10.0.0.1", "10.0.0.1"),
            ("64:ff9b::10.0.0.1", "10.0.0.1"),
            ("64:ff9b:0:0:1::10.0.0.1", "64:ff9b:0:0:1::10.0.0.1"),
            ("2002:a00:1::5", "10.0.0.1"),
            ("2001:0:4136:e378:8000:63bf:f5ff:fffe", "10.0.0.1"),
            ("2001:1::10.0.0.1", "2001:1::10.0.0.1"),
            ("64:ff9b:1::10.0.0.1", "10.0.0.1"),
            ("64:ff9b:1:abcd::10.0.0.1", "10.0.0.1"),
            ("64:ff9b:1:a00:0:100::", "10.0.0.1"),
            ("64:ff9b:1:a00:0:100::1", "0.0.0.1"),
            ("64:ff9b:1:0a:0:1::", "10.0.0.1"),
            ("64:ff9b:1:0:a:0:100::", "10.0.0.1 1.0.0.0"),
            ("64:ff9b:1:a01:7f:0:0:0", "10.1.127.0 1.127.0.0 127.0.0.0"),
            ("64:ff9b:1::", "0.0.0.0"),
        ] {
            let want: Vec<IpAddr> = want.split(' ').map(|word| word.parse().expect(word)).collect();
            assert_eq!(readings(address.parse().expect(address)), want, "{address}");
        }
    }
}
