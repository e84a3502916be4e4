//! Exact regression with kernels larger than memory: a factor or conjugate gradients, from a stored kernel or one that is computed again
//! whenever it is needed. The test kernel streams.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, ValueEnum};
use nalgebra::DMatrix;
use overparam_jobs::tiles::{self, Element, Precision, TileStore};
use overparam_ntk::Kernel;
use overparam_solve::{
    Accuracy, BlockFn, Blocks, CgOptions, CrossFn, DirectOptions, FactorOptions, Progress, Report, Solution,
    SolveError, Stage, cg, direct,
};
use overparam_tensor::Array;
use overparam_tensor::linalg::Real;

use super::stored::StoredKernel;
use super::task::{self, Examples};
use super::{PredictOptions, Trained, hits};
use crate::commands::kernel::bytes;
use crate::curve;
use crate::files::{Batch, Output};
use crate::interrupt::watch_for_stop;
use crate::meter::Meter;
use crate::terminal::duration;

const HEADING: &str = "Kernels larger than memory (time inf, mean only)";

/// How to solve without a kernel in memory.
#[derive(Args)]
pub(super) struct LargeOptions {
    /// The kernel of the training inputs, as `kernel --x1 TRAIN_X --out K.zarr` has stored it
    #[arg(long, value_name = "K.zarr", help_heading = HEADING)]
    kernel: Option<PathBuf>,
    /// How to solve the linear system [default: direct with --kernel; else all eigenvalues, in memory]
    #[arg(long, value_enum, help_heading = HEADING)]
    method: Option<Method>,
    /// Largest relative residual of the solution, which is recomputed in double precision; between 0 and 1 [default: 1e-6]
    #[arg(long, value_name = "R", value_parser = tolerance, help_heading = HEADING)]
    tolerance: Option<f64>,
    /// Memory for the factor and for tiles that are kept, for example 8G [default: 4G]
    #[arg(long, value_name = "BYTES", value_parser = bytes, help_heading = HEADING)]
    memory: Option<u64>,
    /// Folder for a factor that does not fit into --memory, or for the state of conjugate gradients; the same command goes on from there
    #[arg(long, value_name = "DIR", help_heading = HEADING)]
    scratch: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// A factor in single precision, on disk if it must be, refined in double precision
    Direct,
    /// Preconditioned conjugate gradients: no more than vectors in memory
    Cg,
}

impl LargeOptions {
    /// Whether the kernel is not to be held in memory.
    pub(super) fn are_wanted(&self) -> bool {
        self.kernel.is_some()
            || self.method.is_some()
            || self.tolerance.is_some()
            || self.memory.is_some()
            || self.scratch.is_some()
    }

    fn method(&self) -> Method {
        self.method.unwrap_or(Method::Direct)
    }

    fn memory(&self) -> u64 {
        self.memory.unwrap_or(4 << 30)
    }
}

/// Solves, predicts and writes the prediction.
pub(super) fn predict(options: &PredictOptions) -> Result<ExitCode> {
    ensure!(
        options.time.is_infinite(),
        "--time {}: without the eigenvalues of the kernel there is no other time than inf",
        options.time
    );
    ensure!(
        options.curve.is_none(),
        "--curve: without the eigenvalues of the kernel there is no curve over time"
    );
    let precision = match &options.large.kernel {
        Some(path) => TileStore::open(path)?.spec().precision,
        None => Precision::F64,
    };
    match precision {
        Precision::F32 => run::<f32>(options),
        Precision::F64 => run::<f64>(options),
    }
}

fn run<T: Real + Element>(options: &PredictOptions) -> Result<ExitCode> {
    let start = Instant::now();
    let output = Output::new("out", &options.out, "npz", &options.inputs())?;
    let examples = Examples::<T>::read(options)?;
    let large = &options.large;
    if let Some(folder) = &large.scratch {
        std::fs::create_dir_all(folder).with_context(|| format!("--scratch {}", folder.display()))?;
    }
    let stored = match &large.kernel {
        Some(path) => Some(StoredKernel::open(path, kind(options), &examples, large.memory() / 8)?),
        None => None,
    };
    let recomputed = BlockFn::new(examples.train.count(), |rows, columns| {
        // On the diagonal an input meets itself.
        let second = (rows != columns).then_some(&examples.train);
        block(&examples, options, (&examples.train, rows), (second, columns))
    })
    .parallel();
    let kernel: &dyn Blocks = match &stored {
        Some(stored) => stored,
        None => &recomputed,
    };
    let stop = watch_for_stop()?;
    let (solution, ridge) = match watched(&stop, |progress| solve(options, kernel, &examples.y, progress)) {
        Ok(found) => found,
        Err(error) => return stopped_or(error, large.scratch.is_some()),
    };
    let cross = CrossFn::new(examples.test.count(), examples.train.count(), |rows, columns| {
        block(&examples, options, (&examples.test, rows), (Some(&examples.train), columns))
    });
    let outputs =
        watched(&stop, |progress| Ok(overparam_solve::predict(&cross, &solution.coefficients, progress)?));
    let test_mean = match outputs {
        Ok(outputs) => outputs,
        Err(error) => return stopped_or(error, false),
    };
    // (K + ridge) x = y.
    let train_mean = &examples.y - &solution.coefficients * ridge;
    let mut arrays = vec![
        ("train_mean", Array::from(&train_mean)),
        ("test_mean", Array::from(&test_mean)),
        ("coefficients", Array::from(&solution.coefficients)),
    ];
    if let Some(classes) = &examples.classes {
        let labels = classes.labels();
        arrays.push(("classes", Array::from_slice(&[labels.len()], labels)));
        arrays.push(("test_class", Array::from(&classes.chosen(&test_mean))));
    }
    output.write_arrays(&arrays)?;
    let mut losses = format!("train loss {:.6e}", curve::loss(&train_mean, &examples.y));
    if let Some(y) = &examples.test_y {
        losses += &format!(", test loss {:.6e}", curve::loss(&test_mean, y));
    }
    losses += &hits(examples.classes.as_ref(), &test_mean, examples.test_y.as_ref());
    let seconds = duration(start.elapsed().as_secs_f64());
    say!("{}: {losses}  ({seconds})", output.path().display());
    say!("  {}", evidence(&solution.report));
    Ok(ExitCode::SUCCESS)
}

/// Coefficients, and the ridge as a number.
fn solve(
    options: &PredictOptions,
    kernel: &dyn Blocks,
    y: &DMatrix<f64>,
    progress: &Progress,
) -> Result<(Solution, f64)> {
    let large = &options.large;
    let mean = if options.relative_ridge { kernel.diagonal()?.mean() } else { 1.0 };
    let ridge = task::ridge(options, mean)?;
    let accuracy = Accuracy { tolerance: large.tolerance.unwrap_or(1e-6), ..Accuracy::default() };
    let solution = match large.method() {
        Method::Direct => {
            // What is kept of the store has an eighth of the memory.
            let memory = large.memory() - large.memory() / 8;
            let (scratch, checkpoint) = (large.scratch.clone(), large.scratch.is_some());
            let factor = FactorOptions { ridge, memory, scratch, checkpoint, ..FactorOptions::default() };
            direct(kernel, y, &DirectOptions { factor, accuracy }, progress)?
        }
        Method::Cg => {
            let state = large.scratch.as_ref().map(|folder| folder.join("conjugate-gradients.state"));
            cg(kernel, y, &CgOptions { ridge, accuracy, state, ..CgOptions::default() }, progress)?
        }
    };
    Ok((solution, ridge))
}

fn kind(options: &PredictOptions) -> tiles::Kind {
    if options.kind == Trained::Ntk { tiles::Kind::Ntk } else { tiles::Kind::Nngp }
}

/// A block of the kernel that learns, between some rows of a batch and some of another or themselves.
fn block<T: Real>(
    examples: &Examples<T>,
    options: &PredictOptions,
    (first, rows): (&Batch<T>, std::ops::Range<usize>),
    (second, columns): (Option<&Batch<T>>, std::ops::Range<usize>),
) -> Result<DMatrix<f64>, SolveError> {
    let compute = || -> Result<DMatrix<T>> {
        let x1 = first.inputs(rows.clone())?;
        let x2 = second.map(|batch| batch.inputs(columns.clone())).transpose()?;
        let of = match options.kind {
            Trained::Ntk => Kernel::ntk,
            Trained::Nngp => Kernel::nngp,
        };
        let found = of(&examples.kernel, &x1, x2.as_ref());
        found.map_err(|e| anyhow!("{}: {e}", first.label()))
    };
    let found = compute().map_err(|reason| SolveError::Kernel {
        rows: rows.clone(),
        columns: columns.clone(),
        reason: reason.into(),
    })?;
    Ok(found.map(Real::f64))
}

/// Runs work beside a thread that shows how far it is and passes on a wish to stop.
fn watched<R: Send>(stop: &Arc<AtomicBool>, work: impl FnOnce(&Progress) -> Result<R> + Send) -> Result<R> {
    const UNITS: usize = 1000;
    let (progress, ended) = (Progress::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stage, mut meter, mut shown) = (Stage::Waiting, None, 0);
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
                if stop.load(Ordering::Relaxed) {
                    progress.stop();
                }
                if progress.stage() != stage {
                    stage = progress.stage();
                    (meter, shown) = (Some(Meter::new(name(stage), UNITS)), 0);
                }
                let now = (progress.fraction() * UNITS as f64) as usize;
                if let (Some(meter), true) = (&mut meter, now > shown) {
                    meter.advance(now - shown);
                    shown = now;
                }
            }
        });
        let result = work(&progress);
        ended.store(true, Ordering::Relaxed);
        result
    })
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::Factoring => "factor",
        Stage::Preconditioning => "preconditioner",
        Stage::Iterating => "solution",
        Stage::LeavingOut => "leaving one out",
        Stage::Predicting => "test outputs",
    }
}

/// Status 130 after a wish to stop; any other error as it is.
fn stopped_or(error: anyhow::Error, kept: bool) -> Result<ExitCode> {
    if !matches!(error.downcast_ref(), Some(SolveError::Stopped)) {
        return Err(error);
    }
    let next = if kept {
        "The same command goes on from what is in --scratch."
    } else {
        "Nothing of it is kept; with --scratch the same command would go on."
    };
    note!("stopped. {next}");
    Ok(ExitCode::from(130))
}

/// In a sentence, what is known of the solution.
fn evidence(report: &Report) -> String {
    let (column, worst) = report.worst().unwrap_or((0, 0.0));
    let mut text = format!(
        "relative residual {worst:.1e} at most (output {column}; {:.0e} was asked for), recomputed in f64; {} refinements, {} iterations of \
         conjugate gradients",
        report.tolerance, report.refinements, report.iterations
    );
    if report.resumed > 0 {
        text += &format!("; {} columns or iterations were there already", report.resumed);
    }
    if let Some(breakdown) = report.breakdown {
        text += &format!(
            "; input {} nearly repeats an earlier one: the factor's diagonal was raised by {:.0e}, the residual is that of the kernel itself",
            breakdown.row, breakdown.shift
        );
    }
    text
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&x: &f64| x > 0.0 && x < 1.0);
    number.ok_or_else(|| "expected a number between 0 and 1, for example 1e-6".to_owned())
}
