//! Multiple descent: kernel ridge regression at `n = kappa d^k / k!` as `d -> inf`, exactly.
//!
//! A kernel `h(<x, y> / d)` on the sphere has in degree `j` the mass `c_j = e_j B(d, j)`, with the limit `h^(j)(0) / j!`. With `d^k / k!` samples in units of
//! which `kappa` is finite, all degrees below `k` are learned, and all above are not: their masses act as a ridge and their energies as noise. Of degree
//! `k` remains one Marchenko-Pastur law of ratio `kappa`. With `zeta = (lambda + sum_{j > k} c_j) / c_k`,
//!
#![doc = overparam_formula::formula!(
    "kappa = s + zeta s / (1 - s),    0 < s < min(1, kappa)"
    "D = (s (1 - s) + zeta s / (1 - s)) / kappa = 1 - s^2 / kappa"
    "risk + tau^2 = (v_k (1 - s)^2 + sum_{j > k} v_j + tau^2) / D"
    "training     = (lambda s / (kappa c_k (1 - s)))^2 (risk + tau^2)"
)]
//!
//! where `s` is the learnability of degree `k` and `v_j` is the target's energy in degree `j`. The equation is quadratic in `s / (1 - s)`. For each `k` with a
//! small `zeta` the risk peaks at `kappa = 1`: one descent for every degree. (Misiakiewicz 2022, *Spectrum of inner-product kernel
//! matrices in the polynomial regime and multiple descent phenomenon in kernel ridge regression*; Xiao, Hu, Misiakiewicz, Lu and Pennington 2022,
//! *Precise learning curves and higher-order scaling limits for dot-product kernel regression*.) At `k = 1` these are the [proportional
//! asymptotics](crate::asymptotics) of infinitely many features. [`equivalent`](super::equivalent) is the same at finite `d`; it approaches this limit like `1 / d`.

use super::Equivalent;
use crate::Error;
use crate::error::{non_negative, require};

/// A kernel in the limit of high dimension, degree by degree.
#[derive(Debug, Clone, PartialEq)]
pub struct Masses {
    /// `c_0..=c_K`: for `h(<x, y> / d)`, the Taylor coefficients of `h`.
    pub degrees: Vec<f64>,
    /// `sum_{j > K} c_j`.
    pub beyond: f64,
}

/// The risk at `n = kappa d^degree / degree!` samples, `degree >= 1`, of minimising `sum (y - f)^2 + lambda ||f||^2`, for a target with `energies[j]` in degree `j`
/// and label noise variance `noise`. The threshold of the result is `zeta (1 - s) / s` in units of the eigenvalue of this degree; at `kappa = 1` without any ridge the
/// risk is infinite.
///
/// ```
/// use overparam_linearized::equivalents::{Masses, polynomial_regime};
///
/// // exp(<x, y> / (100 d)) at the peak of degree 2, d^2 / 2 samples, and twice and half as many.
/// let masses = Masses { degrees: vec![1.0, 1e-2, 5e-5, 1e-6 / 6.0], beyond: 0.0 };
/// let risk = |kappa| polynomial_regime(&masses, &[0.0, 0.4, 0.3, 0.3], 0.0, 0.0, 2, kappa).map(|e| e.risk);
/// assert!(risk(1.0)? > 2.0 * risk(0.5)? && risk(1.0)? > 2.0 * risk(2.0)?);
/// assert!((risk(100.0)? - 0.3).abs() < 0.01); // the plateau of degree 3
/// # Ok::<(), overparam_linearized::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] for a degree that is not one of the masses' from 1 on, a mass there that is not positive, `kappa` not positive and finite, or a negative
/// mass, energy, noise or ridge.
pub fn polynomial_regime(
    masses: &Masses,
    energies: &[f64],
    noise: f64,
    lambda: f64,
    degree: usize,
    kappa: f64,
) -> Result<Equivalent, Error> {
    let known = degree >= 1 && degree < masses.degrees.len();
    require(known, "the degree", degree as f64, "at least 1, and one whose mass is given")?;
    require(kappa > 0.0 && kappa.is_finite(), "kappa, samples over d^k / k!", kappa, "positive and finite")?;
    non_negative("the ridge", lambda)?;
    non_negative("the noise variance", noise)?;
    for &mass in masses.degrees.iter().chain([&masses.beyond]) {
        non_negative("the kernel's mass in a degree", mass)?;
    }
    for &energy in energies {
        non_negative("the energy of a degree", energy)?;
    }
    let mass = masses.degrees[degree];
    require(mass > 0.0, "the kernel's mass in the degree", mass, "positive")?;
    let above = |of: &[f64]| of.iter().skip(degree + 1).sum::<f64>();
    let zeta = (lambda + above(&masses.degrees) + masses.beyond) / mass;
    // x = (1 - s) / s is the root of kappa x^2 - b x - zeta = 0, and spare = zeta / x = kappa - s that of its mirror image.
    let b = 1.0 + zeta - kappa;
    let root = (b * b + 4.0 * kappa * zeta).sqrt();
    let (x, spare) = if b >= 0.0 {
        ((b + root) / (2.0 * kappa), if zeta == 0.0 { 0.0 } else { 2.0 * kappa * zeta / (b + root) })
    } else {
        (2.0 * zeta / (root - b), (root - b) / 2.0)
    };
    let (learned, unlearned) = (1.0 / (1.0 + x), x / (1.0 + x));
    let determinant = (learned * unlearned + spare) / kappa;
    let over = |energy: f64| if energy == 0.0 { 0.0 } else { energy / determinant };
    let own = energies.get(degree).copied().unwrap_or(0.0);
    // 1 / D - 1 = s^2 / (kappa D), without the difference.
    let paid = over(noise * learned * learned / kappa);
    let risk = over(own * unlearned * unlearned) + over(above(energies)) + paid;
    // Masses of higher degrees interpolate: only the ridge itself leaves something on the sample.
    let ridge = if zeta == 0.0 { 1.0 } else { lambda / (zeta * mass) };
    let share = spare * ridge / kappa;
    let training_error = if share == 0.0 { 0.0 } else { share * share * (risk + noise) };
    let step = |j: usize| match j.cmp(&degree) {
        std::cmp::Ordering::Less => 1.0,
        std::cmp::Ordering::Equal => learned,
        std::cmp::Ordering::Greater => 0.0,
    };
    Ok(Equivalent {
        threshold: x,
        learnabilities: (0..masses.degrees.len()).map(step).collect(),
        risk,
        training_error,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Masses, polynomial_regime};
    use crate::activation::Standard;
    use crate::asymptotics::{Energies, predict};
    use crate::equivalents::{Sizes, equivalent};
    use crate::hermite::Profile;
    use crate::spectrum::Spectrum;

    /// `E f(x)` of the Marchenko-Pastur law of `Z^T Z / B`, `Z` with `kappa B` rows and `B` columns: its density between
    /// `(1 -+ sqrt kappa)^2` is `sqrt((b - x)(x - a)) / (2 pi x)`, and the rest of the mass lies at zero.
    fn marchenko_pastur(kappa: f64, f: impl Fn(f64) -> f64) -> f64 {
        let (a, b) = ((1.0 - kappa.sqrt()).powi(2), (1.0 + kappa.sqrt()).powi(2));
        let (middle, half) = ((a + b) / 2.0, (b - a) / 2.0);
        let steps = 20_000;
        let term = |i: i32| {
            let angle = std::f64::consts::PI * (f64::from(i) + 0.5) / f64::from(steps);
            let x = middle + half * angle.cos();
            f(x) * (half * angle.sin()).powi(2) / (2.0 * std::f64::consts::PI * x)
        };
        let inside: f64 = (0..steps).map(term).sum::<f64>() * std::f64::consts::PI / f64::from(steps);
        inside + (1.0 - kappa).max(0.0) * f(0.0)
    }

    fn power(range: std::ops::Range<f64>) -> impl Strategy<Value = f64> {
        range.prop_map(|e| 10f64.powf(e))
    }

    proptest! {
        /// Bias and variance of ridge regression on features of that law, by quadrature.
        #[test]
        fn one_degree_is_a_marchenko_pastur_law(kappa in power(-1.0..1.0), zeta in power(-2.0..1.0), k in 1usize..4) {
            let mut degrees = vec![1.0; k + 1];
            degrees[k] = 0.25;
            let masses = Masses { degrees, beyond: 0.15 * zeta };
            let risk = |energy: f64, noise: f64| {
                let mut energies = vec![9.0; k];
                energies.push(energy);
                polynomial_regime(&masses, &energies, noise, 0.1 * zeta, k, kappa).unwrap()
            };
            let bias = marchenko_pastur(kappa, |x| (zeta / (zeta + x)).powi(2));
            let variance = marchenko_pastur(kappa, |x| x / (zeta + x).powi(2));
            let unlearned = marchenko_pastur(kappa, |x| zeta / (zeta + x));
            prop_assert!((risk(1.0, 0.0).risk - bias).abs() < 1e-6, "{} {bias}", risk(1.0, 0.0).risk);
            prop_assert!((risk(0.0, 1.0).risk / variance - 1.0).abs() < 1e-6, "{} {variance}", risk(0.0, 1.0).risk);
            prop_assert!((1.0 - risk(1.0, 0.0).learnabilities[k] - unlearned).abs() < 1e-6);
        }

        /// Degree 1 is the proportional limit of infinitely many random features, derived from other equations.
        #[test]
        fn degree_one_is_the_proportional_limit(psi in power(-2.0..2.0), lambda in power(-6.0..1.0)) {
            let relu = Profile::of(&Standard::Relu).unwrap();
            let masses = Masses { degrees: vec![0.0, relu.linear.powi(2)], beyond: relu.residual };
            let ours = polynomial_regime(&masses, &[0.0, 1.2, 0.3], 0.5, psi * lambda, 1, psi).unwrap();
            let energies = Energies { linear: 1.2, nonlinear: 0.3, noise: 0.5 };
            let theirs = predict(f64::INFINITY, psi, &relu, lambda, energies).unwrap();
            prop_assert!((ours.risk / theirs.risk - 1.0).abs() < 1e-9, "{} {}", ours.risk, theirs.risk);
            prop_assert!((ours.training_error - theirs.training_error).abs() < 1e-9 * (1e-3 + theirs.training_error));
        }

        /// At finite `d` the equivalent differs in order `1 / d`: taken at two dimensions and extrapolated, the difference goes.
        #[test]
        fn the_limit_is_that_of_finite_dimensions(kappa in 0.2..4.0f64, k in 1usize..4) {
            let mut series = vec![1.0];
            (1..20).for_each(|j| series.push(series[j - 1] * 0.5 / j as f64));
            let masses = Masses { degrees: series.clone(), beyond: 0.0 };
            let energies = [0.1, 0.2, 0.3, 0.2, 0.1];
            let limit = polynomial_regime(&masses, &energies, 0.1, 0.01, k, kappa).unwrap().risk;
            let finite = |d: usize| {
                let samples = (1..=k).fold(kappa, |n, j| n * d as f64 / j as f64);
                let sizes = Sizes { samples, features: f64::INFINITY, ridge: 0.01 / samples };
                let spectrum = Spectrum::of_power_series(&series, d, 12).unwrap();
                (equivalent(&spectrum, &energies, 0.1, sizes).unwrap().risk / limit).ln()
            };
            let (once, twice) = (finite(2_000), finite(4_000));
            prop_assert!(once.abs() < 0.05 && (2.0 * twice - once).abs() < 0.1 * once.abs() + 1e-4, "{once} {twice}");
        }
    }

    #[test]
    fn without_ridge_the_risk_is_that_of_least_squares_and_infinite_at_the_peak() {
        let masses = Masses { degrees: vec![1.0, 0.1, 0.01], beyond: 0.0 };
        let risk =
            |kappa: f64| polynomial_regime(&masses, &[0.0, 0.0, 1.0], 0.5, 0.0, 2, kappa).unwrap().risk;
        assert!((risk(3.0) - 0.5 / 2.0).abs() < 1e-12);
        assert!((risk(0.5) - (0.5 + 0.5)).abs() < 1e-12);
        assert_eq!(risk(1.0), f64::INFINITY);
    }

    #[test]
    fn wrong_arguments_are_named() {
        let masses = Masses { degrees: vec![1.0, 0.1, 0.0], beyond: 0.0 };
        let message = |degree, kappa, lambda| {
            polynomial_regime(&masses, &[1.0], 0.0, lambda, degree, kappa).unwrap_err().to_string()
        };
        assert!(message(0, 1.0, 0.0).contains("degree is 0") && message(3, 1.0, 0.0).contains("degree is 3"));
        assert!(message(2, 1.0, 0.0).contains("mass") && message(1, -1.0, 0.0).contains("kappa"));
        assert!(message(1, 1.0, -1.0).contains("ridge"));
    }
}
