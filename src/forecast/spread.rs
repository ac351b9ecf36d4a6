//! How times are spread: a histogram with buckets of at most 0.05 %, so that memory grows neither with pods nor with
//! time.

use super::Millis;

/// Buckets for each doubling; below twice as many milliseconds, each has a bucket of its own.
const STEPS: u64 = 2048;
/// What is longer than a day and a half is counted as that.
const LAST: u32 = 18 * STEPS as u32 - 1;

/// Times, counted by their size.
#[derive(Default, Debug)]
pub struct Spread {
    /// Buckets that have any, in order, and how many.
    counts: Vec<(u32, u32)>,
    total: u64,
}

/// In which bucket a time belongs.
fn bucket(time: Millis) -> u32 {
    let shift = (63 - (time | STEPS).leading_zeros()) - STEPS.trailing_zeros();
    // The first doubling begins where the milliseconds one by one end.
    let bucket = u64::from(shift) * STEPS + (time >> shift);
    bucket.min(LAST.into()) as u32
}

/// The middle of a bucket.
fn middle(bucket: u32) -> Millis {
    let (bucket, shift) = (u64::from(bucket), (u64::from(bucket) / STEPS).saturating_sub(1));
    ((bucket - shift * STEPS) << shift) + ((1 << shift) >> 1)
}

impl Spread {
    #[inline(never)]
    fn count(&mut self, bucket: u32, more: u32) {
        let at = self.counts.partition_point(|&(known, _)| known < bucket);
        match self.counts.get_mut(at) {
            Some((known, count)) if *known == bucket => *count += more,
            _ => self.counts.insert(at, (bucket, more)),
        }
        self.total += u64::from(more);
    }

    /// Counts a time.
    pub fn add(&mut self, time: Millis) {
        self.count(bucket(time), 1);
    }

    /// Counts all that another one has.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, more) in &other.counts {
            self.count(bucket, more);
        }
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The time that so many percent of them do not exceed; `None` when there are none.
    pub fn percentile(&self, percent: u64) -> Option<Millis> {
        let mut left = (self.total * percent).div_ceil(100).max(1);
        for &(bucket, count) in &self.counts {
            if left <= u64::from(count) {
                return Some(middle(bucket));
            }
            left -= u64::from(count);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_a_twentieth_of_a_percent_wide() {
        let mut before = 0;
        for time in (0..9000).chain((9000..90_000_000).step_by(997)) {
            let found = bucket(time);
            assert!(found >= before, "{time}");
            before = found;
            assert!(middle(found).abs_diff(time) <= time / 4000, "{time}: {}", middle(found));
        }
        assert!(bucket(24 * 3_600_000) < LAST, "a day needs {} buckets", bucket(24 * 3_600_000));
        assert_eq!(bucket(u64::MAX), LAST);
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
