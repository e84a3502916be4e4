//! The claim's picture and table: least widths by Cover's law, and mistakes.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::table::{Table, number};

use super::checks::{covers_width, teacher_norm_squared};
use super::{Cell, Outcome, Task};
use crate::summary::distinct;

pub(super) fn figure(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Figure {
    Figure {
        name: "polylog-width".into(),
        title: "The width that the data need".into(),
        caption: "Left: least width whose tangent features separate the labels, medians over seeds with their intervals; line: \
                  Cover's law for two layers and labels without a margin; hollow: coins in place of labels with a margin. Right: mistakes of one \
                  pass of stochastic descent; line: 1 / gamma^2; hollow: the odd teacher, which has no margin."
            .into(),
        panels: vec![widths_panel(runs, control), mistakes_panel(runs, control)],
    }
}

pub(super) fn table(runs: &[Run<Cell, Outcome>]) -> Table {
    let widths = widths(runs);
    let keys = distinct(&widths, |(task, n, _)| ((*task), *n));
    let row = |&(task, n): &(usize, usize)| {
        let here = widths.iter().filter(|(t, m, _)| *t == task && *m == n);
        let point = median_point(n as f64, &here.map(|(_, _, width)| *width).collect::<Vec<_>>())?;
        let interval = format!("{} to {}", number(point.low), number(point.high));
        let labels = LABELLED[task].1.to_owned();
        let law = if matches!(LABELLED[task].0, Task::DeepMargin { .. }) {
            String::new()
        } else {
            number(covers_width(n))
        };
        Some(vec![labels, n.to_string(), number(point.y), interval, law])
    };
    Table {
        caption: "Least width: median over seeds, its interval, and the mean by Cover's law for two layers."
            .into(),
        head: ["labels", "n", "m*", "interval", "Cover"].map(String::from).into(),
        rows: keys.iter().filter_map(row).collect(),
    }
}

/// Tasks about the least width, with the name of their labels.
const LABELLED: [(Task, &str); 4] = [
    (Task::Margin, "with a margin"),
    (Task::Coins, "coins"),
    (Task::Outside, "odd teacher"),
    (Task::DeepMargin { depth: 3 }, "odd teacher, three layers"),
];

/// Index of the task among [`LABELLED`], `n`, least width.
fn widths(runs: &[Run<Cell, Outcome>]) -> Vec<(usize, usize, f64)> {
    let one = |r: &Run<Cell, Outcome>| {
        let task = LABELLED.iter().position(|(task, _)| *task == r.cell.task)?;
        Some((task, r.cell.examples, r.outcome.width()?))
    };
    runs.iter().filter_map(one).collect()
}

fn widths_panel(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Panel {
    let series = |runs: &[Run<Cell, Outcome>], task: usize, name: &str, role| {
        let widths: Vec<_> = widths(runs).into_iter().filter(|w| w.0 == task).collect();
        let point = |n: &usize| {
            let here: Vec<f64> = widths.iter().filter(|w| w.1 == *n).map(|w| w.2).collect();
            median_point(*n as f64, &here)
        };
        let points = distinct(&widths, |w| w.1).iter().filter_map(point).collect();
        Series::new(name, role, task, points)
    };
    let sizes = distinct(&widths(runs), |w| w.1);
    let law = sizes.iter().map(|n| Point::new(*n as f64, covers_width(*n))).collect();
    let mut all = vec![Series::new("Cover's law", Role::Theory, 1, law)];
    all.extend(
        LABELLED.iter().enumerate().map(|(task, (_, name))| series(runs, task, name, Role::Experiment)),
    );
    all.push(series(control, 0, "coins instead of a margin", Role::Control));
    all.retain(|s| !s.points.is_empty());
    Panel {
        title: "In the number of examples".into(),
        x: Axis::log("n"),
        y: Axis::log("least width m*"),
        series: all,
    }
}

fn mistakes_panel(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Panel {
    let series = |runs: &[Run<Cell, Outcome>], name: &str, role| {
        let mut all: Vec<(usize, f64)> = Vec::new();
        for run in runs {
            if let Outcome::Online { mistakes, .. } = &run.outcome {
                all.extend(mistakes);
            }
        }
        let point = |seen: &usize| {
            let here: Vec<f64> = all.iter().filter(|m| m.0 == *seen).map(|m| m.1).collect();
            median_point(*seen as f64, &here)
        };
        let points = distinct(&all, |m| m.0).iter().filter_map(point).collect();
        Series::new(name, role, 0, points)
    };
    let margin = series(runs, "with a margin", Role::Experiment);
    let bound = teacher_norm_squared();
    let line = margin.points.iter().map(|p| Point::new(p.x, bound)).collect();
    Panel {
        title: "One pass of stochastic descent".into(),
        x: Axis::log("examples seen"),
        y: Axis::log("mistakes"),
        series: vec![
            Series::new("1 / gamma^2", Role::Theory, 0, line),
            margin,
            series(control, "odd teacher", Role::Control),
        ],
    }
}
