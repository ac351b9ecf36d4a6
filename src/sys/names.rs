//! Names and addresses of this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use super::{check, own, read_file};

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
