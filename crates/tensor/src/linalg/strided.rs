//! The product of matrices given as slices with strides: what [`Array`](crate::Array) products are made of.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul as faer_matmul};

use super::Real;

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

/// `C <- A B`, or `C <- C + A B`, for a row-major `C`, on this thread.
pub(crate) fn gemm_row_major<T: Real>(a: Strided<'_, T>, b: Strided<'_, T>, accumulate: bool, c: &mut [T]) {
    debug_assert_eq!((a.columns, a.rows * b.columns), (b.rows, c.len()));
    if c.is_empty() {
        return;
    }
    let accumulate = if accumulate { Accum::Add } else { Accum::Replace };
    let c = MatMut::from_row_major_slice_mut(c, a.rows, b.columns);
    faer_matmul(c, accumulate, a.view(), b.view(), T::ONE, Par::Seq);
}

/// `C <- A B` for a row-major `C`, on several threads.
///
/// `C` is halved along its longer side until its tiles are small, by its shape alone: the bits do not depend on the number
/// of threads. Nearly square tiles keep the kernel's copies of `A` and `B` cheap.
pub(crate) fn gemm_tiled<T: Real>(a: Strided<'_, T>, b: Strided<'_, T>, c: &mut [T]) {
    if !c.is_empty() {
        tiles(a.view(), b.view(), MatMut::from_row_major_slice_mut(c, a.rows, b.columns));
    }
}

fn tiles<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, c: MatMut<'_, T>) {
    const LONGEST_SIDE: usize = 640;
    // Halves begin where a vector of either type does.
    let half = |n: usize| (n / 2).next_multiple_of(32);
    let (m, n) = (c.nrows(), c.ncols());
    if m.max(n) <= LONGEST_SIDE {
        faer_matmul(c, Accum::Replace, a, b, T::ONE, Par::Seq);
    } else if m >= n {
        let ((a1, a2), (c1, c2)) = (a.split_at_row(half(m)), c.split_at_row_mut(half(m)));
        rayon::join(|| tiles(a1, b, c1), || tiles(a2, b, c2));
    } else {
        let ((b1, b2), (c1, c2)) = (b.split_at_col(half(n)), c.split_at_col_mut(half(n)));
        rayon::join(|| tiles(a, b1, c1), || tiles(a, b2, c2));
    }
}
