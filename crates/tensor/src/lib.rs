//! The numerical floor of `overparam`.
//!
//! Two modules, one idea each:
//!
//! | module | what it owns |
//! |---|---|
//! | [`linalg`] | products, Cholesky, symmetric eigen-decomposition, SVD, least squares: [`nalgebra`] types at the surface, [`faer`] kernels inside |
//! | [`random`] | named, splittable, reproducible random streams |
//!
//! # The smallest example
//!
//! A random symmetric matrix from a named stream, decomposed and put together again:
//!
//! ```
//! use nalgebra::DMatrix;
//! use overparam_tensor::{linalg, random::Stream};
//!
//! let stream = Stream::root(7).named("example");
//! let g: DMatrix<f64> = stream.normal_matrix(20, 20, 1.0);
//! let a = &g + g.transpose();
//! let eigen = linalg::symmetric_eigen(&a)?;
//! let scaled = &eigen.vectors * DMatrix::from_diagonal(&eigen.values);
//! let back = linalg::matmul(&scaled, &eigen.vectors.transpose());
//! assert!((back - a).norm() < 1e-12);
//! # Ok::<(), linalg::LinalgError>(())
//! ```
//!
//! # Conventions
//!
//! * **Determinism.** Every routine here runs on the calling thread: a result depends on its inputs and on the kind of
//!   processor (kernels are chosen at run time), never on the number of threads. Parallelism belongs to the caller.
//! * **Shapes.** Mismatched shapes are a programmer's error and panic with both shapes, as in `nalgebra`. Numerical
//!   failure (a matrix that is not positive definite, an iteration that does not converge) is a
//!   [`linalg::LinalgError`].

pub mod array;
pub mod autodiff;
mod kernel;
pub mod linalg;
pub mod loss;
pub mod ops;
pub mod optim;
pub mod random;
mod tensor;

pub use array::Array;
pub use autodiff::{
    Tree, grad, hvp, jacobian, jvp, linearize, per_example_jacobian, taylor, value_and_grad, vjp, vmap,
};
pub use linalg::Real;
pub use ops::convolution::Padding;
pub use tensor::Tensor;
