//! `predict`: what an infinitely wide network has learned after a time, in closed form.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};
use nalgebra::DMatrix;
use overparam_ntk::Kernel;
use overparam_ntk::predict::ensemble::{Gaussian, Prior};
use overparam_ntk::predict::squared::SquaredLossDynamics;
use overparam_ntk::predict::{Regularizer, Schedule};
use overparam_tensor::Array;

use crate::curve::{self, Curve};
use crate::evaluate::{Kind, Named, evaluate};
use crate::files::{
    Batch, Classes, Layout, Output, ReadFile, architecture, label, look_like_classes, matrix,
};
use crate::terminal::duration;

/// What to predict from which files.
#[derive(Args)]
pub struct PredictOptions {
    /// The architecture, .json or .toml; see docs/architectures.md
    #[arg(long, value_name = "FILE")]
    arch: PathBuf,
    /// Training inputs, .npy, .npz, .npz:NAME or .csv: n x features, or n x height x width x channels
    #[arg(long, value_name = "FILE")]
    train_x: PathBuf,
    /// Training targets: n x c, or n numbers
    #[arg(long, value_name = "FILE")]
    train_y: PathBuf,
    /// The targets are n whole numbers that name classes: an output for each class, 1 - 1/k at an example's own and -1/k
    /// elsewhere; the result has the arrays classes (k) and test_class (m x 1) too
    #[arg(long)]
    classes: bool,
    /// The order of the axes of images and sequences [default: nhwc]
    #[arg(long, value_enum)]
    layout: Option<Layout>,
    /// Test inputs, m of the same shape as the training inputs
    #[arg(long, value_name = "FILE")]
    test_x: PathBuf,
    /// Test targets, m x c, for the test loss
    #[arg(long, value_name = "FILE")]
    test_y: Option<PathBuf>,
    /// Time of training by gradient flow, a number >= 0 or inf
    #[arg(long, value_name = "T", default_value = "inf", value_parser = not_negative, allow_negative_numbers = true)]
    time: f64,
    /// Ridge R >= 0: R is added to the diagonal of the training kernel
    #[arg(long, value_name = "R", default_value = "0", value_parser = finite, allow_negative_numbers = true)]
    ridge: f64,
    /// Take R as a multiple of the mean of the diagonal, like neural-tangents' diag_reg
    #[arg(long, requires = "ridge")]
    relative_ridge: bool,
    /// Train all layers (ntk) or the last one alone (nngp)
    #[arg(long, value_enum, default_value_t = Trained::Ntk)]
    kind: Trained,
    /// Result, .npz, with arrays named train_mean (n x c), test_mean (m x c) and test_covariance (m x m)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Losses and test outputs over time, .csv
    #[arg(long, value_name = "FILE")]
    curve: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Trained {
    /// All layers
    Ntk,
    /// The last layer: with a ridge and for ever, the Bayesian posterior
    Nngp,
}

/// Predicts and writes the prediction.
pub(crate) fn predict(options: &PredictOptions) -> Result<ExitCode> {
    let start = Instant::now();
    let inputs = options.inputs();
    let output = Output::new("out", &options.out, "npz", &inputs)?;
    let curve_output =
        options.curve.as_deref().map(|path| Output::new("curve", path, "csv", &inputs)).transpose()?;
    let task = Task::read(options)?;
    let train_mean = task.train_mean(options.time)?;
    let test = task.test(options.time)?;
    let mut arrays = vec![
        ("train_mean", Array::from(&train_mean)),
        ("test_mean", Array::from(&test.mean)),
        ("test_covariance", Array::from(&test.covariance)),
    ];
    if let Some(classes) = &task.classes {
        let labels = classes.labels();
        arrays.push(("classes", Array::from_slice(&[labels.len()], labels)));
        arrays.push(("test_class", Array::from(&classes.chosen(&test.mean))));
    }
    output.write_arrays(&arrays)?;
    if let Some(output) = curve_output {
        let curve = Curve {
            times: curve::times(task.training.eigenvalues(), task.y.len(), options.time),
            task: &task,
        };
        output.write(|file| curve.write(file))?;
    }
    let mut losses = format!("train loss {:.6e}", curve::loss(&train_mean, &task.y));
    if let Some(y) = &task.test_y {
        losses += &format!(", test loss {:.6e}", curve::loss(&test.mean, y));
    }
    if let (Some(classes), Some(y)) = (&task.classes, &task.test_y) {
        let (chosen, right) = (classes.chosen(&test.mean), classes.chosen(y));
        let hits = chosen.iter().zip(&right).filter(|(chosen, right)| chosen == right).count();
        losses += &format!(", {hits} of {} test classes right", right.len());
    }
    let seconds = duration(start.elapsed().as_secs_f64());
    say!("{}: time {}, {losses}  ({seconds})", output.path().display(), options.time);
    let (rank, inputs) = (task.training.rank(), task.y.nrows());
    let least = task.training.least_loss(&DMatrix::zeros(inputs, task.y.ncols()))?;
    // What rounding leaves of targets that do not conflict.
    if rank < inputs && least > task.y.norm_squared() * f64::EPSILON {
        note!(
            "note: the training kernel is singular (rank {rank} of {inputs}) and the targets conflict, for example on repeated \
             inputs: the training loss cannot go below {least:.6e}"
        );
    }
    Ok(ExitCode::SUCCESS)
}

impl PredictOptions {
    /// Every file that is read.
    fn inputs(&self) -> Vec<ReadFile<'_>> {
        let mut inputs: Vec<ReadFile<'_>> = vec![
            ("arch", &self.arch),
            ("train-x", &self.train_x),
            ("train-y", &self.train_y),
            ("test-x", &self.test_x),
        ];
        inputs.extend(self.test_y.as_deref().map(|path| ("test-y", path)));
        inputs
    }
}

/// Everything that does not depend on the time.
pub(crate) struct Task {
    /// If the targets are labels.
    classes: Option<Classes>,
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
    fn read(options: &PredictOptions) -> Result<Self> {
        let network = architecture("arch", &options.arch)?;
        let train = Batch::<f64>::read("train-x", &options.train_x, options.layout)?;
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
        let kernel = Kernel::<f64>::new(&network, train.shape())
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
        let kind = if options.kind == Trained::Ntk { Kind::Both } else { Kind::Nngp };
        let (mut nngp_dd, ntk_dd) = split(evaluate(&kernel, kind, (&train, None), "training kernel")?);
        let (nngp_td, ntk_td) = split(evaluate(&kernel, kind, (&test, Some(&train)), "test kernel")?);
        let (nngp_tt, _) = split(evaluate(&kernel, Kind::Nngp, (&test, None), "test covariance")?);
        let learning = ntk_dd.as_ref().unwrap_or(&nngp_dd);
        let scale = if options.relative_ridge { learning.trace() / learning.nrows() as f64 } else { 1.0 };
        let ridge = options.ridge * scale;
        if !ridge.is_finite() {
            bail!(
                "--ridge {:e}: times the mean of the diagonal, {scale:e}, it is beyond the numbers of f64",
                options.ridge
            );
        }
        let training = SquaredLossDynamics::new(learning, &y, Regularizer::Absolute(ridge))?;
        if ntk_dd.is_none() {
            // The ridge of the Bayesian posterior is noise on the training outputs.
            (0..nngp_dd.nrows()).for_each(|i| nngp_dd[(i, i)] += ridge);
        }
        let cross = ntk_td.unwrap_or_else(|| nngp_td.clone());
        Ok(Self { classes, training, y, test_y, cross, nngp_dd, nngp_td, nngp_tt })
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

    fn test(&self, time: f64) -> Result<Gaussian> {
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
    path: &std::path::Path,
    inputs: &Batch<f64>,
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

fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| *x >= 0.0);
    number.ok_or_else(|| "expected a number >= 0, or inf".to_owned())
}

fn finite(text: &str) -> Result<f64, String> {
    let number = not_negative(text).ok().filter(|x| x.is_finite());
    number.ok_or_else(|| "expected a finite number >= 0".to_owned())
}
