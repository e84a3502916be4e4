//! The standard normal distribution, to the absolute precision that bias-corrected bootstrap intervals need.

use super::student_t::invert_tail;

/// `Phi(x)`, to about 1e-15 absolutely.
pub(super) fn cdf(x: f64) -> f64 {
    let tail = upper_tail(x.abs());
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// `Phi^-1(p)` for `0 < p < 1`.
pub(super) fn quantile(p: f64) -> f64 {
    let magnitude = invert_tail(p.min(1.0 - p), upper_tail);
    if p < 0.5 { -magnitude } else { magnitude }
}

/// `1/2 - phi(x) (x + x^3/3 + x^5/(3 5) + ...)` for `x >= 0` (Marsaglia 2004, eq. 1); below 1e-16 from 8.3 on.
fn upper_tail(x: f64) -> f64 {
    if x > 8.3 {
        return 0.0;
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term > sum * 1e-17 {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    (0.5 - density * sum).max(0.0)
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    /// `scipy.stats.norm.cdf`.
    #[test]
    fn the_distribution_function_agrees_with_scipy() {
        for (x, p) in NORMAL {
            assert_abs_diff_eq!(cdf(x), p, epsilon = 1e-15);
            if x.abs() < 4.0 {
                assert_abs_diff_eq!(quantile(p), x, epsilon = 1e-11);
            }
        }
    }

    const NORMAL: [(f64, f64); 7] = [
        (-6.0, 9.86587645037698e-10),
        (-2.5, 0.006209665325776135),
        (-1.0, 0.15865525393145705),
        (0.0, 0.5),
        (0.3, 0.6179114221889527),
        (1.96, 0.9750021048517795),
        (3.7, 0.9998922002665226),
    ];
}
