//! What richness adds to the lazy limit, for any number of examples, with an error for each output.

use nalgebra::DVector;
use overparam_tensor::linalg::symmetric_eigen;
use overparam_tensor::random::Stream;

use super::particles::Particles;
use super::{Nonlinearity, Sampling, TwoLayer, check_times, lazy_outputs};
use crate::error::Error;

/// Steps are this part of the fastest mode's time at the start, before they are halved.
const STRIDE: f64 = 0.4;
/// Pairs of units with which the time step is chosen.
const PILOT: usize = 256;
/// A step is short enough if halving it moves outputs by less than this, relative to the largest target.
const STEADY: f64 = 1e-5;
/// Halvings before that is given up; a kink makes the last digits slow, and the error has what is missing.
const HALVINGS: usize = 4;

/// `f_gamma(t) - f_0(t)`: how far a net of richness `gamma` is from the lazy limit of the same data after the same time.
///
/// Each scrambling of Sobol's points is a population of units. It is moved to the time asked for, and its own lazy limit, the closed form
/// with its own tangent kernel at the start, is taken off:
///
#[doc = overparam_formula::formula!("c_r = f_(gamma r)(t) - f_(0 r)(t),    f_gamma(t) = f_0(t) + E c_r.")]
///
/// The exact `f_0` is added by the caller, who has it in closed form. What the samples err in the tangent kernel cancels: for a smooth `phi`
/// the error falls with `gamma^2`, as the correction does; with a kink more slowly, since a share `gamma` of the units crosses it.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// The correction of each scrambling, `n` numbers: training examples, then test points.
    pub runs: Vec<DVector<f64>>,
    /// The same from the first half of the units of each scrambling: what is left of a bias of order 1/units shows in the difference.
    pub halves: Vec<DVector<f64>>,
    /// How far halving the time step moves an output, in a smaller population.
    pub step_error: f64,
    /// The time step.
    pub time_step: f64,
}

impl Correction {
    /// The correction, `n` numbers: the mean over the scramblings.
    pub fn mean(&self) -> DVector<f64> {
        average(&self.runs)
    }

    /// For each output the standard error over scramblings and the distance from the same mean with half the units, in quadrature,
    /// plus the error of the time step. Between one and two standard errors, if there is no bias.
    pub fn error(&self) -> DVector<f64> {
        let points = self.runs.first().map_or(0, |r| r.len());
        DVector::from_fn(points, |i, _| self.error_of(|f| f[i]))
    }

    /// The same of a function of all corrections, such as a loss.
    pub fn error_of(&self, of: impl Fn(&DVector<f64>) -> f64) -> f64 {
        let (mean, count) = (self.mean(), self.runs.len() as f64);
        let value = of(&mean);
        // The jackknife: each scrambling left out in turn.
        let without = self.runs.iter().map(|run| of(&((&mean * count - run) / (count - 1.0))));
        let left: Vec<f64> = without.collect();
        let centre = left.iter().sum::<f64>() / count;
        let square = left.iter().map(|v| (v - centre).powi(2)).sum::<f64>() * (count - 1.0) / count;
        let bias = value - of(&average(&self.halves));
        let moved = [self.step_error, -self.step_error].map(|by| (of(&mean.add_scalar(by)) - value).abs());
        square.sqrt().hypot(bias) + moved[0].max(moved[1])
    }
}

fn average(runs: &[DVector<f64>]) -> DVector<f64> {
    let points = runs.first().map_or(0, |r| r.len());
    runs.iter().fold(DVector::zeros(points), |sum, run| sum + run) / runs.len() as f64
}

impl Sampling {
    /// The correction at one time. The time step starts at four tenths of the fastest mode's time, or at `self.time_step` if that is
    /// less, and is halved until halving it once more moves no output of 256 pairs by more than 1e-5 of the largest target. `done` is told
    /// of each finished scrambling.
    ///
    /// # Errors
    /// [`Error::Parameter`] for fewer than 2 scramblings or 2 pairs, or a time out of range; [`Error::Diverged`], [`Error::Linalg`].
    pub fn correction(
        &self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        time: f64,
        stream: &Stream,
        done: &mut dyn FnMut(),
    ) -> Result<Correction, Error> {
        check_times(&[time])?;
        for (name, value) in
            [("the number of scramblings", self.replicates), ("the number of pairs", self.pairs)]
        {
            if value < 2 {
                let (value, expected) = (value as f64, "at least 2, for an error");
                return Err(Error::Parameter { name, value, expected });
            }
        }
        let (time_step, step_error) = self.steps(problem, phi, time, stream)?;
        let (mut runs, mut halves) = (Vec::new(), Vec::new());
        for index in 0..self.replicates {
            let stream = stream.indexed(index as u64);
            for (pairs, kept) in [(self.pairs, &mut runs), (self.pairs.next_power_of_two() / 2, &mut halves)]
            {
                let units = Self { pairs, ..*self }.particles(problem, &stream)?;
                kept.push(change(problem, phi, units, time, time_step)?);
            }
            done();
        }
        Ok(Correction { runs, halves, step_error, time_step })
    }

    /// A time step, and what halving it changes.
    fn steps(
        &self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        time: f64,
        stream: &Stream,
    ) -> Result<(f64, f64), Error> {
        let pilot = Self { pairs: self.pairs.min(PILOT), ..*self };
        let units = pilot.particles(problem, &stream.named("pilot"))?;
        let theta = units.clone().solve(problem, phi, &[0.0], 1.0)?.tangent_kernel(problem, 0);
        let count = problem.targets().len();
        let fastest = symmetric_eigen(&theta.view((0, 0), (count, count)).into_owned())?.values.amax();
        let mut step = self.time_step.min(STRIDE / fastest.max(1e-300));
        let at = |step: f64| -> Result<DVector<f64>, Error> {
            let mut units = units.clone();
            units.advance(problem, phi, time, step)?;
            units.outputs(problem, phi)
        };
        let tolerance = STEADY * problem.targets().amax();
        let mut coarse = at(step);
        for _ in 0..HALVINGS {
            let fine = at(0.5 * step);
            if let (Ok(coarse), Ok(fine)) = (&coarse, &fine) {
                let moved = (coarse - fine).amax();
                if moved <= tolerance {
                    return Ok((step, moved));
                }
            }
            (step, coarse) = (0.5 * step, fine);
        }
        // Still too coarse: the last two say by how much, unless they diverge.
        let moved = (coarse? - at(0.5 * step)?).amax();
        Ok((step, moved))
    }
}

/// Of one population: its outputs less those of its own lazy limit.
fn change(
    problem: &TwoLayer,
    phi: &impl Nonlinearity,
    units: Particles,
    time: f64,
    time_step: f64,
) -> Result<DVector<f64>, Error> {
    let theta = units.clone().solve(problem, phi, &[0.0], time_step)?.tangent_kernel(problem, 0);
    let lazy = lazy_outputs(problem, &theta, &[time])?.swap_remove(0);
    let mut units = units;
    units.advance(problem, phi, time, time_step)?;
    Ok(units.outputs(problem, phi)? - lazy)
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;

    use crate::rich_limit::{Grid, Sampling, Standard, TwoLayer, lazy_kernel, lazy_outputs};

    fn problem(gamma: f64) -> TwoLayer {
        let kernel = DMatrix::from_row_slice(3, 3, &[1.0, 0.3, 0.5, 0.3, 0.8, -0.2, 0.5, -0.2, 0.9]);
        TwoLayer::new(kernel, DVector::from_vec(vec![1.0, -0.5]), gamma).unwrap()
    }

    /// Against the grid, at training examples and a test point: off by no more than four of the stated errors, and by some of them
    /// in most cases, so that the errors are not idle.
    #[test]
    fn errors_are_honest() {
        let (time, mut ratios) = (1.5, Vec::new());
        let sampling = Sampling { pairs: 512, replicates: 8, time_step: 0.1 };
        let grid = Grid { step: 0.5, time_step: 0.05 };
        for phi in [Standard::Tanh, Standard::Erf] {
            let theta = lazy_kernel(&problem(1.0), &phi, &grid).unwrap();
            let lazy = lazy_outputs(&problem(1.0), &theta, &[time]).unwrap().swap_remove(0);
            for gamma in [0.1, 0.5, 1.0, 2.0] {
                let units = grid.particles(&problem(gamma), &phi).unwrap();
                let rich = units.solve(&problem(gamma), &phi, &[time], 0.05).unwrap().outputs.swap_remove(0);
                let found =
                    sampling.correction(&problem(gamma), &phi, time, &Stream::root(5), &mut || ()).unwrap();
                let (mean, error) = (found.mean(), found.error());
                for i in 0..3 {
                    let off = (lazy[i] + mean[i] - rich[i]).abs();
                    println!(
                        "{phi:?} gamma {gamma} point {i}: {:.2e} off {off:.1e} of {:.1e}",
                        mean[i], error[i]
                    );
                    // The grid of this step has 1e-4 of its own at gamma = 2.
                    ratios.push((off - if gamma > 1.0 { 1e-4 } else { 1e-5 }).max(0.0) / error[i]);
                }
                let loss = |f: &DVector<f64>| (&lazy + f).norm_squared();
                let off = (loss(&mean) - rich.norm_squared()).abs();
                assert!(off < 4.0 * found.error_of(loss) + 1e-4, "{phi:?} {gamma}: {off:e}");
            }
        }
        assert!(ratios.iter().all(|r| *r < 4.0), "{ratios:?}");
    }

    /// With a smooth nonlinearity the error falls with the correction as the lazy limit is approached.
    #[test]
    fn little_richness_has_a_little_error() {
        let sampling = Sampling { pairs: 256, replicates: 4, time_step: 0.1 };
        let at = |gamma: f64| {
            let found =
                sampling.correction(&problem(gamma), &Standard::Tanh, 1.0, &Stream::root(1), &mut || ());
            let found = found.unwrap();
            (found.mean().amax(), found.error().add_scalar(-found.step_error).amax())
        };
        let (far, near) = (at(0.4), at(0.1));
        assert!((far.0 / near.0 / 16.0 - 1.0).abs() < 0.3, "{far:?} {near:?}");
        assert!((far.1 / near.1 / 16.0).ln().abs() < 1.0, "{far:?} {near:?}");
    }

    #[test]
    fn what_has_no_error_is_refused() {
        let (sampling, phi) = (Sampling::default(), Standard::Tanh);
        let refused = |sampling: Sampling, time: f64| {
            sampling
                .correction(&problem(1.0), &phi, time, &Stream::root(0), &mut || ())
                .unwrap_err()
                .to_string()
        };
        assert!(refused(Sampling { replicates: 1, ..sampling }, 1.0).contains("scramblings"));
        assert!(refused(Sampling { pairs: 1, ..sampling }, 1.0).contains("pairs"));
        assert!(refused(sampling, -1.0).contains("time"));
        assert!(refused(sampling, f64::INFINITY).contains("time"));
    }
}
