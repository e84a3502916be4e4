//! The solver for the data at hand.

use nalgebra::DMatrix;
use overparam_tensor::linalg::symmetric_eigen;
use overparam_tensor::random::Stream;

use super::grid::cautious;
use super::nonlinearity::{self, Nonlinearity as _};
use super::sampling::average;
use super::{
    Grid, LinearClosure, LinearMoments, RichLimit, Sampling, Standard, TwoLayer, influence, lazy_outputs,
};
use crate::error::Error;

/// A grid where the inputs span at most three dimensions (one, if the nonlinearity has a kink), samples elsewhere, the closed equation for linear
/// units: steps and nodes are chosen for the problem, as fine as some 200,000 units allow.
///
/// ```
/// use nalgebra::{DMatrix, DVector};
/// use overparam_feature_flow::rich_limit::{Solver, Standard, TwoLayer};
/// use overparam_tensor::random::Stream;
///
/// let problem = TwoLayer::new(DMatrix::identity(1, 1), DVector::from_element(1, 1.0), 1.0)?;
/// let limit = Solver::of(&problem, None, 4096, Stream::root(0))?.rich(&problem, Standard::Tanh, &[1.0])?;
/// assert!((limit.outputs[0][0] - 0.556_337_519).abs() < limit.output_error + 1e-9 && limit.output_error < 1e-5);
/// # Ok::<(), overparam_feature_flow::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Solver {
    rank: usize,
    grid: Grid,
    sampling: Sampling,
    closure: LinearClosure,
    stream: Stream,
}

impl Solver {
    /// For this problem; `step` are standard deviations between a grid's nodes if the choice is not to be ours, `pairs` those of each sample, and
    /// `stream` draws them. Step and pairs are checked where they are used.
    ///
    /// # Errors
    /// [`Error::Linalg`].
    pub fn of(problem: &TwoLayer, step: Option<f64>, pairs: usize, stream: Stream) -> Result<Self, Error> {
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
        Ok(Self { rank, grid, sampling, closure, stream })
    }

    /// The limit at ascending times.
    ///
    /// # Errors
    /// As [`Grid::solve`], [`Sampling::solve`] and [`LinearClosure::solve`].
    pub fn rich(&self, problem: &TwoLayer, phi: Standard, times: &[f64]) -> Result<RichLimit, Error> {
        let mut limit = match self.samples(phi) {
            None => self.grid.solve(problem, &phi, times)?,
            Some(sampling) => sampling.solve(problem, &phi, times, &self.stream)?,
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

    /// `gamma = 0`: kernels at rest, outputs in closed form. Their error is estimated as that of [`RichLimit`], from the outputs that coarser grids or single
    /// samples give.
    ///
    /// # Errors
    /// As [`Solver::rich`].
    pub fn lazy(&self, problem: &TwoLayer, phi: Standard, times: &[f64]) -> Result<RichLimit, Error> {
        let start = self.rich(problem, phi, &[0.0])?;
        let outputs_of = |at: &RichLimit| lazy_outputs(problem, &at.tangent_kernel(problem, 0), times);
        let outputs = outputs_of(&start)?;
        let output_error = if let Some(sampling) = self.samples(phi) {
            let mut runs = sampling.runs(problem, &phi, &[0.0], &self.stream)?;
            let found: Vec<_> = runs.iter().map(outputs_of).collect::<Result<_, _>>()?;
            for (run, outputs) in runs.iter_mut().zip(found) {
                run.outputs = outputs;
            }
            average(&mut outputs.clone(), &runs, |run| run.outputs.iter().collect())
        } else {
            let mut away: f64 = 0.0;
            for rough in self.grid.coarser(problem, &phi, &[0.0])? {
                let rough = outputs_of(&rough)?;
                away = outputs.iter().zip(&rough).map(|(f, g)| (f - g).amax()).fold(away, f64::max);
            }
            cautious(problem, away)
        };
        let n = times.len();
        let rest = |at: &DMatrix<f64>| vec![vec![at.clone(); n]; n];
        let (features, gradients) = (rest(&start.features[0][0]), rest(&start.gradients[0][0]));
        Ok(RichLimit { times: times.to_vec(), outputs, features, gradients, output_error, ..start })
    }

    /// `m Cov f` at ascending times, `n x n`.
    ///
    /// # Errors
    /// As [`influence()`] and [`LinearClosure::fluctuations`].
    pub fn scatter(
        &self,
        problem: &TwoLayer,
        phi: Standard,
        times: &[f64],
    ) -> Result<Vec<DMatrix<f64>>, Error> {
        if phi == Standard::Linear {
            return self.closure.fluctuations(problem, times);
        }
        nonlinearity::curvature(&phi, 0.0)?;
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

    /// The samples for this nonlinearity; none where a grid does.
    fn samples(&self, phi: Standard) -> Option<Sampling> {
        let kinked = phi.curvature(0.0).is_none();
        // Where units cross a kink, the error of a step is of order 1: with shorter ones it stays below that of the samples.
        let time_step = self.sampling.time_step * if kinked { 0.2 } else { 1.0 };
        (self.rank > 3 || (kinked && self.rank > 1)).then_some(Sampling { time_step, ..self.sampling })
    }
}
