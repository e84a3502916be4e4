//! The value that functions are written in.

use std::fmt;
use std::sync::Arc;

use crate::array::{Array, Dims};
use crate::autodiff::trace::{Kind, Trace};
use crate::linalg::Real;

/// An array of numbers that a transformation may be watching.
///
/// A function of tensors is written once. Called on plain data it computes; called by [`grad`](crate::grad),
/// [`jvp`](crate::jvp), [`vmap`](crate::vmap) or any nesting of them, the same code carries derivatives or a hidden
/// batch axis along. [`Tensor::shape`] is always the shape the function thinks of.
///
/// Cloning is cheap. Operators and methods broadcast as NumPy does: shapes are aligned at their last axes, and an axis of
/// length 1 stretches. Shapes that do not fit panic with both shapes and the operation's name.
///
/// ```
/// use overparam_tensor::{Tensor, grad};
///
/// let x = Tensor::from_vec(&[3], vec![1.0, 2.0, 3.0]);
/// let f = |x: &Tensor<f64>| x.square().sum();
/// assert_eq!(f(&x).item(), 14.0);
/// assert_eq!(grad(f, &x).array().to_vec(), [2.0, 4.0, 6.0]);
/// ```
#[derive(Clone)]
pub struct Tensor<T: Real>(pub(crate) Value<T>);

#[derive(Clone)]
pub(crate) enum Value<T: Real> {
    Data(Array<T>),
    Traced(Arc<Trace<T>>),
}

impl<T: Real> Tensor<T> {
    /// The row-major tensor of this shape with these elements.
    ///
    /// # Panics
    /// If the number of elements is not the product of the shape, or past [`MAX_RANK`](crate::array::MAX_RANK) axes.
    pub fn from_vec(shape: &[usize], elements: Vec<T>) -> Self {
        Array::from_vec(shape, elements).into()
    }

    /// The tensor whose element at index `i` is `f(i)`.
    ///
    /// # Panics
    /// Past [`MAX_RANK`](crate::array::MAX_RANK) axes.
    pub fn from_fn(shape: &[usize], f: impl FnMut(&[usize]) -> T) -> Self {
        Array::from_fn(shape, f).into()
    }

    /// Every element equal to `value`.
    ///
    /// # Panics
    /// Past [`MAX_RANK`](crate::array::MAX_RANK) axes.
    pub fn full(shape: &[usize], value: T) -> Self {
        Array::full(shape, value).into()
    }

    /// Zeros.
    ///
    /// # Panics
    /// Past [`MAX_RANK`](crate::array::MAX_RANK) axes.
    pub fn zeros(shape: &[usize]) -> Self {
        Self::full(shape, T::ZERO)
    }

    /// A number: the tensor without axes.
    pub fn scalar(value: T) -> Self {
        Array::scalar(value).into()
    }

    /// The `n x n` identity.
    pub fn identity(n: usize) -> Self {
        Array::identity(n).into()
    }

    /// Independent `N(0, std^2)` elements from a stream, in row-major order.
    ///
    /// # Panics
    /// Past [`MAX_RANK`](crate::array::MAX_RANK) axes.
    pub fn normal(stream: &crate::random::Stream, shape: &[usize], std: f64) -> Self {
        let count = shape.iter().product();
        Array::from_slice(shape, stream.normal_vector(count, std).as_slice()).into()
    }

    /// Axis lengths, as the function being written sees them.
    pub fn shape(&self) -> &[usize] {
        match &self.0 {
            Value::Data(array) => array.shape(),
            Value::Traced(trace) => &trace.dims,
        }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers, without derivatives. Inside [`vmap`](crate::vmap) these are the numbers of all batch items, along
    /// leading axes that [`Tensor::shape`] does not show.
    pub fn array(&self) -> &Array<T> {
        match &self.0 {
            Value::Data(array) => array,
            Value::Traced(trace) => trace.inner().array(),
        }
    }

    /// The numbers, given away: a copy of the handle, not of the numbers.
    pub fn into_array(self) -> Array<T> {
        match self.0 {
            Value::Data(array) => array,
            Value::Traced(trace) => trace.inner().array().clone(),
        }
    }

    /// The only element.
    ///
    /// # Panics
    /// If there is not exactly one element.
    pub fn item(&self) -> T {
        self.array().item()
    }

    /// The same numbers, constant to every derivative being taken.
    #[must_use]
    pub fn stop_gradient(&self) -> Self {
        match &self.0 {
            Value::Data(_) => self.clone(),
            Value::Traced(trace) => match &trace.kind {
                Kind::Dual { primal, .. } | Kind::Recorded { primal, .. } => primal.stop_gradient(),
                Kind::Batched { values } => Trace::batched(trace.level, values.stop_gradient()),
            },
        }
    }

    pub(crate) fn dims(&self) -> Dims {
        match &self.0 {
            Value::Data(array) => array.dims(),
            Value::Traced(trace) => trace.dims,
        }
    }
}

impl<T: Real> From<Array<T>> for Tensor<T> {
    fn from(array: Array<T>) -> Self {
        Self(Value::Data(array))
    }
}

impl<T: Real> From<&nalgebra::DMatrix<T>> for Tensor<T> {
    fn from(matrix: &nalgebra::DMatrix<T>) -> Self {
        Array::from(matrix).into()
    }
}

impl<T: Real> From<&nalgebra::DVector<T>> for Tensor<T> {
    fn from(vector: &nalgebra::DVector<T>) -> Self {
        Array::from(vector).into()
    }
}

impl<T: Real> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Value::Data(array) => write!(f, "Tensor({array:?})"),
            Value::Traced(trace) => write!(f, "Tensor{:?}({trace:?})", self.shape()),
        }
    }
}
