//! The life of the process: its phases, the load it puts on itself, and its ends.

pub mod ending;
pub mod load;
pub mod memory;
pub mod phase;
