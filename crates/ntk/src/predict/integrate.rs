//! Gradient flow on any loss, by adaptive integration.
//!
//! In the span of the training inputs, `f_train = f_train(0) + Theta a`, `f_test = f_test(0) + Theta_td a`, and
//!
#![doc = overparam_formula::formula!("da/dt = -eta grad L(f_train(0) + Theta a),       a(0) = 0,")]
//!
//! so one integration serves any number of test inputs. Steps follow Dormand and Prince (1980), order 5 with an error
//! estimate of order 4.

use nalgebra::DMatrix;
use overparam_tensor::linalg::matmul;

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
    /// Error allowed a step, relative and absolute, in `(0, 1)`.
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
    let slope = |a: &DMatrix<f64>| -options.rate * loss.gradient(&(start + matmul(kernel, a)), targets);
    let mut walker = Walker { a: start * 0.0, time: 0.0, step: 1e-3, taken: 0, options };
    times.iter().map(|&end| walker.walk(end, &slope)).collect()
}

struct Walker {
    a: DMatrix<f64>,
    time: f64,
    step: f64,
    taken: usize,
    options: Options,
}

/// Dormand-Prince: stage coefficients, then the weights of the error estimate.
const STAGES: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

impl Walker {
    fn walk(
        &mut self,
        end: f64,
        slope: &impl Fn(&DMatrix<f64>) -> DMatrix<f64>,
    ) -> Result<DMatrix<f64>, NtkError> {
        let mut first = slope(&self.a);
        while self.time < end {
            if self.taken >= self.options.max_steps {
                return Err(self.stopped("the steps ran out"));
            }
            self.taken += 1;
            let h = self.step.min(end - self.time);
            let mut slopes = vec![first.clone()];
            let mut next = self.a.clone();
            for stage in STAGES {
                next.copy_from(&self.a);
                stage.iter().zip(&slopes).for_each(|(c, s)| next += s * (h * c));
                slopes.push(slope(&next));
            }
            let mut error = 0.0f64;
            for i in 0..next.len() {
                let e: f64 = ERROR.iter().zip(&slopes).map(|(c, s)| c * s[i]).sum::<f64>() * h;
                let scale = 1.0 + self.a[i].abs().max(next[i].abs());
                // max would swallow a NaN.
                error = if e.is_nan() { f64::NAN } else { error.max(e.abs() / scale) };
                if error.is_nan() {
                    break;
                }
            }
            if error.is_nan() && h < 1e-12 {
                return Err(self.stopped("the outputs are not finite"));
            }
            let ratio = error / self.options.tolerance;
            if ratio <= 1.0 {
                self.time = if h < self.step { end } else { self.time + h };
                self.a = next;
                first = slopes.swap_remove(6);
            }
            let factor = if ratio.is_nan() { 0.1 } else { (0.9 * ratio.powf(-0.2)).clamp(0.1, 5.0) };
            self.step = if ratio <= 1.0 { self.step.max(h * factor) } else { h * factor };
            if ratio <= 1.0 && factor < 1.0 {
                self.step = h * factor;
            }
        }
        Ok(self.a.clone())
    }

    fn stopped(&self, reason: &'static str) -> NtkError {
        NtkError::Integration { time: self.time, steps: self.taken, reason }
    }
}
