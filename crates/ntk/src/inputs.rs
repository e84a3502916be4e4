//! Batches of inputs: vectors or images.

use nalgebra::{DMatrix, DMatrixViewMut};
use num_traits::Float;
use overparam_tensor::linalg::Real;
use overparam_tensor::optim::rule::sum_of_squares;

use crate::NtkError;
use crate::shape::Shape;

/// A batch of inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs<T: Real> {
    /// `n x d`, one row per example.
    Vectors(DMatrix<T>),
    /// `n` images.
    Images(Images<T>),
}

/// A batch of images in the order example, row, column, channel (NHWC).
#[derive(Debug, Clone, PartialEq)]
pub struct Images<T> {
    count: usize,
    shape: Shape,
    data: Vec<T>,
}

impl<T: Real> Images<T> {
    /// `count` images of `shape` from `count * height * width * channels` numbers.
    ///
    /// # Errors
    /// [`NtkError::Input`] if there are more or fewer numbers.
    pub fn new(count: usize, shape: Shape, data: Vec<T>) -> Result<Self, NtkError> {
        let expected = count * shape.pixels() * shape.channels;
        if data.len() != expected {
            let Shape { height, width, channels } = shape;
            return Err(NtkError::input(
                "images",
                format!(
                    "{count} x {height} x {width} x {channels} needs {expected} numbers, got {}",
                    data.len()
                ),
            ));
        }
        Ok(Self { count, shape, data })
    }

    /// The same images with every number mapped.
    pub fn map<U: Real>(&self, f: impl Fn(T) -> U) -> Images<U> {
        Images { count: self.count, shape: self.shape, data: self.data.iter().map(|&x| f(x)).collect() }
    }

    /// The numbers of image `i`, NHWC.
    pub(crate) fn image(&self, i: usize) -> &[T] {
        let size = self.shape.pixels() * self.shape.channels;
        &self.data[i * size..][..size]
    }
}

impl<T: Real> From<DMatrix<T>> for Inputs<T> {
    fn from(vectors: DMatrix<T>) -> Self {
        Self::Vectors(vectors)
    }
}

impl<T: Real> From<Images<T>> for Inputs<T> {
    fn from(images: Images<T>) -> Self {
        Self::Images(images)
    }
}

impl<T: Real> Inputs<T> {
    /// Number of inputs.
    pub fn count(&self) -> usize {
        match self {
            Self::Vectors(x) => x.nrows(),
            Self::Images(x) => x.count,
        }
    }

    /// Shape of one input.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Vectors(x) => Shape::vector(x.ncols()),
            Self::Images(x) => x.shape,
        }
    }

    /// The numbers of input `i`, one after the other.
    pub(crate) fn row(&self, i: usize) -> Vec<T> {
        match self {
            Self::Vectors(x) => x.row(i).iter().copied().collect(),
            Self::Images(x) => x.image(i).to_vec(),
        }
    }

    /// Writes entries `first` to `first + block.nrows()` of inputs `from` to `from + block.ncols()` as columns.
    pub(crate) fn columns(&self, from: usize, first: usize, mut block: DMatrixViewMut<'_, T>) {
        let (entries, n) = block.shape();
        match self {
            Self::Vectors(x) => x.view((from, first), (n, entries)).transpose_to(&mut block),
            Self::Images(x) => {
                let each = x.shape.pixels() * x.shape.channels;
                let data = x.data[from * each..].chunks_exact(each);
                block
                    .column_iter_mut()
                    .zip(data)
                    .for_each(|(mut column, image)| column.copy_from_slice(&image[first..first + entries]));
            }
        }
    }

    /// Refuses what no kernel can take.
    pub(crate) fn check(&self, which: &'static str, expected: Shape) -> Result<(), NtkError> {
        let words = |s: Shape| match (s.height, s.width) {
            (1, 1) => format!("vectors of {} entries", s.channels),
            (h, w) => format!("images of {h} x {w} pixels with {} channels", s.channels),
        };
        if self.count() == 0 {
            return Err(NtkError::input(which, "the batch is empty"));
        }
        if self.shape() != expected {
            let given = words(self.shape());
            return Err(NtkError::input(which, format!("expected {}, got {given}", words(expected))));
        }
        // One pass tells that all is well, where it is: no input has a larger square than all of them together.
        let numbers = match self {
            Self::Vectors(x) => x.as_slice(),
            Self::Images(x) => x.data.as_slice(),
        };
        if Float::is_finite(T::of(sum_of_squares(numbers))) {
            return Ok(());
        }
        let squares: Vec<T> = match self {
            Self::Vectors(x) => {
                let mut squares = vec![T::ZERO; x.nrows()];
                for column in x.as_slice().chunks_exact(x.nrows()) {
                    squares.iter_mut().zip(column).for_each(|(square, &x)| *square += x * x);
                }
                squares
            }
            Self::Images(x) => (0..x.count).map(|i| x.image(i).iter().map(|&x| x * x).sum()).collect(),
        };
        let Some(i) = squares.iter().position(|square| !Float::is_finite(*square)) else { return Ok(()) };
        let row = self.row(i);
        Err(NtkError::input(
            which,
            match row.iter().position(|x| !Float::is_finite(*x)) {
                Some(j) => format!("input {i}, entry {j} is {}", row[j]),
                None => format!("the squared norm of input {i} overflows {}: scale the inputs down", T::NAME),
            },
        ))
    }
}
