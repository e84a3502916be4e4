//! Training in closed form without decomposing the kernel: for few outputs and any number of times.
//!
//! What training adds is `Theta phi_t(Theta) b` with `phi_t(lambda) = (1 - rho_t(lambda/(n c)))/lambda` and `b = y - f_0`
//! ([`super`]). The Lanczos recursion (1950) builds an orthonormal basis `V` of `b, Theta b, Theta^2 b, ...` in which `Theta` is
//! tridiagonal, `V^T Theta V = T`; then (Saad 1992)
//!
#![doc = overparam_formula::formula!("phi_t(Theta) b ~ ||b|| V phi_t(T) e_1,")]
//!
//! with the same basis for every time. `phi_t` is entire and training for time `t` cannot tell eigenvalues far below
//! `n c / t` from zero, so that about `sqrt(t lambda_max / (n c))` vectors are enough: `O(n^2)` a vector where a decomposition
//! takes `O(n^3)`. The basis grows until the coefficients stand still; at `n` vectors it is exact. Training to the end is a
//! Cholesky solve.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Cholesky, matmul, symmetric_eigen};
use rayon::prelude::*;

use super::{Regularizer, Schedule, check, expect};
use crate::NtkError;

/// Vectors between two looks at the coefficients.
const BLOCK: usize = 10;

/// Relative change of the coefficients below which the basis is long enough.
const SETTLED: f64 = 1e-13;

/// What couples the next vector, as a part of the kernel's norm, below which it is a rounding error.
const INVARIANT: f64 = 64.0 * f64::EPSILON;

/// Training on `||f - y||^2 / (2 n c)`, as [`super::squared::SquaredLossDynamics`], each output on a basis of its own.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_ntk::predict::{Regularizer, Schedule, krylov::Krylov};
///
/// let kernel = DMatrix::from_row_slice(2, 2, &[2.0, 0.5, 0.5, 1.0]);
/// let (targets, zero) = (DMatrix::from_row_slice(2, 1, &[1.0, -1.0]), DMatrix::zeros(2, 1));
/// let mut training = Krylov::new(&kernel, &targets, &zero, Regularizer::NONE)?;
/// let end = training.train(Schedule::flow(1e3))?;
/// assert!((end - targets).norm() < 1e-12);
/// # Ok::<(), overparam_ntk::NtkError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Krylov {
    kernel: DMatrix<f64>,
    start: DMatrix<f64>,
    bases: Vec<Basis>,
    converged: Option<DMatrix<f64>>,
}

impl Krylov {
    /// Training on the kernel (`n x n`, its lower triangle) towards targets `n x c` from outputs `start`, `n x c`.
    ///
    /// # Errors
    /// [`NtkError::Input`] if shapes differ or an entry is not finite.
    pub fn new(
        kernel: &DMatrix<f64>,
        targets: &DMatrix<f64>,
        start: &DMatrix<f64>,
        regularizer: Regularizer,
    ) -> Result<Self, NtkError> {
        check(kernel, targets)?;
        expect("training outputs before training", start, targets.nrows(), targets.ncols())?;
        let mut kernel = regularizer.added(kernel)?;
        kernel.fill_upper_triangle_with_lower_triangle();
        let bases = (targets - start).column_iter().map(|b| Basis::new(b.into_owned())).collect();
        Ok(Self { kernel, start: start.clone(), bases, converged: None })
    }

    /// Outputs on the training inputs, `n x c`.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] if the schedule is out of range; [`NtkError::Linalg`] if the kernel has no Cholesky factor and
    /// training runs to the end.
    pub fn train(&mut self, schedule: Schedule) -> Result<DMatrix<f64>, NtkError> {
        let dual = self.dual(schedule)?;
        Ok(&self.start + matmul(&self.kernel, &dual))
    }

    /// Outputs on `m` test inputs from outputs `start`, `m x c`, and the kernel between test and training inputs, `m x n`.
    ///
    /// # Errors
    /// As [`Self::train`], and [`NtkError::Input`] if a shape differs.
    pub fn test(
        &mut self,
        schedule: Schedule,
        start: &DMatrix<f64>,
        kernel: &DMatrix<f64>,
    ) -> Result<DMatrix<f64>, NtkError> {
        expect("test kernel", kernel, kernel.nrows(), self.kernel.nrows())?;
        expect("test outputs before training", start, kernel.nrows(), self.start.ncols())?;
        Ok(start + matmul(kernel, &self.dual(schedule)?))
    }

    /// Vectors of the longest basis so far.
    pub fn vectors(&self) -> usize {
        self.bases.iter().map(|basis| basis.vectors.len()).max().unwrap_or(0)
    }

    /// `Theta^-1 (1 - rho(Theta)) (y - f_0)`.
    fn dual(&mut self, schedule: Schedule) -> Result<DMatrix<f64>, NtkError> {
        let schedule = schedule.check()?;
        if let Schedule::Flow { time, .. } | Schedule::MomentumFlow { time, .. } = schedule
            && time.is_infinite()
        {
            if let Some(dual) = &self.converged {
                return Ok(dual.clone());
            }
            let residuals: Vec<_> = self.bases.iter().map(|basis| basis.start.clone()).collect();
            let dual = Cholesky::factor(&self.kernel)?.solve(&DMatrix::from_columns(&residuals));
            self.converged = Some(dual.clone());
            return Ok(dual);
        }
        let size = self.start.len() as f64;
        let phi = |lambda: f64| schedule.learned(lambda / size) / lambda;
        let columns = self.bases.iter_mut().map(|basis| basis.apply(&self.kernel, phi));
        Ok(DMatrix::from_columns(&columns.collect::<Result<Vec<_>, _>>()?))
    }
}

/// An orthonormal basis of the Krylov space of `start`, and the tridiagonal matrix of the kernel on it.
#[derive(Debug, Clone)]
struct Basis {
    start: DVector<f64>,
    vectors: Vec<DVector<f64>>,
    diagonal: Vec<f64>,
    /// `off[i]` couples vectors `i` and `i + 1`; the last is the norm of the vector to come.
    off: Vec<f64>,
    /// The largest `||Theta v||` of a vector so far.
    scale: f64,
    /// The space is invariant.
    complete: bool,
}

impl Basis {
    fn new(start: DVector<f64>) -> Self {
        let norm = start.norm();
        let vectors = if norm > 0.0 { vec![&start / norm] } else { Vec::new() };
        Self { complete: norm == 0.0, start, vectors, diagonal: Vec::new(), off: Vec::new(), scale: 0.0 }
    }

    /// `phi(kernel) start`.
    fn apply(&mut self, kernel: &DMatrix<f64>, phi: impl Fn(f64) -> f64) -> Result<DVector<f64>, NtkError> {
        let mut before = self.coefficients(self.diagonal.len().saturating_sub(BLOCK), &phi)?;
        loop {
            let now = self.coefficients(self.diagonal.len(), &phi)?;
            let change = (now.rows(0, before.len()) - &before).norm_squared()
                + now.rows(before.len(), now.len() - before.len()).norm_squared();
            let settled = !before.is_empty() && change.sqrt() <= SETTLED * now.norm();
            if settled || self.complete {
                let mut sum = DVector::zeros(self.start.len());
                for (vector, &coefficient) in self.vectors.iter().zip(now.iter()) {
                    sum.axpy(coefficient, vector, 1.0);
                }
                return Ok(sum);
            }
            before = now;
            (0..BLOCK).for_each(|_| self.extend(kernel));
        }
    }

    /// `||start|| phi(T) e_1` on the first `m` vectors.
    fn coefficients(&self, m: usize, phi: impl Fn(f64) -> f64) -> Result<DVector<f64>, NtkError> {
        if m == 0 {
            return Ok(DVector::zeros(0));
        }
        let tridiagonal = DMatrix::from_fn(m, m, |i, j| match i.abs_diff(j) {
            0 => self.diagonal[i],
            1 => self.off[i.min(j)],
            _ => 0.0,
        });
        let eigen = symmetric_eigen(&tridiagonal)?;
        let norm = self.start.norm();
        // A vanishing eigenvalue stands for its limit, whatever the sign of its rounding error.
        let floor = eigen.values.amax().max(f64::MIN_POSITIVE) * f64::EPSILON;
        let modes =
            DVector::from_fn(m, |i, _| norm * eigen.vectors[(0, i)] * phi(eigen.values[i].max(floor)));
        Ok(&eigen.vectors * modes)
    }

    /// One step of the recursion, orthogonalised twice against all vectors ("twice is enough", Parlett 1980).
    fn extend(&mut self, kernel: &DMatrix<f64>) {
        if self.complete {
            return;
        }
        let n = self.start.len();
        let Some(last) = self.vectors.last() else { return };
        // The kernel is symmetric: each entry is the product with a column. Bits do not depend on the threads.
        let product: Vec<f64> = (0..n).into_par_iter().map(|j| kernel.column(j).dot(last)).collect();
        let mut next = DVector::from_vec(product);
        self.scale = self.scale.max(next.norm());
        self.diagonal.push(last.dot(&next));
        for _ in 0..2 {
            for vector in &self.vectors {
                let along = vector.dot(&next);
                next.axpy(-along, vector, 1.0);
            }
        }
        let norm = next.norm();
        self.complete = self.vectors.len() == n || norm <= INVARIANT * self.scale;
        self.off.push(norm);
        if !self.complete {
            self.vectors.push(next / norm);
        }
    }
}
