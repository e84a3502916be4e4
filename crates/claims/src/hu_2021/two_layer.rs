//! `f(x) = m^(-1/2) sum_r a_r relu(w_r . x)` with fixed signs `a`, its first layer trained by full-batch descent on
//! `1/2 ||f - y||^2` (Arora, Du, Hu, Li, Wang 2019, section 3), and the kernel of its infinite-width limit.
//!
//! The network and the kernel share nothing but the inputs: the one is matrix products and comparisons with 0, the other
//! [`overparam_ntk`]'s exact recursion.

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::CellError;
use overparam_ntk::architecture::{Architecture, dense, relu};
use overparam_ntk::{Inputs, Kernel};
use overparam_tensor::linalg::{gemm, transposed};
use overparam_tensor::random::Stream;

/// The network. Unit `r` has sign 1 if it is in the first half, -1 in the second.
pub(super) struct TwoLayer {
    /// `d x m`, a unit a column.
    weights: DMatrix<f64>,
}

/// How descent moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descent {
    /// Step size on `1/2 ||f - y||^2`.
    pub(super) rate: f64,
    /// Heavy-ball momentum, 0 for plain descent.
    pub(super) momentum: f64,
}

impl TwoLayer {
    /// Weights `N(0, kappa^2)`, the second half of the units a copy of the first with the opposite sign, so that the
    /// outputs are 0 at the start for any `kappa`. `width` is even.
    pub(super) fn start(inputs: usize, width: usize, kappa: f64, stream: &Stream) -> Self {
        let half: DMatrix<f64> = stream.normal_matrix(inputs, width / 2, kappa);
        let weights = DMatrix::from_fn(inputs, half.ncols() * 2, |i, r| half[(i, r % half.ncols())]);
        Self { weights }
    }

    /// `a_r / sqrt m`.
    fn readout(&self, unit: usize) -> f64 {
        let width = self.weights.ncols();
        let scale = (width as f64).sqrt().recip();
        if unit < width / 2 { scale } else { -scale }
    }

    /// Outputs on the rows of `x`.
    pub(super) fn outputs(&self, x: &DMatrix<f64>) -> DVector<f64> {
        let mut preactivations = DMatrix::zeros(x.nrows(), self.weights.ncols());
        let mut outputs = DVector::zeros(x.nrows());
        self.forward(x, &mut preactivations, &mut outputs);
        outputs
    }

    fn forward(&self, x: &DMatrix<f64>, preactivations: &mut DMatrix<f64>, outputs: &mut DVector<f64>) {
        gemm(1.0, x, &self.weights, 0.0, preactivations);
        outputs.fill(0.0);
        for (r, unit) in preactivations.as_slice().chunks_exact(x.nrows()).enumerate() {
            let readout = self.readout(r);
            outputs.iter_mut().zip(unit).for_each(|(f, z)| *f += readout * z.max(0.0));
        }
    }

    /// Descends. `observe` sees the step and the residuals `f - y` before it, and says whether to go on. Returns the number
    /// of steps; `None` if descent diverged.
    pub(super) fn descend(
        &mut self,
        (x, y): (&DMatrix<f64>, &DVector<f64>),
        descent: Descent,
        mut observe: impl FnMut(usize, &DVector<f64>) -> bool,
    ) -> Option<usize> {
        let mut hidden = DMatrix::zeros(x.nrows(), self.weights.ncols());
        let mut residuals = DVector::zeros(x.nrows());
        let mut velocity = DMatrix::zeros(self.weights.nrows(), self.weights.ncols());
        let mut step = 0;
        loop {
            self.forward(x, &mut hidden, &mut residuals);
            residuals -= y;
            if residuals.norm() > 1e3 * y.norm() || !residuals.norm().is_finite() {
                return None;
            }
            if !observe(step, &residuals) {
                return Some(step);
            }
            // dL/dw_r = a_r / sqrt m  sum_i (f_i - y_i) [w_r . x_i > 0] x_i
            for (r, unit) in hidden.as_mut_slice().chunks_exact_mut(x.nrows()).enumerate() {
                let readout = self.readout(r);
                let gradient = |(z, e): (&mut f64, &f64)| *z = if *z > 0.0 { readout * e } else { 0.0 };
                unit.iter_mut().zip(residuals.iter()).for_each(gradient);
            }
            if descent.momentum == 0.0 {
                gemm(-descent.rate, transposed(x), &hidden, 1.0, &mut self.weights);
            } else {
                gemm(1.0, transposed(x), &hidden, descent.momentum, &mut velocity);
                self.weights.zip_apply(&velocity, |w, v| *w -= descent.rate * v);
            }
            step += 1;
        }
    }
}

/// `H_ij = x_i . x_j (pi - arccos(x_i . x_j)) / (2 pi)` for rows of unit norm: the NTK of the first layer.
///
/// A network `dense (w_std = sqrt 2), relu, dense` has `K = E relu relu` and `Theta = K + 2/d x.x' E relu' relu'`; the first
/// layer's part, times `d/2`, is `H`.
pub(super) fn first_layer_kernel(
    x: &DMatrix<f64>,
    other: Option<&DMatrix<f64>>,
) -> Result<DMatrix<f64>, CellError> {
    let net = Architecture::new([dense(1).w_std(2f64.sqrt()).into(), relu(), dense(1).into()]);
    let half_dimension = x.ncols() as f64 / 2.0;
    let (x, other) = (Inputs::from(x.clone()), other.map(|other| Inputs::from(other.clone())));
    let kernel = Kernel::new(&net, x.shape()).map_err(CellError::new)?;
    let both = kernel.both(&x, other.as_ref()).map_err(CellError::new)?;
    Ok((both.ntk - both.nngp) * half_dimension)
}

#[cfg(test)]
mod tests {
    use overparam_tensor::{Tensor, grad};

    use super::*;
    use crate::hu_2021::images::coins;

    fn problem(n: usize, d: usize) -> (DMatrix<f64>, DVector<f64>) {
        let stream = Stream::root(7);
        let mut x: DMatrix<f64> = stream.named("x").normal_matrix(n, d, 1.0);
        x.row_iter_mut().for_each(|mut row| row /= row.norm());
        (x, coins(n, &stream.named("y")))
    }

    #[test]
    fn the_kernel_is_the_formula() {
        let (x, _) = problem(7, 5);
        let h = first_layer_kernel(&x, None).unwrap();
        let cross = first_layer_kernel(&x.rows(0, 2).into_owned(), Some(&x)).unwrap();
        for i in 0..7 {
            for j in 0..7 {
                let t = x.row(i).dot(&x.row(j)).clamp(-1.0, 1.0);
                let expected = t * (std::f64::consts::PI - t.acos()) / (2.0 * std::f64::consts::PI);
                assert!((h[(i, j)] - expected).abs() < 1e-7, "{i} {j}");
                assert!(i > 1 || (cross[(i, j)] - expected).abs() < 1e-7);
            }
        }
    }

    /// One step against automatic differentiation; the start is mute.
    #[test]
    fn a_step_follows_the_gradient() {
        let (x, y) = problem(6, 4);
        for momentum in [0.0, 0.9] {
            let mut net = TwoLayer::start(4, 10, 2.0, &Stream::root(1));
            assert!(net.outputs(&x).amax() < 1e-14);
            let [inputs, start] =
                [&x, &net.weights].map(|m| Tensor::from_fn(&[m.nrows(), m.ncols()], |i| m[(i[0], i[1])]));
            let readout = Tensor::from_fn(&[10, 1], |i| net.readout(i[0]));
            let targets = Tensor::from_fn(&[6, 1], |i| y[i[0]]);
            let loss = |w: &Tensor<f64>| {
                (inputs.matmul(w).maximum(&Tensor::scalar(0.0)).matmul(&readout) - &targets)
                    .square()
                    .sum()
                    .scale(0.5)
            };
            let expected = &start - grad(loss, &start).scale(0.1);
            let descent = Descent { rate: 0.1, momentum };
            let steps = net.descend((&x, &y), descent, |step, _| step < 1).unwrap();
            assert_eq!(steps, 1);
            let moved = expected.array().to_matrix();
            assert!((net.weights - moved).amax() < 1e-14);
        }
    }

    /// The limit is approached as `1/sqrt(width)`: 64 times the width, asked is a fourth of the distance.
    #[test]
    fn wide_networks_have_the_kernel() {
        let (x, y) = problem(6, 4);
        let h = first_layer_kernel(&x, None).unwrap();
        let distance = |width: usize| {
            let mut net = TwoLayer::start(4, width, 10.0, &Stream::root(2));
            net.descend((&x, &y), Descent { rate: 1e-3, momentum: 0.0 }, |step, _| step < 1).unwrap();
            (net.outputs(&x) / 1e-3 - &h * &y).norm()
        };
        assert!(distance(256 * 64) < distance(256) / 4.0);
    }

    #[test]
    fn a_rate_too_large_is_an_outcome() {
        let (x, y) = problem(6, 4);
        let mut net = TwoLayer::start(4, 10, 1.0, &Stream::root(1));
        let descent = Descent { rate: 1e3, momentum: 0.0 };
        assert_eq!(net.descend((&x, &y), descent, |step, _| step < 100), None);
    }
}
