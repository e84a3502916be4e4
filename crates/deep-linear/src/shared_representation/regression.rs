//! The source tasks, reduced to what least squares needs of them.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{matmul, transposed};

use crate::DeepLinearError;
use crate::error::require_finite;
use crate::objective::Objective;

/// Sufficient statistics of one task.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    /// `X^T X`, `d x d`.
    pub(super) gram: DMatrix<f64>,
    /// `X^T y`.
    pub(super) moment: DVector<f64>,
    /// Number of examples.
    pub(super) examples: usize,
}

/// `L(Theta) = 1/(2N) sum_t ||y_t - X_t theta_t||^2` over tasks with `N` examples in all.
///
/// As an [`Objective`] its end matrix is `T x d`, a *row* a task: the two-layer linear network with first layer `B^T`
/// (`k x d`) and second layer `W^T` (`T x k`) has the end matrix `(B W)^T`. Kept as `X_t^T X_t` and `X_t^T y_t`: `8 d^2`
/// bytes a task however many examples it has.
#[derive(Debug, Clone)]
pub struct SharedRegression {
    dimension: usize,
    pub(super) tasks: Vec<Statistics>,
    /// `sum_t X_t^T X_t`.
    pub(super) pooled: DMatrix<f64>,
    /// `sum_t X_t^T diag(y_t^2) X_t`.
    pub(super) fourth: DMatrix<f64>,
    /// `sum_t ||y_t||^2`.
    pub(super) energy: f64,
    /// `N`.
    pub(super) examples: usize,
}

impl SharedRegression {
    /// No tasks yet, of inputs in `R^d`.
    ///
    /// # Errors
    /// [`DeepLinearError::EmptyMatrix`] for dimension 0.
    pub fn new(dimension: usize) -> Result<Self, DeepLinearError> {
        if dimension == 0 {
            return Err(DeepLinearError::EmptyMatrix { what: "the pooled covariance", rows: 0, columns: 0 });
        }
        let zeros = || DMatrix::zeros(dimension, dimension);
        Ok(Self { dimension, tasks: Vec::new(), pooled: zeros(), fourth: zeros(), energy: 0.0, examples: 0 })
    }

    /// Adds a task: inputs `n x d`, labels of length `n`.
    ///
    /// # Errors
    /// [`DeepLinearError::NoData`], [`DeepLinearError::Shape`], [`DeepLinearError::NotFinite`].
    pub fn push(&mut self, x: &DMatrix<f64>, y: &DVector<f64>) -> Result<(), DeepLinearError> {
        let n = x.nrows();
        if n == 0 {
            return Err(DeepLinearError::NoData { what: "examples of a source task" });
        }
        let shape = |what, given, expected| Err(DeepLinearError::Shape { what, given, expected });
        if x.ncols() != self.dimension {
            return shape("the inputs of a source task", x.shape(), (n, self.dimension));
        }
        if y.len() != n {
            return shape("the labels of a source task", y.shape(), (n, 1));
        }
        require_finite("the inputs of a source task", x.iter().copied())?;
        require_finite("the labels of a source task", y.iter().copied())?;
        let gram = matmul(transposed(x), x);
        let mut weighted = x.clone();
        weighted.column_iter_mut().for_each(|mut column| column.component_mul_assign(y));
        self.fourth += matmul(transposed(&weighted), &weighted);
        self.pooled += &gram;
        self.energy += y.norm_squared();
        self.examples += n;
        self.tasks.push(Statistics { gram, moment: x.tr_mul(y), examples: n });
        Ok(())
    }

    /// `d`.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// `T`.
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// `N = sum_t n_t`.
    pub fn example_count(&self) -> usize {
        self.examples
    }

    /// `L(B W)`.
    ///
    /// # Panics
    /// If `B` is not `d x k` or `W` not `k x T`.
    pub fn loss_of(&self, representation: &DMatrix<f64>, heads: &DMatrix<f64>) -> f64 {
        self.loss(&matmul(transposed(heads), transposed(representation)))
    }

    /// An upper bound on the curvature of `L` with respect to the end matrix, tight to a few percent:
    /// `max_t ||X_t^T X_t||_2 / N` by power iteration, enlarged by a tenth.
    pub(super) fn curvature(&self) -> f64 {
        const ITERATIONS: usize = 30;
        let norm = |task: &Statistics| {
            let mut v = &task.moment + DVector::repeat(self.dimension, task.moment.amax().max(1.0));
            let mut norm = 0.0;
            for _ in 0..ITERATIONS {
                let next = &task.gram * &v;
                norm = next.norm() / v.norm();
                if !(norm.is_finite() && norm > 0.0) {
                    return 0.0;
                }
                v = next / norm;
            }
            norm
        };
        1.1 * self.tasks.iter().map(norm).fold(0.0, f64::max) / self.examples.max(1) as f64
    }

    /// At least one task.
    pub(super) fn require_tasks(&self) -> Result<(), DeepLinearError> {
        if self.tasks.is_empty() { Err(DeepLinearError::NoData { what: "source tasks" }) } else { Ok(()) }
    }
}

impl Objective<f64> for SharedRegression {
    fn shape(&self) -> (usize, usize) {
        (self.tasks.len(), self.dimension)
    }

    fn loss_and_gradient(&self, end: &DMatrix<f64>, gradient: &mut DMatrix<f64>) -> f64 {
        crate::objective::check_shapes(self.shape(), end, gradient);
        let scale = 1.0 / self.examples.max(1) as f64;
        // Columns are contiguous: one transposition each way instead of strided rows.
        let parameters = end.transpose();
        let mut residuals = DMatrix::zeros(self.dimension, self.tasks.len());
        let mut sum = self.energy;
        for (t, task) in self.tasks.iter().enumerate() {
            let theta = parameters.column(t);
            let mut g = residuals.column_mut(t);
            g.gemv(1.0, &task.gram, &theta, 0.0);
            sum += g.dot(&theta) - 2.0 * task.moment.dot(&theta);
            g -= &task.moment;
        }
        gradient.copy_from(&residuals.transpose());
        *gradient *= scale;
        0.5 * scale * sum
    }
}
