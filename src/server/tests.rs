//! The way through, driven by hand on one thread: what it allocates.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Instant, SystemTime};

use super::connection;
use super::desk::Desk;
use super::lot::Event;
use super::{Server, life, listener};
use crate::config::Config;
use crate::faults::engine::Engine;
use crate::observe::log::{Format, Log};

fn server() -> &'static Server {
    let config = Config::from_lookup(&|name| (name == "CONTENT").then(|| b"hello".to_vec())).expect("no bad variables");
    let address = Some("127.0.0.1".parse().unwrap());
    let opened = listener::open(Some(0), address).unwrap_or_else(|failed| panic!("{failed:?}"));
    let log = Box::leak(Box::new(Log::new(Format::Text)));
    let engine = Box::leak(Box::new(Engine::new(1, "web-0", Vec::new(), Instant::now())));
    life::build(Box::leak(config), log, engine, opened.listener, Instant::now(), SystemTime::now()).unwrap()
}

#[test]
fn checks_and_the_index_allocate_nothing() {
    let server = server();
    let mut desk = Desk::default();
    let mut client = TcpStream::connect(server.listener.address().unwrap()).unwrap();
    let accepted = loop {
        if let Some(connection) = server.listener.accept(server) {
            break connection;
        }
    };
    connection::begin(server, &mut desk, accepted);
    let mut received = [0; 1024];
    for path in ["/", "/healthz", "/livez", "/readyz", "/health/alive"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.34\r\nAccept: */*\r\n\r\n");
        let mut allocations = 0;
        // The first one sets up what later ones reuse, and logs a check's first answer.
        for round in 0..100 {
            client.write_all(request.as_bytes()).unwrap();
            let counted = allocation_counter::measure(|| {
                loop {
                    if let Event::Ready(taken) = server.lot.wait() {
                        break connection::resume(server, &mut desk, taken);
                    }
                }
            });
            if round > 0 {
                allocations += counted.count_total;
            }
            let count = client.read(&mut received).unwrap();
            assert!(received[..count].starts_with(b"HTTP/1.1 200 OK\r\n"), "{path}");
        }
        assert_eq!(allocations, 0, "{path}");
    }
}
