//! Comparing two methods on the same seeds.

use serde::{Deserialize, Serialize};

use super::binomial::lower_tail;
use super::error::{StatsError, check_paired, check_sample};
use super::estimate::Estimate;
use super::mean::{mean, standard_error};

/// The outcome of a paired comparison of `a` with `b`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Mean of `a_i - b_i` with its t interval, `n - 1` degrees of freedom.
    pub difference: Estimate,
    /// Standard error of that mean.
    pub standard_error: f64,
    /// The mean difference in standard errors (the paired t statistic); `None` when all differences are equal and the
    /// standard error is 0.
    pub standard_errors: Option<f64>,
    /// Two-sided p-value of the sign test: the probability, were `a` and `b` interchangeable, of so uneven a split of
    /// the differences' signs.
    pub sign_test_p: f64,
}

/// Compares `a` with `b`, paired by position: mean difference, t interval, standard errors and sign test.
///
/// Pairing by seed removes what the two runs share; the interval is exact for normal differences, the sign test for any.
/// Five pairs all of one sign give a sign-test p-value of `2 / 2^5 = 0.0625` at best.
///
/// # Errors
/// [`StatsError::Unpaired`] for different lengths, [`StatsError::TooFew`] below two pairs, [`StatsError::NotFinite`],
/// [`StatsError::Probability`] for the level, [`StatsError::Overflow`].
pub fn paired(a: &[f64], b: &[f64], level: f64) -> Result<Paired, StatsError> {
    let differences = differences(a, b, 2)?;
    let difference = mean(&differences, level)?;
    let standard_error = standard_error(&differences)?;
    // Differences that are equal but for rounding have no scatter to compare with.
    let size = a.iter().chain(b).fold(0.0f64, |size, x| size.max(x.abs()));
    let ratio =
        if standard_error > 4.0 * f64::EPSILON * size { difference.value / standard_error } else { f64::NAN };
    Ok(Paired {
        difference,
        standard_error,
        standard_errors: ratio.is_finite().then_some(ratio),
        sign_test_p: sign_p(&differences),
    })
}

/// The two-sided p-value of the sign test (Dixon and Mood 1946) of `a` against `b`, paired by position.
///
/// With `m` differences other than 0 and `s` of the rarer sign, `min(1, 2 P(Bin(m, 1/2) <= s))`; ties are left out, and
/// no differences at all give 1.
///
/// # Errors
/// [`StatsError::Unpaired`], [`StatsError::TooFew`] for empty samples, [`StatsError::NotFinite`].
pub fn sign_test(a: &[f64], b: &[f64]) -> Result<f64, StatsError> {
    Ok(sign_p(&differences(a, b, 1)?))
}

fn differences(a: &[f64], b: &[f64], needed: usize) -> Result<Vec<f64>, StatsError> {
    check_paired(("a", a), ("b", b))?;
    check_sample("paired comparison", "a", a, needed)?;
    check_sample("paired comparison", "b", b, needed)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    check_sample("paired comparison", "a - b", &differences, needed)?;
    Ok(differences)
}

fn sign_p(differences: &[f64]) -> f64 {
    let positive = differences.iter().filter(|&&d| d > 0.0).count();
    let negative = differences.iter().filter(|&&d| d < 0.0).count();
    match positive + negative {
        0 => 1.0,
        m => (2.0 * lower_tail(m, positive.min(negative), 0.5)).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    const A: [f64; 6] = [0.41, 0.38, 0.52, 0.47, 0.39, 0.60];
    const B: [f64; 6] = [0.35, 0.39, 0.44, 0.31, 0.39, 0.42];

    /// `scipy.stats.ttest_rel` and `scipy.stats.binomtest`.
    #[test]
    fn a_comparison_agrees_with_scipy() -> Result<(), StatsError> {
        let p = paired(&A, &B, 0.95)?;
        assert_relative_eq!(p.difference.value, 0.07833333333333332, max_relative = 1e-13);
        assert_relative_eq!(p.difference.interval.low, -0.0046760749608849295, max_relative = 1e-12);
        assert_relative_eq!(p.difference.interval.high, 0.16134274162755158, max_relative = 1e-12);
        assert_relative_eq!(p.standard_errors.unwrap_or(0.0), 2.4257761611527657, max_relative = 1e-13);
        assert_relative_eq!(p.sign_test_p, 0.375, max_relative = 1e-13);
        Ok(())
    }

    #[test]
    fn equal_differences_have_no_count_of_standard_errors() -> Result<(), StatsError> {
        let p = paired(&[2.0, 3.0, 4.0], &[1.0, 2.0, 3.0], 0.95)?;
        assert_eq!((p.difference.value, p.standard_error, p.standard_errors), (1.0, 0.0, None));
        assert_eq!(sign_test(&[1.0], &[1.0])?, 1.0);
        Ok(())
    }

    /// A shift of 0.1 on numbers near 1e9 differs by 1e-7 from pair to pair, all of it rounding.
    #[test]
    fn differences_that_are_equal_but_for_rounding_have_none_either() -> Result<(), StatsError> {
        let b = [1.0e9, 2.0e9 + 0.3, 3.0e9 + 0.7, 1.5e9 + 0.9];
        let p = paired(&b.map(|x| x + 0.1), &b, 0.95)?;
        assert!(p.standard_error > 0.0);
        assert_eq!(p.standard_errors, None);
        Ok(())
    }

    /// Five of five, and five of six, by counting: `2 / 2^5` and `2 (1 + 6) / 2^6`.
    #[test]
    fn the_sign_test_counts() -> Result<(), StatsError> {
        assert_relative_eq!(sign_test(&[1.0; 5], &[0.0; 5])?, 0.0625, max_relative = 1e-14);
        let mixed = [1.0, 2.0, 3.0, -1.0, 4.0, 5.0, 0.0];
        assert_relative_eq!(sign_test(&mixed, &[0.0; 7])?, 0.21875, max_relative = 1e-14);
        Ok(())
    }

    #[test]
    fn wrong_pairs_are_errors() {
        let message = |a: &[f64], b: &[f64]| paired(a, b, 0.95).expect_err("wrong input").to_string();
        assert_eq!(message(&[1.0, 2.0], &[1.0]), "a has 2 observations but b has 1; they must be paired");
        assert_eq!(message(&[1.0], &[1.0]), "paired comparison needs at least 2 observations, got 1");
        assert_eq!(message(&[1.0, 2.0], &[1.0, f64::NAN]), "b[1] is NaN, expected a finite number");
        assert_eq!(message(&[1e308, 2.0], &[-1e308, 1.0]), "a - b[0] is inf, expected a finite number");
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn swapping_the_methods_mirrors_the_comparison(
            pairs in prop::collection::vec((-10.0..10.0, -10.0..10.0), 2..20)
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let (ab, ba) = (paired(&a, &b, 0.9)?, paired(&b, &a, 0.9)?);
            prop_assert_eq!(ab.difference.value, -ba.difference.value);
            prop_assert_eq!(ab.difference.interval.low, -ba.difference.interval.high);
            prop_assert_eq!(ab.sign_test_p, ba.sign_test_p);
            prop_assert!((0.0..=1.0).contains(&ab.sign_test_p));
        }
    }
}
