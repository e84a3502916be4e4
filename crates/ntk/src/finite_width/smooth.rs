//! Nonlinearities with three derivatives.

use std::f64::consts::FRAC_2_SQRT_PI;
use std::str::FromStr;

/// A pointwise nonlinearity with its first three derivatives.
pub trait Derivatives {
    /// `phi(x)`, `phi'(x)`, `phi''(x)`, `phi'''(x)`.
    fn derivatives(&self, x: f64) -> [f64; 4];
}

/// Smooth nonlinearities of common use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Smooth {
    /// `tanh x`.
    Tanh,
    /// `erf x`.
    Erf,
    /// `sin x`.
    Sine,
    /// `x`.
    Linear,
}

impl Derivatives for Smooth {
    fn derivatives(&self, x: f64) -> [f64; 4] {
        match self {
            Self::Tanh => {
                let t = x.tanh();
                let slope = 1.0 - t * t;
                [t, slope, -2.0 * t * slope, slope * (6.0 * t * t - 2.0)]
            }
            Self::Erf => {
                let slope = FRAC_2_SQRT_PI * (-x * x).exp();
                [libm::erf(x), slope, -2.0 * x * slope, (4.0 * x * x - 2.0) * slope]
            }
            Self::Sine => {
                let (sine, cosine) = x.sin_cos();
                [sine, cosine, -sine, -cosine]
            }
            Self::Linear => [x, 1.0, 0.0, 0.0],
        }
    }
}

impl FromStr for Smooth {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "tanh" => Self::Tanh,
            "erf" => Self::Erf,
            "sin" => Self::Sine,
            "linear" => Self::Linear,
            _ => {
                return Err(format!(
                    "no smooth nonlinearity is called {name:?}; known: tanh, erf, sin, linear"
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Derivatives, Smooth};

    #[test]
    fn each_derivative_is_the_slope_of_the_one_before() {
        for phi in [Smooth::Tanh, Smooth::Erf, Smooth::Sine, Smooth::Linear] {
            for x in [-1.7, -0.2, 0.0, 0.9] {
                let (up, down, at) =
                    (phi.derivatives(x + 1e-5), phi.derivatives(x - 1e-5), phi.derivatives(x));
                for k in 0..3 {
                    assert!(((up[k] - down[k]) / 2e-5 - at[k + 1]).abs() < 1e-8, "{phi:?} {k} at {x}");
                }
            }
        }
    }
}
