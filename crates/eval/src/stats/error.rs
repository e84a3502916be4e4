//! What can be wrong with a sample, and the checks every function makes first.

/// Why a statistic has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// The sample is smaller than the statistic needs.
    #[error("{statistic} needs at least {needed} observations, got {given}")]
    TooFew {
        /// The statistic asked for.
        statistic: &'static str,
        /// The smallest sample for which it is defined.
        needed: usize,
        /// The size of the sample.
        given: usize,
    },
    /// A NaN or an infinity in the input.
    #[error("{name}[{index}] is {value}, expected a finite number")]
    NotFinite {
        /// Which input.
        name: &'static str,
        /// Position in the input, from 0.
        index: usize,
        /// The offending number.
        value: f64,
    },
    /// A number that must be positive (to take its logarithm, or as a weight) is not.
    #[error("{name}[{index}] is {value}, expected a number above 0")]
    NotPositive {
        /// Which input.
        name: &'static str,
        /// Position in the input, from 0.
        index: usize,
        /// The offending number.
        value: f64,
    },
    /// Two samples that belong together differ in length.
    #[error("{left} has {left_len} observations but {right} has {right_len}; they must be paired")]
    Unpaired {
        /// First input.
        left: &'static str,
        /// Length of the first input.
        left_len: usize,
        /// Second input.
        right: &'static str,
        /// Length of the second input.
        right_len: usize,
    },
    /// All numbers are equal where the statistic needs them to vary.
    #[error("every {name} equals {value}: {statistic} is undefined")]
    Constant {
        /// The statistic asked for.
        statistic: &'static str,
        /// Which input.
        name: &'static str,
        /// The common value.
        value: f64,
    },
    /// A probability or confidence level outside its range.
    #[error("{name} is {value}, expected a number {range}")]
    Probability {
        /// Which argument.
        name: &'static str,
        /// The argument.
        value: f64,
        /// The range in words.
        range: &'static str,
    },
    /// Degrees of freedom that are not positive and finite.
    #[error("{0} degrees of freedom, expected a finite number above 0")]
    DegreesOfFreedom(f64),
    /// An argument of a distribution function that is NaN.
    #[error("{0} is NaN, expected a number")]
    NotANumber(&'static str),
    /// Finite input whose sum or product is beyond the range of `f64`.
    #[error("{statistic} leaves the range of f64: the numbers are too large or too close together")]
    Overflow {
        /// The statistic asked for.
        statistic: &'static str,
    },
}

/// A non-empty, finite sample of at least `needed` numbers.
pub(super) fn check_sample(
    statistic: &'static str,
    name: &'static str,
    sample: &[f64],
    needed: usize,
) -> Result<(), StatsError> {
    if sample.len() < needed {
        return Err(StatsError::TooFew { statistic, needed, given: sample.len() });
    }
    match sample.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(StatsError::NotFinite { name, index, value: sample[index] }),
        None => Ok(()),
    }
}

/// Every number above zero, so that it may be a weight or have a logarithm.
pub(super) fn check_positive(name: &'static str, sample: &[f64]) -> Result<(), StatsError> {
    match sample.iter().position(|&x| x <= 0.0) {
        Some(index) => Err(StatsError::NotPositive { name, index, value: sample[index] }),
        None => Ok(()),
    }
}

/// Two named inputs of one length.
pub(super) fn check_paired(
    (left, a): (&'static str, &[f64]),
    (right, b): (&'static str, &[f64]),
) -> Result<(), StatsError> {
    if a.len() == b.len() {
        Ok(())
    } else {
        Err(StatsError::Unpaired { left, left_len: a.len(), right, right_len: b.len() })
    }
}

/// A confidence level strictly between 0 and 1.
pub(super) fn check_level(level: f64) -> Result<(), StatsError> {
    if level > 0.0 && level < 1.0 {
        Ok(())
    } else {
        Err(StatsError::Probability { name: "level", value: level, range: "strictly between 0 and 1" })
    }
}

/// Arithmetic on finite numbers may still leave `f64`; a result that did is an error, not a NaN.
pub(super) fn finite(statistic: &'static str, value: f64) -> Result<f64, StatsError> {
    if value.is_finite() { Ok(value) } else { Err(StatsError::Overflow { statistic }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_number_and_what_was_expected() {
        let text = |result: Result<(), StatsError>| result.expect_err("wrong input").to_string();
        assert_eq!(text(check_sample("mean", "sample", &[], 1)), "mean needs at least 1 observations, got 0");
        assert_eq!(
            text(check_sample("mean", "sample", &[1.0, f64::NAN], 1)),
            "sample[1] is NaN, expected a finite number"
        );
        assert_eq!(text(check_positive("x", &[2.0, -1.0])), "x[1] is -1, expected a number above 0");
        assert_eq!(
            text(check_paired(("x", &[1.0]), ("y", &[]))),
            "x has 1 observations but y has 0; they must be paired"
        );
        for level in [0.0, 1.0, 95.0, f64::NAN] {
            assert_eq!(
                text(check_level(level)),
                format!("level is {level}, expected a number strictly between 0 and 1")
            );
        }
    }
}
