//! Health over gRPC (`grpc.health.v1.Health` on HTTP/2 with prior knowledge) as bytes and values: octets and the time go
//! in; octets, calls that want an answer, and the end of the connection come out. Pure: `server` moves the bytes, asks the
//! rules, and makes things happen.
//!
//! No more of HTTP/2 (RFC 9113) than that service needs: fields are reduced to what they mean as they are decoded, and the
//! header blocks of answers are constants.

mod answer;
pub mod client;
mod control;
mod field;
mod frame;
mod hpack;
mod huffman;
mod message;
mod request;
mod session;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::faults::Check;
use crate::text;
pub use session::{Next, Session};

/// What a client of HTTP/2 sends first (RFC 9113 section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Longest payload of a frame (SETTINGS_MAX_FRAME_SIZE, its least and default).
pub const MAX_FRAME: usize = 16 * 1024;
/// Octets in front of a payload.
pub const FRAME_HEAD: usize = 9;
/// Longest header block, and largest list of fields; the list counts 32 octets more for each.
const MAX_BLOCK: usize = 16 * 1024;
/// Most streams at a time (RFC 9113 section 6.5.2 asks for 100).
const MAX_STREAMS: usize = 128;
/// How long a frame, a header block or a message may take from its first octet on; as a head of HTTP/1.1.
const INPUT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may leave an answer without a window for it.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a Watch looks.
const WATCH_PERIOD: Duration = Duration::from_secs(1);

/// A method of the health service; its number stands for its path in the table of HPACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// One answer.
    Check = 1,
    /// All names and their states.
    List,
    /// A state each time it changes.
    Watch,
}

impl Method {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Check, Self::List, Self::Watch];

    /// Its path, as fault rules name it.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Check => "/grpc.health.v1.Health/Check",
            Self::List => "/grpc.health.v1.Health/List",
            Self::Watch => "/grpc.health.v1.Health/Watch",
        }
    }

    fn of_path(path: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.path().as_bytes() == path)
    }

    fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|&method| method as u16 == number)
    }
}

/// The check that a service name asks for. Names are those of the Kubernetes documentation and those of our fault targets.
pub fn check_of(service: &[u8]) -> Option<Check> {
    const NAMES: &str = "health liveness readiness startup grpc.health.v1.Health live ready";
    const CHECKS: [Check; 7] = {
        let [health, live, ready, startup] = Check::ALL;
        [health, live, ready, startup, health, live, ready]
    };
    if service.is_empty() {
        return Some(Check::Health);
    }
    text::place(NAMES, service).map(|at| CHECKS[at])
}

/// The names that List shows, in the order of [`Check::ALL`]: the first is empty.
pub const LISTED: &str = " liveness readiness startup";

/// A state of a service, with its number in `HealthCheckResponse`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// All is well.
    Serving = 1,
    /// It fails.
    NotServing,
    /// No service has that name; only Watch says so.
    Unknown,
}

/// How a call of gRPC ends that has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The message did not come in time.
    TooLate,
    /// There is no service of that name.
    NoService,
    /// The message or the fields are.
    TooLarge,
    /// There is no such method.
    NoMethod,
    /// The message is compressed.
    Compressed,
    /// It is no message of the service.
    BadMessage,
    /// A rule fails a call that has no state to tell.
    Failed,
    /// The server is closing.
    Closing,
}

impl Status {
    /// The codes of gRPC, in the order above.
    const CODES: [u8; 8] = [4, 5, 8, 12, 12, 13, 14, 14];
    /// What is said, each in visible ASCII without `%`.
    const TEXTS: &str = "\
the message took longer than 10s
unknown service, expected health, liveness, readiness or startup
the message or the fields are too long
unknown method, expected grpc.health.v1.Health/Check, List or Watch
unknown grpc-encoding, expected identity
bad message, expected one HealthCheckRequest
failed by a rule
the server is closing";

    fn code(self) -> u8 {
        Self::CODES[self as usize]
    }

    fn text(self) -> &'static str {
        text::nth(Self::TEXTS, b'\n', self as usize)
    }
}

/// A call that wants an answer.
#[derive(Debug)]
pub struct Call<D> {
    /// Its stream, by which it is answered.
    pub stream: u32,
    /// What is called.
    pub method: Method,
    /// What is asked for; `None`: no service has that name, or all are asked for.
    pub check: Option<Check>,
    /// Whether this is a look that a Watch takes on its own.
    pub is_look: bool,
    /// What was decided when it came, if it was delayed since.
    pub held: Option<D>,
}

/// What a call is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The state of a service, for Check and Watch.
    State(State),
    /// The states of all, in the order of [`LISTED`].
    List([State; Check::ALL.len()]),
    /// An error.
    Status(Status),
}
