//! The one equation for `gamma` and the risk that follows.

use crate::Error;
use crate::error::{non_negative, require};
use crate::spectrum::Spectrum;

/// How large the regression is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// `n > 0`; infinite for population regression.
    pub samples: f64,
    /// `N > 0`; infinite for kernel ridge regression. `N d` for tangent features of `N` neurons.
    pub features: f64,
    /// The ridge in `(1/n) sum (y - f)^2 + ridge ||f||^2`; zero is the minimum-norm limit.
    pub ridge: f64,
}

/// What the deterministic equivalent predicts.
#[derive(Debug, Clone, PartialEq)]
pub struct Equivalent {
    /// `gamma`: eigendirections with `e_i` above it are learned.
    pub threshold: f64,
    /// `l_k = e_k / (e_k + gamma)`, degree by degree.
    pub learnabilities: Vec<f64>,
    /// `E (f - f_d)^2`, the noise of the test label not counted.
    pub risk: f64,
    /// Mean squared error on the training set.
    pub training_error: f64,
}

/// The risk of regression with this kernel spectrum on a target with `energies[k]` in degree `k` and label noise variance
/// `noise`. Energies past the spectrum's last degree count as not learnable.
///
/// ```
/// use overparam_linearized::activation::Standard;
/// use overparam_linearized::equivalents::{Sizes, equivalent};
/// use overparam_linearized::spectrum::Spectrum;
///
/// // One third of the energy in each of the degrees 1, 2, 3; kernel regression with n between d and d^2, d^2 and d^3.
/// let kernel = Spectrum::of_kernel(f64::exp, 1_000, 10)?;
/// let thirds = [0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0];
/// let risk = |exponent: f64| {
///     let samples = 1_000f64.powf(exponent);
///     equivalent(&kernel, &thirds, 0.0, Sizes { samples, features: f64::INFINITY, ridge: 0.0 }).map(|e| e.risk)
/// };
/// assert!((risk(1.5)? - 2.0 / 3.0).abs() < 0.03); // the first plateau
/// assert!((risk(2.3)? - 1.0 / 3.0).abs() < 0.03); // the second: short, as B(d, 3) = d^3 / 6
/// # Ok::<(), overparam_linearized::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] for a size that is not positive, a negative ridge, energy or noise.
pub fn equivalent(
    spectrum: &Spectrum,
    energies: &[f64],
    noise: f64,
    sizes: Sizes,
) -> Result<Equivalent, Error> {
    require(sizes.samples > 0.0, "the number of samples", sizes.samples, "positive (infinity is allowed)")?;
    require(
        sizes.features > 0.0,
        "the number of features",
        sizes.features,
        "positive (infinity is allowed)",
    )?;
    non_negative("the ridge", sizes.ridge)?;
    non_negative("the noise variance", noise)?;
    for &energy in energies {
        non_negative("the energy of a degree", energy)?;
    }
    let Sizes { samples, features, .. } = sizes;
    let State { gamma, spare_samples, spare_features } = solve(spectrum, sizes);
    let learnabilities: Vec<f64> =
        spectrum.eigenvalues().iter().map(|&e| if e == 0.0 { 0.0 } else { e / (e + gamma) }).collect();
    // z - q = sum l (1 - l); the tail's learnabilities vanish, their sum does not.
    let tail = if spectrum.tail() == 0.0 { 0.0 } else { spectrum.tail() / gamma };
    let multiplied = || learnabilities.iter().zip(spectrum.multiplicities());
    let spread: f64 = multiplied().map(|(l, b)| b * l * (1.0 - l)).sum::<f64>() + tail;
    let squares: f64 = multiplied().map(|(l, b)| b * l * l).sum();
    let determinant =
        spread * (spare_samples / features + spare_features / samples) + spare_samples * spare_features;
    let unlearned = |k: usize| 1.0 - learnabilities.get(k).copied().unwrap_or(0.0);
    let signal: f64 = energies
        .iter()
        .enumerate()
        .map(|(k, v)| v * unlearned(k) * (spread / features + spare_features * unlearned(k)))
        .sum();
    // What the noise adds beyond itself: tau^2 (q r_N + z (z - q) / N) / (n D), without the difference.
    let freedom = spread + squares;
    let excess = (squares * spare_features + freedom * spread / features) / samples;
    let paid = if noise == 0.0 { 0.0 } else { noise * excess };
    let risk = if signal + paid == 0.0 { 0.0 } else { (signal + paid) / determinant };
    let training_error =
        if spare_samples == 0.0 { 0.0 } else { spare_samples * spare_samples * (risk + noise) };
    Ok(Equivalent { threshold: gamma, learnabilities, risk, training_error })
}

/// `gamma` and `r_n`, `r_N`.
struct State {
    gamma: f64,
    spare_samples: f64,
    spare_features: f64,
}

/// Solves `z(gamma) + s(gamma) = p`, `p = min(n, N)`, where `s (s + |n - N|) = ridge n N / gamma`: the left side decreases
/// in `gamma`, so bisection in `ln gamma`, sped up by Newton steps that stay inside the bracket, cannot fail.
fn solve(spectrum: &Spectrum, sizes: Sizes) -> State {
    let Sizes { samples, features, ridge } = sizes;
    let p = samples.min(features);
    if p.is_infinite() {
        return State { gamma: ridge, spare_samples: 1.0, spare_features: 1.0 };
    }
    let q = (samples - features).abs();
    let excess = |gamma: f64| -> (f64, f64) {
        let sums = spectrum.eigenvalues().iter().zip(spectrum.multiplicities()).fold(
            (0.0, 0.0),
            |(z, dz), (e, b)| {
                let l = e / (e + gamma);
                (z + b * l, dz - b * l * (1.0 - l))
            },
        );
        let tail = spectrum.tail() / gamma;
        let (s, ds) = gap(samples, features, ridge, gamma);
        (sums.0 + tail + s - p, sums.1 - tail + ds)
    };
    let rank: f64 = spectrum
        .eigenvalues()
        .iter()
        .zip(spectrum.multiplicities())
        .filter(|(e, _)| **e > 0.0)
        .map(|(_, b)| b)
        .sum();
    if ridge == 0.0 && spectrum.tail() == 0.0 && rank <= p {
        let spare = |size: f64| 1.0 - rank / size;
        return State { gamma: 0.0, spare_samples: spare(samples), spare_features: spare(features) };
    }
    let mut y = (spectrum.trace() / p).ln();
    let (mut low, mut high) = (y, y);
    while excess(low.exp()).0 < 0.0 && low > -700.0 {
        low -= 2.0;
    }
    while excess(high.exp()).0 > 0.0 && high < 700.0 {
        high += 2.0;
    }
    for _ in 0..200 {
        let (value, slope) = excess(y.exp());
        if value > 0.0 {
            low = y;
        } else {
            high = y;
        }
        let newton = y - value / slope;
        let next = if low < newton && newton < high { newton } else { 0.5 * (low + high) };
        let step = next - y;
        y = next;
        if step.abs() < 1e-15 * (1.0 + y.abs()) {
            break;
        }
    }
    let gamma = y.exp();
    let (s, _) = gap(samples, features, ridge, gamma);
    let (small, large) =
        if q.is_infinite() { (s / p, 1.0) } else { (s / p, (s + q) / samples.max(features)) };
    let (spare_samples, spare_features) = if samples <= features { (small, large) } else { (large, small) };
    State { gamma, spare_samples, spare_features }
}

/// `s = min(n, N) - z` and its derivative in `ln gamma`.
fn gap(samples: f64, features: f64, ridge: f64, gamma: f64) -> (f64, f64) {
    if ridge == 0.0 {
        return (0.0, 0.0);
    }
    let q = (samples - features).abs();
    if q.is_infinite() {
        let s = ridge * samples.min(features) / gamma;
        return (s, -s);
    }
    let product = ridge * samples * features / gamma;
    let root = (q * q + 4.0 * product).sqrt();
    (2.0 * product / (q + root), -product / root)
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{Sizes, equivalent};
    use crate::activation::Standard;
    use crate::asymptotics::{Energies, predict};
    use crate::hermite::Profile;
    use crate::spectrum::Spectrum;

    fn power(range: std::ops::Range<f64>) -> impl Strategy<Value = f64> {
        range.prop_map(|e| 10f64.powf(e))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Two derivations of one number: the random-matrix asymptotics are the equivalent of a two-level spectrum.
        #[test]
        fn proportional_asymptotics_are_a_special_case(
            psi1 in power(-2.0..2.0), psi2 in power(-2.0..2.0), lambda in power(-6.0..2.0), which in 0..4,
        ) {
            let d = 100usize;
            let relu = Profile::of(&Standard::Relu).unwrap();
            let (psi1, psi2) = match which {
                0 => (f64::INFINITY, psi2),
                1 => (psi1, f64::INFINITY),
                _ => (psi1, psi2),
            };
            let lambda = if which == 3 { 0.0 } else { lambda };
            let spectrum = Spectrum::new(d, vec![0.0, relu.linear.powi(2) / d as f64], relu.residual).unwrap();
            let sizes = Sizes { samples: psi2 * d as f64, features: psi1 * d as f64, ridge: lambda / d as f64 };
            let a = equivalent(&spectrum, &[0.0, 1.2, 0.3], 0.5, sizes).unwrap();
            let b = predict(psi1, psi2, &relu, lambda, Energies { linear: 1.2, nonlinear: 0.3, noise: 0.5 }).unwrap();
            prop_assert!((a.risk / b.risk - 1.0).abs() < 1e-9, "{} {}", a.risk, b.risk);
            prop_assert!((a.training_error - b.training_error).abs() < 1e-9 * (1e-3 + b.training_error));
        }

        /// Without data nothing is learned, with all of it everything the kernel contains is.
        #[test]
        fn data_takes_the_risk_from_everything_to_nothing(energy in 0.1..3.0f64) {
            let kernel = Spectrum::of_kernel(f64::exp, 20, 6).unwrap();
            let risk = |samples: f64, features: f64| {
                equivalent(&kernel, &[0.0, energy, energy], 0.0, Sizes { samples, features, ridge: 1e-6 }).unwrap().risk
            };
            for other in [f64::INFINITY, 1e9] {
                prop_assert!((risk(1e-3, other) / (2.0 * energy) - 1.0).abs() < 1e-2);
                prop_assert!((risk(other, 1e-3) / (2.0 * energy) - 1.0).abs() < 1e-2);
                prop_assert!(risk(1e8, other) < 1e-3 * energy);
            }
        }
    }

    /// A kernel of finite rank with more samples than dimensions: ordinary least squares, `tau^2 p / (n - p)`.
    #[test]
    fn finite_rank_is_least_squares() {
        let linear = Spectrum::new(10, vec![0.0, 0.1], 0.0).unwrap();
        let sizes = Sizes { samples: 30.0, features: f64::INFINITY, ridge: 0.0 };
        let e = equivalent(&linear, &[0.0, 1.0], 2.0, sizes).unwrap();
        assert!(
            (e.risk - 2.0 * 10.0 / 20.0).abs() < 1e-12
                && (e.training_error - 2.0 * 20.0 / 30.0).abs() < 1e-12
        );
    }
}
