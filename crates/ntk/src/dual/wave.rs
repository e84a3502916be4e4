//! `phi(x) = a sin(b x + c)`; cosine is `c + pi/2`; the RBF feature is `a = sqrt 2`, `b = sqrt(2 gamma)`, `c = pi/4`.
//!
//! By `sin s sin t = (cos(s - t) - cos(s + t))/2` and `E cos(z + w) = cos w exp(-Var z / 2)`,
//!
#![doc = overparam_formula::formula!(
    "kappa  = 1/2 a^2 (exp(-b^2 (q_x + q_y - 2k)/2) - cos(2c) exp(-b^2 (q_x + q_y + 2k)/2)),"
    "kappa' = 1/2 a^2 b^2 (exp(-b^2 (q_x + q_y - 2k)/2) + cos(2c) exp(-b^2 (q_x + q_y + 2k)/2))."
)]
//!
//! For the RBF feature `cos 2c = 0`: `kappa = exp(-gamma (q_x + q_y - 2k))` (Rahimi and Recht 2007). The exponents are
//! formed as `(s_x - s_y)^2 + 2 m`, the difference of the exponentials as `1 - exp(-2 b^2 |k|)`: without cancellation.
//!
//! # The margin
//!
//! With `N = exp(-b^2 ((s_x - s_y)^2 + 2m)/2)`, `F = exp(-2 b^2 |k|)`, `mu = cos 2c`, `d = 1 - exp(-b^2 |q_x - q_y|)` and `E` the
//! larger of `exp(-2 b^2 q_x)`, `exp(-2 b^2 q_y)`, the determinant of the pair after the wave is
//!
#![doc = overparam_formula::formula!(
    "kappa_xx kappa_yy - kappa^2 = 1/4 a^4 ((1 - N^2) (1 - mu^2 N^2 F^2) - mu E d^2)      (k >= 0),"
    "kappa_xx kappa_yy - kappa^2 = 1/4 a^4 ((1 - N^2 F^2) (1 - mu^2 N^2) - mu E d^2)      (k < 0),"
)]
//!
//! and the margin is this over `sqrt(kappa_xx kappa_yy) + |kappa|`. Every factor is formed as `1 - exp(-...)`, and
//! `1 - mu^2 z = (1 - z) + (1 - mu^2) z`: equal inputs have margin zero, nearly equal ones keep their digits.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::{Wide, exp, exp_m1};

use super::visit::in_vectors;
use crate::pair::{PairMap, Side};

/// The dual map of one wave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wave {
    /// `a^2 / 2`.
    power: f64,
    /// `b^2`.
    rate: f64,
    /// `cos 2c`.
    mirror: f64,
    /// `1 - cos 2c` and `1 + cos 2c`.
    ends: [f64; 2],
}

impl Wave {
    pub(crate) fn sine(a: f64, b: f64, c: f64) -> Self {
        let ends = [c.sin(), c.cos()].map(|x| 2.0 * x * x);
        Self { power: a * a / 2.0, rate: b * b, mirror: (2.0 * c).cos(), ends }
    }

    pub(crate) fn cosine(a: f64, b: f64, c: f64) -> Self {
        let Self { power, rate, mirror, ends: [low, high] } = Self::sine(a, b, c);
        Self { power, rate, mirror: -mirror, ends: [high, low] }
    }

    pub(crate) fn rbf(gamma: f64) -> Self {
        Self { power: 1.0, rate: 2.0 * gamma, mirror: 0.0, ends: [1.0; 2] }
    }
}

in_vectors!(Wave);

impl<T: Real> PairMap<T> for Wave {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let (zero, one, rate) = (w.splat(T::ZERO), w.splat(T::ONE), w.splat(T::of(self.rate)));
        let apart = w.sub(x.s, y.s);
        let half = w.mul_add(w.mul(w.splat(T::of(0.5)), apart), apart, m);
        let near = w.mul(w.splat(T::of(self.power)), exp(w, w.sub(zero, w.mul(rate, half))));
        // The larger exponential is `near`, the smaller `near (1 + less)`.
        let twice = w.splat(T::of(-2.0 * self.rate));
        let less = exp_m1(w, w.mul(twice, w.abs(k)));
        let mirrored = w.mul(w.splat(T::of(self.mirror)), less);
        let negative = w.less(k, zero);
        let [low, high] = self.ends.map(|end| w.splat(T::of(end)));
        let kappa = w.mul(near, w.select(negative, w.add(low, less), w.sub(low, mirrored)));
        let dot = w.mul(near, w.add(high, w.select(negative, less, mirrored)));
        // -(1 - N^2) and -(1 - N^2 F^2).
        let whole = exp_m1(w, w.mul(twice, half));
        let both = exp_m1(w, w.mul(twice, w.add(half, w.add(w.abs(k), w.abs(k)))));
        let (vanishing, other) = (w.select(negative, both, whole), w.select(negative, whole, both));
        // 1 - mu^2 = (1 - mu) (1 + mu).
        let rest = w.mul(w.mul(low, high), w.add(other, one));
        let product = w.mul(vanishing, w.sub(other, rest));
        let determinant = if self.mirror == 0.0 {
            product
        } else {
            let difference = exp_m1(w, w.sub(zero, w.mul(rate, w.abs(w.mul(apart, w.add(x.s, y.s))))));
            let least = w.select(w.less(x.q, y.q), x.q, y.q);
            let mirror = w.mul(w.splat(T::of(self.mirror)), exp(w, w.mul(twice, least)));
            w.sub(product, w.mul(mirror, w.mul(difference, difference)))
        };
        let scale = w.add(w.mul(x.s_after, y.s_after), w.abs(kappa));
        let margin = w.div(w.mul(w.splat(T::of(self.power * self.power)), determinant), scale);
        // NaN, of a wave that vanishes, fails the comparison too.
        let margin = w.select(w.less(zero, margin), margin, zero);
        [kappa, margin, w.mul(n, w.mul(rate, dot))]
    }
}
