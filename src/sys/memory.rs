//! Memory on purpose: reserved, touched, given back.

use std::io::{Error, Result};

/// Memory of its own, given back when dropped.
pub struct Memory {
    start: *mut libc::c_void,
    size: usize,
}

// SAFETY: the mapping belongs to no thread, and nothing but `touch` (which needs &mut) writes to it.
unsafe impl Send for Memory {}

impl Memory {
    /// Reserves `size` bytes; nothing is used until it is touched.
    pub fn reserve(size: usize) -> Result<Self> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping touches nothing that exists.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), size.max(1), protection, flags, -1, 0) };
        if start == libc::MAP_FAILED { Err(Error::last_os_error()) } else { Ok(Self { start, size: size.max(1) }) }
    }

    /// Writes to every page, so that the kernel has to find memory for each.
    pub fn touch(&mut self) {
        for offset in (0..self.size).step_by(4096) {
            // SAFETY: `offset` is inside the mapping, which lives as long as `self`.
            unsafe { self.start.cast::<u8>().add(offset).write_volatile(1) };
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing refers to it any more.
        unsafe { libc::munmap(self.start, self.size) };
    }
}
