//! A forecast told: as JSON for scripts, and as text with a drawing for people.

mod drawing;
pub mod json;
pub mod text;
