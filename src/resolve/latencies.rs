//! How long calls took: counts by size, so that a thousand and a million take the same room. Pure.

/// Latencies in buckets that are a sixteenth of their value wide.
#[derive(Default)]
pub(super) struct Latencies(Vec<u32>);

impl Latencies {
    fn bucket(micros: u64) -> usize {
        let shift = 59u32.saturating_sub(micros.leading_zeros());
        shift as usize * 16 + (micros >> shift) as usize
    }

    /// Takes in one, in microseconds.
    pub(super) fn add(&mut self, micros: u64) {
        let bucket = Self::bucket(micros);
        if bucket >= self.0.len() {
            self.0.resize(bucket + 1, 0);
        }
        self.0[bucket] += 1;
    }

    /// The middle of the bucket below whose end so many hundredths of all lie, in microseconds.
    pub(super) fn quantile(&self, hundredths: u64, all: u64) -> u64 {
        let wanted = (all * hundredths).div_ceil(100).max(1);
        let mut below = 0;
        let found = self.0.iter().position(|count| {
            below += u64::from(*count);
            below >= wanted
        });
        match found.unwrap_or_default() {
            bucket @ 0..32 => bucket as u64,
            bucket => {
                let shift = bucket / 16 - 1;
                ((bucket % 16 + 16) as u64) << shift | 1 << (shift - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_known_to_a_sixteenth() {
        for micros in [0, 1, 15, 16, 17, 31, 32, 33, 100, 999, 12_345, 60_000_000, u64::from(u32::MAX)] {
            let mut latencies = Latencies::default();
            latencies.add(micros);
            let got = latencies.quantile(50, 1);
            assert!(got.abs_diff(micros) * 16 <= micros, "{micros}: {got}");
        }
        let mut latencies = Latencies::default();
        (1..=100).for_each(|ms| latencies.add(ms * 1000));
        assert!(latencies.quantile(50, 100).abs_diff(50_000) < 3200);
        assert!(latencies.quantile(99, 100).abs_diff(99_000) < 6200);
    }
}
