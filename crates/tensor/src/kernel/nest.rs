//! Loop nests over strided operands, with axes merged where the strides allow.

use crate::array::Dims;

/// A loop over all indices of a shape for `K` strided operands. The innermost loop is handed out as one run.
pub(super) struct Nest<const K: usize> {
    shape: Dims,
    strides: [Dims; K],
}

/// One innermost loop: `length` steps from `start[k]` by `step[k]` in operand `k`.
pub(super) struct Run<const K: usize> {
    pub(super) length: usize,
    pub(super) start: [usize; K],
    pub(super) step: [usize; K],
}

impl<const K: usize> Nest<K> {
    pub(super) fn new(shape: &[usize], strides: [&[usize]; K]) -> Self {
        let mut merged = Self { shape: Dims::EMPTY, strides: [Dims::EMPTY; K] };
        for axis in 0..shape.len() {
            let size = shape[axis];
            if size == 1 {
                continue;
            }
            let last = merged.shape.len().wrapping_sub(1);
            let regular = !merged.shape.is_empty()
                && (0..K).all(|k| merged.strides[k][last] == size * strides[k][axis]);
            if regular {
                merged.shape.as_mut()[last] *= size;
                for (merged, strides) in merged.strides.iter_mut().zip(strides) {
                    merged.as_mut()[last] = strides[axis];
                }
            } else {
                merged.shape.push(size);
                for (merged, strides) in merged.strides.iter_mut().zip(strides) {
                    merged.push(strides[axis]);
                }
            }
        }
        if merged.shape.is_empty() {
            merged.shape.push(1);
            merged.strides.iter_mut().for_each(|s| s.push(1));
        }
        merged
    }

    /// Calls `f` for every run, in row-major order of the shape.
    #[inline(always)]
    pub(super) fn for_each_run(&self, mut f: impl FnMut(Run<K>)) {
        if self.shape.volume() == 0 {
            return;
        }
        let outer = self.shape.len() - 1;
        let (length, step) = (self.shape[outer], std::array::from_fn(|k| self.strides[k][outer]));
        let mut index = Dims::filled(outer, 0);
        let mut start = [0; K];
        loop {
            f(Run { length, start, step });
            let mut axis = outer;
            loop {
                let Some(next) = axis.checked_sub(1) else { return };
                axis = next;
                index.as_mut()[axis] += 1;
                for (start, strides) in start.iter_mut().zip(&self.strides) {
                    *start += strides[axis];
                }
                if index[axis] < self.shape[axis] {
                    break;
                }
                index.as_mut()[axis] = 0;
                for (start, strides) in start.iter_mut().zip(&self.strides) {
                    *start -= self.shape[axis] * strides[axis];
                }
            }
        }
    }
}
