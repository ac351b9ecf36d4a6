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
    assert!(page.body.len() <= 12 * 1024, "{} bytes", page.body.len());
    for fields in ["", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0\r\n"] {
        let refusal = server.ask(format!("GET /ui HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        assert!(refusal.status == 406 && refusal.text().contains("--compressed"), "{refusal:?}");
    }
}

#[test]
fn what_is_embedded_is_the_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let unpacked = Command::new("gzip").arg("-dc").arg(folder.join("src/ui/page.html.gz")).output().expect("gzip runs");
    assert!(unpacked.status.success());
    let source = String::from_utf8(source("page.html")).expect("text");
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let embedded: String = lines.flat_map(|line| [line, "\n"]).collect();
    assert!(unpacked.stdout == embedded.as_bytes(), "src/ui/page.html has changed: run scripts/page");
}

#[test]
fn every_answer_that_the_page_polls_for_ends_its_connection() {
    for faults in ["", "app fail 503", "/whoami fail 200", "app delay 1ms"] {
        let server = Server::start(&[("FAULTS", faults)]);
        assert!(server.get("/whoami").closes(), "{faults}");
    }
}
