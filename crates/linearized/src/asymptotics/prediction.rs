//! Bias, variance, risk, training error and norm from the fixed point.

use super::{FixedPoint, Regime};
use crate::Error;
use crate::error::non_negative;
use crate::hermite::Profile;

/// Where the variance of a label comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energies {
    /// `F1^2 = ||beta||^2`: the energy of the target's linear part.
    pub linear: f64,
    /// `Fs^2 = E f_NL^2`: the energy above degree 1, which `n ~ d` samples cannot tell from noise.
    pub nonlinear: f64,
    /// `tau^2`: the variance of the label noise.
    pub noise: f64,
}

impl Energies {
    /// `rho = F1^2 / (tau^2 + Fs^2)`; infinite without noise.
    pub fn signal_to_noise(&self) -> f64 {
        self.linear / (self.noise + self.nonlinear)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        non_negative("the linear energy F1^2", self.linear)?;
        non_negative("the nonlinear energy Fs^2", self.nonlinear)?;
        non_negative("the noise variance tau^2", self.noise)
    }
}

/// What the theory says about one random-features regression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// `chi = nu1 nu2`.
    pub chi: f64,
    /// `B`: the risk a unit linear signal leaves.
    pub bias: f64,
    /// `V`: the risk a unit of noise adds.
    pub variance: f64,
    /// `E (f - f_d)^2`, the noise of the test label not counted. Infinite at `psi1 = psi2`, `lambda = 0`.
    pub risk: f64,
    /// Mean squared error on the training set.
    pub training_error: f64,
    /// `(N / d) ||a||^2`.
    pub norm_squared: f64,
}

/// The limit of random-features ridge regression with `psi1 = N / d`, `psi2 = n / d` and ridge `lambda` (not `lambda_bar`).
///
/// Either proportion may be infinite; `lambda = 0` is the minimum-norm interpolator (or least squares). Theorems 2 to 5 of
/// Mei and Montanari (2022); training error and norm in the form derived in the [module documentation](super).
///
/// ```
/// use overparam_linearized::activation::Standard;
/// use overparam_linearized::asymptotics::{Energies, predict};
/// use overparam_linearized::hermite::Profile;
///
/// let relu = Profile::of(&Standard::Relu)?;
/// let clean = Energies { linear: 1.0, nonlinear: 0.0, noise: 0.0 };
/// let at = |features_per_sample: f64| predict(3.0 * features_per_sample, 3.0, &relu, 1e-8, clean);
/// assert!(at(1.0)?.risk > 100.0); // the interpolation peak
/// assert!(at(30.0)?.risk < at(0.4)?.risk / 10.0); // and the second descent, far below the first
/// # Ok::<(), overparam_linearized::Error>(())
/// ```
///
/// # Errors
/// Those of [`FixedPoint::solve`]; [`Error::Parameter`] for a negative or infinite energy or ridge.
pub fn predict(
    psi1: f64,
    psi2: f64,
    activation: &Profile,
    lambda: f64,
    energies: Energies,
) -> Result<Prediction, Error> {
    non_negative("lambda", lambda)?;
    energies.check()?;
    let regime = Regime { psi1, psi2, zeta: activation.zeta(), lambda_bar: activation.lambda_bar(lambda) };
    let point = FixedPoint::solve(regime)?;
    let Terms { bias, variance, risk } = terms(&point, energies);
    let Energies { linear, noise, nonlinear } = energies;
    let (x, h, r2) = (point.x, point.learned, point.spare_samples);
    let residual_signal = linear * (1.0 - h) + noise + nonlinear;
    let determinant = determinant(&point);
    Ok(Prediction {
        chi: point.chi(),
        bias,
        variance,
        risk,
        // Zero times infinity where the ridgeless risk diverges: interpolation still succeeds there.
        training_error: if r2 == 0.0 { 0.0 } else { r2 * r2 * (risk + noise) },
        norm_squared: x / activation.residual
            * (spread(&point) / psi2 * residual_signal + r2 * linear * h * (1.0 - h))
            / determinant,
    })
}

/// The part of a prediction that the optimal ridge minimises.
pub(super) struct Terms {
    pub(super) bias: f64,
    pub(super) variance: f64,
    pub(super) risk: f64,
}

pub(super) fn terms(point: &FixedPoint, energies: Energies) -> Terms {
    let Regime { psi1, psi2, zeta, .. } = point.regime();
    let (x, h, r1) = (point.x, point.learned, point.spare_features);
    let determinant = determinant(point);
    let bias = (1.0 - h).powi(2) * (1.0 + zeta * zeta * x * x / psi1) / determinant;
    let variance = (point.degrees_of_freedom() * spread(point) / psi1 + h * h * r1) / (psi2 * determinant);
    let from_noise = energies.noise + energies.nonlinear;
    // Without noise an infinite variance is not paid for.
    let paid = if from_noise == 0.0 { 0.0 } else { from_noise * variance };
    Terms { bias, variance, risk: energies.linear * bias + paid + energies.nonlinear }
}

/// `g = c - h^2`, the sum of `l_i (1 - l_i)` over learnabilities (with multiplicity, per dimension).
fn spread(point: &FixedPoint) -> f64 {
    point.x + point.learned * (1.0 - point.learned)
}

/// `D = E0 / (-(1 + t)^3 psi1 psi2)`: the Jacobian of the fixed point; zero exactly where the ridgeless risk diverges.
fn determinant(point: &FixedPoint) -> f64 {
    let Regime { psi1, psi2, .. } = point.regime();
    let (r1, r2) = (point.spare_features, point.spare_samples);
    spread(point) * (r1 / psi2 + r2 / psi1) + r1 * r2
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{Energies, predict};
    use crate::activation::Standard;
    use crate::hermite::Profile;

    fn power(range: std::ops::Range<f64>) -> impl Strategy<Value = f64> {
        range.prop_map(|e| 10f64.powf(e))
    }

    const MIXED: Energies = Energies { linear: 1.3, nonlinear: 0.4, noise: 0.7 };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Infinitely many features or samples are the limit of many.
        #[test]
        fn infinite_proportions_are_limits(psi in power(-2.0..2.0), lambda in power(-4.0..2.0)) {
            let relu = Profile::of(&Standard::Relu).unwrap();
            for flip in [false, true] {
                let at = |many: f64| {
                    let (psi1, psi2) = if flip { (psi, many) } else { (many, psi) };
                    predict(psi1, psi2, &relu, lambda, MIXED).unwrap()
                };
                let (limit, near) = (at(f64::INFINITY), at(1e9));
                for (a, b) in [
                    (limit.risk, near.risk), (limit.bias, near.bias), (1.0 + limit.variance, 1.0 + near.variance),
                    (limit.training_error, near.training_error), (limit.norm_squared, near.norm_squared),
                ] {
                    prop_assert!((a / b - 1.0).abs() < 1e-4, "{a} {b}");
                }
            }
        }

        /// An enormous ridge predicts zero: the risk is the target's energy.
        #[test]
        fn an_infinite_ridge_gives_the_null_risk(psi1 in power(-2.0..2.0), psi2 in power(-2.0..2.0)) {
            let relu = Profile::of(&Standard::Relu).unwrap();
            let p = predict(psi1, psi2, &relu, 1e9, MIXED).unwrap();
            prop_assert!((p.risk - 1.7).abs() < 1e-5 && (p.training_error - 2.4).abs() < 1e-5 && p.norm_squared < 1e-6);
        }

        /// The regularised training loss `L = training + lambda norm` has derivative `norm` in `lambda` (envelope theorem):
        /// three separately coded formulas agree.
        #[test]
        fn the_norm_is_the_slope_of_the_regularised_loss(
            psi1 in power(-1.5..1.5), psi2 in power(-1.5..1.5), lambda in power(-3.0..1.0),
        ) {
            let tanh = Profile::of(&Standard::Tanh).unwrap();
            let at = |l: f64| predict(psi1, psi2, &tanh, l, MIXED).unwrap();
            let loss = |l: f64| { let p = at(l); p.training_error + l * p.norm_squared };
            let step = 1e-4 * lambda;
            let slope = (loss(lambda + step) - loss(lambda - step)) / (2.0 * step);
            prop_assert!((slope / at(lambda).norm_squared - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn energies_that_are_none_are_refused() {
        let relu = Profile::of(&Standard::Relu).unwrap();
        for x in [-1.0, f64::NAN, f64::INFINITY] {
            for energies in [
                Energies { linear: x, ..MIXED },
                Energies { nonlinear: x, ..MIXED },
                Energies { noise: x, ..MIXED },
            ] {
                assert!(predict(1.0, 2.0, &relu, 0.1, energies).is_err(), "{energies:?}");
            }
        }
    }

    #[test]
    fn the_ridgeless_peak_is_infinite_and_still_interpolates() {
        let relu = Profile::of(&Standard::Relu).unwrap();
        let p = predict(3.0, 3.0, &relu, 0.0, MIXED).unwrap();
        assert_eq!((p.risk, p.training_error), (f64::INFINITY, 0.0));
    }
}
