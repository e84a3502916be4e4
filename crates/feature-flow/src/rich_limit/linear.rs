//! Linear units: a closed equation for their second moments, at infinite width and at any finite one.

use nalgebra::{DMatrix, DVector};

use super::{TwoLayer, check_times};
use crate::error::{Error, finite_loss, positive, same};

/// The flow of `C = E a^2`, `c = E a h`, `H = E h h^T` of linear units, `f = c/gamma`:
///
#[doc = overparam_formula::formula!(
    "dC/dt = 2 gamma Delta . c"
    "dc/dt = gamma (H + C K) Delta"
    "dH/dt = gamma (K Delta c^T + c Delta^T K)"
)]
///
/// from `C = 1`, `c = 0`, `H = K` at infinite width, and from the sample moments of its units for a finite net, exactly. The tangent
/// kernel is `Theta = H + C K`. With `K = I` and the targets' norm `|y|`, `f = s y/|y|` and `ds/dt = 2 sqrt(1 + gamma^2 s^2) (|y| - s)`: a
/// mode of a linear network of imbalance `2/gamma`, at time `gamma t`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearClosure {
    /// Largest Runge-Kutta step.
    pub time_step: f64,
}

impl Default for LinearClosure {
    /// Time steps of .001: errors below 1e-9 where the tangent kernel is below 30.
    fn default() -> Self {
        Self { time_step: 0.001 }
    }
}

/// Second moments of linear units.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearMoments {
    /// `C = E a^2`.
    pub readout: f64,
    /// `c = E a h`, `n` numbers.
    pub cross: DVector<f64>,
    /// `H = E h h^T`, `n x n`.
    pub hidden: DMatrix<f64>,
}

impl LinearMoments {
    /// Those of infinitely many units at time 0.
    pub fn infinite(problem: &TwoLayer) -> Self {
        Self { readout: 1.0, cross: DVector::zeros(problem.points()), hidden: problem.kernel().clone() }
    }

    /// Those of a net with read-out weights `a` (`m` numbers) and hidden units `h` (`m x n`).
    ///
    /// # Errors
    /// [`Error::Count`] if the lengths differ.
    pub fn of_units(a: &DVector<f64>, h: &DMatrix<f64>) -> Result<Self, Error> {
        same("units with an input", h.nrows(), a.len())?;
        let m = a.len() as f64;
        Ok(Self { readout: a.norm_squared() / m, cross: h.tr_mul(a) / m, hidden: h.tr_mul(h) / m })
    }

    /// `f = c/gamma`.
    pub fn outputs(&self, problem: &TwoLayer) -> DVector<f64> {
        &self.cross / problem.gamma()
    }

    /// `Theta = H + C K`.
    pub fn tangent_kernel(&self, problem: &TwoLayer) -> DMatrix<f64> {
        &self.hidden + problem.kernel() * self.readout
    }

    fn speed(&self, problem: &TwoLayer) -> Self {
        let (gamma, n) = (problem.gamma(), problem.points());
        let missing = problem.missing(self.outputs(problem).as_slice());
        let mut delta = DVector::zeros(n);
        delta.rows_mut(0, missing.len()).copy_from_slice(&missing);
        let pull = problem.kernel() * &delta;
        let turn = &pull * self.cross.transpose();
        Self {
            readout: 2.0 * gamma * delta.dot(&self.cross),
            cross: (&self.hidden * &delta + &pull * self.readout) * gamma,
            hidden: (&turn + turn.transpose()) * gamma,
        }
    }

    fn moved(&self, by: f64, speed: &Self) -> Self {
        Self {
            readout: self.readout + by * speed.readout,
            cross: &self.cross + &speed.cross * by,
            hidden: &self.hidden + &speed.hidden * by,
        }
    }
}

impl LinearClosure {
    /// The moments at ascending times, from `start` at time 0.
    ///
    /// # Errors
    /// [`Error::Count`] if the start lives on other points, [`Error::Parameter`] for a time or a step out of range,
    /// [`Error::Diverged`] if the step is too large for the flow.
    pub fn solve(
        &self,
        problem: &TwoLayer,
        start: &LinearMoments,
        times: &[f64],
    ) -> Result<Vec<LinearMoments>, Error> {
        same("points of the moments", start.cross.len(), problem.points())?;
        check_times(times)?;
        positive("the time step", self.time_step)?;
        let (mut now, mut state) = (0.0, start.clone());
        let mut moments = Vec::with_capacity(times.len());
        for &time in times {
            let steps = ((time - now) / self.time_step * (1.0 - 1e-12)).ceil();
            let h = (time - now) / steps;
            for step in 0..steps as usize {
                let k1 = state.speed(problem);
                let k2 = state.moved(0.5 * h, &k1).speed(problem);
                let k3 = state.moved(0.5 * h, &k2).speed(problem);
                let k4 = state.moved(h, &k3).speed(problem);
                for (share, k) in [(1.0, k1), (2.0, k2), (2.0, k3), (1.0, k4)] {
                    state = state.moved(share * h / 6.0, &k);
                }
                finite_loss(step, state.cross.norm_squared() + state.readout, self.time_step)?;
            }
            now = time;
            moments.push(state.clone());
        }
        Ok(moments)
    }

    /// `m Cov f(t)` of wide nets from independent units, at each time, `n x n`: `J V J^T` with the covariance of the sample moments
    /// of Gaussians, `m Cov(M_ij, M_kl) = S_ik S_jl + S_il S_jk`, `S = blockdiag(1, K)`, and the derivatives `J` of the flow in its
    /// start, by central differences.
    ///
    /// # Errors
    /// As [`LinearClosure::solve`].
    pub fn fluctuations(&self, problem: &TwoLayer, times: &[f64]) -> Result<Vec<DMatrix<f64>>, Error> {
        let n = problem.points();
        let start = LinearMoments::infinite(problem);
        let mut joint = DMatrix::zeros(n + 1, n + 1);
        joint[(0, 0)] = 1.0;
        joint.view_mut((1, 1), (n, n)).copy_from(problem.kernel());
        let pairs: Vec<(usize, usize)> = (0..=n).flat_map(|i| (i..=n).map(move |j| (i, j))).collect();
        // One column a moment.
        let mut slopes = vec![DMatrix::zeros(n, pairs.len()); times.len()];
        let size = 1e-5 * problem.kernel().amax().max(1.0);
        for (column, &(i, j)) in pairs.iter().enumerate() {
            let at = |by: f64| {
                let mut moved = start.clone();
                match (i, j) {
                    (0, 0) => moved.readout += by,
                    (0, j) => moved.cross[j - 1] += by,
                    (i, j) if i == j => moved.hidden[(i - 1, i - 1)] += by,
                    (i, j) => {
                        moved.hidden[(i - 1, j - 1)] += by;
                        moved.hidden[(j - 1, i - 1)] += by;
                    }
                }
                self.solve(problem, &moved, times)
            };
            for (slope, (up, down)) in slopes.iter_mut().zip(at(size)?.iter().zip(&at(-size)?)) {
                let change = up.outputs(problem) - down.outputs(problem);
                slope.set_column(column, &(change / (2.0 * size)));
            }
        }
        let covariance = DMatrix::from_fn(pairs.len(), pairs.len(), |p, q| {
            let ((i, j), (k, l)) = (pairs[p], pairs[q]);
            joint[(i, k)] * joint[(j, l)] + joint[(i, l)] * joint[(j, k)]
        });
        Ok(slopes.iter().map(|j| j * &covariance * j.transpose()).collect())
    }
}
