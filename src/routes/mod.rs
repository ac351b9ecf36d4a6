//! The whole API as one table: routing, methods, guard, protection, limits and the names in metrics all read it.
//!
//! Handlers know no connections: they return an [`Outcome`], and the connection carries it out. Those that need a frame are not
//! inlined: one for all of them would be 1.5 KB of stack, and has to be given back in front of each.

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
mod table;
pub mod values;
pub mod whoami;

pub use request::{Outcome, Request, STATES, State, Surroundings, Waiting, Work};
pub use table::{Guard, Row};

use std::time::Duration;

use table::{Handler, Options, PATHS, Path, ROWS, TABLE};

use crate::faults::Check;
use crate::faults::engine::Subject;
use crate::grpc;
use crate::http::Method;
use crate::http::head::Head;
use crate::http::response::{Body, Response};
use crate::process::ending::Ending;
use crate::text;

/// Most content that `/echo` takes and gives back.
const MAX_ECHO: u64 = 64 * 1024;
/// Longest time that `/cpu`, `/mem` and `/delay` take.
const MAX_LOAD: Duration = Duration::from_secs(60);

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route(u8);

impl Route {
    /// What no other row has: 404, once the rules have had their say.
    pub const OTHER: Self = Self(TABLE.len() as u8 - 1);

    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len() as u8).map(Self)
    }

    fn first(is_it: impl Fn(&Path) -> bool) -> Self {
        PATHS.paths.iter().find(|path| is_it(path)).map_or(Self::OTHER, |path| path.route)
    }

    pub fn find(path: &[u8]) -> Self {
        Self::first(|known| known.leads(path))
    }

    #[inline(never)]
    pub fn of_method(method: grpc::Method) -> Self {
        Self::first(|known| known.text() == method.path().as_bytes())
    }

    /// What the table says of it.
    pub fn row(self) -> &'static Row {
        &ROWS[usize::from(self.0)]
    }

    /// The one at a place in the table.
    pub fn numbered(number: usize) -> Self {
        Self(number as u8)
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
        match self.row().guard {
            Guard::Free => None,
            Guard::Origin => guard::refuse_other_origins(head),
            guard => guard::refuse(head, guard == Guard::ControlButLook, state),
        }
    }

    /// Refuses a method that it does not take, once no rule has decided.
    pub fn refuses(self, method: Method) -> Option<Response> {
        let allow = self.row().methods;
        (!allow.contains(method)).then(|| Response { allow, ..Response::status_page(405) })
    }

    /// Completes an answer with what only the route knows: Allow, Location, and that OPTIONS gets no content.
    fn finish(self, method: Method, response: &mut Response) {
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
    }

    /// Where a redirect on purpose leads: out of the reach of the rule that made it, since a kubelet follows it, and a circle
    /// would turn a status that it takes for success into a failure.
    fn elsewhere(self) -> &'static str {
        if self.check().is_some() { "Location: /\r\n" } else { "Location: /healthz\r\n" }
    }
}

/// Whether a kubelet's GET of a path is answered with 200 to 399 where no rule decides. (It takes no gzip.)
pub fn answers_well(path: &[u8]) -> bool {
    let row = Route::find(path).row();
    let is_good = match row.handler {
        Handler::Nobody | Handler::Page => false,
        Handler::Status => matches!(text::parse_decimal(&path["/status/".len()..]), Some(200..=399)),
        _ => true,
    };
    is_good && row.methods.contains(Method::Get)
}

/// Answers a request whose method the route takes and which no rule has decided.
#[inline(never)] // So that the outcome is made where the caller wants it.
pub fn answer(route: Route, request: &Request<'_>, state: &'static State) -> Outcome {
    let row = route.row();
    let method = request.head.method;
    let mut outcome = if method == Method::Options && row.options == Options::Methods {
        Outcome::Respond(Response::new(204, "", Body::Static(b"")))
    } else {
        handle(row.handler, request, state)
    };
    debug_assert!(row.is_slow || !matches!(outcome, Outcome::Work(_)), "{} is slow", route.name());
    if let Outcome::Respond(response) = &mut outcome {
        route.finish(method, response);
    }
    outcome
}

fn handle(handler: Handler, request: &Request<'_>, state: &'static State) -> Outcome {
    match handler {
        Handler::Check(check) => checks::answer(check, request, state),
        handler => other(handler, request, state),
    }
}

/// What is asked less often than checks, with a frame of its own.
#[inline(never)]
fn other(handler: Handler, request: &Request<'_>, state: &'static State) -> Outcome {
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
        Handler::Version => values::line(state.identity.version),
        Handler::Status => basics::status(request),
        Handler::Delay => basics::delay(request),
        Handler::Bytes => basics::bytes(request),
        Handler::Headers => basics::received(request.head_bytes),
        Handler::Echo => basics::received(request.body),
        Handler::Nobody => Outcome::Respond(Response::status_page(404)),
    }
}

/// What stands in a path behind the second slash: the parameter of a route that takes one.
fn argument<'r>(request: &Request<'r>) -> &'r [u8] {
    text::split_once(&request.head.target.path[1..], b'/').unwrap_or_default().1
}

fn wants_json(request: &Request<'_>) -> bool {
    let accept = request.head.field("accept").unwrap_or_default();
    accept.windows(16).any(|part| text::is_same(part, b"application/json"))
}

/// What `fail` makes of a request: a check's error body, elsewhere the status and its phrase.
pub fn failed(route: Route, status: u16, request: &Request<'_>) -> Response {
    let mut response = match route.check() {
        Some(_) => checks::with_status(status, request),
        None => Response::status_page(status),
    };
    route.finish(request.head.method, &mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::table::Paths;
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
            names(|route| !matches!(route.row().guard, Guard::Free | Guard::Origin)),
            ["/faults", "/faults/N", "/infect", "/cure", "/kill", "/crash", "/cpu", "/mem", "/forecast"]
        );
        assert_eq!(names(|route| route.row().guard == Guard::Origin), ["/resolve"]);
        assert_eq!(names(|route| route.row().guard == Guard::ControlButLook), ["/faults"]);
        assert_eq!(names(|route| route.row().is_slow), ["/cpu", "/mem", "/forecast", "/resolve"]);
        assert_eq!(names(|route| route.row().closes), ["/whoami"]);
        assert_eq!(names(|route| route.row().looks_around), ["/whoami", "/metrics"]);
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
            assert!(route.row().methods.contains(Method::Options), "{}", route.name());
            assert!(grpc::Method::ALL.into_iter().all(|method| Route::of_method(method).name() == method.path()));
            let has_both = route.row().methods.contains(Method::Get) == route.row().methods.contains(Method::Head);
            assert!(has_both || ["/crash", "/cpu", "/mem"].contains(&route.name()), "{}", route.name());
        }
    }
}
