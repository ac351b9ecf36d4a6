//! Signals: blocked everywhere, fetched by one thread.

use std::time::Duration;

use super::timespec;

/// What [`wait_signal`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Signal {
    /// SIGTERM: the kubelet wants the pod to go.
    Terminate = libc::SIGTERM,
    /// SIGQUIT: what an image or a pod can have in its place (`STOPSIGNAL`, `lifecycle.stopSignal`).
    Quit = libc::SIGQUIT,
    /// SIGINT: Ctrl-C, and the same.
    Interrupt = libc::SIGINT,
    /// SIGUSR2, which the process sends itself: something has changed, look again.
    Wake = libc::SIGUSR2,
}

impl Signal {
    const ALL: [Self; 4] = [Self::Terminate, Self::Quit, Self::Interrupt, Self::Wake];

    /// Its name, as kubectl and kill(1) spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Quit => "SIGQUIT",
            Self::Interrupt => "SIGINT",
            Self::Wake => "SIGUSR2",
        }
    }
}

fn handled_signals() -> libc::sigset_t {
    // SAFETY: sigset_t is plain numbers; sigemptyset and sigaddset only write to it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in Signal::ALL {
            libc::sigaddset(&raw mut set, signal as libc::c_int);
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
    let number = unsafe { libc::sigtimedwait(&raw const set, std::ptr::null_mut(), spec) };
    Signal::ALL.into_iter().find(|signal| *signal as libc::c_int == number)
}

/// Makes [`wait_signal`] return [`Signal::Wake`], now or at its next call.
pub fn wake() {
    // SAFETY: no pointers are passed; the signal is blocked in every thread.
    unsafe { libc::kill(libc::getpid(), libc::SIGUSR2) };
}
