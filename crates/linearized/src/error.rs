//! What can go wrong: a parameter out of its range, a numerical failure, a diverging training run.

use overparam_tensor::linalg::LinalgError;

/// The error of every fallible routine of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A parameter lies outside the range in which the formula or model has a meaning.
    #[error("{name} is {value}, but must be {expected}")]
    Parameter {
        /// The parameter, in words.
        name: &'static str,
        /// What was given.
        value: f64,
        /// The allowed range, in words.
        expected: &'static str,
    },
    /// The name of an activation is not one of [`crate::activation::Standard::NAMES`].
    #[error(
        "no activation is called {given:?}; known: relu, step, tanh, erf, quadratic, relu-SHIFT such as relu-0.5"
    )]
    UnknownActivation {
        /// What was given.
        given: String,
    },
    /// The activation is affine in the Gaussian sense: nothing is left once degrees 0 and 1 are removed.
    #[error(
        "the activation's nonlinear part has E[s_perp(G)^2] = {residual:e} of E[s(G)^2] = {second_moment:e}: \
         the asymptotics need an activation that is not linear"
    )]
    LinearActivation {
        /// `mu_*^2`.
        residual: f64,
        /// `E s(G)^2`.
        second_moment: f64,
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
    /// A matrix could not be factored.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
}

/// `Err` naming the parameter unless `holds`.
pub(crate) fn require(
    holds: bool,
    name: &'static str,
    value: f64,
    expected: &'static str,
) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Parameter { name, value, expected }) }
}

/// A finite number at least zero.
pub(crate) fn non_negative(name: &'static str, value: f64) -> Result<(), Error> {
    require(value >= 0.0 && value.is_finite(), name, value, "finite and at least 0")
}
