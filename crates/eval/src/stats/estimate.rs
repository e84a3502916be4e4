//! A value with the interval that says how well it is known.

use serde::{Deserialize, Serialize};

use super::error::{StatsError, finite};

/// A closed interval `[low, high]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end, not below `low`.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies in the interval, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// `high - low`.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// A point estimate, its confidence interval, and the probability with which the interval covers the truth.
///
/// All numbers are finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// The confidence interval.
    pub interval: Interval,
    /// Coverage probability of the interval, in `(0, 1)`: the level asked for, or, where a method cannot attain it, the
    /// level it does attain.
    pub level: f64,
}

impl Estimate {
    /// An estimate all of whose numbers are finite.
    pub(super) fn new(
        statistic: &'static str,
        value: f64,
        (low, high): (f64, f64),
        level: f64,
    ) -> Result<Self, StatsError> {
        let interval = Interval { low: finite(statistic, low)?, high: finite(statistic, high)? };
        Ok(Self { value: finite(statistic, value)?, interval, level })
    }

    /// `value +- half_width`.
    pub(super) fn symmetric(
        statistic: &'static str,
        value: f64,
        half_width: f64,
        level: f64,
    ) -> Result<Self, StatsError> {
        Self::new(statistic, value, (value - half_width, value + half_width), level)
    }
}

#[cfg(test)]
mod tests {
    use super::{Estimate, Interval, StatsError};

    #[test]
    fn an_interval_has_its_ends_and_their_distance() -> Result<(), StatsError> {
        let interval = Estimate::symmetric("x", 2.0, 0.75, 0.9)?.interval;
        assert_eq!(interval, Interval { low: 1.25, high: 2.75 });
        assert_eq!(interval.width(), 1.5);
        assert!(interval.contains(1.25) && interval.contains(2.75));
        assert!(!interval.contains(1.0) && !interval.contains(3.0));
        Ok(())
    }
}
