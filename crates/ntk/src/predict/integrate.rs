//! Gradient flow on any loss, by adaptive integration.
//!
//! In the span of the training inputs, `f_train = f_train(0) + Theta a`, `f_test = f_test(0) + Theta_td a`, and
//!
#![doc = overparam_formula::formula!("da/dt = -eta grad L(f_train(0) + Theta a),       a(0) = 0,")]
//!
//! so one integration serves any number of test inputs. [`overparam_tensor::ode`] makes the steps.

use nalgebra::DMatrix;
use overparam_tensor::linalg::matmul;
use overparam_tensor::ode::{Integrator, OdeError, Tolerance};

use super::{check, expect};
use crate::NtkError;

/// A differentiable loss of all outputs (`n x c`) and targets.
pub trait Loss {
    /// `dL/df`, `n x c`.
    fn gradient(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> DMatrix<f64>;
}

impl<F: Fn(&DMatrix<f64>, &DMatrix<f64>) -> DMatrix<f64>> Loss for F {
    fn gradient(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> DMatrix<f64> {
        self(outputs, targets)
    }
}

/// `||f - y||^2 / (2 n c)`.
#[derive(Debug, Clone, Copy)]
pub struct SquaredError;

impl Loss for SquaredError {
    fn gradient(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> DMatrix<f64> {
        (outputs - targets) / targets.len() as f64
    }
}

/// Mean over examples of `-sum_j y_j log softmax(f)_j`.
#[derive(Debug, Clone, Copy)]
pub struct CrossEntropy;

impl Loss for CrossEntropy {
    fn gradient(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> DMatrix<f64> {
        let n = targets.nrows() as f64;
        let mut gradient = outputs.clone();
        for (mut row, target) in gradient.row_iter_mut().zip(targets.row_iter()) {
            let top = row.max();
            row.iter_mut().for_each(|x| *x = (*x - top).exp());
            let total = row.sum() / target.sum();
            row.iter_mut().zip(target.iter()).for_each(|(x, y)| *x = (*x / total - y) / n);
        }
        gradient
    }
}

/// How to integrate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Learning rate `eta > 0`.
    pub rate: f64,
    /// Error allowed per step, in `(0, 1)`: the root mean square of each coefficient's error in units of `1 + |a_ij|`.
    pub tolerance: f64,
    /// Most steps to take.
    pub max_steps: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { rate: 1.0, tolerance: 1e-10, max_steps: 1_000_000 }
    }
}

/// Coefficients `a`, `n x c`, at each of `times` (ascending, finite): `f_test = f_test(0) + kernel_td * a`.
///
/// # Errors
/// [`NtkError::Input`], [`NtkError::Parameter`] for wrong arguments; [`NtkError::Integration`] if the outputs become infinite
/// or the steps run out.
pub fn coefficients(
    kernel: &DMatrix<f64>,
    targets: &DMatrix<f64>,
    start: &DMatrix<f64>,
    loss: &dyn Loss,
    times: &[f64],
    options: Options,
) -> Result<Vec<DMatrix<f64>>, NtkError> {
    check(kernel, targets)?;
    expect("training outputs before training", start, targets.nrows(), targets.ncols())?;
    if !times.is_sorted() || times.iter().any(|t| !t.is_finite() || *t < 0.0) {
        return Err(NtkError::parameter("times", &format!("{times:?}"), "ascending finite numbers >= 0"));
    }
    if !(options.rate.is_finite() && options.rate > 0.0) {
        return Err(NtkError::parameter("learning rate", &options.rate, "a finite number > 0"));
    }
    if !(options.tolerance > 0.0 && options.tolerance < 1.0) {
        return Err(NtkError::parameter("tolerance", &options.tolerance, "a number in (0, 1)"));
    }
    let before = loss.gradient(start, targets);
    expect("the loss's gradient", &before, start.nrows(), start.ncols())?;
    let mut now = DMatrix::zeros(start.nrows(), start.ncols());
    let state = now.as_slice().to_vec();
    let derivative = |_: f64, a: &[f64], velocity: &mut [f64]| {
        now.as_mut_slice().copy_from_slice(a);
        let gradient = loss.gradient(&(start + matmul(kernel, &now)), targets);
        velocity.iter_mut().zip(gradient.iter()).for_each(|(v, g)| *v = -options.rate * g);
    };
    let tolerance = Tolerance {
        relative: options.tolerance,
        absolute: options.tolerance,
        max_steps: options.max_steps as u64,
    };
    let mut integrator = Integrator::new(0.0, state, derivative, tolerance).map_err(|e| stopped(&e, 0))?;
    let mut at = |end: f64| {
        integrator.advance_to(end).map_err(|e| stopped(&e, integrator.steps()))?;
        Ok(DMatrix::from_column_slice(start.nrows(), start.ncols(), integrator.state()))
    };
    times.iter().map(|&end| at(end)).collect()
}

/// An integrator's complaint in this crate's words.
fn stopped(error: &OdeError, steps: u64) -> NtkError {
    let steps = usize::try_from(steps).unwrap_or(usize::MAX);
    let (time, reason) = match *error {
        OdeError::TooManySteps { time, .. } => (time, "the steps ran out"),
        OdeError::NotFinite { time } => (time, "the outputs are not finite"),
        OdeError::StepUnderflow { time, .. } => (time, "the loss is too stiff there for the tolerance"),
        // Times and tolerances were checked before.
        OdeError::Configuration { value, .. } => (value, "a time or tolerance is out of range"),
    };
    NtkError::Integration { time, steps, reason }
}
