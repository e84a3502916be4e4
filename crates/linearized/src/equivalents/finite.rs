//! Random-features regression at finite `d` in the terms of the proportional asymptotics: their correction of order `1 / d`.
//!
//! The [asymptotics](crate::asymptotics) know two masses of the activation, `mu_1^2` in degree 1 and `mu_*^2` in a flat tail. At finite `d`
//! the spectrum on the sphere differs from that in order `1 / d`: the linear mass is `d e_1` instead of its limit, the constant takes up one
//! direction, and degree 2 is not flat on `d^2 / 2` directions but beginning to be learned. [`equivalent`] with the exact spectrum has all of this. Simulations by other code
//! find the same correction, for example -0.017 of `ln risk`, pooled over features and ridges, for ReLU at `d = 50`, `n = 3 d`.

use super::{Equivalent, Sizes, equivalent};
use crate::Error;
use crate::activation::Activation;
use crate::error::require;
use crate::spectrum::Spectrum;

/// Degrees of the activation that are followed; the rest is a tail.
const DEGREES: usize = 12;

/// What [`predict`](crate::asymptotics::predict) says in the limit, at finite `d`: random features `N = psi1 d`, samples `n = psi2 d`, either of which may be infinite, and the penalty
/// `(N lambda / d) ||a||^2`, for a target with `energies[k]` in degree `k` and label noise variance `noise`.
///
/// ```
/// use overparam_linearized::activation::Standard;
/// use overparam_linearized::asymptotics::{Energies, predict};
/// use overparam_linearized::equivalents::finite_dimension;
/// use overparam_linearized::hermite::Profile;
///
/// let limit = predict(4.0, 3.0, &Profile::of(&Standard::Relu)?, 1e-3, Energies { linear: 1.0, nonlinear: 0.5, noise: 0.5 })?.risk;
/// let at = |d| finite_dimension(&Standard::Relu, d, 4.0, 3.0, 1e-3, &[0.0, 1.0, 0.5], 0.5).map(|e| (e.risk / limit).ln());
/// assert!((at(200)? / at(400)? - 2.0).abs() < 0.1); // the correction is of order 1 / d
/// # Ok::<(), overparam_linearized::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] for a dimension below 2, ratios that are not positive, or a negative ridge, energy or noise.
pub fn finite_dimension(
    activation: &impl Activation,
    dimension: usize,
    psi1: f64,
    psi2: f64,
    lambda: f64,
    energies: &[f64],
    noise: f64,
) -> Result<Equivalent, Error> {
    require(psi1 > 0.0, "psi1 = N / d", psi1, "positive (infinity is allowed)")?;
    require(psi2 > 0.0, "psi2 = n / d", psi2, "positive (infinity is allowed)")?;
    let spectrum = Spectrum::of_random_features(activation, dimension, DEGREES)?;
    let d = dimension as f64;
    equivalent(&spectrum, energies, noise, Sizes { samples: psi2 * d, features: psi1 * d, ridge: lambda / d })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::finite_dimension;
    use crate::activation::Standard;
    use crate::asymptotics::{Energies, predict};
    use crate::hermite::Profile;

    fn correction(activation: Standard, d: usize, psi1: f64, psi2: f64, lambda: f64) -> f64 {
        let energies = Energies { linear: 1.0, nonlinear: 0.5, noise: 0.5 };
        let limit = predict(psi1, psi2, &Profile::of(&activation).unwrap(), lambda, energies).unwrap().risk;
        let finite =
            finite_dimension(&activation, d, psi1, psi2, lambda, &[0.0, 1.0, 0.5], 0.5).unwrap().risk;
        (finite / limit).ln()
    }

    /// Means of `ln(measured / asymptotics)` over 19 places, simulated by other code (NumPy), and their standard errors.
    #[test]
    fn simulations_have_this_correction() {
        let pooled = |activation: Standard, psi2: f64, d: usize| {
            let mut values = Vec::new();
            for ratio in [0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 3.3f64] {
                let lambdas = if (ratio - 1.0).abs() < 0.2 { &[1e-3, 0.1][..] } else { &[1e-8, 1e-3, 0.1] };
                values.extend(lambdas.iter().map(|&l| correction(activation, d, ratio * psi2, psi2, l)));
            }
            values.iter().sum::<f64>() / values.len() as f64
        };
        let root = |n: f64| n.sqrt();
        for (activation, psi2, d, measured, error) in [
            (Standard::Relu, 3.0, 50, -0.0171, 0.0038 / root(8.0)),
            (Standard::Relu, 3.0, 100, -0.0086, 0.0027 / root(8.0)),
            (Standard::Relu, 3.0, 200, -0.0027, 0.0025 / root(8.0)),
            (Standard::Relu, 1.5, 100, 0.0026, 0.0045 / root(4.0)),
            (Standard::Relu, 1.5, 200, 0.0015, 0.0011 / root(4.0)),
            (Standard::Tanh, 3.0, 100, -0.0019, 0.0037 / root(4.0)),
            (Standard::Tanh, 3.0, 200, -0.0007, 0.0016 / root(4.0)),
        ] {
            let gap = pooled(activation, psi2, d) - measured;
            assert!(gap.abs() < 3.0 * error, "{activation} {psi2} {d}: {gap} of {error}");
        }
    }

    proptest! {
        #[test]
        fn the_correction_is_of_order_one_over_d(psi1 in 0.2..5.0f64, psi2 in 0.2..5.0f64, lambda in 0.01..1.0f64) {
            let at = |d| correction(Standard::Relu, d, psi1, psi2, lambda);
            let (once, twice) = (at(800), at(1_600));
            prop_assert!(once.abs() < 0.02 && (2.0 * twice - once).abs() < 0.1 * once.abs() + 1e-5, "{once} {twice}");
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let message = |psi1, psi2, noise| {
            finite_dimension(&Standard::Relu, 10, psi1, psi2, 0.1, &[0.0, 1.0], noise)
                .unwrap_err()
                .to_string()
        };
        assert!(message(0.0, 1.0, 0.0).contains("psi1") && message(1.0, f64::NAN, 0.0).contains("psi2"));
        assert!(message(1.0, 1.0, -1.0).contains("noise"));
    }
}
