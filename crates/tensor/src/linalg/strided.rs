//! The product of matrices given as slices with strides: what [`Array`](crate::Array) products are made of.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul as faer_matmul};
use rayon::prelude::*;

use super::{Real, cleanly};
use crate::array::Buffer;

/// Products of at least this many multiplications may use several threads.
pub(crate) const PARALLEL: usize = 1 << 24;

/// A matrix inside a slice: entry `(i, j)` at `i * row_stride + j * column_stride`, one of the strides being 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strided<'a, T> {
    pub(crate) elements: &'a [T],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a, T: Real> Strided<'a, T> {
    pub(crate) fn row_major(elements: &'a [T], rows: usize, columns: usize) -> Self {
        Self { elements, rows, columns, row_stride: columns, column_stride: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn view(&self) -> MatRef<'a, T> {
        if self.column_stride == 1 {
            MatRef::from_row_major_slice_with_stride(self.elements, self.rows, self.columns, self.row_stride)
        } else {
            debug_assert_eq!(self.row_stride, 1);
            MatRef::from_column_major_slice_with_stride(
                self.elements,
                self.rows,
                self.columns,
                self.column_stride,
            )
        }
    }
}

/// `C <- alpha A B`, or `C <- C + alpha A B`, for a row-major `C`: on this thread if it is small.
pub(crate) fn gemm_strided<T: Real>(
    alpha: T,
    a: Strided<'_, T>,
    b: Strided<'_, T>,
    accumulate: bool,
    c: &mut [T],
) {
    if a.rows * a.columns * b.columns < PARALLEL {
        gemm_row_major(alpha, a, b, accumulate, c);
    } else {
        gemm_tiled(alpha, a, b, accumulate, c);
    }
}

/// The same on this thread.
pub(crate) fn gemm_row_major<T: Real>(
    alpha: T,
    a: Strided<'_, T>,
    b: Strided<'_, T>,
    accumulate: bool,
    c: &mut [T],
) {
    debug_assert_eq!((a.columns, a.rows * b.columns), (b.rows, c.len()));
    if c.is_empty() {
        return;
    }
    let accumulate = if accumulate { Accum::Add } else { Accum::Replace };
    let c = MatMut::from_row_major_slice_mut(c, a.rows, b.columns);
    cleanly(|| faer_matmul(c, accumulate, a.view(), b.view(), alpha, Par::Seq));
}

/// The same on several threads.
///
/// `C` is halved along its longer side, once and until its tiles are small, by its shape alone: the bits do not depend on the
/// number of threads. Nearly square tiles keep the kernel's copies of `A` and `B` cheap.
///
/// The kernel copies tiles of `B` but reads `A` in place, a few rows of it along `k` at a time. If `A` is stored by
/// columns, each step is a column's length away: at 4 KiB all of them fall into one set of the first-level cache, and the
/// product takes twice as long. With enough columns in `B` to pay for it, such an `A` is copied by rows first.
fn gemm_tiled<T: Real>(alpha: T, a: Strided<'_, T>, b: Strided<'_, T>, accumulate: bool, c: &mut [T]) {
    const COLUMNS_WORTH_A_COPY: usize = 128;
    debug_assert_eq!((a.columns, a.rows * b.columns), (b.rows, c.len()));
    if c.is_empty() {
        return;
    }
    let accumulate = if accumulate { Accum::Add } else { Accum::Replace };
    let copy = (a.column_stride > 1 && b.columns >= COLUMNS_WORTH_A_COPY).then(|| by_rows(a));
    let a = copy.as_ref().map_or(a, |copy| Strided::row_major(copy, a.rows, a.columns));
    let c = MatMut::from_row_major_slice_mut(c, a.rows, b.columns);
    // A side that is worth halving, whatever its length.
    let longest = a.rows.max(b.columns).saturating_sub(1).clamp(SHORTEST_SIDE, LONGEST_SIDE);
    tiles(alpha, a.view(), b.view(), accumulate, c, longest);
}

/// The elements of a matrix stored by columns, row after row.
///
/// By square blocks, through a small copy: at strides of 4 KiB all lines of a block, read or written, share one set of the
/// first-level cache, so that each is touched once, as a whole, and with its neighbours.
fn by_rows<T: Real>(a: Strided<'_, T>) -> Buffer<T> {
    const SIDE: usize = 64;
    debug_assert_eq!(a.row_stride, 1);
    let mut out = Buffer::stale(a.rows * a.columns);
    if out.is_empty() {
        return out;
    }
    let band = |first: usize, out: &mut [T]| {
        let rows = out.len() / a.columns;
        let mut block = [[T::ZERO; SIDE]; SIDE];
        for start in (0..a.columns).step_by(SIDE) {
            let columns = SIDE.min(a.columns - start);
            for (k, column) in block.iter_mut().enumerate().take(columns) {
                let from = first + (start + k) * a.column_stride;
                column[..rows].copy_from_slice(&a.elements[from..from + rows]);
            }
            for (i, row) in out.chunks_exact_mut(a.columns).enumerate() {
                row[start..start + columns].iter_mut().zip(&block).for_each(|(o, column)| *o = column[i]);
            }
        }
    };
    out.par_chunks_mut(SIDE * a.columns).enumerate().for_each(|(b, out)| band(b * SIDE, out));
    out
}

/// Sides of tiles, beyond which they are halved; the first is for products of few rows and columns and many terms.
const SHORTEST_SIDE: usize = 128;
const LONGEST_SIDE: usize = 640;

fn tiles<T: Real>(
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    accumulate: Accum,
    c: MatMut<'_, T>,
    longest: usize,
) {
    // Halves begin where a vector of either type does.
    let half = |n: usize| (n / 2).next_multiple_of(32);
    let (m, n) = (c.nrows(), c.ncols());
    if m.max(n) <= longest {
        cleanly(|| faer_matmul(c, accumulate, a, b, alpha, Par::Seq));
        return;
    }
    let go = |a, b, c| tiles(alpha, a, b, accumulate, c, LONGEST_SIDE);
    if m >= n {
        let ((a1, a2), (c1, c2)) = (a.split_at_row(half(m)), c.split_at_row_mut(half(m)));
        rayon::join(|| go(a1, b, c1), || go(a2, b, c2));
    } else {
        let ((b1, b2), (c1, c2)) = (b.split_at_col(half(n)), c.split_at_col_mut(half(n)));
        rayon::join(|| go(a, b1, c1), || go(a, b2, c2));
    }
}

#[cfg(test)]
mod tests {
    use super::{Strided, by_rows, gemm_row_major, gemm_tiled};
    use crate::random::Stream;

    /// Sizes below, at and past the pieces, with a factor stored by columns and too few or enough columns for a copy.
    #[test]
    fn tiles_agree_with_one_product() {
        for (m, k, n) in
            [(1, 1, 128), (67, 45, 130), (64, 8, 127), (129, 40, 129), (200, 300, 512), (700, 33, 650)]
        {
            let stream = Stream::root((m * k * n) as u64);
            let a: Vec<f64> = stream.named("a").normal_vector(m * k, 1.0).as_slice().to_vec();
            let b: Vec<f64> = stream.named("b").normal_vector(k * n, 1.0).as_slice().to_vec();
            let a = Strided::row_major(&a, k, m).transposed();
            let b = Strided::row_major(&b, k, n);
            let [mut c, mut expected] = [vec![f64::NAN; m * n], vec![f64::NAN; m * n]];
            gemm_tiled(1.0, a, b, false, &mut c);
            gemm_row_major(1.0, a, b, false, &mut expected);
            let error = c.iter().zip(&expected).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
            assert!(error <= 1e-13 * k as f64, "{m} x {k} times {k} x {n}: {error:e}");
        }
    }

    #[test]
    fn rows_of_a_transpose_are_its_columns() {
        let (rows, columns) = (131, 21);
        let a: Vec<f64> = (0..rows * columns).map(|i| i as f64).collect();
        let copy = by_rows(Strided::row_major(&a, columns, rows).transposed());
        for i in 0..rows {
            for k in 0..columns {
                assert_eq!(copy[i * columns + k], a[k * rows + i]);
            }
        }
    }
}
