//! Load that the process puts on itself by the clock: cores burnt by share, memory held. Each on threads of its own,
//! so that nothing else waits for it.

use std::io;
use std::sync::{Arc, Condvar, PoisonError};
use std::time::{Duration, Instant};

use super::memory::Memory;
use crate::sync::Lock;
use crate::sys;

/// Longest time that is burnt or slept in one piece, in microseconds, as all times are here.
const SLICE: u64 = 5000;
/// The threads only count.
const STACK: usize = if cfg!(debug_assertions) { 128 * 1024 } else { 16 * 1024 };

/// Tells threads to stop.
#[derive(Default)]
struct Stop {
    is_over: Lock<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits until it is over, at most `timeout`.
    fn wait(&self, timeout: Duration) -> bool {
        let is_over = self.is_over.lock();
        let waited = self.changed.wait_timeout_while(is_over, timeout, |is_over| !*is_over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Load that goes on until this is dropped.
pub struct Load(Arc<Stop>);

impl Drop for Load {
    fn drop(&mut self) {
        *self.0.is_over.lock() = true;
        self.0.changed.notify_all();
    }
}

impl Load {
    /// Burns so many percent of one core; above 100, of several.
    pub fn burn(percent: u32) -> io::Result<Self> {
        let load = Self(Arc::default());
        for before in (0..percent).step_by(100) {
            let (share, stop) = (u64::from(percent - before).min(100), Arc::clone(&load.0));
            sys::spawn("burn", STACK, move || burn(share, &stop))?;
        }
        Ok(load)
    }

    /// Touches so many bytes and holds them.
    pub fn hold(bytes: u64) -> io::Result<Self> {
        let load = Self(Arc::default());
        let size = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut memory = Memory::reserve(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let stop = Arc::clone(&load.0);
        sys::spawn("hold", STACK, move || {
            memory.touch();
            while !stop.wait(Duration::from_secs(3600)) {}
        })?;
        Ok(load)
    }
}

/// What a thread that is to spend a share of its time on a core does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Burn(u64),
    Rest(u64),
}

/// What is next once so much time has gone by, of which so much was burnt: what is owed is made up for, whatever the
/// scheduler has done meanwhile.
fn next(share: u64, gone: u64, burnt: u64) -> Next {
    let owed = gone * share / 100;
    if burnt < owed { Next::Burn(SLICE.min(owed - burnt)) } else { Next::Rest((SLICE * (100 - share) / 100).max(100)) }
}

fn burn(share: u64, stop: &Stop) {
    let start = Instant::now();
    let burnt = || sys::thread_time().as_micros() as u64;
    let burnt_before = burnt();
    loop {
        let rest = match next(share, start.elapsed().as_micros() as u64, burnt() - burnt_before) {
            Next::Rest(time) => time,
            Next::Burn(time) => {
                let until = burnt() + time;
                while burnt() < until {
                    count();
                }
                0
            }
        };
        if stop.wait(Duration::from_micros(rest)) {
            return;
        }
    }
}

/// Keeps a core busy for longer than a look at a clock takes.
pub fn count() {
    for round in 0..1000 {
        std::hint::black_box(round);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a core that is shared with others, so that each slice takes longer than it burns, and with rests that last too
    /// long: the share is kept while there is enough of the core, and never passed.
    #[test]
    fn a_share_is_kept_however_the_scheduler_disturbs_it() {
        for share in [1, 25, 50, 99, 100] {
            for (stretched, overslept) in [(100, 0), (100, 3000), (200, 100), (1000, 0)] {
                let (mut gone, mut burnt) = (0, 0);
                while gone < 60_000_000 {
                    match next(share, gone, burnt) {
                        Next::Burn(time) => (gone, burnt) = (gone + time * stretched / 100, burnt + time),
                        Next::Rest(time) => gone += time + overslept,
                    }
                    assert!(burnt <= gone * share / 100 + SLICE, "{share}%: {burnt:?} of {gone:?}");
                }
                let owed = gone * share.min(10_000 / stretched) / 100;
                assert!(burnt + 2 * SLICE > owed, "{share}%, stretched {stretched}%: {burnt:?} of {gone:?}");
            }
        }
    }

    /// The share of one core that this process takes over a while, in percent.
    fn share_over(time: Duration) -> u128 {
        let (start, before) = (Instant::now(), sys::process_time());
        while start.elapsed() < time {
            std::thread::sleep(Duration::from_millis(10));
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
                std::thread::sleep(Duration::from_millis(5));
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
