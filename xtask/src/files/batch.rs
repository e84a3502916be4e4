//! Inputs of a network from a file, checked once for all.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Images, Inputs};
use overparam_tensor::Array;
use overparam_tensor::linalg::Real;

use super::array::{read, refuse_not_finite};
use super::{label, shape_words};

/// Finite inputs, at least one: `n x d`, or `n x height x width x channels`.
pub(crate) struct Batch<T: Real> {
    label: String,
    array: Array<T>,
    shape: Shape,
}

impl<T: Real> Batch<T> {
    /// Reads and checks inputs.
    pub(crate) fn read(option: &str, path: &Path) -> Result<Self> {
        let array = read::<T>(option, path)?;
        let label = label(option, path);
        let shape = match *array.shape() {
            [_, d] => Shape::vector(d),
            [_, height, width, channels] => Shape { height, width, channels },
            _ => bail!(
                "{label}: expected 2 axes (inputs x features) or 4 (images x height x width x channels), got shape {}",
                shape_words(array.shape())
            ),
        };
        if array.is_empty() {
            bail!("{label}: there are no inputs: the shape is {}", shape_words(array.shape()));
        }
        refuse_not_finite(&label, &array, "input")?;
        let batch = Self { label, array, shape };
        batch.refuse_overflow()?;
        Ok(batch)
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
        if self.shape == other.shape && self.array.rank() == other.array.rank() {
            return Ok(());
        }
        let one = |x: &Self| match *x.array.shape() {
            [_, d] => format!("vectors of {d} entries"),
            ref shape => format!("images of {}", shape_words(&shape[1..])),
        };
        bail!("{}: expected {} as in {}, got {}", self.label, one(other), other.label, one(self))
    }

    /// How many inputs there are.
    pub(crate) fn count(&self) -> usize {
        self.array.shape()[0]
    }

    /// The shape of one input.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
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
