//! Power laws in the width: fitted seed by seed, judged by their median, drawn as points on a line.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Panel, Point, Role, Series};
use overparam_eval::stats::Estimate;

use crate::summary::{distinct, exponents, median};
use crate::wide::Form;

/// A cell about nets of one form.
pub(crate) trait Formed {
    fn form(&self) -> Form;
    fn seed(&self) -> u64;
}

/// A measurement at one width of one seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AtWidth {
    pub(crate) seed: u64,
    pub(crate) width: usize,
    pub(crate) value: f64,
}

/// The depths that were run; one of none, so that a judge without runs has checks that do not hold.
pub(crate) fn depths<C: Formed, O>(runs: &[Run<C, O>]) -> Vec<usize> {
    let found = distinct(runs, |r| r.cell.form().depth);
    if found.is_empty() { vec![2] } else { found }
}

/// A quantity of the nets of one depth, where there is one.
pub(crate) fn of<C: Formed, O, V: Into<Option<f64>>>(
    runs: &[Run<C, O>],
    depth: usize,
    f: impl Fn(&O) -> V,
) -> Vec<AtWidth> {
    let chosen = runs.iter().filter(|r| r.cell.form().depth == depth);
    let point = |r: &Run<C, O>| {
        Some(AtWidth { seed: r.cell.seed(), width: r.cell.form().width, value: f(&r.outcome).into()? })
    };
    chosen.filter_map(point).collect()
}

/// The exponent of each seed's power law.
pub(crate) fn slopes(points: &[AtWidth]) -> Option<Vec<f64>> {
    let of_seed =
        |&seed: &u64| points.iter().filter(|p| p.seed == seed).map(|p| (p.width as f64, p.value)).collect();
    exponents(&distinct(points, |p| p.seed).iter().map(of_seed).collect::<Vec<_>>())
}

/// The median exponent over seeds.
pub(crate) fn slope(points: &[AtWidth]) -> Option<Estimate> {
    median(&slopes(points)?)
}

/// Medians with ranges over seeds, width by width.
pub(crate) fn medians(points: &[AtWidth]) -> Vec<Point> {
    let at = |&width: &usize| {
        let values: Vec<f64> = points.iter().filter(|p| p.width == width).map(|p| p.value).collect();
        Some(Point::estimate(width as f64, &median(&values)?))
    };
    distinct(points, |p| p.width).iter().filter_map(at).collect()
}

/// A quantity against width, a colour a depth: a line of the predicted exponent through the points' middle if there is one,
/// points, hollow points for the control.
pub(crate) fn by_depth<C: Formed, O, V: Into<Option<f64>>>(
    runs: &[Run<C, O>],
    control: &[Run<C, O>],
    f: impl Fn(&O) -> V,
    exponent: Option<f64>,
) -> Vec<Series> {
    let mut all = Vec::new();
    for (colour, depth) in depths(runs).into_iter().enumerate() {
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

/// A panel against width, both axes logarithmic.
pub(crate) fn panel(title: &str, label: &str, series: Vec<Series>) -> Panel {
    Panel { title: title.into(), x: Axis::log("width m"), y: Axis::log(label), series }
}

#[cfg(test)]
mod tests {
    use super::{AtWidth, slope};

    #[test]
    fn a_power_law_has_its_exponent_in_every_seed() {
        let points: Vec<AtWidth> = [1.0, 3.0]
            .iter()
            .enumerate()
            .flat_map(|(seed, c)| {
                [16usize, 64, 256].map(|width| AtWidth {
                    seed: seed as u64,
                    width,
                    value: c / (width as f64).sqrt(),
                })
            })
            .collect();
        let slope = slope(&points).unwrap();
        assert!((slope.interval.low + 0.5).abs() < 1e-12 && (slope.interval.high + 0.5).abs() < 1e-12);
        assert!(super::slope(&[]).is_none());
    }
}
