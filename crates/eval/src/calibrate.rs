//! A pool of draws of one extra master seed: how often would the claim hold, how many draws would it take, and are the draws of a
//! mean near enough to normal for a t test?

use overparam_tensor::random::Stream;
use serde::Serialize;

use crate::check::{Check, Kind};
use crate::decide::evidence::room;
use crate::decide::p_value::transformed;
use crate::decide::{Decision, Design, decide};
use crate::registry::Checks;

/// A mean is judged by a t test only if its draws are no more skewed than this.
pub const SKEWNESS: f64 = 1.0;
/// Nor have more excess kurtosis than this.
pub const KURTOSIS: f64 = 2.0;

/// How a claim would fare, from draws without replacement out of its pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Draws in the pool.
    pub pool: usize,
    /// The probability that the claim holds.
    pub holds: f64,
    /// The probability that it fails.
    pub fails: f64,
    /// The mean number of draws until it is decided.
    pub draws: f64,
    /// The shape of every mean, place by place.
    pub shapes: Vec<Shape>,
}

/// The shape of the draws of a mean on its scale.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shape {
    /// The check.
    pub id: String,
    /// The place of a curve; empty if there is one only.
    pub at: String,
    /// The third standardised moment.
    pub skewness: f64,
    /// The fourth, less 3.
    pub kurtosis: f64,
    /// Distance of the mean from the nearer end of the bound, in standard deviations of a draw.
    pub room: Option<f64>,
    /// A t test may be used.
    pub qualifies: bool,
}

/// Draws `resamples` subsets of the pool, each in an order of its own, and decides each.
pub fn calibrate(checks: &Checks, design: &Design, resamples: u64, stream: &Stream) -> Calibration {
    let pool = checks.experiment.iter().chain(&checks.control).map(Check::count).min().unwrap_or(0);
    let most = design.most().min(pool);
    let (mut holds, mut fails, mut draws) = (0.0, 0.0, 0.0);
    for resample in 0..resamples {
        let order = permutation(pool, &stream.indexed(resample));
        let chosen = |checks: &[Check]| checks.iter().map(|c| subset(c, &order[..most])).collect::<Vec<_>>();
        let verdict = decide(&chosen(&checks.experiment), &chosen(&checks.control), design);
        holds += f64::from(u8::from(verdict.decision == Decision::Holds));
        fails += f64::from(u8::from(verdict.decision == Decision::Fails));
        draws += verdict.draws as f64;
    }
    let n = resamples.max(1) as f64;
    let shapes = checks.experiment.iter().flat_map(shapes).collect();
    Calibration { pool, holds: holds / n, fails: fails / n, draws: draws / n, shapes }
}

/// The same check with these draws of every place, in this order.
fn subset(check: &Check, order: &[usize]) -> Check {
    let mut check = check.clone();
    for place in &mut check.places {
        place.draws = order.iter().map(|&i| place.draws[i]).collect();
    }
    check
}

/// By sorting normals: ties have probability zero.
fn permutation(n: usize, stream: &Stream) -> Vec<usize> {
    let keys = stream.normal_vector::<f64>(n, 1.0);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    order
}

fn shapes(check: &Check) -> Vec<Shape> {
    let Kind::Mean { average, .. } = check.kind else { return Vec::new() };
    let shape = |place: &crate::check::Place| {
        let values: Option<Vec<f64>> = place.draws.iter().map(|d| transformed(average, d.value?)).collect();
        let (skewness, kurtosis) =
            values.as_deref().and_then(moments).unwrap_or((f64::INFINITY, f64::INFINITY));
        Shape {
            id: check.id.clone(),
            at: place.at.clone(),
            skewness,
            kurtosis,
            room: room(check, place),
            qualifies: skewness.abs() <= SKEWNESS && kurtosis <= KURTOSIS,
        }
    };
    check.places.iter().map(shape).collect()
}

/// Skewness and excess kurtosis; `None` without scatter.
fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |k: i32| values.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / n;
    let variance = moment(2);
    (variance > 0.0).then(|| (moment(3) / variance.powf(1.5), moment(4) / variance.powi(2) - 3.0))
}

#[cfg(test)]
mod tests {
    use overparam_tensor::random::Stream;

    use super::{calibrate, moments, permutation};
    use crate::check::{Bound, Check, Draw};
    use crate::claim::Scale;
    use crate::decide::Design;
    use crate::registry::Checks;

    /// Two points of equal mass have kurtosis -2; 0, 0, 0, 4 by hand: variance 3, third moment 6, fourth 21.
    #[test]
    fn moments_are_those_of_small_samples() {
        assert_eq!(moments(&[1.0, -1.0]), Some((0.0, -2.0)));
        let (skewness, kurtosis) = moments(&[0.0, 0.0, 0.0, 4.0]).unwrap();
        assert!(
            (skewness - 6.0 / 27f64.sqrt()).abs() < 1e-12 && (kurtosis - (21.0 / 9.0 - 3.0)).abs() < 1e-12
        );
        assert_eq!(moments(&[1.0; 3]), None);
    }

    #[test]
    fn a_pool_two_deviations_inside_holds_always_with_few_draws_and_one_on_the_bound_hardly_ever() {
        let normals = Stream::root(5).normal_vector::<f64>(96, 1.0);
        let mean = normals.mean();
        let checks = |distance: f64| {
            let draws = (0..).zip(&normals).map(|(seed, x)| Draw { seed, value: Some(x - mean - distance) });
            let check = Check::new("x", "x", Bound::AtMost(0.0)).mean().draws(draws.collect());
            Checks { experiment: vec![check], control: Vec::new() }
        };
        let design = Design::of(Scale::Smoke, 26);
        let inside = calibrate(&checks(2.0), &design, 200, &Stream::root(1));
        assert!(inside.holds > 0.99 && inside.draws < 12.0 && inside.shapes[0].qualifies);
        let on = calibrate(&checks(0.0), &design, 200, &Stream::root(1));
        assert!(on.holds < 0.03 && on.fails < 0.02, "{on:?}");
        let mut order = permutation(50, &Stream::root(2));
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }
}
