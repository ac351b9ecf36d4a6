//! The listening socket: which port it is, taking connections in, doing without descriptors, closing without
//! losing anybody.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::paused::Paused;
use super::queues::{Admitted, Connection};
use super::{Server, connection, sending};
use crate::faults::clock::Listening;
use crate::observe::counts::TurnedAway;
use crate::sync::Lock;
use crate::text::Value;
use crate::{quantity, sys};

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
    pub address: SocketAddr,
    pub error: io::Error,
}

/// A listener, and whether it had to go to another port than wanted.
pub struct Opened {
    pub listener: Listener,
    pub is_fallback: bool,
}

/// Listens on the port that the configuration asks for: PORT, else 80, else where that is forbidden 8080.
pub fn open(port: Option<u16>, address: Option<IpAddr>) -> Result<Opened, ListenError> {
    let mut tried = every_address(port.unwrap_or(DEFAULT_PORT));
    if let Some(address) = address {
        tried.set_ip(address);
    }
    let opened = open_at(&mut tried, address.is_none(), port.is_none());
    opened.map_err(|error| ListenError { address: tried, error })
}

fn every_address(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)
}

/// Leaves in `tried` what was tried last.
fn open_at(tried: &mut SocketAddr, may_be_v4: bool, may_fall_back: bool) -> io::Result<Opened> {
    let mut bound = bind_port(tried, may_be_v4);
    let is_fallback = may_fall_back && is_forbidden(&bound);
    if is_fallback {
        tried.set_port(FALLBACK_PORT);
        bound = bind_port(tried, may_be_v4);
    }
    Ok(Opened { listener: Listener::listen(bound?)?, is_fallback })
}

fn is_forbidden(bound: &io::Result<TcpListener>) -> bool {
    bound.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// The port where a server with this configuration listens, as a process beside it can tell: a trial bind that is
/// forbidden means the fallback, anything else (in use, most likely) the port itself.
pub fn probable_port(port: Option<u16>) -> u16 {
    match port {
        Some(port) => port,
        None if is_forbidden(&bind_port(&mut every_address(DEFAULT_PORT), true)) => FALLBACK_PORT,
        None => DEFAULT_PORT,
    }
}

/// Binds a port of an address, or of 0.0.0.0 where there is no IPv6 and that may be. Port privilege is raised only when the
/// kernel asks for it.
fn bind_port(tried: &mut SocketAddr, may_be_v4: bool) -> io::Result<TcpListener> {
    let attempt = |address: &SocketAddr| {
        sys::bind(address).or_else(|error| match error.kind() {
            ErrorKind::PermissionDenied if sys::allow_low_ports().is_ok() => sys::bind(address),
            _ => Err(error),
        })
    };
    let mut result = attempt(tried);
    if let Err(error) = &result
        && may_be_v4
        && !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::AddrInUse)
    {
        tried.set_ip(Ipv4Addr::UNSPECIFIED.into());
        result = attempt(tried);
    }
    let socket = result?;
    if tried.port() != 0 {
        return Ok(socket);
    }
    // A port that the kernel has chosen is lost when `listen close` shuts the socket; one that was asked for stays. So
    // ask for it, with the first socket still holding it.
    sys::bind(&SocketAddr::new(tried.ip(), socket.local_addr()?.port()))
}

struct Socket {
    /// `None` once closed.
    listener: Option<TcpListener>,
    /// Whether anybody may have got in so far.
    is_watched: bool,
    /// Whether the last accept failed for want of descriptors or memory.
    is_starved: bool,
    /// What the rules make of it.
    listening: Listening,
}

/// The listening socket, shared by the workers.
pub struct Listener(Lock<Socket>);

impl Listener {
    /// Takes over a bound socket and listens.
    fn listen(socket: TcpListener) -> io::Result<Self> {
        sys::listen(&socket, BACKLOG)?;
        let (listener, listening) = (Some(socket), Listening::Open);
        Ok(Self(Lock::new(Socket { listener, is_watched: false, is_starved: false, listening })))
    }

    pub fn address(&self) -> Option<String> {
        sending::plain(self.0.lock().listener.as_ref()?.local_addr())
    }

    pub fn watch(&self, server: &Server) -> io::Result<()> {
        let mut socket = self.0.lock();
        socket.is_watched = true;
        match &socket.listener {
            Some(listener) => server.lot.watch_listener(listener.as_raw_fd()),
            None => Ok(()),
        }
    }

    /// Takes one connection from the queue and arms the listener again, so that another worker takes the next.
    pub fn accept(&self, server: &'static Server) -> Option<Connection<TcpStream>> {
        let mut socket = self.0.lock();
        let listener = socket.listener.as_ref()?;
        let fd = listener.as_raw_fd();
        if socket.listening != Listening::Open {
            return None; // Armed again when the rule's window shuts.
        }
        match accept(listener) {
            Ok(accepted) => {
                socket.is_starved = false;
                server.lot.arm_listener(fd);
                // Before the lock goes: who closes the listener next must find this one in the lot.
                let admitted = server.lot.admit(accepted);
                drop(socket);
                take_in(admitted, server)
            }
            Err(error) => {
                if sys::is_starvation(&error) {
                    self.starve(&mut socket, &error, server);
                } else {
                    // Nothing there after all, or a connection that broke while it waited.
                    server.lot.arm_listener(fd);
                }
                None
            }
        }
    }

    /// No descriptor or memory: closes somebody who waits, or leaves the queue to the kernel for a moment.
    fn starve(&self, socket: &mut Socket, error: &io::Error, server: &'static Server) {
        socket.is_starved = true;
        server.starved(&sys::error_text(error));
        match (server.lot.evict(), &socket.listener) {
            (Some(gone), Some(fd)) => {
                server.turned_away(TurnedAway::Files);
                drop(gone);
                server.lot.arm_listener(fd.as_raw_fd());
            }
            _ => server.lot.alarm_at(quantity::deadline_in(STARVED_PAUSE)),
        }
    }

    /// Listens and arms the listener again when that was given up for a moment.
    pub fn retry(&self, server: &Server) {
        let socket = self.0.lock();
        if let (true, Listening::Open, Some(listener)) = (socket.is_starved, socket.listening, &socket.listener) {
            if sys::listen_again(listener, BACKLOG).is_ok() {
                server.lot.arm_listener(listener.as_raw_fd());
            } else {
                server.lot.alarm_at(quantity::deadline_in(STARVED_PAUSE));
            }
        }
    }

    /// Does as the rules say: accept, leave connections to the kernel, or refuse them. Connections that the kernel has
    /// already accepted are taken in before it refuses, but for those that it accepted before any rule could be heard.
    pub fn obey(&self, server: &'static Server, listening: Listening) {
        let mut socket = self.0.lock();
        let before = std::mem::replace(&mut socket.listening, listening);
        let Some(listener) = &socket.listener else { return };
        if before == listening {
            return;
        }
        if listening == Listening::Closed {
            if socket.is_watched {
                sys::refuse_new_handshakes(listener);
                empty_queue(listener, server);
            }
            sys::stop_listening(listener);
        } else if before == Listening::Closed {
            // On the same socket, so the port needs no privilege and nobody else can have taken it.
            if let Err(error) = sys::listen_again(listener, BACKLOG) {
                socket.is_starved = true;
                server.lot.alarm_at(quantity::deadline_in(STARVED_PAUSE));
                drop(socket); // The log may wait for its reader.
                return server.log.say("listen_failed error", &[Value::Text(&sys::error_text(&error))]);
            }
        }
        if listening == Listening::Open {
            server.lot.arm_listener(listener.as_raw_fd());
        }
    }

    /// Lets no new handshakes in. Those that have begun need a moment: one that ends while the socket is closed is reset.
    pub fn refuse_new_handshakes(&self) {
        if let Some(listener) = &self.0.lock().listener {
            sys::refuse_new_handshakes(listener);
        }
    }

    /// Takes in every connection that the kernel has already accepted, and closes.
    pub fn close(&self, server: &'static Server) {
        if let Some(listener) = self.0.lock().listener.take() {
            empty_queue(&listener, server);
        }
    }
}

/// Takes one connection from the queue, non-blocking, since epoll watches it. `WouldBlock`: none is there.
fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// A new connection, where it has found room. Who had to go for that goes here.
fn take_in(admitted: Admitted<TcpStream, Paused>, server: &Server) -> Option<Connection<TcpStream>> {
    let Admitted { connection, gone } = admitted;
    if gone.is_some() {
        server.turned_away(if connection.is_some() { TurnedAway::Full } else { TurnedAway::Refused });
    }
    connection
}

/// Takes in every connection that the kernel has already accepted.
fn empty_queue(listener: &TcpListener, server: &'static Server) {
    while let Ok(accepted) = accept(listener) {
        if let Some(connection) = take_in(server.lot.admit(accepted), server) {
            connection::park_new(server, connection);
        }
    }
}
