//! What a worker does with what comes.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Server;
use super::connection;
use super::desk::Desk;
use super::lot::Event;
use super::paused::Paused;
use crate::{sys, text};

/// Enough for every path through the server; unoptimized code needs more.
const STACK: usize = if cfg!(debug_assertions) { 512 * 1024 } else { 64 * 1024 };

/// How long the first thread waits for who comes at once.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Serves those who come at once, on the process's first thread and before there is another: threads take longer to start than
/// answers take, and while they start they are in each other's way (each maps memory, for which the kernel locks all of it). What
/// may keep a thread is left to a worker, as this one has signals and the clock to watch.
#[inline(never)] // So that its room on the stack is given back.
pub(super) fn serve_the_first(server: &'static Server) {
    let mut desk = Desk::default();
    desk.papers.is_quick_only = true;
    desk.input.grow(text::LINES); // As much as probes need, of a size that there is.
    for _ in 0..connection::TURN {
        match server.lot.wait(Some(AT_ONCE)) {
            Event::Nothing => return,
            event => handle(server, &mut desk, event),
        }
        if desk.papers.has_left {
            return;
        }
    }
}

pub(super) fn spawn(server: &'static Server) -> io::Result<()> {
    sys::spawn("worker", STACK, move || {
        let mut desk = Desk::default();
        server.crew.work(&|| spawn(server), || server.lot.wait(None), |event| handle(server, &mut desk, event));
    })
}

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
