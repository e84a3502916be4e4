//! NumPy arrays in, NumPy arrays out.
//!
//! The Python half has made every array an aligned one of `float32` or `float64` in native byte order; strides may be any. What goes
//! out is handed over without copying.

use nalgebra::DMatrix;
use numpy::ndarray::{Array2, ArrayD, ArrayViewD, IxDyn, ShapeBuilder};
use numpy::{Element, IntoPyArray, PyArray2, PyArrayDyn, PyReadonlyArray2, PyReadonlyArrayDyn};
use overparam_ntk::shape::Shape;
use overparam_ntk::{Images, Inputs};
use overparam_tensor::linalg::Real;
use overparam_tensor::{Array, Tensor};
use pyo3::prelude::*;

use crate::errors;

/// A precision that both sides have.
pub(crate) trait Number: Real + Element {
    /// The array, if it has this precision.
    fn pick<'a, 'py>(array: &'a Any<'py>) -> Option<&'a PyReadonlyArrayDyn<'py, Self>>;
}

/// An array of either precision.
#[derive(FromPyObject)]
pub(crate) enum Any<'py> {
    Double(PyReadonlyArrayDyn<'py, f64>),
    Single(PyReadonlyArrayDyn<'py, f32>),
}

impl Number for f32 {
    fn pick<'a, 'py>(array: &'a Any<'py>) -> Option<&'a PyReadonlyArrayDyn<'py, Self>> {
        match array {
            Any::Double(_) => None,
            Any::Single(array) => Some(array),
        }
    }
}

impl Number for f64 {
    fn pick<'a, 'py>(array: &'a Any<'py>) -> Option<&'a PyReadonlyArrayDyn<'py, Self>> {
        match array {
            Any::Double(array) => Some(array),
            Any::Single(_) => None,
        }
    }
}

impl<'py> Any<'py> {
    /// The array as one of this precision.
    pub(crate) fn of<T: Number>(&self) -> PyResult<&PyReadonlyArrayDyn<'py, T>> {
        T::pick(self).ok_or_else(|| {
            pyo3::exceptions::PyTypeError::new_err(format!("expected arrays of one precision, {}", T::NAME))
        })
    }

    /// Whether it is of single precision.
    pub(crate) fn is_single(&self) -> bool {
        matches!(self, Self::Single(_))
    }
}

/// The shape of one input in the words of an array's axes.
pub(crate) fn shape_of(axes: &[usize]) -> PyResult<Shape> {
    match *axes {
        [channels] => Ok(Shape::vector(channels)),
        [height, channels] => Ok(Shape { height, width: 1, channels }),
        [height, width, channels] => Ok(Shape { height, width, channels }),
        _ => Err(errors::value(format!(
            "shape = {axes:?}: expected (d,) for vectors, (length, channels) for sequences or (height, width, channels) for images"
        ))),
    }
}

/// Inputs `n x d`, `n x length x channels` or `n x height x width x channels`.
pub(crate) fn inputs<T: Number>(name: &str, array: &PyReadonlyArrayDyn<'_, T>) -> PyResult<Inputs<T>> {
    let view = array.as_array();
    let Some((&n, rest)) = view.shape().split_first() else {
        return Err(errors::value(format!("{name}: expected an array, got a single number")));
    };
    if let [d] = *rest {
        return Ok(transposed(&view, n, d).into());
    }
    let shape = shape_of(rest)?;
    let images = Images::new(n, shape, view.iter().copied().collect());
    Ok(images.map_err(|e| errors::value(format!("{name}: {e}")))?.into())
}

/// A matrix, column after column.
fn transposed<T: Number>(view: &ArrayViewD<'_, T>, n: usize, d: usize) -> DMatrix<T> {
    // Squares whose rows and columns are a cache line each: rows at a distance of a power of two share few of its places.
    const SIDE: usize = 8;
    let Some(rows) = view.as_slice().filter(|rows| !rows.is_empty()) else {
        return DMatrix::from_iterator(n, d, view.t().iter().copied());
    };
    let mut columns = vec![T::ZERO; n * d];
    for i0 in (0..n).step_by(SIDE) {
        for j0 in (0..d).step_by(SIDE) {
            for j in j0..d.min(j0 + SIDE) {
                for i in i0..n.min(i0 + SIDE) {
                    columns[j * n + i] = rows[i * d + j];
                }
            }
        }
    }
    DMatrix::from_vec(n, d, columns)
}

/// A matrix of doubles.
pub(crate) fn matrix(array: &PyReadonlyArray2<'_, f64>) -> DMatrix<f64> {
    let view = array.as_array();
    let (n, d) = view.dim();
    transposed(&view.into_dyn(), n, d)
}

/// A matrix in Fortran's order.
pub(crate) fn from_matrix<T: Number>(py: Python<'_>, matrix: DMatrix<T>) -> PyResult<Bound<'_, PyArray2<T>>> {
    let shape = matrix.shape();
    Ok(Array2::from_shape_vec(shape.f(), matrix.data.into()).map_err(errors::value)?.into_pyarray(py))
}

/// The transpose of a matrix, in C's order.
pub(crate) fn from_transposed<T: Number>(
    py: Python<'_>,
    matrix: DMatrix<T>,
) -> PyResult<Bound<'_, PyArray2<T>>> {
    let (rows, columns) = matrix.shape();
    Ok(Array2::from_shape_vec((columns, rows), matrix.data.into()).map_err(errors::value)?.into_pyarray(py))
}

/// A tensor with the same axes.
pub(crate) fn tensor<T: Number>(array: &PyReadonlyArrayDyn<'_, T>) -> Tensor<T> {
    let view = array.as_array();
    Tensor::from_vec(view.shape(), view.iter().copied().collect())
}

/// A tensor's numbers with the same axes.
pub(crate) fn from_array<'py, T: Number>(
    py: Python<'py>,
    array: &Array<T>,
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    let shape = IxDyn(array.shape());
    Ok(ArrayD::from_shape_vec(shape, array.to_vec()).map_err(errors::value)?.into_pyarray(py))
}

/// Room for so many numbers, or an error before anything is computed.
pub(crate) fn reserve<T: Number>(rows: usize, columns: usize, kernels: usize) -> PyResult<()> {
    let mut room: Vec<T> = Vec::new();
    let count = rows.checked_mul(columns).and_then(|size| size.checked_mul(kernels));
    match count.filter(|&count| room.try_reserve_exact(count).is_ok()) {
        Some(_) => Ok(()),
        None => Err(pyo3::exceptions::PyMemoryError::new_err(format!(
            "a kernel of {rows} x {columns} numbers does not fit in memory: pass fewer inputs"
        ))),
    }
}
