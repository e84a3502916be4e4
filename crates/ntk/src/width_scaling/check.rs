//! The coordinate check: how far one step moves each layer, by width.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::random::Stream;

use super::{Role, Rule, WidthScaling};
use crate::NtkError;

/// The nonlinearity of the hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// `tanh`, gain 1.
    Tanh,
    /// ReLU, gain 2.
    Relu,
}

/// Fully connected nets of several widths, each moved by one small step from its start on the loss `-1/P sum_p y_p f(x_p)`: linear, so that
/// the random output at the start does not enter.
///
/// ```
/// use nalgebra::{DMatrix, DVector};
/// use overparam_ntk::width_scaling::{CoordinateCheck, Hidden, Rule, Scaling, WidthScaling};
/// use overparam_tensor::random::Stream;
///
/// let stream = Stream::root(0);
/// let check = CoordinateCheck {
///     scaling: WidthScaling::new(Scaling::MaximalUpdate, Rule::Sgd, 32)?,
///     hidden: Hidden::Tanh,
///     depth: 3,
///     widths: vec![32, 64, 128],
///     rate: 1e-5,
///     seeds: 3,
/// };
/// let (x, y) = (stream.named("x").normal_matrix(16, 4, 1.0), DVector::from_element(16, 1.0));
/// let report = check.run(&x, &y, &stream)?;
/// assert!(report.exponents.iter().all(|e| e.abs() < 0.2));
/// # Ok::<(), overparam_ntk::NtkError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CoordinateCheck {
    /// The parameterisation and its rule.
    pub scaling: WidthScaling,
    /// The hidden layers' nonlinearity.
    pub hidden: Hidden,
    /// `L >= 2`, the number of weight matrices.
    pub depth: usize,
    /// At least two widths, ascending.
    pub widths: Vec<usize>,
    /// `eta > 0`: small, so that changes are linear in it.
    pub rate: f64,
    /// Nets at each width, at least 1.
    pub seeds: usize,
}

/// What the step changed.
#[derive(Debug, Clone, PartialEq)]
pub struct CoordinateReport {
    /// Root mean square change of `h^1, ..., h^(L-1), f` over units, examples and seeds: one row for each width.
    pub changes: DMatrix<f64>,
    /// Slopes of the logarithm of each column in the logarithm of the width.
    pub exponents: DVector<f64>,
}

impl CoordinateCheck {
    /// Runs on inputs `x` (`P x d`) with targets `y` (`P` numbers).
    ///
    /// # Errors
    /// [`NtkError::Parameter`] for a configuration out of range, [`NtkError::Input`] for data that do not fit or are not finite.
    pub fn run(
        &self,
        x: &DMatrix<f64>,
        y: &DVector<f64>,
        stream: &Stream,
    ) -> Result<CoordinateReport, NtkError> {
        let ascending =
            self.widths.len() >= 2 && self.widths[0] > 0 && self.widths.is_sorted_by(|a, b| a < b);
        if !ascending {
            let given = format!("{:?}", self.widths);
            return Err(NtkError::parameter("widths", &given, "at least two, ascending and positive"));
        }
        if self.depth < 2 {
            return Err(NtkError::parameter("depth", &self.depth, "at least 2 weight matrices"));
        }
        if self.seeds == 0 {
            return Err(NtkError::parameter("seeds", &self.seeds, "at least 1"));
        }
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return Err(NtkError::parameter("rate", &self.rate, "positive and finite"));
        }
        let fits = x.nrows() == y.len() && !x.is_empty();
        if !fits || x.iter().chain(y.iter()).any(|v| !v.is_finite()) {
            let reason = format!(
                "{} x {} inputs and {} targets: expected one finite target for each row",
                x.nrows(),
                x.ncols(),
                y.len()
            );
            return Err(NtkError::input("inputs and targets", reason));
        }
        let mut changes = DMatrix::zeros(self.widths.len(), self.depth);
        for (row, &width) in self.widths.iter().enumerate() {
            let mut squares = vec![0.0; self.depth];
            for seed in 0..self.seeds {
                let own = stream.indexed(width as u64).indexed(seed as u64);
                for (sum, square) in squares.iter_mut().zip(self.one(x, y, width, &own)?) {
                    *sum += square / self.seeds as f64;
                }
            }
            changes.row_mut(row).iter_mut().zip(&squares).for_each(|(c, s)| *c = s.sqrt());
        }
        let logs: Vec<f64> = self.widths.iter().map(|w| (*w as f64).ln()).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let spread: f64 = logs.iter().map(|l| (l - mean).powi(2)).sum();
        let slope = |column: usize| {
            let rise = logs.iter().enumerate().map(|(i, l)| (l - mean) * changes[(i, column)].ln());
            rise.sum::<f64>() / spread
        };
        let exponents = DVector::from_fn(self.depth, |column, _| slope(column));
        Ok(CoordinateReport { changes, exponents })
    }

    /// Mean square changes of one net, layer by layer.
    fn one(
        &self,
        x: &DMatrix<f64>,
        y: &DVector<f64>,
        width: usize,
        stream: &Stream,
    ) -> Result<Vec<f64>, NtkError> {
        let (last, gain) = (self.depth - 1, if self.hidden == Hidden::Relu { 2.0 } else { 1.0 });
        let mut weights = Vec::with_capacity(self.depth);
        let mut multipliers = Vec::with_capacity(self.depth);
        for layer in 0..self.depth {
            let role = if layer == 0 {
                Role::Input
            } else if layer == last {
                Role::Output
            } else {
                Role::Hidden
            };
            let (inputs, outputs) =
                (if layer == 0 { x.ncols() } else { width }, if layer == last { 1 } else { width });
            let own =
                self.scaling.multipliers(role, inputs, width, if layer == last { 1.0 } else { gain })?;
            let draw: DMatrix<f64> =
                stream.indexed(layer as u64).normal_matrix(inputs, outputs, own.variance.sqrt());
            weights.push(draw);
            multipliers.push(own);
        }
        let before = self.forward(x, &weights, &multipliers);
        // Backwards: d loss / d h^L = -y/P, example by example.
        let mut signal = DMatrix::from_column_slice(y.len(), 1, y.as_slice()) * (-1.0 / y.len() as f64);
        let mut moved = weights.clone();
        for layer in (0..self.depth).rev() {
            let below = if layer == 0 { x.clone() } else { before[layer - 1].map(|h| self.value(h)) };
            let gradient = matmul(transposed(&below), &signal) * multipliers[layer].factor;
            let rate = self.rate * multipliers[layer].rate;
            moved[layer] -= match self.scaling.rule() {
                Rule::Sgd => gradient * rate,
                // The first step of Adam with epsilon 0.
                Rule::Adam => gradient.map(|g| if g == 0.0 { 0.0 } else { rate * g.signum() }),
            };
            if layer > 0 {
                signal = matmul(&signal, transposed(&weights[layer])) * multipliers[layer].factor;
                signal.zip_apply(&before[layer - 1], |s, h| *s *= self.slope(h));
            }
        }
        let after = self.forward(x, &moved, &multipliers);
        Ok(before.iter().zip(&after).map(|(b, a)| (a - b).norm_squared() / b.len() as f64).collect())
    }

    /// `h^1, ..., h^L`, a row for each example.
    fn forward(
        &self,
        x: &DMatrix<f64>,
        weights: &[DMatrix<f64>],
        multipliers: &[super::Multipliers],
    ) -> Vec<DMatrix<f64>> {
        let mut all: Vec<DMatrix<f64>> = Vec::with_capacity(weights.len());
        for (layer, weight) in weights.iter().enumerate() {
            let product = match layer {
                0 => matmul(x, weight),
                _ => matmul(&all[layer - 1].map(|h| self.value(h)), weight),
            };
            all.push(product * multipliers[layer].factor);
        }
        all
    }

    fn value(&self, h: f64) -> f64 {
        match self.hidden {
            Hidden::Tanh => h.tanh(),
            Hidden::Relu => h.max(0.0),
        }
    }

    fn slope(&self, h: f64) -> f64 {
        match self.hidden {
            Hidden::Tanh => 1.0 - h.tanh().powi(2),
            Hidden::Relu => f64::from(u8::from(h > 0.0)),
        }
    }
}
