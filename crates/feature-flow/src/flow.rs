//! Neural feature flow: a deep network as the trajectory of its features on the training set.
//!
//! A unit is its values on the `N` training points, a layer of `m` units an `N x m` matrix. In the mean-field scaling
//!
#![doc = overparam_formula::formula!(
    "DNN     th^1 = X V_1 / sqrt d,     th^(l+1) = (1/m) h(th^l) V_l,                        f = (1/m) h(th^L) u"
    "ResNet  b^1  = X V_1 / sqrt d,     b^(l+1)  = b^l + h( (1/m) h(b^l) V_l ),              f = (1/m) h(b^L) u"
)]
//!
//! descent with rates `eta m` for `V_1` and `u` and `eta m^2` for `V_l` moves every unit by an amount that does not depend on
//! `m`, and as `m` grows the features follow a deterministic flow, at a distance of `O(m^-1/2)` (Fang, Lee, Yang and Zhang
//! 2021). If a ResNet's flow converges, it is to a global minimum. In the NTK scaling, `1/sqrt m` and rates `eta`, features stay
//! where they are.
//!
//! **Initialisation.** Independent mean-field weights make the middle layers of a DNN collapse: `(1/m) sum_j w_ij h(th_j)` is an
//! average. [`Start::Regression`] draws the next layer's features with weights `N(0, 1/m)` and takes the smallest weights that
//! reproduce them, `V = H^T (H H^T / m)^-1 Th`, which are of order 1. [`Start::Independent`] is the collapse. In a ResNet the
//! skip connection carries the features: [`Start::Zero`].
//!
//! **Cost.** Three products of `N m^2` a layer and step. The weights are updated by the third one, in place, so that no gradient
//! is stored and nothing is allocated after the first step. [`Flow`] keeps layers transposed, `m x N`: all products with weights
//! then read them as they lie in memory. Large products and activations are shared between rayon's threads; the bits do not
//! depend on how many there are.

mod features;
mod integrate;
mod step;

pub use features::{Displacement, displacement, feature_spectrum};
pub use step::Flow;

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Cholesky, LinalgError, Real, gemm, matmul, transposed};
use overparam_tensor::random::Stream;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;

/// What joins the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// A plain deep network.
    Dnn,
    /// Skip connections around every hidden layer.
    ResNet,
}

/// How sums over units and learning rates are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// `1/m`, rates `m` and `m^2`.
    MeanField,
    /// `1/sqrt m`, rates 1.
    Ntk,
}

impl Scaling {
    /// The factor of a sum over `m` units.
    pub(crate) fn sum(self, m: usize) -> f64 {
        match self {
            Self::MeanField => (m as f64).recip(),
            Self::Ntk => (m as f64).sqrt().recip(),
        }
    }

    /// The factor of the learning rate of a weight that belongs to `layers` layers of `m` units.
    pub(crate) fn rate(self, m: usize, layers: i32) -> f64 {
        match self {
            Self::MeanField => (m as f64).powi(layers),
            Self::Ntk => 1.0,
        }
    }
}

/// Where the hidden weights start. First and last layer are `N(0, 1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Zero.
    Zero,
    /// Independent `N(0, 1)`.
    Independent,
    /// The smallest weights that reproduce Gaussian features.
    Regression,
}

/// A deep network with `m` units a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Network<T: Real> {
    /// What joins the layers.
    pub architecture: Architecture,
    /// How sums are scaled.
    pub scaling: Scaling,
    /// `h`.
    pub activation: Activation,
    /// `V_1`, `d x m`.
    pub first: DMatrix<T>,
    /// `V_2 ... V_L`, `m x m`: from the rows' units to the columns'.
    pub hidden: Vec<DMatrix<T>>,
    /// `u`, `m x 1`.
    pub last: DMatrix<T>,
}

impl<T: Real> Network<T> {
    /// A network of `depth` layers of features (so `depth - 1` hidden matrices) at its start.
    ///
    /// # Errors
    /// [`LinalgError::NotPositiveDefinite`] from [`Start::Regression`] if there are fewer units than examples or two examples
    /// coincide: no weights can then reproduce the features.
    pub fn new(
        (architecture, scaling, activation): (Architecture, Scaling, Activation),
        (depth, m): (usize, usize),
        start: Start,
        inputs: &DMatrix<T>,
        stream: &Stream,
    ) -> Result<Self, LinalgError> {
        let first = stream.named("first").normal_matrix(inputs.ncols(), m, 1.0);
        let last = stream.named("last").normal_matrix(m, 1, 1.0);
        let mut network = Self { architecture, scaling, activation, first, hidden: Vec::new(), last };
        let mut features = network.first_features(inputs);
        let mut values = features.clone();
        for layer in 1..depth {
            let gaussian = || stream.named("hidden").indexed(layer as u64).normal_matrix::<T>(m, m, 1.0);
            let weights = match start {
                Start::Zero => DMatrix::zeros(m, m),
                Start::Independent => gaussian(),
                Start::Regression => {
                    activation.values(features.as_slice(), values.as_mut_slice());
                    let mut target = matmul(&values, &gaussian());
                    target *= T::of((m as f64).sqrt().recip());
                    features.copy_from(&target);
                    let mut gram = matmul(&values, transposed(&values));
                    gram *= T::of(scaling.sum(m));
                    matmul(transposed(&values), &Cholesky::factor(&gram)?.solve(&target))
                }
            };
            network.hidden.push(weights);
        }
        Ok(network)
    }

    /// `m`.
    pub fn width(&self) -> usize {
        self.last.nrows()
    }

    /// `X V_1 / sqrt d`.
    pub(crate) fn first_features(&self, inputs: &DMatrix<T>) -> DMatrix<T> {
        let mut features = DMatrix::zeros(inputs.nrows(), self.first.ncols());
        let scale = T::of((inputs.ncols() as f64).sqrt().recip());
        gemm(scale, inputs, &self.first, T::ZERO, &mut features);
        features
    }
}
