//! All crates of overparam under one name: exact kernels of wide networks and what such networks learn, the mathematics of five talks
//! on over-parameterised networks, and the claims of these talks as experiments that can fail.
//!
//! ```
//! use overparam::prelude::*;
//!
//! // What does an infinitely wide network learn from three examples, and how sure is it elsewhere?
//! let net = serial![dense(512).w_std(1.5).b_std(0.1), relu(), dense(1)];
//! let train = Data::from_rows(&[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]], &[[1.0], [0.0], [-1.0]])?;
//! let test = Inputs::from_rows(&[[0.5, 0.5]]);
//! let learned = net.infinite(&train)?.predict(Schedule::flow(f64::INFINITY), &test)?;
//! assert!(learned.mean[0].abs() < 1.0 && learned.covariance[0] > 0.0);
//! # Ok::<(), NtkError>(())
//! ```
//!
//! # Five talks
//!
//! The claims of each talk are in [`claims`], and its chapter of the book has the formulas.
//!
//! 1. **What descent prefers** (Wei Hu). A product of matrices expresses no more than one matrix, and yet descent on the
//!    factors completes a matrix with low rank, where minimising the nuclear norm does not: [`deep_linear`]. Very wide nets, on
//!    the other hand, stay nearly linear in their weights, and their kernel predicts which labels they will learn and which noise
//!    they will not: [`ntk`].
//! 2. **How wide is wide enough** (Yuan Cao). Nets of modest width already reach zero training error, at the rate that their initial
//!    kernel predicts, and learn a target one degree after another: [`ntk`] has the kernels, [`ntk::theory`] the bounds.
//! 3. **What linearised networks learn** (Song Mei). In high dimension random features and tangent kernels learn a target
//!    degree by degree, and their test error descends twice. There are exact formulas for all of this: [`linearized`].
//! 4. **The kernel regime and beyond** (Difan Zou). With signal and noise in patches of an image, a trained net can need far
//!    fewer examples than any kernel; whether overfitting is benign, and whether Adam or descent generalises, follows from
//!    numbers that one can compute beforehand: [`feature_flow::patches`].
//! 5. **Networks as distributions** (Cong Fang). A network that is not convex in its weights is convex in how its features are
//!    distributed, and follows a deterministic flow of them: [`feature_flow`].
//!
//! # The crates
//!
//! | here | crate | what for |
//! |---|---|---|
//! | [`ntk`] | `overparam-ntk` | architectures, finite networks, exact NNGP and tangent kernels, training in closed form |
//! | [`deep_linear`] | `overparam-deep-linear` | products of matrices: descent, flow, matrix completion, shared representations |
//! | [`linearized`] | `overparam-linearized` | random features and tangent features in high dimension |
//! | [`feature_flow`] | `overparam-feature-flow` | networks whose features move |
//! | [`tensor`] | `overparam-tensor` | tensors, derivatives, linear algebra, integration, random streams |
//! | [`jobs`] | `overparam-jobs` | work in parts that several processes share; kernels stored tile by tile |
//! | [`eval`] | `overparam-eval` | claims, their runs, verdicts and reports |
//! | [`claims`] | `overparam-claims` | the claims of the five talks |
//! | [`notation`] | `overparam-notation` | formulas typed as text, set as MathML |
//!
//! If you need only one of them, depend on that one. The program `overparam` is the package `overparam-cli`.

pub use overparam_claims as claims;
pub use overparam_deep_linear as deep_linear;
pub use overparam_eval as eval;
pub use overparam_feature_flow as feature_flow;
pub use overparam_jobs as jobs;
pub use overparam_linearized as linearized;
pub use overparam_notation as notation;
pub use overparam_ntk as ntk;
pub use overparam_tensor as tensor;

/// Matrices at every public interface are of this crate.
pub use nalgebra;

pub mod prelude;
