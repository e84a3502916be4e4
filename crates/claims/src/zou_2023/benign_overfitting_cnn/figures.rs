//! The claim's figure: the plane of examples and signal-to-noise ratio, coloured by the loss of fresh examples, with the boundary.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, Shade, median_point};
use overparam_eval::stats;

use super::{Cell, Outcome, snr};
use crate::summary::distinct;

/// Where the classes of test loss end. The boundary's level, 0.1, is one of them: there the colours change in the middle.
const EDGES: [f64; 5] = [0.02, 0.05, 0.1, 0.2, 0.5];
/// Cells for each factor of ten of the signal-to-noise ratio.
const PER_DECADE: f64 = 40.0;

pub(super) fn figure(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Figure {
    let panels = distinct(runs, |r| r.cell.power).into_iter().map(|q| phases(runs, control, q));
    Figure {
        name: "benign-overfitting".into(),
        title: "Benign and harmful overfitting of signal and noise".into(),
        caption: "Colour: loss of fresh examples, interpolated between the runs of each draw, median over draws; blank where nothing was \
                  run. Line: the recursion of the coefficients, where it puts a loss of 0.1, median over draws. Points: where descent \
                  has that loss, medians with their intervals; hollow: the same for noise that carries the label."
            .into(),
        panels: panels.collect(),
    }
}

fn phases(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>], q: i32) -> Panel {
    let of = |runs: &[Run<Cell, Outcome>]| -> Vec<Run<Cell, Outcome>> {
        runs.iter().filter(|r| r.cell.power == q).cloned().collect()
    };
    let (runs, control) = (of(runs), of(control));
    let medians = |runs: &[Run<Cell, Outcome>], f: fn(&Outcome) -> Option<f64>| -> Vec<Point> {
        let at = |n: usize| {
            let of_n = runs.iter().filter(|r| r.cell.examples == n);
            let values: Vec<f64> = of_n.filter_map(|r| Some(snr(f(&r.outcome)?, &r.cell))).collect();
            median_point(n as f64, &values)
        };
        distinct(runs, |r| r.cell.examples).into_iter().filter_map(at).collect()
    };
    let line = medians(&runs, |o| o.predicted).into_iter().map(|p| Point::new(p.x, p.y));
    Panel {
        title: format!("q = {q}"),
        x: Axis::log("examples n"),
        y: Axis::log("signal-to-noise ratio"),
        series: vec![
            Series::heat_map("test loss", EDGES, cells(&runs)),
            Series::new("recursion", Role::Theory, 0, line.collect()),
            Series::new("test loss 0.1", Role::Experiment, 0, medians(&runs, |o| o.boundary)),
            Series::new("noise that carries the label", Role::Control, 0, medians(&control, |o| o.boundary)),
        ],
    }
}

/// Columns of cells, one for each number of examples.
fn cells(runs: &[Run<Cell, Outcome>]) -> Vec<(Point, Shade)> {
    let examples = distinct(runs, |r| r.cell.examples);
    let between = |a: usize, b: usize| (a as f64 * b as f64).sqrt();
    let mut cells = Vec::new();
    for (i, &n) in examples.iter().enumerate() {
        let right = examples.get(i + 1).map(|next| between(n, *next));
        let left = i.checked_sub(1).and_then(|i| examples.get(i)).map(|last| between(*last, n));
        // At the ends as far as to the other side, on a logarithmic axis.
        let x = n as f64;
        let (left, right) = match (left, right) {
            (Some(left), Some(right)) => (left, right),
            (Some(left), None) => (left, x * x / left),
            (None, Some(right)) => (x * x / right, right),
            (None, None) => (x / 2f64.sqrt(), x * 2f64.sqrt()),
        };
        let curves: Vec<Vec<(f64, f64)>> =
            runs.iter().filter(|r| r.cell.examples == n).map(curve).filter(|c| c.len() > 1).collect();
        let ends = curves.iter().flat_map(|c| [c.first(), c.last()]).flatten().map(|(x, _)| *x);
        let (low, high) =
            ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if low >= high {
            continue;
        }
        let step = 10f64.ln() / PER_DECADE;
        for k in (low / step).floor() as i32..(high / step).ceil() as i32 {
            let at = (f64::from(k) + 0.5) * step;
            let losses: Vec<f64> = curves.iter().filter_map(|curve| along(curve, at)).collect();
            // With fewer draws the median would be that of unusual ones.
            if 2 * losses.len() <= curves.len() {
                continue;
            }
            let Ok(value) = stats::median(&losses) else { continue };
            let point = Point { x, y: at.exp(), low: (at - step / 2.0).exp(), high: (at + step / 2.0).exp() };
            cells.push((point, Shade { value: value.exp(), left, right }));
        }
    }
    cells
}

/// Logarithms of signal-to-noise ratio and test loss of a draw's runs, ascending.
fn curve(run: &Run<Cell, Outcome>) -> Vec<(f64, f64)> {
    let outcome = &run.outcome;
    let sides = outcome.boundary.zip(outcome.sides);
    let sides = sides.into_iter().flat_map(|(at, [below, above])| [(0.1 * at, below), (10.0 * at, above)]);
    let all = outcome.tried.iter().copied().chain(sides);
    let mut curve: Vec<(f64, f64)> =
        all.map(|(strength, loss)| (snr(strength, &run.cell).ln(), loss.max(1e-300).ln())).collect();
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    curve
}

/// The value of a piecewise linear curve; nothing outside of it.
fn along(curve: &[(f64, f64)], x: f64) -> Option<f64> {
    let above = curve.iter().position(|point| point.0 >= x)?;
    let high = curve[above];
    let Some(low) = above.checked_sub(1).map(|below| curve[below]) else {
        return (high.0 == x).then_some(high.1);
    };
    Some(low.1 + (high.1 - low.1) * (x - low.0) / (high.0 - low.0))
}

#[cfg(test)]
mod tests {
    use overparam_eval::claim::Run;

    use super::super::{Cell, Outcome};
    use super::{along, cells};

    /// A draw whose test loss is `0.1 (3 / strength)^5`.
    fn run(examples: usize, seed: u64) -> Run<Cell, Outcome> {
        let loss = |strength: f64| 0.1 * (3.0 / strength).powi(5);
        let tried = [2.0, 3.0, 5.0].map(|strength| (strength, loss(strength)));
        Run {
            cell: Cell { power: 3, examples, dimension: 9, leaked: 0.0, seed },
            outcome: Outcome {
                boundary: Some(3.0),
                predicted: Some(3.0),
                sides: Some([loss(0.3), loss(30.0)]),
                train_loss: 0.01,
                tried: tried.to_vec(),
            },
        }
    }

    #[test]
    fn colours_are_the_loss_and_columns_meet() {
        let runs: Vec<_> = [10, 40].into_iter().flat_map(|n| [run(n, 0), run(n, 1), run(n, 2)]).collect();
        let cells = cells(&runs);
        for (point, shade) in &cells {
            let strength = point.x * point.y.powi(3);
            let loss = 0.1 * (3.0 / strength).powi(5);
            assert!((shade.value / loss - 1.0).abs() < 1e-9, "{} for {loss}", shade.value);
            assert!(point.low < point.y && point.y < point.high && shade.left < point.x);
            let (left, right) = if point.x == 10.0 { (5.0, 20.0) } else { (20.0, 80.0) };
            assert!((shade.left - left).abs() < 1e-9 && (shade.right - right).abs() < 1e-9);
        }
        // From a tenth of the boundary to ten times it, two thirds of a decade for a power of three.
        assert!((2 * 25..=2 * 27).contains(&cells.len()), "{}", cells.len());
    }

    #[test]
    fn what_few_draws_have_run_is_blank() {
        let mut short = run(10, 1);
        (short.outcome.boundary, short.outcome.sides) = (None, None);
        let alone = cells(&[run(10, 0)]).len();
        let with_short = cells(&[run(10, 0), short]).len();
        assert!(with_short < alone / 2, "{with_short} of {alone}");
        let mut nothing = run(10, 0);
        nothing.outcome.tried.clear();
        (nothing.outcome.boundary, nothing.outcome.sides) = (None, None);
        assert!(cells(&[nothing]).is_empty());
    }

    #[test]
    fn a_curve_ends_where_it_ends() {
        let curve = [(0.0, 1.0), (2.0, 5.0), (3.0, 5.0)];
        let found = [-0.1, 0.0, 1.0, 2.5, 3.0, 3.1].map(|x| along(&curve, x));
        assert_eq!(found, [None, Some(1.0), Some(3.0), Some(5.0), Some(5.0), None]);
    }
}
