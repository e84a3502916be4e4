//! A shared nonlinear representation: an over-parameterised two-layer ReLU net with weight decay.
//!
#![doc = overparam_formula::formula!("min over B (d × m), W (m × T) of 1/(2 n1 T) sum_t ||y_t - relu(X_t B) w_t||^2 + lambda/2 (||B||_F^2 + ||W||_F^2)")]
//!
//! (section 6 of the source; `m` may be far above the number of units the tasks need). A target task keeps `B^` and regresses
//! a head in the ball whose radius is the largest source head's norm. Trained by Adam on
//! [`overparam_tensor`]'s derivatives; the decay is part of the loss.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::matmul;
use overparam_tensor::optim::{Diverged, Method, Optimizer, Schedule, Stop, train};
use overparam_tensor::random::Stream;
use overparam_tensor::{Array, Tensor};

use super::ball_least_squares;
use crate::DeepLinearError;
use crate::error::require;

/// Inputs `n1 x d` and labels of a task.
pub type Examples = (DMatrix<f64>, DVector<f64>);

/// The network and its training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReluRepresentation {
    /// `m`, hidden units.
    pub width: usize,
    /// `lambda`, not negative.
    pub weight_decay: f64,
    /// Adam's first rate; it falls to a hundredth of it along a cosine.
    pub learning_rate: f64,
    /// Steps on all data.
    pub steps: usize,
}

/// A trained network.
#[derive(Debug, Clone, PartialEq)]
pub struct ReluFit {
    /// `B^`, `d x m`.
    pub representation: DMatrix<f64>,
    /// `W^`, `m x T`.
    pub heads: DMatrix<f64>,
    /// Mean squared error over the source examples (label noise included).
    pub training_error: f64,
}

/// All tasks' examples, stacked.
struct Stacked {
    /// `[T n1, d]`.
    inputs: Tensor<f64>,
    /// `[T, n1]`.
    labels: Tensor<f64>,
}

type Net = (Tensor<f64>, Tensor<f64>);

impl ReluRepresentation {
    /// Trains on source tasks with equally many examples, from `B` and `W` with entries `N(0, 1/d)` and `N(0, 1/m)`.
    ///
    /// # Errors
    /// [`DeepLinearError::NoData`], [`DeepLinearError::Shape`] for tasks of different shapes,
    /// [`DeepLinearError::Configuration`], [`DeepLinearError::Diverged`].
    pub fn fit(&self, tasks: &[Examples], stream: &Stream) -> Result<ReluFit, DeepLinearError> {
        let data = stacked(tasks)?;
        let (d, m, count) = (data.inputs.shape()[1], self.width, tasks.len());
        require(m > 0, "the width of the network", "at least 1", m as f64)?;
        let decay = self.weight_decay;
        require(decay >= 0.0 && decay.is_finite(), "the weight decay", "finite and not negative", decay)?;
        let rate = self.learning_rate;
        require(rate > 0.0 && rate.is_finite(), "the learning rate", "positive and finite", rate)?;
        let normal = |name, shape: [usize; 2], fan_in: usize| {
            Tensor::normal(&stream.named(name), &shape, (fan_in as f64).sqrt().recip())
        };
        let mut net: Net = (normal("B", [d, m], d), normal("W", [count, m], m));
        let schedule = Schedule::Cosine { initial: rate, last: 0.01 * rate, steps: self.steps };
        let mut adam = Optimizer::new(Method::ADAM, schedule);
        train(&mut net, &mut adam, Stop::after(self.steps), |_, net: &Net| objective(net, &data, decay))
            .map_err(|Diverged { step, loss, .. }| DeepLinearError::Diverged { step: step as u64, loss })?;
        let training_error = 2.0 * objective(&net, &data, 0.0).item();
        let (b, w) = net;
        Ok(ReluFit {
            representation: b.into_array().to_matrix(),
            heads: w.into_array().to_matrix().transpose(),
            training_error,
        })
    }
}

impl ReluFit {
    /// `relu(X B^)`, `n x m`.
    ///
    /// # Panics
    /// If the inputs do not have `d` columns.
    pub fn features(&self, inputs: &DMatrix<f64>) -> DMatrix<f64> {
        matmul(inputs, &self.representation).map(|x| x.max(0.0))
    }

    /// The target's head on the frozen representation, of norm at most the largest source head's.
    ///
    /// # Errors
    /// Those of [`ball_least_squares`].
    pub fn target_head(
        &self,
        inputs: &DMatrix<f64>,
        labels: &DVector<f64>,
    ) -> Result<DVector<f64>, DeepLinearError> {
        let radius = self.heads.column_iter().map(|w| w.norm()).fold(0.0, f64::max);
        ball_least_squares(&self.features(inputs), labels, radius)
    }
}

/// The regularised loss; `W` has one row per task here.
fn objective((b, w): &Net, data: &Stacked, decay: f64) -> Tensor<f64> {
    let (tasks, n, m) = (data.labels.shape()[0], data.labels.shape()[1], b.shape()[1]);
    let hidden = data.inputs.matmul(b).relu().reshape(&[tasks, n, m]);
    let predictions = hidden.matmul(&w.reshape(&[tasks, m, 1])).reshape(&[tasks, n]);
    let error = (predictions - &data.labels).square().mean().scale(0.5);
    error + (b.square().sum() + w.square().sum()).scale(0.5 * decay)
}

fn stacked(tasks: &[Examples]) -> Result<Stacked, DeepLinearError> {
    let Some((first, _)) = tasks.first() else {
        return Err(DeepLinearError::NoData { what: "source tasks" });
    };
    let (n, d) = first.shape();
    if n == 0 || d == 0 {
        return Err(DeepLinearError::EmptyMatrix {
            what: "the inputs of a source task",
            rows: n,
            columns: d,
        });
    }
    let mut inputs = Vec::with_capacity(tasks.len() * n * d);
    let mut labels = Vec::with_capacity(tasks.len() * n);
    for (x, y) in tasks {
        if x.shape() != (n, d) || y.len() != n {
            let given = if x.shape() == (n, d) { y.shape() } else { x.shape() };
            return Err(DeepLinearError::Shape { what: "a source task", given, expected: (n, d) });
        }
        inputs.extend(Array::from(x).to_vec());
        labels.extend(y.iter());
    }
    Ok(Stacked {
        inputs: Tensor::from_vec(&[tasks.len() * n, d], inputs),
        labels: Tensor::from_vec(&[tasks.len(), n], labels),
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;
    use overparam_tensor::{Tensor, grad};

    use super::{Examples, Net, ReluRepresentation, objective, stacked};

    fn tasks(stream: &Stream, count: u64) -> Vec<Examples> {
        let task = |t| {
            let x: DMatrix<f64> = stream.named("x").indexed(t).normal_matrix(5, 3, 1.0);
            let y: DVector<f64> = stream.named("y").indexed(t).normal_vector(5, 1.0);
            (x, y)
        };
        (0..count).map(task).collect()
    }

    /// The loss against its definition, written out with matrices, and its gradient against central differences.
    #[test]
    fn the_objective_is_its_definition_and_its_gradient_the_difference_quotient() {
        let stream = Stream::root(1);
        let tasks = tasks(&stream, 4);
        let data = stacked(&tasks).unwrap();
        let net: Net = (
            Tensor::normal(&stream.named("B"), &[3, 6], 1.0),
            Tensor::normal(&stream.named("W"), &[4, 6], 1.0),
        );
        let (b, w) = (net.0.array().to_matrix(), net.1.array().to_matrix());
        let mut expected = 0.15 * (b.norm_squared() + w.norm_squared());
        for (t, (x, y)) in tasks.iter().enumerate() {
            let hidden = (x * &b).map(|h| h.max(0.0));
            expected += (hidden * w.row(t).transpose() - y).norm_squared() / 40.0;
        }
        assert!((objective(&net, &data, 0.3).item() - expected).abs() < 1e-12 * expected);

        let gradient = grad(|net: &Net| objective(net, &data, 0.3), &net);
        for i in 0..18 {
            let moved = |h: f64| {
                let mut b = net.0.array().to_vec();
                b[i] += h;
                objective(&(Tensor::from_vec(&[3, 6], b), net.1.clone()), &data, 0.3).item()
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((difference - gradient.0.array().to_vec()[i]).abs() < 1e-7);
        }
    }

    #[test]
    fn unequal_tasks_are_named() {
        let mut tasks = tasks(&Stream::root(2), 2);
        tasks[1].0 = DMatrix::zeros(4, 3);
        let relu = ReluRepresentation { width: 4, weight_decay: 0.0, learning_rate: 0.01, steps: 1 };
        let message = relu.fit(&tasks, &Stream::root(3)).unwrap_err().to_string();
        assert_eq!(message, "a source task is 4 x 3, expected 5 x 3");
    }
}
