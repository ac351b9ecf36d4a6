//! Memory on purpose: reserved, touched, given back when dropped.

use std::collections::TryReserveError;
use std::hint;

/// No page is smaller, on any machine.
const PAGE: usize = 4096;

/// Memory that the kernel has promised; it is used once it is touched.
pub struct Memory(Vec<u8>);

impl Memory {
    /// Reserves `size` bytes. (`vec![0; size]` would end the process where there are none.)
    pub fn reserve(size: usize) -> Result<Self, TryReserveError> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size)?;
        Ok(Self(bytes))
    }

    /// Writes to every page, so that the kernel has to find memory for each.
    pub fn touch(&mut self) {
        for page in self.0.spare_capacity_mut().chunks_mut(PAGE) {
            page[0].write(1);
        }
        hint::black_box(&mut self.0); // Nobody reads it, so that the compiler would do without.
    }
}
