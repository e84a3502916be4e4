//! Beyond the kernel: networks whose features move.
//!
//! A wide network that stays close to its initialisation is a kernel method, and its features do not move. This crate is about
//! limits and models in which they do move: noisy particles, convex reparametrisations of deep networks, the flow of features in
//! deep nets, and models of signal and noise.
//!
//! # The smallest example
//!
//! A ResNet of five layers fits eight random numbers, and its features have moved:
//!
//! ```
//! use overparam_feature_flow::activation::Activation;
//! use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling, Start, displacement};
//! use overparam_tensor::random::Stream;
//!
//! let stream = Stream::root(0);
//! let inputs = stream.named("inputs").normal_matrix::<f64>(8, 5, 1.0);
//! let targets = stream.named("targets").normal_matrix(8, 1, 0.5);
//! let kind = (Architecture::ResNet, Scaling::MeanField, Activation::Tanh);
//! let network = Network::new(kind, (5, 100), Start::Zero, &inputs, &stream.named("weights"))?;
//! let mut flow = Flow::new(network, inputs, targets)?;
//! let start = flow.features().to_vec();
//! while flow.loss() > 1e-3 {
//!     flow.step(0.5)?;
//! }
//! assert!(displacement(&start, flow.features()).all > 0.1);
//! # Ok::<(), overparam_feature_flow::Error>(())
//! ```
//!
//! # What the theory says
//!
//! * **Two levels.** With the top layer at its optimum, training is convex in the *distribution* of features. [`two_level`] has
//!   noisy particles, an independent convex solver with a duality gap, and the constant `C` of the distance `C/m` between the two.
//! * **Convex representation.** A deep net can be written as densities over the units of another one, and in these densities
//!   regularised training is exactly convex. [`nfr`] (neural feature repopulation) maps nets to densities and back, and optimises
//!   the densities.
//! * **Feature flow.** A deep net can be described by the trajectory of its features on the training set, which becomes a
//!   deterministic flow as the width grows; for a ResNet the flow can only end at a global minimum: [`flow`].
//! * **Signal and noise.** Two-layer convolutional nets on patches, in which one can follow what descent, Adam and mixup learn
//!   and what they memorise: [`patches`].
//!
//! # Modules
//!
//! | module | what it owns | source |
//! |---|---|---|
//! | [`two_level`] | particles with noise; the convex problem over a dictionary of features | Fang, Dong, Zhang 2019; Mei, Montanari, Nguyen 2018 |
//! | [`nfr`] | densities over features, costs, repopulation | Fang, Gu, Zhang, Zhang 2019 |
//! | [`flow`] | DNNs and ResNets in mean-field and NTK scaling | Fang, Lee, Yang, Zhang 2021 |
//! | [`patches`] | signal and noise: benign overfitting, Adam, mixup | Cao et al. 2022; Zou et al. 2021, 2023 |
//! | [`quadratic`] | targets of degree two and a net with square responses that learns their directions | Li, Ma, Zhang 2018 |
//! | [`rich_limit`] | two-layer nets of infinite width at any richness, and their fluctuations | Bordelon, Pehlevan 2022, 2023 |
//! | [`staircase`] | sparse targets on the hypercube: staircases, plateaus, escapes | Abbe, Boix-Adsera, Misiakiewicz 2022, 2023 |
//! | [`kernel_ridge`] | kernel baselines, the ridge chosen by validation | |
//! | [`activation`] | `tanh` and ReLU, vectorised | |
//!
//! # Conventions
//!
//! Rows are examples, columns units. Losses are averaged over examples, squared losses have the factor 1/2. Sums over units are
//! means unless a scaling says otherwise. Large products and activations share rayon's threads, cut by their shapes alone: the
//! same call gives the same bits on any number of threads.

pub mod activation;
mod adam;
mod error;
pub mod flow;
pub mod kernel_ridge;
pub mod nfr;
pub mod patches;
pub mod quadratic;
pub mod rich_limit;
pub mod staircase;
pub mod two_level;

pub use error::Error;
