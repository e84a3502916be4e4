//! What tells one system from another, so that a file of one is not used for another.

use nalgebra::{DMatrix, DVector};

use crate::SolveError;
use crate::blocks::{Blocks, fetch_f64};

/// A digest of a system: of the ridge, and of the kernel its diagonal and its first column.
///
/// Every input of a kernel shows in both, without computing the rest. A matrix that differs elsewhere only passes: what is
/// then taken from a file is a poorer preconditioner or start, and the residual, always of the matrix itself, says so.
#[derive(Clone)]
pub(crate) struct Identity(blake3::Hasher);

impl Identity {
    pub(crate) fn new(kernel: &dyn Blocks, diagonal: &DVector<f64>, ridge: f64) -> Result<Self, SolveError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"overparam-solve 1");
        let mut identity = Self(hasher).number(kernel.len() as u64).number(ridge.to_bits());
        identity = identity.numbers(diagonal.as_slice());
        if !kernel.is_empty() {
            identity = identity.numbers(fetch_f64(kernel, 0..kernel.len(), 0..1)?.as_slice());
        }
        Ok(identity)
    }

    /// With a number that matters.
    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    /// With a matrix that matters.
    pub(crate) fn matrix(self, matrix: &DMatrix<f64>) -> Self {
        self.number(matrix.nrows() as u64).number(matrix.ncols() as u64).numbers(matrix.as_slice())
    }

    fn numbers(mut self, numbers: &[f64]) -> Self {
        for x in numbers {
            self.0.update(&x.to_le_bytes());
        }
        self
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
