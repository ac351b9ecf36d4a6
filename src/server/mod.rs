//! Threads and sockets: the listener, the workers, their connections, the lot where connections wait, and drain.

mod clock;
pub mod connection;
mod content;
pub mod desk;
pub mod listener;
pub mod lot;
mod paused;
pub mod reason;
mod request_log;
pub mod run;
mod sending;
#[cfg(test)]
mod tests;
pub mod worker;

use std::net::SocketAddr;
use std::os::fd::RawFd;

use crate::observe::log::Log;
use crate::routes::{STATES, State, Surroundings};
use crate::sys;
use listener::Listener;
use lot::Lot;
use paused::Paused;
use worker::Crew;

/// Everything the threads share, for the whole life of the process.
pub struct Server {
    /// What handlers may look at.
    pub state: &'static State,
    /// The log.
    pub log: &'static Log,
    /// Where connections wait.
    pub lot: Lot<Paused>,
    /// Where connections come from.
    pub listener: Listener,
    /// Who does the work.
    pub crew: Crew,
}

/// What handlers see of the server around a request.
struct Around {
    server: &'static Server,
    fd: RawFd,
}

impl Surroundings for Around {
    fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        sys::addresses(self.fd)
    }

    fn connections(&self) -> [u64; STATES.len()] {
        self.server.lot.census()
    }

    fn log_dropped(&self) -> u64 {
        self.server.log.dropped_total()
    }
}
