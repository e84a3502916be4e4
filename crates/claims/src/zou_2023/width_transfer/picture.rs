//! The claim's figure: loss against the rate in both parametrisations, best rate and movement of features against the width.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::theory::Theory;

use super::theory::{best, frozen, lowest, rich, standard_parts};
use super::{Cell, MOVED, Outcome, RATES, Table, best_rate};
use crate::summary::distinct;

type Runs = [Run<Cell, Outcome>];

pub(super) fn figure(runs: &Runs, control: &Runs) -> Figure {
    Figure {
        name: "width-transfer".into(),
        title: "One rate for every width".into(),
        caption: "Linear nets of three matrices after a few steps of descent. Points are medians over seeds, with 95% intervals; lines are theory, \
                  computed without nets. Left: in muP the loss against the rate is one curve for all widths. Second: in standard \
                  parametrisation the curve moves with the width; lines are the frozen kernel's. Third: the best rate against the width. Right: how far \
                  the products of the second hidden layer have moved along the targets; hollow: in standard and NTK parametrisation."
            .into(),
        panels: vec![
            losses(runs, Table::MaximalUpdate, "muP"),
            losses(runs, Table::Standard, "Standard"),
            rates(runs),
            features(runs, control),
        ],
    }
}

fn of(runs: &Runs, predicted: Table, trained: Table) -> Vec<&Run<Cell, Outcome>> {
    runs.iter().filter(|r| r.cell.predicted == predicted && r.cell.trained == trained).collect()
}

fn at(
    runs: &[&Run<Cell, Outcome>],
    x: f64,
    width: usize,
    value: impl Fn(&Run<Cell, Outcome>) -> Option<f64>,
) -> Option<Point> {
    let here = runs.iter().filter(|r| r.cell.width == width);
    median_point(x, &here.filter_map(|run| value(run)).collect::<Vec<_>>())
}

fn widths(runs: &[&Run<Cell, Outcome>]) -> Vec<usize> {
    distinct(runs, |run| run.cell.width)
}

/// Loss against `eta`: the narrowest and the widest nets.
fn losses(runs: &Runs, table: Table, title: &str) -> Panel {
    let runs = of(runs, table, table);
    let widths = widths(&runs);
    let ends: Vec<usize> =
        widths.first().into_iter().chain(widths.last().filter(|_| widths.len() > 1)).copied().collect();
    let stated = Theory::as_stated();
    let mut series = Vec::new();
    let steps = runs.first().map_or(1, |r| r.cell.steps);
    // No further than nets in the picture: beyond, the curve leaves the panel.
    let top = 0.5 * super::TARGETS.iter().map(|y| y * y).sum::<f64>();
    let fine = || (0..=90).map(|k| RATES[0] + 0.025 * f64::from(k));
    let line = |width: usize| -> Vec<Point> {
        let loss = |c: f64| match table {
            Table::MaximalUpdate => rich(c, steps, &stated).map(|at| at.loss),
            _ => frozen(c, steps, standard_parts(width, &stated)),
        };
        let points = fine().filter_map(|log| Some((log.exp2(), loss(log.exp2()).ok()?)));
        points
            .take_while(|(_, loss)| *loss < top)
            .map(|(c, loss)| Point::new(table.eta(c, width), loss))
            .collect()
    };
    for (colour, &width) in ends.iter().enumerate() {
        if table == Table::MaximalUpdate {
            if colour == 0 {
                series.push(Series::new("infinitely wide", Role::Theory, 2, line(width)));
            }
        } else {
            series.push(Series::new(
                format!("frozen kernel, n = {width}"),
                Role::Theory,
                colour,
                line(width),
            ));
        }
        let points = RATES.iter().enumerate().filter_map(|(place, log)| {
            at(&runs, table.eta(log.exp2(), width), width, |run| run.outcome.losses.get(place).copied())
        });
        series.push(Series::new(format!("nets, n = {width}"), Role::Experiment, colour, points.collect()));
    }
    Panel {
        title: title.into(),
        x: Axis::log("learning rate eta"),
        y: Axis::log("loss after training"),
        series,
    }
}

/// Best rate against the width.
fn rates(runs: &Runs) -> Panel {
    let stated = Theory::as_stated();
    let mut series = Vec::new();
    for (colour, (table, name)) in
        [(Table::MaximalUpdate, "muP"), (Table::Standard, "standard")].into_iter().enumerate()
    {
        let runs = of(runs, table, table);
        let widths = widths(&runs);
        let steps = runs.first().map_or(1, |r| r.cell.steps);
        let predicted = |width: usize| {
            let log = match table {
                Table::MaximalUpdate => best(steps, &stated),
                _ => lowest(|log| frozen(log.exp2(), steps, standard_parts(width, &stated))),
            };
            Some(Point::new(width as f64, table.eta(log.ok()?.exp2(), width)))
        };
        let line = widths.iter().filter_map(|&width| predicted(width)).collect();
        series.push(Series::new(format!("{name}, theory"), Role::Theory, colour, line));
        let points = widths.iter().filter_map(|&width| {
            at(&runs, width as f64, width, |run| Some(table.eta(best_rate(&run.outcome)?, width)))
        });
        series.push(Series::new(format!("{name}, nets"), Role::Experiment, colour, points.collect()));
    }
    Panel { title: "Best rate".into(), x: Axis::log("width n"), y: Axis::log("best learning rate"), series }
}

/// Movement of the second layer's products against the width.
fn features(runs: &Runs, control: &Runs) -> Panel {
    let moved = |run: &Run<Cell, Outcome>| Some(run.outcome.moved?[1]);
    let points = |runs: &[&Run<Cell, Outcome>]| -> Vec<Point> {
        widths(runs).into_iter().filter_map(|width| at(runs, width as f64, width, moved)).collect()
    };
    let rich_runs = of(runs, Table::MaximalUpdate, Table::MaximalUpdate);
    let steps = rich_runs.first().map_or(1, |r| r.cell.steps);
    let mut series = Vec::new();
    if let Ok(limit) = rich(RATES[MOVED].exp2(), steps, &Theory::as_stated()) {
        let line =
            widths(&rich_runs).into_iter().map(|width| Point::new(width as f64, limit.moved[1])).collect();
        series.push(Series::new("muP, theory", Role::Theory, 0, line));
    }
    series.push(Series::new("muP, nets", Role::Experiment, 0, points(&rich_runs)));
    for (colour, (table, name)) in
        [(Table::Standard, "standard"), (Table::Ntk, "NTK")].into_iter().enumerate()
    {
        let control = of(control, Table::MaximalUpdate, table);
        if !control.is_empty() {
            series.push(Series::new(name, Role::Control, colour + 1, points(&control)));
        }
    }
    Panel { title: "Features".into(), x: Axis::log("width n"), y: Axis::log("change of h h along y"), series }
}
