//! The configuration: what the environment says, read once.
//!
//! The environment is a lookup function, so that tests need none. All errors are found in one pass.

mod control;
mod read;
mod table;

use std::net::IpAddr;
use std::time::Duration;

use crate::faults::rule::{Rule, Target};
use crate::observe::log::{Format, Requests};
use crate::quantity;
use crate::resolve::policy::Allow;
use crate::text;
pub use control::Control;
use read::Reader;
pub use table::{Variable, variable, variables};

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
    /// Probeservers that a request may pass; the next one refuses it.
    pub resolve_max_hops: u32,
    pub log_format: Format,
    pub log_requests: Requests,
    /// Every variable that was set, in the order of the table, for the log.
    pub given: Vec<(&'static str, String)>,
    /// What is odd but no error, for the log.
    pub warnings: Vec<String>,
}

/// Everything that is wrong with the environment, a line each: `NAME: got "x", expected y`.
#[derive(PartialEq, Eq, Debug)]
pub struct ConfigError(pub Vec<String>);

/// Looks a variable up: its raw bytes, `None` when it is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// The kubelet's own default for `terminationMessagePath`.
const TERMINATION_LOG: &str = "/dev/termination-log";
const TERMINATION_MESSAGE_PATH: &str = "TERMINATION_MESSAGE_PATH";

/// Whether a plan has a `start` rule with a chance.
pub fn has_seeded_start(rules: &[Rule]) -> bool {
    rules.iter().any(|rule| matches!(rule.target, Target::Start) && rule.chance.is_some())
}

/// What a `start` rule with a chance comes to while SEED is set.
pub const SEEDED_START: &str =
    "SEED is set, so a start rule with a chance comes out the same at every restart, and on every pod";

/// Where the last line goes: for those errors too that leave no configuration.
pub fn termination_message_path(lookup: Lookup<'_>) -> String {
    let path = lookup(TERMINATION_MESSAGE_PATH).filter(|path| !path.is_empty());
    path.map_or_else(|| TERMINATION_LOG.to_owned(), |path| text::lossy(&path))
}

impl Config {
    /// Reads every variable; all that is wrong is reported at once.
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Box<Self>, ConfigError> {
        let mut boxed = Box::<Self>::default();
        let config = &mut *boxed;
        let mut read = Reader::new(lookup, &mut config.given, &mut config.warnings);
        // In the order of the table, as the log tells it.
        config.port = read.number("PORT", 0, 65535).map(|port| port as u16);
        // An IPv4-mapped address is the IPv4 address it holds; as an IPv6 one the kernel refuses it here.
        config.bind = read.parsed("BIND", text::parse_ip).map(|address| address.to_canonical());
        config.content = read.content();
        let mut content_type = None;
        read.field_value("CONTENT_TYPE", &mut content_type);
        config.content_type = content_type.unwrap_or_else(|| crate::http::response::TEXT.to_owned());
        read.text("HOSTNAME", &mut config.hostname);
        let (mut pod_ip, mut own) = (None, Vec::new());
        read.text("IP_ADDRESS", &mut config.ip_address);
        read.text("POD_IP", &mut pod_ip);
        for address in [&config.ip_address, &pod_ip].into_iter().flatten() {
            if let Some(address) = text::parse_ip(address.as_bytes()) {
                own.push(address);
            }
        }
        if config.ip_address.is_none() {
            config.ip_address = pod_ip;
        }
        read.field_value("POD_NAME", &mut config.pod_name);
        read.text("POD_NAMESPACE", &mut config.pod_namespace);
        read.field_value("NODE_NAME", &mut config.node_name);
        read.field_value("ZONE", &mut config.zone);
        read.field_value("APP_VERSION", &mut config.app_version);
        config.rules = read.rules(&mut config.crash_exit_code);
        config.seed = read.number("SEED", 0, u64::MAX);
        config.control = read.control();
        config.drain = read.seconds("DRAIN_SECS").unwrap_or_default();
        config.shutdown = read.seconds("SHUTDOWN_SECS").unwrap_or(Duration::from_secs(20));
        let idle = read.duration("IDLE_TIMEOUT", Duration::from_secs(1), Duration::from_secs(3600));
        config.idle_timeout = idle.unwrap_or(Duration::from_secs(75));
        config.max_connections = read.number("MAX_CONNECTIONS", 1, 1_000_000).unwrap_or(4096) as usize;
        config.max_workers = read.number("MAX_WORKERS", 2, 1024).unwrap_or(64) as usize;
        config.mem_max = read.parsed("MEM_MAX", quantity::parse_size).unwrap_or(256 << 20);
        config.resolve_allow = read.parsed("RESOLVE_ALLOW", Allow::parse).unwrap_or_else(Allow::any_name).with_own(own);
        let timeout = read.duration("RESOLVE_TIMEOUT", Duration::from_micros(1), quantity::LONGEST);
        config.resolve_timeout = timeout.unwrap_or(Duration::from_secs(5));
        config.resolve_max_hops = read.number("RESOLVE_MAX_HOPS", 0, 100).unwrap_or(3) as u32;
        read.text(TERMINATION_MESSAGE_PATH, &mut None); // Where it leads to is known already.
        let is_json = read.choice("LOG_FORMAT", "text json") == Some(1);
        config.log_format = if is_json { Format::Json } else { Format::Text };
        config.log_requests = match read.choice("LOG_REQUESTS", "none faults all") {
            Some(0) => Requests::None,
            Some(2) => Requests::All,
            _ => Requests::Faults,
        };
        if config.seed.is_some() && has_seeded_start(&config.rules) {
            read.warn(SEEDED_START, &[]);
        }
        let errors = read.errors;
        if errors.is_empty() { Ok(boxed) } else { Err(ConfigError(errors)) }
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
