//! Neural feature repopulation: deep networks as densities over features, in which regularised training is convex.
//!
//! A layer is a population of units. Unit `z` of layer `l` has mass `p_l(z)` (mean 1) and weights `w(z', z)` from those below,
//!
#![doc = overparam_formula::formula!("f_1(z) = h(<w(., z), x>),  f_l(z) = h(mean_z' w(z', z) p_(l-1)(z') f_(l-1)(z')),  f = mean_z u(z) p_L(z) f_L(z).")]
//!
//! Keep `w_0(z', z) = w(z', z) p_(l-1)(z')` while the masses change: no feature changes. With `u~ = u p_L` the regularised
//! problem in masses and top layer,
//!
#![doc = overparam_formula::formula!(
    "Q(p, u~) = loss(mean u~ f_L) + lambda_u mean |u~|^2 / p_L + sum_l lambda c_l,"
    "c_l = mean_z' (mean_z |w_0(z', z)| p_l(z))^2 / p_(l-1)(z'),                                   p_0 = 1,"
)]
//!
//! is jointly convex (Fang, Gu, Zhang and Zhang, arXiv 1911.07626): the loss is convex in `u~`, which `f` is linear in, and a
//! square over a positive number is jointly convex. `c_l` is the squared `l_{1,2}` norm of the weights, the cost of the
//! features of layer `l`.
//!
//! [`Represented`] is `(w_0, p, u~)`; [`Represented::net`] and [`Net::represent`] go back and forth. *Repopulation* alternates
//! descent on `w_0` and `u~` ([`Descent`]) with the convex problem in `p` ([`Represented::solve_masses`]).
//!
//! [`deep_optimum`] lets the weights `w_0` range over everything as well: it has the global optimum of nets of depth 3 on the line, with a
//! proof, and what `m` units per layer cost beyond it.

pub mod deep_optimum;
mod descent;
mod masses;
mod problem;
mod tangent;

pub use descent::{Descent, Trains};
pub use problem::Problem;

use nalgebra::{DMatrix, DVector};

/// A network whose units have masses: the representation `(w_0, p, u~)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Represented {
    /// `w_0`, layer by layer: from the rows' units (or inputs) to the columns'.
    pub weights: Vec<DMatrix<f64>>,
    /// `p_l`, one mass per unit of each layer of features, with mean 1.
    pub masses: Vec<DVector<f64>>,
    /// `u~`, units by outputs.
    pub top: DMatrix<f64>,
}

/// The network itself: its weights `w`, `u` act on units weighted by their masses.
#[derive(Debug, Clone, PartialEq)]
pub struct Net {
    /// `w`, as [`Represented::weights`].
    pub weights: Vec<DMatrix<f64>>,
    /// `p_l`.
    pub masses: Vec<DVector<f64>>,
    /// `u`.
    pub top: DMatrix<f64>,
}

impl Net {
    /// `w_0 = w p_(l-1)`, `u~ = u p_L`.
    pub fn represent(&self) -> Represented {
        let (weights, top) = scaled(&self.weights, &self.masses, &self.top, |p| p);
        Represented { weights, masses: self.masses.clone(), top }
    }
}

impl Represented {
    /// Masses 1.
    pub fn uniform(weights: Vec<DMatrix<f64>>, top: DMatrix<f64>) -> Self {
        let masses = weights.iter().map(|w| DVector::from_element(w.ncols(), 1.0)).collect();
        Self { weights, masses, top }
    }

    /// `w = w_0 / p_(l-1)`, `u = u~ / p_L`: the features and the function are the same.
    pub fn net(&self) -> Net {
        let (weights, top) = scaled(&self.weights, &self.masses, &self.top, f64::recip);
        Net { weights, masses: self.masses.clone(), top }
    }

    /// The same function by a net of units of equal mass: unit `z` of layer `l` becomes `copies[l][z]` units with its weights.
    /// Masses must be in proportion to the numbers of copies; function and costs are then the same.
    ///
    /// # Panics
    /// If there is not one positive number per unit.
    pub fn expanded(&self, copies: &[Vec<usize>]) -> Self {
        let net = self.net();
        let unit = |l: usize| -> Vec<usize> {
            assert_eq!(
                copies[l].len(),
                self.masses[l].len(),
                "Represented::expanded: one number of copies a unit"
            );
            copies[l].iter().enumerate().flat_map(|(z, &k)| std::iter::repeat_n(z, k)).collect()
        };
        let weights = net.weights.iter().enumerate().map(|(l, w)| {
            let columns = w.select_columns(&unit(l));
            if l == 0 { columns } else { columns.select_rows(&unit(l - 1)) }
        });
        let weights = weights.collect();
        Self::uniform(weights, net.top.select_rows(&unit(copies.len() - 1)))
    }

    /// `c_l`, the feature cost of every layer.
    pub fn feature_costs(&self) -> Vec<f64> {
        let layers = self.weights.iter().zip(&self.masses).enumerate();
        layers
            .map(|(l, (w, p))| {
                let rows = row_costs(w, p);
                let below = |k: usize| if l == 0 { 1.0 } else { self.masses[l - 1][k] };
                rows.iter().enumerate().map(|(k, s)| s * s / below(k)).sum::<f64>() / rows.len() as f64
            })
            .collect()
    }

    /// `mean |u~|^2 / p_L`.
    pub fn top_cost(&self) -> f64 {
        let Some(masses) = self.masses.last() else { return self.top.norm_squared() };
        let rows = self.top.row_iter().zip(masses.iter());
        rows.map(|(u, p)| u.norm_squared() / p).sum::<f64>() / masses.len() as f64
    }

    /// The point at `t` in `[0, 1]` on the way to another one of the same shape, in all of weights, masses and top layer: a
    /// chord of the represented problem if the weights are the same, a chord of weight space if the masses are 1.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn toward(&self, other: &Self, t: f64) -> Self {
        let mix = |a: &DMatrix<f64>, b: &DMatrix<f64>| a * (1.0 - t) + b * t;
        Self {
            weights: self.weights.iter().zip(&other.weights).map(|(a, b)| mix(a, b)).collect(),
            masses: self.masses.iter().zip(&other.masses).map(|(a, b)| a * (1.0 - t) + b * t).collect(),
            top: mix(&self.top, &other.top),
        }
    }
}

/// `mean_z |w_0(z', z)| p(z)` of every row.
fn row_costs(weights: &DMatrix<f64>, masses: &DVector<f64>) -> Vec<f64> {
    let m = weights.ncols() as f64;
    let row = |k: usize| weights.row(k).iter().zip(masses.iter()).map(|(w, p)| w.abs() * p).sum::<f64>() / m;
    (0..weights.nrows()).map(row).collect()
}

/// Rows of each layer but the first, and of the top, times `f` of the masses below.
fn scaled(
    weights: &[DMatrix<f64>],
    masses: &[DVector<f64>],
    top: &DMatrix<f64>,
    f: fn(f64) -> f64,
) -> (Vec<DMatrix<f64>>, DMatrix<f64>) {
    let rows = |w: &DMatrix<f64>, p: Option<&DVector<f64>>| match p {
        Some(p) => DMatrix::from_fn(w.nrows(), w.ncols(), |i, j| w[(i, j)] * f(p[i])),
        None => w.clone(),
    };
    let below = |l: usize| l.checked_sub(1).map(|l| &masses[l]);
    let scaled = weights.iter().enumerate().map(|(l, w)| rows(w, below(l))).collect();
    (scaled, rows(top, masses.last()))
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{Problem, Represented};
    use crate::activation::Activation;

    const SIZES: [usize; 4] = [3, 5, 4, 6];

    fn problem() -> Problem {
        Problem {
            inputs: Stream::root(1).normal_matrix(7, 3, 1.0),
            targets: Stream::root(2).normal_matrix(7, 2, 1.0),
            activation: Activation::Tanh,
            ridge_top: 0.1,
            ridge_features: 0.2,
        }
    }

    fn represented(seed: u64) -> Represented {
        let stream = Stream::root(seed);
        let weights =
            (0..3).map(|l| stream.indexed(l as u64).normal_matrix(SIZES[l], SIZES[l + 1], 2.0)).collect();
        let mut net = Represented::uniform(weights, stream.named("top").normal_matrix(6, 2, 1.0));
        for (l, p) in net.masses.iter_mut().enumerate() {
            *p = masses(&stream.named("masses").indexed(l as u64), p.len());
        }
        net
    }

    fn masses(stream: &Stream, count: usize) -> DVector<f64> {
        let p: DVector<f64> = stream.normal_vector::<f64>(count, 1.0).map(f64::exp);
        let mean = p.mean();
        p / mean
    }

    proptest! {
        /// Net to representation and back, outputs and weights alike; and to units of equal mass.
        #[test]
        fn the_round_trip_is_exact(seed in any::<u64>()) {
            let net = represented(seed);
            let (problem, back) = (problem(), net.net().represent());
            prop_assert!((problem.outputs(&net) - problem.outputs_of_net(&net.net())).amax() < 1e-12);
            prop_assert!(net.weights.iter().zip(&back.weights).all(|(a, b)| (a - b).amax() < 1e-13));
            prop_assert!((&net.top - &back.top).amax() < 1e-13);
            let copies: Vec<Vec<usize>> = SIZES[1..].iter().map(|m| (0..*m).map(|z| 1 + (z * 7 + 3) % 4).collect()).collect();
            let mut weighted = net.clone();
            for (p, k) in weighted.masses.iter_mut().zip(&copies) {
                let total: usize = k.iter().sum();
                *p = DVector::from_fn(k.len(), |z, _| (k.len() * k[z]) as f64 / total as f64);
            }
            let expanded = weighted.expanded(&copies);
            prop_assert!((problem.outputs(&weighted) - problem.outputs(&expanded)).amax() < 1e-12);
            prop_assert!((problem.objective(&weighted) - problem.objective(&expanded)).abs() < 1e-10);
        }

        /// Masses change neither features nor function of the represented net.
        #[test]
        fn masses_leave_the_features_alone(seed in any::<u64>()) {
            let net = represented(seed);
            let mut other = net.clone();
            other.masses = represented(seed ^ 1).masses;
            prop_assert_eq!(problem().outputs(&net), problem().outputs(&other));
        }

        #[test]
        fn chords_are_convex(seed in any::<u64>(), t in 0.0..1.0f64) {
            let net = represented(seed);
            let mut other = net.clone();
            other.masses = represented(seed ^ 1).masses;
            other.top = Stream::root(seed).named("other").normal_matrix(6, 2, 1.0);
            let problem = problem();
            let (a, b) = (problem.objective(&net), problem.objective(&other));
            let between: DMatrix<f64> = DMatrix::from_element(1, 1, problem.objective(&net.toward(&other, t)));
            prop_assert!(between[0] <= (1.0 - t) * a + t * b + 1e-12 * (a + b));
        }
    }
}
