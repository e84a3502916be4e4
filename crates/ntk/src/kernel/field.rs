//! Moments of many pairs at once.

use std::ops::Range;

use num_traits::Float;
use overparam_tensor::linalg::Real;

use super::lines::{self, DirectMargin, Sides};
use super::scratch::{Buffer, Scratch};

/// How the entries of a [`Field`] relate to the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Geometry {
    /// Entry `(r, c)` at `r * columns + c` pairs left input `r` with right input `c`, one pixel each.
    Tile { rows: usize, columns: usize },
    /// All pixel pairs of two images: `(y, x)` left with `(y', x')` right at `((y h + y') w + x) w + x'`. For fixed rows
    /// the block over `(x, x')` is contiguous: sums along rows stay in a block, sums over rows add whole blocks.
    Pixels { height: usize, width: usize },
    /// The part of the pairs in which row `y` meets row `(y + distance) mod h`: that pair of rows stands at `(y w + x) w + x'`.
    Slab { height: usize, width: usize, distance: usize },
    /// Entry `p` pairs pixel `p` with pixel `p`.
    Diagonal { height: usize, width: usize },
}

impl Geometry {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Tile { rows, columns } => rows * columns,
            Self::Pixels { height, width } => (height * width).pow(2),
            Self::Slab { height, width, .. } => height * width * width,
            Self::Diagonal { height, width } => height * width,
        }
    }

    /// Entries of a line: stretches in which one left pixel meets consecutive right ones.
    pub(crate) fn line(self) -> usize {
        match self {
            Self::Tile { columns, .. } => columns,
            Self::Pixels { width, .. } | Self::Slab { width, .. } => width,
            Self::Diagonal { .. } => 1,
        }
    }

    /// Consecutive lines that meet the same right pixels.
    pub(crate) fn block(self) -> usize {
        match self {
            Self::Tile { rows, .. } => rows,
            Self::Pixels { width, .. } | Self::Slab { width, .. } => width,
            Self::Diagonal { .. } => 1,
        }
    }

    /// Left pixel and first right pixel of a line.
    #[inline(always)]
    pub(crate) fn start(self, line: usize) -> (usize, usize) {
        match self {
            Self::Tile { .. } => (line, 0),
            Self::Slab { height, width, distance } => (line, (line / width + distance) % height * width),
            Self::Pixels { height, width } => {
                (line / width / height * width + line % width, line / width % height * width)
            }
            Self::Diagonal { .. } => (line, line),
        }
    }

    /// Calls `f(entry, left index, right index)` for every entry in order.
    #[inline(always)]
    pub(crate) fn for_each(self, f: impl FnMut(usize, usize, usize)) {
        self.for_each_in(0..self.len() / self.line().max(1), f);
    }

    /// The same for the entries of some lines.
    #[inline(always)]
    pub(crate) fn for_each_in(self, lines: Range<usize>, mut f: impl FnMut(usize, usize, usize)) {
        let n = self.line();
        for line in lines {
            let (p, r) = self.start(line);
            (0..n).for_each(|c| f(line * n + c, p, r + c));
        }
    }

    /// Index of the pair (pixel `p` left, pixel `r` right) of [`Geometry::Pixels`].
    #[inline(always)]
    pub(crate) fn pixel_pair(height: usize, width: usize, p: usize, r: usize) -> usize {
        let ((y, x), (v, u)) = ((p / width, p % width), (r / width, r % width));
        ((y * height + v) * width + x) * width + u
    }
}

/// `g - k` or, where inputs are taken as opposite, `g + k`: the margin `m = g - |k|`, or `2g - m`.
#[inline(always)]
pub(crate) fn apart<T: Real>(k: T, m: T, g: T, opposite: bool) -> T {
    if (k < T::ZERO) == opposite { m } else { g + g - m }
}

/// Variances of one side at one point of the network, a pixel (or a vector) each.
#[derive(Debug, Clone, Default)]
pub(crate) struct State<T> {
    pub(crate) q: Vec<T>,
    /// Square roots of `q`.
    pub(crate) s: Vec<T>,
    /// `1/s`, infinite for a vanishing variance.
    pub(crate) reciprocal: Vec<T>,
    /// What the step that led here needs of its side: Hermite expansions, or attention weights.
    pub(crate) extra: Vec<f64>,
}

impl<T: Real> State<T> {
    pub(crate) fn new(q: Vec<T>) -> Self {
        let s: Vec<T> = q.iter().map(|&q| Float::sqrt(q)).collect();
        let reciprocal = s.iter().map(|&s| T::ONE / s).collect();
        Self { q, s, reciprocal, extra: Vec::new() }
    }

    /// The part that belongs to inputs `from..to` of a batch of vectors.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        let each = self.extra.len() / self.q.len().max(1);
        Self {
            q: self.q[from..to].to_vec(),
            s: self.s[from..to].to_vec(),
            reciprocal: self.reciprocal[from..to].to_vec(),
            extra: self.extra[from * each..to * each].to_vec(),
        }
    }
}

/// Covariance `k`, margin `m = s_x s_y - |k|` and NTK of every pair of one [`Geometry`].
#[derive(Debug)]
pub(crate) struct Field<T> {
    pub(crate) geometry: Geometry,
    pub(crate) k: Buffer<T>,
    pub(crate) m: Buffer<T>,
    pub(crate) ntk: Buffer<T>,
    /// Entry (left `i`, right `i + shift`) is an input with itself, which dropout alone can tell.
    pub(crate) same: Option<isize>,
    /// The NTK is zero everywhere, because no layer came yet: sums of it may be left out.
    pub(crate) fresh: bool,
}

impl<T: Real> Field<T> {
    /// A field whose content is arbitrary.
    pub(crate) fn take(geometry: Geometry, same: Option<isize>, scratch: &mut Scratch<T>) -> Self {
        let n = geometry.len();
        Self { geometry, k: scratch.take(n), m: scratch.take(n), ntk: scratch.take(n), same, fresh: false }
    }

    pub(crate) fn copy(&self, scratch: &mut Scratch<T>) -> Self {
        let mut copy = Self::take(self.geometry, self.same, scratch);
        copy.k.copy_from_slice(&self.k);
        copy.m.copy_from_slice(&self.m);
        copy.ntk.copy_from_slice(&self.ntk);
        copy.fresh = self.fresh;
        copy
    }

    pub(crate) fn give(self, scratch: &mut Scratch<T>) {
        [self.k, self.m, self.ntk].into_iter().for_each(|buffer| scratch.give(buffer));
    }

    /// Replaces this field by `next` and keeps the memory.
    pub(crate) fn replace(&mut self, next: Self, scratch: &mut Scratch<T>) {
        std::mem::replace(self, next).give(scratch);
    }

    /// Covariances of each pixel with itself.
    pub(crate) fn diagonal(&self) -> Vec<T> {
        match self.geometry {
            Geometry::Pixels { height, width } => {
                (0..height * width).map(|p| self.k[Geometry::pixel_pair(height, width, p, p)]).collect()
            }
            Geometry::Tile { .. } | Geometry::Slab { .. } | Geometry::Diagonal { .. } => self.k.to_vec(),
        }
    }

    /// Margins from scratch, for steps that know nothing better: `s_x s_y - |k|`, exactly zero for equal inputs.
    pub(crate) fn measure_margins(&mut self, after: (&State<T>, &State<T>)) {
        lines::sweep(DirectMargin, self, Sides { before: after, after });
    }
}
