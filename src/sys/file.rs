//! Files by descriptor and by path; no buffers.

use std::io::{ErrorKind, Result};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::{check_size, own, timespec};

/// Opens a file for reading, or for writing from its start.
fn open(path: &str, flags: libc::c_int) -> Result<OwnedFd> {
    let path = [path.as_bytes(), b"\0"].concat();
    // SAFETY: the path ends in NUL and lives through the call; no file is created, so no mode is read.
    own(unsafe { libc::open(path.as_ptr().cast(), flags | libc::O_CLOEXEC) })
}

/// The first `most` bytes of a file.
pub fn read_file(path: &str, most: usize) -> Result<Vec<u8>> {
    read_all(open(path, libc::O_RDONLY)?.as_raw_fd(), most)
}

/// The first `most` bytes of standard input.
pub fn read_stdin(most: usize) -> Result<Vec<u8>> {
    read_all(0, most)
}

fn read_all(fd: RawFd, most: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut length = 0;
    while length < most {
        // SAFETY: the kernel writes at most as many bytes as the rest of the buffer has.
        let count = unsafe { libc::read(fd, bytes[length..].as_mut_ptr().cast(), most - length) };
        match check_size(count)? {
            0 => break,
            count => length += count,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Whether somebody reads along at a terminal.
pub fn is_terminal(fd: RawFd) -> bool {
    // SAFETY: no pointers are passed.
    unsafe { libc::isatty(fd) == 1 }
}

/// How many descriptors this process has open.
pub fn open_files() -> u64 {
    let Ok(folder) = open("/proc/self/fd", libc::O_RDONLY | libc::O_DIRECTORY) else { return 0 };
    let mut entries = [0u8; 2048];
    let mut count = 0u64;
    loop {
        // SAFETY: the kernel writes at most as many bytes as the buffer has.
        let length =
            unsafe { libc::syscall(libc::SYS_getdents64, folder.as_raw_fd(), entries.as_mut_ptr(), entries.len()) };
        let mut rest = entries.get(..length.max(0) as usize).unwrap_or_default();
        if rest.is_empty() {
            return count.saturating_sub(3); // `.`, `..` and the folder itself
        }
        // Bytes 16 and 17 of an entry are its length (getdents64(2)).
        while let Some(&[low, high]) = rest.get(16..18) {
            count += 1;
            rest = rest.get(usize::from(u16::from_ne_bytes([low, high]))..).unwrap_or_default();
        }
    }
}

/// Replaces what is in a file that exists.
pub fn overwrite_file(path: &str, bytes: &[u8]) -> Result<()> {
    let fd = open(path, libc::O_WRONLY | libc::O_TRUNC)?;
    write(fd.as_raw_fd(), bytes).map(drop)
}

/// Writes all of it; a reader that has gone away wants no more.
pub fn write_all(fd: RawFd, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match write(fd, rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Waits.
pub fn sleep(duration: Duration) {
    let spec = timespec(duration);
    // SAFETY: the timespec lives through the call; what is left is not asked for.
    unsafe { libc::nanosleep(&raw const spec, std::ptr::null_mut()) };
}

/// Writes to a descriptor, blocking while its reader is slow.
pub fn write(fd: RawFd, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads at most `len` bytes of the slice.
    check_size(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })
}
