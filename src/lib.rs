//! probeserver: one tiny HTTP server that shows what Kubernetes does with a pod that starts slowly, crashes, flaps,
//! hangs or drains.
//!
//! # One way through
//!
//! ```text
//! main -> commands -> server::life::serve
//!
//! server::worker -> server::connection -> http::head -> routes -> faults::engine -> handler -> Outcome
//!              ^                  |  ^------------------ http::response <-----------------------'
//!              '-- server::lot <--'     (parked: idle, half a head, delayed, hung, slow to read)
//! ```
//!
//! # Layout, in reading order; nothing imports from further down
//!
//! - [`text`], [`quantity`], [`sync`]: numbers, strings and units as bytes; locks
//! - [`sys`]: the kernel as safe functions; the only unsafe code
//! - [`http`]: messages as bytes and values
//! - [`faults`]: the language, the decision for a request, the clock, the dice; a plan in words
//! - [`grpc`]: health over HTTP/2: frames, HPACK, streams and the health service, as bytes and values
//! - [`resolve`]: calling a service and saying who answered
//! - [`observe`]: the log and the counts
//! - [`config`], [`identity`]: the environment, and who we are
//! - [`forecast`]: what Kubernetes will do with a workload, and when
//! - [`process`]: phases of life, load on purpose, and every way to end
//! - [`routes`]: the API; handlers return what should happen
//! - [`server`]: threads and sockets; makes it happen
//! - [`commands`]: what the command line can do
//!
//! # Invariants, each held by a test
//!
//! - Layers do not import upwards; parsing, faults and routes know no sockets.
//! - `sys` alone is unsafe; `commands` alone reads the environment; `ending` and `main` alone exit.
//! - A connection that waits holds no thread; whatever waits has a deadline or is hung on purpose.
//! - The checks and `/` allocate nothing, and answer with one send.
//! - Everything has a limit, and the limit a name.

pub mod commands;
pub mod config;
pub mod faults;
pub mod forecast;
pub mod grpc;
pub mod http;
pub mod identity;
pub mod observe;
pub mod process;
pub mod quantity;
pub mod resolve;
pub mod routes;
pub mod server;
pub mod sync;
pub mod sys;
pub mod text;
