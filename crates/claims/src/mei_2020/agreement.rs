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
pub(crate) fn worst_rise(paths: &[Vec<Vec<f64>>]) -> Option<Estimate> {
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

#[cfg(test)]
mod tests {
    use overparam_tensor::random::Stream;

    use super::{Measured, share_within, worst_gap, worst_ratio, worst_rise};

    fn point(values: &[f64], theory: f64) -> Measured {
        Measured { values: values.to_vec(), theory }
    }

    /// Mean 2, standard error 1; the quantile of Student's t for two points at 5% two-sided is that of 1.25% in a tail:
    /// 6.2053 with two degrees of freedom.
    #[test]
    fn distances_are_measured_in_standard_errors_or_in_percent() {
        let root = 3f64.sqrt();
        let points = [point(&[2.0 - root, 2.0, 2.0 + root], 4.0), point(&[1.0, 1.0, 1.0], 1.01)];
        let ratio = worst_ratio(&points, 0.02).unwrap().value;
        assert!((ratio - 0.01 / 0.0202).abs() < 1e-9, "{ratio}");
        let ratio = worst_ratio(&points[..1], 0.02).unwrap().value;
        assert!((ratio - 2.0 / 4.30265).abs() < 1e-4, "{ratio}");
        assert_eq!(share_within(&points, 0.02).unwrap().value, 1.0);
        assert_eq!(share_within(&points, 0.001).unwrap().value, 0.5);
        let gap = worst_gap(&points).unwrap();
        assert_eq!(gap.value, 2.0);
        assert!((gap.interval.high - 8.2053).abs() < 1e-3, "{gap:?}");
        assert!(gap.interval.low > 0.0 && gap.interval.low < 0.0101, "{gap:?}");
    }

    #[test]
    fn nothing_measured_is_no_number() {
        assert!(worst_ratio(&[], 0.1).is_none() && share_within(&[], 0.1).is_none());
        assert!(worst_gap(&[]).is_none() && worst_rise(&[]).is_none());
        assert!(worst_gap(&[point(&[1.0], 1.0)]).is_none(), "one seed has no scatter");
        assert!(worst_rise(&[vec![vec![1.0, 2.0, 3.0]]]).is_none(), "one N has no steps");
    }

    #[test]
    fn rises_are_paired() {
        let falling = vec![vec![3.0, 2.0, 1.0], vec![2.5, 1.6, 0.3]];
        assert!(worst_rise(&[falling]).unwrap().value < 0.0);
        // The seeds differ more than they rise, but each rises.
        let rising = vec![vec![3.0, 2.0, 1.0], vec![3.2, 2.21, 1.19]];
        assert!(worst_rise(&[rising]).unwrap().value > 1.0);
    }

    /// If theory is right at each of 60 points, the worst stays within the allowance in about 95 of 100 experiments; without
    /// the count of points it would in a handful.
    #[test]
    fn the_allowance_covers_all_points_at_once() {
        let (experiments, points) = (400, 60);
        let mut within = 0;
        for experiment in 0..experiments {
            let draws = Stream::root(3).indexed(experiment).normal_matrix::<f64>(6, points, 1.0);
            let measured: Vec<Measured> =
                draws.column_iter().map(|c| point(c.clone_owned().as_slice(), 0.0)).collect();
            within += usize::from(worst_ratio(&measured, 0.0).unwrap().value <= 1.0);
        }
        // 380 expected, standard deviation 4.4.
        assert!((362..=396).contains(&within), "{within}");
    }
}
