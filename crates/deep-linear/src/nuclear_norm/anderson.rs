//! Anderson acceleration of a fixed-point iteration `z <- z + r(z)`.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Cholesky, gemm, transposed};

use crate::DeepLinearError;

/// How many past differences are combined.
const MEMORY: usize = 10;

/// Tikhonov weight of the mixing problem, relative to its trace: keeps nearly parallel differences harmless.
const REGULARIZATION: f64 = 1e-10;

/// Extrapolates from past iterates: with `dR, dG` the differences of past residuals `r` and plain updates `g = z + r`,
/// the next iterate is `g - dG y` with `y` minimising `||r - dR y||^2` (Walker, Ni 2011, regularised).
///
/// An extrapolation whose residual turns out larger than the one before is taken back: the plain update takes its place
/// and the past is forgotten. Plain updates of a non-expansive map never raise the residual, so it never rises at all.
pub(super) struct Anderson {
    /// Residual and plain update of the last iterate kept.
    last: Option<(DVector<f64>, DVector<f64>)>,
    /// Whether the current iterate is an extrapolation, which may yet be taken back.
    extrapolated: bool,
    /// Columns: past differences, in a ring; unused ones are zero and take no part.
    residual_differences: DMatrix<f64>,
    update_differences: DMatrix<f64>,
    next: usize,
}

impl Anderson {
    pub(super) fn new(dimension: usize) -> Self {
        Self {
            last: None,
            extrapolated: false,
            residual_differences: DMatrix::zeros(dimension, MEMORY),
            update_differences: DMatrix::zeros(dimension, MEMORY),
            next: 0,
        }
    }

    /// Replaces `z` by the next iterate, given the residual `r(z)`.
    pub(super) fn advance(&mut self, z: &mut [f64], residual: &[f64]) -> Result<(), DeepLinearError> {
        let residual = DVector::from_column_slice(residual);
        if let Some((last_residual, last_update)) = &self.last
            && self.extrapolated
            && residual.norm() > last_residual.norm()
        {
            z.copy_from_slice(last_update.as_slice());
            self.residual_differences.fill(0.0);
            self.update_differences.fill(0.0);
            self.extrapolated = false;
            return Ok(());
        }
        let update = DVector::from_column_slice(z) + &residual;
        z.copy_from_slice(update.as_slice());
        self.extrapolated = false;
        if let Some((last_residual, last_update)) = &self.last {
            self.residual_differences.set_column(self.next, &(&residual - last_residual));
            self.update_differences.set_column(self.next, &(&update - last_update));
            self.next = (self.next + 1) % MEMORY;
            if let Some(weights) = self.weights(&residual)? {
                let correction = &self.update_differences * weights;
                z.iter_mut().zip(correction.iter()).for_each(|(z, c)| *z -= c);
                self.extrapolated = true;
            }
        }
        self.last = Some((residual, update));
        Ok(())
    }

    /// `(dR^T dR + eps I)^-1 dR^T r`, if any difference is not zero.
    fn weights(&self, residual: &DVector<f64>) -> Result<Option<DVector<f64>>, DeepLinearError> {
        let differences = &self.residual_differences;
        let mut gram = DMatrix::zeros(MEMORY, MEMORY);
        gemm(1.0, transposed(differences), differences, 0.0, &mut gram);
        let weight = REGULARIZATION * gram.trace();
        if weight <= f64::MIN_POSITIVE {
            return Ok(None);
        }
        for i in 0..MEMORY {
            gram[(i, i)] += weight;
        }
        Ok(Some(Cholesky::factor(&gram)?.solve_vector(&differences.tr_mul(residual))))
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;

    use super::{Anderson, MEMORY};

    /// On an affine map `z -> A z + b` this is GMRES (Walker, Ni 2011): in `d` dimensions, `d` differences and one more
    /// residual determine the fixed point, but for the regularisation.
    #[test]
    fn an_affine_map_is_solved_in_as_many_steps_as_dimensions() {
        let d = MEMORY / 2;
        let stream = Stream::root(21);
        let q: DMatrix<f64> = stream.named("q").orthonormal_matrix(d, d);
        let values = DVector::from_fn(d, |i, _| 0.1 + 0.8 * i as f64 / (d - 1) as f64);
        let slope = &q * DMatrix::from_diagonal(&values) * q.transpose();
        let b: DVector<f64> = stream.named("b").normal_vector(d, 1.0);
        let residual = |z: &DVector<f64>| &b - &slope * z;
        let mut z = DVector::zeros(d);
        let mut anderson = Anderson::new(d);
        for _ in 0..=d {
            let r = residual(&z);
            anderson.advance(z.as_mut_slice(), r.as_slice()).unwrap();
        }
        assert!(residual(&z).norm() < 1e-5 * b.norm(), "{}", residual(&z).norm() / b.norm());
    }
}
