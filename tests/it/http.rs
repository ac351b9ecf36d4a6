//! Rows 1 to 48: line ends, request lines, Host, fields. What a message carries is in `bodies`, how messages follow each
//! other in `exchanges`.

use crate::harness::{Server, get, post};
use crate::table::{check, closes, host, keeps, line, with};

#[test]
fn lines_end_in_crlf_and_nothing_else() {
    check(&[
        keeps(1, get("/"), &[200]),
        keeps(2, format!("\r\n{}", get("/")), &[200]),
        keeps(3, format!("{}{}", "\r\n".repeat(8), get("/")), &[200]),
        closes(3, format!("{}{}", "\r\n".repeat(9), get("/")), &[400]),
        closes(3, "\r\n".repeat(5000), &[400]),
        closes(4, format!("\n{}", get("/")), &[400]),
        closes(4, format!("\r\n\n{}", get("/")), &[400]),
        closes(4, "GET / HTTP/1.1\nHost: a\r\n\r\n", &[400]),
        closes(4, "GET / HTTP/1.1\r\nHost: a\n\r\n", &[400]),
        closes(4, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", &[400]),
        closes(4, "GET / HTTP/1.1\r\nHost: a\r\n\n", &[400]),
        closes(4, "GET / HTTP/1.1\nHost: a\n\n", &[400]),
        closes(5, "GET / HTTP/1.1\rHost: a\r\n\r\n", &[400]),
        closes(5, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", &[400]),
        closes(5, "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        closes(5, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        closes(6, "GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n\r\n", &[400]),
        closes(7, format!(" {}", get("/")), &[400]),
        closes(7, format!("\t{}", get("/")), &[400]),
        closes(7, format!("  \r\n{}", get("/")), &[400]),
        closes(8, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", &[400]),
        closes(8, b"\x00\x01\x02\x03\r\n\r\n", &[400]),
        closes(8, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r \n", &[505]), // Whole, it is gRPC's.
        closes(8, "HTTP/1.1 200 OK\r\nHost: a\r\n\r\n", &[400]),
    ]);
}

/// What a tcpSocket probe does, every few seconds, for ever.
#[test]
fn a_connection_without_a_byte_gets_no_answer_and_no_log_line() {
    let server = Server::start(&[("LOG_REQUESTS", "all")]);
    let lines_before = server.log().len();
    for _ in 0..20 {
        let mut client = server.connect(); // row 9
        client.finish_sending().expect_end();
    }
    server.get("/version");
    server.wait_for_log("/version");
    let log = server.log();
    assert_eq!(log.len(), lines_before + 1, "{log:#?}");
}

#[test]
fn a_head_that_ends_in_the_middle_closes_the_connection() {
    let server = Server::start(&[]);
    for part in
        ["G", "GET / HT", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r"]
    {
        let mut client = server.connect(); // row 10
        client.send(part).finish_sending();
        if let Ok(response) = client.try_answer(false) {
            assert_eq!(response.status, 400, "{part:?}");
        }
        client.expect_end();
    }
}

#[test]
fn request_lines_are_method_target_version_and_single_spaces() {
    check(&[
        closes(11, line("GET  / HTTP/1.1"), &[400]),
        closes(11, line("GET\t/ HTTP/1.1"), &[400]),
        closes(11, line("GET /\tHTTP/1.1"), &[400]),
        closes(11, line("GET / HTTP/1.1 "), &[400]),
        closes(11, line("GET / HTTP/1.1\t"), &[400]),
        closes(12, line("GET HTTP/1.1"), &[400]),
        closes(12, line("GET"), &[400]),
        closes(12, line("GET "), &[400]),
        closes(13, "GET /\r\n\r\n", &[400]),
        closes(13, line("GET /"), &[400]),
        closes(14, line("GET / HTTP/2.0"), &[505]),
        closes(14, line("GET / HTTP/9.9"), &[505]),
        closes(14, line("GET / HTTP/3.0"), &[505]),
        closes(14, line("GET / HTTP/0.9"), &[505]),
        closes(15, line("GET / HTTP/1.2"), &[505]),
        closes(16, line("GET / HTTP/1"), &[400]),
        closes(16, line("GET / HTTP/01.01"), &[400]),
        closes(16, line("GET / HTTP/ 1.1"), &[400]),
        closes(16, line("GET / HTTP/1.32"), &[400]),
        closes(16, line("GET / http/1.1"), &[400]),
        closes(16, line("GET / HTTP/4294967295.255"), &[400]),
        closes(16, line("GET / HTTP/1.1x"), &[400]),
        closes(16, line("GET / XTTP/1.1"), &[400]),
        closes(17, line("GET /pa th HTTP/1.1"), &[400]),
        closes(17, line("GET /  HTTP/1.1"), &[400]),
        closes(24, line("VERYLONGMETHODNAMETHATNOBODYEVERREGISTERED / HTTP/1.1"), &[501]),
        closes(24, line(&format!("{} / HTTP/1.1", "A".repeat(100_000))), &[400, 414, 501]),
        closes(76, line("FOOBAR / HTTP/1.1"), &[501]),
        closes(76, line("get / HTTP/1.1"), &[501]),
        closes(76, line("GETT / HTTP/1.1"), &[501]),
    ]);
}

#[test]
fn targets_hold_only_what_a_uri_may() {
    let mut cases = Vec::new();
    for byte in ["\0", "\x01", "\x0b", "\x0c", "\x1f", "\x7f"] {
        cases.push(closes(18, line(&format!("GET /{byte}x HTTP/1.1")), &[400]));
    }
    for bytes in [&b"\xc3\xa9"[..], b"\xc0\xaf", b"\xff", b"\x80"] {
        cases.push(closes(19, [b"GET /", bytes, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat(), &[400]));
    }
    for target in ["/p#f", "/#", "http://a/p#f", "/?q#f"] {
        cases.push(closes(20, get(target), &[400]));
    }
    for octet in "\"<>\\^{|}".chars() {
        cases.push(closes(21, get(&format!("/a{octet}b")), &[400]));
        cases.push(closes(21, get(&format!("/?a{octet}b")), &[400]));
    }
    for target in ["/%", "/%1", "/%1g", "/%zz", "/?%", "/?a=%f"] {
        cases.push(closes(21, get(target), &[400]));
    }
    for target in ["/%00", "/%0d%0aX:%20y", "/%0A?", "/%0D", "/?a=%00", "/resolve?service=a%00"] {
        cases.push(closes(22, get(target), &[400]));
    }
    // A plan in a query has lines; other values have not.
    cases.push(keeps(22, get("/resolve?service=a%0d%0ab"), &[400]));
    cases.push(keeps(22, post("/forecast?pods=1&plan=ready+fail%0D%0Alive+fail", ""), &[200]));
    cases.push(keeps(77, get("/%41~-._!$&'()*+,;=:@"), &[404]));
    cases.push(keeps(77, get("/?a=b&c=%20d/?"), &[200]));
    check(&cases);
}

#[test]
fn request_lines_over_8_kib_are_414() {
    check(&[
        keeps(23, get(&format!("/{}", "a".repeat(7900))), &[404]),
        keeps(23, get(&format!("/?{}", "a".repeat(8170))), &[200]),
        closes(23, get(&format!("/{}", "a".repeat(8200))), &[414]),
        closes(23, get(&format!("/{}", "a".repeat(9000))), &[414]),
        closes(23, get(&format!("/{}", "a".repeat(60_000))), &[414]),
        closes(23, format!("GET /{}", "a".repeat(9000)), &[414]), // its line end never comes
    ]);
}

#[test]
fn the_four_forms_of_a_target() {
    check(&[
        keeps(25, line("OPTIONS * HTTP/1.1"), &[204]),
        closes(26, line("GET * HTTP/1.1"), &[400]),
        closes(26, line("GET *a HTTP/1.1"), &[400]),
        keeps(27, line("GET http://a/ HTTP/1.1"), &[200]),
        keeps(27, line("GET http://a HTTP/1.1"), &[200]),
        keeps(27, line("GET HTTP://a:80/?q HTTP/1.1"), &[200]),
        keeps(27, line("GET http://a/nothing-here HTTP/1.1"), &[404]),
        keeps(28, line("GET http://other:81/ HTTP/1.1"), &[200]),
        closes(29, line("GET http://u@a/ HTTP/1.1"), &[400]),
        closes(29, line("GET http://u:p@a/ HTTP/1.1"), &[400]),
        closes(29, line("GET http:/// HTTP/1.1"), &[400]),
        closes(29, line("GET http://:80/ HTTP/1.1"), &[400]),
        closes(29, line("GET http://a:0/ HTTP/1.1"), &[400]),
        closes(29, line("GET http://a:65536/ HTTP/1.1"), &[400]),
        closes(29, line("GET http://a:http/ HTTP/1.1"), &[400]),
        closes(29, line("GET ftp://a/ HTTP/1.1"), &[400]),
        closes(30, line("GET a:80 HTTP/1.1"), &[400]),
        closes(30, line("GET a HTTP/1.1"), &[400]),
        closes(30, line("GET path/a HTTP/1.1"), &[400]),
        closes(31, line("CONNECT a:443 HTTP/1.1"), &[501]),
    ]);
    let options = Server::start(&[]).ask(line("OPTIONS * HTTP/1.1"));
    assert!(options.field("allow").is_some_and(|allow| allow.contains("GET")), "{options:#?}");
}

#[test]
fn host_is_one_plain_authority() {
    let mut cases = vec![
        closes(32, "GET / HTTP/1.1\r\n\r\n", &[400]),
        closes(32, "GET http://a/ HTTP/1.1\r\n\r\n", &[400]),
        closes(33, with("Host: b\r\n"), &[400]),
        closes(33, with("Host: a\r\n"), &[400]),
        closes(33, with("hOST: a\r\n"), &[400]),
        closes(34, host("a\0"), &[400]),
        closes(35, host(""), &[400]),
        closes(35, host("  "), &[400]),
        closes(37, "GET / HTTP/1.0\r\n\r\n", &[200]),
        closes(37, "GET / HTTP/1.0\r\nHost: a\r\n\r\n", &[200]),
        closes(45, b"GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n", &[400]),
    ];
    let bad = [
        "u@a", "u:p@a", "a/path", "a,b", "a, b", "a b", "a:b", "a:65536", "a:-1", "a:80:80", "a..b", "[::1", "::1",
        "[::1]x", "[a]", "[]", "a?q", "a#f", "a\\b", "http://a", "a\tb",
    ];
    cases.extend(bad.iter().map(|value| closes(34, host(value), &[400])));
    let good = ["A", "a:80", "A.Example.", "[::1]:80", "[::1]", "127.0.0.1:8080", "a-b.c_d", "xn--bcher-kva.example"];
    cases.extend(good.iter().map(|value| keeps(36, host(value), &[200])));
    check(&cases);
}

#[test]
fn field_lines_are_a_token_a_colon_and_plain_text() {
    check(&[
        closes(38, with("X : b\r\n"), &[400]),
        closes(38, with("X\t: b\r\n"), &[400]),
        closes(38, "GET / HTTP/1.1\r\nHost : a\r\n\r\n", &[400]),
        closes(39, with("X: b\r\n c\r\n"), &[400]),
        closes(39, with("X: b\r\n\tc\r\n"), &[400]),
        closes(40, "GET / HTTP/1.1\r\n Host: a\r\n\r\n", &[400]),
        closes(40, "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", &[400]),
        closes(41, with(": x\r\n"), &[400]),
        closes(41, with("X\r\n"), &[400]),
        closes(41, with("X[y]: b\r\n"), &[400]),
        closes(41, with("X y: b\r\n"), &[400]),
        closes(41, with("X\x01: b\r\n"), &[400]),
        closes(41, b"GET / HTTP/1.1\r\nHost: a\r\nX\xe9: b\r\n\r\n", &[400]),
        closes(42, with("X: b\rc\r\n"), &[400]),
        closes(42, with("X: b\nc\r\n"), &[400]),
        closes(42, with("X: b\0c\r\n"), &[400]),
        closes(43, with("X: \x01\r\n"), &[400]),
        closes(43, with("X: \x0b\r\n"), &[400]),
        closes(43, with("X: \x7f\r\n"), &[400]),
        keeps(44, with("X: b\tc\r\nY:\r\nz:  d\t \r\n"), &[200]),
        keeps(44, "GET / HTTP/1.1\r\nhOsT:a\r\n\r\n", &[200]),
        keeps(44, with("!#$%&'*+-.^_`|~: odd but a token\r\n"), &[200]),
        keeps(45, b"GET / HTTP/1.1\r\nHost: a\r\nX: caf\xe9 \x80\xff\r\n\r\n", &[200]),
        keeps(47, with("Content_Length: 5\r\nTransfer_Encoding: chunked\r\n"), &[200]),
        keeps(48, with("Content-Type: a/b\r\nContent-Type: c/d\r\n"), &[200, 400]),
    ]);
}

#[test]
fn heads_over_16_kib_or_64_fields_are_431() {
    let fields = |count: usize| with(&"X: b\r\n".repeat(count - 1)); // Host is one of them
    let field = |length: usize| with(&format!("X: {}\r\n", "b".repeat(length)));
    check(&[
        keeps(46, fields(64), &[200]),
        closes(46, fields(65), &[431]),
        closes(46, fields(1000), &[431]),
        keeps(46, field(16_000), &[200]),
        closes(46, field(16_384), &[431]),
        closes(46, field(60_000), &[431]),
        closes(46, with(&format!("X: {}\r\n", "b".repeat(1000)).repeat(20)), &[431]),
        closes(46, with(&format!("{}: b\r\n", "X".repeat(17_000))), &[431]),
        closes(46, format!("GET / HTTP/1.1\r\nX: {}", "b".repeat(20_000)), &[431]), // never ends
    ]);
}
