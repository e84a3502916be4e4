//! Dense n-dimensional arrays: the numbers under every [`Tensor`](crate::Tensor).
//!
//! An [`Array`] is a shared buffer and a layout (shape, strides, offset). Cloning, reshaping a contiguous array,
//! transposing, slicing and broadcasting make a new layout over the same buffer; writing to a shared buffer copies it
//! first. New arrays are row-major: the last axis varies fastest.
//!
//! Arrays hold data, [`Tensor`](crate::Tensor)s compute: what can be differentiated lives there.

mod buffer;
mod convert;
mod dims;
mod layout;
mod npy;

pub(crate) use buffer::Buffer;
pub use buffer::{Pool, Pooled};
pub use convert::recycled_matrix;
pub use dims::MAX_RANK;
pub(crate) use dims::{Dims, broadcast};
pub use npy::{NpyError, read_npy, read_npz, write_npy, write_npz};

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::kernel;
use crate::linalg::Real;

/// A dense n-dimensional array of `f32` or `f64`.
///
/// ```
/// use overparam_tensor::Array;
///
/// let a = Array::from_fn(&[2, 3], |i| (10 * i[0] + i[1]) as f64);
/// assert_eq!(a.shape(), [2, 3]);
/// assert_eq!(a.transpose(0, 1).to_vec(), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
/// assert_eq!(a.at(&[1, 2]), 12.0);
/// ```
#[derive(Clone)]
pub struct Array<T: Real> {
    buffer: Arc<Buffer<T>>,
    shape: Dims,
    strides: Dims,
    offset: usize,
}

impl<T: Real> Array<T> {
    /// The row-major array of this shape with these elements.
    ///
    /// # Panics
    /// If the number of elements is not the product of the shape, or past [`MAX_RANK`] axes.
    pub fn from_vec(shape: &[usize], elements: Vec<T>) -> Self {
        let dims = Dims::new(shape);
        assert!(
            dims.volume() == elements.len(),
            "Array::from_vec: shape {shape:?} holds {} elements, got {}",
            dims.volume(),
            elements.len()
        );
        Self::from_buffer(dims, Buffer::from_vec(elements))
    }

    /// As [`Array::from_vec`], copying a slice.
    ///
    /// # Panics
    /// As [`Array::from_vec`].
    pub fn from_slice(shape: &[usize], elements: &[T]) -> Self {
        Self::from_vec(shape, elements.to_vec())
    }

    /// The array whose element at index `i` is `f(i)`, evaluated in row-major order.
    ///
    /// # Panics
    /// Past [`MAX_RANK`] axes.
    pub fn from_fn(shape: &[usize], mut f: impl FnMut(&[usize]) -> T) -> Self {
        let dims = Dims::new(shape);
        let mut index = Dims::filled(dims.len(), 0);
        let mut buffer = Buffer::stale(dims.volume());
        for element in buffer.iter_mut() {
            *element = f(&index);
            for (i, &size) in index.as_mut().iter_mut().zip(shape).rev() {
                *i += 1;
                if *i < size {
                    break;
                }
                *i = 0;
            }
        }
        Self::from_buffer(dims, buffer)
    }

    /// Every element equal to `value`. One element is stored and broadcast.
    ///
    /// # Panics
    /// Past [`MAX_RANK`] axes.
    pub fn full(shape: &[usize], value: T) -> Self {
        Self::scalar(value).broadcast_to(shape)
    }

    /// The array without axes that holds one number.
    pub fn scalar(value: T) -> Self {
        Self::from_buffer(Dims::EMPTY, Buffer::from_vec(vec![value]))
    }

    /// The `n x n` identity.
    pub fn identity(n: usize) -> Self {
        let mut buffer = Buffer::filled(n * n, T::ZERO);
        buffer.iter_mut().step_by(n + 1).for_each(|x| *x = T::ONE);
        Self::from_buffer(Dims::new(&[n, n]), buffer)
    }

    pub(crate) fn from_buffer(shape: Dims, buffer: Buffer<T>) -> Self {
        debug_assert_eq!(shape.volume(), buffer.len());
        Self { buffer: Arc::new(buffer), strides: shape.row_major(), shape, offset: 0 }
    }

    /// Axis lengths.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.volume()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn dims(&self) -> Dims {
        self.shape
    }

    pub(crate) fn strides(&self) -> &[usize] {
        &self.strides
    }

    /// The buffer from this array's first element on, to be read by its strides.
    pub(crate) fn strided(&self) -> &[T] {
        &self.buffer[self.offset.min(self.buffer.len())..]
    }

    /// The element at `index`.
    ///
    /// # Panics
    /// If the index has the wrong number of axes or is out of bounds.
    pub fn at(&self, index: &[usize]) -> T {
        assert!(
            index.len() == self.rank() && index.iter().zip(self.shape()).all(|(i, n)| i < n),
            "Array::at: index {index:?} into shape {:?}",
            self.shape()
        );
        let position: usize = index.iter().zip(self.strides()).map(|(i, s)| i * s).sum();
        self.strided()[position]
    }

    /// The only element.
    ///
    /// # Panics
    /// If there is not exactly one element.
    pub fn item(&self) -> T {
        assert!(self.len() == 1, "Array::item: shape {:?} does not hold exactly one element", self.shape());
        self.strided()[0]
    }

    /// The elements in row-major order, if they lie so in memory.
    pub fn as_slice(&self) -> Option<&[T]> {
        self.is_contiguous().then(|| &self.strided()[..self.len()])
    }

    /// The elements in row-major order, copied only if they do not lie so in memory.
    pub fn elements(&self) -> Cow<'_, [T]> {
        self.as_slice().map_or_else(|| Cow::Owned(self.to_vec()), Cow::Borrowed)
    }

    /// A copy of the elements in row-major order.
    pub fn to_vec(&self) -> Vec<T> {
        let mut elements = vec![T::ZERO; self.len()];
        kernel::copy(self, &mut elements);
        elements
    }

    /// This array with its elements in row-major order, copied only if they do not lie so in memory.
    #[must_use]
    pub fn contiguous(&self) -> Self {
        if self.is_contiguous() {
            return self.clone();
        }
        let mut buffer = Buffer::stale(self.len());
        kernel::copy(self, &mut buffer);
        Self::from_buffer(self.shape, buffer)
    }

    /// The elements in row-major order, to be written: in place if nothing else shares them, to a copy otherwise.
    pub fn make_mut(&mut self) -> &mut [T] {
        if !self.is_contiguous() || self.offset != 0 || self.buffer.len() != self.len() {
            *self = self.contiguous();
        }
        if self.offset != 0 || self.buffer.len() != self.len() || Arc::get_mut(&mut self.buffer).is_none() {
            let mut buffer = Buffer::stale(self.len());
            kernel::copy(self, &mut buffer);
            *self = Self::from_buffer(self.shape, buffer);
        }
        match Arc::get_mut(&mut self.buffer) {
            Some(buffer) => buffer,
            None => unreachable!("the buffer was made above"),
        }
    }

    /// `f` of every element.
    #[must_use]
    pub fn map(&self, f: impl Fn(T) -> T + Sync) -> Self {
        kernel::map(self, f)
    }

    /// Whether every element is finite.
    pub fn is_finite(&self) -> bool {
        self.elements().iter().copied().all(num_traits::Float::is_finite)
    }
}

/// Equal shapes and equal elements.
impl<T: Real> PartialEq for Array<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.elements() == other.elements()
    }
}

impl<T: Real> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 24;
        let elements = self.elements();
        write!(f, "Array<{}>{:?} ", T::NAME, self.shape())?;
        let mut list = f.debug_list();
        list.entries(&elements[..elements.len().min(SHOWN)]);
        if elements.len() > SHOWN { list.finish_non_exhaustive() } else { list.finish() }
    }
}
