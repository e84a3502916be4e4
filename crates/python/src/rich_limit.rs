//! Nets of infinite width at any richness: two layers, and linear ones with more.

use nalgebra::{DMatrix, DVector};
use overparam_feature_flow::rich_limit::{DeepLinear, Solver, Standard, TwoLayer};
use overparam_tensor::random::Stream;
use pyo3::prelude::*;

use crate::arrays::{from_matrix, matrix};
use crate::errors::value;
use crate::feature_flow::{Array, Matrix, run};

/// Outputs at each time; `Phi` and `G` between all times, row after row; `m Cov f` at each time, if asked for; errors of outputs and kernels.
type Found<'py> = (Vec<Vec<f64>>, Vec<Array<'py>>, Vec<Array<'py>>, Vec<Array<'py>>, (f64, f64));

/// The limit at ascending times. `numerics`: distance of the grid's nodes, pairs of one scrambling, seed, and whether fluctuations are wanted.
#[pyfunction]
pub(crate) fn rich_limit<'py>(
    py: Python<'py>,
    kernel: Matrix<'_>,
    targets: Vec<f64>,
    gamma: f64,
    times: Vec<f64>,
    name: &str,
    numerics: (Option<f64>, usize, u64, bool),
) -> PyResult<Found<'py>> {
    let phi: Standard = name.parse().map_err(|e: String| value(format!("phi: {e}")))?;
    let (kernel, targets) = (matrix(&kernel), DVector::from_vec(targets));
    let (step, pairs, seed, fluctuations) = numerics;
    let (limit, scatter) = run(py, move || {
        // The lazy limit has the units of any richness, at rest.
        let problem = TwoLayer::new(kernel, targets, if gamma == 0.0 { 1.0 } else { gamma })?;
        let solver = Solver::of(&problem, step, pairs, Stream::root(seed))?;
        if gamma == 0.0 {
            return Ok((solver.lazy(&problem, phi, &times)?, Vec::new()));
        }
        // First what may be refused.
        let scatter = if fluctuations { solver.scatter(&problem, phi, &times)? } else { Vec::new() };
        Ok((solver.rich(&problem, phi, &times)?, scatter))
    })?;
    let outputs = limit.outputs.iter().map(|f| f.as_slice().to_vec()).collect();
    let all = |matrices: Vec<DMatrix<f64>>| -> PyResult<Vec<Array<'py>>> {
        matrices.into_iter().map(|one| from_matrix(py, one)).collect()
    };
    let flat = |pairs: Vec<Vec<DMatrix<f64>>>| all(pairs.into_iter().flatten().collect());
    let errors = (limit.output_error, limit.kernel_error);
    Ok((outputs, flat(limit.features)?, flat(limit.gradients)?, all(scatter)?, errors))
}

/// Outputs, features of each layer and gradients at each time, and the error of the outputs.
type Deep<'py> = (Vec<Vec<f64>>, Vec<Vec<Array<'py>>>, Vec<Vec<f64>>, f64);

/// Linear nets of several hidden layers.
#[pyfunction]
pub(crate) fn deep_linear_limit<'py>(
    py: Python<'py>,
    kernel: Matrix<'_>,
    targets: Vec<f64>,
    gamma: f64,
    times: Vec<f64>,
    numerics: (usize, Option<f64>),
) -> PyResult<Deep<'py>> {
    let (hidden_layers, step) = numerics;
    let (kernel, targets) = (matrix(&kernel), DVector::from_vec(targets));
    let limit = run(py, move || {
        let problem = TwoLayer::new(kernel, targets, gamma)?;
        let net = DeepLinear::of(&problem, hidden_layers)?;
        DeepLinear { time_step: step.unwrap_or(net.time_step), ..net }.solve(&problem, &times)
    })?;
    let outputs = limit.outputs.iter().map(|f| f.as_slice().to_vec()).collect();
    let features = limit
        .features
        .into_iter()
        .map(|layers| layers.into_iter().map(|one| from_matrix(py, one)).collect::<PyResult<Vec<_>>>());
    Ok((outputs, features.collect::<PyResult<_>>()?, limit.gradients, limit.output_error))
}
