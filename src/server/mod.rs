//! Threads and sockets: the listener, the workers, their connections, the lot where connections wait, and drain.

pub mod connection;
mod content;
pub mod crew;
pub mod desk;
mod drain;
mod enforcer;
mod exchange;
mod grpc;
mod input;
pub mod life;
pub mod listener;
pub mod lot;
mod paused;
pub mod queues;
pub mod reason;
mod request_log;
mod sending;
#[cfg(test)]
mod tests;
mod turned_away;
mod worker;

use std::net::TcpStream;
use std::sync::atomic::AtomicU64;

use crate::observe::log::Log;
use crate::routes::State;
use crew::Crew;
use listener::Listener;
use lot::Lot;
use paused::Paused;
use turned_away::Episodes;

/// Everything the threads share, for the whole life of the process.
pub struct Server {
    /// What handlers may look at.
    pub state: &'static State,
    /// The log.
    pub log: &'static Log,
    /// Where connections wait.
    pub lot: Lot<TcpStream, Paused>,
    /// Where connections come from.
    pub listener: Listener,
    /// Who does the work.
    pub crew: Crew,
    /// Those that wait for an answer, which nobody closes, and how many may.
    delays: AtomicU64,
    max_delays: u64,
    episodes: Episodes,
}
