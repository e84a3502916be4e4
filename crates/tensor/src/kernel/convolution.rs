//! Convolution and its two transposes: windows gathered a few images at a time, so that they stay in cache, and
//! multiplied as matrices.
//!
//! Shapes (any leading axes; they broadcast): images `x [..., n, h, w, c]`, filters `w [..., kh, kw, c, d]`, outputs
//! `y [..., n, oh, ow, d]`.

use rayon::prelude::*;

use super::windows::Windows;
use crate::array::{Array, Buffer, Dims, broadcast};
use crate::linalg::{PARALLEL, Real, Strided, gemm_row_major};

/// Gathered windows of about this many bytes are multiplied at once: they fit the second-level cache.
const CACHED_BYTES: usize = 1 << 20;

/// Sums over images are cut into at most this many partial sums.
const PARTIAL_SUMS: usize = 8;

/// `f(i, piece)` for the pieces of `out`, on several threads if `work` multiplications are many.
fn for_pieces<T: Send>(out: &mut [T], size: usize, work: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if work < PARALLEL {
        out.chunks_mut(size).enumerate().for_each(|(i, piece)| f(i, piece));
    } else {
        out.par_chunks_mut(size).enumerate().for_each(|(i, piece)| f(i, piece));
    }
}

/// The sizes of one convolution whose leading axes have been laid out as `leading` items of `n` images.
struct Sizes {
    leading: Dims,
    n: usize,
    image: usize,
    patches: usize,
    out: usize,
    inner: usize,
    c: usize,
    d: usize,
    chunk: usize,
    work: usize,
}

impl Sizes {
    fn new<T>(windows: &Windows, leading: Dims, n: usize, c: usize, d: usize) -> Self {
        let (positions, inner) = (windows.positions(), windows.entries() * c);
        let patches = positions * inner;
        Self {
            leading,
            n,
            image: windows.input_pixels() * c,
            patches,
            out: positions * d,
            inner,
            c,
            d,
            chunk: (CACHED_BYTES / (size_of::<T>() * patches.max(1))).clamp(1, n.max(1)),
            work: leading.volume() * n * patches * d,
        }
    }

    fn is_empty(&self) -> bool {
        self.leading.volume() * self.n * self.image * self.out * self.inner == 0
    }
}

/// Leading axes, of the three or four core axes' array.
fn split<'a>(operation: &str, shape: &'a [usize]) -> (&'a [usize], [usize; 4]) {
    match shape {
        [leading @ .., a, b, c, d] => (leading, [*a, *b, *c, *d]),
        _ => panic!("{operation}: shape {shape:?} has fewer than four axes"),
    }
}

/// Position of the item of an array with leading axes `own` that meets item `index` of the broadcast axes `all`.
fn item(all: &Dims, own: &[usize], mut index: usize) -> usize {
    let (mut position, mut step) = (0, 1);
    for (axis, &size) in all.iter().enumerate().rev() {
        let coordinate = index % size;
        index /= size;
        if let Some(i) = (axis + own.len()).checked_sub(all.len()) {
            if own[i] != 1 {
                position += coordinate * step;
            }
            step *= own[i];
        }
    }
    position
}

/// `y`: every window of `x` times the filter.
pub(crate) fn forward<T: Real>(windows: &Windows, x: &Array<T>, w: &Array<T>) -> Array<T> {
    let (x_leading, [n, h, width, c]) = split("convolution", x.shape());
    let (w_leading, [kh, kw, c_of_w, d]) = split("convolution", w.shape());
    assert!(
        c == c_of_w && [kh, kw] == windows.window && [h, width] == windows.input,
        "convolution: images {:?} and filters {:?} do not fit",
        x.shape(),
        w.shape()
    );
    let all = broadcast("convolution (leading axes)", x_leading, w_leading);
    let shape = all.join(&[n]).join(&windows.output).join(&[d]);
    let s = merged::<T>(windows, all, w_leading, n, c, d);
    let (x, w) = (x.contiguous(), w.contiguous());
    let (x, w, x_own) = (x.elements(), w.elements(), if s.leading.is_empty() { &[] } else { x_leading });
    let mut out = Buffer::stale(shape.volume());
    if s.is_empty() {
        out.fill(T::ZERO);
        return Array::from_buffer(shape, out);
    }
    for_pieces(&mut out, s.n * s.out, s.work, |l, out| {
        let x = &x[item(&s.leading, x_own, l) * s.n * s.image..][..s.n * s.image];
        let w_at = if s.leading.is_empty() { 0 } else { item(&s.leading, w_leading, l) };
        let w = Strided::row_major(&w[w_at * s.inner * s.d..][..s.inner * s.d], s.inner, s.d);
        for_pieces(out, s.chunk * s.out, s.work, |i, out| {
            let images = out.len() / s.out;
            let x = &x[i * s.chunk * s.image..][..images * s.image];
            let mut patches = Buffer::stale(s.chunk * s.patches);
            let patches = &mut patches[..images * s.patches];
            for (x, patches) in x.chunks_exact(s.image).zip(patches.chunks_exact_mut(s.patches)) {
                windows.gather(s.c, x, T::ZERO, patches);
            }
            gemm_row_major(T::ONE, Strided::row_major(patches, out.len() / s.d, s.inner), w, false, out);
        });
    });
    Array::from_buffer(shape, out)
}

/// `x`, given `y`: the transpose of `x -> y`.
pub(crate) fn to_images<T: Real>(windows: &Windows, y: &Array<T>, w: &Array<T>) -> Array<T> {
    let (y_leading, [n, oh, ow, d]) = split("convolution (to images)", y.shape());
    let (w_leading, [_, _, c, d_of_w]) = split("convolution (to images)", w.shape());
    assert!(
        d == d_of_w && [oh, ow] == windows.output,
        "convolution (to images): outputs {:?} and filters {:?} do not fit",
        y.shape(),
        w.shape()
    );
    let all = broadcast("convolution (leading axes)", y_leading, w_leading);
    let shape = all.join(&[n]).join(&windows.input).join(&[c]);
    let s = merged::<T>(windows, all, w_leading, n, c, d);
    let (y, w) = (y.contiguous(), w.contiguous());
    let (y, w, y_own) = (y.elements(), w.elements(), if s.leading.is_empty() { &[] } else { y_leading });
    let mut out = Buffer::stale(shape.volume());
    if s.is_empty() {
        out.fill(T::ZERO);
        return Array::from_buffer(shape, out);
    }
    for_pieces(&mut out, s.n * s.image, s.work, |l, out| {
        let y = &y[item(&s.leading, y_own, l) * s.n * s.out..][..s.n * s.out];
        let w_at = if s.leading.is_empty() { 0 } else { item(&s.leading, w_leading, l) };
        let w = Strided::row_major(&w[w_at * s.inner * s.d..][..s.inner * s.d], s.inner, s.d);
        for_pieces(out, s.chunk * s.image, s.work, |i, out| {
            let images = out.len() / s.image;
            let y = &y[i * s.chunk * s.out..][..images * s.out];
            let mut patches = Buffer::stale(s.chunk * s.patches);
            let patches = &mut patches[..images * s.patches];
            gemm_row_major(T::ONE, Strided::row_major(y, y.len() / s.d, s.d), w.transposed(), false, patches);
            for (patches, x) in patches.chunks_exact(s.patches).zip(out.chunks_exact_mut(s.image)) {
                windows.scatter(s.c, patches, x);
            }
        });
    });
    Array::from_buffer(shape, out)
}

/// With one filter for all leading axes, these are more images; then nothing is left of them.
fn merged<T>(windows: &Windows, all: Dims, w_leading: &[usize], n: usize, c: usize, d: usize) -> Sizes {
    if w_leading.iter().all(|&size| size == 1) {
        Sizes::new::<T>(windows, Dims::EMPTY, all.volume() * n, c, d)
    } else {
        Sizes::new::<T>(windows, all, n, c, d)
    }
}

/// `w`, given `y`: the transpose of `w -> y`, a sum over the `n` images of each leading item.
pub(crate) fn to_filters<T: Real>(windows: &Windows, x: &Array<T>, y: &Array<T>) -> Array<T> {
    let (x_leading, [n, h, width, c]) = split("convolution (to filters)", x.shape());
    let (y_leading, [n_of_y, oh, ow, d]) = split("convolution (to filters)", y.shape());
    assert!(
        n == n_of_y && [oh, ow] == windows.output && [h, width] == windows.input,
        "convolution (to filters): images {:?} and outputs {:?} do not fit",
        x.shape(),
        y.shape()
    );
    let all = broadcast("convolution (leading axes)", x_leading, y_leading);
    let shape = all.join(&windows.window).join(&[c, d]);
    let s = Sizes::new::<T>(windows, all, n, c, d);
    let (x, y) = (x.contiguous(), y.contiguous());
    let (x, y) = (x.elements(), y.elements());
    let mut out = Buffer::stale(shape.volume());
    if s.is_empty() {
        out.fill(T::ZERO);
        return Array::from_buffer(shape, out);
    }
    let filter = s.inner * s.d;
    let images = |l: usize| &x[item(&s.leading, x_leading, l) * s.n * s.image..][..s.n * s.image];
    let outputs = |l: usize| &y[item(&s.leading, y_leading, l) * s.n * s.out..][..s.n * s.out];
    if s.leading.volume() == 1 {
        // Partial sums over groups of images, added in order.
        let group = s.n.div_ceil(PARTIAL_SUMS);
        let mut partial = Buffer::stale(s.n.div_ceil(group) * filter);
        for_pieces(&mut partial, filter, s.work, |i, out| {
            let count = group.min(s.n - i * group);
            let x = &images(0)[i * group * s.image..][..count * s.image];
            accumulate(windows, &s, x, &[&outputs(0)[i * group * s.out..][..count * s.out]], out);
        });
        let (first, others) = partial.split_at(filter);
        out.copy_from_slice(first);
        for partial in others.chunks_exact(filter) {
            out.iter_mut().zip(partial).for_each(|(o, &p)| *o += p);
        }
    } else {
        // Neighbouring leading items that share their images share the gathered windows.
        let missing = all.len() - x_leading.len();
        let shared: usize = (0..all.len())
            .rev()
            .take_while(|&a| a < missing || x_leading[a - missing] == 1)
            .map(|a| all[a])
            .product();
        for_pieces(&mut out, shared * filter, s.work, |i, out| {
            let y: Vec<&[T]> = (i * shared..(i + 1) * shared).map(outputs).collect();
            accumulate(windows, &s, images(i * shared), &y, out);
        });
    }
    Array::from_buffer(shape, out)
}

/// For each `y`: the sum over images of windows transposed times output, written to its piece of `out`.
fn accumulate<T: Real>(windows: &Windows, s: &Sizes, x: &[T], y: &[&[T]], out: &mut [T]) {
    let mut gathered = Buffer::stale(s.chunk * s.patches);
    for (i, x) in x.chunks(s.chunk * s.image).enumerate() {
        let images = x.len() / s.image;
        let patches = &mut gathered[..images * s.patches];
        for (x, patches) in x.chunks_exact(s.image).zip(patches.chunks_exact_mut(s.patches)) {
            windows.gather(s.c, x, T::ZERO, patches);
        }
        let rows = patches.len() / s.inner;
        let patches = Strided::row_major(patches, rows, s.inner).transposed();
        for (y, out) in y.iter().zip(out.chunks_exact_mut(s.inner * s.d)) {
            let y = &y[i * s.chunk * s.out..][..images * s.out];
            gemm_row_major(T::ONE, patches, Strided::row_major(y, rows, s.d), i > 0, out);
        }
    }
}
