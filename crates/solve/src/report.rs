//! A solution, and what is known of it.

use std::fmt;

use nalgebra::DMatrix;

use crate::SolveError;

/// Coefficients `X` of `(K + ridge I) X = B`, and the evidence for them.
#[derive(Clone, PartialEq)]
pub struct Solution {
    /// `X`, one row per input and one column per right-hand side.
    pub coefficients: DMatrix<f64>,
    /// How it was found and how good it is.
    pub report: Report,
}

/// What was done, and the true residual at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Steps of iterative refinement with the factor.
    pub refinements: usize,
    /// Steps of preconditioned conjugate gradients.
    pub iterations: usize,
    /// Times that all blocks of the kernel were asked for, after factoring.
    pub passes: usize,
    /// `||b - (K + ridge I) x|| / ||b||` of each column, recomputed in f64 from the kernel's blocks at the end; 0 where `b = 0`.
    pub residuals: Vec<f64>,
    /// What every residual had to be at most.
    pub tolerance: f64,
    /// Whether every residual is at most the tolerance.
    pub certified: bool,
    /// Whether the f32 factor broke down, and how it was mended.
    pub breakdown: Option<Breakdown>,
    /// Columns of the factor, or iterations, that were found in a file and not computed again.
    pub resumed: usize,
}

/// The f32 factor met a pivot that is no larger than its rounding errors. The diagonal was raised for the factor only: the
/// residuals are those of the matrix itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breakdown {
    /// The first row whose pivot failed.
    pub row: usize,
    /// From the tile of that row on, diagonal entries were multiplied by up to `1 + shift` for the factor.
    pub shift: f64,
}

impl Report {
    /// The column with the largest residual, and that residual; `None` without columns.
    pub fn worst(&self) -> Option<(usize, f64)> {
        self.residuals.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// Without the coefficients, which are many.
impl fmt::Debug for Solution {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = self.coefficients.shape();
        let coefficients = format_args!("{rows} x {columns}");
        out.debug_struct("Solution")
            .field("coefficients", &coefficients)
            .field("report", &self.report)
            .finish()
    }
}

impl Solution {
    /// The solution, or an error with it inside if it is not what was asked for.
    pub(crate) fn certified(self) -> Result<Self, SolveError> {
        if self.report.certified { Ok(self) } else { Err(SolveError::NotCertified(Box::new(self))) }
    }

    /// Why this is not what was asked for.
    pub(crate) fn shortfall(&self) -> String {
        let report = &self.report;
        let (column, residual) = report.worst().unwrap_or((0, f64::NAN));
        let mut text = format!(
            "after {} refinements and {} iterations of conjugate gradients, the relative residual of column {column} is \
             {residual:.1e}, not the {:.1e} asked for",
            report.refinements, report.iterations, report.tolerance
        );
        if let Some(Breakdown { row, shift }) = report.breakdown {
            text += &format!(
                "; the f32 factor broke down at row {row} (its input repeats an earlier one, or nearly; diagonal raised by {shift:.1e})"
            );
        }
        text + "; the matrix is singular or too ill-conditioned for this tolerance: add a ridge, or allow more iterations or a larger residual"
    }
}
