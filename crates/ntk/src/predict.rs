//! What wide networks do when trained: closed forms in the kernels.
//!
//! On `n` examples with `c` outputs and squared loss `||f - y||^2 / (2 n c)`, gradient descent on an infinitely wide network
//! moves its outputs by the constant NTK `Theta` (Jacot et al. 2018; Lee et al. 2019):
//!
#![doc = overparam_formula::formula!(
    "df/dt = -eta Theta (f - y) / (n c),"
    "f_train(t) = y + rho(Theta) (f_train(0) - y),"
    "f_test(t)  = f_test(0) + Theta_td Theta^-1 (1 - rho(Theta)) (y - f_train(0)),"
)]
//!
//! where `rho(lambda)`, the part of an eigenmode not yet learned, depends on the algorithm: [`Schedule`]. One
//! eigen-decomposition answers every time, rate and algorithm.
//!
//! | module | what it predicts |
//! |---|---|
//! | [`squared`] | outputs of one network at any time, gradient flow, descent, momentum |
//! | [`ensemble`] | mean and covariance over random initialisations |
//! | [`gaussian_process`] | Bayesian posterior |
//! | [`ridge`] | kernel ridge regression: ridge path, leave-one-out |
//! | [`integrate`] | any loss, by adaptive integration |
//! | [`krylov`] | the same as [`squared`] for few outputs, without a decomposition |

pub mod ensemble;
pub mod gaussian_process;
pub mod integrate;
pub mod krylov;
pub mod ridge;
mod schedule;
pub mod squared;

pub use schedule::Schedule;

use nalgebra::DMatrix;

use crate::NtkError;

/// What is added to the diagonal of a training kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Regularizer {
    /// This number, `>= 0`.
    Absolute(f64),
    /// This multiple, `>= 0`, of the mean of the diagonal.
    Relative(f64),
}

impl Regularizer {
    /// Nothing.
    pub const NONE: Self = Self::Absolute(0.0);

    fn amount(self, kernel: &DMatrix<f64>) -> Result<f64, NtkError> {
        let (given, amount) = match self {
            Self::Absolute(x) => (x, x),
            Self::Relative(x) => (x, x * kernel.trace() / kernel.nrows().max(1) as f64),
        };
        if given.is_finite() && given >= 0.0 {
            Ok(amount)
        } else {
            Err(NtkError::parameter("regularizer", &given, "a finite number >= 0"))
        }
    }

    pub(crate) fn added(self, kernel: &DMatrix<f64>) -> Result<DMatrix<f64>, NtkError> {
        let amount = self.amount(kernel)?;
        let mut regular = kernel.clone();
        (0..kernel.nrows()).for_each(|i| regular[(i, i)] += amount);
        if regular.diagonal().iter().any(|x| !x.is_finite()) {
            return Err(NtkError::parameter(
                "regularizer",
                &amount,
                "a number that leaves the diagonal finite",
            ));
        }
        Ok(regular)
    }
}

/// Refuses a training kernel that is empty, not square, or does not fit the targets.
pub(crate) fn check(kernel: &DMatrix<f64>, targets: &DMatrix<f64>) -> Result<(), NtkError> {
    let (rows, columns) = kernel.shape();
    if rows == 0 || rows != columns {
        return Err(NtkError::input(
            "training kernel",
            format!("expected n x n with n >= 1, got {rows} x {columns}"),
        ));
    }
    if targets.nrows() != rows || targets.ncols() == 0 {
        let (n, c) = targets.shape();
        return Err(NtkError::input("targets", format!("expected {rows} x c with c >= 1, got {n} x {c}")));
    }
    for (which, matrix) in [("training kernel", kernel), ("targets", targets)] {
        if matrix.iter().any(|x| !x.is_finite()) {
            return Err(NtkError::input(which, "there is an entry that is not finite"));
        }
    }
    Ok(())
}

/// Refuses results beyond the numbers of f64.
pub(crate) fn finite(which: &'static str, matrix: DMatrix<f64>) -> Result<DMatrix<f64>, NtkError> {
    if matrix.iter().all(|x| x.is_finite()) {
        return Ok(matrix);
    }
    Err(NtkError::input(
        which,
        "there are entries beyond the numbers of f64; make the targets or the regularizer smaller",
    ))
}

/// Refuses a matrix of the wrong shape.
pub(crate) fn expect(
    which: &'static str,
    matrix: &DMatrix<f64>,
    rows: usize,
    columns: usize,
) -> Result<(), NtkError> {
    if matrix.shape() == (rows, columns) {
        return Ok(());
    }
    let (n, c) = matrix.shape();
    Err(NtkError::input(which, format!("expected {rows} x {columns}, got {n} x {c}")))
}
