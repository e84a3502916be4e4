//! The experiment: full-batch descent of all filters on all examples, every inner product included.

use nalgebra::DMatrix;
use overparam_feature_flow::patches::span::SpanDescent;
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::random::Stream;

use super::problem::{FILTERS, Problem, STEPS, TARGET, rate};

/// What descent led to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trained {
    pub(super) train_loss: f64,
    pub(super) test_loss: f64,
}

/// Fresh examples to test on: their noise.
pub(super) fn fresh(count: usize, dimension: usize, stream: &Stream) -> DMatrix<f64> {
    let mut noise: DMatrix<f64> = stream.normal_matrix(count, dimension, 1.0);
    noise.column_mut(0).fill(0.0);
    noise
}

/// Trains to [`TARGET`] at this SNR; nothing if the loss is not finite. Fresh examples carry either sign in turn.
pub(super) fn train(problem: &Problem, snr: f64, fresh: &DMatrix<f64>) -> Option<Trained> {
    let Problem { power, labels, noise, filters } = problem;
    let (n, length) = (labels.len(), snr * (noise.ncols() as f64).sqrt());
    let mut atoms = noise.clone().insert_row(0, 0.0);
    atoms[(0, 0)] = length;
    let mut net = SpanDescent::new(atoms, filters.clone());
    let mut slopes = DMatrix::zeros(2 * FILTERS, n + 1);
    for step in 0.. {
        let train_loss = gradient((*power, labels), net.products(), &mut slopes);
        if !train_loss.is_finite() {
            return None;
        }
        if train_loss <= TARGET || step >= STEPS {
            let filters = net.filters();
            let products = matmul(&filters, transposed(fresh));
            let of = |i: usize| {
                let y = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
                let signal = filters.column(0).map(|w| y * length * w);
                let patches = [signal.as_slice(), &products.as_slice()[i * 2 * FILTERS..][..2 * FILTERS]];
                softplus(-y * patches.map(|a| response(a, *power)).iter().sum::<f64>())
            };
            let test_loss = (0..fresh.nrows()).map(of).sum::<f64>() / fresh.nrows() as f64;
            return Some(Trained { train_loss, test_loss });
        }
        net.step(rate(snr), &slopes);
    }
    None
}

/// `relu(a)^(q - 1)`.
#[inline(always)]
fn below(a: f64, q: i32) -> f64 {
    let relu = a.max(0.0);
    match q {
        3 => relu * relu,
        4 => relu * relu * relu,
        _ => relu.powi(q - 1),
    }
}

/// A patch's part of the output, from its products with the filters.
fn response(products: &[f64], q: i32) -> f64 {
    let sum = |a: &[f64]| a.iter().map(|a| a.max(0.0) * below(*a, q)).sum::<f64>();
    let (plus, minus) = products.split_at(products.len() / 2);
    (sum(plus) - sum(minus)) / FILTERS as f64
}

fn softplus(x: f64) -> f64 {
    (-x.abs()).exp().ln_1p() + x.max(0.0)
}

/// Fills the derivatives of the mean loss by the products, the signal's in the first column; returns the loss.
fn gradient((q, labels): (i32, &[f64]), products: &DMatrix<f64>, out: &mut DMatrix<f64>) -> f64 {
    let (rows, n) = (products.nrows(), labels.len() as f64);
    // The signal's patch is `mu` or `-mu`.
    let kinds = [1.0, -1.0].map(|y| products.column(0).map(|a| y * a));
    let signal = kinds.each_ref().map(|a| response(a.as_slice(), q));
    let (mut loss, mut pull) = (0.0, [0.0; 2]);
    let columns = products.as_slice().chunks_exact(rows).zip(out.as_mut_slice().chunks_exact_mut(rows));
    for ((a, slopes), y) in columns.skip(1).zip(labels) {
        let kind = usize::from(*y < 0.0);
        let margin = y * (signal[kind] + response(a, q));
        loss += softplus(-margin) / n;
        let weight = f64::from(q) * y / (1.0 + margin.exp()) / (n * FILTERS as f64);
        pull[kind] += weight * y;
        for (r, (slope, a)) in slopes.iter_mut().zip(a).enumerate() {
            *slope = if r < rows / 2 { -weight } else { weight } * below(*a, q);
        }
    }
    for (r, slope) in out.column_mut(0).iter_mut().enumerate() {
        let sign = if r < rows / 2 { -1.0 } else { 1.0 };
        *slope = sign * (pull[0] * below(kinds[0][r], q) + pull[1] * below(kinds[1][r], q));
    }
    loss
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::{FILTERS, gradient};

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let labels = [1.0, -1.0, -1.0];
        let products: DMatrix<f64> = Stream::root(2).normal_matrix(2 * FILTERS, 4, 1.0);
        let mut slopes = DMatrix::zeros(2 * FILTERS, 4);
        for q in [3, 4, 5] {
            gradient((q, &labels), &products, &mut slopes);
            for k in 0..products.len() {
                let at = |shift: f64| {
                    let mut moved = products.clone();
                    moved[k] += shift;
                    gradient((q, &labels), &moved, &mut DMatrix::zeros(2 * FILTERS, 4))
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - slopes[k]).abs() < 1e-7, "q = {q}, {k}: {slope} {}", slopes[k]);
            }
        }
    }
}
