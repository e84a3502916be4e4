//! Copies, maps and broadcasting maps of two arrays.

use rayon::prelude::*;

use super::nest::{Nest, Run};
use super::simd::{PARALLEL, PIECE, in_pieces, vectorized};
use crate::array::{Array, Buffer, broadcast};
use crate::linalg::Real;

/// Writes the elements of `a` to `out` in row-major order.
pub(crate) fn copy<T: Real>(a: &Array<T>, out: &mut [T]) {
    let from = a.strided();
    if let Some(slice) = a.as_slice() {
        in_pieces(
            out,
            #[inline(always)]
            |i, piece| piece.copy_from_slice(&slice[i..i + piece.len()]),
        );
        return;
    }
    let strides = a.dims().row_major();
    Nest::new(a.shape(), [&strides, a.strides()]).for_each_run(
        |Run { length, start: [o, i], step: [_, s] }| {
            let out = &mut out[o..o + length];
            match s {
                0 => out.fill(from[i]),
                1 => out.copy_from_slice(&from[i..i + length]),
                _ => out.iter_mut().zip(from[i..].iter().step_by(s)).for_each(|(o, &x)| *o = x),
            }
        },
    );
}

/// `f` of every element.
pub(crate) fn map<T: Real>(a: &Array<T>, f: impl Fn(T) -> T + Sync) -> Array<T> {
    if a.len() > 1 && a.strides().iter().all(|&s| s == 0) {
        return Array::scalar(f(a.strided()[0])).broadcast_to(a.shape());
    }
    let a = a.contiguous();
    let from = &a.strided()[..a.len()];
    let mut out = Buffer::stale(a.len());
    in_pieces(
        &mut out,
        #[inline(always)]
        |i, piece| {
            let from = &from[i..i + piece.len()];
            for (o, &x) in piece.iter_mut().zip(from) {
                *o = f(x);
            }
        },
    );
    Array::from_buffer(a.dims(), out)
}

/// `f` of every pair of elements of two arrays broadcast to each other.
///
/// # Panics
/// If the shapes do not broadcast; `operation` names who asked.
pub(crate) fn zip<T: Real>(
    operation: &str,
    a: &Array<T>,
    b: &Array<T>,
    f: impl Fn(T, T) -> T + Sync,
) -> Array<T> {
    let shape = broadcast(operation, a.shape(), b.shape());
    let mut out = Buffer::stale(shape.volume());
    if let (true, Some(x), Some(y)) = (a.dims() == b.dims(), a.as_slice(), b.as_slice()) {
        in_pieces(
            &mut out,
            #[inline(always)]
            |i, piece| {
                let (x, y) = (&x[i..i + piece.len()], &y[i..i + piece.len()]);
                for ((o, &x), &y) in piece.iter_mut().zip(x).zip(y) {
                    *o = f(x, y);
                }
            },
        );
        return Array::from_buffer(shape, out);
    }
    let (a, b) = (a.broadcast_to(&shape), b.broadcast_to(&shape));
    if out.len() < PARALLEL {
        zip_strided(&a, &b, &f, &mut out);
    } else {
        let row = shape.volume() / shape[0];
        let rows = (PIECE / row).max(1);
        out.par_chunks_mut(rows * row).enumerate().for_each(|(i, out)| {
            let piece = i * rows..i * rows + out.len() / row;
            zip_strided(&a.slice(0, piece.clone(), 1), &b.slice(0, piece, 1), &f, out);
        });
    }
    Array::from_buffer(shape, out)
}

/// `f` of every pair of elements of two arrays of one shape, whatever their strides, in row-major order.
fn zip_strided<T: Real>(a: &Array<T>, b: &Array<T>, f: &impl Fn(T, T) -> T, out: &mut [T]) {
    let (x, y) = (a.strided(), b.strided());
    let strides = a.dims().row_major();
    vectorized(
        #[inline(always)]
        || {
            Nest::new(a.shape(), [&strides, a.strides(), b.strides()]).for_each_run(
                #[inline(always)]
                |run| {
                    let Run { length, start: [o, i, j], step: [_, s, t] } = run;
                    let out = &mut out[o..o + length];
                    match (s, t) {
                        (1, 1) => {
                            let (x, y) = (&x[i..i + length], &y[j..j + length]);
                            for ((o, &x), &y) in out.iter_mut().zip(x).zip(y) {
                                *o = f(x, y);
                            }
                        }
                        (1, 0) => {
                            let y = y[j];
                            for (o, &x) in out.iter_mut().zip(&x[i..i + length]) {
                                *o = f(x, y);
                            }
                        }
                        (0, 1) => {
                            let x = x[i];
                            for (o, &y) in out.iter_mut().zip(&y[j..j + length]) {
                                *o = f(x, y);
                            }
                        }
                        _ => {
                            for (k, o) in out.iter_mut().enumerate() {
                                *o = f(x[i + k * s], y[j + k * t]);
                            }
                        }
                    }
                },
            );
        },
    );
}

/// `x <- f(x, y)` for every pair of elements of two arrays of one shape.
///
/// # Panics
/// If the shapes differ; `operation` names who asked.
pub(crate) fn zip_in_place<T: Real>(
    operation: &str,
    x: &mut Array<T>,
    y: &Array<T>,
    f: impl Fn(T, T) -> T + Sync,
) {
    assert!(x.shape() == y.shape(), "{operation}: shapes {:?} and {:?} differ", x.shape(), y.shape());
    let y = y.contiguous();
    let y = &y.strided()[..y.len()];
    in_pieces(
        x.make_mut(),
        #[inline(always)]
        |i, piece| {
            let y = &y[i..i + piece.len()];
            for (x, &y) in piece.iter_mut().zip(y) {
                *x = f(*x, y);
            }
        },
    );
}
