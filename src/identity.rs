//! Who this process is: one identity, shown alike on `/`, in header fields, in `/whoami` and in the log.

use std::net::IpAddr;
use std::sync::OnceLock;

use crate::config::Config;
use crate::text::Value::Text;
use crate::{sys, text};

pub const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// HOSTNAME, else the machine's host name, else `localhost`.
fn hostname(config: &Config) -> String {
    match &config.hostname {
        Some(name) => name.clone(),
        None => sys::host_name().unwrap_or_else(|| "localhost".to_owned()),
    }
}

/// POD_NAME, else the host name.
pub fn pod_name(config: &Config) -> String {
    config.pod_name.clone().unwrap_or_else(|| hostname(config))
}

/// The identity, found once at start.
#[derive(Debug)]
pub struct Identity {
    /// HOSTNAME, else the machine's host name, else `localhost`.
    pub hostname: String,
    /// POD_NAME, else the host name.
    pub pod: String,
    /// POD_NAMESPACE.
    pub namespace: Option<&'static str>,
    /// NODE_NAME.
    pub node: Option<&'static str>,
    /// ZONE.
    pub zone: Option<&'static str>,
    /// APP_VERSION, else our own.
    pub version: &'static str,
    /// The field lines that every answer carries, with their CRLF.
    pub field_lines: Vec<u8>,
    /// What is configured for the address and for `/`.
    config: &'static Config,
    /// What there is to say of the address. Looking through the interfaces takes as long as all else until the first answer, and
    /// 12 KiB that are never given back, so that waits until somebody asks.
    located: OnceLock<Located>,
}

#[derive(Debug)]
struct Located {
    ip: String,
    index: Vec<u8>,
}

impl Identity {
    pub fn find(config: &'static Config) -> Self {
        let hostname = hostname(config);
        let mut identity = Self {
            pod: config.pod_name.as_ref().unwrap_or(&hostname).clone(),
            hostname,
            namespace: config.pod_namespace.as_deref(),
            node: config.node_name.as_deref(),
            zone: config.zone.as_deref(),
            version: config.app_version.as_deref().unwrap_or(OWN_VERSION),
            field_lines: Vec::new(),
            config,
            located: OnceLock::new(),
        };
        let mut lines = Vec::with_capacity(text::LINES);
        text::put(&mut lines, b"Server: probeserver\r\n");
        add_field(&mut lines, "Pod", Some(&identity.pod));
        add_field(&mut lines, "Node", identity.node);
        add_field(&mut lines, "Zone", identity.zone);
        add_field(&mut lines, "Version", Some(identity.version));
        identity.field_lines = lines;
        identity
    }

    /// IP_ADDRESS, else POD_IP, else the first global address of the interfaces, else 127.0.0.1.
    pub fn ip(&self) -> &str {
        &self.located().ip
    }

    /// Content of `/`.
    pub fn index(&self) -> &[u8] {
        &self.located().index
    }

    fn located(&self) -> &Located {
        self.located.get_or_init(|| {
            let ip = match &self.config.ip_address {
                Some(ip) => ip.clone(),
                None => first_global_address().unwrap_or_else(|| "127.0.0.1".to_owned()),
            };
            let index = match &self.config.content {
                Some(content) => content.clone(),
                None => text::filled("Hostname = ~\nIp Address = ~\n", &[Text(&self.hostname), Text(&ip)]).into_bytes(),
            };
            Located { ip, index }
        })
    }
}

/// Adds a field line. A HOSTNAME may be any text; one that cannot stand in a field is left out of it.
#[inline(never)]
fn add_field(lines: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|value| value.bytes().all(|byte| (b' '..=b'~').contains(&byte))) {
        text::fill(lines, "Probe-~: ~\r\n", &[Text(name), Text(value)]);
    }
}

fn first_global_address() -> Option<String> {
    let is_global = |address: &IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unspecified() && v6.segments()[0] & 0xffc0 != 0xfe80,
    };
    let addresses = sys::interface_addresses();
    addresses.into_iter().find(is_global).map(text::ip_address)
}
