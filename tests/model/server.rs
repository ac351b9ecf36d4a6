//! The product's own files.

#[path = "../../src/server/crew.rs"]
pub mod crew;
#[path = "../../src/server/lot.rs"]
pub mod lot;
#[path = "../../src/server/queues.rs"]
pub mod queues;
#[path = "../../src/server/reason.rs"]
pub mod reason;
