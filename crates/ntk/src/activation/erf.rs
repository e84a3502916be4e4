//! The error function (Williams 1997):
//!
#![doc = overparam_formula::formula!(
    "kappa  = (2/pi) asin z,    z = 2k / N,    N = sqrt((1 + 2 q_x)(1 + 2 q_y)),"
    "kappa' = (4/pi) / (N sqrt(1 - z^2))."
)]
//!
//! `1 - z^2 = (1 + 2 (q_x + q_y) + 4 (q_x q_y - k^2)) / N^2` with `q_x q_y - k^2 = m (g + |k|)` has no cancellation, and taken
//! factor by factor no overflow: accurate for variances of any size.

use std::f64::consts::{FRAC_2_PI, PI};

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::arc::arcsine;
use crate::kernel::lines::{Entry, Side, direct_margin};

/// The dual map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Erf;

/// What the dual maps of the error function and of GELU are made of, `f` being 2 and 1.
pub(super) struct Correlated<W: Wide<T>, T> {
    /// `1/N`, `N = sqrt((1 + f q_x)(1 + f q_y))`.
    pub(super) reciprocal: W::V,
    /// `z = f k / N`.
    pub(super) z: W::V,
    /// `1 / sqrt(1 - z^2)`.
    pub(super) inverse_root: W::V,
    /// `f^2 (q_x q_y - k^2) / N`.
    pub(super) determinant: W::V,
    /// `asin z`.
    pub(super) arcsine: W::V,
}

impl<T: Real, W: Wide<T>> Correlated<W, T> {
    #[inline(always)]
    pub(super) fn new(w: W, f: f64, [k, m]: [W::V; 2], x: Side<W::V>, y: Side<W::V>) -> Self {
        let (zero, one, f) = (w.splat(T::ZERO), w.splat(T::ONE), w.splat(T::of(f)));
        let root = |q| w.sqrt(w.mul_add(f, q, one));
        let reciprocal = w.div(one, w.mul(root(x.q), root(y.q)));
        let size = w.abs(k);
        let z = w.mul(f, w.mul(size, reciprocal));
        let other = w.mul_add(w.mul(x.s, y.s), reciprocal, w.mul(size, reciprocal));
        let lost = w.mul(w.mul(f, m), w.mul(f, other));
        let sum = w.mul_add(f, w.add(x.q, y.q), one);
        let square = w.mul_add(w.mul(sum, reciprocal), reciprocal, w.mul(lost, reciprocal));
        let cosine = w.sqrt(square);
        let (angle, small) = arcsine(w, z, square, cosine);
        let angle = w.select(small, angle, w.sub(w.splat(T::of(std::f64::consts::FRAC_PI_2)), angle));
        let negative = w.less(k, zero);
        let signed = |v| w.select(negative, w.sub(zero, v), v);
        Self {
            reciprocal,
            z: signed(z),
            inverse_root: w.div(one, cosine),
            determinant: lost,
            arcsine: signed(angle),
        }
    }
}

impl<T: Real> Entry<T> for Erf {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let c = Correlated::new(w, 2.0, [k, m], x, y);
        let kappa = w.mul(w.splat(T::of(FRAC_2_PI)), c.arcsine);
        let dot = w.mul(w.mul(w.splat(T::of(4.0 / PI)), c.reciprocal), c.inverse_root);
        [kappa, direct_margin(w, kappa, x, y), w.mul(n, dot)]
    }
}

#[cfg(test)]
mod tests {
    use super::{Erf, Side};
    use crate::kernel::lines::single;

    /// In f32 the map in f64, good to 1e-15, stands for the correctly rounded value.
    #[test]
    fn narrow_maps_are_within_four_units_in_the_last_place() {
        let steps = |n: i32| (0..n).map(move |i| f64::from(i) / f64::from(n - 1));
        for (a, b) in steps(25).flat_map(|a| steps(25).map(move |b| (a, b))) {
            for versine in steps(40).map(|t| 10f64.powf(-7.0 * t)) {
                let s = [a, b].map(|t| 10f32.powf((6.0 * t - 3.0) as f32));
                let m = (versine * f64::from(s[0]) * f64::from(s[1])) as f32;
                let k = -((f64::from(s[0]) * f64::from(s[1]) - f64::from(m)) as f32);
                let narrow = single(
                    Erf,
                    [k, m, 1.0],
                    Side::constant(s[0] * s[0], s[0]),
                    Side::constant(s[1] * s[1], s[1]),
                );
                let [x, y] = s.map(|s| Side::constant(f64::from(s * s), f64::from(s)));
                let wide = single(Erf, [f64::from(k), f64::from(m), 1.0], x, y);
                for i in [0, 2] {
                    let apart = narrow[i].to_bits().abs_diff((wide[i] as f32).to_bits());
                    assert!(apart <= 4, "{k}, {m}, {s:?}: {} is {apart} from {}", narrow[i], wide[i]);
                }
            }
        }
    }
}
