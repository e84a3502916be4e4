//! `a exp(b x)`.
//!
//! The dual map is an exponential of the sum of the moments ([`crate::dual::exponential`]). Cost: two exponentials per pair.

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual::exponential::Exponential;
use crate::schema::fields::Fields;

/// `a exp(b x)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exp {
    /// Factor.
    pub a: f64,
    /// Rate.
    pub b: f64,
}

impl Nonlinearity for Exp {
    type Map = Exponential;

    const NAMES: &'static [&'static str] = &["exp"];

    fn read(_: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError> {
        Ok(Self { a: fields.finite("a", 1.0)?, b: fields.finite("b", 1.0)? })
    }

    fn write(&self) -> Value {
        json!({"a": self.a, "b": self.b})
    }

    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.scale(T::of(self.b)).exp().scale(T::of(self.a))
    }

    fn map(&self) -> Result<Exponential, NtkError> {
        Ok(Exponential::new(self.a, self.b))
    }

    fn examples() -> Vec<Self> {
        vec![Self { a: 1.1, b: 0.3 }]
    }
}
