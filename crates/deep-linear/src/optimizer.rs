//! Descent of a deep linear network by the rules of [`overparam_tensor::optim::rule`]: plain, momentum, Adam, and RMS-normalised
//! with one global second moment.

use nalgebra::DMatrix;
use overparam_tensor::linalg::Real;
use overparam_tensor::optim::rule;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{DeepLinearError, DeepLinearNetwork};

/// A descent rule and its constants; `g_t` is the gradient of all weights at step `t = 1, 2, ...`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// `w <- w - lr g_t`.
    GradientDescent {
        /// Step size `lr > 0`.
        learning_rate: f64,
    },
    /// Heavy ball: `m <- beta m + g_t`, `w <- w - lr m`.
    Momentum {
        /// Step size `lr > 0`.
        learning_rate: f64,
        /// `beta` in `[0, 1)`.
        momentum: f64,
    },
    /// `m <- b1 m + (1 - b1) g_t`, `v <- b2 v + (1 - b2) g_t^2` entrywise,
    /// `w <- w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)` (Kingma, Ba 2015, algorithm 1).
    Adam {
        /// Step size `lr > 0`; 1e-3 is usual.
        learning_rate: f64,
        /// `b1` in `[0, 1)`; 0.9 is usual.
        beta1: f64,
        /// `b2` in `[0, 1)`; 0.999 is usual.
        beta2: f64,
        /// `eps > 0`; 1e-8 is usual.
        epsilon: f64,
    },
    /// One second moment for all weights: `v <- d v + (1 - d) ||g_t||^2`,
    /// `w <- w - lr g_t / (sqrt(v / (1 - d^t)) + eps)`. The direction is the gradient's, as in gradient flow; only the
    /// speed adapts, so that plateaus of a deep network are crossed in bounded time.
    ///
    /// The rule of the experiments of Arora, Cohen, Hu, Luo 2019, with `d = 0.99`, `eps = 1e-4`.
    RmsNormalized {
        /// Step size `lr > 0`; the paper uses 1e-3 and 3e-4.
        learning_rate: f64,
        /// `d` in `[0, 1)`.
        decay: f64,
        /// `eps > 0`.
        epsilon: f64,
    },
}

impl Optimizer {
    /// [`Optimizer::RmsNormalized`] with the paper's `d = 0.99`, `eps = 1e-4`.
    pub fn rms_normalized(learning_rate: f64) -> Self {
        Self::RmsNormalized { learning_rate, decay: 0.99, epsilon: 1e-4 }
    }

    /// [`Optimizer::Adam`] with the usual `b1 = 0.9`, `b2 = 0.999`, `eps = 1e-8`.
    pub fn adam(learning_rate: f64) -> Self {
        Self::Adam { learning_rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// The step size `lr`.
    pub fn learning_rate(&self) -> f64 {
        match *self {
            Self::GradientDescent { learning_rate }
            | Self::Momentum { learning_rate, .. }
            | Self::Adam { learning_rate, .. }
            | Self::RmsNormalized { learning_rate, .. } => learning_rate,
        }
    }

    /// Fresh state for the weights of `network`.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] for a constant out of its range.
    pub fn start<T: Real>(&self, network: &DeepLinearNetwork<T>) -> Result<Stepper<T>, DeepLinearError> {
        let positive =
            |what, value: f64| require(value.is_finite() && value > 0.0, what, "positive and finite", value);
        let fraction = |what, value: f64| require((0.0..1.0).contains(&value), what, "in [0, 1)", value);
        positive("the step size", self.learning_rate())?;
        let zeros =
            || network.weights().iter().map(|w| DMatrix::zeros(w.nrows(), w.ncols())).collect::<Vec<_>>();
        let (first, second) = match *self {
            Self::GradientDescent { .. } => (vec![], vec![]),
            Self::Momentum { momentum, .. } => {
                fraction("the momentum", momentum)?;
                (zeros(), vec![])
            }
            Self::Adam { beta1, beta2, epsilon, .. } => {
                fraction("Adam's b1", beta1)?;
                fraction("Adam's b2", beta2)?;
                positive("Adam's eps", epsilon)?;
                (zeros(), zeros())
            }
            Self::RmsNormalized { decay, epsilon, .. } => {
                fraction("the decay of the second moment", decay)?;
                positive("the eps of the normalisation", epsilon)?;
                (vec![], vec![])
            }
        };
        Ok(Stepper { optimizer: *self, steps: 0, global: 0.0, first, second })
    }
}

/// A running descent: an [`Optimizer`] with its moments.
#[derive(Debug, Clone)]
pub struct Stepper<T: Real> {
    optimizer: Optimizer,
    /// Updates made.
    steps: u64,
    /// `v` of [`Optimizer::RmsNormalized`].
    global: f64,
    /// `m`, one matrix per layer, where the rule has it.
    first: Vec<DMatrix<T>>,
    /// `v` of Adam, one matrix per layer.
    second: Vec<DMatrix<T>>,
}

impl<T: Real> Stepper<T> {
    /// One update of the network from its gradients, layer by layer; nothing is allocated.
    ///
    /// # Panics
    /// If the number of gradients is not the depth, or a gradient does not have its layer's shape.
    pub fn step(&mut self, network: &mut DeepLinearNetwork<T>, gradients: &[DMatrix<T>]) {
        assert!(
            gradients.len() == network.depth(),
            "{} gradients for a network of depth {}",
            gradients.len(),
            network.depth()
        );
        for (layer, (w, g)) in network.weights().iter().zip(gradients).enumerate() {
            let (a, b) = (w.shape(), g.shape());
            assert!(a == b, "layer {} is {} x {}, its gradient {} x {}", layer + 1, a.0, a.1, b.0, b.1);
        }
        self.steps += 1;
        let t = self.steps;
        let layers = network.weights_mut().iter_mut().zip(gradients);
        let layers = layers.map(|(w, g)| (w.as_mut_slice(), g.as_slice()));
        match self.optimizer {
            Optimizer::GradientDescent { learning_rate } => {
                layers.for_each(|(w, g)| rule::descend(learning_rate, w, g));
            }
            Optimizer::Momentum { learning_rate, momentum } => {
                let rule = rule::Momentum { momentum, nesterov: false };
                for ((w, g), m) in layers.zip(&mut self.first) {
                    rule.step(learning_rate, w, g, m.as_mut_slice());
                }
            }
            Optimizer::Adam { learning_rate, beta1, beta2, epsilon } => {
                let rule = rule::Adam { beta1, beta2, epsilon };
                for ((w, g), (m, v)) in layers.zip(self.first.iter_mut().zip(&mut self.second)) {
                    rule.step(t, learning_rate, w, g, m.as_mut_slice(), v.as_mut_slice());
                }
            }
            Optimizer::RmsNormalized { learning_rate, decay, epsilon } => {
                let square = gradients.iter().map(|g| rule::sum_of_squares(g.as_slice())).sum();
                let rule = rule::RmsNormalized { decay, epsilon };
                let rate = rule.rate(t, learning_rate, square, &mut self.global);
                layers.for_each(|(w, g)| rule::descend(rate, w, g));
            }
        }
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::Optimizer;
    use crate::{DeepLinearNetwork, Initialization};

    /// Each rule written again, over a flat list of weights and with its state as plain lists.
    fn reference(optimizer: Optimizer, w: &mut [f64], gradients: &[Vec<f64>]) {
        let n = w.len();
        let (mut m, mut v, mut global) = (vec![0.0; n], vec![0.0; n], 0.0);
        for (step, g) in gradients.iter().enumerate() {
            let t = (step + 1) as f64;
            global = match optimizer {
                Optimizer::RmsNormalized { decay, .. } => {
                    decay * global + (1.0 - decay) * g.iter().map(|g| g * g).sum::<f64>()
                }
                _ => 0.0,
            };
            for i in 0..n {
                w[i] -= match optimizer {
                    Optimizer::GradientDescent { learning_rate } => learning_rate * g[i],
                    Optimizer::Momentum { learning_rate, momentum } => {
                        m[i] = momentum * m[i] + g[i];
                        learning_rate * m[i]
                    }
                    Optimizer::Adam { learning_rate, beta1, beta2, epsilon } => {
                        m[i] = beta1 * m[i] + (1.0 - beta1) * g[i];
                        v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
                        let (m, v) = (m[i] / (1.0 - beta1.powf(t)), v[i] / (1.0 - beta2.powf(t)));
                        learning_rate * m / (v.sqrt() + epsilon)
                    }
                    Optimizer::RmsNormalized { learning_rate, decay, epsilon } => {
                        learning_rate * g[i] / ((global / (1.0 - decay.powf(t))).sqrt() + epsilon)
                    }
                };
            }
        }
    }

    fn flat(weights: &[DMatrix<f64>]) -> Vec<f64> {
        weights.iter().flatten().copied().collect()
    }

    proptest! {
        #[test]
        fn rules_follow_their_formulas(seed in any::<u64>(), rate in 1e-3..0.5, decay in 0.0..0.999, steps in 1usize..30) {
            let s = Stream::root(seed);
            let rules = [
                Optimizer::GradientDescent { learning_rate: rate },
                Optimizer::Momentum { learning_rate: rate, momentum: decay },
                Optimizer::Adam { learning_rate: rate, beta1: 0.8, beta2: decay, epsilon: 1e-8 },
                Optimizer::RmsNormalized { learning_rate: rate, decay, epsilon: 1e-4 },
            ];
            let init = Initialization::Gaussian { scale: 1.0 };
            let start = DeepLinearNetwork::<f64>::initialize(&[3, 2, 5], &init, &s).unwrap();
            let gradients: Vec<Vec<DMatrix<f64>>> = (0..steps)
                .map(|i| {
                    let g = s.named("gradient").indexed(i as u64);
                    vec![g.named("1").normal_matrix(2, 3, 1.0), g.named("2").normal_matrix(5, 2, 1.0)]
                })
                .collect();
            let lists: Vec<Vec<f64>> = gradients.iter().map(|g| flat(g)).collect();
            for rule in rules {
                let mut network = start.clone();
                let mut stepper = rule.start(&network).unwrap();
                for g in &gradients {
                    stepper.step(&mut network, g);
                }
                let mut expected = flat(start.weights());
                reference(rule, &mut expected, &lists);
                for (a, b) in flat(network.weights()).iter().zip(&expected) {
                    prop_assert!((a - b).abs() < 1e-11 * (1.0 + b.abs()), "{rule:?}: {a} against {b}");
                }
            }
        }
    }

    #[test]
    fn constants_out_of_range_are_errors() {
        let init = Initialization::Identity { scale: 1.0 };
        let network = DeepLinearNetwork::<f64>::initialize(&[2, 2], &init, &Stream::root(0)).unwrap();
        let bad = [
            Optimizer::GradientDescent { learning_rate: 0.0 },
            Optimizer::GradientDescent { learning_rate: f64::NAN },
            Optimizer::Momentum { learning_rate: 0.1, momentum: 1.0 },
            Optimizer::Adam { learning_rate: 0.1, beta1: 0.9, beta2: -0.1, epsilon: 1e-8 },
            Optimizer::RmsNormalized { learning_rate: 0.1, decay: 0.99, epsilon: 0.0 },
        ];
        for rule in bad {
            assert!(rule.start(&network).is_err(), "{rule:?}");
        }
        let message = bad[2].start(&network).unwrap_err().to_string();
        assert_eq!(message, "the momentum must be in [0, 1), got 1");
    }
}
