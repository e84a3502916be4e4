//! `sum_j coefficients[j] x^j`.
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

/// `sum_j coefficients[j] x^j`.
#[derive(Debug, Clone, PartialEq)]
pub struct Polynomial {
    /// Ascending powers.
    pub coefficients: Vec<f64>,
}

impl Polynomial {
    /// The function and its derivative.
    fn functions(&self) -> [Function; 2] {
        let coefficients = self.coefficients.clone();
        let derivative: Vec<f64> =
            coefficients.iter().enumerate().skip(1).map(|(i, a)| i as f64 * a).collect();
        [coefficients, derivative]
            .map(|c| -> Function { Arc::new(move |x: f64| c.iter().rev().fold(0.0, |sum, a| sum * x + a)) })
    }
}

impl Nonlinearity for Polynomial {
    type Map = Series;

    const NAMES: &'static [&'static str] = &["polynomial"];

    fn read(_: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError> {
        let coefficients = fields.numbers("coefficients")?.ok_or_else(|| fields.missing("coefficients"))?;
        Ok(Self { coefficients })
    }

    fn write(&self) -> Value {
        json!({"coefficients": self.coefficients})
    }

    /// Horner's rule.
    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        let top = self.coefficients.last().copied().unwrap_or(0.0);
        let start = Tensor::full(x.shape(), T::of(top));
        self.coefficients.iter().rev().skip(1).fold(start, |sum, &a| sum * x + T::of(a))
    }

    fn map(&self) -> Result<Series, NtkError> {
        // One node more than coefficients, at most 500, as for any function.
        Series::new(self.functions(), (self.coefficients.len() + 1).min(500))
    }

    fn examples() -> Vec<Self> {
        vec![Self { coefficients: vec![0.3, 1.0, -0.2] }, Self { coefficients: vec![0.3, -1.0, 0.5, 0.2] }]
    }
}

#[cfg(test)]
mod tests {
    use super::Polynomial;

    /// By hand: `1 + 2x - 3x^2`.
    #[test]
    fn coefficients_make_the_function() {
        let [value, slope] = Polynomial { coefficients: vec![1.0, 2.0, -3.0] }.functions();
        assert_eq!((value(2.0), slope(2.0)), (-7.0, -10.0));
    }
}
