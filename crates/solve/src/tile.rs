//! Dense kernels on single tiles, on the calling thread: the only place here that knows faer.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{
    LltError, LltRegularization, cholesky_in_place, cholesky_in_place_scratch,
};
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Accum, MatMut, MatRef, Par, Spec, linalg::matmul::matmul};
use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, cleanly};

/// A tile of the factor.
pub(crate) type Tile = DMatrix<f32>;

fn view<T>(a: &DMatrix<T>) -> MatRef<'_, T> {
    MatRef::from_column_major_slice(a.as_slice(), a.nrows(), a.ncols())
}

fn view_mut<T>(a: &mut DMatrix<T>) -> MatMut<'_, T> {
    let (rows, columns) = a.shape();
    MatMut::from_column_major_slice_mut(a.as_mut_slice(), rows, columns)
}

/// Overwrites the lower half of `a` with its Cholesky factor. The upper half keeps what it held.
///
/// # Errors
/// The first row whose pivot is not positive.
pub(crate) fn cholesky<T: Real>(a: &mut DMatrix<T>) -> Result<(), usize> {
    let scratch = cholesky_in_place_scratch::<T>(a.nrows(), Par::Seq, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let none = LltRegularization::default();
    match cleanly(|| cholesky_in_place(view_mut(a), none, Par::Seq, stack, Spec::default())) {
        Ok(_) => Ok(()),
        Err(LltError::NonPositivePivot { index }) => Err(index),
    }
}

/// `A <- A L^{-T}` with the lower triangle of `lower`.
pub(crate) fn solve_right<T: Real>(a: &mut DMatrix<T>, lower: &DMatrix<T>) {
    cleanly(|| solve_lower_triangular_in_place(view(lower), view_mut(a).transpose_mut(), Par::Seq));
}

/// `B <- L^{-1} B` with the lower triangle of `lower`.
pub(crate) fn solve_lower<T: Real>(lower: &DMatrix<T>, b: &mut DMatrix<T>) {
    cleanly(|| solve_lower_triangular_in_place(view(lower), view_mut(b), Par::Seq));
}

/// `B <- L^{-T} B` with the lower triangle of `lower`.
pub(crate) fn solve_lower_transposed<T: Real>(lower: &DMatrix<T>, b: &mut DMatrix<T>) {
    cleanly(|| solve_upper_triangular_in_place(view(lower).transpose(), view_mut(b), Par::Seq));
}

/// `C <- C - A B`.
pub(crate) fn subtract<T: Real>(c: &mut DMatrix<T>, a: &DMatrix<T>, b: &DMatrix<T>) {
    cleanly(|| matmul(view_mut(c), Accum::Add, view(a), view(b), -T::ONE, Par::Seq));
}

/// `C <- C - A B` in the lower half of `C`.
pub(crate) fn subtract_lower<T: Real>(c: &mut DMatrix<T>, a: &DMatrix<T>, b: &DMatrix<T>) {
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    cleanly(|| {
        triangular_matmul(view_mut(c), lower, Accum::Add, view(a), full, view(b), full, -T::ONE, Par::Seq);
    });
}

/// `A B`.
pub(crate) fn product<T: Real>(a: &DMatrix<T>, b: &DMatrix<T>) -> DMatrix<T> {
    let mut c = DMatrix::zeros(a.nrows(), b.ncols());
    cleanly(|| matmul(view_mut(&mut c), Accum::Replace, view(a), view(b), T::ONE, Par::Seq));
    c
}

/// `A^T B`.
pub(crate) fn transposed_product<T: Real>(a: &DMatrix<T>, b: &DMatrix<T>) -> DMatrix<T> {
    let mut c = DMatrix::zeros(a.ncols(), b.ncols());
    cleanly(|| matmul(view_mut(&mut c), Accum::Replace, view(a).transpose(), view(b), T::ONE, Par::Seq));
    c
}

/// The transpose, by small squares that stay in cache.
///
/// faer reads the right factor of a product down its columns: products with a transposed view of a tile take twice as
/// long as with a transposed copy, and one copy serves a whole column of products.
pub(crate) fn transpose(a: &Tile) -> Tile {
    const SQUARE: usize = 32;
    let (rows, columns) = a.shape();
    let mut out = Tile::zeros(columns, rows);
    let (from, to) = (a.as_slice(), out.as_mut_slice());
    for top in (0..rows).step_by(SQUARE) {
        for left in (0..columns).step_by(SQUARE) {
            for i in top..(top + SQUARE).min(rows) {
                for j in left..(left + SQUARE).min(columns) {
                    to[i * columns + j] = from[j * rows + i];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    proptest! {
        /// Against nalgebra's own routines.
        #[test]
        fn tiles_do_what_they_say(seed in any::<u64>(), m in 1usize..50, n in 1usize..50, k in 1usize..50) {
            let stream = Stream::root(seed);
            let random = |name: &str, rows, columns| -> DMatrix<f64> {
                stream.named(name).normal_matrix(rows, columns, 1.0)
            };
            let (a, b, c) = (random("a", m, k), random("b", k, n), random("c", m, n));
            let mut difference = c.clone();
            super::subtract(&mut difference, &a, &b);
            prop_assert!((difference - (&c - &a * &b)).amax() < 1e-12);
            prop_assert!((super::product(&a, &b) - &a * &b).amax() < 1e-12);
            prop_assert!((super::transposed_product(&a, &c) - a.transpose() * &c).amax() < 1e-12);

            let mut square = random("s", m, m);
            let before = square.clone();
            super::subtract_lower(&mut square, &a, &a.transpose());
            let expected = (&before - &a * a.transpose()).lower_triangle();
            prop_assert!((square.lower_triangle() - expected).amax() < 1e-12);

            let positive = &before * before.transpose() + DMatrix::identity(m, m);
            let mut factor = positive.clone();
            super::cholesky(&mut factor).unwrap();
            let lower = factor.lower_triangle();
            prop_assert!((&lower * lower.transpose() - &positive).amax() < 1e-11 * positive.amax());
            let mut right = c.transpose();
            super::solve_right(&mut right, &factor);
            prop_assert!((right * lower.transpose() - c.transpose()).amax() < 1e-10);
            let mut x = c.clone();
            super::solve_lower(&factor, &mut x);
            prop_assert!((&lower * x - &c).amax() < 1e-10);
            let mut x = c.clone();
            super::solve_lower_transposed(&factor, &mut x);
            prop_assert!((lower.transpose() * x - &c).amax() < 1e-10);

            let tile = a.map(|x| x as f32);
            prop_assert_eq!(super::transpose(&tile), tile.transpose());
        }
    }
}
