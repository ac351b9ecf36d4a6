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
use crate::http::{MAX_BODY, Method, Methods};
use crate::observe::counts;
use crate::process::ending::Ending;

/// Most content that `/echo` takes and gives back.
const MAX_ECHO: u64 = 64 * 1024;
/// Longest time that `/cpu`, `/mem` and `/delay` take.
const MAX_LOAD: Duration = Duration::from_secs(60);

/// Which paths lead to a route. Parameters in them are the handlers' business, so a bad one is their 400, not a 404.
#[derive(Clone, Copy)]
enum Paths {
    /// These, octet by octet; the first is its name.
    Exactly(&'static [&'static str]),
    /// Every path that begins as this name, up to the letter at its end.
    Below(&'static str),
    /// None: it is called over gRPC, or what no other route has.
    Nowhere(&'static str),
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Options {
    /// 204 and the methods.
    Methods,
    /// The status that GET would have: load balancers check with it.
    AsGet,
    /// The handler's answer, as for any other method.
    Handler,
}

/// Who answers.
#[derive(Clone, Copy)]
enum Handler {
    Check(Check),
    Index,
    Whoami,
    Metrics,
    Page,
    Faults,
    Rule,
    Infect,
    Cure,
    Kill,
    Crash,
    Cpu,
    Memory,
    Forecast,
    Resolve,
    Ip,
    Hostname,
    Version,
    Status,
    Delay,
    Bytes,
    Headers,
    Echo,
    /// 404.
    Nobody,
}

/// All that is to be known of a route but its paths.
#[derive(Clone, Copy)]
struct Row {
    handler: Handler,
    /// Any other is 405.
    methods: Methods,
    options: Options,
    guard: Guard,
    /// Whether only its own target or an exact path in a fault rule touches it.
    is_protected: bool,
    /// Most octets of content that it takes.
    max_body: u64,
    /// Whether it may keep a thread for long, and is refused when none is to spare.
    is_slow: bool,
    /// Whether the connection ends with each of its answers, so that a Service balances every poll.
    closes: bool,
    /// Whether it asks for what is around its request.
    looks_around: bool,
}

const GET: Methods = Methods::of(&[Method::Get, Method::Head, Method::Options]);
const ACT: Methods = Methods::of(&[Method::Get, Method::Post, Method::Options]);
const POST: Methods = Methods::of(&[Method::Post, Method::Options]);
const DELETE: Methods = Methods::of(&[Method::Delete, Method::Options]);
const PLAN: Methods =
    Methods::of(&[Method::Get, Method::Head, Method::Put, Method::Post, Method::Delete, Method::Options]);

/// A row as most are: GET and HEAD, open to all, no protection.
const fn row(handler: Handler) -> Row {
    Row {
        handler,
        methods: GET,
        options: Options::Methods,
        guard: Guard::Free,
        is_protected: false,
        max_body: MAX_BODY,
        is_slow: false,
        closes: false,
        looks_around: false,
    }
}

/// One of those that change or end the process.
const fn control(handler: Handler) -> Row {
    Row { methods: POST, guard: Guard::Control, is_protected: true, ..row(handler) }
}

/// A load that is asked for.
const fn load(handler: Handler) -> Row {
    Row { methods: ACT, guard: Guard::Control, is_slow: true, ..row(handler) }
}

const fn check(check: Check) -> (Paths, Row) {
    let row = Row { is_protected: true, options: Options::AsGet, ..row(Handler::Check(check)) };
    (Paths::Exactly(check.paths()), row)
}

/// A method of the health service.
const fn called(method: grpc::Method) -> (Paths, Row) {
    (Paths::Nowhere(method.path()), Row { methods: POST, is_protected: true, ..row(Handler::Nobody) })
}

const TABLE: [(Paths, Row); counts::ROUTES] = [
    check(Check::Health),
    check(Check::Live),
    check(Check::Ready),
    check(Check::Startup),
    (Paths::Exactly(&["/"]), Row { options: Options::AsGet, ..row(Handler::Index) }),
    (Paths::Exactly(&["/whoami"]), Row { closes: true, looks_around: true, ..row(Handler::Whoami) }),
    (Paths::Exactly(&["/metrics"]), Row { is_protected: true, looks_around: true, ..row(Handler::Metrics) }),
    (Paths::Exactly(&["/ui"]), Row { is_protected: true, ..row(Handler::Page) }),
    (
        Paths::Exactly(&["/faults"]),
        Row { methods: PLAN, guard: Guard::ControlButLook, max_body: MAX_PLAN as u64, ..control(Handler::Faults) },
    ),
    (Paths::Below("/faults/N"), Row { methods: DELETE, ..control(Handler::Rule) }),
    (Paths::Exactly(&["/infect"]), control(Handler::Infect)),
    (Paths::Exactly(&["/cure"]), control(Handler::Cure)),
    (Paths::Exactly(&["/kill"]), control(Handler::Kill)),
    (Paths::Exactly(&["/crash"]), Row { methods: ACT, ..control(Handler::Crash) }),
    (Paths::Exactly(&["/cpu"]), load(Handler::Cpu)),
    (Paths::Exactly(&["/mem"]), load(Handler::Memory)),
    (
        Paths::Exactly(&["/forecast"]),
        Row { methods: POST, max_body: forecast::MAX_MANIFESTS, ..load(Handler::Forecast) },
    ),
    (Paths::Exactly(&["/resolve"]), Row { guard: Guard::Origin, is_slow: true, ..row(Handler::Resolve) }),
    (Paths::Exactly(&["/ip"]), row(Handler::Ip)),
    (Paths::Exactly(&["/hostname"]), row(Handler::Hostname)),
    (Paths::Exactly(&["/version"]), row(Handler::Version)),
    (Paths::Below("/status/N"), row(Handler::Status)),
    (Paths::Below("/delay/D"), row(Handler::Delay)),
    (Paths::Below("/bytes/N"), row(Handler::Bytes)),
    (Paths::Exactly(&["/headers"]), Row { methods: Methods::ALL, options: Options::Handler, ..row(Handler::Headers) }),
    (Paths::Exactly(&["/echo"]), Row { methods: POST, max_body: MAX_ECHO, ..row(Handler::Echo) }),
    called(grpc::Method::Check),
    called(grpc::Method::List),
    called(grpc::Method::Watch),
    // The server as a whole: with this target OPTIONS alone gets past the parser (RFC 9112 section 3.2.4).
    (Paths::Exactly(&["*"]), Row { methods: Methods::ALL, ..row(Handler::Nobody) }),
    (Paths::Nowhere("other"), Row { methods: Methods::ALL, options: Options::Handler, ..row(Handler::Nobody) }),
];

/// The table as the program has it. A pointer in a table is 40 bytes of a program that may be loaded anywhere, so that the paths
/// are one text there.
static ROWS: [Row; TABLE.len()] = {
    let mut rows = [TABLE[0].1; TABLE.len()];
    let mut at = 0;
    while at < rows.len() {
        rows[at] = TABLE[at].1;
        at += 1;
    }
    rows
};
static PATHS: Index = Index::of_table();

/// Every path of the table, the name of its route before others.
struct Index {
    text: [u8; SIZES.0],
    paths: [Path; SIZES.1],
}

/// How long all paths are, and how many.
const SIZES: (usize, usize) = {
    let (mut length, mut count, mut row) = (0, 0, 0);
    while row < TABLE.len() {
        let (names, mut at) = (TABLE[row].0.names(), 0);
        while at < names.len() {
            (length, count, at) = (length + names[at].len(), count + 1, at + 1);
        }
        row += 1;
    }
    (length, count)
};

/// A path, by its place in the text.
#[derive(Clone, Copy)]
struct Path {
    start: u16,
    length: u8,
    /// How much of it a path has to begin with that leads to its route, or to be.
    prefix: u8,
    route: Route,
}

impl Paths {
    const fn names(&self) -> &[&'static str] {
        match self {
            Self::Exactly(names) => names,
            Self::Below(name) | Self::Nowhere(name) => std::slice::from_ref(name),
        }
    }
}

impl Index {
    const fn of_table() -> Self {
        let nothing = Path { start: 0, length: 0, prefix: 0, route: Route::OTHER };
        let mut index = Self { text: [0; SIZES.0], paths: [nothing; SIZES.1] };
        let (mut row, mut count, mut end) = (0, 0, 0);
        while row < TABLE.len() {
            let (names, mut at) = (TABLE[row].0.names(), 0);
            while at < names.len() {
                let name = names[at].as_bytes();
                let length = name.len() as u8;
                let prefix = match TABLE[row].0 {
                    Paths::Exactly(_) => length,
                    Paths::Below(_) => length - 1,
                    Paths::Nowhere(_) => u8::MAX, // Longer than any name, so that none begins so.
                };
                index.paths[count] = Path { start: end as u16, length, prefix, route: Route(row as u8) };
                let mut octet = 0;
                while octet < name.len() {
                    index.text[end] = name[octet];
                    (end, octet) = (end + 1, octet + 1);
                }
                (count, at) = (count + 1, at + 1);
            }
            row += 1;
        }
        index
    }
}

impl Path {
    fn text(&self) -> &'static [u8] {
        let start = usize::from(self.start);
        &PATHS.text[start..start + usize::from(self.length)]
    }

    /// Whether a path leads to its route, octet by octet.
    fn leads(&self, path: &[u8]) -> bool {
        let prefix = usize::from(self.prefix);
        let is_whole = path.len() == prefix || path.len() > prefix && self.prefix < self.length;
        is_whole && self.text().starts_with(&path[..prefix])
    }
}

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route(u8);

impl Route {
    /// What no other row has: 404, once the rules have had their say.
    pub const OTHER: Self = Self(TABLE.len() as u8 - 1);

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len() as u8).map(Self)
    }

    fn first(is_it: impl Fn(&Path) -> bool) -> Self {
        PATHS.paths.iter().find(|path| is_it(path)).map_or(Self::OTHER, |path| path.route)
    }

    /// The route of a path.
    pub fn find(path: &[u8]) -> Self {
        Self::first(|known| known.leads(path))
    }

    /// The route of a method of the health service.
    pub fn of_method(method: grpc::Method) -> Self {
        Self::first(|known| known.text() == method.path().as_bytes())
    }

    fn row(self) -> &'static Row {
        &ROWS[usize::from(self.0)]
    }

    /// Its place in the table, by which answers are counted.
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// As metrics and docs name it: `/status/N`, or `other`.
    pub fn name(self) -> &'static str {
        let name = PATHS.paths.iter().find(|path| path.route == self).map(Path::text);
        name.and_then(|name| str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// The methods that it takes.
    pub fn methods(self) -> Methods {
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
        if let Handler::Check(check) = self.row().handler { Some(check) } else { None }
    }

    /// What fault rules see of a request for it.
    pub fn subject(self, path: &[u8]) -> Subject<'_> {
        Subject { check: self.check(), is_protected: self.row().is_protected, path }
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
        (!allow.contains(method)).then(|| Response { allow, ..Response::status_page(405) })
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
    match handle(row.handler, request, state) {
        Outcome::Respond(response) => Outcome::Respond(route.finish(method, response)),
        outcome => {
            debug_assert!(row.is_slow || !matches!(outcome, Outcome::Work(_)), "{} is slow", route.name());
            outcome
        }
    }
}

fn handle(handler: Handler, request: &Request<'_>, state: &'static State) -> Outcome {
    match handler {
        Handler::Check(check) => checks::answer(check, request, state),
        Handler::Index => values::index(state),
        Handler::Whoami => whoami::answer(request, state),
        Handler::Metrics => metrics::answer(request, state),
        Handler::Page => page::answer(request),
        Handler::Faults => faults::answer(request, state),
        Handler::Rule => faults::one(request, state),
        Handler::Infect => faults::infect(request, state),
        Handler::Cure => faults::cure(request, state),
        Handler::Kill => Outcome::End(Ending::Exit(1)),
        Handler::Crash => crash::answer(request, state),
        Handler::Cpu => load::cpu(request),
        Handler::Memory => load::memory(request),
        Handler::Forecast => forecast::answer(request),
        Handler::Resolve => resolve::answer(request, state),
        Handler::Ip => values::line(state.identity.ip()),
        Handler::Hostname => values::line(&state.identity.hostname),
        Handler::Version => values::line(&state.identity.version),
        Handler::Status => basics::status(request),
        Handler::Delay => basics::delay(request),
        Handler::Bytes => basics::bytes(request),
        Handler::Headers => basics::headers(request),
        Handler::Echo => basics::echo(request),
        Handler::Nobody => Outcome::Respond(Response::status_page(404)),
    }
}

/// What stands in a path behind the second slash: the parameter of a route that takes one.
fn argument<'r>(request: &Request<'r>) -> &'r [u8] {
    request.head.target.path.splitn(3, |&byte| byte == b'/').nth(2).unwrap_or_default()
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
        for (route, (paths, _)) in Route::all().zip(TABLE) {
            match paths {
                Paths::Exactly(paths) => {
                    assert_eq!(route.name(), paths[0]);
                    paths.iter().for_each(|path| assert_eq!(Route::find(path.as_bytes()), route, "{path}"));
                }
                Paths::Below(name) => {
                    assert_eq!(route.name(), name);
                    let prefix = &name[..name.len() - 1];
                    assert!(prefix.ends_with('/') && prefix.matches('/').count() == 2, "{name}");
                    for path in [prefix.to_owned(), format!("{prefix}1"), format!("{prefix}a/b")] {
                        assert_eq!(Route::find(path.as_bytes()), route, "{path}");
                    }
                    assert!(Route::find(&prefix.as_bytes()[..prefix.len() - 1]) != route, "{name}");
                }
                Paths::Nowhere(name) => {
                    assert_eq!(route.name(), name);
                    assert_eq!(Route::find(name.as_bytes()), Route::OTHER, "{name}");
                }
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
        assert_eq!(names(|route| route.guarded() == Guard::ControlButLook), ["/faults"]);
        assert_eq!(names(Route::is_slow), ["/cpu", "/mem", "/forecast", "/resolve"]);
        assert_eq!(names(|route| route.row().closes), ["/whoami"]);
        assert_eq!(names(Route::looks_around), ["/whoami", "/metrics"]);
        assert_eq!(
            names(|route| route.row().options == Options::AsGet),
            ["/healthz", "/livez", "/readyz", "/startupz", "/"]
        );
        // The forecast asks `faults`, which is below the table: they have to agree.
        for (route, (paths, _)) in Route::all().zip(TABLE) {
            let paths: Vec<String> = match paths {
                Paths::Exactly(paths) => paths.iter().map(|path| (*path).to_owned()).collect(),
                Paths::Below(name) => vec![name.replace("/N", "/1").replace("/D", "/1")],
                Paths::Nowhere("other") => vec!["/nowhere".to_owned()],
                Paths::Nowhere(_) => continue, // What comes by HTTP/2 is no path that a manifest's probe or rule of the forecast has.
            };
            for path in paths {
                assert_eq!(crate::faults::is_protected(path.as_bytes()), route.row().is_protected, "{path}");
            }
        }
        for route in Route::all() {
            assert!(route.methods().contains(Method::Options), "{}", route.name());
            assert!(grpc::Method::ALL.into_iter().all(|method| Route::of_method(method).name() == method.path()));
            let has_both = route.methods().contains(Method::Get) == route.methods().contains(Method::Head);
            assert!(has_both || ["/crash", "/cpu", "/mem"].contains(&route.name()), "{}", route.name());
        }
    }
}
