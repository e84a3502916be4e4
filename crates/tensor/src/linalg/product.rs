//! Matrix products.

use nalgebra::DMatrix;

use super::Real;
use super::strided::{Strided, gemm_strided};

/// A matrix, or its transpose, as a factor of [`gemm`]. Made from `&matrix` or by [`transposed`].
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a, T> {
    matrix: &'a DMatrix<T>,
    transposed: bool,
}

impl<'a, T: Real> Operand<'a, T> {
    fn shape(&self) -> (usize, usize) {
        let (rows, columns) = self.matrix.shape();
        if self.transposed { (columns, rows) } else { (rows, columns) }
    }

    /// The transpose of this factor. A matrix of nalgebra is stored by columns: its transpose by rows.
    fn flipped(&self) -> Strided<'a, T> {
        let (rows, columns) = self.matrix.shape();
        let flipped = Strided::row_major(self.matrix.as_slice(), columns, rows);
        if self.transposed { flipped.transposed() } else { flipped }
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
/// A product of at least 2^24 multiplications whose result has a side past 128 is cut into tiles, which rayon's threads
/// share. Its shape alone decides where: the bits do not depend on the number of threads.
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
    let ((m, k), (inner, n)) = (a.shape(), b.shape());
    let into = c.shape();
    assert!(
        k == inner && into == (m, n),
        "gemm: ({m} x {k}) times ({inner} x {n}) into {} x {}",
        into.0,
        into.1
    );
    let zero = <T as num_traits::Zero>::zero();
    if beta != zero && beta != <T as num_traits::One>::one() {
        c.as_mut_slice().iter_mut().for_each(|x| *x *= beta);
    }
    // C is stored by columns, so that in the order of rows it is op(B)^T op(A)^T.
    gemm_strided(alpha, b.flipped(), a.flipped(), beta != zero, c.as_mut_slice());
}

/// The product `op(A) op(B)` as a new matrix.
///
/// # Panics
/// If the inner dimensions differ.
pub fn matmul<'a, T: Real>(a: impl Into<Operand<'a, T>>, b: impl Into<Operand<'a, T>>) -> DMatrix<T> {
    let (a, b) = (a.into(), b.into());
    let mut c = DMatrix::zeros(a.shape().0, b.shape().1);
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
