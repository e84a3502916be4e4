//! Linearised neural networks in high dimension: random features, tangent features, kernels, and what theory says about them.
//!
//! A wide network close to its initialisation is linear in its parameters. With two layers it is the sum of a part that is
//! linear in the second layer, the random features, and a part that is linear in the first, the tangent features:
//!
#![doc = overparam_formula::formula!(
    "f_RF(x) = sum_i a_i s(<w_i, x>),    f_NT(x) = sum_i <b_i, x> s'(<w_i, x>),    w_i drawn and kept."
)]
//!
//! # The smallest example
//!
//! A random-features regression beyond the interpolation peak, compared with its asymptotics:
//!
//! ```
//! use nalgebra::DMatrix;
//! use overparam_linearized::activation::Standard;
//! use overparam_linearized::asymptotics::{Energies, predict};
//! use overparam_linearized::data::{Target, sphere};
//! use overparam_linearized::hermite::Profile;
//! use overparam_linearized::models::{Data, RandomFeatures, ridge_path};
//! use overparam_tensor::random::Stream;
//!
//! let (d, n, features, lambda) = (60, 120, 360, 1e-3);
//! let stream = Stream::root(0);
//! let target = Target::single_index(stream.named("target"), d, &[0.0, 1.0])?; // linear, E f^2 = 1
//! let random = RandomFeatures::on_sphere(stream.named("weights"), features, d);
//! let (x, t) = (sphere(stream.named("train"), n, d), sphere(stream.named("test"), 2_000, d));
//! let column = |v: nalgebra::DVector<f64>| DMatrix::from_column_slice(v.len(), 1, v.as_slice());
//! let (z, y) = (random.map(&Standard::Relu, &x), column(target.values(&x)));
//! let (q, u) = (random.map(&Standard::Relu, &t), column(target.values(&t)));
//! let data = Data { features: &z, labels: &y, test_features: &q, test_labels: &u };
//! let measured = ridge_path(data, &[lambda / d as f64])?[0].scores[0];
//!
//! let clean = Energies { linear: 1.0, nonlinear: 0.0, noise: 0.0 };
//! let ratio = |size: usize| size as f64 / d as f64;
//! let predicted = predict(ratio(features), ratio(n), &Profile::of(&Standard::Relu)?, lambda, clean)?;
//! assert!((measured.test_error / predicted.risk - 1.0).abs() < 0.2);
//! assert!((measured.norm_squared / d as f64 / predicted.norm_squared - 1.0).abs() < 0.2);
//! # Ok::<(), overparam_linearized::Error>(())
//! ```
//!
//! # What the theory says
//!
//! Such models can be solved exactly. Their test error shows three phenomena, which this crate computes and simulates:
//!
//! * **Double descent.** With `N` random features, `n` samples in dimension `d`, all growing in proportion, the ridgeless
//!   test error peaks at `N = n` and falls to its global minimum far beyond. [`asymptotics`] has bias, variance, risk, training
//!   error and norm for every `N / d`, `n / d`, ridge and activation (Mei and Montanari 2022).
//! * **Staircase.** With `n ~ d^l` samples a kernel learns the part of a target of degree at most `l` and nothing else. So do
//!   `N ~ d^l` random features and `N ~ d^(l-1)` tangent neurons. [`equivalents`] predicts the whole curve at finite size from a
//!   [`spectrum`] (Ghorbani, Mei, Misiakiewicz and Montanari 2021).
//! * **Limits of linearisation.** On quadratic targets with `N / d` fixed, random features, tangent features and trained
//!   networks are separated by gaps in closed form: [`quadratic`] (the same authors, 2019).
//!
//! # Modules
//!
//! | module | what it owns |
//! |---|---|
//! | [`activation`], [`hermite`] | activations, and the Gaussian moments the theory needs of them |
//! | [`asymptotics`] | random features in the proportional limit: exact, for every ridge, both infinite limits included |
//! | [`spectrum`] | eigenvalues of activations and kernels on the sphere, in the Gegenbauer polynomials of [`overparam_tensor::sphere`] |
//! | [`equivalents`] | risk of kernel, random-features and tangent regression at finite size |
//! | [`symmetry`] | kernels averaged over cyclic shifts, which learn invariant targets `d` times earlier |
//! | [`quadratic`] | random features, tangent and trained networks on quadratic targets and Gaussian mixtures |
//! | [`data`] | inputs and targets of known law |
//! | [`models`] | the models themselves: ridge and minimum-norm fits, exact population risks |
//!
//! # Conventions
//!
//! Rows are examples. Inputs on the sphere have norm `sqrt d`. Regressions minimise `(1/n) ||y - f||^2 + ridge ||w||^2` over
//! features scaled by `N^{-1/2}`; a paper's `lambda` is converted where its formula is. Energies are squared norms `E f^2`;
//! risks leave out the noise of the test label. Everything is `f64`. Large products share rayon's threads, cut by their shapes
//! alone: bits do not depend on the number of threads.

pub mod activation;
pub mod asymptotics;
pub mod data;
pub mod equivalents;
mod error;
pub mod hermite;
pub mod models;
pub mod quadratic;
pub mod spectrum;
pub mod symmetry;

pub use error::Error;
