//! What shape the data has between layers, and the law of the activations there.
//!
//! The recursion over layers speaks about covariances of Gaussian fields. A nonlinearity therefore needs an affine layer
//! before it (central limit theorem over the fan-in), and a sum needs branches that are independent given the input, at
//! most one of which may be anything but the output of fresh zero-mean weights. Layers refuse the rest, naming themselves.

pub use overparam_tensor::Padding;

use crate::NtkError;

/// The words of the schema.
pub(crate) const PADDINGS: [(&str, Padding); 3] =
    [("valid", Padding::Valid), ("same", Padding::Same), ("circular", Padding::Circular)];

/// How parallel branches come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Combine {
    /// Sum of the branches.
    #[default]
    Sum,
    /// Concatenation of the channels.
    Concat,
    /// Elementwise product of the branches.
    Product,
}

/// The words of the schema.
pub(crate) const COMBINES: [(&str, Combine); 3] =
    [("sum", Combine::Sum), ("concat", Combine::Concat), ("product", Combine::Product)];

/// Height, width and channels at some point of a network. Vectors are images of one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

impl Shape {
    /// The shape of vectors of `d` entries.
    pub fn vector(d: usize) -> Self {
        Self { height: 1, width: 1, channels: d }
    }

    /// `height * width`.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }
}

/// Shape and law of the activations at some point of the infinitely wide network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) shape: Shape,
    /// Channels are independent Gaussians given the input.
    pub(crate) gaussian: bool,
    /// All channels of a pixel have one covariance. Pixels that became channels, and concatenated branches, have each their own:
    /// what is known is the mean, of which neither a nonlinearity nor a product is a function.
    pub(crate) equal_covariance: bool,
}

impl Point {
    /// Where a network begins: entries of an input are given numbers.
    pub(crate) fn start(shape: Shape) -> Self {
        Self { shape, gaussian: false, equal_covariance: false }
    }

    /// After fresh weights: as many Gaussian channels, all of one covariance.
    pub(crate) fn fresh(self, channels: usize) -> Self {
        Self { shape: Shape { channels, ..self.shape }, gaussian: true, equal_covariance: true }
    }
}

/// Number of windows, and pixels of padding before the first.
pub(crate) fn windows(size: usize, window: usize, stride: usize, padding: Padding) -> Option<(usize, usize)> {
    padding.positions(size, window, stride)
}

/// Padded windows may be larger than the image, up to this: a slip of the keyboard must not allocate without bound.
const LARGEST_OVERHANG: usize = 1024;

/// The shape after a window has moved over an image.
///
/// # Errors
/// [`NtkError::Layer`] if the window does not fit.
pub(crate) fn windowed(
    shape: Shape,
    window: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
    at: &str,
) -> Result<Shape, NtkError> {
    let refuse = |what: &str| NtkError::Layer {
        at: at.to_owned(),
        reason: format!(
            "the {} x {} window {what} the {} x {} image",
            window[0], window[1], shape.height, shape.width
        ),
    };
    if window[0] > shape.height.max(LARGEST_OVERHANG) || window[1] > shape.width.max(LARGEST_OVERHANG) {
        return Err(refuse("is larger than"));
    }
    let rows =
        windows(shape.height, window[0], strides[0], padding).ok_or_else(|| refuse("is larger than"))?;
    let columns =
        windows(shape.width, window[1], strides[1], padding).ok_or_else(|| refuse("is larger than"))?;
    // Padding on the right is the longer one: it may repeat the image once.
    let wraps = |size: usize, window: usize, stride: usize, (out, before): (usize, usize)| {
        (out - 1) * stride + window > 2 * size + before
    };
    if padding == Padding::Circular
        && (wraps(shape.height, window[0], strides[0], rows)
            || wraps(shape.width, window[1], strides[1], columns))
    {
        return Err(refuse("with circular padding wraps more than once around"));
    }
    Ok(Shape { height: rows.0, width: columns.0, channels: shape.channels })
}

/// Widths may be anything in a kernel, which they do not enlarge; but sums and products of them must be numbers.
pub(crate) fn uncountable(at: &str) -> NtkError {
    let reason = format!("its channels are more than {}, the most that can be counted", usize::MAX);
    NtkError::Layer { at: at.to_owned(), reason }
}

pub(crate) fn describe(shape: Shape) -> String {
    format!("{} x {} pixels of {} channels", shape.height, shape.width, shape.channels)
}

/// The error of a layer that has no infinite-width limit.
pub(crate) fn no_limit(at: &str, reason: &str) -> NtkError {
    NtkError::NoLimit { at: at.to_owned(), reason: reason.to_owned() }
}
