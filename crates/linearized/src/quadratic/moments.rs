//! Second moments of features of Gaussian inputs.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Cholesky, LinalgError, matmul, symmetric_eigen, transposed};

use crate::Error;
use crate::activation::Activation;
use crate::hermite::Basis;

/// Degree of the Hermite series; the diagonal is summed exactly.
const DEGREE: usize = 40;

/// Of the features `s(<w_a, x> + t_a)`, `x ~ N(0, I)`.
pub(super) struct Moments {
    /// `w_a / ||w_a||`: `N x d`.
    pub(super) unit: DMatrix<f64>,
    /// `c_k(a)`, the Hermite coefficients of `s(||w_a|| . + t_a)`: `N x (DEGREE + 1)`.
    pub(super) series: DMatrix<f64>,
    /// `sum_{k >= 1} c_k(a) c_k(b) r_ab^k` with the cosines `r`: the lower triangle of an `N x N` matrix.
    pub(super) covariance: DMatrix<f64>,
}

impl Moments {
    pub(super) fn of(
        activation: &impl Activation,
        weights: &DMatrix<f64>,
        shifts: Option<&DVector<f64>>,
    ) -> Self {
        let neurons = weights.nrows();
        let mut unit = weights.clone();
        let mut series = DMatrix::zeros(neurons, DEGREE + 1);
        let mut power = DVector::zeros(neurons);
        // Functions with kinks at one place share a quadrature: all of them, for a kink at 0 and no shift.
        let mut basis = Basis::new(&[], DEGREE);
        for a in 0..neurons {
            let norm = weights.row(a).norm();
            unit.row_mut(a).scale_mut(norm.recip());
            let shift = shifts.map_or(0.0, |t| t[a]);
            let kinks: Vec<f64> = activation.kinks().iter().map(|k| (k - shift) / norm).collect();
            if kinks != basis.kinks {
                basis = Basis::new(&kinks, DEGREE);
            }
            let s = |x: f64| activation.value(norm * x + shift);
            for (k, c) in basis.coefficients(s).into_iter().enumerate() {
                series[(a, k)] = c;
            }
            let mean = series[(a, 0)];
            power[a] = basis.rule.integrate(|x| (s(x) - mean).powi(2));
        }
        let cosines = matmul(&unit, transposed(&unit));
        let mut covariance = DMatrix::zeros(neurons, neurons);
        // Contiguous: coefficients of a neuron in a column.
        let rows = series.transpose();
        for b in 0..neurons {
            for a in b..neurons {
                let r = cosines[(a, b)].clamp(-1.0, 1.0);
                // Horner's rule; degree 0 is the mean's.
                let (left, right) = (rows.column(a), rows.column(b));
                let sum = (1..=DEGREE).rev().fold(0.0, |sum, k| (left[k] * right[k] + sum) * r);
                covariance[(a, b)] = if a == b { power[a] } else { sum };
            }
        }
        Self { unit, series, covariance }
    }
}

/// `V^T U^+ V`, reading the lower triangle of `U`.
pub(super) fn explained(u: &DMatrix<f64>, v: &DVector<f64>) -> Result<f64, Error> {
    match Cholesky::factor(u) {
        Ok(cholesky) => Ok(v.dot(&cholesky.solve_vector(v))),
        // Features that are linearly dependent: the pseudo-inverse.
        Err(LinalgError::NotPositiveDefinite { .. }) => {
            let eigen = symmetric_eigen(u)?;
            let cutoff = v.len() as f64 * f64::EPSILON * eigen.values.amax();
            let coordinates = eigen.vectors.tr_mul(v);
            let kept = coordinates.iter().zip(eigen.values.iter()).filter(|(_, e)| **e > cutoff);
            Ok(kept.map(|(c, e)| c * c / e).sum())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};

    use super::{Moments, explained};
    use crate::activation::Standard;

    /// `E max(w z + t, 0) = w phi(t/w) + t Phi(t/w)` and its square `(w^2 + t^2) Phi(t/w) + t w phi(t/w)`: with the panels' ends
    /// where the kink is, to rounding.
    #[test]
    fn a_shifted_relu_has_its_closed_forms() {
        let (sizes, shifts) = ([0.5, 1.0, 2.0, 1.0], [0.7, -1.1, 0.4, 0.0]);
        let weights = DMatrix::from_column_slice(4, 1, &sizes);
        let moments = Moments::of(&Standard::Relu, &weights, Some(&DVector::from_row_slice(&shifts)));
        for (a, (w, t)) in sizes.into_iter().zip(shifts).enumerate() {
            let density = (-0.5 * (t / w) * (t / w)).exp() / std::f64::consts::TAU.sqrt();
            let below = 0.5 * libm::erfc(-t / w * std::f64::consts::FRAC_1_SQRT_2);
            let (mean, square) = (w * density + t * below, (w * w + t * t) * below + t * w * density);
            assert!((moments.series[(a, 0)] - mean).abs() < 1e-12, "{w} {t}: {}", moments.series[(a, 0)]);
            let variance = moments.covariance[(a, a)];
            assert!((variance - (square - mean * mean)).abs() < 1e-12, "{w} {t}: {variance}");
        }
    }

    /// Ones throughout have the pseudo-inverse `U / 4`; the second direction of `diag(2, 0)` is not seen.
    #[test]
    fn dependent_features_are_counted_once() {
        for scale in [1e-9, 1.0, 1e9] {
            let ones =
                explained(&DMatrix::from_element(2, 2, scale), &DVector::from_element(2, 3.0)).unwrap();
            assert!((ones * scale - 9.0).abs() < 1e-12, "{ones}");
            let singular = DMatrix::from_row_slice(2, 2, &[2.0 * scale, 0.0, 0.0, 0.0]);
            let half = explained(&singular, &DVector::from_row_slice(&[3.0, 0.0])).unwrap();
            assert!((half * scale - 4.5).abs() < 1e-12, "{half}");
        }
    }
}
