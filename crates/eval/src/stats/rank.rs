//! Spearman's rank correlation: does one quantity rise with another, by whatever curve?

use serde::{Deserialize, Serialize};

use super::error::{StatsError, check_paired, check_sample};
use super::student_t;

/// Up to this many pairs the p-value counts all `n!` orders; beyond, it is the t approximation.
pub const EXACT_LIMIT: usize = 9;

/// How a p-value was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PValueMethod {
    /// All permutations counted, ties included.
    Exact,
    /// Student's t with `n - 2` degrees of freedom for `rho sqrt((n - 2) / (1 - rho^2))`.
    StudentT,
}

/// Spearman's correlation and its significance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spearman {
    /// Rank correlation, in `[-1, 1]`.
    pub rho: f64,
    /// Two-sided p-value: the probability of so large a `|rho|` if the order of `y` had nothing to do with `x`.
    pub p_value: f64,
    /// How the p-value was computed.
    pub method: PValueMethod,
}

/// Spearman's `rho`: the Pearson correlation of the ranks, equal values sharing their average rank.
///
/// The two-sided p-value is exact, conditional on the ties, for `n <= 9`: the share of the `n!` orders of `y` whose
/// `|rho|` is at least the observed one, compared in whole numbers. For larger samples it is the t approximation
/// (Kendall and Gibbons, *Rank Correlation Methods*, ch. 3), which is 0 at `|rho| = 1`, where the exact value would be
/// `2 / n!`. Five seeds in perfect order give `2 / 5! = 0.0167`.
///
/// # Errors
/// [`StatsError::Unpaired`], [`StatsError::TooFew`] below two pairs, [`StatsError::NotFinite`],
/// [`StatsError::Constant`] when all `x` or all `y` are equal.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<Spearman, StatsError> {
    check_paired(("x", x), ("y", y))?;
    let a = centred_ranks("x", x)?;
    let b = centred_ranks("y", y)?;
    let product = dot(&a, &b);
    // The root of the product, not the product of the roots: exact where both are equal, so that rho is exactly 1 there.
    let scale = (dot(&a, &a) as f64 * dot(&b, &b) as f64).sqrt();
    let rho = (product as f64 / scale).clamp(-1.0, 1.0);
    let (p_value, method) = if x.len() <= EXACT_LIMIT {
        (permutation_p(&a, b, product.abs()), PValueMethod::Exact)
    } else {
        let dof = (x.len() - 2) as f64;
        let t = rho.abs() * (dof / ((1.0 - rho) * (1.0 + rho))).sqrt();
        (2.0 * student_t::upper_tail(t, dof)?, PValueMethod::StudentT)
    };
    Ok(Spearman { rho, p_value, method })
}

/// Ranks from 1, equal values sharing the average of the ranks they occupy.
///
/// # Errors
/// [`StatsError::NotFinite`].
pub fn average_ranks(sample: &[f64]) -> Result<Vec<f64>, StatsError> {
    check_sample("ranks", "sample", sample, 0)?;
    Ok(doubled_ranks(sample).into_iter().map(|r| r as f64 / 2.0).collect())
}

/// Twice the average ranks, which are whole numbers.
fn doubled_ranks(sample: &[f64]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..sample.len()).collect();
    order.sort_by(|&i, &j| sample[i].total_cmp(&sample[j]));
    let mut ranks = vec![0; sample.len()];
    let mut done = 0_i64;
    // `==` and not the total order, so that 0.0 and -0.0 tie.
    for tied in order.chunk_by(|&i, &j| sample[i] == sample[j]) {
        let count = tied.len() as i64;
        for &i in tied {
            ranks[i] = 2 * done + count + 1;
        }
        done += count;
    }
    ranks
}

/// `2 rank - (n + 1)`: whole numbers whose sum is 0.
fn centred_ranks(name: &'static str, sample: &[f64]) -> Result<Vec<i64>, StatsError> {
    const NAME: &str = "Spearman correlation";
    check_sample(NAME, name, sample, 2)?;
    if sample.iter().all(|&v| v == sample[0]) {
        return Err(StatsError::Constant { statistic: NAME, name, value: sample[0] });
    }
    let n = sample.len() as i64;
    Ok(doubled_ranks(sample).into_iter().map(|r| r - (n + 1)).collect())
}

fn dot(a: &[i64], b: &[i64]) -> i128 {
    a.iter().zip(b).map(|(&a, &b)| i128::from(a) * i128::from(b)).sum()
}

/// The share of all orders of `b` with `|a . b| >= threshold`, by Heap's algorithm (one swap between orders).
fn permutation_p(a: &[i64], mut b: Vec<i64>, threshold: i128) -> f64 {
    let n = b.len();
    let (mut extreme, mut total) = (0_u32, 0_u32);
    let mut visit = |b: &[i64]| {
        total += 1;
        extreme += u32::from(dot(a, b).abs() >= threshold);
    };
    visit(&b);
    let mut counters = vec![0; n];
    let mut i = 1;
    while i < n {
        if counters[i] < i {
            b.swap(if i % 2 == 0 { 0 } else { counters[i] }, i);
            visit(&b);
            counters[i] += 1;
            i = 1;
        } else {
            counters[i] = 0;
            i += 1;
        }
    }
    f64::from(extreme) / f64::from(total)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    /// `scipy.stats.rankdata`.
    #[test]
    fn ties_share_their_rank() -> Result<(), StatsError> {
        assert_eq!(average_ranks(&[3.0, 1.0, 3.0, 0.0, 3.0, -0.0])?, [5.0, 3.0, 5.0, 1.5, 5.0, 1.5]);
        assert!(average_ranks(&[])?.is_empty());
        Ok(())
    }

    /// `rho` from `scipy.stats.spearmanr`; exact p-values from all permutations in Python, the other from scipy.
    #[test]
    fn correlations_agree_with_scipy() -> Result<(), StatsError> {
        let x7 = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let y7 = [2.1, 0.4, 3.3, 3.9, 2.9, 8.0, 7.1];
        let (tied_x, tied_y) = ([1.0, 1.0, 2.0, 3.0, 3.0, 3.0], [0.5, 0.7, 0.7, 0.2, 0.9, 0.9]);
        let x12: Vec<f64> = (0..12).map(f64::from).collect();
        let y12 = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0, 8.0];
        let golden = [
            (spearman(&x7, &y7)?, (0.8214285714285715, 0.034126984126984124), PValueMethod::Exact),
            (spearman(&tied_x, &tied_y)?, (0.3337119062359573, 0.43333333333333335), PValueMethod::Exact),
            (spearman(&x12, &y12)?, (0.5265313520914635, 0.07863046813632459), PValueMethod::StudentT),
        ];
        for (found, (rho, p_value), method) in golden {
            assert_relative_eq!(found.rho, rho, max_relative = 1e-14);
            assert_relative_eq!(found.p_value, p_value, max_relative = 1e-11);
            assert_eq!(found.method, method);
        }
        Ok(())
    }

    #[test]
    fn perfect_order_is_as_significant_as_its_length_allows() -> Result<(), StatsError> {
        let s = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[9.0, 7.0, 5.0, 3.0, 1.0])?;
        assert_eq!((s.rho, s.p_value), (-1.0, 2.0 / 120.0));
        let long: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(spearman(&long, &long)?.rho, 1.0);
        // The last length whose orders are counted, and the first that is not.
        let longest = spearman(&long[..9], &long[..9])?;
        assert_eq!((longest.p_value, longest.method), (2.0 / 362_880.0, PValueMethod::Exact));
        let beyond = spearman(&long[..10], &long[..10])?;
        assert_eq!((beyond.p_value, beyond.method), (0.0, PValueMethod::StudentT));
        Ok(())
    }

    #[test]
    fn wrong_input_is_an_error() {
        let message = |x: &[f64], y: &[f64]| spearman(x, y).expect_err("wrong input").to_string();
        assert_eq!(message(&[1.0, 2.0], &[5.0, 5.0]), "every y equals 5: Spearman correlation is undefined");
        assert_eq!(message(&[1.0], &[5.0]), "Spearman correlation needs at least 2 observations, got 1");
        assert_eq!(message(&[1.0], &[]), "x has 1 observations but y has 0; they must be paired");
    }
}

#[cfg(test)]
mod properties {
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::*;

    /// Whole numbers, so that ties occur and monotone maps do not merge values.
    fn pairs(sizes: std::ops::Range<usize>) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        prop::collection::vec((-6i32..6, -6i32..6), sizes)
            .prop_map(|v| v.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).unzip())
            .prop_filter("varies", |(x, y): &(Vec<f64>, Vec<f64>)| {
                x.iter().any(|v| v != &x[0]) && y.iter().any(|v| v != &y[0])
            })
    }

    proptest! {
        #[test]
        fn rising_maps_change_nothing_and_falling_ones_the_sign((x, y) in pairs(2..25)) {
            let plain = spearman(&x, &y)?;
            let rising: Vec<f64> = x.iter().map(|v| v.exp()).collect();
            let falling: Vec<f64> = y.iter().map(|v| -v.powi(3)).collect();
            prop_assert_eq!(spearman(&rising, &y)?, plain);
            prop_assert_eq!(spearman(&x, &falling)?, Spearman { rho: -plain.rho, ..plain });
        }

        #[test]
        fn order_and_roles_do_not_matter((x, y) in pairs(2..8), seed: u64) {
            let order = Stream::root(seed).permutation(x.len());
            let pick = |v: &[f64]| order.iter().map(|&i| v[i]).collect::<Vec<f64>>();
            let plain = spearman(&x, &y)?;
            prop_assert_eq!(spearman(&pick(&x), &pick(&y))?, plain);
            prop_assert_eq!(spearman(&y, &x)?, plain);
        }

        #[test]
        fn values_stay_in_range((x, y) in pairs(2..25)) {
            let s = spearman(&x, &y)?;
            prop_assert!((-1.0..=1.0).contains(&s.rho) && (0.0..=1.0).contains(&s.p_value));
        }
    }
}
