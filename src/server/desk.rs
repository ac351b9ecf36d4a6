//! A worker's buffers, used for one connection after another.

use super::input::Input;
use super::sending::Kept;
use crate::http::response::CommonLines;

#[derive(Default)]
pub struct Desk {
    /// What has been received, from which requests borrow.
    pub(super) input: Input,
    pub(super) papers: Papers,
}

/// What is made of requests.
#[derive(Default)]
pub(super) struct Papers {
    /// What comes behind content that had to be waited for.
    pub(super) behind: Input,
    /// The head of an answer, and small content.
    pub(super) output: Vec<u8>,
    /// What that is, if it may be sent again as it is.
    pub(super) last: Option<Kept>,
    /// Content of a request.
    pub(super) body: Vec<u8>,
    pub(super) common: CommonLines,
    /// Whether what may keep this thread is left to another one.
    pub(super) is_quick_only: bool,
    /// Whether there was such a thing.
    pub(super) has_left: bool,
}
