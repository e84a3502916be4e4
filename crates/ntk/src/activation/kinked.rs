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
//! The pair therefore carries its margin `m = g - |k|` beside `k`. With `v = m/g` and `psi = acos(1 - v)`, the angle to
//! the nearer of the two directions,
//!
#![doc = overparam_formula::formula!("s = sin psi = sqrt(v (2 - v)),   psi = s (1 + v p(v)),   r = s - (1 - v) psi = s v (1 - (1 - v) p(v)),")]
//!
//! where `p` is a polynomial: interpolation of `(acos(1-v)/sqrt(v(2-v)) - 1)/v` at Chebyshev nodes of `[0, 1]`, error
//! 3e-17 (f64), 1e-8 (f32). Everything, the new margin included, is a combination of `v`, `psi` and `r` with full relative
//! accuracy. The nearest singularity is at `v = 2`, so one polynomial covers the range and nothing branches.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use crate::kernel::lines::{self, Entry, Side};

/// `p` for f64, ascending.
const WIDE: [f64; 21] = [
    0.33333333333333337,
    0.1333333333333216,
    0.057142857144574496,
    0.025396825297269287,
    0.011544014593116173,
    0.0053279483088366185,
    0.0024871121300071887,
    0.0011638546001328132,
    0.0005940854424188283,
    7.211352983263087e-05,
    0.000833000937426987,
    -0.0019569674992866073,
    0.0045212623352351,
    -0.007800214739855487,
    0.010588885862776898,
    -0.011041195077543494,
    0.008721864552393708,
    -0.005044212363588533,
    0.002023068410342283,
    -0.0005042029562849602,
    5.9559620437726244e-05,
];

/// `p` for f32, ascending.
const NARROW: [f64; 10] = [
    0.3333333283713902,
    0.13333432331819872,
    0.057110587904944644,
    0.025800378262564438,
    0.009014792396712372,
    0.014275146695682042,
    -0.01629899420924802,
    0.02459185104827352,
    -0.01574707684781099,
    0.005381980214801952,
];

/// `(psi, r)` of the module page for `v` in `[0, 1]`, one number.
pub(crate) fn single_arc<T: Real>(v: T) -> (T, T) {
    let w = T::wide(pulp::Scalar::new());
    let (psi, r) = arc(w, w.splat(v));
    let (mut a, mut b) = ([v], [v]);
    w.store(&mut a, psi);
    w.store(&mut b, r);
    (a[0], b[0])
}

/// `(psi, r)` of the module page for `v` in `[0, 1]`.
#[inline(always)]
fn arc<T: Real, W: Wide<T>>(w: W, v: W::V) -> (W::V, W::V) {
    let one = w.splat(T::ONE);
    let s = w.sqrt(w.mul(v, w.sub(w.splat(T::of(2.0)), v)));
    let narrow = size_of::<T>() == size_of::<f32>();
    let p = if narrow { polynomial(w, &NARROW, v) } else { polynomial(w, &WIDE, v) };
    let psi = w.mul(s, w.mul_add(v, p, one));
    let r = w.mul(w.mul(s, v), w.sub(one, w.mul(w.sub(one, v), p)));
    (psi, r)
}

/// `sum_i c_i v^i` as four polynomials in `v^4`: one chain of twenty multiply-adds would leave the processor waiting.
#[inline(always)]
fn polynomial<T: Real, W: Wide<T>, const N: usize>(w: W, coefficients: &[f64; N], v: W::V) -> W::V {
    let v2 = w.mul(v, v);
    let v4 = w.mul(v2, v2);
    let mut parts = [w.splat(T::ZERO); 4];
    for i in (0..N).rev() {
        let c = w.splat(T::of(coefficients[i]));
        parts[i % 4] = if i + 4 < N { w.mul_add(parts[i % 4], v4, c) } else { c };
    }
    let [a, b, c, d] = parts;
    w.mul_add(w.mul_add(d, v, c), v2, w.mul_add(b, v, a))
}

/// The dual map, its coefficients ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kinked<T> {
    /// `alpha^2 + beta^2`.
    sum: T,
    /// `beta^2 - alpha^2`.
    difference: T,
    two_alpha2: T,
    two_beta2: T,
    /// `2 beta^2 / pi`.
    turn: T,
}

impl<T: Real> Kinked<T> {
    pub(crate) fn new(a: f64, b: f64) -> Self {
        let (alpha2, beta2) = (((a + b) / 2.0).powi(2), ((b - a) / 2.0).powi(2));
        Self {
            sum: T::of(alpha2 + beta2),
            difference: T::of(beta2 - alpha2),
            two_alpha2: T::of(2.0 * alpha2),
            two_beta2: T::of(2.0 * beta2),
            turn: T::of(2.0 * beta2 / std::f64::consts::PI),
        }
    }

    /// `(kappa, kappa')` of one pair with covariance `k`, margin `m` and `g = s_x s_y`.
    pub(crate) fn moments(&self, k: T, m: T, g: T) -> (T, T) {
        let [x, y] = [g, T::ONE].map(|s| Side::constant(s * s, s));
        let [kappa, _, kappa_dot] = lines::single(*self, [k, m, T::ONE], x, y);
        (kappa, kappa_dot)
    }
}

impl<T: Real> Entry<T> for Kinked<T> {
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

    use super::{Kinked, Side, lines, single_arc as arc};

    /// Representable numbers between two positive ones.
    fn ulps(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    /// At most four units in the last place from the correctly rounded values, which are mpmath's.
    #[test]
    fn arc_is_within_four_units_in_the_last_place() {
        let table = include_str!("../../tests/arc.csv");
        let mut worst = [0; 2];
        for row in table.lines().filter(|row| !row.starts_with('#')) {
            let numbers: Vec<f64> = row.split(',').map(|x| x.parse().expect("a number")).collect();
            let &[v, psi, r] = &numbers[..] else { panic!("three numbers: {row}") };
            let found = arc(v);
            let apart = [ulps(found.0, psi), ulps(found.1, r)];
            assert!(apart.iter().all(|&n| n <= 4), "v = {v}: {found:?} is {apart:?} from ({psi}, {r})");
            worst = [worst[0].max(apart[0]), worst[1].max(apart[1])];
        }
        assert!(worst.iter().all(|&n| n > 0), "the comparison sees rounding: {worst:?}");
    }

    /// In f32 the function in f64, good to 1e-15, stands for the correctly rounded value.
    #[test]
    fn narrow_arc_is_within_four_units_in_the_last_place() {
        for i in 1..=100_000u32 {
            for v in [i as f32 / 100_000.0, 10f32.powf(i as f32 / -5_000.0)] {
                let (found, exact) = (arc(v), arc(f64::from(v)));
                for (found, exact) in [(found.0, exact.0 as f32), (found.1, exact.1 as f32)] {
                    let apart = found.to_bits().abs_diff(exact.to_bits());
                    assert!(apart <= 4, "v = {v}: {found} is {apart} from {exact}");
                }
            }
        }
    }

    #[test]
    fn arc_keeps_its_relative_accuracy_at_the_edge() {
        for exponent in 1..=200 {
            let v = 10f64.powi(-exponent);
            let (psi, r) = arc(v);
            assert!((psi / (2.0 * v).sqrt() - 1.0).abs() <= 0.1 * v + 1e-15);
            assert!((r / (2.0 / 3.0 * v * (2.0 * v).sqrt()) - 1.0).abs() <= v + 1e-15);
        }
    }

    proptest! {
        /// Against the textbook formulas in the angle.
        #[test]
        fn agrees_with_the_textbook(a in -2.0..2.0f64, b in -2.0..2.0f64, t in 0.0..PI, g in 0.1..10.0f64) {
            let k = g * t.cos();
            let side = |s: f64| Side::constant(s * s, s);
            let moments = [k, g - k.abs(), 1.0];
            let [kappa, margin, dot] = lines::single(Kinked::<f64>::new(a, b), moments, side(g), side(1.0));
            let (alpha2, beta2) = (((a + b) / 2.0).powi(2), ((b - a) / 2.0).powi(2));
            let expected = alpha2 * k + beta2 * 2.0 / PI * g * (t.sin() + t.cos() * (PI / 2.0 - t));
            prop_assert!((kappa - expected).abs() < 1e-13 * g * (alpha2 + beta2));
            prop_assert!((dot - (alpha2 + beta2 * (1.0 - 2.0 * t / PI))).abs() < 1e-7 * (alpha2 + beta2));
            prop_assert!((margin - (g * (alpha2 + beta2) - kappa.abs())).abs() < 1e-13 * g * (alpha2 + beta2));
        }
    }
}
