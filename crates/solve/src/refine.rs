//! From a factor in f32 to a solution in f64.

use nalgebra::DMatrix;

use crate::SolveError;
use crate::blocks::{Blocks, check_matrix};
use crate::conjugate::{self, Criteria, State};
use crate::factor::Factor;
use crate::precondition::Precondition;
use crate::progress::{Progress, Stage};
use crate::report::{Report, Solution};
use crate::system::{System, relative};

/// When a solution is good enough, and when to give up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accuracy {
    /// The largest relative residual `||b - (K + ridge I) x|| / ||b||` of any column, in (0, 1).
    pub tolerance: f64,
    /// Steps of refinement or conjugate gradients, each one pass over the kernel's blocks.
    pub max_iterations: usize,
}

impl Default for Accuracy {
    /// `1e-10` within 500 iterations.
    fn default() -> Self {
        Self { tolerance: 1e-10, max_iterations: 500 }
    }
}

impl Accuracy {
    pub(crate) fn check(&self) -> Result<(), SolveError> {
        if self.tolerance > 0.0 && self.tolerance < 1.0 {
            return Ok(());
        }
        let value = self.tolerance.to_string();
        Err(SolveError::BadOption { name: "tolerance", value, expected: "a number between 0 and 1" })
    }
}

/// Refinement that shrinks a residual by less than this is given up for conjugate gradients.
const SLOW: f64 = 0.25;

impl Factor {
    /// Solves `(K + ridge I) X = B` for the kernel that was factored; `b` has one column per right-hand side.
    ///
    /// Iterative refinement: `X <- X + (L L^T)^{-1} (B - (K + ridge I) X)` with residuals in f64. Where that is slow, or the factor
    /// is that of a matrix with a raised diagonal, conjugate gradients go on with the factor as their preconditioner.
    ///
    /// # Errors
    /// [`SolveError::NotCertified`], with the best solution inside, if the residual asked for is not reached; those of
    /// the kernel; [`SolveError::Shape`] and [`SolveError::BadEntry`] for `b`; [`SolveError::Corrupt`] if the scratch file was
    /// changed; [`SolveError::Stopped`].
    pub fn solve(
        &self,
        kernel: &dyn Blocks,
        b: &DMatrix<f64>,
        accuracy: Accuracy,
        progress: &Progress,
    ) -> Result<Solution, SolveError> {
        accuracy.check()?;
        if kernel.len() != self.len() {
            let (given, expected) = ((kernel.len(), kernel.len()), (self.len(), self.len()));
            return Err(SolveError::Shape { what: "the kernel".into(), given, expected });
        }
        check_matrix("the matrix of right-hand sides", b, self.len())?;
        progress.begin(Stage::Iterating, 1000);
        let system = System { kernel, ridge: self.ridge() };
        let mut x = DMatrix::zeros(b.nrows(), b.ncols());
        let mut r = b.clone();
        let mut residuals = relative(&r, b);
        let (mut refinements, mut passes) = (0, 0);
        let good = |residuals: &[f64]| residuals.iter().all(|&residual| residual <= accuracy.tolerance);
        let mut slow = self.breakdown().is_some();
        while !slow && !good(&residuals) && refinements < accuracy.max_iterations {
            progress.check()?;
            let better = &x + self.apply(&r, progress)?;
            let left = system.residual(b, &better, progress)?;
            let now = relative(&left, b);
            refinements += 1;
            passes += 1;
            let before_after = residuals.iter().zip(&now);
            slow = before_after.clone().any(|(&before, &after)| {
                after > accuracy.tolerance && (after.is_nan() || after > SLOW * before)
            });
            // A step that makes a column worse is not taken: conjugate gradients begin with the better one.
            for (column, (before, after)) in before_after.enumerate() {
                if after < before {
                    x.set_column(column, &better.column(column));
                    r.set_column(column, &left.column(column));
                }
            }
            residuals.iter_mut().zip(now).for_each(|(before, after)| *before = before.min(after));
            progress.digits(residuals.iter().copied().fold(0.0, f64::max), accuracy.tolerance);
        }
        let mut report = Report {
            refinements,
            iterations: 0,
            passes,
            certified: good(&residuals),
            residuals,
            tolerance: accuracy.tolerance,
            breakdown: self.breakdown(),
            resumed: self.resumed(),
        };
        if !report.certified && slow {
            let criteria = Criteria {
                tolerance: accuracy.tolerance,
                max_iterations: accuracy.max_iterations - refinements,
            };
            let mut state = State::begin(x, r);
            let outcome = conjugate::run(&system, b, self, &mut state, criteria, &mut |_| Ok(()), progress)?;
            report.iterations = outcome.iterations;
            report.passes += outcome.passes;
            report.certified = outcome.certified;
            report.residuals = outcome.residuals;
            x = state.x;
        }
        Solution { coefficients: x, report }.certified()
    }
}
