//! The claim's picture: loss curves, and how far weights move.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};

use super::{Cell, Curve, Loss, Outcome, Task};
use crate::summary::distinct;
use crate::widths;

pub(super) fn figure(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Figure {
    let coins = |runs: &[Run<Cell, Outcome>]| -> Vec<Run<Cell, Outcome>> {
        let wanted = |r: &&Run<Cell, Outcome>| r.cell.task == Task::Coins && r.cell.loss == Loss::Squared;
        runs.iter().filter(wanted).cloned().collect()
    };
    Figure {
        name: "zero-training-error".into(),
        title: "Random labels fitted at the kernel's rates".into(),
        caption: "Left: loss of the widest net on coins over steps, first seed; lines: predicted from the empirical kernel at the \
                  start; hollow: the logistic loss, a power of the steps. Right: how far weights move, medians over seeds with \
                  their intervals; hollow: mean-field scaling."
            .into(),
        panels: vec![
            Panel {
                title: "Loss on coins".into(),
                x: Axis::linear("steps of full-batch descent"),
                y: Axis::log("share of the first"),
                series: curves(&coins(runs), control),
            },
            widths::panel(
                "Movement of the weights",
                "largest |W(T) - W(0)| / sqrt(m)",
                widths::by_depth(
                    &coins(runs),
                    &coins(control),
                    |o| o.trained.as_ref().map(|t| t.moved),
                    Some(-0.5),
                ),
            ),
        ],
    }
}

fn curves(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Series> {
    let mut all = Vec::new();
    for (colour, depth) in distinct(runs, |r| r.cell.form.depth).into_iter().enumerate() {
        let widest = runs.iter().filter(|r| r.cell.form.depth == depth).map(|r| r.cell.form.width).max();
        let here = |r: &&Run<Cell, Outcome>| r.cell.form.depth == depth && Some(r.cell.form.width) == widest;
        let curve = |r: &Run<Cell, Outcome>| r.outcome.trained.as_ref()?.curve.clone();
        let points = |curve: &Curve, values: &[f64]| {
            values.iter().enumerate().map(|(i, &v)| Point::new(i as f64 * curve.spacing, v)).collect()
        };
        if let Some(curve) = runs.iter().find(here).and_then(curve) {
            let predicted = points(&curve, &curve.predicted);
            all.push(Series::new(
                format!("{depth} layers: kernel at the start"),
                Role::Theory,
                colour,
                predicted,
            ));
            let measured = points(&curve, &curve.measured);
            all.push(Series::new(format!("{depth} layers"), Role::Experiment, colour, measured));
        }
        let logistic = control.iter().filter(|r| r.cell.loss == Loss::Logistic).find(here);
        if let Some(curve) = logistic.and_then(curve) {
            let measured = points(&curve, &curve.measured);
            all.push(Series::new(format!("{depth} layers, logistic loss"), Role::Control, colour, measured));
        }
    }
    all
}
