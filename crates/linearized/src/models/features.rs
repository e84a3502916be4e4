//! Feature maps with random, fixed first-layer weights.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{gemm, matmul, transposed};
use overparam_tensor::random::Stream;

use super::gram::part;
use super::ridge::{self, Fit};
use crate::Error;
use crate::activation::Activation;
use crate::data;

/// Inputs and features of one tile of [`RandomFeatures::predict`]: its 512 KiB stay in cache from the product to the
/// activation to the sum.
const TILE: usize = 256;

/// Inputs and labels of a training and a test set; `k` label columns are fitted at once.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// `n x d`.
    pub inputs: &'a DMatrix<f64>,
    /// `n x k`.
    pub labels: &'a DMatrix<f64>,
    /// `m x d`.
    pub test_inputs: &'a DMatrix<f64>,
    /// `m x k`.
    pub test_labels: &'a DMatrix<f64>,
}

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
        let mut weights = data::sphere(stream, features, dimension);
        weights.unscale_mut((dimension as f64).sqrt());
        Self { weights }
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

    /// `Z(x) W` (`m x k`) for coefficients `W` (`N x k`), without the matrix `Z(x)`: tile by tile, which is faster than writing and
    /// reading it, and takes memory for one tile.
    ///
    /// # Panics
    /// If `x` has not `d` columns or `coefficients` not `N` rows.
    pub fn predict(
        &self,
        activation: &impl Activation,
        x: &DMatrix<f64>,
        coefficients: &DMatrix<f64>,
    ) -> DMatrix<f64> {
        let features = self.weights.nrows();
        assert!(
            coefficients.nrows() == features,
            "predict: {features} features, coefficients {:?}",
            coefficients.shape()
        );
        let scale = (features as f64).sqrt().recip();
        let rows =
            |m: &DMatrix<f64>, start: usize| part(m, (start, 0), (TILE.min(m.nrows() - start), m.ncols()));
        let starts = || (0..features).step_by(TILE);
        let tiles: Vec<(DMatrix<f64>, DMatrix<f64>)> =
            starts().map(|start| (rows(&self.weights, start), rows(coefficients, start))).collect();
        let mut predictions = DMatrix::zeros(x.nrows(), coefficients.ncols());
        for start in (0..x.nrows()).step_by(TILE) {
            let inputs = rows(x, start);
            let mut sum = DMatrix::zeros(inputs.nrows(), coefficients.ncols());
            let mut tile = DMatrix::zeros(0, 0);
            for (weights, coefficients) in &tiles {
                let shape = (inputs.nrows(), weights.nrows());
                if tile.shape() != shape {
                    tile = DMatrix::zeros(shape.0, shape.1);
                }
                gemm(1.0, &inputs, transposed(weights), 0.0, &mut tile);
                activation.apply(tile.as_mut_slice(), scale);
                gemm(1.0, &tile, coefficients, 1.0, &mut sum);
            }
            predictions.rows_mut(start, inputs.nrows()).copy_from(&sum);
        }
        predictions
    }

    /// [`ridge_path`](super::ridge_path) on these features of the inputs; the test set's features are not stored.
    ///
    /// # Errors
    /// As [`ridge_path`](super::ridge_path).
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn ridge_path(
        &self,
        activation: &impl Activation,
        samples: Samples<'_>,
        ridges: &[f64],
    ) -> Result<Vec<Fit>, Error> {
        let Samples { inputs, labels, test_inputs, test_labels } = samples;
        assert!(
            test_inputs.nrows() == test_labels.nrows(),
            "ridge_path: test inputs {:?}, test labels {:?}",
            test_inputs.shape(),
            test_labels.shape()
        );
        let predict = |w: &DMatrix<f64>| self.predict(activation, test_inputs, w);
        ridge::path(&self.map(activation, inputs), labels, predict, test_labels, ridges)
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

    use super::{RandomFeatures, Samples, TangentFeatures};
    use crate::activation::Standard;
    use crate::data::sphere;
    use crate::models::{Data, ridge_path};
    use crate::spectrum::Spectrum;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        /// Tiles or one matrix: the same predictions, hence the same path.
        #[test]
        fn predictions_by_tiles_are_the_product(
            seed in any::<u64>(), m in 1usize..600, features in 1usize..600, d in 2usize..6,
        ) {
            let s = Stream::root(seed);
            let random = RandomFeatures::on_sphere(s.named("w"), features, d);
            let x = sphere(s.named("x"), m, d);
            let coefficients = s.named("a").normal_matrix(features, 2, 1.0);
            let whole = random.map(&Standard::Tanh, &x) * &coefficients;
            prop_assert!((random.predict(&Standard::Tanh, &x, &coefficients) - whole).amax() < 1e-12);
        }

        #[test]
        fn the_path_is_that_of_the_features(
            seed in any::<u64>(), n in 2usize..30, features in 1usize..60, ridge in 1e-3..1.0f64,
        ) {
            let s = Stream::root(seed);
            let random = RandomFeatures::on_sphere(s.named("w"), features, 4);
            let (x, t) = (sphere(s.named("x"), n, 4), sphere(s.named("t"), 9, 4));
            let (y, u) = (s.named("y").normal_matrix(n, 2, 1.0), s.named("u").normal_matrix(9, 2, 1.0));
            let samples = Samples { inputs: &x, labels: &y, test_inputs: &t, test_labels: &u };
            let ours = random.ridge_path(&Standard::Relu, samples, &[ridge, 0.0]).unwrap();
            let (z, q) = (random.map(&Standard::Relu, &x), random.map(&Standard::Relu, &t));
            let data = Data { features: &z, labels: &y, test_features: &q, test_labels: &u };
            for (a, b) in ours.iter().zip(&ridge_path(data, &[ridge, 0.0]).unwrap()) {
                prop_assert_eq!(&a.coefficients, &b.coefficients);
                prop_assert!((&a.predictions - &b.predictions).amax() < 1e-10 * (1.0 + b.predictions.amax()));
            }
        }

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
