//! The listening socket: which port it is, taking connections in, doing without descriptors, closing without
//! losing anybody.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Server;
use super::lot::Connection;
use crate::sys;

/// Connections that the kernel keeps ready for us; it cuts this to net.core.somaxconn.
const BACKLOG: i32 = 4096;
/// HTTP's port, and the original's.
const DEFAULT_PORT: u16 = 80;
/// Where to go when that one is forbidden.
const FALLBACK_PORT: u16 = 8080;
/// How long to leave the listener alone when there are no descriptors.
const STARVED_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no listening socket: which address, and what the kernel said.
#[derive(Debug)]
pub struct ListenError {
    /// The address that was tried last.
    pub address: SocketAddr,
    /// The kernel's answer.
    pub error: io::Error,
}

/// A bound socket, and whether it had to go to another port than wanted.
pub struct Bound {
    /// The socket, not listening yet.
    pub socket: OwnedFd,
    /// Whether the default port was forbidden.
    pub is_fallback: bool,
}

/// Binds the port that the configuration asks for: PORT, else 80, else where that is forbidden 8080.
pub fn bind(port: Option<u16>, address: Option<IpAddr>) -> Result<Bound, ListenError> {
    match bind_port(address, port.unwrap_or(DEFAULT_PORT)) {
        Ok(socket) => Ok(Bound { socket, is_fallback: false }),
        Err(ListenError { error, .. }) if port.is_none() && error.kind() == ErrorKind::PermissionDenied => {
            bind_port(address, FALLBACK_PORT).map(|socket| Bound { socket, is_fallback: true })
        }
        Err(error) => Err(error),
    }
}

/// The port where a server with this configuration listens, as a process beside it can tell: a trial bind that is
/// forbidden means the fallback, anything else (in use, most likely) the port itself.
pub fn probable_port(port: Option<u16>) -> u16 {
    let forbidden = |error: &ListenError| error.error.kind() == ErrorKind::PermissionDenied;
    match port {
        Some(port) => port,
        None if bind_port(None, DEFAULT_PORT).is_err_and(|error| forbidden(&error)) => FALLBACK_PORT,
        None => DEFAULT_PORT,
    }
}

/// Binds one port, on every address when none is given: IPv6 and IPv4, or IPv4 where there is no IPv6. Port
/// privilege is raised only when the kernel asks for it.
fn bind_port(address: Option<IpAddr>, port: u16) -> Result<OwnedFd, ListenError> {
    let wanted = SocketAddr::new(address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()), port);
    let attempt = |address: SocketAddr| {
        sys::bind(address).or_else(|error| match error.kind() {
            ErrorKind::PermissionDenied if sys::allow_low_ports().is_ok() => sys::bind(address),
            _ => Err(error),
        })
    };
    let (tried, result) = match attempt(wanted) {
        Err(error)
            if address.is_none() && !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::AddrInUse) =>
        {
            let v4_only = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
            (v4_only, attempt(v4_only))
        }
        result => (wanted, result),
    };
    result.map_err(|error| ListenError { address: tried, error })
}

struct Socket {
    /// `None` once closed.
    fd: Option<OwnedFd>,
    /// Whether the last accept failed for want of descriptors or memory: logged once an episode.
    is_starved: bool,
}

/// The listening socket, shared by the workers.
pub struct Listener(Mutex<Socket>);

impl Listener {
    /// Takes over a bound socket and listens.
    pub fn listen(socket: OwnedFd) -> io::Result<Self> {
        sys::listen(socket.as_raw_fd(), BACKLOG)?;
        Ok(Self(Mutex::new(Socket { fd: Some(socket), is_starved: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Socket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address it listens on.
    pub fn address(&self) -> Option<SocketAddr> {
        let fd = self.lock().fd.as_ref()?.as_raw_fd();
        sys::addresses(fd).1
    }

    /// Lets the lot watch it.
    pub fn watch(&self, server: &Server) -> io::Result<()> {
        match &self.lock().fd {
            Some(fd) => server.lot.watch_listener(fd.as_raw_fd()),
            None => Ok(()),
        }
    }

    /// Takes one connection from the queue and arms the listener again, so that another worker takes the next.
    pub fn accept(&self, server: &'static Server) -> Option<Connection> {
        let mut socket = self.lock();
        let fd = socket.fd.as_ref()?.as_raw_fd();
        match sys::accept(fd) {
            Ok(accepted) => {
                socket.is_starved = false;
                // Fails only when the kernel is out of memory; the timer then arms it.
                if server.lot.arm_listener(fd).is_err() {
                    server.lot.alarm_at(Instant::now() + STARVED_PAUSE);
                }
                drop(socket);
                let (connection, to_close) = server.lot.open(accepted);
                drop(to_close);
                connection
            }
            Err(error) => {
                if is_starvation(&error) {
                    self.starve(&mut socket, &error, server);
                } else {
                    // Nothing there after all, or a connection that broke while it waited.
                    let _ = server.lot.arm_listener(fd);
                }
                None
            }
        }
    }

    /// No descriptor or memory: closes somebody who waits, or leaves the queue to the kernel for a moment.
    fn starve(&self, socket: &mut Socket, error: &io::Error, server: &'static Server) {
        if !std::mem::replace(&mut socket.is_starved, true) {
            server.log.write(server.log.line("accept_failed").text("error", sys::error_text(error).as_bytes()));
        }
        match (server.lot.evict(), &socket.fd) {
            (Some(victim), Some(fd)) => {
                drop(victim);
                let _ = server.lot.arm_listener(fd.as_raw_fd());
            }
            _ => server.lot.alarm_at(Instant::now() + STARVED_PAUSE),
        }
    }

    /// Arms the listener again when accepting was given up for a moment.
    pub fn retry(&self, server: &Server) {
        let socket = self.lock();
        if let (true, Some(fd)) = (socket.is_starved, &socket.fd) {
            let _ = server.lot.arm_listener(fd.as_raw_fd());
        }
    }

    /// Takes in every connection that the kernel has already accepted, and closes. Nobody who got a connection is
    /// reset: new handshakes are dropped first, so that the queue runs empty.
    pub fn close(&self, server: &Server, mut take: impl FnMut(Connection)) {
        let mut socket = self.lock();
        let Some(fd) = socket.fd.take() else { return };
        sys::refuse_new_handshakes(fd.as_raw_fd());
        while let Ok(accepted) = sys::accept(fd.as_raw_fd()) {
            let (connection, to_close) = server.lot.open(accepted);
            drop(to_close);
            if let Some(connection) = connection {
                take(connection);
            }
        }
    }
}

/// EMFILE, ENFILE, ENOBUFS, ENOMEM: all pass when somebody closes something.
fn is_starvation(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}
