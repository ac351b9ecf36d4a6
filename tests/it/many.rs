//! `/resolve` with many calls: who answered, over which connection, and what went wrong.

use std::time::Instant;

use crate::fake::Fake;
use crate::harness::{PATIENCE, Server, eventually, get, run};

const LOOPBACK: (&str, &str) = ("RESOLVE_ALLOW", "127.0.0.0/8");

/// The whole number behind a name in flat JSON.
#[track_caller]
fn number(json: &str, name: &str) -> u64 {
    let rest = json.split(&format!("\"{name}\":")).nth(1).unwrap_or_else(|| panic!("no {name}: {json}"));
    rest.chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .unwrap_or_else(|_| panic!("{name}: {json}"))
}

#[test]
fn parameters_are_checked() {
    let server = Server::start(&[LOOPBACK]);
    for (bad, word) in [
        ("count=0", "count"),
        ("count=1001", "count"),
        ("count=x", "count"),
        ("count=", "count"),
        ("keepalive=yes", "keepalive"),
        ("fresh=2", "fresh"),
        ("format=xml", "format"),
    ] {
        let response = server.get(&format!("/resolve?service=127.0.0.1:1&{bad}"));
        assert!(response.status == 400 && response.text().starts_with(word), "{bad}: {response:?}");
    }
}

#[test]
fn a_run_says_which_address_pod_and_zone_answered() {
    let other = Server::start(&[("POD_NAME", "web-0"), ("ZONE", "b")]);
    let server = Server::start(&[LOOPBACK, ("ZONE", "a")]);
    let service = format!("/resolve?service=127.0.0.1:{}/whoami", other.port());
    let text = server.get(&format!("{service}&count=40")).text();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(text.lines().next(), Some("40 of 40 calls, 0 errors"), "{text}");
    for row in [["127.0.0.1", "40", "100%"], ["web-0", "40", "100%"]] {
        assert!(rows.iter().any(|cells| cells.starts_with(&row)), "{row:?}: {text}");
    }
    assert!(rows.iter().any(|cells| cells.starts_with(&["a", "->", "b", "40"])), "{text}");
    assert_eq!(number(&other.get("/whoami").text(), "requests"), 41);

    let json = server.get(&format!("{service}&count=3&format=json"));
    assert_eq!(json.field("content-type"), Some("application/json"));
    let json = json.text();
    assert!(
        json.starts_with(
            r#"{"calls":3,"requested":3,"errors":{},"by_address":[{"address":"127.0.0.1","calls":3,"share":1,"p50_ms":"#
        ),
        "{json}"
    );
    assert!(json.contains(r#""by_pod":[{"pod":"web-0","calls":3,"share":1,"#), "{json}");
    assert!(json.contains(r#""by_zone":[{"from":"a","to":"b","calls":3,"share":1,"#), "{json}");
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("probeserver_resolve_total{result=\"ok\"} 43\n"), "{metrics}");
}

#[test]
fn errors_are_told_apart() {
    let sick = Server::start(&[("FAULTS", "app fail 503 times 2; app reset times 3"), ("POD_NAME", "web-1")]);
    let server = Server::start(&[LOOPBACK]);
    // Long enough that only who is never answered is late, on a busy machine too.
    let hasty = Server::start(&[LOOPBACK, ("RESOLVE_TIMEOUT", "2s")]);
    let run = |service: &str| format!("/resolve?service={service}&count=8&format=json");
    let ask = |service: &str| server.get(&run(service)).text();
    let json = ask(&format!("127.0.0.1:{}", sick.port()));
    assert!(json.contains(r#""errors":{"reset":3,"status_5xx":2}"#), "{json}");
    assert!(json.contains(r#""by_pod":[{"pod":"web-1","calls":5,"share":1,"#), "{json}");
    let closed = Fake::answering("x");
    assert!(ask(&closed.service("/")).contains(r#""errors":{"not_http":8}"#));
    let silent = Fake::silent();
    let late = hasty.get(&run(&silent.service("/"))).text();
    assert!(late.contains(r#""errors":{"timeout_receive":8}"#), "{late}");
    assert!(hasty.get("/metrics").text().contains("probeserver_resolve_total{result=\"timeout\"} 8\n"));
    assert!(ask("127.0.0.1:1").contains(r#""errors":{"refused":8}"#));
    assert!(ask("[::1]:1").contains(r#""errors":{"denied":8}"#));
    let metrics = server.get("/metrics").text();
    for (result, count) in [
        ("ok", 3),
        ("status", 2),
        ("reset", 3),
        ("not_http", 8),
        ("timeout", 0),
        ("refused", 8),
        ("denied", 8),
        ("name", 0),
    ] {
        let line = format!("probeserver_resolve_total{{result=\"{result}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[test]
fn a_run_takes_leave_for_the_calls_it_makes_at_a_time() {
    let slow = Server::start(&[("FAULTS", "app delay 1s")]);
    let server = Server::start(&[LOOPBACK]);
    let ask = |query: &str| {
        let mut client = server.connect();
        client.send(get(&format!("/resolve?service=127.0.0.1:{}&{query}", slow.port())));
        client
    };
    let mut runs: Vec<_> = (0..4).flat_map(|_| [ask("count=2&keepalive=1"), ask("count=1&format=json")]).collect();
    for run in &mut runs {
        assert_eq!(run.response().status, 200);
    }
}

#[test]
fn keepalive_uses_one_connection_and_goes_on_when_it_ends() {
    let server = Server::start(&[LOOPBACK]);
    let other = Server::start(&[("LOG_REQUESTS", "all")]);
    let ask = |path: &str| {
        server.get(&format!("/resolve?service=127.0.0.1:{}{path}&count=20&keepalive=1&fresh=0", other.port())).text()
    };
    let peers = |path: &str| {
        let mine =
            || other.log().into_iter().filter(|line| line.contains(&format!("path={path} "))).collect::<Vec<_>>();
        eventually("20 lines", &other, || mine().len() == 20);
        let lines = mine();
        let peer = |line: &String| line.split("peer=").nth(1).map(str::to_owned);
        lines.iter().map(peer).collect::<std::collections::HashSet<_>>().len()
    };
    assert!(ask("/hostname").starts_with("20 of 20 calls, 0 errors\n"));
    assert_eq!(peers("/hostname"), 1);
    // /whoami closes its connection each time.
    assert!(ask("/whoami").starts_with("20 of 20 calls, 0 errors\n"));
    assert_eq!(peers("/whoami"), 20);
}

/// A call that fails over a kept connection is one call, and failed.
#[test]
fn keepalive_hides_no_failure() {
    let sick = Server::start(&[("FAULTS", "/ip drop 50%; /hostname reset 50%"), ("SEED", "1")]);
    let server = Server::start(&[LOOPBACK]);
    for (number, path) in ["/ip", "/hostname"].into_iter().enumerate() {
        let service = format!("127.0.0.1:{}{path}", sick.port());
        let json = server.get(&format!("/resolve?service={service}&count=40&keepalive=1&fresh=0&format=json")).text();
        let rule = sick.get("/faults").text().lines().nth(number).expect("a rule").to_owned();
        let hits = rule.split_once("tried 40, hit ").map_or("no such rule", |(_, hits)| hits);
        assert!(json.contains(&format!("\"errors\":{{\"reset\":{hits}}}")), "{rule}\n{json}");
    }
}

#[test]
fn a_run_ends_when_draining_starts_and_says_how_far_it_came() {
    let slow = Server::start(&[("FAULTS", "app delay 200ms")]);
    let server = Server::start(&[LOOPBACK, ("DRAIN_SECS", "10")]);
    let mut client = server.connect();
    client.send(format!("GET /resolve?service=127.0.0.1:{}&count=1000 HTTP/1.1\r\nHost: a\r\n\r\n", slow.port()));
    let start = Instant::now();
    eventually("some calls", &slow, || slow.log().iter().filter(|line| line.contains("event=request")).count() >= 4);
    server.signal(libc::SIGTERM);
    let text = client.response().text();
    let made: u64 = text.split(' ').next().and_then(|made| made.parse().ok()).unwrap_or_default();
    assert!((4..1000).contains(&made) && text.contains(" of 1000 calls, 0 errors"), "{text}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn the_command_line_prints_the_tables_and_fails_when_a_call_did() {
    let other = Server::start(&[("POD_NAME", "web-0"), ("FAULTS", "app drop times 1")]);
    let service = format!("127.0.0.1:{}", other.port());
    let ask = |count: &str| run(&["resolve", &service, "--count", count], &[LOOPBACK]);
    let ended = ask("9");
    assert!(ended.stdout.starts_with("9 of 9 calls, 1 errors\n") && ended.stdout.contains("\nweb-0 "), "{ended:?}");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "nothing but the tables on a pipe");
    assert_eq!(ask("5").code, Some(0));
    for bad in [&["resolve", "a", "--count"][..], &["resolve", "a", "--count", "0"], &["resolve", "--count", "3"]] {
        assert_eq!(run(bad, &[]).code, Some(2), "{bad:?}");
    }
}
