//! Feature maps with random, fixed first-layer weights.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::random::Stream;

use crate::activation::Activation;
use crate::data;

/// `z_a(x) = N^{-1/2} s(<v_a, x>)`.
#[derive(Debug, Clone)]
pub struct RandomFeatures {
    /// `v_a`: `N x d`.
    pub weights: DMatrix<f64>,
}

impl RandomFeatures {
    /// `N` weights uniform on the unit sphere, `v = theta / sqrt d`: pre-activations of variance 1 on inputs of norm
    /// `sqrt d`.
    pub fn on_sphere(stream: Stream, features: usize, dimension: usize) -> Self {
        Self { weights: data::sphere(stream, features, dimension) / (dimension as f64).sqrt() }
    }

    /// The `n x N` matrix of features of the rows of `x` (`n x d`).
    ///
    /// # Panics
    /// If `x` has not `d` columns.
    pub fn map(&self, activation: &impl Activation, x: &DMatrix<f64>) -> DMatrix<f64> {
        let scale = (self.weights.nrows() as f64).sqrt().recip();
        let mut features = matmul(x, transposed(&self.weights));
        activation.apply(features.as_mut_slice(), scale);
        features
    }
}

/// `z_{a,j}(x) = (N d)^{-1/2} x_j s'(<v_a, x>)`: the gradient of a two-layer net in its first layer.
#[derive(Debug, Clone)]
pub struct TangentFeatures {
    /// `v_a`: `N x d`.
    pub weights: DMatrix<f64>,
}

impl TangentFeatures {
    /// As [`RandomFeatures::on_sphere`].
    pub fn on_sphere(stream: Stream, neurons: usize, dimension: usize) -> Self {
        Self { weights: RandomFeatures::on_sphere(stream, neurons, dimension).weights }
    }

    /// The `n x (N d)` matrix of features; feature `(a, j)` is column `a d + j`.
    ///
    /// # Panics
    /// If `x` has not `d` columns.
    pub fn map(&self, activation: &impl Activation, x: &DMatrix<f64>) -> DMatrix<f64> {
        let (neurons, dimension) = self.weights.shape();
        let scale = ((neurons * dimension) as f64).sqrt().recip();
        let slopes = slopes(x, &self.weights, |u| scale * activation.derivative(u));
        let mut features = DMatrix::zeros(x.nrows(), neurons * dimension);
        for a in 0..neurons {
            for j in 0..dimension {
                let mut column = features.column_mut(a * dimension + j);
                column.copy_from(&slopes.column(a));
                column.component_mul_assign(&x.column(j));
            }
        }
        features
    }

    /// The kernel of these features between the rows of `x` and `y` without forming them:
    /// `(<x, y> / d) (1/N) sum_a s'(<v_a, x>) s'(<v_a, y>)`. For `n < N d` this is the cheap way.
    ///
    /// # Panics
    /// If `x` or `y` has not `d` columns.
    pub fn kernel(&self, activation: &impl Activation, x: &DMatrix<f64>, y: &DMatrix<f64>) -> DMatrix<f64> {
        let (neurons, dimension) = self.weights.shape();
        let slopes = |x: &DMatrix<f64>| slopes(x, &self.weights, |u| activation.derivative(u));
        let mut kernel = matmul(&slopes(x), transposed(&slopes(y)));
        kernel.component_mul_assign(&matmul(x, transposed(y)));
        kernel / (neurons * dimension) as f64
    }
}

/// `slope(<v_a, x_i>)`: `n x N`.
fn slopes(x: &DMatrix<f64>, weights: &DMatrix<f64>, slope: impl Fn(f64) -> f64) -> DMatrix<f64> {
    let mut u = matmul(x, transposed(weights));
    u.as_mut_slice().iter_mut().for_each(|u| *u = slope(*u));
    u
}

#[cfg(test)]
mod properties {
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{RandomFeatures, TangentFeatures};
    use crate::activation::Standard;
    use crate::data::sphere;
    use crate::spectrum::Spectrum;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        #[test]
        fn the_tangent_kernel_is_the_gram_matrix(
            seed in any::<u64>(), n in 1usize..6, m in 1usize..6, neurons in 1usize..6, d in 2usize..6,
        ) {
            let s = Stream::root(seed);
            let features = TangentFeatures::on_sphere(s.named("w"), neurons, d);
            let (x, y) = (sphere(s.named("x"), n, d), sphere(s.named("y"), m, d));
            let gram = features.map(&Standard::Tanh, &x) * features.map(&Standard::Tanh, &y).transpose();
            prop_assert!((gram - features.kernel(&Standard::Tanh, &x, &y)).amax() < 1e-13);
        }
    }

    /// Many features have the kernel of the spectrum, to `N^{-1/2}`.
    #[test]
    fn many_features_have_the_limit_kernel() {
        let d = 8;
        let s = Stream::root(5);
        let x = sphere(s.named("x"), 6, d);
        let relu = Standard::Relu;
        let random = RandomFeatures::on_sphere(s.named("w"), 40_000, d).map(&relu, &x);
        let tangent = TangentFeatures::on_sphere(s.named("w"), 40_000, d).kernel(&relu, &x, &x);
        let limits =
            [Spectrum::of_random_features(&relu, d, 40), Spectrum::of_tangent_features(&relu, d, 40)];
        for (empirical, limit) in [&random * random.transpose(), tangent].iter().zip(limits) {
            assert!((empirical - limit.unwrap().kernel_matrix(&x, &x)).amax() < 0.025);
        }
    }
}
