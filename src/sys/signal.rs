//! Signals: blocked everywhere, fetched by one thread.

use std::time::Duration;

use super::timespec;

/// What [`wait_signal`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM: the kubelet wants the pod to go.
    Terminate,
    /// SIGQUIT: what an image or a pod can have in its place (`STOPSIGNAL`, `lifecycle.stopSignal`).
    Quit,
    /// SIGINT: Ctrl-C, and the same.
    Interrupt,
    /// SIGUSR2, which the process sends itself: something has changed, look again.
    Wake,
}

impl Signal {
    /// Its name, as kubectl and kill(1) spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Quit => "SIGQUIT",
            Self::Interrupt => "SIGINT",
            Self::Wake => "SIGUSR2",
        }
    }

    pub fn number(self) -> i32 {
        match self {
            Self::Terminate => libc::SIGTERM,
            Self::Quit => libc::SIGQUIT,
            Self::Interrupt => libc::SIGINT,
            Self::Wake => libc::SIGUSR2,
        }
    }
}

fn handled_signals() -> libc::sigset_t {
    // SAFETY: sigset_t is plain numbers; sigemptyset and sigaddset only write to it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [libc::SIGTERM, libc::SIGQUIT, libc::SIGINT, libc::SIGUSR2] {
            libc::sigaddset(&raw mut set, signal);
        }
        set
    }
}

/// Blocks the handled signals in this thread and in those it will start. A blocked signal waits to be
/// fetched, also by PID 1, for which the kernel drops unblocked signals without a handler. And ignores SIGCHLD: this
/// program starts no processes, but PID 1 inherits orphans, and so the kernel reaps them (wait(2)).
pub fn block_signals() {
    let set = handled_signals();
    // SAFETY: `set` lives through the call, the old mask is not asked for; SIG_IGN is a valid action.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
    }
}

/// Waits for one of the handled signals, at most `timeout` (for ever when `None`).
pub fn wait_signal(timeout: Option<Duration>) -> Option<Signal> {
    let set = handled_signals();
    let spec = timeout.map(timespec);
    let spec = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `set` and the timespec live through the call; no siginfo is asked for.
    match unsafe { libc::sigtimedwait(&raw const set, std::ptr::null_mut(), spec) } {
        libc::SIGTERM => Some(Signal::Terminate),
        libc::SIGQUIT => Some(Signal::Quit),
        libc::SIGINT => Some(Signal::Interrupt),
        libc::SIGUSR2 => Some(Signal::Wake),
        _ => None,
    }
}

/// Makes [`wait_signal`] return [`Signal::Wake`], now or at its next call.
pub fn wake() {
    // SAFETY: no pointers are passed; the signal is blocked in every thread.
    unsafe { libc::kill(libc::getpid(), libc::SIGUSR2) };
}
