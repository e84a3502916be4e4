//! Descent of infinitely wide linear nets, one step after another.

use nalgebra::{DMatrix, DVector};

use super::DeepLinearAt;
use crate::error::Error;
use crate::rich_limit::TwoLayer;

/// Fields of one hidden layer as linear maps of its sources: `h = U u + R r`, `g = M r + V u`, a row for each time (and, of `h`, each point). `R` is the
/// response `A` and `V` the response `B`.
struct Fields {
    hidden_by_u: DMatrix<f64>,
    hidden_by_r: DMatrix<f64>,
    gradient_by_r: DMatrix<f64>,
    gradient_by_u: DMatrix<f64>,
}

/// Everything up to some time.
pub(super) struct March<'a> {
    problem: &'a TwoLayer,
    /// Of the hidden layers in order.
    fields: Vec<Fields>,
    /// `H^0, ..., H^L`: rows and columns are times, and the points at each.
    features: Vec<DMatrix<f64>>,
    /// `G^1, ..., G^(L+1)`.
    gradients: Vec<DMatrix<f64>>,
    /// `gamma eta_j Delta_nu(j)`, a column for each time; zero at test points.
    pulls: DMatrix<f64>,
    outputs: Vec<DVector<f64>>,
}

impl<'a> March<'a> {
    /// `count` times, none of them computed.
    pub(super) fn new(problem: &'a TwoLayer, hidden_layers: usize, count: usize) -> Self {
        let n = problem.points();
        let zeros = |rows: usize, columns: usize| DMatrix::zeros(rows, columns);
        let mut features = vec![zeros(n * count, n * count); hidden_layers + 1];
        let mut gradients = vec![zeros(count, count); hidden_layers + 1];
        features[0] = DMatrix::from_fn(n * count, n * count, |i, j| problem.kernel()[(i % n, j % n)]);
        gradients[hidden_layers].fill(1.0);
        let fields = (0..hidden_layers).map(|_| Fields {
            hidden_by_u: zeros(n * count, n * count),
            hidden_by_r: zeros(n * count, count),
            gradient_by_r: zeros(count, count),
            gradient_by_u: zeros(count, n * count),
        });
        Self {
            problem,
            fields: fields.collect(),
            features,
            gradients,
            pulls: zeros(n, count),
            outputs: Vec::with_capacity(count),
        }
    }

    /// Computes time `k`, all before it being known, and what is missing there; `rate` is that of the step that follows.
    pub(super) fn row(&mut self, k: usize, rate: f64) -> DVector<f64> {
        (0..self.fields.len()).for_each(|layer| self.forward(layer, k));
        (0..self.fields.len()).rev().for_each(|layer| self.backward(layer, k));
        let outputs = self.cross(k) / self.problem.gamma();
        let missing = DVector::from_vec(self.problem.missing(outputs.as_slice()));
        let pull = &missing * (self.problem.gamma() * rate);
        self.pulls.view_mut((0, k), (missing.len(), 1)).copy_from(&pull);
        self.outputs.push(outputs);
        missing
    }

    /// `h` of a layer, counted from 0, and its covariances with earlier times.
    fn forward(&mut self, layer: usize, k: usize) {
        let n = self.problem.points();
        let (from, to) = (k * n, (k + 1) * n);
        // What g at each earlier time adds: A + gamma eta H Delta.
        let mut memory = DMatrix::zeros(n, k);
        for (j, mut column) in memory.column_iter_mut().enumerate() {
            let below = self.features[layer].view((from, j * n), (n, n));
            column.gemv(1.0, &below, &self.pulls.column(j), 0.0);
            if layer > 0 {
                column += self.fields[layer - 1].hidden_by_r.column(j).rows(from, n);
            }
        }
        let fields = &mut self.fields[layer];
        let by_u = &memory * fields.gradient_by_u.view((0, 0), (k, from));
        let by_r = &memory * fields.gradient_by_r.view((0, 0), (k, k));
        fields.hidden_by_u.view_mut((from, 0), (n, from)).copy_from(&by_u);
        fields.hidden_by_u.view_mut((from, from), (n, n)).fill_with_identity();
        fields.hidden_by_r.view_mut((from, 0), (n, k)).copy_from(&by_r);
        let u = fields.hidden_by_u.view((from, 0), (n, to)) * self.features[layer].view((0, 0), (to, to));
        let rows = u * fields.hidden_by_u.view((0, 0), (to, to)).transpose()
            + by_r
                * self.gradients[layer + 1].view((0, 0), (k, k))
                * fields.hidden_by_r.view((0, 0), (to, k)).transpose();
        let whole = &mut self.features[layer + 1];
        whole.view_mut((0, from), (to, n)).copy_from(&rows.transpose());
        whole.view_mut((from, 0), (n, to)).copy_from(&rows);
    }

    /// `g` of a layer, counted from 0, and its covariances with earlier times.
    fn backward(&mut self, layer: usize, k: usize) {
        let n = self.problem.points();
        let (from, now) = (k * n, k + 1);
        // What h at each earlier time adds: B + gamma eta G Delta.
        let mut memory = DMatrix::zeros(1, from);
        for j in 0..k {
            let above = self.gradients[layer + 1][(k, j)];
            let added = self.pulls.column(j).transpose() * above;
            memory.columns_mut(j * n, n).copy_from(&added);
        }
        if let Some(above) = self.fields.get(layer + 1) {
            memory += above.gradient_by_u.view((k, 0), (1, from));
        }
        let fields = &mut self.fields[layer];
        let by_r = &memory * fields.hidden_by_r.view((0, 0), (from, k));
        let by_u = &memory * fields.hidden_by_u.view((0, 0), (from, from));
        fields.gradient_by_r.view_mut((k, 0), (1, k)).copy_from(&by_r);
        fields.gradient_by_r[(k, k)] = 1.0;
        fields.gradient_by_u.view_mut((k, 0), (1, from)).copy_from(&by_u);
        let r =
            fields.gradient_by_r.view((k, 0), (1, now)) * self.gradients[layer + 1].view((0, 0), (now, now));
        let row = r * fields.gradient_by_r.view((0, 0), (now, now)).transpose()
            + by_u
                * self.features[layer].view((0, 0), (from, from))
                * fields.gradient_by_u.view((0, 0), (now, from)).transpose();
        let whole = &mut self.gradients[layer];
        whole.view_mut((0, k), (now, 1)).copy_from(&row.transpose());
        whole.view_mut((k, 0), (1, now)).copy_from(&row);
    }

    /// `E g^L h^L` at time `k`.
    fn cross(&self, k: usize) -> DVector<f64> {
        let (n, last) = (self.problem.points(), self.fields.len() - 1);
        let (from, to, now) = (k * n, (k + 1) * n, k + 1);
        let fields = &self.fields[last];
        let r =
            fields.gradient_by_r.view((k, 0), (1, now)) * self.gradients[last + 1].view((0, 0), (now, now));
        let u = fields.gradient_by_u.view((k, 0), (1, from)) * self.features[last].view((0, 0), (from, to));
        let row = r * fields.hidden_by_r.view((from, 0), (n, now)).transpose()
            + u * fields.hidden_by_u.view((from, 0), (n, to)).transpose();
        DVector::from_column_slice(row.as_slice())
    }

    /// What is known at time `k`.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a covariance is not finite.
    pub(super) fn at(&self, k: usize) -> Result<DeepLinearAt, Error> {
        let n = self.problem.points();
        let features: Vec<DMatrix<f64>> =
            self.features[1..].iter().map(|h| h.view((k * n, k * n), (n, n)).into_owned()).collect();
        let gradients: Vec<f64> = self.gradients[..self.fields.len()].iter().map(|g| g[(k, k)]).collect();
        let finite = features.iter().flatten().chain(&gradients).all(|v| v.is_finite());
        if !finite {
            let learning_rate = self.pulls.amax();
            return Err(Error::Diverged { step: k, loss: f64::INFINITY, learning_rate });
        }
        Ok(DeepLinearAt { outputs: self.outputs[k].clone(), features, gradients })
    }
}
