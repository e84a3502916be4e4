//! Linear models in fixed features: random features, tangent features, kernels, each with ridge or minimum-norm fits.
//!
//! Every fit minimises `(1/n) ||y - Z w||^2 + ridge ||w||^2`. With features scaled by `N^{-1/2}` the kernel
//! `Z Z^T` converges as `N` grows, and one ridge means the same for every `N`. The ridge `lambda` of Mei and Montanari is
//! `ridge = lambda / d` here, and their `(N / d) ||a||^2` is `||w||^2 / d`.
//!
//! | item | what it is |
//! |---|---|
//! | [`RandomFeatures`], [`TangentFeatures`] | feature maps with random first-layer weights |
//! | [`ridge_path`] | training error, test error, norm at many ridges, in the smaller of primal and dual |
//! | [`kernel_path`] | the same from a kernel matrix |
//! | [`population`] | exact `n = inf` risk of a given finite set of features |

mod features;
mod gram;
mod kernel;
pub mod population;
mod ridge;

pub use features::{RandomFeatures, Samples, TangentFeatures};
pub use kernel::{KernelData, kernel_path};
pub use ridge::{Data, Fit, Form, Score, ridge_path};
