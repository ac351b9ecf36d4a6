//! The log: one line an event on stdout, logfmt or JSON, written by a thread of its own.
//!
//! Lines go into a bounded buffer. When it is full and stdout is being read, whoever logs waits for room, so no line is
//! lost; when stdout is not read, nobody waits: lines are dropped, counted, and reported in one line later. Untrusted bytes are escaped here and nowhere else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::http::date;
use crate::{sys, text};

/// Most bytes that wait for stdout; 64 KiB is what a pipe holds as well.
const MAX_WAITING: usize = 64 * 1024;
/// Bytes written at a time, so that a slow reader is seen to read.
const PIECE: usize = 4 * 1024;
/// Stdout of which nothing is read for so long is not read.
const PATIENCE: Duration = Duration::from_millis(50);
/// The writer only copies bytes; unoptimized code needs more.
const STACK: usize = if cfg!(debug_assertions) { 256 * 1024 } else { 32 * 1024 };

/// How a line looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// logfmt: `time=... event=... name=value`.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which requests are logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requests {
    /// None.
    None,
    /// Those that a rule touched, and checks that changed their answer.
    Faults,
    /// All.
    All,
}

/// A line being put together.
pub struct Line {
    bytes: Vec<u8>,
    format: Format,
}

impl Line {
    fn new(format: Format, event: &str, since_epoch: Duration) -> Self {
        let line = Self { bytes: Vec::with_capacity(256), format };
        let mut time = Vec::with_capacity(32);
        date::write_rfc3339(&mut time, since_epoch);
        line.text("time", &time).text("event", event.as_bytes())
    }

    fn name(&mut self, name: &str) {
        let (before, after) = match self.format {
            Format::Text if self.bytes.is_empty() => ("", "="),
            Format::Text => (" ", "="),
            Format::Json if self.bytes.is_empty() => ("{\"", "\":"),
            Format::Json => (",\"", "\":"),
        };
        text::put_all(&mut self.bytes, &[before, name, after]);
    }

    /// Adds a string; its bytes may be anything.
    pub fn text(mut self, name: &str, value: &[u8]) -> Self {
        self.name(name);
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\');
        if self.format == Format::Text && !value.is_empty() && value.iter().all(is_plain) {
            text::put(&mut self.bytes, value);
        } else {
            text::json_string(&mut self.bytes, value);
        }
        self
    }

    /// Adds a whole number.
    pub fn number(mut self, name: &str, value: u64) -> Self {
        self.name(name);
        text::decimal(&mut self.bytes, value);
        self
    }

    /// Adds a number given in thousandths.
    pub fn thousandths(mut self, name: &str, value: u64) -> Self {
        self.name(name);
        text::thousandths(&mut self.bytes, value);
        self
    }

    /// Adds true or false.
    pub fn flag(mut self, name: &str, value: bool) -> Self {
        self.name(name);
        text::put(&mut self.bytes, if value { b"true" } else { b"false" });
        self
    }

    fn finished(mut self) -> Vec<u8> {
        if self.format == Format::Json {
            self.bytes.push(b'}');
        }
        self.bytes.push(b'\n');
        self.bytes
    }
}

#[derive(Default)]
struct Buffer {
    /// Lines that wait for the writer.
    waiting: Vec<u8>,
    /// Bytes that the writer is writing now.
    in_writing: usize,
    /// Whether the writer sleeps, and has to be woken.
    is_asleep: bool,
    /// Threads that wait for room.
    waiters: u32,
    /// Whether nothing has been read for [`PATIENCE`] with the buffer full.
    is_stalled: bool,
    /// Lines dropped since the last report of them.
    dropped: u64,
    dropped_total: u64,
}

/// The log of the program.
pub struct Log {
    format: Format,
    buffer: Mutex<Buffer>,
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
        Self { format, buffer: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new(), has_writer }
    }

    /// Starts the thread that writes, if it does not run yet. Without a thread to be had, lines are kept until the
    /// next try, or until [`Log::flush`].
    pub fn start(&'static self) {
        if !self.has_writer.swap(true, Ordering::Relaxed) && sys::spawn("log", STACK, || self.write_forever()).is_err()
        {
            self.has_writer.store(false, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a line.
    pub fn line(&self, event: &str) -> Line {
        Line::new(self.format, event, date::since_epoch(SystemTime::now()))
    }

    /// Puts a line into the buffer; when that is full, waits while stdout is read, and else drops the line.
    pub fn write(&self, line: Line) {
        let bytes = line.finished();
        let mut buffer = self.lock();
        let is_full = |buffer: &Buffer| buffer.waiting.len() + buffer.in_writing + bytes.len() > MAX_WAITING;
        while is_full(&buffer) && !buffer.is_stalled && self.has_writer.load(Ordering::Relaxed) {
            let before = buffer.in_writing;
            buffer.waiters += 1;
            let waited = self.emptied.wait_timeout(buffer, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            buffer = waited.0;
            buffer.waiters -= 1;
            buffer.is_stalled |= waited.1.timed_out() && buffer.in_writing == before;
        }
        if is_full(&buffer) {
            buffer.dropped += 1;
            buffer.dropped_total += 1;
            return;
        }
        text::put(&mut buffer.waiting, &bytes);
        let wakes = std::mem::take(&mut buffer.is_asleep);
        drop(buffer);
        if wakes {
            self.filled.notify_one();
        }
    }

    /// Lines dropped so far.
    pub fn dropped_total(&self) -> u64 {
        self.lock().dropped_total
    }

    /// Writes lines to stdout as they come; the work of the log's thread.
    fn write_forever(&self) -> ! {
        let mut writing = Vec::new();
        loop {
            let mut buffer = self.lock();
            while buffer.waiting.is_empty() {
                if buffer.dropped > 0 {
                    let dropped = std::mem::take(&mut buffer.dropped);
                    let report = self.line("log_dropped").number("lines", dropped).finished();
                    text::put(&mut buffer.waiting, &report);
                    break;
                }
                self.emptied.notify_all();
                buffer.is_asleep = true;
                buffer = self.filled.wait(buffer).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut writing, &mut buffer.waiting);
            buffer.in_writing = writing.len();
            drop(buffer);
            for piece in writing.chunks(PIECE) {
                sys::write_all(1, piece);
                let mut buffer = self.lock();
                buffer.in_writing -= piece.len();
                buffer.is_stalled = false;
                let wakes = buffer.waiters > 0;
                drop(buffer);
                if wakes {
                    self.emptied.notify_all();
                }
            }
            writing.clear();
        }
    }

    /// Waits until everything is written, at most `timeout`: before the process ends.
    pub fn flush(&'static self, timeout: Duration) {
        self.start();
        let deadline = Instant::now() + timeout;
        let mut buffer = self.lock();
        if !self.has_writer.load(Ordering::Relaxed) {
            return sys::write_all(1, &std::mem::take(&mut buffer.waiting));
        }
        while !buffer.waiting.is_empty() || buffer.in_writing > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            buffer = self.emptied.wait_timeout(buffer, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: Format) -> String {
        let line = Line::new(format, "request", Duration::from_millis(1500))
            .text("agent", b"a\" event=x\n\x1b\xff")
            .text("plain", b"/healthz?x")
            .text("empty", b"")
            .number("status", 200)
            .thousandths("seconds", 1500)
            .flag("hit", true);
        text::into_string(line.finished())
    }

    #[test]
    fn lines_are_logfmt_or_json_whatever_is_in_them() {
        assert_eq!(
            line(Format::Text),
            "time=1970-01-01T00:00:01.500Z event=request agent=\"a\\\" event=x\\n\\u001b\u{fffd}\" plain=\"/healthz?x\" empty=\"\" status=200 seconds=1.5 hit=true\n"
                .replace("plain=\"/healthz?x\"", "plain=/healthz?x")
        );
        assert_eq!(
            line(Format::Json),
            "{\"time\":\"1970-01-01T00:00:01.500Z\",\"event\":\"request\",\"agent\":\"a\\\" event=x\\n\\u001b\u{fffd}\",\"plain\":\"/healthz?x\",\"empty\":\"\",\"status\":200,\"seconds\":1.5,\"hit\":true}\n"
        );
    }

    #[test]
    fn a_full_buffer_drops_and_counts() {
        let log = Log::new(Format::Text);
        for _ in 0..1000 {
            log.write(log.line("x").text("filler", &[b'x'; 1000]));
        }
        let kept = log.lock().waiting.iter().filter(|&&byte| byte == b'\n').count() as u64;
        assert!(log.lock().waiting.len() <= MAX_WAITING);
        assert_eq!(kept + log.dropped_total(), 1000);
    }
}
