//! Exact regression with kernels larger than memory: a factor or conjugate gradients, from a stored kernel or one that is computed again
//! whenever it is needed. The test kernel streams.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use nalgebra::DMatrix;
use overparam_jobs::tiles::{self, Element, Precision, TileStore};
use overparam_ntk::Kernel;
use overparam_solve::{BlockFn, Blocks, CrossFn, SolveError};
use overparam_tensor::Array;
use overparam_tensor::linalg::Real;

use super::outcome::{self, Losses};
use super::solve::{Method, solve};
use super::stored::{Refined, StoredKernel};
use super::task::Examples;
use super::watched::{stopped_or, watched};
use super::{PredictOptions, Trained, finite};
use crate::files::{Batch, Output};
use crate::interrupt::{Kept, watch_for_stop};
use crate::options::bytes;

const HEADING: &str = "Kernels larger than memory (time inf, mean only)";

/// How to solve without a kernel in memory.
#[derive(Args)]
pub(super) struct LargeOptions {
    /// The kernel of the training inputs, as `kernel --x1 TRAIN_X --out K.zarr` has stored it
    #[arg(long, value_name = "K.zarr", help_heading = HEADING)]
    pub(super) kernel: Option<PathBuf>,
    /// How to solve the linear system [default: direct with --kernel; else all eigenvalues, in memory]
    #[arg(long, value_enum, help_heading = HEADING)]
    pub(super) method: Option<Method>,
    /// Largest relative residual of the solution, which is recomputed in double precision; between 0 and 1 [default: 1e-6]
    #[arg(long, value_name = "R", value_parser = tolerance, help_heading = HEADING)]
    pub(super) tolerance: Option<f64>,
    /// Which kernel the solution is refined against [default: inputs for tiles in single precision, of vectors, with --method direct; else
    /// tiles]
    #[arg(long, value_enum, requires = "kernel", help_heading = HEADING)]
    pub(super) refine: Option<Refine>,
    /// Memory for the factor and for tiles that are kept, for example 8G [default: 4G]
    #[arg(long, value_name = "BYTES", value_parser = bytes, help_heading = HEADING)]
    pub(super) memory: Option<u64>,
    /// Folder for a factor that does not fit into --memory, or for the state of conjugate gradients; the same command goes on from there
    #[arg(long, value_name = "DIR", help_heading = HEADING)]
    pub(super) scratch: Option<PathBuf>,
    /// Predict every training input without its own example, from the factor: the result has the array leave_one_out (n x c) too
    #[arg(long, help_heading = HEADING)]
    pub(super) leave_one_out: bool,
    /// Try each of these ridges and take the one with the least leave-one-out loss, for example 1e-3,1e-2,1e-1: a factor each; the result
    /// has the arrays leave_one_out, ridges and leave_one_out_loss too
    #[arg(long, value_name = "R,R,...", value_parser = finite, value_delimiter = ',', group = "some_ridge",
        allow_negative_numbers = true, help_heading = HEADING)]
    pub(super) ridge_path: Vec<f64>,
}

/// Where residuals come from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Refine {
    /// The kernel is computed again from the inputs in double precision for every refinement, usually two: the rounding of stored tiles
    /// does not matter
    Inputs,
    /// The stored tiles are read again: what is solved is the system of their rounded entries
    Tiles,
}

impl LargeOptions {
    /// Whether the kernel is not to be held in memory.
    pub(super) fn are_wanted(&self) -> bool {
        self.kernel.is_some()
            || self.method.is_some()
            || self.tolerance.is_some()
            || self.memory.is_some()
            || self.scratch.is_some()
            || self.leave_one_out
            || !self.ridge_path.is_empty()
    }

    pub(super) fn method(&self) -> Method {
        self.method.unwrap_or(Method::Direct)
    }

    pub(super) fn memory(&self) -> u64 {
        self.memory.unwrap_or(4 << 30)
    }
}

/// Refuses what needs the eigenvalues of the kernel, or a factor where there is none.
pub(super) fn check(options: &PredictOptions) -> Result<()> {
    ensure!(
        options.time.is_infinite(),
        "--time {}: without the eigenvalues of the kernel there is no other time than inf",
        options.time
    );
    ensure!(
        options.curve.is_none(),
        "--curve: without the eigenvalues of the kernel there is no curve over time"
    );
    let large = &options.large;
    if large.method() == Method::Cg && (large.leave_one_out || !large.ridge_path.is_empty()) {
        let option = if large.leave_one_out { "leave-one-out" } else { "ridge-path" };
        bail!(
            "--{option}: leaving an example out needs a factor, and conjugate gradients have none; expected --method direct"
        );
    }
    ensure!(
        large.method() == Method::Direct || large.refine != Some(Refine::Inputs),
        "--refine inputs: conjugate gradients would compute the kernel again in every iteration; expected --method direct, \
         or --refine tiles"
    );
    Ok(())
}

/// Solves, predicts and writes the prediction.
pub(super) fn predict(options: &PredictOptions) -> Result<ExitCode> {
    check(options)?;
    let Some(path) = &options.large.kernel else { return run::<f64, f64>(options, None) };
    let spec = TileStore::open(path)?.spec().clone();
    let refine = options.large.refine.unwrap_or_else(|| match options.large.method() {
        // Of images every refinement would cost as much as all of the tiles; vectors cost less than the factor.
        Method::Direct if spec.x1.shape.len() == 2 => Refine::Inputs,
        _ => Refine::Tiles,
    });
    if spec.precision == Precision::F64 && options.large.refine == Some(Refine::Inputs) {
        note!(
            "note: --refine inputs: the tiles of {} are in double precision, and are read again instead",
            path.display()
        );
    }
    match (spec.precision, refine) {
        (Precision::F32, Refine::Inputs) => run::<f32, f64>(options, Some(refine)),
        (Precision::F32, Refine::Tiles) => run::<f32, f32>(options, Some(refine)),
        // The tiles have all the digits that there are.
        (Precision::F64, _) => run::<f64, f64>(options, Some(Refine::Tiles)),
    }
}

/// With tiles of `T`, and what is computed here in `C`.
fn run<T: Real + Element, C: Real>(options: &PredictOptions, refine: Option<Refine>) -> Result<ExitCode> {
    let start = Instant::now();
    let output = Output::new("out", &options.out, "npz", &options.inputs())?;
    let examples = Examples::<C>::read(options)?;
    let large = &options.large;
    if let Some(folder) = &large.scratch {
        std::fs::create_dir_all(folder).with_context(|| format!("--scratch {}", folder.display()))?;
    }
    let stored = match &large.kernel {
        Some(path) => Some(StoredKernel::<T>::open(path, kind(options), &examples, large.memory() / 8)?),
        None => None,
    };
    let recomputed = BlockFn::new(examples.train.count(), |rows, columns| {
        // On the diagonal an input meets itself.
        let second = (rows != columns).then_some(&examples.train);
        block(&examples, options, (&examples.train, rows), (second, columns))
    })
    .parallel();
    let refined: Refined<'_, T>;
    let kernel: &dyn Blocks = match stored {
        Some(tiles) if refine == Some(Refine::Inputs) => {
            refined = Refined { tiles, again: &recomputed };
            &refined
        }
        Some(ref tiles) => tiles,
        None => &recomputed,
    };
    let stop = watch_for_stop()?;
    let kept = if large.scratch.is_some() { Kept::Work } else { Kept::NothingWithout("--scratch") };
    let found = match watched(&stop, |progress| solve(options, kernel, &examples.y, progress)) {
        Ok(found) => found,
        Err(error) => return stopped_or(error, kept, options.json),
    };
    let coefficients = &found.solution.coefficients;
    let cross = CrossFn::new(examples.test.count(), examples.train.count(), |rows, columns| {
        block(&examples, options, (&examples.test, rows), (Some(&examples.train), columns))
    });
    let outputs = watched(&stop, |progress| Ok(overparam_solve::predict(&cross, coefficients, progress)?));
    let test_mean = match outputs {
        Ok(outputs) => outputs,
        // A factor has done its work by now, and is gone.
        Err(error) => {
            let kept = if large.method() == Method::Cg { kept } else { Kept::Nothing };
            return stopped_or(error, kept, options.json);
        }
    };
    // (K + ridge) x = y.
    let train_mean = &examples.y - coefficients * found.ridge;
    let mut arrays = vec![
        ("train_mean", Array::from(&train_mean)),
        ("test_mean", Array::from(&test_mean)),
        ("coefficients", Array::from(coefficients)),
    ];
    if let Some(classes) = &examples.classes {
        let labels = classes.labels();
        arrays.push(("classes", Array::from_slice(&[labels.len()], labels)));
        arrays.push(("test_class", Array::from(&classes.chosen(&test_mean))));
    }
    if let Some(left) = &found.leave_one_out {
        arrays.push(("leave_one_out", Array::from(&(&examples.y - &left.residuals))));
    }
    if !found.path.is_empty() {
        let ridges: Vec<f64> = found.path.iter().map(|tried| tried.ridge).collect();
        let losses: Vec<f64> =
            found.path.iter().map(|tried| *tried.loss.as_ref().unwrap_or(&f64::NAN)).collect();
        arrays.push(("ridges", Array::from_slice(&[ridges.len()], &ridges)));
        arrays.push(("leave_one_out_loss", Array::from_slice(&[losses.len()], &losses)));
    }
    output.write_arrays(&arrays)?;
    let (targets, classes) = ((&examples.y, examples.test_y.as_ref()), examples.classes.as_ref());
    let losses =
        Losses::of((&train_mean, &test_mean), targets, classes).leaving_out(&found, &examples.y, classes);
    outcome::tell(options, found.ridge, &losses, Some((&found, refine)), start.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn kind(options: &PredictOptions) -> tiles::Kind {
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

fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&x: &f64| x > 0.0 && x < 1.0);
    number.ok_or_else(|| "expected a number between 0 and 1, for example 1e-6".to_owned())
}
