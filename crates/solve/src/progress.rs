//! How far a long solve is, and stopping it from another thread.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::SolveError;

/// What a solve is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Not begun.
    Waiting,
    /// The Cholesky factorisation; its fraction counts floating-point operations.
    Factoring,
    /// The preconditioner of conjugate gradients; its fraction counts pivots.
    Preconditioning,
    /// Refinement or conjugate gradients; its fraction is that of the digits asked for.
    Iterating,
    /// The diagonal of the inverse; its fraction counts floating-point operations.
    LeavingOut,
    /// Outputs at test inputs; its fraction counts rows.
    Predicting,
}

const STAGES: [Stage; 6] = [
    Stage::Waiting,
    Stage::Factoring,
    Stage::Preconditioning,
    Stage::Iterating,
    Stage::LeavingOut,
    Stage::Predicting,
];

/// Shared between the thread that waits for a solution and those that compute it.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_solve::{Dense, DirectOptions, Progress, SolveError, direct};
///
/// let (kernel, labels) = (DMatrix::<f64>::identity(3, 3), DMatrix::from_element(3, 1, 1.0));
/// let progress = Progress::default();
/// progress.stop();
/// let result = direct(&Dense::new(&kernel)?, &labels, &DirectOptions::default(), &progress);
/// assert!(matches!(result, Err(SolveError::Stopped)));
/// # Ok::<(), SolveError>(())
/// ```
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    total: AtomicU64,
    done: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// What is being done.
    pub fn stage(&self) -> Stage {
        STAGES.get(usize::from(self.stage.load(Ordering::Relaxed))).copied().unwrap_or(Stage::Waiting)
    }

    /// How much of [`Self::stage`] is done, from 0 to 1.
    pub fn fraction(&self) -> f64 {
        let total = self.total.load(Ordering::Relaxed);
        if total == 0 { 0.0 } else { (self.done.load(Ordering::Relaxed) as f64 / total as f64).min(1.0) }
    }

    /// Ends the work at the next opportunity with [`SolveError::Stopped`].
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Begins a stage of `total` units of work.
    pub(crate) fn begin(&self, stage: Stage, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// Counts finished units.
    pub(crate) fn advance(&self, units: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
    }

    /// How many of the digits asked for a residual has, in units of a thousandth.
    pub(crate) fn digits(&self, residual: f64, tolerance: f64) {
        let fraction = (residual.ln() / tolerance.ln()).clamp(0.0, 1.0);
        if fraction.is_finite() {
            self.done.fetch_max((fraction * 1000.0) as u64, Ordering::Relaxed);
        }
    }

    /// Refuses to go on once [`Self::stop`] was called.
    pub(crate) fn check(&self) -> Result<(), SolveError> {
        if self.stopped.load(Ordering::Relaxed) { Err(SolveError::Stopped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, STAGES, Stage};

    #[test]
    fn stages_stand_at_their_numbers() {
        for (i, stage) in STAGES.into_iter().enumerate() {
            assert_eq!(stage as usize, i);
        }
    }

    #[test]
    fn digits_only_grow() {
        let progress = Progress::default();
        progress.begin(Stage::Iterating, 1000);
        progress.digits(1e-5, 1e-10);
        progress.digits(1e-2, 1e-10);
        assert_eq!((progress.stage(), progress.fraction()), (Stage::Iterating, 0.5));
    }
}
