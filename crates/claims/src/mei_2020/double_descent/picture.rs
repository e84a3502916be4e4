//! The claim's figures: risk and its parts, training error and norm against `N / n`.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::table::number;
use overparam_eval::theory::Theory;

use super::theory::{Formulas, predicted};
use super::{Cell, Fit, LAMBDAS, Outcome};
use crate::summary::distinct;

type Runs = [Run<Cell, Outcome>];

/// Values below this have no place on a logarithmic axis.
const LEAST: f64 = 1e-6;

/// Risk, training error and norm of each activation; bias and variance; the control.
pub(super) fn figures(runs: &Runs, control: &Runs) -> Vec<Figure> {
    let measured = |activation, title: &str, of| panel(runs, (activation, Role::Experiment), title, of);
    let mut figures: Vec<Figure> = ["relu", "tanh"]
        .into_iter()
        .map(|activation| Figure {
            name: format!("double-descent-{activation}"),
            title: format!("Double descent with {activation} features"),
            caption: "Against features per sample at n = 3 d and the larger dimension, one colour per ridge; the vertical line is \
                      N = n. Lines: exact asymptotics. Points: medians over seeds with 95% intervals. The ridgeless risk is a U \
                      for N < n, peaks at N = n and falls again; at the optimal ridge the risk only falls."
                .into(),
            panels: vec![
                measured(activation, "Test risk", Fit::risk),
                measured(activation, "Training error", |f| f.training_error),
                measured(activation, "Norm (N/d) ||a||^2", |f| f.norm_squared),
            ],
        })
        .collect();
    let split = ["relu", "tanh"].into_iter().flat_map(|activation| {
        [
            measured(activation, &format!("Bias B, {activation}"), |f| f.bias),
            measured(activation, &format!("Variance V, {activation}"), |f| f.variance),
        ]
    });
    figures.push(Figure {
        name: "bias-and-variance".into(),
        title: "What a linear signal leaves and what noise adds".into(),
        caption: "risk = F1^2 B + (tau^2 + F*^2) V + F*^2. B is what is left of a linear target, V the mean square of the fit to \
                  unit noise. Without ridge both peak at N = n; past it both fall."
            .into(),
        panels: split.collect(),
    });
    let mistaken = |title: &str, of| panel(control, ("relu", Role::Control), title, of);
    figures.push(Figure {
        name: "double-descent-control".into(),
        title: "Control: the formulas of tanh for features of the ReLU".into(),
        caption: "As above; hollow points: ReLU features, lines: the asymptotics of tanh.".into(),
        panels: vec![mistaken("Test risk", Fit::risk), mistaken("Norm (N/d) ||a||^2", |f| f.norm_squared)],
    });
    figures
}

fn panel(runs: &Runs, (activation, role): (&str, Role), title: &str, of: fn(&Fit) -> f64) -> Panel {
    let largest = runs.iter().map(|r| r.cell.dimension).max();
    let shown: Vec<&Run<Cell, Outcome>> = runs
        .iter()
        .filter(|r| {
            let c = &r.cell;
            c.activation == activation && Some(c.dimension) == largest && c.samples == 3 * c.dimension
        })
        .collect();
    let mut series = Vec::new();
    for colour in 0..=LAMBDAS.len() {
        let label = match LAMBDAS.get(colour) {
            Some(_) if colour == 0 => "ridgeless".to_owned(),
            Some(&lambda) => format!("lambda {}", number(lambda)),
            None => "optimal lambda".to_owned(),
        };
        let at = |features: usize| {
            let here: Vec<&&Run<Cell, Outcome>> =
                shown.iter().filter(|r| r.cell.features == features).collect();
            let values =
                here.iter().filter_map(|r| r.outcome.fits.get(colour).map(of)).filter(|v| *v > LEAST);
            median_point(here.first()?.cell.ratio(), &values.collect::<Vec<f64>>())
        };
        let widths = distinct(&shown, |r| r.cell.features);
        series.push(Series::new(format!("{label}, theory"), Role::Theory, colour, line(&shown, colour, of)));
        series.push(Series::new(label, role, colour, widths.into_iter().filter_map(at).collect()));
    }
    let heights = || series.iter().flat_map(|s| &s.points).map(|p| p.y);
    let ends = [heights().fold(f64::INFINITY, f64::min), heights().fold(0.0, f64::max)];
    series.push(Series::new("N = n", Role::Theory, 6, ends.map(|y| Point::new(1.0, y)).to_vec()));
    Panel { title: title.into(), x: Axis::log("features per sample, N/n"), y: Axis::log(title), series }
}

/// Theory along `N` where the ridge is fixed, and at the points where it is the optimal one.
fn line(shown: &[&Run<Cell, Outcome>], colour: usize, of: fn(&Fit) -> f64) -> Vec<Point> {
    let stated = Theory::as_stated();
    let point = |cell: &Cell, lambda: f64| {
        let fit = predicted(cell, lambda, Formulas::Stated, &stated)?;
        (of(&fit) > LEAST).then(|| Point::new(cell.ratio(), of(&fit)))
    };
    let widths = distinct(shown, |r| r.cell.features);
    let (Some(first), Some(least), Some(most)) = (shown.first(), widths.first(), widths.last()) else {
        return Vec::new();
    };
    match LAMBDAS.get(colour) {
        Some(&lambda) => {
            let step = (*most as f64 / *least as f64).ln() / 80.0;
            let along = |k: i32| (*least as f64 * (step * f64::from(k)).exp()).round() as usize;
            (0..=80)
                .filter_map(|k| point(&Cell { features: along(k), ..first.cell.clone() }, lambda))
                .collect()
        }
        None => {
            let at = |features: &usize| {
                let run = shown.iter().find(|r| r.cell.features == *features)?;
                point(&run.cell, run.outcome.fits.get(colour)?.lambda)
            };
            widths.iter().filter_map(at).collect()
        }
    }
}
