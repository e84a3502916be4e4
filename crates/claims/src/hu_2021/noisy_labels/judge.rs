//! Equivalence within rounding, gains beyond luck.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Run;
use overparam_eval::stats::{self, Estimate, Interval};

use super::{Accuracies, Cell, Experiment, Net, Outcome};
use crate::hu_2021::images::Data;
use crate::summary::{distinct, every};

/// A name and what to read off.
pub(super) type Method = (&'static str, fn(&Accuracies) -> f64);

pub(super) fn judge(runs: &[Run<Cell, Outcome>]) -> Vec<Check> {
    let mut checks = equivalence(runs);
    let sets = if runs.is_empty() { vec![Data::Digits] } else { distinct(runs, |r| r.cell.data.clone()) };
    checks.extend(sets.iter().flat_map(|data| noise(runs, data)));
    checks
}

/// Checks of runs that are there: the control has no part (a).
fn equivalence(runs: &[Run<Cell, Outcome>]) -> Vec<Check> {
    let gaps = |pick: fn(f64, f64) -> f64| -> Vec<f64> {
        let gap = |r: &Run<Cell, Outcome>| match r.outcome {
            Outcome::Equivalence { rdi, aux, .. } => Some(pick(rdi, aux)),
            Outcome::Noise(_) => None,
        };
        runs.iter().filter_map(gap).collect()
    };
    let linear = |name: &str, values: Vec<f64>| {
        Check::new(
            format!("linearised nets: distance of {name} from kernel ridge regression"),
            "0",
            every(&values),
            Bound::AtMost(1e-6),
            "largest test output; the range over all runs",
        )
    };
    let (widths, distances): (Vec<f64>, Vec<f64>) =
        finite(runs).into_iter().map(|(width, distance)| (width as f64, distance)).unzip();
    vec![
        linear("RDI", gaps(|rdi, _| rdi)),
        linear("AUX", gaps(|_, aux| aux)),
        Check::new(
            "finite nets: log-log slope of the distance in width",
            "-1/2 or steeper",
            stats::log_log_slope(&widths, &distances, 0.95).ok().map(|line| line.slope),
            Bound::AtMost(-0.35),
            "least squares over all seeds, 95%",
        ),
    ]
}

/// Width and distance of the finite dense nets from kernel ridge regression, at lambda = 1.
pub(super) fn finite(runs: &[Run<Cell, Outcome>]) -> Vec<(usize, f64)> {
    let point = |r: &Run<Cell, Outcome>| match (&r.cell.experiment, &r.outcome) {
        (
            Experiment::Equivalence { network: Net::Dense, width, lambda: 1.0, .. },
            Outcome::Equivalence { finite, .. },
        ) => Some((*width, *finite)),
        _ => None,
    };
    runs.iter().filter_map(point).collect()
}

/// One method's accuracies, a seed an entry.
pub(super) fn accuracies(
    runs: &[Run<Cell, Outcome>],
    data: &Data,
    share: u32,
    method: fn(&Accuracies) -> f64,
) -> Vec<f64> {
    let of = |r: &Run<Cell, Outcome>| match (&r.cell.experiment, &r.outcome) {
        (Experiment::Noise { flipped, .. }, Outcome::Noise(accuracies))
            if r.cell.data == *data && *flipped == share =>
        {
            Some(method(accuracies))
        }
        _ => None,
    };
    runs.iter().filter_map(of).collect()
}

/// The shares of wrong labels, in thousandths.
pub(super) fn shares(runs: &[Run<Cell, Outcome>], data: &Data) -> Vec<u32> {
    let share = |r: &Run<Cell, Outcome>| match r.cell.experiment {
        Experiment::Noise { flipped, .. } if r.cell.data == *data => Some(flipped),
        _ => None,
    };
    distinct(runs, share).into_iter().flatten().collect()
}

fn noise(runs: &[Run<Cell, Outcome>], data: &Data) -> Vec<Check> {
    let methods: [Method; 2] = [("RDI", |a| a.rdi), ("AUX", |a| a.aux)];
    let mut checks = Vec::new();
    for (name, method) in methods {
        let mut gains = Vec::new();
        let mut behind: Vec<Option<(f64, f64)>> = Vec::new();
        for share in shares(runs, data) {
            let ours = accuracies(runs, data, share, method);
            let gain = stats::paired(&ours, &accuracies(runs, data, share, |a| a.plain), 0.95).ok();
            gains.push(gain.and_then(|g| g.standard_errors));
            let lag = stats::paired(&accuracies(runs, data, share, |a| a.stopped), &ours, 0.95).ok();
            behind.push(lag.map(|l| (l.difference.value, l.standard_error)));
        }
        // None if any is missing; the least gain and the largest lag decide.
        let least =
            gains.into_iter().collect::<Option<Vec<f64>>>().and_then(|g| g.into_iter().reduce(f64::min));
        let most = behind
            .into_iter()
            .collect::<Option<Vec<(f64, f64)>>>()
            .and_then(|b| b.into_iter().max_by(|a, b| (a.0 + 2.0 * a.1).total_cmp(&(b.0 + 2.0 * b.1))));
        checks.push(Check::new(
            format!("{}: least gain of {name} over plain training, in standard errors", data.name()),
            "above 0 at every share of wrong labels",
            least.map(|value| Estimate {
                value,
                interval: Interval { low: value, high: value },
                level: 0.95,
            }),
            Bound::AtLeast(2.0),
            "paired by seed; the scatter over seeds is in it",
        ));
        checks.push(Check::new(
            format!("{}: accuracy of the best early stop less {name}'s", data.name()),
            "near 0",
            most.map(|(value, error)| {
                let interval = Interval { low: value - 2.0 * error, high: value + 2.0 * error };
                Estimate { value, interval, level: 0.95 }
            }),
            Bound::AtMost(0.02),
            "the share of wrong labels where it is largest; mean and two standard errors, paired by seed",
        ));
    }
    checks
}
