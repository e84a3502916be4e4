//! A weighted population of units, and its motion.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::random::Stream;
use rayon::prelude::*;

use super::{Nonlinearity, RichLimit, TwoLayer, check_times};
use crate::error::{Error, finite_loss, positive, same};

/// Units that are moved together: their number does not depend on how many threads there are.
const PIECE: usize = 2048;

/// Units `(a, h)` with weights that sum to 1: quadrature nodes of the limit, samples of it, or the units of a finite net, which obey the
/// same equations exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct Particles {
    pub(super) pieces: Vec<Piece>,
}

/// Some of the units, by columns: `a`, then `h` at each point.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) weights: Vec<f64>,
    pub(super) state: Vec<f64>,
}

/// Values and slopes of the units of a piece at every point.
pub(super) struct Responses {
    pub(super) values: Vec<f64>,
    pub(super) slopes: Vec<f64>,
}

impl Particles {
    /// Units with read-out weights `a` (`m` numbers) and inputs `h` (`m x n`, unit `i` at point `mu`), all of weight `1/m`: a finite net.
    ///
    /// # Errors
    /// [`Error::Count`] if `a` and `h` differ in length.
    pub fn from_units(a: &DVector<f64>, h: &DMatrix<f64>) -> Result<Self, Error> {
        same("units with an input", h.nrows(), a.len())?;
        let weight = (a.len() as f64).recip();
        let units = (0..a.len()).map(|i| (weight, a[i], h.row(i).iter().copied().collect()));
        Ok(Self::collect(h.ncols(), units))
    }

    /// The units of a random net of width `m`: `a ~ N(0, 1)`, `h ~ N(0, K)`, independent.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `m` is 0, [`Error::Linalg`].
    pub fn random(problem: &TwoLayer, m: usize, stream: &Stream) -> Result<Self, Error> {
        positive("the width", m as f64)?;
        let root = &problem.root;
        let a = stream.named("a").normal_vector(m, 1.0);
        let z: DMatrix<f64> = stream.named("h").normal_matrix(m, root.ncols(), 1.0);
        Self::from_units(&a, &(z * root.transpose()))
    }

    /// The same of even width `m` in pairs `(a, h)`, `(-a, h)`, so that `f(0) = 0`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `m` is 0 or odd, [`Error::Linalg`].
    pub fn random_pairs(problem: &TwoLayer, m: usize, stream: &Stream) -> Result<Self, Error> {
        if m == 0 || m % 2 == 1 {
            return Err(Error::Parameter {
                name: "the width",
                value: m as f64,
                expected: "even and above 0",
            });
        }
        let half = Self::random(problem, m / 2, stream)?;
        Ok(half.mirrored(problem.points()))
    }

    /// How many units there are.
    pub fn count(&self) -> usize {
        self.pieces.iter().map(|p| p.weights.len()).sum()
    }

    pub(super) fn collect(points: usize, units: impl Iterator<Item = (f64, f64, Vec<f64>)>) -> Self {
        let mut pieces = Vec::new();
        let mut units = units.peekable();
        while units.peek().is_some() {
            let some: Vec<_> = units.by_ref().take(PIECE).collect();
            let mut state = Vec::with_capacity(some.len() * (points + 1));
            state.extend(some.iter().map(|u| u.1));
            for point in 0..points {
                state.extend(some.iter().map(|u| u.2[point]));
            }
            pieces.push(Piece { weights: some.iter().map(|u| u.0).collect(), state });
        }
        Self { pieces }
    }

    /// Every unit twice at half its weight, with `a` of both signs.
    pub(super) fn mirrored(&self, points: usize) -> Self {
        let units = self.pieces.iter().flat_map(|piece| {
            let len = piece.weights.len();
            (0..2 * len).map(move |i| {
                let (j, sign) = (i / 2, if i % 2 == 0 { 1.0 } else { -1.0 });
                let h = (1..=points).map(|point| piece.state[point * len + j]).collect();
                (0.5 * piece.weights[j], sign * piece.state[j], h)
            })
        });
        Self::collect(points, units)
    }

    /// `f`, at every point.
    ///
    /// # Errors
    /// [`Error::Count`] if the units live on other points.
    pub fn outputs(&self, problem: &TwoLayer, phi: &impl Nonlinearity) -> Result<DVector<f64>, Error> {
        self.check(problem)?;
        let mut responses = self.responses();
        Ok(DVector::from_vec(respond(&self.pieces, &mut responses, problem, phi)))
    }

    /// Moves all units by `time` in equal Runge-Kutta steps (order 4) of at most `time_step`.
    ///
    /// # Errors
    /// [`Error::Count`] if the units live on other points, [`Error::Parameter`] for a negative time or a step that is not positive,
    /// [`Error::Diverged`] if the step is too large for the flow.
    pub fn advance(
        &mut self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        time: f64,
        time_step: f64,
    ) -> Result<(), Error> {
        self.check(problem)?;
        check_times(&[time])?;
        positive("the time step", time_step)?;
        let steps = (time / time_step * (1.0 - 1e-12)).ceil();
        let mut responses = self.responses();
        for step in 0..steps as usize {
            self.step(problem, phi, time / steps, &mut responses, step)?;
        }
        Ok(())
    }

    /// Outputs and two-time kernels at ascending times.
    ///
    /// # Errors
    /// As [`Particles::advance`].
    pub fn solve(
        mut self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        times: &[f64],
        time_step: f64,
    ) -> Result<RichLimit, Error> {
        check_times(times)?;
        let (mut now, mut moments) = (0.0, Vec::with_capacity(times.len()));
        for &time in times {
            self.advance(problem, phi, time - now, time_step)?;
            now = time;
            moments.push(self.clone());
        }
        let outputs = moments.iter().map(|p| p.outputs(problem, phi)).collect::<Result<_, _>>()?;
        let (features, gradients) = kernels(&moments, problem.points(), phi);
        let (times, units) = (times.to_vec(), self.count());
        Ok(RichLimit { times, outputs, features, gradients, output_error: 0.0, kernel_error: 0.0, units })
    }

    pub(super) fn check(&self, problem: &TwoLayer) -> Result<(), Error> {
        let points = self.pieces.first().map_or(0, |p| p.state.len() / p.weights.len() - 1);
        same("points of the units", points, problem.points())
    }

    pub(super) fn responses(&self) -> Vec<Responses> {
        let empty = |p: &Piece| vec![0.0; p.state.len() - p.weights.len()];
        self.pieces.iter().map(|p| Responses { values: empty(p), slopes: empty(p) }).collect()
    }

    /// One Runge-Kutta step.
    pub(super) fn step(
        &mut self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        time_step: f64,
        responses: &mut [Responses],
        count: usize,
    ) -> Result<(), Error> {
        let start: Vec<Vec<f64>> = self.pieces.iter().map(|p| p.state.clone()).collect();
        let mut end = start.clone();
        // Weight of the stage in the sum, and how far its slope leads to the next.
        for (share, ahead) in [(1.0 / 6.0, 0.5), (1.0 / 3.0, 0.5), (1.0 / 3.0, 1.0), (1.0 / 6.0, 0.0)] {
            let outputs = respond(&self.pieces, responses, problem, phi);
            let missing = problem.missing(&outputs);
            let loss = missing.iter().map(|d| d * d).sum::<f64>();
            finite_loss(count, loss, time_step)?;
            self.pieces
                .par_iter_mut()
                .zip(responses.par_iter_mut())
                .zip(start.par_iter())
                .zip(end.par_iter_mut())
                .for_each(|(((piece, response), start), end)| {
                    let speed = velocity(piece, response, problem, &missing);
                    for (((x, v), s), e) in piece.state.iter_mut().zip(&speed).zip(start).zip(end) {
                        *e += share * time_step * v;
                        *x = s + ahead * time_step * v;
                    }
                });
        }
        for (piece, end) in self.pieces.iter_mut().zip(end) {
            piece.state = end;
        }
        Ok(())
    }
}

/// Values and slopes of all units; `f` at all points, summed piece by piece.
pub(super) fn respond(
    pieces: &[Piece],
    responses: &mut [Responses],
    problem: &TwoLayer,
    phi: &impl Nonlinearity,
) -> Vec<f64> {
    let points = problem.points();
    let sums: Vec<Vec<f64>> = pieces
        .par_iter()
        .zip(responses.par_iter_mut())
        .map(|(piece, response)| {
            let len = piece.weights.len();
            phi.evaluate(&piece.state[len..], &mut response.values, &mut response.slopes);
            let masses: Vec<f64> = piece.weights.iter().zip(&piece.state).map(|(w, a)| w * a).collect();
            let dot = |values: &[f64]| masses.iter().zip(values).map(|(m, v)| m * v).sum::<f64>();
            response.values.chunks_exact(len).map(dot).collect()
        })
        .collect();
    (0..points).map(|point| sums.iter().map(|s| s[point]).sum::<f64>() / problem.gamma).collect()
}

/// Velocities of the units of a piece: of `a`, then of `h` at each point. Leaves `gamma a phi'(h_nu) Delta_nu` in the slopes.
fn velocity(piece: &Piece, response: &mut Responses, problem: &TwoLayer, missing: &[f64]) -> Vec<f64> {
    let (len, gamma) = (piece.weights.len(), problem.gamma);
    let mut speed = vec![0.0; piece.state.len()];
    let (of_a, of_h) = speed.split_at_mut(len);
    let a = &piece.state[..len];
    for (nu, delta) in missing.iter().enumerate() {
        let pull = gamma * delta;
        let range = nu * len..(nu + 1) * len;
        for (v, value) in of_a.iter_mut().zip(&response.values[range.clone()]) {
            *v += pull * value;
        }
        response.slopes[range].iter_mut().zip(a).for_each(|(s, a)| *s *= a * pull);
    }
    let pulls = &response.slopes[..missing.len() * len];
    let rank = problem.root.ncols();
    if rank * (missing.len() + problem.points()) < missing.len() * problem.points() {
        // Through the few dimensions that the inputs span: L^T first, then L.
        let mut moved = vec![0.0; rank * len];
        combine(&mut moved, pulls, len, |k, nu| problem.root[(nu, k)]);
        combine(of_h, &moved, len, |mu, k| problem.root[(mu, k)]);
    } else {
        combine(of_h, pulls, len, |mu, nu| problem.kernel[(mu, nu)]);
    }
    speed
}

/// Adds to the `i`-th column of `sums` the columns of `terms` with the weights `of(i, j)`.
fn combine(sums: &mut [f64], terms: &[f64], len: usize, of: impl Fn(usize, usize) -> f64) {
    for (i, sum) in sums.chunks_exact_mut(len).enumerate() {
        for (j, term) in terms.chunks_exact(len).enumerate() {
            let weight = of(i, j);
            sum.iter_mut().zip(term).for_each(|(s, t)| *s += weight * t);
        }
    }
}

/// Two-time kernels: entry `[t][s]` of each list.
type Kernels = Vec<Vec<DMatrix<f64>>>;

/// `Phi(t, s)` and `G(t, s)` between all moments.
pub(super) fn kernels(moments: &[Particles], points: usize, phi: &impl Nonlinearity) -> (Kernels, Kernels) {
    let count = moments.len();
    let zero = vec![vec![DMatrix::zeros(points, points); count]; count];
    let (mut features, mut gradients) = (zero.clone(), zero);
    let pieces = moments.first().map_or(0, |m| m.pieces.len());
    let sums: Vec<(Kernels, Kernels)> = (0..pieces)
        .into_par_iter()
        .map(|index| {
            let (mut all_values, mut all_gradients) = (Vec::new(), Vec::new());
            for moment in moments {
                let piece = &moment.pieces[index];
                let len = piece.weights.len();
                let (mut values, mut slopes) = (vec![0.0; points * len], vec![0.0; points * len]);
                phi.evaluate(&piece.state[len..], &mut values, &mut slopes);
                for rows in slopes.chunks_exact_mut(len) {
                    rows.iter_mut().zip(&piece.state[..len]).for_each(|(s, a)| *s *= a);
                }
                all_values.push(values);
                all_gradients.push(slopes);
            }
            let weights = &moments[0].pieces[index].weights;
            (products(&all_values, weights, points), products(&all_gradients, weights, points))
        })
        .collect();
    for (f, g) in sums {
        for (sum, part) in [(&mut features, f), (&mut gradients, g)] {
            for (a, b) in sum.iter_mut().flatten().zip(part.into_iter().flatten()) {
                *a += b;
            }
        }
    }
    (features, gradients)
}

fn products(all: &[Vec<f64>], weights: &[f64], points: usize) -> Kernels {
    let (count, len) = (all.len(), weights.len());
    let mut result = vec![vec![DMatrix::zeros(points, points); count]; count];
    for t in 0..count {
        for mu in 0..points {
            let row: Vec<f64> =
                all[t][mu * len..(mu + 1) * len].iter().zip(weights).map(|(x, w)| x * w).collect();
            for s in t..count {
                for nu in 0..points {
                    let other = &all[s][nu * len..(nu + 1) * len];
                    let sum: f64 = row.iter().zip(other).map(|(x, y)| x * y).sum();
                    result[t][s][(mu, nu)] = sum;
                    result[s][t][(nu, mu)] = sum;
                }
            }
        }
    }
    result
}
