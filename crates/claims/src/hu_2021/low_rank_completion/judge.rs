//! The comparison with theory, paired seed by seed: every method of a seed completes the same matrix from the same entries.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Run;
use overparam_eval::runs::Runs;
use overparam_eval::table::number;
use overparam_eval::theory::Theory;

use super::{Cell, Method, Outcome, Problem};

type All<'a> = Runs<'a, Cell, Outcome>;

/// Test error of recovery, as a share of the entries' mean square, which is 1.
const RECOVERED: f64 = 1e-3;

/// Descent stops at a root mean square of 1e-3 on the observed entries. By duality that slack changes the minimal
/// nuclear norm by at most `||Y||_F sqrt(observed) 1e-3 <= sqrt(n) sqrt(observed) 1e-3`: at 100 x 100 and 2,000 entries
/// 0.45 of 210, or 0.2%. Half a percent is beyond it.
const ABOVE_MINIMUM: f64 = 1.005;

/// All checks.
pub(super) fn judge(runs: &All<'_>, _: &Theory) -> Vec<Check> {
    let mut checks = Vec::new();
    if let [few, many] = observation_counts(runs.cells())[..] {
        let scales = scales(runs.cells(), few);
        let at = |scale: f64| (runs.only(|cell| observes(cell, few)), place(few, &scales, scale));
        for (i, &scale) in scales.iter().enumerate() {
            checks.push(depth_two_over_three(at(scale), scale, i));
        }
        for (i, &scale) in scales.iter().enumerate() {
            checks.push(effective_rank(at(scale), scale, i));
        }
        if let Some(&scale) = scales.first() {
            checks.push(recovered_by_depth_three(at(scale), scale));
            checks.push(nuclear_over_three(at(scale), scale));
            checks.push(norm_above_minimum(at(scale), scale));
            checks.extend(recovery(&runs.only(|cell| observes(cell, many)), many, scale));
        }
    }
    checks.extend(real_rank(runs, "digits", |p| matches!(p, Problem::Digits { .. })));
    checks.extend(real_rank(runs, "ratings", |p| matches!(p, Problem::Ratings { .. })));
    checks
}

fn observes(cell: &Cell, count: usize) -> bool {
    matches!(cell.problem, Problem::Synthetic { observed, .. } if observed == count)
}

/// The distinct numbers of observed entries, ascending.
pub(super) fn observation_counts<'a>(cells: impl Iterator<Item = &'a Cell>) -> Vec<usize> {
    let mut counts: Vec<usize> = cells
        .filter_map(|cell| match cell.problem {
            Problem::Synthetic { observed, .. } => Some(observed),
            _ => None,
        })
        .collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// The initial scales at which depth 3 runs, largest first.
pub(super) fn scales<'a>(cells: impl Iterator<Item = &'a Cell>, count: usize) -> Vec<f64> {
    let mut scales: Vec<f64> = cells
        .filter(|cell| observes(cell, count))
        .filter_map(|cell| match cell.method {
            Method::Descent { depth: 3, scale, .. } => Some(scale),
            _ => None,
        })
        .collect();
    scales.sort_by(|a, b| b.total_cmp(a));
    scales.dedup();
    scales
}

/// The synthetic runs with this many observed entries.
pub(super) fn synthetic(
    runs: &[Run<Cell, Outcome>],
    count: usize,
) -> impl Iterator<Item = &Run<Cell, Outcome>> {
    runs.iter().filter(move |r| observes(&r.cell, count))
}

/// Descent of a given depth from a given scale.
pub(super) fn descent(depth: usize, scale: f64) -> impl Fn(Method) -> bool {
    move |method| matches!(method, Method::Descent { depth: d, scale: s, .. } if d == depth && s == scale)
}

/// One number of the run of one method in a seed, if it ended.
fn of(
    runs: &[&Run<Cell, Outcome>],
    method: impl Fn(Method) -> bool,
    value: fn(&Outcome) -> f64,
) -> Option<f64> {
    let run = runs.iter().find(|run| method(run.cell.method))?;
    run.outcome.converged.then(|| value(&run.outcome))
}

fn nuclear(method: Method) -> bool {
    method == Method::NuclearNorm
}

fn depth_two_over_three((few, place): (All<'_>, String), scale: f64, i: usize) -> Check {
    let mse = |runs: &[&_], depth| of(runs, descent(depth, scale), |o| o.test_mse);
    let factor = if scale >= 1e-3 { 100.0 } else { 10.0 };
    let check = Check::new(
        format!("depth-two-over-three-{i}"),
        format!("{place}: test error of depth 2 / depth 3"),
        Bound::AtLeast(factor),
    )
    .predicted("depth 3 far below depth 2")
    .because("the source's figure has 2,000x at scale 1e-3 and 500x and more below")
    .rival("depth makes no difference", 1.0)
    .missing_is_outside()
    .draws(few.draws(|runs| Some(mse(runs, 2)? / mse(runs, 3)?)));
    if i == 0 { check.control_fails() } else { check }
}

fn recovered_by_depth_three((few, place): (All<'_>, String), scale: f64) -> Check {
    Check::new("recovered", format!("{place}: test error of depth 3"), Bound::AtMost(RECOVERED))
        .predicted("recovers the truth in a typical draw")
        .because("the entries' mean square is 1; the report prints the share of draws")
        .rival("the minimum nuclear norm, at the sizes of the source", 0.06)
        .control_fails()
        .missing_is_outside()
        .draws(few.draws(|runs| of(runs, descent(3, scale), |o| o.test_mse)))
}

fn nuclear_over_three((few, place): (All<'_>, String), scale: f64) -> Check {
    let error = |o: &Outcome| o.test_mse;
    Check::new(
        "nuclear-over-three",
        format!("{place}: test error of minimum nuclear norm / depth 3"),
        Bound::AtLeast(100.0),
    )
    .predicted("depth 3 far below the nuclear norm")
    .because("the source's figure has 4,000x; a typical draw of any size is far from 1")
    .rival("descent finds the minimum nuclear norm (Gunasekar et al. 2017, for depth 2)", 1.0)
    .control_fails()
    .missing_is_outside()
    .draws(few.draws(|runs| Some(of(runs, nuclear, error)? / of(runs, descent(3, scale), error)?)))
}

fn effective_rank((few, place): (All<'_>, String), scale: f64, i: usize) -> Check {
    let excess = |o: &Outcome| o.effective_rank - o.truth_effective_rank.unwrap_or(f64::NAN);
    let check = Check::new(
        format!("rank-{i}"),
        format!("{place}: effective rank of depth 3 minus the truth's"),
        Bound::Within { target: 0.0, tolerance: 0.2 },
    )
    .predicted("0")
    .because("the source's differ by less than 0.05")
    .rival("one direction too few", -1.0)
    .rival("one direction too many", 1.0)
    .missing_is_outside()
    .draws(few.draws(|runs| of(runs, descent(3, scale), excess)));
    if i == 0 { check.control_fails() } else { check }
}

fn norm_above_minimum((few, place): (All<'_>, String), scale: f64) -> Check {
    let norm = |o: &Outcome| o.nuclear_norm;
    Check::new(
        "norm",
        format!("{place}: nuclear norm of depth 3 / certified minimum"),
        Bound::AtLeast(ABOVE_MINIMUM),
    )
    .predicted("above 1: descent does not minimise the nuclear norm")
    .because("stopping at training error 1e-6 explains at most 0.2%")
    .rival("descent finds the minimum nuclear norm", 1.0)
    .missing_is_outside()
    .draws(few.draws(|runs| Some(of(runs, descent(3, scale), norm)? / of(runs, nuclear, norm)?)))
}

fn recovery(many: &All<'_>, count: usize, scale: f64) -> Vec<Check> {
    let depths = (2..=4).filter(|&depth| many.cells().any(|cell| descent(depth, scale)(cell.method)));
    let check = |depth: usize| {
        let check = Check::new(
            format!("recovery-{depth}"),
            format!("{count} entries, largest initial scale: test error of depth {depth}"),
            Bound::AtMost(RECOVERED),
        )
        .predicted("recovers the truth")
        .because("ten times the largest of the source's figure; the entries' mean square is 1")
        .rival("nothing is learned of hidden entries", 1.0)
        .missing_is_outside()
        .draws(many.draws(|runs| of(runs, descent(depth, scale), |o| o.test_mse)));
        if depth < 4 { check.control_fails() } else { check }
    };
    depths.map(check).collect()
}

/// On real data the truth is only nearly of low rank: depth 3 must find lower rank, and need not find lower error.
fn real_rank(runs: &All<'_>, name: &str, is: impl Fn(&Problem) -> bool) -> Option<Check> {
    let here = runs.only(|cell| is(&cell.problem));
    let rank = |runs: &[&_], depth: usize| {
        let descent = |m| matches!(m, Method::Descent { depth: d, .. } if d == depth);
        of(runs, descent, |o| o.effective_rank)
    };
    (!here.is_empty()).then(|| {
        Check::new(
            format!("rank-{name}"),
            format!("{name}, early-stopped: effective rank of depth 3 / depth 2"),
            Bound::AtMost(0.9),
        )
        .predicted("below 1: lower rank with depth")
        .because("the bias to low rank grows with depth")
        .rival("depth makes no difference", 1.0)
        .draws(here.draws(|runs| Some(rank(runs, 3)? / rank(runs, 2)?)))
    })
}

/// How a check names an initial scale, the same on experiment and control: the largest by its rank, not its value.
fn place(count: usize, scales: &[f64], scale: f64) -> String {
    if scales.first() == Some(&scale) {
        format!("{count} entries, largest initial scale")
    } else {
        format!("{count} entries, initial scale {}", number(scale))
    }
}

#[cfg(test)]
mod tests {
    use overparam_eval::runs::Grid;

    use super::*;

    fn run(method: Method, converged: bool, test_mse: f64) -> Run<Cell, Outcome> {
        let problem = Problem::Synthetic { size: 48, rank: 3, observed: 560 };
        Run {
            cell: Cell { problem, method, seed: 0 },
            outcome: Outcome {
                test_mse,
                train_mse: 1e-7,
                effective_rank: 3.0,
                nuclear_norm: 100.0,
                steps: 1,
                converged,
                truth_effective_rank: Some(3.0),
                certificate: None,
            },
        }
    }

    fn deep(depth: usize) -> Method {
        Method::Descent { depth, scale: 1e-4, learning_rate: 1e-3, target: 2e-7 }
    }

    /// Descent that ran out of steps has no number, and lies outside.
    #[test]
    fn an_unfinished_run_is_outside() {
        let drawn = |converged: bool| {
            let runs = vec![run(deep(2), true, 0.1), run(deep(3), converged, 1e-5)];
            let grid = Grid::finished(runs);
            let check = depth_two_over_three((grid.view(), String::new()), 1e-4, 0);
            (check.places[0].draws[0].value, check.missing_is_outside)
        };
        assert!((drawn(true).0.unwrap() - 1e4).abs() < 1e-6);
        assert_eq!(drawn(false), (None, true));
    }
}
