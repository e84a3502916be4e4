//! The affine map of dense layers, 1 x 1 convolutions and pools, on each pair alone.
//!
//! Multiply-adds are written out, so that bits do not depend on what the compiler would fuse.

use num_traits::Float;
use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::lines::{self, Sides};
use super::moments::Field;
use super::variances::Variances;
use crate::pair::{PairMap, Side};
use crate::parameterization::Parameterization;

/// `k' = w^2 k + b^2` and `ntk' = c_k k + c_b + w^2 ntk` (dense: derivative by weights, by bias, by earlier layers).
///
/// In NTK parameterisation `c_k = w^2`, `c_b = b^2`, so that `ntk' = k' + w^2 ntk`; in standard parameterisation
/// `c_k` is the fan-in and `c_b = 1` if there is a bias. For a convolution `k` and `ntk` are sums over the filter and every
/// factor but `c_b`, `b^2` is divided by its area.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affine<T> {
    pub(crate) w2: T,
    pub(crate) b2: T,
    pub(crate) by_weight: T,
    pub(crate) by_bias: T,
}

impl<T: Real> Affine<T> {
    pub(crate) fn new(
        parameterization: Parameterization,
        w_std: f64,
        b_std: Option<f64>,
        channels: usize,
        area: usize,
    ) -> Self {
        let (w2, b2) = (w_std * w_std / area as f64, b_std.map_or(0.0, |b| b * b));
        let (by_weight, by_bias) = match parameterization {
            Parameterization::Ntk => (w2, b2),
            // The fan-in is channels * area and multiplies a mean over the area.
            Parameterization::Standard => (channels as f64, f64::from(u8::from(b_std.is_some()))),
        };
        let w2 = Variances::or_least(T::of(w2), w_std == 0.0);
        Self { w2, b2: T::of(b2), by_weight: T::of(by_weight), by_bias: T::of(by_bias) }
    }

    /// Multiplication of everything by `factor`.
    pub(crate) fn scaling(factor: f64) -> Self {
        let zero = T::of(0.0);
        Self { w2: T::of(factor), b2: zero, by_weight: zero, by_bias: zero }
    }

    /// A convolution of which `taps` taps see the one pixel there is.
    pub(crate) fn repeated(self, taps: usize) -> Self {
        let taps = T::of(taps as f64);
        Self { w2: self.w2 * taps, by_weight: self.by_weight * taps, ..self }
    }

    pub(crate) fn covariance(&self, k: T) -> T {
        Float::mul_add(self.w2, k, self.b2)
    }

    /// `(k', ntk')`.
    #[inline(always)]
    pub(crate) fn moments<W: Wide<T>>(&self, w: W, k: W::V, ntk: W::V) -> (W::V, W::V) {
        let w2 = w.splat(self.w2);
        let inner = w.mul_add(w.splat(self.by_weight), k, w.splat(self.by_bias));
        (w.mul_add(w2, k, w.splat(self.b2)), w.mul_add(w2, ntk, inner))
    }
}

/// Without bias the margin is multiplied like the covariance.
#[derive(Clone, Copy)]
struct Scaling<'a, T>(&'a Affine<T>);

impl<T: Real> PairMap<T> for Scaling<'_, T> {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], _: Side<W::V>, _: Side<W::V>) -> [W::V; 3] {
        let (after, ntk) = self.0.moments(w, k, n);
        [after, w.mul(w.splat(self.0.w2), m), ntk]
    }
}

/// With bias `g' - w^2 g - b^2 = w^2 b^2 (s_x - s_y)^2 / (g' + w^2 g + b^2)`. The margin after is this plus `w^2 (g - k)` or, where
/// `k'` is negative, plus `w^2 (g + k) + 2 b^2`; one of `g - k` and `g + k` is `m`, the other `2g - m`.
#[derive(Clone, Copy)]
struct Biased<'a, T>(&'a Affine<T>);

impl<T: Real> PairMap<T> for Biased<'_, T> {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let (after, ntk) = self.0.moments(w, k, n);
        let (w2, zero) = (w.splat(self.0.w2), w.splat(T::ZERO));
        let (scale, difference) = (w.mul(x.s, y.s), w.sub(x.s, y.s));
        let denominator = w.add(w.mul(x.s_after, y.s_after), w.mul_add(w2, scale, w.splat(self.0.b2)));
        let bracket = w.mul(w.splat(self.0.w2 * self.0.b2), w.mul(difference, difference));
        let bracket = w.div(bracket, denominator);
        let (before, opposite) = (w.less(k, zero), w.less(after, zero));
        let other = w.sub(w.add(scale, scale), m);
        let apart = w.select(before, w.select(opposite, m, other), m);
        let kept = w.select(opposite, w.splat(self.0.b2 + self.0.b2), zero);
        [after, w.add(w.mul_add(w2, apart, bracket), kept), ntk]
    }
}

impl<T: Real> Affine<T> {
    /// Variances after the map.
    pub(crate) fn advance(&self, before: &Variances<T>) -> Variances<T> {
        let after = |&q: &T| Variances::or_least(self.covariance(q), q == T::ZERO || self.w2 == T::ZERO);
        Variances::new(before.q.iter().map(after).collect())
    }

    /// Takes every pair of a field through the map.
    pub(crate) fn apply(&self, field: &mut Field<T>, sides: Sides<'_, T>) {
        if self.b2 > T::ZERO {
            lines::sweep(Biased(self), field, sides);
        } else {
            lines::sweep(Scaling(self), field, sides);
        }
    }
}
