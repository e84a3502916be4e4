//! The training loop.

use super::method::Optimizer;
use crate::autodiff::{Tree, value_and_grad};
use crate::linalg::Real;
use crate::tensor::Tensor;

/// When to stop. At least the number of steps is bounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// After this many steps.
    pub steps: usize,
    /// Once the loss is at most this.
    pub loss: Option<f64>,
    /// Once the Euclidean norm of the gradient over all leaves is at most this.
    pub gradient_norm: Option<f64>,
}

impl Stop {
    /// After this many steps, whatever the loss.
    pub fn after(steps: usize) -> Self {
        Self { steps, loss: None, gradient_norm: None }
    }

    /// Also once the loss is at most this.
    #[must_use]
    pub fn at_loss(self, loss: f64) -> Self {
        Self { loss: Some(loss), ..self }
    }

    /// Also once the norm of the gradient is at most this.
    #[must_use]
    pub fn at_gradient_norm(self, norm: f64) -> Self {
        Self { gradient_norm: Some(norm), ..self }
    }
}

/// Why training stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// All steps were taken.
    Steps,
    /// The loss was small enough.
    Loss,
    /// The gradient was small enough.
    GradientNorm,
}

/// A training run that ended as it should.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Steps taken.
    pub steps: usize,
    /// Loss before each step and, if a condition other than the number of steps stopped it, the last one: the loss that
    /// met the condition, or whose gradient did.
    pub losses: Vec<f64>,
    /// What stopped it.
    pub reason: StopReason,
}

/// A training run whose loss or gradient stopped being finite.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "training diverged at step {step}: loss {loss:e}, gradient norm {gradient_norm:e} (learning rate too large?)"
)]
pub struct Diverged {
    /// Steps taken before.
    pub step: usize,
    /// The loss then.
    pub loss: f64,
    /// The norm of the gradient then; NaN if the loss was not finite.
    pub gradient_norm: f64,
}

/// Minimises `loss(step, parameters)`; a loss that ignores the step gives full-batch training.
///
/// The parameters are changed in place and are those of the last finite step if training diverges.
///
/// # Errors
/// [`Diverged`] if the loss is not finite, or (checked where a step would use it) the gradient.
///
/// # Panics
/// If `loss` returns anything but one element.
///
/// ```
/// use overparam_tensor::Tensor;
/// use overparam_tensor::optim::{Optimizer, Stop, StopReason, train};
///
/// let mut w = Tensor::scalar(1.0);
/// let report = train(&mut w, &mut Optimizer::descent(0.25), Stop::after(1000).at_loss(1e-12), |_, w: &Tensor<f64>| w.square())?;
/// assert_eq!((report.steps, report.reason), (20, StopReason::Loss));
///
/// let diverged = train(&mut w, &mut Optimizer::descent(1e200), Stop::after(9), |_, w: &Tensor<f64>| w.square());
/// assert_eq!(diverged.unwrap_err().step, 1);
/// # Ok::<(), overparam_tensor::optim::Diverged>(())
/// ```
pub fn train<T: Real, P: Tree<T>>(
    parameters: &mut P,
    optimizer: &mut Optimizer<T>,
    stop: Stop,
    mut loss: impl FnMut(usize, &P) -> Tensor<T>,
) -> Result<Report, Diverged> {
    let mut losses = Vec::new();
    for step in 0..stop.steps {
        let (value, gradient) = value_and_grad(|p: &P| loss(step, p), parameters);
        let value = value.item().f64();
        losses.push(value);
        if !value.is_finite() {
            return Err(Diverged { step, loss: value, gradient_norm: f64::NAN });
        }
        if stop.loss.is_some_and(|enough| value <= enough) {
            return Ok(Report { steps: step, losses, reason: StopReason::Loss });
        }
        let gradient_norm = gradient.dot(&gradient).item().f64().sqrt();
        if !gradient_norm.is_finite() && !gradient.leaves().iter().all(|leaf| leaf.array().is_finite()) {
            return Err(Diverged { step, loss: value, gradient_norm });
        }
        if stop.gradient_norm.is_some_and(|enough| gradient_norm <= enough) {
            return Ok(Report { steps: step, losses, reason: StopReason::GradientNorm });
        }
        optimizer.step(parameters, &gradient);
    }
    Ok(Report { steps: stop.steps, losses, reason: StopReason::Steps })
}
