//! `phi = sign`: `kappa = 1 - 2t/pi = (2/pi) asin c`; the derivative vanishes almost everywhere, so `kappa' = 0`.

use std::f64::consts::FRAC_2_PI;

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::arc::arcsine;
use super::visit::in_vectors;
use crate::pair::{PairMap, Side};

/// The dual map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sign;

in_vectors!(Sign);

impl<T: Real> PairMap<T> for Sign {
    /// The new margin is `2 psi / pi`.
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, _]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let (zero, one) = (w.splat(T::ZERO), w.splat(T::ONE));
        let reciprocal = w.mul(x.reciprocal, y.reciprocal);
        let least = |v: W::V| w.select(w.less(v, one), v, one);
        let (cosine, v) = (least(w.mul(w.abs(k), reciprocal)), least(w.mul(m, reciprocal)));
        let square = w.mul(v, w.sub(w.splat(T::of(2.0)), v));
        let (angle, small) = arcsine(w, cosine, square, w.sqrt(square));
        let turn = w.mul(w.splat(T::of(FRAC_2_PI)), angle);
        let rest = w.sub(one, turn);
        let (kappa, margin) = (w.select(small, turn, rest), w.select(small, rest, turn));
        let kappa = w.select(w.less(k, zero), w.sub(zero, kappa), kappa);
        // The sign of zero is zero.
        let [kappa, margin] = [kappa, margin].map(|v| {
            let v = w.select(w.equal(x.s, zero), zero, v);
            w.select(w.equal(y.s, zero), zero, v)
        });
        [kappa, margin, zero]
    }
}
