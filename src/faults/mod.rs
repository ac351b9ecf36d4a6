//! Everything that goes wrong on purpose: rules, the decision which of them hits, the dice. Pure: no sockets,
//! no clock, no process; a decision is a value that somebody else carries out.

pub mod clock;
pub mod dice;
pub mod engine;
pub mod explain;
pub mod plan;
pub mod rule;

use crate::text;

/// Whether only its own target or an exact path may touch a request for this path.
pub fn is_protected(path: &[u8]) -> bool {
    const PROTECTED: &str = "/metrics /ui /faults /infect /cure /kill /crash";
    Check::of_path(path).is_some() || text::place(PROTECTED, path).is_some() || path.starts_with(b"/faults/")
}

/// The health checks that a kubelet asks for, each with a fault target of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    Health,
    Live,
    Ready,
    Startup,
}

impl Check {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Health, Self::Live, Self::Ready, Self::Startup];

    /// The paths that ask for it, octet by octet; the first is its usual one.
    pub const fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Health => &["/healthz", "/health"],
            Self::Live => &["/livez", "/health/live", "/health/alive"],
            Self::Ready => &["/readyz", "/health/ready"],
            Self::Startup => &["/startupz"],
        }
    }

    /// The check that a path asks for, if any.
    pub fn of_path(path: &[u8]) -> Option<Self> {
        const PATHS: &str = "/healthz /livez /readyz /startupz /health /health/live /health/ready /health/alive";
        const CHECKS: [Check; 8] = {
            let [health, live, ready, startup] = Check::ALL;
            [health, live, ready, startup, health, live, ready, live]
        };
        text::place(PATHS, path).map(|at| CHECKS[at])
    }

    /// Its name as a fault target and in JSON.
    pub fn name(self) -> &'static str {
        text::word(rule::Target::NAMES, self as usize)
    }

    /// What `fail` answers when no status is given.
    pub fn failing_status(self) -> u16 {
        match self {
            Self::Health | Self::Live => 500,
            Self::Ready | Self::Startup => 503,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_found_by_each_of_its_paths() {
        for check in Check::ALL {
            for path in check.paths() {
                assert_eq!(Check::of_path(path.as_bytes()), Some(check), "{path}");
            }
        }
        assert_eq!(Check::ALL.map(|check| check.paths().len()).iter().sum::<usize>(), 8);
        assert_eq!((Check::of_path(b"/"), Check::of_path(b""), Check::of_path(b"/health/")), (None, None, None));
    }

    #[test]
    fn checks_have_the_names_of_their_targets() {
        assert_eq!(Check::ALL.map(Check::name), ["health", "live", "ready", "startup"]);
        assert_eq!(Check::ALL.map(Check::failing_status), [500, 500, 503, 503]);
    }

    #[test]
    fn checks_and_what_controls_the_process_are_protected() {
        for path in [
            "/healthz",
            "/health/alive",
            "/metrics",
            "/ui",
            "/faults",
            "/faults/1",
            "/infect",
            "/cure",
            "/kill",
            "/crash",
        ] {
            assert!(is_protected(path.as_bytes()), "{path}");
        }
        for path in ["/", "/health/", "/faultsx", "/metrics/", "/uix", "/delay/5", "/kill/x", ""] {
            assert!(!is_protected(path.as_bytes()), "{path}");
        }
    }
}
