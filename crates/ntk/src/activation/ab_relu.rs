//! Piecewise linear functions: `phi(x) = a min(x, 0) + b max(x, 0)`.
//!
//! ReLU is `(0, 1)`, leaky ReLU `(slope, 1)`, the absolute value `(-1, 1)`. The dual map is the arc-cosine kernel of degree 1 (Cho
//! and Saul 2009; [`crate::dual::piecewise_linear`]). Cost: one angle per pair.

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual::piecewise_linear::Slopes;
use crate::schema::fields::Fields;

/// `a min(x, 0) + b max(x, 0)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbRelu {
    /// Slope for negative arguments.
    pub a: f64,
    /// Slope for positive arguments.
    pub b: f64,
}

impl Nonlinearity for AbRelu {
    type Map = Slopes;

    const NAMES: &'static [&'static str] = &["relu", "abs", "leaky_relu", "ab_relu"];

    fn name(&self) -> &str {
        match self {
            Self { a: 0.0, b: 1.0 } => "relu",
            Self { a: -1.0, b: 1.0 } => "abs",
            Self { b: 1.0, .. } => "leaky_relu",
            Self { .. } => "ab_relu",
        }
    }

    fn read(name: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError> {
        Ok(match name {
            "relu" => Self { a: 0.0, b: 1.0 },
            "abs" => Self { a: -1.0, b: 1.0 },
            "leaky_relu" => Self { a: fields.finite("slope", 0.01)?, b: 1.0 },
            _ => Self { a: fields.finite("a", 0.0)?, b: fields.finite("b", 1.0)? },
        })
    }

    fn write(&self) -> Value {
        match self.name() {
            "leaky_relu" => json!({"slope": self.a}),
            "ab_relu" => json!({"a": self.a, "b": self.b}),
            _ => Value::Null,
        }
    }

    /// At 0 the derivative is 0 unless it is a leaky ReLU.
    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        let Self { a, b } = *self;
        match (a, b) {
            (0.0, 1.0) => x.relu(),
            (-1.0, 1.0) => x.abs(),
            (_, 1.0) => x.leaky_relu(T::of(a)),
            _ => x.relu().scale(T::of(b)) - (-x).relu().scale(T::of(a)),
        }
    }

    fn map(&self) -> Result<Slopes, NtkError> {
        Ok(Slopes { a: self.a, b: self.b })
    }

    fn examples() -> Vec<Self> {
        [(0.0, 1.0), (0.2, 1.0), (-1.0, 1.0), (0.3, -0.8)].map(|(a, b)| Self { a, b }).to_vec()
    }
}
