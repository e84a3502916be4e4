//! ReLU nets of two layers at finite width: what the kernel regime says of them in numbers, without training any.
//!
//! `f = sqrt(2/m) sum_r a_r relu(<w_r, x>)` with `N(0, 1)` weights and `|x| = 1`. For a pair of inputs at angle `th`, `t = cos th`,
//!
//! `J0 = pi - th`, `J1 = sin th + J0 cos th`, `J2 = 3 sin th cos th + J0 (1 + 2 cos^2 th)`
//!
//! are `2 pi` times the means of `1[wx > 0] 1[wx' > 0]`, of `relu relu` and of `relu^2 relu^2` (Cho, Saul 2009). A neuron adds
//! `2 (relu relu + a^2 t 1 1) / m` to the tangent kernel: readout and hidden weights. With `E a^2 = 1`, `E a^4 = 3` its mean is
//! `(J1 + t J0) / pi` at every width, and its variance over draws of the weights
//!
//! `Var = (4/m) { (J2 + 2 t J1 + 3 t^2 J0) / (2 pi) - ((J1 + t J0) / (2 pi))^2 }`.
//!
//! Nothing here uses the kernels of `overparam_ntk`, by which experiments are measured.

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::CellError;
use overparam_tensor::linalg::{matmul, symmetric_eigen, transposed};
use std::f64::consts::PI;

/// The tangent kernel's limit, in the parts that readout and hidden weights have of it, and its variance times the width.
pub(super) struct TwoLayers {
    readout: DMatrix<f64>,
    hidden: DMatrix<f64>,
    variance: DMatrix<f64>,
}

impl TwoLayers {
    /// On inputs (rows) of any one norm.
    pub(super) fn new(inputs: &DMatrix<f64>) -> Self {
        let gram = matmul(inputs, transposed(inputs));
        let cosine = DMatrix::from_fn(gram.nrows(), gram.nrows(), |i, k| {
            if i == k { 1.0 } else { (gram[(i, k)] / (gram[(i, i)] * gram[(k, k)]).sqrt()).clamp(-1.0, 1.0) }
        });
        let j0 = |t: f64| PI - t.acos();
        let j1 = |t: f64| (1.0 - t * t).sqrt() + j0(t) * t;
        let j2 = |t: f64| 3.0 * t * (1.0 - t * t).sqrt() + j0(t) * (1.0 + 2.0 * t * t);
        let variance = |t: f64| {
            let square = (j2(t) + 2.0 * t * j1(t) + 3.0 * t * t * j0(t)) / (2.0 * PI);
            4.0 * (square - ((j1(t) + t * j0(t)) / (2.0 * PI)).powi(2))
        };
        Self {
            readout: cosine.map(|t| j1(t) / PI),
            hidden: cosine.map(|t| t * j0(t) / PI),
            variance: cosine.map(variance),
        }
    }

    /// Root mean square over nets of `||Theta_m - Theta_inf||_F / ||Theta_inf||_F` at the start.
    pub(super) fn distance(&self, width: usize) -> f64 {
        (self.variance.sum() / width as f64).sqrt() / (&self.readout + &self.hidden).norm()
    }

    /// Root mean square over nets of the larger of `||W_l(T) - W_l(0)||_F / sqrt m` after `steps` steps of descent on
    /// `1/(2n) sum (f - f_0 - y)^2`, at leading order in the width.
    ///
    /// With a kernel that stays as it is, weights move by `J^T c`, `c = (eta/n) sum_t (y - f_t)`, so their squared
    /// distance is `c^T Theta_l c` with the layer's part of the kernel.
    pub(super) fn movement(
        &self,
        targets: &[f64],
        rate: f64,
        steps: usize,
        width: usize,
    ) -> Result<f64, CellError> {
        let y = DMatrix::from_column_slice(targets.len(), 1, targets);
        let eigen = symmetric_eigen(&(&self.readout + &self.hidden)).map_err(CellError::new)?;
        let mut sums: DMatrix<f64> = matmul(transposed(&eigen.vectors), &y);
        let rate = rate / targets.len() as f64;
        for (sum, value) in sums.iter_mut().zip(&eigen.values) {
            *sum *= (0..steps).map(|t| rate * (1.0 - rate * value).powi(t as i32)).sum::<f64>();
        }
        let c: DVector<f64> = matmul(&eigen.vectors, &sums).column(0).into_owned();
        let moved = |part: &DMatrix<f64>| (part * &c).dot(&c).max(0.0);
        Ok((moved(&self.readout).max(moved(&self.hidden)) / width as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::TwoLayers;

    /// Of one input: mean 2, variance 12/m. Of two: Monte Carlo over 400,000 neurons.
    #[test]
    fn means_and_variances_are_those_of_neurons() {
        let x = DMatrix::from_row_slice(2, 2, &[3.0, 0.0, 2.4, 1.8]);
        let kernel = TwoLayers::new(&x);
        assert!((kernel.readout[(0, 0)] + kernel.hidden[(0, 0)] - 2.0).abs() < 1e-12);
        assert!((kernel.variance[(0, 0)] - 12.0).abs() < 1e-12);
        let draws: DMatrix<f64> = Stream::root(0).normal_matrix(3, 400_000, 1.0);
        let neuron = |z: &[f64]| {
            let (a, b) = (z[0], 0.8 * z[0] + 0.6 * z[1]);
            let both = f64::from(u8::from(a > 0.0 && b > 0.0));
            2.0 * (a * b * both + z[2] * z[2] * 0.8 * both)
        };
        let values: Vec<f64> = draws.as_slice().chunks_exact(3).map(neuron).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!((mean / (kernel.readout[(0, 1)] + kernel.hidden[(0, 1)]) - 1.0).abs() < 0.01, "{mean}");
        assert!((variance / kernel.variance[(0, 1)] - 1.0).abs() < 0.03, "{variance}");
    }

    /// Descent of the linear model itself, one step at a time.
    #[test]
    fn movement_is_that_of_linear_features() {
        let x: DMatrix<f64> = Stream::root(1).normal_matrix(4, 3, 1.0);
        let kernel = TwoLayers::new(&x);
        let y = [1.0, -1.0, -1.0, 1.0];
        let (rate, theta) = (1.3, &kernel.readout + &kernel.hidden);
        let (mut f, mut c) = (DMatrix::zeros(4, 1), DMatrix::zeros(4, 1));
        for _ in 0..7 {
            let pull = (DMatrix::from_column_slice(4, 1, &y) - &f) * (rate / 4.0);
            f += &theta * &pull;
            c += pull;
        }
        let [a, b] = [&kernel.readout, &kernel.hidden].map(|part| (c.transpose() * part * &c)[(0, 0)]);
        let moved = kernel.movement(&y, rate, 7, 5).unwrap();
        assert!((moved - (a.max(b) / 5.0).sqrt()).abs() < 1e-12);
    }
}
