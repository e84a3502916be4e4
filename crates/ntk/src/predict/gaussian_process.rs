//! Gaussian-process regression: with covariance `K` and noise `s` on the targets,
//!
#![doc = overparam_formula::formula!("mean = K_td (K_dd + s)^-1 y,     cov = K_tt - K_td (K_dd + s)^-1 K_dt.")]
//!
//! `K` the NNGP is the Bayesian posterior of the infinitely wide network (Neal 1996; Lee et al. 2018).

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Cholesky, matmul};

use super::ensemble::{Gaussian, Prior, symmetric};
use super::{Regularizer, check, expect};
use crate::NtkError;

/// The posterior on test inputs.
///
/// # Errors
/// [`NtkError::Input`] if shapes differ; [`NtkError::Linalg`] if the regularised kernel is not positive definite.
pub fn posterior(prior: Prior<'_>, targets: &DMatrix<f64>, noise: Regularizer) -> Result<Gaussian, NtkError> {
    check(prior.dd, targets)?;
    let (n, m) = (targets.nrows(), prior.td.nrows());
    expect("covariance of test with training outputs", prior.td, m, n)?;
    expect("covariance of test outputs", prior.tt, m, m)?;
    let factor = Cholesky::factor(&noise.added(prior.dd)?)?;
    let explained = matmul(prior.td, &factor.solve(&prior.td.transpose()));
    let weights = factor.solve(targets);
    Ok(Gaussian { mean: matmul(prior.td, &weights), covariance: prior.tt - symmetric(&explained) })
}

/// `log p(y)` summed over the outputs: `-(y^T (K + s)^-1 y + log det(K + s) + n log 2 pi) / 2` each.
///
/// # Errors
/// As [`posterior`].
pub fn log_evidence(
    kernel: &DMatrix<f64>,
    targets: &DMatrix<f64>,
    noise: Regularizer,
) -> Result<f64, NtkError> {
    check(kernel, targets)?;
    let factor = Cholesky::factor(&noise.added(kernel)?)?;
    let fit = targets.dot(&factor.solve(targets));
    let (n, c) = (targets.nrows() as f64, targets.ncols() as f64);
    Ok(-0.5 * (fit + c * (factor.log_determinant() + n * std::f64::consts::TAU.ln())))
}
