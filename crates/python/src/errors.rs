//! What this package refuses, as Python's exceptions with the crates' own messages.

use std::fmt::Display;

use overparam_ntk::NtkError;
use pyo3::PyErr;
use pyo3::exceptions::{PyArithmeticError, PyKeyboardInterrupt, PyValueError};

/// `ValueError` with this message.
pub(crate) fn value(error: impl Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// An error of the kernels and networks: `ValueError` for what a caller can put right, `ArithmeticError` for numbers that failed.
pub(crate) fn ntk(error: NtkError) -> PyErr {
    match error {
        NtkError::Integration { .. } | NtkError::Diverged(_) => PyArithmeticError::new_err(error.to_string()),
        NtkError::Stopped => PyKeyboardInterrupt::new_err(()),
        other => value(other),
    }
}

/// The same with the arguments' names for "first inputs" and "second inputs".
pub(crate) fn of_inputs(error: NtkError, names: [&'static str; 2]) -> PyErr {
    let named = |which: &'static str| match which {
        "first inputs" => names[0],
        "second inputs" => names[1],
        other => other,
    };
    ntk(match error {
        NtkError::Input { which, reason } => NtkError::Input { which: named(which), reason },
        NtkError::Overflow { which, input, scalar } => {
            NtkError::Overflow { which: named(which), input, scalar }
        }
        NtkError::Underflow { which, input, scalar } => {
            NtkError::Underflow { which: named(which), input, scalar }
        }
        NtkError::Unresolved { which, input } => NtkError::Unresolved { which: named(which), input },
        other => other,
    })
}
