//! What the compiler calls to copy and to fill memory, for the static binaries: the C library that zig brings does it byte by
//! byte when it is built for size, which was a sixth of a request's instructions.
//!
//! Eight bytes at a time, in the order that overlapping ranges need. The empty `asm!` keeps the compiler from seeing a copy
//! in the loop, which it would make a call of this very function.

use std::arch::asm;
use std::ffi::c_int;

const WORD: usize = size_of::<u64>();

/// Copies from the first byte on.
///
/// # Safety
/// `size` bytes can be read at `from` and written at `to`; where they overlap, `to` is the lower one.
#[inline(always)]
unsafe fn copy_up(to: *mut u8, from: *const u8, size: usize) {
    let mut at = 0;
    // SAFETY: the caller promises `size` bytes on both sides, and `at` plus what is copied stays within them.
    unsafe {
        while size - at >= WORD {
            to.add(at).cast::<u64>().write_unaligned(from.add(at).cast::<u64>().read_unaligned());
            at += WORD;
            asm!("", options(nostack, preserves_flags));
        }
        while at < size {
            *to.add(at) = *from.add(at);
            at += 1;
            asm!("", options(nostack, preserves_flags));
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    // SAFETY: as C defines it, both have `size` bytes and do not overlap.
    unsafe { copy_up(to, from, size) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    // SAFETY: as C defines it, both have `size` bytes; they may overlap, and then the end that is not written yet is read first.
    unsafe {
        if to.addr().wrapping_sub(from.addr()) >= size {
            copy_up(to, from, size);
        } else {
            let mut left = size;
            while left >= WORD {
                left -= WORD;
                to.add(left).cast::<u64>().write_unaligned(from.add(left).cast::<u64>().read_unaligned());
                asm!("", options(nostack, preserves_flags));
            }
            while left > 0 {
                left -= 1;
                *to.add(left) = *from.add(left);
                asm!("", options(nostack, preserves_flags));
            }
        }
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: c_int, size: usize) -> *mut u8 {
    let word = u64::from(byte as u8) * 0x0101_0101_0101_0101;
    let mut at = 0;
    // SAFETY: as C defines it, `to` has `size` bytes, and `at` plus what is written stays within them.
    unsafe {
        while size - at >= WORD {
            to.add(at).cast::<u64>().write_unaligned(word);
            at += WORD;
            asm!("", options(nostack, preserves_flags));
        }
        while at < size {
            *to.add(at) = byte as u8;
            at += 1;
            asm!("", options(nostack, preserves_flags));
        }
    }
    to
}
