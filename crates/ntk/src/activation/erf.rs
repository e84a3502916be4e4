//! The error function `2/sqrt(pi) int_0^x exp(-t^2) dt`.
//!
//! The dual map is an arcsine (Williams 1997; [`crate::dual::erf`]). Cost: one arcsine and three roots per pair.

use overparam_tensor::{Real, Tensor};

use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual;
use crate::schema::fields::Fields;

/// The error function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erf;

impl Nonlinearity for Erf {
    type Map = dual::erf::Erf;

    const NAMES: &'static [&'static str] = &["erf"];

    fn read(_: &str, _: &mut Fields<'_>) -> Result<Self, NtkError> {
        Ok(Self)
    }

    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.erf()
    }

    fn map(&self) -> Result<Self::Map, NtkError> {
        Ok(dual::erf::Erf)
    }

    fn examples() -> Vec<Self> {
        vec![Self]
    }
}
