//! Rows 101 and 102: more clients than room, more work than workers, fewer descriptors than connections.
//! Whatever happens, checks are answered: kubelet's come over the same listener as everybody's.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::harness::{PATIENCE, Server, eventually, get, raise_own_descriptor_limit};

#[track_caller]
fn assert_checks_are_answered(server: &Server) {
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn checks_are_answered_under_a_slowloris_of_max_connections() {
    let server = Server::start(&[("MAX_CONNECTIONS", "64")]);
    let mut clients: Vec<Client<'_>> = Vec::new();
    for number in 0..128 {
        let mut client = server.connect();
        client.send("GET / HTTP/1.1\r\nX-");
        clients.push(client);
        if number % 16 == 15 {
            assert_checks_are_answered(&server);
        }
    }
    for client in clients.iter_mut().skip(64) {
        let _ = client.try_send("a: b\r\n");
    }
    assert_checks_are_answered(&server);
}

/// Pipelines without end, whose pieces end inside a request, from more clients than there are workers.
#[test]
fn checks_are_answered_between_pipelines_that_never_end() {
    let server = Server::start(&[]);
    let (is_over, began) = (AtomicBool::new(false), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(server.address()).unwrap();
                let mut answers = stream.try_clone().unwrap();
                let reader = scope.spawn(move || {
                    let mut sink = [0; 65536];
                    while matches!(answers.read(&mut sink), Ok(1..)) {}
                });
                let piece = get("/version").repeat(1000);
                while !is_over.load(Ordering::Relaxed) && began.elapsed() < 2 * PATIENCE {
                    stream.write_all(piece.as_bytes()).unwrap();
                }
                stream.shutdown(Shutdown::Write).unwrap();
                reader.join().unwrap();
            });
        }
        eventually("the workers are at it", &server, || server.cpu_ticks() > 10);
        let statuses: Vec<u16> = (0..10).map(|_| server.get("/healthz").status).collect();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(statuses, [200; 10]);
    });
}

#[test]
fn a_thousand_delayed_requests_hold_no_thread() {
    raise_own_descriptor_limit();
    let server = Server::start(&[]);
    let mut clients: Vec<Client<'_>> = (0..1000)
        .map(|number| {
            let mut client = server.connect();
            client.send(get(if number < 10 { "/delay/1" } else { "/delay/60" }));
            client
        })
        .collect();
    eventually("all thousand are taken in", &server, || server.count("fd") > 1000);
    assert_checks_are_answered(&server);
    let threads = server.count("task");
    assert!(threads <= 16, "{threads} threads");
    for client in &mut clients[..10] {
        assert_eq!(client.response().status, 200, "those that are due are answered");
    }
}

#[test]
fn checks_are_answered_while_every_worker_has_a_slow_reader() {
    let server = Server::start(&[("MAX_WORKERS", "4")]);
    let mut readers: Vec<Client<'_>> = (0..16)
        .map(|_| {
            let mut client = server.connect();
            client.send(get("/bytes/10485760"));
            client
        })
        .collect();
    for reader in &mut readers {
        assert!(reader.has_news_within(Duration::from_secs(20)), "an answer begins for each\n{server}");
    }
    assert_checks_are_answered(&server);
    let mut patient = readers.swap_remove(7);
    drop(readers);
    assert_eq!(patient.response().body.len(), 10 << 20); // parked, not forgotten
    assert_eq!(patient.ask(get("/version")).status, 200);
}

#[test]
fn the_last_free_worker_never_takes_slow_work() {
    let server = Server::start(&[("MAX_WORKERS", "2")]);
    let mut busy = server.connect();
    busy.send(get("/cpu?for=10s"));
    eventually("one worker is busy", &server, || server.cpu_ticks() > 10);
    for slow in ["/cpu?for=1ms", "/mem?size=1k&for=1ms", "/resolve?service=example.invalid"] {
        let response = server.get(slow);
        response.expect_error(503);
        assert_eq!(response.field("retry-after"), Some("1"), "{slow}: {response:#?}");
    }
    assert_checks_are_answered(&server);
    assert_eq!(server.get("/delay/10ms").status, 200); // holds no worker
    assert!(!busy.has_news_within(Duration::from_millis(1)), "the work was over too early to say\n{server}");
    assert_eq!(busy.response().status, 200);
    assert_eq!(server.get("/cpu?for=1ms").status, 200);
}

#[test]
fn the_oldest_idle_connection_makes_room() {
    let server = Server::start(&[("MAX_CONNECTIONS", "8")]);
    let mut clients: Vec<Client<'_>> = (0..8)
        .map(|_| {
            let mut client = server.connect();
            client.ask(get("/version"));
            client
        })
        .collect();
    clients[0].ask(get("/version")); // so the second is now the one that has been idle longest
    let mut ninth = server.connect();
    assert_eq!(ninth.ask(get("/healthz")).status, 200);
    let mut closed = Vec::new();
    eventually("one was closed", &server, || {
        let numbers = clients.iter_mut().enumerate();
        closed =
            numbers.filter_map(|(number, it)| it.has_news_within(Duration::from_millis(1)).then_some(number)).collect();
        !closed.is_empty()
    });
    // An answer is out a moment before its connection counts as idle, so neighbours may have changed places.
    assert!(matches!(closed[..], [1..=3]), "{closed:?}\n{server}");
    let metrics = clients[0].ask(get("/metrics")).text();
    assert!(metrics.contains("probeserver_turned_away_total{why=\"full\"} 1\n"), "{metrics}");
    clients[closed[0]].expect_end();
    assert_eq!(clients[0].ask(get("/version")).status, 200);
}

#[test]
fn waiting_delayed_requests_are_not_closed_to_make_room() {
    let server = Server::start(&[("MAX_CONNECTIONS", "4")]);
    let mut delayed: Vec<Client<'_>> = (0..3)
        .map(|_| {
            let mut client = server.connect();
            client.send(format!("{}{}", get("/version"), get("/delay/1")));
            assert_eq!(client.response().status, 200);
            client
        })
        .collect();
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut client = server.connect();
        assert_eq!(client.ask(get("/healthz")).status, 200);
        idle.push(client); // until the next takes its place
    }
    for client in &mut delayed {
        assert_eq!(client.response().status, 200);
    }
}

/// Nobody closes a delayed request to make room, so a share of the connections is kept from them; otherwise a plan that slows
/// the app would have the kubelet restart the pod.
#[test]
fn delayed_requests_leave_room_for_checks() {
    let server = Server::start(&[("MAX_CONNECTIONS", "16"), ("FAULTS", "app delay 1h")]);
    let delayed: Vec<Client<'_>> = (0..14)
        .map(|_| {
            let mut client = server.connect();
            client.send(get("/version"));
            client
        })
        .collect();
    let state = |name: &str| format!("probeserver_connections{{state=\"{name}\"}} 14\n");
    eventually("14 wait", &server, || server.get("/metrics").text().contains(&state("delay")));
    let refuses = |path: &str| {
        let refused = server.get(path);
        assert_eq!((refused.status, refused.field("retry-after")), (503, Some("1")), "{path}: {refused:#?}");
    };
    refuses("/version"); // which the rule would delay
    assert_eq!(server.ask("DELETE /faults HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
    refuses("/delay/5");
    refuses("/mem?size=1Mi&for=5s");
    for _ in 0..20 {
        assert_checks_are_answered(&server);
    }
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("probeserver_turned_away_total{why=\"delay\"} 3\n"), "{metrics}");
    assert!(metrics.contains("probeserver_turned_away_total{why=\"refused\"} 0\n"), "{metrics}");
    // Once, however often. (On a busy machine a check may also take the place of one before it, whose end is not read yet.)
    server.wait_for_log("event=turned_away why=delay");
    assert_eq!(server.log().iter().filter(|line| line.contains("event=turned_away why=delay")).count(), 1, "{server}");
    drop(delayed);
}

/// Probes come one after the other; the one before must not be in the way of the next, however full it is.
#[test]
fn a_probe_is_answered_in_the_last_place_again_and_again() {
    let server = Server::start(&[("MAX_CONNECTIONS", "4")]);
    let mut delayed: Vec<Client<'_>> = (0..3).map(|_| server.connect()).collect();
    for client in &mut delayed {
        client.send(format!("{}{}", get("/version"), get("/delay/2")));
        assert_eq!(client.response().status, 200);
    }
    for _ in 0..100 {
        assert_eq!(server.get("/healthz").status, 200);
    }
    assert!(delayed.iter_mut().all(|client| client.response().status == 200));
}

/// 8 MiB are held for incomplete heads at most; 600 times 15 KiB are more.
#[test]
fn bytes_held_for_waiting_connections_are_bounded() {
    raise_own_descriptor_limit();
    let server = Server::start(&[]);
    let part = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "b".repeat(15 << 10));
    let mut clients: Vec<Client<'_>> = (0..600)
        .map(|_| {
            let mut client = server.connect();
            client.send(&part);
            client
        })
        .collect();
    // The oldest go; which those are depends on when a worker came to each, so look among the first half. They go without a
    // word: at the deadline of its head a client is told so (408).
    let is_closed = |client: &mut Client<'_>| client.has_news_within(Duration::from_millis(1));
    eventually("one of the oldest to be closed", &server, || clients[..300].iter_mut().any(is_closed));
    let first = clients[..300].iter_mut().find_map(|client| is_closed(client).then_some(client));
    first.expect("one is closed").expect_end();
    let last = clients.last_mut().expect("600 of them");
    last.send("\r\n\r\n");
    assert_eq!(last.response().status, 200);
    assert!(server.resident_kilobytes() < 24 << 10, "{} kB", server.resident_kilobytes());
    assert_checks_are_answered(&server);
}

#[test]
fn a_low_descriptor_limit_means_fewer_connections_not_none() {
    let server = Server::spawn_with_limit(&[], Some(64));
    server.wait_until_listening();
    server.wait_for_log("MAX_CONNECTIONS: 16, as more files may not be open");
    let mut clients: Vec<Client<'_>> = (0..200)
        .map(|_| {
            let mut client = server.connect();
            client.send(get("/version"));
            client
        })
        .collect();
    assert_checks_are_answered(&server);
    assert_eq!(clients.last_mut().expect("200 of them").response().status, 200);
    drop(clients);
    assert_checks_are_answered(&server);
}

#[test]
fn without_a_descriptor_left_it_serves_what_is_there_says_so_once_and_recovers() {
    let server = Server::start(&[("LOG_REQUESTS", "none")]);
    let mut there = server.connect();
    there.send(format!("{}{}", get("/version"), get("/delay/1")));
    assert_eq!(there.response().status, 200);
    let log_before = server.log().len();
    let ticks_before = server.cpu_ticks();

    server.limit_descriptors(3); // whatever is open stays open, nothing new can be
    let mut waiting: Vec<Client<'_>> = (0..5)
        .map(|_| {
            let mut client = server.connect();
            client.send(get("/hostname"));
            client
        })
        .collect();
    assert_eq!(there.response().status, 200);
    let complaint = server.wait_for_log_after(log_before, "");
    assert!(
        complaint.to_ascii_lowercase().contains("too many open files") || complaint.contains("descriptor"),
        "{complaint}"
    );
    let burnt = server.cpu_ticks() - ticks_before;
    assert!(burnt < 50, "{burnt} ticks of processor time in a second of waiting");

    server.limit_descriptors(1000);
    for client in &mut waiting {
        assert_eq!(client.response().status, 200);
    }
    assert_checks_are_answered(&server);
    let lines = server.log().len() - log_before;
    assert!((1..=2).contains(&lines), "{lines} lines for one episode\n{server}");
}
