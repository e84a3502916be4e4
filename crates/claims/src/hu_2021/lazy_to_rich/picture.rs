//! The claim's figure: learning curves in and out of balance, what moves, and the shape of the curves.

use nalgebra::DMatrix;
use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::theory::Theory;

use super::theory::{self, Known};
use super::{Cell, MOMENTS, Outcome, judge};

type Runs = [Run<Cell, Outcome>];

/// Of the learning curves.
const SHOWN: [f64; 2] = [0.0, 16.0];

pub(super) fn figure(runs: &Runs, control: &Runs) -> Figure {
    Figure {
        name: "lazy-to-rich".into(),
        title: "One number, the imbalance of the layers, takes learning from lazy to rich".into(),
        caption: "Above: the share of the data that descent has learned, in units of 1 / max(1, lambda), first seed; lines: the closed form, from \
                  the function before training and lambda alone. Filled: balanced starts; hollow: units of different imbalance with the same \
                  mean, which the lines miss. Below left: movement of the tangent kernel, and distance from the net whose kernel is frozen; \
                  both fall like lambda^-2. Below right: shape of the learning curve of an aligned mode, time from a tenth to half over that \
                  from half to nine tenths: 1 is a sigmoid, 0.365 an exponential. Lines and points are medians over seeds, with 95% intervals."
            .into(),
        panels: vec![
            learning(runs, Role::Experiment, "Balanced layers"),
            learning(control, Role::Control, "Control: out of balance"),
            moving(runs, control),
            shape(runs, control),
        ],
    }
}

/// The squares' cells of one kind, at `lambda >= 0`.
fn square(runs: &Runs, aligned: bool) -> Vec<&Run<Cell, Outcome>> {
    let wanted = |c: &Cell| {
        c.aligned == aligned && c.inputs == c.hidden && c.hidden == c.outputs && c.imbalance >= 0.0
    };
    runs.iter().filter(|r| wanted(&r.cell)).collect()
}

fn imbalances(runs: &[&Run<Cell, Outcome>]) -> Vec<f64> {
    let mut all: Vec<f64> = runs.iter().map(|r| r.cell.imbalance).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

fn learning(runs: &Runs, role: Role, title: &str) -> Panel {
    let generic = square(runs, false);
    let mut series = Vec::new();
    for (colour, imbalance) in SHOWN.into_iter().enumerate() {
        let Some(run) = generic.iter().find(|r| r.cell.imbalance == imbalance && r.cell.seed == 0) else {
            continue;
        };
        let (cell, state) = (&run.cell, &run.outcome.state);
        let sigma = DMatrix::from_column_slice(cell.outputs, cell.inputs, &state.sigma);
        let share = |product: &DMatrix<f64>| product.dot(&sigma) / sigma.norm_squared();
        let unit = imbalance.max(1.0);
        let times: Vec<f64> = (1..=160).map(|i| cell.time * f64::from(i) / 160.0).collect();
        let real: Vec<f64> = times.iter().map(|t| t / unit).collect();
        if let Ok(path) = Known::of(cell, state).path(imbalance, &real, &Theory::as_stated()) {
            let line =
                times.iter().zip(&path).map(|(t, state)| Point::new(*t, share(&state.product))).collect();
            series.push(Series::new(format!("lambda = {imbalance}, theory"), Role::Theory, colour, line));
        }
        let points = run.outcome.path.iter().flatten().map(|moment| {
            let product = DMatrix::from_column_slice(cell.outputs, cell.inputs, &moment.fine);
            Point::new(moment.time * unit, share(&product))
        });
        series.push(Series::new(format!("lambda = {imbalance}, descent"), role, colour, points.collect()));
    }
    let (x, y) =
        (Axis::linear("time, in 1 / max(1, lambda)"), Axis::linear("share learned").within(0.0, 1.05));
    Panel { title: title.into(), x, y, series }
}

/// Medians over seeds at each imbalance.
fn medians(
    runs: &[&Run<Cell, Outcome>],
    from: f64,
    value: impl Fn(&Run<Cell, Outcome>) -> Option<f64>,
) -> Vec<Point> {
    let at = |imbalance: f64| {
        let here = runs.iter().filter(|r| r.cell.imbalance == imbalance);
        median_point(imbalance, &here.filter_map(|r| value(r)).collect::<Vec<_>>())
    };
    imbalances(runs).into_iter().filter(|l| *l >= from).filter_map(at).collect()
}

/// The middle of what theory says for the seeds of these runs.
fn middle(x: f64, values: impl Iterator<Item = Option<f64>>) -> Option<Point> {
    let point = median_point(x, &values.flatten().collect::<Vec<_>>())?;
    Some(Point::new(x, point.y))
}

fn moving(runs: &Runs, control: &Runs) -> Panel {
    let (runs, control) = (square(runs, false), square(control, false));
    let last = imbalances(&runs).last().copied().unwrap_or(1.0);
    // One cell per seed: the data and the function before training are those of its other cells.
    let known: Vec<Known> = runs
        .iter()
        .filter(|r| r.cell.imbalance == last)
        .map(|r| Known::of(&r.cell, &r.outcome.state))
        .collect();
    let taus: Vec<f64> = (1..=MOMENTS).map(|k| 8.0 * (k * k) as f64 / (MOMENTS * MOMENTS) as f64).collect();
    let grid = |from: f64| (0..=60).map(move |i| from * (last / from).powf(f64::from(i) / 60.0));
    let movement = grid(0.25).filter_map(|l| middle(l, known.iter().map(|k| k.movement(l).ok()))).collect();
    let gap = |l: f64| {
        let times: Vec<f64> = taus.iter().map(|tau| tau / l).collect();
        middle(l, known.iter().map(|k| Some(k.gap(l, &times))))
    };
    let series = vec![
        Series::new("kernel's movement, theory", Role::Theory, 0, movement),
        Series::new("kernel's movement", Role::Experiment, 0, medians(&runs, 0.1, judge::moved)),
        Series::new("movement, out of balance", Role::Control, 0, medians(&control, 0.1, judge::moved)),
        Series::new(
            "distance from the frozen kernel, theory",
            Role::Theory,
            1,
            grid(4.0).filter_map(gap).collect(),
        ),
        Series::new(
            "distance from the frozen kernel",
            Role::Experiment,
            1,
            medians(&runs, 4.0, |r| r.outcome.gap),
        ),
        Series::new("distance, out of balance", Role::Control, 1, medians(&control, 4.0, |r| r.outcome.gap)),
    ];
    Panel {
        title: "What moves".into(),
        x: Axis::log("imbalance lambda"),
        y: Axis::log("relative change"),
        series,
    }
}

fn shape(runs: &Runs, control: &Runs) -> Panel {
    let (runs, control) = (square(runs, true), square(control, true));
    let last = imbalances(&runs).last().copied().unwrap_or(1.0);
    let start = imbalances(&runs).first().copied().unwrap_or(0.0);
    let modes: Vec<_> =
        runs.iter().filter(|r| r.cell.imbalance == start).filter_map(|r| r.outcome.mode.as_ref()).collect();
    let predicted = |i: u32| {
        let lambda = last * (f64::from(i) / 80.0).powi(2);
        let shape = |mode: &&super::Mode| {
            Some(theory::shape(theory::crossings(mode, lambda, &Theory::as_stated()).ok()?))
        };
        middle(lambda, modes.iter().map(shape))
    };
    let measured = |r: &Run<Cell, Outcome>| Some(theory::shape(r.outcome.mode.as_ref()?.times));
    let series = vec![
        Series::new("theory", Role::Theory, 2, (0..=80).filter_map(predicted).collect()),
        Series::new("measured", Role::Experiment, 2, medians(&runs, 0.0, measured)),
        Series::new("out of balance", Role::Control, 2, medians(&control, 0.0, measured)),
    ];
    let y = Axis::linear("early half over late half").within(0.3, 1.05);
    Panel { title: "From sigmoid to exponential".into(), x: Axis::linear("imbalance lambda"), y, series }
}
