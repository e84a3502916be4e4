//! Shared linear representations: many source tasks pay for the dimension, few target examples then suffice.
//!
//! Tasks `t = 1..T` share `k` directions of `R^d` (Du, Hu, Kakade, Lee, Lei 2021, arXiv 2002.09434, section 4):
//!
#![doc = overparam_formula::formula!(
    "y_t = X_t B w_t + sigma z_t,             B: d × k orthonormal, X_t: n1 × d, rows of X_t ~ N(0, Sigma_s)"
    "(B^, W^) = argmin 1/(2 n1 T) sum_t ||y_t - X_t B w_t||^2                 first stage, all source data"
    "w^       = argmin ||y - X B^ w||^2, theta^ = B^ w^                       second stage, n2 target examples"
)]
//!
//! Theorem 4.1: the target's excess risk is of order `sigma^2 (d k / (n1 T) + k / n2)`, where a single task pays
//! `sigma^2 d / n2`. It needs source tasks that span the representation (`sigma_k^2(W)` of order `T / k`), and a source
//! covariance that dominates a multiple of the target's. Analyses that treat tasks as i.i.d. draws cannot do better than
//! `1 / T`, however many examples each has. The leading constants are derived in [`theory`].
//!
//! **Excess risk** here is `E_x (x . (theta^ - theta))^2`, twice that of a loss with the factor 1/2.
//!
//! ```
//! use overparam_deep_linear::shared_representation::{Alternation, Setting, Truth, principal_angles, spectral_start};
//! use overparam_tensor::random::Stream;
//!
//! let setting = Setting { source_examples: 60, ..Setting::new(20, 2, 10) };
//! let stream = Stream::root(0);
//! let truth = Truth::draw(&setting, &stream)?;
//! let sources = truth.source_data(&stream.named("sources"))?;
//! let fit = Alternation::default().fit(&sources, &spectral_start(&sources, 2)?)?;
//! assert!(fit.converged);
//! assert!(principal_angles(&fit.representation, &truth.representation)?[0] < 0.3); // radians
//! # Ok::<(), overparam_deep_linear::DeepLinearError>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`tasks`] | [`Setting`] and [`Truth`]: source and target tasks, diversity, covariate shift |
//! | [`regression`] | [`SharedRegression`]: the source tasks as sufficient statistics, an [`Objective`](crate::Objective) |
//! | [`start`] | the spectral start, and the method-of-moments representation |
//! | [`alternation`] | first stage by alternating minimisation |
//! | [`descent`] | first stage by descent on the two-layer linear network |
//! | [`nuclear`] | high dimension: nuclear-norm regularised first stage, with a certificate |
//! | [`relu`] | an over-parameterised two-layer ReLU net with weight decay |
//! | [`target`] | second stage, and single-task least squares and ridge |
//! | [`angles`] | principal angles between subspaces |
//! | [`theory`] | expected risks, with constants |

pub mod alternation;
pub mod angles;
pub mod descent;
pub mod nuclear;
#[cfg(test)]
mod properties;
pub mod regression;
pub mod relu;
pub mod start;
pub mod target;
pub mod tasks;
pub mod theory;

pub use alternation::{Alternation, Fit};
pub use angles::principal_angles;
pub use descent::TwoLayerDescent;
pub use nuclear::{NuclearFit, NuclearRepresentation};
pub use regression::SharedRegression;
pub use relu::{ReluFit, ReluRepresentation};
pub use start::{method_of_moments, spectral_start};
pub use target::{TargetTask, ball_least_squares};
pub use tasks::{Covariance, Setting, Truth};
