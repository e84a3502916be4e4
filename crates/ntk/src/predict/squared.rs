//! One network trained on squared loss, in closed form.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{SymmetricEigen, matmul, symmetric_eigen, transposed};

use super::{Regularizer, Schedule, check, expect, finite};
use crate::NtkError;

/// For complaints.
const OUTPUTS: &str = "predicted training outputs";

/// Training on `||f - y||^2 / (2 n c)` with a fixed kernel: the formulas of [`super`], one eigen-decomposition for all times.
///
/// Eigenvalues that rounding cannot tell from zero, up to `n` times the machine precision of the largest, count as zero: their modes
/// are never learned. A kernel has such modes where inputs are repeated, or where there are more inputs than the network can tell
/// apart.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_ntk::predict::{Regularizer, Schedule, squared::SquaredLossDynamics};
///
/// let kernel = DMatrix::from_row_slice(2, 2, &[2.0, 0.5, 0.5, 1.0]);
/// let targets = DMatrix::from_row_slice(2, 1, &[1.0, -1.0]);
/// let dynamics = SquaredLossDynamics::new(&kernel, &targets, Regularizer::NONE)?;
/// let zero = DMatrix::zeros(2, 1);
/// let end = dynamics.predict_train(Schedule::CONVERGED, &zero)?;
/// assert!((end - targets).norm() < 1e-14);
/// # Ok::<(), overparam_ntk::NtkError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SquaredLossDynamics {
    eigen: SymmetricEigen<f64>,
    targets: DMatrix<f64>,
    /// What was added to the diagonal.
    ridge: f64,
}

impl SquaredLossDynamics {
    /// Decomposes the training kernel (`n x n`, its lower triangle) for targets `n x c`.
    ///
    /// # Errors
    /// [`NtkError::Input`] if shapes differ or an entry is not finite, [`NtkError::Parameter`] if the regulariser is out of range or
    /// takes the diagonal beyond the numbers of f64; [`NtkError::Linalg`] if the decomposition fails.
    pub fn new(
        kernel: &DMatrix<f64>,
        targets: &DMatrix<f64>,
        regularizer: Regularizer,
    ) -> Result<Self, NtkError> {
        check(kernel, targets)?;
        let ridge = regularizer.amount(kernel)?;
        Ok(Self { eigen: symmetric_eigen(&regularizer.added(kernel)?)?, targets: targets.clone(), ridge })
    }

    /// Eigenvalues of the regularised kernel, ascending.
    pub fn eigenvalues(&self) -> &[f64] {
        self.eigen.values.as_slice()
    }

    /// Largest stable learning rate of descent with this momentum in `[0, 1)`: `2 (1 + momentum) n c / lambda_max`.
    pub fn max_learning_rate(&self, momentum: f64) -> f64 {
        crate::theory::max_learning_rate(self.largest(), self.targets.len(), momentum)
    }

    fn largest(&self) -> f64 {
        self.eigenvalues().last().copied().unwrap_or(0.0)
    }

    /// What rounding cannot tell from zero.
    fn floor(&self) -> f64 {
        self.largest() * (self.eigen.values.len() as f64 * f64::EPSILON)
    }

    /// The number of modes that are learned in the end: below `n`, the regularised kernel is singular.
    pub fn rank(&self) -> usize {
        let floor = self.floor();
        self.eigenvalues().iter().filter(|&&lambda| lambda > floor).count()
    }

    /// The loss `||f - y||^2 / (2 n c)` that training from outputs `start` cannot go below, because the kernel is singular and the
    /// targets conflict in modes that it does not see, as those of repeated inputs may.
    ///
    /// # Errors
    /// [`NtkError::Input`] if `start` is not `n x c`.
    pub fn least_loss(&self, start: &DMatrix<f64>) -> Result<f64, NtkError> {
        let residual = self.residual(start)?;
        let left = self.function(|_, lambda| if lambda > 0.0 { 0.0 } else { 1.0 }, &residual);
        Ok(left.norm_squared() / (2.0 * left.len() as f64))
    }

    /// Outputs on the training inputs, `n x c`, from outputs `start` before training.
    ///
    /// # Errors
    /// [`NtkError::Input`] if `start` is not `n x c` or the outputs are beyond the numbers of f64; [`NtkError::Parameter`] if the
    /// schedule is out of range.
    pub fn predict_train(&self, schedule: Schedule, start: &DMatrix<f64>) -> Result<DMatrix<f64>, NtkError> {
        let schedule = schedule.check()?;
        let residual = self.residual(start)?;
        finite(OUTPUTS, start + self.learned(schedule, &residual))
    }

    /// What was added to the diagonal of the kernel.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// Outputs on the training inputs of the function that [`Self::predict_test`] gives elsewhere: `f_0 + Theta Theta_r^-1 (1 - rho)
    /// (y - f_0)` with the kernel `Theta` itself and the regularised one `Theta_r = Theta + r`. Formed as what is learned without the
    /// part that the ridge withholds: no digits are lost to the inverse of a small ridge.
    ///
    /// # Errors
    /// As [`Self::predict_train`].
    pub fn fitted(&self, schedule: Schedule, start: &DMatrix<f64>) -> Result<DMatrix<f64>, NtkError> {
        let learned = self.predict_train(schedule, start)?;
        if self.ridge == 0.0 {
            return Ok(learned);
        }
        let schedule = schedule.check()?;
        finite(OUTPUTS, learned - self.dual(schedule, &self.residual(start)?) * self.ridge)
    }

    /// Outputs on `m` test inputs from outputs `start` (train, `n x c`; test, `m x c`) before training and the kernel between
    /// test and training inputs, `m x n`.
    ///
    /// # Errors
    /// As [`Self::predict_train`].
    pub fn predict_test(
        &self,
        schedule: Schedule,
        start: (&DMatrix<f64>, &DMatrix<f64>),
        kernel: &DMatrix<f64>,
    ) -> Result<DMatrix<f64>, NtkError> {
        let schedule = schedule.check()?;
        let (n, c) = self.targets.shape();
        expect("test kernel", kernel, kernel.nrows(), n)?;
        expect("test outputs before training", start.1, kernel.nrows(), c)?;
        let residual = self.residual(start.0)?;
        finite("predicted test outputs", start.1 + matmul(kernel, &self.dual(schedule, &residual)))
    }

    /// `Theta^-1 (1 - rho(Theta)) b`: the coefficients of what training adds, in the span of the training inputs.
    pub(super) fn dual(&self, schedule: Schedule, b: &DMatrix<f64>) -> DMatrix<f64> {
        // In directions the kernel does not see, learned(mu)/lambda would be 0/0.
        self.function(|mu, lambda| if lambda > 0.0 { schedule.learned(mu) / lambda } else { 0.0 }, b)
    }

    /// `(1 - rho(Theta)) b`.
    pub(super) fn learned(&self, schedule: Schedule, b: &DMatrix<f64>) -> DMatrix<f64> {
        self.function(|mu, _| schedule.learned(mu), b)
    }

    fn residual(&self, start: &DMatrix<f64>) -> Result<DMatrix<f64>, NtkError> {
        let (n, c) = self.targets.shape();
        expect("training outputs before training", start, n, c)?;
        finite("training targets less outputs before training", &self.targets - start)
    }

    /// `V diag(f(lambda / (n c), lambda)) V^T b`, `lambda` zero where it may be.
    fn function(&self, f: impl Fn(f64, f64) -> f64, b: &DMatrix<f64>) -> DMatrix<f64> {
        let (size, floor) = (self.targets.len() as f64, self.floor());
        let mut modes = matmul(transposed(&self.eigen.vectors), b);
        for (mut row, &lambda) in modes.row_iter_mut().zip(self.eigen.values.iter()) {
            let lambda = if lambda > floor { lambda } else { 0.0 };
            row *= f(lambda / size, lambda);
        }
        matmul(&self.eigen.vectors, &modes)
    }

    pub(super) fn targets(&self) -> &DMatrix<f64> {
        &self.targets
    }
}
