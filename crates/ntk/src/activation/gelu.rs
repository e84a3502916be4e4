//! `phi(x) = x Phi(x)` (Hendrycks and Gimpel 2016), in closed form by Gaussian integration by parts.
//!
//! With `D = (1 + q_x)(1 + q_y) - k^2 = 1 + q_x + q_y + (q_x q_y - k^2)` and
//! `P = E[Phi(u) Phi(v)] = 1/4 + asin(k / sqrt((1 + q_x)(1 + q_y))) / (2 pi) = 1/4 + atan2(k, sqrt D) / (2 pi)`,
//!
#![doc = overparam_formula::formula!(
    "kappa  = k P + (q_x q_y - k^2 + k^2/(1 + q_x) + k^2/(1 + q_y)) / (2 pi sqrt D),"
    "kappa' = P + k (1/(1 + q_x) + 1/(1 + q_y) + 1/D) / (2 pi sqrt D)."
)]
//!
//! Derivation: `E[u v G] = k E[G] + q_x E[v dG/du] + k E[v dG/dv]` with `G = Phi(u) Phi(v)`; the density in `dG/du` tilts
//! the pair to a Gaussian with `q_x -> q_x/(1 + q_x)`, for which the remaining expectations are of the same kind.

use std::f64::consts::PI;

use super::pair::{Moments, Pair};

pub(crate) fn moments(p: &Pair) -> Moments {
    let [x, y] = p.q;
    let determinant = p.root_determinant();
    let root = (1.0 + (x + y)).sqrt().hypot(determinant);
    let both = 0.25 + p.k.atan2(root) / (2.0 * PI);
    let shrunk = 1.0 / (1.0 + x) + 1.0 / (1.0 + y);
    Moments {
        kappa: p.k * both + (determinant * (determinant / root) + p.k * shrunk * (p.k / root)) / (2.0 * PI),
        kappa_dot: both + p.k / root * (shrunk + (1.0 / root) / root) / (2.0 * PI),
    }
}
