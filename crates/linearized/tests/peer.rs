//! Random-features regression against the NumPy program that the benchmark `sweep` races: the same numbers.

use nalgebra::{DMatrix, DVector};
use overparam_linearized::activation::Standard;
use overparam_linearized::models::{RandomFeatures, Samples};

const D: usize = 10;

/// Rows of norm `sqrt d` without a generator, as in the peers' own inputs.
fn dense(rows: usize, offset: usize) -> DMatrix<f64> {
    let mut x = DMatrix::from_fn(rows, D, |i, j| {
        let (i, j) = ((i + offset) as f64, j as f64);
        (0.7 * i + 1.3 * j + 0.1 * i * j).sin()
    });
    for mut row in x.row_iter_mut() {
        row *= (D as f64).sqrt() / row.norm();
    }
    x
}

/// `numpy_rf_double_descent_sweep`'s test errors at `d = 10`, `n = 24`, three widths and ridges (NumPy 2, `linalg.solve`).
#[test]
fn test_errors_agree_with_numpy() {
    let (x, t) = (dense(24, 0), dense(15, 1000));
    let b = DVector::from_fn(D, |i, _| (1.0 + i as f64).sin()).normalize();
    let noise = DVector::from_fn(24, |i, _| 0.3 * (1.1 * i as f64).sin());
    let (y, u) = (DMatrix::from_columns(&[&x * &b + noise]), DMatrix::from_columns(&[&t * &b]));
    let ridges = [1e-4, 1e-2, 1.0].map(|lambda| lambda / D as f64);
    for (width, errors) in [
        (8, [1.355_771_405_969, 1.510_555_765_003, 1.739_437_350_358]),
        (20, [1.305_072_559_742, 0.461_400_339_715, 1.477_399_354_998]),
        (60, [0.582_897_514_201, 0.659_620_683_169, 1.537_279_768_225]),
    ] {
        let random = RandomFeatures { weights: dense(width, 3000) / (D as f64).sqrt() };
        let samples = Samples { inputs: &x, labels: &y, test_inputs: &t, test_labels: &u };
        for (fit, error) in random.ridge_path(&Standard::Relu, samples, &ridges).unwrap().iter().zip(errors) {
            let ours = fit.scores[0].test_error;
            assert!((ours / error - 1.0).abs() < 1e-9, "{width} features: {ours} {error}");
        }
    }
}
