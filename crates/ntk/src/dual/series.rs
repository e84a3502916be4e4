//! Polynomials, Hermite series, and any other function by Gauss-Hermite quadrature.
//!
//! With the orthonormal Hermite polynomials `h_j` and `a_j(s) = E[phi(s z) h_j(z)]`, Mehler's formula gives
//!
#![doc = overparam_formula::formula!("kappa = sum_j a_j(s_x) a_j(s_y) c^j,        kappa' = sum_j a'_j(s_x) a'_j(s_y) c^j,   a' the coefficients of phi'.")]
//!
//! The coefficients come from `n` Gauss-Hermite nodes ([`HermiteBasis`]). The matrix `V_ji = sqrt(w_i) h_j(z_i)` is orthogonal, so
//! `n` coefficients reproduce the quadrature of `E phi^2` exactly: the kernel is positive semi-definite and consistent on equal inputs whatever `phi` is. Work is
//! `n^2` per input and `n` per pair, where two-dimensional quadrature takes `n^2` per pair. Polynomials of degree below `n`
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

use crate::NtkError;
use crate::pair::{Moments, Pair};

/// A function of one number.
pub(crate) type Function = Arc<dyn Fn(f64) -> f64 + Send + Sync>;

/// Quadrature ready to expand.
#[derive(Clone)]
pub(crate) struct Series {
    /// `phi` and `phi'`.
    functions: [Function; 2],
    basis: HermiteBasis,
}

impl Series {
    /// `phi` and `phi'` with `n >= 1` nodes.
    pub(crate) fn new(functions: [Function; 2], n: usize) -> Result<Self, NtkError> {
        Ok(Self { functions, basis: HermiteBasis::new(n)? })
    }

    /// `a_0(s)..a_(n-1)(s)` followed by `a'_0(s)..a'_(n-1)(s)`.
    pub(crate) fn expand(&self, s: f64, out: &mut Vec<f64>) {
        for f in &self.functions {
            let values: Vec<f64> = self.basis.nodes().iter().map(|z| f(s * z)).collect();
            out.extend(self.basis.coefficients(&values));
        }
    }

    /// Entries [`Self::expand`] writes.
    pub(crate) fn features(&self) -> usize {
        2 * self.basis.nodes().len()
    }

    /// The dual map at one pair.
    pub(crate) fn at(&self, pair: &Pair) -> Moments {
        let [x, y] = pair.s.map(|s| {
            let mut features = Vec::with_capacity(self.features());
            self.expand(s, &mut features);
            features
        });
        let (kappa, kappa_dot) = self.moments(&x, &y, pair.correlation());
        Moments { kappa, kappa_dot }
    }

    /// `(kappa, kappa')` from two expansions and the correlation.
    pub(crate) fn moments(&self, x: &[f64], y: &[f64], c: f64) -> (f64, f64) {
        let n = self.basis.nodes().len();
        let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).rev().fold(0.0, |sum, (a, b)| sum * c + a * b);
        (sum(&x[..n], &y[..n]), sum(&x[n..], &y[n..]))
    }

    /// `kappa_xx kappa_yy - kappa^2` as on the page of this module.
    pub(crate) fn determinant(&self, x: &[f64], y: &[f64], pair: &Pair) -> f64 {
        let n = self.basis.nodes().len();
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

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("nodes", &self.basis.nodes().len()).finish_non_exhaustive()
    }
}
