//! What the staircases share: spectra of exponentials on the sphere, and how far so many samples or features reach into them.

use overparam_linearized::spectrum::Spectrum;

/// Degrees that are followed; what is beyond is below rounding or below the ridge.
pub(super) const DEGREES: usize = 9;

/// Of `exp(gain t)` of the cosine `t` between inputs on the sphere in this dimension; `None` if it has none there.
pub(super) fn of_exponential(gain: f64, dimension: usize) -> Option<Spectrum> {
    let mut series = vec![1.0];
    for j in 1..2 * DEGREES {
        series.push(series[j - 1] * gain / j as f64);
    }
    Spectrum::of_power_series(&series, dimension, DEGREES).ok()
}

/// The root of `n = sum_k D_k l_k / (l_k + kappa) + ridge / kappa`, whose right side falls in `kappa`; levels are pairs `(l_k, D_k)`.
pub(super) fn threshold(levels: &[(f64, f64)], ridge: f64, samples: f64) -> f64 {
    let freedom = |kappa: f64| levels.iter().map(|(l, d)| d * l / (l + kappa)).sum::<f64>() + ridge / kappa;
    let (mut low, mut high) = (-80.0f64, 20.0f64);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if freedom(middle.exp()) > samples { low = middle } else { high = middle }
    }
    high.exp()
}

#[cfg(test)]
mod tests {
    use super::{DEGREES, of_exponential, threshold};

    /// `sum_k B_k l_k = exp(gain)`: the kernel's diagonal.
    #[test]
    fn masses_of_an_exponential_sum_to_its_value_at_cosine_one() {
        for (gain, dimension) in [(0.5, 10), (1.0, 40)] {
            let spectrum = of_exponential(gain, dimension).unwrap();
            let masses = spectrum.eigenvalues().iter().zip(spectrum.multiplicities());
            let sum: f64 = masses.map(|(l, b)| l * b).sum();
            assert!((sum - gain.exp()).abs() < 1e-6, "{gain} {dimension}: {sum} of {DEGREES} degrees");
        }
    }

    /// One level: the positive root of `n kappa^2 + (n l - D l - ridge) kappa - ridge l = 0`.
    #[test]
    fn the_threshold_of_one_level_solves_its_quadratic() {
        for (l, d, ridge, n) in [(0.3, 50.0, 1e-3, 20.0), (2.0, 7.0, 0.5, 30.0), (1e-3, 400.0, 0.0, 100.0f64)]
        {
            // n (l + kappa) kappa = d l kappa + ridge (l + kappa).
            let (b, c) = (n * l - d * l - ridge, -ridge * l);
            let kappa = (-b + (b * b - 4.0 * n * c).sqrt()) / (2.0 * n);
            let found = threshold(&[(l, d)], ridge, n);
            assert!((found / kappa - 1.0).abs() < 1e-12, "{found} {kappa}");
        }
    }
}
