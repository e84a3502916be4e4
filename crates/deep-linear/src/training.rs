//! The training loop: evaluate, observe, stop or step.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use overparam_tensor::linalg::Real;

use crate::gradient::check_objective;
use crate::objective::Objective;
use crate::{DeepLinearError, DeepLinearNetwork, Optimizer, Workspace};

/// When training stops, and how it steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// The descent rule.
    pub optimizer: Optimizer,
    /// Training stops as soon as the loss is at or below this; a negative target is never reached.
    pub loss_target: f64,
    /// Training stops after this many updates.
    pub max_steps: u64,
    /// The observer sees steps `0, k, 2k, ...` and the last one; `0` means the first and the last only.
    pub observe_every: u64,
}

/// What the observer sees: the state before update number `step`.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'a, T: Real> {
    /// Number of updates made so far.
    pub step: u64,
    /// `L(W)` here.
    pub loss: f64,
    /// The network here.
    pub network: &'a DeepLinearNetwork<T>,
    /// Its end matrix `W`.
    pub end_matrix: &'a DMatrix<T>,
    /// `grad L(W)`, with respect to the end matrix.
    pub end_gradient: &'a DMatrix<T>,
}

/// Why training stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The loss reached its target.
    LossTarget,
    /// All steps were made.
    MaxSteps,
    /// The observer asked to stop.
    Observer,
}

/// How training ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Updates made.
    pub steps: u64,
    /// Loss after the last update.
    pub loss: f64,
    /// Why it stopped.
    pub reason: StopReason,
}

impl Training {
    /// Trains `network` in place.
    ///
    /// # Errors
    /// Those of [`Training::run_observed`].
    pub fn run<T: Real, O: Objective<T> + ?Sized>(
        &self,
        network: &mut DeepLinearNetwork<T>,
        objective: &O,
    ) -> Result<Summary, DeepLinearError> {
        let unobserved = Self { observe_every: 0, ..*self };
        unobserved.run_observed(network, objective, |_| Ok(ControlFlow::Continue(())))
    }

    /// Trains `network` in place and shows it to `observer`, which may end the training (early stopping) by returning
    /// [`ControlFlow::Break`], or abort it with an error of its own.
    ///
    /// # Errors
    /// [`DeepLinearError::Shape`] if the objective does not fit the network; [`DeepLinearError::Configuration`] for a
    /// constant out of range; [`DeepLinearError::Diverged`] with step and loss when the loss or a weight is no longer
    /// finite; whatever the observer returns.
    pub fn run_observed<T, O, E>(
        &self,
        network: &mut DeepLinearNetwork<T>,
        objective: &O,
        mut observer: impl FnMut(&Snapshot<'_, T>) -> Result<ControlFlow<()>, E>,
    ) -> Result<Summary, E>
    where
        T: Real,
        O: Objective<T> + ?Sized,
        E: From<DeepLinearError>,
    {
        check_objective(network.end_shape(), objective)?;
        let mut stepper = self.optimizer.start(network)?;
        let mut workspace = Workspace::new(network);
        let mut step = 0;
        loop {
            let loss = workspace.evaluate(network, objective);
            if !loss.is_finite() {
                return Err(DeepLinearError::Diverged { step, loss }.into());
            }
            let reason = if loss <= self.loss_target {
                Some(StopReason::LossTarget)
            } else if step == self.max_steps {
                Some(StopReason::MaxSteps)
            } else {
                None
            };
            if reason.is_some() && !network.is_finite() {
                return Err(DeepLinearError::Diverged { step, loss }.into());
            }
            let scheduled = step.is_multiple_of(self.observe_every); // of 0: step 0 only
            if scheduled || reason.is_some() {
                let snapshot = Snapshot {
                    step,
                    loss,
                    network,
                    end_matrix: workspace.end_matrix(network),
                    end_gradient: workspace.end_gradient(),
                };
                if observer(&snapshot)?.is_break() {
                    return Ok(Summary { steps: step, loss, reason: reason.unwrap_or(StopReason::Observer) });
                }
            }
            if let Some(reason) = reason {
                return Ok(Summary { steps: step, loss, reason });
            }
            stepper.step(network, workspace.gradients());
            step += 1;
        }
    }
}

#[cfg(test)]
mod properties {
    use std::ops::ControlFlow;

    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{StopReason, Training};
    use crate::{
        Convention, DeepLinearError, DeepLinearNetwork, Entry, Initialization, LinearRegression,
        MatrixCompletion, Optimizer,
    };

    fn descent(learning_rate: f64, max_steps: u64) -> Training {
        let optimizer = Optimizer::GradientDescent { learning_rate };
        Training { optimizer, loss_target: -1.0, max_steps, observe_every: 1 }
    }

    proptest! {
        /// Depth 1 is linear regression: descent has the closed form `W_t - W_* = (W_0 - W_*)(I - 2 lr X^T X / n)^t`.
        #[test]
        fn depth_one_has_its_closed_form(seed in any::<u64>(), steps in 0u64..40) {
            let s = Stream::root(seed);
            let x: DMatrix<f64> = s.named("x").normal_matrix(8, 3, 1.0);
            let y: DMatrix<f64> = s.named("y").normal_matrix(8, 2, 1.0);
            let objective = LinearRegression::<f64>::new(&x, &y, Convention::Mean).unwrap();
            let init = Initialization::Gaussian { scale: 1.0 };
            let mut network = DeepLinearNetwork::initialize(&[3, 2], &init, &s).unwrap();
            let rate = 0.1;
            let factor = DMatrix::identity(3, 3) - x.transpose() * &x * (2.0 * rate / 8.0);
            let mut error = network.end_matrix() - objective.solution();
            for _ in 0..steps {
                error *= &factor;
            }
            descent(rate, steps).run(&mut network, &objective).unwrap();
            let expected = objective.solution() + error;
            prop_assert!((network.end_matrix() - &expected).norm() < 1e-9 * (1.0 + expected.norm() + objective.solution().norm()));
        }

        /// Rotations between layers commute with descent: every loss on the way is the same.
        #[test]
        fn losses_are_invariant_under_rotations_between_layers(seed in any::<u64>(), n in 2usize..5, depth in 2usize..5) {
            let s = Stream::root(seed);
            let entries: Vec<Entry> = s
                .named("observed")
                .sample_indices(n * n, n * n - 1)
                .into_iter()
                .map(|k| Entry { row: k % n, column: k / n, value: (k as f64).sin() })
                .collect();
            let objective = MatrixCompletion::<f64>::new(n, n, &entries, Convention::Mean).unwrap();
            let init = Initialization::Gaussian { scale: 1.0 };
            let network = DeepLinearNetwork::<f64>::initialize(&vec![n; depth + 1], &init, &s).unwrap();
            let mut rotated = network.clone().into_weights();
            for j in 1..depth {
                let q: DMatrix<f64> = s.named("q").indexed(j as u64).orthonormal_matrix(n, n);
                rotated[j - 1] = &q * &rotated[j - 1];
                rotated[j] = &rotated[j] * q.transpose();
            }
            let losses = |mut network: DeepLinearNetwork<f64>| {
                let mut losses = vec![];
                descent(0.02, 30).run_observed(&mut network, &objective, |seen| {
                    losses.push(seen.loss);
                    Ok::<_, DeepLinearError>(ControlFlow::Continue(()))
                }).map(|_| losses)
            };
            let (a, b) = (losses(network), losses(DeepLinearNetwork::from_weights(rotated).unwrap()));
            if let (Ok(a), Ok(b)) = (a, b) {
                prop_assert_eq!(a.len(), 31);
                prop_assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-8 * (1.0 + a)));
            }
        }

        #[test]
        fn f32_training_follows_f64_training(seed in any::<u64>(), depth in 1usize..5) {
            let s = Stream::root(seed);
            let entries: Vec<Entry> =
                (0..5).map(|i| Entry { row: i, column: (2 * i) % 5, value: 1.0 + i as f64 }).collect();
            let training = Training { optimizer: Optimizer::rms_normalized(1e-2), ..descent(1.0, 100) };
            let init = Initialization::Gaussian { scale: 0.1 };
            let widths = vec![5; depth + 1];
            let mut double = DeepLinearNetwork::<f64>::initialize(&widths, &init, &s).unwrap();
            let mut single = DeepLinearNetwork::<f32>::initialize(&widths, &init, &s).unwrap();
            let a = training
                .run(&mut double, &MatrixCompletion::new(5, 5, &entries, Convention::Mean).unwrap())
                .unwrap();
            let b = training
                .run(&mut single, &MatrixCompletion::new(5, 5, &entries, Convention::Mean).unwrap())
                .unwrap();
            prop_assert!((a.loss - b.loss).abs() < 1e-3 * a.loss, "{} against {}", a.loss, b.loss);
            prop_assert!((double.end_matrix() - single.cast::<f64>().end_matrix()).norm() < 1e-3);
        }
    }

    fn identity_task(n: usize, depth: usize) -> (DeepLinearNetwork<f64>, MatrixCompletion<f64>) {
        let entries: Vec<Entry> = (0..n).map(|i| Entry { row: i, column: i, value: 1.0 }).collect();
        let objective = MatrixCompletion::new(n, n, &entries, Convention::HalfSum).unwrap();
        let init = Initialization::Identity { scale: 0.5 };
        (DeepLinearNetwork::initialize(&vec![n; depth + 1], &init, &Stream::root(0)).unwrap(), objective)
    }

    #[test]
    fn training_stops_for_each_reason() {
        let (start, objective) = identity_task(3, 2);
        let target = Training { loss_target: 1e-6, ..descent(0.1, 1000) };
        let mut network = start.clone();
        let summary = target.run(&mut network, &objective).unwrap();
        assert_eq!(summary.reason, StopReason::LossTarget);
        assert!(summary.loss <= 1e-6 && summary.steps > 5);
        assert!((network.end_matrix() - DMatrix::identity(3, 3)).norm() < 2e-3);

        let summary = descent(0.1, 7).run(&mut start.clone(), &objective).unwrap();
        assert_eq!((summary.steps, summary.reason), (7, StopReason::MaxSteps));

        let mut seen = vec![];
        let summary = Training { observe_every: 3, ..descent(0.1, 100) }
            .run_observed(&mut start.clone(), &objective, |snapshot| {
                assert_eq!(snapshot.end_matrix, &snapshot.network.end_matrix());
                seen.push(snapshot.step);
                let stop = snapshot.step >= 9;
                Ok::<_, DeepLinearError>(if stop {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                })
            })
            .unwrap();
        assert_eq!((summary.steps, summary.reason, seen), (9, StopReason::Observer, vec![0, 3, 6, 9]));
    }

    #[test]
    fn divergence_is_an_error_with_step_and_loss() {
        let (start, objective) = identity_task(2, 3);
        let error = descent(50.0, 1000).run(&mut start.clone(), &objective).unwrap_err();
        let DeepLinearError::Diverged { step, loss } = error else { panic!("{error}") };
        assert!(step > 1 && !loss.is_finite());
    }

    #[test]
    fn an_objective_of_another_shape_is_an_error() {
        let (mut network, _) = identity_task(2, 2);
        let (_, objective) = identity_task(3, 2);
        let error = descent(0.1, 1).run(&mut network, &objective).unwrap_err();
        assert_eq!(error.to_string(), "the network's end matrix is 2 x 2, expected 3 x 3");
    }
}
