//! Random features in high dimension.

use overparam_linearized::activation::Standard;
use overparam_linearized::asymptotics::{self, Energies, optimal_lambda_bar};
use overparam_linearized::equivalents::{Sizes, equivalent};
use overparam_linearized::hermite::{Profile, coefficients};
use overparam_linearized::spectrum::Spectrum;
use pyo3::prelude::*;

use crate::errors::value;
use crate::wait::interruptible;

/// `(linear, nonlinear, noise)`.
type Parts = (f64, f64, f64);
/// Risk, bias, variance, training error, squared norm.
type Prediction = (f64, f64, f64, f64, f64);

fn activation(name: &str) -> PyResult<Standard> {
    name.parse().map_err(|e: overparam_linearized::Error| value(format!("activation: {e}")))
}

fn energies((linear, nonlinear, noise): Parts) -> Energies {
    Energies { linear, nonlinear, noise }
}

/// Random-features ridge regression in the proportional limit, at each `(psi1, psi2, lambda)`.
#[pyfunction]
pub(crate) fn random_features(
    py: Python<'_>,
    points: Vec<(f64, f64, f64)>,
    name: &str,
    parts: Parts,
) -> PyResult<Vec<Prediction>> {
    let activation = activation(name)?;
    let work = move || {
        let profile = Profile::of(&activation)?;
        let at = |&(psi1, psi2, lambda): &(f64, f64, f64)| {
            let p = asymptotics::predict(psi1, psi2, &profile, lambda, energies(parts))?;
            Ok((p.risk, p.bias, p.variance, p.training_error, p.norm_squared))
        };
        points.iter().map(at).collect()
    };
    let found: Result<_, overparam_linearized::Error> = interruptible(py, work)?;
    found.map_err(value)
}

/// The ridge `lambda` of least risk in the proportional limit, and that risk.
#[pyfunction]
pub(crate) fn optimal_ridge(psi1: f64, psi2: f64, name: &str, parts: Parts) -> PyResult<(f64, f64)> {
    let profile = Profile::of(&activation(name)?).map_err(value)?;
    let (ridge, risk) = optimal_lambda_bar(psi1, psi2, profile.zeta(), energies(parts)).map_err(value)?;
    Ok((ridge * profile.residual, risk))
}

/// Hermite coefficients of an activation, from degree 0.
#[pyfunction]
pub(crate) fn hermite_coefficients(name: &str, degree: usize) -> PyResult<Vec<f64>> {
    Ok(coefficients(&activation(name)?, degree))
}

/// A kernel on the sphere by its name: eigenvalues, multiplicities, and the trace beyond them.
#[pyfunction]
pub(crate) fn spectrum(kernel: &str, dimension: usize, degree: usize) -> PyResult<(Vec<f64>, Vec<f64>, f64)> {
    let found = of_name(kernel, dimension, degree)?;
    Ok((found.eigenvalues().to_vec(), found.multiplicities().to_vec(), found.tail()))
}

/// Which activation's features, and of which layer.
fn of_name(kernel: &str, dimension: usize, degree: usize) -> PyResult<Spectrum> {
    if dimension < 2 {
        return Err(value(format!("dimension = {dimension}: expected an integer >= 2")));
    }
    let random = |s: &Standard| Spectrum::of_random_features(s, dimension, degree);
    let tangent = |s: &Standard| Spectrum::of_tangent_features(s, dimension, degree);
    let found = match kernel.split_once(':') {
        Some(("tangent", name)) => tangent(&activation(name)?),
        None if kernel == "ntk" => random(&Standard::Relu).and_then(|second| {
            // The kernels of both layers, twice: the diagonal is 2.
            let first = tangent(&Standard::Relu)?;
            let both = first.eigenvalues().iter().zip(second.eigenvalues());
            let eigenvalues = both.map(|(a, b)| 2.0 * (a + b)).collect();
            Spectrum::new(dimension, eigenvalues, 2.0 * (first.tail() + second.tail()))
        }),
        None => random(&activation(kernel)?),
        Some(_) => {
            return Err(value(format!(
                "kernel = {kernel:?}: expected an activation, 'tangent:' with an activation, or 'ntk'"
            )));
        }
    };
    found.map_err(value)
}

/// Regression at finite size: risk, training error, threshold, learnability of each degree.
#[pyfunction]
pub(crate) fn regression(
    kernel: &str,
    dimension: usize,
    degree: usize,
    energies: Vec<f64>,
    noise: f64,
    sizes: (f64, f64, f64),
) -> PyResult<(f64, f64, f64, Vec<f64>)> {
    let (samples, features, ridge) = sizes;
    let spectrum = of_name(kernel, dimension, degree)?;
    let sizes = Sizes { samples, features, ridge };
    let found = equivalent(&spectrum, &energies, noise, sizes).map_err(value)?;
    Ok((found.risk, found.training_error, found.threshold, found.learnabilities))
}
