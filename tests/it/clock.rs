//! Rules that go by the clock, by SIGTERM, and at the start.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use crate::harness::{Ended, Server, eventually, get, put, run};

fn printed(ended: &Ended) -> String {
    [ended.stdout.as_str(), &ended.stderr].concat()
}

#[test]
fn a_closed_listener_refuses_and_opens_again_on_its_port() {
    // Again and again, so that however late one looks, both are to be seen.
    let server = Server::start(&[]);
    let mut before = server.connect();
    assert_eq!(before.ask(put("listen close after 700ms for 700ms every 1400ms")).status, 200);
    let refused =
        || TcpStream::connect(server.address()).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
    eventually("connections to be refused", &server, refused);
    assert_eq!(before.ask(get("/version")).status, 200, "a connection from before lives on");
    eventually("connections to be taken again", &server, || TcpStream::connect(server.address()).is_ok());
    server.wait_for_log("rule=\"listen close after 700ms for 700ms every 1.4s\"");
}

#[test]
fn a_rule_for_the_listener_holds_from_the_first_connection_on() {
    for _ in 0..5 {
        let server = Server::start(&[("FAULTS", "listen hang")]);
        let mut client = server.connect();
        client.send(get("/version"));
        assert!(!client.has_news_within(Duration::from_millis(100)));
    }
}

#[test]
fn a_port_that_somebody_else_takes_meanwhile_is_waited_for() {
    let server = Server::start(&[]);
    let mut control = server.connect();
    assert_eq!(control.ask(put("listen close")).status, 200);
    let is_open = || TcpStream::connect(server.address()).is_ok();
    eventually("connections to be refused", &server, || !is_open());
    // Bound with SO_REUSEADDR, as servers are.
    let mut other = None;
    eventually("the port to be free", &server, || {
        other = TcpListener::bind(server.address()).ok();
        other.is_some()
    });
    assert_eq!(control.ask(put("")).status, 200);
    server.wait_for_log("event=listen_failed");
    let ticks = server.cpu_ticks();
    std::thread::sleep(Duration::from_millis(500));
    assert!(server.cpu_ticks() - ticks < 20, "it waits without work: {} ticks", server.cpu_ticks() - ticks);
    drop(other);
    eventually("the port to be ours again", &server, is_open);
    assert_eq!(server.get("/version").status, 200);
}

#[test]
fn a_hung_listener_accepts_and_nobody_serves() {
    let server = Server::start(&[]);
    let mut control = server.connect();
    assert_eq!(control.ask(put("listen hang; listen close after 1h")).status, 200);
    let mut hung = server.connect();
    server.wait_for_log("rule=\"listen hang\"");
    let mut hung_too = server.connect();
    hung_too.send(get("/version"));
    assert!(!hung_too.has_news_within(Duration::from_millis(300)));
    assert_eq!(control.ask(put("")).status, 200, "connections from before live on");
    assert_eq!(hung_too.response().status, 200, "and those that waited are served at last");
    assert_eq!(hung.ask(get("/version")).status, 200);
}

#[test]
fn the_process_ends_by_the_clock() {
    let server = Server::start(&[("FAULTS", "process exit 3 after 200ms")]);
    server.assert_exits_with(3);
    assert!(server.log().iter().any(|line| line.contains("reason=\"rule 1: process exit 3 after 200ms\"")), "{server}");
    let server = Server::start(&[("FAULTS", "process crash segv after 100ms")]);
    assert_eq!(server.wait_exit().signal(), Some(libc::SIGSEGV), "{server}");
    let server =
        Server::spawn(&[("FAULTS", "process exit 4 after 50ms every 50ms times 1; process exit 5 0% every 10ms")]);
    server.assert_exits_with(4);
}

/// Half a core, and never more. (That it gets its half, if the machine has it, is a unit test of the arithmetic.)
#[test]
fn cpu_is_burnt_and_never_more_than_its_share() {
    let began = Instant::now();
    let server = Server::start(&[("FAULTS", "process cpu 50%")]);
    let before = server.cpu_ticks();
    eventually("half a second burnt", &server, || server.cpu_ticks() > before + 50);
    let (burnt, gone) = ((server.cpu_ticks() - before) as f64 / 100.0, began.elapsed().as_secs_f64());
    assert!(burnt <= gone / 2.0 + 0.05, "{burnt} s of {gone} s");
}

/// A load that cannot be had is tried once a window, however often the clock is looked at for other rules.
#[test]
fn a_load_that_cannot_start_is_told_of_once_a_window() {
    let server = Server::start(&[("FAULTS", "process mem 4000000Gi; process cpu 1% for 1ms every 2ms")]);
    server.wait_for_log("event=fault_failed");
    let lines = |event: &str| server.log().iter().filter(|line| line.contains(event)).count();
    eventually("many looks at the clock", &server, || lines("event=fault ") > 50);
    assert_eq!(lines("event=fault_failed"), 1, "{server}");
}

#[test]
fn memory_is_held_while_its_rule_stands() {
    let server = Server::start(&[]);
    let before = server.resident_kilobytes();
    assert_eq!(server.ask(put("process mem 64Mi")).status, 200);
    eventually("64 MiB to be touched", &server, || server.resident_kilobytes() > before + 60_000);
    assert_eq!(server.ask(put("")).status, 200);
    eventually("them to be given back", &server, || server.resident_kilobytes() < before + 10_000);
}

#[test]
fn sigterm_is_ignored_delayed_or_given_a_status() {
    let server = Server::start(&[("FAULTS", "term ignore")]);
    for signal in [libc::SIGTERM, libc::SIGQUIT, libc::SIGTERM] {
        let start = server.log().len();
        server.signal(signal);
        server.wait_for_log_after(start, "ignored=true");
        assert_eq!(server.get("/readyz").status, 200, "{signal}");
    }
    server.signal(libc::SIGINT);
    server.assert_exits_with(0);

    let server = Server::start(&[("FAULTS", "term delay 400ms; term exit 9")]);
    let began = Instant::now();
    server.signal(libc::SIGTERM);
    eventually("the listener to close", &server, || TcpStream::connect(server.address()).is_err());
    server.assert_exits_with(9);
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());

    let server = Server::start(&[("FAULTS", "term delay 1h")]);
    server.signal(libc::SIGTERM);
    server.wait_for_log("event=draining");
    server.signal(libc::SIGTERM);
    server.assert_exits_with(143);
}

#[test]
fn sigterm_in_the_start_wait_obeys_the_same_rules() {
    let server = Server::spawn(&[("START_WAIT_SECS", "600"), ("FAULTS", "term exit 5")]);
    server.wait_for_log("event=waiting");
    server.signal(libc::SIGTERM);
    server.assert_exits_with(5);
    let server = Server::spawn(&[("START_WAIT_SECS", "1"), ("FAULTS", "term ignore")]);
    server.wait_for_log("event=waiting");
    server.signal(libc::SIGTERM);
    server.wait_for_log("ignored=true");
    server.wait_until_listening();
}

#[test]
fn start_rules_roll_once_and_say_so() {
    let server = Server::spawn(&[("FAULTS", "start delay 20ms 100%; start exit 6 100%")]);
    server.assert_exits_with(6);
    let log = server.log();
    let rolls = log.iter().filter(|line| line.contains("event=start_roll") && line.contains("hit=true")).count();
    assert_eq!(rolls, 2, "{server}");
    let server = Server::spawn(&[("FAULTS", "start crash abort")]);
    assert_eq!(server.wait_exit().signal(), Some(libc::SIGABRT), "{server}");
    let server = Server::start(&[("FAULTS", "start exit 6 1%"), ("SEED", "3")]);
    server.wait_for_log("comes out the same at every restart");
}

#[test]
fn check_faults_explains_and_refuses() {
    for (arguments, code, want) in [
        (&["check-faults", "app fail pods *-0", "--pod", "web-0"][..], 0, "web-0 is one"),
        (&["check-faults"], 0, "each request to /healthz and /health is answered 500, with a chance of 40%"),
        (&["check-faults", "app fial"], 2, "line 1, column 5: got \"fial\", expected an effect"),
        (
            &["check-faults", "app fail", "--probe", "liveness"],
            2,
            "check-faults: got \"app fail --probe liveness\", expected [PLAN or -] [--pod NAME]; probes are the business of forecast",
        ),
        (&["check-faults", "--nonsense"], 2, "check-faults: got \"--nonsense\""),
    ] {
        let ended = run(arguments, &[("HEALTH_STATUS_FACTOR", "40")]);
        assert_eq!(ended.code, Some(code), "{arguments:?}");
        assert!(printed(&ended).contains(want), "{arguments:?}: {}", printed(&ended));
    }
}

#[test]
fn a_bad_plan_in_the_environment_is_a_configuration_error() {
    let ended = run(&[], &[("FAULTS", "app fial"), ("PORT", "x")]);
    assert_eq!(ended.code, Some(2));
    assert!(printed(&ended).contains("FAULTS: line 1, column 5: got \"fial\""), "{}", printed(&ended));
    assert!(printed(&ended).contains("PORT: got \"x\""), "{}", printed(&ended));
}
