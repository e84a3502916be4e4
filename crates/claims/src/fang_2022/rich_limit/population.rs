//! A second solver of the limit, and of wrong ones: the units on a grid of its own, by Runge-Kutta steps of its own. For tests alone.

use super::experiment::INPUTS;
use super::{TARGETS, entries};

/// How units move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// As the gradient says.
    Stated,
    /// `phi'` at `mu` where the gradient has it at `nu`.
    WrongExample,
    /// Hidden weights go up the gradient.
    Ascending,
    /// Hidden weights stay.
    Staying,
}

/// Units `(a, h_1, h_2)` with weights of sum 1.
#[derive(Clone)]
pub(super) struct Population {
    pub(super) weights: Vec<f64>,
    units: Vec<[f64; 3]>,
}

impl Population {
    /// Nodes of a trapezoidal rule over the start with `a >= 0`, each for itself and for its mirror image, which does the same.
    pub(super) fn grid(step: f64) -> Self {
        let side = (6.0 / step) as i32;
        let (mut weights, mut units) = (Vec::new(), Vec::new());
        for (i, j, k) in
            (0..=side).flat_map(|i| (-side..=side).flat_map(move |j| (-side..=side).map(move |k| (i, j, k))))
        {
            let [a, x, y] = [i, j, k].map(|node| step * f64::from(node));
            let square = a * a + x * x + y * y;
            if square < 36.0 {
                weights.push((-0.5 * square).exp() * if i == 0 { 1.0 } else { 2.0 });
                units.push([a, x * INPUTS[0][0] + y * INPUTS[0][1], x * INPUTS[1][0] + y * INPUTS[1][1]]);
            }
        }
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= total);
        Self { weights, units }
    }

    fn mean<const N: usize>(&self, of: impl Fn(&[f64; 3]) -> [f64; N]) -> [f64; N] {
        let mut sum = [0.0; N];
        for (weight, unit) in self.weights.iter().zip(&self.units) {
            sum.iter_mut().zip(of(unit)).for_each(|(sum, x)| *sum += weight * x);
        }
        sum
    }

    pub(super) fn outputs(&self, gamma: f64) -> [f64; 2] {
        self.mean(|[a, h, k]| [a * h.tanh() / gamma, a * k.tanh() / gamma])
    }

    pub(super) fn features(&self) -> [f64; 3] {
        self.mean(|[_, h, k]| {
            let phi = [h.tanh(), k.tanh()];
            entries(|i, j| phi[i] * phi[j])
        })
    }

    pub(super) fn gradients(&self) -> [f64; 3] {
        self.mean(|[a, h, k]| {
            let g = [h, k].map(|h| a * (1.0 - h.tanh() * h.tanh()));
            entries(|i, j| g[i] * g[j])
        })
    }

    /// Second moments of what one unit puts out.
    pub(super) fn squares(&self, gamma: f64) -> [f64; 3] {
        self.mean(|[a, h, k]| {
            let o = [a * h.tanh() / gamma, a * k.tanh() / gamma];
            entries(|i, j| o[i] * o[j])
        })
    }

    fn velocity(&self, gamma: f64, rule: Rule) -> Vec<[f64; 3]> {
        let f = self.outputs(gamma);
        let missing = [TARGETS[0] - f[0], TARGETS[1] - f[1]];
        let product = |i: usize, j: usize| INPUTS[i][0] * INPUTS[j][0] + INPUTS[i][1] * INPUTS[j][1];
        let sign = match rule {
            Rule::Ascending => -1.0,
            Rule::Staying => 0.0,
            Rule::Stated | Rule::WrongExample => 1.0,
        };
        let of = |[a, h, k]: &[f64; 3]| {
            let phi = [h.tanh(), k.tanh()];
            let slope = phi.map(|phi| 1.0 - phi * phi);
            let pull = |mu: usize| -> f64 {
                let at = |nu: usize| if rule == Rule::WrongExample { slope[mu] } else { slope[nu] };
                (0..2).map(|nu| product(mu, nu) * at(nu) * missing[nu]).sum()
            };
            let hidden = sign * gamma * a;
            [gamma * (phi[0] * missing[0] + phi[1] * missing[1]), hidden * pull(0), hidden * pull(1)]
        };
        self.units.iter().map(of).collect()
    }

    fn moved(&self, velocity: &[[f64; 3]], step: f64) -> Self {
        let units = self.units.iter().zip(velocity);
        let units = units.map(|(unit, v)| [0, 1, 2].map(|i| unit[i] + step * v[i])).collect();
        Self { weights: self.weights.clone(), units }
    }

    /// `steps` steps of Runge and Kutta.
    pub(super) fn advance(&mut self, gamma: f64, rule: Rule, time: f64, steps: usize) {
        let step = time / steps as f64;
        for _ in 0..steps {
            let first = self.velocity(gamma, rule);
            let second = self.moved(&first, 0.5 * step).velocity(gamma, rule);
            let third = self.moved(&second, 0.5 * step).velocity(gamma, rule);
            let fourth = self.moved(&third, step).velocity(gamma, rule);
            for (i, unit) in self.units.iter_mut().enumerate() {
                for k in 0..3 {
                    unit[k] += step / 6.0 * (first[i][k] + 2.0 * (second[i][k] + third[i][k]) + fourth[i][k]);
                }
            }
        }
    }

    /// The weight of a unit raised by `by`, all others lowered in proportion.
    pub(super) fn towards(&self, unit: usize, by: f64) -> Self {
        let mut weights: Vec<f64> = self.weights.iter().map(|w| w * (1.0 - by)).collect();
        weights[unit] += by;
        Self { weights, units: self.units.clone() }
    }
}
