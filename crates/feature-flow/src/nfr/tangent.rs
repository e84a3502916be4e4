//! The tangent kernel of a net whose weights would move with mean-field rates.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{gemm, matmul, transposed};

use super::{Problem, Represented};

impl Problem {
    /// The kernel of the linearisation around `net` in all of `w_0` and `u~`, between examples (rows) of `inputs`; one output.
    ///
    /// `K = <f_L, f_L'> / m_L + sum_l m_l <b_l, b_l'> <f_(l-1), f_(l-1)'> / m_(l-1)`, with `b_l` the derivatives of the output
    /// by the sums into layer `l` and `<x, x'>` undivided in the first layer: weights have learning rates in proportion to the
    /// number of units on both sides.
    ///
    /// # Panics
    /// If the net has not exactly one output.
    pub fn tangent_kernel(&self, net: &Represented, inputs: &DMatrix<f64>) -> DMatrix<f64> {
        assert_eq!(net.top.ncols(), 1, "Problem::tangent_kernel: {} outputs, 1 expected", net.top.ncols());
        let features = self.features(inputs, &net.weights);
        let last = features.len() - 1;
        let gram = |a: &DMatrix<f64>, scale: f64| {
            let mut gram = DMatrix::zeros(a.nrows(), a.nrows());
            gemm(scale, a, transposed(a), 0.0, &mut gram);
            gram
        };
        let m = net.top.nrows() as f64;
        let mut kernel = gram(&features[last], m.recip());
        let mut slopes = DMatrix::from_fn(inputs.nrows(), net.top.nrows(), |_, z| net.top[z] / m);
        for l in (0..=last).rev() {
            self.activation.scale_by_derivative(features[l].as_slice(), slopes.as_mut_slice());
            let below = match l.checked_sub(1) {
                Some(below) => gram(&features[below], (features[below].ncols() as f64).recip()),
                None => gram(inputs, 1.0),
            };
            kernel += gram(&slopes, slopes.ncols() as f64).component_mul(&below);
            if l > 0 {
                let w = &net.weights[l];
                slopes = matmul(&slopes, transposed(w)) / w.nrows() as f64;
            }
        }
        kernel
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::super::{Problem, Represented};
    use crate::activation::Activation;

    /// Against finite differences of the output by every weight.
    #[test]
    fn is_the_gram_matrix_of_derivatives() {
        let stream = Stream::root(3);
        let inputs: DMatrix<f64> = stream.named("x").normal_matrix(4, 3, 1.0);
        let problem = Problem {
            targets: DMatrix::zeros(4, 1),
            inputs: inputs.clone(),
            activation: Activation::Tanh,
            ridge_top: 0.0,
            ridge_features: 0.0,
        };
        let weights: Vec<DMatrix<f64>> =
            vec![stream.named("a").normal_matrix(3, 4, 1.0), stream.named("b").normal_matrix(4, 5, 2.0)];
        let net = Represented::uniform(weights, stream.named("top").normal_matrix(5, 1, 1.0));
        let mut expected = DMatrix::zeros(4, 4);
        let mut add = |moved: &dyn Fn(f64) -> Represented, rate: f64| {
            let slope = (problem.outputs(&moved(1e-5)) - problem.outputs(&moved(-1e-5))) / 2e-5;
            expected += &slope * slope.transpose() * rate;
        };
        for (l, rate) in [(0, 4.0), (1, 20.0)] {
            for k in 0..net.weights[l].len() {
                let moved = |shift: f64| {
                    let mut moved = net.clone();
                    moved.weights[l][k] += shift;
                    moved
                };
                add(&moved, rate);
            }
        }
        for k in 0..5 {
            let moved = |shift: f64| {
                let mut moved = net.clone();
                moved.top[k] += shift;
                moved
            };
            add(&moved, 5.0);
        }
        assert!((problem.tangent_kernel(&net, &inputs) - expected).amax() < 1e-7);
    }
}
