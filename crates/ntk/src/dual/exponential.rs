//! `phi(x) = a exp(b x)`: `kappa = a^2 exp(b^2 (q_x + q_y + 2k)/2)`, `kappa' = b^2 kappa`.
//!
//! Since `kappa_xx kappa_yy` has the exponent `2 (q_x + q_y)`, the margin after it is `g' (1 - exp(-b^2 (q_x + q_y - 2k)/2))` with
//! `q_x + q_y - 2k = (s_x - s_y)^2 + 2 (g - k)`: it keeps its digits for nearly equal inputs.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::{Wide, exp, exp_m1};

use super::visit::in_vectors;
use crate::pair::{PairMap, Side};

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

in_vectors!(Exponential);

impl<T: Real> PairMap<T> for Exponential {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let (zero, half, rate) = (w.splat(T::ZERO), w.splat(T::of(0.5)), w.splat(T::of(self.rate)));
        let exponent = w.mul_add(half, w.add(x.q, y.q), k);
        let kappa = w.mul(w.splat(T::of(self.power)), exp(w, w.mul(rate, exponent)));
        // g - k is g + |k| = m + 2 |k| for negative k.
        let size = w.abs(k);
        let apart = w.add(m, w.select(w.less(k, zero), w.add(size, size), zero));
        let length = w.sub(x.s, y.s);
        let distance = w.mul_add(w.mul(half, length), length, apart);
        let share = w.sub(zero, exp_m1(w, w.sub(zero, w.mul(rate, distance))));
        let margin = w.mul(w.mul(x.s_after, y.s_after), share);
        [kappa, margin, w.mul(n, w.mul(rate, kappa))]
    }
}
