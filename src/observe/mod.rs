//! What the program says of itself while it runs: the log and the counts.

pub mod counts;
mod line;
pub mod log;
