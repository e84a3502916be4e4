//! Samples of one hidden layer at all times, and how they answer to their sources.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::random::Stream;

use super::process::Process;
use crate::error::Error;
use crate::rich_limit::{Nonlinearity, TwoLayer, nonlinearity};

/// Numbers of all samples at one time: `n` of one sample, then those of the next.
type Fields = Vec<f64>;

/// Derivatives of `h` and of `g` in a source, at `[time][time of the source]`: an `n x n` block for each sample, row by row.
#[derive(Default)]
struct Answers {
    hidden: Vec<Vec<Fields>>,
    gradient: Vec<Vec<Fields>>,
}

/// One hidden layer.
pub(super) struct Site {
    n: usize,
    samples: usize,
    /// `u` and `r`.
    sources: [Process; 2],
    values: Vec<Fields>,
    slopes: Vec<Fields>,
    curvatures: Vec<Fields>,
    /// `z`.
    pulled: Vec<Fields>,
    gradient: Vec<Fields>,
    /// In `u`: not needed by the first layer.
    by_u: Option<Answers>,
    /// In `r`: not needed by the last layer.
    by_r: Option<Answers>,
    /// `Phi(k, j)` at `[k][j]`, `j <= k`.
    pub(super) features: Vec<Vec<DMatrix<f64>>>,
    /// `G(k, j)` at `[k][j]`, `j <= k`.
    pub(super) gradients: Vec<Vec<DMatrix<f64>>>,
    /// `A(k, j)` at `[k][j]`, `j < k`.
    pub(super) feature_responses: Vec<Vec<DMatrix<f64>>>,
    /// `B(k, j)` at `[k][j]`, `j <= k`.
    pub(super) gradient_responses: Vec<Vec<DMatrix<f64>>>,
}

impl Site {
    /// `first` layers have the inputs below, for a `u` that does not change; `last` ones the read-out above, an `r` that is one number.
    pub(super) fn new(
        problem: &TwoLayer,
        [first, last]: [bool; 2],
        pairs: usize,
        count: usize,
        stream: &Stream,
    ) -> Self {
        let (n, samples) = (problem.points(), 2 * pairs);
        let (u, r) = (stream.named("u"), stream.named("r"));
        let forward = if first {
            let root = &problem.root;
            let half: DMatrix<f64> = u.normal_matrix::<f64>(pairs, root.ncols(), 1.0) * root.transpose();
            let rows = (0..samples).flat_map(|i| half.row(i % pairs).iter().copied().collect::<Vec<_>>());
            Process::Constant(rows.collect())
        } else {
            Process::new(samples, n, count, 1.0, &u)
        };
        let backward = if last {
            let half: DVector<f64> = r.normal_vector(pairs, 1.0);
            let one = |i: usize| if i < pairs { half[i] } else { -half[i - pairs] };
            Process::Constant((0..samples).flat_map(|i| std::iter::repeat_n(one(i), n)).collect())
        } else {
            Process::new(samples, n, count, -1.0, &r)
        };
        Self {
            n,
            samples,
            sources: [forward, backward],
            values: Vec::new(),
            slopes: Vec::new(),
            curvatures: Vec::new(),
            pulled: Vec::new(),
            gradient: Vec::new(),
            by_u: (!first).then(Answers::default),
            by_r: (!last).then(Answers::default),
            features: Vec::new(),
            gradients: Vec::new(),
            feature_responses: Vec::new(),
            gradient_responses: Vec::new(),
        }
    }

    /// `h` at time `k`. `memory` multiplies `g` at earlier times, `below` are the covariances of `u`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `phi` has no second derivative.
    pub(super) fn forward(
        &mut self,
        k: usize,
        memory: &[DMatrix<f64>],
        below: &[DMatrix<f64>],
        phi: &impl Nonlinearity,
    ) -> Result<(), Error> {
        let mut hidden = self.sources[0].next(below);
        for (weights, gradient) in memory.iter().zip(&self.gradient) {
            add(&mut hidden, weights, gradient, 1);
        }
        let (n, samples) = (self.n, self.samples);
        for (answers, own) in [(&mut self.by_u, true), (&mut self.by_r, false)] {
            let Some(answers) = answers else { continue };
            let row = (0..=k).map(|j| {
                let mut block =
                    if own && j == k { identities(samples, n) } else { vec![0.0; samples * n * n] };
                for (weights, at) in memory.iter().zip(&answers.gradient).skip(j) {
                    add(&mut block, weights, &at[j], n);
                }
                block
            });
            let row: Vec<Fields> = row.collect();
            answers.hidden.push(row);
        }
        let (mut values, mut slopes) = (vec![0.0; hidden.len()], vec![0.0; hidden.len()]);
        phi.evaluate(&hidden, &mut values, &mut slopes);
        let curvatures = hidden.iter().map(|&h| nonlinearity::curvature(phi, h)).collect::<Result<_, _>>()?;
        self.curvatures.push(curvatures);
        self.values.push(values);
        self.slopes.push(slopes);
        self.features.push((0..=k).map(|j| self.covariance(&self.values[k], &self.values[j])).collect());
        let responses = self.by_r.as_ref().map_or_else(Vec::new, |answers| {
            (0..k).map(|j| self.mean_block(Some(self.slopes[k].as_slice()), &answers.hidden[k][j])).collect()
        });
        self.feature_responses.push(responses);
        Ok(())
    }

    /// `z` and `g` at time `k`. `memory` multiplies `phi(h)` at times up to `k`, `above` are the covariances of `r`.
    pub(super) fn backward(&mut self, k: usize, memory: &[DMatrix<f64>], above: &[DMatrix<f64>]) {
        let mut pulled = self.sources[1].next(above);
        for (weights, values) in memory.iter().zip(&self.values) {
            add(&mut pulled, weights, values, 1);
        }
        let (n, samples) = (self.n, self.samples);
        let (slopes, curvatures) = (&self.slopes[k], &self.curvatures[k]);
        for (answers, own) in [(&mut self.by_u, false), (&mut self.by_r, true)] {
            let Some(answers) = answers else { continue };
            let row = (0..=k).map(|j| {
                let mut block =
                    if own && j == k { identities(samples, n) } else { vec![0.0; samples * n * n] };
                for ((weights, slopes), at) in memory.iter().zip(&self.slopes).zip(&answers.hidden).skip(j) {
                    let mut moved = at[j].clone();
                    moved.iter_mut().enumerate().for_each(|(i, m)| *m *= slopes[i / n]);
                    add(&mut block, weights, &moved, n);
                }
                let hidden = &answers.hidden[k][j];
                for (i, (b, h)) in block.iter_mut().zip(hidden).enumerate() {
                    *b = slopes[i / n] * *b + curvatures[i / n] * pulled[i / n] * h;
                }
                block
            });
            let row: Vec<Fields> = row.collect();
            answers.gradient.push(row);
        }
        self.gradient.push(slopes.iter().zip(&pulled).map(|(s, z)| s * z).collect());
        self.pulled.push(pulled);
        self.gradients.push((0..=k).map(|j| self.covariance(&self.gradient[k], &self.gradient[j])).collect());
        let responses = self.by_u.as_ref().map_or_else(Vec::new, |answers| {
            answers.gradient[k].iter().map(|block| self.mean_block(None, block)).collect()
        });
        self.gradient_responses.push(responses);
    }

    /// `E z phi(h)` at time `k`.
    pub(super) fn output(&self, k: usize) -> DVector<f64> {
        let mut mean = DVector::zeros(self.n);
        for (i, (z, value)) in self.pulled[k].iter().zip(&self.values[k]).enumerate() {
            mean[i % self.n] += z * value / self.samples as f64;
        }
        mean
    }

    /// `E a b^T`.
    fn covariance(&self, a: &[f64], b: &[f64]) -> DMatrix<f64> {
        let mut mean = DMatrix::zeros(self.n, self.n);
        for (a, b) in a.chunks_exact(self.n).zip(b.chunks_exact(self.n)) {
            for (mu, a) in a.iter().enumerate() {
                for (nu, b) in b.iter().enumerate() {
                    mean[(mu, nu)] += a * b;
                }
            }
        }
        mean / self.samples as f64
    }

    /// The mean block, its rows multiplied with factors.
    fn mean_block(&self, factors: Option<&[f64]>, blocks: &[f64]) -> DMatrix<f64> {
        let n = self.n;
        let mut mean = DMatrix::zeros(n, n);
        for (i, value) in blocks.iter().enumerate() {
            mean[(i / n % n, i % n)] += value * factors.map_or(1.0, |f| f[i / n]);
        }
        mean / self.samples as f64
    }
}

/// Adds `weights` times a block of `columns` columns, for each sample.
fn add(to: &mut [f64], weights: &DMatrix<f64>, blocks: &[f64], columns: usize) {
    let n = weights.nrows();
    for (to, block) in to.chunks_exact_mut(n * columns).zip(blocks.chunks_exact(n * columns)) {
        for mu in 0..n {
            for nu in 0..n {
                let weight = weights[(mu, nu)];
                for column in 0..columns {
                    to[mu * columns + column] += weight * block[nu * columns + column];
                }
            }
        }
    }
}

fn identities(samples: usize, n: usize) -> Fields {
    (0..samples * n * n).map(|i| f64::from(u8::from(i / n % n == i % n))).collect()
}
