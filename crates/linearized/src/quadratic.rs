//! What linearisation cannot do: quadratic targets with `N ~ d` neurons and unlimited data.
//!
//! Ghorbani, Mei, Misiakiewicz and Montanari, *Limitations of lazy training of two-layers neural networks* (2019,
//! arXiv 1906.08899). Inputs `x ~ N(0, I_d)`, target `f(x) = <x, B x> - tr B`, weights `w ~ N(0, Gamma)` with
//! `tr Gamma = 1`, `rho = N / d`, all models with a free offset. As `d -> inf` the risks relative to `E f^2 = 2 ||B||_F^2` are
//! (the last two for the quadratic activation)
//!
#![doc = overparam_formula::formula!(
    "random features:    1 - psi mu_2^2 rho d <B, Gamma>^2 / (||B||_F^2 (2 + psi mu_2^2 rho d ||Gamma||_F^2))"
    "neural tangent:     (1 - rho)_+^2 (1 - q) + (1 - rho)_+ q, q = tr(B)^2 / (d ||B||_F^2)"
    "trained network:    sum_{i > N} lambda_i(B)^2 / ||B||_F^2"
)]
//!
//! For two classes `x ~ N(0, I +- Delta)` the risk of a model is `1 / (1 + kappa ||Delta||_F^2 / 2)` with `kappa` one minus the
//! ratio above at `B = Delta`.
//!
//! | item | what it is |
//! |---|---|
//! | [`random_features_risk`], [`tangent_risk`], [`trained_risk`], [`mixture_risk`] | the closed forms |
//! | [`Polynomial`] | targets of degree at most two, with the exact risk of finite feature sets |
//! | [`Classes`] | two classes of Gaussians, with the exact risk of finite feature sets |
//! | [`QuadraticNet`] | the two-layer net with quadratic activation, trained by SGD on fresh samples |

mod classes;
mod closed_forms;
mod moments;
mod polynomial;
mod training;

pub use classes::Classes;
pub use closed_forms::{mixture_risk, random_features_risk, tangent_risk, trained_risk};
pub use polynomial::Polynomial;
pub use training::{QuadraticNet, Schedule};
