//! Quadrature: integrals as weighted sums, `int f d mu = sum_i w_i f(x_i)`.
//!
//! | rule | measure `mu` | error |
//! |---|---|---|
//! | [`Rule::legendre`] | Lebesgue on `[-1, 1]` | none for polynomials of degree `2n - 1`; geometric where `f` is analytic |
//! | [`Rule::hermite`] | standard normal | none for polynomials of degree `2n - 1` |
//! | [`Rule::trapezoidal`] | Lebesgue on `[-1, 1]` | `O(n^-2)`; beyond all orders where `f` and its derivatives vanish, or agree, at both ends |
//! | [`Rule::panels`] | Lebesgue on an interval | Gauss-Legendre on panels that end at the kinks of `f` |
//! | [`Rule::gaussian`] | standard normal | panels: for functions with kinks |
//! | [`Rule::spherical`] | one coordinate of a uniform point on the unit sphere | panels: for functions with kinks |
//!
//! An activation is smooth between its kinks, so panels that end at the kinks converge geometrically; one Gauss-Hermite rule
//! over a kink converges as `1/n` only. [`HermiteBasis`] gives all the coefficients of a smooth function at once.
//!
//! ```
//! use overparam_tensor::quadrature::Rule;
//!
//! // E max(G, 0)^2 = 1/2 for a standard normal G.
//! let relu_squared = |x: f64| x.max(0.0).powi(2);
//! assert!((Rule::gaussian(&[0.0]).integrate(relu_squared) - 0.5).abs() < 1e-14);
//! ```

use std::f64::consts::{PI, SQRT_2};
use std::sync::OnceLock;

mod hermite;

pub use hermite::HermiteBasis;

use crate::linalg::LinalgError;

/// Nodes of one panel.
const PANEL_NODES: usize = 32;
/// Beyond this many standard deviations a Gaussian weight times any polynomial we integrate is below rounding.
const GAUSSIAN_RANGE: f64 = 14.0;
/// Panel width in standard deviations: activations such as tanh have poles at distance pi / 2.
const GAUSSIAN_PANEL: f64 = 1.0;

/// Nodes and weights of a positive measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    nodes: Vec<f64>,
    weights: Vec<f64>,
}

impl Rule {
    /// The nodes `x_i`, ascending.
    pub fn nodes(&self) -> &[f64] {
        &self.nodes
    }

    /// The weights `w_i > 0`, in the order of the nodes; those of a Gaussian tail may underflow to 0.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// `sum_i w_i f(x_i)`.
    pub fn integrate(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.nodes.iter().zip(&self.weights).map(|(&x, &w)| w * f(x)).sum()
    }

    /// The Gauss-Legendre rule with `n` nodes: Lebesgue measure on `[-1, 1]`, total mass 2.
    ///
    /// The nodes are the zeros of the Legendre polynomial `P_n`, by Newton's method from Chebyshev's guess, and
    /// `w_i = 2 / ((1 - x_i^2) P_n'(x_i)^2)`; nodes to a unit or two in the last place, weights to
    /// about `n^2` units near the ends and a few elsewhere, in `O(n^2)` operations. `n = 0` is empty.
    pub fn legendre(n: usize) -> Self {
        let order = n as f64;
        let mut nodes = Vec::with_capacity(n);
        let mut weights = Vec::with_capacity(n);
        for i in 0..n {
            let mut x = -(PI * (i as f64 + 0.75) / (order + 0.5)).cos();
            let mut derivative = 1.0;
            // Quadratic convergence from a guess good to O(n^-2): six steps are more than enough.
            for _ in 0..6 {
                let (mut before, mut value) = (1.0, x);
                for k in 1..n {
                    let k = k as f64;
                    (before, value) = (value, ((2.0 * k + 1.0) * x * value - k * before) / (k + 1.0));
                }
                derivative = order * (x * value - before) / (x * x - 1.0);
                x -= value / derivative;
            }
            nodes.push(x);
            weights.push(2.0 / ((1.0 - x * x) * derivative * derivative));
        }
        Self { nodes, weights }
    }

    /// The Gauss-Hermite rule with `n` nodes: the standard normal law, total mass 1. In terms of the physicists' rule for
    /// `exp(-x^2)` the nodes are `sqrt(2)` times its nodes, the weights its weights divided by `sqrt(pi)`.
    ///
    /// # Errors
    /// [`LinalgError`] if the eigenvalues of the Jacobi matrix cannot be found (see [`HermiteBasis::new`]).
    pub fn hermite(n: usize) -> Result<Self, LinalgError> {
        Ok(HermiteBasis::new(n)?.into_rule())
    }

    /// The trapezoidal rule with `n` nodes at equal distances from -1 to 1: Lebesgue measure on `[-1, 1]`, total mass 2,
    /// half weights at the ends. Fewer than two nodes are one node in the middle, or none.
    pub fn trapezoidal(n: usize) -> Self {
        if n < 2 {
            return Self { nodes: vec![0.0; n], weights: vec![2.0; n] };
        }
        let last = (n - 1) as f64;
        let weight = |i: usize| if i == 0 || i == n - 1 { 1.0 / last } else { 2.0 / last };
        Self {
            nodes: (0..n).map(|i| 2.0 * i as f64 / last - 1.0).collect(),
            weights: (0..n).map(weight).collect(),
        }
    }

    /// Lebesgue measure on `[from, to]` in panels no wider than `width > 0` that end at `kinks`, 32 Gauss-Legendre nodes each.
    /// Kinks outside the interval do not matter.
    pub fn panels(from: f64, to: f64, width: f64, kinks: &[f64]) -> Self {
        static PANEL: OnceLock<Rule> = OnceLock::new();
        let mut ends: Vec<f64> = kinks.iter().copied().filter(|&k| from < k && k < to).collect();
        ends.extend([from, to]);
        ends.sort_by(f64::total_cmp);
        let panel = PANEL.get_or_init(|| Self::legendre(PANEL_NODES));
        let mut rule = Self { nodes: Vec::new(), weights: Vec::new() };
        for pair in ends.windows(2) {
            let pieces = ((pair[1] - pair[0]) / width).ceil().max(1.0);
            let half = 0.5 * (pair[1] - pair[0]) / pieces;
            for piece in 0..pieces as usize {
                let centre = pair[0] + (2 * piece + 1) as f64 * half;
                rule.nodes.extend(panel.nodes.iter().map(|x| centre + half * x));
                rule.weights.extend(panel.weights.iter().map(|w| half * w));
            }
        }
        rule
    }

    /// The law of a standard normal, with panels that end at `kinks`: nodes from -14 to 14 standard deviations.
    pub fn gaussian(kinks: &[f64]) -> Self {
        let mut rule = Self::panels(-GAUSSIAN_RANGE, GAUSSIAN_RANGE, GAUSSIAN_PANEL, kinks);
        for (w, x) in rule.weights.iter_mut().zip(&rule.nodes) {
            *w *= (-0.5 * x * x).exp() / (SQRT_2 * PI.sqrt());
        }
        rule
    }

    /// The law of `t = <x, y>` for `x`, `y` independent and uniform on the unit sphere of `R^d`, with panels that end at
    /// `kinks`: density proportional to `(1 - t^2)^((d - 3) / 2)` on `[-1, 1]`, total mass 1.
    ///
    /// In the angle `t = sin(phi)` the weight is `cos(phi)^(d - 2)`, which has no endpoint singularity in any dimension.
    ///
    /// # Panics
    /// If `dimension < 2`.
    pub fn spherical(dimension: usize, kinks: &[f64]) -> Self {
        assert!(dimension >= 2, "a sphere's quadrature needs dimension at least 2, got {dimension}");
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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Rule;

    /// `int x^k dx = 2 / (k + 1)` for even `k`, and 0 for odd, up to degree `2n - 1`.
    #[test]
    fn legendre_is_exact_to_its_degree() {
        for n in [1, 2, 3, 5, 8, 32, 101, 200] {
            let rule = Rule::legendre(n);
            for k in 0..(2 * n).min(120) {
                let exact = if k % 2 == 0 { 2.0 / (k + 1) as f64 } else { 0.0 };
                let moment = rule.integrate(|x| x.powi(k as i32));
                assert!((moment - exact).abs() < 4e-15 * n as f64, "{n} nodes, degree {k}: {moment}");
            }
        }
        assert!(Rule::legendre(0).nodes().is_empty());
    }

    /// `E G^(2k) = 1 * 3 * ... * (2k - 1)` up to degree `2n - 1`.
    #[test]
    fn hermite_is_exact_to_its_degree() {
        for n in [1, 2, 3, 5, 8, 20, 64] {
            let rule = Rule::hermite(n).unwrap();
            let mut factorial = 1.0;
            for k in 0..n.min(12) {
                assert!(
                    (rule.integrate(|x| x.powi(2 * k as i32)) / factorial - 1.0).abs() < 1e-12,
                    "{n} {k}"
                );
                assert!(
                    rule.integrate(|x| x.powi(2 * k as i32 + 1)).abs()
                        < 1e-12 * factorial * 4f64.powi(k as i32 + 1)
                );
                factorial *= (2 * k + 1) as f64;
            }
        }
    }

    /// `scipy.special.roots_legendre` has these nodes and weights, to 5e-11 where they differ most (the last weight);
    /// the digits here are of mpmath.
    #[test]
    fn legendre_nodes_are_scipys() {
        for (n, i, x, w) in LEGENDRE {
            let rule = Rule::legendre(n);
            assert!((rule.nodes()[i] - x).abs() < 1e-15, "{n} {i}: {}", rule.nodes()[i]);
            assert!(
                (rule.weights()[i] - w).abs() < 5e-16 * (n * n) as f64 * w,
                "{n} {i}: {}",
                rule.weights()[i]
            );
        }
    }

    /// `scipy.special.roots_hermitenorm`, weights divided by `sqrt(2 pi)`, likewise.
    #[test]
    fn hermite_nodes_are_scipys() {
        for (n, i, x, w) in HERMITE {
            let rule = Rule::hermite(n).unwrap();
            assert!((rule.nodes()[i] - x).abs() < 1e-13, "{n} {i}: {}", rule.nodes()[i]);
            assert!((rule.weights()[i] - w).abs() < 1e-14, "{n} {i}: {}", rule.weights()[i]);
        }
    }

    /// `(n, i, x_i, w_i)`.
    const LEGENDRE: [(usize, usize, f64, f64); 6] = [
        (2, 0, -0.5773502691896257, 1.0),
        (5, 0, -0.906179845938664, 0.23692688505618908),
        (5, 4, 0.906179845938664, 0.23692688505618908),
        (32, 3, -0.9349060759377397, 0.03427386291302143),
        (64, 31, -0.024350292663424433, 0.048690957009139724),
        (200, 199, 0.99992807128507, 0.00018459009747129744),
    ];

    /// As [`LEGENDRE`].
    const HERMITE: [(usize, usize, f64, f64); 6] = [
        (2, 1, 1.0, 0.5),
        (5, 0, -2.8569700138728056, 0.01125741132772069),
        (5, 3, 1.355626179974266, 0.22207592200561266),
        (20, 4, -3.9439673506573163, 0.00012882627996192944),
        (64, 31, -0.19558891056727554, 0.15310831636189678),
        (100, 49, -0.1566890254347731, 0.12349694152861056),
    ];

    /// Second order in general; beyond all orders for a function that is flat at both ends.
    #[test]
    fn trapezoidal_converges_as_it_should() {
        let error = |n: usize| Rule::trapezoidal(n).integrate(f64::exp) - (1f64.exp() - (-1f64).exp());
        assert!((error(101) / error(201) - 4.0).abs() < 1e-3);
        let bell = |x: f64| (-50.0 * x * x).exp();
        let exact = (std::f64::consts::PI / 50.0).sqrt();
        assert!((Rule::trapezoidal(41).integrate(bell) - exact).abs() < 1e-15);
        assert_eq!(Rule::trapezoidal(3).nodes(), [-1.0, 0.0, 1.0]);
        assert_eq!(Rule::trapezoidal(1).integrate(|_| 1.0), 2.0);
    }

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

    proptest! {
        /// `E |G - a|` has a closed form; its kink costs nothing.
        #[test]
        fn kinks_cost_nothing(a in -3.0..3.0f64) {
            let density = (-0.5 * a * a).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let exact = 2.0 * density + a * libm::erf(a / 2f64.sqrt());
            let found = Rule::gaussian(&[a]).integrate(|x| (x - a).abs());
            prop_assert!((found - exact).abs() < 1e-14 * exact.max(1.0), "{found} {exact}");
        }
    }
}
