//! Sampled units: the limit for any number of examples, with standard errors.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::random::Stream;

use super::{Nonlinearity, Particles, RichLimit, TwoLayer, check_times, sobol};
use crate::error::{Error, positive};

/// Units from scrambled Sobol points, each in a pair `(a, h)`, `(-a, h)`: `f(0) = 0` exactly, and the same limit.
///
/// Several independent scramblings give the mean and its standard error. The first 21 dimensions (the read-out weight and the
/// largest eigendirections of `K`) are Sobol's, further ones random.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Pairs in one scrambling; rounded up to a power of two.
    pub pairs: usize,
    /// Independent scramblings, at least 2.
    pub replicates: usize,
    /// Largest Runge-Kutta step. Its error is not in the standard error: of a smooth `phi` of order 4, below 1e-6 at .05 where `gamma t` is moderate;
    /// of one with a kink of order 1, some 1e-4 at .05, since units cross the kink within a step.
    pub time_step: f64,
}

impl Default for Sampling {
    /// Six scramblings of 4096 pairs, time steps of .05.
    fn default() -> Self {
        Self { pairs: 4096, replicates: 6, time_step: 0.05 }
    }
}

impl Sampling {
    /// The limit at ascending times: means over the scramblings, errors the largest standard errors of those means.
    ///
    /// # Errors
    /// [`Error::Parameter`] for counts out of range or times that do not ascend; [`Error::Diverged`], [`Error::Linalg`].
    pub fn solve(
        &self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        times: &[f64],
        stream: &Stream,
    ) -> Result<RichLimit, Error> {
        let runs = self.runs(problem, phi, times, stream)?;
        let mut mean = runs[0].clone();
        mean.units = runs.iter().map(|r| r.units).sum();
        mean.output_error = average(&mut mean.outputs, &runs, |r| r.outputs.iter().collect());
        let mut flat: Vec<DMatrix<f64>> =
            mean.features.iter().chain(&mean.gradients).flatten().cloned().collect();
        mean.kernel_error =
            average(&mut flat, &runs, |r| r.features.iter().chain(&r.gradients).flatten().collect());
        let entries = mean.features.iter_mut().chain(&mut mean.gradients).flatten();
        entries.zip(flat).for_each(|(entry, value)| *entry = value);
        Ok(mean)
    }

    /// The limit by each scrambling.
    pub(super) fn runs(
        &self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        times: &[f64],
        stream: &Stream,
    ) -> Result<Vec<RichLimit>, Error> {
        check_times(times)?;
        if self.replicates < 2 {
            let (name, value) = ("the number of scramblings", self.replicates as f64);
            return Err(Error::Parameter { name, value, expected: "at least 2, for a standard error" });
        }
        let one = |i: usize| {
            let particles = self.particles(problem, &stream.indexed(i as u64))?;
            particles.solve(problem, phi, times, self.time_step)
        };
        (0..self.replicates).map(one).collect()
    }

    /// The units of one scrambling.
    ///
    /// # Errors
    /// [`Error::Parameter`] if there are no pairs or more than 2^24, [`Error::Linalg`].
    pub fn particles(&self, problem: &TwoLayer, stream: &Stream) -> Result<Particles, Error> {
        positive("the number of pairs", self.pairs as f64)?;
        if self.pairs > 1 << 24 {
            let (name, value) = ("the number of pairs", self.pairs as f64);
            return Err(Error::Parameter { name, value, expected: "at most 2^24" });
        }
        let count = self.pairs.next_power_of_two();
        let root = &problem.root;
        let points = sobol::normals(count, root.ncols() + 1, stream);
        let a = DVector::from_iterator(count, points.iter().map(|p| p[0]));
        let z = DMatrix::from_fn(count, root.ncols(), |i, k| points[i][k + 1]);
        Ok(Particles::from_units(&a, &(z * root.transpose()))?.mirrored(problem.points()))
    }
}

/// Replaces `mean` by the means over the runs; the largest standard error of an entry.
pub(super) fn average<R: nalgebra::Dim, C: nalgebra::Dim, S>(
    mean: &mut [nalgebra::Matrix<f64, R, C, S>],
    runs: &[RichLimit],
    of: impl Fn(&RichLimit) -> Vec<&nalgebra::Matrix<f64, R, C, S>>,
) -> f64
where
    S: nalgebra::StorageMut<f64, R, C>,
{
    let parts: Vec<_> = runs.iter().map(of).collect();
    let count = runs.len() as f64;
    let mut worst: f64 = 0.0;
    for (index, mean) in mean.iter_mut().enumerate() {
        for entry in 0..mean.len() {
            let values = || parts.iter().map(|p| p[index][entry]);
            let average = values().sum::<f64>() / count;
            let spread = values().map(|v| (v - average).powi(2)).sum::<f64>();
            worst = worst.max((spread / (count * (count - 1.0))).sqrt());
            mean[entry] = average;
        }
    }
    worst
}
