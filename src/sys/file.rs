//! Files by descriptor and by path; no buffers.

use std::fs::{File, OpenOptions};
use std::io::{Read, Result, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};

/// The first `most` bytes of a file.
pub fn read_file(path: &str, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces what is in a file that exists.
pub fn overwrite_file(path: &str, bytes: &[u8]) -> Result<()> {
    OpenOptions::new().write(true).truncate(true).open(path)?.write_all(bytes)
}

/// Standard output or standard error, unbuffered: std's own would keep what comes before a newline, and hold a lock.
pub fn standard(fd: RawFd) -> ManuallyDrop<File> {
    // SAFETY: std's runtime sees to it that 0 to 2 are open, nobody closes them, and this file is never dropped.
    ManuallyDrop::new(unsafe { File::from_raw_fd(fd) })
}

/// Writes all of it; a reader that has gone away wants no more.
pub fn write_all(fd: RawFd, bytes: &[u8]) {
    let _ = standard(fd).write_all(bytes);
}
