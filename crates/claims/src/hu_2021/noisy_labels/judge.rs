//! Equivalence within rounding, gains beyond luck.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Run;
use overparam_eval::runs::Runs;

use super::{Accuracies, Cell, Experiment, Net, Outcome};
use crate::hu_2021::images::Data;
use crate::summary::{distinct, exponent};

/// A name and what to read off.
pub(super) type Method = (&'static str, fn(&Accuracies) -> f64);

type All<'a> = Runs<'a, Cell, Outcome>;

pub(super) fn judge(runs: &All<'_>) -> Vec<Check> {
    let mut checks = equivalence(runs);
    let noisy = runs.only(|cell| matches!(cell.experiment, Experiment::Noise { .. }));
    let sets = noisy.distinct(|cell| cell.data.clone());
    checks.extend(sets.iter().flat_map(|data| noise(&noisy.only(|cell| cell.data == *data), data)));
    checks
}

/// The control has no part (a).
fn equivalence(runs: &All<'_>) -> Vec<Check> {
    let part = runs.only(|cell| matches!(cell.experiment, Experiment::Equivalence { .. }));
    if part.is_empty() {
        return Vec::new();
    }
    let linear = |name: &str, pick: fn(f64, f64) -> f64| {
        let gap = |r: &&Run<Cell, Outcome>| match r.outcome {
            Outcome::Equivalence { rdi, aux, .. } => Some(pick(rdi, aux)),
            Outcome::Noise(_) => None,
        };
        Check::new(
            format!("linear-{name}"),
            format!("linearised nets: distance of {name} from kernel ridge regression"),
            Bound::AtMost(1e-6),
        )
        .predicted("0")
        .because("largest test output of all networks of a seed")
        .rival("the ridge lambda in place of lambda^2", 0.1)
        .exact()
        .draws(part.draws(|runs| runs.iter().filter_map(gap).reduce(f64::max)))
    };
    let finite = part.draws(|runs| {
        let runs: Vec<Run<Cell, Outcome>> = runs.iter().map(|run| (*run).clone()).collect();
        let points: Vec<(f64, f64)> =
            finite(&runs).into_iter().map(|(width, distance)| (width as f64, distance)).collect();
        exponent(&points)
    });
    vec![
        linear("RDI", |rdi, _| rdi),
        linear("AUX", |_, aux| aux),
        Check::new(
            "finite-slope",
            "finite nets: log-log slope of the distance in width",
            Bound::AtMost(-0.35),
        )
        .predicted("-1/2 or steeper")
        .because("least squares over the widths of a seed")
        .rival("nothing settles", 0.0)
        .mean()
        .draws(finite),
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

fn noise(runs: &All<'_>, data: &Data) -> Vec<Check> {
    let methods: [Method; 2] = [("RDI", |a| a.rdi), ("AUX", |a| a.aux)];
    let name = data.name();
    let shares = runs.distinct(|cell| match cell.experiment {
        Experiment::Noise { flipped, .. } => flipped,
        Experiment::Equivalence { .. } => 0,
    });
    let mut checks = Vec::new();
    for (method, ours) in methods {
        // The same check on the control: its places are shares of wrong labels.
        let mut gain = Check::new(
            format!("gain-{method}-{name}"),
            format!("{name}: accuracy of {method} less that of plain training"),
            Bound::AtLeast(0.02),
        )
        .predicted("above 0 at every share of wrong labels")
        .because("two points are the least that would matter")
        .rival("no gain", 0.0)
        .control_fails()
        .mean();
        let mut lag = Check::new(
            format!("lag-{method}-{name}"),
            format!("{name}: accuracy of the best early stop less {method}'s"),
            Bound::AtMost(0.02),
        )
        .predicted("near 0")
        .because("CLAIMS.md")
        .rival("plain training", 0.15)
        .mean();
        for &share in &shares {
            let here = runs.only(
                |cell| matches!(cell.experiment, Experiment::Noise { flipped, .. } if flipped == share),
            );
            let difference = |of: fn(&Accuracies) -> f64, less: fn(&Accuracies) -> f64| {
                here.draws(|runs| match &runs.first()?.outcome {
                    Outcome::Noise(accuracies) => Some(of(accuracies) - less(accuracies)),
                    Outcome::Equivalence { .. } => None,
                })
            };
            let place = format!("{}% wrong", f64::from(share) / 10.0);
            gain = gain.at(&place, difference(ours, |a| a.plain));
            lag = lag.at(&place, difference(|a| a.stopped, ours));
        }
        checks.extend([gain, lag]);
    }
    checks
}
