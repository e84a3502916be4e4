//! What a hidden unit does with its input.

use std::f64::consts::FRAC_2_SQRT_PI;
use std::str::FromStr;

use crate::activation::{Activation, zip};
use crate::error::Error;

/// A pointwise nonlinearity `phi` with its derivatives.
///
/// ```
/// use overparam_feature_flow::rich_limit::Nonlinearity;
///
/// struct Sine;
/// impl Nonlinearity for Sine {
///     fn value_and_slope(&self, x: f64) -> (f64, f64) {
///         (x.sin(), x.cos())
///     }
///     fn curvature(&self, x: f64) -> Option<f64> {
///         Some(-x.sin())
///     }
///     fn is_odd(&self) -> bool {
///         true
///     }
/// }
/// assert_eq!(Sine.value_and_slope(0.0), (0.0, 1.0));
/// ```
pub trait Nonlinearity: Sync {
    /// `phi(x)` and `phi'(x)`.
    fn value_and_slope(&self, x: f64) -> (f64, f64);

    /// `phi''(x)`; `None` if `phi'` jumps somewhere, in which case the covariance of fluctuations is not available.
    fn curvature(&self, x: f64) -> Option<f64>;

    /// Whether `phi(-x) = -phi(x)`, which halves a grid.
    fn is_odd(&self) -> bool {
        false
    }

    /// Values and slopes of many inputs, all of one length.
    fn evaluate(&self, x: &[f64], values: &mut [f64], slopes: &mut [f64]) {
        for ((x, value), slope) in x.iter().zip(values).zip(slopes) {
            (*value, *slope) = self.value_and_slope(*x);
        }
    }
}

/// The usual nonlinearities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    /// `tanh x`.
    Tanh,
    /// `max(x, 0)`.
    Relu,
    /// `erf x`.
    Erf,
    /// `x`.
    Linear,
}

impl FromStr for Standard {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "erf" => Self::Erf,
            "linear" => Self::Linear,
            _ => return Err(format!("no nonlinearity is called {name:?}; known: tanh, relu, erf, linear")),
        })
    }
}

impl Nonlinearity for Standard {
    fn value_and_slope(&self, x: f64) -> (f64, f64) {
        match self {
            Self::Tanh => {
                let value = x.tanh();
                (value, 1.0 - value * value)
            }
            Self::Relu => (x.max(0.0), f64::from(u8::from(x > 0.0))),
            Self::Erf => (libm::erf(x), FRAC_2_SQRT_PI * (-x * x).exp()),
            Self::Linear => (x, 1.0),
        }
    }

    fn curvature(&self, x: f64) -> Option<f64> {
        let (value, slope) = self.value_and_slope(x);
        match self {
            Self::Tanh => Some(-2.0 * value * slope),
            Self::Relu => None,
            Self::Erf => Some(-2.0 * x * slope),
            Self::Linear => Some(0.0),
        }
    }

    fn is_odd(&self) -> bool {
        !matches!(self, Self::Relu)
    }

    fn evaluate(&self, x: &[f64], values: &mut [f64], slopes: &mut [f64]) {
        match self {
            Self::Tanh => {
                Activation::Tanh.values(x, values);
                zip(
                    values,
                    slopes,
                    #[inline(always)]
                    |value, slope| *slope = 1.0 - value * value,
                );
            }
            Self::Linear => {
                values.copy_from_slice(x);
                slopes.fill(1.0);
            }
            Self::Relu | Self::Erf => {
                for ((x, value), slope) in x.iter().zip(values).zip(slopes) {
                    (*value, *slope) = self.value_and_slope(*x);
                }
            }
        }
    }
}

/// `phi''`, or why there is none.
pub(super) fn curvature(phi: &impl Nonlinearity, x: f64) -> Result<f64, Error> {
    phi.curvature(x).ok_or(Error::Parameter {
        name: "the number of derivatives of the nonlinearity",
        value: 1.0,
        expected: "2: with a kink, what a change of its sources does to a unit is not a mean over units",
    })
}
