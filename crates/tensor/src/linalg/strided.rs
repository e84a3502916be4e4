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

    /// Rows `start..start + count`.
    pub(crate) fn rows(self, start: usize, count: usize) -> Self {
        Self { elements: &self.elements[start * self.row_stride..], rows: count, ..self }
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
