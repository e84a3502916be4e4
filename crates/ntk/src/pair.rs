//! The moments of one Gaussian pair of inputs, kept so that nearly equal and nearly opposite inputs lose no digits.
//!
//! At some point of an infinitely wide network a channel takes the values `u` at one input and `v` at another: a centred
//! Gaussian pair of variances `q_x`, `q_y` and covariance `k`. Every layer maps the three numbers `(k, m, ntk)` of a pair, `m`
//! its margin `sqrt(q_x q_y) - |k|`, given the variances of both sides before and after it: a [`PairMap`]. The same code runs
//! on one pair, by [`single`], and on vectors of pairs, by [`crate::field`].

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

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
    /// A pair of any precision.
    pub(crate) fn new<T: Real>(k: T, margin: T, q: [T; 2], s: [T; 2]) -> Self {
        Self { k: k.f64(), margin: margin.f64(), q: q.map(Real::f64), s: s.map(Real::f64) }
    }

    /// A pair of these variances of which no more than the covariance is known: its margin is a plain difference.
    pub(crate) fn of_covariance(k: f64, q: [f64; 2]) -> Self {
        let s = q.map(f64::sqrt);
        let scale = if q[0] == q[1] { q[0] } else { s[0] * s[1] };
        Self { k, margin: (scale - k.abs()).max(0.0), q, s }
    }

    /// `s_x s_y`.
    pub(crate) fn scale(&self) -> f64 {
        self.s[0] * self.s[1]
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

/// Variance, standard deviation and its reciprocal of one side before a step, the first two after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<V> {
    pub(crate) q: V,
    pub(crate) s: V,
    pub(crate) reciprocal: V,
    pub(crate) q_after: V,
    pub(crate) s_after: V,
}

/// What a step does to the vectors `(k, m, ntk)` of pairs of the sides `x` and `y`.
pub(crate) trait PairMap<T: Real>: Copy {
    fn apply<W: Wide<T>>(self, w: W, moments: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3];
}

impl<T: Real> Side<T> {
    /// A side that does not change, of standard deviation `s`.
    pub(crate) fn constant(q: T, s: T) -> Self {
        Self { q, s, reciprocal: T::ONE / s, q_after: q, s_after: s }
    }
}

/// One map alone, by the same operations.
#[inline(always)]
pub(crate) fn single<T: Real>(map: impl PairMap<T>, moments: [T; 3], x: Side<T>, y: Side<T>) -> [T; 3] {
    let w = T::wide(pulp::Scalar::new());
    let side = |side: Side<T>| Side {
        q: w.splat(side.q),
        s: w.splat(side.s),
        reciprocal: w.splat(side.reciprocal),
        q_after: w.splat(side.q_after),
        s_after: w.splat(side.s_after),
    };
    let vectors = map.apply(w, moments.map(|x| w.splat(x)), side(x), side(y));
    vectors.map(|v| {
        let mut out = [T::ZERO];
        w.store(&mut out, v);
        out[0]
    })
}

/// The dual map of `map` at one pair.
pub(crate) fn dual(map: impl PairMap<f64>, pair: &Pair) -> Moments {
    let [x, y] = [0, 1].map(|i| Side::constant(pair.q[i], pair.s[i]));
    let [kappa, _, kappa_dot] = single(map, [pair.k, pair.margin, 1.0], x, y);
    Moments { kappa, kappa_dot }
}

/// `max(sqrt(q_x q_y) - |k|, 0)` after a step: without overflow, and exactly zero where `q_x = q_y = k`.
#[inline(always)]
pub(crate) fn direct_margin<T: Real, W: Wide<T>>(w: W, k: W::V, x: Side<W::V>, y: Side<W::V>) -> W::V {
    let zero = w.splat(T::ZERO);
    let scale = w.select(w.equal(x.q_after, y.q_after), x.q_after, w.mul(x.s_after, y.s_after));
    let margin = w.sub(scale, w.abs(k));
    w.select(w.less(zero, margin), margin, zero)
}

/// Margins from scratch.
#[derive(Clone, Copy)]
pub(crate) struct DirectMargin;

impl<T: Real> PairMap<T> for DirectMargin {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, _, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        [k, direct_margin(w, k, x, y), n]
    }
}

/// Margins below this part of the covariance, formed as a difference, have lost too many digits for the angle, which is their
/// square root.
#[inline(always)]
pub(crate) fn close<T: Real>() -> T {
    T::of(T::choose(1e-3, 1e-5))
}
