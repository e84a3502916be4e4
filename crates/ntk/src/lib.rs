//! Exact neural tangent kernels, and what they predict.
//!
//! As the layers of a network ([`Architecture`]) become infinitely wide, its outputs at initialisation become a Gaussian process with
//! a covariance `K` (the NNGP kernel), and under gradient descent it stays linear in its parameters, with a constant tangent kernel
//! `Theta` (the NTK):
//!
#![doc = overparam_formula::formula!("d f(x)/dt = -eta sum_i Theta(x, x_i) dL/df(x_i).")]
//!
//! This crate computes both kernels between any inputs, and what follows from them in closed form.
//!
//! # Predict, train, compare
//!
//! What does a wide network predict after training? The example answers this in closed form for the infinitely wide network, and
//! then trains one finite network by gradient descent and compares:
//!
//! ```
//! use overparam_ntk::prelude::*;
//!
//! let net = serial![dense(512).w_std(1.5).b_std(0.1), relu(), dense(1)];
//! let train = Data::from_rows(&[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]], &[[1.0], [0.0], [-1.0]])?;
//! let test = Inputs::from_rows(&[[0.5, 0.5]]);
//! let expected = net.infinite(&train)?.predict(Schedule::flow(20.0), &test)?;
//! let mut finite = net.finite(test.shape(), &Stream::root(0))?;
//! finite.descend(&train, 0.1, 200)?;
//! let found = finite.outputs(&test)?;
//! assert!((found[0] - expected.mean[0]).abs() < 4.0 * expected.covariance[0].sqrt());
//! # Ok::<(), NtkError>(())
//! ```
//!
//! # The recursion
//!
//! Write `k = E[f_c(x) f_c(y)]` for the covariance of a channel `c` of some layer at two inputs (or pixels) over the random
//! weights, `q_x`, `q_y` for the variances, and `Theta = sum_theta df_c(x)/dtheta df_c(y)/dtheta`. Channels of an infinitely
//! wide layer are independent Gaussians by the central limit theorem over the fan-in.
//!
//! *Dense layer* `f' = w/sqrt(n) W phi + b B`, `W, B ~ N(0, 1)`. Averaging over `W` and `B`, and adding the gradients with
//! respect to `W` (which is `phi`), to `B`, and to everything below (through `W`, whose square averages to `w^2`):
//!
#![doc = overparam_formula::formula!(
    "k'     = w^2 k + b^2"
    "Theta' = w^2 k + b^2 + w^2 Theta = k' + w^2 Theta."
)]
//!
//! *Nonlinearity* `phi` on the Gaussian pair `(u, v)` with covariance `[[q_x, k], [k, q_y]]`; the chain rule multiplies
//! gradients by `phi'`, independent of them in the limit:
//!
#![doc = overparam_formula::formula!(
    "k'     = E[phi(u) phi(v)]"
    "Theta' = Theta E[phi'(u) phi'(v)]."
)]
//!
//! From `k = x.y/d`, `Theta = 0` at the input these two steps give every fully connected network (Neal 1996; Jacot, Gabriel,
//! Hongler 2018; Lee et al. 2018, 2019). The other layers:
//!
//! | layer | `k'` | `Theta'` | source |
//! |---|---|---|---|
//! | dense | `w^2 k + b^2` | `k' + w^2 Theta` | Jacot et al. 2018 |
//! | dense, standard parameterisation | `w^2 k + b^2` | `n k + 1 + w^2 Theta`, fan-in `n` | Sohl-Dickstein et al. 2020 |
//! | conv, filter area `F` | `w^2/F sum_d k(p+d, r+d) + b^2` | `k' + w^2/F sum_d Theta(p+d, r+d)` | Novak et al. 2019; Arora et al. 2019 |
//! | avg / sum pool | mean / sum of `k` over both windows | same of `Theta` | Novak et al. 2019 |
//! | global avg / sum pool | the same over all pixels | same | Novak et al. 2019 |
//! | flatten | mean of `k(p, p)` | same of `Theta` | Novak et al. 2019 |
//! | layer norm | `k / sqrt((q_x + eps)(q_y + eps))` | the same factor | Novak et al. 2020 |
//! | dropout, keeping `p` | `k`; `k/p` for an input with itself | same | Schoenholz et al. 2017 |
//! | residual, parallel sum | `sum k_i` | `sum Theta_i` | Huang et al. 2020 |
//! | concatenation, shares `c_i` | `sum c_i k_i` | `sum c_i Theta_i` | Novak et al. 2020 |
//! | product | `prod k_i` | `sum_i Theta_i prod_(j != i) k_j` | Novak et al. 2020 |
//! | self-attention, `G = softmax(w_q w_k k)` | `w^2 G_x k G_y^T + b^2` | `2 w^2 G_x k G_y^T + b^2 + w^2 G_x Theta G_y^T` | Hron et al. 2020 |
//! | max pool | none: an error that says why | | |
//!
//! The nonlinearities are tabulated in [`activation`].
//!
//! # Digits
//!
//! The angle `acos(k/g)`, `g = sqrt(q_x q_y)`, loses half the digits for nearly parallel inputs, and depth makes all inputs
//! nearly parallel. Each pair therefore carries its margin `m = g - |k|` through every layer, formed without cancellation
//! ([`dual::piecewise_linear`]): f64 kernels of nearly equal rows agree with a reference of 40 digits to 1e-12. The chapter
//! *Accuracy* of the book (`docs/accuracy.md`) has all comparisons and the exceptions.
//!
//! # Modules
//!
//! A module imports only from those above it in this table.
//!
//! | module | what it owns |
//! |---|---|
//! | `pair` | the moments of one pair of inputs, and maps of them |
//! | [`dual`] | what nonlinearities do to a pair, in closed form |
//! | [`activation`] | nonlinearities: one file each, finite half, infinite half, schema |
//! | [`shape`] | shapes, and the law of what stands between layers |
//! | `field`, `finite` | moments of many pairs; parameters and passes: what the two halves of layers are made of |
//! | [`layer`] | layers: one file each, finite half, infinite half, schema |
//! | [`architecture`] | the tree of layers, its JSON/TOML schema, descriptions |
//! | [`kernel`] | NNGP and NTK between batches of vectors or images |
//! | [`network`] | the finite network: `init`, `apply` and everything automatic differentiation makes of it |
//! | [`empirical`] | the NTK of a finite network: three methods, matrix-free products, drift |
//! | [`linearize`] | networks linear or polynomial in their parameters |
//! | [`finite_width`] | moments of the kernel of finite ReLU nets, its first change under training |
//! | [`width_scaling`] | standard, NTK and muP parameterisations: variances and rates by width, and the coordinate check |
//! | [`theory`] | spectrum on the sphere, complexity of targets, stable learning rates, order and chaos |
//! | [`predict`] | training in closed form, ensembles, Gaussian processes, kernel ridge regression, other losses |
//! | [`noisy`] | training on noisy labels: distance to initialisation, auxiliary variables, kernel ridge regression |
//! | [`infinite`], [`prelude`] | an infinitely wide network on examples; what programs import |

pub mod activation;
pub mod architecture;
mod data;
pub mod dual;
pub mod empirical;
mod error;
mod field;
mod finite;
pub mod finite_width;
pub mod infinite;
mod inputs;
pub mod kernel;
pub mod layer;
pub mod linearize;
pub mod network;
pub mod noisy;
mod pair;
mod parameterization;
pub mod predict;
pub mod prelude;
mod schema;
pub mod shape;
pub mod theory;
pub mod width_scaling;

pub use architecture::Architecture;
pub use data::Data;
pub use error::NtkError;
pub use infinite::Infinite;
pub use inputs::{Images, Inputs};
pub use kernel::{Kernel, Kernels};
pub use network::{Network, Params};
pub use pair::Moments;
pub use parameterization::Parameterization;

/// A network from its layers, first applied first.
///
/// ```
/// use overparam_ntk::prelude::*;
///
/// let net = serial![dense(512).w_std(1.5).b_std(0.1), relu(), residual(serial![dense(64), erf(), dense(512)]), dense(1)];
/// assert_eq!(net.layers.len(), 4);
/// ```
#[macro_export]
macro_rules! serial {
    ($($layer:expr),+ $(,)?) => {
        $crate::Architecture::new([$($crate::layer::Layer::from($layer)),+])
    };
}

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
