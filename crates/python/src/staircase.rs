//! What descent learns of a sparse function of signs.

use overparam_feature_flow::staircase::{DimensionFree, SparseTarget};
use pyo3::prelude::*;

use crate::feature_flow::run;

/// Risks and Fourier coefficients, and their error.
type Learned = (Vec<f64>, Vec<Vec<f64>>, f64);

/// The flow without dimension: the target's leap; the risk at each time, and the learned function's coefficients, the one of a set of
/// coordinates at the index whose bits are its members.
#[pyfunction]
pub(crate) fn staircase(
    py: Python<'_>,
    coordinates: usize,
    terms: Vec<(f64, Vec<usize>)>,
    start: f64,
    bias: f64,
    times: Vec<f64>,
) -> PyResult<(usize, Learned)> {
    run(py, move || {
        let target = SparseTarget::new(coordinates, &terms)?;
        let flow = DimensionFree { start, bias, ..DimensionFree::default() };
        let (moments, error) = flow.resolved(&target, &times, 1e-7)?;
        let (risks, coefficients) = moments.into_iter().map(|at| (at.risk, at.fourier)).unzip();
        Ok((target.leap(), (risks, coefficients, error)))
    })
}
