//! Inputs of a network from a file, checked once for all.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;
use overparam_jobs::tiles::Element;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, Images, Inputs};
use overparam_tensor::Array;
use overparam_tensor::linalg::Real;

use super::array::{Numbers, read, refuse_not_finite};
use super::images::{convolution, reshape};
use super::{label, shape_words};
use crate::out::counted;

/// Numbers that are hashed together.
const HASHED_AT_ONCE: usize = 1 << 14;

/// The order of the axes of images, or of sequences.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// Channels last: n x height x width x channels, or n x length x channels
    Nhwc,
    /// Channels first, as in PyTorch: n x channels x height x width, or n x channels x length
    Nchw,
}

impl Layout {
    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nhwc => "nhwc",
            Self::Nchw => "nchw",
        }
    }
}

/// What one input is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vector,
    Sequence,
    Image,
}

/// Finite inputs, at least one: `n x d`, `n x length x channels`, or `n x height x width x channels`.
pub(crate) struct Batch<T: Real> {
    label: String,
    /// Channels last.
    array: Array<T>,
    kind: Kind,
    shape: Shape,
    warnings: Vec<String>,
}

impl<T: Real> Batch<T> {
    /// Reads and checks inputs; channels are last if no layout is said.
    pub(crate) fn read(option: &str, path: &Path, layout: Option<Layout>) -> Result<Self> {
        let Numbers { array, mut warnings } = read::<T>(option, path)?;
        let label = label(option, path);
        warnings.extend(channels_first(array.shape(), layout));
        let array = match (layout, array.rank()) {
            (Some(Layout::Nchw), 4) => array.permute(&[0, 2, 3, 1]),
            (Some(Layout::Nchw), 3) => array.permute(&[0, 2, 1]),
            _ => array,
        };
        let (kind, shape) = match *array.shape() {
            [_, d] => (Kind::Vector, Shape::vector(d)),
            [_, height, channels] => (Kind::Sequence, Shape { height, width: 1, channels }),
            [_, height, width, channels] => (Kind::Image, Shape { height, width, channels }),
            _ => bail!(
                "{label}: expected 2 axes (inputs x features), 3 (sequences x length x channels) or 4 (images x height x \
                 width x channels), got shape {}",
                shape_words(array.shape())
            ),
        };
        if array.is_empty() {
            bail!("{label}: there are no inputs: the shape is {}", shape_words(array.shape()));
        }
        refuse_not_finite(&label, &array, "input")?;
        let batch = Self { label, array, kind, shape, warnings };
        batch.refuse_overflow()?;
        Ok(batch)
    }

    /// Says what was read, and what may not be meant.
    pub(crate) fn tell(&self) {
        note!("{}: {} {}", self.label, counted(self.count(), self.noun()), self.one());
        self.warnings.iter().for_each(|warning| note!("warning: {}: {warning}", self.label));
    }

    fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Vector => "vector",
            Kind::Sequence => "sequence",
            Kind::Image => "image",
        }
    }

    /// `of 8 x 8 pixels, 3 channels`.
    fn one(&self) -> String {
        let Shape { height, width, channels } = self.shape;
        match self.kind {
            Kind::Vector => format!(
                "of {}",
                if channels == 1 { "1 entry".to_owned() } else { format!("{channels} entries") }
            ),
            Kind::Sequence => format!("of length {height}, {}", counted(channels, "channel")),
            Kind::Image => format!("of {height} x {width} pixels, {}", counted(channels, "channel")),
        }
    }

    /// Refuses vectors for a network that looks at neighbouring pixels: each would be an image of one pixel.
    pub(crate) fn refuse_flat_images(&self, network: &Architecture) -> Result<()> {
        match convolution(network).filter(|_| self.kind == Kind::Vector) {
            Some(layer) => bail!(
                "{}: the layer {layer} needs images, and these are {}s {}: reshape them, with NumPy {}",
                self.label,
                self.noun(),
                self.one(),
                reshape(self.shape.channels)
            ),
            None => Ok(()),
        }
    }

    /// Kernels are quadratic in the inputs.
    fn refuse_overflow(&self) -> Result<()> {
        let elements = self.array.elements();
        let squares =
            elements.chunks(elements.len() / self.count()).map(|x| x.iter().map(|&x| x * x).sum::<T>());
        match squares.map(Real::f64).position(|square| !square.is_finite()) {
            Some(i) => {
                bail!(
                    "{}: the squared norm of input {i} overflows {}: scale the inputs down",
                    self.label,
                    T::NAME
                )
            }
            None => Ok(()),
        }
    }

    /// Refuses inputs of another shape than `other`'s.
    pub(crate) fn expect_shape_of(&self, other: &Self) -> Result<()> {
        if self.shape == other.shape && self.kind == other.kind {
            return Ok(());
        }
        let of = |x: &Self| format!("{}s {}", x.noun(), x.one());
        bail!("{}: expected {} as in {}, got {}", self.label, of(other), other.label, of(self))
    }

    /// How many inputs there are.
    pub(crate) fn count(&self) -> usize {
        self.array.shape()[0]
    }

    /// The shape of one input.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Names the numbers, as numbers of this type and with their shape: a hash that does not depend on the format of the file.
    pub(crate) fn fingerprint<U: Real + Element>(&self) -> (String, Vec<usize>) {
        let width = size_of::<U>();
        let mut hasher = blake3::Hasher::new();
        for &axis in self.array.shape() {
            hasher.update(&(axis as u64).to_le_bytes());
        }
        let mut bytes = vec![0; HASHED_AT_ONCE * width];
        for part in self.array.elements().chunks(HASHED_AT_ONCE) {
            let bytes = &mut bytes[..part.len() * width];
            bytes.chunks_exact_mut(width).zip(part).for_each(|(place, x)| U::of(x.f64()).put(place));
            hasher.update(bytes);
        }
        (hasher.finalize().to_hex().to_string(), self.array.shape().to_vec())
    }

    /// Bytes of its numbers in memory.
    pub(crate) fn bytes(&self) -> u64 {
        (self.array.len() * size_of::<T>()) as u64
    }

    /// The option and the file.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Some of the inputs.
    pub(crate) fn inputs(&self, rows: Range<usize>) -> Result<Inputs<T>> {
        let count = rows.len();
        let part = self.array.slice(0, rows, 1);
        if part.rank() == 2 {
            return Ok(part.to_matrix().into());
        }
        let images = Images::new(count, self.shape, part.to_vec());
        Ok(images.map_err(|e| anyhow!("{}: {e}", self.label))?.into())
    }
}

/// Whether images look as if their channels came first: three or one of them, and then a square.
fn channels_first(shape: &[usize], layout: Option<Layout>) -> Option<String> {
    match *shape {
        [_, c @ (1 | 3), height, width] if layout.is_none() && height == width && height > 4 => {
            Some(format!(
                "this looks like {} before {height} x {width} pixels, as PyTorch has images: --layout nchw reads it so, \
             --layout nhwc says that it is meant as it is",
                counted(c, "channel")
            ))
        }
        _ => None,
    }
}
