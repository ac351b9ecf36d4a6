//! Names and addresses: of this machine, and from the resolver.

use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use super::{check, own, read_file};
use crate::text;

/// The machine's host name, if it has a printable one.
pub fn host_name() -> Option<String> {
    let mut buffer = [0u8; 256];
    // SAFETY: the kernel writes at most `len` bytes into the buffer.
    check(unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len()) }).ok()?;
    let end = buffer.iter().position(|&byte| byte == 0)?;
    let name = str::from_utf8(&buffer[..end]).ok()?;
    let printable = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    printable.then(|| name.to_owned())
}

pub(super) fn ip_of(address: *const libc::sockaddr) -> Option<SocketAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: a non-null sockaddr begins with its family, which tells what the whole is.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let v4 = &*address.cast::<libc::sockaddr_in>();
                Some((Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()), u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                let v6 = &*address.cast::<libc::sockaddr_in6>();
                Some((Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port)).into())
            }
            _ => None,
        }
    }
}

/// Most IPv4 addresses that are looked at.
const MAX_INTERFACES: usize = 64;

/// The addresses of this machine's (in a pod: this pod's) network interfaces that are up, IPv4 first, in the kernel's
/// order. (netdevice(7) and /proc; the C library's getifaddrs takes three pages of stack for the same.)
pub fn interface_addresses() -> Vec<IpAddr> {
    let mut found = Vec::new();
    // SAFETY: ifreq and ifconf are plain numbers and pointers, for which all zero is a value; the kernel writes at
    // most `ifc_len` bytes into the requests and says how many.
    unsafe {
        let mut requests: [libc::ifreq; MAX_INTERFACES] = std::mem::zeroed();
        let mut list: libc::ifconf = std::mem::zeroed();
        list.ifc_len = size_of_val(&requests) as libc::c_int;
        list.ifc_ifcu.ifcu_req = requests.as_mut_ptr();
        if let Ok(socket) = own(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0))
            && libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFCONF as _, &raw mut list) == 0
        {
            let count = list.ifc_len as usize / size_of::<libc::ifreq>();
            let addresses = requests[..count].iter().map(|request| &raw const request.ifr_ifru.ifru_addr);
            found.extend(addresses.filter_map(ip_of).map(|address| address.ip()));
        }
    }
    let table = read_file("/proc/net/if_inet6", 16 * 1024).unwrap_or_default();
    found.extend(table.split(|&byte| byte == b'\n').filter_map(hexadecimal_ip));
    found
}

/// The address that a line begins with, as 32 hexadecimal digits.
fn hexadecimal_ip(line: &[u8]) -> Option<IpAddr> {
    let digits = line.get(..32)?;
    let bits =
        digits.iter().try_fold(0u128, |bits, &digit| Some(bits << 4 | u128::from((digit as char).to_digit(16)?)))?;
    Some(Ipv6Addr::from_bits(bits).into())
}

/// What getaddrinfo sorts its addresses with, at most 48 of them; the C library's own takes 4 KB of the binary.
#[cfg(target_env = "musl")]
#[unsafe(no_mangle)]
extern "C" fn qsort(
    base: *mut u8,
    count: usize,
    size: usize,
    compare: extern "C" fn(*const u8, *const u8) -> libc::c_int,
) {
    // SAFETY: the caller promises `count` elements of `size` bytes at `base`; every index below is less than `count`.
    unsafe {
        for end in 1..count {
            for at in (0..end).rev() {
                let (left, right) = (base.add(at * size), base.add((at + 1) * size));
                if compare(left, right) <= 0 {
                    break;
                }
                std::ptr::swap_nonoverlapping(left, right, size);
            }
        }
    }
}

/// Which addresses [`lookup`] asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A and AAAA, as std's ToSocketAddrs does.
    Any,
    /// A alone.
    V4,
}

/// Asks the system's resolver, blocking as long as it likes. The error is the resolver's own text.
pub fn lookup(host: &str, family: Family) -> std::result::Result<Vec<IpAddr>, String> {
    let host = CString::new(host).map_err(|_| "name has a NUL".to_owned())?;
    // SAFETY: addrinfo is plain numbers and pointers, for which all zero is a value.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_family = if family == Family::V4 { libc::AF_INET } else { libc::AF_UNSPEC };
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    let mut found = Vec::new();
    // SAFETY: name and hints live through the call; the list is walked before freeaddrinfo ends it.
    unsafe {
        let status = libc::getaddrinfo(host.as_ptr(), std::ptr::null(), &raw const hints, &raw mut list);
        if status != 0 {
            let words = std::ffi::CStr::from_ptr(libc::gai_strerror(status));
            return Err(text::lossy(words.to_bytes()));
        }
        let mut entry = list;
        while !entry.is_null() {
            found.extend(ip_of((*entry).ai_addr).map(|address| address.ip()));
            entry = (*entry).ai_next;
        }
        libc::freeaddrinfo(list);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_have_loopback() {
        assert!(interface_addresses().iter().any(IpAddr::is_loopback));
        let line = b"00000000000000000000000000000001 01 80 10 80       lo";
        assert_eq!(hexadecimal_ip(line), Some(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(hexadecimal_ip(b""), None);
    }
}
