//! From and to nalgebra.

use nalgebra::{DMatrix, DVector};

use super::{Array, Buffer, Dims};
use crate::linalg::Real;

/// A matrix keeps its rows and columns; its elements are copied to row-major order.
impl<T: Real> From<&DMatrix<T>> for Array<T> {
    fn from(matrix: &DMatrix<T>) -> Self {
        let (rows, columns) = matrix.shape();
        let mut buffer = Buffer::stale(rows * columns);
        for (j, column) in matrix.column_iter().enumerate() {
            for (element, &x) in buffer.iter_mut().skip(j).step_by(columns.max(1)).zip(column.iter()) {
                *element = x;
            }
        }
        Self::from_buffer(Dims::new(&[rows, columns]), buffer)
    }
}

/// A matrix whose entries are whatever they were (NaN where assertions are checked), for a caller that writes every one. If an
/// array of as many elements was dropped on this thread, it gets that array's memory.
///
/// What a function returns as an array goes back to where arrays come from: if it is made as a matrix, this is how the next call
/// finds it, and [`Array::from_recycled`] how it goes back.
pub fn recycled_matrix<T: Real>(rows: usize, columns: usize) -> DMatrix<T> {
    DMatrix::from_vec(rows, columns, Buffer::stale(rows * columns).into_vec())
}

/// A vector of length `n` becomes an array of shape `[n]`.
impl<T: Real> From<&DVector<T>> for Array<T> {
    fn from(vector: &DVector<T>) -> Self {
        Self::from_slice(&[vector.len()], vector.as_slice())
    }
}

impl<T: Real> Array<T> {
    /// As [`Array::from_vec`], of the elements of a [`recycled_matrix`].
    ///
    /// # Panics
    /// As [`Array::from_vec`].
    pub fn from_recycled(shape: &[usize], elements: Vec<T>) -> Self {
        let (dims, count) = (Dims::new(shape), elements.len());
        assert!(dims.volume() == count, "Array::from_recycled: {count} elements for shape {shape:?}");
        Self::from_buffer(dims, Buffer::returned(elements))
    }

    /// The matrix of a two-dimensional array.
    ///
    /// # Panics
    /// If there are not two axes.
    pub fn to_matrix(&self) -> DMatrix<T> {
        let &[rows, columns] = self.shape() else {
            panic!("to_matrix needs two axes, got shape {:?}", self.shape());
        };
        DMatrix::from_row_slice(rows, columns, &self.elements())
    }

    /// The elements in row-major order as a vector.
    pub fn to_vector(&self) -> DVector<T> {
        DVector::from_vec(self.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::{Array, recycled_matrix};

    #[test]
    fn a_matrix_takes_the_memory_of_an_array() {
        let array = Array::from_fn(&[30, 40], |_| 1.0f64);
        let address = array.as_slice().map(<[f64]>::as_ptr);
        drop(array);
        let matrix = recycled_matrix::<f64>(40, 30);
        assert_eq!((matrix.shape(), Some(matrix.as_slice().as_ptr())), ((40, 30), address));
        drop(Array::from_recycled(&[30, 40], matrix.data.into()));
        // The allocator would hand out again what was freed last, and this would take it.
        let _other = std::hint::black_box(vec![1.0f64; 1200]);
        let again = recycled_matrix::<f64>(40, 30);
        assert_eq!(Some(again.as_slice().as_ptr()), address);
    }
}
