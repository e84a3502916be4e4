//! How far apart two kernels are; the tests of the programs ask as well.

use nalgebra::DMatrix;

/// Largest `|a - b|_ij / sqrt(b_ii b_jj)`.
pub(crate) fn scaled_difference(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    let mut worst = 0.0f64;
    for i in 0..b.nrows() {
        for j in 0..b.ncols() {
            let scale = (b[(i, i)] * b[(j, j)]).sqrt().max(1e-300);
            worst = worst.max((a[(i, j)] - b[(i, j)]).abs() / scale);
        }
    }
    worst
}
