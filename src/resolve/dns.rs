//! Names as a resolver meets them: hosts(5), resolv.conf(5), and messages of the DNS (RFC 1035). Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::text;

/// Most name servers that resolv.conf(5) gives a meaning.
const MAX_SERVERS: usize = 3;
/// Longest name as text.
const MAX_NAME: usize = 253;
const PORT: u16 = 53;
/// Octets before the question.
const HEADER: usize = 12;

/// How this machine asks for names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whom to ask, in order.
    pub servers: Vec<SocketAddr>,
    /// Domains that short names are tried in.
    search: Vec<String>,
    /// Names with so many dots are tried as they are first.
    ndots: usize,
}

impl Settings {
    /// Reads resolv.conf(5). What it does not understand it passes over, as resolvers do.
    pub fn parse(file: &[u8]) -> Self {
        let mut settings = Self { servers: Vec::new(), search: Vec::new(), ndots: 1 };
        for (keyword, values) in lines(file) {
            match keyword {
                b"nameserver" if settings.servers.len() < MAX_SERVERS => {
                    let address = values.iter().find_map(|value| text::parse_ip(value));
                    settings.servers.extend(address.map(|address| SocketAddr::new(address, PORT)));
                }
                b"search" | b"domain" => settings.search = values.iter().map(|value| text::lossy(value)).collect(),
                b"options" => {
                    for value in values {
                        if let Some(ndots) = value.strip_prefix(b"ndots:").and_then(text::parse_decimal) {
                            settings.ndots = ndots.min(15) as usize;
                        }
                    }
                }
                _ => {}
            }
        }
        if settings.servers.is_empty() {
            settings.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
        }
        settings
    }

    /// The names to ask for, in order, for a name as given.
    pub fn candidates(&self, host: &str) -> Vec<String> {
        if let Some(absolute) = host.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let mut names: Vec<String> =
            self.search.iter().map(|domain| text::joined(&[host, ".", domain.trim_end_matches('.')])).collect();
        let is_long = host.bytes().filter(|&byte| byte == b'.').count() >= self.ndots;
        names.insert(if is_long { 0 } else { names.len() }, host.to_owned());
        // A label that a message cannot hold would make it another question.
        let is_sound = |name: &String| name.split('.').all(|label| (1..=63).contains(&label.len()));
        names.retain(|name| name.len() <= MAX_NAME && is_sound(name));
        names
    }
}

/// The lines of a file with comments cut off: the first word, and the others.
fn lines(file: &[u8]) -> impl Iterator<Item = (&[u8], Vec<&[u8]>)> {
    file.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = line.split(|byte| matches!(byte, b'#' | b';')).next().unwrap_or_default();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        Some((words.next()?, words.collect()))
    })
}

/// The addresses that hosts(5) gives a name.
pub fn in_hosts(file: &[u8], host: &str) -> Vec<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
    let names_it = |(_, names): &(&[u8], Vec<&[u8]>)| names.iter().any(|name| text::is_same(name, host));
    lines(file).filter(names_it).filter_map(|(address, _)| text::parse_ip(address)).collect()
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// IPv4 addresses.
    A = 1,
    /// IPv6 addresses.
    Aaaa = 28,
}

/// What a server says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The name has these addresses; none: it has no such address, or does not exist.
    Addresses(Vec<IpAddr>),
    /// The whole answer has to be asked for over TCP.
    Truncated,
    /// The server could not find out (RCODE 2 SERVFAIL, 5 REFUSED and their like).
    Failed,
}

/// A query for one name; recursion desired.
pub fn query(id: u16, name: &str, kind: Kind) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + name.len() + 6);
    text::put(&mut message, &id.to_be_bytes());
    text::put(&mut message, &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.as_bytes().split(|&byte| byte == b'.') {
        message.push(label.len() as u8);
        text::put(&mut message, label);
    }
    text::put(&mut message, &[0, 0, kind as u8, 0, 1]);
    message
}

/// Reads a message as the reply to a query. `None`: it is no reply to this one, or makes no sense.
pub fn reply(message: &[u8], query: &[u8]) -> Option<Reply> {
    let (header, rest) = message.split_at_checked(HEADER)?;
    let question = &query[HEADER..];
    let is_reply = header[..2] == query[..2] && header[2] & 0x80 != 0 && header[4..6] == [0, 1];
    let mut rest = rest.split_at_checked(question.len()).filter(|(echo, _)| text::is_same(echo, question))?.1;
    if !is_reply {
        return None;
    }
    if header[2] & 2 != 0 {
        return Some(Reply::Truncated);
    }
    if !matches!(header[3] & 15, 0 | 3) {
        return Some(Reply::Failed);
    }
    let mut addresses = Vec::new();
    for _ in 0..u16::from_be_bytes([header[6], header[7]]) {
        let (fields, after) = after_name(rest)?.split_at_checked(10)?;
        let (data, after) = after.split_at_checked(usize::from(u16::from_be_bytes([fields[8], fields[9]])))?;
        rest = after;
        // The type asked for and class IN; the names that an alias leads through are passed over.
        if fields[..4] == question[question.len() - 4..] {
            addresses.extend(match (fields[1], data) {
                (1, [a, b, c, d]) => Some(IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d))),
                (28, _) => <[u8; 16]>::try_from(data).ok().map(|octets| Ipv6Addr::from(octets).into()),
                _ => None,
            });
        }
    }
    Some(Reply::Addresses(addresses))
}

/// What follows a name, which may end in a pointer (RFC 1035 section 4.1.4).
fn after_name(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (&length, after) = rest.split_first()?;
        match length {
            0 => return Some(after),
            0xc0.. => return after.get(1..),
            length => rest = after.get(usize::from(length)..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_resolvers_read_them() {
        let file =
            b"# x\nnameserver 10.96.0.10\nnameserver fd00::a # y\nsearch a.svc.cluster.local svc.cluster.local.\n\
            options ndots:5 timeout:2\nnameserver bad\nsortlist x\n";
        let settings = Settings::parse(file);
        assert_eq!(settings.servers, ["10.96.0.10:53".parse().unwrap(), "[fd00::a]:53".parse().unwrap()]);
        assert_eq!(
            settings.candidates("web"),
            ["web.a.svc.cluster.local", "web.svc.cluster.local", "web"].map(String::from)
        );
        assert_eq!(settings.candidates("a.b.c.d.e.f")[0], "a.b.c.d.e.f");
        assert_eq!(settings.candidates("web."), ["web"]);
        let broken = Settings::parse(b"search a..b x local\noptions ndots:3\n");
        assert_eq!(
            broken.candidates("web"),
            ["web.x", "web.local", "web"],
            "what no message can hold is not asked for"
        );
        let none = Settings::parse(b"");
        assert_eq!(none.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!(none.candidates("web"), ["web"]);
        let hosts = b"127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # z\n#10.0.0.1 localhost\n10.0.0.2 Web web.x\n";
        assert_eq!(in_hosts(hosts, "localhost").len(), 2);
        assert_eq!(in_hosts(hosts, "wEb."), ["10.0.0.2".parse::<IpAddr>().unwrap()]);
        assert!(in_hosts(hosts, "z").is_empty());
    }

    /// A reply to a query, with that third and fourth octet and these answers (type and data).
    fn answered(query: &[u8], flags: [u8; 2], answers: &[(u8, &[u8])]) -> Vec<u8> {
        let mut message = query.to_vec();
        message[2..4].copy_from_slice(&flags);
        message[7] = answers.len() as u8;
        for (kind, data) in answers {
            message.extend([0xc0, 12, 0, *kind, 0, 1, 0, 0, 0, 30, 0, data.len() as u8]);
            message.extend(*data);
        }
        message
    }

    #[test]
    fn replies_are_understood_or_not_taken() {
        let asked = query(0x1234, "web.example", Kind::A);
        assert_eq!(&asked[12..], b"\x03web\x07example\0\0\x01\0\x01");
        let alias: (u8, &[u8]) = (5, b"\x01x\xc0\x10");
        let ok = answered(&asked, [0x81, 0x80], &[alias, (1, &[10, 0, 0, 1]), (1, &[10, 0, 0, 2]), (28, &[0; 16])]);
        let addresses = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        assert_eq!(reply(&ok, &asked), Some(Reply::Addresses(addresses)));
        assert_eq!(reply(&answered(&asked, [0x81, 0x83], &[]), &asked), Some(Reply::Addresses(vec![])));
        assert_eq!(reply(&answered(&asked, [0x81, 0x82], &[]), &asked), Some(Reply::Failed));
        assert_eq!(reply(&answered(&asked, [0x83, 0x80], &[]), &asked), Some(Reply::Truncated));
        let six = query(1, "web", Kind::Aaaa);
        let answer = answered(&six, [0x81, 0x80], &[(28, &Ipv6Addr::LOCALHOST.octets())]);
        assert_eq!(reply(&answer, &six), Some(Reply::Addresses(vec![Ipv6Addr::LOCALHOST.into()])));
        for other in [query(0x1235, "web.example", Kind::A), query(0x1234, "wex.example", Kind::A)] {
            assert_eq!(reply(&answered(&other, [0x81, 0x80], &[]), &asked), None);
        }
        assert_eq!(reply(&asked, &asked), None, "a query is no reply");
        // Cut anywhere, it is no reply, and nothing breaks.
        for end in 0..ok.len() {
            assert_eq!(reply(&ok[..end], &asked), None, "{end}");
        }
    }
}
