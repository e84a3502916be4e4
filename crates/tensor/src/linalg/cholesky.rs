//! Cholesky factorisation of a symmetric positive definite matrix.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::{factor, solve};
use faer::{Par, Spec};
use nalgebra::{DMatrix, DVector};

use super::{LinalgError, Real, check_finite, check_square, cleanly, view, view_mut};

/// The factorisation `A = L L^T` of a symmetric positive definite matrix, ready to solve.
///
/// ```
/// use nalgebra::{DMatrix, DVector};
/// use overparam_tensor::linalg::Cholesky;
///
/// let a = DMatrix::from_row_slice(2, 2, &[4.0, 2.0, 2.0, 3.0]);
/// let b = DVector::from_vec(vec![2.0, 1.0]);
/// let x = Cholesky::factor(&a)?.solve_vector(&b);
/// assert!((&a * x - b).norm() < 1e-15);
/// # Ok::<(), overparam_tensor::linalg::LinalgError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cholesky<T: Real> {
    /// `L` in the lower triangle; what stands above it is not part of the factor.
    lower: DMatrix<T>,
}

impl<T: Real> Cholesky<T> {
    /// Factors `a`, reading its lower triangle only.
    ///
    /// # Errors
    /// [`LinalgError::NotPositiveDefinite`] with the failing pivot; [`LinalgError::NotFinite`].
    ///
    /// # Panics
    /// If `a` is not square.
    pub fn factor(a: &DMatrix<T>) -> Result<Self, LinalgError> {
        check_square("Cholesky::factor", a);
        check_finite("Cholesky factorisation", a)?;
        let n = a.nrows();
        let mut lower = a.clone();
        let scratch = factor::cholesky_in_place_scratch::<T>(n, Par::Seq, Spec::default());
        cleanly(|| {
            factor::cholesky_in_place(
                view_mut(&mut lower),
                factor::LltRegularization::default(),
                Par::Seq,
                MemStack::new(&mut MemBuffer::new(scratch)),
                Spec::default(),
            )
        })
        .map_err(|factor::LltError::NonPositivePivot { index }| {
            LinalgError::NotPositiveDefinite { size: n, pivot: index }
        })?;
        Ok(Self { lower })
    }

    /// `A^{-1} B`.
    ///
    /// # Panics
    /// If `b` does not have as many rows as `A`.
    pub fn solve(&self, b: &DMatrix<T>) -> DMatrix<T> {
        let size = self.lower.nrows();
        assert!(
            b.nrows() == size,
            "Cholesky::solve: A is {size} x {size}, B is {} x {}",
            b.nrows(),
            b.ncols()
        );
        let mut x = b.clone();
        let scratch = solve::solve_in_place_scratch::<T>(size, b.ncols(), Par::Seq);
        cleanly(|| {
            solve::solve_in_place(
                view(&self.lower),
                view_mut(&mut x),
                Par::Seq,
                MemStack::new(&mut MemBuffer::new(scratch)),
            );
        });
        x
    }

    /// `A^{-1} b`.
    ///
    /// # Panics
    /// If `b` does not have as many entries as `A` has rows.
    pub fn solve_vector(&self, b: &DVector<T>) -> DVector<T> {
        let b = DMatrix::from_column_slice(b.len(), 1, b.as_slice());
        DVector::from_column_slice(self.solve(&b).as_slice())
    }

    /// `log det A`, as twice the sum of the logarithms of the factor's diagonal.
    pub fn log_determinant(&self) -> T {
        let sum: T = self.lower.diagonal().iter().map(|&l| num_traits::Float::ln(l)).sum();
        sum + sum
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    use super::Cholesky;
    use crate::linalg::LinalgError;
    use crate::random::Stream;

    proptest! {
        #[test]
        fn solves_and_measures(seed in any::<u64>(), n in 1usize..30, k in 1usize..5) {
            let s = Stream::root(seed);
            let g: DMatrix<f64> = s.named("g").normal_matrix(n, n, 1.0);
            let a = &g * g.transpose() + DMatrix::identity(n, n);
            let b: DMatrix<f64> = s.named("b").normal_matrix(n, k, 1.0);
            let cholesky = Cholesky::factor(&a).unwrap();
            let x = cholesky.solve(&b);
            prop_assert!((&a * x - &b).amax() < 1e-10 * (1.0 + a.amax()));
            let determinant = a.clone().lu().determinant();
            prop_assert!((cholesky.log_determinant() - determinant.ln()).abs() < 1e-9);
        }
    }

    #[test]
    fn an_indefinite_matrix_is_named_with_its_pivot() {
        let mut a = DMatrix::<f64>::identity(3, 3);
        a[(1, 1)] = -1.0;
        let error = Cholesky::factor(&a).unwrap_err();
        assert_eq!(error, LinalgError::NotPositiveDefinite { size: 3, pivot: 1 });
    }

    #[test]
    fn nan_is_an_error() {
        let a = DMatrix::from_element(2, 2, f64::NAN);
        assert!(matches!(Cholesky::factor(&a), Err(LinalgError::NotFinite { .. })));
    }
}
