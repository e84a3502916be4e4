//! Views: new layouts over the same elements.

use std::ops::Range;
use std::sync::Arc;

use super::{Array, Dims, broadcast};
use crate::linalg::Real;

impl<T: Real> Array<T> {
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut step = 1;
        for (&size, &stride) in self.shape.iter().zip(self.strides.iter()).rev() {
            if size != 1 {
                if stride != step && size != 0 {
                    return false;
                }
                step *= size;
            }
        }
        true
    }

    fn with_layout(&self, shape: Dims, strides: Dims, offset: usize) -> Self {
        Self { buffer: Arc::clone(&self.buffer), shape, strides, offset }
    }

    /// The same elements, in row-major order, under another shape. A view if this array is contiguous or the reshape only
    /// splits, merges or inserts axes that stay regular in memory; a copy otherwise.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[must_use]
    pub fn reshape(&self, shape: &[usize]) -> Self {
        let dims = Dims::new(shape);
        assert!(dims.volume() == self.len(), "reshape: {:?} does not reshape to {shape:?}", self.shape());
        if let Some(strides) = self.regular_strides(&dims) {
            return self.with_layout(dims, strides, self.offset);
        }
        let copy = self.contiguous();
        copy.with_layout(dims, dims.row_major(), copy.offset)
    }

    /// Strides that read this array's elements, in order, under `shape`, if there are any.
    fn regular_strides(&self, shape: &Dims) -> Option<Dims> {
        if self.is_contiguous() {
            return Some(shape.row_major());
        }
        let mut strides = Dims::filled(shape.len(), 0);
        let old: Vec<(usize, usize)> = self
            .shape
            .iter()
            .zip(self.strides.iter())
            .filter(|(n, _)| **n != 1)
            .map(|(&n, &s)| (n, s))
            .collect();
        let (mut i, mut j) = (0, 0);
        while i < old.len() {
            // Grow a block of old axes and a block of new axes until they hold the same number of elements.
            let (first_old, first_new) = (i, j);
            let (mut p, mut q) = (old[i].0, 1);
            i += 1;
            while p != q || (j < shape.len() && q == p && shape[j] == 1) {
                if q < p || (q == p && shape[j] == 1) {
                    q *= *shape.get(j)?;
                    j += 1;
                } else {
                    p *= old.get(i)?.0;
                    i += 1;
                }
            }
            if !old[first_old..i].windows(2).all(|w| w[0].1 == w[1].0 * w[1].1) {
                return None;
            }
            let mut step = old[i - 1].1;
            for axis in (first_new..j).rev() {
                strides.as_mut()[axis] = step;
                step *= shape[axis];
            }
        }
        Some(strides)
    }

    /// Axis `i` of the result is axis `order[i]` of this array.
    ///
    /// # Panics
    /// If `order` is not a permutation of the axes.
    #[must_use]
    pub fn permute(&self, order: &[usize]) -> Self {
        let mut seen = Dims::filled(self.rank(), 0);
        for &axis in order {
            assert!(axis < self.rank(), "permute: order {order:?} of shape {:?}", self.shape());
            seen.as_mut()[axis] += 1;
        }
        assert!(
            order.len() == self.rank() && seen.iter().all(|&n| n == 1),
            "permute: order {order:?} of shape {:?}",
            self.shape()
        );
        let pick = |dims: &Dims| order.iter().map(|&axis| dims[axis]).collect();
        self.with_layout(pick(&self.shape), pick(&self.strides), self.offset)
    }

    /// Two axes exchanged.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn transpose(&self, a: usize, b: usize) -> Self {
        let mut order: Dims = (0..self.rank()).collect();
        assert!(a.max(b) < self.rank(), "transpose: axes {a} and {b} of shape {:?}", self.shape());
        order.as_mut().swap(a, b);
        self.permute(&order)
    }

    /// Positions `range.start, range.start + step, ...` below `range.end` of one axis.
    ///
    /// # Panics
    /// If there is no such axis, the range leaves it, or `step` is 0.
    #[must_use]
    pub fn slice(&self, axis: usize, range: Range<usize>, step: usize) -> Self {
        assert!(
            axis < self.rank() && range.start <= range.end && range.end <= self.shape[axis] && step > 0,
            "slice: positions {range:?} in steps of {step} along axis {axis} of shape {:?}",
            self.shape()
        );
        let (mut shape, mut strides) = (self.shape, self.strides);
        shape.as_mut()[axis] = range.len().div_ceil(step);
        let offset = self.offset + if range.is_empty() { 0 } else { range.start * strides[axis] };
        strides.as_mut()[axis] *= step;
        self.with_layout(shape, strides, offset)
    }

    /// This array stretched to `shape` as NumPy does: axes are aligned at the end, an axis of length 1 repeats.
    ///
    /// # Panics
    /// If it does not stretch to `shape`.
    #[must_use]
    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        let dims = Dims::new(shape);
        assert!(
            self.rank() <= dims.len() && broadcast("broadcast_to", self.shape(), shape) == dims,
            "broadcast_to: {:?} does not stretch to {shape:?}",
            self.shape()
        );
        let missing = dims.len() - self.rank();
        let strides = (0..dims.len())
            .map(|axis| match axis.checked_sub(missing) {
                Some(own) if self.shape[own] == dims[axis] => self.strides[own],
                _ => 0,
            })
            .collect();
        self.with_layout(dims, strides, self.offset)
    }
}
