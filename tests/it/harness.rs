//! A probeserver process under test: exactly the variables given, a free loopback port, killed when dropped.
//! Talking to it is in `client`; what its lines mean is in `lines`.
#![allow(unsafe_code, reason = "signals and limits of another process have no safe interface in std")]

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Response};

/// How long any single wait may take before the test fails: far more than a busy machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Variables<'a> = &'a [(&'a str, &'a str)];

pub(crate) struct Server {
    child: Mutex<Child>,
    pub(crate) pid: libc::pid_t,
    output: Arc<Output>,
    address: OnceLock<SocketAddr>,
}

impl Server {
    /// A server that listens already.
    #[track_caller]
    pub(crate) fn start(variables: Variables<'_>) -> Server {
        let server = Server::spawn(variables);
        server.wait_until_listening();
        server
    }

    /// A server that may still wait, or end before it ever listens.
    #[track_caller]
    pub(crate) fn spawn(variables: Variables<'_>) -> Server {
        Server::spawn_with_limit(variables, None)
    }

    /// The same with this many file descriptors, soft and hard.
    #[track_caller]
    pub(crate) fn spawn_with_limit(variables: Variables<'_>, descriptors: Option<u64>) -> Server {
        let mut command = command(&[], &[("PORT", "0"), ("BIND", "127.0.0.1")]);
        command.envs(variables.iter().copied());
        // SAFETY: setrlimit is async-signal-safe, and the closure touches nothing else of the forked process.
        unsafe {
            command.pre_exec(move || {
                limit(0, libc::RLIMIT_CORE, 0); // a crash on purpose leaves no core file behind
                if let Some(descriptors) = descriptors {
                    limit(0, libc::RLIMIT_NOFILE, descriptors);
                }
                Ok(())
            });
        }
        Server::from_command(command)
    }

    #[track_caller]
    fn from_command(mut command: Command) -> Server {
        let mut child = command.stdin(Stdio::null()).spawn().expect("the binary under test starts");
        let output = Output::of(&mut child);
        Server { pid: child.id() as libc::pid_t, child: Mutex::new(child), output, address: OnceLock::new() }
    }

    #[track_caller]
    pub(crate) fn wait_until_listening(&self) {
        let line = self
            .output
            .wait_until(|lines| lines.iter().map(|line| &line.text).find(|text| says_listening(text)).cloned());
        let line = line.unwrap_or_else(|| panic!("it does not listen\n{self}"));
        let address = ["address=", "\"address\":\""]
            .iter()
            .find_map(|name| line.split_once(name))
            .map(|(_, rest)| rest.split([' ', '"']).next().unwrap_or(rest))
            .and_then(|text| text.parse().ok());
        let Some(address) = address else { panic!("no address in {line:?}") };
        self.address.set(address).expect("waits for it once");
    }

    /// Whether it came to listen; waits until that is settled.
    pub(crate) fn listens_or_ended(&self) -> bool {
        self.output.wait_until(|lines| lines.iter().find(|line| says_listening(&line.text)).map(drop)).is_some()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        *self.address.get().expect("it listens")
    }

    pub(crate) fn port(&self) -> u16 {
        self.address().port()
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Client<'_> {
        match Client::connect(self) {
            Ok(client) => client,
            Err(error) => panic!("connect to {}: {error}\n{self}", self.address()),
        }
    }

    /// The answer to these bytes, on a connection of their own.
    #[track_caller]
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        self.connect().ask(request)
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.ask(get(target))
    }

    /// The first line on stdout or stderr that has these words; waits for it.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, words: &str) -> String {
        self.wait_for_log_after(0, words)
    }

    /// The same, among the lines from number `start` on.
    #[track_caller]
    pub(crate) fn wait_for_log_after(&self, start: usize, words: &str) -> String {
        let found = self.output.wait_until(|lines| {
            let mut later = lines.iter().skip(start);
            later.find(|line| line.text.contains(words)).map(|line| line.text.clone())
        });
        found.unwrap_or_else(|| panic!("no line with {words:?}\n{self}"))
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.output.lock().lines.iter().map(|line| line.text.clone()).collect()
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        // SAFETY: kill has no memory to get wrong; the child is not yet waited for, so the pid is still its own.
        let result = unsafe { libc::kill(self.pid, signal) };
        assert_eq!(result, 0, "kill {}: {}", self.pid, std::io::Error::last_os_error());
    }

    /// Lowers or raises how many descriptors the running process may have.
    pub(crate) fn limit_descriptors(&self, soft: u64) {
        let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard_descriptor_limit() };
        // SAFETY: reads one rlimit that lives during the call, writes nothing.
        let result = unsafe { libc::prlimit(self.pid, libc::RLIMIT_NOFILE, &limit, std::ptr::null_mut()) };
        assert_eq!(result, 0, "prlimit: {}", std::io::Error::last_os_error());
    }

    /// The exit status. Both pipes end first, so waiting for those bounds the wait.
    #[track_caller]
    pub(crate) fn wait_exit(&self) -> ExitStatus {
        assert!(self.output.wait_for_end(), "still running after {PATIENCE:?}\n{self}");
        self.child.lock().expect("no panic while held").wait().expect("it is our child")
    }

    #[track_caller]
    pub(crate) fn assert_exits_with(&self, code: i32) {
        let status = self.wait_exit();
        assert_eq!(status.code(), Some(code), "{status}\n{self}");
    }

    /// How many entries a directory of the process in /proc has: `task` counts threads, `fd` descriptors.
    pub(crate) fn count(&self, directory: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{directory}", self.pid)).map_or(0, Iterator::count)
    }

    /// Processor time of the process so far, in hundredths of a second.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = self.proc("stat");
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    }

    /// Memory that the process has in use.
    pub(crate) fn resident_kilobytes(&self) -> u64 {
        let status = self.proc("status");
        let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// The text of a file of the process in /proc.
    pub(crate) fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.pid)).unwrap_or_default()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "--- log")?;
        let output = self.output.lock();
        output
            .lines
            .iter()
            .try_for_each(|line| writeln!(out, "{} {}", if line.is_stderr { "stderr:" } else { "stdout:" }, line.text))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a run to the end left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary with these arguments and exactly these variables until it ends.
#[track_caller]
pub(crate) fn run(arguments: &[&str], variables: Variables<'_>) -> Ended {
    let process = Server::from_command(command(arguments, variables));
    let code = process.wait_exit().code();
    let text = |is_stderr| {
        let output = process.output.lock();
        let lines = output.lines.iter().filter(|line| line.is_stderr == is_stderr);
        lines.map(|line| format!("{}\n", line.text)).collect()
    };
    Ended { code, stdout: text(false), stderr: text(true) }
}

fn says_listening(line: &str) -> bool {
    line.contains("event=listening") || line.contains("\"event\":\"listening\"")
}

/// The program under test: what cargo has built, or what PROBESERVER_UNDER_TEST names, words in front of it (an emulator)
/// included. tests/foreign uses that for the binaries of other architectures.
pub(crate) fn program() -> Command {
    let Ok(named) = std::env::var("PROBESERVER_UNDER_TEST") else {
        return Command::new(env!("CARGO_BIN_EXE_probeserver"));
    };
    let mut words = named.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

fn command(arguments: &[&str], variables: Variables<'_>) -> Command {
    let mut command = program();
    command.args(arguments).env_clear().envs(variables.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `GET target`, as small as a request can be.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

pub(crate) fn post(target: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// `PUT /faults`: the plan as a whole.
pub(crate) fn put(plan: &str) -> String {
    format!("PUT /faults HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{plan}", plan.len())
}

/// Waits until something is so that nobody announces (a count in /proc, a limit that begins to hold).
#[track_caller]
pub(crate) fn eventually(what: &str, server: &Server, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never so: {what}\n{server}");
        thread::sleep(Duration::from_millis(5)); // paces the question, is not the wait
    }
}

/// Lets this test process itself hold thousands of connections.
pub(crate) fn raise_own_descriptor_limit() {
    let hard = hard_descriptor_limit();
    let limit = libc::rlimit { rlim_cur: hard, rlim_max: hard };
    // SAFETY: reads one rlimit that lives during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}

fn hard_descriptor_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one rlimit that lives during the call.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    limit.rlim_max
}

fn limit(pid: libc::pid_t, resource: libc::__rlimit_resource_t, value: u64) {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: reads one rlimit that lives during the call, writes nothing.
    unsafe { libc::prlimit(pid, resource, &limit, std::ptr::null_mut()) };
}

/// Everything a process has written, line by line, and a bell that rings at each.
struct Output {
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    lines: Vec<Line>,
    ended_pipes: usize,
}

struct Line {
    is_stderr: bool,
    text: String,
}

impl Output {
    fn of(child: &mut Child) -> Arc<Output> {
        let output = Arc::new(Output { written: Mutex::default(), changed: Condvar::new() });
        output.read_from(child.stdout.take().expect("it is a pipe"), false);
        output.read_from(child.stderr.take().expect("it is a pipe"), true);
        output
    }

    fn read_from(self: &Arc<Self>, pipe: impl Read + Send + 'static, is_stderr: bool) {
        let output = Arc::clone(self);
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while matches!(pipe.read_until(b'\n', &mut line), Ok(1..)) {
                let text = String::from_utf8(std::mem::take(&mut line));
                let mut text = text.unwrap_or_else(|error| format!("NOT UTF-8: {}", error.as_bytes().escape_ascii()));
                if text.ends_with('\n') {
                    text.pop();
                } else {
                    text.push_str(" (no newline)");
                }
                output.lock().lines.push(Line { is_stderr, text });
                output.changed.notify_all();
            }
            output.lock().ended_pipes += 1;
            output.changed.notify_all();
        });
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wait_until<T>(&self, find: impl Fn(&[Line]) -> Option<T>) -> Option<T> {
        let found = |written: &mut Written| find(&written.lines).is_none() && written.ended_pipes < 2;
        let (written, _) = self.changed.wait_timeout_while(self.lock(), PATIENCE, found).ok()?;
        find(&written.lines)
    }

    fn wait_for_end(&self) -> bool {
        let running = |written: &mut Written| written.ended_pipes < 2;
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, running);
        waited.is_ok_and(|(_, timeout)| !timeout.timed_out())
    }
}
