//! Units on a grid: the limit to many digits where the inputs span few dimensions.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::symmetric_eigen;

use super::{Nonlinearity, Particles, RichLimit, TwoLayer, check_times};
use crate::error::{Error, positive};

/// Nodes lie within this many standard deviations.
const REACH: f64 = 7.5;
/// Nodes of less weight are left out.
const LIGHT: f64 = 1e-15;
/// Coarser grids that tell the error, relative to the step.
const COARSER: [f64; 2] = [1.25, 1.6];
/// A grid of more nodes is refused.
const MOST: f64 = 3e7;

/// The trapezoidal rule in the standard normals of `(L^-1 h(0), a(0))`, `K = L L^T` of rank at most 3.
///
/// For an analytic `phi` the error falls exponentially with `1/step`, until the growth `e^(gamma t)` of the units brings poles
/// near; Gauss-Hermite rules do much worse (`tanh` has poles). For a `phi` with a kink, such as ReLU, the nodes lie half a step beside zero, and
/// the error is of order `step^2`: on the kink itself a unit would have the slope of one side, an error of order `step`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Distance of nodes, in standard deviations, at most 1.
    pub step: f64,
    /// Largest Runge-Kutta step.
    pub time_step: f64,
}

impl Default for Grid {
    /// Nodes .25 apart, time steps of .02.
    fn default() -> Self {
        Self { step: 0.25, time_step: 0.02 }
    }
}

impl Grid {
    /// The limit at ascending times. The error is estimated by the larger distance from two solutions, with nodes 1.25 and 1.6 times and time steps
    /// twice as far apart. In all cases that were tried with nodes .2 apart or less it is larger than the error, for an analytic `phi` on a fine grid much larger; one coarser grid is
    /// not enough where strong richness keeps both from converging.
    ///
    /// # Errors
    /// [`Error::Parameter`] for steps out of range, times that do not ascend, a kernel of rank above 3 (use
    /// [`Sampling`](super::Sampling)) or a grid of more than 3e7 nodes; [`Error::Diverged`], [`Error::Linalg`].
    pub fn solve(
        &self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        times: &[f64],
    ) -> Result<RichLimit, Error> {
        let mut fine = self.particles(problem, phi)?.solve(problem, phi, times, self.time_step)?;
        let (mut outputs, mut kernels): (f64, f64) = (0.0, 0.0);
        for coarser in COARSER {
            let coarse = Self { step: coarser * self.step, time_step: 2.0 * self.time_step };
            let rough = coarse.units(problem, phi)?.solve(problem, phi, times, coarse.time_step)?;
            let away = fine.distance(&rough);
            (outputs, kernels) = (outputs.max(away.0), kernels.max(away.1));
            fine.units += rough.units;
        }
        (fine.output_error, fine.kernel_error) = (outputs, kernels);
        Ok(fine)
    }

    /// The units at time 0. An odd `phi` needs half of them: `(a, h)` and `(-a, -h)` do the same.
    ///
    /// # Errors
    /// As [`Grid::solve`].
    pub fn particles(&self, problem: &TwoLayer, phi: &impl Nonlinearity) -> Result<Particles, Error> {
        self.check()?;
        self.units(problem, phi)
    }

    fn units(&self, problem: &TwoLayer, phi: &impl Nonlinearity) -> Result<Particles, Error> {
        let root = &problem.root;
        let nodes = self.nodes(root, 1, phi)?;
        let rank = root.ncols();
        let kept = nodes.into_iter().filter_map(|(weight, z)| {
            let a = z[rank];
            let weight = if !phi.is_odd() {
                weight
            } else if a > 0.0 {
                2.0 * weight
            } else if a == 0.0 {
                weight
            } else {
                return None;
            };
            let h = (0..problem.points()).map(|i| (0..rank).map(|k| root[(i, k)] * z[k]).sum()).collect();
            Some((weight, a, h))
        });
        let kept: Vec<(f64, f64, Vec<f64>)> = kept.collect();
        let total: f64 = kept.iter().map(|n| n.0).sum();
        Ok(Particles::collect(problem.points(), kept.into_iter().map(|(w, a, h)| (w / total, a, h))))
    }

    fn check(&self) -> Result<(), Error> {
        positive("the step of the grid", self.step)?;
        if self.step > 1.0 {
            let expected = "at most 1 standard deviation";
            return Err(Error::Parameter { name: "the step of the grid", value: self.step, expected });
        }
        Ok(())
    }

    /// Weights and nodes in the normals of `h` and `more` others.
    fn nodes(
        &self,
        root: &DMatrix<f64>,
        more: usize,
        phi: &impl Nonlinearity,
    ) -> Result<Vec<(f64, Vec<f64>)>, Error> {
        if root.ncols() > 3 {
            let (name, value) = ("the rank of the kernel of a grid", root.ncols() as f64);
            return Err(Error::Parameter { name, value, expected: "at most 3: sample the units instead" });
        }
        let dimensions = root.ncols() + more;
        let side = (REACH / self.step).floor() as i64;
        let count = (2.0 * side as f64 + 1.0).powi(dimensions as i32);
        if count > MOST {
            let name = "the number of nodes of the grid";
            return Err(Error::Parameter { name, value: count, expected: "at most 3e7: take a larger step" });
        }
        let line: Vec<f64> = if phi.curvature(0.0).is_some() {
            (-side..=side).map(|k| k as f64 * self.step).collect()
        } else {
            (-side..side).map(|k| (k as f64 + 0.5) * self.step).collect()
        };
        let density: Vec<f64> = line.iter().map(|x| (-0.5 * x * x).exp()).collect();
        let total: f64 = density.iter().sum();
        let mut nodes = vec![(1.0, Vec::new())];
        for _ in 0..dimensions {
            let longer = |(weight, z): &(f64, Vec<f64>)| {
                let next = line.iter().zip(&density).map(|(x, d)| {
                    let mut z = z.clone();
                    z.push(*x);
                    (weight * d / total, z)
                });
                next.filter(|(weight, _)| *weight >= LIGHT).collect::<Vec<_>>()
            };
            nodes = nodes.iter().flat_map(longer).collect();
        }
        Ok(nodes)
    }
}

/// The tangent kernel at the start, `Theta = E phi(h) phi(h)^T + K o E phi'(h) phi'(h)^T`, `n x n`: that of all times as `gamma -> 0`.
///
/// # Errors
/// As [`Grid::solve`].
pub fn lazy_kernel(problem: &TwoLayer, phi: &impl Nonlinearity, grid: &Grid) -> Result<DMatrix<f64>, Error> {
    grid.check()?;
    let root = &problem.root;
    let (rank, n) = (root.ncols(), problem.points());
    let (mut theta, mut total) = (DMatrix::zeros(n, n), 0.0);
    for (weight, z) in grid.nodes(root, 0, phi)? {
        let (mut value, mut slope) = (DVector::zeros(n), DVector::zeros(n));
        for i in 0..n {
            let h = (0..rank).map(|k| root[(i, k)] * z[k]).sum();
            (value[i], slope[i]) = phi.value_and_slope(h);
        }
        let gradients = (&slope * slope.transpose()).component_mul(problem.kernel());
        theta += (&value * value.transpose() + gradients) * weight;
        total += weight;
    }
    Ok(theta / total)
}

/// `f(t)` of the lazy limit `gamma -> 0` from the tangent kernel of all points (`n x n`): `Theta_(. train) Theta^-1 (I - e^(-Theta t)) y`
/// with `Theta` of the training examples, defined by continuity where it is singular.
///
/// # Errors
/// [`Error::Count`] if the kernel has not one row for each point, [`Error::Parameter`] for a time, [`Error::Linalg`].
pub fn lazy_outputs(
    problem: &TwoLayer,
    theta: &DMatrix<f64>,
    times: &[f64],
) -> Result<Vec<DVector<f64>>, Error> {
    crate::error::same("rows of the tangent kernel", theta.nrows(), problem.points())?;
    crate::error::same("columns of the tangent kernel", theta.ncols(), problem.points())?;
    check_times(times)?;
    let count = problem.targets().len();
    let eigen = symmetric_eigen(&theta.view((0, 0), (count, count)).into_owned())?;
    let modes = eigen.vectors.tr_mul(problem.targets());
    let at = |time: f64| {
        let reached = DVector::from_fn(count, |i, _| {
            let rate = eigen.values[i] * time;
            modes[i] * time * if rate.abs() < 1e-12 { 1.0 } else { -(-rate).exp_m1() / rate }
        });
        theta.columns(0, count) * (&eigen.vectors * reached)
    };
    Ok(times.iter().map(|&t| at(t)).collect())
}
