//! The measure against its formula, its order against that of the test error, the bound against the loss.

use overparam_eval::check::{Bound, Check, Draw};
use overparam_eval::claim::Run;
use overparam_eval::runs::Runs;
use overparam_eval::stats;
use overparam_eval::theory::Theory;

use super::{Cell, DEGREES, Outcome, Problem, SHARES, Task};
use crate::hu_2021::images::Data;
use crate::hu_2021::zonal::{Spectrum, peak};

type All<'a> = Runs<'a, Cell, Outcome>;

/// Of the bound.
const DELTA: f64 = 0.05;

pub(super) fn judge(runs: &All<'_>, theory: &Theory) -> Vec<Check> {
    let mut checks = Vec::new();
    let dimension = |cell: &Cell| match cell.problem {
        Problem::Sphere { dimension } => Some(dimension),
        Problem::Images { .. } => None,
    };
    // Cells may have been changed by the user: one dimension and size at a time.
    for (d, n) in runs.distinct(|cell| (dimension(cell), cell.examples)) {
        if let Some(d) = d {
            let here = runs.only(|cell| dimension(cell) == Some(d) && cell.examples == n);
            checks.extend(sphere(&here, d, n, theory));
        }
    }
    let data = |cell: &Cell| match &cell.problem {
        Problem::Images { data, .. } => Some(data.clone()),
        Problem::Sphere { .. } => None,
    };
    for set in runs.distinct(data).into_iter().flatten() {
        checks.extend(images(&runs.only(|cell| data(cell).as_ref() == Some(&set)), &set, theory));
    }
    checks
}

/// The kernel of the first layer on unit inputs.
fn kernel(t: f64) -> f64 {
    t * (std::f64::consts::PI - t.clamp(-1.0, 1.0).acos()) / (2.0 * std::f64::consts::PI)
}

/// `1 / (e_k + kappa)` for the tasks of [`DEGREES`], and `1 / kappa` for coins.
pub(super) fn predicted(d: usize, n: usize) -> Vec<f64> {
    let spectrum = Spectrum::of(kernel, d);
    let kappa = spectrum.kappa(n as f64, 0.0);
    let harmonics = DEGREES.map(|k| 1.0 / (spectrum.eigenvalue(k) + kappa));
    harmonics.into_iter().chain([kappa.recip()]).collect()
}

pub(super) fn names() -> impl Iterator<Item = String> {
    DEGREES.iter().map(|k| format!("degree {k}")).chain(["coins".into()])
}

/// `B` whole and at least `sqrt(q)`; training loss aside.
fn bound(complexity: f64, n: usize) -> f64 {
    let (radius, n) = (complexity.sqrt().ceil().max(1.0), n as f64);
    radius * (2.0 / n).sqrt() + ((radius * (radius + 1.0) / DELTA).ln() / (2.0 * n)).sqrt()
}

fn tasks<'a>(runs: &[&'a Run<Cell, Outcome>]) -> Option<&'a [Task]> {
    match &runs.first()?.outcome {
        Outcome::Sphere(tasks) => Some(tasks),
        Outcome::Images { .. } => None,
    }
}

fn sphere(runs: &All<'_>, d: usize, n: usize, theory: &Theory) -> Vec<Check> {
    let factor = theory.constant("y^T H^-1 y", 1.0);
    let gap = theory.constant("ln of the measures' ratio", 1.0);
    let predicted = predicted(d, n);
    let of = |value: &dyn Fn(&[Task]) -> Option<f64>| -> Vec<Draw> { runs.draws(|runs| value(tasks(runs)?)) };
    let mut size = Check::new(
        "complexity",
        "sphere: y^T H^-1 y over the predicted one",
        Bound::Factor { target: 1.0, factor: 1.15 },
    )
    .predicted("1: 1 / (e_k + kappa)")
    .because("finite n; the nearest rival is a factor 2 away")
    .rival("H without its factor 1/2", 0.5)
    .control_fails()
    .log_mean();
    for (i, (name, predicted)) in names().zip(&predicted).enumerate() {
        size = size.at(name, of(&|tasks| Some(tasks.get(i)?.complexity / (factor * predicted))));
    }
    // Places 2 and 3 of DEGREES.
    let log_ratio = |value: fn(&Task) -> f64| {
        move |tasks: &[Task]| Some((value(tasks.get(3)?) / value(tasks.get(2)?)).ln())
    };
    let pair = Check::new(
        "pair",
        "sphere: ln of the measure of degree 3 over that of degree 4",
        Bound::Within { target: gap * 0.5 * (predicted[3] / predicted[2]).ln(), tolerance: 0.2 },
    )
    .predicted("from the kernel's eigenvalues: degree 3 is empty")
    .because("finite n; labels have the same norm")
    .rival("nearest neighbours: degree 4 is harder", -0.4)
    .rival("the linear kernel, or the norm of the labels", 0.0)
    .control_fails()
    .mean()
    .draws(of(&|tasks| Some(0.5 * log_ratio(|t| t.complexity)(tasks)?)));
    let harder = Check::new(
        "harder",
        "sphere: ln of the test error of degree 3 over that of degree 4",
        Bound::AtLeast(0.2),
    )
    .predicted("above 0: as the measure says")
    .because("a fifth is more than the luck of the draw")
    .rival("nearest neighbours: degree 4 is harder", -0.4)
    .rival("the linear kernel, or the norm of the labels", 0.0)
    .draws(of(&log_ratio(|t| t.test_error)));
    let order = Check::new(
        "order",
        "sphere: rank correlation of measure and test error over degrees 1, 2, 4, 3",
        Bound::AtLeast(0.95),
    )
    .predicted("1 in every draw")
    .because("three of four in order have 0.8")
    .rival("nearest neighbours", 0.8)
    .control_fails()
    .exact()
    .draws(of(&|tasks| {
        let pairs = tasks.get(..DEGREES.len())?.iter().map(|t| (t.complexity, t.test_error));
        let (measures, errors): (Vec<f64>, Vec<f64>) = pairs.unzip();
        Some(stats::spearman(&measures, &errors).ok()?.rho)
    }));
    let scaled = |i: usize| {
        let peak = DEGREES.get(i).map_or(1.0, |&k| peak(k, d));
        move |t: &Task| bound(t.complexity / (peak * peak), n)
    };
    let holds =
        Check::new("bound", "sphere: test loss over its bound, the largest of all tasks", Bound::AtMost(1.0))
            .predicted("at most 1")
            .because("theorem 5.1 with explicit constants: an inequality, and weak")
            .rival("a loss of one half at degree 1", 2.5)
            .draws(of(&|tasks| {
                tasks.iter().enumerate().map(|(i, t)| t.test_loss / scaled(i)(t)).reduce(f64::max)
            }));
    let bites =
        Check::new("bites", "sphere, degree 1: the bound over the loss of predicting 0", Bound::AtMost(0.9))
            .predicted("below 1: the theorem promises something")
            .because("its constants, derived")
            .rival("a vacuous bound", 1.0)
            .control_fails()
            .draws(of(&|tasks| tasks.first().map(|t| scaled(0)(t) / t.nothing)));
    vec![size, pair, harder, order, holds, bites]
}

fn images(runs: &All<'_>, data: &Data, theory: &Theory) -> Vec<Check> {
    let power = theory.constant("2 in (1 - p)^2", 2.0);
    let name = data.name();
    let n = runs.cells().map(|cell| cell.examples).max().unwrap_or(1);
    let mut corrupted = Check::new(
        format!("corrupted-{name}"),
        format!("{name}: y^T H^-1 y with a share p of coins, over the predicted one"),
        Bound::Factor { target: 1.0, factor: 1.05 },
    )
    .predicted("1: (1-p)^2 q(0) + (1 - (1-p)^2) tr H^-1")
    .because("the mean of two hundred draws of the coins")
    .rival("a share 1 - p of clean labels, 1 - p in place of its square", 0.8)
    .log_mean();
    for (i, p) in SHARES.into_iter().enumerate() {
        let ratio = |runs: &[&Run<Cell, Outcome>]| match &runs.first()?.outcome {
            Outcome::Images { complexity, trace, corrupted, .. } => {
                let kept = (1.0 - p).powf(power);
                Some(corrupted.get(i)? / (kept * complexity + (1.0 - kept) * trace))
            }
            Outcome::Sphere(_) => None,
        };
        corrupted = corrupted.at(format!("p = {p}"), runs.draws(ratio));
    }
    let with = |value: fn([f64; 2], f64) -> f64| {
        runs.draws(|runs| match &runs.first()?.outcome {
            Outcome::Images { complexity, losses, .. } => Some(value((*losses)?, bound(*complexity, n))),
            Outcome::Sphere(_) => None,
        })
    };
    let holds = Check::new(
        format!("bound-{name}"),
        format!("{name}: test loss of the trained net over its bound"),
        Bound::AtMost(1.0),
    )
    .predicted("at most 1")
    .because("theorem 5.1 with explicit constants, up to its corrections at finite width")
    .rival("predicting 0", 1.15)
    .draws(with(|[train, test], bound| test / (train + bound)));
    let mut checks = vec![corrupted, holds];
    if *data == Data::Digits {
        checks.push(
            Check::new(
                format!("bites-{name}"),
                format!("{name}: the bound over the loss of predicting 0"),
                Bound::AtMost(1.0),
            )
            .predicted("below 1: the theorem promises something")
            .because("its constants, derived; a bound of 1 or more promises nothing")
            .control_fails()
            .draws(with(|[train, _], bound| train + bound)),
        );
    }
    checks
}
