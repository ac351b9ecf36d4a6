//! The log: one line an event on stdout, written by a thread of its own from a bounded buffer.
//!
//! While stdout is read, what the process says of itself waits for room; a request waits only so long, and a check not
//! at all. What finds no room, or cannot be written, is dropped, counted, and reported in one line later.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, PoisonError};
use std::time::{Duration, Instant, SystemTime};

pub use super::line::{Format, Line};
use crate::http::date;
use crate::sync::Lock;
use crate::text::Value;
use crate::{quantity, sys, text};

/// Most bytes that wait for stdout; 64 KiB is what a pipe holds as well.
const MAX_WAITING: usize = 64 * 1024;
/// Bytes written at a time, so that a slow reader is seen to read.
const PIECE: usize = 4 * 1024;
/// Stdout of which nothing is read for so long is not read.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long the last lines may take before the process ends; a reader that is there needs microseconds, and the writer a turn
/// on a processor.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// The most that a request waits for the log in all. (A check does not: its prober may be as impatient as that.)
pub const REQUEST_PATIENCE: Duration = Duration::from_millis(5);
/// The writer only copies bytes; unoptimized code needs more.
const STACK: usize = if cfg!(debug_assertions) { 256 * 1024 } else { 32 * 1024 };

/// Which requests are logged.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Requests {
    #[default]
    None,
    /// Those that a rule touched, and checks that changed their answer.
    Faults,
    All,
}

#[derive(Default)]
struct Buffer {
    /// Lines that wait for the writer.
    waiting: Vec<u8>,
    /// Bytes that the writer is writing now.
    in_writing: usize,
    /// When the writer last got on; `None` before it has begun.
    got_on: Option<Instant>,
    /// Whether the writer sleeps, and has to be woken.
    is_asleep: bool,
    /// Threads that wait for room.
    waiters: u32,
    /// Lines lost since the last report of them.
    dropped: u64,
    dropped_total: u64,
}

impl Buffer {
    fn has_room(&self, length: usize) -> bool {
        self.waiting.len() + self.in_writing + length <= MAX_WAITING
    }

    /// How long it is worth waiting for room now; `None`: stdout is not read.
    fn hope(&self, now: Instant) -> Option<Duration> {
        let left = (self.got_on.unwrap_or(now) + PATIENCE).saturating_duration_since(now);
        Some(left).filter(|left| !left.is_zero())
    }

    fn count_dropped(&mut self, lines: u64) {
        self.dropped += lines;
        self.dropped_total += lines;
    }
}

pub struct Log {
    format: Format,
    buffer: Lock<Buffer>,
    /// Something is waiting.
    filled: Condvar,
    /// There is room again, or nothing is waiting any more.
    emptied: Condvar,
    has_writer: AtomicBool,
}

impl Log {
    /// A log that keeps its lines until it is started.
    pub fn new(format: Format) -> Self {
        let has_writer = AtomicBool::new(false);
        let buffer = Buffer { waiting: Vec::with_capacity(text::LINES), ..Buffer::default() };
        Self { format, buffer: Lock::new(buffer), filled: Condvar::new(), emptied: Condvar::new(), has_writer }
    }

    /// Starts the thread that writes, if it does not run yet. Without a thread to be had, lines are kept until the
    /// next try, or until [`Log::flush`].
    pub fn start(&'static self) {
        if self.has_writer.swap(true, Ordering::Relaxed) {
            return;
        }
        let work = || {
            sys::forget_low_ports(); // Where it is started before there is a port, the first thread still needs it.
            self.write_forever()
        };
        if sys::spawn("log", STACK, work).is_err() {
            self.has_writer.store(false, Ordering::Relaxed);
        }
    }

    /// A line; `what` is the event, and the names of the values.
    pub fn line(&self, what: &str, values: &[Value<'_>]) -> Line {
        Line::new(self.format, date::since_epoch(SystemTime::now()), what, values)
    }

    /// Writes a line of which nothing is missing.
    pub fn say(&self, what: &str, values: &[Value<'_>]) {
        self.write(self.line(what, values));
    }

    /// Puts a line into the buffer; when that is full, waits for room as long as stdout is read.
    pub fn write(&self, line: Line) {
        self.put(line, None);
    }

    /// The same, but waits at most so long: for whoever has something better to do.
    pub fn offer(&self, line: Line, patience: Duration) {
        self.put(line, Some(quantity::deadline_in(patience)));
    }

    fn put(&self, line: Line, deadline: Option<Instant>) {
        let bytes = line.finished();
        let mut buffer = self.buffer.lock();
        while !buffer.has_room(bytes.len()) {
            let now = Instant::now();
            let until_deadline = deadline.map_or(PATIENCE, |deadline| deadline.saturating_duration_since(now));
            let hope =
                buffer.hope(now).filter(|_| self.has_writer.load(Ordering::Relaxed) && !until_deadline.is_zero());
            let Some(hope) = hope else { return buffer.count_dropped(1) };
            buffer.waiters += 1;
            let waited = self.emptied.wait_timeout(buffer, hope.min(until_deadline));
            buffer = waited.unwrap_or_else(PoisonError::into_inner).0;
            buffer.waiters -= 1;
        }
        text::put(&mut buffer.waiting, &bytes);
        let wakes = std::mem::take(&mut buffer.is_asleep);
        drop(buffer);
        if wakes {
            self.filled.notify_one();
        }
    }

    pub fn dropped_total(&self) -> u64 {
        self.buffer.lock().dropped_total
    }

    /// Writes lines to stdout as they come; the work of the log's thread.
    fn write_forever(&self) -> ! {
        let mut writing = Vec::new();
        let mut is_failing = false;
        loop {
            let reported = self.take(&mut writing, is_failing);
            let written = self.write_pieces(&writing);
            is_failing = written < writing.len();
            if is_failing {
                let mut buffer = self.buffer.lock();
                match reported {
                    // The report itself is lost: what it told is still to be told.
                    Some(dropped) => buffer.dropped += dropped,
                    None => buffer.count_dropped(lines(&writing[written..])),
                }
                buffer.in_writing = 0;
                drop(buffer);
                self.emptied.notify_all();
            }
        }
    }

    /// Waits for lines and takes them all; or, when none are left, the report of those that were dropped, and then says
    /// how many. While stdout fails there is nobody to report to.
    fn take(&self, writing: &mut Vec<u8>, is_failing: bool) -> Option<u64> {
        writing.clear();
        let mut reported = None;
        let mut buffer = self.buffer.lock();
        while buffer.waiting.is_empty() {
            if buffer.dropped > 0 && !is_failing {
                let dropped = std::mem::take(&mut buffer.dropped);
                buffer.waiting = self.line("log_dropped lines", &[Value::Number(dropped)]).finished();
                reported = Some(dropped);
                break;
            }
            self.emptied.notify_all();
            buffer.is_asleep = true;
            buffer = self.filled.wait(buffer).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(writing, &mut buffer.waiting);
        buffer.in_writing = writing.len();
        buffer.got_on = Some(Instant::now());
        reported
    }

    /// Writes as much as stdout takes, and says how much that was.
    fn write_pieces(&self, writing: &[u8]) -> usize {
        let mut at = 0;
        while at < writing.len() {
            let piece = &writing[at..writing.len().min(at + PIECE)];
            let Ok(count) = sys::write_some(1, piece) else { break };
            at += count;
            let mut buffer = self.buffer.lock();
            buffer.in_writing -= count;
            buffer.got_on = Some(Instant::now());
            let wakes = buffer.waiters > 0;
            drop(buffer);
            if wakes {
                self.emptied.notify_all();
            }
        }
        at
    }

    /// Waits until everything is written, at most [`LAST_PATIENCE`]: before the process ends.
    pub fn flush(&'static self) {
        self.start();
        let deadline = quantity::deadline_in(LAST_PATIENCE);
        let mut buffer = self.buffer.lock();
        if !self.has_writer.load(Ordering::Relaxed) {
            sys::write_all(1, &std::mem::take(&mut buffer.waiting));
            return;
        }
        while !buffer.waiting.is_empty() || buffer.in_writing > 0 {
            let left = quantity::left_until(deadline);
            if left.is_zero() {
                return;
            }
            buffer = self.emptied.wait_timeout(buffer, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log whose buffer has no room, and a writer (which is the test).
    fn full() -> Log {
        let log = Log::new(Format::Text);
        log.has_writer.store(true, Ordering::Relaxed);
        let mut buffer = log.buffer.lock();
        (buffer.in_writing, buffer.got_on) = (MAX_WAITING, Some(Instant::now()));
        drop(buffer);
        log
    }

    fn kept_and_dropped(log: &Log) -> (u64, u64) {
        let buffer = log.buffer.lock();
        (lines(&buffer.waiting), buffer.dropped_total)
    }

    fn in_an_hour() -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(3600))
    }

    #[test]
    fn a_full_buffer_drops_and_counts() {
        let log = Log::new(Format::Text);
        for _ in 0..1000 {
            log.say("x filler more", &[Value::Bytes(&[b'x'; 200]); 2]);
        }
        let kept = lines(&log.buffer.lock().waiting);
        assert!(log.buffer.lock().waiting.len() <= MAX_WAITING);
        assert_eq!(kept + log.dropped_total(), 1000);
    }

    /// The reader reads, however slowly: whoever may wait does so, and no line is lost.
    #[test]
    fn whoever_may_wait_waits_for_room() {
        let log = full();
        log.buffer.lock().got_on = in_an_hour();
        std::thread::scope(|scope| {
            let writers =
                [scope.spawn(|| log.say("x", &[])), scope.spawn(|| log.put(log.line("x", &[]), in_an_hour()))];
            while log.buffer.lock().waiters < 2 {
                assert!(!writers.iter().any(|writer| writer.is_finished()), "one did not wait");
                std::thread::yield_now();
            }
            assert!(log.buffer.lock().waiting.is_empty());
            log.buffer.lock().in_writing = 0;
            log.emptied.notify_all();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
        });
        assert_eq!(kept_and_dropped(&log), (2, 0));
    }

    #[test]
    fn a_check_does_not_wait_and_a_request_not_for_long() {
        let log = full();
        log.buffer.lock().got_on = in_an_hour(); // So that nothing but their own patience ends their wait.
        log.offer(log.line("check", &[]), Duration::ZERO);
        assert_eq!(log.dropped_total(), 1);
        let began = Instant::now();
        log.offer(log.line("request", &[]), REQUEST_PATIENCE);
        assert!(began.elapsed() >= REQUEST_PATIENCE);
        assert_eq!(kept_and_dropped(&log), (0, 2));
    }

    #[test]
    fn nobody_waits_for_a_reader_that_has_stopped() {
        let log = full();
        log.buffer.lock().got_on = Instant::now().checked_sub(PATIENCE);
        log.put(log.line("x", &[]), in_an_hour());
        log.say("x", &[]);
        assert_eq!(log.dropped_total(), 2);
    }
}
