//! What a handler is given, and what it gives back: an outcome that nobody has carried out yet.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use super::{forecast, load, resolve};
use crate::config::Config;
use crate::faults::engine::{Decision, Engine};
use crate::http::head::Head;
use crate::http::response::Response;
use crate::identity::Identity;
use crate::observe::counts::Counts;
use crate::process::ending::Ending;
use crate::process::phase::PhaseCell;
use crate::sync::Share;

/// What handlers may look at, for the whole life of the process.
pub struct State {
    pub config: &'static Config,
    pub identity: &'static Identity,
    pub engine: Engine,
    pub phase: PhaseCell,
    pub counts: Counts,
    /// When the process started, on the clock that only goes forward.
    pub started: Instant,
    /// When the process started, for people.
    pub started_at: SystemTime,
    /// Bytes that `/mem` calls hold now.
    pub memory_held: AtomicU64,
    pub calls: AtomicU64,
}

/// A request as handlers see it.
pub struct Request<'r> {
    pub head: &'r Head<'r, 'r>,
    pub head_bytes: &'r [u8],
    /// Its content, all of it.
    pub body: &'r [u8],
    /// What the rules made of it.
    pub decision: &'r Decision,
    /// Empty, unless the route looks around.
    pub surroundings: &'r Surroundings,
}

/// What connections can be doing, as metrics name it.
pub const STATES: &str = "idle head write linger hang delay calls active";

/// The server around a request, for routes that look around.
pub struct Surroundings {
    /// The ends of its connection.
    pub peer: Option<String>,
    pub local: Option<String>,
    /// How many connections there are in each of [`STATES`].
    pub connections: [u64; 8],
    pub log_dropped: u64,
}

impl Surroundings {
    /// Nothing, for all others.
    pub const NONE: Self = Self { peer: None, local: None, connections: [0; 8], log_dropped: 0 };
}

/// What should happen to a request; nothing of it has happened yet.
#[repr(u8)] // A byte says which it is, where a number of its largest variant would be asked in every match.
pub enum Outcome {
    /// Send this.
    Respond(Response),
    /// Wait, and then send this.
    Wait(Box<Waiting>),
    /// Do this where it may take long.
    Work(Work),
    /// Never answer.
    Hang,
    /// Close with no bytes.
    Drop,
    /// Close with RST.
    Reset,
    /// End the process, without an answer.
    End(Ending),
}

/// An answer that is to come later.
pub struct Waiting {
    pub delay: Duration,
    pub response: Response,
    /// What is held meanwhile.
    pub held: Option<load::Held>,
    /// Its place among those that wait, which whoever carries it out gives it.
    pub place: Option<Share>,
}

impl Outcome {
    /// An error with a line of text that says what was expected.
    #[inline(never)]
    pub fn error(status: u16, line: &str) -> Self {
        Self::Respond(Response::error(status, line))
    }

    /// The answer after a delay, if that is one.
    pub fn after(delay: Duration, response: Response, held: Option<load::Held>) -> Self {
        if delay.is_zero() {
            return Self::Respond(response);
        }
        Self::Wait(Box::new(Waiting { delay, response, held, place: None }))
    }
}

/// Work that keeps a thread busy.
pub enum Work {
    /// Burn one core so long.
    Cpu(Duration),
    /// Touch so many bytes, and then hold them so long.
    Memory(u64, Duration),
    Forecast(Box<forecast::Forecast>),
    Call(Box<resolve::Call>),
}

impl Work {
    /// Does it. Blocks. (Not inlined, so that no request but this one pays for its frame.)
    #[inline(never)]
    pub fn run(self, state: &'static State) -> Outcome {
        match self {
            Self::Cpu(duration) => load::burn(duration),
            Self::Memory(size, duration) => load::hold(size, duration, state),
            Self::Forecast(forecast) => forecast::run(&forecast),
            Self::Call(call) => Outcome::Respond(resolve::run(*call, state)),
        }
    }
}
