//! What `n` draws say of one check: the p values of "not inside the bound" and of "inside".
//!
//! | kind | against "not inside" | against "inside" |
//! |---|---|---|
//! | [`Kind::Mean`] | two one-sided t tests, the larger p (Schuirmann 1987) | the smaller p over the finite ends, times their number |
//! | [`Kind::Share`] | `P(Bin(n, p0) >= inside)` | `P(Bin(n, p0) <= inside + missing)` |
//! | [`Kind::Exact`], [`Kind::Guard`] | 0 if all are inside, else 1 | 0 if one is outside, else 1 |
//! | several places | the largest p: every place must hold | the smallest p times the number of places (Bonferroni) |

use crate::check::{Average, Bound, Check, Draw, Kind};
use crate::stats::{binomial, student_t};

/// The two p values of a check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PValues {
    /// Of draws at least as favourable if the statement were false.
    pub yes: f64,
    /// Of draws at least as unfavourable if the statement were true.
    pub no: f64,
}

impl PValues {
    const NOTHING: Self = Self { yes: 1.0, no: 1.0 };
}

/// The p values from the first `n` draws of every place.
pub fn p_values(check: &Check, n: usize) -> PValues {
    let places = check.places.iter().map(|place| at_place(check, &place.draws[..n.min(place.draws.len())]));
    let worst = places.reduce(|a, b| PValues { yes: a.yes.max(b.yes), no: a.no.min(b.no) });
    worst
        .map_or(PValues::NOTHING, |p| PValues { yes: p.yes, no: (p.no * check.places.len() as f64).min(1.0) })
}

/// The p values of a check at one place with these draws.
pub(super) fn at_place(check: &Check, draws: &[Draw]) -> PValues {
    let n = draws.len();
    let inside = draws.iter().filter(|d| d.value.is_some_and(|v| check.bound.contains(v))).count();
    let missing = draws.iter().filter(|d| d.value.is_none()).count();
    // A missing draw counts against whatever is to be shown, unless missing means outside.
    let maybe = if check.missing_is_outside { 0 } else { missing };
    if n == 0 {
        return PValues::NOTHING;
    }
    match check.kind {
        Kind::Exact | Kind::Guard => PValues {
            yes: if inside == n { 0.0 } else { 1.0 },
            no: if inside + maybe < n { 0.0 } else { 1.0 },
        },
        Kind::Share { at_least } => share(n, inside, maybe, at_least),
        Kind::Mean { average, resolution } => {
            let values: Option<Vec<f64>> = draws.iter().map(|d| transformed(average, d.value?)).collect();
            match values {
                Some(values) => mean(&values, ends(average, check.bound), resolution),
                // A mean over some of the draws is not the mean; but if most of them have none, the statement is wrong.
                None if check.missing_is_outside => PValues { yes: 1.0, ..share(n, inside, 0, 0.5) },
                None => PValues::NOTHING,
            }
        }
    }
}

fn share(n: usize, inside: usize, maybe: usize, at_least: f64) -> PValues {
    PValues {
        yes: binomial::upper_tail(n, inside, at_least),
        no: binomial::lower_tail(n, inside + maybe, at_least),
    }
}

/// A value on the scale of its average; `None` if it has no logarithm.
pub(crate) fn transformed(average: Average, value: f64) -> Option<f64> {
    match average {
        Average::Arithmetic => Some(value),
        Average::Geometric => (value > 0.0).then(|| value.ln()),
    }
}

/// The ends of a bound on the scale of an average.
pub(super) fn ends(average: Average, bound: Bound) -> (f64, f64) {
    let (low, high) = bound.range();
    match average {
        Average::Arithmetic => (low, high),
        Average::Geometric => (if low > 0.0 { low.ln() } else { f64::NEG_INFINITY }, high.max(0.0).ln()),
    }
}

/// Mean and standard error, the scatter at least that of rounding to a grid; `None` without scatter, or below two values.
pub(super) fn mean_and_error(values: &[f64], resolution: f64) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let scatter = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let scatter = scatter.max(resolution / 12f64.sqrt());
    (scatter > 0.0 && mean.is_finite() && scatter.is_finite()).then(|| (mean, scatter / n.sqrt()))
}

fn mean(values: &[f64], (low, high): (f64, f64), resolution: f64) -> PValues {
    // No scatter at all is no evidence: such a quantity is an identity or a count.
    let Some((mean, error)) = mean_and_error(values, resolution) else { return PValues::NOTHING };
    let beyond = |t: f64| student_t::upper_tail(t, values.len() as f64 - 1.0).unwrap_or(1.0);
    let (mut yes, mut no, mut finite) = (0f64, 1f64, 0.0);
    for (is_finite, distance) in [(high < f64::INFINITY, high - mean), (low > f64::NEG_INFINITY, mean - low)]
    {
        if is_finite {
            finite += 1.0;
            yes = yes.max(beyond(distance / error));
            no = no.min(beyond(-distance / error));
        }
    }
    PValues { yes, no: (finite * no).min(1.0) }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::{PValues, p_values};
    use crate::check::{Bound, Check, Draw};

    fn drawn(values: &[Option<f64>]) -> Vec<Draw> {
        values.iter().zip(0..).map(|(&value, seed)| Draw { seed, value }).collect()
    }

    fn of(check: Check, values: &[Option<f64>]) -> PValues {
        p_values(&check.draws(drawn(values)), values.len())
    }

    fn at_most_zero() -> Check {
        Check::new("x", "x", Bound::AtMost(0.0))
    }

    #[test]
    fn counts_are_binomial_and_missing_draws_count_against_either_side() {
        let values = [Some(-1.0), Some(-2.0), Some(1.0), None];
        let p = of(at_most_zero(), &values);
        assert_eq!((p.yes, p.no), (11.0 / 16.0, 15.0 / 16.0));
        let p = of(at_most_zero().missing_is_outside(), &values);
        assert_eq!((p.yes, p.no), (11.0 / 16.0, 11.0 / 16.0));
    }

    #[test]
    fn an_identity_is_broken_by_one_draw_and_shown_by_all() {
        let p = |values: &[Option<f64>]| of(at_most_zero().exact(), values);
        assert_eq!(p(&[Some(-1.0), Some(0.0)]), PValues { yes: 0.0, no: 1.0 });
        assert_eq!(p(&[Some(-1.0), Some(0.1)]), PValues { yes: 1.0, no: 0.0 });
        assert_eq!(p(&[Some(-1.0), None]), PValues { yes: 1.0, no: 1.0 });
        assert_eq!(p(&[]), PValues { yes: 1.0, no: 1.0 });
    }

    /// Mean -2, standard deviation 1, four draws: t = 4 with 3 degrees of freedom has a tail of 0.014004 (SciPy's `t.sf`).
    #[test]
    fn means_are_students() {
        let half = 0.75f64.sqrt();
        let values = [-2.0 - half, -2.0 + half, -2.0 - half, -2.0 + half].map(Some);
        let p = of(at_most_zero().mean(), &values);
        assert_relative_eq!(p.yes, 0.014_004_228_005_073, max_relative = 1e-8);
        assert_relative_eq!(p.no, 1.0 - 0.014_004_228_005_073, max_relative = 1e-8);
        // The same numbers as logarithms.
        let logs = values.map(|v| v.map(f64::exp));
        let geometric = of(Check::new("x", "x", Bound::AtMost(1.0)).log_mean(), &logs);
        assert_relative_eq!(geometric.yes, p.yes, max_relative = 1e-10);
        assert_eq!(of(Check::new("x", "x", Bound::AtMost(1.0)).log_mean(), &[Some(-1.0); 4]).yes, 1.0);
        assert_eq!(of(at_most_zero().mean(), &[Some(-1.0); 8]), PValues { yes: 1.0, no: 1.0 });
        assert!(of(at_most_zero().mean_on_grid(0.1), &[Some(-1.0); 8]).yes < 1e-8);
    }

    #[test]
    fn every_place_must_hold_and_any_place_may_fail() {
        let (good, bad) = (vec![Some(-1.0); 8], vec![Some(1.0); 8]);
        let check = at_most_zero().at("a", drawn(&good)).at("b", drawn(&bad));
        let p = p_values(&check, 8);
        assert_eq!(p.yes, 1.0);
        assert_relative_eq!(p.no, 2.0 / 256.0, max_relative = 1e-12);
        let both = at_most_zero().at("a", drawn(&good)).at("b", drawn(&good));
        assert_relative_eq!(p_values(&both, 8).yes, 1.0 / 256.0, max_relative = 1e-12);
    }
}
