//! Deep linear networks.

use nalgebra::DMatrix;
use numpy::{PyArray2, PyReadonlyArray2};
use overparam_deep_linear::balanced::{AlignedMode, BalancedFlow, DepthMode};
use overparam_deep_linear::measures::Spectrum;
use overparam_deep_linear::{
    Convention, DeepLinearError, DeepLinearNetwork, EndToEndFlow, Entry, Initialization, LinearRegression,
    MatrixCompletion, NuclearNorm, Objective, Optimizer, Training,
};
use overparam_tensor::ode::Tolerance;
use overparam_tensor::random::Stream;
use pyo3::exceptions::PyArithmeticError;
use pyo3::prelude::*;

use crate::arrays::{from_matrix, matrix};
use crate::errors::value;
use crate::wait::interruptible;

type Matrix<'py> = PyReadonlyArray2<'py, f64>;
type Array<'py> = Bound<'py, PyArray2<f64>>;

fn refused(error: DeepLinearError) -> PyErr {
    match error {
        DeepLinearError::Diverged { .. } => PyArithmeticError::new_err(error.to_string()),
        other => value(other),
    }
}

fn run<R: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<R, DeepLinearError> + Send + 'static,
) -> PyResult<R> {
    interruptible(py, work)?.map_err(refused)
}

fn all(py: Python<'_>, matrices: Vec<DMatrix<f64>>) -> PyResult<Vec<Array<'_>>> {
    matrices.into_iter().map(|matrix| from_matrix(py, matrix)).collect()
}

/// Strengths of a mode of two layers at times.
#[pyfunction]
pub(crate) fn aligned_mode(times: Vec<f64>, start: f64, sigma: f64, imbalance: f64) -> PyResult<Vec<f64>> {
    let mode = AlignedMode::new(start, sigma, imbalance).map_err(refused)?;
    times.into_iter().map(|t| mode.at(t)).collect::<Result<_, _>>().map_err(refused)
}

/// When a mode of `depth` equal layers reaches fractions of `sigma`.
#[pyfunction]
pub(crate) fn depth_time(fractions: Vec<f64>, depth: usize, start: f64, sigma: f64) -> PyResult<Vec<f64>> {
    let mode = DepthMode::new(depth, start, sigma).map_err(refused)?;
    fractions.into_iter().map(|at| mode.time_to_fraction(at)).collect::<Result<_, _>>().map_err(refused)
}

/// Strengths of a mode of `depth` equal layers at times.
#[pyfunction]
pub(crate) fn deep_mode(times: Vec<f64>, depth: usize, start: f64, sigma: f64) -> PyResult<Vec<f64>> {
    let mode = DepthMode::new(depth, start, sigma).map_err(refused)?;
    times.into_iter().map(|t| mode.at(t)).collect::<Result<_, _>>().map_err(refused)
}

/// Two layers at times from a balanced start: `W2 W1`, `W1^T W1`, `W2 W2^T` and the tangent kernel at each time; the limit of `W2 W1`.
#[pyfunction]
pub(crate) fn balanced<'py>(
    py: Python<'py>,
    w1: Matrix<'_>,
    w2: Matrix<'_>,
    correlations: Matrix<'_>,
    times: Vec<f64>,
) -> PyResult<(Vec<Vec<Array<'py>>>, Array<'py>)> {
    let [w1, w2, correlations] = [&w1, &w2, &correlations].map(matrix);
    let (states, limit) = run(py, move || {
        let flow = BalancedFlow::new(&w1, &w2, &correlations)?;
        Ok((flow.trajectory(&times)?, flow.limit()?.product))
    })?;
    let states = states.into_iter().map(|state| {
        let kernel = state.kernel_operator();
        all(py, vec![state.product, state.input_gram, state.output_gram, kernel])
    });
    Ok((states.collect::<PyResult<_>>()?, from_matrix(py, limit)?))
}

/// What a deep linear network is trained on.
#[derive(FromPyObject)]
pub(crate) enum Task<'py> {
    /// `(rows, columns, entries)`: observed entries of a matrix.
    Completion((usize, usize, Vec<(usize, usize, f64)>)),
    /// `(x, y)`: regression.
    Regression((Matrix<'py>, Matrix<'py>)),
}

impl Task<'_> {
    fn objective(&self) -> PyResult<Box<dyn Objective<f64> + Send + Sync>> {
        match self {
            Self::Completion((rows, columns, entries)) => {
                let entries = entries_of(entries);
                let task = MatrixCompletion::new(*rows, *columns, &entries, Convention::Mean);
                Ok(Box::new(task.map_err(refused)?))
            }
            Self::Regression((x, y)) => {
                let task = LinearRegression::<f64>::new(&matrix(x), &matrix(y), Convention::Mean);
                Ok(Box::new(task.map_err(refused)?))
            }
        }
    }
}

fn entries_of(entries: &[(usize, usize, f64)]) -> Vec<Entry> {
    entries.iter().map(|&(row, column, value)| Entry { row, column, value }).collect()
}

fn start(name: &str, scale: f64) -> PyResult<Initialization> {
    Ok(match name {
        "gaussian" => Initialization::Gaussian { scale },
        "identity" => Initialization::Identity { scale },
        "orthogonal" => Initialization::Orthogonal { scale },
        _ => {
            return Err(value(format!("init = {name:?}: expected 'gaussian', 'identity' or 'orthogonal'")));
        }
    })
}

/// Descent: the weights, the loss and the number of steps.
#[pyfunction]
pub(crate) fn train<'py>(
    py: Python<'py>,
    task: Task<'_>,
    widths: Vec<usize>,
    begin: (String, f64, u64),
    rule: (String, f64),
    until: (f64, u64),
) -> PyResult<(Vec<Array<'py>>, Array<'py>, f64, u64)> {
    let (init, scale, seed) = begin;
    let (optimizer, rate) = rule;
    let (loss_target, max_steps) = until;
    let objective = task.objective()?;
    let init = start(&init, scale)?;
    let optimizer = match optimizer.as_str() {
        "descent" => Optimizer::GradientDescent { learning_rate: rate },
        "adam" => Optimizer::adam(rate),
        "rms" => Optimizer::rms_normalized(rate),
        _ => {
            return Err(value(format!("optimizer = {optimizer:?}: expected 'descent', 'adam' or 'rms'")));
        }
    };
    let training = Training { optimizer, loss_target, max_steps, observe_every: 0 };
    let (network, summary) = run(py, move || {
        let stream = Stream::root(seed).named("weights");
        let mut network = DeepLinearNetwork::<f64>::initialize(&widths, &init, &stream)?;
        let summary = training.run(&mut network, objective.as_ref())?;
        Ok((network, summary))
    })?;
    let end = from_matrix(py, network.end_matrix())?;
    Ok((all(py, network.into_weights())?, end, summary.loss, summary.steps))
}

/// Gradient flow of the end matrix from a balanced start: the matrices and losses at times.
#[pyfunction]
pub(crate) fn end_to_end_flow<'py>(
    py: Python<'py>,
    task: Task<'_>,
    depth: usize,
    start: Matrix<'_>,
    times: Vec<f64>,
) -> PyResult<(Vec<Array<'py>>, Vec<f64>)> {
    let (objective, start) = (task.objective()?, matrix(&start));
    let (matrices, losses) = run(py, move || {
        let mut flow = EndToEndFlow::new(&start, depth, objective.as_ref(), Tolerance::default())?;
        let (mut matrices, mut losses) = (Vec::new(), Vec::new());
        for time in times {
            if time > flow.time() {
                flow.advance_to(time)?;
            }
            matrices.push(flow.end_matrix());
            losses.push(flow.loss());
        }
        Ok((matrices, losses))
    })?;
    Ok((all(py, matrices)?, losses))
}

/// Completion with the least nuclear norm: the matrix, its norm, a lower bound of it.
#[pyfunction]
pub(crate) fn nuclear_norm_completion<'py>(
    py: Python<'py>,
    shape: (usize, usize),
    entries: Vec<(usize, usize, f64)>,
    tolerance: f64,
) -> PyResult<(Array<'py>, f64, f64)> {
    let (rows, columns) = shape;
    let found = run(py, move || {
        let solver = NuclearNorm { tolerance, ..NuclearNorm::default() };
        solver.complete(rows, columns, &entries_of(&entries))
    })?;
    Ok((from_matrix(py, found.matrix)?, found.nuclear_norm, found.lower_bound))
}

/// Effective rank, stable rank and nuclear norm.
#[pyfunction]
pub(crate) fn measures(m: Matrix<'_>) -> PyResult<(f64, f64, f64)> {
    let spectrum = Spectrum::of(&matrix(&m)).map_err(refused)?;
    Ok((spectrum.effective_rank(), spectrum.stable_rank(), spectrum.nuclear_norm()))
}
