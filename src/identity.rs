//! Who this process is: one identity, shown alike on `/`, in header fields, in `/whoami` and in the log.

use std::net::IpAddr;
use std::sync::OnceLock;

use crate::config::Config;
use crate::{sys, text};

/// Our own version.
pub const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// HOSTNAME, else the machine's host name, else `localhost`.
fn hostname(config: &Config) -> String {
    config.hostname.clone().or_else(sys::host_name).unwrap_or_else(|| "localhost".to_owned())
}

/// POD_NAME, else the host name; known before anything else is.
pub fn pod_name(config: &Config) -> String {
    config.pod_name.clone().unwrap_or_else(|| hostname(config))
}

/// The identity, found once at start.
#[derive(Debug)]
pub struct Identity {
    /// HOSTNAME, else the machine's host name, else `localhost`.
    pub hostname: String,
    /// What there is to say of the address, and what is configured for it. Looking through the interfaces takes as long as
    /// all else until the first answer, so that waits until workers are there.
    located: OnceLock<Located>,
    ip_address: Option<String>,
    content: Option<Vec<u8>>,
    /// POD_NAME, else the host name.
    pub pod: String,
    /// POD_NAMESPACE.
    pub namespace: Option<String>,
    /// NODE_NAME.
    pub node: Option<String>,
    /// ZONE.
    pub zone: Option<String>,
    /// APP_VERSION, else our own.
    pub version: String,
    /// The field lines that every answer carries, with their CRLF.
    pub field_lines: Vec<u8>,
}

#[derive(Debug)]
struct Located {
    ip: String,
    index: Vec<u8>,
}

impl Identity {
    /// Finds out who we are.
    pub fn find(config: &Config) -> Self {
        let hostname = hostname(config);
        let pod = pod_name(config);
        let version = config.app_version.clone().unwrap_or_else(|| OWN_VERSION.to_owned());
        let mut field_lines = b"Server: probeserver\r\n".to_vec();
        let fields = [
            ("Probe-Pod: ", Some(&pod)),
            ("Probe-Node: ", config.node_name.as_ref()),
            ("Probe-Zone: ", config.zone.as_ref()),
            ("Probe-Version: ", Some(&version)),
        ];
        for (name, value) in fields {
            // A HOSTNAME may be any text; one that cannot stand in a field is left out of it.
            if let Some(value) = value.filter(|value| value.bytes().all(|byte| (b' '..=b'~').contains(&byte))) {
                text::put_all(&mut field_lines, &[name, value, "\r\n"]);
            }
        }
        let (namespace, node, zone) = (config.pod_namespace.clone(), config.node_name.clone(), config.zone.clone());
        let (ip_address, content, located) = (config.ip_address.clone(), config.content.clone(), OnceLock::new());
        Self { hostname, located, ip_address, content, pod, namespace, node, zone, version, field_lines }
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
            let ip = self.ip_address.clone().or_else(first_global_address).unwrap_or_else(|| "127.0.0.1".to_owned());
            let text = || text::joined(&["Hostname = ", &self.hostname, "\nIp Address = ", &ip, "\n"]).into_bytes();
            let index = self.content.clone().unwrap_or_else(text);
            Located { ip, index }
        })
    }
}

fn first_global_address() -> Option<String> {
    let is_global = |address: &IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unspecified() && v6.segments()[0] & 0xffc0 != 0xfe80,
    };
    sys::interface_addresses()
        .into_iter()
        .find(is_global)
        .map(|address| text::written(|out| text::ip_address(out, address)))
}
