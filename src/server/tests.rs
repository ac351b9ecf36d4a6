//! The way through, driven by hand on one thread: what it allocates.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use super::connection;
use super::desk::Desk;
use super::enforcer::Enforcer;
use super::lot::Event;
use super::{Server, life, listener, worker};
use crate::config::Config;
use crate::faults::engine::Engine;
use crate::faults::plan;
use crate::faults::rule::Rule;
use crate::identity::Identity;
use crate::observe::log::{Format, Log};

fn server() -> &'static Server {
    server_with(Vec::new())
}

fn server_with(rules: Vec<Rule>) -> &'static Server {
    let config = Config::from_lookup(&|name| (name == "CONTENT").then(|| b"hello".to_vec())).expect("no bad variables");
    let address = Some("127.0.0.1".parse().unwrap());
    let opened = listener::open(Some(0), address).unwrap_or_else(|failed| panic!("{failed:?}"));
    let log = Box::leak(Box::new(Log::new(Format::Text)));
    let engine = Engine::new(1, "web-0", rules, Instant::now());
    let config: &Config = Box::leak(config);
    let identity = Box::leak(Box::new(Identity::find(config)));
    life::build(config, log, engine, identity, opened.listener, Instant::now(), SystemTime::now()).unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let client = TcpStream::connect(server.listener.address().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client
}

fn answer(client: &mut TcpStream) -> String {
    let mut received = [0; 1024];
    let count = client.read(&mut received).unwrap();
    String::from_utf8(received[..count].to_vec()).unwrap()
}

#[test]
fn who_comes_before_the_rules_of_the_first_moment_is_not_let_in() {
    let server = server_with(plan::parse(b"listen close for 1h").unwrap());
    let mut client = connect(server); // The kernel has let it in.
    Enforcer::default().tick(server);
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.lot.census().iter().sum::<u64>(), 0);
}

#[test]
fn the_first_thread_answers_what_is_quick_and_leaves_the_rest_to_workers() {
    let server = server();
    server.listener.watch(server).unwrap();
    let requests = || server.state.counts.requests();
    // At a desk like that of the first thread, or of a worker: whether the request was left.
    let serve = |is_quick_only: bool| {
        let mut desk = Desk::default();
        desk.papers.is_quick_only = is_quick_only;
        let before = requests();
        while requests() == before && !desk.papers.has_left {
            worker::handle(server, &mut desk, server.lot.wait(None));
        }
        desk.papers.has_left
    };
    let cases = [
        ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", false, "HTTP/1.1 200"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false, "HTTP/1.1 200"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", true, "hello"),
    ];
    for (request, is_left, part) in cases {
        let mut client = connect(server);
        client.write_all(request.as_bytes()).unwrap();
        let before = requests();
        assert_eq!(serve(true), is_left, "{request}");
        if is_left {
            assert_eq!(requests(), before, "as it came: {request}");
            serve(false);
        }
        let answer = answer(&mut client);
        assert!(answer.contains(part), "{request}: {answer}");
    }
    // Who carried this out would start threads, which would take the events of this test.
    let mut client = connect(server);
    client.write_all(b"GET /cpu HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(serve(true), "/cpu");
}

/// A connection, and the desk that it is served at.
struct Served {
    server: &'static Server,
    desk: Desk,
    client: TcpStream,
}

impl Served {
    fn new(server: &'static Server) -> Self {
        let client = connect(server);
        let accepted = loop {
            if let Some(connection) = server.listener.accept(server) {
                break connection;
            }
        };
        let mut desk = Desk::default();
        connection::begin(server, &mut desk, accepted);
        Self { server, desk, client }
    }

    /// Serves what is asked, and says how often that allocates.
    fn ask(&mut self, request: &str) -> u64 {
        self.client.write_all(request.as_bytes()).unwrap();
        let counted = allocation_counter::measure(|| {
            loop {
                if let Event::Ready(taken) = self.server.lot.wait(None) {
                    break connection::resume(self.server, &mut self.desk, taken);
                }
            }
        });
        counted.count_total
    }

    fn answer(&mut self) -> String {
        answer(&mut self.client)
    }
}

#[test]
fn checks_and_the_index_allocate_nothing() {
    let mut served = Served::new(server());
    for path in ["/", "/healthz", "/livez", "/readyz", "/health/alive"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.34\r\nAccept: */*\r\n\r\n");
        let mut allocations = 0;
        // The first one sets up what later ones reuse, and logs a check's first answer.
        for round in 0..100 {
            let count = served.ask(&request);
            if round > 0 {
                allocations += count;
            }
            assert!(served.answer().starts_with("HTTP/1.1 200 OK\r\n"), "{path}");
        }
        assert_eq!(allocations, 0, "{path}");
    }
}

/// An answer that stands on the desk is sent again only for what is asked again.
#[test]
fn an_answer_is_its_own_whatever_was_answered_before() {
    let server = server();
    let requests = [
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /healthz?verbose HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /status/418 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    let ask = |served: &mut Served, request: &str| {
        served.ask(request);
        let answer = served.answer();
        let (before, rest) = answer.split_once("Date: ").expect("every answer has one");
        (before.to_owned(), rest[29..].to_owned())
    };
    // They stay open, so that nothing more happens on them.
    let mut others = requests.map(|_| Served::new(server));
    let alone: Vec<_> = others.iter_mut().zip(requests).map(|(served, request)| ask(served, request)).collect();
    let mut served = Served::new(server);
    for (first, expected_first) in requests.iter().zip(&alone) {
        for (then, expected) in requests.iter().zip(&alone) {
            assert_eq!(&ask(&mut served, first), expected_first, "{first}");
            assert_eq!(&ask(&mut served, then), expected, "{then} after {first}");
        }
    }
    // As of now, not of when it was laid out.
    let date = |answer: &str| answer.split_once("Date: ").map(|(_, rest)| rest[..29].to_owned());
    served.ask(requests[0]);
    let before = date(&served.answer());
    std::thread::sleep(Duration::from_millis(1001));
    served.ask(requests[0]);
    assert_ne!(date(&served.answer()), before);
}
