//! A column of tiles, and what is done with it: loading, finishing, applying it to what stands to its right.

use std::ops::Range;

use nalgebra::DVector;
use rayon::prelude::*;

use crate::SolveError;
use crate::blocks::{Blocks, fetch};
use crate::layout::Tiling;
use crate::progress::Progress;
use crate::tile::{self, Tile};

/// The tiles of one column, from the diagonal down. The upper half of the first one is not part of the matrix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    pub(crate) tiles: Vec<Tile>,
    /// Diagonal entries of this column were multiplied by one plus this.
    pub(crate) shift: f64,
    /// The row at which its factor broke down without a (larger) shift.
    pub(crate) broke_at: Option<usize>,
}

/// The diagonal in f64, which shifts and thresholds are relative to.
pub(crate) struct Scale<'a> {
    pub(crate) diagonal: &'a DVector<f64>,
    /// What rounding errors of the factor amount to, relative to the diagonal.
    pub(crate) noise: f64,
}

/// The largest relative shift that is tried.
const LARGEST_SHIFT: f64 = 0.1;

/// The columns `range` of `K + ridge I` in tiles, not yet factored.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn load(
    kernel: &dyn Blocks,
    ridge: f64,
    tiling: Tiling,
    range: Range<usize>,
    progress: &Progress,
) -> Result<Vec<Column>, SolveError> {
    let one = |(i, j): (usize, usize)| -> Result<Tile, SolveError> {
        progress.check()?;
        let mut tile = fetch(kernel, tiling.range(i), tiling.range(j))?;
        if i == j && ridge != 0.0 {
            for d in 0..tile.nrows() {
                tile[(d, d)] = (f64::from(tile[(d, d)]) + ridge) as f32;
            }
        }
        Ok(tile)
    };
    let places: Vec<(usize, usize)> =
        range.clone().flat_map(|j| (j..tiling.count()).map(move |i| (i, j))).collect();
    let tiles: Result<Vec<Tile>, SolveError> = if kernel.parallel() {
        places.into_iter().map(one).collect()
    } else {
        places.into_par_iter().map(one).collect()
    };
    let mut tiles = tiles?.into_iter();
    let column = |j| Column { tiles: tiles.by_ref().take(tiling.count() - j).collect(), ..Column::default() };
    Ok(range.map(column).collect())
}

impl Column {
    /// Factors the diagonal tile, which begins at `row`, and divides those below it: the column `L` of the factor.
    ///
    /// A pivot not above its rounding errors is a breakdown: what follows from it would be noise, magnified. The diagonal
    /// of the tile is then raised, by more and more until its factor exists. `shift` is what earlier columns needed; this
    /// one and the following begin with it.
    pub(crate) fn finish(&mut self, row: usize, scale: &Scale<'_>, shift: f64) -> Result<(), SolveError> {
        let Some((diagonal, below)) = self.tiles.split_first_mut() else { return Ok(()) };
        let saved = diagonal.clone();
        let mut shift = shift;
        while let Err(pivot) = shifted(diagonal, &saved, row, scale, shift) {
            self.broke_at.get_or_insert(row + pivot);
            shift = if shift == 0.0 { 4.0 * scale.noise } else { 8.0 * shift };
            if shift > LARGEST_SHIFT {
                let evidence = format!(
                    "the pivot of row {} is not positive, even with a tenth of the diagonal added",
                    row + pivot
                );
                return Err(SolveError::NotPositiveDefinite { evidence });
            }
        }
        self.shift = shift;
        below.par_iter_mut().for_each(|tile| tile::solve_right(tile, diagonal));
        Ok(())
    }

    /// Subtracts `L_ik L_jk^T` from the tiles `(i, j)` of `panel`, whose first column of tiles is `first`; this is column
    /// `k`, to the left of it.
    ///
    /// Every tile takes one product from every column, in the order of columns: how the matrix is cut into panels, and
    /// on how many threads this runs, makes no difference to its bits.
    pub(crate) fn apply(&self, k: usize, panel: &mut [Column], first: usize) {
        let of = |i: usize| &self.tiles[i - k];
        let rights: Vec<Tile> =
            (first..first + panel.len()).into_par_iter().map(|j| tile::transpose(of(j))).collect();
        let columns = panel.iter_mut().zip(&rights).enumerate();
        let tiles = columns.flat_map(|(c, (column, right))| {
            column.tiles.iter_mut().enumerate().map(move |(below, tile)| (first + c, below, tile, right))
        });
        let tiles: Vec<_> = tiles.collect();
        tiles.into_par_iter().for_each(|(j, below, tile, right)| {
            if below == 0 {
                tile::subtract_lower(tile, of(j), right);
            } else {
                tile::subtract(tile, of(j + below), right);
            }
        });
    }
}

/// Factors `saved` with a relative shift into `tile`.
///
/// # Errors
/// The first row of the tile whose pivot is not above the noise.
#[allow(clippy::cast_possible_truncation)]
fn shifted(tile: &mut Tile, saved: &Tile, row: usize, scale: &Scale<'_>, shift: f64) -> Result<(), usize> {
    tile.copy_from(saved);
    let size = |d: usize| scale.diagonal[row + d];
    if shift > 0.0 {
        for d in 0..tile.nrows() {
            tile[(d, d)] = (f64::from(tile[(d, d)]) + shift * size(d)) as f32;
        }
    }
    tile::cholesky(tile)?;
    let pivot = |d: usize| f64::from(tile[(d, d)]).powi(2);
    let noisy = |&d: &usize| pivot(d).is_nan() || pivot(d) <= scale.noise * size(d);
    (0..tile.nrows()).find(noisy).map_or(Ok(()), Err)
}
