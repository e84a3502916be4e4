//! The tangent kernel at finite width.

use nalgebra::DVector;
use overparam_ntk::finite_width::{SecondOrder, Smooth, relu_deep, relu_two_layer};
use pyo3::prelude::*;

use crate::arrays::{from_matrix, matrix};
use crate::errors;
use crate::feature_flow::{Array, Matrix};
use crate::wait::interruptible;

/// Mean, and width times variance, of the kernel of two ReLU layers at cosines of two unit inputs.
#[pyfunction]
pub(crate) fn finite_width_relu(cosines: Vec<f64>) -> PyResult<Vec<(f64, f64)>> {
    let moments = cosines.into_iter().map(relu_two_layer);
    let found = moments.map(|m| m.map(|m| (m.mean, m.width_times_variance)));
    found.collect::<Result<_, _>>().map_err(errors::ntk)
}

/// `E Theta`, `E Theta^2`, `E f^2` and `E f^4` of a ReLU net at one unit input.
#[pyfunction]
pub(crate) fn finite_width_relu_deep(widths: Vec<usize>) -> PyResult<(f64, f64, f64, f64)> {
    let found = relu_deep(&widths).map_err(errors::ntk)?;
    Ok((found.mean, found.second_moment, found.output_second_moment, found.output_fourth_moment))
}

/// Outputs `f_0`, their change `f_2` and the kernel's change `Theta_2`, at each time.
type Expansion<'py> = (Vec<Vec<f64>>, Vec<Vec<f64>>, Vec<Array<'py>>);

/// The first orders in `1/m` of a two-layer net: `Theta_0`, and the expansion.
#[pyfunction]
pub(crate) fn finite_width_second_order<'py>(
    py: Python<'py>,
    kernel: Matrix<'_>,
    targets: Vec<f64>,
    times: Vec<f64>,
    name: &str,
) -> PyResult<(Array<'py>, Expansion<'py>)> {
    let phi: Smooth = name.parse().map_err(|e: String| errors::value(format!("phi: {e}")))?;
    let kernel = matrix(&kernel);
    let (theta, found) = interruptible(py, move || {
        // A third dimension has a coarser grid: 1e-7 with tanh.
        let step = if kernel.nrows() <= 2 { 0.1 } else { 0.25 };
        let order = SecondOrder::new(&kernel, &DVector::from_vec(targets), &phi, step)?;
        let found = order.at(&times)?;
        Ok((order.tangent_kernel().clone(), found))
    })?
    .map_err(errors::ntk)?;
    let (mut outputs, mut changes, mut kernels) = (Vec::new(), Vec::new(), Vec::new());
    for at in found {
        outputs.push(at.outputs.as_slice().to_vec());
        changes.push(at.output_change.as_slice().to_vec());
        kernels.push(from_matrix(py, at.kernel_change)?);
    }
    Ok((from_matrix(py, theta)?, (outputs, changes, kernels)))
}
