//! `/cpu` and `/mem`: load on demand, bounded.

use std::time::{Duration, Instant};

use super::{MAX_LOAD, Outcome, Request, State, Work};
use crate::http::response::Response;
use crate::http::target;
use crate::process::memory::Memory;
use crate::process::strain;
use crate::sync::Share;
use crate::{quantity, text};

/// Touched memory, which counts against MEM_MAX as long as it is held.
pub struct Held {
    _memory: Memory,
    _share: Share,
}

fn duration(request: &Request<'_>, default: Duration) -> Option<Duration> {
    match request.head.target.parameter("for") {
        None => Some(default),
        Some(value) => quantity::parse_duration(&target::decode(value)).filter(|duration| *duration <= MAX_LOAD),
    }
}

/// `GET or POST /cpu?for=D`.
#[inline(never)]
pub(super) fn cpu(request: &Request<'_>) -> Outcome {
    match duration(request, Duration::from_secs(2)) {
        Some(duration) => Outcome::Work(Work::Cpu(duration)),
        None => Outcome::error(400, "for: expected a duration such as 2s, at most 60s"),
    }
}

/// Burns one core and answers the count of rounds.
pub(super) fn burn(duration: Duration) -> Outcome {
    let end = quantity::deadline_in(duration);
    let mut rounds = 0u64;
    while Instant::now() < end {
        strain::count();
        rounds += 1;
    }
    let mut body = Vec::new();
    text::decimal(&mut body, rounds);
    body.push(b'\n');
    Outcome::Respond(Response::text(body))
}

/// `GET or POST /mem?size=64Mi&for=10s`.
#[inline(never)]
pub(super) fn memory(request: &Request<'_>) -> Outcome {
    let size = match request.head.target.parameter("size") {
        None => Some(64 << 20),
        Some(value) => quantity::parse_size(&target::decode(value)),
    };
    match (size, duration(request, Duration::from_secs(10))) {
        (Some(size), Some(duration)) => Outcome::Work(Work::Memory(size, duration)),
        (None, _) => Outcome::error(400, "size: expected a size such as 64Mi"),
        (_, None) => Outcome::error(400, "for: expected a duration such as 10s, at most 60s"),
    }
}

/// Touches the memory, and leaves the holding to the lot, so that it costs no thread.
pub(super) fn hold(size: u64, duration: Duration, state: &'static State) -> Outcome {
    let Some(share) = Share::take(&state.memory_held, size, state.config.mem_max) else {
        return Outcome::error(503, "size: past MEM_MAX, with what is held already");
    };
    let Some(mut memory) = usize::try_from(size).ok().and_then(|size| Memory::reserve(size).ok()) else {
        return Outcome::error(503, "size: the kernel has no such memory");
    };
    memory.touch();
    let mut body = b"held ".to_vec();
    quantity::write_size(&mut body, size);
    text::put(&mut body, b" for ");
    quantity::write_duration(&mut body, duration);
    body.push(b'\n');
    let held = Some(Held { _memory: memory, _share: share });
    Outcome::after(duration, Response::text(body), held)
}
