//! Load that the process puts on itself by the clock: cores burnt by share, memory held. Each on threads of its own,
//! so that nothing else waits for it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sys;

/// Longest time that is burnt or slept in one piece.
const SLICE: Duration = Duration::from_millis(5);
/// The threads only count.
const STACK: usize = if cfg!(debug_assertions) { 128 * 1024 } else { 16 * 1024 };

/// Tells threads to stop.
#[derive(Default)]
struct Stop {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits until it is over, at most `timeout`.
    fn wait(&self, timeout: Duration) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_over, timeout, |is_over| !*is_over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Load that goes on until this is dropped.
pub struct Load(Arc<Stop>);

impl Drop for Load {
    fn drop(&mut self) {
        *self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

impl Load {
    /// Burns so many percent of one core; above 100, of several.
    pub fn burn(percent: u32) -> io::Result<Self> {
        let load = Self(Arc::default());
        for share in (0..percent).step_by(100).map(|before| (percent - before).min(100)) {
            let stop = Arc::clone(&load.0);
            sys::spawn(STACK, move || burn(share, &stop))?;
        }
        Ok(load)
    }

    /// Touches so many bytes and holds them.
    pub fn hold(bytes: u64) -> io::Result<Self> {
        let load = Self(Arc::default());
        let size = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut memory = sys::Memory::reserve(size)?;
        let stop = Arc::clone(&load.0);
        sys::spawn(STACK, move || {
            memory.touch();
            while !stop.wait(Duration::from_secs(3600)) {}
        })?;
        Ok(load)
    }
}

/// Keeps this thread's time on a core at its share of the time that goes by, whatever the scheduler does.
fn burn(share: u32, stop: &Stop) {
    let (start, burnt_before) = (Instant::now(), sys::thread_time());
    loop {
        let owed = start.elapsed() * share / 100;
        let burnt = sys::thread_time() - burnt_before;
        if burnt >= owed {
            if stop.wait(SLICE.min(SLICE * (100 - share) / 100).max(Duration::from_micros(100))) {
                return;
            }
        } else {
            let until = sys::thread_time() + SLICE.min(owed - burnt);
            while sys::thread_time() < until {
                for round in 0..1000 {
                    std::hint::black_box(round);
                }
            }
            if stop.wait(Duration::ZERO) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of one core that this process takes over a while, in percent.
    fn share_over(time: Duration) -> u128 {
        let (start, before) = (Instant::now(), sys::process_time());
        while start.elapsed() < time {
            sys::sleep(Duration::from_millis(10));
        }
        (sys::process_time() - before).as_micros() * 100 / start.elapsed().as_micros()
    }

    #[test]
    fn memory_is_touched_and_given_back() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/statm").unwrap();
            status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
        };
        let before = resident();
        let load = Load::hold(256 << 20).unwrap();
        let until = |reached: &dyn Fn(u64) -> bool| {
            let deadline = Instant::now() + Duration::from_secs(20);
            while !reached(resident()) {
                assert!(Instant::now() < deadline, "{} resident", resident());
                sys::sleep(Duration::from_millis(5));
            }
        };
        until(&|now| now > before + (200 << 20));
        drop(load);
        until(&|now| now < before + (100 << 20));
    }

    #[test]
    fn nothing_is_burnt_once_it_is_dropped() {
        drop(Load::burn(100).unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        while share_over(Duration::from_millis(100)) > 90 {
            assert!(Instant::now() < deadline);
        }
    }
}
