//! Kernel ridge regression, a whole path of ridges at once.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{matmul, symmetric_eigen};

use super::gram::{Solver, shifted_inverse};
use super::ridge::{Fit, Form, scores};
use crate::Error;
use crate::error::non_negative;

/// Kernel matrices and labels of a training and a test set.
#[derive(Debug, Clone, Copy)]
pub struct KernelData<'a> {
    /// `K(X, X)`: `n x n`, symmetric.
    pub kernel: &'a DMatrix<f64>,
    /// `n x k`.
    pub labels: &'a DMatrix<f64>,
    /// `K(X_test, X)`: `m x n`.
    pub cross: &'a DMatrix<f64>,
    /// `m x k`.
    pub test_labels: &'a DMatrix<f64>,
}

/// Minimises `(1/n) sum_i (y_i - f(x_i))^2 + ridge ||f||_H^2` for each ridge: `f = K(., X) (K + n ridge I)^{-1} y`.
///
/// [`Fit::coefficients`] are `alpha` with `f = K(., X) alpha`, [`super::Score::norm_squared`] is `||f||_H^2`. A ridge of zero is the
/// minimum-norm fit, by the pseudo-inverse of `K`.
///
/// # Errors
/// [`Error::Parameter`] for a ridge that is negative or not finite; [`Error::Linalg`] if the kernel is not finite.
///
/// # Panics
/// If the shapes in `data` do not fit.
pub fn kernel_path(data: KernelData<'_>, ridges: &[f64]) -> Result<Vec<Fit>, Error> {
    let KernelData { kernel, labels, cross, test_labels } = data;
    let n = kernel.nrows();
    assert!(
        kernel.ncols() == n
            && labels.nrows() == n
            && cross.ncols() == n
            && test_labels.shape() == (cross.nrows(), labels.ncols()),
        "kernel_path: kernel {:?}, labels {:?}, cross kernel {:?}, test labels {:?}",
        kernel.shape(),
        labels.shape(),
        cross.shape(),
        test_labels.shape()
    );
    for &ridge in ridges {
        non_negative("the ridge", ridge)?;
    }
    let solver = Solver::new(kernel, ridges.len())?;
    let fit = |&ridge: &f64| -> Result<Fit, Error> {
        let kappa = ridge * n as f64;
        let (form, alpha, residual) = if ridge == 0.0 {
            let alpha = shifted_inverse(&symmetric_eigen(kernel)?, 0.0, labels);
            let residual = labels - matmul(kernel, &alpha);
            (Form::MinimumNorm, alpha, residual)
        } else {
            let alpha = solver.solve(kappa, labels)?;
            let residual = &alpha * kappa;
            (Form::Dual, alpha, residual)
        };
        // ||f||^2 = alpha^T K alpha = alpha^T (y - residual).
        let norms: Vec<f64> = alpha
            .column_iter()
            .zip(labels.column_iter())
            .zip(residual.column_iter())
            .map(|((a, y), r)| a.dot(&y) - a.dot(&r))
            .collect();
        let predictions = matmul(cross, &alpha);
        let scores = scores(&residual, &predictions, test_labels, &norms);
        Ok(Fit { ridge, form, scores, coefficients: alpha, predictions })
    };
    ridges.iter().map(fit).collect()
}
