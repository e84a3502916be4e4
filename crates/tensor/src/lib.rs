//! The numerics that all crates of `overparam` share: tensors, automatic differentiation, optimisers, linear algebra, random streams.
//!
//! # A two-layer net, trained
//!
//! A function is written once, on [`Tensor`]s. [`value_and_grad`] and related functions differentiate it as it is:
//!
//! ```
//! use overparam_tensor::optim::{Optimizer, Stop, train};
//! use overparam_tensor::{Tensor, loss, per_example_jacobian, random::Stream};
//!
//! // f(x) = a . tanh(W x) / sqrt(m), and 8 points of a sine.
//! type Net = (Tensor<f64>, Tensor<f64>);
//! let m = 100;
//! let stream = Stream::root(0);
//! let mut net = (
//!     Tensor::normal(&stream.named("W"), &[2, m], 1.0),
//!     Tensor::normal(&stream.named("a"), &[m, 1], 1.0),
//! );
//! let apply = |(w, a): &Net, x: &Tensor<f64>| x.matmul(w).tanh().matmul(a) * (m as f64).sqrt().recip();
//! let x = Tensor::from_fn(&[8, 2], |i| if i[1] == 0 { i[0] as f64 / 4.0 - 1.0 } else { 1.0 });
//! let y = x.slice(1, 0..1).scale(3.0).sin();
//!
//! let mut descent = Optimizer::descent(1.0);
//! let report = train(&mut net, &mut descent, Stop::after(20_000).at_loss(1e-2), |_, net: &Net| {
//!     loss::squared(&apply(net, &x), &y)
//! })?;
//! assert!(report.steps < 20_000);
//!
//! // Its empirical neural tangent kernel at the end of training, [8, 8].
//! let (dw, da) = per_example_jacobian(apply, &net, &x);
//! let (dw, da) = (dw.reshape(&[8, 2 * m]), da.reshape(&[8, m]));
//! let ntk = dw.matmul(&dw.t()) + da.matmul(&da.t());
//! assert_eq!(ntk.shape(), [8, 8]);
//! # Ok::<(), overparam_tensor::optim::Diverged>(())
//! ```
//!
//! # Adding a primitive
//!
//! Implement [`autodiff::Primitive`]: the value, the derivative along each input and its transpose, in one place. The trait's
//! page does it for `x^3` in fifteen lines; forward and reverse mode, derivatives of any order and [`vmap`] follow.
//!
//! # Modules
//!
//! | module | what it owns |
//! |---|---|
//! | [`Tensor`] and [`ops`] | the values that functions are written on, and their operations, one family per file |
//! | [`autodiff`] | [`grad`], [`jvp`], [`vjp`], [`linearize`], [`jacobian`], [`per_example_jacobian`], [`hvp`], [`taylor`], [`vmap`]; [`Tree`]s of parameters |
//! | [`loss`] | squared, logistic, hinge, cross-entropy |
//! | [`optim`] | descent, momentum, Adam, AdamW, RMSprop; schedules, minibatches, the training loop |
//! | [`ode`] | initial-value problems: Dormand-Prince 5(4) with step-size control |
//! | [`quadrature`] | Gauss-Legendre, Gauss-Hermite and trapezoidal rules; panels that end at kinks |
//! | [`sphere`] | uniform points on the sphere, Gegenbauer polynomials |
//! | [`mod@array`] | dense strided arrays, their views and buffers, `.npy` and `.npz` files |
//! | [`linalg`] | products, Cholesky, symmetric eigen-decomposition, SVD, least squares: [`nalgebra`] types at the surface, [`faer`] kernels inside |
//! | [`random`] | named, splittable, reproducible random streams |
//! | [`simd`] | vectors of lanes, for loops that must be as fast as the processor |
//!
//! # Conventions
//!
//! * **Layout.** Arrays are row-major. Rows are examples, `[n, d]`; images are `[n, height, width, channels]`, filters
//!   `[height, width, channels in, channels out]`, dense weights `[inputs, outputs]`.
//! * **Broadcasting** is NumPy's: shapes are aligned at their last axes, an axis of length 1 stretches.
//! * **Losses** are means over examples. The squared loss is `1/(2 n c) ||f - y||^2` of `n` examples with `c` outputs.
//! * **Kinks.** `relu'(0) = 0`, `|.|'(0) = 0`; equal maxima along an axis share the derivative evenly, the two-argument
//!   maximum gives it to the first.
//! * **Derivatives** of a leaf of shape `s` of a function with outputs of shape `o` have shape `[o..., s...]`.
//! * **Determinism.** A result depends on its inputs and on the kind of processor (product kernels are chosen at run time),
//!   never on the number of threads: large tensor operations are cut into pieces by shape alone. Products of
//!   [`linalg`] are cut in the same way; its decompositions run on the calling thread.
//! * **Shapes.** Mismatched shapes are a programmer's error and panic with the operation's name and both shapes. Numerical
//!   failure is an error: [`linalg::LinalgError`], [`optim::Diverged`].
//! * **NaN** in an input is NaN in whatever depends on it.
//! * **Memory.** Large buffers are recycled by the thread that drops them: a training step after the first allocates none.

pub mod array;
pub mod autodiff;
mod kernel;
pub mod linalg;
pub mod loss;
pub mod ode;
pub mod ops;
pub mod optim;
pub mod quadrature;
pub mod random;
pub mod simd;
pub mod sphere;
mod tensor;

pub use array::Array;
pub use autodiff::{
    Tree, grad, hvp, jacobian, jvp, linearize, per_example_jacobian, taylor, value_and_grad, vjp, vmap,
};
pub use linalg::Real;
pub use ops::convolution::Padding;
pub use tensor::Tensor;
