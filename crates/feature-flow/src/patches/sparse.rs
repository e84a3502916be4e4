//! Signal and sparse noise: where Adam and gradient descent part ways (Zou, Cao, Li and Gu 2021).
//!
//! An example is two patches, `x_1 = y v` and `x_2 = xi - alpha y v`: the feature `v`, and noise `xi` with `s` non-zero entries
//! `N(0, s_p^2)` among the coordinates on which `v` vanishes, with a weaker feature of the wrong sign. Two classes,
//!
#![doc = overparam_formula::formula!("F_k = sum_r sum_p relu^q(<w_kr, x_p>),    loss = mean -log softmax_y(F) + lambda/2 |W|^2.")]
//!
//! Descent follows the size of the gradient, and the feature's is the largest: it is shared by all examples. Adam gives every
//! coordinate the same speed: the `s` coordinates of an example's noise together outrun the one of the feature. In the convex
//! model, `F_k = sum_r sum_p <w_kr, x_p>`, both go to the one minimum.

use nalgebra::DMatrix;
use overparam_tensor::random::Stream;

use super::{logistic, relu_power};
use crate::activation::zip;
use crate::adam::Adam;
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
    #[inline(always)]
    fn at(self, a: f64) -> (f64, f64) {
        match self {
            Self::Power(q) => relu_power(a, q),
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

/// Inner products of every filter with an example's two patches.
struct Products {
    feature: Vec<f64>,
    noise: Vec<f64>,
}

impl Products {
    fn new(filters: usize) -> Self {
        Self { feature: vec![0.0; filters], noise: vec![0.0; filters] }
    }

    /// Filters are the rows of a `2m x d` matrix, the first `m` of class +1: a coordinate of all filters is contiguous.
    #[inline(always)]
    fn fill(&mut self, data: &Data, filters: &DMatrix<f64>, example: &Example) {
        let m = filters.nrows();
        let column = |place: usize| &filters.as_slice()[place * m..(place + 1) * m];
        for ((feature, noise), w) in self.feature.iter_mut().zip(&mut self.noise).zip(column(0)) {
            *feature = example.label * w;
            *noise = -data.feature_noise * example.label * w;
        }
        for &(place, value) in &example.noise {
            self.noise.iter_mut().zip(column(place)).for_each(|(noise, w)| *noise += value * w);
        }
    }

    /// `F_y - F_-y`.
    #[inline(always)]
    fn margin(&self, response: Response, example: &Example) -> f64 {
        let outputs =
            self.feature.iter().zip(&self.noise).map(|(a, b)| response.at(*a).0 + response.at(*b).0);
        let m = self.feature.len() / 2;
        let [mut plus, mut minus] = [0.0; 2];
        for (k, output) in outputs.enumerate() {
            *(if k < m { &mut plus } else { &mut minus }) += output;
        }
        example.label * (plus - minus)
    }

    /// From products to the loss's derivatives by them, in place, and on to those by the filters; `slope` is the derivative by
    /// the margin.
    #[inline(always)]
    fn add_slopes(
        &mut self,
        data: &Data,
        response: Response,
        (example, slope): (&Example, f64),
        out: &mut DMatrix<f64>,
    ) {
        let m = out.nrows();
        for products in [&mut self.feature, &mut self.noise] {
            let (plus, minus) = products.split_at_mut(m / 2);
            plus.iter_mut().for_each(|a| *a = slope * example.label * response.at(*a).1);
            minus.iter_mut().for_each(|a| *a = -slope * example.label * response.at(*a).1);
        }
        let out = out.as_mut_slice();
        for ((g, feature), noise) in out.iter_mut().zip(&self.feature).zip(&self.noise) {
            *g += example.label * (feature - data.feature_noise * noise);
        }
        for &(place, value) in &example.noise {
            let column = &mut out[place * m..(place + 1) * m];
            column.iter_mut().zip(&self.noise).for_each(|(g, noise)| *g += value * noise);
        }
    }

    /// Whether a filter is of the example's class.
    fn own(&self, filter: usize, example: &Example) -> bool {
        (filter < self.feature.len() / 2) == (example.label > 0.0)
    }
}

/// Fills in the gradient of the mean loss with weight decay; returns the mean loss without.
fn gradient(
    data: &Data,
    (response, weight_decay): (Response, f64),
    filters: &DMatrix<f64>,
    examples: &[Example],
    out: &mut DMatrix<f64>,
) -> f64 {
    let objective = (response, weight_decay);
    pulp::Arch::new().dispatch(Gradient { data, objective, filters, examples, out })
}

/// A struct of its own: a closure of this length is not inlined into the function compiled for vectors.
struct Gradient<'a> {
    data: &'a Data,
    objective: (Response, f64),
    filters: &'a DMatrix<f64>,
    examples: &'a [Example],
    out: &'a mut DMatrix<f64>,
}

impl pulp::WithSimd for Gradient<'_> {
    type Output = f64;

    /// Element by element, so the bits are those of any vector length.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> f64 {
        let Self { data, objective: (response, weight_decay), filters, examples, out } = self;
        out.as_mut_slice().iter_mut().zip(filters.as_slice()).for_each(|(g, w)| *g = weight_decay * w);
        let mut products = Products::new(filters.nrows());
        let mut loss = 0.0;
        for example in examples {
            products.fill(data, filters, example);
            let (value, slope) = logistic(products.margin(response, example));
            loss += value / examples.len() as f64;
            products.add_slopes(data, response, (example, slope / examples.len() as f64), out);
        }
        loss
    }
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
    let shape = (2 * training.filters, data.dimension);
    let mut filters = stream.named("filters").normal_matrix(shape.0, shape.1, training.start);
    let mut slopes: DMatrix<f64> = DMatrix::zeros(shape.0, shape.1);
    let mut adam = Adam::new(shape);
    let mut losses = [0.0; Trained::CURVE];
    for step in 0..training.steps {
        let objective = (training.response, training.weight_decay);
        let loss = gradient(data, objective, &filters, &examples, &mut slopes);
        finite_loss(step, loss, training.learning_rate)?;
        if (step * Trained::CURVE).is_multiple_of(training.steps)
            || step * Trained::CURVE % training.steps < Trained::CURVE
        {
            losses[step * Trained::CURVE / training.steps] = loss;
        }
        match training.update {
            Update::Descent => {
                zip(slopes.as_slice(), filters.as_mut_slice(), |g, w| *w -= training.learning_rate * g);
            }
            Update::Adam => adam.step(&mut filters, &slopes, training.learning_rate),
        }
    }
    let of = |example: &Example| {
        let mut products = Products::new(filters.nrows());
        products.fill(data, &filters, example);
        products
    };
    let wrong = |examples: &[Example]| {
        let count = examples.iter().filter(|e| of(e).margin(training.response, e) <= 0.0).count();
        count as f64 / examples.len() as f64
    };
    let strongest = |product: fn(&Data, &Products, usize) -> f64| {
        let largest = |e: &Example| {
            let products = of(e);
            let own = (0..filters.nrows()).filter(|&k| products.own(k, e));
            own.map(|k| product(data, &products, k)).fold(f64::NEG_INFINITY, f64::max)
        };
        examples.iter().map(largest).sum::<f64>() / examples.len() as f64
    };
    Ok(Trained {
        train_error: wrong(&examples),
        test_error: wrong(&draw(data, test, &stream.named("test"))),
        feature_product: strongest(|_, products, k| products.feature[k]),
        noise_product: strongest(|data, p, k| p.noise[k] + data.feature_noise * p.feature[k]),
        losses,
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::{Data, Response, draw, gradient};

    const DATA: Data = Data { dimension: 12, examples: 5, sparsity: 4, noise: 0.7, feature_noise: 0.3 };

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        for response in [Response::Power(3), Response::Linear] {
            let examples = draw(&DATA, 5, &Stream::root(0));
            let filters: DMatrix<f64> = Stream::root(1).normal_matrix(6, 12, 0.5);
            let mut slopes = DMatrix::zeros(6, 12);
            gradient(&DATA, (response, 0.01), &filters, &examples, &mut slopes);
            for k in 0..filters.len() {
                let at = |shift: f64| {
                    let mut moved = filters.clone();
                    moved[k] += shift;
                    let decay = moved.norm_squared() * 0.005;
                    decay + gradient(&DATA, (response, 0.01), &moved, &examples, &mut DMatrix::zeros(6, 12))
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - slopes[k]).abs() < 1e-8, "{response:?} {k}: {slope} {}", slopes[k]);
            }
        }
    }
}
