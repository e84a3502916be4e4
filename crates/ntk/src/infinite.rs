//! An infinitely wide network on some examples: its kernels, computed once, and what training does.

use std::sync::{Arc, Mutex, PoisonError};

use nalgebra::DMatrix;

use crate::NtkError;
use crate::architecture::Architecture;
use crate::data::Data;
use crate::inputs::Inputs;
use crate::kernel::{Kernel, Kernels};
use crate::predict::ensemble::{Gaussian, Prior};
use crate::predict::gaussian_process::posterior;
use crate::predict::squared::SquaredLossDynamics;
use crate::predict::{Regularizer, Schedule};

/// The infinite-width limit of an architecture, trained on some examples with squared loss `||f - y||^2 / (2 n c)`.
///
/// Kernels of the examples are computed and decomposed once; those with the last test inputs asked for are kept.
///
/// ```
/// use overparam_ntk::prelude::*;
///
/// let net = serial![dense(512).w_std(1.5).b_std(0.1), relu(), dense(1)];
/// let train = Data::from_rows(&[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]], &[[1.0], [0.0], [-1.0]])?;
/// let infinite = net.infinite(&train)?;
/// let fitted = infinite.mean(Schedule::CONVERGED, &Inputs::from_rows(&[[0.5, 0.5]]))?;
/// assert!(fitted[0] > 0.3 && fitted[0] < 0.7);
/// # Ok::<(), NtkError>(())
/// ```
#[derive(Debug)]
pub struct Infinite {
    kernel: Kernel<f64>,
    train: Data<f64>,
    own: Kernels<f64>,
    dynamics: SquaredLossDynamics,
    last: Mutex<Option<Arc<TestKernels>>>,
}

/// Kernels of test inputs.
#[derive(Debug)]
struct TestKernels {
    inputs: Inputs<f64>,
    /// With the training inputs, `m x n`.
    cross: Kernels<f64>,
    /// Covariance among themselves, `m x m`.
    own: DMatrix<f64>,
}

impl Architecture {
    /// The infinite-width limit of this network on some examples.
    ///
    /// # Errors
    /// As [`Kernel::new`], [`Kernel::both`]; [`NtkError::Linalg`] if the kernel cannot be decomposed.
    pub fn infinite(&self, train: &Data<f64>) -> Result<Infinite, NtkError> {
        Infinite::new(self, train, Regularizer::NONE)
    }
}

impl Infinite {
    /// The limit of `architecture`, with something added to the diagonal of the kernel that trains.
    ///
    /// # Errors
    /// As [`Architecture::infinite`].
    pub fn new(
        architecture: &Architecture,
        train: &Data<f64>,
        regularizer: Regularizer,
    ) -> Result<Self, NtkError> {
        let kernel = Kernel::new(architecture, train.inputs().shape())?;
        let own = kernel.both(train.inputs(), None)?;
        let dynamics = SquaredLossDynamics::new(&own.ntk, train.targets(), regularizer)?;
        Ok(Self { kernel, train: train.clone(), own, dynamics, last: Mutex::new(None) })
    }

    /// The kernels of the training inputs.
    pub fn kernels(&self) -> &Kernels<f64> {
        &self.own
    }

    /// What gradient descent does with the tangent kernel.
    pub fn dynamics(&self) -> &SquaredLossDynamics {
        &self.dynamics
    }

    /// Mean outputs on test inputs, `m x c`, over random initialisations: those of a network that starts at zero.
    ///
    /// # Errors
    /// [`NtkError::Input`] if the inputs do not fit, [`NtkError::Parameter`] if the schedule is out of range.
    pub fn mean(&self, schedule: Schedule, test: &Inputs<f64>) -> Result<DMatrix<f64>, NtkError> {
        let (n, c) = self.train.targets().shape();
        let zeros = (DMatrix::zeros(n, c), DMatrix::zeros(test.count(), c));
        self.mean_from(schedule, (&zeros.0, &zeros.1), test)
    }

    /// Outputs of one network that gives `start` before training, on the training inputs (`n x c`) and on the test inputs (`m x c`).
    ///
    /// # Errors
    /// As [`Self::mean`].
    pub fn mean_from(
        &self,
        schedule: Schedule,
        start: (&DMatrix<f64>, &DMatrix<f64>),
        test: &Inputs<f64>,
    ) -> Result<DMatrix<f64>, NtkError> {
        self.dynamics.predict_test(schedule, start, &self.kernels_of(test)?.cross.ntk)
    }

    /// Mean and covariance of the outputs on test inputs over random initialisations.
    ///
    /// # Errors
    /// As [`Self::mean`].
    pub fn predict(&self, schedule: Schedule, test: &Inputs<f64>) -> Result<Gaussian, NtkError> {
        let kernels = self.kernels_of(test)?;
        self.dynamics.ensemble(schedule, &kernels.cross.ntk, self.prior(&kernels))
    }

    /// The Bayesian posterior on test inputs, with noise on the targets.
    ///
    /// # Errors
    /// As [`Self::mean`]; [`NtkError::Linalg`] if the kernel with the noise is not positive definite.
    pub fn posterior(&self, noise: Regularizer, test: &Inputs<f64>) -> Result<Gaussian, NtkError> {
        let kernels = self.kernels_of(test)?;
        posterior(self.prior(&kernels), self.train.targets(), noise)
    }

    fn prior<'a>(&'a self, test: &'a TestKernels) -> Prior<'a> {
        Prior { dd: &self.own.nngp, td: &test.cross.nngp, tt: &test.own }
    }

    fn kernels_of(&self, test: &Inputs<f64>) -> Result<Arc<TestKernels>, NtkError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernels) = last.as_ref().filter(|kernels| kernels.inputs == *test) {
            return Ok(Arc::clone(kernels));
        }
        let cross = self.kernel.both(test, Some(self.train.inputs()))?;
        let own = self.kernel.nngp(test, None)?;
        let kernels = Arc::new(TestKernels { inputs: test.clone(), cross, own });
        *last = Some(Arc::clone(&kernels));
        Ok(kernels)
    }
}
