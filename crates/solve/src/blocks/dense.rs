//! A kernel in memory.

use std::ops::Range;

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::Real;

use super::Blocks;
use crate::SolveError;

/// A symmetric matrix in memory, in f32 or f64.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_solve::{Blocks, Dense};
///
/// let matrix = DMatrix::<f64>::identity(4, 4);
/// let kernel = Dense::new(&matrix)?;
/// assert_eq!(kernel.block(1..3, 0..2)?, DMatrix::from_row_slice(2, 2, &[0.0, 1.0, 0.0, 0.0]));
/// # Ok::<(), overparam_solve::SolveError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Dense<'a, T> {
    matrix: &'a DMatrix<T>,
}

impl<'a, T: Real> Dense<'a, T> {
    /// Takes `matrix` as symmetric: only its lower half is read by factors and products.
    ///
    /// # Errors
    /// [`SolveError::Shape`] if it is not square.
    pub fn new(matrix: &'a DMatrix<T>) -> Result<Self, SolveError> {
        let (rows, columns) = matrix.shape();
        if rows == columns {
            Ok(Self { matrix })
        } else {
            let what = "the kernel".to_owned();
            Err(SolveError::Shape { what, given: (rows, columns), expected: (rows, rows) })
        }
    }
}

impl<T: Real> Blocks for Dense<'_, T> {
    fn len(&self) -> usize {
        self.matrix.nrows()
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f32>, SolveError> {
        let view = self.matrix.view((rows.start, columns.start), (rows.len(), columns.len()));
        Ok(view.map(|x| <f32 as Real>::of(x.f64())))
    }

    fn block_f64(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f64>, SolveError> {
        Ok(self.matrix.view((rows.start, columns.start), (rows.len(), columns.len())).map(Real::f64))
    }

    fn diagonal(&self) -> Result<DVector<f64>, SolveError> {
        Ok(self.matrix.diagonal().map(Real::f64))
    }
}
