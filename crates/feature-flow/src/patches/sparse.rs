//! Signal and sparse noise: where Adam and gradient descent part ways (Zou, Cao, Li and Gu 2021).
//!
//! An example is two patches, `x_1 = y v` and `x_2 = xi - alpha y v`: the feature `v`, and noise `xi` with `s` non-zero entries
//! `N(0, s_p^2)` among the coordinates on which `v` vanishes, with a weaker feature of the wrong sign. Two classes,
//!
//! ```text
//! F_k = sum_r sum_p relu^q(<w_kr, x_p>),    loss = mean -log softmax_y(F) + lambda/2 |W|^2.
//! ```
//!
//! Descent follows the size of the gradient, and the feature's is the largest: it is shared by all examples. Adam gives every
//! coordinate the same speed: the `s` coordinates of an example's noise together outrun the one of the feature. In the convex
//! model, `F_k = sum_r sum_p <w_kr, x_p>`, both go to the one minimum.

use nalgebra::DMatrix;
use overparam_tensor::random::Stream;

use super::logistic;
use crate::error::{Error, finite_loss, positive};

/// Sizes and scales of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Data {
    /// `d`; the feature is the first coordinate.
    pub dimension: usize,
    /// `n`.
    pub examples: usize,
    /// `s`, non-zero noise coordinates of an example.
    pub sparsity: usize,
    /// `s_p`.
    pub noise: f64,
    /// `alpha`, of the feature noise.
    pub feature_noise: f64,
}

/// The response of a filter to a patch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Response {
    /// `relu^q`.
    Power(i32),
    /// The identity: the model is linear and the problem convex.
    Linear,
}

impl Response {
    /// Value and derivative.
    fn at(self, a: f64) -> (f64, f64) {
        match self {
            Self::Power(q) if a > 0.0 => (a.powi(q), f64::from(q) * a.powi(q - 1)),
            Self::Power(_) => (0.0, 0.0),
            Self::Linear => (a, 1.0),
        }
    }
}

/// How the filters move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Update {
    /// `w <- w - eta g`.
    Descent,
    /// Adam as published: `beta` 0.9 and 0.999, `epsilon` 1e-8, weight decay in the gradient.
    Adam,
}

/// A training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// How the filters move.
    pub update: Update,
    /// `m`, filters a class.
    pub filters: usize,
    /// The response.
    pub response: Response,
    /// Standard deviation of the filters' entries at the start.
    pub start: f64,
    /// `lambda`.
    pub weight_decay: f64,
    /// `eta`.
    pub learning_rate: f64,
    /// Steps.
    pub steps: usize,
}

/// What training led to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// Share of the training examples on the wrong side.
    pub train_error: f64,
    /// Share of fresh examples on the wrong side.
    pub test_error: f64,
    /// Mean over training examples of `max_r <w_yr, y v>`.
    pub feature_product: f64,
    /// Mean over training examples of `max_r <w_yr, xi>`.
    pub noise_product: f64,
    /// Mean training loss before each of [`Trained::CURVE`] equal parts of the steps.
    pub losses: [f64; Trained::CURVE],
}

impl Trained {
    /// Points of the loss curve.
    pub const CURVE: usize = 20;
}

/// An example: its label and its noise as (coordinate, value).
#[derive(Debug, Clone)]
struct Example {
    label: f64,
    noise: Vec<(usize, f64)>,
}

fn draw(data: &Data, count: usize, stream: &Stream) -> Vec<Example> {
    let values: DMatrix<f64> = stream.named("values").normal_matrix(data.sparsity + 1, count, data.noise);
    let places = stream.named("places");
    let example = |i: usize| Example {
        label: values[(data.sparsity, i)].signum(),
        noise: places
            .indexed(i as u64)
            .sample_indices(data.dimension - 1, data.sparsity)
            .into_iter()
            .zip(values.column(i).iter())
            .map(|(place, value)| (place + 1, *value))
            .collect(),
    };
    (0..count).map(example).collect()
}

/// Inner products of a filter with the two patches.
fn products(data: &Data, filter: &[f64], example: &Example) -> (f64, f64) {
    let noise: f64 = example.noise.iter().map(|&(place, value)| value * filter[place]).sum();
    (example.label * filter[0], noise - data.feature_noise * example.label * filter[0])
}

/// `F_y - F_-y`. Filters are the columns of a `d x 2m` matrix, the first `m` of class +1.
fn margin(data: &Data, response: Response, filters: &DMatrix<f64>, example: &Example) -> f64 {
    let d = data.dimension;
    let half = filters.ncols() / 2;
    let outputs = filters.as_slice().chunks_exact(d).enumerate().map(|(k, filter)| {
        let (first, second) = products(data, filter, example);
        let output = response.at(first).0 + response.at(second).0;
        if (k < half) == (example.label > 0.0) { output } else { -output }
    });
    outputs.sum()
}

/// Adds the gradient of the mean loss; returns the mean loss without weight decay.
fn gradient(
    data: &Data,
    response: Response,
    filters: &DMatrix<f64>,
    examples: &[Example],
    out: &mut DMatrix<f64>,
) -> f64 {
    let (d, half) = (data.dimension, filters.ncols() / 2);
    let mut loss = 0.0;
    for example in examples {
        let (value, slope) = logistic(margin(data, response, filters, example));
        loss += value / examples.len() as f64;
        let columns = filters.as_slice().chunks_exact(d).zip(out.as_mut_slice().chunks_exact_mut(d));
        for (k, (filter, gradient)) in columns.enumerate() {
            let own = (k < half) == (example.label > 0.0);
            let scale = if own { slope } else { -slope } / examples.len() as f64;
            let (first, second) = products(data, filter, example);
            let (first, second) = (scale * response.at(first).1, scale * response.at(second).1);
            gradient[0] += example.label * (first - data.feature_noise * second);
            for &(place, value) in &example.noise {
                gradient[place] += second * value;
            }
        }
    }
    loss
}

/// Draws data and filters, trains on all examples at every step, and tests on `test` fresh examples.
///
/// # Errors
/// [`Error::Parameter`] for a learning rate, start or noise that is not positive, or more noise coordinates than there are;
/// [`Error::Diverged`].
pub fn train(data: &Data, training: &Training, test: usize, stream: &Stream) -> Result<Trained, Error> {
    positive("the learning rate", training.learning_rate)?;
    positive("the scale of the start", training.start)?;
    positive("the noise", data.noise)?;
    if data.sparsity >= data.dimension {
        let expected = "below the dimension";
        return Err(Error::Parameter {
            name: "the number of noise coordinates",
            value: data.sparsity as f64,
            expected,
        });
    }
    let examples = draw(data, data.examples, &stream.named("train"));
    let shape = (data.dimension, 2 * training.filters);
    let mut filters = stream.named("filters").normal_matrix(shape.0, shape.1, training.start);
    let mut slopes: DMatrix<f64> = DMatrix::zeros(shape.0, shape.1);
    let mut moments = (slopes.clone(), slopes.clone());
    let mut losses = [0.0; Trained::CURVE];
    for step in 0..training.steps {
        slopes.zip_apply(&filters, |g, w| *g = training.weight_decay * w);
        let loss = gradient(data, training.response, &filters, &examples, &mut slopes);
        finite_loss(step, loss, training.learning_rate)?;
        if (step * Trained::CURVE).is_multiple_of(training.steps)
            || step * Trained::CURVE % training.steps < Trained::CURVE
        {
            losses[step * Trained::CURVE / training.steps] = loss;
        }
        match training.update {
            Update::Descent => filters.zip_apply(&slopes, |w, g| *w -= training.learning_rate * g),
            Update::Adam => adam(&mut filters, &slopes, &mut moments, step, training.learning_rate),
        }
    }
    let wrong = |examples: &[Example]| {
        let count = examples.iter().filter(|e| margin(data, training.response, &filters, e) <= 0.0).count();
        count as f64 / examples.len() as f64
    };
    let strongest = |product: fn(&Data, &[f64], &Example) -> f64| {
        let of = |e: &Example| {
            let own = if e.label > 0.0 { 0 } else { training.filters };
            let filters = filters.as_slice().chunks_exact(data.dimension).skip(own).take(training.filters);
            filters.map(|w| product(data, w, e)).fold(f64::NEG_INFINITY, f64::max)
        };
        examples.iter().map(of).sum::<f64>() / examples.len() as f64
    };
    Ok(Trained {
        train_error: wrong(&examples),
        test_error: wrong(&draw(data, test, &stream.named("test"))),
        feature_product: strongest(|data, w, e| products(data, w, e).0),
        noise_product: strongest(|data, w, e| {
            let (first, second) = products(data, w, e);
            second + data.feature_noise * first
        }),
        losses,
    })
}

fn adam(
    filters: &mut DMatrix<f64>,
    slopes: &DMatrix<f64>,
    (first, second): &mut (DMatrix<f64>, DMatrix<f64>),
    step: usize,
    rate: f64,
) {
    const BETA: (f64, f64) = (0.9, 0.999);
    let steps = i32::try_from(step + 1).unwrap_or(i32::MAX);
    let unbiased = ((1.0 - BETA.0.powi(steps)).recip(), (1.0 - BETA.1.powi(steps)).recip());
    let state = first.as_mut_slice().iter_mut().zip(second.as_mut_slice());
    for ((w, g), (m, v)) in filters.iter_mut().zip(slopes.as_slice()).zip(state) {
        *m = BETA.0 * *m + (1.0 - BETA.0) * g;
        *v = BETA.1 * *v + (1.0 - BETA.1) * g * g;
        *w -= rate * unbiased.0 * *m / ((unbiased.1 * *v).sqrt() + 1e-8);
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::Tensor;
    use overparam_tensor::optim::{Method, Optimizer};
    use overparam_tensor::random::Stream;

    use super::{Data, Response, adam, draw, gradient};

    const DATA: Data = Data { dimension: 12, examples: 5, sparsity: 4, noise: 0.7, feature_noise: 0.3 };

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        for response in [Response::Power(3), Response::Linear] {
            let examples = draw(&DATA, 5, &Stream::root(0));
            let filters: DMatrix<f64> = Stream::root(1).normal_matrix(12, 6, 0.5);
            let mut slopes = DMatrix::zeros(12, 6);
            gradient(&DATA, response, &filters, &examples, &mut slopes);
            for k in 0..filters.len() {
                let at = |shift: f64| {
                    let mut moved = filters.clone();
                    moved[k] += shift;
                    gradient(&DATA, response, &moved, &examples, &mut DMatrix::zeros(12, 6))
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - slopes[k]).abs() < 1e-8, "{response:?} {k}: {slope} {}", slopes[k]);
            }
        }
    }

    /// The independent implementation is overparam-tensor's.
    #[test]
    fn adam_is_adam() {
        let stream = Stream::root(2);
        let start: DMatrix<f64> = stream.named("w").normal_matrix(3, 2, 1.0);
        let (mut ours, mut theirs) = (start.clone(), Tensor::from_fn(&[6], |i| start[i[0]]));
        let mut moments = (DMatrix::zeros(3, 2), DMatrix::zeros(3, 2));
        let mut optimizer = Optimizer::new(Method::ADAM, 0.01);
        for step in 0..5 {
            let g: DMatrix<f64> = stream.indexed(step as u64).normal_matrix(3, 2, 1.0);
            adam(&mut ours, &g, &mut moments, step, 0.01);
            optimizer.step(&mut theirs, &Tensor::from_fn(&[6], |i| g[i[0]]));
        }
        let difference = theirs - Tensor::from_fn(&[6], |i| ours[i[0]]);
        assert!(difference.square().sum().item() < 1e-28);
    }
}
