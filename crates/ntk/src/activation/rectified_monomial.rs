//! `max(x, 0)^degree`; degree 0 is the step function, degree 1 is ReLU.
//!
//! The dual maps are the arc-cosine kernels of any degree (Cho and Saul 2009; [`crate::dual::rectified`]). Cost: one angle and two
//! polynomials per pair, one pair at a time in f64; degree 1 costs what ReLU costs.

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::monomial::power;
use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual::piecewise_linear::Slopes;
use crate::dual::rectified::Rectified;
use crate::dual::visit::{DualMap, Visit};
use crate::schema::fields::Fields;

/// `max(x, 0)^degree`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RectifiedMonomial {
    /// Degree, at most 20.
    pub degree: u32,
}

/// Degree 1 has a map that runs in vectors.
#[derive(Debug, Clone)]
pub(crate) enum Map {
    Relu(Slopes),
    Other(Rectified),
}

impl DualMap for Map {
    fn visit<T: Real, V: Visit<T>>(&self, visitor: V) -> V::Output {
        match self {
            Self::Relu(slopes) => slopes.visit(visitor),
            Self::Other(rectified) => visitor.one_by_one(rectified),
        }
    }

    fn slopes(&self) -> Option<Slopes> {
        match self {
            Self::Relu(slopes) => Some(*slopes),
            Self::Other(_) => None,
        }
    }
}

impl Nonlinearity for RectifiedMonomial {
    type Map = Map;

    const NAMES: &'static [&'static str] = &["rectified_monomial"];

    fn read(_: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError> {
        Ok(Self { degree: fields.integer("degree", 0..=20)?.ok_or_else(|| fields.missing("degree"))? })
    }

    fn write(&self) -> Value {
        json!({"degree": self.degree})
    }

    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        if self.degree == 0 { x.step() } else { power(&x.relu(), self.degree) }
    }

    fn map(&self) -> Result<Map, NtkError> {
        Ok(match self.degree {
            1 => Map::Relu(Slopes { a: 0.0, b: 1.0 }),
            degree => Map::Other(Rectified::new(degree)),
        })
    }

    fn examples() -> Vec<Self> {
        [0, 1, 2, 3].map(|degree| Self { degree }).to_vec()
    }
}
