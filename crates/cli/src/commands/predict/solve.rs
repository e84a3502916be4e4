//! Coefficients of a kernel that is not in memory: for one ridge, or for the best of several by leaving every example out.

use anyhow::{Result, bail};
use clap::ValueEnum;
use nalgebra::DMatrix;
use overparam_solve::{
    Accuracy, Blocks, CgOptions, DirectOptions, FactorOptions, LeaveOneOut, PathPoint, Progress, Solution,
    SolveError, cg, direct, ridge_path,
};

use super::PredictOptions;
use super::task;
use crate::curve;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Method {
    /// A factor in single precision, on disk if it must be, refined in double precision
    Direct,
    /// Preconditioned conjugate gradients: no more than vectors in memory
    Cg,
}

/// What was solved for.
pub(super) struct Found {
    pub(super) ridge: f64,
    pub(super) solution: Solution,
    /// If it was asked for.
    pub(super) leave_one_out: Option<LeaveOneOut>,
    /// Every ridge of `--ridge-path`.
    pub(super) path: Vec<Tried>,
}

/// A ridge of a path.
pub(super) struct Tried {
    pub(super) ridge: f64,
    /// The leave-one-out loss, or why there is none.
    pub(super) loss: Result<f64, String>,
}

/// Solves as the options say.
pub(super) fn solve(
    options: &PredictOptions,
    kernel: &dyn Blocks,
    y: &DMatrix<f64>,
    progress: &Progress,
) -> Result<Found> {
    let large = &options.large;
    let mean = if options.relative_ridge { kernel.diagonal()?.mean() } else { 1.0 };
    let accuracy = Accuracy { tolerance: large.tolerance.unwrap_or(1e-6), ..Accuracy::default() };
    // What is kept of the store has an eighth of the memory.
    let memory = large.memory() - large.memory() / 8;
    let (scratch, checkpoint) = (large.scratch.clone(), large.scratch.is_some());
    let factor = FactorOptions { memory, scratch, checkpoint, ..FactorOptions::default() };
    if !large.ridge_path.is_empty() {
        let ridges = large.ridge_path.iter().map(|&given| task::ridge(options, given, mean));
        let ridges = ridges.collect::<Result<Vec<f64>>>()?;
        return best(kernel, y, &ridges, &DirectOptions { factor, accuracy }, progress);
    }
    let ridge = task::ridge(options, options.ridge, mean)?;
    if large.leave_one_out {
        let PathPoint { ridge, solution, leave_one_out } =
            point(kernel, y, ridge, &DirectOptions { factor, accuracy }, progress)?;
        return Ok(Found { ridge, solution, leave_one_out: Some(leave_one_out), path: Vec::new() });
    }
    let solution = match large.method() {
        Method::Direct => {
            let factor = FactorOptions { ridge, ..factor };
            direct(kernel, y, &DirectOptions { factor, accuracy }, progress)?
        }
        Method::Cg => {
            let state = large.scratch.as_ref().map(|folder| folder.join("conjugate-gradients.state"));
            cg(kernel, y, &CgOptions { ridge, accuracy, state, ..CgOptions::default() }, progress)?
        }
    };
    Ok(Found { ridge, solution, leave_one_out: None, path: Vec::new() })
}

/// One ridge with what leaving one out gives.
fn point(
    kernel: &dyn Blocks,
    y: &DMatrix<f64>,
    ridge: f64,
    options: &DirectOptions,
    progress: &Progress,
) -> Result<PathPoint, SolveError> {
    let mut point = None;
    ridge_path(kernel, y, &[ridge], options, progress, |found| point = Some(found))?;
    // One ridge has one point.
    point.ok_or(SolveError::Stopped)
}

/// The ridge with the least leave-one-out loss. One that is too small for the kernel is passed over, and the reason is kept.
fn best(
    kernel: &dyn Blocks,
    y: &DMatrix<f64>,
    ridges: &[f64],
    options: &DirectOptions,
    progress: &Progress,
) -> Result<Found> {
    let (mut path, mut best): (Vec<Tried>, Option<(f64, PathPoint)>) = (Vec::new(), None);
    for &ridge in ridges {
        let loss = match point(kernel, y, ridge, options, progress) {
            Ok(found) => {
                let loss = left_out_loss(&found.leave_one_out, y);
                if loss.is_finite() && best.as_ref().is_none_or(|(least, _)| loss < *least) {
                    best = Some((loss, found));
                }
                if loss.is_finite() { Ok(loss) } else { Err(format!("the leave-one-out loss is {loss}")) }
            }
            Err(
                error @ (SolveError::Shifted { .. }
                | SolveError::NotCertified(_)
                | SolveError::NotPositiveDefinite { .. }),
            ) => Err(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        path.push(Tried { ridge, loss });
    }
    match best {
        Some((_, PathPoint { ridge, solution, leave_one_out })) => {
            Ok(Found { ridge, solution, leave_one_out: Some(leave_one_out), path })
        }
        None => {
            let reason = path.iter().find_map(|tried| tried.loss.as_ref().err());
            bail!(
                "--ridge-path: none of the {} ridges can be solved for; with the first, {}",
                ridges.len(),
                reason.map_or("there is no loss", String::as_str)
            )
        }
    }
}

/// `||y - f_{-i}||^2 / (2 n c)`, where every input is predicted without its own example.
pub(super) fn left_out_loss(left: &LeaveOneOut, y: &DMatrix<f64>) -> f64 {
    curve::loss(&(y - &left.residuals), y)
}
