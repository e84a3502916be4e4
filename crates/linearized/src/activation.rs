//! Activations: a function, its derivative, and where it is not smooth.

use std::fmt;
use std::str::FromStr;

use overparam_tensor::Real;

use crate::Error;

/// An activation `s: R -> R` with `E s(G)^2 < inf`.
///
/// Implement it for your own function; the theory needs only its values and the places where it is not smooth, and
/// tangent features its derivative.
///
/// ```
/// use overparam_linearized::{activation::Activation, hermite::Profile};
///
/// struct Softplus;
/// impl Activation for Softplus {
///     fn value(&self, x: f64) -> f64 { x.exp().ln_1p() }
///     fn derivative(&self, x: f64) -> f64 { 1.0 / (1.0 + (-x).exp()) }
/// }
/// let profile = Profile::of(&Softplus)?;
/// assert!((profile.linear - 0.5).abs() < 1e-12); // E G s(G) = E s'(G)
/// # Ok::<(), overparam_linearized::Error>(())
/// ```
pub trait Activation {
    /// `s(x)`.
    fn value(&self, x: f64) -> f64;

    /// `s'(x)`; any value of the subdifferential at a kink.
    fn derivative(&self, x: f64) -> f64;

    /// Replaces every `u` by `scale s(u)`. Override it where a loop without a call per entry is worth having.
    fn apply(&self, entries: &mut [f64], scale: f64) {
        entries.iter_mut().for_each(|u| *u = scale * self.value(*u));
    }

    /// Where `s` or `s'` is not smooth. Quadrature puts panel ends there; a missing kink costs accuracy, not correctness.
    fn kinks(&self) -> Vec<f64> {
        Vec::new()
    }
}

/// The activations of the papers.
///
/// A type of its own: it is a function of one number that knows its kinks, for quadrature, and includes a step, which no
/// network can be trained with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standard {
    /// `max(x, 0)`.
    Relu,
    /// `max(x - shift, 0)`: unlike the ReLU it has content in every odd degree.
    ShiftedRelu {
        /// The kink.
        shift: f64,
    },
    /// `1` for `x > 0`, else `0`; its derivative is taken as `0`.
    Step,
    /// The hyperbolic tangent.
    Tanh,
    /// `erf(x)`, as libraries define it: `(2 / sqrt(pi)) int_0^x exp(-t^2) dt`.
    Erf,
    /// `x^2 - 1`, the second Hermite polynomial.
    Quadratic,
}

impl Standard {
    /// The names [`FromStr`] reads, besides `relu-SHIFT`.
    pub const NAMES: [&'static str; 5] = ["relu", "step", "tanh", "erf", "quadratic"];
}

/// Within 4 units in the last place, and without a call: a loop over it vectorises.
#[inline]
fn vectorised_tanh<T: Real>(x: T) -> T {
    x.fast_tanh()
}

impl Activation for Standard {
    fn value(&self, x: f64) -> f64 {
        match *self {
            Self::Relu => x.max(0.0),
            Self::ShiftedRelu { shift } => (x - shift).max(0.0),
            Self::Step => f64::from(x > 0.0),
            Self::Tanh => vectorised_tanh(x),
            Self::Erf => libm::erf(x),
            Self::Quadratic => x * x - 1.0,
        }
    }

    fn derivative(&self, x: f64) -> f64 {
        match *self {
            Self::Relu => f64::from(x > 0.0),
            Self::ShiftedRelu { shift } => f64::from(x > shift),
            Self::Step => 0.0,
            Self::Tanh => 1.0 - x.tanh().powi(2),
            Self::Erf => std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp(),
            Self::Quadratic => 2.0 * x,
        }
    }

    fn apply(&self, entries: &mut [f64], scale: f64) {
        match *self {
            Self::Relu => entries.iter_mut().for_each(|u| *u = scale * u.max(0.0)),
            Self::ShiftedRelu { shift } => {
                entries.iter_mut().for_each(|u| *u = scale * (*u - shift).max(0.0));
            }
            Self::Quadratic => entries.iter_mut().for_each(|u| *u = scale * (*u * *u - 1.0)),
            Self::Tanh => entries.iter_mut().for_each(|u| *u = scale * vectorised_tanh(*u)),
            Self::Step | Self::Erf => {
                entries.iter_mut().for_each(|u| *u = scale * self.value(*u));
            }
        }
    }

    fn kinks(&self) -> Vec<f64> {
        match *self {
            Self::Relu | Self::Step => vec![0.0],
            Self::ShiftedRelu { shift } => vec![shift],
            Self::Tanh | Self::Erf | Self::Quadratic => Vec::new(),
        }
    }
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relu => f.write_str("relu"),
            Self::ShiftedRelu { shift } => write!(f, "relu-{shift}"),
            Self::Step => f.write_str("step"),
            Self::Tanh => f.write_str("tanh"),
            Self::Erf => f.write_str("erf"),
            Self::Quadratic => f.write_str("quadratic"),
        }
    }
}

impl FromStr for Standard {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "relu" => Ok(Self::Relu),
            "step" => Ok(Self::Step),
            "tanh" => Ok(Self::Tanh),
            "erf" => Ok(Self::Erf),
            "quadratic" => Ok(Self::Quadratic),
            _ => name
                .strip_prefix("relu-")
                .and_then(|shift| shift.parse().ok())
                .filter(|shift: &f64| shift.is_finite())
                .map(|shift| Self::ShiftedRelu { shift })
                .ok_or_else(|| Error::UnknownActivation { given: name.to_owned() }),
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{Activation, Standard};

    fn all() -> impl Strategy<Value = Standard> {
        prop_oneof![
            Just(Standard::Relu),
            (-2.0..2.0).prop_map(|shift| Standard::ShiftedRelu { shift }),
            Just(Standard::Step),
            Just(Standard::Tanh),
            Just(Standard::Erf),
            Just(Standard::Quadratic),
        ]
    }

    proptest! {
        #[test]
        fn names_come_back(s in all()) {
            prop_assert_eq!(s.to_string().parse::<Standard>().unwrap(), s);
        }

        #[test]
        fn whole_slices_are_entries(s in all(), x in -4.0..4.0f64) {
            let mut entries = [x, -x, 0.0];
            s.apply(&mut entries, 0.3);
            prop_assert_eq!(entries, [0.3 * s.value(x), 0.3 * s.value(-x), 0.3 * s.value(0.0)]);
        }

        #[test]
        fn derivatives_are_slopes(s in all(), x in -4.0..4.0f64) {
            prop_assume!(s.kinks().iter().all(|k| (k - x).abs() > 1e-4));
            let slope = (s.value(x + 1e-5) - s.value(x - 1e-5)) / 2e-5;
            prop_assert!((slope - s.derivative(x)).abs() < 1e-8 * (1.0 + x.abs()));
        }
    }

    #[test]
    fn a_step_is_the_slope_of_a_relu() {
        for x in [-3.0, -1e-3, 1e-3, 3.0] {
            let slope = (Standard::Relu.value(x + 1e-4) - Standard::Relu.value(x - 1e-4)) / 2e-4;
            assert!((Standard::Step.value(x) - slope).abs() < 1e-9, "{x}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let message = "rleu".parse::<Standard>().unwrap_err().to_string();
        assert!(Standard::NAMES.iter().all(|name| message.contains(name)), "{message}");
    }
}
