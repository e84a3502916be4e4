//! What can go wrong: a parameter out of its range, shapes that do not fit, a numerical failure, a diverging run.

use overparam_tensor::linalg::LinalgError;

/// The error of every fallible routine of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A parameter lies outside the range in which the model has a meaning.
    #[error("{name} is {value}, but must be {expected}")]
    Parameter {
        /// The parameter, in words.
        name: &'static str,
        /// What was given.
        value: f64,
        /// The allowed range, in words.
        expected: &'static str,
    },
    /// Two counts that must agree do not.
    #[error("{name}: {given} given, {expected} expected")]
    Count {
        /// What was counted.
        name: &'static str,
        /// What was given.
        given: usize,
        /// What was expected.
        expected: usize,
    },
    /// A training run left the finite numbers.
    #[error("training diverged at step {step} (loss {loss:e}): lower the learning rate, now {learning_rate}")]
    Diverged {
        /// Zero-based step.
        step: usize,
        /// The loss there.
        loss: f64,
        /// The learning rate at that step.
        learning_rate: f64,
    },
    /// An iteration stopped short of its tolerance.
    #[error(
        "{what} stopped after {iterations} iterations at a gap of {gap:e}, above the tolerance {tolerance:e}"
    )]
    NoConvergence {
        /// What was iterated.
        what: &'static str,
        /// Iterations made.
        iterations: usize,
        /// Where it stopped.
        gap: f64,
        /// What was asked for.
        tolerance: f64,
    },
    /// A matrix could not be factored.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
}

/// `Err` naming the parameter unless it is finite and above 0.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(Error::Parameter { name, value, expected: "finite and above 0" })
    }
}

/// `Err` unless a parameter is finite and at least 0.
pub(crate) fn not_negative(name: &'static str, value: f64) -> Result<(), Error> {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(Error::Parameter { name, value, expected: "finite and at least 0" })
    }
}

/// `Err` naming what was counted unless the counts agree.
pub(crate) fn same(name: &'static str, given: usize, expected: usize) -> Result<(), Error> {
    if given == expected { Ok(()) } else { Err(Error::Count { name, given, expected }) }
}

/// `Err` with step and rate if the loss is not finite.
pub(crate) fn finite_loss(step: usize, loss: f64, learning_rate: f64) -> Result<(), Error> {
    if loss.is_finite() { Ok(()) } else { Err(Error::Diverged { step, loss, learning_rate }) }
}
