//! The claim's figure: the risk of both targets in time, and when plateaus end.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::theory::Theory;

use super::{Cell, HALF, LEFT_PLATEAU, Outcome, Target, theory, time_to};
use crate::summary::distinct;

type Runs = [Run<Cell, Outcome>];

pub(super) fn figure(runs: &Runs, control: &Runs) -> Figure {
    Figure {
        name: "staircase-learnable".into(),
        title: "Stairs are climbed in a time that does not depend on the dimension".into(),
        caption: "Points are medians over seeds, with 95% intervals. Left: the risk of stairs over the time; the line is the limit without \
                  dimension. Middle: of a target with a gap, which waits on a plateau; the line is the limit, which stays there. Right: time at which half of the risk of stairs, and half of the \
                  plateau of the gap, is left; lines are the limit without dimension and the flow in dimension d; hollow: the gap and the stairs exchanged."
            .into(),
        panels: vec![
            path(runs, Target::Stairs, "z1 + z1 z2 + z1 z2 z3"),
            path(runs, Target::Gap, "z1 + z1 z2 z3"),
            times(runs, control),
        ],
    }
}

fn of(runs: &Runs, predicted: Target) -> Vec<&Run<Cell, Outcome>> {
    runs.iter().filter(|r| r.cell.predicted == predicted).collect()
}

fn dimensions(runs: &[&Run<Cell, Outcome>]) -> Vec<usize> {
    distinct(runs, |run| run.cell.dimension)
}

/// Risk against time, in the smallest and the largest dimension.
fn path(runs: &Runs, target: Target, title: &str) -> Panel {
    let runs = of(runs, target);
    let sizes = dimensions(&runs);
    let mut series = Vec::new();
    let looks: Vec<f64> = runs
        .iter()
        .max_by_key(|r| r.outcome.risks.len())
        .map_or(Vec::new(), |r| r.outcome.risks.iter().map(|(t, _)| *t).collect());
    let start = match target {
        Target::Stairs => 1.5,
        Target::Gap => 1.0,
    };
    if let Ok(shares) = theory::limit_of(target, &looks, &Theory::as_stated()) {
        let line = looks.iter().zip(shares).map(|(t, share)| Point::new(*t, start * share)).collect();
        series.push(Series::new("no dimension", Role::Theory, 2, line));
    }
    let ends = sizes.first().into_iter().chain(sizes.last().filter(|_| sizes.len() > 1));
    for (colour, &dimension) in ends.enumerate() {
        // Every full unit of time, the second dimension half a unit later, so that points stand beside each other.
        let shown = looks.iter().enumerate().filter(|(k, _)| k % 4 == 2 * colour);
        let point = |(place, time): (usize, &f64)| {
            let here = runs.iter().filter(|r| r.cell.dimension == dimension);
            median_point(*time, &here.filter_map(|r| Some(r.outcome.risks.get(place)?.1)).collect::<Vec<_>>())
        };
        series.push(Series::new(
            format!("d = {dimension}"),
            Role::Experiment,
            colour,
            shown.filter_map(point).collect(),
        ));
    }
    Panel { title: title.into(), x: Axis::linear("time"), y: Axis::linear("risk"), series }
}

/// The times of both targets against the dimension.
fn times(runs: &Runs, control: &Runs) -> Panel {
    let stated = Theory::as_stated();
    let mut series = Vec::new();
    for (colour, (target, level, name, exchanged)) in [
        (Target::Stairs, HALF, "stairs", "a gap for stairs"),
        (Target::Gap, LEFT_PLATEAU, "gap", "stairs for a gap"),
    ]
    .into_iter()
    .enumerate()
    {
        let here = of(runs, target);
        let sizes = dimensions(&here);
        let predicted = |dimension: usize| match target {
            Target::Gap => theory::plateau_ends(dimension, &stated).ok()?,
            Target::Stairs => {
                let looks: Vec<f64> = (0..=32).map(|k| 0.25 * f64::from(k)).collect();
                let shares = theory::limit(&looks, &stated).ok()?;
                time_to(
                    &looks.into_iter().zip(shares.into_iter().map(|s| 1.5 * s)).collect::<Vec<_>>(),
                    level,
                )
            }
        };
        let line = sizes.iter().filter_map(|&d| Some(Point::new(d as f64, predicted(d)?))).collect();
        series.push(Series::new(format!("{name}, theory"), Role::Theory, colour, line));
        for (runs, name, role) in [
            (here, name.to_owned(), Role::Experiment),
            (of(control, target), exchanged.to_owned(), Role::Control),
        ] {
            let point = |&dimension: &usize| {
                let here = runs.iter().filter(|r| r.cell.dimension == dimension);
                let times = here.filter_map(|r| time_to(&r.outcome.risks, level));
                median_point(dimension as f64, &times.collect::<Vec<_>>())
            };
            let points: Vec<Point> = sizes.iter().filter_map(point).collect();
            if !points.is_empty() {
                series.push(Series::new(name, role, colour, points));
            }
        }
    }
    Panel { title: "When".into(), x: Axis::log("dimension d"), y: Axis::linear("time"), series }
}
