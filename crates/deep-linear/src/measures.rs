//! Measures of rank and norm, all functions of the singular values.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, singular_values};

use crate::DeepLinearError;
use crate::error::require;

/// The singular values of a matrix and everything measured from them. Computed once, in `f64` whatever the scalar type.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_deep_linear::measures::Spectrum;
///
/// let spectrum = Spectrum::of(&DMatrix::from_diagonal_element(3, 3, 2.0_f64))?;
/// assert!((spectrum.effective_rank() - 3.0).abs() < 1e-14);
/// assert!((spectrum.stable_rank() - 3.0).abs() < 1e-14);
/// assert!((spectrum.nuclear_norm() - 6.0).abs() < 1e-14);
/// # Ok::<(), overparam_deep_linear::DeepLinearError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Descending, non-negative.
    values: Vec<f64>,
}

impl Spectrum {
    /// The spectrum of `matrix`.
    ///
    /// # Errors
    /// [`DeepLinearError::Linalg`] if the matrix has an entry that is not finite.
    pub fn of<T: Real>(matrix: &DMatrix<T>) -> Result<Self, DeepLinearError> {
        let values = singular_values(&matrix.map(Real::f64))?;
        Ok(Self { values: values.iter().copied().collect() })
    }

    /// The `min(m, n)` singular values `s_1 >= s_2 >= ...`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Effective rank `exp(-sum_r p_r log p_r)`, `p_r = s_r / sum s`, between 1 and the rank (0 for the zero matrix).
    ///
    /// Roy, Vetterli 2007, "The effective rank: a measure of effective dimensionality", definition 1.
    pub fn effective_rank(&self) -> f64 {
        let total = self.nuclear_norm();
        if total <= 0.0 {
            return 0.0;
        }
        let entropy: f64 =
            self.values.iter().map(|s| s / total).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum();
        entropy.exp()
    }

    /// Stable rank `||W||_F^2 / ||W||_2^2`, between 1 and the rank (0 for the zero matrix).
    pub fn stable_rank(&self) -> f64 {
        let largest = self.spectral_norm();
        if largest > 0.0 { self.values.iter().map(|s| (s / largest).powi(2)).sum() } else { 0.0 }
    }

    /// Spectral norm `||W||_2 = s_1`.
    pub fn spectral_norm(&self) -> f64 {
        self.values.first().copied().unwrap_or(0.0)
    }

    /// Nuclear norm `||W||_* = sum_r s_r`.
    pub fn nuclear_norm(&self) -> f64 {
        self.values.iter().sum()
    }

    /// Frobenius norm `||W||_F = (sum_r s_r^2)^(1/2)`.
    pub fn frobenius_norm(&self) -> f64 {
        self.spectral_norm() * self.stable_rank().sqrt()
    }

    /// Schatten norm `(sum_r s_r^p)^(1/p)`, `0 < p <= infinity`; a quasi-norm for `p < 1`.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] unless `p > 0`.
    pub fn schatten(&self, p: f64) -> Result<f64, DeepLinearError> {
        require(p > 0.0, "the exponent of a Schatten norm", "positive", p)?;
        let largest = self.spectral_norm();
        if p == f64::INFINITY || largest <= 0.0 {
            return Ok(largest);
        }
        let sum: f64 = self.values.iter().map(|s| (s / largest).powf(p)).sum();
        Ok(largest * sum.powf(1.0 / p))
    }

    /// Numerical rank: how many singular values exceed `tolerance * s_1`.
    pub fn numerical_rank(&self, tolerance: f64) -> usize {
        let cutoff = tolerance * self.spectral_norm();
        self.values.iter().filter(|s| **s > cutoff).count()
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::Spectrum;

    proptest! {
        #[test]
        fn measures_are_ordered_and_scale(seed in any::<u64>(), m in 1usize..8, n in 1usize..8, c in 0.1..10.0) {
            let w: DMatrix<f64> = Stream::root(seed).normal_matrix(m, n, 1.0);
            let (a, b) = (Spectrum::of(&w).unwrap(), Spectrum::of(&(&w * c)).unwrap());
            let close = |x: f64, y: f64| (x - y).abs() < 1e-11 * (1.0 + x.abs());
            prop_assert!(close(a.frobenius_norm(), w.norm()));
            prop_assert!(close(a.schatten(2.0).unwrap(), w.norm()));
            prop_assert!(close(a.schatten(1.0).unwrap(), a.nuclear_norm()));
            prop_assert!(close(a.effective_rank(), b.effective_rank()) && close(a.stable_rank(), b.stable_rank()));
            prop_assert!(close(a.schatten(0.5).unwrap() * c, b.schatten(0.5).unwrap()));
            prop_assert!(1.0 - 1e-12 <= a.stable_rank() && a.stable_rank() <= a.effective_rank() + 1e-9);
            prop_assert!(a.effective_rank() <= m.min(n) as f64 + 1e-9);
            let falling = [0.5, 1.0, 2.0, 4.0, f64::INFINITY].map(|p| a.schatten(p).unwrap());
            prop_assert!(falling.windows(2).all(|x| x[0] >= x[1] * (1.0 - 1e-12)));
        }
    }

    #[test]
    fn values_by_hand() {
        let spectrum =
            Spectrum::of(&DMatrix::from_diagonal(&DVector::from_vec(vec![3.0_f32, 1.0, 0.0]))).unwrap();
        let entropy: f64 = -(0.75 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((spectrum.effective_rank() - entropy.exp()).abs() < 1e-14);
        assert!((spectrum.stable_rank() - 10.0 / 9.0).abs() < 1e-14);
        assert!((spectrum.schatten(0.5).unwrap() - (3f64.sqrt() + 1.0).powi(2)).abs() < 1e-13);
        assert_eq!(spectrum.numerical_rank(1e-6), 2);
        assert!(spectrum.schatten(0.0).is_err() && spectrum.schatten(f64::NAN).is_err());
    }

    #[test]
    fn the_zero_matrix_has_rank_zero() {
        let zero = Spectrum::of(&DMatrix::<f64>::zeros(2, 3)).unwrap();
        assert_eq!((zero.effective_rank(), zero.stable_rank(), zero.schatten(0.5).unwrap()), (0.0, 0.0, 0.0));
        assert_eq!(zero.numerical_rank(1e-6), 0);
    }
}
