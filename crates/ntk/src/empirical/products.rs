//! Products with the empirical NTK: `Theta v = J_1 (J_2^T v)`, one pass back and one forward, whatever the size of `Theta`.

use nalgebra::DMatrix;
use overparam_tensor::autodiff::Linearization;
use overparam_tensor::{Real, Tensor, Tree, linearize, vmap};

use super::method::Reduction;
use crate::NtkError;
use crate::network::{Batch, Network, Params};

/// Derivative of the outputs by the parameters.
type Derivative<T> = Linearization<T, Params<T>, Tensor<T>>;

/// The kernel between two batches as a linear map. Holds the activations of both batches, nothing quadratic.
pub struct Operator<T: Real> {
    left: Derivative<T>,
    right: Option<Derivative<T>>,
    /// Outputs as the network shapes them, and as vectors: of the first batch and of the second.
    shapes: [Vec<usize>; 2],
    outputs: usize,
}

impl<T: Real> Operator<T> {
    pub(super) fn new(network: &Network, params: &Params<T>, x1: &Batch<T>, x2: Option<&Batch<T>>) -> Self {
        let (y, left) = derivative(network, params, x1);
        let second = x2.map(|x2| derivative(network, params, x2));
        let columns = second.as_ref().map_or(y.shape(), |(y, _)| y.shape()).to_vec();
        let shapes = [y.shape().to_vec(), columns];
        Self { left, right: second.map(|(_, derivative)| derivative), shapes, outputs: network.outputs() }
    }

    /// `Theta v` for `v [n2, k]`: `[n1, k]`.
    ///
    /// # Errors
    /// [`NtkError::Input`] if `v` has another shape.
    pub fn apply(&self, v: &Tensor<T>) -> Result<Tensor<T>, NtkError> {
        self.product(v, (self.right.as_ref().unwrap_or(&self.left), &self.left), (1, 0))
    }

    /// `Theta^T u` for `u [n1, k]`: `[n2, k]`.
    ///
    /// # Errors
    /// [`NtkError::Input`] if `u` has another shape.
    pub fn apply_transposed(&self, u: &Tensor<T>) -> Result<Tensor<T>, NtkError> {
        self.product(u, (&self.left, self.right.as_ref().unwrap_or(&self.left)), (0, 1))
    }

    fn product(
        &self,
        v: &Tensor<T>,
        (back, forth): (&Derivative<T>, &Derivative<T>),
        (from, to): (usize, usize),
    ) -> Result<Tensor<T>, NtkError> {
        let expected = [self.shapes[from][0], self.outputs];
        if v.shape() != expected {
            return Err(NtkError::input("vector", format!("expected {expected:?}, got {:?}", v.shape())));
        }
        let product = forth.jvp(&back.vjp(&v.reshape(&self.shapes[from])));
        Ok(product.reshape(&[self.shapes[to][0], self.outputs]))
    }
}

fn derivative<T: Real>(network: &Network, params: &Params<T>, x: &Batch<T>) -> (Tensor<T>, Derivative<T>) {
    linearize(|p: &Params<T>| network.apply_batch(p, x), params)
}

/// The kernel column by column: `k` products for each example of the second batch.
pub(super) fn columns<T: Real>(
    network: &Network,
    params: &Params<T>,
    (x1, x2): (&Batch<T>, &Batch<T>),
    reduction: Reduction,
) -> DMatrix<T> {
    let (n1, n2, k) = (x1.count(), x2.count(), network.outputs());
    let left = derivative(network, params, x1).1;
    let rows = if reduction == Reduction::Full { k } else { 1 };
    let mut kernel = DMatrix::zeros(n1 * rows, n2 * rows);
    for j in 0..n2 {
        let example = x2.map(&mut |leaf| leaf.slice(0, j..j + 1));
        let (y, right) = derivative(network, params, &example);
        let mut shape = vec![k];
        shape.extend_from_slice(y.shape());
        let basis = Tensor::identity(k).reshape(&shape);
        // [b, i, a]
        let products = vmap(|u: &Tensor<T>| left.jvp(&right.vjp(u)), &basis).reshape(&[k, n1, k]);
        let products = products.array().elements();
        let mut columns = kernel.columns_mut(j * rows, rows);
        if reduction == Reduction::Full {
            columns.iter_mut().zip(products.iter()).for_each(|(out, &x)| *out = x);
        } else {
            for (i, out) in columns.iter_mut().enumerate() {
                let trace: T = (0..k).map(|a| products[(a * n1 + i) * k + a]).sum();
                *out = trace / T::of(k as f64);
            }
        }
    }
    kernel
}
