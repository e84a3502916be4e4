//! Fluctuations of wide nets around the limit, from the influence of single units.

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::nonlinearity::curvature;
use super::particles::{Piece, Responses, respond};
use super::{Nonlinearity, Particles, TwoLayer, check_times};
use crate::error::{Error, positive};

/// More numbers than this are not kept along a trajectory.
const MOST: f64 = 3e8;

/// What single units do to the outputs at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Fluctuations {
    /// The time.
    pub time: f64,
    /// `m Cov f`, `n x n`, of nets of width `m` from independent units (not pairs), to leading order in `1/m`.
    pub covariance: DMatrix<f64>,
    /// `df_mu(t)/dW_i` for the weight `W_i` of each unit of the population, in its order, up to a constant: `n` numbers each.
    pub influence: Vec<Vec<f64>>,
}

/// `m Cov f(t)` at ascending times, from a population that stands for the limit (that of a [`Grid`](super::Grid), or samples).
///
/// A net of `m` independent units is the limit's law with weights that fluctuate, so that
///
#[doc = overparam_formula::formula!("m Cov f(t) -> Cov_z IF(z),    IF_mu(z) = d f_mu(t) / d (weight of the units that start at z).")]
///
/// The weight acts on `f` at all earlier times, and so on every unit. With `o_nu = a phi(h_nu)/gamma` and the velocity `v(a, h, Delta)` of a
/// unit, the adjoint `p` of each unit runs backwards from `p(t) = grad o_mu`,
///
#[doc = overparam_formula::formula!(
    "-dp/ds = (dv/d(a, h))^T p - sum_nu q_nu grad o_nu,    q_nu(s) = E (dv/d Delta_nu)^T p"
    "IF_mu = o_mu(t) - int_0^t sum_nu q_nu(s) o_nu(s) d s,"
)]
///
/// `nu` over training examples. Forward and backward integration are Runge-Kutta methods of order 4; the backward one takes steps of twice
/// `time_step`.
///
/// # Errors
/// [`Error::Parameter`] if `phi` has no second derivative, for times that do not ascend, a step that is not positive, or if the
/// trajectory is too long to keep (3e8 numbers); [`Error::Count`], [`Error::Diverged`].
pub fn influence(
    problem: &TwoLayer,
    phi: &impl Nonlinearity,
    population: &Particles,
    times: &[f64],
    time_step: f64,
) -> Result<Vec<Fluctuations>, Error> {
    check_times(times)?;
    positive("the time step", time_step)?;
    population.check(problem)?;
    curvature(phi, 0.0)?;
    let mut moving = population.clone();
    let mut responses = moving.responses();
    let outputs = |p: &Particles, r: &mut [Responses]| respond(&p.pieces, r, problem, phi);
    let mut path = vec![Moment {
        missing: problem.missing(&outputs(&moving, &mut responses)),
        particles: moving.clone(),
    }];
    // Of each pair of steps: how long one step is.
    let mut steps: Vec<f64> = Vec::new();
    let (mut now, mut found) = (0.0, Vec::with_capacity(times.len()));
    for &time in times {
        let pairs = ((time - now) / (2.0 * time_step) * (1.0 - 1e-12)).ceil();
        let size = (pairs * 2.0 + path.len() as f64) * (population.count() * (problem.points() + 1)) as f64;
        if size > MOST {
            let name = "the numbers along the trajectory";
            return Err(Error::Parameter {
                name,
                value: size,
                expected: "at most 3e8: fewer units or longer steps",
            });
        }
        let step = (time - now) / (2.0 * pairs);
        for pair in 0..pairs as usize {
            steps.push(step);
            for half in 0..2 {
                moving.step(problem, phi, step, &mut responses, 2 * pair + half)?;
                let missing = problem.missing(&outputs(&moving, &mut responses));
                path.push(Moment { missing, particles: moving.clone() });
            }
        }
        now = time;
        found.push(backwards(problem, phi, &path, &steps, time)?);
    }
    Ok(found)
}

struct Moment {
    missing: Vec<f64>,
    particles: Particles,
}

/// Adjoints of the units of a piece: for each output `mu`, `p_a`, `p_h` at each point and the influence, each a column.
#[derive(Clone)]
struct Adjoint(Vec<f64>);

fn backwards(
    problem: &TwoLayer,
    phi: &impl Nonlinearity,
    path: &[Moment],
    steps: &[f64],
    time: f64,
) -> Result<Fluctuations, Error> {
    let n = problem.points();
    let end = &path[path.len() - 1];
    let mut adjoints: Vec<Adjoint> = end.particles.pieces.iter().map(|p| last(problem, phi, p)).collect();
    for (index, &step) in steps.iter().enumerate().rev() {
        let moments = [&path[2 * index + 2], &path[2 * index + 1], &path[2 * index + 1], &path[2 * index]];
        let start = adjoints.clone();
        let mut sum = adjoints.clone();
        let shares = [(1.0 / 6.0, 0.5), (1.0 / 3.0, 0.5), (1.0 / 3.0, 1.0), (1.0 / 6.0, 0.0)];
        for (moment, (share, ahead)) in moments.into_iter().zip(shares) {
            let speeds = speeds(problem, phi, moment, &adjoints)?;
            for (((now, start), sum), speed) in adjoints.iter_mut().zip(&start).zip(&mut sum).zip(&speeds) {
                for (((x, s), e), v) in now.0.iter_mut().zip(&start.0).zip(&mut sum.0).zip(speed) {
                    *e += share * 2.0 * step * v;
                    *x = s + ahead * 2.0 * step * v;
                }
            }
        }
        adjoints = sum;
    }
    let (mut influence, mut weights) = (Vec::new(), Vec::<f64>::new());
    for (piece, adjoint) in end.particles.pieces.iter().zip(&adjoints) {
        let len = piece.weights.len();
        weights.extend(&piece.weights);
        let value = |unit: usize, mu: usize| adjoint.0[(mu * (n + 2) + n + 1) * len + unit];
        influence.extend((0..len).map(|unit| (0..n).map(|mu| value(unit, mu)).collect::<Vec<f64>>()));
    }
    let moment =
        |f: &dyn Fn(&[f64]) -> f64| influence.iter().zip(&weights).map(|(g, w)| w * f(g)).sum::<f64>();
    let means: Vec<f64> = (0..n).map(|mu| moment(&|g| g[mu])).collect();
    let covariance = DMatrix::from_fn(n, n, |mu, nu| moment(&|g| (g[mu] - means[mu]) * (g[nu] - means[nu])));
    Ok(Fluctuations { time, covariance, influence })
}

/// `p = grad o_mu` and the influence's first term `o_mu`, at the time of the outputs.
fn last(problem: &TwoLayer, phi: &impl Nonlinearity, piece: &Piece) -> Adjoint {
    let (n, len, gamma) = (problem.points(), piece.weights.len(), problem.gamma());
    let mut columns = vec![0.0; n * (n + 2) * len];
    for mu in 0..n {
        let block = &mut columns[mu * (n + 2) * len..(mu + 1) * (n + 2) * len];
        for unit in 0..len {
            let a = piece.state[unit];
            let (value, slope) = phi.value_and_slope(piece.state[(mu + 1) * len + unit]);
            block[unit] = value / gamma;
            block[(mu + 1) * len + unit] = a * slope / gamma;
            block[(n + 1) * len + unit] = a * value / gamma;
        }
    }
    Adjoint(columns)
}

/// `-d/ds` of the adjoints.
fn speeds(
    problem: &TwoLayer,
    phi: &impl Nonlinearity,
    moment: &Moment,
    adjoints: &[Adjoint],
) -> Result<Vec<Vec<f64>>, Error> {
    let (n, count, gamma) = (problem.points(), moment.missing.len(), problem.gamma());
    // Of each piece: the speeds without q, what multiplies q, and the piece's part of q.
    type Part = (Vec<f64>, Responses, Vec<f64>);
    let parts: Vec<Part> = moment
        .particles
        .pieces
        .par_iter()
        .zip(adjoints)
        .map(|(piece, adjoint)| {
            let len = piece.weights.len();
            let a = &piece.state[..len];
            let mut response = Responses { values: vec![0.0; n * len], slopes: vec![0.0; n * len] };
            phi.evaluate(&piece.state[len..], &mut response.values, &mut response.slopes);
            let curvatures: Vec<f64> = piece.state[len..(count + 1) * len]
                .iter()
                .map(|x| curvature(phi, *x))
                .collect::<Result<_, _>>()?;
            let mut speed = vec![0.0; adjoint.0.len()];
            let mut q = vec![0.0; n * count];
            for mu in 0..n {
                let block = mu * (n + 2) * len..(mu + 1) * (n + 2) * len;
                let (p, v) = (&adjoint.0[block.clone()], &mut speed[block]);
                for (nu, delta) in moment.missing.iter().enumerate() {
                    let pull = gamma * delta;
                    let mut sum = 0.0;
                    for unit in 0..len {
                        // What K sends from h to the example nu.
                        let s: f64 = (0..n).map(|k| problem.kernel[(k, nu)] * p[(k + 1) * len + unit]).sum();
                        let at = nu * len + unit;
                        let (value, slope) = (response.values[at], response.slopes[at]);
                        v[unit] += pull * slope * s;
                        v[(nu + 1) * len + unit] += pull * (slope * p[unit] + a[unit] * curvatures[at] * s);
                        sum += piece.weights[unit] * (value * p[unit] + a[unit] * slope * s);
                    }
                    q[mu * count + nu] = gamma * sum;
                }
            }
            Ok((speed, response, q))
        })
        .collect::<Result<_, Error>>()?;
    let q: Vec<f64> = (0..n * count).map(|i| parts.iter().map(|p| p.2[i]).sum()).collect();
    let finished =
        parts.into_par_iter().zip(&moment.particles.pieces).map(|((mut speed, response, _), piece)| {
            let len = piece.weights.len();
            for mu in 0..n {
                let v = &mut speed[mu * (n + 2) * len..(mu + 1) * (n + 2) * len];
                for nu in 0..count {
                    let share = q[mu * count + nu] / gamma;
                    for unit in 0..len {
                        let (a, at) = (piece.state[unit], nu * len + unit);
                        v[unit] -= share * response.values[at];
                        v[(nu + 1) * len + unit] -= share * a * response.slopes[at];
                        v[(n + 1) * len + unit] -= share * a * response.values[at];
                    }
                }
            }
            speed
        });
    Ok(finished.collect())
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;

    use super::{Particles, TwoLayer, influence};
    use crate::rich_limit::Standard;

    /// The adjoint against differences in the weights of units, at training examples and at a test point.
    #[test]
    fn influence_is_the_derivative_in_the_weights() {
        let kernel = DMatrix::from_row_slice(3, 3, &[1.0, 0.3, 0.5, 0.3, 0.8, -0.2, 0.5, -0.2, 0.9]);
        let problem = TwoLayer::new(kernel, DVector::from_vec(vec![1.0, -0.5]), 1.3).unwrap();
        let units = Particles::random(&problem, 7, &Stream::root(3)).unwrap();
        for phi in [Standard::Tanh, Standard::Erf] {
            let found = influence(&problem, &phi, &units, &[0.4, 1.5], 0.01).unwrap();
            for unit in 0..7 {
                let at = |by: f64| {
                    let mut moved = units.clone();
                    moved.pieces[0].weights[unit] += by;
                    moved.solve(&problem, &phi, &[0.4, 1.5], 0.01).unwrap().outputs
                };
                let (up, down) = (at(1e-5), at(-1e-5));
                for (i, at) in found.iter().enumerate() {
                    for mu in 0..3 {
                        let slope = (up[i][mu] - down[i][mu]) / 2e-5;
                        assert!((slope - at.influence[unit][mu]).abs() < 1e-6, "{phi:?} {unit} {mu}");
                    }
                }
            }
        }
    }
}
