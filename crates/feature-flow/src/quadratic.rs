//! Degree-two targets, and a net with square responses that learns the directions they depend on.
//!
//! The net is `f(x) = c + sum_j s_j <w_j, x>^2` with half of the signs `s_j = 1` and half `-1`: a quadratic form
//! `x^T (W S W^T) x` in factored form. Its tangent features are all products of two coordinates, so in the kernel regime it is
//! ridge regression on `d (d + 1) / 2` of them and needs as many examples. From a small start descent instead grows the
//! directions with the largest gradient first, and a target of one or two directions is a matrix of rank one or two, which
//! `O(d)` examples determine (Li, Ma and Zhang 2018; Ben Arous, Gheissari and Jagannath 2021 for the information exponent).

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{gemm, matmul, transposed};
use overparam_tensor::random::Stream;
use rand_distr::{Distribution, StandardUniform};
use serde::{Deserialize, Serialize};

use crate::error::{Error, finite_loss, positive, same};

/// A target of degree two, of mean 0 and variance 1 over its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// `He_2(x_1) / sqrt 2 = (x_1^2 - 1) / sqrt 2` of `N(0, I)` inputs.
    SingleIndex,
    /// `x_1 x_2` of inputs uniform on `{-1, 1}^d`: the XOR of two coordinates.
    Parity,
    /// `(x^T A x - tr A) / (sqrt 2 |A|_F)` of `N(0, I)` inputs, `A` symmetric Gaussian: all directions matter.
    IsotropicGaussian,
    /// The same of inputs uniform on `{-1, 1}^d`, where a square is 1: without the diagonal of `A`.
    IsotropicCube,
}

impl Target {
    /// `n` inputs of dimension `d`, a row each, and their targets, `n x 1`. The stream named `target` draws `A`.
    pub fn draw(
        self,
        (n, d): (usize, usize),
        target: &Stream,
        stream: &Stream,
    ) -> (DMatrix<f64>, DMatrix<f64>) {
        // Drawn an example after another: more examples of a stream begin with the fewer.
        let inputs: DMatrix<f64> = match self {
            Target::SingleIndex | Target::IsotropicGaussian => {
                stream.normal_matrix::<f64>(d, n, 1.0).transpose()
            }
            Target::Parity | Target::IsotropicCube => {
                let mut rng = stream.rng();
                let mut sign = || if StandardUniform.sample(&mut rng) { 1.0 } else { -1.0 };
                DMatrix::from_row_iterator(n, d, std::iter::repeat_with(&mut sign).take(n * d))
            }
        };
        let targets = match self {
            Target::SingleIndex => {
                DMatrix::from_fn(n, 1, |i, _| (inputs[(i, 0)].powi(2) - 1.0) / 2f64.sqrt())
            }
            Target::Parity => DMatrix::from_fn(n, 1, |i, _| inputs[(i, 0)] * inputs[(i, 1)]),
            Target::IsotropicGaussian | Target::IsotropicCube => {
                let a: DMatrix<f64> = target.normal_matrix(d, d, 1.0);
                let mut a = &a + a.transpose();
                if self == Target::IsotropicCube {
                    a.fill_diagonal(0.0);
                }
                let (trace, scale) = (a.trace(), 2f64.sqrt() * a.norm());
                let forms = matmul(&inputs, &a).component_mul(&inputs);
                DMatrix::from_fn(n, 1, |i, _| (forms.row(i).sum() - trace) / scale)
            }
        };
        (inputs, targets)
    }
}

/// Full-batch descent with momentum 0.9 from a small start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Directions `w_j`, half of either sign.
    pub directions: usize,
    /// Norm of a direction at the start.
    pub start: f64,
    /// `eta`; the offset moves five times as fast.
    pub learning_rate: f64,
    /// Steps at most.
    pub steps: usize,
}

/// The net.
#[derive(Debug, Clone, PartialEq)]
pub struct QuadraticNet {
    /// `w_j`, a column each.
    pub directions: DMatrix<f64>,
    /// `c`.
    pub offset: f64,
}

/// Steps between two looks at the validation error.
const EVERY: usize = 25;
const MOMENTUM: f64 = 0.9;

impl QuadraticNet {
    /// `f`, an input a row.
    pub fn outputs(&self, inputs: &DMatrix<f64>) -> DVector<f64> {
        self.combine(&matmul(inputs, &self.directions))
    }

    /// `f` from the products of inputs and directions.
    fn combine(&self, products: &DMatrix<f64>) -> DVector<f64> {
        let mut outputs = DVector::from_element(products.nrows(), self.offset);
        for (j, column) in products.column_iter().enumerate() {
            outputs.zip_apply(&column, |f: &mut f64, p: f64| *f += sign(j) * p * p);
        }
        outputs
    }

    /// Mean squared error.
    pub fn error(&self, inputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> f64 {
        (self.outputs(inputs) - targets.column(0)).norm_squared() / targets.nrows() as f64
    }

    /// Derivatives of half the mean squared error by directions and offset, and the mean squared error.
    fn gradient(&self, inputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> (DMatrix<f64>, f64, f64) {
        let n = targets.nrows() as f64;
        let mut products = matmul(inputs, &self.directions);
        let residuals = self.combine(&products) - targets.column(0);
        for (j, mut column) in products.column_iter_mut().enumerate() {
            column.component_mul_assign(&residuals);
            column *= 2.0 * sign(j) / n;
        }
        (matmul(transposed(inputs), &products), residuals.mean(), residuals.norm_squared() / n)
    }

    /// Trains on the first examples and returns the net with the least error on the second, looked at every 25 steps. Stops
    /// early at a training error of 1e-6. Peak memory: inputs and four matrices of directions.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a rate or start that is not positive; [`Error::Count`] if the examples do not fit together;
    /// [`Error::Diverged`].
    pub fn train(
        (inputs, targets): (&DMatrix<f64>, &DMatrix<f64>),
        validation: (&DMatrix<f64>, &DMatrix<f64>),
        training: &Training,
        stream: &Stream,
    ) -> Result<Self, Error> {
        positive("the learning rate", training.learning_rate)?;
        positive("the norm of the start", training.start)?;
        let d = inputs.ncols();
        same("targets", targets.nrows(), inputs.nrows())?;
        same("validation targets", validation.1.nrows(), validation.0.nrows())?;
        same("coordinates of the validation inputs", validation.0.ncols(), d)?;
        let scale = training.start / (d as f64).sqrt();
        let mut net = Self { directions: stream.normal_matrix(d, training.directions, scale), offset: 0.0 };
        let mut velocity = (DMatrix::zeros(d, training.directions), 0.0);
        let mut best = (f64::INFINITY, net.clone());
        for step in 0..training.steps {
            let (by_directions, by_offset, loss) = net.gradient(inputs, targets);
            finite_loss(step, loss, training.learning_rate)?;
            velocity.0.zip_apply(&by_directions, |v: &mut f64, g: f64| *v = MOMENTUM * *v + g);
            velocity.1 = MOMENTUM * velocity.1 + by_offset;
            net.directions.zip_apply(&velocity.0, |w: &mut f64, v: f64| *w -= training.learning_rate * v);
            net.offset -= 5.0 * training.learning_rate * velocity.1;
            let converged = loss < 1e-6;
            if converged || (step + 1).is_multiple_of(EVERY) {
                let error = net.error(validation.0, validation.1);
                if error < best.0 {
                    best = (error, net.clone());
                }
            }
            if converged {
                break;
            }
        }
        Ok(best.1)
    }
}

fn sign(direction: usize) -> f64 {
    if direction.is_multiple_of(2) { 1.0 } else { -1.0 }
}

/// The tangent kernel of the net at a random start of many directions, up to a constant: `<x, y>^2`, with one for the offset.
///
/// Rows by rows: `(<x, y>^2 / d + 1)`. `d_w f = 2 s <w, x> x` gives `4 s^2 <w, x> <w, y> <x, y>`, whose mean over isotropic `w`
/// is proportional to `<x, y>^2`.
pub fn tangent_kernel(x: &DMatrix<f64>, y: &DMatrix<f64>) -> DMatrix<f64> {
    let mut kernel = DMatrix::zeros(x.nrows(), y.nrows());
    gemm(1.0, x, transposed(y), 0.0, &mut kernel);
    let d = x.ncols() as f64;
    kernel.apply(|k| *k = *k * *k / d + 1.0);
    kernel
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{QuadraticNet, Target, Training, tangent_kernel};

    const TARGETS: [Target; 4] =
        [Target::SingleIndex, Target::Parity, Target::IsotropicGaussian, Target::IsotropicCube];

    fn net(seed: u64) -> QuadraticNet {
        QuadraticNet { directions: Stream::root(seed).normal_matrix(5, 4, 0.4), offset: 0.3 }
    }

    #[test]
    fn targets_have_mean_zero_and_variance_one() {
        for target in TARGETS {
            let (x, y) = target.draw((40_000, 6), &Stream::root(1), &Stream::root(2));
            assert!(y.mean().abs() < 0.03, "{target:?}");
            assert!((y.norm_squared() / 40_000.0 - 1.0).abs() < 0.06, "{target:?}");
            // Of degree two exactly: neither constant nor linear parts.
            assert!((x.transpose() * &y).amax() / 40_000.0 < 0.03, "{target:?}");
        }
    }

    #[test]
    fn more_examples_begin_with_the_fewer() {
        for target in TARGETS {
            let draw = |n| target.draw((n, 3), &Stream::root(1), &Stream::root(2));
            let ((x, y), (more, values)) = (draw(4), draw(9));
            assert!((more.rows(0, 4) - x).amax() < 1e-15, "{target:?}");
            assert!((values.rows(0, 4) - y).amax() < 1e-12, "{target:?}");
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (x, y) = Target::IsotropicGaussian.draw((7, 5), &Stream::root(1), &Stream::root(2));
        let net = net(3);
        let (by_directions, by_offset, loss) = net.gradient(&x, &y);
        assert!((loss - net.error(&x, &y)).abs() < 1e-13);
        for k in 0..by_directions.len() {
            let at = |shift: f64| {
                let mut moved = net.clone();
                moved.directions[k] += shift;
                moved.error(&x, &y) / 2.0
            };
            assert!(((at(1e-5) - at(-1e-5)) / 2e-5 - by_directions[k]).abs() < 1e-8);
        }
        let at = |shift: f64| QuadraticNet { offset: net.offset + shift, ..net.clone() }.error(&x, &y) / 2.0;
        assert!(((at(1e-5) - at(-1e-5)) / 2e-5 - by_offset).abs() < 1e-8);
    }

    /// Monte Carlo over the directions.
    #[test]
    fn the_tangent_kernel_is_the_mean_of_tangent_features() {
        let x: DMatrix<f64> = Stream::root(1).normal_matrix(3, 4, 1.0);
        let w: DMatrix<f64> = Stream::root(2).normal_matrix(4, 200_000, 1.0);
        let (p, gram, kernel) = (&x * &w, &x * x.transpose(), tangent_kernel(&x, &x));
        for i in 0..3 {
            for j in 0..3 {
                let mean = p.row(i).dot(&p.row(j)) / 200_000.0 * gram[(i, j)];
                assert!((mean - (kernel[(i, j)] - 1.0) * 4.0).abs() < 0.02 * gram[(i, i)] * gram[(j, j)]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// A rotation of inputs and start is a rotation of what is learned: the learner knows no axis.
        #[test]
        fn outputs_are_those_of_the_form(seed in any::<u64>()) {
            let net = net(seed);
            let x: DMatrix<f64> = Stream::root(seed ^ 1).normal_matrix(6, 5, 1.0);
            let signs = DMatrix::from_fn(4, 4, |i, j| if i != j { 0.0 } else if i % 2 == 0 { 1.0 } else { -1.0 });
            let form = &net.directions * signs * net.directions.transpose();
            let expected = (&x * form * x.transpose()).diagonal().add_scalar(0.3);
            prop_assert!((net.outputs(&x) - expected).amax() < 1e-12);
            let rotation: DMatrix<f64> = Stream::root(seed ^ 2).orthonormal_matrix(5, 5);
            let turned = QuadraticNet { directions: rotation.transpose() * &net.directions, ..net };
            let y = DMatrix::zeros(6, 1);
            let (a, ..) = net.gradient(&x, &y);
            let (b, ..) = turned.gradient(&(&x * &rotation), &y);
            prop_assert!((rotation.transpose() * a - b).amax() < 1e-11 * (1.0 + x.norm().powi(4)));
        }
    }

    /// Rank one from 6 d examples, where products of coordinates number 210.
    #[test]
    fn one_direction_takes_few_examples() {
        let draw =
            |name: &str, n| Target::SingleIndex.draw((n, 20), &Stream::root(0), &Stream::root(1).named(name));
        let ((x, y), (v, w), (t, u)) = (draw("train", 120), draw("validation", 100), draw("test", 500));
        let training = Training { directions: 40, start: 1e-3, learning_rate: 0.01, steps: 600 };
        let net = QuadraticNet::train((&x, &y), (&v, &w), &training, &Stream::root(2)).unwrap();
        assert!(net.error(&t, &u) < 0.01);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let (x, y) = (DMatrix::zeros(3, 2), DMatrix::zeros(2, 1));
        let training = Training { directions: 2, start: 1e-3, learning_rate: 0.01, steps: 1 };
        let error = QuadraticNet::train((&x, &y), (&x, &y), &training, &Stream::root(0)).unwrap_err();
        assert_eq!(error.to_string(), "targets: 2 given, 3 expected");
        let training = Training { learning_rate: 0.0, ..training };
        let error = QuadraticNet::train((&x, &y), (&x, &y), &training, &Stream::root(0)).unwrap_err();
        assert!(error.to_string().starts_with("the learning rate is 0"));
    }
}
