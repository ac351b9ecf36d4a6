//! The whole API as one table: routing, methods, guard, protection, limits and the names in metrics all read it.
//!
//! Handlers know no connections: they return an [`Outcome`], and the connection carries it out.

pub mod basics;
pub mod checks;
pub mod crash;
pub mod faults;
pub mod forecast;
mod guard;
pub mod load;
mod metrics;
mod page;
mod request;
pub mod resolve;
pub mod values;
pub mod whoami;

pub use request::{Outcome, Request, STATES, State, Surroundings, Work};

use std::time::Duration;

use crate::faults::Check;
use crate::faults::engine::Subject;
use crate::faults::plan::MAX_PLAN;
use crate::grpc;
use crate::http::head::Head;
use crate::http::response::{Body, Response};
use crate::http::{MAX_BODY, Method};
use crate::observe::counts;
use crate::process::ending::Ending;

/// Most content that `/echo` takes and gives back.
const MAX_ECHO: u64 = 64 * 1024;
/// Longest time that `/cpu`, `/mem` and `/delay` take.
const MAX_LOAD: Duration = Duration::from_secs(60);

/// Which paths lead to a route. Parameters in them are the handlers' business, so a bad one is their 400, not a 404.
#[derive(Clone, Copy)]
enum Paths {
    /// These, octet by octet.
    Exactly(&'static [&'static str]),
    /// Every path that begins so.
    Below(&'static str),
    /// None: it is called over gRPC.
    Grpc,
    /// All that no other route has.
    Others,
}

/// What stands before a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guard {
    /// Nothing.
    Free,
    /// No page of another origin gets through.
    Origin,
    /// CONTROL, and no page of another origin.
    Control,
    /// The same, but a look needs no token.
    ControlButLook,
}

/// What OPTIONS comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Options {
    /// 204 and the methods.
    Methods,
    /// The status that GET would have: load balancers check with it.
    AsGet,
    /// The handler's answer, as for any other method.
    Handler,
}

/// One route, and all that is to be known of it.
struct Row {
    /// As metrics and docs name it.
    name: &'static str,
    paths: Paths,
    /// Any other is 405.
    methods: &'static [Method],
    options: Options,
    guard: Guard,
    /// Whether only its own target or an exact path in a fault rule touches it.
    is_protected: bool,
    /// The check it is, if it is one.
    check: Option<Check>,
    /// Most octets of content that it takes.
    max_body: u64,
    /// Whether it may keep a thread for long, and is refused when none is to spare.
    is_slow: bool,
    /// Whether the connection ends with each of its answers, so that a Service balances every poll.
    closes: bool,
    /// Whether it asks for what is around its request.
    looks_around: bool,
    handler: Handler,
}

type Handler = fn(&Request<'_>, &'static State) -> Outcome;

const GET: &[Method] = &[Method::Get, Method::Head, Method::Options];
const ACT: &[Method] = &[Method::Get, Method::Post, Method::Options];
const POST: &[Method] = &[Method::Post, Method::Options];
const DELETE: &[Method] = &[Method::Delete, Method::Options];
const PLAN: &[Method] = &[Method::Get, Method::Head, Method::Put, Method::Post, Method::Delete, Method::Options];

/// A row as most are: GET and HEAD, open to all, no protection.
const fn below(prefix: &'static str, name: &'static str) -> Row {
    Row {
        name,
        paths: Paths::Below(prefix),
        methods: GET,
        options: Options::Methods,
        guard: Guard::Free,
        is_protected: false,
        check: None,
        max_body: MAX_BODY,
        is_slow: false,
        closes: false,
        looks_around: false,
        handler: |_, _| Outcome::Respond(Response::status_page(404)),
    }
}

const fn at(paths: &'static [&'static str]) -> Row {
    Row { paths: Paths::Exactly(paths), ..below("", paths[0]) }
}

/// One of those that change or end the process.
const fn control(paths: &'static [&'static str]) -> Row {
    Row { methods: POST, guard: Guard::Control, is_protected: true, ..at(paths) }
}

/// A method of the health service.
const fn called(method: grpc::Method) -> Row {
    Row { paths: Paths::Grpc, methods: POST, is_protected: true, ..below("", method.path()) }
}

const fn check(check: Check, handler: Handler) -> Row {
    Row { is_protected: true, check: Some(check), options: Options::AsGet, handler, ..at(check.paths()) }
}

static ROUTES: [Row; counts::ROUTES] = [
    check(Check::Health, |request, state| checks::answer(Check::Health, request, state)),
    check(Check::Live, |request, state| checks::answer(Check::Live, request, state)),
    check(Check::Ready, |request, state| checks::answer(Check::Ready, request, state)),
    check(Check::Startup, |request, state| checks::answer(Check::Startup, request, state)),
    Row { options: Options::AsGet, handler: values::index, ..at(&["/"]) },
    Row { closes: true, looks_around: true, handler: whoami::answer, ..at(&["/whoami"]) },
    Row { is_protected: true, looks_around: true, handler: metrics::answer, ..at(&["/metrics"]) },
    Row { is_protected: true, handler: page::answer, ..at(&["/ui"]) },
    Row {
        methods: PLAN,
        guard: Guard::ControlButLook,
        max_body: MAX_PLAN as u64,
        handler: faults::answer,
        ..control(&["/faults"])
    },
    Row {
        methods: DELETE,
        guard: Guard::Control,
        is_protected: true,
        handler: faults::one,
        ..below(faults::BELOW, "/faults/N")
    },
    Row { handler: faults::infect, ..control(&["/infect"]) },
    Row { handler: faults::cure, ..control(&["/cure"]) },
    Row { handler: |_, _| Outcome::End(Ending::Exit(1)), ..control(&["/kill"]) },
    Row { methods: ACT, handler: crash::answer, ..control(&["/crash"]) },
    Row { methods: ACT, guard: Guard::Control, is_slow: true, handler: load::cpu, ..at(&["/cpu"]) },
    Row { methods: ACT, guard: Guard::Control, is_slow: true, handler: load::memory, ..at(&["/mem"]) },
    Row {
        methods: POST,
        guard: Guard::Control,
        is_slow: true,
        max_body: forecast::MAX_MANIFESTS,
        handler: forecast::answer,
        ..at(&["/forecast"])
    },
    Row { guard: Guard::Origin, is_slow: true, handler: resolve::answer, ..at(&["/resolve"]) },
    Row { handler: values::ip, ..at(&["/ip"]) },
    Row { handler: values::hostname, ..at(&["/hostname"]) },
    Row { handler: values::version, ..at(&["/version"]) },
    Row { handler: basics::status, ..below(basics::STATUS, "/status/N") },
    Row { handler: basics::delay, ..below(basics::DELAY, "/delay/D") },
    Row { handler: basics::bytes, ..below(basics::BYTES, "/bytes/N") },
    Row { methods: Method::ALL, options: Options::Handler, handler: basics::headers, ..at(&["/headers"]) },
    Row { methods: POST, max_body: MAX_ECHO, handler: basics::echo, ..at(&["/echo"]) },
    called(grpc::Method::Check),
    called(grpc::Method::List),
    called(grpc::Method::Watch),
    // The server as a whole: with this target OPTIONS alone gets past the parser (RFC 9112 section 3.2.4).
    Row { methods: Method::ALL, ..at(&["*"]) },
    Row { paths: Paths::Others, methods: Method::ALL, options: Options::Handler, ..below("", "other") },
];

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route(u8);

impl Route {
    /// What no other row has: 404, once the rules have had their say.
    pub const OTHER: Self = Self(ROUTES.len() as u8 - 1);

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..ROUTES.len() as u8).map(Self)
    }

    /// The route of a path, octet by octet.
    pub fn find(path: &[u8]) -> Self {
        let leads_here = |row: &Row| match row.paths {
            Paths::Exactly(paths) => paths.iter().any(|known| known.as_bytes() == path),
            Paths::Below(prefix) => path.starts_with(prefix.as_bytes()),
            Paths::Grpc | Paths::Others => false,
        };
        ROUTES.iter().position(leads_here).map_or(Self::OTHER, |at| Self(at as u8))
    }

    /// The route of a method of the health service.
    pub fn of_method(method: grpc::Method) -> Self {
        Self::all().find(|route| route.name() == method.path()).unwrap_or(Self::OTHER)
    }

    fn row(self) -> &'static Row {
        &ROUTES[usize::from(self.0)]
    }

    /// Its place in the table, by which answers are counted.
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// As metrics and docs name it: `/status/N`, or `other`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The methods that it takes.
    pub fn methods(self) -> &'static [Method] {
        self.row().methods
    }

    /// What stands before it.
    pub fn guarded(self) -> Guard {
        self.row().guard
    }

    /// Whether it may keep a thread for long.
    pub fn is_slow(self) -> bool {
        self.row().is_slow
    }

    /// Whether its handler asks for what is around the request.
    pub fn looks_around(self) -> bool {
        self.row().looks_around
    }

    /// The check it is, if it is one.
    pub fn check(self) -> Option<Check> {
        self.row().check
    }

    /// What fault rules see of a request for it.
    pub fn subject(self, path: &[u8]) -> Subject<'_> {
        Subject { check: self.row().check, is_protected: self.row().is_protected, path }
    }

    /// Refuses a request for a route that CONTROL guards, or a call of `/resolve` by a page of another origin, before
    /// the rules or anything else look at it.
    pub fn guard(self, head: &Head<'_, '_>, state: &State) -> Option<Response> {
        match self.guarded() {
            Guard::Free => None,
            Guard::Origin => guard::refuse_other_origins(head),
            guard => guard::refuse(head, guard == Guard::ControlButLook, state),
        }
    }

    /// Most octets of content that it takes.
    pub fn max_body(self) -> u64 {
        self.row().max_body
    }

    /// Refuses a method that it does not take, once no rule has decided.
    pub fn refuses(self, method: Method) -> Option<Response> {
        let allow = self.methods();
        (!allow.contains(&method)).then(|| Response { allow, ..Response::status_page(405) })
    }

    /// Completes an answer with what only the route knows: Allow, Location, and that OPTIONS gets no content.
    fn finish(self, method: Method, mut response: Response) -> Response {
        let row = self.row();
        response.close |= row.closes;
        match response.status {
            405 => response.allow = row.methods,
            300..=303 | 307 | 308 => response.fields = self.elsewhere(),
            _ => {}
        }
        if method == Method::Options && row.options != Options::Handler {
            response.allow = row.methods;
            (response.content_type, response.body) = ("", Body::Static(b""));
        }
        response
    }

    /// Where a redirect on purpose leads: out of the reach of the rule that made it, since a kubelet follows it, and a circle
    /// would turn a status that it takes for success into a failure.
    fn elsewhere(self) -> &'static str {
        if self.check().is_some() { "Location: /\r\n" } else { "Location: /healthz\r\n" }
    }
}

/// Answers a request whose method the route takes and which no rule has decided.
pub fn answer(route: Route, request: &Request<'_>, state: &'static State) -> Outcome {
    let row = route.row();
    let method = request.head.method;
    if method == Method::Options && row.options == Options::Methods {
        return Outcome::Respond(route.finish(method, Response::new(204, "", Body::Static(b""))));
    }
    match (row.handler)(request, state) {
        Outcome::Respond(response) => Outcome::Respond(route.finish(method, response)),
        outcome => {
            debug_assert!(row.is_slow || !matches!(outcome, Outcome::Work(_)), "{} is slow", row.name);
            outcome
        }
    }
}

/// Whether the client asks for JSON.
fn wants_json(request: &Request<'_>) -> bool {
    let accept = request.head.field("accept").unwrap_or_default();
    accept.windows(16).any(|part| crate::text::is_same(part, b"application/json"))
}

/// What `fail` makes of a request: a check's error body, elsewhere the status and its phrase.
pub fn failed(route: Route, status: u16, request: &Request<'_>) -> Response {
    let response = match route.check() {
        Some(_) => checks::with_status(status, request),
        None => Response::status_page(status),
    };
    route.finish(request.head.method, response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(is_one: impl Fn(Route) -> bool) -> Vec<&'static str> {
        Route::all().filter(|&route| is_one(route)).map(Route::name).collect()
    }

    #[test]
    fn every_path_leads_to_its_own_row() {
        for route in Route::all() {
            match route.row().paths {
                Paths::Exactly(paths) => {
                    assert_eq!(route.name(), paths[0]);
                    paths.iter().for_each(|path| assert_eq!(Route::find(path.as_bytes()), route, "{path}"));
                }
                Paths::Below(prefix) => {
                    assert!(route.name().starts_with(prefix), "{prefix}");
                    for path in [prefix.to_owned(), format!("{prefix}1"), format!("{prefix}a/b")] {
                        assert_eq!(Route::find(path.as_bytes()), route, "{path}");
                    }
                }
                Paths::Grpc => assert_eq!(Route::find(route.name().as_bytes()), Route::OTHER, "over HTTP/1.1"),
                Paths::Others => assert_eq!(route, Route::OTHER),
            }
        }
        for path in ["", "/healthz/", "/HEALTHZ", "/faultsN", "/status", "/delayD", "/ui/", "/cpu/1", "other"] {
            assert_eq!(Route::find(path.as_bytes()), Route::OTHER, "{path}");
        }
    }

    /// The contract's own lists, word by word: a row that changes sides is a change of the contract.
    #[test]
    fn the_table_says_what_the_contract_says() {
        let checks = ["/healthz", "/livez", "/readyz", "/startupz"];
        assert_eq!(names(|route| route.check().is_some()), checks);
        assert_eq!(
            names(|route| route.row().is_protected),
            [
                &checks[..],
                &["/metrics", "/ui", "/faults", "/faults/N", "/infect", "/cure", "/kill", "/crash"],
                &grpc::Method::ALL.map(grpc::Method::path)
            ]
            .concat()
        );
        assert_eq!(
            names(|route| !matches!(route.guarded(), Guard::Free | Guard::Origin)),
            ["/faults", "/faults/N", "/infect", "/cure", "/kill", "/crash", "/cpu", "/mem", "/forecast"]
        );
        assert_eq!(names(|route| route.guarded() == Guard::Origin), ["/resolve"]);
        for route in Route::all().filter(|route| !matches!(route.row().paths, Paths::Grpc | Paths::Others)) {
            let path = route.name().replace("/N", "/1");
            assert_eq!(crate::faults::is_protected(path.as_bytes()), route.row().is_protected, "{path}");
        }
        assert_eq!(names(|route| route.guarded() == Guard::ControlButLook), ["/faults"]);
        assert_eq!(names(Route::is_slow), ["/cpu", "/mem", "/forecast", "/resolve"]);
        assert_eq!(names(|route| route.row().closes), ["/whoami"]);
        assert_eq!(names(Route::looks_around), ["/whoami", "/metrics"]);
        assert_eq!(
            names(|route| route.row().options == Options::AsGet),
            ["/healthz", "/livez", "/readyz", "/startupz", "/"]
        );
        // The forecast asks `faults`, which is below the table: they have to agree.
        for route in Route::all() {
            let paths: Vec<String> = match route.row().paths {
                Paths::Exactly(paths) => paths.iter().map(|path| (*path).to_owned()).collect(),
                Paths::Below(prefix) => vec![format!("{prefix}1")],
                Paths::Others => vec!["/nowhere".to_owned()],
                Paths::Grpc => continue, // What comes by HTTP/2 is no path that a manifest's probe or rule of the forecast has.
            };
            for path in paths {
                assert_eq!(crate::faults::is_protected(path.as_bytes()), route.row().is_protected, "{path}");
            }
        }
        for route in Route::all() {
            assert!(route.methods().contains(&Method::Options), "{}", route.name());
            assert!(grpc::Method::ALL.into_iter().all(|method| Route::of_method(method).name() == method.path()));
            let has_both = route.methods().contains(&Method::Get) == route.methods().contains(&Method::Head);
            assert!(has_both || ["/crash", "/cpu", "/mem"].contains(&route.name()), "{}", route.name());
        }
    }
}
