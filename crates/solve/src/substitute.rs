//! Solving with the factor in f32: two sweeps over its columns.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::SolveError;
use crate::factor::Factor;
use crate::precondition::Precondition;
use crate::progress::Progress;
use crate::tile::{self, Tile};

impl Precondition for Factor {
    /// `(L L^T)^{-1} R`. Columns are scaled to norm one first, so that small residuals do not underflow in f32.
    #[allow(clippy::cast_possible_truncation)]
    fn apply(&self, r: &DMatrix<f64>, progress: &Progress) -> Result<DMatrix<f64>, SolveError> {
        let tiling = self.tiling();
        let norms: Vec<f64> = r.column_iter().map(|column| column.norm()).collect();
        let scale: Vec<f64> = norms.iter().map(|&norm| if norm > 0.0 { norm } else { 1.0 }).collect();
        let mut x: Vec<Tile> = (0..tiling.count())
            .map(|i| {
                let rows = tiling.range(i);
                Tile::from_fn(rows.len(), r.ncols(), |d, c| (r[(rows.start + d, c)] / scale[c]) as f32)
            })
            .collect();
        for k in 0..tiling.count() {
            progress.check()?;
            let column = self.column(k)?;
            let (head, tail) = x.split_at_mut(k + 1);
            let head = &mut head[k];
            tile::solve_lower(&column.tiles[0], head);
            let below = tail.par_iter_mut().zip(column.tiles.par_iter().skip(1));
            below.for_each(|(x, l)| tile::subtract(x, l, head));
        }
        for k in (0..tiling.count()).rev() {
            progress.check()?;
            let column = self.column(k)?;
            let (head, tail) = x.split_at_mut(k + 1);
            let head = &mut head[k];
            let below = column.tiles.par_iter().skip(1).zip(tail.par_iter());
            let products: Vec<Tile> = below.map(|(l, x)| tile::transposed_product(l, x)).collect();
            products.iter().for_each(|product| *head -= product);
            tile::solve_lower_transposed(&column.tiles[0], head);
        }
        let mut out = DMatrix::zeros(r.nrows(), r.ncols());
        for (i, x) in x.iter().enumerate() {
            let start = tiling.range(i).start;
            for (c, column) in x.column_iter().enumerate() {
                for (d, &value) in column.iter().enumerate() {
                    out[(start + d, c)] = f64::from(value) * scale[c];
                }
            }
        }
        Ok(out)
    }
}
