//! A preconditioner of low rank: pivoted partial Cholesky.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use crate::SolveError;
use crate::blocks::{Blocks, fetch_diagonal, fetch_f64};
use crate::precondition::Precondition;
use crate::progress::{Progress, Stage};
use crate::tile;

/// Rows of a piece of a vector: pieces are computed on any thread, and added in their order.
const PIECE: usize = 2048;

/// `(L L^T + s I)^{-1}`, with `L L^T` the partial Cholesky factorisation of the kernel whose pivots are, one after another, the
/// largest entries of the diagonal that is left, and `s` the ridge plus the mean of what is left in the end (at least `2e-13` of the trace).
///
/// It needs `r` columns of the kernel and `n r^2` operations. If the eigenvalues of the kernel fall fast, the condition number
/// falls from that of the kernel to about one plus what is left over the ridge (Harbrecht, Peters and Schneider 2012;
/// Gardner, Pleiss, Bindel, Weinberger and Wilson 2018).
#[derive(Debug, Clone)]
pub struct PivotedCholesky {
    /// `Q = L R^{-1}` with `R^T R = L^T L + s I`: the inverse is `(I - Q Q^T) / s`. In pieces of rows.
    pieces: Vec<DMatrix<f64>>,
    level: f64,
    rank: usize,
    left: f64,
}

impl PivotedCholesky {
    /// The preconditioner of `kernel + ridge I` with at most `rank` columns; fewer if nothing is left. It takes
    /// `8 n rank` bytes, twice that while it is made.
    ///
    /// # Errors
    /// Those of the kernel, [`SolveError::NotPositiveDefinite`] and [`SolveError::Stopped`].
    pub fn new(
        kernel: &dyn Blocks,
        ridge: f64,
        rank: usize,
        progress: &Progress,
    ) -> Result<Self, SolveError> {
        let n = kernel.len();
        let mut left = fetch_diagonal(kernel)?;
        let trace = left.sum();
        let largest = left.iter().copied().fold(0.0, f64::max);
        // What is left below this is rounding errors.
        let floor = f64::EPSILON * largest * (n.max(1) as f64).sqrt();
        if let Some((row, value)) = left.iter().enumerate().find(|(_, value)| **value < -floor) {
            let evidence = format!("its diagonal is {value} at row {row}");
            return Err(SolveError::NotPositiveDefinite { evidence });
        }
        progress.begin(Stage::Preconditioning, rank.min(n) as u64);
        let mut columns: Vec<DVector<f64>> = Vec::new();
        while columns.len() < rank.min(n) {
            progress.check()?;
            // The first of the largest: ties do not depend on threads.
            let (pivot, value) = left
                .iter()
                .enumerate()
                .fold((0, 0.0), |best, (i, &value)| if value > best.1 { (i, value) } else { best });
            if value <= floor {
                break;
            }
            let mut column = fetch_f64(kernel, 0..n, pivot..pivot + 1)?;
            column.as_mut_slice().par_chunks_mut(PIECE).enumerate().for_each(|(piece, out)| {
                let start = piece * PIECE;
                for before in &columns {
                    let factor = before[pivot];
                    let rows = &before.as_slice()[start..start + out.len()];
                    out.iter_mut().zip(rows).for_each(|(x, &l)| *x -= factor * l);
                }
            });
            let column: DVector<f64> = column.column(0) / value.sqrt();
            left.zip_apply(&column, |left, l| *left -= l * l);
            left[pivot] = 0.0;
            columns.push(column);
            progress.advance(1);
        }
        let remaining = left.iter().map(|&x| x.max(0.0)).sum::<f64>() / n.max(1) as f64;
        // The inverse subtracts from one what is as close to one as `s` is small against the largest eigenvalue, which the
        // trace bounds: with less than this, nothing but rounding errors would be left.
        let level = (ridge + remaining).max(1e3 * f64::EPSILON * trace).max(f64::MIN_POSITIVE);
        let rank = columns.len();
        let mut pieces: Vec<DMatrix<f64>> = (0..n)
            .step_by(PIECE)
            .map(|start| DMatrix::from_fn(PIECE.min(n - start), rank, |i, c| columns[c][start + i]))
            .collect();
        drop(columns);
        let grams: Vec<DMatrix<f64>> =
            pieces.par_iter().map(|piece| tile::transposed_product(piece, piece)).collect();
        let mut gram = DMatrix::identity(rank, rank) * level;
        grams.iter().for_each(|piece| gram += piece);
        tile::cholesky(&mut gram).map_err(|row| SolveError::NotPositiveDefinite {
            evidence: format!("the preconditioner's matrix of rank {rank} is singular at row {row}"),
        })?;
        // R is the transpose of the factor: L R^{-1} is L times the inverse transpose of the factor.
        pieces.par_iter_mut().for_each(|piece| tile::solve_right(piece, &gram));
        Ok(Self { pieces, level, rank, left: remaining })
    }

    /// Columns used.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The mean of the diagonal that the partial factor leaves.
    pub fn left(&self) -> f64 {
        self.left
    }
}

impl Precondition for PivotedCholesky {
    fn apply(&self, r: &DMatrix<f64>, progress: &Progress) -> Result<DMatrix<f64>, SolveError> {
        progress.check()?;
        let rows = |i: usize| r.rows(i * PIECE, self.pieces[i].nrows()).into_owned();
        let products: Vec<DMatrix<f64>> = self
            .pieces
            .par_iter()
            .enumerate()
            .map(|(i, piece)| tile::transposed_product(piece, &rows(i)))
            .collect();
        let mut small = DMatrix::zeros(self.rank, r.ncols());
        products.iter().for_each(|product| small += product);
        let parts: Vec<DMatrix<f64>> = self
            .pieces
            .par_iter()
            .enumerate()
            .map(|(i, piece)| {
                let mut part = rows(i);
                tile::subtract(&mut part, piece, &small);
                part / self.level
            })
            .collect();
        let mut out = DMatrix::zeros(r.nrows(), r.ncols());
        for (i, part) in parts.iter().enumerate() {
            out.rows_mut(i * PIECE, part.nrows()).copy_from(part);
        }
        Ok(out)
    }
}
