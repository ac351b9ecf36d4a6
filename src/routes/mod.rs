//! The whole API: which path is which route, what it allows, who answers.
//!
//! Handlers know no connections: they return an [`Outcome`], and the connection carries it out.

pub mod basics;
pub mod checks;
pub mod crash;
pub mod faults;
mod guard;
pub mod load;
mod metrics;
mod page;
pub mod resolve;
pub mod whoami;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::{Duration, Instant, SystemTime};

use crate::config::Config;
use crate::faults::Check;
use crate::faults::engine::{Decision, Engine, Subject};
use crate::faults::plan::MAX_PLAN;
use crate::http::head::Head;
use crate::http::response::{Body, Response};
use crate::http::{MAX_BODY, Method};
use crate::identity::Identity;
use crate::observe::counts::{self, Counts};
use crate::process::ending::Ending;
use crate::process::phase::PhaseCell;
use crate::text;

/// Most content that `/echo` takes and gives back.
const MAX_ECHO: u64 = 64 * 1024;
/// Longest time that `/cpu`, `/mem` and `/delay` take.
const MAX_LOAD: Duration = Duration::from_secs(60);

/// What handlers may look at, for the whole life of the process.
pub struct State {
    /// The configuration.
    pub config: &'static Config,
    /// Who we are.
    pub identity: &'static Identity,
    /// The fault rules that stand.
    pub engine: Engine,
    /// Where the process is in its life.
    pub phase: PhaseCell,
    /// What requests have left behind.
    pub counts: Counts,
    /// When the process started, on the clock that only goes forward.
    pub started: Instant,
    /// When the process started, for people.
    pub started_at: SystemTime,
    /// Bytes that `/mem` calls hold now.
    pub memory_held: AtomicU64,
    /// Outgoing calls under way.
    pub calls: AtomicUsize,
}

/// A request as handlers see it.
pub struct Request<'r> {
    /// Its head.
    pub head: &'r Head<'r, 'r>,
    /// The octets of its head.
    pub head_bytes: &'r [u8],
    /// Its content, all of it.
    pub body: &'r [u8],
    /// What the rules made of it.
    pub decision: &'r Decision,
    /// What few handlers ask for.
    pub surroundings: &'r dyn Surroundings,
}

/// What connections can be doing, as metrics name it.
pub const STATES: [&str; 7] = ["idle", "head", "write", "linger", "hang", "delay", "active"];

/// The server around a request.
pub trait Surroundings {
    /// The ends of its connection, peer first.
    fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>);
    /// How many connections there are in each of [`STATES`].
    fn connections(&self) -> [u64; STATES.len()];
    /// Lines that the log has dropped.
    fn log_dropped(&self) -> u64;
}

/// What should happen to a request; nothing of it has happened yet.
pub enum Outcome {
    /// Send this.
    Respond(Response),
    /// Wait, holding something, and then send this.
    Wait(Duration, Response, Option<load::Held>),
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

/// Work that keeps a thread busy.
pub enum Work {
    /// Burn one core so long.
    Cpu(Duration),
    /// Touch so many bytes, and then hold them so long.
    Memory(u64, Duration),
    /// Call a service.
    Call(Box<resolve::Call>),
}

impl Work {
    /// Does it. Blocks.
    pub fn run(self, state: &'static State) -> Outcome {
        match self {
            Self::Cpu(duration) => load::burn(duration),
            Self::Memory(size, duration) => load::hold(size, duration, state),
            Self::Call(call) => Outcome::Respond(resolve::run(*call, state)),
        }
    }
}

/// A route. Parameters in paths are the handlers' business, so a bad one is their 400, not a 404.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// `/healthz` and `/health`
    Health,
    /// `/livez` and its aliases
    Live,
    /// `/readyz` and its alias
    Ready,
    /// `/startupz`
    Startup,
    /// `/`
    Index,
    /// `/whoami`
    Whoami,
    /// `/metrics`
    Metrics,
    /// `/ui`
    Page,
    /// `/faults`
    Faults,
    /// `/faults/N`
    Fault,
    /// `/infect`
    Infect,
    /// `/cure`
    Cure,
    /// `/kill`: `/crash?code=1`
    Kill,
    /// `/crash`
    Crash,
    /// `/cpu`
    Cpu,
    /// `/mem`
    Mem,
    /// `/resolve`
    Resolve,
    /// `/ip`
    Ip,
    /// `/hostname`
    Hostname,
    /// `/version`
    Version,
    /// `/status/N`
    Status,
    /// `/delay/D`
    Delay,
    /// `/bytes/N`
    Bytes,
    /// `/headers`
    Headers,
    /// `/echo`
    Echo,
    /// `OPTIONS *`
    Server,
    /// Any other path: 404, once the rules have had their say.
    Unknown,
}

/// Every route with its pattern, in the order of their numbers. A last segment in capitals stands for any.
const ROUTES: [(Route, &str); counts::ROUTES] = [
    (Route::Health, "/healthz"),
    (Route::Live, "/livez"),
    (Route::Ready, "/readyz"),
    (Route::Startup, "/startupz"),
    (Route::Index, "/"),
    (Route::Whoami, "/whoami"),
    (Route::Metrics, "/metrics"),
    (Route::Page, "/ui"),
    (Route::Faults, "/faults"),
    (Route::Fault, "/faults/N"),
    (Route::Infect, "/infect"),
    (Route::Cure, "/cure"),
    (Route::Kill, "/kill"),
    (Route::Crash, "/crash"),
    (Route::Cpu, "/cpu"),
    (Route::Mem, "/mem"),
    (Route::Resolve, "/resolve"),
    (Route::Ip, "/ip"),
    (Route::Hostname, "/hostname"),
    (Route::Version, "/version"),
    (Route::Status, "/status/N"),
    (Route::Delay, "/delay/D"),
    (Route::Bytes, "/bytes/N"),
    (Route::Headers, "/headers"),
    (Route::Echo, "/echo"),
    (Route::Server, "*"),
    (Route::Unknown, "other"),
];

/// The methods that a route takes, and its Allow field line.
struct Methods {
    allow: &'static str,
    methods: &'static [Method],
}

const GET: Methods = Methods { allow: "Allow: GET, HEAD\r\n", methods: &[Method::Get, Method::Head] };
const ACT: Methods = Methods { allow: "Allow: GET, POST\r\n", methods: &[Method::Get, Method::Post] };
const PLAN: Methods = Methods {
    allow: "Allow: GET, HEAD, PUT, POST, DELETE\r\n",
    methods: &[Method::Get, Method::Head, Method::Put, Method::Post, Method::Delete],
};
const DELETE: Methods = Methods { allow: "Allow: DELETE\r\n", methods: &[Method::Delete] };
const POST: Methods = Methods { allow: "Allow: POST\r\n", methods: &[Method::Post] };
/// What `OPTIONS *` answers: all that some route takes.
const ALLOW_ALL: &str = "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, TRACE\r\n";

impl Route {
    /// The route of a path, octet by octet.
    pub fn find(path: &[u8]) -> Self {
        let is_it = |(_, pattern): &&(Self, &str)| {
            let pattern = pattern.as_bytes();
            match pattern {
                [prefix @ .., b'D' | b'N'] => path.starts_with(prefix),
                _ => path == pattern,
            }
        };
        let found = ROUTES.iter().find(is_it).map(|(route, _)| *route);
        let alias = || Check::of_path(path).map(|check| ROUTES[check as usize].0);
        found.or_else(alias).unwrap_or(Self::Unknown)
    }

    /// The path it stands for, as metrics name it: `/status/N`, or `other`.
    pub fn pattern(self) -> &'static str {
        ROUTES[self as usize].1
    }

    /// The check it is, if it is one.
    pub fn check(self) -> Option<Check> {
        Check::ALL.get(self as usize).copied()
    }

    /// What fault rules see of a request for it.
    pub fn subject(self, path: &[u8]) -> Subject<'_> {
        let is_protected = (self as usize) <= Self::Crash as usize && !matches!(self, Self::Index | Self::Whoami);
        Subject { check: self.check(), is_protected, path }
    }

    /// Whether CONTROL guards it.
    fn is_guarded(self) -> bool {
        (Self::Faults as usize..=Self::Mem as usize).contains(&(self as usize))
    }

    /// Refuses a request for a route that CONTROL guards, or a call of `/resolve` by a page of another origin, before
    /// the rules or anything else look at it.
    pub fn guard(self, head: &Head<'_, '_>, state: &State) -> Option<Response> {
        match self {
            Self::Resolve => guard::refuse_other_origins(head),
            _ if self.is_guarded() => guard::refuse(head, self == Self::Faults, state),
            _ => None,
        }
    }

    /// Most content that it takes.
    pub fn max_body(self) -> u64 {
        match self {
            Self::Echo => MAX_ECHO,
            Self::Faults => MAX_PLAN as u64,
            _ => MAX_BODY,
        }
    }

    /// The Allow field line for a method that it does not take.
    pub fn refuses(self, method: Method) -> Option<&'static str> {
        let Methods { allow, methods } = match self {
            Self::Crash | Self::Cpu | Self::Mem => ACT,
            Self::Echo | Self::Infect | Self::Cure | Self::Kill => POST,
            Self::Faults => PLAN,
            Self::Fault => DELETE,
            Self::Headers | Self::Server | Self::Unknown => return None,
            _ => GET,
        };
        (!methods.contains(&method)).then_some(allow)
    }
}

/// Answers a request whose method the route takes and which no rule has decided.
pub fn answer(route: Route, request: &Request<'_>, state: &'static State) -> Outcome {
    let identity = state.identity;
    let line = |value: &str| Outcome::Respond(Response::text(text::joined(&[value, "\n"]).into_bytes()));
    match route {
        Route::Index => {
            Outcome::Respond(Response::new(200, &state.config.content_type, Body::Static(identity.index())))
        }
        Route::Health | Route::Live | Route::Ready | Route::Startup => {
            Outcome::Respond(checks::answer(Check::ALL[route as usize], request, state))
        }
        Route::Metrics => Outcome::Respond(metrics::answer(request, state)),
        Route::Page => Outcome::Respond(page::answer(request)),
        Route::Crash => crash::answer(request, state),
        Route::Kill => Outcome::End(Ending::Exit(1)),
        Route::Faults => faults::answer(request, state),
        Route::Fault => faults::one(request, state),
        Route::Infect => faults::infect(request, state),
        Route::Cure => faults::cure(request, state),
        Route::Resolve => resolve::answer(request, state),
        Route::Whoami => Outcome::Respond(whoami::answer(request, state)),
        Route::Ip => line(identity.ip()),
        Route::Hostname => line(&identity.hostname),
        Route::Version => line(&identity.version),
        Route::Cpu => load::cpu(request),
        Route::Mem => load::memory(request),
        Route::Status => basics::status(request),
        Route::Delay => basics::delay(request),
        Route::Bytes => basics::bytes(request),
        Route::Headers => basics::headers(request),
        Route::Echo => basics::echo(request),
        Route::Server => Outcome::Respond(Response::new(204, "", Body::Static(b"")).with_fields(ALLOW_ALL)),
        Route::Unknown => Outcome::Respond(Response::status_page(404)),
    }
}

/// What `fail` makes of a request: a check's error body, elsewhere the status and its phrase.
pub fn failed(route: Route, status: u16, request: &Request<'_>) -> Response {
    match route.check() {
        Some(_) => checks::with_status(status, request),
        // The page polls it, and each poll is to be balanced anew.
        None => Response { close: route == Route::Whoami, ..Response::status_page(status) },
    }
}
