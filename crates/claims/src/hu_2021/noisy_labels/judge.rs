//! Equivalence within rounding, gains beyond luck.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Run;
use overparam_eval::runs::Runs;
use overparam_eval::table::number;
use overparam_eval::theory::Theory;

use super::sphere::{
    DIMENSION, NOISE, RULES, Regression, kernel, mean_absolute_truth, predicted, predicted_bound,
    predicted_variance,
};
use super::{Accuracies, Cell, Experiment, Outcome};
use crate::hu_2021::images::Data;
use crate::hu_2021::zonal::Spectrum;
use crate::summary::{distinct, exponent};

/// A name and what to read off.
pub(super) type Method = (&'static str, fn(&Accuracies) -> f64);

/// Examples from which on the formula's size is judged.
const LARGE: usize = 128;

type All<'a> = Runs<'a, Cell, Outcome>;

pub(super) fn judge(runs: &All<'_>, theory: &Theory) -> Vec<Check> {
    let mut checks = sphere(runs, theory);
    checks.extend(equivalence(runs));
    let noisy = runs.only(|cell| matches!(cell.experiment, Experiment::Noise { .. }));
    let sets = noisy.distinct(|cell| cell.data.clone());
    checks.extend(sets.iter().flat_map(|data| noise(&noisy.only(|cell| cell.data == *data), data)));
    checks
}

fn regressions<'a>(runs: &[&'a Run<Cell, Outcome>]) -> Option<&'a [Regression]> {
    match &runs.first()?.outcome {
        Outcome::Sphere(regressions) => Some(regressions),
        _ => None,
    }
}

/// Rule by rule: the exponent, the size, the bound.
fn sphere(runs: &All<'_>, theory: &Theory) -> Vec<Check> {
    let spectrum = Spectrum::of(kernel, DIMENSION);
    let noise = theory.constant("sigma^2", NOISE * NOISE);
    let size = theory.constant("clean error", 1.0);
    let of_rule = |cell: &Cell| match &cell.experiment {
        Experiment::Sphere { rule, sizes, .. } => Some((*rule, sizes.clone())),
        _ => None,
    };
    let judged = runs.distinct(of_rule);
    let slope = |(rule, sizes): &(usize, Vec<usize>), noise: f64| {
        let at =
            |&n: &usize| (n as f64, predicted(&spectrum, n, RULES[*rule % RULES.len()].lambda(n), noise));
        exponent(&sizes.iter().map(at).collect::<Vec<_>>()).unwrap_or(0.0)
    };
    let mut checks = Vec::new();
    for (rule, sizes) in judged.iter().flatten() {
        let here = runs.only(|cell| of_rule(cell).as_ref() == Some(&(*rule, sizes.clone())));
        let law = RULES[*rule % RULES.len()];
        let name = format!("lambda = {} n^{}", number(law.factor), number(law.power));
        let target = slope(&(*rule, sizes.clone()), noise);
        // Half of the distance to the nearest other rule, at most 0.06.
        let rivals: Vec<f64> = (0..RULES.len())
            .filter(|other| other != rule)
            .map(|other| slope(&(other, sizes.clone()), NOISE * NOISE))
            .collect();
        let nearest = rivals.iter().map(|r| (r - target).abs()).fold(f64::INFINITY, f64::min);
        let mut exponent_check = Check::new(
            format!("exponent-{rule}"),
            format!("{name}: exponent of the clean error in n"),
            Bound::Within { target, tolerance: (0.5 * nearest).min(0.06) },
        )
        .predicted("that of the deterministic equivalent")
        .because("half the distance to the nearest other rule, and 0.06 at most")
        .control_fails()
        .mean();
        for (rival, other) in rivals.iter().zip((0..RULES.len()).filter(|other| other != rule)) {
            exponent_check =
                exponent_check.rival(format!("lambda grows as n^{}", number(RULES[other].power)), *rival);
        }
        checks.push(exponent_check.draws(here.draws(|runs| {
            let points = regressions(runs)?.iter().map(|r| (r.examples as f64, r.clean_error));
            exponent(&points.collect::<Vec<_>>())
        })));
        // What the formula gives at another lambda, in units of itself.
        let instead = |lambda: &dyn Fn(usize) -> f64| {
            let large = || sizes.iter().filter(|&&n| n >= LARGE);
            let log = |&n: &usize| {
                let at = |lambda| predicted(&spectrum, n, lambda, NOISE * NOISE);
                (at(lambda(n)) / at(law.lambda(n))).ln()
            };
            (large().map(log).sum::<f64>() / large().count().max(1) as f64).exp()
        };
        // The geometric mean over the larger n.
        let over = |measured: fn(&Regression) -> f64, predicted: &dyn Fn(usize) -> f64| {
            here.draws(|runs| {
                let large = regressions(runs)?.iter().filter(|r| r.examples >= LARGE);
                let logs: Vec<f64> = large.map(|r| (measured(r) / predicted(r.examples)).ln()).collect();
                (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
            })
        };
        checks.push(
            Check::new(
                format!("error-{rule}"),
                format!("{name}: clean error over the predicted one, geometric mean over n of 128 and more"),
                Bound::Factor { target: 1.0, factor: 1.1 },
            )
            .predicted("1")
            .because("finite n: a few percent at n = 1024 in an independent simulation")
            .rival("the ridge lambda in place of lambda^2", instead(&|n| law.lambda(n).sqrt()))
            .rival("interpolation", instead(&|_| 0.0))
            .control_fails()
            .log_mean()
            .draws(over(|r| r.clean_error, &|n| size * predicted(&spectrum, n, law.lambda(n), noise))),
        );
        checks.push(
            Check::new(
                format!("variance-{rule}"),
                format!("{name}: what the noise adds to the clean error over the predicted, geometric mean over n of 128 and more"),
                Bound::Factor { target: 1.0, factor: 1.1 },
            )
            .predicted("1: sigma^2 g / (1 - g)")
            .because("the error alone could hide a wrong variance behind the bias")
            .rival("sigma in place of sigma^2", 1.0 / NOISE)
            .control_fails()
            .log_mean()
            .draws(over(|r| r.variance, &|n| predicted_variance(&spectrum, n, law.lambda(n), noise))),
        );
        // Where the bound is above what predicting 0 makes of it, it says nothing that could be tested.
        let least = sizes.iter().map(|&n| predicted_bound(&spectrum, n, law.lambda(n)));
        let nothing = mean_absolute_truth() / least.fold(f64::INFINITY, f64::min);
        if nothing <= 1.05 {
            continue;
        }
        checks.push(
            Check::new(
                format!("bound-{rule}"),
                format!(
                    "{name}: mean absolute clean error over the bound of theorem 5.1, the largest over n"
                ),
                Bound::AtMost(1.0),
            )
            .predicted("at most 1: an upper bound, and weak")
            .because("the theorem holds with high probability; its lower-order terms are left out")
            .rival("predicting 0", nothing)
            .draws(here.draws(|runs| {
                let over = |r: &Regression| Some(r.absolute_error / r.bound?);
                regressions(runs)?.iter().map(over).try_fold(0f64, |worst, x| Some(worst.max(x?)))
            })),
        );
    }
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
            _ => None,
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
    vec![linear("RDI", |rdi, _| rdi), linear("AUX", |_, aux| aux)]
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
        _ => 0,
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
        for &share in &shares {
            let here = runs.only(
                |cell| matches!(cell.experiment, Experiment::Noise { flipped, .. } if flipped == share),
            );
            let difference = |of: fn(&Accuracies) -> f64, less: fn(&Accuracies) -> f64| {
                here.draws(|runs| match &runs.first()?.outcome {
                    Outcome::Noise(accuracies) => Some(of(accuracies) - less(accuracies)),
                    _ => None,
                })
            };
            let place = format!("{}% wrong", f64::from(share) / 10.0);
            gain = gain.at(&place, difference(ours, |a| a.plain));
        }
        checks.push(gain);
    }
    checks
}
