//! Matrix products.

use faer::{Accum, MatRef, Par, linalg::matmul::matmul as faer_matmul};
use nalgebra::DMatrix;

use super::{Real, view, view_mut};

/// A matrix, or its transpose, as a factor of [`gemm`]. Made from `&matrix` or by [`transposed`].
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a, T> {
    matrix: &'a DMatrix<T>,
    transposed: bool,
}

impl<T: Real> Operand<'_, T> {
    fn view(&self) -> MatRef<'_, T> {
        let view = view(self.matrix);
        if self.transposed { view.transpose() } else { view }
    }
}

impl<'a, T> From<&'a DMatrix<T>> for Operand<'a, T> {
    fn from(matrix: &'a DMatrix<T>) -> Self {
        Operand { matrix, transposed: false }
    }
}

/// The transpose of `matrix` as a factor of [`gemm`]; nothing is copied.
pub fn transposed<T>(matrix: &DMatrix<T>) -> Operand<'_, T> {
    Operand { matrix, transposed: true }
}

/// `C <- alpha op(A) op(B) + beta C` without allocating a result.
///
/// With `beta = 0` the old content of `C` is ignored, so it may hold NaN.
///
/// # Panics
/// If the shapes do not fit.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_tensor::linalg::{gemm, transposed};
///
/// let a = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 3.0, 4.0]);
/// let mut c = DMatrix::identity(2, 2);
/// gemm(2.0, &a, transposed(&a), 1.0, &mut c); // 2 A A^T + I
/// assert_eq!(c, DMatrix::from_row_slice(2, 2, &[11.0, 22.0, 22.0, 51.0]));
/// ```
pub fn gemm<'a, T: Real>(
    alpha: T,
    a: impl Into<Operand<'a, T>>,
    b: impl Into<Operand<'a, T>>,
    beta: T,
    c: &mut DMatrix<T>,
) {
    let (a, b) = (a.into(), b.into());
    let (a, b) = (a.view(), b.view());
    assert!(
        a.ncols() == b.nrows() && c.shape() == (a.nrows(), b.ncols()),
        "gemm: ({} x {}) times ({} x {}) into {} x {}",
        a.nrows(),
        a.ncols(),
        b.nrows(),
        b.ncols(),
        c.nrows(),
        c.ncols()
    );
    let zero = <T as num_traits::Zero>::zero();
    let accumulate = if beta == zero {
        Accum::Replace
    } else {
        if beta != <T as num_traits::One>::one() {
            c.as_mut_slice().iter_mut().for_each(|x| *x *= beta);
        }
        Accum::Add
    };
    faer_matmul(view_mut(c), accumulate, a, b, alpha, Par::Seq);
}

/// The product `op(A) op(B)` as a new matrix.
///
/// # Panics
/// If the inner dimensions differ.
pub fn matmul<'a, T: Real>(a: impl Into<Operand<'a, T>>, b: impl Into<Operand<'a, T>>) -> DMatrix<T> {
    let (a, b) = (a.into(), b.into());
    let mut c = DMatrix::zeros(a.view().nrows(), b.view().ncols());
    gemm(<T as num_traits::One>::one(), a, b, <T as num_traits::Zero>::zero(), &mut c);
    c
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    use super::{gemm, matmul, transposed};
    use crate::random::Stream;

    proptest! {
        /// Against nalgebra's own product, for every shape and transposition, with non-trivial alpha and beta.
        #[test]
        fn gemm_agrees_with_nalgebra(
            seed in any::<u64>(), m in 0usize..20, k in 0usize..20, n in 0usize..20,
            ta in any::<bool>(), tb in any::<bool>(), beta in prop_oneof![Just(0.0), Just(1.0), -2.0..2.0],
        ) {
            let s = Stream::root(seed);
            let a: DMatrix<f64> = if ta { s.named("a").normal_matrix(k, m, 1.0) } else { s.named("a").normal_matrix(m, k, 1.0) };
            let b: DMatrix<f64> = if tb { s.named("b").normal_matrix(n, k, 1.0) } else { s.named("b").normal_matrix(k, n, 1.0) };
            let c0: DMatrix<f64> = s.named("c").normal_matrix(m, n, 1.0);
            let plain = |x: &DMatrix<f64>, t: bool| if t { x.transpose() } else { x.clone() };
            let expected = plain(&a, ta) * plain(&b, tb) * 0.7 + &c0 * beta;
            let mut c = c0;
            let oa = if ta { transposed(&a) } else { (&a).into() };
            let ob = if tb { transposed(&b) } else { (&b).into() };
            gemm(0.7, oa, ob, beta, &mut c);
            prop_assert!((c - expected).amax() <= 1e-12);
        }

        #[test]
        fn f32_product_rounds_the_f64_product(seed in any::<u64>(), n in 1usize..40) {
            let s = Stream::root(seed);
            let a: DMatrix<f64> = s.named("a").normal_matrix(n, n, 1.0);
            let single = a.map(|x| x as f32);
            let c = matmul(&single, transposed(&single)).map(f64::from);
            let wide = single.map(f64::from);
            let exact = &wide * wide.transpose();
            prop_assert!((c - &exact).amax() <= 1e-6 * n as f64 * (1.0 + exact.amax()));
        }
    }

    #[test]
    #[should_panic(expected = "gemm: (2 x 3) times (2 x 3)")]
    fn a_wrong_shape_panics_with_both_shapes() {
        let a = DMatrix::<f64>::zeros(2, 3);
        matmul(&a, &a);
    }

    #[test]
    fn beta_zero_ignores_what_was_there() {
        let a = DMatrix::<f64>::identity(3, 3);
        let mut c = DMatrix::from_element(3, 3, f64::NAN);
        gemm(1.0, &a, &a, 0.0, &mut c);
        assert_eq!(c, a);
    }
}
