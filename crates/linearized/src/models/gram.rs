//! Regularised symmetric systems `(G + kappa I) X = B` for many `kappa`.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{
    Cholesky, LinalgError, SymmetricEigen, gemm, matmul, symmetric_eigen, transposed,
};

/// An eigen-decomposition costs about this many Cholesky factorisations (measured; 25 at n = 2,000).
const CHOLESKYS_AN_EIGEN: usize = 20;

/// `G`, factored once for a long path and per ridge for a short one, whichever is less work.
pub(super) enum Solver<'a> {
    PerRidge(&'a DMatrix<f64>),
    Once(SymmetricEigen<f64>),
}

impl<'a> Solver<'a> {
    pub(super) fn new(gram: &'a DMatrix<f64>, ridges: usize) -> Result<Self, LinalgError> {
        if ridges < CHOLESKYS_AN_EIGEN {
            Ok(Self::PerRidge(gram))
        } else {
            Ok(Self::Once(symmetric_eigen(gram)?))
        }
    }

    /// `(G + kappa I)^{-1} B` for `kappa > 0`.
    pub(super) fn solve(&self, kappa: f64, b: &DMatrix<f64>) -> Result<DMatrix<f64>, LinalgError> {
        match self {
            Self::PerRidge(gram) => {
                let mut shifted = (*gram).clone();
                for i in 0..shifted.nrows() {
                    shifted[(i, i)] += kappa;
                }
                match Cholesky::factor(&shifted) {
                    Ok(cholesky) => Ok(cholesky.solve(b)),
                    // A ridge below the rounding of G: its eigenvalues, cut at zero, still define the answer.
                    Err(LinalgError::NotPositiveDefinite { .. }) => {
                        Ok(shifted_inverse(&symmetric_eigen(gram)?, kappa, b))
                    }
                    Err(error) => Err(error),
                }
            }
            Self::Once(eigen) => Ok(shifted_inverse(eigen, kappa, b)),
        }
    }
}

/// `V diag(1 / (max(v, 0) + kappa)) V^T B`; for `kappa = 0` the pseudo-inverse, with eigenvalues below `n eps v_max` as zero.
pub(super) fn shifted_inverse(eigen: &SymmetricEigen<f64>, kappa: f64, b: &DMatrix<f64>) -> DMatrix<f64> {
    let largest = eigen.values.amax();
    let cutoff = eigen.values.len() as f64 * f64::EPSILON * largest;
    let factors: DVector<f64> =
        eigen.values.map(|v| if kappa == 0.0 && v <= cutoff { 0.0 } else { (v.max(0.0) + kappa).recip() });
    let mut coordinates = matmul(transposed(&eigen.vectors), b);
    for mut column in coordinates.column_iter_mut() {
        column.component_mul_assign(&factors);
    }
    matmul(&eigen.vectors, &coordinates)
}

/// Rows of a block of [`gram`], and how much of the inner dimension is taken at a time: a block is 256 KiB, and what a product
/// touches stays in cache.
const BLOCK: usize = 128;
const DEPTH: usize = 256;

/// The lower triangle (by blocks) of `A A^T`, or of `A^T A` if `of_columns`: about half of a full product's work. What stands
/// above the blocks of the diagonal is zero, and not read by the factorisations.
pub(super) fn gram(a: &DMatrix<f64>, of_columns: bool) -> DMatrix<f64> {
    let (size, inner) = if of_columns { (a.ncols(), a.nrows()) } else { a.shape() };
    let starts: Vec<usize> = (0..size).step_by(BLOCK).collect();
    let width = |start: usize| BLOCK.min(size - start);
    let mut products: Vec<DMatrix<f64>> = starts
        .iter()
        .enumerate()
        .flat_map(|(i, &row)| {
            starts[..=i].iter().map(move |&column| DMatrix::zeros(width(row), width(column)))
        })
        .collect();
    for from in (0..inner).step_by(DEPTH) {
        let depth = DEPTH.min(inner - from);
        let block = |&start: &usize| {
            if of_columns {
                part(a, (from, start), (depth, width(start)))
            } else {
                part(a, (start, from), (width(start), depth))
            }
        };
        let blocks: Vec<DMatrix<f64>> = starts.iter().map(block).collect();
        let pairs = blocks.iter().enumerate().flat_map(|(i, l)| blocks[..=i].iter().map(move |r| (l, r)));
        for ((left, right), product) in pairs.zip(&mut products) {
            if of_columns {
                gemm(1.0, transposed(left), right, 1.0, product);
            } else {
                gemm(1.0, left, transposed(right), 1.0, product);
            }
        }
    }
    let mut gram = DMatrix::zeros(size, size);
    let places = starts.iter().enumerate().flat_map(|(i, &row)| starts[..=i].iter().map(move |&c| (row, c)));
    for (place, product) in places.zip(&products) {
        gram.view_mut(place, product.shape()).copy_from(product);
    }
    gram
}

/// A copy of the part of `a` at `(row, column)` with this shape, a column at a time.
pub(super) fn part(
    a: &DMatrix<f64>,
    (row, column): (usize, usize),
    (rows, columns): (usize, usize),
) -> DMatrix<f64> {
    let mut entries = Vec::with_capacity(rows * columns);
    for j in column..column + columns {
        let start = j * a.nrows() + row;
        entries.extend_from_slice(&a.as_slice()[start..start + rows]);
    }
    DMatrix::from_vec(rows, columns, entries)
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::gram;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn gram_is_the_product(seed in any::<u64>(), m in 1usize..300, n in 1usize..300) {
            let a: DMatrix<f64> = Stream::root(seed).normal_matrix(m, n, 1.0);
            for (ours, full) in [(gram(&a, false), &a * a.transpose()), (gram(&a, true), a.transpose() * &a)] {
                prop_assert!((ours.lower_triangle() - full.lower_triangle()).amax() < 1e-10);
            }
        }
    }
}
