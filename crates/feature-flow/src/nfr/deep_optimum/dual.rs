//! The dual point that a net gives, and the values that are compared in it.

use nalgebra::DVector;

use super::net::{Atoms, Line};

/// `(z, t, nu)`: the residual, the two input costs, and the level at which the mass of the first layer is worth its cost.
#[derive(Debug, Clone)]
pub(super) struct Dual {
    pub(super) residual: DVector<f64>,
    pub(super) costs: [f64; 2],
    pub(super) level: f64,
    ridge_top: f64,
    ridge_features: f64,
}

impl Dual {
    /// The conditions of first order at a net, solved for the dual point.
    pub(super) fn of(line: &Line, net: &Atoms) -> Self {
        let costs = net.input_costs();
        // The bound is valid for all positive costs; one that is 0 would leave units without any cost.
        let floor = f64::MIN_POSITIVE.max(1e-4 * (costs[0] + costs[1]));
        let costs = costs.map(|cost| cost.max(floor));
        let strengths = net.strengths();
        let levels = (0..net.first.len()).map(|j| {
            let level =
                strengths[j].powi(2) - costs[0] * net.slopes[j].abs() - costs[1] * net.offsets[j].abs();
            net.first[j] * level
        });
        Self {
            residual: line.pass(net).residual,
            costs,
            level: levels.sum::<f64>().max(0.0),
            ridge_top: line.ridge_top,
            ridge_features: line.ridge_features,
        }
    }

    /// `l = t_1 |a| + t_2 |b| + nu`, the square of the price `r` of a weight from this unit.
    pub(super) fn squared_radius(&self, slope: f64, offset: f64) -> f64 {
        self.costs[0] * slope.abs() + self.costs[1] * offset.abs() + self.level
    }

    /// `r`.
    pub(super) fn radius(&self, slope: f64, offset: f64) -> f64 {
        self.squared_radius(slope, offset).sqrt()
    }

    /// The dual value but for the second layer: `-N/2 |z|^2 - z.y - lambda (t_1^2 + t_2^2)/2 - lambda nu`.
    pub(super) fn base(&self, line: &Line) -> f64 {
        let products: f64 = self.residual.iter().zip(&line.targets).map(|(z, y)| z * y).sum();
        let costs = 0.5 * (self.costs[0].powi(2) + self.costs[1].powi(2)) + self.level;
        -0.5 * line.inputs.len() as f64 * self.residual.norm_squared()
            - products
            - self.ridge_features * costs
    }

    /// `4 lambda_u` and `2 lambda`, by which gain and cost of a second-layer unit are measured.
    pub(super) fn units(&self) -> (f64, f64) {
        (4.0 * self.ridge_top, 2.0 * self.ridge_features)
    }

    /// `beta_i = (z.h) z_i (1 - h_i^2) / (4 lambda_u lambda)`: what a change of the sum `g_i` of a second-layer unit is worth.
    pub(super) fn prices(&self, features: &DVector<f64>) -> DVector<f64> {
        let (gain, cost) = self.units();
        let scale = 2.0 * self.residual.dot(features) / (gain * cost);
        self.residual.zip_map(features, |z, h| scale * z * (1.0 - h * h))
    }

    /// The largest value `(z.h)^2/(4 lambda_u) - 2 lambda sum_j r_j |v_j|`, `v_j = p_j w_jk`, of the second-layer units that the net has.
    pub(super) fn best_of(&self, line: &Line, net: &Atoms) -> f64 {
        let (gain, cost) = self.units();
        let field = line.pass(net).features * &self.residual;
        let value = |k: usize| {
            let size: f64 = (0..net.first.len())
                .map(|j| {
                    self.radius(net.slopes[j], net.offsets[j]) * (net.first[j] * net.weights[(j, k)]).abs()
                })
                .sum();
            field[k].powi(2) / gain - cost * size
        };
        (0..net.second.len()).map(value).fold(f64::NEG_INFINITY, f64::max)
    }
}
