//! `x Phi(x)` with the standard normal distribution function `Phi` (Hendrycks and Gimpel 2016).
//!
//! The dual map is an arcsine and a rational function ([`crate::dual::gelu`]). Cost: one arcsine and three roots per pair.

use overparam_tensor::{Real, Tensor};

use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual;
use crate::schema::fields::Fields;

/// `x Phi(x)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gelu;

impl Nonlinearity for Gelu {
    type Map = dual::gelu::Gelu;

    const NAMES: &'static [&'static str] = &["gelu"];

    fn read(_: &str, _: &mut Fields<'_>) -> Result<Self, NtkError> {
        Ok(Self)
    }

    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.gelu()
    }

    fn map(&self) -> Result<Self::Map, NtkError> {
        Ok(dual::gelu::Gelu)
    }

    fn examples() -> Vec<Self> {
        vec![Self]
    }
}
