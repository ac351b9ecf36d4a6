//! Rows 96 to 100: each phase of a connection has its own deadline, for the whole phase and not for a single read.
//! These wait in real time, half a minute at most; so all of them wait together, in one test.

use std::io::Read;
use std::ops::RangeFrom;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::harness::{PATIENCE, Server, eventually, get};

const HEAD: RangeFrom<u64> = 9..; // seconds; 10 is meant, and by when at the latest is PATIENCE, which a busy machine may need
const BODY: RangeFrom<u64> = 9..;
const WRITE: RangeFrom<u64> = 9..; // and the answer lies in several buffers before it is stuck
const IDLE: RangeFrom<u64> = 19..; // as IDLE_TIMEOUT says

type Check<'a> = Box<dyn Fn() + Send + Sync + 'a>;

#[test]
fn every_phase_has_a_deadline_of_its_own() {
    let server = Server::start(&[("IDLE_TIMEOUT", "20s")]);
    // Before anything is sent: a thread that has to wait for a core must not find that its deadline came early.
    let began = Instant::now();
    let post = "POST /echo HTTP/1.1\r\nHost: a\r\n";
    thread::scope(|scope| {
        let checks: Vec<(&str, Check<'_>)> = vec![
            ("half a head", Box::new(|| expect_408(began, server.connect().send("GET / HTTP/1.1\r\nHost"), HEAD))),
            ("half a head, dripping", Box::new(|| drip_until_408(began, server.connect().send("GET /"), HEAD))),
            (
                "half a second head",
                Box::new(|| {
                    let mut client = server.connect();
                    client.ask(get("/version"));
                    expect_408(began, client.send("GET / HTTP/1.1\r\n"), HEAD);
                }),
            ),
            (
                "half a body",
                Box::new(|| {
                    expect_408(began, server.connect().send(format!("{post}Content-Length: 5\r\n\r\nhel")), BODY)
                }),
            ),
            (
                "half a body, dripping",
                Box::new(|| {
                    drip_until_408(began, server.connect().send(format!("{post}Content-Length: 999\r\n\r\n")), BODY)
                }),
            ),
            (
                "half a chunk",
                Box::new(|| {
                    expect_408(
                        began,
                        server.connect().send(format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\nh")),
                        BODY,
                    )
                }),
            ),
            (
                "a body that was invited and does not come",
                Box::new(|| {
                    let mut client = server.connect();
                    client.send(format!("{post}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
                    assert_eq!(client.response().status, 100);
                    expect_408(began, &mut client, BODY);
                }),
            ),
            ("no byte at all", Box::new(|| expect_silent_end(began, &mut server.connect()))),
            (
                "idle between requests",
                Box::new(|| {
                    let mut client = server.connect();
                    client.ask(get("/version"));
                    expect_silent_end(began, &mut client);
                }),
            ),
            ("a reader that stopped, and others", Box::new(descriptors_come_back)),
        ];
        let running: Vec<_> = checks.into_iter().map(|(name, check)| (name, scope.spawn(check))).collect();
        let failed: Vec<&str> =
            running.into_iter().filter_map(|(name, check)| check.join().err().map(|_| name)).collect();
        assert!(failed.is_empty(), "{failed:?}: see above");
    });
}

#[track_caller]
fn expect_408(began: Instant, client: &mut Client<'_>, seconds: RangeFrom<u64>) {
    let response = client.response();
    let took = began.elapsed();
    if response.status != 408 || !response.closes() || !seconds.contains(&took.as_secs()) {
        client.fail(&format!("want 408 after {seconds:?} s, got {} after {took:?}", response.status));
    }
    client.expect_end();
}

/// Each byte comes soon after the one before, so only a deadline for the whole can end this.
#[track_caller]
fn drip_until_408(began: Instant, client: &mut Client<'_>, seconds: RangeFrom<u64>) {
    while !client.has_news_within(Duration::from_millis(200)) && began.elapsed() < PATIENCE {
        client.send("x");
    }
    let took = began.elapsed();
    let response = client.response();
    if response.status != 408 || !seconds.contains(&took.as_secs()) {
        client.fail(&format!("want 408 after {seconds:?} s, got {} after {took:?}", response.status));
    }
}

#[track_caller]
fn expect_silent_end(began: Instant, client: &mut Client<'_>) {
    let has_news = client.has_news_within(2 * PATIENCE);
    let took = began.elapsed();
    if !has_news || !IDLE.contains(&took.as_secs()) {
        client.fail(&format!("want an end after {IDLE:?} s, waited {took:?}"));
    }
    client.expect_end();
}

/// Who does not read cannot see that the server gave up; the server's table of descriptors shows it.
fn descriptors_come_back() {
    let server = Server::start(&[]);
    server.get("/version");
    let before = server.count("fd");
    let began = Instant::now();
    let mut stopped = server.connect();
    stopped.send(get("/bytes/10485760"));
    let mut dripping = server.connect();
    dripping.send(get("/bytes/10485760"));
    let mut lingering = server.connect();
    lingering.send("nonsense\r\n\r\n");
    assert_eq!(lingering.response().status, 400); // and it never closes its side
    for client in [&mut stopped, &mut dripping] {
        assert!(client.has_news_within(PATIENCE), "it is taken in\n{server}");
    }
    let mut buffer = [0; 1000];
    eventually("every descriptor is free again", &server, || {
        let _ = dripping.stream.read(&mut buffer); // paced by `eventually`: some 200 kB a second, far too slow
        server.count("fd") <= before
    });
    let took = began.elapsed();
    assert!(WRITE.contains(&took.as_secs()), "want an end after {WRITE:?} s, got one after {took:?}");
    server.get("/version");
}

#[test]
fn a_server_with_nothing_to_do_takes_no_time_once_its_last_deadline_is_over() {
    let server = Server::start(&[("FAULTS", "/late delay 20ms")]);
    for _ in 0..3 {
        server.get("/late"); // its timer fires, and nothing is left that it could be set for
    }
    let before = server.cpu_ticks();
    std::thread::sleep(Duration::from_millis(500)); // the time that is measured, not a wait
    let taken = server.cpu_ticks() - before;
    assert!(taken <= 5, "{taken} ticks in half a second\n{server}");
}
