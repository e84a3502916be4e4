//! Networks whose features move.

use nalgebra::{DMatrix, DVector};
use numpy::{PyArray2, PyReadonlyArray2};
use overparam_feature_flow::Error;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling, Start, displacement};
use overparam_feature_flow::two_level::{Dictionary, NoisyDescent, Particles, TwoLevel};
use overparam_tensor::random::Stream;
use pyo3::exceptions::PyArithmeticError;
use pyo3::prelude::*;

use crate::arrays::{from_matrix, matrix};
use crate::errors::value;
use crate::wait::interruptible;

pub(crate) type Matrix<'py> = PyReadonlyArray2<'py, f64>;
pub(crate) type Array<'py> = Bound<'py, PyArray2<f64>>;

fn refused(error: Error) -> PyErr {
    match error {
        Error::Diverged { .. } | Error::NoConvergence { .. } => PyArithmeticError::new_err(error.to_string()),
        other => value(other),
    }
}

pub(crate) fn run<R: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<R, Error> + Send + 'static,
) -> PyResult<R> {
    interruptible(py, work)?.map_err(refused)
}

pub(crate) fn chosen<T: Copy>(name: &str, given: &str, words: &[(&str, T)]) -> PyResult<T> {
    let found = words.iter().find(|(word, _)| *word == given).map(|(_, choice)| *choice);
    found.ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
        value(format!("{name} = {given:?}: expected one of {}", known.join(", ")))
    })
}

fn activation(given: &str) -> PyResult<Activation> {
    chosen("activation", given, &[("tanh", Activation::Tanh), ("relu", Activation::Relu)])
}

/// Words that choose a kind of network: architecture, scaling, activation, start.
type Kind = (String, String, String, String);

/// Losses, features of each layer, how far each layer moved, and outputs.
type Descended<'py> = (Vec<f64>, Vec<Array<'py>>, Vec<f64>, Array<'py>);

/// Descent of a deep network: losses, features of each layer at the end (`n x m`), displacement of each layer, outputs.
#[pyfunction]
pub(crate) fn neural_feature_flow<'py>(
    py: Python<'py>,
    inputs: Matrix<'_>,
    targets: Matrix<'_>,
    kind: Kind,
    sizes: (usize, usize, u64),
    descent: (f64, usize, f64),
) -> PyResult<Descended<'py>> {
    let (depth, width, seed) = sizes;
    let (rate, steps, loss_target) = descent;
    let (inputs, targets) = (matrix(&inputs), matrix(&targets));
    let architectures = [("dnn", Architecture::Dnn), ("resnet", Architecture::ResNet)];
    let scalings = [("mean_field", Scaling::MeanField), ("ntk", Scaling::Ntk)];
    let starts =
        [("zero", Start::Zero), ("independent", Start::Independent), ("regression", Start::Regression)];
    let start = chosen("start", &kind.3, &starts)?;
    let kind = (
        chosen("architecture", &kind.0, &architectures)?,
        chosen("scaling", &kind.1, &scalings)?,
        activation(&kind.2)?,
    );
    let (losses, features, moved, outputs) = run(py, move || {
        let stream = Stream::root(seed).named("weights");
        let network = Network::new(kind, (depth, width), start, &inputs, &stream)?;
        let mut flow = Flow::new(network, inputs, targets)?;
        let before = flow.features().to_vec();
        let mut losses = vec![flow.loss()];
        while losses.len() <= steps && losses.last().is_none_or(|&loss| loss > loss_target) {
            flow.step(rate)?;
            losses.push(flow.loss());
        }
        let moved = displacement(&before, flow.features()).layers;
        let features: Vec<DMatrix<f64>> = flow.features().iter().map(DMatrix::transpose).collect();
        Ok((losses, features, moved, flow.outputs().clone()))
    })?;
    let features = features.into_iter().map(|layer| from_matrix(py, layer)).collect::<PyResult<_>>()?;
    Ok((losses, features, moved, from_matrix(py, outputs)?))
}

fn two_level(
    inputs: &Matrix<'_>,
    targets: Vec<f64>,
    name: &str,
    (ridge, temperature, spread): (f64, f64, f64),
) -> PyResult<TwoLevel> {
    let (inputs, targets) = (matrix(inputs), DVector::from_vec(targets));
    let problem = TwoLevel { inputs, targets, activation: activation(name)?, ridge, temperature, spread };
    problem.checked().map_err(refused)
}

/// The minimum over all distributions of features: its value, a lower bound of it, and the excess of `m` particles times `m`.
#[pyfunction]
pub(crate) fn mean_field_optimum(
    py: Python<'_>,
    inputs: Matrix<'_>,
    targets: Vec<f64>,
    name: &str,
    terms: (f64, f64, f64),
    numerics: (usize, f64, f64),
) -> PyResult<(f64, f64, f64)> {
    let (points, reach, tolerance) = numerics;
    let problem = two_level(&inputs, targets, name, terms)?;
    run(py, move || {
        let found = Dictionary::grid(&problem, points, reach)?.solve(tolerance)?;
        Ok((found.value, found.value - found.gap, found.finite_width_gap))
    })
}

/// Noisy descent of `m` particles: the features at the end and the objective at the best top layer before each step.
#[pyfunction]
pub(crate) fn mean_field_descent<'py>(
    py: Python<'py>,
    inputs: Matrix<'_>,
    targets: Vec<f64>,
    name: &str,
    terms: (f64, f64, f64),
    units: (usize, u64, f64),
    descent: (f64, usize),
) -> PyResult<(Array<'py>, Vec<f64>)> {
    let (units, seed, noise) = units;
    let (learning_rate, steps) = descent;
    let problem = two_level(&inputs, targets, name, terms)?;
    let (features, values) = run(py, move || {
        let stream = Stream::root(seed);
        let mut particles = Particles::random(&problem, units, &stream.named("features"));
        let mut values = Vec::new();
        let descent = NoisyDescent { learning_rate, noise };
        particles.descend(&problem, descent, steps, &stream.named("noise"), |_, _, top| {
            values.push(top.value);
            Ok(())
        })?;
        Ok((particles.features, values))
    })?;
    Ok((from_matrix(py, features)?, values))
}
