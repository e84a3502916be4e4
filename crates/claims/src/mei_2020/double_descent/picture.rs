//! The claim's figure: risk, training error and norm against `N / n`.

use overparam_eval::figure::{self, Axis, Figure, Panel, Role, Series};
use overparam_eval::stats;
use overparam_eval::table::number;

use super::{Fit, INTERPOLATES, LAMBDAS, NOISES, Of, Point, theory};

/// Columns of the picture: one a quantity.
pub(super) fn figures(points: &[Point<'_>], control: &[Point<'_>]) -> Vec<Figure> {
    let mut figures: Vec<Figure> = ["relu", "tanh"]
        .into_iter()
        .map(|activation| Figure {
            name: format!("double-descent-{activation}"),
            title: format!("Double descent with {activation} features, label noise {}", NOISES[1]),
            caption: "Against features per sample, one colour a ridge. Lines: exact asymptotics. Points: means over \
                      seeds with 95% intervals. The ridgeless risk peaks at N/n = 1 and falls below its first minimum; \
                      at the optimal ridge the risk only falls."
                .into(),
            panels: vec![
                panel(points, activation, "Test risk", |f| f.risk, Role::Experiment),
                panel(points, activation, "Training error", |f| f.training_error, Role::Experiment),
                panel(points, activation, "(N/d) ||a||^2", |f| f.norm_squared, Role::Experiment),
            ],
        })
        .collect();
    figures.push(Figure {
        name: "double-descent-control".into(),
        title: "Control: the formulas of tanh for features of the ReLU".into(),
        caption: "As above; hollow points: ReLU features, lines: the asymptotics of tanh.".into(),
        panels: vec![
            panel(control, "relu", "Test risk", |f| f.risk, Role::Control),
            panel(control, "relu", "(N/d) ||a||^2", |f| f.norm_squared, Role::Control),
        ],
    });
    figures
}

fn panel(points: &[Point<'_>], activation: &str, title: &str, of: Of, role: Role) -> Panel {
    let mut series = Vec::new();
    let noisy = |p: &&Point<'_>| p.cell.activation == activation && p.theory.noise == NOISES[1];
    for colour in 0..=LAMBDAS.len() {
        let lambda = LAMBDAS.get(colour);
        let chosen: Vec<&Point<'_>> = points
            .iter()
            .filter(noisy)
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
