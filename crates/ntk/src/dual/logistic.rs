//! `tanh`, sigmoid, softplus and SiLU at any variance, as averages of closed forms.
//!
//! The logistic law is a scale mixture of normal ones (Andrews and Mallows 1974): with a standard normal `G` and an independent `tau`
//! of Kolmogorov's law, `2 tau G` is logistic. With `sigma = tau` for the first and `sigma = 2 tau` for the others,
//!
#![doc = overparam_formula::formula!(
    "tanh x = E sign(x + sigma G) = E erf(x / (sqrt 2 sigma)),     sigmoid x = E 1(x + sigma G > 0),"
    "softplus x = E max(x + sigma G, 0),     silu x = x sigmoid x."
)]
//!
//! Kolmogorov's law is replaced by twenty nodes (`NODES`), Gauss's for `log tau`: the functions become sums of error functions that
//! differ from them by 3e-13 at most, relatively, anywhere. Of the sums everything is known in closed form:
//!
//! * `coefficients`: Hermite coefficients, which fall like `exp(-pi sqrt(j) / (2 s))` at standard deviations `s` of the input (in units
//!   where the pole of `tanh` is at `i pi/2`). Where both inputs have enough of them, or the correlation is not near one,
//!   the kernels are power series in it ([`crate::dual::series`]).
//! * `mixture`: kernels as sums over pairs of nodes, for the pairs that are left. 400 arcsines per pair.
//!
//! # Accuracy
//!
//! Relative to `sqrt(kappa_xx kappa_yy)` 1e-12 at all standard deviations from 1e-6 to 1e6.

mod coefficients;
mod mixture;

use super::expansion::{Expansion, LANES, Lanes, Numbers, Pairs};
use super::visit::{DualMap, Visit};
use crate::pair::Pair;
use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logistic {
    Tanh,
    Sigmoid,
    Softplus,
    Silu,
}

impl Logistic {
    /// `sigma / tau`.
    fn factor(self) -> f64 {
        if self == Self::Tanh { 1.0 } else { 2.0 }
    }

    /// The function itself.
    fn value(self, x: f64) -> f64 {
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        match self {
            Self::Tanh => x.tanh(),
            Self::Sigmoid => sigmoid,
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Silu => x * sigmoid,
        }
    }

    /// `sigma` and weight of every node.
    fn nodes(self) -> impl Iterator<Item = (f64, f64)> + Clone {
        NODES.iter().map(move |&(tau, weight)| (self.factor() * tau, weight))
    }
}

impl DualMap for Logistic {
    fn visit<T: Real, V: Visit<T>>(&self, visitor: V) -> V::Output {
        visitor.expanded(self)
    }
}

impl Expansion for Logistic {
    fn features(&self, deviations: &[f64]) -> usize {
        coefficients::features(*self, deviations)
    }

    fn expand(&self, s: f64, out: &mut [f64]) {
        coefficients::expand(*self, s, out);
    }

    /// Pairs without a series by the mixture, one after another.
    #[inline(always)]
    fn moments(&self, w: impl Wide<f64>, x: &impl Numbers, y: &impl Numbers, pairs: &Pairs) -> [Lanes; 2] {
        let terms = coefficients::terms(*self, [x.get(0), y.get(0)], pairs);
        let [mut kappa, mut dot] = coefficients::moments(*self, w, (x, y), pairs, &terms);
        for lane in 0..LANES {
            if terms[lane] < 0.0 {
                let moments = mixture::moments(*self, &pairs.one(lane));
                (kappa[lane], dot[lane]) = (moments.kappa, moments.kappa_dot);
            }
        }
        [kappa, dot]
    }

    fn determinant(&self, x: &[f64], y: &[f64], pair: &Pair) -> f64 {
        let kept = [[x[0]; LANES], [y[0]; LANES]];
        if coefficients::terms(*self, kept, &Pairs::of(pair))[0] >= 0.0 {
            coefficients::determinant(*self, x, y, pair)
        } else {
            mixture::determinant(*self, pair)
        }
    }
}

/// `tau` and its weight: Gauss's rule in `log tau` for Kolmogorov's law.
#[rustfmt::skip]
const NODES: [(f64, f64); 20] = [
    (0.21808399779051751, 4.991567703699878e-10), (0.252062510106844, 1.906687156056223e-07),
    (0.28838939040634637, 1.1989079084144567e-05), (0.32953849652064493, 0.00025804711832988963),
    (0.37739974764594636, 0.002578439010250546), (0.43395281104941014, 0.01417907212069327),
    (0.5014505087973706, 0.04797704305396693), (0.5824705373282097, 0.10833258326087607),
    (0.6798648154560748, 0.17378433580573777), (0.7965739664511556, 0.20785936661261878),
    (0.9352704361912979, 0.19156933367988913), (1.0979116622288316, 0.13757012681659628),
    (1.2856015827986549, 0.07560328303946813), (1.499059753162756, 0.03036179309352282),
    (1.7392591084144342, 0.008334773206954728), (2.0079721990451063, 0.0014351857514813288),
    (2.308585091593212, 0.0001380953498608675), (2.6478041037060476, 6.243988555159822e-06),
    (3.0401873137149544, 9.759101863633497e-08), (3.526324025427322, 2.5322304567406126e-10),
];

#[cfg(test)]
mod tests {
    use super::NODES;

    #[test]
    fn nodes_make_the_hyperbolic_tangent() {
        for i in -400..=100 {
            let x = 10f64.powf(f64::from(i) / 50.0);
            let sum: f64 =
                NODES.iter().map(|(tau, w)| w * libm::erf(x * std::f64::consts::FRAC_1_SQRT_2 / tau)).sum();
            assert!((sum / x.tanh() - 1.0).abs() < 3e-13, "{x}: {sum}");
        }
    }
}
