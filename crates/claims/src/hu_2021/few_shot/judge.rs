//! The comparison with theory: slopes and ratios seed by seed, medians over seeds.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Run;
use overparam_eval::stats::{self, Estimate};

use super::{Cell, Experiment, Outcome, Risks, Vary};
use crate::summary::{distinct, median};

type Runs<'a> = [Run<Cell, Outcome>];

/// A target's risks with what they depend on.
pub(super) struct Point {
    pub(super) seed: u64,
    pub(super) dimension: usize,
    pub(super) rank: usize,
    pub(super) source_examples: usize,
    pub(super) tasks: usize,
    pub(super) risks: Risks,
}

impl Point {
    /// What the sweep varies.
    pub(super) fn x(&self, vary: Vary) -> f64 {
        match vary {
            Vary::SourceExamples => self.source_examples as f64,
            Vary::Tasks | Vary::Shift => self.tasks as f64,
            Vary::TargetExamples => self.risks.target_examples as f64,
        }
    }
}

/// The points of one sweep, in the order of the runs.
pub(super) fn sweep(runs: &Runs<'_>, vary: Vary) -> Vec<Point> {
    let mut points = Vec::new();
    for run in runs {
        if let Experiment::Transfer { vary: v, setting, .. } = &run.cell.experiment
            && let Outcome::Transfer { risks, .. } = &run.outcome
            && *v == vary
        {
            points.extend(risks.iter().map(|&risks| Point {
                seed: run.cell.seed,
                dimension: setting.dimension,
                rank: setting.rank,
                source_examples: setting.source_examples,
                tasks: setting.tasks,
                risks,
            }));
        }
    }
    points
}

/// The distinct `(d, k)`, ascending.
pub(super) fn pairs(runs: &Runs<'_>) -> Vec<(usize, usize)> {
    let all = [Vary::SourceExamples, Vary::Tasks, Vary::TargetExamples, Vary::Shift];
    let points: Vec<Point> = all.into_iter().flat_map(|vary| sweep(runs, vary)).collect();
    distinct(&points, |p| (p.dimension, p.rank))
}

/// All checks.
pub(super) fn judge(runs: &Runs<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for (i, &(d, k)) in pairs(runs).iter().enumerate() {
        let of = |vary| -> Vec<Point> {
            sweep(runs, vary).into_iter().filter(|p| (p.dimension, p.rank) == (d, k)).collect()
        };
        let name = format!("d = {d}, k = {k}");
        for (vary, symbol) in [(Vary::SourceExamples, "n1"), (Vary::Tasks, "T"), (Vary::TargetExamples, "n2")]
        {
            checks.push(slope(&name, &of(vary), vary, symbol));
        }
        let both: Vec<Point> = of(Vary::SourceExamples).into_iter().chain(of(Vary::Tasks)).collect();
        checks.push(ratio_to_theory(format!("{name}: risk / formula, geometric mean over n1 and T"), &both));
        checks.push(gain(&name, &of(Vary::TargetExamples)));
        checks.push(below_one_over_t(&name, &of(Vary::SourceExamples)));
        if i == 0 {
            let label = format!("{name}, covariances of condition 10: risk / formula, geometric mean over T");
            checks.push(ratio_to_theory(label, &of(Vary::Shift)));
        }
    }
    checks.extend(one_objective(runs));
    checks
}

/// One number a seed, by the points of that seed.
fn by_seed(points: &[Point], of: impl Fn(&[&Point]) -> Option<f64>) -> Option<Estimate> {
    let value = |seed: u64| of(&points.iter().filter(|p| p.seed == seed).collect::<Vec<_>>());
    let values: Option<Vec<f64>> = distinct(points, |p| p.seed).into_iter().map(value).collect();
    median(&values?)
}

fn slope(name: &str, points: &[Point], vary: Vary, symbol: &str) -> Check {
    let measured = by_seed(points, |points| {
        let x: Vec<f64> = points.iter().map(|p| p.x(vary)).collect();
        let y: Vec<f64> = points.iter().map(|p| p.risks.shared).collect();
        Some(stats::log_log_slope(&x, &y, 0.95).ok()?.slope.value)
    });
    Check::new(
        format!("{name}: log-log slope of the excess risk in {symbol}"),
        "-1",
        measured,
        Bound::Within { target: -1.0, tolerance: 0.2 },
        "the claim's own; the formula's slopes on these grids lie between -1.03 and -0.89",
    )
}

fn ratio_to_theory(quantity: String, points: &[Point]) -> Check {
    let measured = by_seed(points, |points| {
        let log = |p: &&Point| Some((p.risks.shared / p.risks.predicted?).ln());
        let logs: Option<Vec<f64>> = points.iter().map(log).collect();
        let logs = logs?;
        Some((logs.iter().sum::<f64>() / logs.len() as f64).exp())
    });
    Check::new(
        quantity,
        "1: the constant is that of least squares on the manifold of rank-k matrices",
        measured,
        Bound::Within { target: 1.0, tolerance: 0.15 },
        "scatter of k (d - k) degrees of freedom over the seeds' range, and the next order",
    )
}

fn gain(name: &str, points: &[Point]) -> Check {
    let measured = by_seed(points, |points| {
        let risks = points.iter().max_by_key(|p| p.risks.target_examples)?.risks;
        let predicted = risks.predicted_alone? / risks.predicted?;
        Some(risks.alone? / risks.shared / predicted)
    });
    Check::new(
        format!("{name}: single-task risk / shared risk at the largest n2, over the predicted factor"),
        "1: (d / (n2 - d - 1)) against (k (d - k) / (n1 T) + k / (n2 - k - 1))",
        measured,
        Bound::Within { target: 1.0, tolerance: 0.15 },
        "as the ratio to the formula",
    )
}

fn below_one_over_t(name: &str, points: &[Point]) -> Check {
    let measured = by_seed(points, |points| {
        let last = points.iter().max_by_key(|p| p.source_examples)?;
        Some(last.risks.shared * last.tasks as f64)
    });
    Check::new(
        format!("{name}: T x excess risk at the largest n1, in units of the signal's variance"),
        "below 1, and falling with n1: past the 1/T limit",
        measured,
        Bound::AtMost(1.0),
        "analyses of i.i.d. tasks bound the risk by 1/T at best, whatever n1",
    )
}

fn one_objective(runs: &Runs<'_>) -> Option<Check> {
    let farthest = |run: &Run<Cell, Outcome>| match &run.outcome {
        Outcome::Starts { alternation, descent, .. } => {
            Some(alternation.iter().chain(descent).copied().fold(0.0, f64::max))
        }
        _ => None,
    };
    let farthest: Vec<f64> = runs.iter().filter_map(farthest).collect();
    (!farthest.is_empty()).then(|| {
        Check::new(
            "objective of 20 random starts of alternation and 20 of descent: largest relative distance from the spectral start's",
            "0: one minimum",
            median(&farthest),
            Bound::AtMost(1e-8),
            "both methods stop at a relative gradient of 1e-9, where objectives agree to its square",
        )
    })
}
