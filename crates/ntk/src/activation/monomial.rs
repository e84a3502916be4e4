//! `x^degree`.
//!
//! The dual map is a polynomial, summed as a Hermite series ([`crate::dual::series`]), which is exact. Cost: `2 (degree + 2)`
//! multiply-adds per pair.

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::polynomial::Polynomial;
use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual::series::Series;
use crate::schema::fields::Fields;

/// `x^degree`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Monomial {
    /// Degree, at most 20.
    pub degree: u32,
}

/// `x^degree` of every number.
pub(super) fn power<T: Real>(x: &Tensor<T>, degree: u32) -> Tensor<T> {
    match degree {
        0 => x.powi(0),
        1 => x.clone(),
        2 => x.square(),
        _ => x.powi(degree as i32),
    }
}

impl Nonlinearity for Monomial {
    type Map = Series;

    const NAMES: &'static [&'static str] = &["monomial"];

    fn read(_: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError> {
        Ok(Self { degree: fields.integer("degree", 0..=20)?.ok_or_else(|| fields.missing("degree"))? })
    }

    fn write(&self) -> Value {
        json!({"degree": self.degree})
    }

    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        power(x, self.degree)
    }

    fn map(&self) -> Result<Series, NtkError> {
        let mut coefficients = vec![0.0; self.degree as usize];
        coefficients.push(1.0);
        Polynomial { coefficients }.map()
    }

    fn examples() -> Vec<Self> {
        [0, 2, 3].map(|degree| Self { degree }).to_vec()
    }
}
