//! `phi(x) = a exp(b x)`: `kappa = a^2 exp(b^2 (q_x + q_y + 2k)/2)`, `kappa' = b^2 kappa`.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::{Wide, exp};

use crate::kernel::lines::{Entry, Side, direct_margin};

/// The dual map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exponential {
    /// `a^2`.
    power: f64,
    /// `b^2`.
    rate: f64,
}

impl Exponential {
    pub(crate) fn new(a: f64, b: f64) -> Self {
        Self { power: a * a, rate: b * b }
    }
}

impl<T: Real> Entry<T> for Exponential {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, _, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let half = w.mul_add(w.splat(T::of(0.5)), w.add(x.q, y.q), k);
        let kappa = w.mul(w.splat(T::of(self.power)), exp(w, w.mul(w.splat(T::of(self.rate)), half)));
        let dot = w.mul(w.splat(T::of(self.rate)), kappa);
        [kappa, direct_margin(w, kappa, x, y), w.mul(n, dot)]
    }
}
