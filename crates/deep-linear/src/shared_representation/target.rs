//! The second stage, and what a target task can do alone.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Cholesky, least_squares, matmul, symmetric_eigen, transposed};

use super::Covariance;
use crate::DeepLinearError;
use crate::error::require;

/// A target task: its examples, and the truth to compare with.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetTask {
    /// `n2 x d`.
    pub inputs: DMatrix<f64>,
    /// `n2` labels.
    pub labels: DVector<f64>,
    /// `theta = B w`.
    pub parameter: DVector<f64>,
}

impl TargetTask {
    /// Least squares on a representation `B` (`d x k`): `B argmin_w ||y - X B w||`.
    ///
    /// With `B` the true one this is the oracle.
    ///
    /// # Errors
    /// [`DeepLinearError::Shape`] for a representation without `d` rows; [`DeepLinearError::Linalg`].
    pub fn on_representation(&self, b: &DMatrix<f64>) -> Result<DVector<f64>, DeepLinearError> {
        if b.nrows() != self.inputs.ncols() {
            return Err(DeepLinearError::Shape {
                what: "the representation",
                given: b.shape(),
                expected: (self.inputs.ncols(), b.ncols()),
            });
        }
        Ok(b * solve(&matmul(&self.inputs, b), &self.labels)?)
    }

    /// Least squares in all `d` directions, of minimum norm if `n2 < d`.
    ///
    /// # Errors
    /// [`DeepLinearError::Linalg`].
    pub fn alone(&self) -> Result<DVector<f64>, DeepLinearError> {
        solve(&self.inputs, &self.labels)
    }

    /// Ridge regression `argmin ||y - X theta||^2 + lambda ||theta||^2` in all `d` directions.
    ///
    /// For isotropic inputs and `theta` uniform on the unit sphere `lambda = sigma^2 d` is the best there is among ridges,
    /// up to `O(1/d)` (it is Bayes-optimal for `theta ~ N(0, I / d)`).
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] for a `lambda` that is not positive; [`DeepLinearError::Linalg`].
    pub fn ridge(&self, lambda: f64) -> Result<DVector<f64>, DeepLinearError> {
        require(lambda > 0.0 && lambda.is_finite(), "the ridge", "positive and finite", lambda)?;
        let mut gram = matmul(transposed(&self.inputs), &self.inputs);
        gram.iter_mut().step_by(self.inputs.ncols() + 1).for_each(|x| *x += lambda);
        Ok(Cholesky::factor(&gram)?.solve_vector(&self.inputs.tr_mul(&self.labels)))
    }

    /// `||Sigma^(1/2) (theta^ - theta)||^2`: mean squared error on new inputs, label noise not counted.
    ///
    /// # Panics
    /// If the estimate is not of length `d`.
    pub fn excess_risk(&self, estimate: &DVector<f64>, covariance: &Covariance) -> f64 {
        covariance.energy(&(estimate - &self.parameter))
    }

    /// `||X (theta^ - theta)||^2 / n2`: the same on the examples' own inputs (fixed design).
    ///
    /// # Panics
    /// If the estimate is not of length `d`.
    pub fn in_sample_risk(&self, estimate: &DVector<f64>) -> f64 {
        (&self.inputs * (estimate - &self.parameter)).norm_squared() / self.inputs.nrows().max(1) as f64
    }
}

/// Least squares of minimum norm: normal equations on the shorter side where they are well posed, the pseudo-inverse
/// otherwise.
fn solve(x: &DMatrix<f64>, y: &DVector<f64>) -> Result<DVector<f64>, DeepLinearError> {
    if x.nrows() > x.ncols()
        && let Ok(factor) = Cholesky::factor(&matmul(transposed(x), x))
    {
        return Ok(factor.solve_vector(&x.tr_mul(y)));
    }
    // X^T (X X^T)^-1 y is shortest; a square X is too nearly singular to be squared.
    if x.nrows() < x.ncols()
        && let Ok(factor) = Cholesky::factor(&matmul(x, transposed(x)))
    {
        return Ok(x.tr_mul(&factor.solve_vector(y)));
    }
    let solution = least_squares(x, &DMatrix::from_column_slice(y.len(), 1, y.as_slice()))?;
    Ok(solution.column(0).into_owned())
}

/// `argmin ||y - F w||^2` subject to `||w|| <= radius`, of minimum norm if there are several: the second stage on features
/// `F` (`n x m`) that are too many to be regressed on freely.
///
/// By Lagrange `w = (F^T F + mu)^-1 F^T y` with `mu = 0` if that is short enough and otherwise the only `mu` of norm
/// `radius`, found by bisection to a relative `1e-12` of the norm.
///
/// # Errors
/// [`DeepLinearError::Configuration`] for a radius that is not positive; [`DeepLinearError::Shape`];
/// [`DeepLinearError::Linalg`].
pub fn ball_least_squares(
    features: &DMatrix<f64>,
    labels: &DVector<f64>,
    radius: f64,
) -> Result<DVector<f64>, DeepLinearError> {
    require(radius > 0.0 && radius.is_finite(), "the radius of the head", "positive and finite", radius)?;
    let (n, m) = features.shape();
    if labels.len() != n {
        return Err(DeepLinearError::Shape { what: "the labels", given: labels.shape(), expected: (n, 1) });
    }
    let eigen = symmetric_eigen(&matmul(transposed(features), features))?;
    let coordinates = eigen.vectors.tr_mul(&features.tr_mul(labels));
    let largest = eigen.values.max();
    // Directions the examples do not see: the moment there is rounding.
    let cutoff = m.max(n) as f64 * f64::EPSILON * largest;
    let with = |mu: f64| {
        coordinates.zip_map(&eigen.values, |c, value| if value > cutoff { c / (value + mu) } else { 0.0 })
    };
    let mut w = with(0.0);
    if w.norm() > radius {
        // ||w(mu)|| <= ||c|| / mu, so the norm at `high` is at most the radius.
        let (mut low, mut high) = (0.0, coordinates.norm() / radius);
        while high - low > 1e-13 * high {
            let middle = 0.5 * (low + high);
            if with(middle).norm() > radius { low = middle } else { high = middle }
        }
        w = with(high);
    }
    Ok(eigen.vectors * w)
}
