//! Descent that never leaves the span of its patches.
//!
//! Every patch is a multiple of one of `K` atoms (features and noise vectors), so the gradient of any loss in a filter is a
//! combination `sum_k c_k z_k`. Descent on filters of dimension `d` then is descent on their `K` inner products,
//!
#![doc = overparam_formula::formula!("W <- W - eta C Z <=> A <- A - eta C G,    A = W Z^T,    G = Z Z^T,")]
//!
//! exact at a cost of `K^2` instead of `K d` a filter, and `W = W_0 + B Z` is there when it is asked for.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{gemm, matmul, transposed};

/// Filters, known by their inner products with the atoms.
#[derive(Debug, Clone)]
pub struct SpanDescent {
    /// `K x d`, an atom a row.
    atoms: DMatrix<f64>,
    /// `K x K`.
    gram: DMatrix<f64>,
    /// `W_0`, filters by `d`.
    start: DMatrix<f64>,
    /// `A`, filters by `K`.
    products: DMatrix<f64>,
    /// `B`, filters by `K`.
    moved: DMatrix<f64>,
}

impl SpanDescent {
    /// Filters at `start` (a row each), and atoms (a row each) of the same dimension.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn new(atoms: DMatrix<f64>, start: DMatrix<f64>) -> Self {
        let products = matmul(&start, transposed(&atoms));
        let gram = matmul(&atoms, transposed(&atoms));
        let moved = DMatrix::zeros(start.nrows(), atoms.nrows());
        Self { atoms, gram, start, products, moved }
    }

    /// Inner products of filters (rows) with atoms (columns).
    pub fn products(&self) -> &DMatrix<f64> {
        &self.products
    }

    /// One step: `coefficients` are the loss's derivatives by [`SpanDescent::products`].
    ///
    /// # Panics
    /// If the shape differs from that of the products.
    pub fn step(&mut self, learning_rate: f64, coefficients: &DMatrix<f64>) {
        gemm(-learning_rate, coefficients, &self.gram, 1.0, &mut self.products);
        self.moved.zip_apply(coefficients, |b, c| *b -= learning_rate * c);
    }

    /// The filters themselves, a row each.
    pub fn filters(&self) -> DMatrix<f64> {
        let mut filters = self.start.clone();
        gemm(1.0, &self.moved, &self.atoms, 1.0, &mut filters);
        filters
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::SpanDescent;

    proptest! {
        /// Against descent on the filters themselves, of `sum tanh(A)`.
        #[test]
        fn is_descent_on_the_filters(seed in any::<u64>(), atoms in 1usize..8, filters in 1usize..5, d in 1usize..9) {
            let stream = Stream::root(seed);
            let z: DMatrix<f64> = stream.named("z").normal_matrix(atoms, d, 1.0);
            let mut w: DMatrix<f64> = stream.named("w").normal_matrix(filters, d, 1.0);
            let mut span = SpanDescent::new(z.clone(), w.clone());
            for _ in 0..10 {
                let slope = |a: &DMatrix<f64>| a.map(|a| 1.0 - a.tanh().powi(2));
                let gradient = slope(&(&w * z.transpose())) * &z;
                w -= gradient * 0.03;
                let coefficients = slope(span.products());
                span.step(0.03, &coefficients);
            }
            prop_assert!((span.filters() - &w).amax() < 1e-10);
            prop_assert!((span.products() - w * z.transpose()).amax() < 1e-9);
        }
    }
}
