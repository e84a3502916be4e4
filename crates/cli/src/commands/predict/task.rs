//! What is learned from what: examples, targets, and for kernels in memory everything that does not depend on the time.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use nalgebra::DMatrix;
use overparam_ntk::predict::ensemble::{Gaussian, Prior};
use overparam_ntk::predict::squared::SquaredLossDynamics;
use overparam_ntk::predict::{Regularizer, Schedule};
use overparam_ntk::{Architecture, Kernel};
use overparam_tensor::linalg::Real;

use super::{PredictOptions, Trained};
use crate::evaluate::{Kind, Named, evaluate};
use crate::files::{Batch, Classes, architecture, label, look_like_classes, matrix};

/// Inputs, targets, and the network.
pub(super) struct Examples<T: Real> {
    pub(super) network: Architecture,
    pub(super) kernel: Kernel<T>,
    pub(super) train: Batch<T>,
    pub(super) test: Batch<T>,
    /// If the targets are labels.
    pub(super) classes: Option<Classes>,
    pub(super) y: DMatrix<f64>,
    pub(super) test_y: Option<DMatrix<f64>>,
}

impl<T: Real> Examples<T> {
    /// Reads them, and says what was read.
    pub(super) fn read(options: &PredictOptions) -> Result<Self> {
        let network = architecture("arch", &options.arch)?;
        let train = Batch::<T>::read("train-x", &options.train_x, options.layout)?;
        train.refuse_flat_images(&network)?;
        let mut y = targets("train-y", &options.train_y, &train, None)?;
        let test = Batch::read("test-x", &options.test_x, options.layout)?;
        test.expect_shape_of(&train)?;
        let mut test_y =
            options.test_y.as_ref().map(|path| targets("test-y", path, &test, Some(&y))).transpose()?;
        let few = look_like_classes(&y);
        let label = label("train-y", &options.train_y);
        let classes = options.classes.then(|| Classes::of(&label, &y)).transpose()?;
        if let Some(classes) = &classes {
            y = classes.centred(&label, &y)?;
            test_y = test_y.map(|labels| classes.centred("--test-y", &labels)).transpose()?;
        }
        let kernel = Kernel::<T>::new(&network, train.shape())
            .map_err(|e| anyhow!("--arch {}: {e}", options.arch.display()))?;
        [&train, &test].into_iter().for_each(Batch::tell);
        match (&classes, few) {
            (Some(classes), _) => note!("{label}: {} classes", classes.labels().len()),
            (None, Some(few)) => note!(
                "warning: {label}: {few} whole numbers over and over look like labels of classes, and are taken as targets: \
                 --classes makes an output of each"
            ),
            (None, None) => {}
        }
        Ok(Self { network, kernel, train, test, classes, y, test_y })
    }
}

/// A ridge that was `given`, as a number; `diagonal` is the mean of the training kernel's diagonal.
pub(super) fn ridge(options: &PredictOptions, given: f64, diagonal: f64) -> Result<f64> {
    let scale = if options.relative_ridge { diagonal } else { 1.0 };
    let ridge = given * scale;
    if !ridge.is_finite() {
        bail!(
            "--ridge {given:e}: times the mean of the diagonal, {scale:e}, it is beyond the numbers of f64"
        );
    }
    Ok(ridge)
}

/// Everything that does not depend on the time.
pub(crate) struct Task {
    /// If the targets are labels.
    pub(super) classes: Option<Classes>,
    /// As a number.
    pub(super) ridge: f64,
    pub(crate) training: SquaredLossDynamics,
    pub(crate) y: DMatrix<f64>,
    pub(crate) test_y: Option<DMatrix<f64>>,
    /// The kernel that learns, test against training inputs.
    cross: DMatrix<f64>,
    nngp_dd: DMatrix<f64>,
    nngp_td: DMatrix<f64>,
    nngp_tt: DMatrix<f64>,
}

impl Task {
    pub(super) fn of(examples: Examples<f64>, options: &PredictOptions) -> Result<Self> {
        let Examples { kernel, train, test, classes, y, test_y, .. } = examples;
        let kind = if options.kind == Trained::Ntk { Kind::Both } else { Kind::Nngp };
        let (mut nngp_dd, ntk_dd) = split(evaluate(&kernel, kind, (&train, None), "training kernel")?);
        let (nngp_td, ntk_td) = split(evaluate(&kernel, kind, (&test, Some(&train)), "test kernel")?);
        let (nngp_tt, _) = split(evaluate(&kernel, Kind::Nngp, (&test, None), "test covariance")?);
        let learning = ntk_dd.as_ref().unwrap_or(&nngp_dd);
        let ridge = ridge(options, options.ridge, learning.trace() / learning.nrows() as f64)?;
        let training = SquaredLossDynamics::new(learning, &y, Regularizer::Absolute(ridge))?;
        if ntk_dd.is_none() {
            // The ridge of the Bayesian posterior is noise on the training outputs.
            (0..nngp_dd.nrows()).for_each(|i| nngp_dd[(i, i)] += ridge);
        }
        let cross = ntk_td.unwrap_or_else(|| nngp_td.clone());
        Ok(Self { classes, ridge, training, y, test_y, cross, nngp_dd, nngp_td, nngp_tt })
    }

    /// Mean on the training inputs.
    pub(crate) fn train_mean(&self, time: f64) -> Result<DMatrix<f64>> {
        let zero = DMatrix::zeros(self.y.nrows(), self.y.ncols());
        Ok(self.training.fitted(Schedule::flow(time), &zero)?)
    }

    /// Mean on the test inputs.
    pub(crate) fn test_mean(&self, time: f64) -> Result<DMatrix<f64>> {
        let zero = |n: usize| DMatrix::zeros(n, self.y.ncols());
        let start = (&zero(self.y.nrows()), &zero(self.cross.nrows()));
        Ok(self.training.predict_test(Schedule::flow(time), start, &self.cross)?)
    }

    pub(super) fn test(&self, time: f64) -> Result<Gaussian> {
        let prior = Prior { dd: &self.nngp_dd, td: &self.nngp_td, tt: &self.nngp_tt };
        Ok(self.training.ensemble(Schedule::flow(time), &self.cross, prior)?)
    }
}

fn split(kernels: Named<f64>) -> (DMatrix<f64>, Option<DMatrix<f64>>) {
    let mut kernels = kernels.into_iter().map(|(_, kernel)| kernel);
    (kernels.next().unwrap_or_default(), kernels.next())
}

/// Targets of `inputs`, of as many outputs as `other`.
fn targets(
    option: &str,
    path: &Path,
    inputs: &Batch<impl Real>,
    other: Option<&DMatrix<f64>>,
) -> Result<DMatrix<f64>> {
    let y = matrix(option, path)?;
    let (rows, columns) = (inputs.count(), other.map_or(y.ncols(), DMatrix::ncols));
    if y.shape() != (rows, columns) {
        let (n, c) = y.shape();
        let whose = if other.is_some() { " and the training targets" } else { "" };
        bail!(
            "--{option} {}: expected {rows} x {columns} numbers for {}{whose}, got {n} x {c}",
            path.display(),
            inputs.label(),
        );
    }
    Ok(y)
}
