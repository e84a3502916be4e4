//! `sqrt(2) sin(sqrt(2 gamma) x + pi/4)`, the random feature of the Gaussian kernel.
//!
//! The dual map is `exp(-gamma (q_x + q_y - 2k))` (Rahimi and Recht 2007; [`crate::dual::wave`]): after one dense layer, the kernel
//! `exp(-gamma ||x - y||^2 / d)`. Cost: three exponentials per pair.

use std::f64::consts::{FRAC_PI_4, SQRT_2};

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual::wave::Wave;
use crate::schema::fields::Fields;

/// `sqrt(2) sin(sqrt(2 gamma) x + pi/4)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rbf {
    /// Inverse squared length, `> 0`.
    pub gamma: f64,
}

impl Nonlinearity for Rbf {
    type Map = Wave;

    const NAMES: &'static [&'static str] = &["rbf"];

    fn read(_: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError> {
        Ok(Self { gamma: fields.number("gamma", "a finite number > 0", |x| x > 0.0)?.unwrap_or(1.0) })
    }

    fn write(&self) -> Value {
        json!({"gamma": self.gamma})
    }

    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.affine(T::of((2.0 * self.gamma).sqrt()), T::of(FRAC_PI_4)).sin().scale(T::of(SQRT_2))
    }

    fn map(&self) -> Result<Wave, NtkError> {
        Ok(Wave::rbf(self.gamma))
    }

    fn examples() -> Vec<Self> {
        vec![Self { gamma: 0.5 }]
    }
}
