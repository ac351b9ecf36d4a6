//! The log under load: complete while stdout is read; while it is not, requests go on, and what was dropped is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::PATIENCE;
use crate::lines::logfmt;

/// A server whose stdout only the test reads, killed when dropped.
struct Unread {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Unread {
    fn start() -> Unread {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probeserver"));
        command.env_clear().envs([("PORT", "0"), ("BIND", "127.0.0.1"), ("LOG_REQUESTS", "all")]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut line = String::new();
        while !line.contains("event=listening") {
            line.clear();
            assert!(stdout.read_line(&mut line).is_ok_and(|length| length > 0), "it does not listen");
        }
        let address = logfmt(line.trim_end()).iter().find(|(name, _)| *name == "address").map(|(_, value)| *value);
        let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        Unread { child, stdout, address }
    }

    /// One answer, and how long it took.
    fn ask(address: SocketAddr, path: &str) -> (String, Duration) {
        let start = Instant::now();
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        (answer, start.elapsed())
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path that makes a long line.
fn long(number: usize) -> String {
    format!("/{number}/{}", "x".repeat(1000))
}

#[test]
fn with_stdout_read_no_line_is_lost_under_load() {
    let mut server = Unread::start();
    let address = server.address;
    const CLIENTS: usize = 8;
    const EACH: usize = 250;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| thread::spawn(move || (0..EACH).for_each(|number| drop(Unread::ask(address, &long(number))))))
        .collect();
    let mut requests = 0;
    let mut line = String::new();
    while requests < CLIENTS * EACH {
        line.clear();
        assert!(server.stdout.read_line(&mut line).is_ok_and(|length| length > 0), "{requests} lines");
        assert!(!line.contains("event=log_dropped"), "{line}");
        requests += usize::from(line.contains("event=request"));
        // A reader far slower than the clients.
        if requests % 50 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    clients.into_iter().for_each(|client| client.join().expect("all were answered"));
}

#[test]
fn with_stdout_full_checks_answer_and_dropped_lines_are_told() {
    let mut server = Unread::start();
    let mut slowest = Duration::ZERO;
    const REQUESTS: usize = 400;
    for number in 0..REQUESTS {
        slowest = slowest.max(Unread::ask(server.address, &long(number)).1);
    }
    let (answer, time) = Unread::ask(server.address, "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    slowest = slowest.max(time);
    assert!(slowest < Duration::from_secs(1), "a request waited {slowest:?} for the log");
    let metrics = Unread::ask(server.address, "/metrics").0;
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("probeserver_log_dropped_total "));
    let dropped: usize = dropped.and_then(|count| count.parse().ok()).unwrap_or_default();
    assert!(dropped > 100, "{metrics}");
    // Read again, what was kept comes whole, and one line tells the rest: the two of the last requests were dropped too.
    let (mut kept, mut told) = (0, 0);
    let mut line = String::new();
    while kept + told < REQUESTS + 2 {
        line.clear();
        assert!(server.stdout.read_line(&mut line).is_ok_and(|length| length > 0), "{kept} and {told}");
        let pairs = logfmt(line.trim_end());
        match pairs[1].1 {
            "request" => kept += 1,
            "log_dropped" => told += pairs[2].1.parse::<usize>().expect("a number"),
            _ => {}
        }
    }
    assert!(told >= dropped && kept > 0, "{kept} {told} {dropped}");
}
