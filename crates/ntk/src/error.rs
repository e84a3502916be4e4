//! What can go wrong, each with what was given, what was expected and where.

use overparam_tensor::linalg::LinalgError;
use overparam_tensor::optim::Diverged;

/// Everything this crate refuses.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NtkError {
    /// The text is not JSON or TOML at all.
    #[error("the architecture is not valid {format}: {reason}")]
    Syntax {
        /// `"JSON"` or `"TOML"`.
        format: &'static str,
        /// The parser's message, with line and column.
        reason: String,
    },
    /// A field of the schema is missing, unknown, of the wrong type or out of range.
    #[error("{at}: {reason}")]
    Schema {
        /// Where: `"layer 3 (conv), field `filter`"`.
        at: String,
        /// What was given and what was expected.
        reason: String,
    },
    /// A layer cannot stand where it stands: a filter larger than the image, branches of different shape.
    #[error("{at}: {reason}")]
    Layer {
        /// Where: `"layer 3 (conv)"`.
        at: String,
        /// What was given and what was expected.
        reason: String,
    },
    /// A layer, or a combination of layers, whose infinite-width limit is not a kernel recursion.
    #[error("{at} has no infinite-width kernel: {reason}")]
    NoLimit {
        /// Where: `"layer 3 (max_pool)"`.
        at: String,
        /// Why there is none.
        reason: String,
    },
    /// The inputs do not fit the architecture or one another, or are not finite.
    #[error("{which}: {reason}")]
    Input {
        /// `"first inputs"`, `"second inputs"`, `"targets"`.
        which: &'static str,
        /// What was given and what was expected.
        reason: String,
    },
    /// A variance of an input is beyond the largest number on its way through the network: every angle after it would be made up.
    #[error(
        "{which}: a variance of input {input} grows beyond the numbers of {scalar} on its way through the network; make the \
         input or the weights smaller"
    )]
    Overflow {
        /// `"first inputs"`, `"second inputs"`.
        which: &'static str,
        /// Counted from zero.
        input: usize,
        /// `"f32"`, `"f64"`.
        scalar: &'static str,
    },
    /// A variance of an input is so near to the least number that products of it lose digits, or are zero: angles after it would be
    /// made up.
    #[error(
        "{which}: a variance of input {input} falls to where the numbers of {scalar} lose their digits on its way through the \
         network; make the input or the weights larger{}", if *.scalar == "f32" { ", or compute in f64" } else { "" }
    )]
    Underflow {
        /// `"first inputs"`, `"second inputs"`.
        which: &'static str,
        /// Counted from zero.
        input: usize,
        /// `"f32"`, `"f64"`.
        scalar: &'static str,
    },
    /// Quadrature does not resolve an activation given as a function at the variance that it meets.
    #[error(
        "{which}: 500 quadrature nodes do not resolve an activation at the variance of input {input}; make the input or the \
         weights smaller, or use an activation with a closed form, which functions with kinks and jumps need"
    )]
    Unresolved {
        /// `"first inputs"`, `"second inputs"`.
        which: &'static str,
        /// Counted from zero.
        input: usize,
    },
    /// A parameter of a computation is out of its range.
    #[error("{name} = {given}: expected {expected}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// What was given.
        given: String,
        /// The range.
        expected: &'static str,
    },
    /// A numerical integration did not reach its tolerance.
    #[error("integration of the training dynamics stopped at time {time} after {steps} steps: {reason}")]
    Integration {
        /// Time reached.
        time: f64,
        /// Steps taken.
        steps: usize,
        /// Why it stopped.
        reason: &'static str,
    },
    /// Another thread asked for an evaluation to end ([`Progress::stop`](crate::kernel::Progress::stop)).
    #[error("stopped before the kernel was complete")]
    Stopped,
    /// A decomposition failed.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
    /// Training stopped being finite.
    #[error(transparent)]
    Diverged(#[from] Diverged),
}

impl NtkError {
    pub(crate) fn parameter(name: &'static str, given: &impl ToString, expected: &'static str) -> Self {
        Self::Parameter { name, given: given.to_string(), expected }
    }

    pub(crate) fn input(which: &'static str, reason: impl Into<String>) -> Self {
        Self::Input { which, reason: reason.into() }
    }
}
