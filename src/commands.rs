//! What the command line can do: serve, and the small helpers that an image without a shell needs.

mod forecast;

use std::io::{IsTerminal, stderr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::{Duration, Instant};

use Command::{CheckFaults, Forecast, Healthcheck, Help, Resolve, Serve, Sleep, Version};

use crate::config::{Config, ConfigError, Lookup, SEEDED_START, has_seeded_start, termination_message_path, variables};
use crate::faults::explain::explain;
use crate::faults::plan::{self, MAX_PLAN};
use crate::grpc::client;
use crate::http::response::reason;
use crate::identity::{self, Identity, OWN_VERSION};
use crate::process::ending::{self, FAILED, USAGE};
use crate::resolve::call::{self, PassedOn, Rules};
use crate::resolve::error::CallError;
use crate::resolve::link::Link;
use crate::resolve::summary::Summary;
use crate::resolve::{Service, many};
use crate::server::{life, listener};
use crate::text::Value::{self, Json, Number, Text};
use crate::{quantity, sys, text};

const USAGE_TEXT: &str = "probeserver: a pod that starts slowly, crashes, flaps, hangs or drains, as you like

Usage:
  probeserver [serve]
      serve HTTP
  probeserver healthcheck [PATH] [--timeout D]
      ask the local server (/healthz, 1s): exit 0 on 200..399
  probeserver healthcheck --grpc [SERVICE] [--timeout D]
      the same over gRPC: exit 0 on SERVING
  probeserver resolve SERVICE [--count N]
      call HOST[:PORT][/PATH], once or often, and say who answered
  probeserver sleep D
      wait that long (5 or 5s), for preStop
  probeserver check-faults [PLAN or -] [--pod NAME]
      explain a plan (- standard input; none: the environment)
  probeserver forecast [PLAN] [-f FILE or -]... [OPTION]...
      what Kubernetes will do with such pods, and when (forecast --help)
  probeserver --help | --version

Environment:
";

#[derive(Clone, Copy)]
enum Command {
    Serve,
    Healthcheck,
    Resolve,
    Sleep,
    CheckFaults,
    Forecast,
    Version,
    Help,
}

/// Their names, and which is meant by each.
const NAMES: &str = "serve healthcheck resolve sleep check-faults forecast --version -V --help -h help";
const COMMANDS: [Command; 11] =
    [Serve, Healthcheck, Resolve, Sleep, CheckFaults, Forecast, Version, Version, Help, Help, Help];
/// The same, as an error lists them.
const KNOWN: &str = "serve, healthcheck, resolve, sleep, check-faults, forecast, --help or --version";

/// Runs a command line (without the program's name) and returns the exit status.
pub fn run(arguments: &[String], lookup: Lookup<'_>) -> i32 {
    run_words(arguments, lookup).unwrap_or_else(|status| status)
}

/// The error is a status too: one that a complaint on stderr goes with.
fn run_words(arguments: &[String], lookup: Lookup<'_>) -> Result<i32, i32> {
    let mut words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let command = if words.is_empty() { "serve" } else { words.remove(0) };
    let Some(at) = text::place(NAMES, command.as_bytes()) else {
        return Err(bad_usage("command", arguments, KNOWN));
    };
    let asks_for_help = words.iter().any(|word| text::place("--help -h", word.as_bytes()).is_some());
    let expected = match COMMANDS[at] {
        Serve if words.is_empty() => return Ok(life::serve(config(lookup)?)),
        Serve | Healthcheck | Resolve | Sleep | CheckFaults if asks_for_help => {
            print(&help(), &[]);
            return Ok(0);
        }
        Serve => "no arguments: everything is set by the environment",
        Healthcheck => {
            let timeout = taken(&mut words, "--timeout");
            if let Some((is_grpc, asked, timeout)) = healthcheck_arguments(&words, timeout) {
                return Ok(healthcheck(config(lookup)?, is_grpc, asked, timeout));
            }
            "[PATH or --grpc [SERVICE]] [--timeout D], PATH beginning with a slash, D a time above 0 such as 500ms"
        }
        Resolve => {
            let count = taken(&mut words, "--count");
            if let Some((service, count)) = resolve_arguments(&words, count) {
                let config = config(lookup)?;
                let status = match count {
                    None => resolve(config, &service),
                    Some(count) => resolve_often(config, service, count),
                };
                return status.map_err(|error| complain("~\n", &[Text(&error.line())], FAILED));
            }
            "HOST[:PORT][/PATH] [--count N]"
        }
        Sleep => {
            let word = if words.len() == 1 { words[0] } else { "" };
            if let Some(duration) = quantity::parse_seconds(word.as_bytes()) {
                thread::sleep(duration);
                return Ok(0);
            }
            "seconds or a duration, at most 30 days"
        }
        CheckFaults => {
            let pod = taken(&mut words, "--pod");
            let plan = words.pop();
            if words.is_empty() && plan.is_none_or(|plan| plan == "-" || !plan.starts_with('-')) {
                return check_faults(plan, pod, lookup);
            }
            "[PLAN or -] [--pod NAME]; probes are the business of forecast"
        }
        Forecast => return Ok(forecast::run(&words)),
        Version => {
            print("probeserver ~\n", &[Text(OWN_VERSION)]);
            return Ok(0);
        }
        Help => {
            print(&help(), &[]);
            return Ok(0);
        }
    };
    Err(bad_usage(command, arguments.get(1..).unwrap_or_default(), expected))
}

/// Takes an option and its value out of the words; one without a value stays, so that it is refused with what is left.
fn taken<'a>(words: &mut Vec<&'a str>, option: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == option)?;
    if at + 1 == words.len() {
        return None;
    }
    words.remove(at);
    Some(words.remove(at))
}

/// Writes an answer to stdout, a text with its values, and says whether it could.
fn print(text: &str, values: &[Value<'_>]) -> bool {
    sys::write_all(1, text::filled(text, values).as_bytes())
}

/// Writes a complaint to stderr in the same way, and returns the status that goes with it.
fn complain(text: &str, values: &[Value<'_>], status: i32) -> i32 {
    sys::write_all(2, text::filled(text, values).as_bytes());
    status
}

/// How often progress is shown.
const PROGRESS: Duration = Duration::from_millis(200);
/// The width of the names in `--help`.
const GAP: &str = "                       ";

/// `--help`, made from the table that the parser reads.
#[inline(never)]
fn help() -> String {
    let mut out = USAGE_TEXT.as_bytes().to_vec();
    for variable in variables() {
        let gap = GAP.get(variable.name.len() + 2..).unwrap_or(" ");
        text::put_all(&mut out, &["  ", variable.name, gap, variable.meaning, "\n"]);
        if !variable.default.is_empty() {
            text::put_all(&mut out, &[GAP, "default ", variable.default, "\n"]);
        }
    }
    text::into_string(out)
}

fn bad_usage(name: &str, got: &[String], expected: &str) -> i32 {
    complain("~: got ~, expected ~\n", &[Text(name), Json(&text::list(got, " ")), Text(expected)], USAGE)
}

/// The configuration, or the status that its complaints end with.
fn config(lookup: Lookup<'_>) -> Result<&'static mut Config, i32> {
    ending::leave_message_at(termination_message_path(lookup));
    Config::from_lookup(lookup).map(Box::leak).map_err(|ConfigError(lines)| {
        let status = complain("~\n", &[Text(&text::list(&lines, "\n"))], USAGE);
        ending::write_termination_message(&text::list(&lines, "; "));
        status
    })
}

/// Whether `healthcheck` asks over gRPC, the path or the service that it asks for, and how long it waits.
fn healthcheck_arguments<'a>(words: &[&'a str], timeout: Option<&str>) -> Option<(bool, &'a str, Duration)> {
    let timeout = quantity::parse_seconds(timeout.unwrap_or("1s").as_bytes()).filter(|timeout| !timeout.is_zero())?;
    match *words {
        [] => Some((false, "/healthz", timeout)),
        ["--grpc"] => Some((true, "", timeout)),
        ["--grpc", service] if service.len() <= client::MAX_SERVICE && !service.starts_with("--") => {
            Some((true, service, timeout))
        }
        [path] if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Some((false, path, timeout))
        }
        _ => None,
    }
}

/// Asks the server in the same container, and prints one line. (Not inlined, nor is `resolve`: a server's stack has no
/// room for their buffers.)
#[inline(never)]
fn healthcheck(config: &Config, is_grpc: bool, asked: &str, timeout: Duration) -> i32 {
    let port = listener::probable_port(config.port);
    let named = config.bind.filter(|address| !address.is_unspecified());
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let addresses = named.as_ref().map_or(&loopback[..], std::slice::from_ref);
    let deadline = quantity::deadline_in(timeout);
    if is_grpc {
        return grpc_healthcheck(addresses, port, asked, deadline);
    }
    const HEAD: &str =
        "GET ~ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: probeserver-healthcheck/~\r\nConnection: close\r\n\r\n";
    let head = text::filled(HEAD, &[Text(asked), Text(OWN_VERSION)]);
    match call::fetch(addresses, port, head.as_bytes(), deadline) {
        Ok(answer) => {
            let (status, phrase) = (Number(answer.status.into()), Text(reason(answer.status)));
            print("~: ~ ~\n", &[Text(asked), status, phrase]);
            if (200..400).contains(&answer.status) { 0 } else { FAILED }
        }
        Err(error) => {
            print("~: ~\n", &[Text(asked), Text(&error.line())]);
            FAILED
        }
    }
}

/// Asks as a kubelet's grpc probe does, and prints one line.
#[inline(never)]
fn grpc_healthcheck(addresses: &[IpAddr], port: u16, service: &str, deadline: Instant) -> i32 {
    const STATES: &str = "UNKNOWN SERVING NOT_SERVING SERVICE_UNKNOWN";
    let request = client::request(service, concat!("probeserver-healthcheck/", env!("CARGO_PKG_VERSION")));
    let is_enough = |received: &[u8]| client::answer(received).is_some();
    let called =
        Link::connect(addresses, 0, port, deadline).and_then(|link| link.converse(&request, deadline, &is_enough));
    let answer = called.map(|received| client::answer(&received).unwrap_or(client::Answer::None));
    let outcome = match &answer {
        Err(error) => error.line(),
        Ok(client::Answer::State(state)) => text::word(STATES, if *state < 4 { (*state).into() } else { 0 }).to_owned(),
        Ok(client::Answer::Failed(number)) => text::filled("grpc-status ~", &[Number(u64::from(*number))]),
        Ok(client::Answer::None) => "no answer of gRPC".to_owned(),
    };
    print("grpc ~~~\n", &[Text(service), Text(if service.is_empty() { "" } else { ": " }), Text(&outcome)]);
    if matches!(answer, Ok(client::Answer::State(1))) { 0 } else { FAILED }
}

/// One call from the command line: the block on stdout.
#[inline(never)]
fn resolve(config: &'static Config, service: &Service) -> Result<i32, CallError> {
    let identity = Identity::find(config);
    let rules = Rules { allow: &config.resolve_allow, timeout: config.resolve_timeout, waits: true };
    let answer = call::call(service, rules, &PassedOn::default())?;
    let is_told = sys::write_all(1, &call::block(&identity.hostname, identity.ip(), service, &answer));
    Ok(if is_told && answer.is_ok() { 0 } else { FAILED })
}

fn resolve_arguments(words: &[&str], count: Option<&str>) -> Option<(Service, Option<u64>)> {
    let &[service] = words else { return None };
    let count = match count {
        Some(count) => Some(text::parse_decimal(count.as_bytes()).filter(|&count| count > 0)?),
        None => None,
    };
    Some((Service::parse(service.as_bytes())?, count))
}

/// Many calls from the command line: the tables on stdout; on a terminal, a line that tells how far it is.
#[inline(never)]
fn resolve_often(config: &'static Config, service: Service, count: u64) -> Result<i32, CallError> {
    let run = many::Run {
        service,
        passed_on: PassedOn::default(),
        rules: Rules { allow: &config.resolve_allow, timeout: config.resolve_timeout, waits: true },
        count,
        keeps_alive: false,
        is_fresh: true,
        deadline: None,
        is_over: None,
    };
    let mut shown = Instant::now();
    let mut report = |summary: &Summary| {
        if shown.elapsed() >= PROGRESS && stderr().is_terminal() {
            shown = Instant::now();
            let counts = [Number(summary.calls), Number(count), Number(summary.failed())];
            sys::write_all(2, text::filled("\r~ of ~ calls, ~ errors\x1b[K", &counts).as_bytes());
        }
    };
    let result = many::run(run, many::AT_ONCE, &mut report);
    if stderr().is_terminal() {
        sys::write_all(2, b"\r\x1b[K");
    }
    let (summary, mut out) = (result?, Vec::new());
    summary.write_text(&mut out, config.zone.as_deref());
    let is_told = sys::write_all(1, &out);
    Ok(if is_told && summary.failed() == 0 { 0 } else { FAILED })
}

/// Explains a plan: the argument's, standard input's, or that of the environment with its shorthands.
#[inline(never)]
fn check_faults(plan: Option<&str>, pod: Option<&str>, lookup: Lookup<'_>) -> Result<i32, i32> {
    let config = config(lookup)?;
    let pod = pod.map_or_else(|| identity::pod_name(config), str::to_owned);
    if let Some(plan) = plan {
        let input;
        let plan = if plan == "-" {
            let read = sys::read_input(MAX_PLAN + 1);
            input = read.map_err(|error| complain("standard input: ~\n", &[Text(&sys::error_text(&error))], USAGE))?;
            &input
        } else {
            plan.as_bytes()
        };
        config.rules = plan::parse(plan).map_err(|line| complain("~\n", &[Text(&line)], USAGE))?;
        config.warnings.clear();
        if config.seed.is_some() && has_seeded_start(&config.rules) {
            config.warnings.push(SEEDED_START.to_owned());
        }
        if config.rules.is_empty() && !plan.is_empty() {
            config.warnings.push(plan::NO_RULE.to_owned());
        }
    }
    let mut is_told = print(&explain(&config.rules, &pod), &[]);
    for warning in &config.warnings {
        is_told &= print("warning: ~\n", &[Text(warning)]);
    }
    Ok(if is_told { 0 } else { FAILED })
}
