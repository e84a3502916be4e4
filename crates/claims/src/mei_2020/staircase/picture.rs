//! The claim's figure: risk against `log n / log d`, with equivalents and plateaus.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};

use super::{Cell, MODELS, Model, Outcome, RIDGE, height, points, theory_with_ridge};

type Runs<'a> = [Run<Cell, Outcome>];

/// A dimension at which the equivalents show steps; without ridge, as any fixed one ends up above the eigenvalues of degree 2.
const FAR: usize = 10_000;

/// A panel a model.
pub(super) fn figure(runs: &Runs<'_>, control: &Runs<'_>) -> Figure {
    Figure {
        name: "staircase".into(),
        title: "Test error falls in steps: one degree after another".into(),
        caption: "Risk against log n / log d, or the same of the number of features (tangent features: of parameters). \
                  Points: medians over seeds with 95% intervals, in two dimensions. Lines: deterministic equivalents, at \
                  d = 10,000 (ridgeless) too, where the steps are sharper; horizontal: the plateaus' heights. Hollow points: the control, whose \
                  energy is in other degrees."
            .into(),
        panels: MODELS.into_iter().map(|(model, name)| panel(runs, control, model, name)).collect(),
    }
}

fn panel(runs: &Runs<'_>, control: &Runs<'_>, model: Model, name: &str) -> Panel {
    let mut dimensions: Vec<usize> = points(runs, model).iter().map(|p| p.0.dimension).collect();
    dimensions.dedup();
    let mut series = Vec::new();
    for (colour, &dimension) in dimensions.iter().enumerate() {
        series.push(equivalents(runs, model, (dimension, RIDGE, 200), colour));
        for (runs, role, what) in [(runs, Role::Experiment, "measured"), (control, Role::Control, "control")]
        {
            let here = points(runs, model).into_iter().filter(|p| p.0.dimension == dimension);
            let estimate = |(cell, risks): (&Cell, Vec<f64>)| median_point(exponent(cell), &risks);
            let label = format!("d = {dimension}, {what}");
            series.push(Series::new(label, role, colour, here.filter_map(estimate).collect()));
        }
    }
    series.push(equivalents(runs, model, (FAR, 0.0, 300), 2));
    for (degree, ends) in [[0.3, 1.0], [1.0, 2.0], [2.0, 3.0]].into_iter().enumerate() {
        let ends = ends.map(|x| Point::new(x, height(degree)));
        series.push(Series::new(format!("plateau {degree}"), Role::Theory, 4 + degree, ends.to_vec()));
    }
    let x = match model {
        Model::Kernel => "log n / log d",
        Model::RandomFeatures => "log N / log d",
        Model::Tangent => "log (N d) / log d",
    };
    Panel { title: name.into(), x: Axis::linear(x), y: Axis::linear("risk"), series }
}

/// The equivalent of a model in a dimension, with a ridge, along `log n / log d` from 0.3 to so many hundredths.
fn equivalents(
    runs: &Runs<'_>,
    model: Model,
    (dimension, ridge, to): (usize, f64, i32),
    colour: usize,
) -> Series {
    let at = |percent: i32| {
        let (first, _) = points(runs, model).into_iter().next()?;
        let size = (dimension as f64).powf(f64::from(percent) / 100.0).round() as usize;
        let cell = Cell { dimension, size, ..first.clone() };
        Some(Point::new(exponent(&cell), theory_with_ridge(&cell, ridge).ok()?))
    };
    let line = (30..=to).step_by(5).filter_map(at).collect();
    Series::new(format!("d = {dimension}, equivalent"), Role::Theory, colour, line)
}

/// `log n / log d`.
fn exponent(cell: &Cell) -> f64 {
    (cell.size as f64).ln() / (cell.dimension as f64).ln()
}
