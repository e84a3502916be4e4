//! Gauss-Legendre quadrature on panels: the integrals behind Hermite and Gegenbauer coefficients.
//!
//! An activation is smooth between its kinks, so panels that end at the kinks converge geometrically.

use std::f64::consts::{PI, SQRT_2};
use std::sync::OnceLock;

/// Nodes a panel.
const ORDER: usize = 32;
/// Beyond this many standard deviations a Gaussian weight times any polynomial we integrate is below rounding.
const GAUSSIAN_RANGE: f64 = 14.0;
/// Panel width in standard deviations: activations such as tanh have poles at distance pi / 2.
const GAUSSIAN_PANEL: f64 = 1.0;

/// The rule of one panel on `[-1, 1]`, computed once.
static LEGENDRE: OnceLock<(Vec<f64>, Vec<f64>)> = OnceLock::new();

/// Nodes and weights of a positive measure.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) nodes: Vec<f64>,
    pub(crate) weights: Vec<f64>,
}

impl Rule {
    /// `sum_i w_i f(x_i)`.
    pub(crate) fn integrate(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.nodes.iter().zip(&self.weights).map(|(&x, &w)| w * f(x)).sum()
    }

    /// The law of a standard normal, with panels that end at `kinks`.
    pub(crate) fn gaussian(kinks: &[f64]) -> Self {
        let mut rule = Self::panels(-GAUSSIAN_RANGE, GAUSSIAN_RANGE, GAUSSIAN_PANEL, kinks);
        for (w, x) in rule.weights.iter_mut().zip(&rule.nodes) {
            *w *= (-0.5 * x * x).exp() / (SQRT_2 * PI.sqrt());
        }
        rule
    }

    /// The law of `t = <x, y> / d` for `x`, `y` independent and uniform on the sphere of radius `sqrt(d)`: density
    /// proportional to `(1 - t^2)^((d - 3) / 2)` on `[-1, 1]`.
    ///
    /// In the angle `t = sin(phi)` the weight is `cos(phi)^(d - 2)`, which has no endpoint singularity in any dimension.
    pub(crate) fn spherical(dimension: usize, kinks: &[f64]) -> Self {
        let power = dimension as f64 - 2.0;
        let scale = (dimension as f64).sqrt();
        let range = (GAUSSIAN_RANGE / scale).min(1.0).asin();
        let kinks: Vec<f64> = kinks.iter().filter(|t| t.abs() < 1.0).map(|t| t.asin()).collect();
        let mut rule = Self::panels(-range, range, GAUSSIAN_PANEL / scale, &kinks);
        let mut total = 0.0;
        for (x, w) in rule.nodes.iter_mut().zip(&mut rule.weights) {
            *w *= (power * x.cos().ln()).exp();
            total += *w;
            *x = x.sin();
        }
        rule.weights.iter_mut().for_each(|w| *w /= total);
        rule
    }

    /// Lebesgue measure on `[from, to]` in panels no wider than `width` that end at `kinks`.
    fn panels(from: f64, to: f64, width: f64, kinks: &[f64]) -> Self {
        let mut ends: Vec<f64> = kinks.iter().copied().filter(|&k| from < k && k < to).collect();
        ends.extend([from, to]);
        ends.sort_by(f64::total_cmp);
        let (x, w) = LEGENDRE.get_or_init(|| legendre(ORDER));
        let mut rule = Self { nodes: Vec::new(), weights: Vec::new() };
        for pair in ends.windows(2) {
            let pieces = ((pair[1] - pair[0]) / width).ceil().max(1.0);
            let half = 0.5 * (pair[1] - pair[0]) / pieces;
            for piece in 0..pieces as usize {
                let centre = pair[0] + (2 * piece + 1) as f64 * half;
                rule.nodes.extend(x.iter().map(|x| centre + half * x));
                rule.weights.extend(w.iter().map(|w| half * w));
            }
        }
        rule
    }
}

/// Nodes and weights of the Gauss-Legendre rule on `[-1, 1]`, by Newton's method from the Chebyshev guess.
fn legendre(order: usize) -> (Vec<f64>, Vec<f64>) {
    let n = order as f64;
    let mut nodes = Vec::with_capacity(order);
    let mut weights = Vec::with_capacity(order);
    for i in 0..order {
        let mut x = -(PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut derivative = 1.0;
        // Quadratic convergence from a guess good to O(n^-2): six steps are more than enough.
        for _ in 0..6 {
            let (mut before, mut value) = (1.0, x);
            for k in 1..order {
                let k = k as f64;
                (before, value) = (value, ((2.0 * k + 1.0) * x * value - k * before) / (k + 1.0));
            }
            derivative = n * (x * value - before) / (x * x - 1.0);
            x -= value / derivative;
        }
        nodes.push(x);
        weights.push(2.0 / ((1.0 - x * x) * derivative * derivative));
    }
    (nodes, weights)
}

#[cfg(test)]
mod properties {
    use super::Rule;

    #[test]
    fn gaussian_moments_are_double_factorials() {
        let rule = Rule::gaussian(&[0.3]);
        let mut factorial = 1.0;
        for k in 1..=15 {
            factorial *= f64::from(2 * k - 1);
            let moment = rule.integrate(|x| x.powi(2 * k));
            assert!((moment / factorial - 1.0).abs() < 1e-12, "{k}: {moment} {factorial}");
        }
    }

    /// `E t^2 = 1 / d`, `E t^4 = 3 / (d (d + 2))`.
    #[test]
    fn spherical_moments_are_exact_in_every_dimension() {
        for d in [2usize, 3, 4, 10, 100, 1000, 100_000] {
            let rule = Rule::spherical(d, &[0.0]);
            let n = d as f64;
            assert!((rule.integrate(|t| t * t) * n - 1.0).abs() < 1e-12, "{d}");
            assert!((rule.integrate(|t| t.powi(4)) * n * (n + 2.0) / 3.0 - 1.0).abs() < 1e-12, "{d}");
        }
    }
}
