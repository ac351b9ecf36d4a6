//! The life of the process: its phases, its command line's small helpers, and its ends.

pub mod ending;
pub mod load;
pub mod phase;
