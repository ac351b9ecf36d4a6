//! Rows 74 to 95: methods, connections, answers, and requests that come in pieces or in heaps.
//! Deadlines (96 to 100) are in `deadlines`, the limits of many connections (101, 102) in `limits`.

use std::time::{Duration, SystemTime};

use crate::client::Response;
use crate::harness::{Server, get, post};
use crate::table::{check, closes, keeps, line, with};

#[test]
fn methods_paths_and_optional_fields_get_their_status() {
    check(&[
        keeps(74, line("HEAD / HTTP/1.1"), &[200]),
        keeps(74, line("HEAD /healthz HTTP/1.1"), &[200]),
        keeps(74, line("HEAD /nowhere HTTP/1.1"), &[404]),
        keeps(75, post("/", "x"), &[405]),
        keeps(75, line("PUT / HTTP/1.1"), &[405]),
        keeps(75, line("DELETE /healthz HTTP/1.1"), &[405]),
        keeps(75, line("PATCH /whoami HTTP/1.1"), &[405]),
        keeps(75, line("TRACE / HTTP/1.1"), &[405]),
        keeps(75, line("GET /echo HTTP/1.1"), &[405]),
        keeps(77, get("/nowhere"), &[404]),
        keeps(77, get("/healthz/"), &[404]),
        keeps(77, get("/HEALTHZ"), &[404]),
        keeps(77, get("//"), &[404]),
        keeps(77, get("/../"), &[404]),
        keeps(
            78,
            with("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n"),
            &[200],
        ),
        keeps(78, with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n"), &[200]),
        keeps(78, with("Upgrade: h2c\r\n"), &[200]),
        keeps(
            79,
            with("Range: bytes=0-0\r\nIf-None-Match: *\r\nIf-Modified-Since: x\r\nAccept: no/such\r\nCookie: a=b\r\n"),
            &[200],
        ),
        closes(81, with("Expect: something-else\r\n"), &[417]),
        keeps(82, with("Connection: keep-alive\r\n"), &[200]),
        closes(83, with("Connection: close\r\n"), &[200]),
        closes(83, with("Connection: CLOSE\r\n"), &[200]),
        closes(83, with("Connection: keep-alive, close\r\n"), &[200]),
        closes(83, with("Connection: keep-alive\r\nConnection: x ,close\r\n"), &[200]),
        keeps(83, with("Connection: closed, not-close\r\n"), &[200]),
        closes(84, "GET / HTTP/1.0\r\n\r\n", &[200]),
        closes(84, "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", &[200]),
        keeps(84, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &[200]),
        keeps(84, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &[200]),
    ]);
}

#[test]
fn http_1_0_with_keep_alive_is_told_so() {
    let response = Server::start(&[]).ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(
        response.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("keep-alive")),
        "{response:#?}"
    );
}

#[test]
fn method_not_allowed_names_the_methods_that_are() {
    let server = Server::start(&[]);
    for (request, allowed) in [
        (post("/", ""), &["GET", "HEAD"][..]),
        (post("/healthz", ""), &["GET", "HEAD"]),
        (get("/echo"), &["POST"]),
        (line("HEAD /crash HTTP/1.1"), &["GET", "POST"]),
        (line("PUT /cpu HTTP/1.1"), &["GET", "POST"]),
    ] {
        let response = server.ask(&request); // row 75
        let allow: Vec<&str> = response.field("allow").unwrap_or_default().split(", ").collect();
        assert!(
            response.status == 405 && allowed.iter().all(|method| allow.contains(method)),
            "{request:?}: {response:#?}"
        );
    }
}

#[test]
fn head_has_the_fields_of_get_and_no_content() {
    let server = Server::start(&[("CONTENT", "hello")]);
    for target in ["/", "/healthz", "/nowhere", "/bytes/100000", "/status/204", "/status/503"] {
        let mut client = server.connect(); // row 74
        let (head, get) = (client.ask(line(&format!("HEAD {target} HTTP/1.1"))), client.ask(get(target)));
        let without_date = |response: &Response| {
            let fields = response.fields.iter().filter(|(name, _)| name != "Date");
            (response.status, fields.cloned().collect::<Vec<_>>())
        };
        assert_eq!(without_date(&head), without_date(&get), "{target}");
    }
}

#[test]
fn expect_100_continue_is_answered_before_the_content_comes() {
    let server = Server::start(&[]);
    let mut client = server.connect(); // row 80
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n");
    assert_eq!(client.response().status, 100);
    client.send("hello");
    client.response().expect(200, "hello");
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response().status, 100);
    client.send("5\r\nhello\r\n0\r\n\r\n");
    client.response().expect(200, "hello");

    // Nothing to wait for, so nothing to say: an interim answer here would only confuse.
    let response = client.ask(with("Expect: 100-continue\r\n"));
    assert_eq!(response.status, 200);

    let old = "POST /echo HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello";
    server.ask(old).expect(200, "hello");
}

#[test]
fn pipelined_requests_are_answered_in_order_each_once() {
    let server = Server::start(&[]);
    let mut client = server.connect(); // row 85
    client.send(format!("{}{}{}", get("/status/201"), line("HEAD /bytes/1000 HTTP/1.1"), get("/status/202")));
    assert_eq!(client.response().status, 201);
    assert_eq!(client.head_response().field("content-length"), Some("1000"));
    assert_eq!(client.response().status, 202);

    let echoes: String = (0..300).map(|number| post("/echo", &format!("number {number}"))).collect();
    client.send(echoes);
    for number in 0..300 {
        client.response().expect(200, &format!("number {number}"));
    }

    // A delayed answer holds back the ones behind it, and what comes after a close is not looked at.
    let last = "GET /status/203 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    client.send(format!("{}{}{last}{}", get("/delay/50ms"), get("/status/204"), get("/crash")));
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().status, 204);
    assert_eq!(client.response().status, 203);
    client.expect_end();
    server.get("/version");
}

/// Such an answer need not wait for the content; if it does not, the connection ends with it.
#[test]
fn a_refusal_before_the_content_is_there_leaves_nothing_to_misread() {
    let server = Server::start(&[]);
    for (target, status) in [("/", 405), ("/nowhere", 404), ("/crash?code=256", 400)] {
        let request = post(target, &get("/crash"));
        for middle in 1..request.len() {
            let mut client = server.connect();
            let (first, second) = request.as_bytes().split_at(middle);
            client.send(first);
            let _ = client.try_send(second);
            let response = client.response();
            assert_eq!(response.status, status, "cut at {middle}: {request:?}");
            if response.closes() { client.finish_sending().expect_end() } else { drop(client.ask(get("/version"))) }
        }
    }
    server.get("/version");
}

/// Head, content and what follows are larger together than what the server reads at a time.
#[test]
fn requests_behind_long_content_are_not_lost() {
    let server = Server::start(&[]);
    let filler = "b".repeat(15_000);
    let behind = get("/status/201").repeat(300);
    for target in ["GET /delay/50ms", "GET /hostname", "POST /echo", "GET /bytes/10485760", "POST /"] {
        for length in [0, 1, 1000, 2000, 8192, 60_000] {
            let mut client = server.connect();
            let head = format!("{target} HTTP/1.1\r\nHost: a\r\nX: {filler}\r\nContent-Length: {length}\r\n\r\n");
            client.send(format!("{head}{}{behind}", "c".repeat(length)));
            let first = client.response();
            assert!(matches!(first.status, 200 | 405), "{target} with {length}: {first:#?}");
            if first.closes() {
                continue; // it may not want to read what nobody asked for
            }
            for number in 0..300 {
                assert_eq!(client.response().status, 201, "{target} with {length}: number {number} behind");
            }
        }
    }
}

#[test]
fn nothing_is_parsed_after_an_error() {
    let crash = get("/crash");
    let behind = |request: &str| format!("{}{request}{crash}", get("/status/201"));
    let server = Server::start(&[]);
    for request in [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\nHost: a\n\n".to_owned(),
        with("Content-Length: 5\r\nContent-Length: 6\r\n"),
        with("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
        with("Transfer-Encoding: xchunked\r\n"),
        with("Transfer-Encoding: chunked\r\n") + "\r\n",
        with("Content-Length: 999999999\r\n"),
        line("FOOBAR / HTTP/1.1"),
        line("GET / HTTP/2.0"),
        with(&"X: y\r\n".repeat(70)),
        line(&format!("GET /{} HTTP/1.1", "a".repeat(9000))),
    ] {
        let mut client = server.connect();
        client.send(behind(&request)); // rows 85, 86
        assert_eq!(client.response().status, 201);
        let error = client.response();
        assert!(error.status >= 400 && error.closes(), "{request:?}: {error:#?}");
        client.expect_end();
        server.get("/version");
    }
}

#[test]
fn an_error_can_be_read_while_the_client_still_sends() {
    let server = Server::start(&[]);
    for (request, status) in [(with("Content-Length: 999999999\r\n"), 413), ("nonsense\r\n\r\n".to_owned(), 400)] {
        let mut client = server.connect(); // row 86
        client.send(request);
        client.send("x".repeat(256 << 10));
        assert_eq!(client.response().status, status);
        client.finish_sending().expect_end();
    }
}

/// RFC 9112 section 9.6: what a client has sent behind its last request must not make a reset that costs it answers.
#[test]
fn what_follows_the_last_request_costs_no_answer() {
    let server = Server::start(&[]);
    for last in
        ["GET /version HTTP/1.0\r\nHost: a\r\n\r\n", "GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]
    {
        let mut client = server.connect(); // row 86
        client.send([&get("/version").repeat(60), last, &get("/version").repeat(600)].concat());
        for number in 0..=60 {
            let response = client.response();
            assert_eq!((response.status, response.closes()), (200, number == 60), "{last:?}: {number}");
        }
        client.finish_sending().expect_end();
    }
}

#[test]
fn clients_that_go_away_do_no_harm() {
    let server = Server::start(&[]);
    for _ in 0..20 {
        let mut client = server.connect(); // row 88
        client.send(get("/bytes/10485760"));
        client.has_news_within(Duration::from_secs(20));
        drop(client); // unread bytes make this a reset
        server.connect().send(post("/echo", "x").split_at(40).0);
        server.connect().send(get("/delay/10ms"));
    }
    server.get("/version");
}

#[test]
fn a_request_cut_anywhere_gets_the_same_answer() {
    let server = Server::start(&[("CONTENT", "hello")]);
    let plain = "POST /echo?a=b HTTP/1.1\r\nHost: a.example:80\r\nX-Y: \t z\r\nContent-Length: 11\r\n\r\nhello\r\nmore";
    let in_chunks = "\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\n";
    let simple = with("User-Agent: curl\r\nAccept: */*\r\n");
    let bad = line("GET /a b HTTP/1.1");
    for request in [plain, in_chunks, &simple, &bad] {
        let closes = request == bad;
        let answer = |pieces: &[&[u8]]| {
            let mut client = server.connect(); // row 89
            for piece in pieces {
                client.send(piece);
            }
            let mut response = client.response();
            response.fields.retain(|(name, _)| name != "Date");
            if closes {
                client.expect_end();
            } else {
                client.ask(get("/version"));
            }
            response
        };
        let whole = answer(&[request.as_bytes()]);
        for middle in 1..request.len() {
            let (first, second) = request.as_bytes().split_at(middle);
            assert_eq!(answer(&[first, second]), whole, "cut at {middle}: {request:?}");
        }
        let bytes: Vec<&[u8]> = request.as_bytes().chunks(1).collect();
        assert_eq!(answer(&bytes), whole, "byte by byte: {request:?}");
    }
}

#[test]
fn every_answer_says_when_what_and_how_long() {
    let server = Server::start(&[]);
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    // Rows 90, 91, 92, 94, 95; the client itself checks the shape of each answer.
    for request in [
        "GET / HTTP/1.1",
        "GET / HTTP/1.0",
        "GET /nowhere HTTP/1.1",
        "POST / HTTP/1.1",
        "GET /status/304 HTTP/1.1",
        "BAD",
    ] {
        let before = now();
        let response = server.ask(line(request));
        let mut dates = (before - 1..=now() + 1).map(http_date);
        assert!(dates.any(|date| response.field("date") == Some(&date)), "{request}: {response:#?}");
        assert!(response.body.is_empty() || response.field("content-type").is_some(), "{request}: {response:#?}");
    }
    for (status, reason) in [
        (200, "OK"),
        (204, "No Content"),
        (301, "Moved Permanently"),
        (304, "Not Modified"),
        (404, "Not Found"),
        (418, "I'm a teapot"),
        (429, "Too Many Requests"),
        (500, "Internal Server Error"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"),
    ] {
        let response = server.get(&format!("/status/{status}"));
        let same = response.reason == reason || (status == 418 && !response.reason.is_empty());
        assert!(response.status == status && same, "{response:#?}");
    }
}

#[test]
fn what_comes_in_cannot_become_a_field_of_the_answer() {
    let server = Server::start(&[]);
    for target in ["/%0d%0aInjected:%20x", "/nowhere?%250d%250aInjected:x", "/resolve?service=a%0d%0aInjected:x"] {
        let response = server.get(target); // row 93
        assert_eq!(response.field("injected"), None, "{response:#?}");
    }
    let response = server.ask(post("/echo", "<script>alert(1)</script>"));
    assert_eq!(response.field("x-content-type-options"), Some("nosniff"), "{response:#?}"); // row 94
}

#[test]
fn what_the_environment_says_cannot_become_a_field_either() {
    let server = Server::start(&[("HOSTNAME", "h\r\nInjected: x"), ("POD_NAMESPACE", "n\r\n\"x\u{1}")]);
    for target in ["/", "/whoami", "/nowhere"] {
        let response = server.get(target); // the client refuses a field that is not visible ASCII
        assert_eq!(response.field("injected"), None, "{response:#?}");
    }
    crate::lines::Json::parse(&server.get("/whoami").text());
}

/// IMF-fixdate, worked out here by counting days, so that the server's own arithmetic is not its judge.
fn http_date(seconds: u64) -> String {
    let (mut day, mut year, mut month) = (seconds / 86_400, 1970, 0);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(day % 7) as usize];
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let days = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while day >= days[month] {
        day -= days[month];
        month += 1;
    }
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month];
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{weekday}, {:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT", day + 1)
}
