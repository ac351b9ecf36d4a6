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

use std::net::{SocketAddr, TcpStream};

use crate::observe::log::Log;
use crate::routes::{STATES, State, Surroundings};
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
struct Around<'c> {
    server: &'static Server,
    stream: &'c TcpStream,
}

impl Surroundings for Around<'_> {
    fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        sending::addresses(self.stream)
    }

    fn connections(&self) -> [u64; STATES.len()] {
        self.server.lot.census()
    }

    fn log_dropped(&self) -> u64 {
        self.server.log.dropped_total()
    }
}
