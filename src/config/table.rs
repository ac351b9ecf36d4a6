//! Every environment variable: its name, form, default and meaning in one table, which the parser, `--help` and the
//! reference's test share. (One text: a table of texts costs 40 bytes a cell, for the place that each is loaded at.)

use crate::text;

/// All of them, in the order of `--help`: name, form, default and meaning.
const TABLE: &str = "\
PORT|a port, 0 to 65535|80|port to listen on; 0: any free one; unset and 80 forbidden: 8080\n\
BIND|an IP address||address to listen on; unset: every address, IPv6 and IPv4\n\
CONTENT|text||content of /, a newline is added; unset: host name and IP address\n\
CONTENT_TYPE|visible ASCII and single spaces|text/plain; charset=utf-8|Content-Type of /\n\
HOSTNAME|text||host name to show; unset: the machine's, else localhost\n\
IP_ADDRESS|text||IP address to show; unset: POD_IP, else the first global one, else 127.0.0.1\n\
POD_IP|text||IP address to show when IP_ADDRESS is unset\n\
POD_NAME|visible ASCII and single spaces||pod name to show; unset: the host name\n\
POD_NAMESPACE|text||namespace to show\n\
NODE_NAME|visible ASCII and single spaces||node name to show\n\
ZONE|visible ASCII and single spaces||zone to show\n\
APP_VERSION|visible ASCII and single spaces||version to show; unset: that of probeserver\n\
START_WAIT_SECS|seconds or a duration, at most 30 days|0|wait before listening: connections are refused\n\
START_WAIT_SECONDS|seconds or a duration, at most 30 days|0|the same, read when START_WAIT_SECS is unset\n\
CRASH_FACTOR|a percentage|0|chance to exit after the start wait\n\
CRASH_EXIT_CODE|an exit status, 0 to 255|0|status of /crash and CRASH_FACTOR\n\
HEALTH_STATUS_FACTOR|a percentage|0|chance of each /healthz to answer 500\n\
STARTUP_WAIT_SECS|seconds or a duration, at most 30 days|0|/startupz fails so long\n\
READY_WAIT_SECS|seconds or a duration, at most 30 days|0|/readyz fails so long\n\
ERROR_FACTOR|a percentage|0|chance of each request that app covers to answer 500\n\
RESPONSE_DELAY|a duration such as 50ms, or a range such as 50ms..1s|0s|delay of each of those that ERROR_FACTOR leaves alone\n\
FAULTS|a fault plan||fault rules, behind those that the variables above stand for\n\
SEED|a whole number below 2^64||seed of all dice; unset: from the kernel; the log tells it\n\
CONTROL|open, off or token:SECRET|open|who may use /faults, /infect, /cure, /kill, /crash, /cpu, /mem, /forecast\n\
CONTROL_TOKEN_FILE|a readable file with a token in its one line, and no token in CONTROL||file with that SECRET\n\
DRAIN_SECS|seconds or a duration, at most 30 days|0|after SIGTERM, serve on so long with /readyz failing\n\
SHUTDOWN_SECS|seconds or a duration, at most 30 days|20|after that, requests in progress have so long\n\
IDLE_TIMEOUT|a duration with its unit, 1s to 1h|75s|idle connections close after that; longer than the load balancer's\n\
MAX_CONNECTIONS|a number, 1 to 1000000|4096|connections held at once\n\
MAX_WORKERS|a number, 2 to 1024|64|worker threads at most\n\
MEM_MAX|a size such as 64Mi|256Mi|memory that all /mem calls may hold together\n\
RESOLVE_ALLOW|a comma list of *, names, *.suffix and CIDR networks|*|what /resolve may call\n\
RESOLVE_TIMEOUT|a duration with its unit, such as 5s|5s|time for one /resolve call, everything included\n\
RESOLVE_MAX_HOPS|a number, 0 to 100|3|probeservers that a /resolve request may pass\n\
TERMINATION_MESSAGE_PATH|a path|/dev/termination-log|where an end that is no clean drain leaves its line, if that file is there\n\
LOG_FORMAT|text or json|text|form of the log on stdout\n\
LOG_REQUESTS|none, faults or all|faults|requests to log; faults: touched by a rule, and checks that changed";

/// One environment variable.
#[derive(Clone, Copy)]
pub struct Variable {
    pub name: &'static str,
    /// What it takes, as an error says it: "expected ...".
    pub form: &'static str,
    /// What holds when it is not set; empty when the meaning says so.
    pub default: &'static str,
    pub meaning: &'static str,
}

pub fn variables() -> impl Iterator<Item = Variable> {
    (0..).map_while(at)
}

/// The one of that name.
#[inline(never)]
pub fn variable(name: &str) -> Option<Variable> {
    variables().find(|variable| variable.name == name)
}

/// The variable of that row, if there are so many.
#[inline(never)]
fn at(row: usize) -> Option<Variable> {
    let row = text::nth(TABLE, b'\n', row);
    let cell = |at| text::nth(row, b'|', at);
    let variable = Variable { name: cell(0), form: cell(1), default: cell(2), meaning: cell(3) };
    (!row.is_empty()).then_some(variable)
}
