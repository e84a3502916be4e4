//! The claim's figure: the risks of both kernels against `n`, and the same curves moved by the factor `d`.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::theory::Theory;

use super::theory::Steps;
use super::{Cell, Kernel, Outcome, Target};
use crate::summary::distinct;

type Runs = [Run<Cell, Outcome>];

pub(super) fn figure(runs: &Runs, control: &Runs) -> Figure {
    let dimension = runs.iter().map(|r| r.cell.dimension).min().unwrap_or(2);
    Figure {
        name: "invariance".into(),
        title: "A kernel that knows the symmetry takes each step with a d-th of the samples".into(),
        caption: format!(
            "Risk of kernel ridge regression in dimension {dimension} on targets that cyclic shifts leave as they are, energies 0.4, 0.3, 0.3 \
             in degrees 2 to 4. Lines: theory at finite d. Left: against samples, for the kernel averaged over shifts and for the plain one; hollow: the \
             averaged kernel on targets without the symmetry, of which it cannot learn what is not invariant. Right: the samples of the plain kernel divided by d. \
             Points: medians over seeds with 95% intervals."
        ),
        panels: vec![
            panel(runs, Some(control), dimension, "Samples as they are", "samples n", 1.0),
            panel(
                runs,
                None,
                dimension,
                "Plain kernel: samples over d",
                "samples n, or n / d",
                dimension as f64,
            ),
        ],
    }
}

fn line(dimension: usize, kernel: Kernel, target: Target, range: [f64; 2], divide: f64) -> Vec<Point> {
    let at = |i: i32| {
        let samples = range[0] * (range[1] / range[0]).powf(f64::from(i) / 240.0);
        let risk = Steps::of(dimension, samples, kernel, target, &Theory::as_stated())?.risk;
        Some(Point::new(samples / divide, risk))
    };
    (0..=240).filter_map(at).collect()
}

fn medians(
    runs: &Runs,
    dimension: usize,
    kernel: Kernel,
    divide: f64,
    value: impl Fn(&Run<Cell, Outcome>) -> f64,
) -> Vec<Point> {
    let chosen: Vec<&Run<Cell, Outcome>> =
        runs.iter().filter(|r| r.cell.kernel == kernel && r.cell.dimension == dimension).collect();
    let at = |size: usize| {
        let values: Vec<f64> = chosen.iter().filter(|r| r.cell.size == size).map(|r| value(r)).collect();
        median_point(size as f64 / divide, &values)
    };
    distinct(&chosen, |r| r.cell.size).into_iter().filter_map(at).collect()
}

fn panel(runs: &Runs, control: Option<&Runs>, dimension: usize, title: &str, x: &str, divide: f64) -> Panel {
    let d = dimension as f64;
    let mut series = Vec::new();
    let both = [(Kernel::Averaged, "averaged kernel", 1.0), (Kernel::Plain, "plain kernel", divide)];
    for (colour, (kernel, name, divide)) in both.into_iter().enumerate() {
        let range = if kernel == Kernel::Plain && divide > 1.0 {
            [1.3 * d * d, 16.0 * d * d]
        } else if kernel == Kernel::Plain {
            [1.3 * d, 60.0 * d]
        } else {
            [1.3 * d, 16.0 * d]
        };
        let theory = line(dimension, kernel, Target::Invariant, range, divide);
        series.push(Series::new(format!("{name}, theory"), Role::Theory, colour, theory));
        let mut measured = medians(runs, dimension, kernel, divide, |r| r.outcome.invariant);
        measured.retain(|point| point.x >= d);
        series.push(Series::new(format!("{name}, measured"), Role::Experiment, colour, measured));
    }
    if let Some(control) = control {
        let theory = line(dimension, Kernel::Averaged, Target::Generic, [1.3 * d, 16.0 * d], 1.0);
        series.push(Series::new("no symmetry, theory", Role::Theory, 2, theory));
        let measured = medians(control, dimension, Kernel::Averaged, 1.0, |r| r.outcome.generic);
        series.push(Series::new("no symmetry, measured", Role::Control, 2, measured));
    }
    Panel { title: title.into(), x: Axis::log(x), y: Axis::log("risk"), series }
}
