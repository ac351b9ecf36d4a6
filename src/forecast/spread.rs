//! How times are spread: a histogram of fixed size with buckets of at most 0.05 %, so that memory grows neither with
//! pods nor with time.

use super::Millis;

/// Buckets for each doubling; below twice as many milliseconds, each has a bucket of its own.
const STEPS: u64 = 2048;
/// Blocks of so many buckets: what is longer than a day and a half is counted as that.
const BLOCKS: usize = 18;

/// Times, counted by their size.
#[derive(Debug)]
pub struct Spread {
    /// A block for each doubling, made when it is needed.
    blocks: [Vec<u32>; BLOCKS],
    total: u64,
}

/// In which block a time belongs, and where there.
fn bucket(time: Millis) -> (usize, usize) {
    let shift = (63 - (time | STEPS).leading_zeros()) - STEPS.trailing_zeros();
    // The first block has the milliseconds one by one, the second those from there on, so that it is full.
    let block = if time < STEPS { 0 } else { shift as usize + 1 };
    (block.min(BLOCKS - 1), ((time >> shift) % STEPS) as usize)
}

/// The middle of a bucket.
fn middle(block: usize, at: usize) -> Millis {
    match block {
        0 => at as u64,
        block => ((STEPS + at as u64) << (block - 1)) + ((1 << (block - 1)) >> 1),
    }
}

impl Default for Spread {
    fn default() -> Self {
        Self { blocks: [const { Vec::new() }; BLOCKS], total: 0 }
    }
}

impl Spread {
    fn count(&mut self, block: usize, at: usize, more: u32) {
        let block = &mut self.blocks[block];
        if block.is_empty() {
            block.resize(STEPS as usize, 0);
        }
        block[at] += more;
        self.total += u64::from(more);
    }

    /// Counts a time.
    pub fn add(&mut self, time: Millis) {
        let (block, at) = bucket(time);
        self.count(block, at, 1);
    }

    /// Counts all that another one has.
    pub fn merge(&mut self, other: &Self) {
        for (block, counts) in other.blocks.iter().enumerate() {
            for (at, &more) in counts.iter().enumerate().filter(|(_, more)| **more > 0) {
                self.count(block, at, more);
            }
        }
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The time that so many percent of them do not exceed; `None` when there are none.
    pub fn percentile(&self, percent: u64) -> Option<Millis> {
        let mut left = (self.total * percent).div_ceil(100).max(1);
        for (block, counts) in self.blocks.iter().enumerate() {
            for (at, &count) in counts.iter().enumerate() {
                match left.checked_sub(u64::from(count)) {
                    None | Some(0) => return Some(middle(block, at)),
                    Some(rest) => left = rest,
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_a_twentieth_of_a_percent_wide() {
        let mut before = (0, 0);
        for time in (0..9000).chain((9000..90_000_000).step_by(997)) {
            let found = bucket(time);
            assert!(found >= before, "{time}");
            before = found;
            assert!(middle(found.0, found.1).abs_diff(time) <= time / 4000, "{time}: {}", middle(found.0, found.1));
        }
        assert!(bucket(24 * 3_600_000).0 < 18, "a day needs {} blocks", bucket(24 * 3_600_000).0);
    }

    #[test]
    fn percentiles_are_those_of_what_was_added() {
        let (mut all, mut other) = (Spread::default(), Spread::default());
        assert_eq!(all.percentile(50), None);
        for time in 1..=100 {
            if time % 2 == 0 { all.add(time) } else { other.add(time) }
        }
        all.merge(&other);
        assert_eq!([5, 50, 95, 100].map(|percent| all.percentile(percent)), [5, 50, 95, 100].map(Some));
        assert_eq!(all.total(), 100);
    }
}
