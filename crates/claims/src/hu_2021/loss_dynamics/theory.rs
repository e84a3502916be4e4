//! What the kernel says of training: outputs step by step, and how far a net of finite width is from them.

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::CellError;
use overparam_tensor::linalg::{SymmetricEigen, matmul, symmetric_eigen, transposed};
use overparam_tensor::random::Stream;

/// Share of the loss to which steps are counted.
const TENTH: f64 = 0.1;
/// Steps beyond which the kernel is not asked.
const MOST_STEPS: usize = 100_000;
/// Neurons drawn for the expectation: it is then known to a few percent, less than one draw of nets scatters.
const NEURONS: usize = 1_000;

/// Labels under `-(I - eta K)^k y`.
pub(super) struct Prediction {
    eigen: SymmetricEigen<f64>,
    rate: f64,
    /// `V^T y`.
    modes: DVector<f64>,
}

impl Prediction {
    pub(super) fn new(kernel: &DMatrix<f64>, rate: f64, y: &DVector<f64>) -> Result<Self, CellError> {
        let eigen = symmetric_eigen(kernel).map_err(CellError::new)?;
        let modes = eigen.vectors.tr_mul(y);
        Ok(Self { eigen, rate, modes })
    }

    fn decay(&self, a: usize) -> f64 {
        1.0 - self.rate * self.eigen.values[a]
    }

    fn modes_after(&self, k: usize) -> DVector<f64> {
        DVector::from_fn(self.modes.len(), |a, _| -self.decay(a).powf(k as f64) * self.modes[a])
    }

    /// Residuals `u - y` after `k` steps.
    pub(super) fn after(&self, k: usize) -> DVector<f64> {
        &self.eigen.vectors * self.modes_after(k)
    }

    /// Steps until the loss is a tenth, interpolated.
    pub(super) fn steps(&self) -> Option<f64> {
        let loss = |k: usize| self.modes_after(k).norm_squared() / self.modes.norm_squared();
        let mut before = 1.0;
        for k in 1..MOST_STEPS {
            let now = loss(k);
            if now <= TENTH {
                return Some(crossing(k, before, now));
            }
            before = now;
        }
        None
    }

    /// `m E ||e(k)||^2 / 2` at each of these steps: the mean over single neurons.
    pub(super) fn deviations(&self, x: &DMatrix<f64>, steps: &[usize], stream: &Stream) -> Vec<f64> {
        let n = self.modes.len();
        let weights: Vec<DMatrix<f64>> = steps.iter().map(|&k| self.response(k)).collect();
        let gram = matmul(x, transposed(x));
        let active = matmul(x, &stream.normal_matrix::<f64>(x.ncols(), NEURONS, 1.0));
        let mut sums = vec![0.0; steps.len()];
        for neuron in active.column_iter() {
            let on = |i: usize| neuron[i] > 0.0;
            let kernel = DMatrix::from_fn(n, n, |i, j| if on(i) && on(j) { gram[(i, j)] } else { 0.0 });
            let mut inner = matmul(&matmul(transposed(&self.eigen.vectors), &kernel), &self.eigen.vectors);
            (0..n).for_each(|a| inner[(a, a)] -= self.eigen.values[a]);
            for (sum, weight) in sums.iter_mut().zip(&weights) {
                let row = |a: usize| (0..n).map(|b| inner[(a, b)] * weight[(a, b)]).sum::<f64>();
                *sum += (0..n).map(|a| row(a).powi(2)).sum::<f64>();
            }
        }
        sums.into_iter().map(|sum| self.rate.powi(2) * sum / NEURONS as f64).collect()
    }

    /// `S_ab(k) c_b`.
    fn response(&self, k: usize) -> DMatrix<f64> {
        let n = self.modes.len();
        DMatrix::from_fn(n, n, |a, b| {
            let (p, q) = (self.decay(a), self.decay(b));
            let k = k as f64;
            // Nearly equal factors: the derivative in their middle.
            let slope = if (p - q).abs() < 1e-9 {
                k * (0.5 * (p + q)).powf(k - 1.0)
            } else {
                (p.powf(k) - q.powf(k)) / (p - q)
            };
            slope * self.modes[b]
        })
    }
}

/// The real number of steps at which a loss that is `before` after `k - 1` steps and `now` after `k` is a tenth.
pub(super) fn crossing(k: usize, before: f64, now: f64) -> f64 {
    k as f64 - (TENTH / now).ln() / (before / now).ln()
}

/// Whether a loss has come down to a tenth.
pub(super) fn fitted(loss: f64) -> bool {
    loss <= TENTH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hu_2021::images::coins;
    use crate::hu_2021::two_layer::first_layer_kernel;

    fn problem() -> (DMatrix<f64>, DVector<f64>) {
        let stream = Stream::root(3);
        let mut x: DMatrix<f64> = stream.named("x").normal_matrix(8, 5, 1.0);
        x.row_iter_mut().for_each(|mut row| row /= row.norm());
        (x, coins(8, &stream.named("y")))
    }

    /// Against linear dynamics with drawn kernels of many neurons, by matrix powers.
    #[test]
    fn the_first_order_is_that_of_drawn_kernels() {
        let (x, y) = problem();
        let (rate, k, neurons) = (0.4, 20, 2000);
        let kernel = first_layer_kernel(&x, None).unwrap();
        let theory = Prediction::new(&kernel, rate, &y).unwrap();
        let predicted = theory.deviations(&x, &[k], &Stream::root(1))[0] / neurons as f64;
        let gram = matmul(&x, transposed(&x));
        let mut measured = 0.0;
        for draw in 0..40 {
            let active: DMatrix<f64> =
                matmul(&x, &Stream::root(2).indexed(draw).normal_matrix(5, neurons, 1.0))
                    .map(|z: f64| f64::from(u8::from(z > 0.0)));
            let drawn = matmul(&active, transposed(&active)).component_mul(&gram) / neurons as f64;
            let mut residual = -y.clone();
            (0..k).for_each(|_| residual -= rate * (&drawn * &residual));
            measured += (residual - theory.after(k)).norm_squared() / 40.0;
        }
        assert!((measured / predicted).ln().abs() < 0.3, "{measured} {predicted}");
    }

    #[test]
    fn steps_are_interpolated() {
        let one = DMatrix::identity(1, 1);
        let theory = Prediction::new(&one, 0.5, &DVector::from_element(1, 2.0)).unwrap();
        // (1/4)^k = 1/10.
        assert!((theory.steps().unwrap() - 10f64.ln() / 4f64.ln()).abs() < 1e-12);
    }
}
