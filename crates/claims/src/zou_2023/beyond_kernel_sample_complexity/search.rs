//! One search: the least number of examples, and the three learners that it asks.

use nalgebra::DMatrix;
use overparam_eval::claim::CellError;
use overparam_feature_flow::kernel_ridge::best_ridge;
use overparam_feature_flow::quadratic::{QuadraticNet, Target, Training, tangent_kernel};
use overparam_ntk::architecture::{Architecture, dense, relu};
use overparam_ntk::{Inputs, Kernel};
use overparam_tensor::linalg::{Cholesky, matmul, transposed};
use overparam_tensor::random::Stream;

use super::{Cell, Outcome, products};

/// The error, in units of the target's variance, at which enough examples are there.
pub(super) const GOAL: f64 = 0.1;
const VALIDATION: usize = 200;
const TEST: usize = 1000;

/// Bisection for the least `n` on the grid with an error of at most [`GOAL`], up to twice the dimensions of the space that is learned.
pub(super) fn search(
    d: usize,
    dimensions: f64,
    error: impl Fn(usize) -> Result<f64, CellError>,
) -> Result<Outcome, CellError> {
    let at = |j: i32| (d as f64 * 2f64.powf(f64::from(j) / 4.0)).round() as usize;
    let (mut enough, last) = (None, (4.0 * (2.0 * dimensions / d as f64).log2()).ceil() as i32);
    let mut tried = Vec::new();
    let (mut low, mut high) = (0, last + 1);
    while low < high {
        let middle = i32::midpoint(low, high);
        let found = error(at(middle))?;
        tried.push((at(middle), found));
        if found <= GOAL {
            (enough, high) = (Some(at(middle)), middle);
        } else {
            low = middle + 1;
        }
    }
    tried.sort_by_key(|t| t.0);
    let crossed = tried.windows(2).find(|pair| pair[0].1 > GOAL && pair[1].1 <= GOAL).map(|pair| {
        let [(n, above), (more, below)] = [pair[0], pair[1]];
        n as f64 + (more - n) as f64 * (above - GOAL) / (above - below)
    });
    // Where the grid's least n is enough, there is nothing below to interpolate with.
    let interpolated = crossed.or(enough.map(|n| n as f64));
    Ok(Outcome { examples: enough, interpolated, tried })
}

/// Inputs and targets: training, validation, test.
fn examples(cell: &Cell, n: usize, stream: &Stream) -> [(DMatrix<f64>, DMatrix<f64>); 3] {
    let target = stream.named("target");
    [("train", n), ("validation", VALIDATION), ("test", TEST)]
        .map(|(name, count)| cell.target.draw((count, cell.dimension), &target, &stream.named(name)))
}

/// The mean error of interpolation with the flat kernel, over products of disjoint coordinates.
pub(super) fn flat_error(cell: &Cell, n: usize, stream: &Stream) -> Result<f64, CellError> {
    let d = cell.dimension;
    let [train, test] = ["train", "test"].map(|name| {
        let count = if name == "train" { n } else { TEST };
        Target::Parity.draw((count, d), &stream.named("target"), &stream.named(name)).0
    });
    let targets = |x: &DMatrix<f64>| {
        let (k, count) = (cell.degree, d / cell.degree);
        DMatrix::from_fn(x.nrows(), count, |i, j| (0..k).map(|p| x[(i, j * k + p)]).product())
    };
    // The elementary symmetric polynomial of the coordinates of `x o y`, whose squares are 1.
    let kernel = |x: &DMatrix<f64>, y: &DMatrix<f64>| {
        let d = d as f64;
        matmul(x, transposed(y)).map(|sum| match cell.degree {
            2 => (sum * sum - d) / 2.0,
            _ => (sum * sum * sum - 3.0 * d * sum + 2.0 * sum) / 6.0,
        })
    };
    let count = products(cell.degree, d as f64);
    // Beyond D examples the kernel is singular up to rounding.
    let own = kernel(&train, &train) + DMatrix::identity(n, n) * (1e-9 * count);
    let weights = Cholesky::factor(&own).map_err(CellError::new)?.solve(&targets(&train));
    let wrong = matmul(&kernel(&test, &train), &weights) - targets(&test);
    Ok(wrong.norm_squared() / wrong.len() as f64)
}

pub(super) fn net_error(cell: &Cell, n: usize, stream: &Stream) -> Result<f64, CellError> {
    let [train, validation, test] = examples(cell, n, stream);
    let training = Training { directions: 2 * cell.dimension, start: 1e-3, learning_rate: 0.01, steps: 600 };
    let [train, validation] = [&train, &validation].map(|(x, y)| (x, y));
    let net = QuadraticNet::train(train, validation, &training, &stream.named("start"));
    Ok(net.map_err(CellError::new)?.error(&test.0, &test.1))
}

pub(super) fn kernel_error(cell: &Cell, n: usize, stream: &Stream) -> Result<f64, CellError> {
    let [(x, y), validation, test] = examples(cell, n, stream);
    let fresh = DMatrix::from_rows(&validation.0.row_iter().chain(test.0.row_iter()).collect::<Vec<_>>());
    let net = Architecture::new([dense(1).w_std(1.0).b_std(0.5).into(), relu(), dense(1).into()]);
    let inputs = [&x, &fresh].map(|x| Inputs::from(x.clone()));
    let kernel = Kernel::new(&net, inputs[0].shape()).map_err(CellError::new)?;
    let relu = (
        kernel.ntk(&inputs[0], None).map_err(CellError::new)?,
        kernel.ntk(&inputs[1], Some(&inputs[0])).map_err(CellError::new)?,
    );
    let mut best = (f64::INFINITY, f64::NAN);
    for (own, other) in [relu, (tangent_kernel(&x, &x), tangent_kernel(&fresh, &x))] {
        let on_validation = other.rows(0, VALIDATION).into_owned();
        let predicted =
            best_ridge((&own, &y), (&on_validation, &validation.1), &other).map_err(CellError::new)?;
        let error = |from: usize, targets: &DMatrix<f64>| {
            (predicted.rows(from, targets.nrows()) - targets).norm_squared() / targets.nrows() as f64
        };
        let validated = error(0, &validation.1);
        if validated < best.0 {
            best = (validated, error(VALIDATION, &test.1));
        }
    }
    Ok(best.1)
}

#[cfg(test)]
mod tests {
    use super::search;

    #[test]
    fn the_search_finds_the_least_position_that_is_enough() {
        for least in [8, 13, 40, 60] {
            let outcome = search(8, 36.0, |n| Ok(if n >= least { 0.05 } else { 0.5 })).unwrap();
            let found = outcome.examples.unwrap();
            assert!(found >= least && (found as f64) < 1.25 * least as f64, "{least}: {found}");
            assert!(outcome.tried.is_sorted() && outcome.tried.len() <= 5);
        }
        let never = search(8, 36.0, |_| Ok(1.0)).unwrap();
        assert_eq!((never.examples, never.interpolated), (None, None));
        let at_once = search(8, 36.0, |_| Ok(0.05)).unwrap();
        assert_eq!((at_once.examples, at_once.interpolated), (Some(8), Some(8.0)));
        // The error 8 / n crosses a tenth at n = 80, between grid points.
        let between = search(8, 360.0, |n| Ok(8.0 / n as f64)).unwrap();
        assert!((between.interpolated.unwrap() - 80.0).abs() < 2.0, "{between:?}");
    }
}
