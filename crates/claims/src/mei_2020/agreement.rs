//! How well measurements at many points agree with theory, with the number of points accounted for.
//!
//! At one point 3 standard errors are exceeded in one repetition in a hundred or so; among hundreds of points some always
//! exceed them. So the allowance is the Student-t quantile at `0.05 / points` (Bonferroni): if theory is right everywhere,
//! the worst of all points stays within it in 95 of 100 repetitions of the whole experiment.

use overparam_eval::stats::{self, Estimate, Interval, student_t};

/// The measurements over seeds at one point of a grid, and what theory says there.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) values: Vec<f64>,
    pub(super) theory: f64,
}

/// Mean, standard error and the allowance in standard errors.
struct Summary {
    gap: f64,
    standard_error: f64,
    allowance: f64,
    theory: f64,
}

/// Of all repetitions of a correct experiment, the share that stays within the allowance at every point.
const LEVEL: f64 = 0.95;

fn summaries(points: &[Measured]) -> Option<Vec<Summary>> {
    let summary = |point: &Measured| -> Option<Summary> {
        let mean = stats::mean(&point.values, LEVEL).ok()?.value;
        let tail = (1.0 - LEVEL) / (2.0 * points.len() as f64);
        Some(Summary {
            gap: (mean - point.theory).abs(),
            standard_error: stats::standard_error(&point.values).ok()?,
            allowance: student_t::quantile(1.0 - tail, point.values.len() as f64 - 1.0).ok()?,
            theory: point.theory.abs(),
        })
    };
    if points.is_empty() { None } else { points.iter().map(summary).collect() }
}

/// `max |mean - theory| / max(allowance x standard error, relative x theory)` over the points: at most 1 if they agree.
pub(super) fn worst_ratio(points: &[Measured], relative: f64) -> Option<Estimate> {
    let ratio = |s: Summary| s.gap / (s.allowance * s.standard_error).max(relative * s.theory);
    Some(exact(summaries(points)?.into_iter().map(ratio).fold(0.0, f64::max)))
}

/// The share of points with `|mean - theory| <= max(3 standard errors, relative x theory)`.
pub(super) fn share_within(points: &[Measured], relative: f64) -> Option<Estimate> {
    let within = |s: &&Summary| s.gap <= (3.0 * s.standard_error).max(relative * s.theory);
    let all = summaries(points)?;
    Some(exact(all.iter().filter(within).count() as f64 / all.len() as f64))
}

/// The largest distance of mean and theory over the points, with an interval that holds at all points at once.
pub(super) fn worst_gap(points: &[Measured]) -> Option<Estimate> {
    let all = summaries(points)?;
    let largest = |sign: f64| {
        let end = |s: &Summary| s.gap + sign * s.allowance * s.standard_error;
        all.iter().map(end).fold(0.0, f64::max)
    };
    let interval = Interval { low: largest(-1.0), high: largest(1.0) };
    Some(Estimate { value: largest(0.0), interval, level: LEVEL })
}

/// The largest rise of the mean from one list of values to the next, seed by seed, as a share of its allowance: at most 1 if
/// the means do not increase.
pub(super) fn worst_rise(paths: &[Vec<Vec<f64>>]) -> Option<Estimate> {
    let steps: Vec<Vec<f64>> = paths
        .iter()
        .flat_map(|path| path.windows(2))
        .map(|pair| pair[1].iter().zip(&pair[0]).map(|(after, before)| after - before).collect())
        .collect();
    let tail = (1.0 - LEVEL) / steps.len() as f64;
    let share = |rises: &Vec<f64>| -> Option<f64> {
        let allowance = student_t::quantile(1.0 - tail, rises.len() as f64 - 1.0).ok()?;
        Some(stats::mean(rises, LEVEL).ok()?.value / (allowance * stats::standard_error(rises).ok()?))
    };
    let shares: Option<Vec<f64>> = steps.iter().map(share).collect();
    Some(exact(shares?.into_iter().reduce(f64::max)?))
}

/// A statistic that has the scatter between seeds in it already.
fn exact(value: f64) -> Estimate {
    Estimate { value, interval: Interval { low: value, high: value }, level: LEVEL }
}
