//! Kernel ridge regression, `argmin ||f - y||^2 + ridge ||f||_H^2`: `f(x) = k(x, X) (K + ridge)^-1 y`.
//!
//! From one eigen-decomposition every ridge costs `n^2 c`, and leave-one-out is exact and free:
//! `y_i - f_(-i)(x_i) = alpha_i / [(K + ridge)^-1]_ii` (Wahba 1990).

use nalgebra::DMatrix;
use overparam_tensor::linalg::{SymmetricEigen, matmul, symmetric_eigen, transposed};

use super::check;
use crate::NtkError;

/// A decomposed training kernel with its targets.
#[derive(Debug, Clone)]
pub struct KernelRidge {
    eigen: SymmetricEigen<f64>,
    /// `V^T y`.
    modes: DMatrix<f64>,
}

/// The fit at one ridge.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeFit {
    /// The ridge.
    pub ridge: f64,
    /// Dual coefficients, `n x c`: predictions are `kernel(test, train) * coefficients`.
    pub coefficients: DMatrix<f64>,
    /// `y_i - f_(-i)(x_i)`, the errors on each example of the fit without it, `n x c`.
    pub leave_one_out: DMatrix<f64>,
    /// `tr K (K + ridge)^-1`.
    pub degrees_of_freedom: f64,
}

impl RidgeFit {
    /// Mean squared leave-one-out error.
    pub fn leave_one_out_error(&self) -> f64 {
        self.leave_one_out.norm_squared() / self.leave_one_out.len() as f64
    }
}

impl KernelRidge {
    /// Decomposes the training kernel (`n x n`) for targets `n x c`.
    ///
    /// # Errors
    /// [`NtkError::Input`], [`NtkError::Linalg`].
    pub fn new(kernel: &DMatrix<f64>, targets: &DMatrix<f64>) -> Result<Self, NtkError> {
        check(kernel, targets)?;
        let eigen = symmetric_eigen(kernel)?;
        let modes = matmul(transposed(&eigen.vectors), targets);
        Ok(Self { eigen, modes })
    }

    /// The fit at `ridge`; zero is allowed while the kernel is positive definite.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] if `ridge` is negative, not finite, or too small for a singular kernel.
    pub fn fit(&self, ridge: f64) -> Result<RidgeFit, NtkError> {
        let values = &self.eigen.values;
        let floor = values.amax() * values.len() as f64 * f64::EPSILON;
        if !(ridge.is_finite() && ridge >= 0.0) || values.iter().any(|v| v + ridge <= floor) {
            return Err(NtkError::parameter(
                "ridge",
                &ridge,
                "a finite number >= 0 that makes the kernel positive definite",
            ));
        }
        let vectors = &self.eigen.vectors;
        let mut scaled = self.modes.clone();
        for (mut row, v) in scaled.row_iter_mut().zip(values.iter()) {
            row /= v + ridge;
        }
        let coefficients = matmul(vectors, &scaled);
        let mut leave_one_out = coefficients.clone();
        for (mut row, v) in leave_one_out.row_iter_mut().zip(vectors.row_iter()) {
            let inverse: f64 = v.iter().zip(values.iter()).map(|(v, l)| v * v / (l + ridge)).sum();
            row /= inverse;
        }
        let degrees_of_freedom = values.iter().map(|v| v / (v + ridge)).sum();
        Ok(RidgeFit { ridge, coefficients, leave_one_out, degrees_of_freedom })
    }

    /// The fits at several ridges.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn path(&self, ridges: &[f64]) -> Result<Vec<RidgeFit>, NtkError> {
        ridges.iter().map(|&ridge| self.fit(ridge)).collect()
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::KernelRidge;

    proptest! {
        #[test]
        fn leaving_one_out_is_fitting_without_it(seed in any::<u64>(), n in 2usize..12, ridge in 0.01..3.0f64) {
            let stream = Stream::root(seed);
            let g: DMatrix<f64> = stream.named("g").normal_matrix(n, n + 2, 1.0);
            let kernel = &g * g.transpose();
            let y: DMatrix<f64> = stream.named("y").normal_matrix(n, 2, 1.0);
            let fit = KernelRidge::new(&kernel, &y).unwrap().fit(ridge).unwrap();
            let (rest, ys) = (kernel.clone().remove_row(0).remove_column(0), y.clone().remove_row(0));
            let without = KernelRidge::new(&rest, &ys).unwrap().fit(ridge).unwrap();
            let cross = kernel.row(0).into_owned().remove_column(0);
            let error = y.row(0) - cross * &without.coefficients;
            prop_assert!((error - fit.leave_one_out.row(0)).norm() < 1e-8 * (1.0 + y.norm()));
        }
    }
}
