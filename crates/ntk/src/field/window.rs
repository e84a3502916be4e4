//! Which input pixels each output pixel of a convolution or pooling looks at, and sums over them.

use overparam_tensor::linalg::Real;

use super::geometry::Geometry;
use super::scratch::{Buffer, Scratch};
use crate::shape::{Padding, Shape, windows};

/// For each output position and each tap of the window the input position, `None` in the padding.
type Taps = Vec<Vec<Option<usize>>>;

/// A two-dimensional window moving over an image.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) input: (usize, usize),
    pub(crate) output: (usize, usize),
    /// Whether it skips pixels.
    pub(crate) strided: bool,
    pub(crate) rows: Taps,
    pub(crate) columns: Taps,
    /// For each horizontal tap: `(output start, input start, length)` of stretches that move together.
    stretches: Vec<Vec<(usize, usize, usize)>>,
}

impl Window {
    /// From images of one shape to images of another.
    pub(crate) fn over(
        shape: Shape,
        out: Shape,
        window: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
    ) -> Self {
        Self::along_both((shape.height, shape.width), (out.height, out.width), window, strides, padding)
    }

    pub(crate) fn along_both(
        input: (usize, usize),
        output: (usize, usize),
        window: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
    ) -> Self {
        let columns = taps(input.1, output.1, window[1], strides[1], padding);
        let stretches = (0..window[1]).map(|d| stretches(&columns, d)).collect();
        let rows = taps(input.0, output.0, window[0], strides[0], padding);
        Self { input, output, strided: strides != [1, 1], rows, columns, stretches }
    }

    /// Geometry after the window has moved over a field of geometry `before`.
    pub(crate) fn geometry(&self, before: Geometry) -> Geometry {
        let (height, width) = self.output;
        match before {
            Geometry::Diagonal { .. } => Geometry::Diagonal { height, width },
            Geometry::Slab { distance, .. } => Geometry::Slab { height, width, distance },
            Geometry::Tile { .. } | Geometry::Pixels { .. } => Geometry::Pixels { height, width },
        }
    }

    /// Taps of output pixel `p` in a fixed order, rows first.
    pub(crate) fn sources(&self, p: usize) -> impl Iterator<Item = Option<usize>> + '_ {
        let (y, x) = (p / self.output.1, p % self.output.1);
        self.rows[y].iter().flat_map(move |&sy| {
            self.columns[x].iter().map(move |&sx| sy.zip(sx).map(|(sy, sx)| sy * self.input.1 + sx))
        })
    }

    /// `out[P] = sum_d input[P + d]` over an image.
    pub(crate) fn image_sums<T: Real>(&self, input: &[T], scratch: &mut Scratch<T>) -> Buffer<T> {
        let (w, (ho, wo)) = (self.input.1, self.output);
        let (mut half, mut out) = (scratch.take(ho * w), scratch.take(ho * wo));
        pulp::Arch::new().dispatch(ImageSums { window: self, input, half: &mut half, out: &mut out });
        scratch.give(half);
        out
    }

    /// `out[P, R] = sum_d input[P + d, R + d]` over the pixel pairs of two images, in the order of additions of
    /// [`Self::image_sums`]: equal images give equal bits.
    pub(crate) fn pair_sums<T: Real>(&self, input: &[T], scratch: &mut Scratch<T>) -> Buffer<T> {
        let (w, (ho, wo)) = (self.input.1, self.output);
        let (mut half, mut out) = (scratch.take((ho * w).pow(2)), scratch.take((ho * wo).pow(2)));
        pulp::Arch::new().dispatch(PairSums { window: self, input, half: &mut half, out: &mut out });
        scratch.give(half);
        out
    }

    /// `out[P, R] = sum_(d, e) input[P + d, R + e]`: pooling of both images.
    pub(crate) fn pool_sums<T: Real>(&self, input: &[T], scratch: &mut Scratch<T>) -> Buffer<T> {
        let ((h, w), (ho, wo)) = (self.input, self.output);
        let mut out = scratch.take((ho * wo).pow(2));
        Geometry::Pixels { height: ho, width: wo }.for_each(|i, p, r| {
            let sum: f64 = self
                .sources(p)
                .flatten()
                .map(|p| {
                    let row =
                        self.sources(r).flatten().map(|r| input[Geometry::pixel_pair(h, w, p, r)].f64());
                    row.sum::<f64>()
                })
                .sum();
            out[i] = T::of(sum);
        });
        out
    }
}

/// The two passes of [`Window::image_sums`]: whole rows into `half`, then along rows into `out`.
struct ImageSums<'a, T> {
    window: &'a Window,
    input: &'a [T],
    half: &'a mut [T],
    out: &'a mut [T],
}

impl<T: Real> pulp::WithSimd for ImageSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { window, input, half, out } = self;
        let (w, wo) = (window.input.1, window.output.1);
        half.fill(T::ZERO);
        for (taps, half) in window.rows.iter().zip(half.chunks_mut(w)) {
            for &source in taps.iter().flatten() {
                add(half, &input[source * w..][..w]);
            }
        }
        out.fill(T::ZERO);
        for (row, out) in half.chunks(w).zip(out.chunks_mut(wo)) {
            for stretches in &window.stretches {
                for &(to, from, n) in stretches {
                    add(&mut out[to..][..n], &row[from..][..n]);
                }
            }
        }
    }
}

/// The two passes of [`Window::pair_sums`]: whole blocks into `half`, then along rows into `out`.
struct PairSums<'a, T> {
    window: &'a Window,
    input: &'a [T],
    half: &'a mut [T],
    out: &'a mut [T],
}

impl<T: Real> pulp::WithSimd for PairSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { window, input, half, out } = self;
        let ((h, w), (ho, wo)) = (window.input, window.output);
        half.fill(T::ZERO);
        let block = w * w;
        for (y, left) in window.rows.iter().enumerate() {
            for (v, right) in window.rows.iter().enumerate() {
                let half = &mut half[(y * ho + v) * block..][..block];
                for (sy, sv) in left.iter().zip(right).filter_map(|(&a, &b)| a.zip(b)) {
                    add(half, &input[(sy * h + sv) * block..][..block]);
                }
            }
        }
        out.fill(T::ZERO);
        for (block, out) in half.chunks(block).zip(out.chunks_mut(wo * wo)) {
            for (d, stretches) in window.stretches.iter().enumerate() {
                for (x, taps) in window.columns.iter().enumerate() {
                    let Some(source) = taps[d] else { continue };
                    for &(to, from, n) in stretches {
                        add(&mut out[x * wo + to..][..n], &block[source * w + from..][..n]);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn add<T: Real>(to: &mut [T], from: &[T]) {
    for (a, &b) in to.iter_mut().zip(from) {
        *a += b;
    }
}

fn taps(size: usize, out: usize, window: usize, stride: usize, padding: Padding) -> Taps {
    let before = windows(size, window, stride, padding).map_or(0, |(_, before)| before);
    let source = |i: usize| match padding {
        Padding::Circular => Some((i + size - before % size) % size),
        Padding::Valid | Padding::Same => i.checked_sub(before).filter(|&j| j < size),
    };
    (0..out).map(|o| (0..window).map(|d| source(o * stride + d)).collect()).collect()
}

fn stretches(taps: &Taps, d: usize) -> Vec<(usize, usize, usize)> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for (o, source) in taps.iter().enumerate().filter_map(|(o, taps)| taps[d].map(|s| (o, s))) {
        match found.last_mut() {
            Some((to, from, n)) if *to + *n == o && *from + *n == source => *n += 1,
            _ => found.push((o, source, 1)),
        }
    }
    found
}
