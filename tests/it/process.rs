//! The process around the server: configuration, the log, exit statuses, and the hard ways to die.
//! Draining has its own file, so have the subcommands.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Ended, PATIENCE, Server, eventually, get, run};
use crate::lines::{Json, is_rfc_3339_utc, logfmt};

#[test]
fn every_bad_variable_is_reported_at_once() {
    let bad = [
        ("PORT", "eighty"),
        ("BIND", "nowhere"),
        ("START_WAIT_SECS", "soon"),
        ("CRASH_FACTOR", "-1"),
        ("HEALTH_STATUS_FACTOR", "many"),
        ("CRASH_EXIT_CODE", "256"),
        ("SEED", "-1"),
        ("CONTENT_TYPE", "text/plain\nX: y"),
        ("APP_VERSION", "two  spaces"),
        ("POD_NAME", "p\u{f6}d"),
        ("MEM_MAX", "lots"),
        ("RESOLVE_ALLOW", "300.0.0.0/8"),
        ("RESOLVE_TIMEOUT", "5"),
        ("RESOLVE_MAX_HOPS", "x"),
        ("DRAIN_SECS", "-1"),
        ("SHUTDOWN_SECS", "1d"),
        ("LOG_FORMAT", "xml"),
        ("LOG_REQUESTS", "some"),
        ("MAX_CONNECTIONS", "0"),
        ("MAX_WORKERS", "0"),
    ];
    let Ended { code, stdout, stderr } = run(&[], &bad);
    assert_eq!(code, Some(2), "{stdout}{stderr}");
    for (name, _) in bad {
        let line = stderr.lines().find(|line| line.contains(&format!("{name}: got \"")));
        assert!(line.is_some_and(|line| line.contains("\", expected ")), "{name} is not reported:\n{stderr}");
    }
    assert!(stderr.contains("PORT: got \"eighty\", expected "), "{stderr}");
    assert_eq!(stderr.lines().count(), bad.len(), "one line each, whatever the value holds:\n{stderr}");
}

#[test]
fn one_bad_value_alone_is_enough() {
    for (name, value) in [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "+80"),
        ("PORT", " 80"),
        ("CRASH_FACTOR", "NaN"),
        ("CRASH_FACTOR", "1e1"),
        ("CRASH_FACTOR", "inf"),
        ("CRASH_FACTOR", "%"),
        ("START_WAIT_SECS", "-1"),
        ("START_WAIT_SECS", "1 s"),
        ("START_WAIT_SECS", "1e3"),
        ("START_WAIT_SECS", "721h"),
        ("START_WAIT_SECS", "99999999999999999999"),
        ("SEED", "18446744073709551616"),
        ("LOG_FORMAT", "JSON"),
        ("RESOLVE_ALLOW", "10.0.0.0/33"),
        ("RESOLVE_ALLOW", "::ffff:10.0.0.0/104"),
        ("ZONE", "a\tb"),
        ("NODE_NAME", " a"),
        ("CRASH_EXIT_CODE", "-1"),
    ] {
        let Ended { code, stderr, .. } = run(&[], &[(name, value), ("BIND", "127.0.0.1")]);
        assert!(
            code == Some(2) && stderr.starts_with(&format!("{name}: got \"")),
            "{name}={value:?}: {code:?} {stderr}"
        );
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let names = [
        "HOSTNAME",
        "START_WAIT_SECS",
        "CRASH_FACTOR",
        "HEALTH_STATUS_FACTOR",
        "CRASH_EXIT_CODE",
        "SEED",
        "CONTENT_TYPE",
        "APP_VERSION",
        "POD_NAME",
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
    ];
    let server = Server::start(&names.map(|name| (name, "")));
    assert!(server.get("/").text().starts_with("Hostname = "));
}

#[test]
fn a_port_in_use_is_named_with_its_cause() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = taken.local_addr().expect("it is bound");
    let Ended { code, stdout, stderr } = run(&[], &[("BIND", "127.0.0.1"), ("PORT", &address.port().to_string())]);
    let all = format!("{stdout}{stderr}");
    assert_eq!(code, Some(1), "{all}");
    assert!(all.contains(&address.to_string()) && all.to_ascii_lowercase().contains("in use"), "{all}");
}

#[test]
fn an_ipv4_address_written_as_ipv6_is_the_ipv4_that_it_is() {
    let server = Server::spawn(&[("BIND", "::ffff:127.0.0.1")]);
    server.wait_until_listening();
    assert!(server.address().is_ipv4(), "{server}");
    assert_eq!(server.get("/healthz").status, 200);
}

/// Whoever runs the tests as root sees this fail where a thread keeps what it does not need any more: also the log's, which
/// a start rule has writing before there is a port.
#[test]
fn no_thread_keeps_the_privilege_for_low_ports() {
    const BIT: u64 = 1 << 10;
    let server = Server::spawn(&[("START_WAIT_SECS", "0.1")]);
    server.wait_until_listening();
    assert_eq!(server.get("/healthz").status, 200);
    let threads = || std::fs::read_dir(format!("/proc/{}/task", server.pid)).unwrap();
    eventually("the first thread, the log's and two workers", &server, || threads().count() >= 4);
    for entry in threads() {
        let status = std::fs::read_to_string(entry.unwrap().path().join("status")).unwrap();
        for set in ["CapPrm:\t", "CapEff:\t"] {
            let bits = status.lines().find_map(|line| line.strip_prefix(set)).expect("the kernel tells");
            assert_eq!(u64::from_str_radix(bits, 16).expect("hexadecimal") & BIT, 0, "{status}");
        }
    }
}

#[test]
fn port_0_is_a_free_port_on_every_address() {
    let server = Server::spawn(&[("BIND", "")]);
    server.wait_until_listening();
    assert_ne!(server.port(), 0);
    let client = std::net::TcpStream::connect(("127.0.0.1", server.port()));
    assert!(client.is_ok(), "{client:?}\n{server}");
}

#[test]
fn crash_dies_the_hard_way_it_is_asked_for() {
    for (kind, signal) in [("abort", libc::SIGABRT), ("segv", libc::SIGSEGV), ("trap", libc::SIGILL)] {
        let server = Server::start(&[]);
        let mut client = server.connect();
        client.send(get(&format!("/crash?kind={kind}"))).expect_end();
        let status = server.wait_exit();
        assert_eq!(status.signal(), Some(signal), "{kind}: {status}\n{server}"); // a shell shows 128 more
    }
}

#[test]
fn a_crash_that_makes_no_sense_is_refused() {
    let server = Server::start(&[]);
    for query in [
        "code=256",
        "code=-1",
        "code=x",
        "code=",
        "kind=boom",
        "kind=",
        "kind=ABORT",
        "code=1&kind=abort",
        "kind=segv&code=0",
    ] {
        server.get(&format!("/crash?{query}")).expect_refusal(400);
    }
    server.get("/version");
}

#[test]
fn every_line_of_the_text_log_is_logfmt() {
    let server = Server::start(&[("LOG_REQUESTS", "all"), ("CONTENT", "a \"quoted\"\nvalue=x")]);
    server.get("/healthz");
    server.get("/nowhere?a=b");
    server.wait_for_log("/nowhere");
    server.signal(libc::SIGTERM);
    server.assert_exits_with(0);
    for line in server.log() {
        let pairs = logfmt(&line);
        let names: Vec<&str> = pairs.iter().take(2).map(|(name, _)| *name).collect();
        assert!(names == ["time", "event"] && is_rfc_3339_utc(pairs[0].1), "{line}");
    }
    for event in ["config", "listening", "request", "draining", "stopped"] {
        assert!(server.log().iter().any(|line| logfmt(line)[1].1 == event), "no {event}\n{server}");
    }
}

#[test]
fn every_line_of_the_json_log_is_json() {
    let server = Server::start(&[
        ("LOG_FORMAT", "json"),
        ("LOG_REQUESTS", "all"),
        ("CONTENT", "a \"quoted\"\nvalue\\ \u{1}\u{7f}"),
        ("FAULTS", "/last delay 1ms; /last fail"),
    ]);
    for fields in [&b"User-Agent: a\"b\\c\td"[..], b"User-Agent: \xff\xfe caf\xe9 \xe2\x80\xa8", b"X-Probe: \"\\"] {
        server.ask([b"GET /healthz HTTP/1.1\r\nHost: a\r\n", fields, b"\r\n\r\n"].concat());
    }
    server.get("/last");
    server.wait_for_log("/last");
    server.signal(libc::SIGTERM);
    server.assert_exits_with(0);
    for line in server.log() {
        let json = Json::parse(&line);
        let mut keys = json.keys();
        assert!(keys.starts_with(&["time", "event"]), "{line}");
        keys.sort_unstable();
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "a name twice (RFC 8259 section 4): {line}");
        assert!(matches!(json.get("time"), Json::Text(time) if is_rfc_3339_utc(time)), "{line}");
    }
}

#[test]
fn what_clients_send_cannot_forge_log_lines() {
    let server = Server::start(&[("LOG_REQUESTS", "all")]);
    let agents: [&[u8]; 7] = [
        b"x\" event=stopped code=0 y=\"",
        b"x event=stopped",
        b"tab\there",
        b"back\\slash \\\" event=stopped",
        b"\xff\xfe\x80",
        b"next\xc2\x85line \xe2\x80\xa8 \xe2\x80\xa9 \xc2\x9b31m",
        b"=",
    ];
    for (number, agent) in agents.iter().enumerate() {
        let target = format!("GET /nowhere?{number} HTTP/1.1\r\nHost: a\r\nUser-Agent: ");
        server.ask([target.as_bytes(), agent, b"\r\n\r\n"].concat());
        let target = format!("GET /healthz?{number} HTTP/1.1\r\nHost: a\r\nX-Probe: ");
        server.ask([target.as_bytes(), agent, b"\r\n\r\n"].concat());
    }
    server.get("/last?event=stopped");
    server.wait_for_log("/last");
    let requests: Vec<String> = server.log().into_iter().filter(|line| logfmt(line)[1].1 == "request").collect();
    assert_eq!(requests.len(), 2 * agents.len() + 1, "{server}");
    for line in requests {
        assert_eq!(logfmt(&line).iter().filter(|(name, _)| *name == "event").count(), 1, "{line}");
        assert!(
            !line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')),
            "{}",
            line.escape_debug()
        );
    }
}

#[test]
fn checks_are_logged_with_the_name_of_the_probe() {
    let server = Server::start(&[("LOG_REQUESTS", "all")]);
    server.ask("GET /livez?1 HTTP/1.1\r\nHost: a\r\nX-Probe: liveness-of-web\r\nUser-Agent: kube-probe/1.34\r\n\r\n");
    let named = server.wait_for_log("liveness-of-web");
    assert!(named.contains("event=request") && !named.contains("kube-probe"), "{named}");
    server.ask("GET /livez?2 HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.34\r\n\r\n");
    let unnamed = server.wait_for_log("kube-probe/1.34");
    assert!(unnamed.contains("event=request"), "{unnamed}");
}

#[test]
fn requests_are_logged_as_much_as_asked() {
    let requests_logged = |variables: &[(&str, &str)]| {
        let server = Server::start(variables);
        for _ in 0..3 {
            for target in ["/livez", "/healthz", "/", "/nowhere"] {
                server.get(target);
            }
        }
        server.signal(libc::SIGTERM);
        server.assert_exits_with(0);
        let log = server.log();
        let requests: Vec<_> = log.iter().map(|line| logfmt(line)).filter(|pairs| pairs[1].1 == "request").collect();
        ["/livez", "/healthz", "/", "/nowhere"]
            .map(|path| requests.iter().filter(|it| it.contains(&("path", path))).count())
    };
    let ill = ("HEALTH_STATUS_FACTOR", "100");
    assert_eq!(requests_logged(&[ill, ("LOG_REQUESTS", "none")]), [0, 0, 0, 0]);
    assert_eq!(requests_logged(&[ill, ("LOG_REQUESTS", "all")]), [3, 3, 3, 3]);
    for variables in [&[ill, ("LOG_REQUESTS", "faults")][..], &[ill]] {
        let [first_livez, healthz, index, nowhere] = requests_logged(variables);
        assert!(first_livez <= 1, "{first_livez}"); // its first answer may count as a change
        assert_eq!((healthz, index, nowhere), (3, 0, 0));
    }
}

#[test]
fn lifecycle_and_configuration_are_a_line_each() {
    let server = Server::spawn(&[("START_WAIT_SECS", "0.01"), ("CONTENT", "hello"), ("DRAIN_SECS", "0.01")]);
    server.wait_until_listening();
    server.signal(libc::SIGTERM);
    server.assert_exits_with(0);
    let log = server.log();
    let events: Vec<&str> = log.iter().map(|line| logfmt(line)[1].1).collect();
    let position = |event| events.iter().position(|it| *it == event).unwrap_or_else(|| panic!("no {event}\n{server}"));
    let order = ["waiting", "listening", "draining", "stopped"].map(position);
    assert!(order.is_sorted(), "{order:?}\n{server}");
    for event in ["config", "waiting", "listening", "draining", "stopped"] {
        assert_eq!(events.iter().filter(|it| **it == event).count(), 1, "{event}\n{server}");
    }
}

#[test]
fn the_last_line_goes_where_the_pod_says() {
    let message = std::env::temp_dir().join(format!("probeserver-message-{}", std::process::id()));
    let path = message.to_str().expect("it is text");
    let variable = ("TERMINATION_MESSAGE_PATH", path);
    for (variables, signal, want) in [
        (&[variable, ("FAULTS", "process exit 3")][..], None, "rule 1: process exit 3\n"),
        (&[variable, ("PORT", "x")], None, "PORT: got \"x\", expected a port, 0 to 65535\n"),
        (&[variable, ("DRAIN_SECS", "3600")], Some(libc::SIGQUIT), "second signal: SIGQUIT\n"),
    ] {
        std::fs::write(&message, "old").expect("it can be written");
        let server = Server::spawn(variables);
        if let Some(signal) = signal {
            server.wait_until_listening();
            server.signal(signal);
            server.wait_for_log("event=draining");
            server.signal(signal);
        }
        server.wait_exit();
        assert_eq!(std::fs::read_to_string(&message).ok().as_deref(), Some(want), "{server}");
    }
    // A drain that had to cut requests is not one that went well.
    std::fs::write(&message, "old").expect("it can be written");
    let server = Server::start(&[variable, ("SHUTDOWN_SECS", "0")]);
    let mut client = server.connect();
    client.send(format!("{}{}", get("/version"), get("/delay/30")));
    assert_eq!(client.response().status, 200); // so the second was taken in too
    server.signal(libc::SIGTERM);
    server.assert_exits_with(0);
    let want = "requests in progress were cut when SHUTDOWN_SECS were over\n";
    assert_eq!(std::fs::read_to_string(&message).ok().as_deref(), Some(want), "{server}");
    // Only where it is: a file that nobody has put there is not made.
    std::fs::remove_file(&message).expect("it is there");
    Server::spawn(&[variable, ("FAULTS", "process exit 3")]).assert_exits_with(3);
    assert!(!message.exists());
}

/// As PID 1 in a container it inherits orphans; here it has children of its own, which a shell had before it.
#[test]
fn orphans_are_reaped() {
    let mut child = Command::new("sh")
        .args(["-c", "exec 3<&0; cat <&3 & cat <&3 & exec \"$0\"", env!("CARGO_BIN_EXE_probeserver")])
        .env_clear()
        .envs([("PORT", "0"), ("BIND", "127.0.0.1"), ("PATH", "/usr/bin:/bin")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut log = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
    assert!(log.any(|line| line.is_ok_and(|line| line.contains("event=listening"))), "it does not listen");
    let parent = child.id().to_string();
    let children = || {
        let stats = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
        stats
            .filter(|stat| stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)) == Some(parent.as_str()))
            .count()
    };
    assert_eq!(children(), 2);
    let stdin = child.stdin.take();
    drop(stdin); // They end.
    let deadline = Instant::now() + PATIENCE;
    while children() > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5)); // paces the question, is not the wait
    }
    let zombies = children();
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(zombies, 0, "zombies");
}
