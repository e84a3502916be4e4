//! Polynomials, Hermite series, and any other function by Gauss-Hermite quadrature.
//!
//! With the orthonormal Hermite polynomials `h_j` and `a_j(s) = E[phi(s z) h_j(z)]`, Mehler's formula gives
//!
#![doc = overparam_formula::formula!("kappa = sum_j a_j(s_x) a_j(s_y) c^j,        kappa' = sum_j a'_j(s_x) a'_j(s_y) c^j,   a' the coefficients of phi'.")]
//!
//! The coefficients come from `n` Gauss-Hermite nodes ([`HermiteBasis`]). The matrix `V_ji = sqrt(w_i) h_j(z_i)` is orthogonal,
//! so `n` coefficients reproduce the quadrature of
//! `E phi^2` exactly: the kernel is positive semi-definite and consistent on equal inputs whatever `phi` is. Work is
//! `n^2` an input and `n` a pair, where two-dimensional quadrature takes `n^2` a pair. Polynomials of degree below `n`
//! are exact; functions analytic in a strip converge like `exp(-const sqrt n)`; kinks converge slowly.
//!
//! With `a`, `b` the coefficients of the two sides (`b_j` times `(-1)^j` where `c` is negative) the determinant after the function is
//!
#![doc = overparam_formula::formula!("kappa_xx kappa_yy - kappa^2 = |a|^2 |b - r a|^2 + d (2 a.b - d),    r = a.b / |a|^2,    d = sum_j a_j b_j (1 - |c|^j),")]
//!
//! whose terms are as small as they should be where inputs nearly agree: it gives the margin there.

use std::fmt;
use std::sync::Arc;

use overparam_tensor::quadrature::HermiteBasis;

use super::pair::Pair;
use crate::NtkError;

type Function = Arc<dyn Fn(f64) -> f64 + Send + Sync>;

/// Nodes used unless the user says otherwise.
pub(crate) const DEFAULT_NODES: usize = 100;

/// A function and its derivative with the number of quadrature nodes.
#[derive(Clone)]
pub struct Numerical {
    name: String,
    function: Function,
    derivative: Function,
    /// Second derivative and further ones, for finite networks differentiated more than once.
    higher: Vec<Function>,
    nodes: usize,
    /// Whether the name is one of ours, with tensor operations of its own.
    builtin: bool,
}

impl Numerical {
    /// `phi` and `phi'` with `nodes >= 1` quadrature nodes (at most 500 are used).
    pub fn new(
        name: impl Into<String>,
        function: impl Fn(f64) -> f64 + Send + Sync + 'static,
        derivative: impl Fn(f64) -> f64 + Send + Sync + 'static,
        nodes: usize,
    ) -> Self {
        let nodes = nodes.clamp(1, 500);
        Self {
            name: name.into(),
            function: Arc::new(function),
            derivative: Arc::new(derivative),
            higher: Vec::new(),
            nodes,
            builtin: false,
        }
    }

    /// Adds the next derivative, the second at first. Kernels and tangent kernels need none of them; Taylor expansions and
    /// Hessians of finite networks do.
    #[must_use]
    pub fn and_derivative(mut self, next: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        self.higher.push(Arc::new(next));
        self
    }

    /// `phi`, `phi'`, ... for `order` 0, 1, ...
    ///
    /// # Panics
    /// If that derivative was not given.
    pub(crate) fn derivative(&self, order: usize) -> &(dyn Fn(f64) -> f64 + Send + Sync) {
        let function = match order {
            0 => Some(&self.function),
            1 => Some(&self.derivative),
            _ => self.higher.get(order - 2),
        };
        let Some(function) = function else {
            panic!(
                "activation {}: derivative {order} was not given; see Numerical::and_derivative",
                self.name
            )
        };
        &**function
    }

    /// Whether this is one of the functions that have a name in the schema.
    pub(crate) fn is_builtin(&self) -> bool {
        self.builtin
    }

    /// The name given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of quadrature nodes.
    pub fn nodes(&self) -> usize {
        self.nodes
    }
}

impl fmt::Debug for Numerical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numerical")
            .field("name", &self.name)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}

/// Equal by name and nodes: the name stands for the function.
impl PartialEq for Numerical {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.nodes) == (&other.name, other.nodes)
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(crate) fn named(name: &str, nodes: usize) -> Option<Numerical> {
    let slope = |x: f64| sigmoid(x) * sigmoid(-x);
    let numerical = match name {
        "tanh" => Numerical::new(name, f64::tanh, |x| 1.0 - x.tanh().powi(2), nodes),
        "sigmoid" => Numerical::new(name, sigmoid, slope, nodes),
        "softplus" => Numerical::new(name, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), sigmoid, nodes),
        "silu" => Numerical::new(name, |x| x * sigmoid(x), move |x| sigmoid(x) + x * slope(x), nodes),
        _ => return None,
    };
    Some(Numerical { builtin: true, ..numerical })
}

pub(crate) fn polynomial(coefficients: Vec<f64>) -> Numerical {
    let nodes = coefficients.len() + 1;
    let derivative: Vec<f64> = coefficients.iter().enumerate().skip(1).map(|(i, a)| i as f64 * a).collect();
    let horner = |c: Vec<f64>| move |x: f64| c.iter().rev().fold(0.0, |sum, a| sum * x + a);
    Numerical::new("polynomial", horner(coefficients), horner(derivative), nodes)
}

pub(crate) fn hermite(coefficients: Vec<f64>) -> Numerical {
    let nodes = coefficients.len() + 1;
    // h_j' = sqrt(j) h_(j-1).
    let derivative: Vec<f64> =
        coefficients.iter().enumerate().skip(1).map(|(j, a)| (j as f64).sqrt() * a).collect();
    let sum = |c: Vec<f64>| move |x: f64| hermite_sum(&c, x);
    Numerical::new("hermite", sum(coefficients), sum(derivative), nodes)
}

fn hermite_sum(coefficients: &[f64], x: f64) -> f64 {
    let (mut sum, mut below, mut h) = (0.0, 0.0, 1.0);
    for (j, a) in coefficients.iter().enumerate() {
        sum += a * h;
        let j = j as f64;
        (below, h) = (h, (x * h - j.sqrt() * below) / (j + 1.0).sqrt());
    }
    sum
}

/// Quadrature ready to expand.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    numerical: Numerical,
    basis: HermiteBasis,
}

impl Series {
    pub(crate) fn new(numerical: Numerical) -> Result<Self, NtkError> {
        let basis = HermiteBasis::new(numerical.nodes)?;
        Ok(Self { numerical, basis })
    }

    /// `a_0(s)..a_(n-1)(s)` followed by `a'_0(s)..a'_(n-1)(s)`.
    pub(crate) fn expand(&self, s: f64, out: &mut Vec<f64>) {
        for f in [&self.numerical.function, &self.numerical.derivative] {
            let values: Vec<f64> = self.basis.nodes().iter().map(|z| f(s * z)).collect();
            out.extend(self.basis.coefficients(&values));
        }
    }

    /// Entries [`Self::expand`] writes.
    pub(crate) fn features(&self) -> usize {
        2 * self.numerical.nodes
    }

    /// `(kappa, kappa')` from two expansions and the correlation.
    pub(crate) fn moments(&self, x: &[f64], y: &[f64], c: f64) -> (f64, f64) {
        let n = self.numerical.nodes;
        let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).rev().fold(0.0, |sum, (a, b)| sum * c + a * b);
        (sum(&x[..n], &y[..n]), sum(&x[n..], &y[n..]))
    }

    /// `kappa_xx kappa_yy - kappa^2` as on the page of this module.
    pub(crate) fn determinant(&self, x: &[f64], y: &[f64], pair: &Pair) -> f64 {
        let n = self.numerical.nodes;
        let opposite = pair.k < 0.0;
        let signed = |(j, b): (usize, &f64)| if opposite && j % 2 == 1 { -b } else { *b };
        let terms = || x[..n].iter().zip(y[..n].iter().enumerate().map(signed));
        let square: f64 = x[..n].iter().map(|a| a * a).sum();
        let product: f64 = terms().map(|(a, b)| a * b).sum();
        let ratio = product / square;
        let rest: f64 = terms().map(|(a, b)| (b - ratio * a).powi(2)).sum();
        let (mut lost, mut missing) = (0.0, 0.0);
        for (a, b) in terms() {
            lost += a * b * missing;
            // 1 - c^(j+1) = (1 - c^j) c + (1 - c).
            missing = missing * (1.0 - pair.versine()) + pair.versine();
        }
        square * rest + lost * (2.0 * product - lost)
    }
}

#[cfg(test)]
mod tests {
    use super::{Numerical, hermite, named, polynomial};

    /// `(phi, phi')` at `x`.
    fn at(numerical: &Numerical, x: f64) -> (f64, f64) {
        (numerical.derivative(0)(x), numerical.derivative(1)(x))
    }

    /// Names stand for the textbook's functions, with the slopes that central differences find.
    #[test]
    fn named_functions_are_the_textbook_ones() {
        type Function = fn(f64) -> f64;
        let textbook: [(&str, Function); 4] = [
            ("tanh", |x| (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())),
            ("sigmoid", |x| (1.0 + (x / 2.0).tanh()) / 2.0),
            ("softplus", |x| (1.0 + x.exp()).ln()),
            ("silu", |x| x / (1.0 + (-x).exp())),
        ];
        for (name, f) in textbook {
            let ours = named(name, 10).expect("a name of ours");
            assert!(ours.is_builtin());
            for x in [-3.0, -0.7, 0.0, 0.4, 2.0] {
                let (value, slope) = at(&ours, x);
                assert!((value - f(x)).abs() < 1e-14, "{name} {x}: {value}");
                let difference = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;
                assert!((slope - difference).abs() < 1e-9, "{name}' {x}: {slope}");
            }
        }
        assert_eq!(named("unknown", 10), None);
    }

    /// By hand: `1 + 2x - 3x^2`, and `sqrt(2) h_2 = x^2 - 1`, `sqrt(6) h_3 = x^3 - 3x`.
    #[test]
    fn coefficients_make_the_function() {
        assert_eq!(at(&polynomial(vec![1.0, 2.0, -3.0]), 2.0), (-7.0, -10.0));
        let series = hermite(vec![0.5, 2.0, 2f64.sqrt(), 6f64.sqrt()]);
        for x in [-1.5, 0.0, 2.0f64] {
            let (value, slope) = at(&series, x);
            assert!((value - (0.5 + 2.0 * x + x * x - 1.0 + x.powi(3) - 3.0 * x)).abs() < 1e-13);
            assert!((slope - (2.0 + 2.0 * x + 3.0 * x * x - 3.0)).abs() < 1e-13);
        }
    }

    #[test]
    fn a_function_is_its_name_and_its_nodes() {
        let new = |name: &str, nodes| Numerical::new(name, f64::sin, f64::cos, nodes);
        assert_eq!(new("sine", 20), new("sine", 20));
        assert_ne!(new("sine", 20), new("sine", 21));
        assert_ne!(new("sine", 20), new("cosine", 20));
        assert_eq!([0, 501].map(|nodes| new("sine", nodes).nodes()), [1, 500]);
        assert!(!new("sine", 20).is_builtin());
    }
}
