//! Two layers of infinite width at any richness.

use nalgebra::{DMatrix, DVector};
use overparam_feature_flow::Error;
use overparam_feature_flow::rich_limit::{
    Grid, LinearClosure, LinearMoments, RichLimit, Sampling, Standard, TwoLayer, influence, lazy_outputs,
};
use overparam_tensor::linalg::symmetric_eigen;
use overparam_tensor::random::Stream;
use pyo3::prelude::*;

use crate::arrays::{from_matrix, matrix};
use crate::errors::value;
use crate::feature_flow::{Array, Matrix, run};

/// Outputs at each time; `Phi` and `G` between all times, row after row; `m Cov f` at each time, if asked for; errors of outputs and kernels.
type Found<'py> = (Vec<Vec<f64>>, Vec<Array<'py>>, Vec<Array<'py>>, Vec<Array<'py>>, (f64, f64));

/// The limit at ascending times. `numerics`: distance of the grid's nodes, pairs of one scrambling, seed, and whether fluctuations are wanted.
#[pyfunction]
pub(crate) fn rich_limit<'py>(
    py: Python<'py>,
    kernel: Matrix<'_>,
    targets: Vec<f64>,
    gamma: f64,
    times: Vec<f64>,
    name: &str,
    numerics: (Option<f64>, usize, u64, bool),
) -> PyResult<Found<'py>> {
    let phi: Standard = name.parse().map_err(|e: String| value(format!("phi: {e}")))?;
    let (kernel, targets) = (matrix(&kernel), DVector::from_vec(targets));
    let (step, pairs, seed, fluctuations) = numerics;
    let (limit, scatter) = run(py, move || {
        // The lazy limit has the units of any richness, at rest.
        let problem = TwoLayer::new(kernel, targets, if gamma == 0.0 { 1.0 } else { gamma })?;
        let solver = Solver::of(&problem, step, pairs, seed)?;
        if gamma == 0.0 {
            return Ok((solver.lazy(&problem, phi, &times)?, Vec::new()));
        }
        let limit = solver.rich(&problem, phi, &times)?;
        let scatter = if fluctuations { solver.scatter(&problem, phi, &times)? } else { Vec::new() };
        Ok((limit, scatter))
    })?;
    let outputs = limit.outputs.iter().map(|f| f.as_slice().to_vec()).collect();
    let all = |matrices: Vec<DMatrix<f64>>| -> PyResult<Vec<Array<'py>>> {
        matrices.into_iter().map(|one| from_matrix(py, one)).collect()
    };
    let flat = |pairs: Vec<Vec<DMatrix<f64>>>| all(pairs.into_iter().flatten().collect());
    let errors = (limit.output_error, limit.kernel_error);
    Ok((outputs, flat(limit.features)?, flat(limit.gradients)?, all(scatter)?, errors))
}

/// A grid where the inputs span few dimensions, samples elsewhere.
struct Solver {
    rank: usize,
    grid: Grid,
    sampling: Sampling,
    closure: LinearClosure,
    stream: Stream,
}

impl Solver {
    fn of(problem: &TwoLayer, step: Option<f64>, pairs: usize, seed: u64) -> Result<Self, Error> {
        let values = symmetric_eigen(problem.kernel())?.values;
        let largest = values.amax();
        let rank = values.iter().filter(|v| **v > 1e-12 * largest).count();
        // As fine in the units as some 200,000 of them allow; Runge-Kutta steps of .02 err by 1e-9.
        let (nodes, time_step) = match rank {
            0 | 1 => (0.06, 0.02),
            2 => (0.2, 0.02),
            _ => (0.45, 0.025),
        };
        // The fastest rate at the start is near the largest eigenvalue.
        let short = |most: f64| if largest > 8.0 { 8.0 * most / largest } else { most };
        let grid = Grid { step: step.unwrap_or(nodes), time_step: short(time_step) };
        let sampling = Sampling { pairs, time_step: short(0.05), ..Sampling::default() };
        let closure = LinearClosure { time_step: short(0.001) };
        Ok(Self { rank, grid, sampling, closure, stream: Stream::root(seed) })
    }

    fn rich(&self, problem: &TwoLayer, phi: Standard, times: &[f64]) -> Result<RichLimit, Error> {
        let mut limit = if self.rank <= 3 {
            self.grid.solve(problem, &phi, times)?
        } else {
            self.sampling.solve(problem, &phi, times, &self.stream)?
        };
        if phi == Standard::Linear {
            let moments = self.closure.solve(problem, &LinearMoments::infinite(problem), times)?;
            let exact: Vec<_> = moments.iter().map(|m| m.outputs(problem)).collect();
            let rough = LinearClosure { time_step: 2.0 * self.closure.time_step };
            let again = rough.solve(problem, &LinearMoments::infinite(problem), times)?;
            let away = exact.iter().zip(&again).map(|(f, m)| (f - m.outputs(problem)).amax());
            limit.output_error = away.fold(0.0, f64::max);
            limit.outputs = exact;
        }
        Ok(limit)
    }

    /// `gamma = 0`: kernels at rest, outputs in closed form. Their error is the distance from those of another kernel, with coarser
    /// nodes or from other samples.
    fn lazy(&self, problem: &TwoLayer, phi: Standard, times: &[f64]) -> Result<RichLimit, Error> {
        let start = self.rich(problem, phi, &[0.0])?;
        let grid = Grid { step: (1.25 * self.grid.step).min(1.0), ..self.grid };
        let other = Self { grid, stream: self.stream.named("other"), ..*self }.rich(problem, phi, &[0.0])?;
        let outputs = |at: &RichLimit| lazy_outputs(problem, &at.tangent_kernel(problem, 0), times);
        let (outputs, away) = (outputs(&start)?, outputs(&other)?);
        let output_error = outputs.iter().zip(&away).map(|(f, g)| (f - g).amax()).fold(0.0, f64::max);
        let n = times.len();
        let rest = |at: &DMatrix<f64>| vec![vec![at.clone(); n]; n];
        let (features, gradients) = (rest(&start.features[0][0]), rest(&start.gradients[0][0]));
        Ok(RichLimit { times: times.to_vec(), outputs, features, gradients, output_error, ..start })
    }

    /// `m Cov f`.
    fn scatter(&self, problem: &TwoLayer, phi: Standard, times: &[f64]) -> Result<Vec<DMatrix<f64>>, Error> {
        if phi == Standard::Linear {
            return self.closure.fluctuations(problem, times);
        }
        let units = if self.rank <= 3 {
            // Along a trajectory fewer units can be kept.
            let least = [0.1, 0.1, 0.4, 0.75][self.rank];
            Grid { step: self.grid.step.max(least), ..self.grid }.particles(problem, &phi)?
        } else {
            let pairs = self.sampling.pairs.min(4096);
            Sampling { pairs, ..self.sampling }.particles(problem, &self.stream)?
        };
        let found = influence(problem, &phi, &units, times, self.grid.time_step)?;
        Ok(found.into_iter().map(|at| at.covariance).collect())
    }
}
