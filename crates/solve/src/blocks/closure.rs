//! Kernels that are computed again whenever a block of them is needed.

use std::ops::Range;

use nalgebra::DMatrix;

use super::{Blocks, CrossBlocks};
use crate::SolveError;

/// A symmetric kernel given by a function of rows and columns; nothing of it is stored.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_solve::{BlockFn, Blocks};
///
/// // exp(-|x - y|) of 1000 points of a line.
/// let kernel = BlockFn::new(1000, |rows, columns| {
///     let distance = |i: usize, j: usize| (rows.start + i).abs_diff(columns.start + j) as f64 / 1000.0;
///     Ok(DMatrix::from_fn(rows.len(), columns.len(), |i, j| (-distance(i, j)).exp()))
/// });
/// assert_eq!(kernel.diagonal()?.sum(), 1000.0);
/// # Ok::<(), overparam_solve::SolveError>(())
/// ```
#[derive(Debug)]
pub struct BlockFn<F> {
    len: usize,
    parallel: bool,
    compute: F,
}

impl<F> BlockFn<F>
where
    F: Fn(Range<usize>, Range<usize>) -> Result<DMatrix<f64>, SolveError> + Sync,
{
    /// A kernel of `len` inputs whose block of `(rows, columns)` is what `compute` returns.
    pub fn new(len: usize, compute: F) -> Self {
        Self { len, parallel: false, compute }
    }

    /// States that `compute` uses several threads itself: blocks are then asked for one after another.
    pub fn parallel(self) -> Self {
        Self { parallel: true, ..self }
    }
}

impl<F> Blocks for BlockFn<F>
where
    F: Fn(Range<usize>, Range<usize>) -> Result<DMatrix<f64>, SolveError> + Sync,
{
    fn len(&self) -> usize {
        self.len
    }

    #[allow(clippy::cast_possible_truncation)]
    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f32>, SolveError> {
        Ok((self.compute)(rows, columns)?.map(|x| x as f32))
    }

    fn block_f64(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f64>, SolveError> {
        (self.compute)(rows, columns)
    }

    fn parallel(&self) -> bool {
        self.parallel
    }
}

/// A kernel between test and training inputs given by a function of rows and columns.
#[derive(Debug)]
pub struct CrossFn<F> {
    shape: (usize, usize),
    compute: F,
}

impl<F> CrossFn<F>
where
    F: Fn(Range<usize>, Range<usize>) -> Result<DMatrix<f64>, SolveError> + Sync,
{
    /// A kernel of `rows` test inputs and `columns` training inputs.
    pub fn new(rows: usize, columns: usize, compute: F) -> Self {
        Self { shape: (rows, columns), compute }
    }
}

impl<F> CrossBlocks for CrossFn<F>
where
    F: Fn(Range<usize>, Range<usize>) -> Result<DMatrix<f64>, SolveError> + Sync,
{
    fn rows(&self) -> usize {
        self.shape.0
    }

    fn columns(&self) -> usize {
        self.shape.1
    }

    fn block_f64(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f64>, SolveError> {
        (self.compute)(rows, columns)
    }
}
