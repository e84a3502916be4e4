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
//! For nearly parallel inputs `g' - |kappa|` is a small difference of large numbers. With `N = exp(-b^2 ((s_x - s_y)^2 + 2m)/2)`,
//! `F = exp(-2 b^2 |k|)`, `mu = cos 2c`, `d = 1 - exp(-b^2 |q_x - q_y|)` and `E` the larger of `exp(-2 b^2 q_x)`, `exp(-2 b^2 q_y)`,
//! the determinant of the pair after the wave is
//!
#![doc = overparam_formula::formula!(
    "kappa_xx kappa_yy - kappa^2 = 1/4 a^4 ((1 - N^2) (1 - mu^2 N^2 F^2) - mu E d^2)      (k >= 0),"
    "kappa_xx kappa_yy - kappa^2 = 1/4 a^4 ((1 - N^2 F^2) (1 - mu^2 N^2) - mu E d^2)      (k < 0),"
)]
//!
//! and the margin is this over `sqrt(kappa_xx kappa_yy) + |kappa|`. Every factor is formed as `1 - exp(-...)`, and
//! `1 - mu^2 z = (1 - z) + (1 - mu^2) z`: equal inputs have margin zero, nearly equal ones keep their digits.
//!
//! For `mu > 0` the two terms agree to more and more digits as variances fall, for there the wave is nearly linear. Then, with
//! `C = cos^2 c`, `S = sin^2 c`, `A = b^2 q_x`, `B = b^2 q_y`, `G = b^2 g`, `P = b^2 (s_x + s_y)^2/2`, `R = b^2 (s_x - s_y)^2/2`,
//! `M = b^2 m`, `K = b^2 |k|`, it is `a^4 exp(-A - B)` times a sum of positive numbers,
//!
#![doc = overparam_formula::formula!(
    "C^2 (sinh A sinh B - sinh^2 G) + S^2 (sinh P sinh R + sinh^2 ((A - B)/2)) + 2 C S cosh P sinh R"
    "+ (C^2 + S^2) sinh M sinh(G + K) + 2 C S sinh M cosh(G + K)      (k >= 0),"
    "+ (C^2 + S^2) sinh M sinh(G + K) + 2 C S cosh M sinh(G + K)      (k < 0),"
)]
//!
//! the first of them by [`super::aligned`].

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::{Wide, exp, exp_m1};

use super::aligned::excess;
use super::visit::in_vectors;
use crate::pair::{PairMap, Side, close, direct_margin};

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
        let direct = direct_margin(w, kappa, x, y);
        let near = w.less(direct, w.mul(w.splat(close()), w.abs(kappa)));
        let mut margin = direct;
        if w.max(w.select(near, one, zero)) > T::ZERO {
            let careful = self.careful(w, kappa, less, [k, m], x, y);
            // NaN, of a wave that vanishes, fails the comparison too.
            let careful = w.select(w.less(zero, careful), careful, zero);
            margin = w.select(near, careful, direct);
        }
        [kappa, margin, w.mul(n, w.mul(rate, dot))]
    }
}

impl Wave {
    /// The margin of nearly parallel inputs; `less` is `F - 1`.
    #[inline(always)]
    fn careful<T: Real, W: Wide<T>>(
        self,
        w: W,
        kappa: W::V,
        less: W::V,
        [k, m]: [W::V; 2],
        x: Side<W::V>,
        y: Side<W::V>,
    ) -> W::V {
        let (zero, one) = (w.splat(T::ZERO), w.splat(T::ONE));
        let negative = w.less(k, zero);
        let (rate, twice) = (w.splat(T::of(self.rate)), w.splat(T::of(-2.0 * self.rate)));
        let [low, high] = self.ends.map(|end| w.splat(T::of(end)));
        let apart = w.sub(x.s, y.s);
        let half = w.mul_add(w.mul(w.splat(T::of(0.5)), apart), apart, m);
        // -(1 - N^2) and -(1 - N^2 F^2).
        let whole = exp_m1(w, w.mul(twice, half));
        let both = w.mul_add(w.add(whole, one), w.mul(less, w.add(less, w.splat(T::of(2.0)))), whole);
        let (vanishing, other) = (w.select(negative, both, whole), w.select(negative, whole, both));
        // 1 - mu^2 = (1 - mu) (1 + mu).
        let rest = w.mul(w.mul(low, high), w.add(other, one));
        let product = w.mul(vanishing, w.sub(other, rest));
        let reciprocal = w.div(one, w.mul_add(x.s_after, y.s_after, w.abs(kappa)));
        let mut margin = w.mul(product, reciprocal);
        if self.mirror != 0.0 {
            let difference = w.mul(apart, w.add(x.s, y.s));
            let drop = exp_m1(w, w.sub(zero, w.mul(rate, w.abs(difference))));
            let least = w.select(w.less(x.q, y.q), x.q, y.q);
            // E d^2.
            let mirrored = w.mul(exp(w, w.mul(twice, least)), w.mul(drop, drop));
            margin = w.mul(w.sub(product, w.mul(w.splat(T::of(self.mirror)), mirrored)), reciprocal);
            if self.mirror > 0.0 {
                let difference = w.mul(rate, difference);
                let pair = Small { k: w.abs(k), m, negative, mirrored, difference, reciprocal };
                let most = w.mul(rate, w.select(w.less(x.q, y.q), y.q, x.q));
                let small = self.small(w, pair, x, y);
                margin = w.select(w.less(most, w.splat(T::of(SMALL))), small, margin);
            }
        }
        w.mul(w.splat(T::of(self.power * self.power)), margin)
    }

    /// The margin over `a^4 / 4` as a sum of positive numbers. Each is divided as it is formed: variances may be so small that the
    /// determinant is no number of this type.
    #[inline(always)]
    fn small<T: Real, W: Wide<T>>(self, w: W, pair: Small<W::V, W::M>, x: Side<W::V>, y: Side<W::V>) -> W::V {
        let Small { k, m, negative, mirrored, difference, reciprocal } = pair;
        let (zero, one, two) = (w.splat(T::ZERO), w.splat(T::ONE), w.splat(T::of(2.0)));
        let (rate, twice) = (w.splat(T::of(self.rate)), w.splat(T::of(-2.0 * self.rate)));
        let square = |v: W::V| w.mul(v, v);
        // 1 - exp(-2P), 1 - exp(-2R), 1 - exp(-2M), 1 - exp(-2(G + K)).
        let lost = |exponent: W::V| w.sub(zero, exp_m1(w, exponent));
        let minus = w.sub(zero, rate);
        let sum = lost(w.mul(minus, square(w.add(x.s, y.s))));
        let apart = lost(w.mul(minus, square(w.sub(x.s, y.s))));
        let (turned, mean) = (lost(w.mul(twice, m)), lost(w.mul(twice, w.mul_add(x.s, y.s, k))));
        let [a, b] = [x.q, y.q].map(|q| w.mul(rate, q));
        let scale = w.mul(rate, w.mul(x.s, y.s));
        let scale = w.mul(w.mul(scale, reciprocal), w.mul(scale, exp(w, w.sub(zero, w.add(a, b)))));
        let lengths = w.mul(scale, excess(w, &HYPERBOLIC_SINE, [a, b], difference));
        let [low, high] = self.ends;
        let sines = w.splat(T::of(high * high));
        let cosines = w.mul(w.splat(T::of(low * low / 4.0)), reciprocal);
        let mixed = w.mul(w.splat(T::of(low * high / 2.0)), reciprocal);
        let pure = w.splat(T::of((low * low + high * high) / 4.0));
        let lengths = w.mul_add(sines, lengths, w.mul(cosines, w.mul_add(sum, apart, mirrored)));
        let lengths = w.mul_add(w.mul(mixed, w.sub(two, sum)), apart, lengths);
        let across = w.select(negative, w.mul(w.sub(two, turned), mean), w.mul(turned, w.sub(two, mean)));
        let directions = w.mul_add(pure, w.mul(turned, w.mul(mean, reciprocal)), w.mul(mixed, across));
        w.mul_add(w.sub(one, apart), directions, lengths)
    }
}

/// What [`Wave::small`] shares with its caller.
#[derive(Clone, Copy)]
struct Small<V, M> {
    /// `|k|`.
    k: V,
    m: V,
    negative: M,
    /// `E d^2`.
    mirrored: V,
    /// `A - B`.
    difference: V,
    /// `1 / (sqrt(kappa_xx kappa_yy) + |kappa|)`.
    reciprocal: V,
}

/// Up to this `A` and `B` the determinant is the sum of positive numbers; beyond, the other form loses no digits.
const SMALL: f64 = 2.0;

/// `(sinh x / x - 1) / x^2` in powers of `x^2`, for `x` up to [`SMALL`]: the remainder is below 1e-17.
const HYPERBOLIC_SINE: [f64; 11] = {
    let (mut all, mut k, mut factorial) = ([0.0; 11], 0, 1.0);
    while k < 11 {
        factorial *= (2 * k + 2) as f64 * (2 * k + 3) as f64;
        all[k] = 1.0 / factorial;
        k += 1;
    }
    all
};
