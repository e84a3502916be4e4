//! A batch of vectors as columns for products, in blocks of one width and in parts of bounded length.

use std::borrow::Cow;
use std::ops::Range;

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, gemm, transposed};
use rayon::prelude::*;

use crate::inputs::Inputs;

/// Columns of a block. Products are always of this many (padded with zeros), so that the backend's choice of kernel, and with it
/// every bit, is the same for any batch.
pub(super) const TILE: usize = 192;
/// Entries of a vector that are multiplied at once; longer vectors are added up part by part, in order.
const PART: usize = 4096;
/// Bytes of a batch up to which its columns are kept beside the inputs: making them anew for every product takes time.
const KEPT: usize = 32 << 20;

/// The vectors of one batch.
pub(super) struct Columns<'a, T: Real> {
    inputs: &'a Inputs<T>,
    /// `d x TILE` each, the last one padded; empty if the batch is large or its vectors are long.
    kept: Vec<DMatrix<T>>,
}

/// A block that was made for a product.
pub(super) struct Made<T: Real> {
    block: DMatrix<T>,
    /// Which block it is, and its first entry.
    of: Option<(usize, usize)>,
}

impl<T: Real> Default for Made<T> {
    fn default() -> Self {
        Self { block: DMatrix::zeros(0, 0), of: None }
    }
}

impl<'a, T: Real> Columns<'a, T> {
    pub(super) fn of(inputs: &'a Inputs<T>) -> Self {
        let mut columns = Self { inputs, kept: Vec::new() };
        if columns.length() <= PART && columns.count() * columns.length() * size_of::<T>() <= KEPT {
            columns.kept = (0..columns.blocks()).into_par_iter().map(|block| columns.whole(block)).collect();
        }
        columns
    }

    /// How many vectors there are.
    pub(super) fn count(&self) -> usize {
        self.inputs.count()
    }

    pub(super) fn blocks(&self) -> usize {
        self.count().div_ceil(TILE)
    }

    fn length(&self) -> usize {
        self.inputs.shape().channels
    }

    /// The vectors of a block.
    fn range(&self, block: usize) -> Range<usize> {
        block * TILE..self.count().min((block + 1) * TILE)
    }

    fn whole(&self, block: usize) -> DMatrix<T> {
        let mut columns = DMatrix::zeros(self.length(), TILE);
        self.write(block, 0, &mut columns);
        columns
    }

    /// Writes the entries from `first` on of a block's vectors, and says how many vectors those are.
    fn write(&self, block: usize, first: usize, columns: &mut DMatrix<T>) -> usize {
        let range = self.range(block);
        self.inputs.columns(range.start, first, columns.columns_mut(0, range.len()));
        range.len()
    }

    /// Entries `first..first + length` of a block's vectors.
    fn part<'b>(
        &'b self,
        block: usize,
        (first, length): (usize, usize),
        made: &'b mut Made<T>,
    ) -> &'b DMatrix<T> {
        if let Some(kept) = self.kept.get(block) {
            return kept;
        }
        if made.block.nrows() != length {
            *made = Made { block: DMatrix::zeros(length, TILE), of: None };
        }
        if made.of != Some((block, first)) {
            let count = self.write(block, first, &mut made.block);
            // What an earlier, fuller block left behind the last vector.
            made.block.columns_mut(count, TILE - count).fill(T::ZERO);
            made.of = Some((block, first));
        }
        &made.block
    }

    /// `scale A^T B` of a block of these vectors and one of others, or of themselves.
    pub(super) fn product(
        &self,
        block: usize,
        (other, other_block): (&Self, usize),
        scale: T,
        [left, right]: &mut [Made<T>; 2],
        out: &mut DMatrix<T>,
    ) {
        for first in (0..self.length()).step_by(PART) {
            let part = (first, PART.min(self.length() - first));
            let before = if first == 0 { T::ZERO } else { T::ONE };
            let a = self.part(block, part, left);
            gemm(scale, transposed(a), other.part(other_block, part, right), before, out);
        }
    }

    /// The numbers of a vector.
    pub(super) fn column(&self, i: usize) -> Cow<'_, [T]> {
        let d = self.length();
        match self.kept.get(i / TILE) {
            Some(kept) => Cow::Borrowed(&kept.as_slice()[(i % TILE) * d..][..d]),
            None => Cow::Owned(self.inputs.row(i)),
        }
    }

    /// What `of` says of each vector, in order.
    pub(super) fn map<R: Send>(&self, of: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
        if self.length() > PART {
            return (0..self.count()).into_par_iter().map(|i| of(&self.column(i))).collect();
        }
        let block = |block: usize| -> Vec<R> {
            let columns = self.kept.get(block).map_or_else(|| Cow::Owned(self.whole(block)), Cow::Borrowed);
            columns.as_slice().chunks_exact(self.length()).take(self.range(block).len()).map(&of).collect()
        };
        let blocks: Vec<Vec<R>> = (0..self.blocks()).into_par_iter().map(block).collect();
        blocks.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::{Columns, Made, PART, TILE};
    use crate::inputs::Inputs;

    /// Products, numbers and what is said of them, of vectors that are kept, of many, and of long ones.
    #[test]
    fn products_are_those_of_the_vectors_whether_kept_or_made() {
        for (n, d, kept) in
            [(5, 7, true), (TILE + 3, 40, true), (60_000, 100, false), (3, 2 * PART + 5, false)]
        {
            let x: DMatrix<f64> = Stream::root(n as u64).normal_matrix(n, d, 1.0);
            let inputs = Inputs::from(x.clone());
            let columns = Columns::of(&inputs);
            assert_eq!(!columns.kept.is_empty(), kept, "{n} x {d}");
            let (mut made, mut out) = ([Made::default(), Made::default()], DMatrix::zeros(TILE, TILE));
            let blocks = columns.blocks();
            for (a, b) in [(0, 0), (blocks - 1, 0), (blocks - 1, blocks - 1)] {
                columns.product(a, (&columns, b), 0.5, &mut made, &mut out);
                let of = |block: usize| x.rows(block * TILE, TILE.min(n - block * TILE));
                let expected = of(a) * of(b).transpose() * 0.5;
                let got = out.view((0, 0), expected.shape());
                // Rounding grows with the length.
                assert!((got - &expected).amax() < 1e-14 * d as f64, "{n} x {d}");
                let all = out.iter().map(|x| x.abs()).sum::<f64>();
                assert_eq!(got.iter().map(|x| x.abs()).sum::<f64>(), all, "nothing beside them");
            }
            let sums = columns.map(|x| x.iter().sum::<f64>());
            assert_eq!(sums.len(), n);
            for i in [0, n / 2, n - 1] {
                assert_eq!(columns.column(i).to_vec(), x.row(i).iter().copied().collect::<Vec<_>>());
                assert!((sums[i] - x.row(i).sum()).abs() < 1e-9);
            }
        }
    }
}
