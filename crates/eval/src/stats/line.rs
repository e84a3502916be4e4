//! Straight lines through points, and the exponents of power laws.

use serde::{Deserialize, Serialize};

use super::error::{StatsError, check_level, check_paired, check_positive, check_sample, finite};
use super::estimate::Estimate;
use super::student_t;

/// A least-squares line `y = intercept + slope x`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Slope with its t interval, `n - 2` degrees of freedom.
    pub slope: Estimate,
    /// Intercept (the value at `x = 0`) with its t interval.
    pub intercept: Estimate,
    /// Standard error of the slope.
    pub slope_standard_error: f64,
    /// `R^2 = 1 - SS_residual / SS_total`, the share of the (weighted) variance of `y` that the line explains; `None` when
    /// all `y` are equal and there is none to explain.
    pub r_squared: Option<f64>,
}

impl Line {
    /// The line at `x`.
    pub fn at(&self, x: f64) -> f64 {
        self.intercept.value + self.slope.value * x
    }
}

/// Ordinary least squares (Draper and Smith, *Applied Regression Analysis*, ch. 1).
///
/// `slope = S_xy / S_xx`, `Var(slope) = s^2 / S_xx`, `Var(intercept) = s^2 (1/n + mean(x)^2 / S_xx)`, with `s^2` the
/// residual sum of squares over `n - 2`. The intervals are exact for independent normal errors of one variance.
///
/// # Errors
/// [`StatsError::TooFew`] below three points, [`StatsError::Unpaired`], [`StatsError::NotFinite`],
/// [`StatsError::Constant`] when all `x` are equal, [`StatsError::Probability`] for the level, [`StatsError::Overflow`].
pub fn least_squares(x: &[f64], y: &[f64], level: f64) -> Result<Line, StatsError> {
    weighted_least_squares(x, y, &vec![1.0; x.len()], level)
}

/// Least squares with weights proportional to `1 / Var(y_i)`, positive; only their ratios matter.
///
/// # Errors
/// [`StatsError::NotPositive`] for a weight that is not above 0; otherwise as [`least_squares`].
pub fn weighted_least_squares(x: &[f64], y: &[f64], weights: &[f64], level: f64) -> Result<Line, StatsError> {
    const NAME: &str = "least-squares line";
    check_paired(("x", x), ("y", y))?;
    check_paired(("x", x), ("weights", weights))?;
    check_level(level)?;
    for (name, values) in [("x", x), ("y", y), ("weights", weights)] {
        check_sample(NAME, name, values, 3)?;
    }
    check_positive("weights", weights)?;
    if x.iter().all(|&v| v == x[0]) {
        return Err(StatsError::Constant { statistic: NAME, name: "x", value: x[0] });
    }

    // Scaled so that neither tiny nor huge weights leave the range of f64.
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let w: Vec<f64> = weights.iter().map(|w| w / largest).collect();
    let total: f64 = w.iter().sum();
    let weighted_mean = |v: &[f64]| w.iter().zip(v).map(|(w, v)| w * v).sum::<f64>() / total;
    let (mean_x, mean_y) = (weighted_mean(x), weighted_mean(y));
    let moment = |a: &[f64], mean_a: f64, b: &[f64], mean_b: f64| -> f64 {
        (0..w.len()).map(|i| w[i] * (a[i] - mean_a) * (b[i] - mean_b)).sum()
    };
    let s_xx = finite(NAME, moment(x, mean_x, x, mean_x))?;
    let s_xy = moment(x, mean_x, y, mean_y);
    let s_yy = finite(NAME, moment(y, mean_y, y, mean_y))?;

    let slope = s_xy / s_xx;
    let residual: f64 =
        (0..w.len()).map(|i| w[i] * ((y[i] - mean_y) - slope * (x[i] - mean_x)).powi(2)).sum();
    let dof = (x.len() - 2) as f64;
    let variance = residual / dof;
    let slope_error = finite(NAME, (variance / s_xx).sqrt())?;
    let intercept_error = (variance * (1.0 / total + mean_x * mean_x / s_xx)).sqrt();
    let t = student_t::two_sided(level, dof)?;
    Ok(Line {
        slope: Estimate::symmetric(NAME, slope, t * slope_error, level)?,
        intercept: Estimate::symmetric(NAME, mean_y - slope * mean_x, t * intercept_error, level)?,
        slope_standard_error: slope_error,
        r_squared: (s_yy > 0.0).then(|| (1.0 - residual / s_yy).clamp(0.0, 1.0)),
    })
}

/// The exponent of a power law `y = c x^slope`: the least-squares line through `(ln x, ln y)`.
///
/// `slope` is the exponent and `exp(intercept)` the constant `c`. The interval treats the errors of `ln y` as independent
/// normals of one variance; it knows nothing of curvature (a second power, a finite-size effect), so look at the figure.
///
/// ```
/// let width = [64.0, 128.0, 256.0, 512.0];
/// let deviation = width.map(|m: f64| 3.0 / m.sqrt());
/// let line = overparam_eval::stats::log_log_slope(&width, &deviation, 0.95)?;
/// assert!((line.slope.value + 0.5).abs() < 1e-12);
/// # Ok::<(), overparam_eval::stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::NotPositive`] for an `x` or `y` that is not above 0; otherwise as [`least_squares`].
pub fn log_log_slope(x: &[f64], y: &[f64], level: f64) -> Result<Line, StatsError> {
    log_log_slope_weighted(x, y, &vec![1.0; x.len()], level)
}

/// [`log_log_slope`] with weights proportional to `1 / Var(ln y_i)`.
///
/// # Errors
/// As [`log_log_slope`] and [`weighted_least_squares`].
pub fn log_log_slope_weighted(x: &[f64], y: &[f64], weights: &[f64], level: f64) -> Result<Line, StatsError> {
    let logs = |name, values: &[f64]| {
        check_sample("log-log slope", name, values, 3)?;
        check_positive(name, values)?;
        Ok(values.iter().map(|v| v.ln()).collect::<Vec<f64>>())
    };
    weighted_least_squares(&logs("x", x)?, &logs("y", y)?, weights, level)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use overparam_tensor::random::Stream;

    use super::*;

    const X: [f64; 6] = [1.0, 2.0, 4.0, 7.5, 11.0, 20.0];
    const Y: [f64; 6] = [2.1, 1.4, 1.15, 0.7, 0.66, 0.41];
    const WEIGHTS: [f64; 6] = [1.0, 4.0, 0.5, 2.0, 9.0, 3.0];

    /// Slope, its standard error, interval; intercept's interval; R^2.
    fn numbers(line: &Line) -> [f64; 7] {
        let (slope, intercept) = (line.slope, line.intercept);
        [
            slope.value,
            line.slope_standard_error,
            slope.interval.low,
            slope.interval.high,
            intercept.interval.low,
            intercept.interval.high,
            line.r_squared.unwrap_or(-1.0),
        ]
    }

    /// `scipy.stats.linregress` for equal weights, the normal equations in 40 digits (mpmath) for unequal ones.
    #[test]
    fn lines_agree_with_scipy() -> Result<(), StatsError> {
        let golden: [(Line, [f64; 7]); 3] = [
            (
                least_squares(&X, &Y, 0.95)?,
                [
                    -0.07296363337172947,
                    0.023697886072434567,
                    -0.13875951316107538,
                    -0.007167753582383557,
                    0.966308979096975,
                    2.280306127040922,
                    0.7032570568357166,
                ],
            ),
            (
                log_log_slope(&X, &Y, 0.9)?,
                [
                    -0.5263584200571878,
                    0.035955347259498095,
                    -0.6030097115636075,
                    -0.4497071285507681,
                    0.6140396684629148,
                    0.902112673256247,
                    0.9816771718211672,
                ],
            ),
            (
                weighted_least_squares(&X, &Y, &WEIGHTS, 0.95)?,
                [
                    -0.06519716615425745,
                    0.018414997370367323,
                    -0.11632539546544404,
                    -0.01406893684307086,
                    0.9120436821618026,
                    2.052723060252313,
                    0.7580845857361788,
                ],
            ),
        ];
        for (line, expected) in golden {
            for (a, b) in numbers(&line).into_iter().zip(expected) {
                assert_relative_eq!(a, b, max_relative = 1e-12);
            }
        }
        Ok(())
    }

    #[test]
    fn wrong_points_are_errors() {
        let message = |r: Result<Line, StatsError>| r.expect_err("wrong input").to_string();
        assert_eq!(
            message(least_squares(&[1.0, 2.0], &[1.0, 2.0], 0.95)),
            "least-squares line needs at least 3 observations, got 2"
        );
        assert_eq!(
            message(least_squares(&[3.0; 4], &[1.0; 4], 0.95)),
            "every x equals 3: least-squares line is undefined"
        );
        assert_eq!(message(log_log_slope(&X, &[0.0; 6], 0.95)), "y[0] is 0, expected a number above 0");
        assert_eq!(
            message(weighted_least_squares(&X, &Y, &[1.0, 1.0, -1.0, 1.0, 1.0, 1.0], 0.95)),
            "weights[2] is -1, expected a number above 0"
        );
    }

    #[test]
    fn a_line_without_noise_is_known_everywhere() -> Result<(), StatsError> {
        let line = least_squares(&[0.0, 1.0, 2.0, 4.0], &[1.0, 3.0, 5.0, 9.0], 0.95)?;
        assert_relative_eq!(line.at(3.0), 7.0, max_relative = 1e-14);
        assert_relative_eq!(line.at(-2.0), -3.0, max_relative = 1e-14);
        Ok(())
    }

    #[test]
    fn a_level_line_explains_nothing() -> Result<(), StatsError> {
        let line = least_squares(&X, &[2.0; 6], 0.95)?;
        assert_eq!((line.slope.value, line.r_squared), (0.0, None));
        Ok(())
    }

    /// Of 4,000 noisy lines, the 95% interval of the slope covers the truth 3,800 times within 4 binomial standard
    /// errors.
    #[test]
    fn slope_intervals_cover_at_their_level() -> Result<(), StatsError> {
        let (lines, mut covered) = (4000, 0);
        for i in 0..lines {
            let noise = Stream::root(13).indexed(i).normal_vector::<f64>(6, 1.0);
            let y: Vec<f64> = X.iter().zip(noise.iter()).map(|(x, e)| 1.0 - 2.0 * x + e).collect();
            covered += i32::from(least_squares(&X, &y, 0.95)?.slope.interval.contains(-2.0));
        }
        assert!((f64::from(covered) - 3800.0).abs() < 4.0 * (4000.0f64 * 0.95 * 0.05).sqrt(), "{covered}");
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
        fn the_slope_of_an_exact_power_law_is_its_exponent(
            exponent in -4.0..4.0,
            constant in 1e-3..1e3,
            logs in prop::collection::btree_set(-40i32..40, 3..12),
        ) {
            let x: Vec<f64> = logs.iter().map(|&l| (f64::from(l) / 10.0).exp()).collect();
            let y: Vec<f64> = x.iter().map(|x| constant * x.powf(exponent)).collect();
            let line = log_log_slope(&x, &y, 0.95)?;
            assert_relative_eq!(line.slope.value, exponent, epsilon = 1e-11);
            assert_relative_eq!(line.intercept.value, f64::ln(constant), epsilon = 1e-11);
        }

        #[test]
        fn the_line_commutes_with_affine_maps_and_scaling_of_weights(
            points in prop::collection::vec((-10.0..10.0, -10.0..10.0, 0.1..10.0), 3..20),
            shift in -5.0..5.0,
            scale in 0.5..5.0,
        ) {
            let x: Vec<f64> = points.iter().map(|p| p.0).collect();
            let y: Vec<f64> = points.iter().map(|p| p.1).collect();
            let w: Vec<f64> = points.iter().map(|p| p.2).collect();
            prop_assume!(x.iter().any(|v| (v - x[0]).abs() > 0.1));
            let mapped: Vec<f64> = y.iter().map(|y| scale * y + shift).collect();
            let scaled: Vec<f64> = w.iter().map(|w| 1e-200 * w).collect();
            let (a, b) =
                (weighted_least_squares(&x, &y, &w, 0.9)?, weighted_least_squares(&x, &mapped, &scaled, 0.9)?);
            prop_assert!(a.slope.interval.contains(a.slope.value));
            assert_relative_eq!(scale * a.at(1.5) + shift, b.at(1.5), epsilon = 1e-7, max_relative = 1e-7);
            assert_relative_eq!(
                scale * a.slope_standard_error, b.slope_standard_error, epsilon = 1e-7, max_relative = 1e-7
            );
        }

        #[test]
        fn any_numbers_give_finite_numbers_or_an_error(
            points in prop::collection::vec((prop::num::f64::ANY, prop::num::f64::ANY, prop::num::f64::ANY), 0..6)
        ) {
            let x: Vec<f64> = points.iter().map(|p| p.0).collect();
            let y: Vec<f64> = points.iter().map(|p| p.1).collect();
            let w: Vec<f64> = points.iter().map(|p| p.2).collect();
            if let Ok(line) = weighted_least_squares(&x, &y, &w, 0.9) {
                prop_assert!(line.slope.value.is_finite() && line.intercept.interval.low.is_finite());
                prop_assert!(line.r_squared.is_none_or(f64::is_finite));
            }
        }
    }
}
