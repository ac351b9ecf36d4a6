//! From the first SIGTERM to the last byte.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{Server, eventually, get};

const OK: &str = "{ \"status\": \"ok\" }\n";
const ERROR: &str = "{ \"status\": \"error\" }\n";

#[test]
fn sigterm_without_work_exits_0_at_once() {
    let server = Server::start(&[("SHUTDOWN_SECS", "3600")]);
    server.signal(libc::SIGTERM);
    server.assert_exits_with(0);
    assert!(server.log().iter().any(|line| line.contains("event=stopped")), "{server}");
}

const STOPS: [(libc::c_int, &str); 3] =
    [(libc::SIGTERM, "SIGTERM"), (libc::SIGQUIT, "SIGQUIT"), (libc::SIGINT, "SIGINT")];

/// Images and pods can choose what they are stopped with (`STOPSIGNAL`, `lifecycle.stopSignal`).
#[test]
fn every_stop_signal_drains_and_a_second_of_any_kind_ends_at_once() {
    for (first, name) in STOPS {
        let server = Server::start(&[]);
        let mut client = server.connect();
        client.send(format!("{}{}", get("/version"), get("/delay/1")));
        assert_eq!(client.response().status, 200);
        server.signal(first);
        server.wait_for_log(&format!("event=draining signal={name}"));
        assert_eq!(client.response().status, 200, "a request in progress is finished");
        server.assert_exits_with(0);
        for (second, second_name) in STOPS {
            let server = Server::start(&[("DRAIN_SECS", "3600")]);
            server.signal(first);
            server.wait_for_log("event=draining");
            server.signal(second);
            server.assert_exits_with(128 + second);
            server.wait_for_log(&format!("reason=\"second signal: {second_name}\""));
        }
    }
}

#[test]
fn readyz_fails_while_draining_and_all_else_goes_on() {
    let server = Server::start(&[("DRAIN_SECS", "3600"), ("CONTENT", "hello")]);
    let mut kept = server.connect();
    kept.ask(get("/version"));
    server.signal(libc::SIGTERM);
    server.wait_for_log("event=draining");
    for (path, status, body) in [
        ("/readyz", 503, ERROR),
        ("/health/ready", 503, ERROR),
        ("/readyz?verbose", 503, "{ \"status\": \"error\", \"rule\": \"draining\" }\n"),
        ("/livez", 200, OK),
        ("/healthz", 200, OK),
        ("/startupz", 200, OK),
        ("/", 200, "hello\n"),
    ] {
        let mut client = server.connect(); // new connections are still taken
        let response = client.ask(get(path));
        response.expect(status, body);
        assert!(response.closes(), "{path}: {response:#?}");
        client.expect_end();
    }
    let response = kept.ask(get("/readyz"));
    assert!(response.status == 503 && response.closes(), "{response:#?}");
    kept.expect_end();
}

#[test]
fn the_drain_lasts_as_long_as_asked_then_idle_connections_close() {
    let server = Server::start(&[("DRAIN_SECS", "1")]);
    let mut idle = server.connect();
    idle.ask(get("/version"));
    let mut untouched = server.connect();
    let mut half = server.connect();
    half.send("GET / HTTP/1.1\r\nHos");
    let began = Instant::now();
    server.signal(libc::SIGTERM);
    server.wait_for_log("event=draining");
    idle.expect_end();
    untouched.expect_end();
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}\n{server}", began.elapsed());
    half.wait_for_any_end();
    server.assert_exits_with(0);
    let refused = TcpStream::connect(server.address()).map_err(|error| error.kind()).expect_err("nobody listens");
    assert_eq!(refused, ErrorKind::ConnectionRefused);
}

#[test]
fn requests_in_progress_are_finished() {
    // Five seconds each, so that they are in progress when SIGTERM comes on a busy machine too.
    let server = Server::start(&[("SHUTDOWN_SECS", "3600")]);
    let mut delayed = server.connect();
    delayed.send(format!("{}{}", get("/version"), get("/delay/5")));
    assert_eq!(delayed.response().status, 200); // so the second was taken in too
    let mut busy = server.connect();
    busy.send(get("/cpu?for=5s"));
    eventually("a worker burns", &server, || server.cpu_ticks() > 10);
    let mut slow_reader = server.connect();
    slow_reader.send(get("/bytes/10485760"));
    slow_reader.has_news_within(Duration::from_secs(20));

    server.signal(libc::SIGTERM);
    server.wait_for_log("event=draining");
    assert_eq!(slow_reader.response().body.len(), 10 << 20);
    for client in [&mut delayed, &mut busy] {
        let response = client.response();
        assert!(response.status == 200 && response.closes(), "{response:#?}\n{server}");
        client.expect_end();
    }
    server.assert_exits_with(0);
}

#[test]
fn connections_the_kernel_has_already_taken_are_served() {
    let server = Server::start(&[]);
    for _ in 0..3 {
        server.get("/version");
    }
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(get("/hostname"));
    }
    server.signal(libc::SIGTERM);
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
        client.expect_end();
    }
    server.assert_exits_with(0);
}

#[test]
fn shutdown_secs_bounds_the_wait_for_requests_in_progress() {
    let server = Server::start(&[("SHUTDOWN_SECS", "0.5"), ("DRAIN_SECS", "0")]);
    let mut slow_reader = server.connect();
    slow_reader.send(get("/bytes/10485760"));
    slow_reader.has_news_within(Duration::from_secs(20));
    let mut busy = server.connect();
    busy.send(get("/cpu?for=30s"));
    eventually("a worker burns", &server, || server.cpu_ticks() > 10);
    let began = Instant::now();
    server.signal(libc::SIGTERM);
    let status = server.wait_exit();
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(500), "{status} after {took:?}\n{server}");
    assert!(status.code().is_some_and(|code| code <= 1), "{status}\n{server}");
}

#[test]
fn requests_served_after_sigterm_are_counted() {
    let server = Server::start(&[("DRAIN_SECS", "5")]);
    server.signal(libc::SIGTERM);
    server.wait_for_log("event=draining");
    for _ in 0..7 {
        server.get("/");
    }
    server.assert_exits_with(0);
    let stopped = server.wait_for_log("event=stopped");
    assert!(stopped.contains("=7"), "{stopped}");
}

/// A client that has its connection when the listener closes gets its request in, if it sends it at once. (One of
/// ten, since the grace is a tenth of a second and this machine may be busy.)
#[test]
fn a_request_on_its_way_when_the_listener_closes_is_answered() {
    let answered = (0..10).filter(|_| {
        let server = Server::start(&[]);
        let mut client = server.connect();
        server.signal(libc::SIGTERM);
        server.wait_for_log("event=draining");
        let is_answered =
            client.try_send(get("/")).is_ok() && client.try_answer(false).is_ok_and(|answer| answer.closes());
        server.assert_exits_with(0);
        is_answered
    });
    assert!(answered.count() > 0);
}
