//! Synthetic data whose law the theory knows: inputs, and targets with a chosen energy in each degree.
//!
//! | item | what it is |
//! |---|---|
//! | [`sphere`], [`gaussian`] | isotropic inputs |
//! | [`Spiked`] | a low-dimensional subspace of larger variance |
//! | [`Mixture`] | two classes that differ in covariance alone |
//! | [`Target`] | sum of harmonics, isotropic at random or of one direction |
//!
//! Label noise is `stream.named("noise").normal_vector(n, tau)`.

mod inputs;
mod target;

pub use inputs::{Mixture, Spiked, gaussian, sphere};
pub use target::Target;
