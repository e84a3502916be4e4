//! Polynomials, Hermite series, and any other function by Gauss-Hermite quadrature.
//!
//! With the orthonormal Hermite polynomials `h_j` and `a_j(s) = E[phi(s z) h_j(z)]`, Mehler's formula gives
//!
#![doc = overparam_formula::formula!("kappa = sum_j a_j(s_x) a_j(s_y) c^j,        kappa' = sum_j a'_j(s_x) a'_j(s_y) c^j,   a' the coefficients of phi'.")]
//!
//! The coefficients come from `n` Gauss-Hermite nodes ([`HermiteBasis`]). The matrix `V_ji = sqrt(w_i) h_j(z_i)` is orthogonal, so
//! `n` coefficients reproduce the quadrature of `E phi^2` exactly: the kernel is positive semi-definite and consistent on equal inputs whatever `phi` is. Work is
//! `n^2` per input and `n` per pair, where two-dimensional quadrature takes `n^2` per pair. Polynomials of degree below `n`
//! are exact; functions analytic in a strip converge like `exp(-const sqrt n)`; kinks converge slowly. Of functions of which nothing
//! is known, the last quarter of the coefficients has to vanish: where it does not, 500 nodes are taken, and where those are not
//! enough, the input is refused.
//!
//! With `a`, `b` the coefficients of the two sides (`b_j` times `(-1)^j` where `c` is negative) the determinant after the function is
//!
#![doc = overparam_formula::formula!("kappa_xx kappa_yy - kappa^2 = |a|^2 |b - r a|^2 + d (2 a.b - d),    r = a.b / |a|^2,    d = sum_j a_j b_j (1 - |c|^j),")]
//!
//! whose terms are as small as they should be where inputs nearly agree: it gives the margin there.

use std::fmt;
use std::sync::{Arc, OnceLock};

use overparam_tensor::linalg::{LinalgError, Real};
use overparam_tensor::quadrature::{HermiteBasis, Rule};
use overparam_tensor::simd::Wide;

use super::expansion::{Expansion, LANES, Lanes, Numbers, Pairs, power_series, seen, whole_strides};
use super::visit::{DualMap, Visit};
use crate::NtkError;
use crate::pair::Pair;

/// A function of one number.
pub(crate) type Function = Arc<dyn Fn(f64) -> f64 + Send + Sync>;

/// Quadrature ready to expand.
#[derive(Clone)]
pub(crate) struct Series {
    /// `phi` and `phi'`.
    functions: [Function; 2],
    basis: HermiteBasis,
    /// Where the nodes do not resolve the functions, [`MOST`] nodes are taken.
    refined: bool,
}

/// The most nodes.
pub(crate) const MOST: usize = 500;

/// What may be missing of the norm of a function with the nodes that there are; with the most nodes.
const RESOLVED: [f64; 2] = [1e-16, 1e-10];

/// Coefficients up to which all are summed.
const SHORT: usize = 32;
impl Series {
    /// `phi` and `phi'` with `n >= 1` nodes, which are exact for polynomials of degree below `n`.
    pub(crate) fn new(functions: [Function; 2], n: usize) -> Result<Self, NtkError> {
        Ok(Self { functions, basis: HermiteBasis::new(n)?, refined: false })
    }

    /// `phi` and `phi'` of which nothing is known, with `n >= 1` nodes where they are enough.
    pub(crate) fn refined(functions: [Function; 2], n: usize) -> Result<Self, NtkError> {
        most()?;
        Ok(Self { refined: true, ..Self::new(functions, n)? })
    }

    /// The basis for an input of standard deviation `s`.
    fn basis(&self, s: f64) -> &HermiteBasis {
        match most() {
            Ok(most) if self.refined && !self.resolved_by(&self.basis, s, RESOLVED[0]) => most,
            _ => &self.basis,
        }
    }

    /// Whether quadrature resolves both functions at the standard deviation `s`.
    pub(crate) fn resolves(&self, s: f64) -> bool {
        !self.refined
            || self.resolved_by(&self.basis, s, RESOLVED[0])
            || most().is_ok_and(|most| self.resolved_by(most, s, RESOLVED[1]))
    }

    /// Whether the last quarter of the coefficients of both functions has next to nothing of the norm, and the norm is that of another
    /// quadrature, which sees what lies between the nodes.
    fn resolved_by(&self, basis: &HermiteBasis, s: f64, missing: f64) -> bool {
        static PANELS: OnceLock<Rule> = OnceLock::new();
        let panels = PANELS.get_or_init(|| Rule::gaussian(&[]));
        let n = basis.nodes().len();
        self.functions.iter().all(|f| {
            let values: Vec<f64> = basis.nodes().iter().map(|z| f(s * z)).collect();
            let squares: Vec<f64> = basis.coefficients(&values).map(|a| a * a).collect();
            let norm: f64 = squares.iter().sum();
            let tail: f64 = squares[(3 * n).div_ceil(4)..].iter().sum();
            let other = panels.integrate(|z| f(s * z).powi(2));
            // The second comparison has rounding errors; what is not finite is another complaint.
            !norm.is_finite() || tail <= missing * norm && (norm - other).abs() <= RESOLVED[1] * norm
        })
    }
}

/// The basis of the most nodes, made once.
fn most() -> Result<&'static HermiteBasis, NtkError> {
    static BASIS: OnceLock<Result<HermiteBasis, LinalgError>> = OnceLock::new();
    let basis = BASIS.get_or_init(|| HermiteBasis::new(MOST));
    basis.as_ref().map_err(|error| error.clone().into())
}

impl DualMap for Series {
    fn visit<T: Real, V: Visit<T>>(&self, visitor: V) -> V::Output {
        visitor.expanded(self)
    }
}

impl Expansion for Series {
    fn features(&self, deviations: &[f64]) -> usize {
        2 * deviations.iter().map(|&s| self.basis(s).nodes().len()).max().unwrap_or(0)
    }

    /// `a_0(s)..a_(n-1)(s)` followed by `a'_0(s)..a'_(n-1)(s)`, both filled up with zeros.
    fn expand(&self, s: f64, out: &mut [f64]) {
        let (basis, half) = (self.basis(s), out.len() / 2);
        for (f, out) in self.functions.iter().zip(out.chunks_exact_mut(half)) {
            let values: Vec<f64> = basis.nodes().iter().map(|z| f(s * z)).collect();
            out.iter_mut().zip(basis.coefficients(&values)).for_each(|(out, a)| *out = a);
        }
    }

    /// Powers of the correlation that change nothing are left out.
    #[inline(always)]
    fn moments(&self, w: impl Wide<f64>, x: &impl Numbers, y: &impl Numbers, pairs: &Pairs) -> [Lanes; 2] {
        let ends = [x.len() / 2, y.len() / 2];
        let all = ends[0].min(ends[1]);
        let [versine, c] = pairs.angles();
        let mut terms = [all as f64; LANES];
        if all > SHORT {
            for (terms, v) in terms.iter_mut().zip(versine) {
                *terms = terms.min(whole_strides(seen(v, pairs.digits)));
            }
        }
        power_series(w, (x, y), [[0, 0], ends], &terms, &c)
    }

    /// The coefficients of an input of no variance are those of a constant, whatever the correlation.
    fn variance(&self, own: &[f64], _: f64) -> f64 {
        halves(own)[0].iter().rev().fold(0.0, |sum, a| sum + a * a)
    }

    /// `kappa_xx kappa_yy - kappa^2` as on the page of this module.
    fn determinant(&self, x: &[f64], y: &[f64], pair: &Pair) -> f64 {
        let ([x, _], [y, _]) = (halves(x), halves(y));
        let opposite = pair.k < 0.0;
        let signed = |(j, b): (usize, &f64)| if opposite && j % 2 == 1 { -b } else { *b };
        let terms = || x.iter().zip(y.iter().enumerate().map(signed));
        let square: f64 = x.iter().map(|a| a * a).sum();
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

/// Coefficients of the function and of its derivative.
fn halves(features: &[f64]) -> [&[f64]; 2] {
    let (values, slopes) = features.split_at(features.len() / 2);
    [values, slopes]
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("nodes", &self.basis.nodes().len()).finish_non_exhaustive()
    }
}
