//! Common and rare features: what mixup makes a network learn (Zou, Cao, Li and Gu 2023).
//!
//! Four orthonormal features: `v` and the rare `v'` mean +1, `u` and the rare `u'` mean -1. An example has `P` patches: one
//! carries its class's feature, the rare one with probability `rho`; `b` carry `alpha v` or `alpha u`, whichever, as feature
//! noise; the rest are `N(0, s_p^2 I)`. The net has quadratic responses, `F_k = sum_r sum_p <w_kr, x_p>^2`, and logistic loss.
//!
//! Mixup trains on all pairs: patches `lambda x_i + (1 - lambda) x_j`, the loss mixed alike. Quadratic responses make all `n^2`
//! pairs as cheap as products of `n x n` matrices: with `a_i` the vector of example `i`'s responses,
//!
#![doc = overparam_formula::formula!("F_k(i, j) = lambda^2 |a_i|^2 + (1 - lambda)^2 |a_j|^2 + 2 lambda (1 - lambda) <a_i, a_j>.")]

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, gemm, matmul, transposed};
use overparam_tensor::random::Stream;
use rand_distr::{Distribution, StandardUniform};

use super::logistic;
use super::span::SpanDescent;
use crate::activation::zip;
use crate::error::{Error, finite_loss, positive};

/// Sizes and scales of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Data {
    /// `d`; the features are its first four axes `v, u, v', u'`.
    pub dimension: usize,
    /// `n`.
    pub examples: usize,
    /// `P`.
    pub patches: usize,
    /// `b`.
    pub feature_noise_patches: usize,
    /// `rho`.
    pub rare: f64,
    /// `alpha`.
    pub feature_noise: f64,
    /// `s_p`.
    pub noise: f64,
}

/// A training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Filters a class.
    pub filters: usize,
    /// Standard deviation of the filters' entries at the start.
    pub start: f64,
    /// `eta`.
    pub learning_rate: f64,
    /// Steps in all.
    pub steps: usize,
    /// Steps with mixup, the first ones; after them training is standard.
    pub mixup_steps: usize,
    /// `lambda`, in `(1/2, 1)`.
    pub mixing: f64,
}

/// What training led to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// Share of the training examples on the wrong side.
    pub train_error: f64,
    /// Share of fresh examples with the common feature on the wrong side.
    pub common_error: f64,
    /// Share of fresh examples with the rare feature on the wrong side.
    pub rare_error: f64,
}

/// Examples as multiples of atoms: the four features, then noise vectors.
struct Examples {
    labels: Vec<f64>,
    /// `P` patches an example: atom and multiple.
    patches: Vec<(usize, f64)>,
    /// Noise vectors, a row each.
    noise: DMatrix<f64>,
}

/// `rare` is the probability of the rare feature.
fn draw(data: &Data, count: usize, rare: f64, stream: &Stream) -> Examples {
    let mut rng = stream.named("patches").rng();
    let mut uniform = || -> f64 { StandardUniform.sample(&mut rng) };
    let (mut labels, mut patches) = (Vec::with_capacity(count), Vec::with_capacity(count * data.patches));
    let mut atom = 4;
    for _ in 0..count {
        let (label, is_rare) = (uniform() < 0.5, uniform() < rare);
        labels.push(if label { 1.0 } else { -1.0 });
        patches.push((usize::from(!label) + 2 * usize::from(is_rare), 1.0));
        for patch in 1..data.patches {
            if patch <= data.feature_noise_patches {
                patches.push((usize::from(uniform() < 0.5), data.feature_noise));
            } else {
                patches.push((atom, 1.0));
                atom += 1;
            }
        }
    }
    let noise = stream.named("noise").normal_matrix(atom - 4, data.dimension, data.noise);
    Examples { labels, patches, noise }
}

impl Examples {
    fn len(&self) -> usize {
        self.labels.len()
    }

    /// Responses of a class's filters: an example a column, its patches and filters below each other.
    fn responses(&self, products: &DMatrix<f64>, class: usize) -> DMatrix<f64> {
        let (rows, n) = (products.nrows(), self.len());
        let m = rows / 2;
        let mut responses = DMatrix::zeros(self.patches.len() / n * m, n);
        let patches = responses.as_mut_slice().chunks_exact_mut(m).zip(&self.patches);
        for (responses, &(atom, multiple)) in patches {
            let filters = &products.as_slice()[atom * rows + class * m..][..m];
            responses.iter_mut().zip(filters).for_each(|(response, a)| *response = multiple * a);
        }
        responses
    }

    /// Adds derivatives by the responses to those by the products.
    fn collect(&self, slopes: &DMatrix<f64>, class: usize, out: &mut DMatrix<f64>) {
        let rows = out.nrows();
        let m = rows / 2;
        for (slopes, &(atom, multiple)) in slopes.as_slice().chunks_exact(m).zip(&self.patches) {
            let out = &mut out.as_mut_slice()[atom * rows + class * m..][..m];
            out.iter_mut().zip(slopes).for_each(|(out, slope)| *out += multiple * slope);
        }
    }

    /// `F_+ - F_-` of every example.
    fn outputs(&self, products: &DMatrix<f64>) -> Vec<f64> {
        let norms = |class| -> Vec<f64> {
            self.responses(products, class).column_iter().map(|a| a.norm_squared()).collect()
        };
        norms(0).iter().zip(norms(1)).map(|(plus, minus)| plus - minus).collect()
    }

    fn error(&self, products: &DMatrix<f64>) -> f64 {
        let wrong = self.outputs(products).iter().zip(&self.labels).filter(|(f, y)| *f * *y <= 0.0).count();
        wrong as f64 / self.len() as f64
    }
}

/// `F_+ - F_-` of every pair, mixed, a pair `(i, j)` an entry; `difference` is that of the classes' Gram matrices `<a_i, a_j>`.
fn mixed_outputs(difference: &DMatrix<f64>, mixing: f64) -> DMatrix<f64> {
    let (own, other) = (mixing, 1.0 - mixing);
    let diagonal = difference.diagonal();
    let mut outputs = difference * (2.0 * own * other);
    for (j, mut column) in outputs.column_iter_mut().enumerate() {
        column.axpy(own * own, &diagonal, 1.0);
        column.add_scalar_mut(other * other * diagonal[j]);
    }
    outputs
}

/// Fills the derivatives of the mean loss over all pairs by the products.
///
/// The loss of a pair is the cross-entropy with target `t = lambda [y_i = 1] + (1 - lambda) [y_j = 1]`, so its derivative by
/// the output `f` is `sigma(f) - t`.
fn mixed_gradient(examples: &Examples, products: &DMatrix<f64>, mixing: f64, out: &mut DMatrix<f64>) {
    let n = examples.len();
    let (own, other) = (mixing, 1.0 - mixing);
    let responses = [0, 1].map(|class| examples.responses(products, class));
    let grams = responses.each_ref().map(|a| matmul(transposed(a), a));
    let mut slopes = mixed_outputs(&(&grams[0] - &grams[1]), mixing);
    let targets: Vec<f64> = examples.labels.iter().map(|y| f64::from(u8::from(*y > 0.0))).collect();
    for (column, target) in slopes.as_mut_slice().chunks_exact_mut(n).zip(&targets) {
        let offset = other * target;
        zip(
            &targets,
            column,
            #[inline(always)]
            |t, f| *f = sigmoid(*f) - own * t - offset,
        );
    }
    // By the Gram matrix: symmetrised off the diagonal, rows and columns collected on it.
    let mut by_gram: DMatrix<f64> = (&slopes + slopes.transpose()) * (2.0 * own * other);
    for i in 0..n {
        by_gram[(i, i)] += 2.0 * (own * own * slopes.row(i).sum() + other * other * slopes.column(i).sum());
    }
    out.fill(0.0);
    for (class, a) in responses.iter().enumerate() {
        let mut by_response = DMatrix::zeros(a.nrows(), n);
        let sign = if class == 0 { 1.0 } else { -1.0 };
        gemm(sign / (n * n) as f64, a, &by_gram, 0.0, &mut by_response);
        examples.collect(&by_response, class, out);
    }
}

#[inline(always)]
fn sigmoid<T: Real>(x: T) -> T {
    T::ONE / (T::ONE + (-x).fast_exp())
}

/// As [`mixed_gradient`], of the examples themselves.
fn standard_gradient(examples: &Examples, products: &DMatrix<f64>, out: &mut DMatrix<f64>) {
    let n = examples.len() as f64;
    let outputs = examples.outputs(products);
    let slope = |(f, y): (&f64, &f64)| 2.0 * y * logistic(y * f).1 / n;
    let slopes: Vec<f64> = outputs.iter().zip(&examples.labels).map(slope).collect();
    out.fill(0.0);
    for (class, sign) in [(0, 1.0), (1, -1.0)] {
        let mut by_response = examples.responses(products, class);
        for (mut column, slope) in by_response.column_iter_mut().zip(&slopes) {
            column *= sign * slope;
        }
        examples.collect(&by_response, class, out);
    }
}

/// Draws data and filters, descends on all examples or all their pairs, and tests on `test` fresh examples of each kind.
///
/// # Errors
/// [`Error::Parameter`] for a learning rate, start or noise that is not positive, a mixing outside `(1/2, 1)`, fewer patches
/// than the features need or fewer dimensions than features; [`Error::Diverged`].
pub fn train(data: &Data, training: &Training, test: usize, stream: &Stream) -> Result<Trained, Error> {
    positive("the learning rate", training.learning_rate)?;
    positive("the scale of the start", training.start)?;
    positive("the noise", data.noise)?;
    let check = |holds: bool, name, value: f64, expected| {
        if holds { Ok(()) } else { Err(Error::Parameter { name, value, expected }) }
    };
    check(
        training.mixing > 0.5 && training.mixing < 1.0,
        "the mixing",
        training.mixing,
        "between 1/2 and 1",
    )?;
    let expected = "above the number of feature-noise patches";
    check(data.patches > data.feature_noise_patches, "the number of patches", data.patches as f64, expected)?;
    check(data.dimension >= 4, "the dimension", data.dimension as f64, "at least 4, one per feature")?;
    let examples = draw(data, data.examples, data.rare, &stream.named("train"));
    let features = DMatrix::identity(4, data.dimension);
    let mut atoms = DMatrix::zeros(4 + examples.noise.nrows(), data.dimension);
    atoms.rows_mut(0, 4).copy_from(&features);
    atoms.rows_mut(4, examples.noise.nrows()).copy_from(&examples.noise);
    let start = stream.named("filters").normal_matrix(2 * training.filters, data.dimension, training.start);
    let mut net = SpanDescent::new(atoms, start);
    let mut slopes = DMatrix::zeros(2 * training.filters, net.products().ncols());
    for step in 0..training.steps {
        if step < training.mixup_steps {
            mixed_gradient(&examples, net.products(), training.mixing, &mut slopes);
        } else {
            standard_gradient(&examples, net.products(), &mut slopes);
        }
        finite_loss(step, slopes.sum(), training.learning_rate)?;
        net.step(training.learning_rate, &slopes);
    }
    let filters = net.filters();
    let fresh = |rare: f64, name: &str| {
        let examples = draw(data, test, rare, &stream.named(name));
        let mut products = DMatrix::zeros(filters.nrows(), 4 + examples.noise.nrows());
        products.columns_mut(0, 4).copy_from(&filters.columns(0, 4));
        let noise = matmul(&filters, transposed(&examples.noise));
        products.columns_mut(4, examples.noise.nrows()).copy_from(&noise);
        examples.error(&products)
    };
    Ok(Trained {
        train_error: examples.error(net.products()),
        common_error: fresh(0.0, "common"),
        rare_error: fresh(1.0, "rare"),
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::{Data, Examples, draw, mixed_gradient, standard_gradient};
    use crate::patches::logistic;

    const DATA: Data = Data {
        dimension: 10,
        examples: 6,
        patches: 4,
        feature_noise_patches: 1,
        rare: 0.4,
        feature_noise: 0.3,
        noise: 0.5,
    };

    /// By the definition: mixed patches, one pair at a time; of the examples themselves if the mixing is 1.
    fn loss(examples: &Examples, products: &DMatrix<f64>, mixing: f64) -> f64 {
        let response = |i: usize, p: usize, r: usize| {
            let (atom, multiple) = examples.patches[i * DATA.patches + p];
            multiple * products[(r, atom)]
        };
        let mut sum = 0.0;
        for i in 0..6 {
            for j in 0..6 {
                let mut f = 0.0;
                for r in 0..6 {
                    for p in 0..DATA.patches {
                        let a = mixing * response(i, p, r) + (1.0 - mixing) * response(j, p, r);
                        f += if r < 3 { a * a } else { -a * a };
                    }
                }
                let own = mixing * logistic(examples.labels[i] * f).0;
                sum += own + (1.0 - mixing) * logistic(examples.labels[j] * f).0;
            }
        }
        sum / 36.0
    }

    #[test]
    fn gradients_agree_with_finite_differences_of_the_definition() {
        let examples = draw(&DATA, 6, 0.4, &Stream::root(0));
        let products: DMatrix<f64> = Stream::root(1).normal_matrix(6, 4 + examples.noise.nrows(), 0.5);
        for mixing in [0.6, 1.0] {
            let mut slopes = DMatrix::zeros(products.nrows(), products.ncols());
            if mixing < 1.0 {
                mixed_gradient(&examples, &products, mixing, &mut slopes);
            } else {
                standard_gradient(&examples, &products, &mut slopes);
            }
            for k in 0..products.len() {
                let at = |shift: f64| {
                    let mut moved = products.clone();
                    moved[k] += shift;
                    loss(&examples, &moved, mixing)
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - slopes[k]).abs() < 1e-8, "mixing {mixing}, {k}: {slope} {}", slopes[k]);
            }
        }
    }
}
