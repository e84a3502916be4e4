//! `predict`: what an infinitely wide network has learned after a time, in closed form.

mod effect;
mod large;
mod launch;
mod outcome;
mod rich;
mod solve;
mod stored;
mod task;
mod watched;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use nalgebra::DMatrix;
use overparam_tensor::Array;

use crate::curve::{self, Curve};
use crate::files::{Layout, Output, ReadFile};
use crate::options::{JobOptions, Launcher, pool};
use crate::progress::event;
use large::LargeOptions;
use outcome::Losses;
use rich::RichOptions;
use task::Examples;
pub(crate) use task::Task;

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
    #[arg(long, value_name = "R", default_value = "0", value_parser = finite, allow_negative_numbers = true, group = "some_ridge")]
    ridge: f64,
    /// Take R as a multiple of the mean of the diagonal, like neural-tangents' diag_reg
    #[arg(long, requires = "some_ridge")]
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
    /// Threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON object per line on standard output instead of sentences
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rich: RichOptions,
    #[command(flatten)]
    large: LargeOptions,
    /// Submit the work as a job, which waits for the tiles of --kernel if the `kernel` command has submitted them; files are
    /// shared by the nodes
    #[arg(long, value_enum, help_heading = "Many machines")]
    launcher: Option<Launcher>,
    /// The time limit of the job, for example 2:00:00
    #[arg(long, value_name = "T", requires = "launcher", help_heading = "Many machines")]
    time_limit: Option<String>,
    #[command(flatten)]
    job: JobOptions,
    /// Print the script instead of submitting it
    #[arg(long, requires = "launcher", help_heading = "Many machines")]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Trained {
    /// All layers
    Ntk,
    /// The last layer: with a ridge and for ever, the Bayesian posterior
    Nngp,
}

/// Predicts and writes the prediction, or has a job do it.
pub(crate) fn predict(options: &PredictOptions) -> Result<ExitCode> {
    ensure!(
        !(options.rich.are_wanted() && options.large.are_wanted()),
        "--richness moves units on all inputs at once, and cannot be combined with kernels larger than memory"
    );
    if options.launcher.is_some() {
        return launch::launch(options);
    }
    match options.threads {
        Some(_) => pool(options.threads)?.install(|| compute(options)),
        None => compute(options),
    }
}

fn compute(options: &PredictOptions) -> Result<ExitCode> {
    if options.large.are_wanted() {
        return large::predict(options);
    }
    let start = Instant::now();
    let inputs = options.inputs();
    let output = Output::new("out", &options.out, "npz", &inputs)?;
    let curve_output =
        options.curve.as_deref().map(|path| Output::new("curve", path, "csv", &inputs)).transpose()?;
    let examples = Examples::read(options)?;
    let rich = options.rich.read(options, &examples)?;
    let task = Task::of(examples, options)?;
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
    let rich = rich.map(|rich| rich.solve(&task, [&train_mean, &test.mean])).transpose()?;
    arrays.extend(rich.iter().flat_map(rich::RichAnswer::arrays));
    output.write_arrays(&arrays)?;
    if let Some(output) = curve_output {
        let curve = Curve {
            times: curve::times(task.training.eigenvalues(), task.y.len(), options.time),
            task: &task,
        };
        output.write(|file| curve.write(file))?;
    }
    let targets = (&task.y, task.test_y.as_ref());
    let losses = Losses::of((&train_mean, &test.mean), targets, task.classes.as_ref());
    outcome::tell(options, task.ridge, &losses, None, start.elapsed().as_secs_f64());
    if let Some(rich) = &rich {
        let effect = rich.effect(&task);
        if options.json {
            event(&effect.event());
        } else {
            say!("{}", effect.sentence());
        }
    }
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

fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| *x >= 0.0);
    number.ok_or_else(|| "expected a number >= 0, or inf".to_owned())
}

fn finite(text: &str) -> Result<f64, String> {
    let number = not_negative(text).ok().filter(|x| x.is_finite());
    number.ok_or_else(|| "expected a finite number >= 0".to_owned())
}
