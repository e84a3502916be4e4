//! The (batched) matrix product.

use rayon::prelude::*;

use super::nest::{Nest, Run};
use crate::array::{Array, Buffer, Dims, broadcast};
use crate::linalg::{PARALLEL, Real, Strided, gemm_row_major, gemm_strided};

/// `C[..., i, j] = sum_k A[..., i, k] B[..., k, j]`; leading axes broadcast.
///
/// # Panics
/// If an operand has fewer than two axes, the inner lengths differ, or the leading axes do not broadcast.
pub(crate) fn matmul<T: Real>(a: &Array<T>, b: &Array<T>) -> Array<T> {
    let mismatch = || -> ! { panic!("matmul: shapes {:?} and {:?} do not fit", a.shape(), b.shape()) };
    let ([a_batch @ .., m, k], [b_batch @ .., k_of_b, n]) = (a.shape(), b.shape()) else { mismatch() };
    let (&m, &k, &n) = (m, k, n);
    if k != *k_of_b {
        mismatch();
    }
    let batch = broadcast("matmul (leading axes)", a_batch, b_batch);
    let count = batch.volume();
    if count > 1 && b_batch.iter().all(|&size| size == 1) {
        // One matrix on the right: stack the rows of all matrices on the left.
        let rows = a.reshape(&[count * m, k]);
        let right = b.reshape(&[k, n]);
        return matmul(&rows, &right).reshape(&batch.join(&[m, n]));
    }
    let (a, b) = (unit_stride(a), unit_stride(b));
    let mut out = Buffer::stale(count * m * n);
    if count == 1 {
        let (a, b) = (matrix(&a, 0), matrix(&b, 0));
        gemm_strided(T::ONE, a, b, false, &mut out);
    } else if m * n > 0 {
        let pairs = offsets(&batch, &a, &b);
        let each = |(i, c): (usize, &mut [T])| {
            let (i, j) = pairs[i];
            if k == 1 {
                outer(matrix(&a, i), matrix(&b, j), c);
            } else {
                gemm_row_major(T::ONE, matrix(&a, i), matrix(&b, j), false, c);
            }
        };
        if count * m * n * k < PARALLEL {
            out.chunks_mut(m * n).enumerate().for_each(each);
        } else {
            out.par_chunks_mut(m * n).enumerate().for_each(each);
        }
    }
    Array::from_buffer(batch.join(&[m, n]), out)
}

/// A column times a row.
fn outer<T: Real>(a: Strided<'_, T>, b: Strided<'_, T>, c: &mut [T]) {
    super::simd::vectorized(
        #[inline(always)]
        || {
            for (i, row) in c.chunks_exact_mut(b.columns).enumerate() {
                let x = a.elements[i * a.row_stride];
                if b.column_stride == 1 {
                    row.iter_mut().zip(b.elements).for_each(|(c, &y)| *c = x * y);
                } else {
                    row.iter_mut()
                        .zip(b.elements.iter().step_by(b.column_stride))
                        .for_each(|(c, &y)| *c = x * y);
                }
            }
        },
    );
}

/// The same array with unit stride along one of its last two axes.
fn unit_stride<T: Real>(a: &Array<T>) -> Array<T> {
    let [.., row, column] = a.strides() else { return a.clone() };
    if *column == 1 || *row == 1 { a.clone() } else { a.contiguous() }
}

fn matrix<T: Real>(a: &Array<T>, offset: usize) -> Strided<'_, T> {
    let ([.., rows, columns], [.., row_stride, column_stride]) = (a.shape(), a.strides()) else {
        unreachable!("matmul checked that its operands have two axes");
    };
    // An axis of length 1 may carry any stride; give it one that keeps the other axis' stride the leading one.
    let (row_stride, column_stride) = match (*row_stride, *column_stride) {
        (r, 1) => (r, 1),
        (1, c) => (1, c),
        (r, c) => unreachable!("unit_stride left strides {r} and {c}"),
    };
    Strided {
        elements: a.strided().get(offset..).unwrap_or(&[]),
        rows: *rows,
        columns: *columns,
        row_stride,
        column_stride,
    }
}

/// Where each matrix of a broadcast batch begins in `a` and in `b`.
fn offsets<T: Real>(batch: &Dims, a: &Array<T>, b: &Array<T>) -> Vec<(usize, usize)> {
    let strides = |x: &Array<T>| -> Dims {
        let own = x.rank() - 2;
        let missing = batch.len() - own;
        (0..batch.len())
            .map(|axis| match axis.checked_sub(missing) {
                Some(i) if x.shape()[i] != 1 => x.strides()[i],
                _ => 0,
            })
            .collect()
    };
    let mut pairs = Vec::with_capacity(batch.volume());
    Nest::new(batch, [&strides(a), &strides(b)]).for_each_run(
        |Run { length, start: [i, j], step: [s, t] }| {
            pairs.extend((0..length).map(|k| (i + k * s, j + k * t)));
        },
    );
    pairs
}
