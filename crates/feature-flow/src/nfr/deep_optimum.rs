//! The global optimum of nets of depth 3 on the line, with a proof, and what `m` units per layer cost beyond it.
//!
//! Inputs are numbers `x` (with a constant beside them), features `tanh`. A net of any width is two populations: first-layer units
//! `(a, b)` of masses `p`, and second-layer units of masses `q`, each given by its weights `w` from the first layer:
//!
#![doc = overparam_formula::formula!(
    "f = sum_k q_k u_k tanh(g_k),  g_k(x) = sum_j p_j w_jk tanh(a_j x + b_j),"
    "Q = 1/(2N) |f - y|^2 + lambda_u sum_k q_k u_k^2 + lambda (c_1 + c_2),"
    "c_1 = ((sum_j p_j |a_j|)^2 + (sum_j p_j |b_j|)^2)/2,  c_2 = sum_j p_j (sum_k q_k |w_jk|)^2."
)]
//!
//! # Why it is convex
//!
//! Name a second-layer unit by the sums `g` that it computes on the examples, and describe how it computes them by the joint density
//! `V_jk = p_j w_jk q_k` of pairs of units. In `(p, q, V, u q)`, over all units of both layers at once,
//!
#![doc = overparam_formula::formula!(
    "Q = loss(sum_k (u q)_k tanh(g_k)) + lambda_u sum_k (u q)_k^2/q_k + lambda c_1(p) + lambda sum_j (sum_k |V_jk|)^2/p_j,"
    "subject to  sum_j V_jk tanh(a_j x_i + b_j) = q_k g_ki,  sum p = sum q = 1,"
)]
//!
//! is jointly convex, with linear constraints. So a dual point bounds it from below. With a residual `z`, two costs `t` and a level
//! `nu >= 0`, let a weight from the unit `(a, b)` have the price `r`, `r^2 = t_1 |a| + t_2 |b| + nu`. Then, for every net of every width,
//!
#![doc = overparam_formula::formula!(
    "Q >= -N/2 |z|^2 - z.y - lambda (t_1^2 + t_2^2)/2 - lambda nu - max_g ((z.tanh(g))^2/(4 lambda_u) - 2 lambda R(g)),"
    "R(g) = min sum_j r_j |v_j|  over all units with  sum_j v_j tanh(a_j x_i + b_j) = g_i."
)]
//!
//! [`Line::optimum`] finds a net by column generation; [`Line::certify`] proves the bound, by branch and bound over `g`, with `R` bounded from
//! below by prices whose feasibility is proved over all `(a, b)`. [`Line::finite_width`] has the constants `C` of the excess `C / m` of nets of
//! `m` units per layer.
//!
//! With weight decay in place of `c_2`, the cost of pairs would be `V_jk^2/(p_j q_k)`, which is not jointly convex.
//!
//! # Example
//!
//! ```
//! use overparam_feature_flow::nfr::deep_optimum::Line;
//! use overparam_tensor::random::Stream;
//!
//! let line = Line {
//!     inputs: vec![-1.0, 0.0, 1.0],
//!     targets: vec![-0.6, 0.5, 0.2],
//!     ridge_top: 0.02,
//!     ridge_features: 0.002,
//! };
//! let net = line.optimum(&Stream::root(0))?;
//! let certified = line.certify(&net, 0.005, 100_000)?;
//! assert!(certified.gap() < 0.01);
//! # Ok::<(), overparam_feature_flow::Error>(())
//! ```
//!
//! Source: Fang, Gu, Zhang, Zhang 2019 (arXiv 1911.07626) for the representation; the dual, its proof and the constants are derived here.

mod bound;
mod dual;
mod finite_width;
mod first_layer;
mod net;
mod newton;
mod optimum;
mod prune;
mod second_layer;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use finite_width::FiniteWidth;
pub use net::{Atoms, Line};
pub use optimum::Certified;
