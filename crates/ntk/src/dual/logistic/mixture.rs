//! Kernels of the functions of logistic noise as sums over pairs of nodes.
//!
//! With `A = q_x + sigma^2`, `B = q_y + sigma'^2`, `R = sqrt(AB - k^2)`, `theta = asin(k / sqrt(AB))`, `h = sigma^2/A + sigma'^2/B`,
//! `D = q_x q_y - k^2` and averages over independent `sigma`, `sigma'`:
//!
#![doc = overparam_formula::formula!(
    "tanh:      kappa = (2/pi) E theta,     kappa' = (2/pi) E 1/R,"
    "sigmoid:   kappa = 1/4 + E theta / (2 pi),     kappa' = E 1/R / (2 pi),"
    "softplus:  kappa = E (R + k (pi/2 + theta)) / (2 pi),     kappa' = E (pi/2 + theta) / (2 pi),"
    "silu:      kappa = E (k (pi/2 + theta) + (D + k^2 h)/R) / (2 pi),"
    "           kappa' = E (pi/2 + theta + k (h + (sigma sigma' / R)^2)/R) / (2 pi)."
)]
//!
//! Softplus is the arc-cosine kernel with noise on its inputs, SiLU scaled GELUs ([`crate::dual::gelu`]).

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, TAU};
use std::sync::OnceLock;

use overparam_tensor::quadrature::Rule;

use super::Logistic;
use crate::pair::{Moments, Pair};

/// One pair of nodes.
struct Term {
    weight: f64,
    /// `sigma`, `sigma'`.
    sigma: [f64; 2],
    /// `sigma^2/A + sigma'^2/B`.
    shrunk: f64,
    /// `sqrt(AB)`.
    norm: f64,
    /// `AB - g^2`, a sum of positive numbers.
    rest: f64,
}

/// All pairs, for inputs of variances `q`, the smaller one first: sums do not depend on which input is which.
fn all(function: Logistic, q: [f64; 2]) -> impl Iterator<Item = Term> {
    let q = if q[0] > q[1] { [q[1], q[0]] } else { q };
    function.nodes().flat_map(move |first| function.nodes().map(move |second| (first, second))).map(
        move |((s, w), (t, v))| {
            let (a, b) = (q[0] + s * s, q[1] + t * t);
            Term {
                weight: w * v,
                sigma: [s, t],
                shrunk: s * s / a + t * t / b,
                norm: a.sqrt() * b.sqrt(),
                rest: s * s * q[1] + t * t * a,
            }
        },
    )
}

/// `q_x q_y - k^2`.
fn lost(pair: &Pair) -> f64 {
    pair.margin * (pair.scale() + pair.k.abs())
}

fn squares(pair: &Pair) -> [f64; 2] {
    pair.s.map(|s| s * s)
}

pub(super) fn moments(function: Logistic, pair: &Pair) -> Moments {
    let (k, lost) = (pair.k, lost(pair));
    let [mut kappa, mut dot] = [0.0; 2];
    for term in all(function, squares(pair)) {
        let root = (term.rest + lost).sqrt();
        let theta = k.atan2(root);
        let [value, slope] = match function {
            Logistic::Tanh | Logistic::Sigmoid => [theta, 1.0 / root],
            Logistic::Softplus => [root + k * (FRAC_PI_2 + theta), FRAC_PI_2 + theta],
            Logistic::Silu => {
                let both = FRAC_PI_2 + theta;
                let tilted = term.shrunk + (term.sigma[0] * term.sigma[1] / root).powi(2);
                [k * both + (lost + k * k * term.shrunk) / root, both + k * tilted / root]
            }
        };
        kappa += term.weight * value;
        dot += term.weight * slope;
    }
    match function {
        Logistic::Tanh => Moments { kappa: FRAC_2_PI * kappa, kappa_dot: FRAC_2_PI * dot },
        Logistic::Sigmoid => Moments { kappa: 0.25 + kappa / TAU, kappa_dot: dot / TAU },
        Logistic::Softplus | Logistic::Silu => Moments { kappa: kappa / TAU, kappa_dot: dot / TAU },
    }
}

/// `(kappa_xx kappa_yy - kappa_0^2) + d (2 kappa_0 - d)` with the kernel `kappa_0` of inputs in one direction, `d = kappa_0 - kappa`.
/// The first part is a Gram determinant, by nodes in one dimension; `d` is a sum of differences in which nothing cancels
/// that matters beside the angle.
pub(super) fn determinant(function: Logistic, pair: &Pair) -> f64 {
    let [x, y] = pair.s;
    let (mut square, mut product) = (0.0, 0.0);
    let values: Vec<[f64; 2]> =
        line().iter().map(|&(z, root)| [x, y].map(|s| root * function.value(s * z))).collect();
    for [a, b] in &values {
        square += a * a;
        product += a * b;
    }
    let ratio = product / square;
    let rest: f64 = values.iter().map(|[a, b]| (b - ratio * a).powi(2)).sum();
    let drop = drop(function, pair);
    square * rest + drop * (2.0 * product - drop)
}

/// `kappa_0 - kappa`; of the odd function, `kappa_0 - |kappa|`.
fn drop(function: Logistic, pair: &Pair) -> f64 {
    let (g, lost) = (pair.scale(), lost(pair));
    let k = if function == Logistic::Tanh { pair.k.abs() } else { pair.k };
    let gap = if k < 0.0 { g + g - pair.margin } else { pair.margin };
    let mut sum = 0.0;
    for term in all(function, squares(pair)) {
        let [first, root] = [term.rest.sqrt(), (term.rest + lost).sqrt()];
        let norm = term.norm;
        let (z, z0, c, c0) = (k / norm, g / norm, root / norm, first / norm);
        let sine = if k > 0.0 { lost / norm / norm / (z0 * c + z * c0) } else { z0 * c - z * c0 };
        let turn = sine.atan2(c * c0 + z * z0);
        let both = FRAC_PI_2 + z0.atan2(c0);
        sum += term.weight
            * match function {
                Logistic::Tanh | Logistic::Sigmoid => turn,
                Logistic::Softplus => gap * both + k * turn - lost / (first + root),
                Logistic::Silu => {
                    let start = g * g * term.shrunk;
                    let change = start / (first + root) + (term.shrunk - 1.0) * first;
                    gap * both + k * turn + lost * (change / first / root)
                }
            };
    }
    sum * if function == Logistic::Tanh { FRAC_2_PI } else { 1.0 / TAU }
}

/// Nodes of a standard normal with the roots of their weights, on panels that double from `2^-30` to 16 on both sides: a function
/// that is smooth away from zero is smooth on every panel, whatever its scale.
fn line() -> &'static [(f64, f64)] {
    static LINE: OnceLock<Vec<(f64, f64)>> = OnceLock::new();
    LINE.get_or_init(|| {
        let panel = Rule::legendre(12);
        let mut ends = vec![0.0];
        ends.extend((-30..=4).map(|i| 2f64.powi(i)));
        let mut all = Vec::new();
        for pair in ends.windows(2) {
            let half = (pair[1] - pair[0]) / 2.0;
            for (x, w) in panel.nodes().iter().zip(panel.weights()) {
                let z = pair[0] + half * (1.0 + x);
                let root = (half * w * (-0.5 * z * z).exp() / TAU.sqrt()).sqrt();
                all.extend([(z, root), (-z, root)]);
            }
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::super::coefficients;
    use super::{Logistic, determinant, line, moments};
    use crate::dual::expansion::{Expansion, Expansions, LANES, Pairs, alone};
    use crate::pair::Pair;

    const ALL: [Logistic; 4] = [Logistic::Tanh, Logistic::Sigmoid, Logistic::Softplus, Logistic::Silu];

    fn pair(x: f64, y: f64, v: f64, sign: f64) -> Pair {
        let g = x * y;
        Pair { k: sign * g * (1.0 - v), margin: g * v, q: [x * x, y * y], s: [x, y] }
    }

    /// Two ways to the same kernels and determinants, where both go.
    #[test]
    fn series_are_mixtures() {
        for function in ALL {
            for (x, y) in
                [(1e-6, 1e-6), (1e-3, 0.7), (0.4, 0.9), (1.2, 1.0), (2.0, 1.9), (4.0, 0.1), (30.0, 7.0)]
            {
                for v in [0.0, 1e-13, 1e-7, 1e-3, 0.3, 1.0] {
                    for sign in [1.0, -1.0] {
                        let pair = pair(x, y, v, sign);
                        let both = Expansions::of(&function, &pair.s);
                        let (a, b) = (both.row(0), both.row(1));
                        let kept = [[a[0]; LANES], [b[0]; LANES]];
                        if coefficients::terms(function, kept, &Pairs::of(&pair))[0] < 0.0 {
                            continue;
                        }
                        let [series, sum] = [alone(&function, a, b, &pair), moments(function, &pair)];
                        let own = [x, y].map(|s| moments(function, &self::pair(s, s, 0.0, 1.0)));
                        let scale = (own[0].kappa * own[1].kappa).sqrt();
                        let dot = (own[0].kappa_dot * own[1].kappa_dot).sqrt();
                        assert!(
                            (series.kappa - sum.kappa).abs() < 1e-13 * scale,
                            "{function:?} {pair:?}: {series:?} {sum:?}"
                        );
                        assert!(
                            (series.kappa_dot - sum.kappa_dot).abs() < 1e-13 * dot,
                            "{function:?} {pair:?}: {series:?} {sum:?}"
                        );
                        if v < 1e-2 && (sign > 0.0 || function == Logistic::Tanh) {
                            let angles = [
                                coefficients::determinant(function, a, b, &pair),
                                determinant(function, &pair),
                            ]
                            .map(|d| d.max(0.0).sqrt() / scale);
                            // Of pairs that are not nearly parallel nobody asks for it.
                            assert!(
                                angles[1] > 0.05 || (angles[0] - angles[1]).abs() < 2e-14,
                                "{function:?} {pair:?}: {angles:?}"
                            );
                        }
                    }
                }
            }
        }
    }

    /// Against quadrature in one dimension, at all scales.
    #[test]
    fn kernels_of_parallel_inputs_are_integrals() {
        for function in ALL {
            for exponent in -12..=12 {
                for ratio in [1.0, 0.9, 0.2, 1e-3] {
                    let (x, y) = (
                        10f64.powf(f64::from(exponent) / 2.0),
                        ratio * 10f64.powf(f64::from(exponent) / 2.0),
                    );
                    let of = |x: f64, y: f64| -> f64 {
                        line()
                            .iter()
                            .map(|&(z, root)| root * root * function.value(x * z) * function.value(y * z))
                            .sum()
                    };
                    let found = function.at(&pair(x, y, 0.0, 1.0)).kappa;
                    let error = (found - of(x, y)).abs() / (of(x, x) * of(y, y)).sqrt();
                    assert!(error < 1e-12, "{function:?} {x} {y}: {error:e}");
                }
            }
        }
    }
}
