//! Name lookup with a deadline: hosts(5), then the DNS as resolv.conf(5) says.
//!
//! Not getaddrinfo: it cannot be cancelled, so every call would need threads that are left behind; musl's loses a good A
//! answer to a broken AAAA one; and it is 17 KB of the binary.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use super::call::{left, receive_some, send};
use super::dns::{self, Kind, Reply, Settings};
use crate::sys;

/// How long the first name server has before the next is asked, or the same again; twice that in the next round.
const PATIENCE: Duration = Duration::from_secs(1);
/// Rounds through all name servers.
const ROUNDS: usize = 3;
/// How long the second answer (A and AAAA are asked for at once) may come after a first one with addresses.
const GRACE: Duration = Duration::from_millis(250);
/// Largest message without extensions (RFC 1035 section 4.2.1), and a little more.
const MAX_MESSAGE: usize = 2048;
/// Most that is read of /etc/hosts and /etc/resolv.conf.
const MAX_FILE: usize = 64 * 1024;

/// Why there are no addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LookupError {
    /// No name server knows the name.
    NoSuchName,
    /// Name servers answer that they cannot find out, or none is there.
    Failed,
    /// No answer by the deadline.
    TimedOut,
}

/// The addresses of a host, IPv4 first, otherwise in the order that the name server gives.
pub fn addresses(host: &str, deadline: Instant) -> Result<Vec<IpAddr>, LookupError> {
    let file = |path| sys::read_file(path, MAX_FILE).unwrap_or_default();
    let local = dns::in_hosts(&file("/etc/hosts"), host);
    if local.is_empty() { ask(host, &Settings::parse(&file("/etc/resolv.conf")), deadline) } else { Ok(local) }
}

/// Asks the name servers for each name that the host may stand for.
fn ask(host: &str, settings: &Settings, deadline: Instant) -> Result<Vec<IpAddr>, LookupError> {
    let mut failure = LookupError::NoSuchName;
    for name in settings.candidates(host) {
        match ask_for(&name, settings, deadline) {
            Err(LookupError::NoSuchName) => {}
            Err(LookupError::Failed) => failure = LookupError::Failed,
            result => return result,
        }
    }
    Err(failure)
}

/// Asks one name server after the other until one knows.
fn ask_for(name: &str, settings: &Settings, deadline: Instant) -> Result<Vec<IpAddr>, LookupError> {
    let mut failure = LookupError::Failed;
    for round in 0..ROUNDS {
        for &server in &settings.servers {
            let until = deadline.min(Instant::now() + PATIENCE * (1 << round));
            let mut found = Vec::new();
            let mut unknown = 0;
            for reply in exchange(server, name, until) {
                match reply {
                    Some(Reply::Addresses(addresses)) if addresses.is_empty() => unknown += 1,
                    Some(Reply::Addresses(addresses)) => found.extend(addresses),
                    Some(_) => failure = LookupError::Failed,
                    None if Instant::now() >= until => failure = LookupError::TimedOut,
                    None => {}
                }
            }
            match unknown {
                _ if !found.is_empty() => return Ok(found),
                2 => return Err(LookupError::NoSuchName),
                _ if Instant::now() >= deadline => return Err(LookupError::TimedOut),
                _ => {}
            }
        }
    }
    Err(failure)
}

/// Asks a name server for both kinds of addresses at once.
fn exchange(server: SocketAddr, name: &str, mut until: Instant) -> [Option<Reply>; 2] {
    let mut replies = [None, None];
    // A number that nobody can guess; with the kernel's choice of port that is what keeps forged answers out.
    let id = getrandom::u32().unwrap_or_default() as u16;
    let queries = [dns::query(id, name, Kind::A), dns::query(id ^ 1, name, Kind::Aaaa)];
    let Ok(socket) = sys::connect_datagrams(server) else { return replies };
    let fd = socket.as_raw_fd();
    if queries.iter().any(|query| send(fd, query, until).is_err()) {
        return replies;
    }
    let mut buffer = [0; MAX_MESSAGE];
    while replies.contains(&None) {
        // Whatever goes wrong (nobody listens there, too late) ends it with what has come so far.
        let Ok(length) = receive_some(fd, &mut buffer, until) else { break };
        for (reply, query) in replies.iter_mut().zip(&queries).filter(|(reply, _)| reply.is_none()) {
            match dns::reply(&buffer[..length], query) {
                None => continue,
                Some(Reply::Truncated) => *reply = ask_by_stream(server, query, until).or(Some(Reply::Failed)),
                answer => *reply = answer,
            }
            if matches!(reply, Some(Reply::Addresses(addresses)) if !addresses.is_empty()) {
                until = until.min(Instant::now() + GRACE);
            }
        }
    }
    replies
}

/// Asks over TCP, where messages have their length before them (RFC 1035 section 4.2.2).
fn ask_by_stream(server: SocketAddr, query: &[u8], until: Instant) -> Option<Reply> {
    let socket = sys::connect(server, left(until).ok()?).ok()?;
    let fd = socket.as_raw_fd();
    let message = [&(query.len() as u16).to_be_bytes(), query].concat();
    send(fd, &message, until).ok()?;
    let mut reply = Vec::new();
    let mut buffer = [0; MAX_MESSAGE];
    loop {
        if let [high, low, message @ ..] = reply.as_slice()
            && let Some(message) = message.get(..usize::from(u16::from_be_bytes([*high, *low])))
        {
            return dns::reply(message, query);
        }
        match receive_some(fd, &mut buffer, until).ok()? {
            0 => return None,
            length => reply.extend_from_slice(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, UdpSocket};

    /// How a server answers: the fourth octet and the addresses, or not at all.
    type Script = fn(name: &str, kind: u8) -> Option<(u8, Vec<[u8; 4]>)>;

    fn reply_to(query: &[u8], script: Script) -> Option<Vec<u8>> {
        let name_length = query[12..].iter().position(|&byte| byte == 0).unwrap();
        let mut name = String::new();
        let mut at = 12;
        while at < 12 + name_length {
            let end = at + 1 + usize::from(query[at]);
            name.push_str(str::from_utf8(&query[at + 1..end]).unwrap());
            name.push('.');
            at = end;
        }
        let (code, addresses) = script(name.trim_end_matches('.'), query[query.len() - 3])?;
        let mut reply = query.to_vec();
        reply[2] = 0x81;
        reply[3] = code;
        reply[7] = addresses.len() as u8;
        for address in addresses {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
            reply.extend(address);
        }
        Some(reply)
    }

    /// A name server on loopback; answers of more than four addresses have to be fetched over TCP.
    fn server(script: Script) -> SocketAddr {
        // The same port twice, so that it may take a few tries.
        let (udp, tcp, address) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            let address = udp.local_addr().unwrap();
            if let Ok(tcp) = TcpListener::bind(address) {
                break (udp, tcp, address);
            }
        };
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                let Some(mut reply) = reply_to(&buffer[..length], script) else { continue };
                if reply[7] > 4 {
                    reply.truncate(length);
                    (reply[2], reply[7]) = (0x83, 0);
                }
                udp.send_to(&reply, from).unwrap();
            }
        });
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = tcp.accept() {
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut query).unwrap();
                let reply = reply_to(&query, script).unwrap();
                stream.write_all(&(reply.len() as u16).to_be_bytes()).unwrap();
                // In two pieces, as TCP may.
                stream.write_all(&reply[..20]).unwrap();
                stream.write_all(&reply[20..]).unwrap();
            }
        });
        address
    }

    fn look_up(host: &str, servers: &[SocketAddr], timeout_ms: u64) -> Result<Vec<IpAddr>, LookupError> {
        let mut settings = Settings::parse(b"search svc.local local\noptions ndots:2\n");
        settings.servers = servers.to_vec();
        ask(host, &settings, Instant::now() + Duration::from_millis(timeout_ms))
    }

    const ONE: [u8; 4] = [10, 0, 0, 1];

    #[test]
    fn a_name_is_found_in_the_search_list_or_nowhere() {
        let server = server(|name, kind| match (name, kind) {
            ("web.local", 1) => Some((0, vec![ONE])),
            ("many.svc.local", 1) => Some((0, vec![ONE; 100])),
            ("a.b.c", 1) => Some((0, vec![[10, 0, 0, 2]])),
            ("web.local" | "many.svc.local" | "a.b.c", _) => Some((0, vec![])),
            ("sick.svc.local", _) => Some((2, vec![])),
            _ => Some((3, vec![])),
        });
        assert_eq!(look_up("web", &[server], 5000), Ok(vec![ONE.into()]));
        assert_eq!(look_up("a.b.c", &[server], 5000), Ok(vec![[10, 0, 0, 2].into()]));
        assert_eq!(look_up("many", &[server], 5000).map(|found| found.len()), Ok(100), "over TCP");
        assert_eq!(look_up("nobody", &[server], 5000), Err(LookupError::NoSuchName));
        assert_eq!(look_up("sick", &[server], 5000), Err(LookupError::Failed));
    }

    #[test]
    fn a_good_answer_is_not_lost_to_a_broken_one() {
        let broken = server(|_, kind| if kind == 1 { Some((0, vec![ONE])) } else { Some((2, vec![])) });
        assert_eq!(look_up("web", &[broken], 5000), Ok(vec![ONE.into()]));
        let silent = server(|_, kind| (kind == 1).then(|| (0, vec![ONE])));
        let start = Instant::now();
        assert_eq!(look_up("web", &[silent], 5000), Ok(vec![ONE.into()]));
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    }

    #[test]
    fn a_server_that_is_silent_or_gone_is_passed_over_and_the_deadline_holds() {
        let good = server(|_, kind| Some((0, if kind == 1 { vec![ONE] } else { vec![] })));
        // On an address of its own, so that no other test gets the port.
        let gone = UdpSocket::bind("127.9.9.9:0").unwrap().local_addr().unwrap();
        let silent = server(|_, _| None);
        assert_eq!(look_up("web", &[gone, good], 5000), Ok(vec![ONE.into()]));
        assert_eq!(look_up("web", &[silent, good], 5000), Ok(vec![ONE.into()]));
        assert_eq!(look_up("web", &[gone], 5000), Err(LookupError::Failed));
        let start = Instant::now();
        assert_eq!(look_up("web", &[silent], 300), Err(LookupError::TimedOut));
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
}
