//! The trained network: quadratic activation, all first-layer weights moved by stochastic gradient descent.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{gemm, matmul, transposed};
use overparam_tensor::random::Stream;

use super::Polynomial;
use super::polynomial::quadratic_form;
use crate::Error;
use crate::data::gaussian;
use crate::error::require;

/// `x -> sum_i <w_i, x>^2 + c` with `c` at its optimum `-||W||_F^2`.
#[derive(Debug, Clone)]
pub struct QuadraticNet {
    /// `W`: `N x d`.
    pub weights: DMatrix<f64>,
}

/// How to train: fresh samples every step, a constant learning rate, then a linear descent to zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Number of steps.
    pub steps: usize,
    /// Fresh samples a step; several times `d`, as the gradient's noise is of relative size `sqrt(d / batch)`.
    pub batch: usize,
    /// The learning rate; stable below about `1 / (8 ||B||_op)`.
    pub learning_rate: f64,
    /// The fraction of steps, at the end, over which the rate falls to zero and the gradient's noise averages out.
    pub cooling: f64,
}

impl QuadraticNet {
    /// `N` neurons with `N(0, I / d)` weights times `scale`.
    pub fn random(stream: Stream, neurons: usize, dimension: usize, scale: f64) -> Self {
        Self { weights: stream.normal_matrix(neurons, dimension, scale / (dimension as f64).sqrt()) }
    }

    /// `E (f - net)^2 / E f^2`, exactly: `E (f - net)^2 = ||b||^2 + 2 ||B - W^T W||_F^2`.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn risk(&self, target: &Polynomial) -> f64 {
        target.distance(&matmul(transposed(&self.weights), &self.weights)) / target.energy()
    }

    /// Minimises the expected square loss by SGD: with residuals `r = net(x) - f(x)` on a fresh batch,
    /// `grad = (4 / batch) W sum_i r_i (x_i x_i^T - I)`.
    ///
    /// # Errors
    /// [`Error::Diverged`] with the step and the loss; [`Error::Parameter`] for a schedule that cannot be run.
    ///
    /// # Panics
    /// If the target's dimension is not the net's.
    pub fn train(&mut self, target: &Polynomial, schedule: Schedule, stream: Stream) -> Result<(), Error> {
        let Schedule { steps, batch, learning_rate, cooling } = schedule;
        require(batch > 0, "the batch", batch as f64, "at least 1")?;
        require(
            learning_rate > 0.0 && learning_rate.is_finite(),
            "the learning rate",
            learning_rate,
            "positive",
        )?;
        require((0.0..=1.0).contains(&cooling), "the cooling fraction", cooling, "in [0, 1]")?;
        let d = target.dimension();
        assert!(self.weights.ncols() == d, "a net on R^{} was given a target on R^{d}", self.weights.ncols());
        let cool_steps = cooling * steps as f64;
        let limit = 1e3 * (1.0 + target.energy());
        for step in 0..steps {
            let x = gaussian(stream.indexed(step as u64), batch, d);
            let form = matmul(transposed(&self.weights), &self.weights);
            let residual = quadratic_form(&x, &form).add_scalar(-form.trace()) - target.values(&x);
            let loss = residual.norm_squared() / batch as f64;
            let rate = learning_rate * ((steps - step) as f64 / cool_steps.max(1.0)).min(1.0);
            if loss.is_nan() || loss >= limit {
                return Err(Error::Diverged { step, loss, learning_rate: rate });
            }
            let mut weighted = x.clone();
            for mut column in weighted.column_iter_mut() {
                column.component_mul_assign(&residual);
            }
            let mut slope = DMatrix::from_diagonal_element(d, d, -residual.mean());
            gemm(1.0 / batch as f64, transposed(&x), &weighted, 1.0, &mut slope);
            let step = matmul(&self.weights, &slope);
            self.weights -= step * (4.0 * rate);
        }
        Ok(())
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;

    use super::{QuadraticNet, Schedule, gaussian};
    use crate::Error;
    use crate::quadratic::{Polynomial, trained_risk};

    const SCHEDULE: Schedule = Schedule { steps: 600, batch: 100, learning_rate: 0.03, cooling: 0.5 };

    fn target(d: usize) -> Polynomial {
        let values = DVector::from_iterator(d, (0..d).map(|i| 0.5 + i as f64 / (d - 1) as f64));
        Polynomial::quadratic(DMatrix::from_diagonal(&values))
    }

    #[test]
    fn training_finds_the_best_approximation() {
        let target = target(12);
        for neurons in [4, 8, 16] {
            let mut net = QuadraticNet::random(Stream::root(0), neurons, 12, 1.0);
            net.train(&target, SCHEDULE, Stream::root(1)).unwrap();
            let best = trained_risk(neurons, target.form()).unwrap();
            let risk = net.risk(&target);
            assert!(risk >= best - 1e-12 && risk < best + 0.02, "{neurons}: {risk} {best}");
        }
    }

    /// One step goes down the batch's mean square, by central differences: from a start far from the target, whose residuals
    /// have a mean.
    #[test]
    fn a_step_follows_the_gradient() {
        let (target, batch, rate) = (target(4), 7, 1e-3);
        let before = QuadraticNet::random(Stream::root(2), 3, 4, 2.0);
        let x = gaussian(Stream::root(3).indexed(0), batch, 4);
        let loss = |w: &DMatrix<f64>| {
            let outputs = (&x * w.transpose()).map(|u| u * u).column_sum().add_scalar(-w.norm_squared());
            (outputs - target.values(&x)).norm_squared() / batch as f64
        };
        let mut after = QuadraticNet { weights: before.weights.clone() };
        let once = Schedule { steps: 1, batch, learning_rate: rate, cooling: 0.0 };
        after.train(&target, once, Stream::root(3)).unwrap();
        for i in 0..before.weights.len() {
            let moved = |h: f64| {
                let mut w = before.weights.clone();
                w[i] += h;
                loss(&w)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let step = (before.weights[i] - after.weights[i]) / rate;
            assert!((step - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{i}: {step} {slope}");
        }
    }

    /// Where half of four steps cool, the rates are `1, 1, 1, 1/2`: the last step goes half as far as without.
    #[test]
    fn the_rate_falls_over_the_fraction_of_steps_that_cools() {
        let after = |steps, cooling| {
            let mut net = QuadraticNet::random(Stream::root(4), 3, 4, 1.0);
            let schedule = Schedule { steps, batch: 7, learning_rate: 0.01, cooling };
            net.train(&target(4), schedule, Stream::root(5)).unwrap();
            net.weights
        };
        let third = after(3, 0.0);
        let (whole, cooled) = (after(4, 0.0) - &third, after(4, 0.5) - &third);
        assert!((cooled - &whole * 0.5).norm() < 1e-12 * whole.norm());
    }

    /// Neurons die where there is nothing to learn, and that is no divergence, though the target has no energy.
    #[test]
    fn the_zero_function_is_learned() {
        let mut net = QuadraticNet::random(Stream::root(6), 4, 6, 1.0);
        let before = net.weights.norm();
        net.train(&Polynomial::quadratic(DMatrix::zeros(6, 6)), SCHEDULE, Stream::root(7)).unwrap();
        assert!(net.weights.norm() < 0.1 * before, "{} {before}", net.weights.norm());
    }

    #[test]
    fn schedules_that_cannot_be_run_are_errors() {
        let rate = |learning_rate| Schedule { learning_rate, ..SCHEDULE };
        let cool = |cooling| Schedule { cooling, ..SCHEDULE };
        let bad = [rate(0.0), rate(-1.0), rate(f64::NAN), rate(f64::INFINITY), cool(-0.1), cool(1.1)];
        for schedule in bad.into_iter().chain([Schedule { batch: 0, ..SCHEDULE }, cool(f64::NAN)]) {
            let result =
                QuadraticNet::random(Stream::root(0), 2, 4, 1.0).train(&target(4), schedule, Stream::root(1));
            assert!(matches!(result, Err(Error::Parameter { .. })), "{schedule:?}");
        }
    }

    #[test]
    fn divergence_names_the_step() {
        let mut net = QuadraticNet::random(Stream::root(0), 8, 12, 1.0);
        let hot = Schedule { learning_rate: 5.0, ..SCHEDULE };
        let error = net.train(&target(12), hot, Stream::root(1)).unwrap_err();
        // Noticed while there still is a loss to tell.
        assert!(matches!(error, Error::Diverged { loss, .. } if loss.is_finite()), "{error}");
    }
}
