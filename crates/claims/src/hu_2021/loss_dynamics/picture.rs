//! Figures and tables.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::stats;
use overparam_eval::table::{Table, number};

use super::{Cell, Moment, Outcome, Start, deviation_ratio};
use crate::hu_2021::images::Data;
use crate::summary::distinct;

type Runs = [Run<Cell, Outcome>];

pub(super) fn figures(runs: &Runs, control: &Runs) -> Vec<Figure> {
    let figure = |data: &Data| {
        Figure {
        name: format!("loss-dynamics-{}", data.name()),
        title: format!("Training on coins, predicted and measured ({})", data.name()),
        caption: "Widest nets; lines: theory, from the kernel (left) and from the fluctuation of one neuron's kernel (right). Points: \
                  means over eight nets, medians over seeds with their intervals. Hollow: mean-field scaling."
            .into(),
        panels: vec![
            panel("Loss", "loss / loss at the start", [runs, control], data, |m, _| m.predicted_loss, |m| m.loss),
            panel(
                "Distance from the prediction",
                "squared distance of outputs / |y|^2",
                [runs, control],
                data,
                |m, width| 2.0 * m.predicted_deviation / width as f64,
                |m| m.deviation,
            ),
        ],
    }
    };
    distinct(runs, |r| r.cell.data.clone()).iter().map(figure).collect()
}

fn panel(
    title: &str,
    axis: &str,
    [runs, control]: [&Runs; 2],
    data: &Data,
    predicted: impl Fn(&Moment, usize) -> f64,
    measured: impl Fn(&Moment) -> f64,
) -> Panel {
    let widest = runs.iter().map(|r| r.cell.width).max().unwrap_or(0);
    let of = |runs: &Runs, value: &dyn Fn(&Moment) -> f64| -> Vec<Point> {
        let here = || {
            let chosen = runs.iter().filter(|r| r.cell.data == *data && r.cell.width == widest);
            chosen.filter(|r| !matches!(r.cell.start, Start::Shown(_)))
        };
        let steps = here().map(|r| &r.outcome.moments).find(|moments| !moments.is_empty());
        let at = |(i, moment): (usize, &Moment)| {
            let values: Vec<f64> = here().filter_map(|r| r.outcome.moments.get(i)).map(value).collect();
            median_point(moment.step as f64, &values)
        };
        steps.map_or_else(Vec::new, |moments| moments.iter().enumerate().filter_map(at).collect())
    };
    Panel {
        title: title.into(),
        x: Axis::log("step"),
        y: Axis::log(axis),
        series: vec![
            Series::new("predicted", Role::Theory, 0, of(runs, &|m| predicted(m, widest))),
            Series::new("nets", Role::Experiment, 0, of(runs, &measured)),
            Series::new("mean-field", Role::Control, 1, of(control, &measured)),
        ],
    }
}

pub(super) fn tables(runs: &Runs) -> Vec<Table> {
    let head = [
        "data",
        "width",
        "kappa",
        "distance / predicted",
        "distance from NNGP / predicted",
        "steps, coins",
        "predicted",
        "steps, true labels",
        "predicted",
    ];
    let mut rows = Vec::new();
    for data in distinct(runs, |r| r.cell.data.clone()) {
        for width in distinct(runs, |r| r.cell.width) {
            for shown in [false, true] {
                let of: Vec<&Run<Cell, Outcome>> = runs
                    .iter()
                    .filter(|r| r.cell.data == data && r.cell.width == width)
                    .filter(|r| matches!(r.cell.start, Start::Shown(_)) == shown)
                    .collect();
                let Some(first) = of.first() else { continue };
                let middle = |value: &dyn Fn(&Run<Cell, Outcome>) -> Option<f64>| {
                    let values: Vec<f64> = of.iter().filter_map(|r| value(r)).collect();
                    stats::median(&values).map_or_else(|_| "none".into(), number)
                };
                rows.push(vec![
                    data.name().into(),
                    width.to_string(),
                    number(first.cell.start.scale(width)),
                    middle(&|r| deviation_ratio(r, 2.0)),
                    middle(&|r| {
                        let sum = |f: fn(&Moment) -> f64| r.outcome.moments.iter().map(f).sum::<f64>();
                        Some(sum(|m| m.from_nngp) * width as f64 / (2.0 * sum(|m| m.predicted_deviation)))
                    }),
                    middle(&|r| r.outcome.steps[0]),
                    middle(&|r| r.outcome.predicted_steps[0]),
                    middle(&|r| r.outcome.steps[1]),
                    middle(&|r| r.outcome.predicted_steps[1]),
                ]);
            }
        }
    }
    vec![Table {
        caption: "Squared distance of outputs from the kernel's prediction, and steps to a tenth of the loss: medians over seeds".into(),
        head: head.map(String::from).to_vec(),
        rows,
    }]
}
