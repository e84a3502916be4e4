//! How far a step moves each layer, by width.

use numpy::PyReadonlyArrayDyn;
use overparam_ntk::width_scaling::{CoordinateCheck, Promise, Rule, Scaling, WidthScaling};
use overparam_tensor::random::Stream;
use pyo3::prelude::*;

use crate::arrays::{inputs, matrix};
use crate::feature_flow::{Matrix, chosen};
use crate::wait::interruptible;
use crate::{architecture, errors};

/// Name, sizes, changes, the exponents of both with their standard errors, what is promised of both (whether exactly or at most, and the exponent), and
/// whether it is so.
type Found =
    (String, Vec<f64>, Vec<f64>, Vec<(Option<f64>, f64)>, Vec<Option<(&'static str, f64)>>, Option<bool>);

/// One entry for each affine map and one for the output. `descent`: rate, steps, seeds, seed, and the tolerance of exponents.
#[pyfunction]
pub(crate) fn coordinate_check(
    py: Python<'_>,
    json: &str,
    examples: PyReadonlyArrayDyn<'_, f64>,
    targets: Matrix<'_>,
    widths: (Vec<usize>, usize),
    words: (String, String),
    descent: (f64, usize, usize, u64, f64),
) -> PyResult<Vec<Found>> {
    let ((widths, base_width), (scaling, rule), (rate, steps, seeds, seed, tolerance)) =
        (widths, words, descent);
    let scalings = [("standard", Scaling::Standard), ("ntk", Scaling::Ntk), ("mup", Scaling::MaximalUpdate)];
    let scaling = chosen("parameterization", &scaling, &scalings)?;
    let rule = chosen("optimizer", &rule, &[("sgd", Rule::Sgd), ("adam", Rule::Adam)])?;
    let check = CoordinateCheck {
        architecture: architecture::read(json)?,
        scaling: WidthScaling::new(scaling, rule, base_width).map_err(errors::ntk)?,
        widths,
        rate,
        steps,
        seeds,
    };
    let (examples, targets) = (inputs("x", &examples)?, matrix(&targets));
    let report = interruptible(py, move || check.run(&examples, &targets, &Stream::root(seed)))?;
    let promise = |promise: Promise| match promise {
        Promise::Exactly(exponent) => ("exactly", exponent),
        Promise::AtMost(exponent) => ("at most", exponent),
    };
    let found = report.map_err(errors::ntk)?.coordinates.into_iter().map(|one| {
        let kept = one.is_as_promised(tolerance);
        let promises = [one.promised_size, one.promised_change].map(|given| given.map(promise));
        let exponents = vec![(one.size_exponent, one.size_error), (one.change_exponent, one.change_error)];
        (one.name, one.sizes, one.changes, exponents, promises.to_vec(), kept)
    });
    Ok(found.collect())
}
