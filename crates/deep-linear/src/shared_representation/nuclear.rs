//! High-dimensional representations: the first stage regularised by the nuclear norm.
//!
#![doc = overparam_formula::formula!(
    "min over Theta (d × T) of L(Theta) + lambda ||Theta||_*"
    "  = min over B, W of L(B W) + lambda/2 (||B||_F^2 + ||W||_F^2)    any width of at least the minimiser's rank"
)]
//!
//! (section 5 of the source, which trains the second form: a wide two-layer linear network with weight decay). From
//! `Theta^ = U S V^T` the balanced factors are `B^ = U S^(1/2)`, `W^ = S^(1/2) V^T`; a target head is regressed in the ball
//! whose radius is the largest source head's norm, by [`ball_least_squares`](super::ball_least_squares).
//!
//! Solved by accelerated proximal gradients with restarts (Beck, Teboulle 2009; O'Donoghue, Candes 2015). Since `L` is convex,
//! `L(Theta) - <grad, Theta> - max(0, ||grad||_2 - lambda) P / lambda` bounds the minimum from below, with `P` the value at
//! `Theta`: every solution carries its *gap*.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{singular_values, svd};

use super::SharedRegression;
use crate::DeepLinearError;
use crate::error::require;
use crate::objective::Objective;

/// Iterations between certificates.
const CERTIFY_EVERY: usize = 10;

/// The convex first stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NuclearRepresentation {
    /// `lambda`, positive.
    pub lambda: f64,
    /// Relative gap at which it stops, positive.
    pub tolerance: f64,
    /// Iterations (one SVD each) before giving up.
    pub max_iterations: usize,
}

/// Its solution.
#[derive(Debug, Clone, PartialEq)]
pub struct NuclearFit {
    /// `B^ = U S^(1/2)`, `d x r` with `r` the rank of `Theta^`.
    pub representation: DMatrix<f64>,
    /// `W^ = S^(1/2) V^T`, `r x T`.
    pub heads: DMatrix<f64>,
    /// `L + lambda ||Theta^||_*`.
    pub objective: f64,
    /// How far the objective is above the minimum at most, relative to it.
    pub relative_gap: f64,
    /// Iterations made.
    pub iterations: usize,
}

impl NuclearFit {
    /// The largest norm of a source head: the radius of a target's.
    pub fn radius(&self) -> f64 {
        self.heads.column_iter().map(|w| w.norm()).fold(0.0, f64::max)
    }
}

impl NuclearRepresentation {
    /// `lambda` at the operator norm of the noise's gradient, to leading order
    /// `(sigma / N) (sqrt(tr(G) / T) + sqrt(||G||_2))` with `G = sum_t X_t^T X_t`: the least that keeps noise alone out
    /// (for isotropic inputs `sigma sqrt(n1) (sqrt d + sqrt T) / N`). Relative gap 1e-6, 5,000 iterations.
    ///
    /// # Errors
    /// [`DeepLinearError::NoData`], [`DeepLinearError::Configuration`] for a noise that is not positive,
    /// [`DeepLinearError::Linalg`].
    pub fn at_noise_level(data: &SharedRegression, noise: f64) -> Result<Self, DeepLinearError> {
        data.require_tasks()?;
        require(noise > 0.0 && noise.is_finite(), "the noise sigma", "positive and finite", noise)?;
        let trace = data.pooled.trace() / data.task_count() as f64;
        let norm = singular_values(&data.pooled)?[0];
        let lambda = noise * (trace.sqrt() + norm.sqrt()) / data.example_count() as f64;
        Ok(Self { lambda, tolerance: 1e-6, max_iterations: 5_000 })
    }

    /// Minimises over all `d x T` matrices.
    ///
    /// # Errors
    /// [`DeepLinearError::NotCertified`] if the iterations did not suffice; [`DeepLinearError::NoData`];
    /// [`DeepLinearError::Configuration`]; [`DeepLinearError::Linalg`].
    pub fn fit(&self, data: &SharedRegression) -> Result<NuclearFit, DeepLinearError> {
        data.require_tasks()?;
        let Self { lambda, tolerance, max_iterations } = *self;
        require(lambda > 0.0 && lambda.is_finite(), "the weight of the nuclear norm", "positive", lambda)?;
        require(tolerance > 0.0, "the tolerance of the nuclear-norm solver", "positive", tolerance)?;
        let curvature = data.curvature();
        require(curvature > 0.0, "the curvature of the source inputs", "positive", curvature)?;
        let threshold = lambda / curvature;
        let (tasks, d) = data.shape();
        // T x d, one row per task, as the objective has it.
        let mut theta = DMatrix::zeros(tasks, d);
        let mut ahead = theta.clone();
        let mut gradient = theta.clone();
        let (mut momentum, mut gap) = (1.0f64, f64::INFINITY);
        for iteration in 1..=max_iterations {
            data.loss_and_gradient(&ahead, &mut gradient);
            let moved = &ahead - &gradient / curvature;
            let next = svd(&moved)?.map_singular_values(|s| (s - threshold).max(0.0));
            let change = &next - &theta;
            // Momentum that points uphill starts anew.
            if gradient_mapping_turns(&ahead, &next, &change) {
                momentum = 1.0;
            }
            let following = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
            ahead = &next + change * ((momentum - 1.0) / following);
            momentum = following;
            theta = next;
            if iteration.is_multiple_of(CERTIFY_EVERY) || iteration == max_iterations {
                let (objective, found) = certificate(data, &theta, lambda)?;
                gap = gap.min(found);
                if found <= tolerance {
                    return factors(&theta, objective, found, iteration);
                }
            }
        }
        Err(DeepLinearError::NotCertified { iterations: max_iterations, feasibility: 0.0, gap, tolerance })
    }
}

fn gradient_mapping_turns(ahead: &DMatrix<f64>, next: &DMatrix<f64>, change: &DMatrix<f64>) -> bool {
    (ahead - next).dot(change) > 0.0
}

/// `P = L + lambda ||Theta||_*`, and its relative gap.
fn certificate(
    data: &SharedRegression,
    theta: &DMatrix<f64>,
    lambda: f64,
) -> Result<(f64, f64), DeepLinearError> {
    let mut gradient = DMatrix::zeros(theta.nrows(), theta.ncols());
    let loss = data.loss_and_gradient(theta, &mut gradient);
    let norm = singular_values(theta)?.sum();
    let objective = loss + lambda * norm;
    let outside = (singular_values(&gradient)?[0] - lambda).max(0.0);
    let gap = gradient.dot(theta) + lambda * norm + outside * objective / lambda;
    Ok((objective, gap / objective.max(f64::MIN_POSITIVE)))
}

fn factors(
    theta: &DMatrix<f64>,
    objective: f64,
    relative_gap: f64,
    iterations: usize,
) -> Result<NuclearFit, DeepLinearError> {
    let svd = svd(&theta.transpose())?;
    let cutoff = 1e-9 * svd.singular_values.max();
    let rank = svd.singular_values.iter().filter(|&&s| s > cutoff).count();
    let scaled = |vectors: &DMatrix<f64>| {
        let mut scaled = vectors.columns(0, rank).into_owned();
        scaled.column_iter_mut().zip(svd.singular_values.iter()).for_each(|(mut c, s)| c *= s.sqrt());
        scaled
    };
    Ok(NuclearFit {
        representation: scaled(&svd.u),
        heads: scaled(&svd.v).transpose(),
        objective,
        relative_gap,
        iterations,
    })
}
