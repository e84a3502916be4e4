//! Linear nets of any depth and infinite width, at any richness: two-time fields with their response functions.

mod march;

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::symmetric_eigen;

use super::{TwoLayer, check_times};
use crate::error::{Error, finite_loss, not_negative, positive};
use march::March;

/// A linear net of `L` hidden layers, `h^1 = W^1 x/sqrt d`, `h^(l+1) = W^(l+1) h^l/sqrt N`, `f = w.h^L/(gamma N)`, from standard normal weights
/// and trained at the rate `gamma^2 N` on `1/2 sum (y - f)^2`, as `N -> infinity` at a fixed `gamma`. `L = 1` is [`super::LinearClosure`].
///
/// With `g^L = w` and `g^l = W^(l+1)^T g^(l+1)/sqrt N`, the entries of `h^l` and `g^l` at all times of training are jointly Gaussian, linear in sources
/// `u^l ~ N(0, H^(l-1))` and `r^l ~ N(0, G^(l+1))`, where `H^l(t, s) = E h^l(t) h^l(s)^T`, `G^l(t, s) = E g^l(t) g^l(s)`, `H^0 = K`, `G^(L+1) = 1`:
///
#[doc = overparam_formula::formula!(
    "h_mu^l(t) = u_mu^l(t) + int_0^t (A_mu^(l-1)(t, s) + gamma sum_nu H_(mu nu)^(l-1)(t, s) Delta_nu(s)) g^l(s) ds"
    "g^l(t)    = r^l(t) + int_0^t sum_nu (B_nu^(l+1)(t, s) + gamma G^(l+1)(t, s) Delta_nu(s)) h_nu^l(s) ds"
    "A^l = delta h^l/delta r^l,    B^l = delta g^l/delta u^l,    A^0 = B^(L+1) = 0,    f = E g^L h^L/gamma"
)]
///
/// The responses `A`, `B` are there because `W^l` serves forwards and, transposed, backwards: the part of `g^l` that `W^(l+1)` made comes back to
/// `h^(l+1)` through the same matrix. All memory is of earlier times. In steps of descent the equations are those of descent *exactly*
/// ([`DeepLinear::descent`]), one row after another and without iteration; the flow is what they tend to as the step goes to zero.
///
/// Cost: of order `L (n T)^3` operations and `2 L ((n + 1) T)^2` numbers at most for `T` steps on `n` points.
///
/// Source: Bordelon, Pehlevan 2022 (arXiv 2205.09653), the linear case of their field theory.
///
/// ```
/// use nalgebra::{DMatrix, DVector};
/// use overparam_feature_flow::rich_limit::{DeepLinear, TwoLayer};
///
/// let problem = TwoLayer::new(DMatrix::identity(1, 1), DVector::from_element(1, 1.0), 1.0)?;
/// let at = |hidden_layers| DeepLinear { hidden_layers, ..DeepLinear::default() }.solve(&problem, &[0.5]);
/// let (two, three) = (at(1)?, at(2)?);
/// assert!(three.outputs[0][0] > two.outputs[0][0]);
/// # Ok::<(), overparam_feature_flow::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeepLinear {
    /// `L`, at least 1.
    pub hidden_layers: usize,
    /// The largest step of the coarsest of four solutions, whose steps halve: the flow is their extrapolation. Above 0, and below one over the
    /// largest eigenvalue of the tangent kernel, or the coarsest diverges; [`DeepLinear::of`] chooses it.
    pub time_step: f64,
}

impl Default for DeepLinear {
    /// Two hidden layers, steps of 0.1 and their halves.
    fn default() -> Self {
        Self { hidden_layers: 2, time_step: 0.1 }
    }
}

/// The net at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepLinearAt {
    /// `f`, `n` numbers.
    pub outputs: DVector<f64>,
    /// `H^l(t, t)` of the hidden layers in order, `n x n` each.
    pub features: Vec<DMatrix<f64>>,
    /// `G^l(t, t)` of the hidden layers in order.
    pub gradients: Vec<f64>,
}

/// The flow at the times asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepLinearLimit {
    /// The times.
    pub times: Vec<f64>,
    /// `f` at each time, `n` numbers: first the training examples, then the test points.
    pub outputs: Vec<DVector<f64>>,
    /// `H^l(t, t)` at `[t][l - 1]`, `n x n`.
    pub features: Vec<Vec<DMatrix<f64>>>,
    /// `G^l(t, t)` at `[t][l - 1]`.
    pub gradients: Vec<Vec<f64>>,
    /// Largest difference of an output between the last two orders of the extrapolation.
    pub output_error: f64,
}

/// Solutions whose steps halve from one to the next.
const LEVELS: usize = 4;
/// Numbers that are held at once: 4 GB.
const LARGEST: f64 = 5e8;

impl DeepLinear {
    /// With steps that suit the inputs: 0.1, or 0.6 over the largest eigenvalue of the tangent kernel at the start, `(L + 1) K`, if that is less.
    ///
    /// # Errors
    /// [`Error::Linalg`].
    pub fn of(problem: &TwoLayer, hidden_layers: usize) -> Result<Self, Error> {
        let fastest = (hidden_layers as f64 + 1.0) * symmetric_eigen(problem.kernel())?.values.amax();
        Ok(Self { hidden_layers, time_step: (0.6 / fastest).min(Self::default().time_step) })
    }

    /// Flow at ascending times.
    ///
    /// # Errors
    /// [`Error::Parameter`] for no hidden layer, a time or step out of range, or a problem of more than 4 GB;
    /// [`Error::Diverged`] if the step is too large for the flow.
    pub fn solve(&self, problem: &TwoLayer, times: &[f64]) -> Result<DeepLinearLimit, Error> {
        self.check()?;
        check_times(times)?;
        positive("the time step", self.time_step)?;
        let whole = |length: f64| (length / self.time_step * (1.0 - 1e-12)).ceil();
        let starts = std::iter::once(0.0).chain(times.iter().copied());
        let intervals: Vec<(f64, f64)> =
            times.iter().zip(starts).map(|(t, s)| (t - s, whole(t - s))).collect();
        let finest = intervals.iter().map(|i| i.1).sum::<f64>() * f64::from(1 << (LEVELS - 1));
        self.check_size(finest, problem)?;
        let mut levels = Vec::with_capacity(LEVELS);
        for level in 0..LEVELS {
            let mut rates = Vec::new();
            let mut wanted = Vec::new();
            for &(length, steps) in &intervals {
                let steps = (steps as usize) << level;
                rates.extend(std::iter::repeat_n(length / steps as f64, steps));
                wanted.push(rates.len());
            }
            let found = self.march(problem, &rates)?;
            levels.push(wanted.iter().map(|&k| found.at(k)).collect::<Result<Vec<_>, _>>()?);
        }
        // Errors are a power series in the step: each round removes one power.
        let mut last = levels[LEVELS - 1].clone();
        for power in 1..LEVELS as i32 {
            let ahead = 2f64.powi(power);
            last = levels[levels.len() - 1].clone();
            levels = levels
                .windows(2)
                .map(|pair| {
                    pair[1].iter().zip(&pair[0]).map(|(fine, coarse)| fine.ahead_of(coarse, ahead)).collect()
                })
                .collect();
        }
        let best = levels.swap_remove(0);
        let away = best.iter().zip(&last).map(|(a, b)| (&a.outputs - &b.outputs).amax());
        let mut limit = DeepLinearLimit {
            times: times.to_vec(),
            outputs: Vec::new(),
            features: Vec::new(),
            gradients: Vec::new(),
            output_error: away.fold(0.0, f64::max),
        };
        for at in best {
            limit.outputs.push(at.outputs);
            limit.features.push(at.features);
            limit.gradients.push(at.gradients);
        }
        Ok(limit)
    }

    /// Gradient descent by steps of these sizes, exactly: before the first step and after each. A rate `eta` moves all weights by
    /// `-eta gamma^2 N` times the gradient.
    ///
    /// # Errors
    /// [`Error::Parameter`] for no hidden layer, a negative or infinite rate, or a problem of more than 4 GB; [`Error::Diverged`].
    pub fn descent(&self, problem: &TwoLayer, rates: &[f64]) -> Result<Vec<DeepLinearAt>, Error> {
        self.check()?;
        rates.iter().try_for_each(|&rate| not_negative("a learning rate", rate))?;
        self.check_size(rates.len() as f64, problem)?;
        let found = self.march(problem, rates)?;
        (0..=rates.len()).map(|k| found.at(k)).collect()
    }

    fn check(&self) -> Result<(), Error> {
        if self.hidden_layers == 0 {
            return Err(Error::Parameter {
                name: "the number of hidden layers",
                value: 0.0,
                expected: "at least 1",
            });
        }
        Ok(())
    }

    /// Refuses what would not fit in memory: for each layer its covariances with all times and points, and its maps of the sources.
    fn check_size(&self, steps: f64, problem: &TwoLayer) -> Result<(), Error> {
        let (times, layers) = (steps + 1.0, self.hidden_layers as f64);
        let side = times * problem.points() as f64;
        let value = (layers + 1.0) * (side * side + times * times) + layers * (side + times).powi(2);
        if value > LARGEST {
            let name = "the count of numbers in memory, about 2 (hidden layers + 1) (steps x (points + 1))^2 at the finest step,";
            let expected = "at most 5e8: take longer steps, fewer points or an earlier time";
            return Err(Error::Parameter { name, value, expected });
        }
        Ok(())
    }

    fn march<'a>(&self, problem: &'a TwoLayer, rates: &[f64]) -> Result<March<'a>, Error> {
        let mut march = March::new(problem, self.hidden_layers, rates.len() + 1);
        for k in 0..=rates.len() {
            let missing = march.row(k, rates.get(k).copied().unwrap_or(0.0));
            finite_loss(k, 0.5 * missing.norm_squared(), rates.get(k).copied().unwrap_or(0.0))?;
        }
        Ok(march)
    }
}

impl DeepLinearAt {
    /// `(c self - coarse)/(c - 1)`.
    fn ahead_of(&self, coarse: &Self, c: f64) -> Self {
        let mix = |fine: f64, coarse: f64| (c * fine - coarse) / (c - 1.0);
        let features = self.features.iter().zip(&coarse.features);
        Self {
            outputs: self.outputs.zip_map(&coarse.outputs, mix),
            features: features.map(|(fine, coarse)| fine.zip_map(coarse, mix)).collect(),
            gradients: self.gradients.iter().zip(&coarse.gradients).map(|(f, c)| mix(*f, *c)).collect(),
        }
    }
}

impl DeepLinearLimit {
    /// `Theta(t) = G^1 K + sum_(l >= 2) G^l H^(l-1) + H^L` at the `i`-th time: `df/dt = Theta (y - f)`.
    ///
    /// # Panics
    /// If there is no `i`-th time.
    pub fn tangent_kernel(&self, problem: &TwoLayer, i: usize) -> DMatrix<f64> {
        let below = std::iter::once(problem.kernel()).chain(&self.features[i]);
        let above = self.gradients[i].iter().copied().chain(std::iter::once(1.0));
        below.zip(above).fold(DMatrix::zeros(problem.points(), problem.points()), |sum, (h, g)| sum + h * g)
    }
}
