//! Names and addresses: of this machine, and of others by the C library's resolver where std's way to it tells too little.

use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::check;
use crate::text;

/// The machine's host name, if it has a printable one.
pub fn host_name() -> Option<String> {
    let mut name = [0; 65]; // The kernel's longest is 64.
    // SAFETY: it writes no further than it is told, and a terminator if there is room for one.
    check(unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) }).ok()?;
    let name = text::before(&name, 0);
    let is_printable = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_printable.then(|| text::lossy(name))
}

fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: a non-null sockaddr begins with its family, which tells what the whole is.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let v4 = &*address.cast::<libc::sockaddr_in>();
                Some(Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()).into())
            }
            libc::AF_INET6 => {
                let v6 = &*address.cast::<libc::sockaddr_in6>();
                Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

/// The addresses of this machine's (in a pod: this pod's) network interfaces that are up, IPv4 first, in the kernel's
/// order. Those that are down do not count: `kube-ipvs0` holds the address of every Service of the cluster, and is.
pub fn interface_addresses() -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the C library makes the list, whose entries and addresses live until it is freed; nothing of it is kept.
    unsafe {
        if check(libc::getifaddrs(&raw mut list)).is_err() {
            return found;
        }
        for is_v4 in [true, false] {
            let mut next = list;
            while let Some(entry) = next.as_ref() {
                let is_up = entry.ifa_flags & libc::IFF_UP as libc::c_uint != 0;
                if let Some(address) = ip_of(entry.ifa_addr).filter(|address| is_up && address.is_ipv4() == is_v4) {
                    found.push(address);
                }
                next = entry.ifa_next;
            }
        }
        libc::freeifaddrs(list);
    }
    found
}

/// The IPv4 addresses of a host, without asking for others; none: there is no such name, or it has none of this kind. `None`:
/// nobody could tell. Blocks for as long as the resolver likes.
pub fn ipv4_addresses(host: &str) -> Option<Vec<IpAddr>> {
    let mut found = Vec::new();
    let Ok(host) = CString::new(host.as_bytes()) else { return Some(found) };
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    // SAFETY: hints of all zero ask for nothing. The name and the hints live through the call. The C library makes the list, whose
    // entries and addresses live until it is freed; nothing of it is kept.
    unsafe {
        let mut hints: libc::addrinfo = std::mem::zeroed();
        (hints.ai_family, hints.ai_socktype) = (libc::AF_INET, libc::SOCK_STREAM);
        match libc::getaddrinfo(host.as_ptr(), std::ptr::null(), &raw const hints, &raw mut list) {
            0 => {}
            libc::EAI_NONAME | libc::EAI_NODATA => return Some(found),
            _ => return None,
        }
        let mut next = list;
        while let Some(entry) = next.as_ref() {
            if let Some(address) = ip_of(entry.ai_addr) {
                found.push(address);
            }
            next = entry.ai_next;
        }
        libc::freeaddrinfo(list);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_that_are_up_have_addresses() {
        assert!(interface_addresses().contains(&Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn literals_are_addresses_and_no_name_has_two_parts() {
        assert_eq!(ipv4_addresses("10.0.0.1"), Some(vec![Ipv4Addr::new(10, 0, 0, 1).into()]));
        assert_eq!(ipv4_addresses("a\0b"), Some(Vec::new()));
    }

    #[test]
    fn the_host_name_is_what_the_kernel_says() {
        let name = std::process::Command::new("uname").arg("-n").output().unwrap().stdout;
        assert_eq!(host_name().unwrap_or_default().as_bytes(), name.trim_ascii_end());
    }
}
