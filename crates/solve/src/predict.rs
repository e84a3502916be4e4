//! Outputs at test inputs, with the test kernel streamed.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::SolveError;
use crate::blocks::{CrossBlocks, check, check_matrix};
use crate::layout::Tiling;
use crate::progress::{Progress, Stage};
use crate::tile;

/// Side of the blocks that are asked for.
const SIDE: usize = 512;

/// `K_test,train X`: one row per test input, one column per right-hand side. Every block of the kernel is asked for once and
/// dropped; a row of the result adds its blocks in their order, whatever the threads.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_solve::{CrossFn, Progress, predict};
///
/// let cross = CrossFn::new(1000, 50, |rows, columns| Ok(DMatrix::from_element(rows.len(), columns.len(), 1.0)));
/// let outputs = predict(&cross, &DMatrix::from_element(50, 1, 2.0), &Progress::default())?;
/// assert_eq!(outputs, DMatrix::from_element(1000, 1, 100.0));
/// # Ok::<(), overparam_solve::SolveError>(())
/// ```
///
/// # Errors
/// [`SolveError::Shape`] and [`SolveError::BadEntry`] for the coefficients, [`SolveError::NotFinite`] for a block, those of
/// the kernel, and [`SolveError::Stopped`].
pub fn predict(
    cross: &dyn CrossBlocks,
    coefficients: &DMatrix<f64>,
    progress: &Progress,
) -> Result<DMatrix<f64>, SolveError> {
    check_matrix("the matrix of coefficients", coefficients, cross.columns())?;
    let (rows, columns) = (Tiling { n: cross.rows(), side: SIDE }, Tiling { n: cross.columns(), side: SIDE });
    progress.begin(Stage::Predicting, cross.rows() as u64);
    let parts: Vec<DMatrix<f64>> =
        (0..columns.count()).map(|j| coefficients.rows_range(columns.range(j)).into_owned()).collect();
    let band = |i: usize| -> Result<DMatrix<f64>, SolveError> {
        let mut out = DMatrix::zeros(rows.range(i).len(), coefficients.ncols());
        for (j, part) in parts.iter().enumerate() {
            progress.check()?;
            let block = cross.block_f64(rows.range(i), columns.range(j))?;
            out += tile::product(&check(block, rows.range(i), columns.range(j))?, part);
        }
        progress.advance(out.nrows() as u64);
        Ok(out)
    };
    let bands: Result<Vec<_>, SolveError> = (0..rows.count()).into_par_iter().map(band).collect();
    let mut out = DMatrix::zeros(cross.rows(), coefficients.ncols());
    for (i, band) in bands?.iter().enumerate() {
        out.rows_range_mut(rows.range(i)).copy_from(band);
    }
    Ok(out)
}
