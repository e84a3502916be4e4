//! Deep linear networks: what depth does although it adds no functions.
//!
//! A network `x -> W_N ... W_1 x` computes a linear map, its *end matrix* `W = W_N ... W_1`, whatever its depth. Gradient
//! descent on the layers is nevertheless not gradient descent on `W`: it prefers matrices of low rank, the more so the deeper the
//! network, and so it completes matrices from few entries where convex methods fail. This crate has the networks, their training,
//! and the theory that explains it.
//!
//! # The smallest example
//!
//! A network of depth 3 recovers a 10 x 10 matrix of rank 1 from half of its entries:
//!
//! ```
//! use nalgebra::DVector;
//! use overparam_deep_linear::measures::Spectrum;
//! use overparam_deep_linear::{
//!     Convention, DeepLinearNetwork, Entry, Initialization, MatrixCompletion, Optimizer, Training,
//! };
//! use overparam_tensor::random::Stream;
//!
//! let n = 10;
//! let stream = Stream::root(1);
//! let factor = DVector::from_fn(n, |i, _| 1.0 + (i % 3) as f64);
//! let truth = &factor * factor.transpose();
//! let observed: Vec<Entry> = stream
//!     .named("observed")
//!     .sample_indices(n * n, n * n / 2)
//!     .into_iter()
//!     .map(|k| Entry { row: k % n, column: k / n, value: truth[k] })
//!     .collect();
//!
//! let objective = MatrixCompletion::<f64>::new(n, n, &observed, Convention::Mean)?;
//! let start = Initialization::Gaussian { scale: 1e-3 };
//! let mut network = DeepLinearNetwork::initialize(&[n; 4], &start, &stream.named("weights"))?;
//! let training = Training {
//!     optimizer: Optimizer::rms_normalized(1e-3),
//!     loss_target: 1e-5,
//!     max_steps: 50_000,
//!     observe_every: 0,
//! };
//! training.run(&mut network, &objective)?;
//!
//! let end = network.end_matrix();
//! assert!((&end - &truth).norm() < 1e-2 * truth.norm()); // the hidden half is right too
//! assert!(Spectrum::of(&end)?.effective_rank() < 1.05);
//! # Ok::<(), overparam_deep_linear::DeepLinearError>(())
//! ```
//!
//! # What the theory says
//!
//! **Balance is conserved.** Under gradient flow `dW_j/dt = -dL/dW_j` every `W_{j+1}^T W_{j+1} - W_j W_j^T` is constant. If the
//! initial weights are *balanced*, so that these differences are 0, the end matrix obeys an equation of its own (Arora, Cohen, Hazan
//! 2018, arXiv 1802.06509):
//!
#![doc = overparam_formula::formula!("dW/dt = - sum_{j=1}^N [W W^T]^((N-j)/N) grad L(W) [W^T W]^((j-1)/N)")]
//!
//! **Large singular values run away from small ones.** With `W = sum_r s_r u_r v_r^T` (Arora, Cohen, Hu, Luo 2019, arXiv
//! 1905.13655, theorem 3),
//!
#![doc = overparam_formula::formula!("ds_r/dt = -N (s_r^2)^(1 - 1/N) <grad L(W), u_r v_r^T>")]
//!
//! At depth 1 all singular values move at the speed of the gradient; in deeper networks a small one hardly moves and a large
//! one moves fast. From a small initialisation the singular directions of the data are learned one after another, the strongest
//! first, and descent stops when the few that have been learned suffice.
//!
//! **Descent prefers low rank, not a small norm.** The matrix `[[*, 1], [1, 0]]` has completions whose rank is arbitrarily close to 1, but their
//! norms are then arbitrarily large. Gradient descent at depth 2 or more finds them: all norms and quasi-norms diverge while the
//! effective rank falls to its infimum (Razin, Cohen 2020, arXiv 2005.06398, theorems 1 and 2).
//!
//! # Modules
//!
//! | module | what it holds |
//! |---|---|
//! | [`network`] | [`DeepLinearNetwork`]: weights, end matrix, balancedness |
//! | [`initialization`] | Gaussian, identity, orthogonal, balanced and deliberately unbalanced starts |
//! | [`objective`] | the trait [`Objective`]; matrix completion, matrix sensing, linear regression |
//! | [`gradient`] | exact gradients of all layers in `3 (N - 1)` products, without allocation |
//! | [`optimizer`] | gradient descent, momentum, Adam, RMS-normalised descent |
//! | [`training`] | the loop: stop conditions, observer, divergence as an error |
//! | [`flow`] | gradient flow of the layers and of the end matrix |
//! | [`balanced`] | two layers from lambda-balanced starts in closed form: from lazy to rich |
//! | [`singular_values`] | the singular-value equation, beside what a run does |
//! | [`rank_not_norm`] | the 2 x 2 completion task and its bounds, derived |
//! | [`measures`] | effective rank, stable rank, Schatten norms |
//! | [`nuclear_norm`] | the convex baseline: certified minimum-nuclear-norm completion |
//! | [`shared_representation`] | few-shot learning: many tasks that share a linear representation |
//! | [`error`] | [`DeepLinearError`] |
//!
//! # Precision
//!
//! Networks, objectives and training are generic over `f32` and `f64`; losses, norms and everything measured are `f64`.
//! At 100 x 100, `f32` halves the time of a step and changes no conclusion. The danger is small numbers, which vanish or
//! become subnormal (and slow) below 1e-38: squares are therefore accumulated in `f64`, and an initialisation whose end-to-end scale
//! is below about 1e-30 should be in `f64`. Flows, the singular-value equation and the convex baseline are `f64` throughout.

pub mod balanced;
pub mod error;
pub mod flow;
pub mod gradient;
pub mod initialization;
pub mod measures;
pub mod network;
pub mod nuclear_norm;
pub mod objective;
pub mod optimizer;
pub mod rank_not_norm;
pub mod shared_representation;
pub mod singular_values;
#[cfg(test)]
mod testing;
pub mod training;

pub use error::DeepLinearError;
pub use flow::{EndToEndFlow, GradientFlow};
pub use gradient::Workspace;
pub use initialization::Initialization;
pub use network::DeepLinearNetwork;
pub use nuclear_norm::{CertifiedCompletion, NuclearNorm};
pub use objective::{Convention, Entry, LinearRegression, MatrixCompletion, MatrixSensing, Objective};
pub use optimizer::Optimizer;
pub use singular_values::SingularValueTrajectory;
pub use training::{Snapshot, StopReason, Summary, Training};
