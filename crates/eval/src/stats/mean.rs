//! Means with Student-t intervals.

use super::error::{StatsError, check_level, check_positive, check_sample, finite};
use super::estimate::Estimate;
use super::student_t;

/// The arithmetic mean `m` with the interval `m +- t s / sqrt(n)`.
///
/// `s` is the standard deviation with `n - 1` in the denominator and `t` the `(1 + level) / 2` quantile of Student's
/// distribution with `n - 1` degrees of freedom. Exact for independent normal observations (Student 1908); for skewed
/// ones and few seeds it covers less than `level`.
///
/// ```
/// let e = overparam_eval::stats::mean(&[1.0, 2.0, 3.0, 4.0], 0.95)?;
/// assert_eq!(e.value, 2.5);
/// assert!((e.interval.high - 4.5543).abs() < 1e-4);
/// # Ok::<(), overparam_eval::stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] below two observations, [`StatsError::NotFinite`], [`StatsError::Probability`] for the level,
/// [`StatsError::Overflow`].
pub fn mean(sample: &[f64], level: f64) -> Result<Estimate, StatsError> {
    check_level(level)?;
    let standard_error = standard_error(sample)?;
    let t = student_t::two_sided(level, (sample.len() - 1) as f64)?;
    Estimate::symmetric("mean", average(sample), t * standard_error, level)
}

/// The sample standard deviation `s = sqrt(sum (x - m)^2 / (n - 1))`.
///
/// # Errors
/// As [`mean`], level aside.
pub fn standard_deviation(sample: &[f64]) -> Result<f64, StatsError> {
    check_sample("standard deviation", "sample", sample, 2)?;
    let m = average(sample);
    let squares: f64 = sample.iter().map(|x| (x - m).powi(2)).sum();
    finite("standard deviation", (squares / (sample.len() - 1) as f64).sqrt())
}

/// The standard error of the mean, `s / sqrt(n)`.
///
/// # Errors
/// As [`mean`], level aside.
pub fn standard_error(sample: &[f64]) -> Result<f64, StatsError> {
    Ok(standard_deviation(sample)? / (sample.len() as f64).sqrt())
}

/// The geometric mean `exp(mean(ln x))`, with the t interval of the logarithms carried back by `exp`.
///
/// The right mean of quantities that spread over orders of magnitude, such as test errors across initial scales; its
/// interval is exact for log-normal observations.
///
/// # Errors
/// [`StatsError::NotPositive`] for a number that is not above 0; otherwise as [`mean`].
pub fn geometric_mean(sample: &[f64], level: f64) -> Result<Estimate, StatsError> {
    check_sample("geometric mean", "sample", sample, 2)?;
    check_positive("sample", sample)?;
    let logs: Vec<f64> = sample.iter().map(|x| x.ln()).collect();
    let log = mean(&logs, level)?;
    Estimate::new("geometric mean", log.value.exp(), (log.interval.low.exp(), log.interval.high.exp()), level)
}

/// The mean of a non-empty sample: the plain sum, then one correction by the mean residual, which removes the rounding
/// of the sum.
pub(super) fn average(sample: &[f64]) -> f64 {
    let n = sample.len() as f64;
    let rough = sample.iter().sum::<f64>() / n;
    rough + sample.iter().map(|x| x - rough).sum::<f64>() / n
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use overparam_tensor::random::Stream;

    use super::*;
    use crate::stats::Interval;

    const SAMPLE: [f64; 7] = [0.31, 2.7, 0.052, 1.13, 0.94, 5.5, 0.77];

    fn assert_close(estimate: Estimate, value: f64, interval: (f64, f64)) {
        assert_relative_eq!(estimate.value, value, max_relative = 1e-13);
        assert_relative_eq!(estimate.interval.low, interval.0, max_relative = 1e-12);
        assert_relative_eq!(estimate.interval.high, interval.1, max_relative = 1e-12);
    }

    /// `scipy.stats.t.interval`, `scipy.stats.gmean`.
    #[test]
    fn estimates_agree_with_scipy() -> Result<(), StatsError> {
        assert_close(mean(&SAMPLE, 0.95)?, 1.6288571428571428, (-0.1348269669845077, 3.392541252698793));
        assert_close(mean(&SAMPLE, 0.8)?, 1.6288571428571428, (0.591110592111338, 2.666603693602948));
        assert_close(
            geometric_mean(&SAMPLE, 0.95)?,
            0.7921855758416574,
            (0.19571309181303104, 3.2065202218107007),
        );
        assert_relative_eq!(standard_error(&SAMPLE)?, 0.7207795855074932, max_relative = 1e-14);
        Ok(())
    }

    #[test]
    fn a_constant_sample_has_a_mean_without_width() -> Result<(), StatsError> {
        assert_eq!(mean(&[0.1; 3], 0.95)?.interval, Interval { low: 0.1, high: 0.1 });
        Ok(())
    }

    #[test]
    fn wrong_samples_are_errors() {
        let message = |r: Result<Estimate, StatsError>| r.expect_err("wrong input").to_string();
        assert_eq!(message(mean(&[1.0], 0.95)), "standard deviation needs at least 2 observations, got 1");
        assert_eq!(message(geometric_mean(&[1.0, 0.0], 0.95)), "sample[1] is 0, expected a number above 0");
        assert_eq!(
            message(mean(&[f64::MAX, f64::MAX], 0.95)),
            "standard deviation leaves the range of f64: the numbers are too large or too close together"
        );
    }

    /// Of 4,000 samples of five normals, 95% and 80% intervals miss the mean 200 and 800 times, within 4 binomial
    /// standard errors. One sample in four is log-normal, for the geometric mean.
    #[test]
    fn t_intervals_cover_at_their_level() -> Result<(), StatsError> {
        let samples = 4000;
        for level in [0.95, 0.8] {
            let (mut missed, mut geometric_missed) = (0.0, 0.0);
            for i in 0..samples {
                let x = Stream::root(11).indexed(i).normal_vector::<f64>(5, 3.0);
                missed += f64::from(u8::from(!mean(x.as_slice(), level)?.interval.contains(0.0)));
                let log_normal = x.map(f64::exp);
                let geometric = geometric_mean(log_normal.as_slice(), level)?;
                geometric_missed += f64::from(u8::from(!geometric.interval.contains(1.0)));
            }
            let n = samples as f64;
            let tolerance = 4.0 * (n * level * (1.0 - level)).sqrt();
            assert!((missed - n * (1.0 - level)).abs() < tolerance, "{missed} of {n} missed at {level}");
            assert_eq!(missed, geometric_missed, "the interval is that of the logarithms");
        }
        Ok(())
    }
}

#[cfg(test)]
mod properties {
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_interval_contains_the_mean_and_grows_with_the_level(
            x in prop::collection::vec(-1e6..1e6, 2..20),
            level in 0.01..0.98,
        ) {
            let (narrow, wide) = (mean(&x, level)?, mean(&x, level + 0.01)?);
            prop_assert!(narrow.interval.contains(narrow.value));
            prop_assert!(wide.interval.width() >= narrow.interval.width());
        }

        #[test]
        fn affine_maps_commute_with_the_mean(
            x in prop::collection::vec(-100.0..100.0, 2..20),
            scale in 0.1..10.0,
            shift in -50.0..50.0,
        ) {
            let mapped: Vec<f64> = x.iter().map(|x| scale * x + shift).collect();
            let (before, after) = (mean(&x, 0.9)?, mean(&mapped, 0.9)?);
            assert_relative_eq!(after.value, scale * before.value + shift, epsilon = 1e-10);
            assert_relative_eq!(after.interval.width(), scale * before.interval.width(), epsilon = 1e-9);
        }

        #[test]
        fn order_does_not_matter(x in prop::collection::vec(1e-3..1e3, 2..20), seed: u64) {
            let order = overparam_tensor::random::Stream::root(seed).permutation(x.len());
            let shuffled: Vec<f64> = order.iter().map(|&i| x[i]).collect();
            assert_relative_eq!(mean(&shuffled, 0.9)?.value, mean(&x, 0.9)?.value, max_relative = 1e-13);
            let (a, b) = (geometric_mean(&shuffled, 0.9)?, geometric_mean(&x, 0.9)?);
            assert_relative_eq!(a.interval.low, b.interval.low, max_relative = 1e-10);
        }

        #[test]
        fn any_numbers_give_finite_numbers_or_an_error(
            x in prop::collection::vec(prop::num::f64::ANY, 0..8),
            level in prop::num::f64::ANY,
        ) {
            for estimate in [mean(&x, level), geometric_mean(&x, level)].into_iter().flatten() {
                prop_assert!(estimate.value.is_finite() && estimate.interval.width() >= 0.0);
            }
        }
    }
}
