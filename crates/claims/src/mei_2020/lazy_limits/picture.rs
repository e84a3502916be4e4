//! The claim's figure: risks against neurons per dimension, with the closed forms.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};

use super::{Cell, MODELS, Outcome, Task, formula, rho};
use crate::summary::distinct;

pub(super) fn figure(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Figure {
    Figure {
        name: "lazy-limits".into(),
        title: "Random features, tangent features and the trained net on a quadratic target and on two classes".into(),
        caption: "Risk relative to the energy of target or labels against neurons per dimension. Lines: closed forms. \
                  Points: medians over seeds with 95% intervals. Hollow points: the controls, whose spectrum has the same trace and \
                  norm; there the lines still hold for every model but the trained net."
            .into(),
        panels: vec![
            panel(runs, Task::Function, "Quadratic target", Role::Experiment),
            panel(runs, Task::Classes, "Two Gaussian classes", Role::Experiment),
            panel(control, Task::Function, "Control: quadratic target", Role::Control),
            panel(control, Task::Classes, "Control: two classes", Role::Control),
        ],
    }
}

fn panel(runs: &[Run<Cell, Outcome>], task: Task, title: &str, role: Role) -> Panel {
    let mut series = Vec::new();
    for (colour, (model, name)) in MODELS.into_iter().enumerate() {
        let of_model: Vec<&Run<Cell, Outcome>> =
            runs.iter().filter(|r| (r.cell.task, r.cell.model) == (task, model)).collect();
        let Some(first) = of_model.first().map(|r| &r.cell) else { continue };
        let line = (0..=2 * first.dimension).step_by((first.dimension / 25).max(1)).filter_map(|neurons| {
            let risk = formula(&Cell { neurons, ..first.clone() }).ok()?;
            Some(Point::new(neurons as f64 / first.dimension as f64, risk))
        });
        series.push(Series::new(format!("{name}, theory"), Role::Theory, colour, line.collect()));
        let measured = distinct(&of_model, |r| r.cell.neurons).into_iter().filter_map(|neurons| {
            let here = of_model.iter().filter(|r| r.cell.neurons == neurons);
            let risks: Vec<f64> = here.clone().filter_map(|r| r.outcome.risk).collect();
            median_point(here.clone().next().map(|r| rho(&r.cell))?, &risks)
        });
        series.push(Series::new(name, role, colour, measured.collect()));
    }
    Panel {
        title: title.into(),
        x: Axis::linear("neurons per dimension, N/d"),
        y: Axis::linear("risk / energy"),
        series,
    }
}
