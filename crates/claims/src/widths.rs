//! Power laws in the width: one exponent per seed for the judge, points on a line for the figure.

use overparam_eval::check::Draw;
use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;

use crate::summary::{distinct, exponent};
use crate::wide::Form;

/// A cell about nets of one form.
pub(crate) trait Formed {
    fn form(&self) -> Form;
}

/// A measurement at one width.
#[derive(Debug, Clone, Copy, PartialEq)]
struct AtWidth {
    width: usize,
    value: f64,
}

/// A quantity of the nets of one depth, where there is one.
fn of<C: Formed, O, V: Into<Option<f64>>>(
    runs: &[Run<C, O>],
    depth: usize,
    f: impl Fn(&O) -> V,
) -> Vec<AtWidth> {
    let chosen = runs.iter().filter(|r| r.cell.form().depth == depth);
    let point = |r: &Run<C, O>| Some(AtWidth { width: r.cell.form().width, value: f(&r.outcome).into()? });
    chosen.filter_map(point).collect()
}

/// Seed by seed, the exponent in the width of a quantity of the nets of one depth; none for a seed in which the quantity is
/// missing at some width.
pub(crate) fn slopes<C: Formed, O, V: Into<Option<f64>>>(
    runs: &Runs<'_, C, O>,
    depth: usize,
    f: impl Fn(&O) -> V,
) -> Vec<Draw> {
    runs.only(|cell| cell.form().depth == depth).draws(|runs| {
        let point = |r: &&Run<C, O>| Some((r.cell.form().width as f64, f(&r.outcome).into()?));
        exponent(&runs.iter().map(point).collect::<Option<Vec<_>>>()?)
    })
}

/// Medians over seeds, width by width.
fn medians(points: &[AtWidth]) -> Vec<Point> {
    let at = |&width: &usize| {
        let values: Vec<f64> = points.iter().filter(|p| p.width == width).map(|p| p.value).collect();
        median_point(width as f64, &values)
    };
    distinct(points, |p| p.width).iter().filter_map(at).collect()
}

/// A quantity against width, one colour per depth: a line of the predicted exponent through the points' middle if there is one,
/// points, hollow points for the control.
pub(crate) fn by_depth<C: Formed, O, V: Into<Option<f64>>>(
    runs: &[Run<C, O>],
    control: &[Run<C, O>],
    f: impl Fn(&O) -> V,
    exponent: Option<f64>,
) -> Vec<Series> {
    let mut all = Vec::new();
    for (colour, depth) in distinct(runs, |r| r.cell.form().depth).into_iter().enumerate() {
        let points = medians(&of(runs, depth, &f));
        if let (Some(exponent), Some(first), Some(last)) = (exponent, points.first(), points.last()) {
            let mean =
                |f: fn(&Point) -> f64| points.iter().map(|p| f(p).ln()).sum::<f64>() / points.len() as f64;
            let (x, y) = (mean(|p| p.x), mean(|p| p.y));
            let line = |at: f64| Point::new(at, (y + exponent * (at.ln() - x)).exp());
            let label = format!("{depth} layers: slope {exponent}");
            all.push(Series::new(label, Role::Theory, colour, vec![line(first.x), line(last.x)]));
        }
        all.push(Series::new(format!("{depth} layers"), Role::Experiment, colour, points));
        let hollow = medians(&of(control, depth, &f));
        if !hollow.is_empty() {
            all.push(Series::new(format!("{depth} layers, control"), Role::Control, colour, hollow));
        }
    }
    all
}

/// What theory says at the widths of one depth: a line through its medians over seeds.
pub(crate) fn line<C: Formed, O, V: Into<Option<f64>>>(
    runs: &[Run<C, O>],
    depth: usize,
    label: &str,
    f: impl Fn(&O) -> V,
) -> Series {
    let points = medians(&of(runs, depth, &f)).into_iter().map(|p| Point::new(p.x, p.y)).collect();
    Series::new(label, Role::Theory, 0, points)
}

/// A panel against width, both axes logarithmic.
pub(crate) fn panel(title: &str, label: &str, series: Vec<Series>) -> Panel {
    Panel { title: title.into(), x: Axis::log("width m"), y: Axis::log(label), series }
}

#[cfg(test)]
mod tests {
    use overparam_eval::claim::Run;
    use overparam_eval::runs::Grid;
    use serde::Serialize;

    use super::{Formed, slopes};
    use crate::wide::{Form, Scaling};

    #[derive(Clone, Serialize)]
    struct Cell {
        form: Form,
        seed: u64,
    }

    impl Formed for Cell {
        fn form(&self) -> Form {
            self.form
        }
    }

    #[test]
    fn a_power_law_has_its_exponent_in_every_seed_and_a_missing_width_leaves_none() {
        let run = |seed: u64, width: usize, outcome| Run {
            cell: Cell { form: Form { depth: 2, width, scaling: Scaling::Ntk }, seed },
            outcome,
        };
        let law = |seed: u64, width: usize| Some((1.0 + 2.0 * seed as f64) / (width as f64).sqrt());
        let mut runs: Vec<Run<Cell, Option<f64>>> =
            (0..2).flat_map(|seed| [16, 64, 256].map(|width| run(seed, width, law(seed, width)))).collect();
        runs.extend([16, 64, 256].map(|width| run(2, width, (width > 16).then_some(1.0))));
        let grid = Grid::finished(runs);
        let slopes: Vec<Option<f64>> = slopes(&grid.view(), 2, |o| *o).into_iter().map(|d| d.value).collect();
        assert!(slopes[..2].iter().all(|slope| (slope.unwrap() + 0.5).abs() < 1e-12) && slopes[2].is_none());
    }
}
