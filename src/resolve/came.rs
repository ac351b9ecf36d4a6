//! What a call came to, and its name where calls are counted. Pure.

use super::error::{CallError, Cause, Phase};
use super::link::Answer;

/// What a call came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came {
    /// An answer with 2xx.
    Ok,
    /// An answer with another status, by its first digit (5 for what is no status at all, RFC 9110 section 15).
    Status(u16),
    /// It went by its deadline in this phase.
    Late(Phase),
    /// It failed otherwise.
    Failed(Cause),
}

impl Came {
    /// What this came to.
    pub fn of(result: &Result<Answer, CallError>) -> Self {
        match result {
            Ok(answer) if answer.is_ok() => Self::Ok,
            Ok(Answer { status: status @ 100..500, .. }) => Self::Status(status / 100),
            Ok(_) => Self::Status(5),
            Err(CallError { cause: Cause::Timeout, phase, .. }) => Self::Late(*phase),
            Err(CallError { cause, .. }) => Self::Failed(*cause),
        }
    }
}

/// What can be wrong with a call, in the order of the tables.
pub(super) const CLASSES: [Came; 14] = [
    Came::Failed(Cause::Denied),
    Came::Failed(Cause::Busy),
    Came::Failed(Cause::Name),
    Came::Failed(Cause::Refused),
    Came::Failed(Cause::Reset),
    Came::Failed(Cause::NotHttp),
    Came::Late(Phase::Resolve),
    Came::Late(Phase::Connect),
    Came::Late(Phase::Send),
    Came::Late(Phase::Receive),
    Came::Status(1),
    Came::Status(3),
    Came::Status(4),
    Came::Status(5),
];

/// How the tables name them.
pub(super) const NAMES: &str = "denied busy name refused reset not_http timeout_resolve timeout_connect timeout_send \
                                timeout_receive status_1xx status_3xx status_4xx status_5xx";
