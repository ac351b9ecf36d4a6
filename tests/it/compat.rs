//! The compatibility promise: each observable fact of the program this one replaces, and the faults of it that are gone.
//! `/resolve` has its own file; its block is held against a second server here.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::client::Response;
use crate::harness::{Ended, Server, get, post, run};

const OK: &str = "{ \"status\": \"ok\" }\n";
const ERROR: &str = "{ \"status\": \"error\" }\n";

#[test]
fn content_is_the_body_of_the_index() {
    let content = "{ \"team\": \"foo\", \"version\": \"1.0.1\" }";
    Server::start(&[("CONTENT", content)]).get("/").expect(200, &format!("{content}\n"));
    Server::start(&[("CONTENT", "two\nlines, gr\u{fc}n")]).get("/").expect(200, "two\nlines, gr\u{fc}n\n");
    Server::start(&[("CONTENT", "")]).get("/").expect(200, "\n");
    let response = Server::start(&[("CONTENT", "x")]).get("/?any=query");
    response.expect(200, "x\n");
    assert_eq!(response.field("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn without_content_the_index_is_the_identity() {
    let server = Server::start(&[("HOSTNAME", "prober-foo-x"), ("IP_ADDRESS", "10.44.0.3"), ("POD_IP", "10.44.0.4")]);
    server.get("/").expect(200, "Hostname = prober-foo-x\nIp Address = 10.44.0.3\n");

    let server = Server::start(&[("HOSTNAME", "prober-foo-x"), ("POD_IP", "10.44.0.4"), ("IP_ADDRESS", "")]);
    server.get("/").expect(200, "Hostname = prober-foo-x\nIp Address = 10.44.0.4\n");
}

#[test]
fn an_identity_nobody_set_is_that_of_the_machine() {
    let text = Server::start(&[]).get("/").text();
    let (hostname, rest) =
        text.strip_prefix("Hostname = ").and_then(|rest| rest.split_once("\nIp Address = ")).expect(&text);
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    assert_eq!(hostname, machine.trim(), "{text}");
    let address: IpAddr = rest.strip_suffix('\n').and_then(|address| address.parse().ok()).expect(&text);
    assert!(UdpSocket::bind((address, 0)).is_ok(), "{address} is not an address of this machine");
}

#[test]
fn connections_are_refused_during_the_start_wait() {
    for (number, name) in [(1, "START_WAIT_SECS"), (2, "START_WAIT_SECONDS")] {
        let address = unused_address(number);
        let (bind, port) = (address.ip().to_string(), address.port().to_string());
        let server = Server::spawn(&[(name, "3600"), ("BIND", &bind), ("PORT", &port)]);
        server.wait_for_log("event=waiting");
        let refused = TcpStream::connect(address).map_err(|error| error.kind()).expect_err("nobody listens yet");
        assert_eq!(refused, ErrorKind::ConnectionRefused, "{name}\n{server}");
    }
    for (name, value) in [("START_WAIT_SECS", "1"), ("START_WAIT_SECS", "1.2s"), ("START_WAIT_SECONDS", "1")] {
        let began = Instant::now();
        let server = Server::start(&[(name, value)]);
        assert!(began.elapsed() >= Duration::from_secs(1), "{name}={value}\n{server}");
        server.get("/healthz").expect(200, OK);
    }
}

#[test]
fn start_wait_seconds_is_read_only_when_start_wait_secs_is_unset() {
    let server = Server::spawn(&[("START_WAIT_SECS", "0"), ("START_WAIT_SECONDS", "3600")]);
    server.wait_until_listening();
    let server = Server::spawn(&[("START_WAIT_SECS", ""), ("START_WAIT_SECONDS", "0.01")]);
    server.wait_until_listening();
}

#[test]
fn sigterm_ends_the_start_wait_at_once() {
    for signal in [libc::SIGTERM, libc::SIGQUIT, libc::SIGINT] {
        let server = Server::spawn(&[("START_WAIT_SECS", "3600")]);
        server.wait_for_log("event=waiting");
        server.signal(signal);
        server.assert_exits_with(0);
        let server = Server::spawn(&[("START_WAIT_SECS", "3600"), ("FAULTS", "term delay 1h")]);
        server.wait_for_log("event=waiting");
        server.signal(libc::SIGTERM);
        server.wait_for_log("event=stopped");
        server.signal(signal);
        server.assert_exits_with(128 + signal);
    }
}

#[test]
fn crash_factor_rolls_once_after_the_wait() {
    for factor in ["100", "100%", "100.0"] {
        let Ended { code, stdout, .. } =
            run(&[], &[("PORT", "0"), ("CRASH_FACTOR", factor), ("START_WAIT_SECS", "0.2")]);
        assert_eq!(code, Some(0), "{stdout}");
        assert!(stdout.contains("event=waiting") && !stdout.contains("event=listening"), "{stdout}");
    }
    let variables = [("PORT", "0"), ("CRASH_FACTOR", "100"), ("CRASH_EXIT_CODE", "3")];
    assert_eq!(run(&[], &variables).code, Some(3));
    for factor in ["0", "0%", ""] {
        Server::start(&[("CRASH_FACTOR", factor)]).get("/healthz").expect(200, OK);
    }
}

/// Forty fixed seeds: the outcome never changes from run to run, and a fair dice gives 4 to 36 of them at 50%.
#[test]
fn crash_factor_is_a_chance() {
    let lives = |seed: u32| {
        let server = Server::spawn(&[("CRASH_FACTOR", "50"), ("SEED", &seed.to_string())]);
        let lives = server.listens_or_ended();
        assert!(server.log().iter().any(|line| line.contains("roll")), "{server}");
        lives
    };
    let survivors = (1..=40).filter(|&seed| lives(seed)).count();
    assert!((4..=36).contains(&survivors), "{survivors} of 40 lived");
}

#[test]
fn factors_above_100_count_as_100_with_a_warning() {
    let Ended { code, stdout, stderr } = run(&[], &[("PORT", "0"), ("CRASH_FACTOR", "150")]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.lines().any(|line| line.contains("CRASH_FACTOR") && line.contains("counts as 100")), "{stdout}");

    let server = Server::start(&[("HEALTH_STATUS_FACTOR", "150")]);
    assert!(
        server.log().iter().any(|line| line.contains("HEALTH_STATUS_FACTOR") && line.contains("counts as 100")),
        "{server}"
    );
    let mut client = server.connect();
    for _ in 0..50 {
        client.ask(get("/healthz")).expect(500, ERROR);
    }
}

#[test]
fn health_answers_are_the_original_bytes_as_json() {
    let (well, ill) = (Server::start(&[]), Server::start(&[("HEALTH_STATUS_FACTOR", "100")]));
    for path in ["/healthz", "/health"] {
        let (ok, error) = (well.get(path), ill.get(path));
        ok.expect(200, OK);
        error.expect(500, ERROR);
        assert_eq!(
            (ok.field("content-type"), error.field("content-type")),
            (Some("application/json"), Some("application/json"))
        );
    }
    for path in ["/livez", "/readyz", "/startupz"] {
        ill.get(path).expect(200, OK); // the factor is about /healthz
    }
}

/// 2000 rolls at 40%: 800 expected, standard deviation 21.9; 134 away is 6.1 of those, once in 10^9 runs.
#[test]
fn each_health_check_rolls_on_its_own() {
    let server = Server::start(&[("HEALTH_STATUS_FACTOR", "40")]);
    let answers = health_answers(&server, 2000);
    let failures = answers.iter().filter(|&&status| status == 500).count();
    assert!((666..=934).contains(&failures), "{failures} of 2000 failed");
    assert!(answers.windows(2).any(|pair| pair == [200, 500]) && answers.windows(2).any(|pair| pair == [500, 200]));
}

#[test]
fn the_same_seed_replays_the_same_health() {
    let with_seed = |seed| health_answers(&Server::start(&[("HEALTH_STATUS_FACTOR", "40"), ("SEED", seed)]), 100);
    let first = with_seed("7");
    assert_eq!(first, with_seed("7"));
    assert_ne!(first, with_seed("8"));

    // A seed nobody chose is logged, so that this run can be replayed too.
    let server = Server::start(&[("HEALTH_STATUS_FACTOR", "40")]);
    let line = server.wait_for_log("seed=");
    let seed = line.split("seed=").nth(1).and_then(|rest| rest.split(' ').next()).expect(&line);
    assert_eq!(health_answers(&server, 100), with_seed(seed));
}

#[test]
fn crash_answers_no_byte_and_exits_with_status_0() {
    for (variables, request, code) in [
        (&[][..], get("/crash"), 0),
        (&[("CRASH_EXIT_CODE", "3")], get("/crash"), 3),
        (&[("CRASH_EXIT_CODE", "255")], get("/crash"), 255),
        (&[("CRASH_EXIT_CODE", "3")], get("/crash?code=7"), 7),
        (&[], get("/crash?code=0"), 0),
        (&[], post("/crash", ""), 0),
    ] {
        let server = Server::start(variables);
        let mut client = server.connect();
        client.send(&request).expect_end(); // curl: (52), not (56)
        server.assert_exits_with(code);
    }
}

#[test]
fn crash_first_sends_what_is_owed() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(format!("{}{}{}", get("/status/201"), get("/crash"), get("/status/202")));
    assert_eq!(client.response().status, 201);
    client.expect_end();
    server.assert_exits_with(0);
}

#[test]
fn resolve_shows_the_block_of_the_original() {
    let other = Server::start(&[("CONTENT", "{ \"team\": \"bar\" }")]);
    let server = Server::start(&[
        ("HOSTNAME", "prober-foo-x"),
        ("IP_ADDRESS", "10.44.0.3"),
        ("RESOLVE_ALLOW", "127.0.0.0/8,::1/128"),
    ]);
    let dashes = "-".repeat(52);
    let response = server.get(&format!("/resolve?service=127.0.0.1:{}", other.port()));
    let identity = "Hostname = prober-foo-x\nIp Address = 10.44.0.3";
    let service = "Service hostname = 127.0.0.1\nService IP = 127.0.0.1";
    response.expect(200, &format!("{dashes}\n{identity}\n{service}\n{dashes}\n{{ \"team\": \"bar\" }}\n"));
    assert_eq!(response.field("content-type"), Some("text/plain; charset=utf-8"));

    let response = server.get(&format!("/resolve?service=localhost:{}", other.port()));
    let service = "Service hostname = localhost\nService IP = 127.0.0.1";
    response.expect(200, &format!("{dashes}\n{identity}\n{service}\n{dashes}\n{{ \"team\": \"bar\" }}\n"));
}

#[test]
fn anything_else_is_404_and_a_known_path_405() {
    let server = Server::start(&[]);
    for path in ["/nowhere", "/index.html", "/healthz/x", "/crash/", "/favicon.ico"] {
        server.get(path).expect_error(404);
    }
    for path in ["/", "/healthz", "/resolve", "/whoami"] {
        let response = server.ask(post(path, ""));
        response.expect_error(405);
        assert!(response.field("allow").is_some_and(|allow| allow.contains("GET")), "{response:#?}");
    }
}

/// The original served one request at a time.
#[test]
fn a_slow_request_holds_up_no_other() {
    let server = Server::start(&[]);
    let mut slow = server.connect();
    slow.send(get("/delay/60"));
    for _ in 0..10 {
        server.get("/healthz").expect(200, OK);
    }
    assert!(!slow.has_news_within(Duration::from_millis(1)));
}

fn health_answers(server: &Server, count: usize) -> Vec<u16> {
    let mut client = server.connect();
    let mut ask = || -> Response { client.ask(get("/healthz")) };
    (0..count).map(|_| ask().status).collect()
}

/// An address for a server whose port must be known before it listens. Each caller has a loopback address of its own,
/// so that no other socket of this machine can take the port meanwhile.
fn unused_address(number: u8) -> SocketAddr {
    let ip = IpAddr::V4(Ipv4Addr::new(127, 77, 0, number));
    TcpListener::bind((ip, 0)).and_then(|listener| listener.local_addr()).expect("a loopback address")
}
