//! Memory that is used again.

use std::ops::{Deref, DerefMut};

use overparam_tensor::linalg::Real;

/// Bytes of a cache line and of the longest vector: a vector that crosses a line is read and written at half the speed.
const LINE: usize = 64;

/// Numbers that begin on a cache line.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    /// A line more than is asked for.
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Real> Buffer<T> {
    /// Room for at least `n` numbers, zeros.
    fn new(n: usize) -> Self {
        let memory = vec![T::ZERO; n + LINE / size_of::<T>()];
        // May be anything by its contract; then the numbers are right and slow.
        let start = memory.as_ptr().align_offset(LINE).min(memory.len() - n);
        Self { memory, start, len: n }
    }

    fn capacity(&self) -> usize {
        self.memory.len() - LINE / size_of::<T>()
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.memory[self.start..][..self.len]
    }
}

impl<T> DerefMut for Buffer<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..][..self.len]
    }
}

/// Buffers handed out and taken back, so that a thread allocates once.
#[derive(Debug)]
pub(crate) struct Scratch<T>(Vec<Buffer<T>>);

impl<T: Real> Scratch<T> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// `n` numbers of arbitrary content.
    pub(crate) fn take(&mut self, n: usize) -> Buffer<T> {
        // The smallest buffer that is large enough: sizes differ between layers and must not all grow to the largest.
        let best =
            (0..self.0.len()).filter(|&i| self.0[i].capacity() >= n).min_by_key(|&i| self.0[i].capacity());
        let Some(best) = best else {
            // One that is too small is of no more use than none.
            self.0.pop();
            return Buffer::new(n);
        };
        let mut buffer = self.0.swap_remove(best);
        buffer.len = n;
        buffer
    }

    /// `n` zeros.
    pub(crate) fn zeros(&mut self, n: usize) -> Buffer<T> {
        let mut buffer = self.take(n);
        buffer.fill(T::ZERO);
        buffer
    }

    pub(crate) fn give(&mut self, buffer: Buffer<T>) {
        self.0.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE, Scratch};

    #[test]
    fn buffers_begin_on_a_line_and_come_back() {
        let mut scratch = Scratch::<f32>::new();
        for n in [0, 1, 7, 100, 4096] {
            let buffer = scratch.take(n);
            assert_eq!(buffer.len(), n);
            assert_eq!(buffer.as_ptr() as usize % LINE, 0);
            scratch.give(buffer);
        }
        let mut long = scratch.take(4000);
        long.fill(3.0);
        scratch.give(long);
        assert_eq!(scratch.take(2)[..], [3.0, 3.0], "the memory that was given back");
        assert!(scratch.0.is_empty());
    }
}
