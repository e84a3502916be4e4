//! What shape the data has between layers, and where a kernel exists at all.
//!
//! The recursion over layers speaks about covariances of Gaussian fields. A nonlinearity therefore needs an affine layer
//! before it (central limit theorem over the fan-in), and a sum needs branches that are independent given the input, at
//! most one of which may be anything but the output of fresh zero-mean weights. This calculus refuses the rest, naming
//! the layer.

use super::layer::{Combine, Layer, Padding};
use super::{Architecture, Pool};
use crate::NtkError;

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
    pub(crate) alike: bool,
}

impl Point {
    /// Where a network begins: entries of an input are given numbers.
    pub(crate) fn start(shape: Shape) -> Self {
        Self { shape, gaussian: false, alike: false }
    }
}

/// Number of windows, and pixels of padding before the first.
pub(crate) fn windows(size: usize, window: usize, stride: usize, padding: Padding) -> Option<(usize, usize)> {
    padding.positions(size, window, stride)
}

/// Padded windows may be larger than the image, up to this: a slip of the keyboard must not allocate without bound.
const LARGEST_OVERHANG: usize = 1024;

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

/// The points before each layer of a list and after the last.
pub(crate) fn walk(layers: &[Layer], start: Point, prefix: &str) -> Result<Vec<Point>, NtkError> {
    let mut points = vec![start];
    let mut here = start;
    for (i, layer) in layers.iter().enumerate() {
        here = step(layer, here, &place(layer, i, prefix))?;
        points.push(here);
    }
    Ok(points)
}

/// `"layer 3 (conv)"`.
pub(crate) fn place(layer: &Layer, index: usize, prefix: &str) -> String {
    format!("{prefix}layer {} ({})", index + 1, layer.name())
}

fn step(layer: &Layer, here: Point, at: &str) -> Result<Point, NtkError> {
    let shape = here.shape;
    let fresh =
        |channels, shape: Shape| Point { shape: Shape { channels, ..shape }, gaussian: true, alike: true };
    let no_limit = |reason: &str| NtkError::NoLimit { at: at.to_owned(), reason: reason.to_owned() };
    Ok(match layer {
        Layer::Dense(dense) => fresh(dense.width, shape),
        Layer::Conv(conv) => {
            fresh(conv.channels, windowed(shape, conv.filter, conv.strides, conv.padding, at)?)
        }
        Layer::AvgPool(Pool { window, strides, padding })
        | Layer::SumPool(Pool { window, strides, padding }) => {
            Point { shape: windowed(shape, *window, *strides, *padding, at)?, ..here }
        }
        Layer::MaxPool(_) => {
            return Err(no_limit(
                "the covariance of a maximum over a window depends on the joint law of all its pixels, which is no \
                 function of pairwise covariances of outputs; use avg_pool or sum_pool",
            ));
        }
        Layer::GlobalAvgPool | Layer::GlobalSumPool => {
            Point { shape: Shape { height: 1, width: 1, ..shape }, ..here }
        }
        Layer::Flatten => {
            let entries = shape.pixels().checked_mul(shape.channels).ok_or_else(|| uncountable(at))?;
            Point { shape: Shape::vector(entries), alike: here.alike && shape.pixels() == 1, ..here }
        }
        Layer::LayerNorm(_) => {
            if !here.gaussian {
                return Err(no_limit(
                    "normalisation over channels needs zero-mean channels: put a dense or conv layer before it",
                ));
            }
            here
        }
        Layer::Dropout(_) => Point { gaussian: false, ..here },
        Layer::GlobalSelfAttention(attention) => fresh(attention.channels, shape),
        Layer::Activation(_) => {
            if !here.gaussian {
                return Err(no_limit(
                    "a nonlinearity needs Gaussian inputs: put a dense or conv layer between it and what precedes it",
                ));
            }
            if !here.alike {
                return Err(no_limit(
                    "what flatten has made channels of differs in variance from pixel to pixel: put the nonlinearity before \
                     the flatten, where it is the same function, or a dense layer between them",
                ));
            }
            Point { gaussian: false, ..here }
        }
        Layer::Residual(branch) => {
            let end = *walk(branch, here, &format!("{at}, "))?.last().unwrap_or(&here);
            merge(&[here, end], &[false, has_zero_mean(branch, false)], Combine::Sum, at)?
        }
        Layer::Parallel { branches, combine } => {
            let mut ends = Vec::with_capacity(branches.len());
            for (i, branch) in branches.iter().enumerate() {
                let points = walk(branch, here, &format!("{at}, branch {}, ", i + 1))?;
                ends.push(*points.last().unwrap_or(&here));
            }
            let fresh: Vec<bool> = branches.iter().map(|branch| has_zero_mean(branch, false)).collect();
            merge(&ends, &fresh, *combine, at)?
        }
    })
}

/// Whether the output of `layers` has mean zero given everything outside a scope, if their input has (`start`). Taken
/// relative to a branch (`start` false) it says that the branch ends in weights of its own: two such branches are
/// uncorrelated, and so is one with anything.
fn has_zero_mean(layers: &[Layer], start: bool) -> bool {
    layers.iter().fold(start, |here, layer| match layer {
        Layer::Dense(_) | Layer::Conv(_) | Layer::GlobalSelfAttention(_) => true,
        // Linear, or of an odd function of its input.
        Layer::AvgPool(_)
        | Layer::SumPool(_)
        | Layer::GlobalAvgPool
        | Layer::GlobalSumPool
        | Layer::Flatten
        | Layer::LayerNorm(_)
        | Layer::Dropout(_) => here,
        Layer::Activation(_) | Layer::MaxPool(_) => false,
        Layer::Residual(branch) => here && has_zero_mean(branch, here),
        Layer::Parallel { branches, combine } => match combine {
            Combine::Sum | Combine::Concat => branches.iter().all(|branch| has_zero_mean(branch, here)),
            Combine::Product => branches.iter().any(|branch| has_zero_mean(branch, false)),
        },
    })
}

/// `fresh`: which branches end in weights of their own.
fn merge(ends: &[Point], fresh: &[bool], combine: Combine, at: &str) -> Result<Point, NtkError> {
    let Some(first) = ends.first() else {
        return Err(NtkError::Layer { at: at.to_owned(), reason: "there are no branches".into() });
    };
    let differ = |end: &Point| {
        (end.shape.height, end.shape.width) != (first.shape.height, first.shape.width)
            || (combine != Combine::Concat && end.shape.channels != first.shape.channels)
    };
    // The width of an infinite layer is nominal: only pixels must agree for sums of fresh layers.
    let nominal =
        |end: &Point| (end.shape.height, end.shape.width) == (first.shape.height, first.shape.width);
    if let Some(end) = ends.iter().find(|end| differ(end) && !nominal(end)) {
        return Err(NtkError::Layer {
            at: at.to_owned(),
            reason: format!("branches end in {} and {}", describe(first.shape), describe(end.shape)),
        });
    }
    if combine != Combine::Concat && fresh.iter().filter(|fresh| !**fresh).count() > 1 {
        return Err(NtkError::NoLimit {
            at: at.to_owned(),
            reason: "more than one branch does not end in fresh weights, so the branches are correlated and their \
                     cross-covariance is not tracked: end all branches but one in a dense or conv layer"
                .into(),
        });
    }
    if combine == Combine::Product && ends.iter().filter(|end| !end.alike).count() > 1 {
        return Err(NtkError::NoLimit {
            at: at.to_owned(),
            reason: "in more than one branch channels have covariances of their own (the raw input, after flatten or concat), \
                     and a mean of products is no product of means: multiply before flatten or concat, or end all branches \
                     but one in a dense or conv layer"
                .into(),
        });
    }
    let channels = match combine {
        Combine::Concat => {
            let sum = ends.iter().try_fold(0usize, |sum, end| sum.checked_add(end.shape.channels));
            sum.ok_or_else(|| uncountable(at))?
        }
        Combine::Sum | Combine::Product => first.shape.channels,
    };
    let gaussian =
        combine == Combine::Sum && ends.iter().all(|end| end.gaussian) || ends.len() == 1 && first.gaussian;
    let alike = (combine != Combine::Concat || ends.len() == 1) && ends.iter().all(|end| end.alike);
    Ok(Point { shape: Shape { channels, ..first.shape }, gaussian, alike })
}

/// Widths may be anything in a kernel, which they do not enlarge; but sums and products of them must be numbers.
fn uncountable(at: &str) -> NtkError {
    let reason = format!("its channels are more than {}, the most that can be counted", usize::MAX);
    NtkError::Layer { at: at.to_owned(), reason }
}

fn describe(shape: Shape) -> String {
    format!("{} x {} pixels of {} channels", shape.height, shape.width, shape.channels)
}

impl Architecture {
    /// Shapes before each layer and after the last, for inputs of shape `input`.
    ///
    /// # Errors
    /// [`NtkError::Layer`] where a shape does not fit, [`NtkError::NoLimit`] where there is no infinite-width kernel.
    pub fn shapes(&self, input: Shape) -> Result<Vec<Shape>, NtkError> {
        let start = Point::start(input);
        Ok(walk(&self.layers, start, "")?.into_iter().map(|point| point.shape).collect())
    }
}
