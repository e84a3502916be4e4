//! A Gaussian pair, kept so that nearly equal and nearly opposite inputs lose no digits.

use super::Activation;
use crate::NtkError;
use crate::kernel::step::Dual;

/// Covariance of a centred Gaussian pair: variances `q_x = s_x^2`, `q_y = s_y^2`, covariance `k`, and the margin
/// `m = s_x s_y - |k| >= 0`, known to full relative accuracy where `k` alone would lose it to cancellation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) k: f64,
    pub(crate) margin: f64,
    pub(crate) q: [f64; 2],
    pub(crate) s: [f64; 2],
}

impl Pair {
    /// `s_x s_y`.
    pub(crate) fn scale(&self) -> f64 {
        self.s[0] * self.s[1]
    }

    /// `sqrt(q_x q_y - k^2)`, free of cancellation and overflow.
    pub(crate) fn root_determinant(&self) -> f64 {
        self.margin.sqrt() * (self.scale() + self.k.abs()).sqrt()
    }

    /// `1 - |c|` with the correlation `c`; one where a variance vanishes.
    pub(crate) fn versine(&self) -> f64 {
        let g = self.scale();
        if g > 0.0 { (self.margin / g).min(1.0) } else { 1.0 }
    }

    /// The correlation `c` in `[-1, 1]`.
    pub(crate) fn correlation(&self) -> f64 {
        (1.0 - self.versine()).copysign(self.k)
    }
}

/// What a nonlinearity makes of a Gaussian pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// `E[phi(u) phi(v)]`.
    pub kappa: f64,
    /// `E[phi'(u) phi'(v)]`.
    pub kappa_dot: f64,
}

impl Activation {
    /// The dual map at one point: variances `q_x, q_y >= 0` and covariance `k`, `k^2 <= q_x q_y`.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] if the 2 x 2 matrix is not a covariance.
    ///
    /// ```
    /// use overparam_ntk::activation::Activation;
    ///
    /// let moments = Activation::relu().dual(1.0, 1.0, 1.0)?;
    /// assert_eq!((moments.kappa, moments.kappa_dot), (0.5, 0.5));
    /// # Ok::<(), overparam_ntk::NtkError>(())
    /// ```
    pub fn dual(&self, q_x: f64, q_y: f64, k: f64) -> Result<Moments, NtkError> {
        for (name, q) in [("q_x", q_x), ("q_y", q_y)] {
            if !(q.is_finite() && q >= 0.0) {
                return Err(NtkError::parameter(name, &q, "a finite variance >= 0"));
            }
        }
        let scale = if q_x == q_y { q_x } else { q_x.sqrt() * q_y.sqrt() };
        if k.is_nan() || k.abs() > scale * (1.0 + 1e-12) {
            return Err(NtkError::parameter("k", &k, "a covariance with k^2 <= q_x q_y"));
        }
        let margin = (scale - k.abs()).max(0.0);
        let pair = Pair { k, margin, q: [q_x, q_y], s: [q_x.sqrt(), q_y.sqrt()] };
        Ok(Dual::new(self)?.moments(&pair))
    }
}
