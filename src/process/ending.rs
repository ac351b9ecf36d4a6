//! Every end but a clean drain: one log line, one line for the kubelet, and then really the end, also as PID 1,
//! where default signal actions do nothing.

use std::time::Duration;

use crate::faults::rule::CrashKind;
use crate::observe::log::Log;
use crate::{sys, text};

/// Exit status of a failure at run time.
pub const FAILED: i32 = 1;
/// Exit status of bad usage or configuration.
pub const USAGE: i32 = 2;
/// Exit status of a panic, as Rust's own.
const PANICKED: i32 = 101;
/// Exit status after SIGINT: 128 + 2.
pub const INTERRUPTED: i32 = 130;
/// Exit status after a second SIGTERM: 128 + 15.
pub const TERMINATED: i32 = 143;

/// How long the log may take before an end; a reader that is there needs microseconds.
const LOG_PATIENCE: Duration = Duration::from_millis(250);
/// Where the kubelet looks for the reason of an end (`terminationMessagePath`, its default).
const TERMINATION_LOG: &str = "/dev/termination-log";
/// cgroup v1 says "no limit" with the largest multiple of the page size; nothing real is above this.
const NO_LIMIT: u64 = 1 << 60;

/// A way to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With that status.
    Exit(u8),
    /// The hard way.
    Crash(CrashKind),
}

/// Ends the process on purpose. `why` is what asked for it: `GET /crash`, a rule, a signal.
pub fn end(log: &'static Log, ending: Ending, why: &str) -> ! {
    match ending {
        Ending::Exit(code) => {
            log.write(log.line("exit").number("status", u64::from(code)).text("reason", why.as_bytes()));
            last_words(log, &[why]);
            sys::exit_now(i32::from(code))
        }
        Ending::Crash(kind) => {
            log.write(log.line("crash").text("kind", kind.name().as_bytes()).text("reason", why.as_bytes()));
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

/// Ends with the status of a signal.
pub fn end_by_signal(log: &'static Log, status: i32, name: &str) -> ! {
    log.write(log.line("exit").number("status", status as u64).text("reason", name.as_bytes()));
    last_words(log, &[name]);
    sys::exit_now(status)
}

fn last_words(log: &'static Log, message: &[&str]) {
    write_termination_message(&text::joined(message));
    log.flush(LOG_PATIENCE);
}

/// Leaves a line for `kubectl describe`, where the kubelet has put the file for it; anywhere else nothing.
pub fn write_termination_message(message: &str) {
    // Without that file nobody asked, and the process ends all the same.
    let _ = sys::overwrite_file(TERMINATION_LOG, text::joined(&[message, "\n"]).as_bytes());
}

/// A panic is a bug: says so in one line, for the kubelet too, and ends with 101 whichever thread it was in.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let message: String =
            info.to_string().bytes().map(|byte| if byte == b'\n' { ' ' } else { char::from(byte) }).collect();
        sys::write_all(2, text::joined(&["probeserver: ", &message, "\n"]).as_bytes());
        write_termination_message(&message);
        sys::exit_now(PANICKED)
    }));
}

/// Asks for memory until the kernel kills the container, having made itself the first to go.
fn run_out_of_memory() -> ! {
    // Raising one's own score needs no privilege; a container without /proc dies of its limit all the same.
    let _ = sys::overwrite_file("/proc/self/oom_score_adj", b"1000");
    loop {
        match sys::Memory::reserve(16 << 20) {
            Ok(mut memory) => {
                memory.touch();
                std::mem::forget(memory);
            }
            Err(_) => sys::abort(), // An address space limit: there is no more to be had.
        }
    }
}

/// Whether the container's memory is limited, so that running out of it hurts nobody else.
pub fn has_memory_limit() -> bool {
    let own = sys::read_file("/proc/self/cgroup", 16 * 1024).unwrap_or_default();
    is_limited("/sys/fs/cgroup", &own)
}

/// Looks for a limit on this process's cgroup or one above it, in v1's and v2's files. Inside a container the
/// path of `/proc/self/cgroup` may be the host's; then the root of the mount is the container's own cgroup.
fn is_limited(mount: &str, own: &[u8]) -> bool {
    own.split(|&byte| byte == b'\n').any(|line| {
        let mut parts = line.splitn(3, |&byte| byte == b':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return false };
        let (below, file) = match controllers {
            b"" => ("", "/memory.max"),
            _ if controllers.split(|&byte| byte == b',').any(|name| name == b"memory") => {
                ("/memory", "/memory.limit_in_bytes")
            }
            _ => return false,
        };
        let mut at = path;
        loop {
            let limit = sys::read_file(&text::joined(&[mount, below, &text::lossy(at), file]), 64).unwrap_or_default();
            if text::parse_decimal(limit.trim_ascii()).is_some_and(|limit| limit < NO_LIMIT) {
                return true;
            }
            match at.iter().rposition(|&byte| byte == b'/') {
                Some(slash) => at = &at[..slash],
                None => return false,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn finds_memory_limits_of_both_cgroup_versions() {
        let mount = std::env::temp_dir().join(format!("probeserver-cgroup-{}", std::process::id()));
        let put = |path: &str, text: &str| {
            let file = mount.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        put("pod/limited/memory.max", "67108864\n");
        put("pod/free/memory.max", "max\n");
        put("memory/v1/limited/memory.limit_in_bytes", "67108864\n");
        put("memory/v1/free/memory.limit_in_bytes", "9223372036854771712\n");
        for (own, want) in [
            ("0::/pod/limited\n", true),
            ("0::/pod/limited/below\n", true),
            ("0::/pod/free\n", false),
            ("0::/\n", false),
            ("5:cpu:/v1/limited\n4:memory:/v1/limited\n", true),
            ("4:memory:/v1/free\n0::/\n", false),
            ("", false),
        ] {
            assert_eq!(is_limited(mount.to_str().unwrap(), own.as_bytes()), want, "{own:?}");
        }
        put("memory/memory.limit_in_bytes", "67108864\n");
        assert!(
            is_limited(mount.to_str().unwrap(), b"4:memory:/the/host's/path\n"),
            "the root of the mount is the container's"
        );
        fs::remove_dir_all(&mount).unwrap();
    }
}
