//! Finitely many features, descending with noise.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{gemm, transposed};
use overparam_tensor::random::{Rng, Stream};
use rand_distr::{Distribution, StandardNormal};

use super::{TopLayer, TwoLevel};
use crate::error::{Error, finite_loss, not_negative, positive};

/// `m` features of equal mass, with the top layer at its optimum.
#[derive(Debug, Clone, PartialEq)]
pub struct Particles {
    /// `m x d`, a feature `w_j` a row.
    pub features: DMatrix<f64>,
}

/// Descent on the features: `w_j <- w_j - eta m dF_m/dw_j + noise`, the mean-field learning rate, so that a feature moves by
/// an amount that does not depend on `m`. `F_m = min_u {loss + ridge} + tau/(2 s^2) mean_j |w_j|^2`, `tau` times the
/// relative entropy without its entropy part, which is the noise's.
///
/// The noise of a step is the mean of two consecutive normals of variance `2 eta tau` (Leimkuhler and Matthews 2013): the
/// stationary law then is off by `O(eta^2)`, not `O(eta)`, and exact for Gaussians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoisyDescent {
    /// `eta`.
    pub learning_rate: f64,
    /// Variance of the noise in units of `2 eta tau`, of which the minimum of `F` is the stationary law: 1 for the theorem, 0 for
    /// plain gradient descent.
    pub noise: f64,
}

impl Particles {
    /// `m` features from `N(0, s^2 I)`, the population that the entropic term is relative to.
    pub fn random(problem: &TwoLevel, m: usize, stream: &Stream) -> Self {
        Self { features: stream.normal_matrix(m, problem.inputs.ncols(), problem.spread) }
    }

    /// The top layer on these features.
    ///
    /// # Errors
    /// As [`TwoLevel::top_layer`].
    pub fn top_layer(&self, problem: &TwoLevel) -> Result<TopLayer, Error> {
        let responses = problem.responses(&self.features);
        problem.top_layer(&kernel(&responses))
    }

    /// `F_m`: loss and ridge at the best top layer, and the features' ridge `tau/(2 s^2) mean_j |w_j|^2`.
    ///
    /// # Errors
    /// As [`TwoLevel::top_layer`].
    pub fn objective(&self, problem: &TwoLevel) -> Result<f64, Error> {
        let ridge = 0.5 * problem.temperature / problem.spread.powi(2);
        let mean = self.features.norm_squared() / self.features.nrows() as f64;
        Ok(self.top_layer(problem)?.value + ridge * mean)
    }

    /// `m dF_m/dw_j`, `m x d`, and the top layer it was computed with.
    ///
    /// With `g_j = z . h(w_j)`, the row of `j` is `-(g_j / lambda) sum_i z_i h'(<w_j, x_i>) x_i + tau w_j / s^2`: the top layer
    /// is at its minimum, so its own change does not count.
    ///
    /// # Errors
    /// As [`TwoLevel::top_layer`].
    pub fn gradient(&self, problem: &TwoLevel) -> Result<(DMatrix<f64>, TopLayer), Error> {
        let responses = problem.responses(&self.features);
        let top = problem.top_layer(&kernel(&responses))?;
        let products = responses.tr_mul(&top.residual);
        let mut slopes = DMatrix::zeros(responses.nrows(), responses.ncols());
        for (j, mut column) in slopes.column_iter_mut().enumerate() {
            column.copy_from(&top.residual);
            column *= -products[j] / problem.ridge;
        }
        problem.activation.scale_by_derivative(responses.as_slice(), slopes.as_mut_slice());
        let mut gradient = self.features.clone();
        let pull = problem.temperature / problem.spread.powi(2);
        gemm(1.0, transposed(&slopes), &problem.inputs, pull, &mut gradient);
        Ok((gradient, top))
    }

    /// Descends for `steps`, and calls `observe` with the step and the top layer before each.
    ///
    /// # Errors
    /// [`Error::Parameter`] for the learning rate, [`Error::Diverged`], and what `observe` returns.
    pub fn descend(
        &mut self,
        problem: &TwoLevel,
        descent: NoisyDescent,
        steps: usize,
        stream: &Stream,
        mut observe: impl FnMut(usize, &Self, &TopLayer) -> Result<(), Error>,
    ) -> Result<(), Error> {
        positive("the learning rate", descent.learning_rate)?;
        not_negative("the noise", descent.noise)?;
        let scale = (descent.learning_rate * problem.temperature / 2.0).sqrt() * descent.noise.sqrt();
        let mut rng = stream.rng();
        let mut last: Vec<f64> = normals(&mut rng, self.features.len());
        for step in 0..steps {
            let (gradient, top) = self.gradient(problem)?;
            finite_loss(step, top.value + gradient.sum(), descent.learning_rate)?;
            observe(step, self, &top)?;
            for (w, g) in self.features.iter_mut().zip(gradient.iter()) {
                *w -= descent.learning_rate * g;
            }
            if descent.noise > 0.0 {
                let next = normals(&mut rng, last.len());
                for (w, (a, b)) in self.features.iter_mut().zip(last.iter().zip(&next)) {
                    *w += scale * (a + b);
                }
                last = next;
            }
        }
        Ok(())
    }
}

/// `H H^T / m`.
fn kernel(responses: &DMatrix<f64>) -> DMatrix<f64> {
    let n = responses.nrows();
    let mut kernel = DMatrix::zeros(n, n);
    gemm((responses.ncols() as f64).recip(), responses, transposed(responses), 0.0, &mut kernel);
    kernel
}

fn normals(rng: &mut Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| StandardNormal.sample(rng)).collect()
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{NoisyDescent, Particles};
    use crate::activation::Activation;
    use crate::two_level::TwoLevel;

    fn problem(seed: u64, activation: Activation) -> TwoLevel {
        let stream = Stream::root(seed);
        TwoLevel {
            inputs: stream.named("x").normal_matrix(6, 2, 1.0),
            targets: stream.named("y").normal_vector(6, 1.0),
            activation,
            ridge: 0.05,
            temperature: 0.01,
            spread: 2.0,
        }
    }

    fn activations() -> impl Strategy<Value = Activation> {
        prop_oneof![Just(Activation::Tanh), Just(Activation::Relu)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_gradient_is_m_times_the_objectives(seed in any::<u64>(), activation in activations()) {
            let problem = problem(seed, activation);
            let net = Particles::random(&problem, 5, &Stream::root(seed).named("w"));
            let (gradient, _) = net.gradient(&problem).unwrap();
            for k in 0..10 {
                let at = |shift: f64| {
                    let mut moved = net.clone();
                    moved.features[k] += shift;
                    moved.objective(&problem).unwrap()
                };
                let slope = 5.0 * (at(1e-5) - at(-1e-5)) / 2e-5;
                prop_assert!((slope - gradient[k]).abs() < 1e-6 * (1.0 + slope.abs()), "{slope} {}", gradient[k]);
            }
        }

        /// Of a smooth activation: across a ReLU's kink a step of any size may rise.
        #[test]
        fn small_steps_without_noise_do_not_raise_the_objective(seed in any::<u64>()) {
            let problem = problem(seed, Activation::Tanh);
            let mut net = Particles::random(&problem, 8, &Stream::root(seed).named("w"));
            let descent = NoisyDescent { learning_rate: 0.02, noise: 0.0 };
            let mut last = f64::INFINITY;
            net.descend(&problem, descent, 40, &Stream::root(0), |_, net, _| {
                let now = net.objective(&problem)?;
                assert!(now <= last + 1e-12, "{now} after {last}");
                last = now;
                Ok(())
            }).unwrap();
        }

        #[test]
        fn permuting_features_permutes_the_descent(seed in any::<u64>()) {
            let problem = problem(seed, Activation::Tanh);
            let mut net = Particles::random(&problem, 7, &Stream::root(seed).named("w"));
            let order = Stream::root(seed).named("order").permutation(7);
            let permuted = |w: &DMatrix<f64>| w.select_rows(&order);
            let mut other = Particles { features: permuted(&net.features) };
            let descent = NoisyDescent { learning_rate: 0.1, noise: 0.0 };
            for net in [&mut net, &mut other] {
                net.descend(&problem, descent, 20, &Stream::root(0), |_, _, _| Ok(())).unwrap();
            }
            prop_assert!((permuted(&net.features) - other.features).amax() < 1e-9);
        }
    }

    /// Without data the stationary law is the Gaussian: its variance within 5 standard errors.
    #[test]
    fn noise_alone_keeps_the_prior() {
        let problem = TwoLevel {
            targets: DVector::zeros(6),
            temperature: 1.0,
            spread: 1.5,
            ..problem(0, Activation::Tanh)
        };
        let m = 4000;
        let mut net = Particles { features: DMatrix::zeros(m, 2) };
        // The step is 0.9 of the relaxation time: plain Euler would miss the variance by 80%.
        let descent = NoisyDescent { learning_rate: 2.0, noise: 1.0 };
        net.descend(&problem, descent, 60, &Stream::root(5), |_, _, _| Ok(())).unwrap();
        let variance = net.features.norm_squared() / (2 * m) as f64;
        assert!((variance / 2.25 - 1.0).abs() < 5.0 * (1.0 / m as f64).sqrt(), "{variance}");
    }
}
