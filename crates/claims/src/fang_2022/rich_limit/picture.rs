//! The claim's figure: outputs, a feature and the scatter of outputs against time.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};

use super::theory::{Instant, limit};
use super::{Cell, Moment, Outcome, TIMES, WIDE};
use crate::summary::distinct;

type Runs = [Run<Cell, Outcome>];

pub(super) fn figure(runs: &Runs, control: &Runs) -> Figure {
    let width = widest(runs);
    Figure {
        name: "rich-limit".into(),
        title: "Two-layer nets follow a limit whose features move".into(),
        caption: format!(
            "Nets of width {width} on two examples against time. Points are medians over seeds, with 95% intervals; lines are the limit, \
             computed without nets. Left: output on the second example, mean over an ensemble. Middle: how far the feature kernel's entry \
             (2, 2) has moved; in NTK scaling (hollow) it stays. Right: m times the variance of the first output between nets, over \
             the limit's value C(0) at the start; lines from the influence of one unit."
        ),
        panels: vec![
            panel(
                [runs, control],
                ("Outputs", "output f_2", false),
                |_, [now, _]| now.outputs[1],
                |[now, _]| now.outputs[1],
            ),
            panel(
                [runs, control],
                ("A feature", "Phi_22(t) - Phi_22(0)", false),
                |_, [now, start]| now.features[2] - start.features[2],
                |[now, start]| now.features[2] - start.features[2],
            ),
            panel(
                [runs, &[]],
                ("Scatter", "m Var f_1(t) / C(0)", true),
                |m, [now, _]| m * now.covariance[0],
                |[now, _]| now.covariance[0],
            ),
        ],
    }
}

fn widest(runs: &Runs) -> usize {
    runs.iter().map(|r| r.cell.width).max().unwrap_or(WIDE)
}

/// At each time of the nets against the limit, in units of the limit's value at the start if `relative`; `measured` is given the width.
fn panel(
    [runs, control]: [&Runs; 2],
    (title, quantity, relative): (&str, &str, bool),
    measured: impl Fn(f64, [&Moment; 2]) -> f64,
    predicted: impl Fn([&Instant; 2]) -> f64,
) -> Panel {
    let points = |runs: &Runs, gamma: f64, unit: f64| -> Vec<Point> {
        let width = widest(runs);
        let chosen: Vec<&Run<Cell, Outcome>> =
            runs.iter().filter(|r| r.cell.gamma == gamma && r.cell.width == width).collect();
        let at = |time: usize| {
            let value = |run: &&Run<Cell, Outcome>| {
                Some(measured(width as f64, [run.outcome.at(time)?, run.outcome.at(0)?]) / unit)
            };
            median_point(TIMES[time], &chosen.iter().filter_map(value).collect::<Vec<_>>())
        };
        (0..TIMES.len()).filter_map(at).collect()
    };
    let wide: Vec<f64> = runs.iter().filter(|r| r.cell.width >= WIDE).map(|r| r.cell.gamma).collect();
    let gammas = distinct(&wide, |gamma| gamma.to_bits());
    let mut series = Vec::new();
    for (colour, gamma) in gammas.into_iter().map(f64::from_bits).enumerate() {
        let Ok(limit) = limit(gamma, 1.0) else {
            continue;
        };
        let unit = if relative { predicted([&limit[0], &limit[0]]) } else { 1.0 };
        let line = TIMES.iter().zip(limit.iter());
        let line = line.map(|(time, now)| Point::new(*time, predicted([now, &limit[0]]) / unit)).collect();
        series.push(Series::new(format!("limit, gamma = {gamma}"), Role::Theory, colour, line));
        series.push(Series::new("nets", Role::Experiment, colour, points(runs, gamma, unit)));
        if !control.is_empty() && colour == 0 {
            series.push(Series::new("NTK scaling", Role::Control, colour, points(control, gamma, unit)));
        }
    }
    Panel { title: title.into(), x: Axis::linear("time t"), y: Axis::linear(quantity), series }
}
