//! Element storage that recycles itself.
//!
//! A training step needs the same buffers as the step before. Large buffers that were asked for here therefore go back to a pool of the
//! thread that drops them, and an array of the same length made later on that thread takes one from there: after its first
//! step, training asks the system for no large memory and touches pages that are already mapped and cached.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use crate::linalg::Real;

/// Buffers shorter than this go through the system's allocator, which is as fast there.
const SMALLEST_POOLED: usize = 512;

/// The pool of a thread keeps at most this many bytes for each scalar type, giving up the longest unused first.
const LARGEST_POOL: usize = 1 << 29;

/// A buffer that nobody took while this many others were dropped is given up: it belonged to work that is over. A training step
/// drops a few hundred.
const PATIENCE: u64 = 1 << 13;

/// Idle buffers of one thread, least recently dropped first, each with the number of buffers that were dropped before it.
#[derive(Debug, Default)]
pub struct Pool<T> {
    idle: VecDeque<(u64, Vec<T>)>,
    elements: usize,
    dropped: u64,
}

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self { idle: VecDeque::new(), elements: 0, dropped: 0 }
    }

    fn take(&mut self, length: usize) -> Option<Vec<T>> {
        let newest = self.idle.iter().rposition(|(_, buffer)| buffer.len() == length)?;
        self.elements -= length;
        self.idle.remove(newest).map(|(_, buffer)| buffer)
    }

    fn give(&mut self, buffer: Vec<T>) {
        self.elements += buffer.len();
        self.idle.push_back((self.dropped, buffer));
        self.dropped += 1;
        while let Some((dropped, oldest)) = self.idle.front() {
            let kept = self.elements * size_of::<T>() <= LARGEST_POOL && self.dropped - dropped <= PATIENCE;
            if kept {
                break;
            }
            self.elements -= oldest.len();
            self.idle.pop_front();
        }
    }
}

/// The thread-local pool of each scalar type; a supertrait of [`Real`].
pub trait Pooled: Sized + 'static {
    /// Runs `f` on this thread's pool, unless the thread is shutting down.
    fn with_pool<R>(f: impl FnOnce(&RefCell<Pool<Self>>) -> R) -> Option<R>;
}

macro_rules! pooled {
    ($($scalar:ty),*) => {$(
        impl Pooled for $scalar {
            fn with_pool<R>(f: impl FnOnce(&RefCell<Pool<Self>>) -> R) -> Option<R> {
                thread_local! {
                    static POOL: RefCell<Pool<$scalar>> = const { RefCell::new(Pool::new()) };
                }
                POOL.try_with(f).ok()
            }
        }
    )*};
}
pooled!(f32, f64);

/// Elements of an array, returned to the pool of the dropping thread if they were asked of a pool.
pub(crate) struct Buffer<T: Real> {
    elements: Vec<T>,
    /// What came from outside is not kept: the next of its kind comes from outside too, and the pool would fill with what nobody
    /// takes.
    pooled: bool,
}

impl<T: Real> Buffer<T> {
    /// A buffer whose elements are whatever they were: for a caller that writes every one. Where assertions are checked they
    /// are NaN, so that every test notices a caller that does not.
    pub(crate) fn stale(length: usize) -> Self {
        let mut buffer = Self::recycled(length);
        if cfg!(debug_assertions) {
            buffer.fill(T::of(f64::NAN));
        }
        buffer
    }

    fn recycled(length: usize) -> Self {
        if length >= SMALLEST_POOLED
            && let Some(Some(recycled)) = T::with_pool(|pool| pool.borrow_mut().take(length))
        {
            return Self { elements: recycled, pooled: true };
        }
        Self { elements: vec![T::ZERO; length], pooled: true }
    }

    pub(crate) fn filled(length: usize, value: T) -> Self {
        let mut buffer = Self::stale(length);
        buffer.fill(value);
        buffer
    }

    pub(crate) fn from_vec(elements: Vec<T>) -> Self {
        Self { elements, pooled: false }
    }

    /// Elements whose memory was [`Self::stale`] once, and goes back there.
    pub(crate) fn returned(elements: Vec<T>) -> Self {
        Self { elements, pooled: true }
    }

    pub(crate) fn into_vec(mut self) -> Vec<T> {
        std::mem::take(&mut self.elements)
    }
}

impl<T: Real> Drop for Buffer<T> {
    fn drop(&mut self) {
        if self.pooled && self.elements.len() >= SMALLEST_POOLED {
            let buffer = std::mem::take(&mut self.elements);
            T::with_pool(|pool| pool.borrow_mut().give(buffer));
        }
    }
}

impl<T: Real> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements
    }
}

impl<T: Real> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, Pool, Pooled};

    #[test]
    fn a_dropped_buffer_comes_back() {
        let buffer = Buffer::filled(1000, 1.0f64);
        let address = buffer.as_ptr();
        drop(buffer);
        assert_ne!(Buffer::<f64>::stale(1001).as_ptr(), address);
        assert_eq!(Buffer::<f64>::stale(1000).as_ptr(), address);
    }

    /// Else every net that is drawn would leave its weights in the pool for good.
    #[test]
    fn elements_from_outside_are_not_kept() {
        drop(Buffer::from_vec(vec![1.0f64; 1500]));
        let kept = f64::with_pool(|pool| pool.borrow_mut().take(1500)).flatten();
        assert!(kept.is_none());
    }

    #[test]
    fn the_pool_is_bounded() {
        let mut pool = Pool::new();
        for _ in 0..3 {
            pool.give(vec![0.0f64; super::LARGEST_POOL / 16]);
        }
        assert_eq!(pool.idle.len(), 2);
    }

    /// Work on arrays of other lengths does not pile up beside what came before.
    #[test]
    fn a_buffer_that_nobody_wants_is_given_up() {
        let mut pool = Pool::new();
        pool.give(vec![0.0f64; 5000]);
        for _ in 0..super::PATIENCE - 1 {
            pool.give(vec![0.0; 600]);
            assert_eq!(pool.take(600).map(|buffer| buffer.len()), Some(600));
        }
        assert_eq!(pool.elements, 5000);
        pool.give(vec![0.0; 600]);
        assert_eq!((pool.elements, pool.take(5000)), (600, None));
    }
}
