//! Leave-one-out residuals against leaving one out.

use nalgebra::{Cholesky, DMatrix};
use overparam_solve::{Dense, DirectOptions, Factor, FactorOptions, Progress, SolveError, ridge_path};
use proptest::prelude::*;

use crate::common::{geometric, labels, little_memory, tiles, with_spectrum};

/// `y_i - f_{-i}(x_i)` by solving without the example `i`.
fn left_out(a: &DMatrix<f64>, y: &DMatrix<f64>, ridge: f64) -> DMatrix<f64> {
    let n = a.nrows();
    let mut out = DMatrix::zeros(n, y.ncols());
    for i in 0..n {
        let kernel = a.clone().remove_row(i).remove_column(i) + DMatrix::identity(n - 1, n - 1) * ridge;
        let alpha = Cholesky::new(kernel).unwrap().solve(&y.clone().remove_row(i));
        let cross = a.rows(i, 1).into_owned().remove_column(i);
        out.set_row(i, &(y.row(i) - cross * alpha).row(0));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn residuals_are_those_without_the_example(seed in any::<u64>(), n in 2usize..50, tile in 1usize..20, on_disk in any::<bool>()) {
        let a = with_spectrum(seed, &geometric(n, 1e2));
        let y = labels(seed, n, 2);
        let folder = tempfile::tempdir().unwrap();
        let memory = if on_disk { little_memory(n, tile) } else { 1 << 20 };
        let scratch = Some(folder.path().to_owned());
        let factor = FactorOptions { memory, scratch, ..tiles(tile, 0.0) };
        let options = DirectOptions { factor, ..DirectOptions::default() };
        let mut points = Vec::new();
        let found = |point| points.push(point);
        ridge_path(&Dense::new(&a).unwrap(), &y, &[0.3, 0.01], &options, &Progress::default(), found).unwrap();
        prop_assert_eq!(points.len(), 2);
        for point in points {
            let expected = left_out(&a, &y, point.ridge);
            let left = &point.leave_one_out;
            prop_assert!((&left.residuals - &expected).amax() < 1e-3 * expected.amax());
            let inverse = (&a + DMatrix::identity(n, n) * point.ridge).try_inverse().unwrap().diagonal();
            let errors = left.inverse_diagonal.zip_map(&inverse, |x, y| (x / y - 1.0).abs());
            // The sample of eight is part of all, and is all of them below nine.
            prop_assert!(errors.max() < 1e-3 && left.sampled_error <= errors.max() + 1e-8);
            prop_assert!(n > 8 || left.sampled_error >= errors.max() - 1e-8);
        }
    }
}

#[test]
fn a_shifted_factor_is_refused() {
    let a = with_spectrum(2, &geometric(100, 1e10));
    let kernel = Dense::new(&a).unwrap();
    let factor = Factor::new(&kernel, &tiles(32, 0.0), &Progress::default()).unwrap();
    let error = factor.leave_one_out(&kernel, &labels(2, 100, 1), 1 << 30, &Progress::default()).unwrap_err();
    assert!(matches!(error, SolveError::Shifted { .. }), "{error}");
    assert!(error.to_string().contains("add a ridge"));
}
