//! The first stage by gradient descent on the two-layer linear network `x -> W^T B^T x`, all tasks as outputs.

use std::ops::ControlFlow;

use overparam_tensor::linalg::{matmul, singular_values, transposed};
use overparam_tensor::random::Stream;

use super::alternation::{Fit, best_heads, orthonormalized};
use super::start::check_rank;
use super::{SharedRegression, spectral_start};
use crate::error::require;
use crate::{DeepLinearError, DeepLinearNetwork, Initialization, Optimizer, Snapshot, StopReason, Training};

/// Heavy-ball descent from a small Gaussian start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoLayerDescent {
    /// End-to-end scale of the Gaussian start, relative to the largest singular value of the spectral estimate.
    pub scale: f64,
    /// Step size times the largest curvature at the solution, estimated; heavy ball is stable below `2 (1 + momentum)`.
    pub step: f64,
    /// In `[0, 1)`.
    pub momentum: f64,
    /// Descent stops when the gradient's norm is below this times its largest so far.
    pub tolerance: f64,
    /// Steps at most.
    pub max_steps: u64,
}

impl Default for TwoLayerDescent {
    /// Scale 0.01, step 1, momentum 0.9, gradient down to 1e-9, 20,000 steps.
    fn default() -> Self {
        Self { scale: 0.01, step: 1.0, momentum: 0.9, tolerance: 1e-9, max_steps: 20_000 }
    }
}

impl TwoLayerDescent {
    /// Descends with `k` hidden units from a random start.
    ///
    /// The representation returned is the span of the first layer's rows, the heads its best ones, so that the result can
    /// be compared with [`Alternation`](super::Alternation)'s.
    ///
    /// # Errors
    /// Those of [`spectral_start`] and [`Training::run`]; [`DeepLinearError::Configuration`].
    pub fn fit(&self, data: &SharedRegression, rank: usize, stream: &Stream) -> Result<Fit, DeepLinearError> {
        data.require_tasks()?;
        check_rank(data, rank, data.task_count())?;
        let positive = |what, value: f64| require(value > 0.0 && value.is_finite(), what, "positive", value);
        positive("the scale of the start", self.scale)?;
        positive("the step of descent", self.step)?;
        positive("the tolerance of descent", self.tolerance)?;

        // Size of the solution: the heads of the spectral start carry its singular values.
        let heads = best_heads(data, &spectral_start(data, rank)?)?;
        let size = singular_values(&heads)?[0];
        positive("the size of the source labels", size)?;
        // At a balanced solution ||B||_2^2 + ||W||_2^2 = 2 s_1 multiplies the curvature of the end matrix.
        let learning_rate = self.step / (2.0 * size * data.curvature());
        let start = Initialization::Gaussian { scale: self.scale * size };
        let mut network =
            DeepLinearNetwork::initialize(&[data.dimension(), rank, data.task_count()], &start, stream)?;
        let training = Training {
            optimizer: Optimizer::Momentum { learning_rate, momentum: self.momentum },
            loss_target: -1.0,
            max_steps: self.max_steps,
            observe_every: 10,
        };
        let (mut largest, mut norm) = (0.0f64, f64::INFINITY);
        let summary = training.run_observed(&mut network, data, |at: &Snapshot<'_, f64>| {
            let weights = at.network.weights();
            let first = matmul(transposed(&weights[1]), at.end_gradient);
            let second = matmul(at.end_gradient, transposed(&weights[0]));
            norm = (first.norm_squared() + second.norm_squared()).sqrt();
            largest = largest.max(norm);
            let flow = if norm <= self.tolerance * largest {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            };
            Ok::<_, DeepLinearError>(flow)
        })?;
        let representation = orthonormalized(&network.weights()[0].transpose())?;
        let heads = best_heads(data, &representation)?;
        Ok(Fit {
            objective: data.loss_of(&representation, &heads),
            representation,
            heads,
            stationarity: norm / largest.max(f64::MIN_POSITIVE),
            iterations: usize::try_from(summary.steps).unwrap_or(usize::MAX),
            converged: summary.reason == StopReason::Observer,
        })
    }
}
