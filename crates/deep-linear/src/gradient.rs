//! Exact gradients of all layers from prefix and suffix products.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, gemm, transposed};

use crate::objective::Objective;
use crate::{DeepLinearError, DeepLinearNetwork};

/// Buffers in which a network's loss and gradients are computed: allocated once, reused every step.
///
/// With `P_j = W_j ... W_1` and `B_j = (W_N ... W_{j+1})^T grad L(W)`, the gradient of layer `j` is
/// `B_j P_{j-1}^T`. The prefixes `P_2, ..., P_N = W` take `N - 1` products, the suffixes `B_{N-1}, ..., B_1` take
/// `N - 1`, and the gradients of layers `2, ..., N` take `N - 1`; that of layer 1 is `B_1` itself.
#[derive(Debug, Clone)]
pub struct Workspace<T: Real> {
    /// `P_2, ..., P_N`: `P_j` is `d_j x d_0`.
    prefixes: Vec<DMatrix<T>>,
    /// `B_2, ..., B_N`: `B_j` is `d_j x d_0`, and `B_N = grad L(W)`.
    suffixes: Vec<DMatrix<T>>,
    /// Gradients of layers `1, ..., N`; the first is `B_1`.
    gradients: Vec<DMatrix<T>>,
}

impl<T: Real> Workspace<T> {
    /// Buffers for networks of this one's widths.
    pub fn new(network: &DeepLinearNetwork<T>) -> Self {
        let inputs = network.end_shape().1;
        let products: Vec<DMatrix<T>> =
            network.weights()[1..].iter().map(|w| DMatrix::zeros(w.nrows(), inputs)).collect();
        Self {
            prefixes: products.clone(),
            suffixes: products,
            gradients: network.weights().iter().map(|w| DMatrix::zeros(w.nrows(), w.ncols())).collect(),
        }
    }

    /// Computes the end matrix, the loss (returned) and every gradient; `3 (N - 1)` products, nothing allocated.
    ///
    /// # Panics
    /// If the network's shapes are not those of the workspace, or its end matrix does not fit the objective.
    pub fn evaluate<O: Objective<T> + ?Sized>(
        &mut self,
        network: &DeepLinearNetwork<T>,
        objective: &O,
    ) -> f64 {
        let (weights, one, zero) = (network.weights(), T::of(1.0), T::of(0.0));
        assert!(
            weights.len() == self.gradients.len(),
            "workspace of depth {} used on a network of depth {}",
            self.gradients.len(),
            weights.len()
        );
        let depth = weights.len();
        if depth == 1 {
            return objective.loss_and_gradient(&weights[0], &mut self.gradients[0]);
        }
        gemm(one, &weights[1], &weights[0], zero, &mut self.prefixes[0]);
        for j in 2..depth {
            let (before, after) = self.prefixes.split_at_mut(j - 1);
            gemm(one, &weights[j], &before[j - 2], zero, &mut after[0]);
        }
        let loss = objective.loss_and_gradient(&self.prefixes[depth - 2], &mut self.suffixes[depth - 2]);
        for j in (1..depth).rev() {
            let prefix = if j == 1 { &weights[0] } else { &self.prefixes[j - 2] };
            let (before, after) = self.suffixes.split_at_mut(j - 1);
            gemm(one, &after[0], transposed(prefix), zero, &mut self.gradients[j]);
            let below = if j == 1 { &mut self.gradients[0] } else { &mut before[j - 2] };
            gemm(one, transposed(&weights[j]), &after[0], zero, below);
        }
        loss
    }

    /// Gradients of layers `1, ..., N` at the last [`Workspace::evaluate`].
    pub fn gradients(&self) -> &[DMatrix<T>] {
        &self.gradients
    }

    /// `grad L(W)`, the gradient with respect to the end matrix at the last [`Workspace::evaluate`].
    pub fn end_gradient(&self) -> &DMatrix<T> {
        self.suffixes.last().unwrap_or(&self.gradients[0])
    }

    /// The end matrix at the last [`Workspace::evaluate`], which was given this `network`.
    pub fn end_matrix<'a>(&'a self, network: &'a DeepLinearNetwork<T>) -> &'a DMatrix<T> {
        self.prefixes.last().unwrap_or(&network.weights()[0])
    }
}

/// Checks that an objective fits a network, before any loop over them.
pub(crate) fn check_objective<T: Real, O: Objective<T> + ?Sized>(
    end_shape: (usize, usize),
    objective: &O,
) -> Result<(), DeepLinearError> {
    if end_shape == objective.shape() {
        Ok(())
    } else {
        let what = "the network's end matrix";
        Err(DeepLinearError::Shape { what, given: end_shape, expected: objective.shape() })
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::Workspace;
    use crate::objective::{Convention, LinearRegression, Objective};
    use crate::{DeepLinearNetwork, Initialization};

    fn problem(widths: &[usize], seed: u64) -> (DeepLinearNetwork<f64>, LinearRegression<f64>) {
        let s = Stream::root(seed);
        let (inputs, outputs) = (widths[0], widths[widths.len() - 1]);
        let x = s.named("x").normal_matrix(6, inputs, 1.0);
        let y = s.named("y").normal_matrix(6, outputs, 1.0);
        let init = Initialization::Gaussian { scale: 1.0 };
        let network = DeepLinearNetwork::initialize(widths, &init, &s).unwrap();
        (network, LinearRegression::new(&x, &y, Convention::Mean).unwrap())
    }

    proptest! {
        /// Along one weight the loss is quadratic, so central differences are exact up to rounding.
        #[test]
        fn gradients_agree_with_finite_differences(
            seed in any::<u64>(), widths in prop::collection::vec(1usize..5, 2..6),
        ) {
            let (network, objective) = problem(&widths, seed);
            let mut workspace = Workspace::new(&network);
            let loss = workspace.evaluate(&network, &objective);
            prop_assert!((loss - objective.loss(&network.end_matrix())).abs() < 1e-10 * (1.0 + loss));
            prop_assert!((workspace.end_matrix(&network) - network.end_matrix()).norm() < 1e-12 * (1.0 + loss));
            for layer in 0..network.depth() {
                for k in 0..network.weights()[layer].len() {
                    let at = |step: f64| {
                        let mut moved = network.clone();
                        moved.weights_mut()[layer][k] += step;
                        objective.loss(&moved.end_matrix())
                    };
                    let h = 1e-3;
                    let difference = (at(h) - at(-h)) / (2.0 * h);
                    let gradient = workspace.gradients()[layer][k];
                    let scale = 1.0 + loss + at(h) + at(-h) + objective.solution().norm();
                    prop_assert!((difference - gradient).abs() < 1e-7 * scale, "{difference} against {gradient}");
                }
            }
        }

        /// A second evaluation in used buffers gives the bits of the first.
        #[test]
        fn buffers_carry_nothing_over(seed in any::<u64>(), widths in prop::collection::vec(1usize..5, 2..6)) {
            let (network, objective) = problem(&widths, seed);
            let (other, _) = problem(&widths, seed.wrapping_add(1));
            let mut used = Workspace::new(&network);
            used.evaluate(&other, &objective);
            let mut fresh = Workspace::new(&network);
            prop_assert_eq!(used.evaluate(&network, &objective), fresh.evaluate(&network, &objective));
            prop_assert_eq!(used.gradients(), fresh.gradients());
            prop_assert_eq!(used.end_gradient(), fresh.end_gradient());
        }

        #[test]
        fn f32_gradients_round_f64_gradients(seed in any::<u64>(), widths in prop::collection::vec(1usize..8, 2..6)) {
            let s = Stream::root(seed);
            let (inputs, outputs) = (widths[0], widths[widths.len() - 1]);
            let (x, y) = (s.named("x").normal_matrix(6, inputs, 1.0), s.named("y").normal_matrix(6, outputs, 1.0));
            let single = LinearRegression::<f32>::new(&x, &y, Convention::Mean).unwrap();
            let double = LinearRegression::<f64>::new(&x, &y, Convention::Mean).unwrap();
            let init = Initialization::Gaussian { scale: 1.0 };
            let narrow = DeepLinearNetwork::<f32>::initialize(&widths, &init, &s).unwrap();
            let wide = narrow.cast::<f64>();
            let (mut a, mut b) = (Workspace::new(&narrow), Workspace::new(&wide));
            a.evaluate(&narrow, &single);
            b.evaluate(&wide, &double);
            let scale: f64 = wide.weights().iter().map(|w| 1.0 + w.norm()).product::<f64>()
                * (1.0 + x.norm_squared()) * (1.0 + x.norm() * y.norm()) * wide.weights().iter().map(|w| 1.0 + w.norm()).product::<f64>();
            for (a, b) in a.gradients().iter().zip(b.gradients()) {
                let difference: DMatrix<f64> = a.map(f64::from) - b;
                prop_assert!(difference.norm() < 1e-5 * scale);
            }
        }
    }
}
