//! Training on noisy labels (Hu, Li and Yu 2020, "Simple and effective regularization methods for training on noisily labeled
//! data with generalization guarantee").
//!
//! Two ways of keeping a network from fitting the noise, at strength `lambda`, from parameters `theta_0`:
//!
#![doc = overparam_formula::formula!(
    "RDI, distance to initialisation:   1/2 sum_i ||f(theta, x_i) - y_i||^2 + lambda^2/2 ||theta - theta_0||^2"
    "AUX, a variable an example:        1/2 sum_i ||f(theta, x_i) + lambda b_i - y_i||^2,    b = 0 at first, dropped at test time"
)]
//!
//! For a network linear in its parameters, `f = f_0 + J (theta - theta_0)` with `K = J J^T`, both end where kernel ridge regression
//! with ridge `lambda^2` does:
//!
#![doc = overparam_formula::formula!("f(x) = f_0(x) + k(x, X) (K + lambda^2)^(-1) (y - f_0(X)).")]
//!
//! RDI because this is its normal equation; AUX because descent from zero on a consistent linear system `[J, lambda] (d, b) = y - f_0`
//! finds the solution of least norm, `d = J^T (J J^T + lambda^2)^(-1) (y - f_0)`. Descent converges for rates below
//! `2 / (||K|| + lambda^2)`, by the factor `1 - rate lambda^2` a step or better: [`rate`] is half of that.
//!
//! [`rdi`] and [`aux`] train any function of a tree of parameters: the finite network, its linearisation, both:
//!
//! ```
//! use nalgebra::DMatrix;
//! use overparam_ntk::architecture::{Architecture, dense, erf, shape::Shape};
//! use overparam_ntk::empirical::EmpiricalNtk;
//! use overparam_ntk::linearize::Linearized;
//! use overparam_ntk::network::{Network, Params};
//! use overparam_ntk::noisy;
//! use overparam_tensor::optim::{Optimizer, Stop};
//! use overparam_tensor::{Tensor, random::Stream};
//!
//! let net = Architecture::new([dense(32).into(), erf(), dense(1).into()]);
//! let net = Network::new(&net, Shape::vector(2))?;
//! let start: Params<f64> = net.init(&Stream::root(0));
//! let (x, y) = (Tensor::identity(2), Tensor::from_vec(&[2, 1], vec![1.0, -1.0]));
//!
//! let lambda = 1.0;
//! let kernel = EmpiricalNtk::new(&net, &start)?.matrix(&x.clone().into(), None)?;
//! let linear = Linearized::new(&net, &start, &x.into())?;
//! let fit = noisy::rdi(
//!     |p: &Params<f64>| linear.apply(p), &start, &y, lambda,
//!     &mut Optimizer::descent(noisy::rate(&kernel, lambda)?), Stop::after(200),
//! )?;
//!
//! let (f0, y) = (linear.outputs().array().to_matrix(), y.array().to_matrix());
//! let ridge = noisy::kernel_ridge((&kernel, &f0, &y), (&kernel, &f0), lambda)?;
//! let difference: DMatrix<f64> = linear.apply(&fit.params).array().to_matrix() - ridge;
//! assert!(difference.amax() < 1e-9);
//! # Ok::<(), overparam_ntk::NtkError>(())
//! ```

use nalgebra::DMatrix;
use overparam_tensor::linalg::{matmul, symmetric_eigen};
use overparam_tensor::optim::{Optimizer, Report, Stop, train};
use overparam_tensor::{Real, Tensor, Tree};

use crate::NtkError;
use crate::predict::ridge::KernelRidge;
use crate::predict::{check, expect};

/// A trained function.
#[derive(Debug, Clone)]
pub struct Fit<T: Real, P> {
    /// Parameters at the end.
    pub params: P,
    /// The auxiliary variables `b`, shaped as the targets; none for RDI.
    pub auxiliary: Option<Tensor<T>>,
    /// Losses on the way.
    pub report: Report,
}

/// `1/2 sum ||f - y||^2 + lambda^2/2 ||theta - theta_0||^2`.
///
/// # Panics
/// If outputs and targets, or the two parameter settings, differ in shape.
pub fn rdi_loss<T: Real, P: Tree<T>>(
    outputs: &Tensor<T>,
    targets: &Tensor<T>,
    params: &P,
    start: &P,
    lambda: f64,
) -> Tensor<T> {
    let moved = params.zip_map(start, &mut |to, from| to - from);
    (residual_loss(outputs, targets)) + moved.dot(&moved).scale(T::of(lambda * lambda / 2.0))
}

/// `1/2 sum ||f + lambda b - y||^2`.
///
/// # Panics
/// If outputs, auxiliary variables and targets differ in shape.
pub fn aux_loss<T: Real>(
    outputs: &Tensor<T>,
    targets: &Tensor<T>,
    auxiliary: &Tensor<T>,
    lambda: f64,
) -> Tensor<T> {
    residual_loss(&(outputs + auxiliary.scale(T::of(lambda))), targets)
}

fn residual_loss<T: Real>(outputs: &Tensor<T>, targets: &Tensor<T>) -> Tensor<T> {
    assert!(
        outputs.shape() == targets.shape(),
        "noisy labels: outputs {:?} and targets {:?}",
        outputs.shape(),
        targets.shape()
    );
    (outputs - targets).square().sum().scale(T::of(0.5))
}

/// Minimises [`rdi_loss`] from `start`. `model` maps parameters to the outputs on the training inputs.
///
/// # Errors
/// [`NtkError::Parameter`] if `lambda` is negative or not finite, [`NtkError::Diverged`].
///
/// # Panics
/// As [`rdi_loss`].
pub fn rdi<T: Real, P: Tree<T>>(
    model: impl Fn(&P) -> Tensor<T>,
    start: &P,
    targets: &Tensor<T>,
    lambda: f64,
    optimizer: &mut Optimizer<T>,
    stop: Stop,
) -> Result<Fit<T, P>, NtkError> {
    check_lambda(lambda)?;
    let mut params = start.clone();
    let loss = |_, p: &P| rdi_loss(&model(p), targets, p, start, lambda);
    let report = train(&mut params, optimizer, stop, loss)?;
    Ok(Fit { params, auxiliary: None, report })
}

/// Minimises [`aux_loss`] from `start` and `b = 0`. `model` maps parameters to the outputs on the training inputs.
///
/// # Errors
/// As [`rdi`].
///
/// # Panics
/// As [`aux_loss`].
pub fn aux<T: Real, P: Tree<T>>(
    model: impl Fn(&P) -> Tensor<T>,
    start: &P,
    targets: &Tensor<T>,
    lambda: f64,
    optimizer: &mut Optimizer<T>,
    stop: Stop,
) -> Result<Fit<T, P>, NtkError> {
    check_lambda(lambda)?;
    let mut both = (start.clone(), Tensor::zeros(targets.shape()));
    let loss = |_, (p, b): &(P, Tensor<T>)| aux_loss(&model(p), targets, b, lambda);
    let report = train(&mut both, optimizer, stop, loss)?;
    let (params, auxiliary) = both;
    Ok(Fit { params, auxiliary: Some(auxiliary), report })
}

/// Where both methods end on a linear model: `f_0 + k (K + lambda^2)^(-1) (y - f_0)` on test inputs.
///
/// `train` is the kernel `n x n`, the outputs `f_0` and the targets `n x c` there; `test` the kernel `m x n` and outputs `m x c`.
/// With the matrix of an [`EmpiricalNtk`](crate::empirical::EmpiricalNtk) of `k` outputs, every output of every example is a row
/// of its own and `c = 1`.
///
/// # Errors
/// [`NtkError::Input`] if shapes differ or an entry is not finite, [`NtkError::Parameter`] if `lambda` is not a finite number
/// that makes the kernel positive definite, [`NtkError::Linalg`].
pub fn kernel_ridge(
    (kernel, outputs, targets): (&DMatrix<f64>, &DMatrix<f64>, &DMatrix<f64>),
    (test_kernel, test_outputs): (&DMatrix<f64>, &DMatrix<f64>),
    lambda: f64,
) -> Result<DMatrix<f64>, NtkError> {
    check_lambda(lambda)?;
    check(kernel, targets)?;
    expect("training outputs", outputs, targets.nrows(), targets.ncols())?;
    expect("test kernel", test_kernel, test_outputs.nrows(), kernel.nrows())?;
    expect("test outputs", test_outputs, test_kernel.nrows(), targets.ncols())?;
    let fit = KernelRidge::new(kernel, &(targets - outputs))?.fit(lambda * lambda)?;
    Ok(test_outputs + matmul(test_kernel, &fit.coefficients))
}

/// The learning rate `1 / (||K|| + lambda^2)` at which descent converges by both methods on a linear model.
///
/// # Errors
/// [`NtkError::Linalg`] if the kernel has an entry that is not finite, [`NtkError::Parameter`].
///
/// # Panics
/// If the kernel is not square.
pub fn rate(kernel: &DMatrix<f64>, lambda: f64) -> Result<f64, NtkError> {
    check_lambda(lambda)?;
    Ok(1.0 / (symmetric_eigen(kernel)?.values.max() + lambda * lambda))
}

fn check_lambda(lambda: f64) -> Result<(), NtkError> {
    if lambda.is_finite() && lambda >= 0.0 {
        return Ok(());
    }
    Err(NtkError::parameter("lambda", &lambda, "a finite number >= 0"))
}
