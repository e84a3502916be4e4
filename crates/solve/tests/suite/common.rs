//! Systems with known properties.

use nalgebra::{DMatrix, DVector};
use overparam_solve::{BlockFn, Blocks, FactorOptions, SolveError};
use overparam_tensor::random::Stream;

/// A random symmetric matrix with the eigenvalues given.
pub(crate) fn with_spectrum(seed: u64, eigenvalues: &[f64]) -> DMatrix<f64> {
    let n = eigenvalues.len();
    let random: DMatrix<f64> = Stream::root(seed).named("basis").normal_matrix(n, n, 1.0);
    let q = random.qr().q();
    let a = &q * DMatrix::from_diagonal(&DVector::from_column_slice(eigenvalues)) * q.transpose();
    (&a + a.transpose()) * 0.5
}

/// Eigenvalues from 1 down to `1 / condition`, evenly spaced on the logarithmic scale.
pub(crate) fn geometric(n: usize, condition: f64) -> Vec<f64> {
    (0..n).map(|i| condition.powf(-(i as f64) / (n.max(2) - 1) as f64)).collect()
}

/// Normal numbers.
pub(crate) fn labels(seed: u64, n: usize, columns: usize) -> DMatrix<f64> {
    Stream::root(seed).named("labels").normal_matrix(n, columns, 1.0)
}

/// `||b - A x|| / ||b||` of each column, by nalgebra.
pub(crate) fn residuals(a: &DMatrix<f64>, x: &DMatrix<f64>, b: &DMatrix<f64>) -> Vec<f64> {
    let r = b - a * x;
    r.column_iter().zip(b.column_iter()).map(|(r, b)| r.norm() / b.norm()).collect()
}

/// Small tiles, in memory.
pub(crate) fn tiles(tile: usize, ridge: f64) -> FactorOptions {
    FactorOptions { tile, ridge, ..FactorOptions::default() }
}

/// Bytes with which a factor of `n` in tiles does not fit in memory but its first panels do; needs at least a few tiles a side.
pub(crate) fn little_memory(n: usize, tile: usize) -> u64 {
    let column = 4 * (n * tile) as u64;
    3 * column + 16 * (tile * tile * rayon::current_num_threads()) as u64 + column * 2
}

/// `a`, as a kernel that is computed again, and that fails from the `calls`-th block on.
pub(crate) fn failing(a: &DMatrix<f64>, calls: usize) -> impl Blocks + '_ {
    let seen = std::sync::atomic::AtomicUsize::new(0);
    BlockFn::new(a.nrows(), move |rows, columns| {
        if seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= calls {
            return Err(SolveError::Kernel { rows, columns, reason: "the disk went away".into() });
        }
        Ok(a.view((rows.start, columns.start), (rows.len(), columns.len())).into_owned())
    })
}
