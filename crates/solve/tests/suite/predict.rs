//! Streamed outputs against one product.

use std::sync::atomic::{AtomicUsize, Ordering};

use nalgebra::DMatrix;
use overparam_solve::{CrossFn, Progress, SolveError, Stage, predict};
use overparam_tensor::random::Stream;

#[test]
fn outputs_are_the_product_and_no_block_is_large() {
    let (rows, columns) = (1100, 700);
    let cross: DMatrix<f64> = Stream::root(1).named("cross").normal_matrix(rows, columns, 1.0);
    let alpha: DMatrix<f64> = Stream::root(1).named("alpha").normal_matrix(columns, 3, 1.0);
    let asked = AtomicUsize::new(0);
    let kernel = CrossFn::new(rows, columns, |r, c| {
        assert!(r.len() <= 512 && c.len() <= 512);
        asked.fetch_add(r.len() * c.len(), Ordering::Relaxed);
        Ok(cross.view((r.start, c.start), (r.len(), c.len())).into_owned())
    });
    let progress = Progress::default();
    let outputs = predict(&kernel, &alpha, &progress).unwrap();
    assert!((outputs - &cross * &alpha).amax() < 1e-11);
    assert_eq!(asked.into_inner(), rows * columns, "every entry once");
    assert_eq!((progress.stage(), progress.fraction()), (Stage::Predicting, 1.0));
    assert_eq!(
        predict(&cross, &DMatrix::zeros(columns, 0), &Progress::default()).unwrap().shape(),
        (rows, 0)
    );
}

#[test]
fn bad_blocks_and_coefficients_are_named() {
    let mut cross = DMatrix::from_element(600, 20, 1.0);
    cross[(530, 7)] = f64::NAN;
    let error = predict(&cross, &DMatrix::zeros(20, 1), &Progress::default()).unwrap_err();
    assert!(matches!(error, SolveError::NotFinite { row: 530, column: 7, .. }), "{error}");
    let error = predict(&cross, &DMatrix::zeros(21, 1), &Progress::default()).unwrap_err();
    assert_eq!(error.to_string(), "the matrix of coefficients is 21 x 1, expected 20 x 1");
}
