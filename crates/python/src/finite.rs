//! Finite networks: parameters, outputs, empirical kernels, expansions in the parameters, descent.
//!
//! Parameters are lists of arrays in the network's own order; `parameter_shapes` names them. Tensors stay on the thread that computes:
//! what crosses over are plain arrays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use overparam_ntk::empirical::EmpiricalNtk;
use overparam_ntk::linearize::taylor;
use overparam_ntk::network::{Batch, Finite, Network, Params};
use overparam_ntk::{Architecture, Data, Inputs, NtkError};
use overparam_tensor::optim::{Optimizer, Stop};
use overparam_tensor::random::Stream;
use overparam_tensor::{Array, Tensor, Tree};
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::arrays::{self, Any, Number, shape_of};
use crate::wait::{interruptible, watched};
use crate::{architecture, errors};

/// Names and shapes of the parameters, in order.
#[pyfunction]
pub(crate) fn parameter_shapes(json: &str, shape: Vec<usize>) -> PyResult<Vec<(String, Vec<usize>)>> {
    let network = Network::new(&architecture::read(json)?, shape_of(&shape)?).map_err(errors::ntk)?;
    let zeros: Params<f32> = network.zeros();
    let shapes: Vec<Vec<usize>> = zeros.leaves().iter().map(|leaf| leaf.shape().to_vec()).collect();
    Ok(zeros.names().into_iter().zip(shapes).collect())
}

/// Random parameters of a seed.
#[pyfunction]
pub(crate) fn init<'py>(
    py: Python<'py>,
    json: &str,
    shape: Vec<usize>,
    seed: u64,
    single: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let network = Network::new(&architecture::read(json)?, shape_of(&shape)?).map_err(errors::ntk)?;
    if single { draw::<f32>(py, network, seed) } else { draw::<f64>(py, network, seed) }
}

fn draw<T: Number>(py: Python<'_>, network: Network, seed: u64) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let leaves = interruptible(py, move || plain(&network.init::<T>(&Stream::root(seed))))?;
    to_python(py, &leaves)
}

fn plain<T: Number>(params: &Params<T>) -> Vec<Array<T>> {
    params.leaves().into_iter().map(|leaf| leaf.array().clone()).collect()
}

fn to_python<'py, T: Number>(py: Python<'py>, leaves: &[Array<T>]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    leaves.iter().map(|leaf| Ok(arrays::from_array(py, leaf)?.into_any())).collect()
}

/// A network at some parameters, still as plain arrays.
struct At<T: Number> {
    architecture: Architecture,
    leaves: Vec<Array<T>>,
}

impl<T: Number> At<T> {
    fn read(json: &str, leaves: &[Any<'_>]) -> PyResult<Self> {
        Ok(Self { architecture: architecture::read(json)?, leaves: all(leaves)? })
    }

    fn finite(self, inputs: &Inputs<T>) -> Result<Finite<T>, NtkError> {
        let network = Network::new(&self.architecture, inputs.shape())?;
        let params = network.params_from(self.leaves.into_iter().map(Tensor::from).collect())?;
        Ok(Finite { network, params })
    }
}

fn all<T: Number>(leaves: &[Any<'_>]) -> PyResult<Vec<Array<T>>> {
    leaves.iter().map(|leaf| Ok(arrays::tensor(leaf.of::<T>()?).into_array())).collect()
}

/// Outputs, `[n, channels]` or `[n, height, width, channels]`.
#[pyfunction]
pub(crate) fn apply<'py>(
    py: Python<'py>,
    json: &str,
    leaves: Vec<Any<'py>>,
    x: Any<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    if x.is_single() { outputs::<f32>(py, json, &leaves, &x) } else { outputs::<f64>(py, json, &leaves, &x) }
}

fn outputs<'py, T: Number>(
    py: Python<'py>,
    json: &str,
    leaves: &[Any<'py>],
    x: &Any<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let at = At::<T>::read(json, leaves)?;
    let x = arrays::inputs("x", x.of()?)?;
    let work = move || {
        let Finite { network, params } = at.finite(&x)?;
        let batch = Batch::from(&x);
        network.check_batch("x", &batch)?;
        Ok(network.apply_batch(&params, &batch).into_array())
    };
    let result: Result<Array<T>, NtkError> = interruptible(py, work)?;
    Ok(arrays::from_array(py, &result.map_err(errors::ntk)?)?.into_any())
}

/// The empirical NTK: its mean over outputs, `n1 x n2`, or all of it, `[n1, n2, k, k]`.
#[pyfunction]
pub(crate) fn empirical_ntk<'py>(
    py: Python<'py>,
    json: &str,
    leaves: Vec<Any<'py>>,
    x1: Any<'py>,
    x2: Option<Any<'py>>,
    trace: bool,
) -> PyResult<Bound<'py, PyAny>> {
    if x1.is_single() {
        empirical::<f32>(py, json, &leaves, &x1, x2.as_ref(), trace)
    } else {
        empirical::<f64>(py, json, &leaves, &x1, x2.as_ref(), trace)
    }
}

fn empirical<'py, T: Number>(
    py: Python<'py>,
    json: &str,
    leaves: &[Any<'py>],
    x1: &Any<'py>,
    x2: Option<&Any<'py>>,
    trace: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let at = At::<T>::read(json, leaves)?;
    let x1 = arrays::inputs("x1", x1.of()?)?;
    let x2 = x2.map(|x2| arrays::inputs("x2", x2.of()?)).transpose()?;
    let work = move || {
        let Finite { network, params } = at.finite(&x1)?;
        let (x1, x2) = (Batch::from(&x1), x2.as_ref().map(Batch::from));
        let ntk = EmpiricalNtk::new(&network, &params)?;
        if trace {
            Ok((Some(ntk.trace(&x1, x2.as_ref())?), None))
        } else {
            Ok((None, Some(ntk.full(&x1, x2.as_ref())?)))
        }
    };
    let result: Result<_, NtkError> = interruptible(py, work)?;
    match result.map_err(|e| errors::of_inputs(e, ["x1", "x2"]))? {
        (Some(matrix), _) => Ok(arrays::from_matrix(py, matrix)?.into_any()),
        (None, Some(array)) => Ok(arrays::from_array(py, &array)?.into_any()),
        (None, None) => Err(errors::value("there is no result")),
    }
}

/// Outputs of the network's Taylor polynomial of some order around parameters `start`, at other parameters.
#[pyfunction]
pub(crate) fn expansion<'py>(
    py: Python<'py>,
    json: &str,
    start: Vec<Any<'py>>,
    leaves: Vec<Any<'py>>,
    x: Any<'py>,
    order: usize,
) -> PyResult<Bound<'py, PyAny>> {
    if x.is_single() {
        expanded::<f32>(py, json, &start, &leaves, &x, order)
    } else {
        expanded::<f64>(py, json, &start, &leaves, &x, order)
    }
}

fn expanded<'py, T: Number>(
    py: Python<'py>,
    json: &str,
    start: &[Any<'py>],
    leaves: &[Any<'py>],
    x: &Any<'py>,
    order: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let (start, at) = (At::<T>::read(json, start)?, At::<T>::read(json, leaves)?);
    let x = arrays::inputs("x", x.of()?)?;
    let work = move || {
        let (start, at) = (start.finite(&x)?, at.finite(&x)?);
        Ok(taylor(&start.network, &start.params, &at.params, &Batch::from(&x), order)?.into_array())
    };
    let result: Result<Array<T>, NtkError> = interruptible(py, work)?;
    Ok(arrays::from_array(py, &result.map_err(errors::ntk)?)?.into_any())
}

/// Gradient descent on `||f - y||^2 / (2 n c)`: the parameters after it, and the loss before each step.
///
/// `progress` is called with the number of steps taken, about twenty times per second.
#[pyfunction]
#[pyo3(signature = (json, leaves, x, y, rate, steps, progress=None))]
#[allow(clippy::too_many_arguments, reason = "one for each of Python's")]
pub(crate) fn descend<'py>(
    py: Python<'py>,
    json: &str,
    leaves: Vec<Any<'py>>,
    x: Any<'py>,
    y: Any<'py>,
    rate: f64,
    steps: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Vec<Bound<'py, PyAny>>, Vec<f64>)> {
    let how = (rate, steps);
    if x.is_single() {
        descended::<f32>(py, json, &leaves, (&x, &y), how, progress)
    } else {
        descended::<f64>(py, json, &leaves, (&x, &y), how, progress)
    }
}

fn descended<'py, T: Number>(
    py: Python<'py>,
    json: &str,
    leaves: &[Any<'py>],
    (x, y): (&Any<'py>, &Any<'py>),
    (rate, steps): (f64, usize),
    told: Option<Py<PyAny>>,
) -> PyResult<(Vec<Bound<'py, PyAny>>, Vec<f64>)> {
    let at = At::<T>::read(json, leaves)?;
    let inputs = arrays::inputs("x", x.of()?)?;
    let Inputs::Vectors(targets) = arrays::inputs("y", y.of()?)? else {
        return Err(errors::value("y: expected targets n x c"));
    };
    let data = Data::new(inputs, targets).map_err(errors::ntk)?;
    let steps_done = Arc::new(AtomicUsize::new(0));
    let stopped = Arc::new(AtomicBool::new(false));
    let (seen, stop) = (Arc::clone(&steps_done), Arc::clone(&stopped));
    let work = move || {
        let mut finite = at.finite(data.inputs())?;
        let mut optimizer = Optimizer::descent(rate);
        let mut losses = Vec::with_capacity(steps.min(1 << 20));
        // In short runs, between which it is heard whether to stop.
        let mut run = 1;
        while losses.len() < steps {
            if stopped.load(Ordering::Relaxed) {
                return Err(NtkError::Stopped);
            }
            let begun = Instant::now();
            let next = run.min(steps - losses.len());
            losses.extend(finite.train(&data, &mut optimizer, Stop::after(next))?.losses);
            steps_done.store(losses.len(), Ordering::Relaxed);
            if begun.elapsed() < Duration::from_millis(50) {
                run *= 2;
            }
        }
        Ok((plain(&finite.params), losses))
    };
    let tick = move |py: Python<'_>| match &told {
        Some(told) => told.call1(py, (seen.load(Ordering::Relaxed),)).map(|_| ()),
        None => Ok(()),
    };
    let result: Result<_, NtkError> = watched(py, work, tick, move || stop.store(true, Ordering::Relaxed))?;
    let (leaves, losses) = result.map_err(errors::ntk)?;
    Ok((to_python(py, &leaves)?, losses))
}
