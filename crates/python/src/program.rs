//! The program `overparam`.

use std::ffi::OsString;
use std::process::ExitCode;

use pyo3::prelude::*;

/// Runs the program with these arguments, the first of which is what starts it; the result is its exit status.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    let status = py.detach(|| overparam_cli::overparam_at(arguments));
    // An exit code can be compared but not read.
    (0..=u8::MAX).find(|&code| ExitCode::from(code) == status).unwrap_or(1)
}
