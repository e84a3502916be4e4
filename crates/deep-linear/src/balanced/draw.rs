//! Random lambda-balanced starts.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::random::Stream;

use crate::DeepLinearError;
use crate::error::{require, require_finite};

/// A random start with `W2^T W2 - W1 W1^T = lambda I` and given singular values of `W2 W1`.
///
/// With `p_i` the strengths, `r_i = sqrt(lambda^2 + 4 p_i^2)`, `a_i^2 = (r_i - lambda)/2` and `b_i^2 = (r_i + lambda)/2`:
/// `W1 = O diag(a) V^T`, `W2 = U diag(b) O^T`, `O` orthogonal, `U` and `V` with orthonormal columns, all Haar-distributed.
/// Then `b_i^2 - a_i^2 = lambda` and `a_i b_i = p_i`.
#[derive(Debug, Clone, PartialEq)]
pub struct BalancedDraw {
    /// `d`, at least 1.
    pub inputs: usize,
    /// `h`, at least 1.
    pub hidden: usize,
    /// `c`, at least 1.
    pub outputs: usize,
    /// `lambda`. Above 0 it needs `h <= c`, below 0 `h <= d`.
    pub imbalance: f64,
    /// `p_i >= 0`, the singular values of `W2 W1`: at most `min(d, h, c)`; missing ones are zero.
    pub strengths: Vec<f64>,
}

impl BalancedDraw {
    /// Draws `W1` (`h x d`) and `W2` (`c x h`).
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] for a side of 0, an imbalance that the dimensions do not allow, strengths that are
    /// negative or too many; [`DeepLinearError::NotFinite`].
    pub fn draw(&self, stream: &Stream) -> Result<(DMatrix<f64>, DMatrix<f64>), DeepLinearError> {
        let Self { inputs: d, hidden: h, outputs: c, imbalance: lambda, ref strengths } = *self;
        for side in [d, h, c] {
            require(side >= 1, "every width of a lambda-balanced start", "at least 1", side as f64)?;
        }
        require_finite("the imbalance lambda", std::iter::once(lambda))?;
        require_finite("the strengths of a lambda-balanced start", strengths.iter().copied())?;
        require(lambda <= 0.0 || h <= c, "the hidden width", "at most the outputs if lambda > 0", h as f64)?;
        require(lambda >= 0.0 || h <= d, "the hidden width", "at most the inputs if lambda < 0", h as f64)?;
        let most = d.min(h).min(c);
        let count = strengths.len();
        require(count <= most, "the number of strengths", "at most the smallest width", count as f64)?;
        let least = strengths.iter().copied().fold(0.0, f64::min);
        require(least >= 0.0, "a strength of a lambda-balanced start", "at least 0", least)?;
        let pairs: Vec<(f64, f64)> =
            (0..h).map(|i| factors(lambda, strengths.get(i).copied().unwrap_or(0.0))).collect();
        let rotation: DMatrix<f64> = stream.named("hidden").orthonormal_matrix(h, h);
        // A factor of zero has no direction: as many columns as there can be.
        let right: DMatrix<f64> = stream.named("inputs").orthonormal_matrix(d, h.min(d));
        let left: DMatrix<f64> = stream.named("outputs").orthonormal_matrix(c, h.min(c));
        let scaled = |columns: usize, factor: &dyn Fn(usize) -> f64| {
            DMatrix::from_fn(h, columns, |row, i| rotation[(row, i)] * factor(i))
        };
        let w1 = matmul(&scaled(right.ncols(), &|i| pairs[i].0), transposed(&right));
        let w2 = matmul(&left, transposed(&scaled(left.ncols(), &|i| pairs[i].1)));
        Ok((w1, w2))
    }
}

/// `(a, b)` with `b^2 - a^2 = lambda` and `a b = p`, both without cancellation.
fn factors(lambda: f64, p: f64) -> (f64, f64) {
    let large = (0.5 * (lambda.hypot(2.0 * p) + lambda.abs())).sqrt();
    let small = if large > 0.0 { p / large } else { 0.0 };
    if lambda >= 0.0 { (small, large) } else { (large, small) }
}
