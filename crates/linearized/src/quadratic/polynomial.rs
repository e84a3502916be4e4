//! Targets of degree at most two on Gaussian inputs, and what finite feature sets leave of them.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{Svd, matmul, svd, transposed};

use super::moments::{Moments, explained};
use crate::Error;
use crate::activation::Activation;

/// `f(x) = <b, x> + <x, B x> - tr B` for `x ~ N(0, I_d)`: mean zero, energy `||b||^2 + 2 ||B||_F^2`.
#[derive(Debug, Clone)]
pub struct Polynomial {
    linear: DVector<f64>,
    quadratic: DMatrix<f64>,
}

impl Polynomial {
    /// `<x, B x> - tr B`, `B` symmetric.
    ///
    /// # Panics
    /// If `b` is not square.
    pub fn quadratic(b: DMatrix<f64>) -> Self {
        assert!(b.is_square(), "a quadratic form needs a square matrix, got {:?}", b.shape());
        Self { linear: DVector::zeros(b.nrows()), quadratic: b }
    }

    /// `<b, x>`: a target without a quadratic part.
    pub fn linear(b: DVector<f64>) -> Self {
        let d = b.len();
        Self { linear: b, quadratic: DMatrix::zeros(d, d) }
    }

    /// `d`.
    pub fn dimension(&self) -> usize {
        self.linear.len()
    }

    /// `B`.
    pub fn form(&self) -> &DMatrix<f64> {
        &self.quadratic
    }

    /// `E f^2`.
    pub fn energy(&self) -> f64 {
        self.linear.norm_squared() + 2.0 * self.quadratic.norm_squared()
    }

    /// `f` at the rows of `x` (`n x d`).
    ///
    /// # Panics
    /// If `x` has not `d` columns.
    pub fn values(&self, x: &DMatrix<f64>) -> DVector<f64> {
        (quadratic_form(x, &self.quadratic) + x * &self.linear).add_scalar(-self.quadratic.trace())
    }

    /// `E (f - g)^2` for `g(x) = <x, M x> - tr M`.
    pub(super) fn distance(&self, m: &DMatrix<f64>) -> f64 {
        self.linear.norm_squared() + 2.0 * (&self.quadratic - m).norm_squared()
    }

    /// The least risk of `x -> c + sum_a a_a s(<w_a, x>)` for these weights (`N x d`), relative to `E f^2`: exact but for a
    /// Hermite series to degree 40 in the cosines of different weights.
    ///
    /// With `c_k(a)` the Hermite coefficients of `s(||w_a|| .)` and `r` the cosines, the moments are
    /// `U_ab = sum_{k >= 1} c_k(a) c_k(b) r_ab^k` and `V_a = c_1(a) <b, w_a> / ||w_a|| + sqrt(2) c_2(a) <w_a, B w_a> / ||w_a||^2`.
    ///
    /// # Errors
    /// [`Error::Linalg`].
    ///
    /// # Panics
    /// If the weights have not `d` columns.
    pub fn random_features_risk(
        &self,
        activation: &impl Activation,
        weights: &DMatrix<f64>,
    ) -> Result<f64, Error> {
        let Moments { unit, series, covariance } = Moments::of(activation, weights, None);
        let v = series.column(1).component_mul(&(&unit * &self.linear))
            + series.column(2).component_mul(&quadratic_form(&unit, &self.quadratic)) * 2f64.sqrt();
        let explained = explained(&covariance, &v)?;
        Ok(1.0 - explained / self.energy())
    }

    /// The least risk of the tangent model `x -> c + sum_a <a_a, x> <w_a, x>` of quadratic neurons, relative to `E f^2`: what
    /// is left of `B` on the orthogonal complement of the weights, and all of the linear part.
    ///
    /// # Errors
    /// [`Error::Linalg`].
    ///
    /// # Panics
    /// If the weights have not `d` columns.
    pub fn tangent_risk(&self, weights: &DMatrix<f64>) -> Result<f64, Error> {
        let outside = complement(weights)?;
        let left = matmul(&matmul(&outside, &self.quadratic), &outside);
        Ok((self.linear.norm_squared() + 2.0 * left.norm_squared()) / self.energy())
    }
}

/// The projector on the orthogonal complement of the rows of `weights` (`N x d`).
pub(super) fn complement(weights: &DMatrix<f64>) -> Result<DMatrix<f64>, Error> {
    let Svd { v, singular_values, .. } = svd(weights)?;
    let cutoff = 1e-12 * singular_values.amax();
    let rank = singular_values.iter().filter(|&&s| s > cutoff).count();
    let basis = v.columns(0, rank).into_owned();
    Ok(DMatrix::identity(weights.ncols(), weights.ncols()) - matmul(&basis, transposed(&basis)))
}

/// `<x_i, M x_i>` for the rows of `x`.
pub(super) fn quadratic_form(x: &DMatrix<f64>, m: &DMatrix<f64>) -> DVector<f64> {
    matmul(x, m).component_mul(x).column_sum()
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;

    use super::Polynomial;
    use crate::activation::Standard;
    use crate::data::gaussian;
    use crate::models::{Data, RandomFeatures, TangentFeatures, ridge_path};

    /// Exact risks against least squares on 20,000 samples (with its degrees-of-freedom correction), for a target with linear
    /// and quadratic parts and weights of unequal norms.
    #[test]
    fn exact_risks_agree_with_least_squares() {
        let (d, neurons, n) = (8, 5, 20_000);
        let s = Stream::root(6);
        let g: DMatrix<f64> = s.named("b").normal_matrix(d, d, 0.3);
        let mut target = Polynomial::quadratic(&g + g.transpose() + DMatrix::identity(d, d));
        target.linear = DVector::from_element(d, 0.7);
        let w = gaussian(s.named("w"), neurons, d) / (d as f64).sqrt();
        let x = gaussian(s.named("x"), n, d);
        let y = target.values(&x);
        assert!((y.norm_squared() / n as f64 / target.energy() - 1.0).abs() < 0.05);
        let y = DMatrix::from_column_slice(n, 1, y.as_slice());
        let residual = |z: DMatrix<f64>| {
            let p = z.ncols();
            let z = z.insert_column(p, 1.0);
            let data = Data { features: &z, labels: &y, test_features: &z, test_labels: &y };
            let error = ridge_path(data, &[0.0]).unwrap()[0].scores[0].training_error;
            error / (1.0 - p as f64 / n as f64) / target.energy()
        };
        let random = RandomFeatures { weights: w.clone() };
        for activation in [Standard::Relu, Standard::Tanh, Standard::Quadratic] {
            let exact = target.random_features_risk(&activation, &w).unwrap();
            let measured = residual(random.map(&activation, &x));
            assert!((measured - exact).abs() < 0.05 * exact, "{activation}: {measured} {exact}");
        }
        let exact = target.tangent_risk(&w).unwrap();
        let measured = residual(TangentFeatures { weights: w }.map(&Standard::Quadratic, &x));
        assert!((measured - exact).abs() < 0.05 * exact, "{measured} {exact}");
    }
}
