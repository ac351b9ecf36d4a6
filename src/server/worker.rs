//! What a worker does with what comes.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use super::Server;
use super::connection;
use super::desk::Desk;
use super::lot::Event;
use super::paused::Paused;
use crate::sys;

/// Enough for every path through the server; unoptimized code needs more.
const STACK: usize = if cfg!(debug_assertions) { 512 * 1024 } else { 64 * 1024 };

/// Starts a worker.
pub(super) fn spawn(server: &'static Server) -> io::Result<()> {
    sys::spawn("worker", STACK, move || {
        let mut desk = Desk::default();
        server.crew.work(&|| spawn(server), || server.lot.wait(), |event| handle(server, &mut desk, event));
    })
}

/// Does what an event asks for.
pub(super) fn handle(server: &'static Server, desk: &mut Desk, event: Event<TcpStream, Paused>) {
    match event {
        Event::Listener => {
            if let Some(connection) = server.listener.accept(server) {
                connection::begin(server, desk, connection);
            }
        }
        Event::Timer => {
            let due = server.lot.take_due(Instant::now());
            server.listener.retry(server);
            if let Some(taken) = due {
                connection::resume(server, desk, taken);
            }
        }
        Event::Ready(taken) => connection::resume(server, desk, taken),
        Event::Nothing => {}
    }
}
