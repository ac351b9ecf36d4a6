//! The process and its threads: start, limits, privileges, time, and every way to end.

use std::io::{Error, Result};
use std::thread;
use std::time::Duration;

use super::{check, read_file, timespec};
use crate::text;

/// Starts a thread that nobody waits for. (`thread::spawn` panics where no thread is to be had, as at a limit of pids.)
pub fn spawn(name: &str, stack_size: usize, work: impl FnOnce() + Send + 'static) -> Result<()> {
    spawn_boxed(name, stack_size, Box::new(work))
}

/// The same of any work, so that it is in the binary once, and not once for each kind.
#[inline(never)]
fn spawn_boxed(name: &str, stack_size: usize, work: Box<dyn FnOnce() + Send>) -> Result<()> {
    thread::Builder::new().name(name.to_owned()).stack_size(stack_size).spawn(work).map(drop)
}

/// Raises the soft limit of open files to the hard one and returns it.
pub fn raise_file_limit() -> u64 {
    let Ok(limit) = file_limit(None) else { return 0 };
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    file_limit(Some(&raised)).map_or(limit.rlim_cur, |_| raised.rlim_cur)
}

/// The limit as it is, or was before it was set to `new`. (musl's setrlimit stops every thread first.)
fn file_limit(new: Option<&libc::rlimit>) -> Result<libc::rlimit> {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: both limits live through the call, and there may be no new one.
    check(unsafe { libc::prlimit(0, libc::RLIMIT_NOFILE, new, &raw mut old) }).map(|_| old)
}

/// What the kernel keeps about this process; zero where /proc does not tell.
#[derive(Default)]
pub struct ProcessStatus {
    pub open_files: u64,
    pub max_files: u64,
    pub virtual_bytes: u64,
    pub resident_bytes: u64,
    pub threads: u64,
}

/// Reads it from /proc/self (proc(5)).
pub fn process_status() -> ProcessStatus {
    let status = read_file("/proc/self/status", 8 * 1024).unwrap_or_default();
    let field = |name: &[u8]| {
        let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name));
        line.and_then(|value| text::parse_decimal(text::before(value.trim_ascii(), b' '))).unwrap_or_default()
    };
    ProcessStatus {
        open_files: open_files(field(b"FDSize:")),
        max_files: file_limit(None).map_or(0, |limit| limit.rlim_cur),
        virtual_bytes: field(b"VmSize:") * 1024,
        resident_bytes: field(b"VmRSS:") * 1024,
        threads: field(b"Threads:"),
    }
}

/// How many descriptors are open, of so many that there is room for. (std's walk of a folder, /proc/self/fd, is 1.5 KB.)
fn open_files(room: u64) -> u64 {
    // SAFETY: F_GETFD takes a number only, and changes nothing.
    let is_open = |fd: &libc::c_int| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0;
    (0..room as libc::c_int).filter(is_open).count() as u64
}

/// The number of CPUs this process may keep busy, by its affinity and by its cgroup's quota. (As std's, which is 5 KB more.)
pub fn cpu_count() -> usize {
    let mut mask = [0u64; 16];
    // SAFETY: the kernel writes at most that many bytes, which live through the call.
    unsafe { libc::sched_getaffinity(0, size_of_val(&mask), mask.as_mut_ptr().cast()) };
    let allowed = mask.iter().map(|word| word.count_ones() as usize).sum::<usize>();
    let quota = super::cgroup::cpu_quota().map_or(allowed, |quota| quota as usize);
    allowed.min(quota).max(1)
}

/// CAP_NET_BIND_SERVICE in capabilities(7).
const BIND_BIT: u32 = 1 << 10;

/// One set of capabilities, as version 3 of capget(2) lays it out.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Capabilities {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn change_capabilities(change: impl FnOnce(&mut Capabilities)) -> Result<Capabilities> {
    let mut header = [0x2008_0522u32, 0]; // _LINUX_CAPABILITY_VERSION_3, this thread
    let mut sets = [Capabilities::default(); 2];
    // SAFETY: version 3 reads and writes one header and two sets, all of which live through both calls.
    unsafe {
        check(libc::syscall(libc::SYS_capget, header.as_mut_ptr(), sets.as_mut_ptr()) as libc::c_int)?;
        change(&mut sets[0]);
        check(libc::syscall(libc::SYS_capset, header.as_mut_ptr(), sets.as_ptr()) as libc::c_int)?;
    }
    Ok(sets[0])
}

/// Makes the permitted CAP_NET_BIND_SERVICE effective. Fails where it is not permitted: the image's
/// file capability is permitted only, since an effective one makes exec fail in a pod that drops it.
pub fn allow_low_ports() -> Result<()> {
    let set = change_capabilities(|set| set.effective |= set.permitted & BIND_BIT)?;
    if set.effective & BIND_BIT == 0 { Err(Error::from_raw_os_error(libc::EACCES)) } else { Ok(()) }
}

/// Gives CAP_NET_BIND_SERVICE up for good: a bound port stays ours without it. For this thread, and for those that it starts
/// from now on.
pub fn forget_low_ports() {
    // Where it was never had there is nothing to give up.
    let _ = change_capabilities(|set| {
        set.effective &= !BIND_BIT;
        set.permitted &= !BIND_BIT;
    });
}

/// Gives /proc/self back to this user: an exec that gained a file capability left it to root.
pub fn make_dumpable() {
    // SAFETY: PR_SET_DUMPABLE takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
}

fn clock(clock: libc::clockid_t) -> Duration {
    let mut time = timespec(Duration::ZERO);
    // SAFETY: `time` lives through the call, which cannot fail for the clocks that this program asks.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Time that this thread has spent on a core.
pub fn thread_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Time that all threads of this process have spent on cores.
pub fn process_time() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Ends the process at once, with all its threads, running nothing on the way.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(status) }
}

/// Ends as `abort()` does: SIGABRT (134), or 139 as PID 1, where the kernel drops the signal and the
/// C library then runs an instruction that faults.
pub fn abort() -> ! {
    std::process::abort()
}

/// Ends by a real segmentation fault (139), also as PID 1.
pub fn segfault() -> ! {
    default_action(libc::SIGSEGV);
    loop {
        // SAFETY: none, on purpose. No mapping exists below vm.mmap_min_addr, so this store faults.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(8).write_volatile(1) };
    }
}

/// Ends by a real illegal instruction (SIGILL, 132), also as PID 1.
pub fn trap() -> ! {
    default_action(libc::SIGILL);
    // SAFETY: the instructions are defined to fault, so nothing after them runs.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("ud2", options(noreturn));
        #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
        std::arch::asm!("udf #0", options(noreturn));
        #[cfg(target_arch = "riscv64")]
        std::arch::asm!("unimp", options(noreturn));
    }
}

/// What happens when an instruction traps, which is what a panic is in the static binaries (`ud2` on amd64, `brk` on arm64).
pub trait Trapped {
    /// Ends the process; `address` is in the program.
    fn end(address: usize) -> !;
}

/// Lets `T` end the process when an instruction traps.
pub fn on_trap<T: Trapped>() {
    extern "C" fn trapped<T: Trapped>(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel passes a siginfo, whose address is set for these signals.
        let address = unsafe { (*info).si_addr() } as usize;
        T::end(address.wrapping_sub(program_start()))
    }
    // SAFETY: the action is whole, and lives through the calls; the handler ends the process, so what it interrupted
    // does not matter.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = trapped::<T> as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        for signal in [libc::SIGILL, libc::SIGTRAP] {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Where the kernel has put the program.
fn program_start() -> usize {
    unsafe extern "C" {
        static __ehdr_start: u8;
    }
    (&raw const __ehdr_start).addr()
}

/// Takes away the handler that the Rust runtime installs to explain stack overflows.
fn default_action(signal: libc::c_int) {
    // SAFETY: SIG_DFL is a valid action for every signal that can be caught.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}
