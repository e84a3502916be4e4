//! Hermite coefficients of the functions of logistic noise, and power series of their kernels.
//!
//! With `t = s / sqrt(s^2 + sigma^2)` and `asin z = sum_l c_l z^(2l+1)` the coefficients of `E erf(x / (sqrt 2 sigma))` are
//!
#![doc = overparam_formula::formula!("b_(2l+1) = (-1)^l sqrt(2 c_l / pi) E t^(2l+1),     b_(2l) = 0.")]
//!
//! Of the functions made of it, one parity is that of a constant or of `x/2` alone. An expansion is therefore the number of its
//! coefficients, the lone coefficients of the function and of its derivative, and the others of both, each of one parity.

use std::f64::consts::{FRAC_PI_2, TAU};

use pulp::Simd;

use super::Logistic;
use crate::pair::{Moments, Pair};

/// Before the coefficients.
const HEAD: usize = 3;
/// Coefficients are summed in as many lanes, whatever the processor.
const LANES: usize = 8;
/// The most coefficients of one parity.
const MOST: usize = 512;
/// `-log` of what terms are left out.
const DIGITS: f64 = 38.0;

impl Logistic {
    /// Parities of the lone coefficient and of the others, for the function; for its derivative each is the other.
    fn parity(self) -> [usize; 2] {
        match self {
            Self::Tanh | Self::Sigmoid => [0, 1],
            Self::Softplus | Self::Silu => [1, 0],
        }
    }

    /// How fast coefficients fall: like `exp(-rate sqrt(j))`.
    fn rate(self, s: f64) -> f64 {
        FRAC_PI_2 * self.factor() / s
    }

    /// Coefficients of one parity that are kept at this standard deviation.
    fn count(self, s: f64) -> usize {
        let degree = (DIGITS / self.rate(s)).powi(2);
        // Large degrees saturate.
        ((degree / 2.0) as usize).saturating_add(LANES).min(MOST).next_multiple_of(LANES)
    }
}

pub(super) fn features(function: Logistic, deviations: &[f64]) -> usize {
    let most = deviations.iter().map(|&s| function.count(s)).max();
    HEAD + 2 * most.unwrap_or(0)
}

pub(super) fn expand(function: Logistic, s: f64, out: &mut [f64]) {
    let n = function.count(s);
    // b_(2l+1) / s.
    let mut odd = vec![0.0; n + 1];
    for (sigma, weight) in function.nodes() {
        let square = s * s + sigma * sigma;
        let (mut power, ratio) = (weight / square.sqrt(), s * s / square);
        for b in &mut odd {
            *b += power;
            power *= ratio;
        }
    }
    let mut central = 1.0;
    for (l, b) in odd.iter_mut().enumerate() {
        let l = l as f64;
        *b *= (4.0 / TAU * central / (2.0 * l + 1.0)).sqrt() * if l % 2.0 == 0.0 { 1.0 } else { -1.0 };
        central *= (2.0 * l + 1.0) / (2.0 * l + 2.0);
    }
    let root = |j: usize| (j as f64).sqrt();
    let mean =
        || function.nodes().map(|(sigma, w)| w * (s * s + sigma * sigma).sqrt()).sum::<f64>() / TAU.sqrt();
    let (head, rest) = out.split_at_mut(HEAD);
    let (values, slopes) = rest.split_at_mut(rest.len() / 2);
    let (lone, lone_slope) = match function {
        Logistic::Tanh => (0.0, 0.0),
        Logistic::Sigmoid => (0.5, 0.0),
        Logistic::Softplus | Logistic::Silu => (s / 2.0, 0.5),
    };
    head.copy_from_slice(&[n as f64, lone, lone_slope]);
    for (l, (value, slope)) in values.iter_mut().zip(slopes).take(n).enumerate() {
        let before = if l > 0 { odd[l - 1] } else { 0.0 };
        (*value, *slope) = match function {
            Logistic::Tanh => (s * odd[l], root(2 * l + 1) * odd[l]),
            Logistic::Sigmoid => (s * odd[l] / 2.0, root(2 * l + 1) * odd[l] / 2.0),
            Logistic::Softplus => {
                let value = if l > 0 { s * s * before / (2.0 * root(2 * l)) } else { mean() };
                (value, s * odd[l] / 2.0)
            }
            Logistic::Silu => {
                let next = root(2 * l + 2) * odd[l] + root(2 * l + 3) * odd[l + 1];
                let this = root(2 * l) * before + root(2 * l + 1) * odd[l];
                (s * s * this / 2.0, s * root(2 * l + 2) * next / 2.0)
            }
        };
    }
}

/// How many coefficients of one parity the kernels of a pair take; `None` if more than there are.
pub(super) fn terms(function: Logistic, pair: &Pair) -> Option<usize> {
    let by_size = (DIGITS / (function.rate(pair.s[0]) + function.rate(pair.s[1]))).powi(2);
    let by_angle = DIGITS / -(-pair.versine()).ln_1p();
    let terms = ((by_size.min(by_angle) / 2.0) as usize).saturating_add(LANES).min(MOST + LANES);
    let terms = terms.next_multiple_of(LANES);
    let kept = pair.s.map(|s| function.count(s));
    // Beyond what is kept of one input at less than the most, its coefficients are too small to count.
    (terms <= MOST).then(|| terms.min(kept[0]).min(kept[1]))
}

/// Values and slopes of an expansion.
fn parts(features: &[f64]) -> [&[f64]; 2] {
    let rest = &features[HEAD..];
    let (values, slopes) = rest.split_at(rest.len() / 2);
    [values, slopes]
}

fn power(c: f64, parity: usize) -> f64 {
    if parity == 1 { c } else { 1.0 }
}

pub(super) fn moments(function: Logistic, x: &[f64], y: &[f64], pair: &Pair, terms: usize) -> Moments {
    let c = pair.correlation();
    let ([xv, xs], [yv, ys]) = (parts(x), parts(y));
    let [value, slope] = pulp::Arch::new().dispatch(Sums {
        pairs: [(&xv[..terms], &yv[..terms]), (&xs[..terms], &ys[..terms])],
        square: c * c,
    });
    let [lone, others] = function.parity();
    Moments {
        kappa: x[1] * y[1] * power(c, lone) + power(c, others) * value,
        kappa_dot: x[2] * y[2] * power(c, 1 - lone) + power(c, 1 - others) * slope,
    }
}

/// `sum_l a_l b_l square^l` of two pairs of slices of one length, a multiple of the lanes.
struct Sums<'a> {
    pairs: [(&'a [f64], &'a [f64]); 2],
    square: f64,
}

impl pulp::WithSimd for Sums<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; 2] {
        let step = self.square.powi(LANES as i32);
        self.pairs.map(|(a, b)| {
            let mut lanes = [0.0; LANES];
            for (a, b) in a.rchunks_exact(LANES).zip(b.rchunks_exact(LANES)) {
                for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                    *lane = *lane * step + a * b;
                }
            }
            lanes.iter().rev().fold(0.0, |sum, lane| sum * self.square + lane)
        })
    }
}

/// `|a|^2 |b - r a|^2 + d (2 a.b - d)` as on the page of [`crate::dual::series`].
///
/// All coefficients count: those that one input lacks make the angle between the two.
pub(super) fn determinant(function: Logistic, x: &[f64], y: &[f64], pair: &Pair) -> f64 {
    let v = pair.versine();
    let [lone, others] = function.parity();
    let sign = |parity: usize| if pair.k < 0.0 && parity == 1 { -1.0 } else { 1.0 };
    let ([xv, _], [yv, _]) = (parts(x), parts(y));
    let others_sign = sign(others);
    let entries = || {
        let rest = xv.iter().zip(yv).map(move |(a, b)| (*a, others_sign * b));
        std::iter::once((x[1], sign(lone) * y[1])).chain(rest)
    };
    let square: f64 = entries().map(|(a, _)| a * a).sum();
    let product: f64 = entries().map(|(a, b)| a * b).sum();
    let ratio = product / square;
    let rest: f64 = entries().map(|(a, b)| (b - ratio * a).powi(2)).sum();
    // 1 - c^(j+2) = (1 - c^j) c^2 + (1 - c^2).
    let double = v * (2.0 - v);
    let start = |parity: usize| if parity == 1 { v } else { 0.0 };
    let mut missing = start(others);
    let mut lost = x[1] * sign(lone) * y[1] * start(lone);
    for (a, b) in entries().skip(1) {
        lost += a * b * missing;
        missing = missing * (1.0 - double) + double;
    }
    square * rest + lost * (2.0 * product - lost)
}
