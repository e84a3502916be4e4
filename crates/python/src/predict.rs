//! Training in closed form, Gaussian processes, kernel ridge regression: functions of kernels, in double precision.

use std::sync::Arc;

use nalgebra::DMatrix;
use numpy::{PyArray2, PyReadonlyArray2};
use overparam_ntk::NtkError;
use overparam_ntk::predict::ensemble::{Gaussian, Prior};
use overparam_ntk::predict::ridge;
use overparam_ntk::predict::squared::SquaredLossDynamics;
use overparam_ntk::predict::{Regularizer, Schedule, gaussian_process};
use pyo3::prelude::*;

use crate::arrays::{from_matrix, matrix};
use crate::errors;
use crate::wait::interruptible;

type Matrix<'py> = PyReadonlyArray2<'py, f64>;
type Result2<'py> = PyResult<Bound<'py, PyArray2<f64>>>;
type Pair<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>);

fn regularizer(amount: f64, relative: bool) -> Regularizer {
    if relative { Regularizer::Relative(amount) } else { Regularizer::Absolute(amount) }
}

/// How long training goes on: `(time, None)` for flows, `(_, steps)` for descent; with the learning rate and the momentum.
type When = (f64, Option<u64>, f64, f64);

fn schedule((time, steps, rate, momentum): When) -> Schedule {
    match steps {
        Some(steps) if momentum == 0.0 => Schedule::Descent { rate, steps },
        Some(steps) => Schedule::HeavyBall { rate, momentum, steps },
        None if momentum == 0.0 => Schedule::Flow { rate, time },
        None => Schedule::MomentumFlow { rate, momentum, time },
    }
}

fn run<R: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<R, NtkError> + Send + 'static,
) -> PyResult<R> {
    interruptible(py, work)?.map_err(errors::ntk)
}

fn gaussian(py: Python<'_>, Gaussian { mean, covariance }: Gaussian) -> PyResult<Pair<'_>> {
    Ok((from_matrix(py, mean)?, from_matrix(py, covariance)?))
}

/// Training with a fixed kernel on squared loss; one decomposition for all times.
#[pyclass(frozen, module = "overparam._core")]
pub(crate) struct Dynamics(Arc<SquaredLossDynamics>);

#[pymethods]
impl Dynamics {
    #[new]
    fn new(
        py: Python<'_>,
        kernel: Matrix<'_>,
        targets: Matrix<'_>,
        ridge: f64,
        relative: bool,
    ) -> PyResult<Self> {
        let (kernel, targets) = (matrix(&kernel), matrix(&targets));
        let new = move || SquaredLossDynamics::new(&kernel, &targets, regularizer(ridge, relative));
        Ok(Self(Arc::new(run(py, new)?)))
    }

    fn eigenvalues(&self) -> Vec<f64> {
        self.0.eigenvalues().to_vec()
    }

    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn ridge(&self) -> f64 {
        self.0.ridge()
    }

    fn max_learning_rate(&self, momentum: f64) -> f64 {
        self.0.max_learning_rate(momentum)
    }

    fn least_loss(&self, start: Matrix<'_>) -> PyResult<f64> {
        self.0.least_loss(&matrix(&start)).map_err(errors::ntk)
    }

    fn train<'py>(&self, py: Python<'py>, when: When, start: Matrix<'_>) -> Result2<'py> {
        let (dynamics, start) = (Arc::clone(&self.0), matrix(&start));
        from_matrix(py, run(py, move || dynamics.predict_train(schedule(when), &start))?)
    }

    fn fitted<'py>(&self, py: Python<'py>, when: When, start: Matrix<'_>) -> Result2<'py> {
        let (dynamics, start) = (Arc::clone(&self.0), matrix(&start));
        from_matrix(py, run(py, move || dynamics.fitted(schedule(when), &start))?)
    }

    fn test<'py>(
        &self,
        py: Python<'py>,
        when: When,
        kernel: Matrix<'_>,
        start: (Matrix<'_>, Matrix<'_>),
    ) -> Result2<'py> {
        let (dynamics, kernel) = (Arc::clone(&self.0), matrix(&kernel));
        let start = (matrix(&start.0), matrix(&start.1));
        let test = move || dynamics.predict_test(schedule(when), (&start.0, &start.1), &kernel);
        from_matrix(py, run(py, test)?)
    }

    fn ensemble<'py>(
        &self,
        py: Python<'py>,
        when: When,
        kernel: Matrix<'_>,
        prior: (Matrix<'_>, Matrix<'_>, Matrix<'_>),
    ) -> PyResult<Pair<'py>> {
        let (dynamics, kernel) = (Arc::clone(&self.0), matrix(&kernel));
        let [dd, td, tt] = [&prior.0, &prior.1, &prior.2].map(matrix);
        let ensemble = move || {
            let prior = Prior { dd: &dd, td: &td, tt: &tt };
            dynamics.ensemble(schedule(when), &kernel, prior)
        };
        gaussian(py, run(py, ensemble)?)
    }

    fn ensemble_on_training<'py>(
        &self,
        py: Python<'py>,
        when: When,
        prior: Matrix<'_>,
    ) -> PyResult<Pair<'py>> {
        let (dynamics, prior) = (Arc::clone(&self.0), matrix(&prior));
        gaussian(py, run(py, move || dynamics.ensemble_on_training(schedule(when), &prior))?)
    }
}

/// The posterior of a Gaussian process: mean and covariance.
#[pyfunction]
pub(crate) fn posterior<'py>(
    py: Python<'py>,
    prior: (Matrix<'_>, Matrix<'_>, Matrix<'_>),
    targets: Matrix<'_>,
    noise: f64,
    relative: bool,
) -> PyResult<Pair<'py>> {
    let [dd, td, tt] = [&prior.0, &prior.1, &prior.2].map(matrix);
    let targets = matrix(&targets);
    let posterior = move || {
        let prior = Prior { dd: &dd, td: &td, tt: &tt };
        gaussian_process::posterior(prior, &targets, regularizer(noise, relative))
    };
    gaussian(py, run(py, posterior)?)
}

/// `log p(y)` of a Gaussian process.
#[pyfunction]
pub(crate) fn log_evidence(
    py: Python<'_>,
    kernel: Matrix<'_>,
    targets: Matrix<'_>,
    noise: f64,
    relative: bool,
) -> PyResult<f64> {
    let (kernel, targets) = (matrix(&kernel), matrix(&targets));
    run(py, move || gaussian_process::log_evidence(&kernel, &targets, regularizer(noise, relative)))
}

/// Coefficients, leave-one-out errors, degrees of freedom.
type LeftOut<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>, f64);

/// A decomposed kernel with its targets.
#[pyclass(frozen, module = "overparam._core")]
pub(crate) struct KernelRidge(Arc<ridge::KernelRidge>);

#[pymethods]
impl KernelRidge {
    #[new]
    fn new(py: Python<'_>, kernel: Matrix<'_>, targets: Matrix<'_>) -> PyResult<Self> {
        let (kernel, targets) = (matrix(&kernel), matrix(&targets));
        Ok(Self(Arc::new(run(py, move || ridge::KernelRidge::new(&kernel, &targets))?)))
    }

    /// Coefficients, leave-one-out errors, degrees of freedom.
    fn fit<'py>(&self, py: Python<'py>, ridge: f64) -> PyResult<LeftOut<'py>> {
        let decomposed = Arc::clone(&self.0);
        let fit = run(py, move || decomposed.fit(ridge))?;
        let (coefficients, left_out): (DMatrix<f64>, DMatrix<f64>) = (fit.coefficients, fit.leave_one_out);
        Ok((from_matrix(py, coefficients)?, from_matrix(py, left_out)?, fit.degrees_of_freedom))
    }
}
