//! What each training input's prediction would be without it, from the factor.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use crate::SolveError;
use crate::blocks::{Blocks, check_matrix};
use crate::factor::Factor;
use crate::progress::{Progress, Stage};
use crate::refine::Accuracy;
use crate::tile::{self, Tile};

/// Leave-one-out residuals, and how far the f32 factor can be trusted with them.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaveOneOut {
    /// `y_i - f_{-i}(x_i)`, with `f_{-i}` the kernel regression without the example `i`; shaped as the coefficients.
    pub residuals: DMatrix<f64>,
    /// The diagonal of `(K + ridge I)^{-1}`.
    pub inverse_diagonal: DVector<f64>,
    /// The largest relative error of [`Self::inverse_diagonal`] among a sample of entries, each solved for in f64.
    pub sampled_error: f64,
}

/// Entries of the diagonal that are solved for in f64.
const SAMPLE: usize = 8;

impl Factor {
    /// The diagonal of the inverse, in f32: sums of squares of columns of `L^{-1}`, found panel by panel within `memory`
    /// bytes; `n^3 / 3` operations, as many as the factor took.
    fn inverse_diagonal(&self, memory: u64, progress: &Progress) -> Result<DVector<f64>, SolveError> {
        let tiling = self.tiling();
        let count = tiling.count();
        // Tiles of the column j of the inverse, each with as many products as there are tiles of the factor above it.
        let cost = |j: usize| ((count - j) * (count - j + 1) / 2) as u64;
        progress.begin(Stage::LeavingOut, (0..count).map(cost).sum());
        let mut diagonal = DVector::zeros(tiling.n);
        let mut first = 0;
        while first < count {
            // The panel needs as much as one of the factor; it must leave room for the factor itself.
            let taken = if self.on_disk() { 0 } else { tiling.triangle() };
            let end = tiling.panel(first, memory.saturating_sub(taken))?;
            // Columns of the inverse, each from its diagonal tile down.
            let tile = |i: usize, j: usize| Tile::zeros(tiling.range(i).len(), tiling.range(j).len());
            let mut panel: Vec<Vec<Tile>> =
                (first..end).map(|j| (j..count).map(|i| tile(i, j)).collect()).collect();
            for k in first..count {
                progress.check()?;
                let column = self.column(k)?;
                let sums: Vec<Vec<f64>> = panel[..(k + 1).min(end) - first]
                    .par_iter_mut()
                    .enumerate()
                    .map(|(c, tiles)| {
                        let (head, tail) = tiles.split_at_mut(k - (first + c) + 1);
                        let head = &mut head[k - (first + c)];
                        if k == first + c {
                            head.fill_diagonal(1.0);
                        }
                        tile::solve_lower(&column.tiles[0], head);
                        let below = tail.par_iter_mut().zip(column.tiles.par_iter().skip(1));
                        below.for_each(|(x, l)| tile::subtract(x, l, head));
                        head.column_iter().map(|x| x.iter().map(|&x| f64::from(x).powi(2)).sum()).collect()
                    })
                    .collect();
                progress.advance((sums.len() * (count - k)) as u64);
                for (c, sums) in sums.iter().enumerate() {
                    let start = tiling.range(first + c).start;
                    sums.iter().enumerate().for_each(|(d, sum)| diagonal[start + d] += sum);
                }
            }
            first = end;
        }
        Ok(diagonal)
    }

    /// Leave-one-out residuals of the regression with these coefficients `X = (K + ridge I)^{-1} Y`: `X_i / (K + ridge I)^{-1}_ii`.
    ///
    /// The coefficients are in f64; the diagonal of the inverse is in f32, with a relative error of up to about `1e-7` times the
    /// condition number, of which a sample of entries tells how large it is. `memory` bytes must hold the factor, if it is
    /// in memory, and a panel of at least one column of tiles; a factor on disk is read once for every panel.
    ///
    /// # Errors
    /// [`SolveError::Shifted`] if the factor broke down; [`SolveError::Memory`]; [`SolveError::Shape`] for coefficients of another
    /// system; those of [`Factor::solve`] for the sample.
    pub fn leave_one_out(
        &self,
        kernel: &dyn Blocks,
        coefficients: &DMatrix<f64>,
        memory: u64,
        progress: &Progress,
    ) -> Result<LeaveOneOut, SolveError> {
        if let Some(broken) = self.breakdown() {
            return Err(SolveError::Shifted { shift: broken.shift, row: broken.row });
        }
        let n = self.len();
        check_matrix("the matrix of coefficients", coefficients, n)?;
        let inverse_diagonal = self.inverse_diagonal(memory, progress)?;
        let count = SAMPLE.min(n);
        let sample: Vec<usize> = (0..count).map(|s| s * n / count).collect();
        let mut units = DMatrix::zeros(n, count);
        sample.iter().enumerate().for_each(|(s, &i)| units[(i, s)] = 1.0);
        let accuracy = Accuracy { tolerance: 1e-9, ..Accuracy::default() };
        let exact = self.solve(kernel, &units, accuracy, progress)?.coefficients;
        let errors =
            sample.iter().enumerate().map(|(s, &i)| (inverse_diagonal[i] / exact[(i, s)] - 1.0).abs());
        let sampled_error = errors.fold(0.0, f64::max);
        let mut residuals = coefficients.clone();
        residuals.column_iter_mut().for_each(|mut column| column.component_div_assign(&inverse_diagonal));
        Ok(LeaveOneOut { residuals, inverse_diagonal, sampled_error })
    }
}
