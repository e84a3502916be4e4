//! The arithmetic of a race: medians, spreads, ratios, floors.

use serde_json::{Value, json};

use super::case::Cost;

/// The middle of some measurements, and how far they spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// Of at least one number; of an even count the median is the mean of the middle two.
    pub(super) fn of(numbers: &[f64]) -> Option<Self> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let median = f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median, least, most })
    }

    /// For `bench.json`.
    pub(super) fn json(self) -> Value {
        json!({"median": self.median, "min": self.least, "max": self.most})
    }
}

/// The peer's seconds over ours, round by round.
pub(super) fn ratios(ours: &[f64], peer: &[f64]) -> Vec<f64> {
    ours.iter().zip(peer).map(|(ours, peer)| peer / ours).collect()
}

/// What a machine was measured to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rates {
    /// Floating-point operations a second, by matrix products.
    pub(super) flops: f64,
    /// Bytes a second, read and written.
    pub(super) bytes: f64,
}

/// The least seconds that work of this cost can take at these rates: the larger of its two.
pub(super) fn floor(cost: &Cost, rates: Rates) -> f64 {
    (cost.flops / rates.flops).max(cost.bytes / rates.bytes)
}

/// The largest difference of two summaries, relative to the larger number; infinite if they are not comparable.
pub(super) fn difference(ours: &[f64], peer: &[f64]) -> f64 {
    if ours.len() != peer.len() || ours.is_empty() {
        return f64::INFINITY;
    }
    let relative = |(a, b): (&f64, &f64)| {
        let larger = a.abs().max(b.abs());
        // NaN, of which the maximum below would know nothing, is as different as can be.
        if (a - b).is_nan() {
            f64::INFINITY
        } else if larger > 0.0 {
            (a - b).abs() / larger
        } else {
            0.0
        }
    };
    ours.iter().zip(peer).map(relative).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::{Rates, Spread, difference, floor, ratios};
    use crate::bench::case::Cost;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_middle_two() {
        assert_eq!(Spread::of(&[3.0, 1.0, 9.0]), Some(Spread { median: 3.0, least: 1.0, most: 9.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 8.0]), Some(Spread { median: 3.0, least: 1.0, most: 8.0 }));
        assert_eq!(Spread::of(&[5.0]), Some(Spread { median: 5.0, least: 5.0, most: 5.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        assert_eq!(ratios(&[1.0, 2.0], &[6.0, 6.0]), [6.0, 3.0]);
    }

    #[test]
    fn the_floor_is_whichever_takes_longer() {
        let rates = Rates { flops: 100.0, bytes: 10.0 };
        let cost = |flops, bytes| Cost { flops, bytes, counted: "" };
        assert_eq!(floor(&cost(500.0, 20.0), rates), 5.0);
        assert_eq!(floor(&cost(100.0, 20.0), rates), 2.0);
    }

    #[test]
    fn summaries_differ_by_their_worst_number() {
        assert_eq!(difference(&[2.0, 100.0], &[1.0, 100.0]), 0.5);
        assert_eq!(difference(&[0.0, -1.0], &[0.0, -1.0]), 0.0);
        assert_eq!(difference(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(difference(&[], &[]), f64::INFINITY);
        assert_eq!(difference(&[f64::NAN, 1.0], &[1.0, 1.0]), f64::INFINITY);
    }
}
