//! Real nets on real signs: outputs, gradients, fresh samples. Nothing here knows of a limit.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::CellError;
use overparam_tensor::linalg::{gemm, matmul, transposed};
use overparam_tensor::random::Stream;

use super::{Cell, LEFT_PLATEAU, LOOK, Outcome, Target};
use crate::wide::coins;

/// Completions of each of the eight patterns of the first three signs on which the risk is measured.
const COMPLETIONS: usize = 40;

impl Target {
    /// Of one input.
    pub(super) fn value(self, z: [f64; 3]) -> f64 {
        let all = z[0] * z[1] * z[2];
        match self {
            Target::Stairs => z[0] + z[0] * z[1] + all,
            Target::Gap => z[0] + all,
        }
    }

    /// Of each row.
    fn values(self, x: &DMatrix<f64>) -> DVector<f64> {
        DVector::from_iterator(
            x.nrows(),
            (0..x.nrows()).map(|i| self.value([x[(i, 0)], x[(i, 1)], x[(i, 2)]])),
        )
    }
}

/// `f(x) = 1/m sum_j a_j phi(w_j . x)`, `phi(x) = erf((x + b_0)/sqrt 2)`.
#[derive(Clone)]
pub(super) struct Net {
    pub(super) readout: DVector<f64>,
    /// A column for each unit.
    pub(super) weights: DMatrix<f64>,
    bias: f64,
}

impl Net {
    pub(super) fn new(dimension: usize, width: usize, bias: f64, stream: &Stream) -> Self {
        let m = width as f64;
        Self {
            readout: DVector::from_fn(width, |j, _| (2 * j + 1) as f64 / m - 1.0),
            weights: stream.normal_matrix(dimension, width, (dimension as f64).sqrt().recip()),
            bias,
        }
    }

    /// `w_j . x + b_0`, examples by units.
    fn arguments(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        matmul(x, &self.weights).add_scalar(self.bias)
    }

    fn outputs(&self, features: &DMatrix<f64>) -> DVector<f64> {
        features * &self.readout / self.readout.len() as f64
    }

    /// `1/2` the mean of `(y - f)^2`.
    pub(super) fn risk(&self, x: &DMatrix<f64>, y: &DVector<f64>) -> f64 {
        let features = self.arguments(x).map(|s| libm::erf(s * FRAC_1_SQRT_2));
        0.5 * (y - self.outputs(&features)).norm_squared() / y.len() as f64
    }

    /// One step against the gradient of this batch's risk, times the width.
    pub(super) fn step(&mut self, x: &DMatrix<f64>, y: &DVector<f64>, eta: f64) {
        let mut s = self.arguments(x);
        let features = s.map(|s| libm::erf(s * FRAC_1_SQRT_2));
        let missing = (y - self.outputs(&features)) / y.len() as f64;
        let slope = (2.0 / PI).sqrt();
        for (j, mut column) in s.column_iter_mut().enumerate() {
            let a = self.readout[j];
            column.zip_apply(&missing, |s, r| *s = a * r * slope * (-0.5 * *s * *s).exp());
        }
        gemm(eta, transposed(x), &s, 1.0, &mut self.weights);
        self.readout.gemv_tr(eta, &features, &missing, 1.0);
    }
}

/// Fresh signs, a row for each example.
fn signs(examples: usize, dimension: usize, stream: &Stream) -> DMatrix<f64> {
    DMatrix::from_vec(examples, dimension, coins(examples * dimension, stream))
}

/// All patterns of the first three signs, each with fresh completions.
fn test_inputs(dimension: usize, stream: &Stream) -> DMatrix<f64> {
    let mut x = signs(8 * COMPLETIONS, dimension, stream);
    for i in 0..x.nrows() {
        for bit in 0..3 {
            x[(i, bit)] = if i >> bit & 1 == 1 { -1.0 } else { 1.0 };
        }
    }
    x
}

/// One run, looked at every quarter.
pub(super) fn descend(cell: &Cell, stream: &Stream) -> Result<Outcome, CellError> {
    let test = test_inputs(cell.dimension, &stream.named("test"));
    let known = cell.target.values(&test);
    let mut net = Net::new(cell.dimension, cell.width, cell.bias, &stream.named("weights"));
    let every = (LOOK / cell.learning_rate).round().max(1.0) as usize;
    let steps = (cell.time / cell.learning_rate).round() as usize;
    let mut risks = Vec::new();
    for step in 0..=steps {
        if step % every == 0 {
            let risk = net.risk(&test, &known);
            if !risk.is_finite() {
                return Err(CellError::new(format!(
                    "the risk is {risk} after {step} steps: use a smaller learning_rate"
                )));
            }
            risks.push((step as f64 * cell.learning_rate, risk));
            if cell.predicted == Target::Gap && risk < LEFT_PLATEAU {
                break;
            }
        }
        if step < steps {
            let x = signs(cell.batch, cell.dimension, &stream.named("batch").indexed(step as u64));
            net.step(&x, &cell.target.values(&x), cell.learning_rate);
        }
    }
    Ok(Outcome { risks })
}
