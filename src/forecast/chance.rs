//! Where chance comes into a play. Integers alone, so that a seed gives the same play on every platform.

use super::Millis;

/// The chance of one pod.
pub(super) struct Chance(fastrand::Rng);

/// A time of so many milliseconds at least, and something lognormal on top: its median, and sigma in hundredths.
#[derive(Clone, Copy)]
pub(super) struct Lognormal(pub(super) Millis, pub(super) Millis, pub(super) i64);

/// One in the fixed-point numbers of this file.
const ONE: i64 = 1 << 16;
/// log2(e), so.
const LOG2_E: i64 = 94_548;

impl Chance {
    /// The chance of the pod of that number.
    pub(super) fn new(seed: u64, pod: u64) -> Self {
        // Numbers of neighbours are to have nothing in common: the generator's first draw of each is thrown away.
        let mut first = fastrand::Rng::with_seed(seed ^ pod.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self(fastrand::Rng::with_seed(first.u64(..)))
    }

    /// Any number.
    pub(super) fn any(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A time from `least` on and below `end`.
    pub(super) fn between(&mut self, (least, end): (Millis, Millis)) -> Millis {
        let span = end.saturating_sub(least).max(1);
        // The high half of a product: even enough for spans of a day, and faster than a division.
        least + ((u128::from(self.0.u64(..)) * u128::from(span)) >> 64) as u64
    }

    /// A standard normal number: the sum of twelve even ones, whose 5th and 95th percentiles are 0.3 % short.
    fn normal(&mut self) -> i64 {
        let mut sum = -6 * ONE;
        for _ in 0..3 {
            let bits = self.any();
            sum += (0..4).map(|part| (bits >> (16 * part) & 0xffff) as i64).sum::<i64>();
        }
        sum
    }

    /// A time as it is spread lognormally.
    pub(super) fn lognormal(&mut self, Lognormal(least, median, sigma): Lognormal) -> Millis {
        let exponent = (self.normal() * sigma / 100 * LOG2_E) >> 16;
        least + ((median as i64 * exp2(exponent)) >> 16) as Millis
    }
}

/// Two to the power of a fixed-point number, by a cubic that is right to 0.02 %.
fn exp2(exponent: i64) -> i64 {
    let (whole, part) = (exponent >> 16, exponent & (ONE - 1));
    let cubic = ((5_167 * part) >> 16) + 14_772;
    let mantissa = ONE + ((part * (45_597 + ((part * cubic) >> 16))) >> 16);
    if whole >= 0 { mantissa << whole.min(16) } else { mantissa >> (-whole).min(40) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_right_to_a_fiftieth_of_a_percent() {
        for exponent in (-4 * ONE..4 * ONE).step_by(97) {
            let (got, want) = (exp2(exponent) as f64, 65_536.0 * (exponent as f64 / 65_536.0).exp2());
            assert!((got / want - 1.0).abs() < 4e-4, "{exponent}: {got} {want}");
        }
    }

    #[test]
    fn lognormal_times_have_their_median_and_spread() {
        let mut chance = Chance::new(1, 0);
        let mut times: Vec<_> = (0..20_000).map(|_| chance.lognormal(Lognormal(0, 10_000, 50))).collect();
        times.sort_unstable();
        let share = |percent: usize| times[times.len() * percent / 100] as f64 / 10_000.0;
        for (percent, want) in [(5, 0.439), (50, 1.0), (95, 2.276)] {
            assert!((share(percent) / want - 1.0).abs() < 0.03, "{percent}: {} {want}", share(percent));
        }
    }

    #[test]
    fn even_times_cover_their_range() {
        let mut chance = Chance::new(1, 0);
        let times: Vec<_> = (0..1000).map(|_| chance.between((5, 10))).collect();
        assert!((5..10).all(|time| times.contains(&time)) && times.iter().all(|time| (5..10).contains(time)));
        assert_ne!(Chance::new(1, 1).any(), Chance::new(1, 2).any());
        assert_ne!(Chance::new(1, 1).any(), Chance::new(2, 1).any());
    }
}
