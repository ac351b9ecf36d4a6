//! Probeserver from outside: the real binary, real sockets, raw bytes.
//!
//! Every test starts its own server on a free loopback port and reads the address it announces. Nothing sleeps in order
//! to wait: every wait is for a log line, a byte, an end of file or an exit, and has a bound. A failure prints what was
//! sent, what came back and the server's log.

// The harness: a process, a connection to it, a server for it to call, what its lines mean, tables of requests.
mod client;
mod fake;
mod harness;
mod lines;
mod table;

// The promise to the program this one replaces, and the routes.
mod compat;
mod forecast;
mod many;
mod metrics;
mod page;
mod resolve;
mod routes;

// HTTP, row by row of the checklist it was built from (the numbers are in every failure).
mod bodies;
mod exchanges;
mod http;

// Health over gRPC.
mod grpc;

// Everything that goes wrong on purpose.
mod clock;
mod control;
mod faults;

// Parsers against any bytes at all, and the whole server against a second opinion.
mod fuzz;
mod manifests;
mod mutate;
mod oracle;
mod properties;
mod yaml;

// The process around it, and what happens at the limits.
mod deadlines;
mod drain;
mod limits;
mod log;
mod process;
mod subcommands;

// The invariants of the source, and what the README says.
mod tidy;
