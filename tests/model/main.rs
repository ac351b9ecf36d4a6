//! The lot and the crew under a model checker: the very files of `src/server`, compiled against locks, counters and a kernel
//! of which shuttle decides who goes on at every step. A failure prints the schedule that leads to it, which
//! `shuttle::replay` runs again.
//!
//! What no order of steps may bring about: a wakeup that is lost (then nobody can go on, which shuttle calls a deadlock), an
//! event for an earlier generation acted on, a connection parked twice or closed twice, all workers at slow work, more workers
//! kept than are needed.

#![allow(unreachable_pub, dead_code, clippy::unwrap_used)] // What is included is whole; and these are tests.

mod kernel;
mod server;
mod serving;
mod steps;

/// What `crate::sync` is to the included files.
mod sync {
    pub use crate::kernel::rest as sleep;
    pub use shuttle::sync::atomic::AtomicUsize;

    pub struct Lock<T>(shuttle::sync::Mutex<T>);

    impl<T> Lock<T> {
        pub fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

/// What `crate::sys` is to them.
mod sys {
    pub use crate::kernel::{BROKEN, Epoll, Happened, PEER_CLOSED, READABLE, Timer, WRITABLE};
}
