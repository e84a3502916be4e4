//! The matrix product.

use crate::array::Array;
use crate::autodiff::{Needs, Point, Primitive, apply};
use crate::kernel;
use crate::linalg::Real;
use crate::tensor::Tensor;

/// `C[..., i, j] = sum_k A[..., i, k] B[..., k, j]`, leading axes broadcast.
#[derive(Debug)]
struct MatMul;

impl<T: Real> Primitive<T> for MatMul {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        kernel::matmul(inputs[0], inputs[1])
    }

    fn needs(&self) -> Needs {
        Needs::OtherInputs
    }

    fn push(&self, at: &Point<'_, T>, input: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        let (a, b) = (&at.inputs[0], &at.inputs[1]);
        let product = if input == 0 { t.matmul(b) } else { a.matmul(t) };
        Some(product.broadcast_to(at.output.shape()))
    }

    fn pull(&self, at: &Point<'_, T>, input: usize, u: &Tensor<T>) -> Option<Tensor<T>> {
        let (a, b) = (&at.inputs[0], &at.inputs[1]);
        if let (1, [k, n], [_, _, _, ..]) = (input, b.shape(), a.shape()) {
            // One matrix for all items: the sum over items is a sum over rows.
            let rows = a.len() / k.max(&1);
            return Some(a.reshape(&[rows, *k]).t().matmul(&u.reshape(&[rows, *n])));
        }
        let product = if input == 0 { u.matmul(&b.t()) } else { a.t().matmul(u) };
        Some(product.sum_to(at.inputs[input].shape()))
    }
}

/// Products.
impl<T: Real> Tensor<T> {
    /// The matrix product over the last two axes of each; leading axes broadcast. With a single matrix on the right it is
    /// one product of all rows on the left.
    ///
    /// # Panics
    /// If a tensor has fewer than two axes, the inner lengths differ, or the leading axes do not broadcast.
    #[must_use]
    pub fn matmul(&self, other: &Self) -> Self {
        let (a, b) = (self.shape(), other.shape());
        if let ([leading @ .., k], [k_of_b, n]) = (a, b)
            && a.len() > 2
            && k == k_of_b
        {
            let rows = self.reshape(&[leading.iter().product(), *k]);
            let shape = crate::array::Dims::new(leading).join(&[*n]);
            return apply(MatMul, &[&rows, other]).reshape(&shape);
        }
        apply(MatMul, &[self, other])
    }
}
