//! Sums and maxima over axes, and what is made of them.

use crate::array::{Array, Dims};
use crate::autodiff::{Needs, Point, Primitive, apply};
use crate::kernel::{self, Reduction};
use crate::linalg::Real;
use crate::tensor::Tensor;

/// Reduces some of the last `over.len()` axes to length 1.
#[derive(Debug, Clone)]
struct Reduce {
    reduction: Reduction,
    over: Vec<bool>,
}

impl<T: Real> Primitive<T> for Reduce {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        let leading = inputs[0].rank() - self.over.len();
        let over: Vec<bool> = std::iter::repeat_n(false, leading).chain(self.over.iter().copied()).collect();
        kernel::reduce(self.reduction, inputs[0], &over)
    }

    fn needs(&self) -> Needs {
        match self.reduction {
            Reduction::Sum => Needs::Nothing,
            Reduction::Max => Needs::Everything,
        }
    }

    fn push(&self, at: &Point<'_, T>, _: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        Some(match self.reduction {
            Reduction::Sum => t.sum_trailing(&self.over),
            Reduction::Max => (t * self.share(at)).sum_trailing(&self.over),
        })
    }

    fn pull(&self, at: &Point<'_, T>, _: usize, u: &Tensor<T>) -> Option<Tensor<T>> {
        Some(match self.reduction {
            Reduction::Sum => u.broadcast_to(at.inputs[0].shape()),
            Reduction::Max => u * self.share(at),
        })
    }
}

impl Reduce {
    /// 1 at a maximum, shared evenly among equal ones; 0 elsewhere.
    fn share<T: Real>(&self, at: &Point<'_, T>) -> Tensor<T> {
        let attained = at.inputs[0].at_least(at.output);
        let count = attained.sum_trailing(&self.over);
        attained / count
    }
}

/// Reductions. Sums run in a fixed order that depends on the shape alone.
impl<T: Real> Tensor<T> {
    fn reduced(&self, reduction: Reduction, axes: &[usize]) -> Self {
        let mut over = vec![false; self.rank()];
        for &axis in axes {
            assert!(axis < self.rank(), "reduction over axis {axis} of shape {:?}", self.shape());
            over[axis] = true;
        }
        apply(Reduce { reduction, over }, &[self])
    }

    fn without_axes(&self, axes: &[usize]) -> Self {
        let kept = self.shape().iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &n)| n);
        self.reshape(&kept.collect::<Dims>())
    }

    /// Sums those of the last `over.len()` axes that are marked, to length 1.
    pub(crate) fn sum_trailing(&self, over: &[bool]) -> Self {
        if over.contains(&true) {
            apply(Reduce { reduction: Reduction::Sum, over: over.to_vec() }, &[self])
        } else {
            self.clone()
        }
    }

    /// The sum of all elements.
    #[must_use]
    pub fn sum(&self) -> Self {
        self.sum_axes(&(0..self.rank()).collect::<Dims>())
    }

    /// The mean of all elements.
    #[must_use]
    pub fn mean(&self) -> Self {
        self.sum().scale(T::ONE / T::of(self.len() as f64))
    }

    /// The sum over these axes, which disappear.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn sum_axes(&self, axes: &[usize]) -> Self {
        self.sum_keeping(axes).without_axes(axes)
    }

    /// The sum over these axes, which stay with length 1.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn sum_keeping(&self, axes: &[usize]) -> Self {
        self.reduced(Reduction::Sum, axes)
    }

    /// The mean over these axes, which disappear.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn mean_axes(&self, axes: &[usize]) -> Self {
        self.mean_keeping(axes).without_axes(axes)
    }

    /// The mean over these axes, which stay with length 1.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn mean_keeping(&self, axes: &[usize]) -> Self {
        let sum = self.sum_keeping(axes);
        let count = self.len() as f64 / sum.len() as f64;
        sum.scale(T::ONE / T::of(count))
    }

    /// The variance over these axes (divided by their number of elements), which stay with length 1.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn variance_keeping(&self, axes: &[usize]) -> Self {
        (self - self.mean_keeping(axes)).square().mean_keeping(axes)
    }

    /// The largest element over these axes, which disappear; NaN if one is NaN. Equal maxima share the derivative.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn max_axes(&self, axes: &[usize]) -> Self {
        self.max_keeping(axes).without_axes(axes)
    }

    /// The largest element over these axes, which stay with length 1; NaN if one is NaN.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn max_keeping(&self, axes: &[usize]) -> Self {
        self.reduced(Reduction::Max, axes)
    }

    /// The transpose of broadcasting: the sum over everything by which `shape` was stretched to this tensor's shape.
    pub(crate) fn sum_to(&self, shape: &[usize]) -> Self {
        if self.shape() == shape {
            return self.clone();
        }
        let added = self.rank() - shape.len();
        let over: Vec<bool> = self
            .shape()
            .iter()
            .enumerate()
            .map(|(axis, &n)| axis < added || (shape[axis - added] == 1 && n != 1))
            .collect();
        self.sum_trailing(&over).reshape(shape)
    }
}
