//! The table of routes: what is written here once, and the form that the program has it in.

use super::{MAX_ECHO, Route, forecast};
use crate::faults::Check;
use crate::faults::plan::MAX_PLAN;
use crate::grpc;
use crate::http::{MAX_BODY, Method, Methods};
use crate::observe::counts;
use crate::text;

/// Which paths lead to a route. Parameters in them are the handlers' business, so a bad one is their 400, not a 404.
#[derive(Clone, Copy)]
pub(super) enum Paths {
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
pub(super) enum Options {
    /// 204 and the methods.
    Methods,
    /// The status that GET would have: load balancers check with it.
    AsGet,
    /// The handler's answer, as for any other method.
    Handler,
}

/// Who answers.
#[derive(Clone, Copy)]
pub(super) enum Handler {
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
pub struct Row {
    pub(super) handler: Handler,
    /// Any other is 405.
    pub methods: Methods,
    pub(super) options: Options,
    pub guard: Guard,
    /// Whether only its own target or an exact path in a fault rule touches it.
    pub is_protected: bool,
    /// Most octets of content that it takes.
    pub max_body: u64,
    /// Whether it may keep a thread for long, and is refused when none is to spare.
    pub is_slow: bool,
    /// Whether the connection ends with each of its answers, so that a Service balances every poll.
    pub closes: bool,
    /// Whether it asks for what is around its request.
    pub looks_around: bool,
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

pub(super) const TABLE: [(Paths, Row); counts::ROUTES] = [
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
pub(super) static ROWS: [Row; TABLE.len()] = {
    let mut rows = [TABLE[0].1; TABLE.len()];
    let mut at = 0;
    while at < rows.len() {
        rows[at] = TABLE[at].1;
        at += 1;
    }
    rows
};
pub(super) static PATHS: Index = Index::of_table();

/// Every path of the table, the name of its route before others.
pub(super) struct Index {
    text: [u8; SIZES.0],
    pub(super) paths: [Path; SIZES.1],
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
pub(super) struct Path {
    start: u16,
    length: u8,
    /// How much of it a path has to begin with that leads to its route, or to be.
    prefix: u8,
    pub(super) route: Route,
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
    pub(super) fn text(&self) -> &'static [u8] {
        let start = usize::from(self.start);
        &PATHS.text[start..start + usize::from(self.length)]
    }

    /// Whether a path leads to its route, octet by octet.
    pub(super) fn leads(&self, path: &[u8]) -> bool {
        let prefix = usize::from(self.prefix);
        let is_whole = path.len() == prefix || path.len() > prefix && self.prefix < self.length;
        is_whole && text::is_equal(&self.text()[..prefix], &path[..prefix])
    }
}
