//! The heap: small blocks in size classes, packed into as few pages as they need; large ones straight from the
//! kernel.
//!
//! The C library's allocator keeps a page or more for each thread and size class: 60 KB for a program that holds
//! 6 KB. The hot path allocates nothing, so one lock and one free list a class are fast enough for the rest.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::{self, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The smallest block; every block is aligned to its own size, up to a page.
const SMALLEST: usize = 16;
/// Blocks of 16, 32, ... 8192 bytes come from chunks.
const CLASSES: usize = 10;
/// What is above comes from the kernel by itself.
const LARGEST: usize = SMALLEST << (CLASSES - 1);
/// Taken from the kernel at a time; only what is used is touched.
const CHUNK: usize = 256 * 1024;

struct Free {
    /// The first free block of each class; each holds the address of the next.
    lists: [*mut u8; CLASSES],
    /// The untouched rest of the chunk.
    rest: *mut u8,
    left: usize,
}

// SAFETY: the pointers are to memory that belongs to no thread, and the lock around them is held while they are used.
unsafe impl Send for Free {}

/// The allocator.
struct Heap(Mutex<Free>);

/// Every allocation of the program.
#[global_allocator]
static HEAP: Heap = Heap(Mutex::new(Free { lists: [null_mut(); CLASSES], rest: null_mut(), left: 0 }));

#[cfg(test)]
thread_local! {
    /// Allocations of this thread, for the tests that allow none.
    static ALLOCATIONS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How often this thread has allocated.
#[cfg(test)]
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.with(std::cell::Cell::get)
}

/// The class whose blocks hold `size` bytes aligned to `align`.
fn class(size: usize, align: usize) -> usize {
    let needed = size.max(align).max(SMALLEST);
    (needed.next_power_of_two().trailing_zeros() - SMALLEST.trailing_zeros()) as usize
}

fn is_large(layout: &Layout) -> bool {
    layout.size().max(layout.align()) > LARGEST
}

/// Fresh pages, all zero; null when there are none.
fn map(size: usize) -> *mut u8 {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new anonymous mapping touches nothing that exists.
    let start = unsafe { libc::mmap(null_mut(), size, protection, flags, -1, 0) };
    if start == libc::MAP_FAILED { null_mut() } else { start.cast() }
}

impl Heap {
    fn lock(&self) -> MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Free {
    fn take(&mut self, class: usize) -> *mut u8 {
        let block = self.lists[class];
        if !block.is_null() {
            // SAFETY: a free block holds the address of the next one.
            self.lists[class] = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        let size = SMALLEST << class;
        let skipped = self.rest.align_offset(size.min(4096));
        if self.rest.is_null() || skipped + size > self.left {
            // What is left of the old chunk was never touched, so nothing is lost but addresses.
            (self.rest, self.left) = (map(CHUNK), CHUNK);
            if self.rest.is_null() {
                return null_mut();
            }
            return self.take(class);
        }
        // SAFETY: the chunk has `left` bytes from `rest` on, which are enough.
        let block = unsafe { self.rest.add(skipped) };
        // SAFETY: as above.
        self.rest = unsafe { block.add(size) };
        self.left -= skipped + size;
        block
    }
}

// SAFETY: blocks are as large and aligned as asked, belong to one owner at a time, and stay where they are.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        #[cfg(test)]
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        if is_large(&layout) { map(layout.size()) } else { self.lock().take(class(layout.size(), layout.align())) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() && !is_large(&layout) {
            // SAFETY: the block is that large.
            unsafe { ptr::write_bytes(block, 0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_large(&layout) {
            // SAFETY: the caller promises that the block came from `alloc` with this layout: a mapping of its own.
            unsafe { libc::munmap(block.cast(), layout.size()) };
            return;
        }
        let class = class(layout.size(), layout.align());
        let mut free = self.lock();
        // SAFETY: the block is the caller's to give back, and holds at least an address.
        unsafe { block.cast::<*mut u8>().write(free.lists[class]) };
        free.lists[class] = block;
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size is valid for the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (is_large(&layout), is_large(&new)) {
            (true, true) => {
                // SAFETY: both are mappings of their own; the kernel moves pages without copying.
                let moved = unsafe { libc::mremap(block.cast(), layout.size(), new_size, libc::MREMAP_MAYMOVE) };
                if moved == libc::MAP_FAILED { null_mut() } else { moved.cast() }
            }
            (false, false) if class(layout.size(), layout.align()) == class(new_size, layout.align()) => block,
            _ => {
                // SAFETY: the new block holds the smaller of both sizes, and the old one is the caller's to give back.
                unsafe {
                    let moved = self.alloc(new);
                    if !moved.is_null() {
                        ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_as_large_and_aligned_as_asked_and_keep_their_bytes() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
        for round in 0..20_000 {
            if held.len() > 200 || (round % 3 == 0 && !held.is_empty()) {
                let (block, layout, mark) = held.swap_remove(random.usize(..held.len()));
                let new_size = 1 + random.usize(..2 * layout.size());
                // SAFETY: the block is `layout.size()` long and is not used after it is given back.
                unsafe {
                    let moved = HEAP.realloc(block, layout, new_size);
                    let kept = std::slice::from_raw_parts(moved, layout.size().min(new_size));
                    assert!(kept.iter().all(|&byte| byte == mark), "round {round}");
                    HEAP.dealloc(moved, Layout::from_size_align(new_size, layout.align()).unwrap());
                }
            } else {
                let size = 1 << random.u32(0..16);
                let layout = Layout::from_size_align(1 + random.usize(..size), 1 << random.u32(0..7)).unwrap();
                let mark = random.u8(..);
                // SAFETY: the layout's size is above zero, and the block is that long.
                unsafe {
                    let block = HEAP.alloc_zeroed(layout);
                    assert!(std::slice::from_raw_parts(block, layout.size()).iter().all(|&byte| byte == 0));
                    assert_eq!(block.align_offset(layout.align()), 0);
                    ptr::write_bytes(block, mark, layout.size());
                    held.push((block, layout, mark));
                }
            }
        }
        for (block, layout, _) in held {
            // SAFETY: each is given back once.
            unsafe { HEAP.dealloc(block, layout) };
        }
    }
}
