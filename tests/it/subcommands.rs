//! The command line besides serving: what exec probes, hooks and people at a shell call.
#![allow(unsafe_code, reason = "O_NONBLOCK on a descriptor has no safe interface in std")]

use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use crate::fake::Fake;
use crate::harness::{Ended, Server, program, run};

const VARIABLES: [&str; 29] = [
    "CONTENT",
    "CONTENT_TYPE",
    "HOSTNAME",
    "IP_ADDRESS",
    "POD_IP",
    "POD_NAME",
    "POD_NAMESPACE",
    "NODE_NAME",
    "ZONE",
    "APP_VERSION",
    "START_WAIT_SECS",
    "START_WAIT_SECONDS",
    "CRASH_FACTOR",
    "HEALTH_STATUS_FACTOR",
    "CRASH_EXIT_CODE",
    "SEED",
    "MEM_MAX",
    "RESOLVE_ALLOW",
    "RESOLVE_TIMEOUT",
    "RESOLVE_MAX_HOPS",
    "DRAIN_SECS",
    "SHUTDOWN_SECS",
    "LOG_FORMAT",
    "LOG_REQUESTS",
    "MAX_CONNECTIONS",
    "MAX_WORKERS",
    "PORT",
    "BIND",
    "TERMINATION_MESSAGE_PATH", // Longer than its column.
];

#[test]
fn help_names_every_variable_and_subcommand() {
    for arguments in [&["--help"][..], &["-h"], &["serve", "--help"], &["resolve", "--help"], &["check-faults", "-h"]] {
        let Ended { code, stdout, stderr } = run(arguments, &[]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        for name in VARIABLES {
            assert!(
                stdout.lines().any(|line| line.split_whitespace().next() == Some(name)),
                "{name} is not in\n{stdout}"
            );
        }
        for subcommand in ["serve", "healthcheck", "resolve", "sleep"] {
            assert!(stdout.contains(subcommand), "{subcommand} is not in\n{stdout}");
        }
    }
}

#[test]
fn version_is_one_line() {
    let Ended { code, stdout, .. } = run(&["--version"], &[]);
    assert_eq!((code, stdout), (Some(0), concat!("probeserver ", env!("CARGO_PKG_VERSION"), "\n").to_owned()));
}

#[test]
fn help_and_version_do_not_mind_a_bad_environment() {
    assert_eq!(run(&["--help"], &[("PORT", "x")]).code, Some(0));
    assert_eq!(run(&["--version"], &[("PORT", "x")]).code, Some(0));
}

#[test]
fn bad_usage_is_status_2_and_says_what_was_expected() {
    for arguments in [
        &["dance"][..],
        &["--verbose"],
        &["serve", "--port"],
        &["serve", "now"],
        &["healthcheck", "--timeout"],
        &["healthcheck", "--timeout", "soon"],
        &["healthcheck", "--timeout", "0"],
        &["healthcheck", "--slow"],
        &["healthcheck", "/a", "/b"],
        &["healthcheck", "--grpc", "a", "b"],
        &["healthcheck", "--grpc", "--grpc"],
        &["healthcheck", "/a", "--grpc"],
        &["healthcheck", "--grpc", &"x".repeat(101)],
        &["healthcheck", "no-slash"],
        &["healthcheck", "/a b"],
        &["healthcheck", "/a\r\nX: y"],
        &["sleep"],
        &["sleep", "soon"],
        &["sleep", "-1"],
        &["sleep", "1", "2"],
        &["resolve"],
        &["resolve", "a", "b"],
        &["resolve", "--fast", "a"],
        &[""],
    ] {
        let Ended { code, stdout, stderr } = run(arguments, &[("PORT", "0"), ("BIND", "127.0.0.1")]);
        assert_eq!(code, Some(2), "{arguments:?}: {stdout}{stderr}");
        assert!(stderr.contains("got ") && stderr.contains("expected "), "{arguments:?}: {stderr:?}");
    }
}

/// Who reads a file that a full disk has cut should not take it for all that there was.
#[test]
fn output_that_cannot_be_written_is_status_1() {
    for arguments in [&["forecast", "--pods", "1", "--for", "1m"][..], &["check-faults", "app fail"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("it is there");
        let status = program().args(arguments).stdout(full).status().expect("it runs");
        assert_eq!(status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn serve_is_what_happens_without_a_subcommand() {
    let Ended { code, stdout, .. } =
        run(&["serve"], &[("PORT", "0"), ("BIND", "127.0.0.1"), ("CRASH_FACTOR", "100"), ("CRASH_EXIT_CODE", "9")]);
    assert_eq!(code, Some(9), "{stdout}");
}

#[test]
fn healthcheck_exits_0_on_200_to_399_and_1_on_all_else() {
    let server = Server::start(&[]);
    let port = server.port().to_string();
    let at_server = [("PORT", port.as_str()), ("BIND", "127.0.0.1")];
    for (arguments, code) in [
        (&[][..], 0),
        (&["/livez"], 0),
        (&["/status/302"], 0),
        (&["/status/399"], 0),
        (&["/healthz?verbose"], 0),
        (&["/status/204", "--timeout", "20s"], 0),
        (&["--timeout", "20s", "/livez"], 0),
        (&["/status/400"], 1),
        (&["/status/503"], 1),
        (&["/nowhere"], 1),
        (&["/delay/30", "--timeout", "100ms"], 1),
        (&["/delay/2"], 1), // the default timeout is a second
    ] {
        let has_time = arguments.contains(&"--timeout") || arguments == ["/delay/2"];
        let more: &[_] = if has_time { &[] } else { &["--timeout", "20s"] };
        let ended = run(&[&["healthcheck"], arguments, more].concat(), &at_server);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert_eq!(format!("{}{}", ended.stdout, ended.stderr).lines().count(), 1, "{arguments:?}: {ended:?}");
    }
    let ill = Server::start(&[("HEALTH_STATUS_FACTOR", "100")]);
    let ended = run(&["healthcheck", "--timeout", "20s"], &[("PORT", &ill.port().to_string())]); // BIND unset: 127.0.0.1 is tried
    assert!(ended.code == Some(1) && ended.stdout.contains("500"), "{ended:?}");
}

#[test]
fn healthcheck_over_grpc_exits_0_on_serving_alone() {
    let server = Server::start(&[("FAULTS", "ready fail; startup hang; live drop")]);
    let port = server.port().to_string();
    for (arguments, code, line) in [
        (&["--grpc", "--timeout", "10s"][..], 0, "grpc SERVING\n"),
        (&["--grpc", "health", "--timeout", "5s"], 0, "grpc health: SERVING\n"),
        (&["--timeout", "5s", "--grpc"], 0, "grpc SERVING\n"),
        (&["--grpc", "readiness", "--timeout", "10s"], 1, "grpc readiness: NOT_SERVING\n"),
        (&["--grpc", "nobody", "--timeout", "10s"], 1, "grpc nobody: grpc-status 5\n"),
        (&["--grpc", "liveness", "--timeout", "10s"], 1, "grpc liveness: no answer of gRPC\n"),
        (&["--grpc", "startup", "--timeout", "200ms"], 1, "timed out\n"),
    ] {
        let ended = run(&[&["healthcheck"], arguments].concat(), &[("PORT", &port), ("BIND", "127.0.0.1")]);
        assert!(ended.code == Some(code) && ended.stdout.ends_with(line), "{arguments:?}: {ended:?}");
        assert_eq!(format!("{}{}", ended.stdout, ended.stderr).lines().count(), 1, "{arguments:?}: {ended:?}");
    }
    for fake in [Fake::answering("HTTP/1.1 400 Bad Request\r\n\r\n"), Fake::answering(""), Fake::resetting()] {
        let ended = run(&["healthcheck", "--grpc"], &[("PORT", &fake.port.to_string()), ("BIND", "127.0.0.1")]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
    }
}

#[test]
fn healthcheck_of_nobody_or_nonsense_exits_1() {
    let free_port =
        std::net::TcpListener::bind("127.0.0.98:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let ended = run(&["healthcheck"], &[("PORT", &free_port.to_string()), ("BIND", "127.0.0.98")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for fake in [Fake::answering("SSH-2.0-x\r\n"), Fake::answering(""), Fake::resetting(), Fake::silent()] {
        let ended =
            run(&["healthcheck", "--timeout", "300ms"], &[("PORT", &fake.port.to_string()), ("BIND", "127.0.0.1")]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(format!("{}{}", ended.stdout, ended.stderr).lines().count(), 1, "{ended:?}");
    }
}

#[test]
fn sleep_lasts_as_long_as_asked() {
    for (argument, least) in [("0.2", 200), ("200ms", 200), ("0.2s", 200), ("1", 1000), ("0", 0)] {
        let began = Instant::now();
        let ended = run(&["sleep", argument], &[("PORT", "x")]); // the environment is not its business
        let took = began.elapsed();
        assert_eq!(ended.code, Some(0), "{argument}: {ended:?}");
        assert!(took >= Duration::from_millis(least), "{argument} took {took:?}");
    }
}

#[test]
fn resolve_prints_the_block_and_exits_1_when_the_call_failed() {
    let other = Server::start(&[("CONTENT", "hello")]);
    let service = format!("127.0.0.1:{}", other.port());
    let variables =
        [("HOSTNAME", "h"), ("IP_ADDRESS", "10.0.0.1"), ("RESOLVE_ALLOW", "127.0.0.0/8"), ("RESOLVE_TIMEOUT", "20s")];
    let dashes = "-".repeat(52);
    let ended = run(&["resolve", &service], &variables);
    let block = format!(
        "{dashes}\nHostname = h\nIp Address = 10.0.0.1\nService hostname = 127.0.0.1\nService IP = 127.0.0.1\n{dashes}\nhello\n"
    );
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), block.as_str()), "{ended:?}");

    let refused = run(&["resolve", &service], &variables[..2]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let reset = run(&["resolve", &Fake::resetting().service("/")], &variables);
    assert_eq!(reset.code, Some(1), "{reset:?}");
    let missing = format!("{service}/nowhere");
    for arguments in [&["resolve", missing.as_str()][..], &["resolve", missing.as_str(), "--count", "1"]] {
        assert_eq!(run(arguments, &variables).code, Some(1), "{arguments:?}: a status that is no 2xx is an error");
    }
    let bad = run(&["resolve", "127.1"], &variables);
    assert!(matches!(bad.code, Some(1 | 2)), "{bad:?}");
}

/// A pipe that is full and O_NONBLOCK, as one may be that others have left so: what does not fit at once comes later.
#[test]
fn nothing_is_lost_on_a_pipe_that_does_not_block() {
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    // SAFETY: F_SETFL takes numbers, and the descriptor is ours.
    assert_eq!(unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }, 0);
    while writer.write(&[b'x'; 4096]).is_ok() {}
    let mut child = program().arg("--help").stdout(writer).spawn().expect("it runs");
    let mut text = String::new();
    let mut piece = [0; 1000];
    while let Ok(count @ 1..) = reader.read(&mut piece) {
        text.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    assert!(child.wait().is_ok_and(|status| status.success()));
    assert_eq!(text.trim_start_matches('x'), run(&["--help"], &[]).stdout);
}
