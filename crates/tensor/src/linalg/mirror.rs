//! Symmetric matrices of which one half was computed.

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::{Real, check_square};

/// Side of the squares that are turned at a time: one stays in the first-level cache.
const SQUARE: usize = 64;

/// Copies what is below the diagonal above it.
///
/// # Panics
/// If the matrix is not square.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_tensor::linalg::mirror_lower;
///
/// let mut a = DMatrix::from_row_slice(2, 2, &[1.0, f64::NAN, 3.0, 4.0]);
/// mirror_lower(&mut a);
/// assert_eq!(a, DMatrix::from_row_slice(2, 2, &[1.0, 3.0, 3.0, 4.0]));
/// ```
pub fn mirror_lower<T: Real>(matrix: &mut DMatrix<T>) {
    check_square("mirror_lower", matrix);
    let n = matrix.nrows();
    let data = matrix.as_mut_slice();
    // Panels are written one after another, because each reads all those before it; its columns are shared out.
    let panel = SQUARE * rayon::current_num_threads();
    for start in (0..n).step_by(panel) {
        let (before, rest) = data.split_at_mut(start * n);
        let (before, columns) = (&*before, panel.min(n - start));
        rest[..columns * n].par_chunks_mut(SQUARE * n).enumerate().for_each(|(group, columns)| {
            turn(before, columns, start + group * SQUARE, n);
        });
        for j in start..start + columns {
            for i in start..j {
                rest[(j - start) * n + i] = rest[(i - start) * n + j];
            }
        }
    }
}

/// Rows above the panel of at most [`SQUARE`] columns from `j0` on.
fn turn<T: Real>(before: &[T], columns: &mut [T], j0: usize, n: usize) {
    let mut square = [T::ZERO; SQUARE * SQUARE];
    let (count, start) = (columns.len() / n, before.len() / n);
    for i0 in (0..start).step_by(SQUARE) {
        let i1 = (i0 + SQUARE).min(start);
        for (i, row) in (i0..i1).zip(square.chunks_exact_mut(SQUARE)) {
            row[..count].copy_from_slice(&before[i * n + j0..][..count]);
        }
        for (c, column) in columns.chunks_exact_mut(n).enumerate() {
            for (x, row) in column[i0..i1].iter_mut().zip(square.chunks_exact(SQUARE)) {
                *x = row[c];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::mirror_lower;

    /// On any number of threads, sizes around the squares' and the panels'.
    #[test]
    fn the_lower_half_stands_above_the_diagonal_too() {
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            for n in [0, 1, 2, 63, 64, 65, 128, 129, 200] {
                let full = DMatrix::from_fn(n, n, |i, j| (i.max(j) * n + i.min(j)) as f64);
                let mut half = full.clone();
                half.fill_upper_triangle(f64::NAN, 1);
                pool.install(|| mirror_lower(&mut half));
                assert_eq!(half, full, "{n} on {threads} threads");
            }
        }
    }
}
