//! Axis lengths and strides, held inline.

use std::fmt;
use std::ops::Deref;

/// The largest number of axes an array may have.
pub const MAX_RANK: usize = 8;

/// A short list of axis lengths or strides. Held inline: an array's layout never touches the heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dims {
    rank: usize,
    sizes: [usize; MAX_RANK],
}

impl Dims {
    pub(crate) const EMPTY: Self = Self { rank: 0, sizes: [0; MAX_RANK] };

    /// # Panics
    /// Past [`MAX_RANK`] axes.
    pub(crate) fn new(sizes: &[usize]) -> Self {
        sizes.iter().copied().collect()
    }

    pub(crate) fn filled(rank: usize, size: usize) -> Self {
        std::iter::repeat_n(size, rank).collect()
    }

    pub(crate) fn push(&mut self, size: usize) {
        assert!(self.rank < MAX_RANK, "an array has at most {MAX_RANK} axes, got {self:?} and one more");
        self.sizes[self.rank] = size;
        self.rank += 1;
    }

    /// Number of elements of an array of this shape.
    pub(crate) fn volume(&self) -> usize {
        self.iter().product()
    }

    /// Strides of a row-major array of this shape.
    pub(crate) fn row_major(&self) -> Self {
        let mut strides = *self;
        let mut step = 1;
        for axis in (0..self.rank).rev() {
            strides.sizes[axis] = step;
            step *= self.sizes[axis];
        }
        strides
    }

    /// `self` followed by `tail`.
    pub(crate) fn join(&self, tail: &[usize]) -> Self {
        self.iter().chain(tail).copied().collect()
    }

    pub(crate) fn as_mut(&mut self) -> &mut [usize] {
        &mut self.sizes[..self.rank]
    }
}

impl FromIterator<usize> for Dims {
    fn from_iter<I: IntoIterator<Item = usize>>(sizes: I) -> Self {
        let mut dims = Self::EMPTY;
        for size in sizes {
            dims.push(size);
        }
        dims
    }
}

impl Deref for Dims {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }
}

impl fmt::Debug for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The common shape of two operands under NumPy's broadcasting: shapes are aligned at their last axes, and an axis of
/// length 1 stretches.
pub(crate) fn broadcast(operation: &str, a: &[usize], b: &[usize]) -> Dims {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| {
        let missing = rank - shape.len();
        if axis < missing { 1 } else { shape[axis - missing] }
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (m, n) if m == n => m,
            (1, n) => n,
            (m, 1) => m,
            _ => panic!("{operation}: shapes {a:?} and {b:?} do not broadcast"),
        })
        .collect()
}
