//! Parsers against changed bytes: everything in `tests/corpus`, and what `mutate` makes of it. Heads and chunks are held to
//! the `oracle`, alone and through a whole server.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use fastrand::Rng;
use probeserver::config::{self, Config, ConfigError};
use probeserver::faults::Check;
use probeserver::faults::explain::explain;
use probeserver::faults::plan;
use probeserver::faults::rule::Rule;
use probeserver::forecast::manifest;
use probeserver::grpc;
use probeserver::http::body::BodyReader;
use probeserver::http::head;
use probeserver::http::{MAX_FIELDS, MAX_HEAD, upstream};
use probeserver::resolve::Service;
use probeserver::resolve::policy::Allow;
use probeserver::text;

use crate::client::{Client, show};
use crate::harness::Server;
use crate::mutate::{corpus, fuzz, mutated};
use crate::oracle::{self, Framing, Reading, Request};

/// Where to cut an input: everywhere when it is short, else in some places that the input itself chooses.
fn cuts(input: &[u8]) -> Vec<usize> {
    if input.len() <= 200 {
        return (0..=input.len()).collect();
    }
    let seed = input.iter().fold(7u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let mut dice = Rng::with_seed(seed);
    let mut cuts: Vec<usize> = (0..12).map(|_| dice.usize(..=input.len())).chain([input.len()]).collect();
    cuts.sort_unstable();
    cuts
}

/// The first verdict when more and more of the input is there; `None` while there is none.
fn in_pieces<T>(input: &[u8], parse: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    cuts(input).into_iter().find_map(|end| parse(&input[..end]))
}

/// What the server's parser makes of a head, in the oracle's words.
fn served_head(input: &[u8]) -> Result<Option<oracle::Head>, u16> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let head = head::parse(input, &mut slots).map_err(|error| error.status())?;
    Ok(head.map(|head| oracle::Head {
        method: head.method.name().to_owned(),
        path: String::from_utf8_lossy(head.target.path).into_owned(),
        framing: match head.framing {
            head::Framing::None => Framing::None,
            head::Framing::Length(length) => Framing::Length(length),
            head::Framing::Chunked => Framing::Chunked,
        },
        persists: head.keep_alive,
        expects_continue: head.expects_continue,
        length: head.length,
    }))
}

#[test]
fn heads_mean_what_rfc_9112_says() {
    fuzz("head", |input| {
        let served = served_head(input);
        let words = format!("{served:?}");
        match (oracle::head(input), served) {
            (Reading::Clear(means), got) => assert_eq!(words, format!("{:?}", Ok::<_, u16>(Some(means))), "{got:?}"),
            (Reading::Doubtful(_) | Reading::Refused, Err(400..)) | (Reading::Partial, Ok(None) | Err(400..)) => {}
            (Reading::Doubtful(means), Ok(Some(_))) => {
                assert_eq!(words, format!("{:?}", Ok::<_, u16>(Some(means))));
            }
            (reading, got) => panic!("it is {reading:?}, and was taken as {got:?}"),
        }
        // A connection never holds more than MAX_HEAD of an incomplete head. Which of several faults a head is refused
        // for may depend on how it is cut.
        let held = &input[..input.len().min(MAX_HEAD)];
        let verdict = |part: &[u8]| match served_head(part) {
            Ok(None) => None,
            Err(_) => Some("refused".to_owned()),
            verdict => Some(format!("{verdict:?}")),
        };
        // A long method that is none is refused before its line ends, and behind it only at the end of the head.
        let line = held.trim_ascii_start();
        let method = line.split(|&byte| byte == b' ').next().unwrap_or_default();
        let is_long = method.len() > 20 && method[..21].iter().all(u8::is_ascii_alphabetic);
        let (pieces, whole) = (in_pieces(held, verdict), verdict(held));
        assert!(pieces == whole || is_long && whole.is_none(), "in pieces {pieces:?}, whole {whole:?}");
        format!("{:?}", served_head(input).map(|head| head.map(|head| (head.method, head.framing, head.persists))))
    });
}

/// All that comes of a chunked message of at most 1000 octets whose bytes come in these pieces.
fn unchunked<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> Result<(Vec<u8>, usize, bool), u16> {
    let mut reader = BodyReader::new(head::Framing::Chunked, 1000).expect("chunks have no length to refuse");
    let (mut content, mut taken) = (Vec::new(), 0);
    for piece in pieces {
        taken += reader.feed(piece, &mut content).map_err(|error| error.status())?;
    }
    Ok((content, taken, reader.is_done()))
}

#[test]
fn chunks_mean_what_rfc_9112_says() {
    fuzz("chunks", |input| {
        let whole = unchunked([input].into_iter());
        let cuts = cuts(input);
        let pieces = cuts.iter().scan(0, |from, &to| Some(&input[std::mem::replace(from, to)..to]));
        assert_eq!(unchunked(pieces), whole, "in pieces");
        match (oracle::content(Framing::Chunked, input), &whole) {
            (Reading::Clear((content, _)), Err(413)) if content.len() > 1000 => {}
            (Reading::Clear((content, length)), got) => assert_eq!(*got, Ok((content, length, true))),
            (Reading::Doubtful((content, length)), Ok(got)) => assert_eq!(*got, (content, length, true)),
            (Reading::Doubtful(_) | Reading::Refused, Err(400..)) => {}
            (Reading::Partial, Ok((_, taken, false))) => assert_eq!(*taken, input.len()),
            (Reading::Partial, Err(400..)) => {}
            (reading, got) => panic!("it is {reading:?}, and was taken as {got:?}"),
        }
        match whole {
            Ok((content, _, is_done)) => format!("{} {is_done}", content.len().min(20)),
            Err(status) => format!(
                "{status} at {}",
                cuts.iter().filter(|&&cut| unchunked([&input[..cut]].into_iter()).is_ok()).count().min(30)
            ),
        }
    });
}

#[test]
fn plans_survive_being_spelled_out_and_explained() {
    fuzz("plan", |input| match plan::parse(input) {
        Ok(rules) => {
            let spelled: Vec<String> = rules.iter().map(Rule::spelled).collect();
            assert_eq!(plan::parse(spelled.join("\n").as_bytes()).as_ref(), Ok(&rules), "{spelled:?}");
            assert_eq!(plan::parse(spelled.join(";").as_bytes()).as_ref(), Ok(&rules), "{spelled:?}");
            if rules.len() <= 4 {
                assert!(!explain(&rules, "web-0").is_empty());
            }
            let shape: Vec<_> = rules
                .iter()
                .take(3)
                .map(|rule| (rule.target.kind(), rule.effect.kind(), rule.chance.is_some(), rule.every.is_some()))
                .collect();
            format!("{shape:?}")
        }
        Err(error) => {
            if input.len() > plan::MAX_PLAN {
                assert_eq!(error, "got a plan of more than 16 KiB, expected less");
                return "too long".to_owned();
            }
            let (place, rest) = error.split_once(": got ").expect("a place");
            let mut numbers = place.split(|letter: char| !letter.is_ascii_digit()).filter_map(|n| n.parse().ok());
            let (line, column): (usize, usize) = (numbers.next().unwrap(), numbers.next().unwrap());
            let line = input.split(|&byte| byte == b'\n').nth(line - 1).expect("the line is there");
            let word = &line.strip_suffix(b"\r").unwrap_or(line)[column - 1..];
            let word = word.split(|byte| b" \t;#".contains(byte)).next().unwrap_or_default();
            let mut got = Vec::new();
            text::json_string(&mut got, word);
            let is_there = rest.as_bytes().starts_with(if got == b"\"\"" { b"the end of the rule" } else { &got });
            assert!(is_there, "{error:?}");
            assert!(!error.contains(char::is_control), "{error:?}");
            rest.split_once(", expected ").expect("what was expected").1.to_owned()
        }
    });
}

#[test]
fn services_and_allow_lists_hold_no_surprise() {
    let special: IpAddr = Ipv4Addr::new(169, 254, 169, 254).into();
    fuzz("service", |input| {
        let allow = Allow::parse(input);
        if let Some(allow) = &allow {
            for host in ["web", "a.svc.cluster.local", "169.254.169.254"] {
                assert!(!allow.permits(host, special, &[]) || allow.may_permit(host), "{host}");
            }
            let names_a_network = input.iter().any(|byte| matches!(byte, b'.' | b':'));
            assert!(names_a_network || !allow.permits("a", special, &[]), "metadata by a name");
        }
        let service = Service::parse(input);
        if let Some(service) = &service {
            let Service { host, port, path, .. } = service;
            assert_eq!(Service::parse(format!("{host}:{port}{path}").as_bytes()).as_ref(), Some(service));
            assert_eq!(Service::parse(format!("{}{path}", service.authority()).as_bytes()).as_ref(), Some(service));
            // What is sent is one request and nothing else, for anybody.
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", service.authority());
            let served = served_head(request.as_bytes());
            let is_long = path.len() > 8000;
            assert!(
                is_long || matches!(&served, Ok(Some(head)) if head.length == request.len()),
                "{request:?}: {served:?}"
            );
            assert!(
                matches!(oracle::head(request.as_bytes()), Reading::Clear(_) | Reading::Doubtful(_)),
                "{request:?}"
            );
        }
        let shape = service.map(|service| (service.literal.is_some(), service.port == 80, service.path.len().min(3)));
        format!("{:?} {shape:?}", allow.is_some())
    });
}

/// What the parser makes of `NAME=value` lines, the last of a name counting.
fn configured(variables: &BTreeMap<String, Vec<u8>>) -> Result<Box<Config>, ConfigError> {
    Config::from_lookup(&|name| variables.get(name).cloned())
}

#[test]
fn a_configuration_is_read_or_refused_line_by_line() {
    fuzz("config", |input| {
        let mut variables = BTreeMap::new();
        for line in input.split(|&byte| byte == b'\n') {
            let Some(equals) = line.iter().position(|&byte| byte == b'=') else { continue };
            let name = String::from_utf8_lossy(&line[..equals]).into_owned();
            // Not any file of this machine.
            let is_file = name == "CONTROL_TOKEN_FILE";
            variables.insert(name, if is_file { b"/nowhere".to_vec() } else { line[equals + 1..].to_vec() });
        }
        match configured(&variables) {
            Ok(config) => {
                let is_text = variables.values().all(|value| std::str::from_utf8(value).is_ok());
                let has_secret = config.given.iter().any(|(_, value)| value == "***");
                if is_text && !has_secret {
                    let given =
                        config.given.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()));
                    let again = configured(&given.collect()).expect("it was right before");
                    assert_eq!(format!("{again:?}"), format!("{config:?}"));
                }
                assert!(config.max_workers >= 2 && config.max_connections >= 1 && !config.resolve_timeout.is_zero());
                let names: Vec<_> = config.given.iter().map(|(name, _)| name).collect();
                format!("{names:?} {} {:?}", config.rules.len(), config.warnings)
            }
            Err(ConfigError(lines)) => {
                assert!(!lines.is_empty());
                let mut names = Vec::new();
                for line in &lines {
                    assert!(!line.contains(char::is_control), "{line:?}");
                    let name = line.split(':').next().unwrap_or_default();
                    assert!(config::variables().any(|variable| variable.name == name), "{line:?}");
                    names.push(name);
                }
                format!("{names:?}")
            }
        }
    });
}

/// What `/resolve` would read of an answer: its head, and its content as far as it is there.
fn answered(input: &[u8]) -> Option<String> {
    match upstream::parse(input) {
        Ok(None) => None,
        Err(upstream::NotHttp) => Some("not HTTP".to_owned()),
        Ok(Some(head)) => Some(format!("{head:?}")),
    }
}

#[test]
fn answers_of_others_are_read_however_they_are_cut() {
    fuzz("upstream", |input| {
        let whole = answered(input);
        assert_eq!(in_pieces(input, answered), whole, "in pieces");
        let Ok(Some(mut head)) = upstream::parse(input) else { return format!("{whole:?}") };
        assert!(head.length <= input.len());
        for text in [&head.pod, &head.zone].into_iter().flatten() {
            assert!(text.len() <= 256 && !text.contains(char::is_control), "{text:?}");
        }
        let content = &input[head.length..];
        let mut out = Vec::new();
        let whole = head.body.feed(content, &mut out);
        let again = upstream::parse(input).expect("as before").expect("as before");
        let (mut body, mut bytewise, mut taken) = (again.body, Vec::new(), Ok(0));
        for byte in content.chunks(1).take_while(|_| taken.is_ok()).collect::<Vec<_>>() {
            taken = taken.and_then(|taken| Ok(taken + body.feed(byte, &mut bytewise)?));
        }
        assert_eq!(taken, whole, "in pieces");
        assert!(whole.is_err() || out == bytewise && head.body.is_done() == body.is_done());
        format!("{} {} {whole:?}", head.status / 100, head.keeps)
    });
}

/// What a session comes to that is fed these pieces: what it sends, what it asks and refuses, and whether it goes on.
/// Every check serves but that of readiness.
fn grpc_session<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<u8>, Vec<String>) {
    let now = Instant::now();
    let mut session: grpc::Session<()> = grpc::Session::new(now);
    let (mut sent, mut told, mut held) = (Vec::new(), Vec::new(), Vec::new());
    'all: for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            let (used, next) = session.receive(&held, now);
            let before = held.len();
            held.drain(..used);
            match next {
                grpc::Next::More => break,
                grpc::Next::End => {
                    told.push("end".to_owned());
                    break 'all;
                }
                grpc::Next::Refused(status) => told.push(status.to_string()),
                grpc::Next::Call(call) => {
                    told.push(format!("{:?} {:?}", call.method, call.check));
                    let state = match call.check {
                        None => grpc::State::Unknown,
                        Some(Check::Ready) => grpc::State::NotServing,
                        Some(_) => grpc::State::Serving,
                    };
                    session.answer(call.stream, grpc::Verdict::State(state), now);
                }
            }
            assert!(held.len() < before, "it asks and takes nothing");
        }
        sent.append(&mut session.output);
        assert!(held.len() < grpc::FRAME_HEAD + grpc::MAX_FRAME, "{} octets that are no frame yet", held.len());
        session.shrink();
        let kept = session.held();
        assert!(kept < 64 * 1024, "it keeps {kept} octets");
    }
    sent.append(&mut session.output);
    (sent, told)
}

#[test]
fn frames_of_http_2_mean_the_same_however_they_are_cut() {
    fuzz("grpc", |input| {
        let (sent, told) = grpc_session([input].into_iter());
        let cuts = cuts(input);
        let pieces = cuts.iter().scan(0, |from, &to| Some(&input[std::mem::replace(from, to)..to]));
        assert_eq!(grpc_session(pieces), (sent.clone(), told.clone()), "in pieces");
        // Only whole frames are sent, and not many for few octets.
        let (mut rest, mut kinds) = (&sent[..], BTreeSet::new());
        while let Some((head, after)) = rest.split_at_checked(grpc::FRAME_HEAD) {
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            assert!(head[0] == 0 && length <= after.len(), "half a frame");
            kinds.insert((head[3], head[4], if head[3] == 3 || head[3] == 7 { after[length - 1] } else { 0 }));
            rest = &after[length..];
        }
        assert!(rest.is_empty() && sent.len() <= 200 + 20 * input.len(), "{} octets for {}", sent.len(), input.len());
        let told: BTreeSet<_> = told.into_iter().collect();
        format!("{kinds:?} {told:?}")
    });
}

/// Whether something follows a request that asks for the end of the connection. A server may then close with bytes unread,
/// and the reset that comes of it can take answers away that the client has not read yet (RFC 9112 section 9.6).
fn talks_on_after_the_end(input: &[u8]) -> bool {
    let mut at = 0;
    while let Reading::Clear(request) | Reading::Doubtful(request) = oracle::request(&input[at..]) {
        at += request.length;
        if !request.head.persists {
            return at < input.len();
        }
    }
    false
}

/// One connection: these bytes, in two pieces, then the end. Every answer is held to what the oracle says of the request;
/// how many there were.
fn converse(server: &Server, input: &[u8], cut: usize) -> Result<usize, String> {
    let mut client = Client::connect(server).map_err(|error| format!("connect: {error}"))?;
    // What a server did not take for a good reason is not missed below.
    let _ = client.try_send(&input[..cut]).and_then(|()| client.try_send(&input[cut..]));
    client.finish_sending();
    let may_break = talks_on_after_the_end(input);
    let (mut at, mut answers) = (0, 0);
    let ended = loop {
        let reading = oracle::request(&input[at..]);
        let (request, may_refuse) = match reading {
            Reading::Clear(request) => (request, false),
            Reading::Doubtful(request) => (request, true),
            Reading::Refused => break expect_refusal(&mut client, false),
            Reading::Partial => break expect_refusal(&mut client, true),
        };
        match expect_answer(&mut client, &request, may_refuse) {
            Ok(Then::GoesOn) => {}
            Ok(Then::NoMore) if request.head.method == "HEAD" => {
                client.wait_for_any_end();
                break Ok(());
            }
            Ok(Then::Ends | Then::NoMore) => break client.try_end(),
            Err(problem) => break Err(format!("{problem}, to {request:?} at {at}")),
        }
        answers += 1;
        at += request.length;
    };
    match ended {
        // Whether it reads of the reset, or only of the end, depends on whether sending has met the reset before.
        Err(problem) if !(may_break && (problem.contains("reset") || problem.starts_with("end of file"))) => {
            Err(problem)
        }
        _ => Ok(answers),
    }
}

/// What comes after an answer.
enum Then {
    GoesOn,
    Ends,
    /// It was a refusal. A head that is refused is not known to be one of HEAD, so content may follow it there.
    NoMore,
}

/// Takes the answer to a request.
fn expect_answer(client: &mut Client<'_>, request: &Request, may_refuse: bool) -> Result<Then, String> {
    let Request { head, content, .. } = request;
    let mut response = client.try_answer(head.method == "HEAD")?;
    if response.status == 100 && head.expects_continue {
        response = client.try_answer(head.method == "HEAD")?;
    }
    let must_be = match (head.method.as_str(), head.path.as_str()) {
        ("GET" | "HEAD", "/" | "/version" | "/healthz" | "/livez" | "/readyz") | ("POST", "/echo") => Some(200),
        ("GET", "/nowhere" | "/a") => Some(404),
        _ => None,
    };
    if may_refuse && response.status >= 400 && response.closes() {
        return Ok(Then::NoMore);
    }
    if must_be.is_some_and(|status| status != response.status) || [501, 505, 414, 431].contains(&response.status) {
        return Err(format!("status {}", response.status));
    }
    if must_be == Some(200) && head.path == "/echo" && response.body != *content {
        return Err(format!("other content: {}", show(&response.body)));
    }
    // Content that nobody reads may cost the connection.
    let may_close = response.status >= 400 && head.framing != Framing::None;
    if response.closes() && head.persists && !may_close {
        return Err(format!("{} closes the connection", response.status));
    }
    if !response.closes() && !head.persists {
        return Err(format!("{} does not close the connection", response.status));
    }
    Ok(if response.closes() { Then::Ends } else { Then::GoesOn })
}

/// Only an error may come, and nothing behind it; to half a request also nothing at all.
fn expect_refusal(client: &mut Client<'_>, is_partial: bool) -> Result<(), String> {
    match client.try_answer(false) {
        Ok(interim) if interim.status == 100 && is_partial => expect_refusal(client, is_partial),
        Ok(response) if response.status >= 400 && response.closes() => client.try_end(),
        Ok(response) => Err(format!("a {} for what should be refused", response.status)),
        Err(problem) if is_partial && problem.starts_with("end of file") => client.try_end(),
        Err(problem) => Err(format!("no refusal: {problem}")),
    }
}

#[test]
fn a_server_takes_requests_as_rfc_9112_says_or_refuses_them() {
    let server = Server::start(&[("CONTROL", "off"), ("LOG_REQUESTS", "none"), ("RESOLVE_ALLOW", "none.invalid")]);
    let pool: Vec<Vec<u8>> = corpus("head").into_iter().map(|(_, input)| input).collect();
    fuzz("head", |input| {
        let mut dice = Rng::with_seed(input.len() as u64 ^ u64::from(input.first().copied().unwrap_or(0)) << 32);
        // Some that are right come first, so that what follows meets a connection in use.
        let mut bytes = Vec::new();
        for _ in 0..dice.u32(0..3) {
            bytes.extend_from_slice(&pool[dice.usize(..pool.len())]);
        }
        bytes.extend_from_slice(input);
        if dice.u32(0..4) == 0 {
            bytes.extend_from_slice(&mutated(&mut dice, &pool));
        }
        // Another protocol, as far as it goes.
        let preface = grpc::PREFACE;
        if bytes.starts_with(&preface[..16]) && bytes.iter().zip(preface).all(|(one, other)| one == other) {
            return "HTTP/2".to_owned();
        }
        let cut = if dice.bool() { bytes.len() } else { dice.usize(..=bytes.len()) };
        match converse(&server, &bytes, cut) {
            Ok(answers) => format!("{answers}"),
            Err(problem) => panic!("{problem}\n--- cut at {cut}: b\"{}\"", bytes.escape_ascii()),
        }
    });
    assert_eq!(server.get("/version").status, 200, "it lives\n{server}");
}

#[test]
fn manifests_are_read_or_refused_on_one_line() {
    let read = |input: &[u8]| {
        let mut out = manifest::Read::default();
        manifest::read(&[("f.yaml", input)], &mut out).map(|()| out)
    };
    fuzz("manifest", |input| match read(input) {
        Ok(read) => {
            assert!(!read.workloads.is_empty());
            for workload in &read.workloads {
                assert!(!workload.name.is_empty() && !workload.pod.containers.is_empty(), "{workload:?}");
            }
            format!("{} {}", read.workloads.len(), read.passed_over.len())
        }
        Err(line) => {
            assert!(line.starts_with("f.yaml:") && line.contains(", expected "), "{line}");
            assert!(!line.contains(|c: char| c.is_control()) && line.len() < 1000, "{line:?}");
            // What differs from one input to the next is not what is new: places and names.
            let (_, text) = line.split_once(": ").unwrap_or_default();
            let got = text.split(", expected").next().unwrap_or_default();
            let got: String = got.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
            format!("{got} {}", text.split("expected ").last().unwrap_or_default())
        }
    });
}
