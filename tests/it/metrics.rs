//! `/metrics`: what is counted, and in the form that Prometheus reads. (`tests/exposition` holds it against Prometheus' own
//! parsers.)

use crate::harness::{Server, eventually, get, post};

/// The value of a sample, given with its labels as they are printed.
#[track_caller]
fn value(metrics: &str, sample: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.strip_prefix(sample).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next().and_then(|value| value.parse().ok())
}

#[test]
fn every_request_is_counted_by_route_and_status() {
    let server = Server::start(&[("FAULTS", "/gone drop; /status/404 fail 599; /late delay 20ms")]);
    for path in
        ["/healthz", "/health", "/status/418", "/status/204", "/status/404", "/faults/7", "/nowhere", "/x", "/late"]
    {
        server.get(path);
    }
    server.connect().send(get("/gone")).expect_end();
    server.ask("BAD\r\n\r\n");
    server.ask(post("/healthz", "").as_str());
    let metrics = server.get("/metrics");
    assert_eq!(metrics.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = metrics.text();
    for (route, code, count) in [
        ("/healthz", "200", 2.0),
        ("/healthz", "405", 1.0),
        ("/status/N", "418", 1.0),
        ("/status/N", "204", 1.0),
        ("/status/N", "599", 1.0),
        ("/faults/N", "405", 1.0),
        ("other", "404", 3.0),
        ("other", "000", 1.0),
        ("other", "400", 1.0),
    ] {
        let sample = format!("probeserver_requests_total{{route=\"{route}\",code=\"{code}\"}}");
        assert_eq!(value(&text, &sample), Some(count), "{sample}\n{text}");
    }
    // What was answered has a duration, noted just after it: all but the dropped and the malformed one.
    let count = "probeserver_request_duration_seconds_count";
    eventually("durations", &server, || {
        value(&server.get("/metrics").text(), count).is_some_and(|count| count >= 10.0)
    });
    let text = server.get("/metrics").text();
    let all = value(&text, "probeserver_request_duration_seconds_bucket{le=\"+Inf\"}").unwrap_or_default();
    assert_eq!(value(&text, count), Some(all), "{text}");
    let quick = value(&text, "probeserver_request_duration_seconds_bucket{le=\"0.01\"}").unwrap_or_default();
    assert!(quick < all, "the delayed one took longer: {text}");
    let sum = value(&text, "probeserver_request_duration_seconds_sum").unwrap_or_default();
    assert!(sum >= 0.02, "{sum}");
    for (target, effect) in [("path", "drop"), ("path", "fail"), ("path", "delay")] {
        let sample = format!("probeserver_faults_total{{target=\"{target}\",effect=\"{effect}\"}}");
        assert_eq!(value(&text, &sample), Some(1.0), "{sample}\n{text}");
    }
    // Rules come and go, their hits stay counted.
    server.ask(post("/cure", "").as_str());
    let text = server.get("/metrics").text();
    assert_eq!(value(&text, "probeserver_faults_total{target=\"path\",effect=\"drop\"}"), Some(1.0), "{text}");
}

#[test]
fn connections_checks_and_the_process_show_as_they_are() {
    let server = Server::start(&[("FAULTS", "/hang hang; ready fail times 1"), ("APP_VERSION", "1 \"quoted\" \\ one")]);
    let idle = [server.connect(), server.connect()];
    let mut hung = server.connect();
    hung.send(get("/hang"));
    let mut half = server.connect();
    half.send("GET /");
    let scrape = || server.get("/metrics").text();
    let state = |name: &str| value(&scrape(), &format!("probeserver_connections{{state=\"{name}\"}}"));
    for (name, count) in [("idle", 2.0), ("hang", 1.0), ("head", 1.0), ("active", 1.0)] {
        eventually(name, &server, || state(name) == Some(count));
    }
    assert_eq!(value(&scrape(), "probeserver_check{check=\"ready\"}"), None, "nobody has asked");
    for want in [0.0, 1.0] {
        server.get("/readyz");
        assert_eq!(value(&scrape(), "probeserver_check{check=\"ready\"}"), Some(want));
    }
    let text = scrape();
    assert!(text.contains("app_version=\"1 \\\"quoted\\\" \\\\ one\"} 1\n"), "{text}");
    // The connection that asks is open as well.
    for (name, folder, more) in [("process_open_fds", "fd", 1), ("process_threads", "task", 0)] {
        eventually(name, &server, || value(&scrape(), name) == Some((server.count(folder) + more) as f64));
    }
    let resident = value(&text, "process_resident_memory_bytes").unwrap_or_default() / 1024.0;
    let seen = server.resident_kilobytes() as f64;
    assert!((resident - seen).abs() < 1024.0, "{resident} {seen}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let started = value(&text, "process_start_time_seconds").unwrap_or_default();
    assert!((now - 60.0..now).contains(&started), "{started} {now}");
    assert!(value(&text, "process_cpu_seconds_total").is_some_and(|seconds| seconds < 60.0), "{text}");
    drop(idle);
}

#[test]
fn a_prefix_rule_does_not_touch_metrics_and_the_page() {
    let server = Server::start(&[("FAULTS", "app fail; /* fail"), ("CONTROL", "off")]);
    assert_eq!(server.get("/metrics").status, 200);
    assert_eq!(server.ask("GET /ui HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n").status, 200);
    assert_eq!(server.get("/whoami").status, 500);
}

#[test]
fn a_denied_call_is_counted_however_it_is_asked_for() {
    let server = Server::start(&[]);
    let denied = || value(&server.get("/metrics").text(), "probeserver_resolve_total{result=\"denied\"}");
    for (query, status, want) in [("", 403, 1.0), ("&count=3", 200, 4.0), ("&count=3&fresh=0", 403, 5.0)] {
        assert_eq!(server.get(&format!("/resolve?service=127.0.0.1:1{query}")).status, status, "{query}");
        assert_eq!(denied(), Some(want), "{query}");
    }
}
