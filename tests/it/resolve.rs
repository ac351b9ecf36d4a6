//! `/resolve`, one call: its grammar, whom it may call, what it says when that fails, and what it passes on.

use std::time::{Duration, Instant};

use crate::fake::{Fake, full_listener};
use crate::harness::{Server, get};

const LOOPBACK: (&str, &str) = ("RESOLVE_ALLOW", "127.0.0.0/8");

#[track_caller]
fn resolve(server: &Server, service: &str) -> (u16, String) {
    let response = server.get(&format!("/resolve?service={service}"));
    (response.status, response.text())
}

/// A failure is one line that says these words.
#[track_caller]
fn assert_fails(server: &Server, service: &str, status: u16, words: &str) {
    let (got, text) = resolve(server, service);
    let is_one_line = text.ends_with('\n') && text.lines().count() == 1;
    let says_so = text.to_ascii_lowercase().contains(&words.to_ascii_lowercase());
    assert!(
        got == status && is_one_line && says_so,
        "{service}: want {status} and {words:?}, got {got} {text:?}\n{server}"
    );
}

/// What follows the second line of dashes.
fn below_the_block(text: &str) -> &str {
    text.splitn(3, &format!("{}\n", "-".repeat(52))).nth(2).unwrap_or("(no block)")
}

#[test]
fn a_service_is_host_port_and_path() {
    let server = Server::start(&[LOOPBACK]);
    assert_eq!(server.get("/resolve").status, 400);
    let long = format!("{}.example", "a".repeat(64));
    let longer = ["abcdefg"; 40].join(".");
    for bad in [
        "",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.01",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "a..b",
        ".a",
        "a!b",
        "a:b",
        "a:0",
        "a:65536",
        "a:-1",
        "a:",
        "a:80:80",
        "::1",
        "[::1",
        "[::1]x",
        "[1.2.3.4]",
        "[fe80::1%25eth0]",
        "u@a",
        "http://a",
        "a%20b",
        "a%0d%0ab",
        "/path",
        ":80",
        "a?b",
        "a/b%20c",
        "a/b%0d%0aX:y",
        "a/b%23c",
        &long,
        &longer,
    ] {
        let (status, text) = resolve(&server, bad);
        assert!(status == 400 && text.lines().count() == 1, "{bad:?}: {status} {text:?}");
    }
}

#[test]
fn the_path_and_its_query_are_asked_for_as_given() {
    let server = Server::start(&[LOOPBACK]);
    let fake = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    for (path, request_line) in [
        ("", "GET / HTTP/1.1"),
        ("/", "GET / HTTP/1.1"),
        ("/a/b", "GET /a/b HTTP/1.1"),
        ("/a?b=c", "GET /a?b=c HTTP/1.1"),
        ("/%2541", "GET /%41 HTTP/1.1"),
    ]
    // a value in a query is decoded once
    {
        let (status, text) = resolve(&server, &fake.service(path));
        assert!(status == 200 && below_the_block(&text) == "hi", "{path}: {status} {text}");
        let head = fake.head();
        assert_eq!(head.lines().next(), Some(request_line), "{head}");
        assert!(
            has_field(&head, "host", &format!("127.0.0.1:{}", fake.port)) && has_field(&head, "connection", "close"),
            "{head}"
        );
    }
}

#[test]
fn addresses_that_are_nobodys_business_are_refused() {
    let server = Server::start(&[]);
    for service in [
        "127.0.0.1",
        "127.9.9.9:80",
        "[::1]",
        "localhost",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "169.254.0.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fd20:ce::254]",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "239.1.1.1",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
    ] {
        assert_fails(&server, service, 403, "");
    }
    let own = server.get("/ip").text();
    assert_fails(&server, own.trim(), 403, ""); // an address of this machine
    let told = [("IP_ADDRESS", "192.0.2.7"), ("POD_IP", "192.0.2.8")];
    let server = Server::start(&told);
    for service in ["192.0.2.7", "192.0.2.8", "[64:ff9b::192.0.2.8]"] {
        assert_fails(&server, service, 403, "not allowed");
    }
}

#[test]
fn a_cidr_allows_what_it_names() {
    let fake = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    for (allow, status) in [
        ("127.0.0.0/8", 200),
        ("127.0.0.1/32", 200),
        ("10.0.0.0/8, 127.0.0.0/30", 200),
        ("*,127.0.0.1/32", 200),
        ("127.0.0.2/32", 403),
        ("10.0.0.0/8", 403),
        ("*", 403),
        ("localhost", 403),
    ] {
        let server = Server::start(&[("RESOLVE_ALLOW", allow)]);
        let (got, text) = resolve(&server, &fake.service("/"));
        assert_eq!(got, status, "{allow}: {text}");
    }
    // A mapped address is the address inside, allowed or not.
    let server = Server::start(&[LOOPBACK]);
    assert_eq!(resolve(&server, &format!("[::ffff:127.0.0.1]:{}", fake.port)).0, 200);
}

/// A name that may be called is looked up (and here never found); one that may not is refused.
#[test]
fn a_name_is_allowed_alone_or_by_its_suffix() {
    let variables = [("RESOLVE_ALLOW", "one.invalid,*.svc.invalid"), ("RESOLVE_TIMEOUT", "1s")];
    let server = Server::start(&variables);
    for name in ["other.invalid", "svc.invalid", "xsvc.invalid", "a.one.invalid", "one.invalid.example"] {
        assert_fails(&server, name, 403, "");
    }
    for name in ["one.invalid", "ONE.Invalid", "a.svc.invalid", "A.b.SVC.invalid:8080/path"] {
        let (status, text) = resolve(&server, name);
        assert!(matches!(status, 502 | 504) && text.contains("resolve"), "{name}: {status} {text:?}");
    }
}

#[test]
fn failures_say_which_phase_failed() {
    let server = Server::start(&[LOOPBACK, ("RESOLVE_TIMEOUT", "20s")]);
    let free_port =
        std::net::TcpListener::bind("127.0.0.99:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    assert_fails(&server, &format!("127.0.0.99:{free_port}"), 502, "connect");
    assert_fails(&server, &Fake::resetting().service("/"), 502, "receive");
    for not_http in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "\0\0\0",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ] {
        assert_fails(&server, &Fake::answering(not_http).service("/"), 502, "");
    }
    let with_fields = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert_eq!(resolve(&server, &Fake::answering(with_fields(64)).service("/")).0, 200);
    assert_fails(&server, &Fake::answering(with_fields(65)).service("/"), 502, "more than 64 fields");
}

#[test]
fn a_timeout_covers_everything_and_says_its_phase() {
    let server = Server::start(&[LOOPBACK, ("RESOLVE_TIMEOUT", "2s")]);
    let timed = |service: &str, phase: &str| {
        let began = Instant::now();
        assert_fails(&server, service, 504, phase);
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(2), "{service} took {took:?}");
    };
    timed(&Fake::silent().service("/"), "receive");
    let (listener, _taken) = full_listener();
    timed(&listener.local_addr().expect("it is bound").to_string(), "connect");
}

#[test]
fn the_status_of_the_service_is_shown_unless_it_is_fine() {
    let server = Server::start(&[LOOPBACK, ("HOSTNAME", "h"), ("IP_ADDRESS", "10.0.0.1")]);
    let other = Server::start(&[]);
    let dashes = "-".repeat(52);
    let block = |status: &str, body: &str| {
        let service = "Service hostname = 127.0.0.1\nService IP = 127.0.0.1";
        format!("{dashes}\nHostname = h\nIp Address = 10.0.0.1\n{service}\n{status}{dashes}\n{body}")
    };
    for (path, status, body) in [
        ("/status/503", "Service status = 503 Service Unavailable\n", "503 Service Unavailable\n"),
        ("/nowhere", "Service status = 404 Not Found\n", "404 Not Found\n"),
        ("/status/204", "", ""),
        ("/hostname/", "Service status = 404 Not Found\n", "404 Not Found\n"),
        ("/status/201", "", "201 Created\n"),
    ] {
        let (got, text) = resolve(&server, &format!("127.0.0.1:{}{path}", other.port()));
        assert_eq!((got, text), (200, block(status, body)), "{path}");
    }
    // A redirect is an answer like any other; nobody follows it.
    let fake = Fake::answering("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(resolve(&server, &fake.service("/")).1, block("Service status = 302 Found\n", ""));
}

#[test]
fn the_body_is_shown_as_received_however_it_is_framed() {
    let server = Server::start(&[LOOPBACK]);
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello\nworld",
        "HTTP/1.1 200 OK\r\n\r\nhello\nworld",
        "HTTP/1.0 200 OK\r\n\r\nhello\nworld",
        "HTTP/1.1 200\r\nContent-Length: 11\r\n\r\nhello\nworld",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n5;x=y\r\nworld\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello\nworld",
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello\nworld and more than was said",
    ] {
        let (status, text) = resolve(&server, &Fake::answering(answer).service("/"));
        assert_eq!((status, below_the_block(&text)), (200, "hello\nworld"), "{answer:?}");
    }
}

#[test]
fn an_answer_without_content_has_none_whatever_its_fields_say() {
    let server = Server::start(&[LOOPBACK]);
    for fields in ["Transfer-Encoding: chunked", "Content-Length: 5", "X: y"] {
        let answer = format!("HTTP/1.1 204 No Content\r\n{fields}\r\n\r\n");
        assert_eq!(resolve(&server, &Fake::answering(answer).service("/")).0, 200, "{fields}");
    }
}

#[test]
fn a_body_over_1_mib_is_cut_there() {
    let server = Server::start(&[LOOPBACK]);
    const MOST: usize = 1 << 20;
    for (length, is_cut) in [(MOST, false), (MOST + 1, true)] {
        let body = "a".repeat(length);
        for head in
            [format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"), "HTTP/1.1 200 OK\r\n\r\n".to_owned()]
        {
            let (status, text) = resolve(&server, &Fake::answering(format!("{head}{body}")).service("/"));
            let (shown, rest) = below_the_block(&text).split_at_checked(MOST).expect("1 MiB at least");
            assert!(status == 200 && shown == &body[..MOST], "{head:?}");
            assert_eq!(rest, if is_cut { "\n(cut at 1048576 bytes)\n" } else { "" }, "{head:?}");
        }
    }
}

#[test]
fn a_request_that_went_round_too_often_is_508() {
    let fake = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let ask = |server: &Server, hops: &str| {
        let target = format!("/resolve?service={}", fake.service("/"));
        server.ask(format!("GET {target} HTTP/1.1\r\nHost: a\r\nProbe-Hops: {hops}\r\n\r\n")).status
    };
    let server = Server::start(&[LOOPBACK]);
    assert_eq!(server.get(&format!("/resolve?service={}", fake.service("/"))).status, 200);
    assert!(has_field(&fake.head(), "probe-hops", "1"));
    for (hops, status) in [("1", 200), ("2", 200), ("3", 508), ("4", 508)] {
        assert_eq!(ask(&server, hops), status, "{hops} hops");
    }
    for nonsense in ["99999999999999999999", "-1", "x"] {
        assert!(matches!(ask(&server, nonsense), 400 | 508), "{nonsense} hops");
    }
    assert!(has_field(&fake.head(), "probe-hops", "2"));
    assert!(has_field(&fake.head(), "probe-hops", "3"));

    // Called by itself, it stops of its own accord.
    let looped = Server::start(&[LOOPBACK]);
    let service =
        (0..5).fold("127.0.0.1".to_owned(), |inner, _| format!("127.0.0.1:{}/resolve?service={inner}", looped.port()));
    let (status, text) = resolve(&looped, &service);
    assert!(status == 400 || (status == 200 && text.contains("508 Loop Detected")), "{status} {text}");

    let server = Server::start(&[LOOPBACK, ("RESOLVE_MAX_HOPS", "1")]);
    assert_eq!(ask(&server, "1"), 508);
}

#[test]
fn tracing_fields_are_passed_on_and_nothing_else() {
    let server = Server::start(&[LOOPBACK]);
    let fake = Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let passed = [
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "a=b,c=d"),
        ("b3", "1-2-3"),
        ("X-B3-TraceId", "463ac35c9f6413ad"),
        ("x-b3-sampled", "1"),
        ("X-Request-Id", "req 1"),
    ];
    let kept_back = [
        ("Authorization", "Bearer s"),
        ("Cookie", "a=b"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("Accept-Language", "de"),
        ("X-Custom", "x"),
        ("Proxy-Authorization", "x"),
        ("b3x", "no"),
        ("x-b3", "no"),
        ("traceparents", "no"),
        ("Forwarded", "for=x"),
        ("TE", "trailers"),
        ("Via", "1.1 x"),
    ];
    let fields: String = passed.iter().chain(&kept_back).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let response =
        server.ask(format!("GET /resolve?service={} HTTP/1.1\r\nHost: a\r\n{fields}\r\n", fake.service("/")));
    assert_eq!(response.status, 200, "{response:#?}");
    let head = fake.head();
    for (name, value) in passed {
        assert!(has_field(&head, name, value), "{name} is missing: {head}");
    }
    let known = ["host", "connection", "user-agent", "accept", "probe-hops"];
    for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let is_passed = passed.iter().any(|(passed, _)| passed.eq_ignore_ascii_case(&name));
        assert!(is_passed || known.contains(&name.as_str()), "{line:?} was passed on: {head}");
    }
}

#[test]
fn at_most_8_calls_go_out_and_checks_go_on() {
    let server = Server::start(&[LOOPBACK, ("RESOLVE_TIMEOUT", "10s")]);
    let silent = Fake::silent();
    let target = format!("/resolve?service={}", silent.service("/"));
    let mut callers: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for caller in &mut callers {
        caller.send(get(&target));
        silent.head(); // it is on its way
    }
    let ninth = server.get(&target);
    assert!(ninth.status == 503 && ninth.field("retry-after").is_some(), "{ninth:#?}");
    let mut prober = server.connect();
    for _ in 0..50 {
        assert_eq!(prober.ask(get("/healthz")).status, 200);
    }
    assert!(callers.iter_mut().all(|caller| !caller.has_news_within(Duration::from_millis(1))));
}

fn has_field(head: &str, name: &str, value: &str) -> bool {
    let is_it = |(field, text): (&str, &str)| field.eq_ignore_ascii_case(name) && text.trim() == value;
    head.lines().filter_map(|line| line.split_once(':')).any(is_it)
}
