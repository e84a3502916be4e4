//! Data and objective.

use nalgebra::DMatrix;
use overparam_tensor::linalg::gemm;

use super::{Net, Represented};
use crate::activation::Activation;

/// The regularised problem.
#[derive(Debug, Clone)]
pub struct Problem {
    /// `X`, examples by inputs.
    pub inputs: DMatrix<f64>,
    /// `Y`, examples by outputs.
    pub targets: DMatrix<f64>,
    /// `h`.
    pub activation: Activation,
    /// `lambda_u`.
    pub ridge_top: f64,
    /// `lambda`, of the features of every layer.
    pub ridge_features: f64,
}

impl Problem {
    /// The features of every layer on these inputs; they depend on the weights `w_0` alone.
    pub fn features(&self, inputs: &DMatrix<f64>, weights: &[DMatrix<f64>]) -> Vec<DMatrix<f64>> {
        let mut layers: Vec<DMatrix<f64>> = Vec::with_capacity(weights.len());
        for (l, w) in weights.iter().enumerate() {
            let (below, scale) = match layers.last() {
                Some(layer) => (layer, (w.nrows() as f64).recip()),
                None => (inputs, 1.0),
            };
            let mut sums = DMatrix::zeros(inputs.nrows(), w.ncols());
            gemm(scale, below, w, 0.0, &mut sums);
            let mut values = sums.clone();
            self.activation.values(sums.as_slice(), values.as_mut_slice());
            debug_assert_eq!(layers.len(), l);
            layers.push(values);
        }
        layers
    }

    /// `mean u~ f_L` of features of the last layer.
    pub fn top(&self, features: &DMatrix<f64>, top: &DMatrix<f64>) -> DMatrix<f64> {
        let mut outputs = DMatrix::zeros(features.nrows(), top.ncols());
        gemm((top.nrows() as f64).recip(), features, top, 0.0, &mut outputs);
        outputs
    }

    /// `f` on the problem's inputs.
    pub fn outputs(&self, net: &Represented) -> DMatrix<f64> {
        self.predict(net, &self.inputs)
    }

    /// `f` on other inputs.
    ///
    /// # Panics
    /// If the net has no layer of features.
    pub fn predict(&self, net: &Represented, inputs: &DMatrix<f64>) -> DMatrix<f64> {
        let layers = self.features(inputs, &net.weights);
        self.top(layers.last().expect("a net has a layer of features"), &net.top)
    }

    /// `f` by the net's own weights and masses, unit by unit: what the representation must reproduce.
    pub fn outputs_of_net(&self, net: &Net) -> DMatrix<f64> {
        let mut layer = self.inputs.clone();
        for (l, w) in net.weights.iter().enumerate() {
            let below = |k: usize| if l == 0 { 1.0 } else { net.masses[l - 1][k] / w.nrows() as f64 };
            layer = DMatrix::from_fn(layer.nrows(), w.ncols(), |i, z| {
                let sum: f64 = (0..w.nrows()).map(|k| w[(k, z)] * below(k) * layer[(i, k)]).sum();
                let mut value = [0.0];
                self.activation.values(&[sum], &mut value);
                value[0]
            });
        }
        let masses = &net.masses[net.masses.len() - 1];
        DMatrix::from_fn(layer.nrows(), net.top.ncols(), |i, k| {
            let terms = (0..masses.len()).map(|z| net.top[(z, k)] * masses[z] * layer[(i, z)]);
            terms.sum::<f64>() / masses.len() as f64
        })
    }

    /// `1/(2N) |f - Y|^2`.
    pub fn loss(&self, outputs: &DMatrix<f64>) -> f64 {
        (outputs - &self.targets).norm_squared() / (2.0 * self.targets.nrows() as f64)
    }

    /// `lambda_u mean |u~|^2 / p_L + lambda sum_l c_l`.
    pub fn regulariser(&self, net: &Represented) -> f64 {
        self.ridge_top * net.top_cost() + self.ridge_features * net.feature_costs().iter().sum::<f64>()
    }

    /// `Q`.
    pub fn objective(&self, net: &Represented) -> f64 {
        self.loss(&self.outputs(net)) + self.regulariser(net)
    }
}
