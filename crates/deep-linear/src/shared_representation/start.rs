//! Representations without iteration: where alternation starts, and a baseline.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Cholesky, svd, symmetric_eigen};

use super::SharedRegression;
use crate::DeepLinearError;
use crate::error::require;

/// The top `k` left singular vectors of the `d x T` matrix with columns `S^-1 X_t^T y_t / n_t`, with `S` the pooled
/// covariance `sum_t X_t^T X_t / N`: `d x k`, orthonormal.
///
/// Each column estimates `theta_t` (exactly least squares if every task had the covariance `S`), also for `n_t < d`.
///
/// # Errors
/// [`DeepLinearError::NoData`]; [`DeepLinearError::Configuration`] for a rank outside `1..=min(d, T)`;
/// [`DeepLinearError::Linalg`] if the pooled covariance is singular.
pub fn spectral_start(data: &SharedRegression, rank: usize) -> Result<DMatrix<f64>, DeepLinearError> {
    data.require_tasks()?;
    check_rank(data, rank, data.task_count())?;
    let columns: Vec<_> = data.tasks.iter().map(|t| &t.moment / t.examples as f64).collect();
    let estimates = covariance(data)?.solve(&DMatrix::from_columns(&columns));
    Ok(svd(&estimates)?.u.columns(0, rank).into_owned())
}

/// The method-of-moments representation (Tripuraneni, Jin, Jordan 2021, algorithm 1), for inputs of any covariance:
/// the top `k` eigenvectors of `S^-1 M S^-1 - m S^-1`, with `M` the mean of `y^2 x x^T` and `m` that of `y^2`.
///
/// For Gaussian inputs its expectation is `2 B (W W^T / T) B^T`. Unlike the two-stage estimator its error does not vanish
/// with the noise.
///
/// # Errors
/// As [`spectral_start`], for a rank outside `1..=d`.
pub fn method_of_moments(data: &SharedRegression, rank: usize) -> Result<DMatrix<f64>, DeepLinearError> {
    data.require_tasks()?;
    check_rank(data, rank, usize::MAX)?;
    let (d, n) = (data.dimension(), data.examples as f64);
    let covariance = covariance(data)?;
    let left = covariance.solve(&(&data.fourth / n));
    let moment =
        covariance.solve(&left.transpose()) - covariance.solve(&DMatrix::identity(d, d)) * (data.energy / n);
    let symmetric = (&moment + moment.transpose()) * 0.5;
    // Eigenvalues ascend.
    Ok(symmetric_eigen(&symmetric)?.vectors.columns(d - rank, rank).into_owned())
}

fn covariance(data: &SharedRegression) -> Result<Cholesky<f64>, DeepLinearError> {
    Ok(Cholesky::factor(&(&data.pooled / data.examples as f64))?)
}

pub(super) fn check_rank(data: &SharedRegression, rank: usize, tasks: usize) -> Result<(), DeepLinearError> {
    let fits = (1..=data.dimension().min(tasks)).contains(&rank);
    require(fits, "the rank k", "at least 1, at most the dimension and the number of tasks", rank as f64)
}
