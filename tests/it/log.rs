//! The log when stdout is full, slow, gone, broken or left O_NONBLOCK: which lines come, what is told of the others, and
//! that everybody is answered meanwhile.
#![allow(unsafe_code, reason = "O_NONBLOCK on a descriptor has no safe interface in std")]

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, Server, get, program};
use crate::lines::{Json, logfmt};

/// A server whose stdout is the test's business, killed when dropped.
struct Process(Child);

impl Process {
    fn start(port: u16, bind: &str, stdout: impl Into<Stdio>) -> Process {
        let mut command = program();
        command.env_clear().envs([("PORT", &*port.to_string()), ("BIND", bind), ("LOG_REQUESTS", "all")]);
        Process(command.stdin(Stdio::null()).stdout(stdout).spawn().expect("it starts"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that writes into a pipe, which has been read as far as its address.
fn piped(is_blocking: bool) -> (Process, BufReader<PipeReader>, SocketAddr) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    if !is_blocking {
        // SAFETY: F_SETFL takes numbers, and the descriptor is ours.
        assert_eq!(unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }, 0);
    }
    let process = Process::start(0, "127.0.0.1", writer);
    let mut reader = BufReader::new(reader);
    loop {
        let line = next(&mut reader);
        let pairs = logfmt(&line);
        if pairs[1].1 == "listening" {
            return (process, reader, pairs[2].1.parse().unwrap_or_else(|_| panic!("{line}")));
        }
    }
}

/// The next line, which has to come.
#[track_caller]
fn next(log: &mut impl BufRead) -> String {
    let mut line = String::new();
    assert!(log.read_line(&mut line).is_ok_and(|length| length > 0), "the log has ended");
    line.trim_end().to_owned()
}

/// Reads on until so many requests are accounted for: logged, or told of as dropped. Each line has to be whole.
#[track_caller]
fn account_for(log: &mut impl BufRead, requests: usize) -> (usize, usize) {
    let (mut kept, mut told) = (0, 0);
    while kept + told < requests {
        let line = next(log);
        let pairs = logfmt(&line);
        match pairs[1].1 {
            "request" => kept += 1,
            "log_dropped" => told += pairs[2].1.parse::<usize>().expect("a number"),
            other => panic!("{other}: {line}"),
        }
    }
    (kept, told)
}

fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it takes the request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn dropped(address: SocketAddr) -> usize {
    let metrics = ask(address, "/metrics");
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("probeserver_log_dropped_total "));
    dropped.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{metrics}"))
}

/// A path that makes a long line, as long lines go: its value is cut.
fn long(number: usize) -> String {
    format!("/{number}/{}", "x".repeat(1000))
}

/// Lines that are too many for the reader are told of; none is lost without a word.
#[test]
fn under_load_every_line_comes_or_is_told_of() {
    let (_process, mut log, address) = piped(true);
    const CLIENTS: usize = 8;
    const EACH: usize = 250;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| thread::spawn(move || (0..EACH).for_each(|number| drop(ask(address, &long(number))))))
        .collect();
    let (kept, _) = account_for(&mut log, CLIENTS * EACH);
    assert!(kept > 0);
    clients.into_iter().for_each(|client| client.join().expect("all were answered"));
}

/// The pipe may have been left O_NONBLOCK by whoever shares it: EAGAIN is a full pipe like any other.
#[test]
fn with_stdout_full_everybody_is_answered_and_dropped_lines_are_told() {
    for is_blocking in [true, false] {
        let (_process, mut log, address) = piped(is_blocking);
        const REQUESTS: usize = 600;
        for number in 0..REQUESTS {
            ask(address, &long(number));
        }
        let answer = ask(address, "/healthz");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let dropped = dropped(address);
        assert!(dropped > 10, "{dropped}");
        // Read again, what was kept comes whole, and one line tells the rest: the last two requests were dropped too.
        let (kept, told) = account_for(&mut log, REQUESTS + 2);
        assert!(told >= dropped && kept > 100, "{is_blocking}: {kept} {told} {dropped}");
    }
}

/// Where nothing can be written there is nobody to tell, but the count goes on, and the process does not spin.
#[test]
fn lines_that_cannot_be_written_are_counted() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("a device that is full"));
    let gone = || Stdio::from(std::io::pipe().expect("a pipe").1);
    for (number, stdout) in [(1, full()), (2, gone())] {
        // An address of its own, so that no other test can take its port meanwhile: nobody can read which one it is.
        let bind = format!("127.78.0.{number}");
        let port = TcpListener::bind((bind.as_str(), 0)).and_then(|it| it.local_addr()).expect("an address").port();
        let process = Process::start(port, &bind, stdout);
        let address = SocketAddr::new(bind.parse().expect("an address"), port);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "it does not listen");
            thread::sleep(Duration::from_millis(5)); // paces the question, is not the wait
        }
        for number in 0..100 {
            ask(address, &format!("/{number}"));
        }
        while dropped(address) < 100 {
            assert!(Instant::now() < deadline, "{} dropped", dropped(address));
            thread::sleep(Duration::from_millis(5));
        }
        let ticks = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.0.id())).expect("it runs");
            stat.rsplit(") ")
                .next()
                .unwrap_or_default()
                .split(' ')
                .skip(11)
                .take(2)
                .flat_map(str::parse::<u64>)
                .sum::<u64>()
        };
        let before = ticks();
        thread::sleep(Duration::from_millis(300)); // the time that is measured, not a wait
        assert!(ticks() - before <= 5, "it writes its report over and over");
    }
}

#[test]
fn the_start_tells_what_was_set_and_values_are_cut() {
    let content = "c".repeat(70_000);
    let server = Server::start(&[("CONTENT", &content), ("ZONE", "a"), ("LOG_REQUESTS", "all")]);
    let line = server.wait_for_log("event=config");
    assert!(line.len() < 1000, "{} octets", line.len());
    let pairs = logfmt(&line);
    let names: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["time", "event", "version", "PORT", "BIND", "CONTENT", "ZONE", "LOG_REQUESTS"], "no defaults");
    assert_eq!(pairs[5].1, "c".repeat(256) + "...");
    // Whatever comes in by the network as well.
    let agent = "\u{1}".repeat(7000);
    for fields in [format!("User-Agent: {}", agent.replace('\u{1}', "\t")), format!("X-Probe: {}", "\"".repeat(7000))] {
        server.ask(format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"));
    }
    server.ask(get(&format!("/{}", "p".repeat(7000))));
    server.wait_for_log("ppp...");
    for line in server.log() {
        assert!(line.len() < 16 * 1024, "{} octets: {}", line.len(), &line[..300]);
    }
}

/// What cannot be read is somebody's request all the same: a probe with `scheme: HTTPS`, say.
#[test]
fn refused_requests_are_logged_as_others_are() {
    let server = Server::start(&[("LOG_REQUESTS", "all")]);
    for (request, words) in [
        ("\x16\x03\x01\x02", "event=request status=400 agent=\"\" peer="),
        ("FOO / HTTP/1.1\r\nHost: a\r\n\r\n", "event=request status=501 agent=\"\" peer="),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nContent-Length: 65537\r\n\r\n",
            "event=request method=POST path=/echo status=413 agent=x peer=",
        ),
    ] {
        server.ask(request);
        server.wait_for_log(words);
    }
    let metrics = server.get("/metrics").text();
    for sample in [r#"{route="other",code="501"} 1"#, r#"{route="/echo",code="413"} 1"#] {
        assert!(metrics.contains(sample), "{sample} is not in\n{metrics}");
    }
}

/// What JSON's readers would round is a string there: 2^53 and more (RFC 8259 section 6).
#[test]
fn seeds_come_out_of_json_as_they_were() {
    for seed in ["7", "9007199254740991", "9007199254740992", "18446744073709551615"] {
        let server = Server::start(&[("SEED", seed), ("LOG_FORMAT", "json")]);
        let line = server.wait_for_log("\"event\":\"seed\"");
        let is_small = seed.len() < 16 || seed.ends_with("991");
        let want = if is_small { Json::Number(seed.to_owned()) } else { Json::text(seed) };
        assert_eq!(Json::parse(&line).get("seed"), &want);
        let list = server.ask("GET /faults HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n").text();
        assert_eq!(Json::parse(&list).get("seed"), &want);
    }
    // Nobody's choice is one that everybody can read.
    for _ in 0..20 {
        let server = Server::start(&[]);
        let line = server.wait_for_log("event=seed");
        let seed: u64 = logfmt(&line)[2].1.parse().expect("a number");
        assert!(seed < 1 << 53, "{seed}");
    }
}
