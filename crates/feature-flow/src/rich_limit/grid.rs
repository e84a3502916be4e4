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
/// What the largest distance from them is multiplied with: where no grid has converged, because `phi` is steep or richness strong, all of them err
/// in the same direction, and errors of up to 1.4 times the distance were met.
const CAUTION: f64 = 2.0;
/// What lies beyond [`REACH`], as a share of the largest entry of the kernel: no grid sees it.
const TAILS: f64 = 1e-11;
/// A grid of more nodes is refused.
const MOST: f64 = 3e7;

/// The trapezoidal rule in the standard normals of `(L^-1 h(0), a(0))`, `K = L L^T` of rank at most 3.
///
/// For an analytic `phi` the error falls exponentially with `1/step`, until the growth `e^(gamma t)` of the units brings poles
/// near; Gauss-Hermite rules do much worse (`tanh` has poles). A `phi` with a kink, such as ReLU, has its kink in every direction of the inputs. Where
/// they span one dimension, nodes lie half a step beside it, and the error is of order `step^2`. Where they span more, nodes cannot avoid it, and
/// slopes have errors of order `step` that other grids share: between two inputs that are nearly parallel no node lies. [`Grid::solve`]
/// refuses these; [`Sampling`](super::Sampling) knows its error.
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
    /// The limit at ascending times. The error is estimated by twice the larger distance from two solutions, with nodes 1.25 and 1.6 times and time
    /// steps twice as far apart, and 1e-11 of the kernel for what lies beyond 7.5 standard deviations. For an analytic `phi` on a fine grid
    /// that is much larger than the error. It was not smaller in any case tried: tanh at the start, on hundreds of kernels of one and two dimensions with
    /// variances up to 400 and steps up to .45, and with one example up to `gamma = 4`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for steps out of range, times that do not ascend, a kernel of rank above 3, or above 1 if `phi` has a kink (use
    /// [`Sampling`](super::Sampling)), or a grid of more than 3e7 nodes; [`Error::Diverged`], [`Error::Linalg`].
    pub fn solve(
        &self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        times: &[f64],
    ) -> Result<RichLimit, Error> {
        if problem.root.ncols() > 1 && phi.curvature(0.0).is_none() {
            return Err(Error::Parameter {
                name: "the rank of the kernel of a grid for a nonlinearity with a kink",
                value: problem.root.ncols() as f64,
                expected: "at most 1: sample the units instead",
            });
        }
        let mut fine = self.particles(problem, phi)?.solve(problem, phi, times, self.time_step)?;
        let (mut outputs, mut kernels): (f64, f64) = (0.0, 0.0);
        for rough in self.coarser(problem, phi, times)? {
            let away = fine.distance(&rough);
            (outputs, kernels) = (outputs.max(away.0), kernels.max(away.1));
            fine.units += rough.units;
        }
        fine.output_error = cautious(problem, outputs);
        fine.kernel_error = cautious(problem, kernels);
        Ok(fine)
    }

    /// The solutions that tell the error.
    pub(super) fn coarser(
        &self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        times: &[f64],
    ) -> Result<Vec<RichLimit>, Error> {
        let one = |factor: f64| {
            let coarse = Self { step: factor * self.step, time_step: 2.0 * self.time_step };
            coarse.units(problem, phi)?.solve(problem, phi, times, coarse.time_step)
        };
        COARSER.into_iter().map(one).collect()
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

/// An estimate of the error from the largest distance from coarser grids.
pub(super) fn cautious(problem: &TwoLayer, distance: f64) -> f64 {
    CAUTION * distance + TAILS * problem.kernel().amax().max(1.0)
}

/// The tangent kernel at the start, `Theta = E phi(h) phi(h)^T + K o E phi'(h) phi'(h)^T`, `n x n`: that of all times as `gamma -> 0`.
/// Its error is that of a [`Grid`]: with a kink in `phi`, of order `step` where inputs span two or three dimensions.
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
