//! What a call came to, and its name where calls are counted. Pure.

use super::error::{CallError, Cause, Phase};
use super::link::Answer;

/// What a call came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came {
    /// An answer with 2xx.
    Ok,
    /// An answer with another status, by its first digit (5 for what is no status at all).
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
            Ok(answer) => Self::Status((answer.status / 100).min(5)),
            Err(CallError { cause: Cause::Timeout, phase, .. }) => Self::Late(*phase),
            Err(CallError { cause, .. }) => Self::Failed(*cause),
        }
    }
}

/// What can be wrong with a call, as the tables name it, in their order.
pub(super) const CLASSES: [(Came, &str); 14] = [
    (Came::Failed(Cause::Denied), "denied"),
    (Came::Failed(Cause::Busy), "busy"),
    (Came::Failed(Cause::Name), "name"),
    (Came::Failed(Cause::Refused), "refused"),
    (Came::Failed(Cause::Reset), "reset"),
    (Came::Failed(Cause::NotHttp), "not_http"),
    (Came::Late(Phase::Resolve), "timeout_resolve"),
    (Came::Late(Phase::Connect), "timeout_connect"),
    (Came::Late(Phase::Send), "timeout_send"),
    (Came::Late(Phase::Receive), "timeout_receive"),
    (Came::Status(1), "status_1xx"),
    (Came::Status(3), "status_3xx"),
    (Came::Status(4), "status_4xx"),
    (Came::Status(5), "status_5xx"),
];
