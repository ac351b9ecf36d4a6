//! Files by descriptor and by path; no buffers.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Write};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{FromRawFd, RawFd};

use super::readiness::{Epoll, WRITABLE};
use crate::text;

/// Bytes read at a time: a start reads a few short files, and each page of stack that it reaches stays.
const PIECE: usize = 512;

/// The first `most` bytes of a file.
pub fn read_file(path: &str, most: usize) -> Result<Vec<u8>> {
    read(&File::open(path)?, most)
}

/// The first `most` bytes of standard input.
pub fn read_input(most: usize) -> Result<Vec<u8>> {
    read(&standard(0), most)
}

/// (std's `read_to_end` is there once for each kind of reader, and guesses sizes: 1.5 KB.)
fn read(mut file: &File, most: usize) -> Result<Vec<u8>> {
    let (mut bytes, mut piece) = (Vec::new(), [0; PIECE]);
    while bytes.len() < most {
        let room = PIECE.min(most - bytes.len());
        match file.read(&mut piece[..room]) {
            Ok(0) => break,
            Ok(count) => text::put(&mut bytes, &piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
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

/// Writes some of it, waiting while its reader is slow: also where whoever started us has left the descriptor O_NONBLOCK,
/// which is not changed, since others may share it.
pub fn write_some(fd: RawFd, bytes: &[u8]) -> Result<usize> {
    loop {
        match standard(fd).write(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let set = Epoll::new()?;
                set.add(fd, WRITABLE, 0)?;
                set.wait(&mut [MaybeUninit::uninit()], None);
            }
            result => return result,
        }
    }
}

/// Writes all of it, and says whether it could: a disk may be full, a reader gone.
pub fn write_all(fd: RawFd, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        match write_some(fd, rest) {
            Ok(count) if count > 0 => rest = &rest[count..],
            _ => return false,
        }
    }
    true
}
