//! Dense linear algebra: [`nalgebra`] matrices at the surface, [`faer`] kernels inside. Decompositions are sequential;
//! large products are cut by their shapes into tiles, which rayon's threads share.
//!
//! This is the one place in the workspace that knows the backend; a faster library would replace it here. The
//! conversion costs nothing: both libraries store columns contiguously, so a faer view borrows nalgebra's memory.
//!
//! | function | computes | cost (flops, leading order) |
//! |---|---|---|
//! | [`matmul`], [`gemm`] | `A B`, `C <- alpha op(A) op(B) + beta C` | `2 m k n` |
//! | [`Cholesky::factor`] | `A = L L^T`, then [`Cholesky::solve`] | `n^3 / 3`, then `2 n^2` a right-hand side |
//! | [`symmetric_eigen`] | `A = V diag(lambda) V^T` | about `9 n^3` |
//! | [`svd()`] | thin `A = U diag(s) V^T` | about `20 n^3` for square `A` |
//! | [`singular_values`] | `s` alone | about `8 n^3 / 3` |
//! | [`mirror_lower`] | the upper half of a symmetric matrix from the lower | 0 |
//! | [`least_squares`] | the minimum-norm minimiser of `||A X - B||_F` | as [`svd()`] |
//!
//! faer is chosen by measurement: on one thread its Cholesky factorisation is 5 to 9 times nalgebra's and its symmetric
//! eigen-decomposition about 4 times.
//!
//! All routines work in `f32` and `f64` through the sealed trait [`Real`].

mod cholesky;
mod decompositions;
mod mirror;
mod product;
mod real;
mod registers;
mod strided;

pub use cholesky::Cholesky;
pub use decompositions::{Svd, SymmetricEigen, least_squares, singular_values, svd, symmetric_eigen};
pub use mirror::mirror_lower;
pub use product::{Operand, gemm, matmul, transposed};
pub use real::Real;
pub use registers::cleanly;
pub(crate) use strided::{PARALLEL, Strided, gemm_row_major, gemm_strided};

use faer::{MatMut, MatRef};
use nalgebra::DMatrix;

/// What can go wrong numerically in a decomposition.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinalgError {
    /// A Cholesky factorisation met a pivot that is not positive.
    #[error(
        "Cholesky factorisation of a {size} x {size} matrix: pivot {pivot} is not positive (the matrix is not positive definite)"
    )]
    NotPositiveDefinite {
        /// Number of rows of the matrix.
        size: usize,
        /// Zero-based index of the first pivot that failed.
        pivot: usize,
    },
    /// A decomposition was given a NaN or an infinity.
    #[error("{operation} of a {rows} x {columns} matrix: the matrix has an entry that is not finite")]
    NotFinite {
        /// The decomposition.
        operation: &'static str,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// An iterative decomposition did not converge.
    #[error("{operation} of a {rows} x {columns} matrix did not converge")]
    NoConvergence {
        /// The decomposition.
        operation: &'static str,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
}

/// Copy-free faer view of a nalgebra matrix (both are column-major).
fn view<T: Real>(a: &DMatrix<T>) -> MatRef<'_, T> {
    MatRef::from_column_major_slice(a.as_slice(), a.nrows(), a.ncols())
}

/// Copy-free mutable faer view of a nalgebra matrix.
fn view_mut<T: Real>(a: &mut DMatrix<T>) -> MatMut<'_, T> {
    let (rows, columns) = a.shape();
    MatMut::from_column_major_slice_mut(a.as_mut_slice(), rows, columns)
}

fn check_finite<T: Real>(operation: &'static str, a: &DMatrix<T>) -> Result<(), LinalgError> {
    if a.iter().copied().all(num_traits::Float::is_finite) {
        Ok(())
    } else {
        Err(LinalgError::NotFinite { operation, rows: a.nrows(), columns: a.ncols() })
    }
}

fn check_square<T: Real>(operation: &str, a: &DMatrix<T>) {
    assert!(a.is_square(), "{operation} needs a square matrix, got {} x {}", a.nrows(), a.ncols());
}
