//! Symmetric eigen-decomposition, singular value decomposition, least squares.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::{evd, svd};
use faer::{MatMut, Par, Spec, diag::DiagMut};
use nalgebra::{DMatrix, DVector};

use super::{
    LinalgError, Real, check_finite, check_square, cleanly, gemm, matmul, transposed, view, view_mut,
};

/// `A = V diag(values) V^T` with orthonormal columns of `V`.
#[derive(Debug, Clone)]
pub struct SymmetricEigen<T: Real> {
    /// Eigenvalues, ascending.
    pub values: DVector<T>,
    /// Column `i` is the unit eigenvector of `values[i]`.
    pub vectors: DMatrix<T>,
}

/// Eigen-decomposition of a symmetric matrix, reading its lower triangle only. That of a diagonal one is read off it.
///
/// # Errors
/// [`LinalgError::NotFinite`], [`LinalgError::NoConvergence`].
///
/// # Panics
/// If `a` is not square.
pub fn symmetric_eigen<T: Real>(a: &DMatrix<T>) -> Result<SymmetricEigen<T>, LinalgError> {
    check_square("symmetric_eigen", a);
    const OPERATION: &str = "symmetric eigen-decomposition";
    check_finite(OPERATION, a)?;
    let n = a.nrows();
    let (mut values, mut vectors) = (DVector::zeros(n), DMatrix::zeros(n, n));
    if (0..n).all(|j| a.column(j).iter().skip(j + 1).all(|&x| x == T::ZERO)) {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| a[(i, i)].f64().total_cmp(&a[(j, j)].f64()));
        for (k, i) in order.into_iter().enumerate() {
            values[k] = a[(i, i)];
            vectors[(i, k)] = T::ONE;
        }
        return Ok(SymmetricEigen { values, vectors });
    }
    let scratch =
        evd::self_adjoint_evd_scratch::<T>(n, evd::ComputeEigenvectors::Yes, Par::Seq, Spec::default());
    cleanly(|| {
        evd::self_adjoint_evd(
            view(a),
            diagonal(&mut values),
            Some(view_mut(&mut vectors)),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Spec::default(),
        )
    })
    .map_err(|_| LinalgError::NoConvergence { operation: OPERATION, rows: n, columns: n })?;
    // Entries next to the largest number overflow on the way.
    if !values.iter().chain(vectors.iter()).copied().all(num_traits::Float::is_finite) {
        return Err(LinalgError::NoConvergence { operation: OPERATION, rows: n, columns: n });
    }
    Ok(SymmetricEigen { values, vectors })
}

/// The thin singular value decomposition `A = U diag(singular_values) V^T` of an `m x n` matrix; `r = min(m, n)`.
#[derive(Debug, Clone)]
pub struct Svd<T: Real> {
    /// Left singular vectors, `m x r`.
    pub u: DMatrix<T>,
    /// Singular values, descending, non-negative.
    pub singular_values: DVector<T>,
    /// Right singular vectors, `n x r`.
    pub v: DMatrix<T>,
}

impl<T: Real> Svd<T> {
    /// `U diag(f(s)) V^T`: the same singular vectors with transformed singular values.
    pub fn map_singular_values(&self, f: impl Fn(T) -> T) -> DMatrix<T> {
        let mut scaled = self.u.clone();
        for (mut column, &s) in scaled.column_iter_mut().zip(self.singular_values.iter()) {
            let factor = f(s);
            column.iter_mut().for_each(|x| *x *= factor);
        }
        matmul(&scaled, transposed(&self.v))
    }
}

/// Thin singular value decomposition.
///
/// # Errors
/// [`LinalgError::NotFinite`], [`LinalgError::NoConvergence`].
pub fn svd<T: Real>(a: &DMatrix<T>) -> Result<Svd<T>, LinalgError> {
    let (m, n) = a.shape();
    let r = m.min(n);
    let (mut u, mut v) = (DMatrix::zeros(m, r), DMatrix::zeros(n, r));
    let singular_values = factor_svd(a, Some((view_mut(&mut u), view_mut(&mut v))))?;
    Ok(Svd { u, singular_values, v })
}

/// Singular values alone, descending: several times cheaper than [`svd()`].
///
/// # Errors
/// [`LinalgError::NotFinite`], [`LinalgError::NoConvergence`].
pub fn singular_values<T: Real>(a: &DMatrix<T>) -> Result<DVector<T>, LinalgError> {
    factor_svd(a, None)
}

fn factor_svd<T: Real>(
    a: &DMatrix<T>,
    vectors: Option<(MatMut<'_, T>, MatMut<'_, T>)>,
) -> Result<DVector<T>, LinalgError> {
    const OPERATION: &str = "singular value decomposition";
    check_finite(OPERATION, a)?;
    let (m, n) = a.shape();
    let mut singular_values = DVector::zeros(m.min(n));
    let compute = if vectors.is_some() { svd::ComputeSvdVectors::Thin } else { svd::ComputeSvdVectors::No };
    let (u, v) = vectors.unzip();
    let scratch = svd::svd_scratch::<T>(m, n, compute, compute, Par::Seq, Spec::default());
    cleanly(|| {
        svd::svd(
            view(a),
            diagonal(&mut singular_values),
            u,
            v,
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Spec::default(),
        )
    })
    .map_err(|_| LinalgError::NoConvergence { operation: OPERATION, rows: m, columns: n })?;
    Ok(singular_values)
}

fn diagonal<T: Real>(values: &mut DVector<T>) -> DiagMut<'_, T> {
    DiagMut::from_slice_mut(values.as_mut_slice())
}

/// The minimum-norm `X` among the minimisers of `||A X - B||_F`, `X = A^+ B`.
///
/// Singular values at or below `max(m, n) eps s_max` count as zero, as in LAPACK's `gelsd` and NumPy's `lstsq`.
///
/// # Errors
/// Those of [`svd()`].
///
/// # Panics
/// If `a` and `b` have different numbers of rows.
pub fn least_squares<T: Real>(a: &DMatrix<T>, b: &DMatrix<T>) -> Result<DMatrix<T>, LinalgError> {
    assert!(
        a.nrows() == b.nrows(),
        "least_squares: A is {} x {}, B is {} x {}",
        a.nrows(),
        a.ncols(),
        b.nrows(),
        b.ncols()
    );
    let Svd { u, singular_values, v } = svd(a)?;
    let zero = <T as num_traits::Zero>::zero();
    let largest = singular_values.iter().copied().next().unwrap_or(zero);
    let cutoff = T::of(a.nrows().max(a.ncols()) as f64) * <T as num_traits::Float>::epsilon() * largest;
    let mut coordinates = matmul(transposed(&u), b);
    for (mut row, &s) in coordinates.row_iter_mut().zip(singular_values.iter()) {
        row.iter_mut().for_each(|x| *x = if s > cutoff { *x / s } else { zero });
    }
    let mut x = DMatrix::zeros(a.ncols(), b.ncols());
    gemm(<T as num_traits::One>::one(), &v, &coordinates, zero, &mut x);
    Ok(x)
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    use super::{least_squares, singular_values, svd, symmetric_eigen};
    use crate::linalg::LinalgError;
    use crate::random::Stream;

    fn orthonormality_error(q: &DMatrix<f64>) -> f64 {
        (q.transpose() * q - DMatrix::identity(q.ncols(), q.ncols())).amax()
    }

    proptest! {
        #[test]
        fn symmetric_eigen_reconstructs(seed in any::<u64>(), n in 1usize..30) {
            let g: DMatrix<f64> = Stream::root(seed).normal_matrix(n, n, 1.0);
            let a = &g + g.transpose();
            let eigen = symmetric_eigen(&a).unwrap();
            prop_assert!(eigen.values.as_slice().is_sorted());
            prop_assert!(orthonormality_error(&eigen.vectors) < 1e-12);
            let back = &eigen.vectors * DMatrix::from_diagonal(&eigen.values) * eigen.vectors.transpose();
            prop_assert!((back - &a).amax() < 1e-11 * (1.0 + a.amax()));
        }

        /// Without rounding, whatever stands above the diagonal.
        #[test]
        fn the_decomposition_of_a_diagonal_matrix_is_exact(seed in any::<u64>(), n in 0usize..20) {
            let mut a: DMatrix<f64> = Stream::root(seed).normal_matrix(n, n, 1.0);
            let diagonal = a.diagonal();
            a.fill_lower_triangle(0.0, 1);
            let eigen = symmetric_eigen(&a).unwrap();
            prop_assert!(eigen.values.as_slice().is_sorted());
            let back = &eigen.vectors * DMatrix::from_diagonal(&eigen.values) * eigen.vectors.transpose();
            prop_assert_eq!(back, DMatrix::from_diagonal(&diagonal));
        }

        #[test]
        fn svd_reconstructs(seed in any::<u64>(), m in 1usize..25, n in 1usize..25) {
            let a: DMatrix<f64> = Stream::root(seed).normal_matrix(m, n, 1.0);
            let svd = svd(&a).unwrap();
            let s = svd.singular_values.as_slice();
            prop_assert!(s.is_sorted_by(|a, b| a >= b) && s.iter().all(|&s| s >= 0.0));
            prop_assert!(orthonormality_error(&svd.u) < 1e-12);
            prop_assert!(orthonormality_error(&svd.v) < 1e-12);
            prop_assert!((svd.map_singular_values(|s| s) - &a).amax() < 1e-12 * (1.0 + a.amax()) * 10.0);
            let alone = singular_values(&a).unwrap();
            prop_assert!((alone - &svd.singular_values).amax() < 1e-12 * (1.0 + s[0]));
        }

        /// The pseudo-inverse's characterisation: the residual is orthogonal to the columns of A, and X lies in the row
        /// space of A (which makes it the shortest), also when A is rank-deficient.
        #[test]
        fn least_squares_is_the_minimum_norm_minimiser(
            seed in any::<u64>(), m in 1usize..20, n in 1usize..20, rank in 1usize..20,
        ) {
            let s = Stream::root(seed);
            let rank = rank.min(m).min(n);
            let a: DMatrix<f64> = s.named("l").normal_matrix::<f64>(m, rank, 1.0) * s.named("r").normal_matrix::<f64>(rank, n, 1.0);
            let b: DMatrix<f64> = s.named("b").normal_matrix(m, 2, 1.0);
            let x = least_squares(&a, &b).unwrap();
            // Condition numbers of random products are unbounded: scale the tolerance with X, which carries 1 / s_min.
            let scale = (1.0 + a.amax()).powi(2) * (1.0 + x.amax());
            prop_assert!((a.transpose() * (&a * &x - &b)).amax() < 1e-10 * scale);
            let projector = svd(&a).unwrap();
            let rows = projector.v.columns(0, rank);
            prop_assert!((&x - rows * (rows.transpose() * &x)).amax() < 1e-10 * scale);
        }
    }

    #[test]
    fn nan_is_an_error_not_a_hang() {
        let a = DMatrix::from_element(4, 4, f64::NAN);
        assert!(matches!(svd(&a), Err(LinalgError::NotFinite { .. })));
        assert!(matches!(symmetric_eigen(&a), Err(LinalgError::NotFinite { .. })));
    }

    #[test]
    fn an_empty_matrix_has_an_empty_decomposition() {
        let a = DMatrix::<f64>::zeros(0, 3);
        assert_eq!(svd(&a).unwrap().singular_values.len(), 0);
        assert_eq!(least_squares(&a, &DMatrix::zeros(0, 2)).unwrap(), DMatrix::zeros(3, 2));
    }
}
