//! The claim's figures: risk and its parts, training error and norm against `N / n`.

use overparam_eval::figure::{self, Axis, Figure, Panel, Role, Series};
use overparam_eval::stats;
use overparam_eval::table::number;

use super::{Fit, INTERPOLATES, LAMBDAS, NOISES, Of, Point, theory};

const ACTIVATIONS: [&str; 2] = ["relu", "tanh"];

/// Risk, training error and norm of each activation; bias and variance; the control.
pub(super) fn figures(points: &[Point<'_>], control: &[Point<'_>]) -> Vec<Figure> {
    let measured = |activation, noise, title: &str, of| {
        panel(points, &Curves { activation, noise, title, of, role: Role::Experiment })
    };
    let mut figures: Vec<Figure> = ACTIVATIONS
        .into_iter()
        .map(|activation| Figure {
            name: format!("double-descent-{activation}"),
            title: format!("Double descent with {activation} features, label noise {}", NOISES[1]),
            caption: "Against features per sample, one colour a ridge; the vertical line is N = n. Lines: exact \
                      asymptotics. Points: means over seeds with 95% intervals. The ridgeless risk is a U for N < n, peaks \
                      at N = n and falls again; at the optimal ridge the risk only falls."
                .into(),
            panels: vec![
                measured(activation, NOISES[1], "Test risk", |f| f.risk),
                measured(activation, NOISES[1], "Training error", |f| f.training_error),
                measured(activation, NOISES[1], "Norm (N/d) ||a||^2", |f| f.norm_squared),
            ],
        })
        .collect();
    let split = ACTIVATIONS.into_iter().flat_map(|activation| {
        [
            measured(activation, NOISES[0], &format!("Bias B, {activation}"), |f| f.risk),
            measured(activation, NOISES[1], &format!("Variance V, {activation}"), |f| f.variance),
        ]
    });
    figures.push(Figure {
        name: "bias-and-variance".into(),
        title: "What a linear signal leaves and what noise adds".into(),
        caption: "risk = F1^2 B + tau^2 V. B is the risk without noise, V the mean square of the fit to unit noise alone. \
                  Without ridge both peak at N = n; past it the variance falls for good. (The optimal ridge of the left \
                  panels is that without noise.)"
            .into(),
        panels: split.collect(),
    });
    let mistaken = |title: &str, of| {
        panel(control, &Curves { activation: "relu", noise: NOISES[1], title, of, role: Role::Control })
    };
    figures.push(Figure {
        name: "double-descent-control".into(),
        title: "Control: the formulas of tanh for features of the ReLU".into(),
        caption: "As above; hollow points: ReLU features, lines: the asymptotics of tanh.".into(),
        panels: vec![mistaken("Test risk", |f| f.risk), mistaken("Norm (N/d) ||a||^2", |f| f.norm_squared)],
    });
    figures
}

/// What a panel shows.
struct Curves<'a> {
    activation: &'a str,
    noise: f64,
    title: &'a str,
    of: Of,
    role: Role,
}

fn panel(points: &[Point<'_>], curves: &Curves<'_>) -> Panel {
    let &Curves { activation, noise, title, of, role } = curves;
    let mut series = Vec::new();
    let shown = |p: &&Point<'_>| p.cell.activation == activation && p.theory.noise == noise;
    for colour in 0..=LAMBDAS.len() {
        let lambda = LAMBDAS.get(colour);
        let chosen: Vec<&Point<'_>> = points
            .iter()
            .filter(shown)
            .filter(|p| p.theory.optimal == lambda.is_none() && lambda.is_none_or(|&l| l == p.theory.lambda))
            // A training error of zero has no place on a logarithmic axis.
            .filter(|p| of(&p.theory) > INTERPOLATES)
            .collect();
        let label = match lambda {
            Some(_) if colour == 0 => "ridgeless".to_owned(),
            Some(&lambda) => format!("lambda {}", number(lambda)),
            None => "optimal lambda".to_owned(),
        };
        series.push(Series::new(format!("{label}, theory"), Role::Theory, colour, line(&chosen, of)));
        let measured = chosen.iter().filter_map(|p| {
            let values: Vec<f64> = p.fits.iter().map(of).collect();
            Some(figure::Point::estimate(p.ratio(), &stats::geometric_mean(&values, 0.95).ok()?))
        });
        series.push(Series::new(label, role, colour, measured.collect()));
    }
    let heights = || series.iter().flat_map(|s| &s.points).map(|p| p.y);
    let ends = [heights().fold(f64::INFINITY, f64::min), heights().fold(0.0, f64::max)];
    series.push(Series::new("N = n", Role::Theory, 6, ends.map(|y| figure::Point::new(1.0, y)).to_vec()));
    Panel { title: title.into(), x: Axis::log("features per sample, N/n"), y: Axis::log(title), series }
}

/// Theory at the points and between them, where the ridge is fixed.
fn line(points: &[&Point<'_>], of: Of) -> Vec<figure::Point> {
    let mut line: Vec<figure::Point> = Vec::new();
    for (i, point) in points.iter().enumerate() {
        line.push(figure::Point::new(point.ratio(), of(&point.theory)));
        let Some(next) = points.get(i + 1) else { break };
        if point.theory.optimal {
            continue;
        }
        for k in 1..8 {
            let t = f64::from(k) / 8.0;
            let features = (point.cell.features as f64).powf(1.0 - t) * (next.cell.features as f64).powf(t);
            let between = super::Cell { features: features.round() as usize, ..point.cell.clone() };
            let at: Option<Fit> = theory(&between, &point.theory);
            let ratio = between.features as f64 / between.samples as f64;
            line.extend(at.map(|fit| figure::Point::new(ratio, of(&fit))));
        }
    }
    line
}
