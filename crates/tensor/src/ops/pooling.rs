//! Pooling: reductions over windows of an image. Images are `[n, height, width, channels]`.

use std::sync::Arc;

use super::convolution::{Padding, windows};
use crate::array::Array;
use crate::autodiff::{Needs, Point, Primitive, apply};
use crate::kernel::{self, Windows};
use crate::linalg::Real;
use crate::tensor::Tensor;

/// `[..., h, w, c]` to `[..., oh, ow, kh kw, c]`, or its transpose.
#[derive(Debug, Clone)]
struct Patches<T> {
    windows: Arc<Windows>,
    /// What is read outside the image; constant, so 0 for derivatives.
    padding: T,
    transposed: bool,
}

impl<T: Real> Primitive<T> for Patches<T> {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        if self.transposed {
            kernel::patches_transposed(&self.windows, inputs[0])
        } else {
            kernel::patches(&self.windows, self.padding, inputs[0])
        }
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn push(&self, _: &Point<'_, T>, _: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        Some(apply(Self { padding: T::ZERO, ..self.clone() }, &[t]))
    }

    fn pull(&self, _: &Point<'_, T>, _: usize, u: &Tensor<T>) -> Option<Tensor<T>> {
        let transpose = Self { padding: T::ZERO, transposed: !self.transposed, ..self.clone() };
        Some(apply(transpose, &[u]))
    }
}

/// Pooling.
impl<T: Real> Tensor<T> {
    fn patches(
        &self,
        operation: &str,
        window: [usize; 2],
        strides: [usize; 2],
        kind: Padding,
        pad: T,
    ) -> Self {
        let &[_, h, w, _] = self.shape() else {
            panic!("{operation}: images {:?} need four axes", self.shape());
        };
        let windows = windows(operation, [h, w], window, strides, kind);
        apply(Patches { windows, padding: pad, transposed: false }, &[self])
    }

    /// The sum over each window.
    ///
    /// # Panics
    /// If there are not four axes, a stride is 0, or with [`Padding::Valid`] the window is larger than the image.
    #[must_use]
    pub fn sum_pool(&self, window: [usize; 2], strides: [usize; 2], padding: Padding) -> Self {
        self.patches("sum_pool", window, strides, padding, T::ZERO).sum_axes(&[3])
    }

    /// The sum over each window divided by the window's size, padding included.
    ///
    /// # Panics
    /// As [`Tensor::sum_pool`].
    #[must_use]
    pub fn avg_pool(&self, window: [usize; 2], strides: [usize; 2], padding: Padding) -> Self {
        self.patches("avg_pool", window, strides, padding, T::ZERO).mean_axes(&[3])
    }

    /// The largest element of each window, padding excluded; NaN if one is NaN. Equal maxima share the derivative.
    ///
    /// # Panics
    /// As [`Tensor::sum_pool`].
    #[must_use]
    pub fn max_pool(&self, window: [usize; 2], strides: [usize; 2], padding: Padding) -> Self {
        let outside = num_traits::Float::neg_infinity();
        self.patches("max_pool", window, strides, padding, outside).max_axes(&[3])
    }

    /// The mean over all pixels: `[n, h, w, c]` to `[n, c]`.
    ///
    /// # Panics
    /// If there are not four axes.
    #[must_use]
    pub fn global_avg_pool(&self) -> Self {
        assert!(self.rank() == 4, "global_avg_pool: images {:?} need four axes", self.shape());
        self.mean_axes(&[1, 2])
    }
}
