//! The direct method from one end to the other, for one ridge or several.

use nalgebra::DMatrix;

use crate::SolveError;
use crate::blocks::{Blocks, check_matrix};
use crate::factor::{Factor, FactorOptions};
use crate::leave_one_out::LeaveOneOut;
use crate::progress::Progress;
use crate::refine::Accuracy;
use crate::report::Solution;

/// How to solve by factoring.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DirectOptions {
    /// How to factor.
    pub factor: FactorOptions,
    /// When the solution is good enough.
    pub accuracy: Accuracy,
}

/// Solves `(K + ridge I) X = B` with a factor in f32 and refinement in f64. A scratch file is removed once the solution is
/// certified; it stays after a stop or an error, for the same call to go on from.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_solve::{Dense, DirectOptions, FactorOptions, Progress, direct};
///
/// let kernel = DMatrix::from_fn(100, 100, |i, j| (-(i.abs_diff(j) as f64) / 10.0).exp());
/// let labels = DMatrix::from_fn(100, 3, |i, j| ((i * (j + 1)) as f64).sin());
/// let factor = FactorOptions { ridge: 0.1, memory: 1 << 20, ..FactorOptions::default() };
/// let options = DirectOptions { factor, ..DirectOptions::default() };
/// let solution = direct(&Dense::new(&kernel)?, &labels, &options, &Progress::default())?;
/// assert!(solution.report.residuals.iter().all(|&residual| residual <= 1e-10));
/// # Ok::<(), overparam_solve::SolveError>(())
/// ```
///
/// # Errors
/// Those of [`Factor::new`] and [`Factor::solve`].
pub fn direct(
    kernel: &dyn Blocks,
    b: &DMatrix<f64>,
    options: &DirectOptions,
    progress: &Progress,
) -> Result<Solution, SolveError> {
    // Before the long part.
    options.accuracy.check()?;
    check_matrix("the matrix of right-hand sides", b, kernel.len())?;
    let factor = Factor::new(kernel, &options.factor, progress)?;
    let solution = factor.solve(kernel, b, options.accuracy, progress)?;
    factor.discard()?;
    Ok(solution)
}

/// One ridge of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct PathPoint {
    /// The ridge.
    pub ridge: f64,
    /// The coefficients with it.
    pub solution: Solution,
    /// Leave-one-out residuals with it.
    pub leave_one_out: LeaveOneOut,
}

/// Solves for each ridge and leaves every example out of each: what chooses a ridge without a validation set.
///
/// Every ridge takes a factor of its own, `2 n^3 / 3` operations with the leave-one-out residuals. `found` is given each
/// point as soon as it is finished. The memory must hold the factor and a panel: twice the factor is enough, and with a
/// scratch folder much less.
///
/// # Errors
/// Those of [`direct`] and [`Factor::leave_one_out`], with the ridges before already given to `found`.
pub fn ridge_path(
    kernel: &dyn Blocks,
    b: &DMatrix<f64>,
    ridges: &[f64],
    options: &DirectOptions,
    progress: &Progress,
    mut found: impl FnMut(PathPoint),
) -> Result<(), SolveError> {
    options.accuracy.check()?;
    check_matrix("the matrix of right-hand sides", b, kernel.len())?;
    for &ridge in ridges {
        let factor = Factor::with_room(kernel, &FactorOptions { ridge, ..options.factor.clone() }, progress)?;
        let solution = factor.solve(kernel, b, options.accuracy, progress)?;
        let leave_one_out =
            factor.leave_one_out(kernel, &solution.coefficients, options.factor.memory, progress)?;
        factor.discard()?;
        found(PathPoint { ridge, solution, leave_one_out });
    }
    Ok(())
}
