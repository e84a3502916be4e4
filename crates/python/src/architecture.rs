//! Architectures as JSON: the Rust schema reads, checks and writes them; Python's classes hold their fields.

use overparam_ntk::{Architecture, activation, layer};
use pyo3::prelude::*;

use crate::arrays::shape_of;
use crate::errors;

/// Reads an architecture.
pub(crate) fn read(json: &str) -> PyResult<Architecture> {
    Architecture::from_json(json).map_err(errors::ntk)
}

/// The architecture in the schema's own words: every default written out, every name the usual one.
#[pyfunction]
pub(crate) fn canonical(json: &str) -> PyResult<String> {
    Ok(read(json)?.to_json())
}

/// One line per layer; with the shape of one input, the shapes too.
#[pyfunction]
#[pyo3(signature = (json, shape=None))]
pub(crate) fn describe(json: &str, shape: Option<Vec<usize>>) -> PyResult<String> {
    let architecture = read(json)?;
    match shape {
        None => Ok(architecture.outline()),
        Some(axes) => architecture.describe(shape_of(&axes)?).map_err(errors::ntk),
    }
}

/// Shapes before each layer and after the last, `(height, width, channels)`.
#[pyfunction]
#[pyo3(signature = (json, shape))]
pub(crate) fn shapes(json: &str, shape: Vec<usize>) -> PyResult<Vec<(usize, usize, usize)>> {
    let shapes = read(json)?.shapes(shape_of(&shape)?).map_err(errors::ntk)?;
    Ok(shapes.into_iter().map(|s| (s.height, s.width, s.channels)).collect())
}

/// The names of all layers but activations, as in the schema.
#[pyfunction]
pub(crate) fn layer_names() -> Vec<&'static str> {
    layer::TABLE.iter().map(|entry| entry.name).collect()
}

/// The names of all activations, as in the schema.
#[pyfunction]
pub(crate) fn activation_names() -> Vec<&'static str> {
    activation::TABLE.iter().flat_map(|entry| entry.names).copied().collect()
}
