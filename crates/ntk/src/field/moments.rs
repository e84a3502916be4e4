//! Moments of many pairs at once.

use overparam_tensor::linalg::Real;

use super::geometry::Geometry;
use super::scratch::{Buffer, Scratch};

/// `g - k` or, where inputs are taken as opposite, `g + k`: the margin `m = g - |k|`, or `2g - m`.
#[inline(always)]
pub(crate) fn gap<T: Real>(k: T, m: T, g: T, opposite: bool) -> T {
    if (k < T::ZERO) == opposite { m } else { g + g - m }
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
}
