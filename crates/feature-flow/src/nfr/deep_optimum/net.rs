//! The problem, and nets as atoms with masses.

use nalgebra::{DMatrix, DVector};

use super::super::{Problem, Represented};
use crate::activation::Activation;
use crate::error::{Error, positive, same};

/// Data on the line and the ridges of `Q`.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `x_i`, one number per example; a first-layer unit sees `(x_i, 1)`.
    pub inputs: Vec<f64>,
    /// `y_i`.
    pub targets: Vec<f64>,
    /// `lambda_u`, positive.
    pub ridge_top: f64,
    /// `lambda`, of the features of both layers, positive.
    pub ridge_features: f64,
}

/// A net of depth 3 as two populations: `J` atoms in the first layer, `K` in the second, each with its mass.
///
/// An atom of mass `p` stands for a share `p` of the units of a layer. The net's own weights are kept, not `w_0`.
#[derive(Debug, Clone, PartialEq)]
pub struct Atoms {
    /// `a_j` of the first-layer features `tanh(a_j x + b_j)`.
    pub slopes: DVector<f64>,
    /// `b_j`.
    pub offsets: DVector<f64>,
    /// `p_j`, summing to 1.
    pub first: DVector<f64>,
    /// `w_jk`, `J x K`.
    pub weights: DMatrix<f64>,
    /// `q_k`, summing to 1.
    pub second: DVector<f64>,
    /// `u_k`.
    pub top: DVector<f64>,
}

/// What a forward pass leaves.
pub(super) struct Pass {
    /// `tanh(a_j x_i + b_j)`, `J x N`.
    pub(super) responses: DMatrix<f64>,
    /// `tanh(g_ki)`, `g_ki = sum_j p_j w_jk tanh(a_j x_i + b_j)`, `K x N`.
    pub(super) features: DMatrix<f64>,
    /// `z = (f - y) / N`.
    pub(super) residual: DVector<f64>,
}

impl Line {
    /// Itself, if it makes a problem.
    ///
    /// # Errors
    /// [`Error::Count`] unless inputs and targets are equally many, [`Error::Parameter`] if there are none, if a number is not finite or
    /// a ridge is not positive.
    pub fn checked(self) -> Result<Self, Error> {
        same("targets", self.targets.len(), self.inputs.len())?;
        positive("the number of examples", self.inputs.len() as f64)?;
        positive("the ridge of the top layer", self.ridge_top)?;
        positive("the ridge of the features", self.ridge_features)?;
        match self.inputs.iter().chain(&self.targets).find(|x| !x.is_finite()) {
            Some(&value) => Err(Error::Parameter { name: "an input or target", value, expected: "finite" }),
            None => Ok(self),
        }
    }

    /// The same problem for nets of any shape.
    pub fn problem(&self) -> Problem {
        let n = self.inputs.len();
        Problem {
            inputs: DMatrix::from_fn(n, 2, |i, k| if k == 0 { self.inputs[i] } else { 1.0 }),
            targets: DMatrix::from_column_slice(n, 1, &self.targets),
            activation: Activation::Tanh,
            ridge_top: self.ridge_top,
            ridge_features: self.ridge_features,
        }
    }

    /// `tanh(a x_i + b)` of every example.
    pub(super) fn response(&self, slope: f64, offset: f64) -> DVector<f64> {
        DVector::from_iterator(self.inputs.len(), self.inputs.iter().map(|x| (slope * x + offset).tanh()))
    }

    pub(super) fn pass(&self, net: &Atoms) -> Pass {
        let n = self.inputs.len();
        let responses = DMatrix::from_fn(net.first.len(), n, |j, i| {
            (net.slopes[j] * self.inputs[i] + net.offsets[j]).tanh()
        });
        let mut weighted = net.weights.clone();
        for (mut row, p) in weighted.row_iter_mut().zip(net.first.iter()) {
            row *= *p;
        }
        let features = weighted.tr_mul(&responses).map(f64::tanh);
        let outputs = features.tr_mul(&net.top.component_mul(&net.second));
        let residual = (outputs - DVector::from_column_slice(&self.targets)) / n as f64;
        Pass { responses, features, residual }
    }

    /// `Q` of a net; its masses need not sum to 1.
    ///
    /// # Panics
    /// If the parts of the net do not fit together.
    pub fn value(&self, net: &Atoms) -> f64 {
        let pass = self.pass(net);
        let loss = 0.5 * self.inputs.len() as f64 * pass.residual.norm_squared();
        let top: f64 = net.second.iter().zip(net.top.iter()).map(|(q, u)| q * u * u).sum();
        let costs = net.input_costs();
        let strengths = net.strengths();
        let second: f64 = net.first.iter().zip(strengths.iter()).map(|(p, s)| p * s * s).sum();
        let first = 0.5 * (costs[0].powi(2) + costs[1].powi(2));
        loss + self.ridge_top * top + self.ridge_features * (first + second)
    }

    /// Derivatives of [`Line::value`] by every number of the net, in its shape; that of `|w|` at 0 is 0.
    ///
    /// # Panics
    /// If the parts of the net do not fit together.
    pub fn gradient(&self, net: &Atoms) -> Atoms {
        let pass = self.pass(net);
        let lambda = self.ridge_features;
        let (costs, strengths) = (net.input_costs(), net.strengths());
        let field = &pass.features * &pass.residual;
        let absolute = net.weights.map(f64::abs);
        let loads = absolute.tr_mul(&net.first.component_mul(&strengths));
        let mut back = pass.features.map(|h| 1.0 - h * h);
        for (k, mut row) in back.row_iter_mut().enumerate() {
            row *= net.second[k] * net.top[k];
            for (x, z) in row.iter_mut().zip(pass.residual.iter()) {
                *x *= z;
            }
        }
        let mut weights = &pass.responses * back.transpose();
        for j in 0..net.first.len() {
            for k in 0..net.second.len() {
                let kink = 2.0 * lambda * strengths[j] * sign(net.weights[(j, k)]) * net.second[k];
                weights[(j, k)] = net.first[j] * (weights[(j, k)] + kink);
            }
        }
        let back = &net.weights * back;
        let atoms = net.first.len();
        let (mut first, mut slopes, mut offsets) =
            (DVector::zeros(atoms), DVector::zeros(atoms), DVector::zeros(atoms));
        for j in 0..atoms {
            let (a, b, p) = (net.slopes[j], net.offsets[j], net.first[j]);
            first[j] = back.row(j).dot(&pass.responses.row(j))
                + lambda * (costs[0] * a.abs() + costs[1] * b.abs() + strengths[j].powi(2));
            let mut sums = [0.0; 2];
            for (i, x) in self.inputs.iter().enumerate() {
                let slope = back[(j, i)] * (1.0 - pass.responses[(j, i)].powi(2));
                sums[0] += slope * x;
                sums[1] += slope;
            }
            slopes[j] = p * (sums[0] + lambda * costs[0] * sign(a));
            offsets[j] = p * (sums[1] + lambda * costs[1] * sign(b));
        }
        let each = |f: &dyn Fn(usize) -> f64| DVector::from_fn(net.second.len(), |k, _| f(k));
        let second =
            each(&|k| net.top[k] * field[k] + self.ridge_top * net.top[k].powi(2) + 2.0 * lambda * loads[k]);
        let top = each(&|k| net.second[k] * (field[k] + 2.0 * self.ridge_top * net.top[k]));
        Atoms { slopes, offsets, first, weights, second, top }
    }
}

/// -1, 0 or 1.
pub(super) fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

impl Atoms {
    /// `(sum p |a|, sum p |b|)`: the roots of the two terms of the first layer's cost.
    pub fn input_costs(&self) -> [f64; 2] {
        let cost = |of: &DVector<f64>| self.first.iter().zip(of.iter()).map(|(p, x)| p * x.abs()).sum();
        [cost(&self.slopes), cost(&self.offsets)]
    }

    /// `s_j = sum_k q_k |w_jk|`.
    pub fn strengths(&self) -> DVector<f64> {
        self.weights.map(f64::abs) * &self.second
    }

    /// The net in the representation of [`nfr`](super::super), where an atom is a unit with a mass.
    pub fn represent(&self) -> Represented {
        let (j, k) = self.weights.shape();
        let masses = vec![&self.first * j as f64, &self.second * k as f64];
        let inputs = DMatrix::from_fn(2, j, |row, j| if row == 0 { self.slopes[j] } else { self.offsets[j] });
        let between = DMatrix::from_fn(j, k, |j, k| self.weights[(j, k)] * masses[0][j]);
        let top = DMatrix::from_fn(k, 1, |k, _| self.top[k] * masses[1][k]);
        Represented { weights: vec![inputs, between], masses, top }
    }
}
