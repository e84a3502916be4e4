//! The flow of units `(a, u, s)`, and descent.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use nalgebra::DMatrix;
use overparam_tensor::linalg::symmetric_eigen;
use overparam_tensor::random::Stream;

use super::SparseTarget;
use super::target::walsh;
use crate::error::{Error, finite_loss, positive};

/// How units move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Motion {
    /// Gradient flow, by Runge-Kutta steps (order 4) of at most this size.
    Flow {
        /// The largest step.
        time_step: f64,
    },
    /// Descent with steps `eta`, the limit of stochastic descent with large batches: times must be multiples of `eta`.
    Descent {
        /// The step.
        eta: f64,
    },
}

/// The flow as `d -> infinity`, from `u = 0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DimensionFree {
    /// `s_0 > 0`, the norm of a hidden weight vector at the start.
    pub start: f64,
    /// `b_0`, the bias; 0 makes the nonlinearity odd.
    pub bias: f64,
    /// Gauss-Legendre nodes in `a`.
    pub nodes: usize,
    /// Flow or descent.
    pub motion: Motion,
}

/// The flow in dimension `d`: `u ~ N(0, s_0^2/d)`, `s = s_0 sqrt(1 - P/d)`, `a` stratified on `[-1, 1]`, the rest of `w . x` still normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FiniteDimension {
    /// `d`, at least `P`.
    pub dimension: usize,
    /// How many units.
    pub units: usize,
    /// `s_0 > 0`.
    pub start: f64,
    /// `b_0`.
    pub bias: f64,
    /// Flow or descent.
    pub motion: Motion,
}

/// The learned function at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// The time.
    pub time: f64,
    /// `1/2 E (h - f)^2`.
    pub risk: f64,
    /// Coefficients of `f`, indexed as [`SparseTarget::fourier`].
    pub fourier: Vec<f64>,
}

impl Default for DimensionFree {
    /// `s_0 = 1`, `b_0 = 1/2`, 60 nodes, flow in steps of .02.
    fn default() -> Self {
        Self { start: 1.0, bias: 0.5, nodes: 60, motion: Motion::Flow { time_step: 0.02 } }
    }
}

impl DimensionFree {
    /// The moments at ascending times.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a parameter out of range, times that do not ascend or that descent does not meet;
    /// [`Error::Diverged`], [`Error::Linalg`].
    pub fn run(&self, target: &SparseTarget, times: &[f64]) -> Result<Vec<Moment>, Error> {
        positive("the start s_0", self.start)?;
        positive("the number of nodes", self.nodes as f64)?;
        let (nodes, weights) = gauss_legendre(self.nodes)?;
        let p = target.coordinates();
        let mut state = Vec::with_capacity(self.nodes * (p + 2));
        for a in nodes {
            state.push(a);
            state.extend(std::iter::repeat_n(0.0, p));
            state.push(self.start);
        }
        let moved = target.moved(self.bias == 0.0);
        let weights = weights.iter().map(|w| 0.5 * w).collect();
        Population { bias: self.bias, values: target.values(), coordinates: p, moved, weights, state }
            .run(self.motion, times)
    }

    /// The moments at ascending times, and the largest difference of a risk or coefficient from those with half as many nodes and, of a flow, steps
    /// twice as long. From [`DimensionFree::nodes`] on, nodes are doubled and steps halved until it is below `tolerance`, at most three times: large
    /// coefficients need more nodes, for the units of small `a` move late.
    ///
    /// # Errors
    /// As [`DimensionFree::run`]; [`Error::Parameter`] for a tolerance that is not positive or fewer than two nodes.
    pub fn resolved(
        &self,
        target: &SparseTarget,
        times: &[f64],
        tolerance: f64,
    ) -> Result<(Vec<Moment>, f64), Error> {
        positive("the tolerance", tolerance)?;
        if self.nodes < 2 {
            let (name, value) = ("the number of nodes", self.nodes as f64);
            return Err(Error::Parameter {
                name,
                value,
                expected: "at least 2, to be compared with half as many",
            });
        }
        let at = |nodes: usize, steps: f64| {
            let motion = match self.motion {
                Motion::Flow { time_step } => Motion::Flow { time_step: time_step * steps },
                descent @ Motion::Descent { .. } => descent,
            };
            Self { nodes, motion, ..*self }.run(target, times)
        };
        let mut coarse = at(self.nodes.div_ceil(2), 2.0)?;
        let mut found = (Vec::new(), f64::INFINITY);
        for round in 0..4 {
            let fine = at(self.nodes << round, 0.5f64.powi(round))?;
            let away = fine.iter().zip(&coarse).map(|(a, b)| {
                let coefficients = a.fourier.iter().zip(&b.fourier).map(|(a, b)| (a - b).abs());
                coefficients.fold((a.risk - b.risk).abs(), f64::max)
            });
            let away = away.fold(0.0, f64::max);
            found = (fine.clone(), away);
            if away < tolerance {
                break;
            }
            coarse = fine;
        }
        Ok(found)
    }
}

impl FiniteDimension {
    /// The moments at ascending times.
    ///
    /// # Errors
    /// As [`DimensionFree::run`].
    pub fn run(&self, target: &SparseTarget, times: &[f64], stream: &Stream) -> Result<Vec<Moment>, Error> {
        self.population(target, stream)?.run(self.motion, times)
    }

    /// The first time at which the risk is below `level`, to within a step of `resolution`; `None` if it is not by `latest`.
    ///
    /// # Errors
    /// As [`DimensionFree::run`].
    pub fn escape_time(
        &self,
        target: &SparseTarget,
        level: f64,
        (resolution, latest): (f64, f64),
        stream: &Stream,
    ) -> Result<Option<f64>, Error> {
        positive("the resolution of an escape time", resolution)?;
        let mut population = self.population(target, stream)?;
        let mut now = 0.0;
        while now <= latest {
            if population.moment(now).risk < level {
                return Ok(Some(now));
            }
            population.advance(self.motion, resolution)?;
            now += resolution;
        }
        Ok(None)
    }

    fn population(&self, target: &SparseTarget, stream: &Stream) -> Result<Population, Error> {
        positive("the start s_0", self.start)?;
        positive("the number of units", self.units as f64)?;
        let (p, d, m) = (target.coordinates(), self.dimension as f64, self.units);
        if self.dimension < p {
            return Err(Error::Parameter {
                name: "the dimension",
                value: d,
                expected: "at least the target's coordinates",
            });
        }
        let u: DMatrix<f64> = stream.normal_matrix(p, m, self.start / d.sqrt());
        let mut state = Vec::with_capacity(m * (p + 2));
        for unit in 0..m {
            state.push((2 * unit + 1) as f64 / m as f64 - 1.0);
            state.extend(u.column(unit).iter());
            state.push(self.start * (1.0 - p as f64 / d).sqrt());
        }
        let (moved, weights) = ((1 << p) - 1, vec![(m as f64).recip(); m]);
        Ok(Population { bias: self.bias, values: target.values(), coordinates: p, moved, weights, state })
    }
}

/// Units with weights that sum to 1.
struct Population {
    bias: f64,
    /// `h` on all patterns.
    values: Vec<f64>,
    coordinates: usize,
    /// The bits of the coordinates that move.
    moved: usize,
    weights: Vec<f64>,
    /// `a`, `u`, `s` of one unit after the other.
    state: Vec<f64>,
}

impl Population {
    fn run(mut self, motion: Motion, times: &[f64]) -> Result<Vec<Moment>, Error> {
        if !self.bias.is_finite() {
            return Err(Error::Parameter { name: "the bias b_0", value: self.bias, expected: "finite" });
        }
        let (mut now, mut moments) = (0.0, Vec::with_capacity(times.len()));
        for &value in times {
            if !(value.is_finite() && value >= now) {
                let expected = "finite, at least 0 and ascending";
                return Err(Error::Parameter { name: "a time", value, expected });
            }
            self.advance(motion, value - now)?;
            now = value;
            moments.push(self.moment(now));
        }
        Ok(moments)
    }

    fn advance(&mut self, motion: Motion, time: f64) -> Result<(), Error> {
        let (size, euler) = match motion {
            Motion::Flow { time_step } => (time_step, false),
            Motion::Descent { eta } => (eta, true),
        };
        positive("the step", size)?;
        let steps = if euler { (time / size).round() } else { (time / size * (1.0 - 1e-12)).ceil() };
        if euler && (steps * size - time).abs() > 1e-9 * (1.0 + time) {
            return Err(Error::Parameter {
                name: "a time",
                value: time,
                expected: "a multiple of descent's step after the one before",
            });
        }
        let step = time / steps;
        for count in 0..steps as usize {
            let start = self.state.clone();
            let mut end = start.clone();
            const STAGES: [(f64, f64); 4] =
                [(1.0 / 6.0, 0.5), (1.0 / 3.0, 0.5), (1.0 / 3.0, 1.0), (1.0 / 6.0, 0.0)];
            for &(share, ahead) in if euler { &[(1.0, 0.0)][..] } else { &STAGES } {
                let speed = self.speed();
                for (((x, v), s), e) in self.state.iter_mut().zip(&speed).zip(&start).zip(&mut end) {
                    *e += share * step * v;
                    *x = s + ahead * step * v;
                }
            }
            self.state = end;
            finite_loss(count, self.state.iter().map(|x| x * x).sum(), size)?;
        }
        Ok(())
    }

    /// `c/v` of a unit on every pattern, `v` and `a`.
    fn arguments(&self, unit: usize) -> (Vec<f64>, f64, f64) {
        let stride = self.coordinates + 2;
        let state = &self.state[unit * stride..(unit + 1) * stride];
        let v = state[stride - 1].hypot(1.0);
        // u . z on all patterns is the transform of u at the single coordinates.
        let mut c = vec![0.0; self.values.len()];
        c[0] = self.bias / v;
        for (i, u) in state[1..stride - 1].iter().enumerate() {
            c[1 << i] = u / v;
        }
        walsh(&mut c);
        (c, v, state[0])
    }

    /// `f` on all patterns.
    fn outputs(&self) -> Vec<f64> {
        let mut outputs = vec![0.0; self.values.len()];
        for (unit, weight) in self.weights.iter().enumerate() {
            let (c, _, a) = self.arguments(unit);
            outputs.iter_mut().zip(&c).for_each(|(f, c)| *f += weight * a * libm::erf(c * FRAC_1_SQRT_2));
        }
        outputs
    }

    fn speed(&self) -> Vec<f64> {
        let patterns = self.values.len() as f64;
        let outputs = self.outputs();
        let residual: Vec<f64> = self.values.iter().zip(&outputs).map(|(h, f)| (h - f) / patterns).collect();
        let mut speed = Vec::with_capacity(self.state.len());
        for unit in 0..self.weights.len() {
            let (c, v, a) = self.arguments(unit);
            let s = self.state[(unit + 1) * (self.coordinates + 2) - 1];
            let (mut of_a, mut of_s) = (0.0, 0.0);
            let mut pulls = vec![0.0; c.len()];
            for ((r, c), pull) in residual.iter().zip(&c).zip(&mut pulls) {
                let slope = (2.0 / PI).sqrt() / v * (-0.5 * c * c).exp();
                of_a += r * libm::erf(c * FRAC_1_SQRT_2);
                of_s -= r * c / v * slope;
                *pull = r * slope;
            }
            // E_z r E_1 z_i are the coefficients of single coordinates.
            walsh(&mut pulls);
            speed.push(of_a);
            for i in 0..self.coordinates {
                speed.push(if self.moved >> i & 1 == 1 { a * pulls[1 << i] } else { 0.0 });
            }
            speed.push(a * s * of_s);
        }
        speed
    }

    fn moment(&self, time: f64) -> Moment {
        let mut fourier = self.outputs();
        let patterns = fourier.len() as f64;
        let square: f64 = self.values.iter().zip(&fourier).map(|(h, f)| (h - f).powi(2)).sum();
        walsh(&mut fourier);
        fourier.iter_mut().for_each(|f| *f /= patterns);
        Moment { time, risk: 0.5 * square / patterns, fourier }
    }
}

/// Nodes and weights on `[-1, 1]` from the Jacobi matrix (Golub, Welsch 1969).
fn gauss_legendre(n: usize) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let jacobi = DMatrix::from_fn(n, n, |i, j| {
        let k = i.max(j) as f64;
        if i.abs_diff(j) == 1 { k / (4.0 * k * k - 1.0).sqrt() } else { 0.0 }
    });
    let eigen = symmetric_eigen(&jacobi)?;
    let weights = eigen.vectors.row(0).iter().map(|v| 2.0 * v * v).collect();
    Ok((eigen.values.as_slice().to_vec(), weights))
}
