//! Figures and tables.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::stats;
use overparam_eval::table::{Table, number};

use super::judge::{Method, accuracies, shares};
use super::sphere::{DIMENSION, NOISE, RULES, kernel, predicted};
use super::{Accuracies, Cell, Experiment, Outcome};
use crate::hu_2021::images::Data;
use crate::hu_2021::zonal::Spectrum;
use crate::summary::distinct;

const METHODS: [Method; 4] =
    [("plain", |a| a.plain), ("RDI", |a| a.rdi), ("AUX", |a| a.aux), ("best early stop", |a| a.stopped)];

pub(super) fn figures(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
    let figure = |data: &Data| {
        Figure {
        name: format!("noisy-labels-{}", data.name()),
        title: format!("Learning from wrong labels ({})", data.name()),
        caption: "Accuracy on clean test images: points of trained nets, the line kernel ridge regression with the infinite kernel; \
                  hollow: clean labels; methods side by side. Medians over seeds with their intervals."
            .into(),
        panels: vec![noise(runs, control, data)],
    }
    };
    let mut figures = vec![Figure {
        name: "noisy-labels".into(),
        title: "Regression from noisy labels, and its deterministic equivalent".into(),
        caption: "Points: clean error of kernel ridge regression on the sphere, medians over seeds with their intervals; lines: the \
                  formula. Hollow: no regularisation."
            .into(),
        panels: vec![sphere(runs, control)],
    }];
    let sets = distinct(runs, |r| r.cell.data.clone());
    figures.extend(sets.iter().filter(|data| !shares(runs, data).is_empty()).map(figure));
    figures
}

fn sphere(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Panel {
    let spectrum = Spectrum::of(kernel, DIMENSION);
    let errors = |runs: &[Run<Cell, Outcome>], wanted: usize| -> Vec<(usize, f64)> {
        let of = |run: &Run<Cell, Outcome>| match (&run.cell.experiment, &run.outcome) {
            (Experiment::Sphere { rule, .. }, Outcome::Sphere(regressions)) if *rule == wanted => {
                regressions.iter().map(|r| (r.examples, r.clean_error)).collect()
            }
            _ => Vec::new(),
        };
        runs.iter().flat_map(of).collect()
    };
    let points = |errors: &[(usize, f64)]| -> Vec<Point> {
        let at = |n: usize| {
            let values: Vec<f64> = errors.iter().filter(|e| e.0 == n).map(|e| e.1).collect();
            median_point(n as f64, &values)
        };
        distinct(errors, |e| e.0).into_iter().filter_map(at).collect()
    };
    let mut series = Vec::new();
    for (colour, rule) in RULES.into_iter().enumerate() {
        let errors = errors(runs, colour);
        let line = distinct(&errors, |e| e.0)
            .into_iter()
            .map(|n| Point::new(n as f64, predicted(&spectrum, n, rule.lambda(n), NOISE * NOISE)));
        let label = format!("lambda = {} n^{}", number(rule.factor), number(rule.power));
        series.push(Series::new(format!("{label}: formula"), Role::Theory, colour, line.collect()));
        series.push(Series::new(label, Role::Experiment, colour, points(&errors)));
    }
    series.push(Series::new("lambda = 0", Role::Control, RULES.len(), points(&errors(control, 0))));
    Panel {
        title: "Clean error".into(),
        x: Axis::log("examples n"),
        y: Axis::log("mean squared error"),
        series,
    }
}

/// Medians over seeds, `aside` percent beside their place.
fn points(
    runs: &[Run<Cell, Outcome>],
    data: &Data,
    method: fn(&Accuracies) -> f64,
    aside: f64,
) -> Vec<Point> {
    let point =
        |share: u32| median_point(f64::from(share) / 10.0 + aside, &accuracies(runs, data, share, method));
    shares(runs, data).into_iter().filter_map(point).collect()
}

fn noise(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>], data: &Data) -> Panel {
    let mut series =
        vec![Series::new("kernel ridge regression", Role::Theory, 1, points(runs, data, |a| a.ridge, 0.0))];
    // Side by side: their accuracies are alike.
    let aside = |method: usize| 1.5 * method as f64 - 2.25;
    for (colour, (name, method)) in METHODS.into_iter().enumerate() {
        let points = points(runs, data, method, aside(colour));
        series.push(Series::new(name, Role::Experiment, colour, points));
    }
    for (colour, (name, method)) in METHODS.into_iter().enumerate().take(2) {
        let label = format!("{name}, clean");
        series.push(Series::new(label, Role::Control, colour, points(control, data, method, aside(colour))));
    }
    Panel {
        title: "Accuracy on clean images".into(),
        x: Axis::linear("wrong training labels (%)"),
        y: Axis::linear("test accuracy"),
        series,
    }
}

pub(super) fn tables(runs: &[Run<Cell, Outcome>]) -> Vec<Table> {
    let columns: [Method; 10] = [
        ("plain", |a| a.plain),
        ("RDI", |a| a.rdi),
        ("AUX", |a| a.aux),
        ("best early stop", |a| a.stopped),
        ("kernel ridge", |a| a.ridge),
        ("ridgeless", |a| a.ridgeless),
        ("lambda", |a| a.lambda),
        ("steps of plain", |a| a.steps as f64),
        ("fitted labels", |a| a.fitted),
        ("stopped at", |a| a.stopped_at as f64),
    ];
    let mut rows = Vec::new();
    for data in distinct(runs, |r| r.cell.data.clone()) {
        for share in shares(runs, &data) {
            let mut row = vec![data.name().to_owned(), number(f64::from(share) / 10.0)];
            row.extend(columns.iter().map(|(_, value)| {
                stats::mean(&accuracies(runs, &data, share, *value), 0.95)
                    .map_or_else(|_| String::new(), |m| number(m.value))
            }));
            rows.push(row);
        }
    }
    let head = ["data", "wrong labels (%)"].into_iter().chain(columns.iter().map(|c| c.0));
    if rows.is_empty() {
        return Vec::new();
    }
    vec![Table {
        caption: "Accuracies on clean test images, means over seeds".into(),
        head: head.map(String::from).collect(),
        rows,
    }]
}
