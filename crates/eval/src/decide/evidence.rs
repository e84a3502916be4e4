//! One check over the looks: sequential p values, and an interval that is valid whenever the looking stopped.

use serde::Serialize;

use super::design::{Design, FEWEST};
use super::p_value::{PValues, at_place, ends, mean_and_error, p_values, transformed};
use crate::check::{Average, Bound, Check, Kind, Place};
use crate::stats::{Interval, binomial, median, student_t};

/// What the draws so far say of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// Draws used at every place.
    pub n: usize,
    /// `P_yes`: at most this probable, by some look, if the quantity lay outside its bound.
    pub p_yes: f64,
    /// `P_no`: at most this probable, by some look, if it lay inside.
    pub p_no: f64,
    /// The look, from 1, at which the check was first seen to hold.
    pub held_at: Option<usize>,
    /// The place that the numbers below are of: the one that is farthest from holding.
    pub at: String,
    /// The mean (geometric where the kind says so), the median for counts, the worst draw for identities; `None` without
    /// enough draws.
    pub estimate: Option<f64>,
    /// Covers the truth with probability 0.98 whatever the looks showed (0.99 on either side); `None` for identities.
    pub interval: Option<Interval>,
    /// Draws inside the bound.
    pub inside: usize,
    /// Draws without a value.
    pub missing: usize,
    /// The share of all possible draws inside the bound is at least this, with confidence 0.99.
    pub share_low: f64,
    /// Estimate less target, for a mean that lies in its bound while the interval misses the target.
    pub bias: Option<f64>,
    /// How many times the estimate fits into a one-sided bound, where both are positive.
    pub slack: Option<f64>,
}

impl Evidence {
    /// The evidence of a check after each look that has its draws, up to `looks` of them.
    pub fn of(check: &Check, design: &Design, looks: usize) -> Self {
        let steps: Vec<(usize, f64)> =
            design.steps().take(looks).take_while(|(n, _)| *n <= check.count()).collect();
        let mut least = PValues { yes: 1.0, no: 1.0 };
        let mut held_at = None;
        for (look, (n, weight)) in steps.iter().enumerate() {
            let exact = matches!(check.kind, Kind::Exact | Kind::Guard);
            let p = if exact || *n >= FEWEST { p_values(check, *n) } else { PValues { yes: 1.0, no: 1.0 } };
            least.yes = least.yes.min(p.yes / weight);
            // A stopping rule that was not reached is no evidence against a theory.
            if check.kind != Kind::Guard {
                least.no = least.no.min(p.no / weight);
            }
            if held_at.is_none() && least.yes <= design.alpha_yes {
                held_at = Some(look + 1);
            }
        }
        let n = steps.last().map_or(0, |(n, _)| *n);
        let (place, interval) = farthest(check, &steps, design.alpha_yes, n);
        let draws = place.map_or(&[][..], |place| &place.draws[..n]);
        let values: Vec<f64> = draws.iter().filter_map(|d| d.value).collect();
        let inside = values.iter().filter(|v| check.bound.contains(**v)).count();
        let estimate = estimate(check, &values, draws.len());
        let spent = steps.last().map_or(1.0, |(_, weight)| design.alpha_yes * weight);
        Self {
            n,
            p_yes: least.yes.min(1.0),
            p_no: least.no.min(1.0),
            held_at,
            at: place.map_or(String::new(), |place| place.at.clone()),
            estimate,
            interval,
            inside,
            missing: draws.len() - values.len(),
            share_low: if n == 0 { 0.0 } else { binomial::lower_limit(n, inside, spent) },
            bias: bias(check, estimate, interval),
            slack: slack(check.bound, estimate),
        }
    }

    /// Whether the interval excludes a value; `false` without an interval.
    pub fn excludes(&self, value: f64) -> bool {
        self.interval.is_some_and(|interval| !interval.contains(value))
    }
}

/// The place with the largest p value against "not inside" at the last look, with its interval.
fn farthest<'a>(
    check: &'a Check,
    steps: &[(usize, f64)],
    alpha: f64,
    n: usize,
) -> (Option<&'a Place>, Option<Interval>) {
    let with_p = check.places.iter().map(|place| (place, at_place(check, &place.draws[..n]).yes));
    let place = with_p.reduce(|a, b| if b.1 > a.1 { b } else { a }).map(|(place, _)| place);
    let interval = place.and_then(|place| {
        let at_looks = steps.iter().filter_map(|&(n, weight)| interval(check, place, n, alpha * weight));
        // The intersection covers as each of them does, because their errors sum to alpha.
        at_looks.reduce(|a, b| {
            let both = Interval { low: a.low.max(b.low), high: a.high.min(b.high) };
            if both.low <= both.high { both } else { b }
        })
    });
    (place, interval)
}

/// The one-sided limits at level `1 - alpha` from the first `n` draws.
fn interval(check: &Check, place: &Place, n: usize, alpha: f64) -> Option<Interval> {
    let values: Option<Vec<f64>> = place.draws[..n].iter().map(|d| d.value).collect();
    let mut values = values?;
    match check.kind {
        Kind::Exact | Kind::Guard => None,
        Kind::Share { at_least } => {
            values.sort_by(f64::total_cmp);
            // The least count that shows a share of p0.
            let needed = (1..=n).find(|&k| binomial::upper_tail(n, k, at_least) <= alpha)?;
            let (low, high) = (values[n - needed], values[needed - 1]);
            (low <= high).then_some(Interval { low, high })
        }
        Kind::Mean { average, resolution } => {
            let values: Option<Vec<f64>> = values.iter().map(|&v| transformed(average, v)).collect();
            let (mean, error) = mean_and_error(&values?, resolution)?;
            let arm = student_t::quantile(1.0 - alpha, n as f64 - 1.0).ok()? * error;
            let back = |x: f64| if average == Average::Geometric { x.exp() } else { x };
            Some(Interval { low: back(mean - arm), high: back(mean + arm) })
        }
    }
}

fn estimate(check: &Check, values: &[f64], drawn: usize) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    match check.kind {
        Kind::Exact | Kind::Guard => {
            let distance = |x: f64| match check.bound {
                Bound::AtMost(_) => x,
                Bound::AtLeast(_) => -x,
                Bound::Within { target, .. } => (x - target).abs(),
                Bound::Factor { target, .. } => (x / target).ln().abs(),
            };
            values.iter().copied().reduce(|a, b| if distance(b) > distance(a) { b } else { a })
        }
        Kind::Share { .. } => median(values).ok(),
        Kind::Mean { average, .. } if values.len() == drawn => {
            let values: Option<Vec<f64>> = values.iter().map(|&v| transformed(average, v)).collect();
            let values = values?;
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            Some(if average == Average::Geometric { mean.exp() } else { mean })
        }
        Kind::Mean { .. } => None,
    }
}

fn bias(check: &Check, estimate: Option<f64>, interval: Option<Interval>) -> Option<f64> {
    let (estimate, target, interval) = (estimate?, check.bound.target()?, interval?);
    let a_mean = matches!(check.kind, Kind::Mean { .. });
    (a_mean && check.bound.contains(estimate) && !interval.contains(target)).then_some(estimate - target)
}

fn slack(bound: Bound, estimate: Option<f64>) -> Option<f64> {
    let (estimate, ratio) = match bound {
        Bound::AtMost(high) => (estimate?, high / estimate?),
        Bound::AtLeast(low) if low > 0.0 => (estimate?, estimate? / low),
        _ => return None,
    };
    (estimate > 0.0 && ratio > 0.0 && ratio.is_finite()).then_some(ratio)
}

/// Half of the bound's width on the scale of a mean, in standard deviations of one draw: what a calibration asks of a size.
pub fn room(check: &Check, place: &Place) -> Option<f64> {
    let Kind::Mean { average, resolution } = check.kind else { return None };
    let values: Option<Vec<f64>> = place.draws.iter().map(|d| transformed(average, d.value?)).collect();
    let values = values?;
    let (mean, error) = mean_and_error(&values, resolution)?;
    let (low, high) = ends(average, check.bound);
    Some((high - mean).min(mean - low) / (error * (values.len() as f64).sqrt()))
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::{Evidence, room};
    use crate::check::{Bound, Check, Draw};
    use crate::decide::Design;

    fn drawn(values: impl IntoIterator<Item = f64>) -> Vec<Draw> {
        values.into_iter().zip(0..).map(|(value, seed)| Draw { seed, value: Some(value) }).collect()
    }

    /// Eight draws with mean 0 and variance 8/7: the one-sided quantile of t at 1 - 0.004 with 7 degrees of freedom is 3.667.
    #[test]
    fn the_interval_of_a_mean_has_the_quantile_of_its_look() {
        let values = [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0];
        let check =
            Check::new("x", "x", Bound::Within { target: 0.5, tolerance: 9.0 }).mean().draws(drawn(values));
        let evidence = Evidence::of(&check, &Design::of(crate::claim::Scale::Smoke, 26), 3);
        let arm = 3.667 * (8.0f64 / 7.0 / 8.0).sqrt();
        assert_relative_eq!(evidence.interval.unwrap().high, arm, max_relative = 2e-4);
        assert_eq!((evidence.n, evidence.estimate, evidence.held_at), (8, Some(0.0), Some(1)));
        assert_eq!((evidence.bias, evidence.excludes(2.0)), (None, true));
        assert_relative_eq!(room(&check, &check.places[0]).unwrap(), 8.5 / (8.0f64 / 7.0).sqrt());
    }

    #[test]
    fn the_interval_of_a_typical_draw_is_between_order_statistics() {
        let check = Check::new("x", "x", Bound::AtMost(100.0)).draws(drawn((0..16).map(f64::from)));
        let evidence = Evidence::of(&check, &Design::of(crate::claim::Scale::Smoke, 26), 3);
        // At 8 draws all of them: 0 to 7; at 16, 14 of them: 2 to 13.
        let interval = evidence.interval.unwrap();
        assert_eq!((interval.low, interval.high), (2.0, 7.0));
        assert_eq!((evidence.inside, evidence.estimate), (16, Some(7.5)));
        assert_relative_eq!(evidence.slack.unwrap(), 100.0 / 7.5);
    }

    #[test]
    fn a_mean_inside_its_bound_whose_interval_misses_the_target_is_biased() {
        let values = [0.9, 0.91, 0.9, 0.91, 0.9, 0.91, 0.9, 0.91];
        let check =
            Check::new("x", "x", Bound::Factor { target: 1.0, factor: 1.25 }).log_mean().draws(drawn(values));
        let evidence = Evidence::of(&check, &Design::single(8, 1), 1);
        assert!((evidence.bias.unwrap() + 0.095).abs() < 1e-3 && evidence.excludes(1.0));
    }
}
