//! Figures and tables.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::stats;
use overparam_eval::table::{Table, number};

use super::judge::{names, predicted};
use super::{Cell, DEGREES, Outcome, Problem, SHARES, Task};
use crate::hu_2021::images::Data;
use crate::summary::distinct;

type Runs = [Run<Cell, Outcome>];

pub(super) fn figures(runs: &Runs, control: &Runs) -> Vec<Figure> {
    let mut panels = vec![measures(runs, control), errors(runs)];
    panels.push(corrupted(runs));
    vec![Figure {
        name: "label-complexity".into(),
        title: "A measure of labels, and what is learned from them".into(),
        caption: "Left: the measure of harmonics and coins on the sphere, computed before training, with its formula; hollow: the \
                  kernel of other inputs. Middle: the test error of the infinitely wide net, and what nearest neighbours disagree by. Right: \
                  the measure of images of which a share of labels is replaced by coins. Medians over seeds with their intervals."
            .into(),
        panels,
    }]
}

fn sphere(runs: &Runs) -> impl Iterator<Item = (&Cell, &[Task])> {
    runs.iter().filter_map(|run| match &run.outcome {
        Outcome::Sphere(tasks) => Some((&run.cell, tasks.as_slice())),
        Outcome::Images { .. } => None,
    })
}

fn points(runs: &Runs, value: impl Fn(&Cell, &Task) -> f64) -> Vec<Point> {
    let at = |i: usize| {
        let values: Vec<f64> =
            sphere(runs).filter_map(|(cell, tasks)| Some(value(cell, tasks.get(i)?))).collect();
        median_point(i as f64, &values)
    };
    (0..=DEGREES.len()).filter_map(at).collect()
}

fn axis() -> Axis {
    Axis::named("labels", &["degree 1", "2", "4", "3", "coins"])
}

fn measure(cell: &Cell, complexity: f64) -> f64 {
    (2.0 * complexity / cell.examples as f64).sqrt()
}

fn measures(runs: &Runs, control: &Runs) -> Panel {
    let theory = sphere(runs).next().map_or_else(Vec::new, |(cell, _)| {
        let d = match cell.problem {
            Problem::Sphere { dimension } => dimension,
            Problem::Images { .. } => return Vec::new(),
        };
        let values = predicted(d, cell.examples).into_iter().enumerate();
        values.map(|(i, q)| Point::new(i as f64, measure(cell, q))).collect()
    });
    let measured = |runs: &Runs| points(runs, |cell, task| measure(cell, task.complexity));
    Panel {
        title: "Before training".into(),
        x: axis(),
        y: Axis::log("sqrt(2 y^T H^-1 y / n)"),
        series: vec![
            Series::new("formula", Role::Theory, 0, theory),
            Series::new("measure", Role::Experiment, 0, measured(runs)),
            Series::new("kernel of other inputs", Role::Control, 1, measured(control)),
        ],
    }
}

fn errors(runs: &Runs) -> Panel {
    Panel {
        title: "After training".into(),
        x: axis(),
        y: Axis::log("mean squared error"),
        series: vec![
            Series::new("test error", Role::Experiment, 0, points(runs, |_, task| task.test_error)),
            Series::new("nearest neighbours", Role::Trajectory, 2, points(runs, |_, task| task.neighbours)),
        ],
    }
}

fn corrupted(runs: &Runs) -> Panel {
    let sets = distinct(runs, |run| match &run.cell.problem {
        Problem::Images { data, .. } => Some(data.clone()),
        Problem::Sphere { .. } => None,
    });
    let mut series = Vec::new();
    for (colour, data) in sets.into_iter().flatten().enumerate() {
        let measured = |theory: bool| -> Vec<Point> {
            let values = |i: usize, p: f64| -> Vec<f64> {
                runs.iter().filter_map(|run| value(run, &data, (i, p), theory)).collect()
            };
            SHARES.iter().enumerate().filter_map(|(i, &p)| median_point(p, &values(i, p))).collect()
        };
        series.push(Series::new(format!("{}: formula", data.name()), Role::Theory, colour, measured(true)));
        series.push(Series::new(data.name(), Role::Experiment, colour, measured(false)));
    }
    Panel {
        title: "Corrupted labels".into(),
        x: Axis::linear("share of coins p"),
        y: Axis::linear("sqrt(2 y^T H^-1 y / n)"),
        series,
    }
}

fn value(run: &Run<Cell, Outcome>, data: &Data, (i, p): (usize, f64), theory: bool) -> Option<f64> {
    match (&run.cell.problem, &run.outcome) {
        (Problem::Images { data: of, .. }, Outcome::Images { complexity, trace, corrupted, .. })
            if of == data =>
        {
            let kept = (1.0 - p).powi(2);
            let q = if theory { kept * complexity + (1.0 - kept) * trace } else { *corrupted.get(i)? };
            Some(measure(&run.cell, q))
        }
        _ => None,
    }
}

pub(super) fn tables(runs: &Runs) -> Vec<Table> {
    let row = |(i, name): (usize, String)| {
        let middle = |value: fn(&Cell, &Task) -> f64| {
            let values: Vec<f64> =
                sphere(runs).filter_map(|(cell, tasks)| Some(value(cell, tasks.get(i)?))).collect();
            stats::median(&values).map_or_else(|_| String::new(), number)
        };
        vec![
            name,
            middle(|cell, t| measure(cell, t.complexity)),
            middle(|_, t| t.test_error),
            middle(|_, t| t.test_loss),
            middle(|_, t| t.nothing),
            middle(|_, t| t.neighbours),
            middle(|_, t| t.linear),
        ]
    };
    let head = [
        "labels",
        "measure",
        "test error",
        "test loss",
        "loss of predicting 0",
        "disagreement of nearest neighbours",
        "ridge norm, linear kernel",
    ];
    vec![Table {
        caption: "Sphere: medians over seeds".into(),
        head: head.map(String::from).to_vec(),
        rows: names().enumerate().map(row).collect(),
    }]
}
