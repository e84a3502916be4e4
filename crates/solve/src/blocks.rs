//! Kernels by blocks: what the solvers need to know of a matrix.

mod closure;
mod dense;

pub use closure::{BlockFn, CrossFn};
pub use dense::Dense;

use std::ops::Range;

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::Real;

use crate::SolveError;

/// A symmetric positive semi-definite matrix, given block by block.
///
/// Any block may be asked for, from several threads at once and more than once; the answers must agree. Factors and
/// products ask only for blocks on or below the diagonal (`rows.start >= columns.start`), and of those on the diagonal read
/// only the lower half; preconditioners ask for whole columns.
pub trait Blocks: Sync {
    /// Rows, and columns.
    fn len(&self) -> usize;

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries at `rows` and `columns`, for the factor.
    ///
    /// # Errors
    /// What keeps the block from being computed or read, usually a [`SolveError::Kernel`].
    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f32>, SolveError>;

    /// The same with all digits that there are, for residuals. If not given, the entries of [`Self::block`]: then the
    /// system solved is that of the rounded matrix.
    ///
    /// # Errors
    /// As [`Self::block`].
    fn block_f64(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f64>, SolveError> {
        Ok(self.block(rows, columns)?.map(f64::from))
    }

    /// The diagonal. If not given, read from small blocks along it.
    ///
    /// # Errors
    /// As [`Self::block`].
    fn diagonal(&self) -> Result<DVector<f64>, SolveError> {
        const SIDE: usize = 32;
        let n = self.len();
        let mut diagonal = DVector::zeros(n);
        for start in (0..n).step_by(SIDE) {
            let range = start..(start + SIDE).min(n);
            let block = fetch_f64(self, range.clone(), range.clone())?;
            diagonal.rows_mut(start, range.len()).copy_from(&block.diagonal());
        }
        Ok(diagonal)
    }

    /// Side of the square blocks that are cheapest, for products with the whole kernel; at least 1. The factor's blocks
    /// have the side of its tiles.
    fn side(&self) -> usize {
        512
    }

    /// Whether a block is itself computed on several threads. Blocks are then asked for one after another.
    fn parallel(&self) -> bool {
        false
    }

    /// The same of [`Self::block_f64`], for kernels whose two kinds of block come from different places.
    fn parallel_f64(&self) -> bool {
        self.parallel()
    }
}

/// A rectangular kernel between test inputs (rows) and training inputs (columns), block by block.
pub trait CrossBlocks: Sync {
    /// Test inputs.
    fn rows(&self) -> usize;

    /// Training inputs.
    fn columns(&self) -> usize;

    /// The entries at `rows` and `columns`.
    ///
    /// # Errors
    /// What keeps the block from being computed or read.
    fn block_f64(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f64>, SolveError>;
}

impl CrossBlocks for DMatrix<f64> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn columns(&self) -> usize {
        self.ncols()
    }

    fn block_f64(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f64>, SolveError> {
        Ok(self.view((rows.start, columns.start), (rows.len(), columns.len())).into_owned())
    }
}

/// A block in f32 that has the shape asked for and only finite entries.
pub(crate) fn fetch<B: Blocks + ?Sized>(
    kernel: &B,
    rows: Range<usize>,
    columns: Range<usize>,
) -> Result<DMatrix<f32>, SolveError> {
    check(kernel.block(rows.clone(), columns.clone())?, rows, columns)
}

/// The same in f64.
pub(crate) fn fetch_f64<B: Blocks + ?Sized>(
    kernel: &B,
    rows: Range<usize>,
    columns: Range<usize>,
) -> Result<DMatrix<f64>, SolveError> {
    check(kernel.block_f64(rows.clone(), columns.clone())?, rows, columns)
}

/// The diagonal, of the right length and finite.
pub(crate) fn fetch_diagonal(kernel: &dyn Blocks) -> Result<DVector<f64>, SolveError> {
    let (n, diagonal) = (kernel.len(), kernel.diagonal()?);
    if diagonal.len() != n {
        let what = "the kernel's diagonal".to_owned();
        return Err(SolveError::Shape { what, given: (diagonal.len(), 1), expected: (n, 1) });
    }
    if let Some((row, &value)) = diagonal.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        return Err(SolveError::BadEntry { what: "the kernel's diagonal", row, column: row, value });
    }
    Ok(diagonal)
}

/// Refuses a block of another shape, or with an entry that is not finite.
pub(crate) fn check<T: Real>(
    block: DMatrix<T>,
    rows: Range<usize>,
    columns: Range<usize>,
) -> Result<DMatrix<T>, SolveError> {
    let expected = (rows.len(), columns.len());
    if block.shape() != expected {
        let what = format!(
            "the kernel's block of rows {}..{} and columns {}..{}",
            rows.start, rows.end, columns.start, columns.end
        );
        return Err(SolveError::Shape { what, given: block.shape(), expected });
    }
    // Without a way out in the middle, this loop is vectorised.
    if block.as_slice().iter().fold(true, |finite, &x| finite & is_finite(x)) {
        return Ok(block);
    }
    let at = block.iter().position(|x| !is_finite(*x)).unwrap_or(0);
    let (column, row) = (at / rows.len(), at % rows.len());
    Err(SolveError::NotFinite {
        row: rows.start + row,
        column: columns.start + column,
        value: block[(row, column)].f64(),
        precision: T::NAME,
        rows,
        columns,
    })
}

fn is_finite<T: Real>(x: T) -> bool {
    nalgebra::ComplexField::is_finite(&x)
}

/// Refuses a matrix given by the user with another number of rows, or with an entry that is not finite.
pub(crate) fn check_matrix(what: &'static str, matrix: &DMatrix<f64>, rows: usize) -> Result<(), SolveError> {
    if matrix.nrows() != rows {
        let (given, expected) = (matrix.shape(), (rows, matrix.ncols()));
        return Err(SolveError::Shape { what: what.to_owned(), given, expected });
    }
    match matrix.iter().position(|x| !x.is_finite()) {
        Some(at) => {
            let (row, column) = (at % rows, at / rows);
            Err(SolveError::BadEntry { what, row, column, value: matrix[(row, column)] })
        }
        None => Ok(()),
    }
}
