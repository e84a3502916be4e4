//! Figures and tables.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::stats;
use overparam_eval::table::{Table, number};

use super::judge::{Method, accuracies, finite, shares};
use super::{Accuracies, Cell, Outcome};
use crate::hu_2021::images::Data;
use crate::summary::distinct;

const METHODS: [Method; 4] =
    [("plain", |a| a.plain), ("RDI", |a| a.rdi), ("AUX", |a| a.aux), ("best early stop", |a| a.stopped)];

pub(super) fn figures(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
    let figure = |data: &Data| {
        let mut panels = vec![noise(runs, control, data)];
        if *data == Data::Digits {
            panels.push(widths(runs));
        }
        Figure {
            name: format!("noisy-labels-{}", data.name()),
            title: format!("Learning from wrong labels ({})", data.name()),
            caption: "Accuracy on clean test images: points of trained nets, the line kernel ridge regression with the infinite \
                      kernel; hollow: clean labels; methods side by side. Beside it the distance of finite nets, trained by RDI and AUX, from kernel \
                      ridge regression with their own kernel, and the slope -1/2. Medians over seeds with ranges."
                .into(),
            panels,
        }
    };
    distinct(runs, |r| r.cell.data.clone()).iter().map(figure).collect()
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

fn widths(runs: &[Run<Cell, Outcome>]) -> Panel {
    let all = finite(runs);
    let point = |width: usize| {
        let values: Vec<f64> = all.iter().filter(|p| p.0 == width).map(|p| p.1).collect();
        median_point(width as f64, &values)
    };
    let measured: Vec<Point> = distinct(&all, |p| p.0).into_iter().filter_map(point).collect();
    let line = measured.last().map_or_else(Vec::new, |last| {
        measured.iter().map(|p| Point::new(p.x, last.y * (last.x / p.x).sqrt())).collect()
    });
    Panel {
        title: "Finite nets".into(),
        x: Axis::log("width m"),
        y: Axis::log("distance of test outputs"),
        series: vec![
            Series::new("m^(-1/2)", Role::Theory, 0, line),
            Series::new("RDI and AUX, the larger", Role::Experiment, 0, measured),
        ],
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
    vec![Table {
        caption: "Accuracies on clean test images, means over seeds".into(),
        head: head.map(String::from).collect(),
        rows,
    }]
}
