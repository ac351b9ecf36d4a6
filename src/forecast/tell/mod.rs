//! A forecast told: as JSON for scripts, and as text with a drawing for people.

pub mod json;
