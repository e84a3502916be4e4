//! Sums and maxima over axes, in a fixed order.

use rayon::prelude::*;

use super::nest::{Nest, Run};
use super::simd::{PARALLEL, PIECE, vectorized};
use crate::array::{Array, Buffer, Dims};
use crate::linalg::Real;

/// Columns that one thread sums are at least this many: whole cache lines, enough for the prefetcher.
const NARROWEST: usize = 256;

/// What a reduction accumulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// The sum; 0 of nothing.
    Sum,
    /// The largest element, NaN if any is NaN; minus infinity of nothing.
    Max,
}

/// Reduces the axes marked in `over`; they stay with length 1.
///
/// Outer axes are accumulated one after another, the innermost run in 16 interleaved partial results that are combined
/// pairwise: the order depends on the shape alone.
pub(crate) fn reduce<T: Real>(reduction: Reduction, a: &Array<T>, over: &[bool]) -> Array<T> {
    match reduction {
        Reduction::Sum => fold(a, over, T::ZERO, |x, y| x + y),
        Reduction::Max => fold(a, over, num_traits::Float::neg_infinity(), maximum),
    }
}

/// The larger of two numbers, NaN if either is.
#[inline(always)]
pub(crate) fn maximum<T: Real>(x: T, y: T) -> T {
    if x > y || num_traits::Float::is_nan(x) { x } else { y }
}

fn fold<T: Real>(a: &Array<T>, over: &[bool], neutral: T, f: impl Fn(T, T) -> T + Sync) -> Array<T> {
    let shape: Dims = a.shape().iter().zip(over).map(|(&n, &gone)| if gone { 1 } else { n }).collect();
    let strides: Dims =
        shape.row_major().iter().zip(over).map(|(&s, &gone)| if gone { 0 } else { s }).collect();
    let mut out = Buffer::filled(shape.volume(), neutral);
    let last = a.rank().wrapping_sub(1);
    if a.len() >= PARALLEL && !over[last] && shape[last] == shape.volume() {
        // All rows into one: columns do not meet, so the order of each sum is that of one thread.
        let columns = (PIECE / (a.len() / shape[last])).max(NARROWEST);
        out.par_chunks_mut(columns).enumerate().for_each(|(i, out)| {
            let piece = a.slice(last, i * columns..i * columns + out.len(), 1);
            fold_into(&piece, &strides, neutral, &f, out);
        });
    } else {
        fold_into(a, &strides, neutral, &f, &mut out);
    }
    Array::from_buffer(shape, out)
}

/// `out <- f(out, x)` for every element `x`, where `strides` say which element of `out`.
fn fold_into<T: Real>(a: &Array<T>, strides: &Dims, neutral: T, f: &impl Fn(T, T) -> T, out: &mut [T]) {
    let x = a.strided();
    vectorized(
        #[inline(always)]
        || {
            Nest::new(a.shape(), [strides, a.strides()]).for_each_run(
                #[inline(always)]
                |run| {
                    let Run { length, start: [o, i], step: [t, s] } = run;
                    match (t, s) {
                        (1, 1) => {
                            let out = &mut out[o..o + length];
                            for (o, &x) in out.iter_mut().zip(&x[i..i + length]) {
                                *o = f(*o, x);
                            }
                        }
                        (0, 1) => out[o] = f(out[o], interleaved(&x[i..i + length], neutral, f)),
                        _ => {
                            for k in 0..length {
                                out[o + k * t] = f(out[o + k * t], x[i + k * s]);
                            }
                        }
                    }
                },
            );
        },
    );
}

#[inline(always)]
fn interleaved<T: Real>(x: &[T], neutral: T, f: impl Fn(T, T) -> T) -> T {
    const LANES: usize = 16;
    let mut lanes = [neutral; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = f(*lane, x);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for k in 0..width {
            lanes[k] = f(lanes[k], lanes[k + width]);
        }
        width /= 2;
    }
    lanes[0]
}
