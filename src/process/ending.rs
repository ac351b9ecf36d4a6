//! Every end but a clean drain: one log line, one line for the kubelet, and then really the end, also as PID 1,
//! where default signal actions do nothing.

use std::sync::OnceLock;

use crate::faults::rule::{CrashKind, Effect};
use crate::observe::log::Log;
use crate::process::memory::Memory;
use crate::sys::{self, Signal};
use crate::text;
use crate::text::Value::{Number, Text};

/// Exit status of a failure at run time.
pub const FAILED: i32 = 1;
/// Exit status of bad usage or configuration.
pub const USAGE: i32 = 2;
/// Exit status of a panic, as Rust's own.
const PANICKED: i32 = 101;

/// Where the kubelet looks for the reason of an end; nowhere before that is known.
static MESSAGE_PATH: OnceLock<String> = OnceLock::new();

/// A way to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With that status.
    Exit(u8),
    /// The hard way.
    Crash(CrashKind),
}

impl Ending {
    /// The end that a rule with this effect comes to, if it is one that ends the process.
    pub fn of(effect: &Effect) -> Option<Self> {
        match *effect {
            Effect::Exit(code) => Some(Self::Exit(code)),
            Effect::Crash(kind) => Some(Self::Crash(kind)),
            _ => None,
        }
    }
}

/// Ends the process on purpose. `why` is what asked for it: `GET /crash`, a rule, a signal.
pub fn end(log: &'static Log, ending: Ending, why: &str) -> ! {
    match ending {
        Ending::Exit(code) => {
            log.say("exit status reason", &[Number(code.into()), Text(why)]);
            last_words(log, &[why]);
            sys::exit_now(i32::from(code))
        }
        Ending::Crash(kind) => {
            log.say("crash kind reason", &[Text(kind.name()), Text(why)]);
            last_words(log, &[why, ": crash ", kind.name()]);
            match kind {
                CrashKind::Abort => sys::abort(),
                CrashKind::Segv => sys::segfault(),
                CrashKind::Trap => sys::trap(),
                CrashKind::Oom => run_out_of_memory(),
            }
        }
    }
}

/// Ends at once because a second signal asked for it, with the status that a shell gives to its victims.
pub fn end_by_signal(log: &'static Log, signal: Signal) -> ! {
    // Cannot fail: the signals that are waited for have small numbers.
    let status = 128 + signal as u8;
    end(log, Ending::Exit(status), &text::joined(&["second signal: ", signal.name()]))
}

/// Says where the last line goes (`terminationMessagePath`).
pub fn leave_message_at(path: String) {
    let _ = MESSAGE_PATH.set(path); // Once set it stays: a process has one place.
}

fn last_words(log: &'static Log, message: &[&str]) {
    write_termination_message(&text::joined(message));
    log.flush();
}

/// Leaves a line for `kubectl describe`, where the kubelet has put the file for it; anywhere else nothing.
pub fn write_termination_message(message: &str) {
    if let Some(path) = MESSAGE_PATH.get() {
        // Without that file nobody asked, and the process ends all the same.
        let _ = sys::overwrite_file(path, text::joined(&[message, "\n"]).as_bytes());
    }
}

/// A panic is a bug: says so in one line, for the kubelet too, and ends with 101 whichever thread it was in. The static
/// binaries are built so that a panic is an instruction that traps (the texts of panics are 20 KB); there the line tells
/// where in the program that was, for `addr2line`.
pub fn install_panic_hook() {
    // Where a panic traps, nobody would call it.
    if !cfg!(panic = "immediate-abort") {
        std::panic::set_hook(Box::new(told));
    }
    sys::on_trap::<Panic>();
}

fn told(info: &std::panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = info.location().map_or("", |place| place.file());
    let line = text::to_decimal(info.location().map_or(0, |place| place.line().into()));
    panicked(&text::joined(&["panic at ", place, ":", &line, ": ", text.unwrap_or_default()]))
}

struct Panic;

impl sys::Trapped for Panic {
    fn end(address: usize) -> ! {
        let mut place = b"panic at ".to_vec();
        text::hexadecimal(&mut place, address as u64, 1);
        panicked(&text::into_string(place))
    }
}

fn panicked(message: &str) -> ! {
    sys::write_all(2, text::joined(&["probeserver: ", message, "\n"]).as_bytes());
    write_termination_message(message);
    sys::exit_now(PANICKED)
}

/// Asks for memory until the kernel kills the container, having made itself the first to go.
fn run_out_of_memory() -> ! {
    // Raising one's own score needs no privilege; a container without /proc dies of its limit all the same.
    let _ = sys::overwrite_file("/proc/self/oom_score_adj", b"1000");
    loop {
        match Memory::reserve(16 << 20) {
            Ok(mut memory) => {
                memory.touch();
                std::mem::forget(memory);
            }
            Err(_) => sys::abort(), // An address space limit: there is no more to be had.
        }
    }
}
