//! The error function (Williams 1997):
//!
#![doc = overparam_formula::formula!(
    "kappa  = (2/pi) asin z,    z = 2k / N,    N = sqrt((1 + 2 q_x)(1 + 2 q_y)),"
    "kappa' = (4/pi) / (N sqrt(1 - z^2))."
)]
//!
//! `1 - z^2` and the margin are formed without cancellation ([`super::correlated`]): accurate for variances of any size.

use std::f64::consts::{FRAC_2_PI, PI};

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::aligned::excess;
use super::arc::{NARROW_SINE, WIDE_SINE, small_arcsine};
use super::correlated::{Aligned, ArcsineDual, Correlated, DualTerms, margin};
use super::visit::in_vectors;
use crate::pair::{PairMap, Side};

/// The dual map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Erf;

in_vectors!(Erf);

impl<T: Real> PairMap<T> for Erf {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let c = Correlated::new(w, 2.0, [k, m], x, y);
        let kappa = w.mul(w.splat(T::of(FRAC_2_PI)), c.arcsine);
        let dot = w.mul(w.mul(w.splat(T::of(4.0 / PI)), c.reciprocal), c.inverse_root);
        [kappa, margin(w, self, kappa, [k, m], x, y), w.mul(n, dot)]
    }
}

impl<T: Real> ArcsineDual<T> for Erf {
    const FACTOR: f64 = 2.0;

    #[inline(always)]
    fn scale<W: Wide<T>>(self, _: W, _: W::V, z: W::V) -> W::V {
        z
    }

    #[inline(always)]
    fn drop<W: Wide<T>>(self, w: W, terms: DualTerms<W, T>, _: W::M) -> [W::V; 2] {
        let kappa = terms.arcsine.scaled(w, w.div(w.splat(T::of(FRAC_2_PI)), terms.z));
        [kappa.from, w.sub(w.splat(T::ZERO), kappa.by)]
    }

    /// Over `4 / pi^2`, with `theta_x = theta_0 + d_x` and so on: `(theta_0 (d_x + d_y) + d_x d_y) / z_0^2`. Where angles are small,
    /// `asin z / z` is a series in `z^2`, `z_0^2 = uv`.
    #[inline(always)]
    fn lengths<W: Wide<T>>(self, w: W, aligned: &Aligned<W::V>) -> W::V {
        let [x, y] = aligned.ends;
        let [dx, dy] = [x.turn, y.turn].map(|turn| w.mul(turn, small_arcsine(w, turn)[1]));
        let large = w.mul_add(aligned.arcsine, w.add(dx, dy), w.mul(dx, dy));
        let large = w.div(w.div(large, aligned.z), aligned.z);
        let small = if T::choose(true, false) {
            excess(w, &NARROW_SINE, [x.z, y.z], x.ahead)
        } else {
            excess(w, &WIDE_SINE, [x.z, y.z], x.ahead)
        };
        let most = w.splat(T::of(SERIES));
        let series = w.less(w.select(w.less(x.z, y.z), y.z, x.z), most);
        w.mul(w.splat(T::of(FRAC_2_PI * FRAC_2_PI)), w.select(series, small, large))
    }
}

/// Up to this sine of an angle, whose square is below a half, the series of the arcsine is used.
const SERIES: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::{Erf, Side};
    use crate::pair::single;

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
