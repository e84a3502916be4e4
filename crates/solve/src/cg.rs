//! Conjugate gradients from any kernel by blocks: nothing of size `n^2` is stored.

use std::path::PathBuf;

use nalgebra::DMatrix;

use crate::SolveError;
use crate::blocks::{Blocks, check_matrix, fetch_diagonal};
use crate::conjugate::{self, Criteria, State};
use crate::factor::check_ridge;
use crate::identity::Identity;
use crate::pivoted::PivotedCholesky;
use crate::progress::{Progress, Stage};
use crate::refine::Accuracy;
use crate::report::{Report, Solution};
use crate::state::StateFile;
use crate::system::System;

/// How to solve by conjugate gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct CgOptions {
    /// Added to the diagonal; at least 0.
    pub ridge: f64,
    /// When to end. Iterations before an interruption count.
    pub accuracy: Accuracy,
    /// Columns of the kernel in the preconditioner, [`PivotedCholesky`]; it takes `16 n rank` bytes.
    pub rank: usize,
    /// Where the state is saved. The same system goes on from it; a finished one needs one pass over the kernel to be
    /// certified again. The file has `24 n` bytes per right-hand side. An empty file beside it, with `.lock` at the end of its name, is locked
    /// meanwhile: no two processes work on one state.
    pub state: Option<PathBuf>,
    /// Iterations between saves, at least 1. A stop saves too.
    pub save_every: usize,
}

impl Default for CgOptions {
    /// No ridge, the default accuracy, rank 200, no file; a save after every 5 iterations.
    fn default() -> Self {
        Self { ridge: 0.0, accuracy: Accuracy::default(), rank: 200, state: None, save_every: 5 }
    }
}

/// Solves `(K + ridge I) X = B` with preconditioned conjugate gradients in f64.
///
/// Every iteration is one pass over the blocks of the kernel's lower half, whatever the number of right-hand sides. In exact
/// arithmetic the error after `t` iterations is at most `2 ((sqrt(c) - 1) / (sqrt(c) + 1))^t` of the first, in the norm of the
/// matrix, with `c` the condition number after preconditioning.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_solve::{BlockFn, CgOptions, Progress, cg};
///
/// // Recomputed when needed: a Gaussian kernel of 600 points on a line.
/// let kernel = BlockFn::new(600, |rows, columns| {
///     let square = |i: usize, j: usize| ((rows.start + i).abs_diff(columns.start + j) as f64 / 60.0).powi(2);
///     Ok(DMatrix::from_fn(rows.len(), columns.len(), |i, j| (-square(i, j)).exp()))
/// });
/// let labels = DMatrix::from_fn(600, 2, |i, j| (i as f64 / 50.0 + j as f64).sin());
/// let options = CgOptions { ridge: 1e-3, rank: 50, ..CgOptions::default() };
/// let solution = cg(&kernel, &labels, &options, &Progress::default())?;
/// assert!(solution.report.certified && solution.report.iterations < 10);
/// # Ok::<(), overparam_solve::SolveError>(())
/// ```
///
/// # Errors
/// [`SolveError::NotCertified`], with the best solution inside, if the residual asked for is not reached;
/// [`SolveError::NotPositiveDefinite`] if a direction of negative curvature shows it; [`SolveError::Foreign`] if the state
/// is that of another system, [`SolveError::InUse`] if another process works on it, [`SolveError::Corrupt`] if it was changed;
/// [`SolveError::Stopped`]; those of the kernel,
/// the files and the options.
pub fn cg(
    kernel: &dyn Blocks,
    b: &DMatrix<f64>,
    options: &CgOptions,
    progress: &Progress,
) -> Result<Solution, SolveError> {
    let accuracy = options.accuracy;
    accuracy.check()?;
    check_ridge(options.ridge)?;
    check_matrix("the matrix of right-hand sides", b, kernel.len())?;
    if options.save_every == 0 {
        return Err(SolveError::BadOption { name: "save_every", value: "0".into(), expected: "at least 1" });
    }
    let file = match &options.state {
        Some(path) => {
            let identity = Identity::new(kernel, &fetch_diagonal(kernel)?, options.ridge)?;
            let digest = identity.matrix(b).number(options.rank as u64).digest();
            Some(StateFile::new(path, digest)?)
        }
        None => None,
    };
    let found = file.as_ref().map(StateFile::load).transpose()?.flatten();
    let mut state = found.unwrap_or_else(|| State::begin(DMatrix::zeros(b.nrows(), b.ncols()), b.clone()));
    let resumed = state.iterations;

    let preconditioner = PivotedCholesky::new(kernel, options.ridge, options.rank, progress)?;
    progress.begin(Stage::Iterating, 1000);
    let system = System { kernel, ridge: options.ridge };
    let criteria = Criteria { tolerance: accuracy.tolerance, max_iterations: accuracy.max_iterations };
    let mut save = |state: &State| match &file {
        Some(file) if state.iterations.is_multiple_of(options.save_every) => file.save(state),
        _ => Ok(()),
    };
    let outcome = conjugate::run(&system, b, &preconditioner, &mut state, criteria, &mut save, progress);
    // Whatever ended it, the iterations done are kept.
    if let Some(file) = &file {
        file.save(&state)?;
    }
    let outcome = outcome?;
    let report = Report {
        refinements: 0,
        iterations: resumed + outcome.iterations,
        passes: outcome.passes,
        residuals: outcome.residuals,
        tolerance: accuracy.tolerance,
        certified: outcome.certified,
        breakdown: None,
        resumed,
    };
    Solution { coefficients: state.x, report }.certified()
}
