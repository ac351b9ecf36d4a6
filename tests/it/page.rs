//! `/ui`: the page is the source, compressed, under its policy. (`tests/ui` looks at it with a browser.)

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::Server;

fn source(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui").join(name)).expect("it is there")
}

#[test]
fn the_page_is_sent_compressed_under_its_policy() {
    let server = Server::start(&[]);
    let page = server.ask("GET /ui HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, deflate\r\n\r\n");
    assert_eq!(page.status, 200);
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.field("content-encoding"), Some("gzip"));
    let policy = String::from_utf8(source("policy.txt")).expect("text");
    assert_eq!(page.field("content-security-policy"), Some(policy.as_str()));
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.body, source("page.html.gz"));
    assert!(page.body.len() <= 16 * 1024, "{} bytes", page.body.len());
    for fields in ["", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0\r\n"] {
        let refusal = server.ask(format!("GET /ui HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        assert!(refusal.status == 406 && refusal.text().contains("--compressed"), "{refusal:?}");
    }
}

#[test]
fn what_is_embedded_is_the_sources_joined() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/page");
    let check = Command::new("python3").arg(script).arg("--check").output().expect("python3 runs");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn every_answer_that_the_page_polls_for_ends_its_connection() {
    for faults in ["", "app fail 503", "/whoami fail 200", "app delay 1ms"] {
        let server = Server::start(&[("FAULTS", faults)]);
        assert!(server.get("/whoami").closes(), "{faults}");
    }
}
