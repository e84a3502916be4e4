//! The ridge of least asymptotic risk.

use super::prediction::terms;
use super::{Energies, FixedPoint, Regime};
use crate::Error;
use crate::error::{non_negative, require};

/// Scanned before refining, in decades of `lambda_bar`.
const DECADES: (i32, i32) = (-8, 8);
const POINTS_A_DECADE: i32 = 4;

/// The `lambda_bar = lambda / mu_*^2` that minimises the asymptotic risk, and that risk.
///
/// Scans `lambda_bar` from `1e-8` to `1e8` and refines by golden section in its logarithm, to a relative `1e-7` in
/// `lambda_bar` (the risk, flat at its minimum, is then exact to rounding). Zero if the ridgeless limit is better than all.
///
/// # Errors
/// Those of [`super::predict`].
pub fn optimal_lambda_bar(psi1: f64, psi2: f64, zeta: f64, energies: Energies) -> Result<(f64, f64), Error> {
    energies.check()?;
    let risk = |lambda_bar: f64| -> Result<f64, Error> {
        Ok(terms(&FixedPoint::solve(Regime { psi1, psi2, zeta, lambda_bar })?, energies).risk)
    };
    let grid = (DECADES.0 * POINTS_A_DECADE..=DECADES.1 * POINTS_A_DECADE)
        .map(|i| f64::from(i) / f64::from(POINTS_A_DECADE) * std::f64::consts::LN_10);
    let mut best = (f64::INFINITY, 0.0);
    for log in grid {
        let value = risk(log.exp())?;
        if value < best.0 {
            best = (value, log);
        }
    }
    let width = std::f64::consts::LN_10 / f64::from(POINTS_A_DECADE);
    let log = golden_section(best.1 - width, best.1 + width, |log| risk(log.exp()))?;
    let ridge = (log.exp(), risk(log.exp())?);
    // Two infinite proportions have no ridgeless limit to compare with.
    if psi1.is_infinite() && psi2.is_infinite() {
        return Ok(ridge);
    }
    let ridgeless = risk(0.0)?;
    Ok(if ridgeless <= ridge.1 { (0.0, ridgeless) } else { ridge })
}

/// The optimal `lambda_bar` with infinitely many features: `max(0, (zeta^2 / rho - 1) / psi2)`, `rho = F1^2 / (tau^2 + Fs^2)`.
///
/// So interpolation is optimal exactly when `rho >= zeta^2`, whatever the number of samples. (Mei and Montanari 2022,
/// theorem 3, whose `rho_*` and `lambda_*` simplify to this.)
///
/// # Errors
/// [`Error::Parameter`] if a parameter is out of range or the target has no linear part.
pub fn wide_optimal_lambda_bar(psi2: f64, zeta: f64, energies: Energies) -> Result<f64, Error> {
    require(psi2 > 0.0, "psi2 = n / d", psi2, "positive (infinity is allowed)")?;
    non_negative("zeta", zeta)?;
    energies.check()?;
    require(energies.linear > 0.0, "the linear energy F1^2", energies.linear, "positive")?;
    Ok(((zeta * zeta / energies.signal_to_noise() - 1.0) / psi2).max(0.0))
}

/// The minimiser of a unimodal function on `[a, b]`, to about the square root of the rounding error.
fn golden_section(mut a: f64, mut b: f64, f: impl Fn(f64) -> Result<f64, Error>) -> Result<f64, Error> {
    let ratio = 0.5 * (5f64.sqrt() - 1.0);
    let (mut left, mut right) = (b - ratio * (b - a), a + ratio * (b - a));
    let (mut at_left, mut at_right) = (f(left)?, f(right)?);
    while b - a > 1e-8 {
        if at_left <= at_right {
            (b, right, at_right) = (right, left, at_left);
            left = b - ratio * (b - a);
            at_left = f(left)?;
        } else {
            (a, left, at_left) = (left, right, at_right);
            right = a + ratio * (b - a);
            at_right = f(right)?;
        }
    }
    Ok(0.5 * (a + b))
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{optimal_lambda_bar, wide_optimal_lambda_bar};
    use crate::asymptotics::Energies;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        /// The closed form of the wide limit is where the search ends, on both sides of `rho = zeta^2`.
        #[test]
        fn search_finds_the_closed_form(psi2 in 0.1..10.0f64, zeta in 0.3..3.0f64, rho in 0.1..10.0f64) {
            prop_assume!((rho / (zeta * zeta) - 1.0).abs() > 0.05);
            let energies = Energies { linear: 1.0, nonlinear: 0.25 / rho, noise: 0.75 / rho };
            let closed = wide_optimal_lambda_bar(psi2, zeta, energies).unwrap();
            let (found, _) = optimal_lambda_bar(f64::INFINITY, psi2, zeta, energies).unwrap();
            prop_assert!((found - closed).abs() < 1e-5 * (1.0 + closed), "{found} {closed}");
        }

        /// Optimally regularised, more features never hurt: the peak is gone.
        #[test]
        fn optimal_risk_never_rises_with_features(psi2 in 0.1..10.0f64, zeta in 0.3..5.0f64, noise in 0.0..2.0f64) {
            let energies = Energies { linear: 1.0, nonlinear: 0.0, noise };
            let mut before = f64::INFINITY;
            for i in -20..=30 {
                let (_, risk) = optimal_lambda_bar(10f64.powf(f64::from(i) / 10.0), psi2, zeta, energies).unwrap();
                prop_assert!(risk <= before * (1.0 + 1e-9), "{i}: {before} {risk}");
                before = risk;
            }
        }
    }
}
