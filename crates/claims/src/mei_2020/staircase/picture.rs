//! The claim's figure: the kernel's risk against `n`, and the shares that features leave of each degree.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::theory::Theory;

use super::theory::{Steps, random_left, tangent_left};
use super::{Cell, Model, Outcome};
use crate::summary::distinct;

type Runs = [Run<Cell, Outcome>];

pub(super) fn figure(runs: &Runs, control: &Runs) -> Figure {
    Figure {
        name: "staircase".into(),
        title: "Test error falls in steps: one degree after another".into(),
        caption: "Left: risk of kernel ridge regression against samples, energies 0.4, 0.3, 0.3 in degrees 1 to 3. Lines: theory at \
                  finite d, with a peak where n meets the dimension of a degree. Hollow: the energy of degree 3 in degree 8. Middle, \
                  right: the share that random and tangent features leave of each degree; lines: the deterministic equivalent (random) and \
                  counting dimensions (tangent). Points: medians over seeds with 95% intervals."
            .into(),
        panels: vec![
            kernel(runs, control),
            shares(runs, Model::RandomFeatures, "Random features", "features N"),
            shares(runs, Model::Tangent, "Tangent features", "neurons N"),
        ],
    }
}

fn medians(runs: &Runs, wanted: impl Fn(&Cell) -> bool, value: impl Fn(&Outcome) -> f64) -> Vec<Point> {
    let chosen: Vec<&Run<Cell, Outcome>> = runs.iter().filter(|r| wanted(&r.cell)).collect();
    let at = |size: usize| {
        let values: Vec<f64> =
            chosen.iter().filter(|r| r.cell.size == size).map(|r| value(&r.outcome)).collect();
        median_point(size as f64, &values)
    };
    distinct(&chosen, |r| r.cell.size).into_iter().filter_map(at).collect()
}

fn kernel(runs: &Runs, control: &Runs) -> Panel {
    let kernels: Vec<&Cell> = runs.iter().map(|r| &r.cell).filter(|c| c.model == Model::Kernel).collect();
    let mut series = Vec::new();
    for (colour, dimension) in distinct(&kernels, |c| c.dimension).into_iter().enumerate() {
        let wanted = |c: &Cell| c.model == Model::Kernel && c.dimension == dimension;
        let most = kernels.iter().filter(|c| c.dimension == dimension).map(|c| c.size).max().unwrap_or(1);
        let line = |k: i32| {
            let samples =
                (dimension as f64 / 2.0) * (2.0 * most as f64 / dimension as f64).powf(f64::from(k) / 100.0);
            Some(Point::new(samples, Steps::of(dimension, samples, &Theory::as_stated())?.risk))
        };
        let label = |what: &str| format!("d = {dimension}, {what}");
        series.push(Series::new(label("theory"), Role::Theory, colour, (0..=100).filter_map(line).collect()));
        series.push(Series::new(
            label("measured"),
            Role::Experiment,
            colour,
            medians(runs, wanted, Outcome::risk),
        ));
        series.push(Series::new(
            label("control"),
            Role::Control,
            colour,
            medians(control, wanted, Outcome::risk),
        ));
    }
    Panel { title: "Kernel ridge regression".into(), x: Axis::log("samples n"), y: Axis::log("risk"), series }
}

fn shares(runs: &Runs, model: Model, title: &str, label: &str) -> Panel {
    let cells: Vec<&Cell> = runs.iter().map(|r| &r.cell).filter(|c| c.model == model).collect();
    let dimension = cells.iter().map(|c| c.dimension).max().unwrap_or(2);
    let most = cells.iter().map(|c| c.size).max().unwrap_or(1);
    let mut series = Vec::new();
    for degree in 0..3 {
        let predicted = |k: usize| {
            let size = (most * k / 50).max(1);
            let theory = Theory::as_stated();
            let left = match model {
                Model::Tangent => tangent_left(dimension, size, &theory).0,
                _ => random_left(dimension, size, &theory)?.left,
            };
            Some(Point::new(size as f64, left[degree]))
        };
        let name = |what: &str| format!("degree {}, {what}", degree + 1);
        series.push(Series::new(
            name("predicted"),
            Role::Theory,
            degree,
            (0..=55).filter_map(predicted).collect(),
        ));
        let measured = medians(runs, |c| c.model == model, |o| o.left[degree]);
        series.push(Series::new(name("measured"), Role::Experiment, degree, measured));
    }
    Panel { title: title.into(), x: Axis::linear(label), y: Axis::linear("share left"), series }
}
