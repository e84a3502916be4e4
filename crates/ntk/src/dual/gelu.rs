//! `phi(x) = x Phi(x)` (Hendrycks and Gimpel 2016), in closed form by Gaussian integration by parts.
//!
//! With `D = (1 + q_x)(1 + q_y) - k^2 = 1 + q_x + q_y + (q_x q_y - k^2)` and
//! `P = E[Phi(u) Phi(v)] = 1/4 + asin(k / sqrt((1 + q_x)(1 + q_y))) / (2 pi)`,
//!
#![doc = overparam_formula::formula!(
    "kappa  = k P + (q_x q_y - k^2 + k^2/(1 + q_x) + k^2/(1 + q_y)) / (2 pi sqrt D),"
    "kappa' = P + k (1/(1 + q_x) + 1/(1 + q_y) + 1/D) / (2 pi sqrt D)."
)]
//!
//! Derivation: `E[u v G] = k E[G] + q_x E[v dG/du] + k E[v dG/dv]` with `G = Phi(u) Phi(v)`; the density in `dG/du` tilts
//! the pair to a Gaussian with `q_x -> q_x/(1 + q_x)`, for which the remaining expectations are of the same kind.

use std::f64::consts::TAU;

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::correlated::{ArcsineDual, Correlated, DualTerms, margin};
use super::increment::ValueWithIncrement;
use super::visit::in_vectors;
use crate::pair::{PairMap, Side};

/// The dual map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gelu;

in_vectors!(Gelu);

impl<T: Real> PairMap<T> for Gelu {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let c = Correlated::new(w, 1.0, [k, m], x, y);
        let turn = w.splat(T::of(1.0 / TAU));
        let both = w.mul_add(turn, c.arcsine, w.splat(T::of(0.25)));
        // 1/(1 + q_x) + 1/(1 + q_y), and 1/sqrt D.
        let sum = w.add(w.splat(T::of(2.0)), w.add(x.q, y.q));
        let shrunk = w.mul(w.mul(sum, c.reciprocal), c.reciprocal);
        let root = w.mul(c.reciprocal, c.inverse_root);
        let tangent = w.mul(c.z, c.inverse_root);
        let density = w.mul(turn, w.mul_add(k, w.mul(shrunk, tangent), w.mul(c.determinant, c.inverse_root)));
        let dot = w.mul_add(w.mul(turn, tangent), w.mul_add(root, root, shrunk), both);
        let kappa = w.mul_add(k, both, density);
        [kappa, margin(w, self, kappa, [k, m], x, y), w.mul(n, dot)]
    }
}

impl<T: Real> ArcsineDual<T> for Gelu {
    const FACTOR: f64 = 1.0;
    const ODD: bool = false;

    #[inline(always)]
    fn kappa<W: Wide<T>>(self, w: W, terms: DualTerms<W, T>) -> ValueWithIncrement<W, T> {
        let DualTerms { k, determinant, shrunk, root, arcsine } = terms;
        let turn = w.splat(T::of(1.0 / TAU));
        let quarter = ValueWithIncrement { from: w.splat(T::of(0.25)), by: w.splat(T::ZERO) };
        let both = arcsine.scaled(w, turn).plus(w, quarter);
        let density = k.times(w, k).times(w, shrunk).plus(w, determinant).over(w, root);
        k.times(w, both).plus(w, density.scaled(w, turn))
    }
}
