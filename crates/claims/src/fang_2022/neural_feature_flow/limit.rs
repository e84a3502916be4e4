//! The flow's limit without any wide net: every unit of a population in the field of the whole.
//!
//! A unit of the ResNet is its first weights `v`, its last weight `u`, and what it sees of the others. Hidden weights start at zero, so
//! they are what descent has written: `V_jk = -eta sum_(s,n) a_j(s, n) p_k(s, n)` with values `a` and derivatives `p` at earlier steps `s`. Sums
//! over units then meet only in kernels between times and examples,
//!
//! ```text
//! sum_j w_j a_j(t, n) V_jk = -eta sum_(s,n') <a(s, n') a(t, n)> p_k(s, n'),     <x y> = sum_j w_j x_j y_j,
//! ```
//!
//! and no matrix of weights is ever formed. With the masses `w` of a quadrature this is the limit of infinite width; with `w = 1/m` at a
//! net's own start it is that net, which is how the tests compare it with [`overparam_feature_flow::flow`], by another way to sum.
//!
//! **Quadrature.** The trapezoidal rule in `(v, u)`, Gaussian, cut to a ball. Its error for functions that are analytic in a strip of
//! half width `a` is `exp(-2 pi a / step)`; `tanh` has `a = pi/2`. A unit and its mirror image `(-v, -u)` contribute the same, so half of the ball is
//! enough.
//!
//! **Fluctuations.** `f` of `m` independent starts differs from the limit by a Gaussian of covariance `1/m` times that of the influence of one
//! unit, the derivative of `f` by `eps` in the population `(1 - eps) w + eps delta`.

use nalgebra::{DMatrix, DVector};

/// Units at the start, each with its mass.
#[derive(Debug, Clone)]
pub(super) struct Population {
    /// Units by inputs.
    pub(super) first: DMatrix<f64>,
    /// One last weight per unit.
    pub(super) last: DVector<f64>,
    /// One mass per unit.
    pub(super) masses: DVector<f64>,
}

impl Population {
    /// Standard normal first weights in two dimensions and last weight: a grid of this step in a ball of this radius.
    pub(super) fn gaussian(step: f64, radius: f64) -> Self {
        let reach = (radius / step).floor() as i32;
        let mut units: Vec<([f64; 3], f64)> = Vec::new();
        let mut total = 0.0;
        for i in -reach..=reach {
            for j in -reach..=reach {
                for k in -reach..=reach {
                    let unit = [i, j, k].map(|index| step * f64::from(index));
                    let square: f64 = unit.iter().map(|x| x * x).sum();
                    if square > radius * radius {
                        continue;
                    }
                    let mass = (-0.5 * square).exp();
                    total += mass;
                    // The origin contributes nothing to any sum; of a pair the first one counts for both.
                    if [i, j, k].into_iter().find(|index| *index != 0).is_some_and(|index| index > 0) {
                        units.push((unit, 2.0 * mass));
                    }
                }
            }
        }
        Self {
            first: DMatrix::from_fn(units.len(), 2, |k, axis| units[k].0[axis]),
            last: DVector::from_fn(units.len(), |k, _| units[k].0[2]),
            masses: DVector::from_fn(units.len(), |k, _| units[k].1 / total),
        }
    }
}

/// What drives the flow.
#[derive(Debug, Clone)]
pub(super) struct Drive {
    /// Examples by inputs.
    pub(super) inputs: DMatrix<f64>,
    /// One target per example.
    pub(super) targets: DVector<f64>,
    /// Of a step.
    pub(super) rate: f64,
    /// Number of steps.
    pub(super) steps: usize,
    /// Factors of the rates of first, hidden and last weights: 1, or what a wrong theory has.
    pub(super) factors: [f64; 3],
}

/// A trajectory of the flow.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    /// `f` at every step from 0.
    pub(super) outputs: Vec<DVector<f64>>,
    /// Root mean square displacement of the features over layers, units and examples, at the end.
    #[cfg_attr(not(test), allow(dead_code, reason = "the sealed constant is checked against it"))]
    pub(super) moved: f64,
}

/// Values and derivatives of one layer at the steps so far: units by (steps times examples).
struct History {
    values: DMatrix<f64>,
    derivatives: DMatrix<f64>,
}

const HIDDEN: usize = super::DEPTH - 1;

impl Drive {
    /// The flow of a population.
    pub(super) fn follow(&self, population: &Population) -> Limit {
        let Population { masses, .. } = population;
        let (mut first, mut last) = (population.first.clone(), population.last.clone());
        let (k, n) = (last.len(), self.targets.len());
        let scale = (self.inputs.ncols() as f64).sqrt().recip();
        let weighted = |x: &DMatrix<f64>| {
            let mut x = x.clone();
            x.column_iter_mut().for_each(|mut column| column.component_mul_assign(masses));
            x
        };
        let empty = || DMatrix::zeros(k, n * self.steps);
        let mut histories: Vec<History> =
            (0..HIDDEN).map(|_| History { values: empty(), derivatives: empty() }).collect();
        let (mut outputs, mut start) = (Vec::new(), Vec::new());
        let [by_first, by_hidden, by_last] = self.factors.map(|factor| factor * self.rate);
        for step in 0..=self.steps {
            let past = step * n;
            let mut features = vec![&first * self.inputs.transpose() * scale];
            let mut values = vec![features[0].map(f64::tanh)];
            let mut branches = Vec::new();
            for (l, history) in histories.iter().enumerate() {
                let kernel = history.values.columns(0, past).tr_mul(&weighted(&values[l]));
                let branch = (history.derivatives.columns(0, past) * kernel * -by_hidden).map(f64::tanh);
                features.push(&features[l] + &branch);
                values.push(features[l + 1].map(f64::tanh));
                branches.push(branch);
            }
            let output = values[HIDDEN].tr_mul(&last.component_mul(masses));
            let residual = (&output - &self.targets) / n as f64;
            outputs.push(output);
            if step == 0 {
                start.clone_from(&features);
            }
            if step == self.steps {
                let square = |(a, b): (&DMatrix<f64>, &DMatrix<f64>)| {
                    let squares = (a - b).map(|x| x * x).column_sum();
                    squares.dot(masses) / n as f64
                };
                let mean = start.iter().zip(&features).map(square).sum::<f64>() / features.len() as f64;
                return Limit { outputs, moved: mean.sqrt() };
            }
            let mut by_features = (&last * residual.transpose()).component_mul(&slope(&values[HIDDEN]));
            last -= &values[HIDDEN] * &residual * by_last;
            for l in (0..HIDDEN).rev() {
                let history = &mut histories[l];
                let derivative = by_features.component_mul(&slope(&branches[l]));
                let kernel = history.derivatives.columns(0, past).tr_mul(&weighted(&derivative));
                let by_values = history.values.columns(0, past) * kernel * -by_hidden;
                by_features += by_values.component_mul(&slope(&values[l]));
                history.values.columns_mut(past, n).copy_from(&values[l]);
                history.derivatives.columns_mut(past, n).copy_from(&derivative);
            }
            first -= by_features * &self.inputs * (by_first * scale);
        }
        unreachable!("the last step returns")
    }

    /// `C(t)` at every step: `sqrt m` times the root mean square, over nets and examples, of the distance of an `m`-wide net's output from the
    /// limit.
    #[cfg(test)]
    pub(super) fn scatter(&self, population: &Population) -> Vec<f64> {
        const SMALL: f64 = 1e-4;
        let n = self.targets.len() as f64;
        let mut squares = vec![0.0; self.steps + 1];
        for k in 0..population.last.len() {
            let [more, less] = [SMALL, -SMALL].map(|eps| {
                let mut moved = population.clone();
                moved.masses *= 1.0 - eps;
                moved.masses[k] += eps;
                self.follow(&moved).outputs
            });
            for (square, (more, less)) in squares.iter_mut().zip(more.iter().zip(&less)) {
                *square += population.masses[k] * ((more - less) / (2.0 * SMALL)).norm_squared() / n;
            }
        }
        squares.into_iter().map(f64::sqrt).collect()
    }
}

/// `tanh'` from `tanh`.
fn slope(values: &DMatrix<f64>) -> DMatrix<f64> {
    values.map(|h| 1.0 - h * h)
}

#[cfg(test)]
mod tests {
    use nalgebra::DVector;
    use overparam_feature_flow::activation::Activation;
    use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling, Start, displacement};
    use overparam_tensor::random::Stream;

    use super::super::{C_END, C_HALF, DEPTH, MOVED, RATE, STEPS, drive};
    use super::Population;

    /// With the mass `1/m` at a net's own start the recursion over kernels is that net's descent.
    #[test]
    fn at_a_nets_start_it_is_that_nets_descent() {
        let (drive, m) = (drive(), 40);
        let kind = (Architecture::ResNet, Scaling::MeanField, Activation::Tanh);
        let network = Network::new(kind, (DEPTH, m), Start::Zero, &drive.inputs, &Stream::root(5)).unwrap();
        let population = Population {
            first: network.first.transpose(),
            last: network.last.column(0).into_owned(),
            masses: DVector::from_element(m, 1.0 / m as f64),
        };
        let limit = drive.follow(&population);
        let targets = nalgebra::DMatrix::from_column_slice(drive.targets.len(), 1, drive.targets.as_slice());
        let mut flow = Flow::new(network, drive.inputs.clone(), targets).unwrap();
        let start = flow.features().to_vec();
        for step in 0..=STEPS {
            assert!((flow.outputs().column(0) - &limit.outputs[step]).amax() < 1e-10, "{step}");
            if step < STEPS {
                flow.step(RATE).unwrap();
            }
        }
        assert!((displacement(&start, flow.features()).all - limit.moved).abs() < 1e-10);
    }

    #[test]
    fn the_quadrature_has_converged_and_gives_the_constants() {
        let drive = drive();
        let [coarse, fine] =
            [(0.8, 4.8), (0.7, 5.2)].map(|(step, radius)| drive.follow(&Population::gaussian(step, radius)));
        let worst = coarse.outputs.iter().zip(&fine.outputs).map(|(a, b)| (a - b).amax()).fold(0.0, f64::max);
        // Coarse, because it takes two flows per unit.
        let scatter = drive.scatter(&Population::gaussian(1.2, 4.2));
        assert!(worst < 1e-3, "{worst}");
        assert!((fine.moved / MOVED - 1.0).abs() < 2e-3, "{}", fine.moved);
        assert!((scatter[STEPS / 2] / C_HALF - 1.0).abs() < 0.1, "{}", scatter[STEPS / 2]);
        assert!((scatter[STEPS] / C_END - 1.0).abs() < 0.1, "{}", scatter[STEPS]);
    }
}
