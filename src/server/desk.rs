//! A worker's buffers, used for one connection after another.

use super::input::Input;
use crate::http::response::CommonLines;

#[derive(Default)]
pub struct Desk {
    pub(super) input: Input,
    /// What comes behind content that had to be waited for.
    pub(super) behind: Input,
    /// The head of an answer, and small content.
    pub(super) output: Vec<u8>,
    /// Content of a request.
    pub(super) body: Vec<u8>,
    pub(super) common: CommonLines,
}
