//! Gaussian processes, one time after another.

use nalgebra::DMatrix;
use overparam_tensor::random::Stream;

/// Variances that are smaller than this, relative to those before conditioning, are rounding.
const DETERMINED: f64 = 1e-11;

/// Samples of a process with `n` numbers at each time, whose covariances become known from one time to the next.
pub(super) enum Process {
    /// The same at all times.
    Constant(Vec<f64>),
    /// Anything else.
    Growing {
        /// One row a sample, a column for every number of every time.
        normals: DMatrix<f64>,
        /// Rows of the Cholesky factor so far.
        root: Vec<Vec<f64>>,
    },
}

impl Process {
    /// For `count` times. The second half of the `samples` has the normals of the first, times `sign`.
    pub(super) fn new(samples: usize, n: usize, count: usize, sign: f64, stream: &Stream) -> Self {
        let half: DMatrix<f64> = stream.normal_matrix(samples / 2, n * count, 1.0);
        let normals = DMatrix::from_fn(samples, n * count, |i, j| {
            if i < half.nrows() { half[(i, j)] } else { sign * half[(i - half.nrows(), j)] }
        });
        Self::Growing { normals, root: Vec::new() }
    }

    /// The values at the next time, sample after sample, given the covariances of that time (rows) with all times up to it.
    pub(super) fn next(&mut self, covariances: &[DMatrix<f64>]) -> Vec<f64> {
        let (normals, root) = match self {
            Self::Constant(values) => return values.clone(),
            Self::Growing { normals, root } => (normals, root),
        };
        let n = covariances.first().map_or(0, DMatrix::nrows);
        let first = root.len();
        for mu in 0..n {
            let i = first + mu;
            let mut row: Vec<f64> = Vec::with_capacity(i + 1);
            for (j, earlier) in root.iter().enumerate() {
                let given = covariances[j / n][(mu, j % n)];
                let rest = given - row.iter().zip(earlier).map(|(a, b)| a * b).sum::<f64>();
                row.push(if earlier[j] > 0.0 { rest / earlier[j] } else { 0.0 });
            }
            let variance = covariances[i / n][(mu, i % n)];
            let left = variance - row.iter().map(|a| a * a).sum::<f64>();
            row.push(if left > DETERMINED * variance { left.sqrt() } else { 0.0 });
            root.push(row);
        }
        let mut values = Vec::with_capacity(normals.nrows() * n);
        for sample in normals.row_iter() {
            for row in &root[first..] {
                values.push(row.iter().zip(sample.iter()).map(|(a, x)| a * x).sum());
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::Process;

    /// Two numbers at three times, the last time a sum of those before.
    #[test]
    fn samples_have_the_covariances() {
        let free: DMatrix<f64> = Stream::root(3).normal_matrix(4, 4, 1.0);
        let mix = DMatrix::from_fn(6, 4, |i, j| {
            if i < 4 { free[(i, j)] } else { free[(i - 4, j)] - 0.5 * free[(i - 2, j)] }
        });
        let covariance = &mix * mix.transpose();
        let block = |k: usize, j: usize| covariance.view((2 * k, 2 * j), (2, 2)).into_owned();
        let samples = 40_000;
        let mut process = Process::new(samples, 2, 3, 1.0, &Stream::root(4));
        let mut all = DMatrix::zeros(samples, 6);
        for k in 0..3 {
            let row: Vec<DMatrix<f64>> = (0..=k).map(|j| block(k, j)).collect();
            let values = process.next(&row);
            all.view_mut((0, 2 * k), (samples, 2)).copy_from(&DMatrix::from_row_slice(samples, 2, &values));
        }
        let found = all.tr_mul(&all) / samples as f64;
        let scale = covariance.diagonal().max();
        // Half of the samples are free: four standard errors of a product of Gaussians.
        assert!((found - &covariance).amax() < 4.0 * scale * (2.0 / 20_000.0f64).sqrt());
        let sums = all.columns(4, 2) - all.columns(0, 2) + all.columns(2, 2) * 0.5;
        assert!(sums.amax() < 1e-4 * scale.sqrt());
    }
}
