//! Everything that goes wrong on purpose: rules, the decision which of them hits, the dice. Pure: no sockets,
//! no clock, no process; a decision is a value that somebody else carries out.

pub mod clock;
pub mod dice;
pub mod engine;
pub mod explain;
pub mod forecast;
pub mod plan;
pub mod rule;

/// The health checks that a kubelet asks for, each with a fault target of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// `/healthz` and `/health`.
    Health,
    /// `/livez`, `/health/live`, `/health/alive`.
    Live,
    /// `/readyz` and `/health/ready`.
    Ready,
    /// `/startupz`.
    Startup,
}

impl Check {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Health, Self::Live, Self::Ready, Self::Startup];

    /// The check that a path asks for, if any.
    pub fn of_path(path: &[u8]) -> Option<Self> {
        match path {
            b"/healthz" | b"/health" => Some(Self::Health),
            b"/livez" | b"/health/live" | b"/health/alive" => Some(Self::Live),
            b"/readyz" | b"/health/ready" => Some(Self::Ready),
            b"/startupz" => Some(Self::Startup),
            _ => None,
        }
    }

    /// Its name as a fault target and in JSON.
    pub fn name(self) -> &'static str {
        ["health", "live", "ready", "startup"][self as usize]
    }

    /// What `fail` answers when no status is given.
    pub fn failing_status(self) -> u16 {
        match self {
            Self::Health | Self::Live => 500,
            Self::Ready | Self::Startup => 503,
        }
    }
}
