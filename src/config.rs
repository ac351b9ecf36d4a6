//! Every environment variable: its name, form, default and meaning in one table, which the parser, `--help`
//! and the README's test share.
//!
//! The environment is a lookup function, so that tests need none. All errors are found in one pass.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::faults::plan::{self, MAX_PLAN, MAX_RULES};
use crate::faults::rule::{Rule, Target};
use crate::observe::log::{Format, Requests};
use crate::quantity::{self, Percent};
use crate::resolve::policy::Allow;
use crate::{sys, text};

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
ERROR_FACTOR|a percentage|0|chance of each request that is no check to answer 500\n\
RESPONSE_DELAY|a duration such as 50ms, or a range such as 50ms..1s|0s|delay of each request that is no check\n\
FAULTS|a fault plan||fault rules, behind those that the variables above stand for\n\
SEED|a whole number below 2^64||seed of all dice; unset: from the kernel; the log tells it\n\
CONTROL|open, off or token:SECRET|open|who may use /faults, /infect, /cure, /kill, /crash, /cpu, /mem, /forecast\n\
CONTROL_TOKEN_FILE|a readable file with a token in its one line, and no token in CONTROL||file with that SECRET\n\
DRAIN_SECS|seconds or a duration, at most 30 days|0|after SIGTERM, serve on so long with /readyz failing\n\
SHUTDOWN_SECS|seconds or a duration, at most 30 days|20|after that, requests in progress have so long\n\
IDLE_TIMEOUT|a duration from 1s to 1h|75s|idle connections close after that; longer than the load balancer's\n\
MAX_CONNECTIONS|a number, 1 to 1000000|4096|connections held at once\n\
MAX_WORKERS|a number, 2 to 1024|64|worker threads at most\n\
MEM_MAX|a size such as 64Mi|256Mi|memory that all /mem calls may hold together\n\
RESOLVE_ALLOW|a comma list of *, names, *.suffix and CIDR networks|*|what /resolve may call\n\
RESOLVE_TIMEOUT|a duration above 0 such as 5s|5s|time for one /resolve call, everything included\n\
RESOLVE_MAX_HOPS|a number, 0 to 100|3|probeservers that a /resolve request may have passed\n\
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
    /// What it does.
    pub meaning: &'static str,
}

/// Every variable.
pub fn variables() -> impl Iterator<Item = Variable> {
    TABLE.split('\n').map(|row| {
        let mut cells = row.split('|');
        let mut next = || cells.next().unwrap_or_default();
        Variable { name: next(), form: next(), default: next(), meaning: next() }
    })
}

/// The configuration, read once. Fields are named after their variables.
#[derive(Default, Debug)]
pub struct Config {
    /// `None`: 80, or 8080 where 80 is forbidden.
    pub port: Option<u16>,
    /// `None`: every address.
    pub bind: Option<IpAddr>,
    /// Content of `/` with its newline; `None`: the identity.
    pub content: Option<Vec<u8>>,
    pub content_type: String,
    pub hostname: Option<String>,
    /// IP_ADDRESS, else POD_IP.
    pub ip_address: Option<String>,
    pub pod_name: Option<String>,
    pub pod_namespace: Option<String>,
    pub node_name: Option<String>,
    pub zone: Option<String>,
    pub app_version: Option<String>,
    /// The fault plan: the rules that the shorthand variables stand for, in their order, then FAULTS.
    pub rules: Vec<Rule>,
    /// Who may use what changes or ends this process.
    pub control: Control,
    pub crash_exit_code: u8,
    /// `None`: ask the kernel.
    pub seed: Option<u64>,
    /// How long to serve on after SIGTERM.
    pub drain: Duration,
    /// How long requests in progress have after that.
    pub shutdown: Duration,
    pub max_connections: usize,
    /// How long a connection may be idle between requests, and before the first.
    pub idle_timeout: Duration,
    pub max_workers: usize,
    /// Bytes that all `/mem` calls may hold together.
    pub mem_max: u64,
    pub resolve_allow: Allow,
    /// Time for one call.
    pub resolve_timeout: Duration,
    /// Probeservers that a request may have passed.
    pub resolve_max_hops: u32,
    /// Where the kubelet looks for the reason of an end.
    pub termination_message_path: String,
    pub log_format: Format,
    pub log_requests: Requests,
    /// Every variable that was set, for the log.
    pub given: Vec<(&'static str, String)>,
    /// What is odd but no error, for the log.
    pub warnings: Vec<String>,
}

/// Who may use the control routes.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Control {
    /// Everybody, as with the original.
    #[default]
    Open,
    /// Nobody: they do not exist.
    Off,
    /// Who sends this as a bearer token (RFC 6750).
    Token(Vec<u8>),
}

impl Control {
    /// Reads it as it is set. An error says what is wrong with its form, and nothing of what it holds: it may be a secret
    /// with a slip of the pen. One final newline is cut, as files and here-documents leave it.
    fn parse(value: &[u8]) -> Result<Self, &'static str> {
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        match value {
            b"open" => return Ok(Self::Open),
            b"off" => return Ok(Self::Off),
            _ => {}
        }
        match value.strip_prefix(TOKEN) {
            Some([]) => Err("the secret is empty"),
            Some(token) if token.len() > MAX_TOKEN => Err("the secret is longer than 4096 octets"),
            Some(token) if is_token(token) => Ok(Self::Token(token.to_vec())),
            Some(_) => Err("the secret has an octet that is not visible ASCII, such as a space or a newline"),
            None if value.starts_with(b"token") => Err("behind token has to come a colon"),
            None => Err("it begins with none of these"),
        }
    }
}

impl std::fmt::Debug for Control {
    /// Without the secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Open => "open",
            Self::Off => "off",
            Self::Token(_) => "token",
        })
    }
}

/// Everything that is wrong with the environment, a line each: `NAME: got "x", expected y`.
#[derive(PartialEq, Eq, Debug)]
pub struct ConfigError(pub Vec<String>);

/// Looks a variable up: its raw bytes, `None` when it is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// The kubelet's own default for `terminationMessagePath`.
const TERMINATION_LOG: &str = "/dev/termination-log";
const TERMINATION_MESSAGE_PATH: &str = "TERMINATION_MESSAGE_PATH";
/// What CONTROL begins with when a secret follows.
const TOKEN: &[u8] = b"token:";
/// Longest token.
const MAX_TOKEN: usize = 4096;

/// Reads variables one by one and collects what is wrong with them.
struct Reader<'a> {
    lookup: Lookup<'a>,
    /// The variable that was read last.
    variable: Variable,
    /// Its value: what is set, or else the default, which may be empty.
    value: Vec<u8>,
    /// Whether it is set.
    is_set: bool,
    errors: Vec<String>,
    warnings: Vec<String>,
    given: Vec<(&'static str, String)>,
}

impl Reader<'_> {
    /// Reads a variable of the table; an empty value counts as unset. Whether there is a value, by default at least.
    #[inline(never)]
    fn read(&mut self, name: &str) -> bool {
        for variable in variables() {
            if variable.name == name {
                self.variable = variable;
            }
        }
        let value = (self.lookup)(name).unwrap_or_default();
        self.is_set = !value.is_empty();
        if self.is_set {
            self.given.push((self.variable.name, shown(name, &value)));
            self.value = value;
        } else {
            self.value = self.variable.default.as_bytes().to_vec();
        }
        !self.value.is_empty()
    }

    /// The value as `parse` reads it; what it refuses is an error.
    fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        if !self.read(name) {
            return None;
        }
        let parsed = parse(&self.value);
        if parsed.is_none() {
            self.refuse();
        }
        parsed
    }

    /// Refuses the value that was read last, names its form, and shows it as far as it may be shown.
    #[inline(never)]
    fn refuse(&mut self) {
        let value = shown(self.variable.name, &self.value);
        let quoted = text::written(|out| text::json_string(out, value.as_bytes()));
        self.error(&[self.variable.name, ": got ", &quoted, ", expected ", self.variable.form]);
    }

    #[inline(never)]
    fn error(&mut self, parts: &[&str]) {
        self.errors.push(text::joined(parts));
    }

    #[inline(never)]
    fn warn(&mut self, parts: &[&str]) {
        self.warnings.push(text::joined(parts));
    }

    /// The rules that the shorthand variables stand for, in their order, and then those of FAULTS. A shorthand is a rule in
    /// the same language.
    fn rules(&mut self, crash_exit_code: u8) -> Vec<Rule> {
        let mut plan = Vec::new();
        let long = self.seconds("START_WAIT_SECONDS");
        let short = self.seconds("START_WAIT_SECS");
        add_wait(&mut plan, "start delay ", if self.is_set { short } else { long });
        self.add_chance(&mut plan, "CRASH_FACTOR", &["start exit ", &text::to_decimal(crash_exit_code.into())]);
        self.add_chance(&mut plan, "HEALTH_STATUS_FACTOR", &["health fail"]);
        add_wait(&mut plan, "startup fail for ", self.seconds("STARTUP_WAIT_SECS"));
        add_wait(&mut plan, "ready fail for ", self.seconds("READY_WAIT_SECS"));
        self.add_chance(&mut plan, "ERROR_FACTOR", &["app fail"]);
        let delay = self.parsed("RESPONSE_DELAY", plan::range);
        if delay.is_some_and(|(_, longest)| !longest.is_zero()) {
            text::put(&mut plan, b"app delay ");
            text::put(&mut plan, &self.value);
        }
        // Cannot fail: every value has been parsed.
        let mut rules = plan::parse(&plan).unwrap_or_default();
        self.add_plan(&mut rules);
        if rules.len() > MAX_RULES {
            self.error(&["FAULTS: at most 64 rules, those of the other variables included"]);
        }
        rules
    }

    /// A rule with the chance that a variable gives: a number with an optional `%`; above 100 it counts as 100.
    #[inline(never)]
    fn add_chance(&mut self, plan: &mut Vec<u8>, name: &str, rule: &[&str]) {
        let parse = |value: &[u8]| Percent::parse_capped(value.strip_suffix(b"%").unwrap_or(value));
        let (Some((percent, is_capped)), true) = (self.parsed(name, parse), self.is_set) else { return };
        if is_capped {
            self.warn(&[name, ": above 100, counts as 100"]);
        }
        text::put_all(plan, rule);
        plan.push(b' ');
        percent.write(plan);
        plan.push(b'\n');
    }

    fn add_plan(&mut self, rules: &mut Vec<Rule>) {
        if !self.read("FAULTS") {
            return;
        }
        if self.value.len() > MAX_PLAN {
            return self.error(&["FAULTS: longer than 16 KiB"]);
        }
        match plan::parse(&self.value) {
            Ok(mut more) => {
                if more.is_empty() {
                    self.warn(&["FAULTS: ", plan::NO_RULE]);
                }
                rules.append(&mut more);
            }
            Err(error) => self.error(&["FAULTS: ", &error.line()]),
        }
    }

    /// CONTROL, and the file that can hold its token instead.
    fn control(&mut self) -> Control {
        self.read("CONTROL");
        let control = Control::parse(&self.value).unwrap_or_else(|problem| {
            self.error(&["CONTROL: expected open, off or token:SECRET (the value is not shown): ", problem]);
            Control::Open
        });
        if !self.read("CONTROL_TOKEN_FILE") {
            return control;
        }
        let content = sys::read_file(&text::lossy(&self.value), MAX_TOKEN + 1).unwrap_or_default();
        let token = content.strip_suffix(b"\n").unwrap_or(&content);
        if !is_token(token) || matches!(control, Control::Token(_)) {
            self.refuse();
        }
        if control == Control::Off { control } else { Control::Token(token.to_vec()) }
    }

    #[inline(never)]
    fn text(&mut self, name: &str) -> Option<String> {
        self.parsed(name, |value| str::from_utf8(value).ok().map(str::to_owned))
    }

    /// A value that may become a header field.
    #[inline(never)]
    fn field_value(&mut self, name: &str) -> Option<String> {
        self.parsed(name, |value| is_field_value(value).then(|| text::lossy(value)))
    }

    #[inline(never)]
    fn number(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        self.parsed(name, |value| text::parse_decimal(value).filter(|number| (least..=most).contains(number)))
    }

    /// One of some words, by its place.
    #[inline(never)]
    fn choice(&mut self, name: &str, words: &str) -> usize {
        self.parsed(name, |value| text::place(words, value)).unwrap_or_default()
    }

    #[inline(never)]
    fn seconds(&mut self, name: &str) -> Duration {
        self.parsed(name, quantity::parse_seconds).unwrap_or_default()
    }

    /// A duration with its unit, in a range.
    #[inline(never)]
    fn duration(&mut self, name: &str, range: RangeInclusive<Duration>) -> Duration {
        let parse = |value: &[u8]| quantity::parse_duration(value).filter(|duration| range.contains(duration));
        self.parsed(name, parse).unwrap_or_default()
    }
}

/// A rule that takes some time, unless that is none.
#[inline(never)]
fn add_wait(plan: &mut Vec<u8>, rule: &str, wait: Duration) {
    if !wait.is_zero() {
        text::put(plan, rule.as_bytes());
        quantity::write_duration(plan, wait);
        plan.push(b'\n');
    }
}

/// Whether a plan has a `start` rule with a chance.
pub fn has_seeded_start(rules: &[Rule]) -> bool {
    rules.iter().any(|rule| rule.target == Target::Start && rule.chance.is_some())
}

/// What a `start` rule with a chance comes to while SEED is set.
pub const SEEDED_START: &str =
    "SEED is set, so a start rule with a chance comes out the same at every restart, and on every pod";

/// What can be sent as a bearer token, and is worth guessing.
fn is_token(token: &[u8]) -> bool {
    !token.is_empty() && token.len() <= MAX_TOKEN && token.iter().all(u8::is_ascii_graphic)
}

/// A value as the log and errors may show it. A secret may be in CONTROL in any form, and where a file with one is meant.
fn shown(name: &str, value: &[u8]) -> String {
    let is_shown = match name {
        "CONTROL" => matches!(value.trim_ascii(), b"open" | b"off"),
        "CONTROL_TOKEN_FILE" => value.starts_with(b"/"),
        _ => true,
    };
    if is_shown { text::lossy(value) } else { "***".to_owned() }
}

/// Whether a value can stand in a header field as it is: visible ASCII and single spaces between.
fn is_field_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic())
        && value.trim_ascii().len() == value.len()
        && !value.windows(2).any(|pair| pair == b"  ")
}

/// Where the last line goes: for those errors too that leave no configuration.
pub fn termination_message_path(lookup: Lookup<'_>) -> String {
    let path = lookup(TERMINATION_MESSAGE_PATH).filter(|path| !path.is_empty());
    path.map_or_else(|| TERMINATION_LOG.to_owned(), |path| text::lossy(&path))
}

impl Config {
    /// Reads every variable; all that is wrong is reported at once.
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Box<Self>, ConfigError> {
        let variable = Variable { name: "", form: "", default: "", meaning: "" };
        let (errors, warnings, given) = (Vec::new(), Vec::new(), Vec::new());
        let read = &mut Reader { lookup, variable, value: Vec::new(), is_set: false, errors, warnings, given };
        let mut config = Box::<Self>::default();
        config.crash_exit_code = read.number("CRASH_EXIT_CODE", 0, 255).unwrap_or_default() as u8;
        config.rules = read.rules(config.crash_exit_code);
        config.control = read.control();
        let ip_address = read.text("IP_ADDRESS");
        let pod_ip = read.text("POD_IP");
        let mut own = Vec::new();
        for ip in [&ip_address, &pod_ip].into_iter().flatten() {
            own.extend(text::parse_ip(ip.as_bytes()));
        }
        config.ip_address = ip_address.or(pod_ip);
        // CONTENT alone tells empty from unset: its content is then one newline.
        if let Some(mut content) = lookup("CONTENT") {
            read.given.push(("CONTENT", text::lossy(&content)));
            content.push(b'\n');
            config.content = Some(content);
        }
        let port = read.number("PORT", 0, 65535);
        config.port = port.filter(|_| read.is_set).map(|port| port as u16);
        // An IPv4-mapped address is the IPv4 address it holds; as an IPv6 one the kernel refuses it here.
        config.bind = read.parsed("BIND", text::parse_ip).map(|address| address.to_canonical());
        config.content_type = read.field_value("CONTENT_TYPE").unwrap_or_default();
        config.hostname = read.text("HOSTNAME");
        config.pod_name = read.field_value("POD_NAME");
        config.pod_namespace = read.text("POD_NAMESPACE");
        config.node_name = read.field_value("NODE_NAME");
        config.zone = read.field_value("ZONE");
        config.app_version = read.field_value("APP_VERSION");
        config.seed = read.number("SEED", 0, u64::MAX);
        config.drain = read.seconds("DRAIN_SECS");
        config.shutdown = read.seconds("SHUTDOWN_SECS");
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        config.idle_timeout = read.duration("IDLE_TIMEOUT", second..=hour);
        config.max_connections = read.number("MAX_CONNECTIONS", 1, 1_000_000).unwrap_or_default() as usize;
        config.max_workers = read.number("MAX_WORKERS", 2, 1024).unwrap_or_default() as usize;
        config.mem_max = read.parsed("MEM_MAX", quantity::parse_size).unwrap_or_default();
        config.resolve_allow = read.parsed("RESOLVE_ALLOW", Allow::parse).unwrap_or_default().with_own(own);
        config.resolve_timeout = read.duration("RESOLVE_TIMEOUT", Duration::from_nanos(1)..=quantity::LONGEST);
        config.resolve_max_hops = read.number("RESOLVE_MAX_HOPS", 0, 100).unwrap_or_default() as u32;
        config.termination_message_path = read.text(TERMINATION_MESSAGE_PATH).unwrap_or_default();
        config.log_format = [Format::Text, Format::Json][read.choice("LOG_FORMAT", "text json")];
        let requests = [Requests::None, Requests::Faults, Requests::All];
        config.log_requests = requests[read.choice("LOG_REQUESTS", "none faults all")];
        if config.seed.is_some() && has_seeded_start(&config.rules) {
            read.warn(&[SEEDED_START]);
        }
        if !read.errors.is_empty() {
            return Err(ConfigError(std::mem::take(&mut read.errors)));
        }
        config.given = std::mem::take(&mut read.given);
        config.warnings = std::mem::take(&mut read.warnings);
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    fn read(set: &[(&str, &str)]) -> Result<Box<Config>, ConfigError> {
        Config::from_lookup(&|name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes().to_vec())
        })
    }

    fn rules(config: &Config) -> Vec<String> {
        config.rules.iter().map(Rule::spelled).collect()
    }

    #[test]
    fn the_table_names_what_is_read_and_nothing_else() {
        let asked = RefCell::new(BTreeSet::new());
        Config::from_lookup(&|name| {
            asked.borrow_mut().insert(name.to_owned());
            None
        })
        .expect("no variable is required");
        let named: BTreeSet<String> = variables().map(|variable| variable.name.to_owned()).collect();
        assert_eq!(asked.into_inner(), named);
    }

    #[test]
    fn the_defaults_of_the_table_are_those_of_the_parser() {
        let set: Vec<(&str, &str)> = variables()
            .filter(|variable| !variable.default.is_empty() && variable.name != "PORT")
            .map(|variable| (variable.name, variable.default))
            .collect();
        let (written, unset) = (read(&set).expect("defaults are valid"), read(&[]).expect("all unset"));
        let plain = |config: Box<Config>| format!("{:?}", Config { given: Vec::new(), rules: Vec::new(), ..*config });
        assert_eq!(plain(written), plain(unset));
    }

    #[test]
    fn every_bad_variable_is_reported_at_once() {
        let error = read(&[("PORT", "http"), ("START_WAIT_SECS", "soon"), ("ZONE", "a\nb"), ("LOG_FORMAT", "xml")]);
        let ConfigError(lines) = error.expect_err("four are bad");
        assert_eq!(lines.len(), 4);
        for line in [
            r#"PORT: got "http", expected a port, 0 to 65535"#,
            r#"START_WAIT_SECS: got "soon", expected seconds or a duration, at most 30 days"#,
            r#"ZONE: got "a\nb", expected visible ASCII and single spaces"#,
            r#"LOG_FORMAT: got "xml", expected text or json"#,
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} is missing in {lines:?}");
        }
    }

    #[test]
    fn shorthands_are_rules_in_their_order() {
        let config = read(&[
            ("HEALTH_STATUS_FACTOR", "40%"),
            ("CRASH_FACTOR", "150"),
            ("CRASH_EXIT_CODE", "3"),
            ("START_WAIT_SECONDS", "15"),
        ])
        .unwrap();
        assert_eq!(rules(&config), ["start delay 15s", "start exit 3 100%", "health fail 40%"]);
        assert_eq!(config.warnings, ["CRASH_FACTOR: above 100, counts as 100"]);
        let both = read(&[("START_WAIT_SECONDS", "15"), ("START_WAIT_SECS", "2.5")]).unwrap();
        assert_eq!(rules(&both), ["start delay 2.5s"]);
    }

    /// Whatever somebody who means to set a secret may write: no output has any of it.
    #[test]
    fn a_secret_with_a_slip_of_the_pen_is_not_shown() {
        for (value, problem) in [
            ("token=hunter2", "behind token has to come a colon"),
            ("token hunter2", "behind token has to come a colon"),
            ("Token:hunter2", "it begins with none of these"),
            ("hunter2", "it begins with none of these"),
            ("open hunter2", "it begins with none of these"),
            ("token:hunter2 ", "the secret has an octet that is not visible ASCII"),
            ("token:hunter2\n\n", "the secret has an octet that is not visible ASCII"),
            ("token:hunter2\r\n", "the secret has an octet that is not visible ASCII"),
            ("token:", "the secret is empty"),
            ("token:\n", "the secret is empty"),
            (&format!("token:{}", "hunter2".repeat(1000)), "the secret is longer than 4096 octets"),
        ] {
            let ConfigError(lines) = read(&[("CONTROL", value), ("PORT", "x")]).expect_err(value);
            assert_eq!(lines.len(), 2, "{lines:?}");
            assert!(lines.iter().any(|line| line.starts_with("CONTROL: expected open") && line.contains(problem)));
            assert!(!lines.concat().contains("hunter"), "{lines:?}");
        }
        let ConfigError(lines) = read(&[("CONTROL_TOKEN_FILE", "hunter2")]).expect_err("no such file");
        assert!(!lines.concat().contains("hunter"), "{lines:?}");
        for good in ["token:hunter2", "token:hunter2\n"] {
            let config = read(&[("CONTROL", good)]).unwrap();
            assert!(config.control == Control::Token(b"hunter2".to_vec()));
            assert!(!format!("{config:?}").contains("hunter"), "{config:?}");
        }
        assert!(read(&[("CONTROL", "off\n")]).unwrap().control == Control::Off);
    }

    #[test]
    fn a_plan_without_a_rule_is_told_of() {
        for plan in ["# x health fail 40%", ";", " ", "\n# app fail\n"] {
            let config = read(&[("FAULTS", plan)]).unwrap();
            assert!(matches!(&config.warnings[..], [warning] if warning.starts_with("FAULTS: no rule")), "{plan:?}");
        }
        assert!(read(&[("FAULTS", "# x\nhealth fail 40%")]).unwrap().warnings.is_empty());
        assert!(read(&[("FAULTS", "")]).unwrap().warnings.is_empty());
    }

    #[test]
    fn a_mapped_address_is_bound_as_the_one_it_holds() {
        for (value, address) in
            [("::ffff:127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "::"), ("0.0.0.0", "0.0.0.0")]
        {
            assert_eq!(read(&[("BIND", value)]).unwrap().bind, address.parse().ok());
        }
    }

    #[test]
    fn an_empty_variable_is_unset_but_for_content() {
        let config = read(&[("PORT", ""), ("CONTENT", ""), ("CONTENT_TYPE", "")]).unwrap();
        assert_eq!((config.port, config.content.as_deref()), (None, Some(&b"\n"[..])));
        assert_eq!(read(&[]).unwrap().content, None);
    }
}
