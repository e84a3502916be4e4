//! Piecewise linear functions `phi(x) = a min(x, 0) + b max(x, 0)`: ReLU, leaky ReLU, the absolute value.
//!
//! With `alpha = (a + b)/2`, `beta = (b - a)/2` we have `phi(x) = alpha x + beta |x|`, and since `E[u |v|] = 0`,
//!
#![doc = overparam_formula::formula!(
    "kappa  = alpha^2 k + beta^2 E|u v|,      E|u v| = (2/pi) g (sin t + c (pi/2 - t)),    g = s_x s_y, c = k/g = cos t,"
    "kappa' = alpha^2 + beta^2 (1 - 2t/pi)."
)]
//!
//! For ReLU, `alpha = beta = 1/2`, this is `g (sin t + (pi - t) cos t) / (2 pi)` and `(pi - t)/(2 pi)`: the arc-cosine
//! kernels of degree 1 and 0 (Cho and Saul 2009).
//!
//! # Accuracy at the edge
//!
//! `t = acos c` amplifies an error `e` of `c` near one to `sqrt(2 e)`: eight digits are lost for nearly parallel inputs.
//! The pair therefore carries its margin `m = g - |k|` beside `k`. With `v = m/g`, everything, the new margin included, is a
//! combination of `v`, the angle `psi = acos(1 - v)` to the nearer of the two directions and `r = sin psi - (1 - v) psi`
//! ([`super::arc`]) with full relative accuracy.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::arc::arc;
use crate::pair::{PairMap, Side};

/// `a` for negative arguments, `b` for positive ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slopes {
    pub(crate) a: f64,
    pub(crate) b: f64,
}

/// The dual map, its coefficients ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PiecewiseLinear<T> {
    /// `alpha^2 + beta^2`.
    sum: T,
    /// `beta^2 - alpha^2`.
    difference: T,
    two_alpha2: T,
    two_beta2: T,
    /// `2 beta^2 / pi`.
    turn: T,
}

impl<T: Real> PiecewiseLinear<T> {
    pub(crate) fn new(Slopes { a, b }: Slopes) -> Self {
        let (alpha2, beta2) = (((a + b) / 2.0).powi(2), ((b - a) / 2.0).powi(2));
        Self {
            sum: T::of(alpha2 + beta2),
            difference: T::of(beta2 - alpha2),
            two_alpha2: T::of(2.0 * alpha2),
            two_beta2: T::of(2.0 * beta2),
            turn: T::of(2.0 * beta2 / std::f64::consts::PI),
        }
    }
}

impl<T: Real> PairMap<T> for PiecewiseLinear<T> {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let (zero, one) = (w.splat(T::ZERO), w.splat(T::ONE));
        let (sum, difference, turn) = (w.splat(self.sum), w.splat(self.difference), w.splat(self.turn));
        let g = w.mul(x.s, y.s);
        // Finite for all variances that are normal numbers.
        let ratio = w.mul(m, w.mul(x.reciprocal, y.reciprocal));
        // NaN, zero times infinity, fails the comparison too: a vanishing pair counts as orthogonal.
        let v = w.select(w.less(ratio, one), ratio, one);
        let (psi, r) = arc(w, v);
        let (turned, bent) = (w.mul(turn, psi), w.mul(turn, r));
        let negative = w.less(k, zero);
        let slope = w.select(negative, difference, sum);
        let unit = w.mul_add(slope, w.sub(one, v), bent);
        let dot = w.select(negative, w.sub(turned, difference), w.sub(sum, turned));
        let above = w.mul_add(slope, v, w.sub(w.select(negative, w.splat(self.two_alpha2), zero), bent));
        let below = w.sub(w.add(bent, w.splat(self.two_beta2)), w.mul(difference, v));
        let margin = w.select(w.less(unit, zero), below, above);
        let margin = w.select(w.less(zero, margin), margin, zero);
        [w.mul(g, unit), w.mul(g, margin), w.mul(n, dot)]
    }
}

#[cfg(test)]
mod properties {
    use std::f64::consts::PI;

    use proptest::prelude::*;

    use super::{PiecewiseLinear, Side, Slopes};
    use crate::pair::single;

    proptest! {
        /// Against the textbook formulas in the angle.
        #[test]
        fn agrees_with_the_textbook(a in -2.0..2.0f64, b in -2.0..2.0f64, t in 0.0..PI, g in 0.1..10.0f64) {
            let k = g * t.cos();
            let side = |s: f64| Side::constant(s * s, s);
            let moments = [k, g - k.abs(), 1.0];
            let [kappa, margin, dot] = single(PiecewiseLinear::<f64>::new(Slopes { a, b }), moments, side(g), side(1.0));
            let (alpha2, beta2) = (((a + b) / 2.0).powi(2), ((b - a) / 2.0).powi(2));
            let expected = alpha2 * k + beta2 * 2.0 / PI * g * (t.sin() + t.cos() * (PI / 2.0 - t));
            prop_assert!((kappa - expected).abs() < 1e-13 * g * (alpha2 + beta2));
            prop_assert!((dot - (alpha2 + beta2 * (1.0 - 2.0 * t / PI))).abs() < 1e-7 * (alpha2 + beta2));
            prop_assert!((margin - (g * (alpha2 + beta2) - kappa.abs())).abs() < 1e-13 * g * (alpha2 + beta2));
        }
    }
}
