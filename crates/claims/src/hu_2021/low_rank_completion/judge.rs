//! The comparison with theory: ratios paired by seed, medians over seeds.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Run;
use overparam_eval::table::number;

use super::{Cell, Method, Outcome, Problem};
use crate::summary::{distinct, median};

type Runs<'a> = [Run<Cell, Outcome>];

/// Test error of recovery, as a share of the entries' mean square, which is 1.
const RECOVERED: f64 = 1e-3;

/// Descent stops at a root mean square of 1e-3 on the observed entries. By duality that slack changes the minimal
/// nuclear norm by at most `||Y||_F sqrt(observed) 1e-3 <= sqrt(n) sqrt(observed) 1e-3`: at 100 x 100 and 2,000 entries
/// 0.45 of 210, or 0.2%. Half a percent is beyond it.
const ABOVE_MINIMUM: f64 = 1.005;

/// All checks.
pub(super) fn judge(runs: &Runs<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let [few, many] = observation_counts(runs)[..] {
        let scales = scales(runs, few);
        for (i, &scale) in scales.iter().enumerate() {
            checks.push(depth_two_over_three(runs, few, scale, if i == 0 { 100.0 } else { 10.0 }));
        }
        let each = |f: &dyn Fn(f64) -> Check| scales.iter().map(|&scale| f(scale)).collect::<Vec<_>>();
        checks.extend(scales.first().map(|&scale| nuclear_over_three(runs, few, scale)));
        checks.extend(each(&|scale| effective_rank(runs, few, scale)));
        checks.extend(scales.first().map(|&scale| norm_above_minimum(runs, few, scale)));
        checks.extend(scales.first().into_iter().flat_map(|&scale| recovery(runs, many, scale)));
    }
    checks.extend(real_rank(runs, "digits", |p| matches!(p, Problem::Digits { .. })));
    checks.extend(real_rank(runs, "ratings", |p| matches!(p, Problem::Ratings { .. })));
    checks
}

/// The distinct numbers of observed entries, ascending.
pub(super) fn observation_counts(runs: &Runs<'_>) -> Vec<usize> {
    let count = |r: &Run<Cell, Outcome>| match r.cell.problem {
        Problem::Synthetic { observed, .. } => Some(observed),
        _ => None,
    };
    distinct(runs, count).into_iter().flatten().collect()
}

/// The initial scales at which depth 3 ran, largest first.
pub(super) fn scales(runs: &Runs<'_>, count: usize) -> Vec<f64> {
    let mut scales: Vec<f64> = synthetic(runs, count)
        .filter_map(|r| match r.cell.method {
            Method::Descent { depth: 3, scale, .. } => Some(scale),
            _ => None,
        })
        .collect();
    scales.sort_by(|a, b| b.total_cmp(a));
    scales.dedup();
    scales
}

/// The synthetic runs with this many observed entries.
pub(super) fn synthetic<'a>(
    runs: &'a Runs<'_>,
    count: usize,
) -> impl Iterator<Item = &'a Run<Cell, Outcome>> {
    runs.iter()
        .filter(move |r| matches!(r.cell.problem, Problem::Synthetic { observed, .. } if observed == count))
}

/// Descent of a given depth from a given scale.
pub(super) fn descent(depth: usize, scale: f64) -> impl Fn(Method) -> bool {
    move |method| matches!(method, Method::Descent { depth: d, scale: s, .. } if d == depth && s == scale)
}

/// One number a seed, from the runs of one method, in the seeds' order.
pub(super) fn by_seed<'a>(
    runs: impl Iterator<Item = &'a Run<Cell, Outcome>>,
    method: impl Fn(Method) -> bool,
    value: impl Fn(&Outcome) -> f64,
) -> Vec<(u64, f64)> {
    let mut values: Vec<(u64, f64)> =
        runs.filter(|r| method(r.cell.method)).map(|r| (r.cell.seed, value(&r.outcome))).collect();
    values.sort_by_key(|v| v.0);
    values
}

/// Ratios of two methods' numbers on the same seeds.
fn ratios(numerator: &[(u64, f64)], denominator: &[(u64, f64)]) -> Vec<f64> {
    let partner = |seed: u64| denominator.iter().find(|d| d.0 == seed).map(|d| d.1);
    numerator.iter().filter_map(|&(seed, a)| partner(seed).map(|b| a / b)).collect()
}

fn depth_two_over_three(runs: &Runs<'_>, few: usize, scale: f64, factor: f64) -> Check {
    let mse = |depth| by_seed(synthetic(runs, few), descent(depth, scale), |o| o.test_mse);
    Check::new(
        format!("{few} entries, {}: test error of depth 2 / depth 3", place(runs, few, scale)),
        "depth 3 far below depth 2",
        median(&ratios(&mse(2), &mse(3))),
        Bound::AtLeast(factor),
        "the source's figure has 2,000x at scale 1e-3 and 500x and more below",
    )
}

fn nuclear_over_three(runs: &Runs<'_>, few: usize, scale: f64) -> Check {
    let nuclear = by_seed(synthetic(runs, few), |m| m == Method::NuclearNorm, |o| o.test_mse);
    let three = by_seed(synthetic(runs, few), descent(3, scale), |o| o.test_mse);
    Check::new(
        format!("{few} entries, {}: test error of minimum nuclear norm / depth 3", place(runs, few, scale)),
        "depth 3 far below the nuclear norm",
        median(&ratios(&nuclear, &three)),
        Bound::AtLeast(1000.0),
        "the source's figure has 4,000x",
    )
}

fn effective_rank(runs: &Runs<'_>, few: usize, scale: f64) -> Check {
    let excess = |o: &Outcome| o.effective_rank - o.truth_effective_rank.unwrap_or(f64::NAN);
    let excess = by_seed(synthetic(runs, few), descent(3, scale), excess);
    Check::new(
        format!("{few} entries, {}: effective rank of depth 3 minus the truth's", place(runs, few, scale)),
        "0",
        median(&excess.iter().map(|e| e.1).collect::<Vec<_>>()),
        Bound::Within { target: 0.0, tolerance: 0.2 },
        "the source's differ by less than 0.05",
    )
}

fn norm_above_minimum(runs: &Runs<'_>, few: usize, scale: f64) -> Check {
    let norm = |o: &Outcome| o.nuclear_norm;
    let three = by_seed(synthetic(runs, few), descent(3, scale), norm);
    let minimum = by_seed(synthetic(runs, few), |m| m == Method::NuclearNorm, norm);
    Check::new(
        format!("{few} entries, {}: nuclear norm of depth 3 / certified minimum", place(runs, few, scale)),
        "above 1: descent does not minimise the nuclear norm",
        median(&ratios(&three, &minimum)),
        Bound::AtLeast(ABOVE_MINIMUM),
        "stopping at training error 1e-6 explains at most 0.2%",
    )
}

fn recovery(runs: &Runs<'_>, many: usize, scale: f64) -> Vec<Check> {
    let depths =
        (2..=8).map(|depth| (depth, by_seed(synthetic(runs, many), descent(depth, scale), |o| o.test_mse)));
    depths
        .filter(|(_, mse)| !mse.is_empty())
        .map(|(depth, mse)| {
            Check::new(
                format!("{many} entries, {}: test error of depth {depth}", place(runs, many, scale)),
                "recovers the truth",
                median(&mse.iter().map(|m| m.1).collect::<Vec<_>>()),
                Bound::AtMost(RECOVERED),
                "ten times the largest of the source's figure; the entries' mean square is 1",
            )
        })
        .collect()
}

/// On real data the truth is only nearly of low rank: depth 3 must find lower rank, and need not find lower error.
fn real_rank(runs: &Runs<'_>, name: &str, is: impl Fn(&Problem) -> bool) -> Option<Check> {
    let of = |depth: usize| {
        let runs = runs.iter().filter(|r| is(&r.cell.problem));
        by_seed(runs, |m| matches!(m, Method::Descent { depth: d, .. } if d == depth), |o| o.effective_rank)
    };
    let ratios = ratios(&of(3), &of(2));
    (!ratios.is_empty()).then(|| {
        Check::new(
            format!("{name}, early-stopped: effective rank of depth 3 / depth 2"),
            "below 1: lower rank with depth",
            median(&ratios),
            Bound::AtMost(1.0),
            "the bias to low rank grows with depth",
        )
    })
}

/// How a check names an initial scale, the same on experiment and control: the largest by its rank, not its value.
fn place(runs: &Runs<'_>, count: usize, scale: f64) -> String {
    if scales(runs, count).first() == Some(&scale) {
        "largest initial scale".into()
    } else {
        format!("initial scale {}", number(scale))
    }
}
