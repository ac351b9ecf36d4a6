//! The life of the process: its phases, the load it puts on itself, and its ends.

pub mod ending;
pub mod memory;
pub mod phase;
pub mod strain;
