//! Hermite coefficients of the functions of logistic noise, and power series of their kernels.
//!
//! With `t = s / sqrt(s^2 + sigma^2)` and `asin z = sum_l c_l z^(2l+1)` the coefficients of `E erf(x / (sqrt 2 sigma))` are
//!
#![doc = overparam_formula::formula!("b_(2l+1) = (-1)^l sqrt(2 c_l / pi) E t^(2l+1),     b_(2l) = 0.")]
//!
//! Of the functions made of it, one parity is that of a constant or of `x/2` alone. An expansion is therefore the number of its
//! coefficients, the lone coefficients of the function and of its derivative, and the others of both, each of one parity.

use std::f64::consts::{FRAC_PI_2, TAU};

use overparam_tensor::simd::Wide;

use super::{Logistic, NODES};
use crate::dual::expansion::{
    LANES, Lanes, Numbers, Pairs, STRIDE, digits, power_series, seen, whole_strides,
};
use crate::pair::Pair;

/// Before the coefficients.
const HEAD: usize = 3;
/// The most coefficients of one parity.
const MOST: usize = 512;

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
        let degree = (digits::<f64>() / self.rate(s)).powi(2);
        // Large degrees saturate.
        ((degree / 2.0) as usize).saturating_add(STRIDE).min(MOST).next_multiple_of(STRIDE)
    }
}

pub(super) fn features(function: Logistic, deviations: &[f64]) -> usize {
    let most = deviations.iter().map(|&s| function.count(s)).max();
    HEAD + 2 * most.unwrap_or(0)
}

pub(super) fn expand(function: Logistic, s: f64, out: &mut [f64]) {
    let n = function.count(s);
    // b_(2l+1) / s, of every node the next power side by side.
    let (mut powers, mut ratios) = ([0.0; NODES.len()], [0.0; NODES.len()]);
    for ((sigma, weight), (power, ratio)) in function.nodes().zip(powers.iter_mut().zip(&mut ratios)) {
        let square = s * s + sigma * sigma;
        (*power, *ratio) = (weight / square.sqrt(), s * s / square);
    }
    let odd_of = |powers: &mut [f64; NODES.len()]| {
        let mut lanes = [0.0; 4];
        for (powers, ratios) in powers.chunks_exact_mut(4).zip(ratios.chunks_exact(4)) {
            for ((lane, power), ratio) in lanes.iter_mut().zip(powers).zip(ratios) {
                *lane += *power;
                *power *= ratio;
            }
        }
        lanes.iter().sum::<f64>()
    };
    let mut odd: Vec<f64> = (0..=n).map(|_| odd_of(&mut powers)).collect();
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

/// How many coefficients of one parity the kernels of each pair take, of those that are kept of both inputs; -1 if more than there are.
#[inline(always)]
pub(super) fn terms(function: Logistic, [x, y]: [Lanes; 2], pairs: &Pairs) -> Lanes {
    let rate = function.rate(1.0);
    let mut terms = pairs.each(|pair| {
        let degree = (pairs.digits / rate * (pair.s[0] / (pair.s[0] + pair.s[1]) * pair.s[1])).powi(2);
        // The rate is that of large degrees: at small standard deviations it takes a few more.
        let by_size = degree / 2.0 + STRIDE as f64;
        whole_strides(by_size.min(seen(pair.versine(), pairs.digits) / 2.0))
    });
    for lane in 0..LANES {
        // Beyond what is kept of one input at less than the most, its coefficients are too small to count.
        let kept = x[lane].min(y[lane]);
        terms[lane] = if terms[lane] <= MOST as f64 { terms[lane].min(kept) } else { -1.0 };
    }
    terms
}

/// Values and slopes of an expansion.
fn parts(features: &[f64]) -> [&[f64]; 2] {
    let rest = &features[HEAD..];
    let (values, slopes) = rest.split_at(rest.len() / 2);
    [values, slopes]
}

/// `kappa` and `kappa'` by as many terms as each pair takes.
#[inline(always)]
pub(super) fn moments(
    function: Logistic,
    w: impl Wide<f64>,
    (x, y): (&impl Numbers, &impl Numbers),
    pairs: &Pairs,
    terms: &Lanes,
) -> [Lanes; 2] {
    let [_, c] = pairs.angles();
    let slopes = [x.len(), y.len()].map(|each| HEAD + (each - HEAD) / 2);
    let mut squares = c;
    squares.iter_mut().for_each(|c| *c *= *c);
    let mut sums = power_series(w, (x, y), [[HEAD; 2], slopes], terms, &squares);
    // Of a function of one parity the derivative has the other.
    let [lone, _] = function.parity();
    for (i, sum) in sums.iter_mut().enumerate() {
        let (a, b) = (x.get(1 + i), y.get(1 + i));
        for lane in 0..LANES {
            let [even, odd] = if (lone + i) % 2 == 0 { [1.0, c[lane]] } else { [c[lane], 1.0] };
            sum[lane] = a[lane] * b[lane] * even + odd * sum[lane];
        }
    }
    sums
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
