//! Which sparse functions on the hypercube descent learns, and when: staircases, plateaus and escapes.
//!
//! `x` is uniform on `{-1, 1}^d` and `y = h(z)` depends on its first `P` coordinates `z`, `h = sum_S c_S prod_(i in S) z_i`. The *leap* of `h` is the least
//! `L` such that its monomials can be ordered with at most `L` new coordinates each; leap 1 is a merged staircase. The net
//! `f(x) = 1/m sum_j a_j phi(w_j . x)`, `phi(x) = erf((x + b_0)/sqrt 2)`, starts from `a ~ U[-1, 1]`, `w ~ N(0, s_0^2/d I)` and descends on `1/2 E (y - f)^2` with
//! steps `eta` times the width times the gradient, time being `t = eta k`.
//!
//! # The flow without dimension
//!
//! A unit is `(a, u, s)`: read-out, the `P` weights that matter, and the norm of the rest. As `d -> infinity` the rest of `w . x` is `s G` with a standard
//! normal `G`. With `c = u . z + b_0`, `v^2 = 1 + s^2` and the averages over `G` of `phi`, `phi'`, `phi''`,
//!
#![doc = overparam_formula::formula!(
    "E_0 = erf(c/(v sqrt 2)),    E_1 = sqrt(2/pi)/v exp(-c^2/(2 v^2)),    E_2 = -c/v^2 E_1"
    "da/dt = E_z r E_0,    du/dt = a E_z r E_1 z,    ds/dt = a s E_z r E_2,    r = h - f,    f(z) = E a E_0."
)]
//!
//! From `u = 0`, `s = s_0` this is a population with one parameter, `a`: [`DimensionFree`] takes Gauss-Legendre nodes. Coordinates
//! that no reachable monomial moves stay exactly at zero; they are kept there, because rounding would be amplified. In dimension `d`
//! they start from `N(0, s_0^2/d)` and escape ([`FiniteDimension`], [`LinearStage`]): in a time that grows with `ln d` at leap 2, with a power of `d` beyond.
//!
//! Sources: Abbe, Boix-Adsera, Misiakiewicz 2022 (arXiv 2202.08658) and 2023 (arXiv 2302.11055).
//!
//! ```
//! use overparam_feature_flow::staircase::{DimensionFree, Motion, SparseTarget};
//!
//! let stairs = SparseTarget::new(3, &[(1.0, vec![0]), (1.0, vec![0, 1]), (1.0, vec![0, 1, 2])])?;
//! let gap = SparseTarget::new(3, &[(1.0, vec![0]), (1.0, vec![0, 1, 2])])?;
//! assert_eq!((stairs.leap(), gap.leap()), (1, 2));
//! let flow = DimensionFree { motion: Motion::Flow { time_step: 0.05 }, ..DimensionFree::default() };
//! let risk = |target| flow.run(target, &[8.0]).map(|moments| moments[0].risk);
//! assert!(risk(&stairs)? < 0.5 && risk(&gap)? > 0.5);
//! # Ok::<(), overparam_feature_flow::Error>(())
//! ```

mod escape;
mod flow;
mod target;

pub use escape::LinearStage;
pub use flow::{DimensionFree, FiniteDimension, Moment, Motion};
pub use target::SparseTarget;
