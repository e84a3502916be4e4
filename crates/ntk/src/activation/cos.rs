//! `a cos(b x + c)`.
//!
//! The dual map is a difference of exponentials ([`crate::dual::wave`]). Cost: four exponentials per pair.

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual::wave::Wave;
use crate::schema::fields::Fields;

/// `a cos(b x + c)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cos {
    /// Amplitude.
    pub a: f64,
    /// Frequency.
    pub b: f64,
    /// Phase.
    pub c: f64,
}

impl Nonlinearity for Cos {
    type Map = Wave;

    const NAMES: &'static [&'static str] = &["cos"];

    fn read(_: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError> {
        Ok(Self { a: fields.finite("a", 1.0)?, b: fields.finite("b", 1.0)?, c: fields.finite("c", 0.0)? })
    }

    fn write(&self) -> Value {
        json!({"a": self.a, "b": self.b, "c": self.c})
    }

    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.affine(T::of(self.b), T::of(self.c)).cos().scale(T::of(self.a))
    }

    fn map(&self) -> Result<Wave, NtkError> {
        Ok(Wave::cosine(self.a, self.b, self.c))
    }

    fn examples() -> Vec<Self> {
        vec![Self { a: 1.2, b: 0.9, c: 0.3 }, Self { a: 1.0, b: 1.0, c: 0.0 }]
    }
}
