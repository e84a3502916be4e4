//! Mean and covariance of trained networks over random initialisations.
//!
//! At initialisation outputs are a Gaussian process of covariance `K` (NNGP). Training is affine in them, so at any time
//! outputs are Gaussian (Lee et al. 2019, equations 13 and 14); with `A = Theta_td Theta^-1 (1 - rho(Theta))`
//!
#![doc = overparam_formula::formula!(
    "mean = A y,"
    "cov  = K_tt + A K_dd A^T - (A K_dt + K_td A^T)."
)]
//!
//! With `Theta = K` only the last layer is trained.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{matmul, transposed};

use super::squared::SquaredLossDynamics;
use super::{Schedule, expect, finite};
use crate::NtkError;

/// Mean (`m x c`) and covariance (`m x m`, the same for each output).
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// Mean outputs.
    pub mean: DMatrix<f64>,
    /// Covariance between inputs.
    pub covariance: DMatrix<f64>,
}

/// The NNGP kernels between training (`d`) and test (`t`) inputs.
#[derive(Debug, Clone, Copy)]
pub struct Prior<'a> {
    /// `n x n`.
    pub dd: &'a DMatrix<f64>,
    /// `m x n`.
    pub td: &'a DMatrix<f64>,
    /// `m x m`.
    pub tt: &'a DMatrix<f64>,
}

impl SquaredLossDynamics {
    /// The law of outputs on test inputs; `kernel` is the training kernel's continuation to them, `m x n`.
    ///
    /// # Errors
    /// [`NtkError::Input`] if shapes differ or a result is beyond the numbers of f64, [`NtkError::Parameter`] if the schedule is out
    /// of range.
    pub fn ensemble(
        &self,
        schedule: Schedule,
        kernel: &DMatrix<f64>,
        prior: Prior<'_>,
    ) -> Result<Gaussian, NtkError> {
        let schedule = schedule.check()?;
        let (n, m) = (self.targets().nrows(), kernel.nrows());
        expect("test kernel", kernel, m, n)?;
        expect("prior covariance of training outputs", prior.dd, n, n)?;
        expect("prior covariance of test with training outputs", prior.td, m, n)?;
        expect("prior covariance of test outputs", prior.tt, m, m)?;
        let map = self.dual(schedule, &kernel.transpose()).transpose();
        let cross = matmul(&map, transposed(prior.td));
        let covariance =
            prior.tt + matmul(&matmul(&map, prior.dd), transposed(&map)) - &cross - cross.transpose();
        Ok(Gaussian {
            mean: finite("predicted mean", matmul(&map, self.targets()))?,
            covariance: finite("predicted covariance", symmetric(&covariance))?,
        })
    }

    /// The law of outputs on the training inputs, `cov = rho(Theta) K_dd rho(Theta)`.
    ///
    /// # Errors
    /// As [`Self::ensemble`].
    pub fn ensemble_on_training(
        &self,
        schedule: Schedule,
        prior: &DMatrix<f64>,
    ) -> Result<Gaussian, NtkError> {
        let schedule = schedule.check()?;
        let n = self.targets().nrows();
        expect("prior covariance of training outputs", prior, n, n)?;
        let half = prior - self.learned(schedule, prior);
        let half = half.transpose();
        let covariance = &half - self.learned(schedule, &half);
        Ok(Gaussian {
            mean: finite("predicted mean", self.learned(schedule, self.targets()))?,
            covariance: finite("predicted covariance", symmetric(&covariance))?,
        })
    }
}

/// A covariance is symmetric but for rounding; its mean with its transpose is symmetric to the bit.
pub(super) fn symmetric(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    (covariance + covariance.transpose()) / 2.0
}
