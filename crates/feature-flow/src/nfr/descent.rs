//! Descent on weights and top layer, masses fixed.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{gemm, transposed};
use serde::{Deserialize, Serialize};

use super::{Problem, Represented, row_costs};
use crate::adam::Adam;
use crate::error::{Error, finite_loss, positive};

/// What descent changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trains {
    /// All weights.
    Everything,
    /// The top layer; the features are frozen.
    Top,
}

/// Full-batch Adam on `Q` in `w_0` and `u~`.
#[derive(Debug, Clone)]
pub struct Descent {
    trains: Trains,
    learning_rate: f64,
    weights: Vec<Adam>,
    top: Adam,
    steps: usize,
}

/// Derivatives of `Q` by `w_0` and `u~`.
struct Gradient {
    weights: Vec<DMatrix<f64>>,
    top: DMatrix<f64>,
}

impl Descent {
    /// For nets of this one's shape.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless the learning rate is positive.
    pub fn new(net: &Represented, trains: Trains, learning_rate: f64) -> Result<Self, Error> {
        positive("the learning rate", learning_rate)?;
        let weights = net.weights.iter().map(|w| Adam::new(w.shape())).collect();
        Ok(Self { trains, learning_rate, weights, top: Adam::new(net.top.shape()), steps: 0 })
    }

    /// One step; returns `Q` before it. The rate is multiplied by `rate`, for schedules.
    ///
    /// # Errors
    /// [`Error::Diverged`].
    pub fn step(&mut self, net: &mut Represented, problem: &Problem, rate: f64) -> Result<f64, Error> {
        let (value, gradient) = gradient(net, problem);
        finite_loss(self.steps, value, self.learning_rate)?;
        self.steps += 1;
        let rate = self.learning_rate * rate;
        self.top.step(&mut net.top, &gradient.top, rate);
        if self.trains == Trains::Everything {
            for ((adam, w), g) in self.weights.iter_mut().zip(&mut net.weights).zip(&gradient.weights) {
                adam.step(w, g, rate);
            }
        }
        Ok(value)
    }
}

/// `Q` and its derivatives; that of `|w|` at 0 is 0.
fn gradient(net: &Represented, problem: &Problem) -> (f64, Gradient) {
    let features = problem.features(&problem.inputs, &net.weights);
    let last = features.len() - 1;
    let outputs = problem.top(&features[last], &net.top);
    let value = problem.loss(&outputs) + problem.regulariser(net);
    let by_outputs = (outputs - &problem.targets) / problem.targets.nrows() as f64;
    let m = net.top.nrows() as f64;
    let mut top = net.top.clone();
    for (mut row, p) in top.row_iter_mut().zip(net.masses[last].iter()) {
        row *= 2.0 * problem.ridge_top / (m * p);
    }
    gemm(m.recip(), transposed(&features[last]), &by_outputs, 1.0, &mut top);
    let mut by_features = DMatrix::zeros(by_outputs.nrows(), net.top.nrows());
    gemm(m.recip(), &by_outputs, transposed(&net.top), 0.0, &mut by_features);
    let mut weights = Vec::with_capacity(features.len());
    for l in (0..=last).rev() {
        problem.activation.scale_by_derivative(features[l].as_slice(), by_features.as_mut_slice());
        let w = &net.weights[l];
        let mut slopes = cost_slopes(net, problem, l);
        if l == 0 {
            gemm(1.0, transposed(&problem.inputs), &by_features, 1.0, &mut slopes);
        } else {
            let scale = (w.nrows() as f64).recip();
            gemm(scale, transposed(&features[l - 1]), &by_features, 1.0, &mut slopes);
            let mut below = DMatrix::zeros(by_features.nrows(), w.nrows());
            gemm(scale, &by_features, transposed(w), 0.0, &mut below);
            by_features = below;
        }
        weights.push(slopes);
    }
    weights.reverse();
    (value, Gradient { weights, top })
}

/// Derivatives of `lambda c_l` by the weights of layer `l`.
fn cost_slopes(net: &Represented, problem: &Problem, l: usize) -> DMatrix<f64> {
    let (w, p) = (&net.weights[l], &net.masses[l]);
    let rows = row_costs(w, p);
    let scale = 2.0 * problem.ridge_features / (rows.len() * p.len()) as f64;
    DMatrix::from_fn(w.nrows(), w.ncols(), |k, z| {
        let below = if l == 0 { 1.0 } else { net.masses[l - 1][k] };
        let sign = if w[(k, z)] == 0.0 { 0.0 } else { w[(k, z)].signum() };
        scale * rows[k] / below * p[z] * sign
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::{Descent, Trains, gradient};
    use crate::activation::Activation;
    use crate::nfr::{Problem, Represented};

    fn problem() -> Problem {
        Problem {
            inputs: Stream::root(1).normal_matrix(7, 3, 1.0),
            targets: Stream::root(2).normal_matrix(7, 2, 1.0),
            activation: Activation::Tanh,
            ridge_top: 0.3,
            ridge_features: 0.2,
        }
    }

    fn net() -> Represented {
        let stream = Stream::root(3);
        let weights: Vec<DMatrix<f64>> =
            vec![stream.named("a").normal_matrix(3, 4, 1.0), stream.named("b").normal_matrix(4, 5, 2.0)];
        let mut net = Represented::uniform(weights, stream.named("top").normal_matrix(5, 2, 1.0));
        net.masses[0].copy_from_slice(&[0.5, 1.5, 1.8, 0.2]);
        net.masses[1].copy_from_slice(&[0.5, 1.5, 1.8, 0.2, 1.0]);
        net
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let (net, problem) = (net(), problem());
        let (_, slopes) = gradient(&net, &problem);
        let check = |moved: &dyn Fn(f64) -> Represented, expected: f64| {
            let slope = (problem.objective(&moved(1e-6)) - problem.objective(&moved(-1e-6))) / 2e-6;
            assert!((slope - expected).abs() < 1e-7, "{slope} {expected}");
        };
        for l in 0..2 {
            for k in 0..net.weights[l].len() {
                let moved = |shift: f64| {
                    let mut moved = net.clone();
                    moved.weights[l][k] += shift;
                    moved
                };
                check(&moved, slopes.weights[l][k]);
            }
        }
        for k in 0..net.top.len() {
            let moved = |shift: f64| {
                let mut moved = net.clone();
                moved.top[k] += shift;
                moved
            };
            check(&moved, slopes.top[k]);
        }
    }

    #[test]
    fn descent_lowers_the_objective_and_frozen_features_stay() {
        let problem = problem();
        for trains in [Trains::Everything, Trains::Top] {
            let mut trained = net();
            let mut descent = Descent::new(&trained, trains, 0.01).unwrap();
            for _ in 0..200 {
                descent.step(&mut trained, &problem, 1.0).unwrap();
            }
            assert!(problem.objective(&trained) < 0.8 * problem.objective(&net()));
            assert_eq!(trained.weights == net().weights, trains == Trains::Top);
        }
    }
}
