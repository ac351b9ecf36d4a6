//! A worker's buffers, used for one connection after another.

use crate::http::MAX_HEAD;
use crate::http::response::DateCache;

/// Bytes that a worker is ready to receive at first: the heads that probes and browsers send.
pub(super) const FIRST_INPUT: usize = 2 * 1024;

/// A worker's buffers, used for one connection after another.
pub struct Desk {
    /// Bytes received. Grows once to [`MAX_HEAD`], when a head needs it.
    pub(super) input: Vec<u8>,
    /// The head of an answer, and small content.
    pub(super) output: Vec<u8>,
    /// Content of a request.
    pub(super) body: Vec<u8>,
    pub(super) date: DateCache,
}

impl Desk {
    /// Empty buffers.
    pub fn new() -> Self {
        Self { input: vec![0; FIRST_INPUT], output: Vec::new(), body: Vec::new(), date: DateCache::default() }
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes the input long enough for so many bytes; more than a head never comes together.
pub(super) fn make_room(input: &mut Vec<u8>, length: usize) {
    if length > input.len() {
        input.resize(MAX_HEAD.max(length), 0);
    }
}
