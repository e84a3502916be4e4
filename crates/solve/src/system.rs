//! `K + ridge I` times vectors, in f64, in one pass over the blocks of the kernel's lower half.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::SolveError;
use crate::blocks::{Blocks, fetch_f64};
use crate::layout::Tiling;
use crate::progress::Progress;
use crate::tile;

/// Blocks whose products wait to be added up. They are added in the order of blocks: this bounds the memory, 8 MiB for
/// ten right-hand sides, and changes no bit.
const WAITING: usize = 128;

/// The matrix of a system.
#[derive(Clone, Copy)]
pub(crate) struct System<'a> {
    pub(crate) kernel: &'a dyn Blocks,
    pub(crate) ridge: f64,
}

impl System<'_> {
    /// `(K + ridge I) V`.
    pub(crate) fn times(&self, v: &DMatrix<f64>, progress: &Progress) -> Result<DMatrix<f64>, SolveError> {
        let tiling = Tiling { n: self.kernel.len(), side: self.kernel.side().max(1) };
        let parts: Vec<DMatrix<f64>> =
            (0..tiling.count()).map(|i| v.rows_range(tiling.range(i)).into_owned()).collect();
        let mut out = v * self.ridge;
        let places: Vec<(usize, usize)> =
            (0..tiling.count()).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
        let one = |&(i, j): &(usize, usize)| -> Result<_, SolveError> {
            progress.check()?;
            let mut block = fetch_f64(self.kernel, tiling.range(i), tiling.range(j))?;
            if i == j {
                mirror(&mut block);
                return Ok((tile::product(&block, &parts[j]), None));
            }
            let mirrored = tile::transposed_product(&block, &parts[i]);
            Ok((tile::product(&block, &parts[j]), Some(mirrored)))
        };
        for group in places.chunks(WAITING) {
            let products: Result<Vec<_>, SolveError> = if self.kernel.parallel_f64() {
                group.iter().map(one).collect()
            } else {
                group.par_iter().map(one).collect()
            };
            for (&(i, j), (product, mirrored)) in group.iter().zip(products?) {
                let mut rows = out.rows_range_mut(tiling.range(i));
                rows += product;
                if let Some(mirrored) = mirrored {
                    let mut rows = out.rows_range_mut(tiling.range(j));
                    rows += mirrored;
                }
            }
        }
        Ok(out)
    }

    /// `B - (K + ridge I) X`.
    pub(crate) fn residual(
        &self,
        b: &DMatrix<f64>,
        x: &DMatrix<f64>,
        progress: &Progress,
    ) -> Result<DMatrix<f64>, SolveError> {
        Ok(b - self.times(x, progress)?)
    }
}

/// Makes the upper half of a block on the diagonal that of the lower, which alone counts.
fn mirror(block: &mut DMatrix<f64>) {
    for j in 0..block.ncols() {
        for i in 0..j {
            block[(i, j)] = block[(j, i)];
        }
    }
}

/// `||r|| / ||b||` of each column; 0 where both are 0.
pub(crate) fn relative(r: &DMatrix<f64>, b: &DMatrix<f64>) -> Vec<f64> {
    let ratio = |(r, b): (f64, f64)| if r == 0.0 { 0.0 } else { r / b };
    let norms = |m: &DMatrix<f64>| m.column_iter().map(|column| column.norm()).collect::<Vec<f64>>();
    norms(r).into_iter().zip(norms(b)).map(ratio).collect()
}
