//! `/crash`: the end of the process, chosen by the caller.

use super::{Outcome, Request, State};
use crate::faults::rule::{CrashKind, NEEDS_MEMORY_LIMIT};
use crate::process::ending::Ending;
use crate::{sys, text};

/// `GET /crash[?code=N or kind=KIND]`.
#[inline(never)]
pub(super) fn answer(request: &Request<'_>, state: &'static State) -> Outcome {
    let target = &request.head.target;
    match (target.parameter("code"), target.parameter("kind")) {
        (None, None) => Outcome::End(Ending::Exit(state.config.crash_exit_code)),
        (Some(code), None) => match text::parse_decimal(code) {
            Some(code @ 0..=255) => Outcome::End(Ending::Exit(code as u8)),
            _ => Outcome::error(400, "code: expected an exit status, 0 to 255"),
        },
        (None, Some(kind)) => match CrashKind::parse(kind) {
            Some(CrashKind::Oom) if !sys::has_memory_limit() => {
                Outcome::error(409, &text::joined(&["kind: oom ", NEEDS_MEMORY_LIMIT]))
            }
            Some(kind) => Outcome::End(Ending::Crash(kind)),
            None => Outcome::error(400, "kind: expected abort, segv, trap or oom"),
        },
        (Some(_), Some(_)) => Outcome::error(400, "code and kind: expected one of them"),
    }
}
