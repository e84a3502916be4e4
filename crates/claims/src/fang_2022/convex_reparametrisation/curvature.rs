//! The objective in masses and top layer, written once for any kind of number, and its Hessian from numbers that carry second
//! derivatives.

use std::ops::{Add, Div, Mul};

use nalgebra::{DMatrix, DVector};
use overparam_feature_flow::nfr::{Problem, Represented};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What features cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Penalty {
    /// `mean_z' (mean_z |w_0(z', z)| p_l(z))^2 / p_(l-1)(z')`, the squared `l_{1,2}` norm.
    FeatureCost,
    /// `mean_z' mean_z w_0(z', z)^2 p_l(z) / p_(l-1)(z')`.
    WeightDecay,
}

/// A value with its derivatives in two directions and in both: `e1^2 = e2^2 = 0`, `e1 e2` is not.
#[derive(Debug, Clone, Copy)]
struct HyperDual {
    value: f64,
    first: f64,
    second: f64,
    both: f64,
}

impl From<f64> for HyperDual {
    fn from(value: f64) -> Self {
        Self { value, first: 0.0, second: 0.0, both: 0.0 }
    }
}

impl Add for HyperDual {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            value: self.value + other.value,
            first: self.first + other.first,
            second: self.second + other.second,
            both: self.both + other.both,
        }
    }
}

impl Mul for HyperDual {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self {
            value: self.value * other.value,
            first: self.first * other.value + self.value * other.first,
            second: self.second * other.value + self.value * other.second,
            both: self.both * other.value
                + self.first * other.second
                + self.second * other.first
                + self.value * other.both,
        }
    }
}

impl Div for HyperDual {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let inverse = other.value.recip();
        let square = inverse * inverse;
        self * Self {
            value: inverse,
            first: -other.first * square,
            second: -other.second * square,
            both: (2.0 * other.first * other.second * inverse - other.both) * square,
        }
    }
}

/// What the objective is made of.
trait Number: Copy + From<f64> + Add<Output = Self> + Mul<Output = Self> + Div<Output = Self> {}

impl<T: Copy + From<f64> + Add<Output = T> + Mul<Output = T> + Div<Output = T>> Number for T {}

/// The objective of nets with these weights `w_0`: a function of masses and top layer.
pub(super) struct Objective<'a> {
    problem: &'a Problem,
    weights: &'a [DMatrix<f64>],
    /// Of the last layer, examples by units.
    features: DMatrix<f64>,
    penalty: Penalty,
}

/// The masses of the layers, one below the other, then the top layer.
pub(super) fn parameters(net: &Represented) -> DVector<f64> {
    let masses = net.masses.iter().flat_map(|p| p.iter().copied());
    DVector::from_vec(masses.chain(net.top.iter().copied()).collect())
}

impl<'a> Objective<'a> {
    /// Of nets with the weights of this one.
    pub(super) fn new(problem: &'a Problem, net: &'a Represented, penalty: Penalty) -> Self {
        let features = problem.features(&problem.inputs, &net.weights).pop().unwrap_or_default();
        Self { problem, weights: &net.weights, features, penalty }
    }

    /// Its value.
    pub(super) fn value(&self, point: &[f64]) -> f64 {
        self.evaluate(point)
    }

    /// Its second derivatives.
    pub(super) fn hessian(&self, point: &DVector<f64>) -> DMatrix<f64> {
        let mut numbers: Vec<HyperDual> = point.iter().map(|x| HyperDual::from(*x)).collect();
        let mut hessian = DMatrix::zeros(point.len(), point.len());
        for i in 0..point.len() {
            numbers[i].first = 1.0;
            for j in 0..=i {
                numbers[j].second = 1.0;
                let both = self.evaluate(&numbers).both;
                (hessian[(i, j)], hessian[(j, i)]) = (both, both);
                numbers[j].second = 0.0;
            }
            numbers[i].first = 0.0;
        }
        hessian
    }

    fn evaluate<T: Number>(&self, point: &[T]) -> T {
        let number = |x: f64| T::from(x);
        let mut start = 0;
        let mut below: Option<&[T]> = None;
        let mut value = number(0.0);
        for w in self.weights {
            let masses = &point[start..start + w.ncols()];
            let scale = self.problem.ridge_features / w.nrows() as f64;
            for (k, row) in w.row_iter().enumerate() {
                let cost = row.iter().zip(masses).fold(number(0.0), |sum, (w, p)| {
                    let weight = match self.penalty {
                        Penalty::FeatureCost => w.abs(),
                        Penalty::WeightDecay => w * w,
                    };
                    sum + number(weight / masses.len() as f64) * *p
                });
                let cost = match self.penalty {
                    Penalty::FeatureCost => cost * cost,
                    Penalty::WeightDecay => cost,
                };
                value = value + number(scale) * below.map_or(cost, |p| cost / p[k]);
            }
            below = Some(masses);
            start += w.ncols();
        }
        let (top, units) = (&point[start..], (point.len() - start) as f64);
        for (u, p) in top.iter().zip(below.unwrap_or(&[])) {
            value = value + number(self.problem.ridge_top / units) * *u * *u / *p;
        }
        let examples = self.features.nrows() as f64;
        for (features, y) in self.features.row_iter().zip(self.problem.targets.iter()) {
            let output =
                features.iter().zip(top).fold(number(-y), |sum, (f, u)| sum + number(f / units) * *u);
            value = value + number(0.5 / examples) * output * output;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use overparam_tensor::random::Stream;

    use super::super::{net, problem};
    use super::{Objective, Penalty, parameters};

    /// The crate's objective is another implementation; the Hessian against differences of the value.
    #[test]
    fn the_objective_is_the_crates_and_its_hessian_agrees_with_differences() {
        let stream = Stream::root(3);
        let problem = problem(&stream);
        let net = net(4, &problem, &stream);
        let point = parameters(&net);
        let objective = Objective::new(&problem, &net, Penalty::FeatureCost);
        let value = objective.value(point.as_slice());
        assert!((value / problem.objective(&net) - 1.0).abs() < 1e-12);
        for penalty in [Penalty::FeatureCost, Penalty::WeightDecay] {
            let objective = Objective::new(&problem, &net, penalty);
            let hessian = objective.hessian(&point);
            for (i, j) in [(0, 0), (3, 14), (14, 27), (30, 40), (5, 40), (38, 41)] {
                let at = |a: f64, b: f64| {
                    let mut moved = point.clone();
                    moved[i] += a;
                    moved[j] += b;
                    objective.value(moved.as_slice())
                };
                let h = 1e-3;
                let difference = (at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h)) / (4.0 * h * h);
                assert!(
                    (difference - hessian[(i, j)]).abs() < 1e-4 * hessian.amax(),
                    "{i} {j}: {difference} {}",
                    hessian[(i, j)]
                );
            }
        }
    }
}
