//! Two-dimensional convolution (cross-correlation, as everywhere in deep learning).
//!
#![doc = overparam_formula::formula!("y[n, p, q, d] = sum_{u, v, c} x[n, p s + u - a, q s + v - b, c] w[u, v, c, d]")]
//!
//! Images are `[n, height, width, channels]`, filters `[height, width, channels in, channels out]`. As a trilinear form in
//! `x`, `w` and a cotangent of `y`, it has three partial evaluations; they are each other's derivatives.

use std::sync::Arc;

use crate::array::Array;
use crate::autodiff::{Needs, Point, Primitive, apply};
use crate::kernel::{Windows, convolution};
use crate::linalg::Real;
use crate::tensor::Tensor;

/// What stands around an image, and how many window positions there are along an axis of length `n` with window `k` and
/// stride `s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Padding {
    /// Nothing: only windows inside the image, `floor((n - k) / s) + 1` of them.
    #[default]
    Valid,
    /// Zeros, as evenly on both sides as possible (the odd one after), for `ceil(n / s)` positions.
    Same,
    /// The image repeated periodically, for `ceil(n / s)` positions.
    Circular,
}

impl Padding {
    /// The number of window positions along an axis of length `n` with window `k` and stride `s`, and the number of padded
    /// places before the first; `None` if there is no position: a [`Padding::Valid`] window longer than the axis.
    ///
    /// ```
    /// use overparam_tensor::Padding;
    /// assert_eq!(Padding::Same.positions(6, 3, 2), Some((3, 0)));
    /// assert_eq!(Padding::Circular.positions(6, 3, 1), Some((6, 1)));
    /// assert_eq!(Padding::Valid.positions(2, 3, 1), None);
    /// ```
    ///
    /// # Panics
    /// If `s` is 0.
    pub fn positions(self, n: usize, k: usize, s: usize) -> Option<(usize, usize)> {
        match self {
            Self::Valid => n.checked_sub(k).map(|room| (room / s + 1, 0)),
            Self::Same | Self::Circular => {
                let positions = n.div_ceil(s);
                Some((positions, (positions.saturating_sub(1) * s + k).saturating_sub(n) / 2))
            }
        }
    }

    /// The number of window positions along an axis, and for each position and window entry the place it reads.
    fn places(self, n: usize, k: usize, s: usize) -> (usize, Vec<Option<usize>>) {
        let (positions, before) = self.positions(n, k, s).unwrap_or((0, 0));
        let place = |position: usize, entry: usize| {
            let shifted = position * s + entry;
            match self {
                Self::Circular if n > 0 => Some((shifted + n * before.div_ceil(n) - before) % n),
                _ => shifted.checked_sub(before).filter(|&place| place < n),
            }
        };
        (positions, (0..positions).flat_map(|p| (0..k).map(move |e| place(p, e))).collect())
    }
}

pub(super) fn windows(
    operation: &str,
    input: [usize; 2],
    window: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
) -> Arc<Windows> {
    assert!(
        window.iter().chain(&strides).all(|&n| n > 0),
        "{operation}: window {window:?} with strides {strides:?} has a zero"
    );
    assert!(
        padding != Padding::Valid || (window[0] <= input[0] && window[1] <= input[1]),
        "{operation}: window {window:?} is larger than the image {input:?}"
    );
    let (height, rows) = padding.places(input[0], window[0], strides[0]);
    let (width, columns) = padding.places(input[1], window[1], strides[1]);
    Arc::new(Windows { input, output: [height, width], window, rows, columns })
}

/// Which of `x`, `w` and the cotangent `y` is the output; the inputs are the other two in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Solve {
    Y,
    X,
    W,
}

#[derive(Debug, Clone)]
struct Convolution {
    windows: Arc<Windows>,
    solve: Solve,
}

impl Convolution {
    fn solve<T: Real>(&self, solve: Solve, a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
        apply(Self { windows: Arc::clone(&self.windows), solve }, &[a, b])
    }
}

impl<T: Real> Primitive<T> for Convolution {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        let (a, b) = (inputs[0], inputs[1]);
        match self.solve {
            Solve::Y => convolution::forward(&self.windows, a, b),
            Solve::X => convolution::to_images(&self.windows, b, a),
            Solve::W => convolution::to_filters(&self.windows, a, b),
        }
    }

    fn needs(&self) -> Needs {
        Needs::OtherInputs
    }

    fn push(&self, at: &Point<'_, T>, input: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        let (a, b) = (&at.inputs[0], &at.inputs[1]);
        let (a, b) = if input == 0 { (t, b) } else { (a, t) };
        Some(self.solve(self.solve, a, b).broadcast_to(at.output.shape()))
    }

    fn pull(&self, at: &Point<'_, T>, input: usize, u: &Tensor<T>) -> Option<Tensor<T>> {
        let (a, b) = (&at.inputs[0], &at.inputs[1]);
        let pulled = match (self.solve, input) {
            (Solve::Y, 0) => self.solve(Solve::X, b, u),
            (Solve::Y, _) => self.solve(Solve::W, a, u),
            (Solve::X, 0) => self.solve(Solve::W, u, b),
            (Solve::X, _) => self.solve(Solve::Y, u, a),
            (Solve::W, 0) => self.solve(Solve::X, u, b),
            (Solve::W, _) => self.solve(Solve::Y, a, u),
        };
        Some(pulled.sum_to(at.inputs[input].shape()))
    }
}

/// Convolution.
impl<T: Real> Tensor<T> {
    /// Images `[n, h, w, c]` with filters `[kh, kw, c, d]`: `[n, oh, ow, d]`.
    ///
    /// # Panics
    /// If there are not four axes each, the channels differ, a stride is 0, or with [`Padding::Valid`] the filter is larger
    /// than the image.
    #[must_use]
    pub fn conv2d(&self, filters: &Self, strides: [usize; 2], padding: Padding) -> Self {
        let (&[_, h, w, c], &[kh, kw, c_of_filters, _]) = (self.shape(), filters.shape()) else {
            panic!("conv2d: images {:?} and filters {:?} need four axes each", self.shape(), filters.shape());
        };
        assert!(
            c == c_of_filters,
            "conv2d: images {:?} and filters {:?} differ in channels",
            self.shape(),
            filters.shape()
        );
        let windows = windows("conv2d", [h, w], [kh, kw], strides, padding);
        apply(Convolution { windows, solve: Solve::Y }, &[self, filters])
    }
}
