//! Preconditioners.

use nalgebra::DMatrix;

use crate::SolveError;
use crate::progress::Progress;

/// An approximate inverse of `K + ridge I`, symmetric and positive definite up to its own rounding errors.
pub trait Precondition: Sync {
    /// The approximate inverse times `r` (`n` rows, any number of columns).
    ///
    /// # Errors
    /// [`SolveError::Stopped`], or what keeps it from being read.
    fn apply(&self, r: &DMatrix<f64>, progress: &Progress) -> Result<DMatrix<f64>, SolveError>;
}
