//! Rows 49 to 73: how long a message is, and its content. The content itself is seen through `POST /echo`.

use crate::harness::{Server, get, post};
use crate::table::{check, chunked, closes, keeps, with};

#[test]
fn content_length_is_digits_once() {
    let mut cases = Vec::new();
    for value in ["abc", "+5", "-1", "-0", "0x5", "0o5", "1_0", "1 0", "", " ", "1Z", "5;", "5.0", "\u{661}"] {
        cases.push(closes(49, with(&format!("Content-Length: {value}\r\n")), &[400]));
        cases.push(closes(
            49,
            format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {value}\r\n\r\nhello"),
            &[400],
        ));
    }
    for value in ["99999999999999999999", "18446744073709551616", "18446744073709551621"] {
        cases.push(closes(50, with(&format!("Content-Length: {value}\r\n")), &[400, 413]));
    }
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 0\r\ncontent-length: 5\r\n",
    ] {
        cases.push(closes(51, with(lines), &[400]));
    }
    for lines in [
        "Content-Length: 0\r\nContent-Length: 0\r\n",
        "Content-Length: 0, 0\r\n",
        "Content-Length: ,0\r\n",
        "Content-Length: 0,\r\n",
    ] {
        cases.push(closes(52, with(lines), &[400]));
    }
    cases.push(closes(45, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \xff5\r\n\r\n", &[400]));
    check(&cases);
}

#[test]
fn content_length_is_decimal_and_may_have_space_around() {
    let server = Server::start(&[]);
    let long = "x".repeat(200);
    for (row, value, content) in [
        (53, "005", "hello"),
        (53, "00", ""),
        (53, "0200", long.as_str()),
        (53, "0000000000000000000000005", "hello"),
        (54, " \t5\t ", "hello"),
        (54, "5", "hello"),
    ] {
        let mut client = server.connect();
        let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length:{value}\r\n\r\n{content}");
        let response = client.ask(request);
        assert_eq!((response.status, response.text().as_str()), (200, content), "row {row}: {value:?}");
        client.ask(get("/version"));
    }
}

#[test]
fn content_nobody_asked_for_is_thrown_away() {
    let many = "GET /crash HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3000); // 96 KiB that look like requests
    check(&[
        keeps(55, with("Content-Length: 5\r\n") + "hello", &[200]),
        keeps(55, format!("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\n{}", get("/crash")), &[200]),
        keeps(55, format!("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{}", "hello"), &[200]),
        keeps(55, format!("OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{}", "hello"), &[204]),
        keeps(55, format!("GET /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{}", "hello"), &[404]),
        keeps(55, format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{}", "hello"), &[405]),
        keeps(55, with(&format!("Content-Length: {}\r\n", many.len())) + &many, &[200]),
        keeps(55, with(&format!("Content-Length: {}\r\n", 1 << 20)) + &"x".repeat(1 << 20), &[200]),
        keeps(58, with("Content-Length: 0\r\n"), &[200]),
        keeps(63, with("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n", &[200]),
        keeps(63, with("transfer-encoding: CHUNKED\r\n") + "0\r\n\r\n", &[200]),
    ]);
}

#[test]
fn too_much_content_is_413_at_once() {
    let echo = |length: u64| format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    check(&[
        // None of it is sent, so an answer shows that none of it was waited for.
        closes(56, with("Content-Length: 999999999\r\n"), &[413]),
        closes(56, with("Content-Length: 1048577\r\n"), &[413]),
        closes(56, with("Content-Length: 9223372036854775807\r\n"), &[413]),
        closes(56, echo(65_537), &[413]),
        closes(56, echo(999_999_999), &[413]),
        closes(56, with("Content-Length: 999999999\r\nExpect: 100-continue\r\n"), &[413]),
        closes(67, chunked("10001\r\n"), &[413]),
        closes(67, with("Transfer-Encoding: chunked\r\n") + "100001\r\n", &[413]),
        keeps(56, post("/echo", &"x".repeat(65_536)), &[200]),
    ]);
}

#[test]
fn content_that_ends_early_closes_the_connection() {
    let server = Server::start(&[]);
    for (row, request) in [
        (57, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel".to_owned()),
        (57, with("Content-Length: 5\r\n")),
        (73, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()),
        (73, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".to_owned()),
        (73, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel".to_owned()),
        (73, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n".to_owned()),
    ] {
        let mut client = server.connect();
        client.send(request).finish_sending();
        if let Ok(response) = client.try_answer(false) {
            assert!(response.status >= 400, "row {row}: half a message was answered {}", response.status);
        }
        client.expect_end();
    }
}

#[test]
fn transfer_encoding_is_chunked_or_refused() {
    let chunked_get = |fields: &str| with(fields) + "0\r\n\r\n";
    let mut cases = vec![
        closes(59, chunked_get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), &[400]),
        closes(59, chunked_get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), &[400]),
        closes(59, chunked_get("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), &[400]),
        closes(59, chunked_get("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"), &[400]),
        closes(60, "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[400]),
        closes(60, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[400]),
        closes(45, b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \xffchunked\xff\r\n\r\n", &[400]),
    ];
    for value in ["gzip", "xchunked", "identity", "nonsense", "deflate", "chunkedx", "chunke"] {
        cases.push(closes(61, chunked_get(&format!("Transfer-Encoding: {value}\r\n")), &[501]));
    }
    for value in [
        "chunked, gzip",
        "chunked, identity",
        "chunked, chunked",
        "chunked;p=v",
        "chunked; p",
        "",
        " ",
        ",chunked",
        ", chunked",
        "chunked,",
        "chunked ,",
        "\"chunked\"",
        "chunked\x0b",
        "\x0cchunked",
        "chunked\0",
        "\r\n chunked",
    ] {
        cases.push(closes(62, chunked_get(&format!("Transfer-Encoding: {value}\r\n")), &[400]));
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    cases.push(closes(62, chunked_get(twice), &[400]));
    cases.push(closes(62, chunked_get("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), &[400]));
    check(&cases);
}

#[test]
fn chunks_are_put_together() {
    let server = Server::start(&[]);
    for (row, body, content) in [
        (63, "5\r\nhello\r\n0\r\n\r\n", "hello"),
        (63, "0\r\n\r\n", ""),
        (63, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
        (64, "a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        (64, "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        (64, "005\r\nhello\r\n000\r\n\r\n", "hello"),
        (64, "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", "hello"),
        (68, "5;a=b\r\nhello\r\n0;last\r\n\r\n", "hello"),
        (68, "5;a=\"q;x \\\" y\"\r\nhello\r\n0\r\n\r\n", "hello"),
        (68, "5;a;b=c;d=\"e\"\r\nhello\r\n0\r\n\r\n", "hello"),
        (71, "5\r\nhello\r\n0\r\nX: y\r\n\r\n", "hello"),
        (
            71,
            "5\r\nhello\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: gzip\r\nHost: b\r\nAuthorization: c\r\nContent-Type: d\r\n\r\n",
            "hello",
        ),
        (70, "6\r\na\r\n0\r\n\r\n0\r\n\r\n", "a\r\n0\r\n"), // the size counts, not what the data looks like
    ] {
        let mut client = server.connect();
        let response = client.ask(chunked(body));
        assert_eq!((response.status, response.text().as_str()), (200, content), "row {row}: {body:?}");
        assert_eq!(client.ask(get("/version")).status, 200, "row {row}: {body:?}");
    }
}

#[test]
fn chunk_framing_that_is_not_exact_is_refused() {
    let mut cases = Vec::new();
    for size in ["", "0x5", "+5", "-1", "1_0", "Z", " 5", "\t5", "5g", "5,", "5.", "\"5\""] {
        cases.push(closes(65, chunked(format!("{size}\r\nhello\r\n0\r\n\r\n")), &[400]));
    }
    for size in ["5 ", "5\t", "5  ", "5 \t"] {
        cases.push(closes(66, chunked(format!("{size}\r\nhello\r\n0\r\n\r\n")), &[400]));
    }
    for size in ["FFFFFFFFFFFFFFFF", "8000000000000000", "10000000000000000", "10000000000000005", "FFFFFFFFFFFFFFFFF"]
    {
        cases.push(closes(67, chunked(format!("{size}\r\nhello\r\n0\r\n\r\n")), &[400, 413]));
    }
    cases.push(closes(67, chunked("5\r\nhello\r\nFFFFFFFFFFFFFFFB\r\nhello\r\n0\r\n\r\n"), &[400, 413]));
    for extension in [
        ";",
        ";=x",
        ";a=",
        ";a=b c",
        ";a b",
        ";bad[=x",
        ";;",
        ";a=\"b",
        ";\0ext",
        ";a\x01",
        ";a\rb",
        ";a\nb",
        ";a=\"\n\"",
    ] {
        cases.push(closes(69, chunked(format!("5{extension}\r\nhello\r\n0\r\n\r\n")), &[400]));
    }
    cases.push(closes(69, chunked(format!("5;a={}\r\nhello\r\n0\r\n\r\n", "b".repeat(5000))), &[400]));
    cases.push(closes(69, chunked(format!("5;a={}", "b".repeat(5000))), &[400])); // never ends
    cases.push(closes(
        69,
        chunked(format!("{}0\r\n\r\n", format!("1;a={}\r\nx\r\n", "b".repeat(1000)).repeat(6))),
        &[400],
    ));
    for body in [
        "5\r\nhello!\r\n0\r\n\r\n", // longer than its size
        "5\r\nhel\r\n0\r\n\r\n",    // shorter
        "5\r\nhello0\r\n\r\n",      // no line end after the data
        "5\r\nhello\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\r\nX: y\n\r\n",
    ] {
        cases.push(closes(70, chunked(body), &[400]));
    }
    for trailer in ["X : y", "no colon", " folded: x", "X: y\r\n folded", ": y", "X: \0"] {
        cases.push(closes(71, chunked(format!("0\r\n{trailer}\r\n\r\n")), &[400]));
    }
    // What is behind an error is not read again, where a request in the chunk would then be one.
    let inner = "\r\nGET /hostname?smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for trailer in ["X: \x01", "X : y", "no colon"] {
        cases.push(closes(71, chunked(format!("{:x}\r\n{inner}\r\n0\r\n{trailer}\r\n\r\n", inner.len())), &[400]));
    }
    cases.push(closes(72, chunked(format!("0\r\nX: {}\r\n\r\n", "y".repeat(9000))), &[431]));
    cases.push(closes(72, chunked(format!("0\r\n{}\r\n", "X: y\r\n".repeat(2000))), &[431]));
    cases.push(closes(72, chunked(format!("0\r\nX: {}", "y".repeat(9000))), &[431])); // never ends
    check(&cases);
}
