//! The network: a product of matrices.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, gemm, matmul, transposed};
use overparam_tensor::random::Stream;

use crate::{DeepLinearError, Initialization};

/// A deep linear network `x -> W_N ... W_1 x` of depth `N >= 1`.
///
/// Layer `j` is `W_j`, a `d_j x d_{j-1}` matrix; `d_0` is the input width, `d_N` the output width, and the function
/// depends on the *end matrix* `W = W_N ... W_1` alone. What depth changes is the geometry of descent, not the functions
/// that can be expressed (unless a hidden layer is narrow: `rank W <= min_j d_j`).
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_deep_linear::DeepLinearNetwork;
///
/// let w1 = DMatrix::from_row_slice(2, 3, &[1.0, 0.0, 2.0, 0.0, 1.0, 0.0]);
/// let w2 = DMatrix::from_row_slice(1, 2, &[3.0, -1.0]);
/// let network = DeepLinearNetwork::from_weights(vec![w1, w2])?;
/// assert_eq!(network.end_matrix(), DMatrix::from_row_slice(1, 3, &[3.0, -1.0, 6.0]));
/// # Ok::<(), overparam_deep_linear::DeepLinearError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DeepLinearNetwork<T: Real> {
    /// `W_1, ..., W_N`: never empty, shapes chain.
    weights: Vec<DMatrix<T>>,
}

impl<T: Real> DeepLinearNetwork<T> {
    /// A network of the given weights `W_1, ..., W_N`, input side first.
    ///
    /// # Errors
    /// [`DeepLinearError::NoLayers`], [`DeepLinearError::EmptyMatrix`], [`DeepLinearError::LayersDoNotChain`].
    pub fn from_weights(weights: Vec<DMatrix<T>>) -> Result<Self, DeepLinearError> {
        if weights.is_empty() {
            return Err(DeepLinearError::NoLayers);
        }
        if let Some(w) = weights.iter().find(|w| w.is_empty()) {
            return Err(DeepLinearError::EmptyMatrix {
                what: "a layer",
                rows: w.nrows(),
                columns: w.ncols(),
            });
        }
        for (i, pair) in weights.windows(2).enumerate() {
            let (outputs, inputs) = (pair[0].nrows(), pair[1].ncols());
            if outputs != inputs {
                return Err(DeepLinearError::LayersDoNotChain { layer: i + 1, outputs, inputs });
            }
        }
        Ok(Self { weights })
    }

    /// A freshly initialised network of widths `d_0, ..., d_N` (input first, so depth `N = widths.len() - 1`).
    ///
    /// Numbers are drawn in `f64` and rounded, so that `f32` and `f64` networks of one stream agree.
    ///
    /// # Errors
    /// Those of [`Initialization::weights`].
    pub fn initialize(
        widths: &[usize],
        initialization: &Initialization,
        stream: &Stream,
    ) -> Result<Self, DeepLinearError> {
        let weights = initialization.weights(widths, stream)?;
        Self::from_weights(weights.into_iter().map(|w| w.map(T::of)).collect())
    }

    /// Number of layers `N >= 1`.
    pub fn depth(&self) -> usize {
        self.weights.len()
    }

    /// Widths `d_0, ..., d_N`, input first.
    pub fn widths(&self) -> Vec<usize> {
        std::iter::once(self.weights[0].ncols()).chain(self.weights.iter().map(DMatrix::nrows)).collect()
    }

    /// Shape `(d_N, d_0)` of the end matrix.
    pub fn end_shape(&self) -> (usize, usize) {
        (self.weights[self.depth() - 1].nrows(), self.weights[0].ncols())
    }

    /// The weights `W_1, ..., W_N`.
    pub fn weights(&self) -> &[DMatrix<T>] {
        &self.weights
    }

    /// Gives the weights back.
    pub fn into_weights(self) -> Vec<DMatrix<T>> {
        self.weights
    }

    /// The weights, for updates that keep every shape.
    pub(crate) fn weights_mut(&mut self) -> &mut [DMatrix<T>] {
        &mut self.weights
    }

    /// The end matrix `W = W_N ... W_1`, `d_N x d_0`.
    pub fn end_matrix(&self) -> DMatrix<T> {
        let (first, rest) = (&self.weights[0], &self.weights[1..]);
        rest.iter().fold(first.clone(), |product, w| matmul(w, &product))
    }

    /// The balancedness defect `max_j ||W_{j+1}^T W_{j+1} - W_j W_j^T||_F`, zero for depth 1.
    ///
    /// Gradient flow conserves every `W_{j+1}^T W_{j+1} - W_j W_j^T`; at zero the end matrix obeys the end-to-end flow
    /// (Arora, Cohen, Hazan 2018, arXiv 1802.06509, theorem 1).
    pub fn balancedness(&self) -> f64 {
        self.weights
            .windows(2)
            .map(|pair| {
                let mut defect = matmul(&pair[0], transposed(&pair[0]));
                gemm(T::of(1.0), transposed(&pair[1]), &pair[1], T::of(-1.0), &mut defect);
                defect.norm().f64()
            })
            .fold(0.0, f64::max)
    }

    /// The same network with every weight rounded or widened to another scalar type.
    pub fn cast<U: Real>(&self) -> DeepLinearNetwork<U> {
        DeepLinearNetwork { weights: self.weights.iter().map(|w| w.map(|x| U::of(x.f64()))).collect() }
    }

    /// Whether every weight is finite.
    pub fn is_finite(&self) -> bool {
        self.weights.iter().all(|w| w.iter().copied().all(num_traits::Float::is_finite))
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::DeepLinearNetwork;
    use crate::DeepLinearError;

    proptest! {
        /// Only the product matters: rotations between layers leave it, and the balancedness defect, alone.
        #[test]
        fn end_matrix_is_invariant_under_rotations_between_layers(
            seed in any::<u64>(),
            widths in prop::collection::vec(1usize..7, 2..6),
        ) {
            let s = Stream::root(seed);
            let weights: Vec<DMatrix<f64>> = widths
                .windows(2)
                .enumerate()
                .map(|(j, d)| s.indexed(j as u64).normal_matrix(d[1], d[0], 1.0))
                .collect();
            let mut rotated = weights.clone();
            for j in 1..weights.len() {
                let q: DMatrix<f64> = s.named("q").indexed(j as u64).orthonormal_matrix(widths[j], widths[j]);
                rotated[j - 1] = &q * &rotated[j - 1];
                rotated[j] = &rotated[j] * q.transpose();
            }
            let (a, b) = (DeepLinearNetwork::from_weights(weights).unwrap(), DeepLinearNetwork::from_weights(rotated).unwrap());
            let scale = a.weights().iter().map(|w| 1.0 + w.norm()).product::<f64>();
            prop_assert!((a.end_matrix() - b.end_matrix()).norm() < 1e-13 * scale);
            prop_assert!((a.balancedness() - b.balancedness()).abs() < 1e-12 * scale * scale);
            prop_assert_eq!(a.widths(), widths);
        }
    }

    #[test]
    fn layers_that_do_not_chain_are_named() {
        let error = DeepLinearNetwork::from_weights(vec![DMatrix::<f64>::zeros(2, 3), DMatrix::zeros(1, 4)]);
        assert_eq!(error.unwrap_err(), DeepLinearError::LayersDoNotChain { layer: 1, outputs: 2, inputs: 4 });
        assert_eq!(DeepLinearNetwork::<f64>::from_weights(vec![]).unwrap_err(), DeepLinearError::NoLayers);
        let empty = DeepLinearNetwork::from_weights(vec![DMatrix::<f32>::zeros(0, 3)]).unwrap_err();
        assert_eq!(empty.to_string(), "a layer is 0 x 3: both sides must be at least 1");
    }
}
