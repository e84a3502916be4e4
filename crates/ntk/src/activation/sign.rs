//! The sign: `-1`, `0` or `1`.
//!
//! Its derivative is zero almost everywhere, so it lets no NTK through ([`crate::dual::sign`]). Cost: one arcsine per pair.

use overparam_tensor::{Real, Tensor};

use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual;
use crate::schema::fields::Fields;

/// `-1`, `0` or `1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign;

impl Nonlinearity for Sign {
    type Map = dual::sign::Sign;

    const NAMES: &'static [&'static str] = &["sign"];

    fn read(_: &str, _: &mut Fields<'_>) -> Result<Self, NtkError> {
        Ok(Self)
    }

    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.sign()
    }

    fn map(&self) -> Result<Self::Map, NtkError> {
        Ok(dual::sign::Sign)
    }

    fn examples() -> Vec<Self> {
        vec![Self]
    }
}
