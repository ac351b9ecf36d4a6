//! Health over gRPC, octet by octet over real sockets. What the frames mean is told by `src/grpc/tests.rs` in all detail; here
//! it is what becomes of calls: rules, counts, time, the end of the process. Real clients are in `tests/grpc`.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, Server, eventually, get, post};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const OK_HEAD: &[u8] = b"\x20\x88\x0f\x10\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x4d\x65\x64";
const STATUS: &[u8] = b"\0\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f";
const MESSAGE: &[u8] = b"\0\x89\x9a\xca\xc8\xb5\x25\x42\x07\x31\x7f";
const SERVING: &str = "SERVING";
const NOT_SERVING: &str = "NOT_SERVING";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// PREFACE and SETTINGS.
fn opening() -> Vec<u8> {
    [PREFACE, &frame(4, 0, 0, b"")].concat()
}

fn call_as(stream: u32, method: &str, service: &str, agent: &[(&str, &str)]) -> Vec<u8> {
    let path = format!("/grpc.health.v1.Health/{method}");
    let mut block = vec![0x83, 0x86, 0x04, path.len() as u8]; // POST, http, a path
    block.extend_from_slice(path.as_bytes());
    let fields = [("content-type", "application/grpc"), ("te", "trailers")];
    for (name, value) in fields.iter().chain(agent) {
        block.extend_from_slice(
            &[&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat(),
        );
    }
    let name =
        if service.is_empty() { Vec::new() } else { [&[0x0a, service.len() as u8], service.as_bytes()].concat() };
    let message = [&[0, 0, 0, 0, name.len() as u8], &name[..]].concat();
    [frame(1, 4, stream, &block), frame(0, 1, stream, &message)].concat()
}

fn call(stream: u32, method: &str, service: &str) -> Vec<u8> {
    call_as(stream, method, service, &[])
}

fn check(stream: u32, service: &str) -> Vec<u8> {
    call(stream, "Check", service)
}

fn reset(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &[0, 0, 0, 8])
}

/// What a server says, frame by frame.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Said {
    Settings,
    Ack,
    /// The head of an answer.
    Head(u32),
    State(u32, &'static str),
    /// Content that is no state.
    Data(u32, Vec<u8>),
    /// The end of a call, with its code.
    End(u32, u32),
    Reset(u32, u32),
    GoAway(u32, u32),
    Pong,
    Window,
    Other(Vec<u8>),
    /// FIN.
    Fin,
    /// RST.
    Broken,
}

impl Said {
    fn read(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match (kind, flags) {
            (4, 0) => Self::Settings,
            (4, 1) => Self::Ack,
            (1, 4) if payload == OK_HEAD => Self::Head(stream),
            (1, 5) => {
                let block = payload.strip_prefix(OK_HEAD).unwrap_or(payload).strip_prefix(STATUS).expect("a status");
                let (length, rest) = block.split_first().unwrap();
                let (code, rest) = rest.split_at((*length).into());
                assert!(rest.is_empty() || rest.starts_with(MESSAGE), "{payload:?}");
                Self::End(stream, std::str::from_utf8(code).unwrap().parse().unwrap())
            }
            (0, 0) if payload.starts_with(b"\0\0\0\0\x02\x08") => {
                Self::State(stream, ["", SERVING, NOT_SERVING, "SERVICE_UNKNOWN"][usize::from(payload[6])])
            }
            (0, _) => Self::Data(stream, payload.to_vec()),
            (3, 0) => Self::Reset(stream, number(0)),
            (6, 1) => Self::Pong,
            (7, 0) => Self::GoAway(number(0), number(4)),
            (8, 0) => Self::Window,
            _ => Self::Other([&[kind, flags, stream as u8], payload].concat()),
        }
    }
}

/// A client of HTTP/2.
struct Peer<'s> {
    server: &'s Server,
    stream: TcpStream,
    received: Vec<u8>,
}

impl<'s> Peer<'s> {
    /// Connects and says nothing.
    fn silent(server: &'s Server) -> Self {
        let stream = TcpStream::connect(server.address()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { server, stream, received: Vec::new() }
    }

    /// Connects, and has exchanged SETTINGS.
    fn connect(server: &'s Server) -> Self {
        let mut peer = Self::silent(server);
        peer.send(&opening());
        peer.expect(&[Said::Settings, Said::Ack]);
        peer
    }

    #[track_caller]
    fn send(&mut self, bytes: &[u8]) -> &mut Self {
        if let Err(error) = self.stream.write_all(bytes) {
            panic!("cannot send: {error}\n{}", self.server);
        }
        self
    }

    /// The next frame, or how the connection ends.
    #[track_caller]
    fn next(&mut self) -> Said {
        loop {
            if let Some(&[a, b, c, kind, flags, d, e, f, g]) = self.received.first_chunk::<9>() {
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                if self.received.len() >= 9 + length {
                    let said = Said::read(kind, flags, u32::from_be_bytes([d, e, f, g]), &self.received[9..9 + length]);
                    self.received.drain(..9 + length);
                    return said;
                }
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    assert!(self.received.is_empty(), "half a frame: {:?}", self.received);
                    return Said::Fin;
                }
                Ok(count) => self.received.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Said::Broken,
                Err(error) => panic!("{error}\n{}", self.server),
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, want: &[Said]) {
        for want in want {
            let said = self.next();
            assert_eq!(said, *want, "\n{}", self.server);
        }
    }

    /// Asks, and takes the answer: a state, or the code of an error.
    #[track_caller]
    fn asks(&mut self, stream: u32, service: &str) -> Result<&'static str, u32> {
        self.send(&check(stream, service));
        self.answer(stream)
    }

    #[track_caller]
    fn answer(&mut self, stream: u32) -> Result<&'static str, u32> {
        match self.next() {
            Said::End(of, code) if of == stream => Err(code),
            Said::Head(of) if of == stream => {
                let Said::State(of, state) = self.next() else { panic!("no state\n{}", self.server) };
                assert_eq!(of, stream);
                self.expect(&[Said::End(stream, 0)]);
                Ok(state)
            }
            said => panic!("{said:?} to stream {stream}\n{}", self.server),
        }
    }
}

#[test]
fn the_preface_is_taken_in_any_pieces_but_only_as_the_first_octets() {
    let server = Server::start(&[]);
    for cut in 1..PREFACE.len() {
        let mut peer = Peer::silent(&server);
        peer.send(&PREFACE[..cut]);
        // Another connection that is served behind it: the piece has been read by itself.
        server.get("/version").expect(200, &format!("{}\n", env!("CARGO_PKG_VERSION")));
        peer.send(&[&PREFACE[cut..], &frame(4, 0, 0, b""), &check(1, "")].concat());
        peer.expect(&[Said::Settings, Said::Ack]);
        assert_eq!(peer.answer(1), Ok(SERVING), "cut at {cut}");
    }
    let all = [opening(), check(1, "live"), frame(6, 0, 0, &[0; 8])].concat();
    let mut peer = Peer::silent(&server);
    for byte in &all {
        peer.send(&[*byte]);
    }
    peer.expect(&[Said::Settings, Said::Ack]);
    assert_eq!(peer.answer(1), Ok(SERVING), "octet by octet");
    peer.expect(&[Said::Pong]);

    // Behind a request of HTTP/1.1 in the same piece, in one of its own, and behind an empty line it is no preface.
    let refused = |client: &mut crate::client::Client<'_>| client.response().expect_error(505);
    let mut client = server.connect();
    client.send([get("/version").as_bytes(), &opening()].concat());
    client.response();
    refused(&mut client);
    let mut client = server.connect();
    client.ask(get("/version"));
    client.send(opening());
    refused(&mut client);
    let mut client = server.connect();
    client.send([b"\r\n", &opening()[..]].concat());
    refused(&mut client);
    for other in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r \n", "PRI * HTTP/2.0\r\nHost: a\r\n\r\n", "PRI / HTTP/2.0\r\n\r\n"] {
        let mut client = server.connect();
        client.send(other);
        refused(&mut client);
    }
}

#[test]
fn other_protocols_find_what_they_have_always_found() {
    let server = Server::start(&[]);
    let upgrade = "GET /version HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n";
    assert_eq!(server.ask(upgrade).status, 200, "an upgrade to h2c is ignored");
    assert_eq!(server.get("/grpc.health.v1.Health/Check").status, 404, "the methods are no paths of HTTP/1.1");
    let mut peer = Peer::silent(&server);
    peer.send(&[PREFACE, get("/version").as_bytes()].concat());
    peer.expect(&[Said::Settings, Said::GoAway(0, 6), Said::Fin]);
}

#[test]
fn the_state_of_each_check_is_the_one_that_http_has() {
    let server = Server::start(&[("FAULTS", "ready fail; startup fail 204; live fail 599"), ("LOG_REQUESTS", "all")]);
    let mut peer = Peer::connect(&server);
    for (at, (service, want)) in [
        ("", Ok(SERVING)),
        ("health", Ok(SERVING)),
        ("grpc.health.v1.Health", Ok(SERVING)),
        ("liveness", Ok(NOT_SERVING)),
        ("live", Ok(NOT_SERVING)),
        ("readiness", Ok(NOT_SERVING)),
        ("ready", Ok(NOT_SERVING)),
        ("startup", Ok(SERVING)),
        ("Ready", Err(5)),
        ("nobody", Err(5)),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(peer.asks(2 * at as u32 + 1, service), want, "{service}");
    }
    let whoami = server.get("/whoami").text();
    assert!(whoami.contains(r#""checks":{"health":200,"live":599,"ready":503,"startup":204}"#), "{whoami}");
    assert!(whoami.contains(r#""requests":11,"#), "{whoami}");
    let metrics = server.get("/metrics").text();
    for line in [
        "probeserver_requests_total{route=\"/grpc.health.v1.Health/Check\",code=\"200\"} 3\n",
        "probeserver_requests_total{route=\"/grpc.health.v1.Health/Check\",code=\"204\"} 1\n",
        "probeserver_requests_total{route=\"/grpc.health.v1.Health/Check\",code=\"404\"} 2\n",
        "probeserver_requests_total{route=\"/grpc.health.v1.Health/Check\",code=\"503\"} 2\n",
        "probeserver_requests_total{route=\"/grpc.health.v1.Health/Check\",code=\"599\"} 2\n",
        "probeserver_check{check=\"live\"} 0\n",
        "probeserver_check{check=\"startup\"} 1\n",
        "probeserver_faults_total{target=\"ready\",effect=\"fail\"} 2\n",
    ] {
        assert!(metrics.contains(line), "{line}{metrics}");
    }
    peer.send(&call_as(101, "Check", "ready", &[("user-agent", "kube-probe/1.34 grpc-go/1.72.1")]));
    peer.answer(101).unwrap();
    server.wait_for_log("path=/grpc.health.v1.Health/Check check=ready status=503 rule=\"ready fail\" probe=kube-probe/1.34 peer=127.0.0.1:");
    peer.send(&call_as(103, "Check", "ready", &[("user-agent", "go"), ("x-probe", "readiness")]));
    peer.answer(103).unwrap();
    server.wait_for_log("probe=readiness peer=");
}

#[test]
fn refused_calls_are_logged_as_refused_requests_are() {
    let server = Server::start(&[("LOG_REQUESTS", "all")]);
    let mut client = server.connect();
    client.send([opening(), call(1, "Nope", "")].concat());
    server.wait_for_log("event=request status=404 agent=\"\" peer=");
}

#[test]
fn a_check_is_rolled_for_and_counted_as_the_http_check_is() {
    let variables = [("FAULTS", "health fail 40%; live fail times 3"), ("SEED", "7")];
    let (over_grpc, over_http) = (Server::start(&variables), Server::start(&variables));
    let mut peer = Peer::connect(&over_grpc);
    for at in 0..50 {
        let failed = over_http.get("/healthz").status == 500;
        assert_eq!(peer.asks(2 * at + 1, ""), Ok(if failed { NOT_SERVING } else { SERVING }), "draw {at}");
    }
    // One count for both ways to ask.
    assert_eq!(peer.asks(101, "liveness"), Ok(NOT_SERVING));
    assert_eq!(over_grpc.get("/livez").status, 500);
    assert_eq!(peer.asks(103, "live"), Ok(NOT_SERVING));
    assert_eq!(over_grpc.get("/livez").status, 200);
    assert_eq!(peer.asks(105, "live"), Ok(SERVING));
    let (one, other) = (over_grpc.get("/faults").text(), over_http.get("/faults").text());
    assert_eq!(one.lines().next(), other.lines().next());
    assert!(one.contains("live fail times 3  # 2: tried 3, hit 3"), "{one}");
}

#[test]
fn only_its_own_target_and_exact_paths_touch_a_call() {
    let plan = "app fail; /* fail; /grpc* fail; /healthz fail; /grpc.health.v1.Health/Check fail times 1; /grpc.health.v1.Health/List fail times 1";
    let server = Server::start(&[("FAULTS", plan)]);
    let mut peer = Peer::connect(&server);
    assert_eq!(peer.asks(1, ""), Ok(NOT_SERVING), "by its path");
    assert_eq!(peer.asks(3, ""), Ok(SERVING));
    peer.send(&call(5, "List", ""));
    assert_eq!(peer.answer(5), Err(14), "a list has no state to tell");
    peer.send(&call(7, "List", ""));
    peer.expect(&[Said::Head(7)]);
    let Said::Data(7, list) = peer.next() else { panic!("no list\n{server}") };
    assert_eq!(list.len(), 61);
    peer.expect(&[Said::End(7, 0)]);
    assert_eq!(server.get("/").status, 500, "app and the prefixes stand");
}

#[test]
fn a_list_shows_all_states_and_uses_up_no_counts() {
    let plan = "ready fail times 2; live fail 50%; startup fail for 1ms; health fail after 1h";
    let server = Server::start(&[("FAULTS", plan)]);
    eventually("the window of startup is over", &server, || server.get("/startupz").status == 200);
    let mut peer = Peer::connect(&server);
    for stream in [1, 3, 5] {
        peer.send(&call(stream, "List", ""));
        let want = b"\0\0\0\08\x0a\x06\x0a\0\x12\x02\x08\x01\x0a\x0e\x0a\x08liveness\x12\x02\x08\x01\x0a\x0f\x0a\x09readiness\x12\x02\x08\x02\x0a\x0d\x0a\x07startup\x12\x02\x08\x01";
        peer.expect(&[Said::Head(stream), Said::Data(stream, want.to_vec()), Said::End(stream, 0)]);
    }
    let rules = server.get("/faults").text();
    assert!(rules.contains("ready fail times 2  # 1: tried 0, hit 0"), "{rules}");
    assert!(rules.contains("live fail 50%  # 2: tried 0, hit 0"), "{rules}");
}

#[test]
fn delays_and_hangs_hold_their_call_and_others_go_on() {
    let server = Server::start(&[("FAULTS", "ready delay 300ms; live hang; startup delay 300ms; startup fail")]);
    let mut peer = Peer::connect(&server);
    let began = Instant::now();
    let ping = frame(6, 0, 0, &[0; 8]);
    peer.send(&[check(1, "ready"), check(3, "live"), check(5, "startup"), check(7, ""), ping].concat());
    assert_eq!(peer.answer(7), Ok(SERVING), "the last is first");
    peer.expect(&[Said::Pong]);
    let mut delayed = [peer.next(), peer.next(), peer.next(), peer.next(), peer.next(), peer.next()];
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    delayed.sort_by_key(|said| format!("{said:?}"));
    let want = [
        Said::End(1, 0),
        Said::End(5, 0),
        Said::Head(1),
        Said::Head(5),
        Said::State(1, SERVING),
        Said::State(5, NOT_SERVING),
    ];
    assert_eq!(delayed, want, "\n{server}");
    // The one that hangs holds its connection open until the client gives it up.
    let calls = |count| format!("probeserver_connections{{state=\"calls\"}} {count}\n");
    eventually("the connection waits", &server, || server.get("/metrics").text().contains(&calls(1)));
    peer.send(&reset(3));
    eventually("the connection is idle", &server, || server.get("/metrics").text().contains(&calls(0)));
    assert_eq!(peer.asks(9, ""), Ok(SERVING));
    // One that is given up while it is delayed is not answered.
    peer.send(&[check(11, "ready"), reset(11), check(13, "ready")].concat());
    assert_eq!(peer.answer(13), Ok(SERVING));
}

#[test]
fn what_breaks_the_connection_breaks_it_behind_the_answers_before() {
    let server = Server::start(&[("FAULTS", "ready drop; live reset")]);
    let mut peer = Peer::connect(&server);
    peer.send(&[check(1, ""), check(3, "ready"), check(5, "")].concat());
    assert_eq!(peer.answer(1), Ok(SERVING));
    peer.expect(&[Said::Fin]);
    let mut peer = Peer::connect(&server);
    peer.send(&check(1, "live")).expect(&[Said::Broken]);
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("{route=\"/grpc.health.v1.Health/Check\",code=\"000\"} 2\n"), "{metrics}");
    assert!(server.get("/whoami").text().contains(r#""live":null,"ready":null"#));

    for (plan, code) in [("ready exit 3", 3), ("ready exit 0", 0)] {
        let server = Server::start(&[("FAULTS", plan)]);
        let mut peer = Peer::connect(&server);
        peer.send(&[check(1, ""), check(3, "ready")].concat());
        assert_eq!(peer.answer(1), Ok(SERVING));
        peer.expect(&[Said::Fin]);
        server.assert_exits_with(code);
    }
}

#[test]
fn a_watch_sees_rules_and_the_drain_come_and_go() {
    let server = Server::start(&[("DRAIN_SECS", "3600")]);
    let mut peer = Peer::connect(&server);
    peer.send(&[call(1, "Watch", "readiness"), call(3, "Watch", "nobody"), check(5, "")].concat());
    peer.expect(&[Said::Head(1), Said::State(1, SERVING), Said::Head(3), Said::State(3, "SERVICE_UNKNOWN")]);
    assert_eq!(peer.answer(5), Ok(SERVING));
    // Each change is seen at the next look, a second later at most; what stays the same is not told again.
    server.ask(post("/faults", "ready fail times 2"));
    peer.expect(&[Said::State(1, NOT_SERVING), Said::State(1, SERVING)]);
    assert!(server.get("/faults").text().contains("tried 2, hit 2"), "{server}");
    server.ask(post("/faults", "ready hang times 1; ready fail"));
    peer.expect(&[Said::State(1, NOT_SERVING)]);
    server.ask("DELETE /faults HTTP/1.1\r\nHost: a\r\n\r\n");
    peer.expect(&[Said::State(1, SERVING)]);
    server.signal(libc::SIGTERM);
    peer.expect(&[Said::State(1, NOT_SERVING)]);
    // Draining, everything else goes on, new connections too.
    assert_eq!(peer.asks(7, "liveness"), Ok(SERVING));
    assert_eq!(Peer::connect(&server).asks(1, "readiness"), Ok(NOT_SERVING));
    let metrics = server.get("/metrics").text();
    assert!(
        metrics.contains("{route=\"/grpc.health.v1.Health/Watch\",code=\"200\"} 1\n"),
        "calls, not looks: {metrics}"
    );
    assert!(metrics.contains("{route=\"/grpc.health.v1.Health/Watch\",code=\"404\"} 1\n"), "{metrics}");
}

#[test]
fn a_server_that_closes_says_goaway_and_finishes_what_it_has() {
    // So long that it is still delayed at SIGTERM.
    let server = Server::start(&[("FAULTS", "startup delay 5s; live hang")]);
    let mut idle = Peer::connect(&server);
    assert_eq!(idle.asks(1, ""), Ok(SERVING));
    let mut untouched = Peer::connect(&server);
    let mut hung = Peer::connect(&server);
    hung.send(&check(1, "live"));
    let mut watching = Peer::connect(&server);
    watching.send(&call(1, "Watch", ""));
    watching.expect(&[Said::Head(1), Said::State(1, SERVING)]);
    let mut delayed = Peer::connect(&server);
    delayed.send(&check(1, "startup"));
    eventually("all calls are there", &server, || {
        server.get("/metrics").text().contains("probeserver_connections{state=\"calls\"} 3\n")
    });
    server.signal(libc::SIGTERM);
    idle.expect(&[Said::GoAway(1, 0), Said::Fin]);
    untouched.expect(&[Said::GoAway(0, 0), Said::Fin]);
    hung.expect(&[Said::GoAway(1, 0), Said::Fin]);
    watching.expect(&[Said::GoAway(1, 0), Said::End(1, 14), Said::Fin]);
    delayed.expect(&[Said::GoAway(1, 0)]);
    // What crosses the GOAWAY is not answered, and its client knows that it may ask elsewhere.
    delayed.send(&check(3, ""));
    assert_eq!(delayed.answer(1), Ok(SERVING));
    delayed.expect(&[Said::Fin]);
    drop((idle, untouched, hung, watching, delayed));
    server.assert_exits_with(0);
}

#[test]
fn refusals_are_counted_as_http_would_have_answered() {
    let server = Server::start(&[]);
    let mut peer = Peer::connect(&server);
    peer.send(&call(1, "Nothing", "")).expect(&[Said::End(1, 12), Said::Reset(1, 0)]);
    peer.send(&frame(1, 5, 3, b"\x82\x86\x84")); // GET, http, /
    let Said::Other(head) = peer.next() else { panic!("no head") };
    assert!(head.ends_with(b"\x08\x03415\x0f\x10\x0atext/plain"));
    assert!(matches!(peer.next(), Said::Data(3, text) if text.ends_with(b"\n")));
    peer.send(&frame(1, 5, 5, b"\x82\x86")).expect(&[Said::Reset(5, 1)]);
    peer.send(
        &[
            frame(
                1,
                4,
                7,
                &[b"\x83\x86\x04\x1c/grpc.health.v1.Health/Check\x0f\x10\x10application/grpc"[..].to_vec()].concat(),
            ),
            frame(0, 1, 7, b""),
        ]
        .concat(),
    );
    peer.expect(&[Said::End(7, 13)]);
    let metrics = server.get("/metrics").text();
    for code in [("400", 2), ("404", 1), ("415", 1)]
        .map(|(code, count)| format!("{{route=\"other\",code=\"{code}\"}} {count}\n"))
    {
        assert!(metrics.contains(&code), "{code}{metrics}");
    }
}

#[test]
fn a_flood_ends_and_checks_are_answered_meanwhile() {
    let server = Server::start(&[]);
    let floods: [(&str, Vec<u8>); 4] = [
        ("PING", frame(6, 0, 0, &[0; 8])),
        ("SETTINGS", frame(4, 0, 0, b"")),
        ("empty DATA", [frame(1, 4, 1, b"\x82\x86\x84"), frame(0, 0, 1, b"").repeat(50)].concat()),
        (
            "rapid reset",
            (0..500).flat_map(|at| [frame(1, 5, 2 * at + 1, b"\x82"), reset(2 * at + 1)].concat()).collect(),
        ),
    ];
    for (why, octets) in floods {
        let mut peer = Peer::connect(&server);
        // The server stops reading at some time, and then may not take any more.
        let mut writer = peer.stream.try_clone().unwrap();
        let sending = std::thread::spawn(move || while writer.write_all(&octets).is_ok() {});
        assert_eq!(server.get("/healthz").status, 200, "{why}");
        let end = std::iter::from_fn(|| Some(peer.next()))
            .find(|said| matches!(said, Said::GoAway(..) | Said::Fin | Said::Broken));
        assert!(matches!(end, Some(Said::GoAway(_, 11) | Said::Broken)), "{why}: {end:?}");
        let _ = peer.stream.shutdown(std::net::Shutdown::Both);
        sending.join().unwrap();
    }
}

/// What a client does not read is kept for it, and nothing more is taken from it meanwhile.
#[test]
fn answers_wait_for_a_client_that_does_not_read_them() {
    let server = Server::start(&[]);
    let mut peer = Peer::connect(&server);
    peer.send(&frame(8, 0, 0, &[0x3f, 0, 0, 0])); // A window that lasts.
    peer.stream.set_nonblocking(true).unwrap();
    let is_parked = || server.get("/metrics").text().contains("probeserver_connections{state=\"write\"} 1\n");
    let (mut calls, mut piece) = (0, Vec::new());
    loop {
        if piece.is_empty() {
            piece = check(2 * calls + 1, "");
            calls += 1;
        }
        match peer.stream.write(&piece) {
            Ok(count) => drop(piece.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock && is_parked() => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}\n{server}"),
        }
        assert!(calls < 1 << 20, "it takes without end");
    }
    assert!(server.resident_kilobytes() < 60_000, "{} kB", server.resident_kilobytes());
    peer.stream.set_nonblocking(false).unwrap();
    let mut writer = peer.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || writer.write_all(&piece));
    for at in 0..calls {
        let answer = std::iter::from_fn(|| Some(peer.next())).find(|said| matches!(said, Said::End(..) | Said::Fin));
        assert_eq!(answer, Some(Said::End(2 * at + 1, 0)), "of {calls}\n{server}");
    }
    sending.join().unwrap().unwrap();
}

#[test]
fn calls_that_wait_make_room_for_others() {
    let server = Server::start(&[("MAX_CONNECTIONS", "4"), ("FAULTS", "live hang")]);
    let mut observer = server.connect();
    let mut wait_for = |calls: &str| {
        let line = format!("probeserver_connections{{state=\"calls\"}} {calls}\n");
        eventually(&line, &server, || observer.ask(get("/metrics")).text().contains(&line));
    };
    let mut first = Peer::connect(&server);
    first.send(&check(1, "live"));
    wait_for("1");
    let mut others: Vec<Peer<'_>> = (0..2).map(|_| Peer::connect(&server)).collect();
    for peer in &mut others {
        peer.send(&check(1, "live"));
    }
    wait_for("3");
    // A connection that a worker has in hand stays, as one that is idle would not.
    observer.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    assert!(observer.has_news_within(Duration::from_secs(10)), "100 Continue");
    assert_eq!(server.get("/version").status, 200, "it takes the place of the oldest");
    let ended = first.next();
    assert!(matches!(ended, Said::Fin | Said::Broken), "the oldest went: {ended:?}");
}
