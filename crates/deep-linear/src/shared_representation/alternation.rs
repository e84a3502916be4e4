//! The first stage by alternating minimisation.
//!
//! Given `B`, every head is a least-squares problem in `k` unknowns, solved exactly. Given `W`, the representation is one in
//! `d k`, `sum_t G_t B w_t w_t^T = sum_t c_t w_t^T` with `G_t = X_t^T X_t`, `c_t = X_t^T y_t`; it is solved by conjugate
//! gradients from the current `B`, preconditioned by `P -> T G^-1 P (W W^T)^-1` with `G = sum_t G_t`, which is the exact
//! inverse if all tasks have the same Gram matrix. Every step of either half lowers the objective or leaves it.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Cholesky, matmul, svd, transposed};

use super::SharedRegression;
use super::start::check_rank;
use crate::DeepLinearError;
use crate::error::require;

/// Conjugate gradients stop at this fraction of the first residual: more accuracy is wasted on heads that still move.
const INNER_TOLERANCE: f64 = 1e-2;
/// Conjugate-gradient steps at most in one sweep.
const INNER_STEPS: usize = 20;

/// When alternation stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alternation {
    /// Stationarity (see [`Fit::stationarity`]) at which it stops, positive.
    pub tolerance: f64,
    /// Sweeps (both halves once) at most.
    pub max_sweeps: usize,
}

impl Default for Alternation {
    /// Stationarity 1e-9, 300 sweeps.
    fn default() -> Self {
        Self { tolerance: 1e-9, max_sweeps: 300 }
    }
}

/// What the first stage found.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// `B^`, `d x k`, orthonormal columns.
    pub representation: DMatrix<f64>,
    /// `W^`, `k x T`, the best heads for it.
    pub heads: DMatrix<f64>,
    /// `L(B^ W^)`.
    pub objective: f64,
    /// `||sum_t (G_t B w_t - c_t) w_t^T||_F / ||sum_t c_t w_t^T||_F`: the gradient in `B`, relative; that in `W` is 0.
    pub stationarity: f64,
    /// Sweeps or steps made.
    pub iterations: usize,
    /// Whether the stationarity asked for was reached. Where a direction is not determined by the data (source tasks
    /// that do not span the representation) the last one may fit noise, and slowly.
    pub converged: bool,
}

impl Alternation {
    /// Minimises from a start `d x k` of full column rank.
    ///
    /// # Errors
    /// As [`Alternation::fit_observed`].
    pub fn fit(&self, data: &SharedRegression, start: &DMatrix<f64>) -> Result<Fit, DeepLinearError> {
        self.fit_observed(data, start, |_| {})
    }

    /// [`Alternation::fit`], showing the objective after every half: heads, representation, heads, ...
    ///
    /// # Errors
    /// [`DeepLinearError::NoData`]; [`DeepLinearError::Shape`] for a start without `d` rows;
    /// [`DeepLinearError::Configuration`] for a rank above `min(d, T)` or a tolerance that is not positive;
    /// [`DeepLinearError::Linalg`] if a task's examples do not determine its head (fewer than `k`, say).
    pub fn fit_observed(
        &self,
        data: &SharedRegression,
        start: &DMatrix<f64>,
        mut observer: impl FnMut(f64),
    ) -> Result<Fit, DeepLinearError> {
        data.require_tasks()?;
        let (d, k) = (data.dimension(), start.ncols());
        if start.nrows() != d {
            return Err(DeepLinearError::Shape {
                what: "the starting representation",
                given: start.shape(),
                expected: (d, k),
            });
        }
        check_rank(data, k, data.task_count())?;
        require(self.tolerance > 0.0, "the tolerance of alternation", "positive", self.tolerance)?;
        let pooled = Cholesky::factor(&data.pooled)?;
        let mut representation = orthonormalized(start)?;
        let mut iterations = 0;
        loop {
            let heads = best_heads(data, &representation)?;
            observer(data.loss_of(&representation, &heads));
            let target = target_side(data, &heads);
            let residual = &target - normal_operator(data, &heads, &representation);
            let stationarity = residual.norm() / target.norm().max(f64::MIN_POSITIVE);
            let converged = stationarity <= self.tolerance;
            if converged || iterations == self.max_sweeps {
                let objective = data.loss_of(&representation, &heads);
                return Ok(Fit { representation, heads, objective, stationarity, iterations, converged });
            }
            improve_representation(data, &heads, &pooled, residual, &mut representation)?;
            observer(data.loss_of(&representation, &heads));
            representation = orthonormalized(&representation)?;
            iterations += 1;
        }
    }
}

/// An orthonormal basis of the column span.
pub(super) fn orthonormalized(b: &DMatrix<f64>) -> Result<DMatrix<f64>, DeepLinearError> {
    Ok(svd(b)?.u)
}

/// The least-squares heads of all tasks, `k x T`.
pub(super) fn best_heads(data: &SharedRegression, b: &DMatrix<f64>) -> Result<DMatrix<f64>, DeepLinearError> {
    let mut heads = DMatrix::zeros(b.ncols(), data.task_count());
    for (t, task) in data.tasks.iter().enumerate() {
        let reduced = matmul(transposed(b), &matmul(&task.gram, b));
        heads.set_column(t, &Cholesky::factor(&reduced)?.solve_vector(&b.tr_mul(&task.moment)));
    }
    Ok(heads)
}

/// `sum_t c_t w_t^T`, `d x k`.
fn target_side(data: &SharedRegression, heads: &DMatrix<f64>) -> DMatrix<f64> {
    let mut sum = DMatrix::zeros(data.dimension(), heads.nrows());
    for (task, w) in data.tasks.iter().zip(heads.column_iter()) {
        sum.ger(1.0, &task.moment, &w, 1.0);
    }
    sum
}

/// `sum_t G_t P w_t w_t^T`, `d x k`.
fn normal_operator(data: &SharedRegression, heads: &DMatrix<f64>, p: &DMatrix<f64>) -> DMatrix<f64> {
    let parameters = matmul(p, heads);
    let mut sum = DMatrix::zeros(p.nrows(), p.ncols());
    let mut product = DVector::zeros(p.nrows());
    for (t, task) in data.tasks.iter().enumerate() {
        product.gemv(1.0, &task.gram, &parameters.column(t), 0.0);
        sum.ger(1.0, &product, &heads.column(t), 1.0);
    }
    sum
}

/// Preconditioned conjugate gradients on the normal equations of `B`, from the current one.
fn improve_representation(
    data: &SharedRegression,
    heads: &DMatrix<f64>,
    pooled: &Cholesky<f64>,
    mut residual: DMatrix<f64>,
    b: &mut DMatrix<f64>,
) -> Result<(), DeepLinearError> {
    let mut second_moment = matmul(heads, transposed(heads)) / data.task_count() as f64;
    // Heads that do not span all directions leave it singular; a preconditioner may be anything positive.
    let floor = 1e-12 * second_moment.trace() + f64::MIN_POSITIVE;
    second_moment.iter_mut().step_by(heads.nrows() + 1).for_each(|x| *x += floor);
    let factor = Cholesky::factor(&second_moment)?;
    let precondition = |r: &DMatrix<f64>| factor.solve(&pooled.solve(r).transpose()).transpose();

    let enough = INNER_TOLERANCE * residual.norm();
    let mut z = precondition(&residual);
    let mut direction = z.clone();
    let mut rz = residual.dot(&z);
    for _ in 0..INNER_STEPS {
        let image = normal_operator(data, heads, &direction);
        let curvature = direction.dot(&image);
        if curvature <= 0.0 {
            break;
        }
        let step = rz / curvature;
        *b += &direction * step;
        residual -= image * step;
        if residual.norm() <= enough {
            break;
        }
        z = precondition(&residual);
        let next = residual.dot(&z);
        direction = &z + direction * (next / rz);
        rz = next;
    }
    Ok(())
}
