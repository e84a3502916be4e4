//! `sum_j coefficients[j] He_j(x) / sqrt(j!)`: orthonormal for inputs of unit variance.
//!
//! The dual map is a polynomial, summed as a Hermite series ([`crate::dual::series`]), which is exact. Cost: two multiply-adds per
//! coefficient and pair.

use std::sync::Arc;

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual::series::{Function, Series};
use crate::schema::fields::Fields;

/// `sum_j coefficients[j] He_j(x) / sqrt(j!)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hermite {
    /// Ascending degrees.
    pub coefficients: Vec<f64>,
}

impl Hermite {
    /// The function and its derivative: `h_j' = sqrt(j) h_(j-1)`.
    fn functions(&self) -> [Function; 2] {
        let coefficients = self.coefficients.clone();
        let derivative: Vec<f64> =
            coefficients.iter().enumerate().skip(1).map(|(j, a)| (j as f64).sqrt() * a).collect();
        [coefficients, derivative].map(|c| -> Function { Arc::new(move |x: f64| sum(&c, x)) })
    }
}

fn sum(coefficients: &[f64], x: f64) -> f64 {
    let (mut sum, mut below, mut h) = (0.0, 0.0, 1.0);
    for (j, a) in coefficients.iter().enumerate() {
        sum += a * h;
        let j = j as f64;
        (below, h) = (h, (x * h - j.sqrt() * below) / (j + 1.0).sqrt());
    }
    sum
}

impl Nonlinearity for Hermite {
    type Map = Series;

    const NAMES: &'static [&'static str] = &["hermite"];

    fn read(_: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError> {
        let coefficients = fields.numbers("coefficients")?.ok_or_else(|| fields.missing("coefficients"))?;
        Ok(Self { coefficients })
    }

    fn write(&self) -> Value {
        json!({"coefficients": self.coefficients})
    }

    /// By `h_(j+1) = (x h_j - sqrt(j) h_(j-1)) / sqrt(j + 1)`.
    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        let mut sum = Tensor::zeros(x.shape());
        let (mut below, mut h) = (Tensor::zeros(x.shape()), Tensor::full(x.shape(), T::ONE));
        for (j, &a) in self.coefficients.iter().enumerate() {
            sum = sum + h.scale(T::of(a));
            let j = j as f64;
            let next = (x * &h - below.scale(T::of(j.sqrt()))).scale(T::of(1.0 / (j + 1.0).sqrt()));
            (below, h) = (h, next);
        }
        sum
    }

    fn map(&self) -> Result<Series, NtkError> {
        // One node more than coefficients, at most 500, as for any function.
        Series::new(self.functions(), (self.coefficients.len() + 1).min(500))
    }

    fn examples() -> Vec<Self> {
        vec![Self { coefficients: vec![0.1, 0.7, 0.2] }, Self { coefficients: vec![0.1, 0.7, 0.2, 0.5] }]
    }
}

#[cfg(test)]
mod tests {
    use super::Hermite;

    /// By hand: `sqrt(2) h_2 = x^2 - 1`, `sqrt(6) h_3 = x^3 - 3x`.
    #[test]
    fn coefficients_make_the_function() {
        let [value, slope] = Hermite { coefficients: vec![0.5, 2.0, 2f64.sqrt(), 6f64.sqrt()] }.functions();
        for x in [-1.5, 0.0, 2.0f64] {
            assert!((value(x) - (0.5 + 2.0 * x + x * x - 1.0 + x.powi(3) - 3.0 * x)).abs() < 1e-13);
            assert!((slope(x) - (2.0 + 2.0 * x + 3.0 * x * x - 3.0)).abs() < 1e-13);
        }
    }
}
