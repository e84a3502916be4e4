//! Expected risks, with their leading constants.
//!
//! # Second stage: exact
//!
//! Least squares with `p` unknowns and `n` examples has excess risk `sigma^2 p / n` in the mean over the noise, exactly, on
//! its own inputs ([`Design::Fixed`]), and `sigma^2 p / (n - p - 1)` in the mean over noise and new Gaussian inputs
//! ([`Design::Gaussian`], from `E (X^T X)^-1 = Sigma^-1 / (n - p - 1)`). The oracle has `p = k`, a single task `p = d`.
//!
//! On an estimated representation the target is `x . B^ v + r`, `v` the best head and `r = x . (theta - B^ v)`. For Gaussian
//! inputs `r` is independent of `B^T x` and acts as more noise. With `b = E r^2`, the representation's *bias*,
//!
#![doc = overparam_formula::formula!("E risk = b + (sigma^2 + b) k / (n2 - k - 1)                                     exactly, for given B^")]
//!
//! # First stage: leading order
//!
//! `B^` moves out of the true span by `B_perp Delta`, `Delta` `(d-k) x k`. To first order in the noise the joint least squares
//! are linear in `(Delta, heads)`; with the heads eliminated the information on `vec Delta` is
//! `sum_t w_t w_t^T (x) S_t / sigma^2`, where `S_t = B_perp^T X_t^T (I - P_t) X_t B_perp`, `P_t` the projection on the columns
//! of `X_t B`. For Gaussian inputs `S_t` is Wishart with `n1 - k` degrees of freedom and scale
//! `C_s = (B_perp^T Sigma_s^-1 B_perp)^-1`. A target of head `w` has `b = (Delta w)^T C_t (Delta w)`, `C_t` likewise. Hence
//!
#![doc = overparam_formula::formula!("E b = sigma^2 w^T (W W^T)^-1 w tr(C_t C_s^-1) / (n1 - k - (d - k + 1) k / T)")]
//!
//! where the last term of the denominator is the inverse-Wishart correction: exact if every head is one of `k` orthogonal
//! ones, and right to second order if every `w_t^T (W W^T)^-1 w_t` is `k / T`, as in [`Truth::draw`]. Without shift and with
//! diverse tasks of unit heads, where `W W^T = (T / k) I`, this is
//!
#![doc = overparam_formula::formula!("E b = sigma^2 k (d - k) / (n1 T - k (d + T - k) - k)")]
//!
//! the theorem's `sigma^2 d k / (n1 T)` with its constant, and examples less parameters in the place of examples. The next
//! order in the noise is smaller by `k sigma^2 / n1` (perturbation of singular vectors, unit heads).

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Cholesky, matmul, svd, transposed};

use super::{Covariance, Truth};
use crate::DeepLinearError;

/// Over what the risk of least squares is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// The noise; risk on the examples' own inputs.
    Fixed,
    /// Noise and Gaussian inputs; risk on new inputs.
    Gaussian,
}

/// Excess risk of least squares with `p` unknowns and `n` examples: `sigma^2 p / n` (fixed design, `n >= p`) or
/// `sigma^2 p / (n - p - 1)` (Gaussian design); `None` where it is not finite.
pub fn least_squares_risk(design: Design, noise: f64, p: usize, n: usize) -> Option<f64> {
    let denominator = match design {
        Design::Fixed if n >= p && n > 0 => n,
        Design::Gaussian if n > p + 1 => n - p - 1,
        _ => return None,
    };
    Some(noise * noise * p as f64 / denominator as f64)
}

/// Excess risk of the second stage on a representation of this bias (Gaussian design, any covariance); `None` for
/// `n2 <= k + 1`.
pub fn second_stage_risk(bias: f64, noise: f64, k: usize, n2: usize) -> Option<f64> {
    Some(bias + least_squares_risk(Design::Gaussian, (noise * noise + bias).sqrt(), k, n2)?)
}

/// `E b` to leading order, in the mean over target heads uniform on the unit sphere.
///
/// Infinite if the source tasks do not span the representation, or `n1 T` does not exceed the number of parameters.
///
/// # Errors
/// [`DeepLinearError::Linalg`].
pub fn representation_bias(truth: &Truth) -> Result<f64, DeepLinearError> {
    let setting = &truth.setting;
    let (d, k, t) = (setting.dimension as f64, setting.rank as f64, setting.tasks as f64);
    let examples = setting.source_examples as f64 - k - (d - k + 1.0) * k / t;
    let Ok(heads) = Cholesky::factor(&matmul(&truth.heads, transposed(&truth.heads))) else {
        return Ok(f64::INFINITY);
    };
    if examples <= 0.0 {
        return Ok(f64::INFINITY);
    }
    let loading = heads.solve(&DMatrix::identity(setting.rank, setting.rank)).trace() / k;
    Ok(setting.noise.powi(2) * loading * shift(truth)? / examples)
}

/// `tr(C_t C_s^-1)`: the `d - k` directions outside the representation, weighted by what the source does not see of them.
fn shift(truth: &Truth) -> Result<f64, DeepLinearError> {
    let Truth { setting, representation, source_covariance, target_covariance, .. } = truth;
    if setting.source_condition == 1.0 && setting.target_condition == 1.0 {
        return Ok((setting.dimension - setting.rank) as f64);
    }
    let complement = orthogonal_complement(representation)?;
    let inside = |covariance: &Covariance| {
        matmul(transposed(&complement), &matmul(&covariance.inverse(), &complement))
    };
    Ok(Cholesky::factor(&inside(target_covariance))?.solve(&inside(source_covariance)).trace())
}

/// `B_perp`, `d x (d - k)`: the left singular vectors of `I - B B^T` that are not in its kernel.
fn orthogonal_complement(b: &DMatrix<f64>) -> Result<DMatrix<f64>, DeepLinearError> {
    let (d, k) = b.shape();
    let projector = DMatrix::identity(d, d) - matmul(b, transposed(b));
    Ok(svd(&projector)?.u.columns(0, d - k).into_owned())
}

/// In-sample risk of the first stage, `1/(n1 T) sum_t ||X_t (theta^_t - theta_t)||^2`, to leading order:
/// `sigma^2 k (d + T - k) / (n1 T)`, the dimension of the `d x T` matrices of rank `k` over the number of examples.
pub fn source_risk(truth: &Truth) -> f64 {
    let s = &truth.setting;
    let parameters = s.rank * (s.dimension + s.tasks - s.rank);
    s.noise.powi(2) * parameters as f64 / (s.source_examples * s.tasks) as f64
}
