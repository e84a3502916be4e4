//! Figures and tables.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::stats;
use overparam_eval::table::{Table, number};

use super::{Cell, KAPPA, Labels, Outcome};
use crate::hu_2021::images::Data;
use crate::summary::distinct;

pub(super) fn figures(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
    let figure = |data: &Data| {
        Figure {
        name: format!("loss-dynamics-{}", data.name()),
        title: format!("Training loss, predicted and measured ({})", data.name()),
        caption: "Left: the loss of the widest net of one seed (points) and its prediction from the kernel (lines). Right: the \
                  largest distance of outputs from the prediction relative to the labels, true or random, whichever is larger: \
                  medians over seeds with ranges, and the slope -1/2 through the widest; hollow: with the kernel of the images in \
                  another order."
            .into(),
        panels: vec![curves(runs, data), widths(runs, control, data)],
    }
    };
    distinct(runs, |r| r.cell.data.clone()).iter().map(figure).collect()
}

fn curves(runs: &[Run<Cell, Outcome>], data: &Data) -> Panel {
    let judged = || runs.iter().filter(|r| r.cell.data == *data && r.cell.kappa == KAPPA);
    let widest = judged().map(|r| r.cell.width).max();
    let mut series = Vec::new();
    for (colour, (labels, name)) in
        [(Labels::True, "true labels"), (Labels::Random, "random labels")].into_iter().enumerate()
    {
        let first = judged().find(|r| Some(r.cell.width) == widest && r.cell.labels == labels);
        let points = |pick: fn(&(usize, f64, f64)) -> f64| -> Vec<Point> {
            first.map_or_else(Vec::new, |run| {
                run.outcome.curve.iter().map(|p| Point::new(p.0 as f64, pick(p))).collect()
            })
        };
        series.push(Series::new(format!("{name}, predicted"), Role::Theory, colour, points(|p| p.2)));
        series.push(Series::new(name, Role::Experiment, colour, points(|p| p.1)));
    }
    Panel {
        title: "One run".into(),
        x: Axis::linear("step"),
        y: Axis::log("loss / loss at the start"),
        series,
    }
}

fn widths(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>], data: &Data) -> Panel {
    let points = |runs: &[Run<Cell, Outcome>], kappa: f64| -> Vec<Point> {
        let of: Vec<&Run<Cell, Outcome>> =
            runs.iter().filter(|r| r.cell.data == *data && r.cell.kappa == kappa).collect();
        let point = |width: usize| {
            let here = of.iter().filter(|r| r.cell.width == width);
            let seeds = distinct(&of, |r| r.cell.seed).into_iter();
            let worst = |seed| {
                here.clone().filter(|r| r.cell.seed == seed).map(|r| r.outcome.deviation).reduce(f64::max)
            };
            median_point(width as f64, &seeds.filter_map(worst).collect::<Vec<_>>())
        };
        distinct(&of, |r| r.cell.width).into_iter().filter_map(point).collect()
    };
    let measured = points(runs, KAPPA);
    let line = measured.last().map_or_else(Vec::new, |last| {
        measured.iter().map(|p| Point::new(p.x, last.y * (last.x / p.x).sqrt())).collect()
    });
    let mut series = vec![
        Series::new("m^(-1/2)", Role::Theory, 0, line),
        Series::new("kappa = 10", Role::Experiment, 0, measured),
        Series::new("other kernel", Role::Control, 1, points(control, KAPPA)),
    ];
    let small = points(runs, 1.0);
    if !small.is_empty() {
        series.push(Series::new("kappa = 1, not judged", Role::Experiment, 2, small));
    }
    Panel { title: "All widths".into(), x: Axis::log("width m"), y: Axis::log("deviation"), series }
}

pub(super) fn tables(runs: &[Run<Cell, Outcome>]) -> Vec<Table> {
    let head =
        ["labels", "kappa", "width", "deviation", "error of the curve", "steps to a tenth", "predicted"];
    let table = |data: &Data| {
        let mut rows = Vec::new();
        for kappa in [KAPPA, 1.0] {
            for (labels, name) in [(Labels::True, "true"), (Labels::Random, "random")] {
                let of: Vec<&Run<Cell, Outcome>> = runs
                    .iter()
                    .filter(|r| r.cell.data == *data && r.cell.kappa == kappa && r.cell.labels == labels)
                    .collect();
                for width in distinct(&of, |r| r.cell.width) {
                    let middle = |value: fn(&Outcome) -> Option<f64>| {
                        let here = of.iter().filter(|r| r.cell.width == width);
                        let values: Vec<f64> = here.filter_map(|r| value(&r.outcome)).collect();
                        stats::median(&values).map_or_else(|_| String::new(), number)
                    };
                    rows.push(vec![
                        name.into(),
                        number(kappa),
                        width.to_string(),
                        middle(|o| Some(o.deviation)),
                        middle(|o| Some(o.curve_error)),
                        middle(|o| o.steps.map(|k| k as f64)),
                        middle(|o| o.predicted_steps.map(|k| k as f64)),
                    ]);
                }
            }
        }
        Table {
            caption: format!("{}: medians over seeds", data.name()),
            head: head.map(String::from).to_vec(),
            rows,
        }
    };
    distinct(runs, |r| r.cell.data.clone()).iter().map(table).collect()
}
