//! The staircase at finite size: that of the kernel and of random features from their spectra, that of tangent features by counting.

use overparam_eval::theory::Theory;

use super::super::spectra::{of_exponential, threshold};
use super::{ENERGIES, GAIN, RIDGE, SLOPE};

pub(super) use overparam_tensor::sphere::multiplicity;

/// The risk of kernel ridge regression, and what rivals say of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Steps {
    pub(super) risk: f64,
    /// `sum_k e_k (1 - s_k)`.
    pub(super) first_power: f64,
    /// `sum_k e_k (1 - s_k)^2`.
    pub(super) no_variance: f64,
}

impl Steps {
    pub(super) fn of(dimension: usize, samples: f64, theory: &Theory) -> Option<Self> {
        let spectrum = of_exponential(GAIN, dimension)?;
        let dimensions = theory.constant("dimensions of a degree (of their number)", 1.0);
        let steepness = theory.constant("exponent of the eigenvalues", 1.0);
        let levels: Vec<(f64, f64)> = spectrum
            .eigenvalues()
            .iter()
            .zip(spectrum.multiplicities())
            .map(|(eigenvalue, count)| (eigenvalue.powf(steepness), count * dimensions))
            .collect();
        let variance = theory.constant("variance (of its value)", 1.0);
        let kappa = threshold(&levels, RIDGE, samples);
        let learned = |eigenvalue: f64| eigenvalue / (eigenvalue + kappa);
        let spent: f64 = levels.iter().map(|(l, b)| b * learned(*l).powi(2)).sum::<f64>() / samples;
        let left = |power: i32| -> f64 {
            ENERGIES.iter().zip(&levels).map(|(e, (l, _))| e * (1.0 - learned(*l)).powi(power)).sum()
        };
        let no_variance = left(2);
        let risk = no_variance * (1.0 + variance * spent / (1.0 - spent));
        Some(Self { risk, first_power: left(1), no_variance })
    }
}

/// Of `(dimension, ln n, ln risk)`: how far the best straight line of each dimension misses the points, at its worst. The minimax line
/// of many points is that of some three of them.
pub(super) fn straight_line(points: &[(usize, f64, f64)]) -> f64 {
    let mut worst = 0.0f64;
    for (i, a) in points.iter().enumerate() {
        for (j, b) in points.iter().enumerate().skip(i + 1) {
            for c in points.iter().skip(j + 1).filter(|c| a.0 == b.0 && b.0 == c.0) {
                let between = a.2 + (c.2 - a.2) * (b.1 - a.1) / (c.1 - a.1);
                worst = worst.max(0.5 * (b.2 - between).abs());
            }
        }
    }
    worst
}

/// What random features leave of degrees 1 to 3, and what rivals say of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Left {
    pub(super) left: [f64; 3],
    /// All degrees learned alike.
    pub(super) alike: [f64; 3],
    /// Degree after degree, as if masses were infinitely steep: nothing of a degree is learned before the ones below it.
    pub(super) counted: [f64; 3],
}

/// `kappa / (l_k + kappa)` with `N = sum_k B_k l_k / (l_k + kappa)`: of `N` random features `exp(SLOPE z)`, whose kernel has the squares
/// of the activation's own coefficients as eigenvalues.
pub(super) fn random_left(dimension: usize, features: usize, theory: &Theory) -> Option<Left> {
    let dimensions = theory.constant("dimensions of a degree (of their number)", 1.0);
    let steepness = theory.constant("exponent of the eigenvalues", 1.0);
    // `z = sqrt d t` of the cosine `t`.
    let activation = of_exponential(SLOPE * (dimension as f64).sqrt(), dimension)?;
    let levels: Vec<(f64, f64)> = activation
        .eigenvalues()
        .iter()
        .zip(activation.multiplicities())
        .map(|(coefficient, count)| (coefficient.powi(2).powf(steepness), count * dimensions))
        .collect();
    let n = features as f64;
    let kappa = threshold(&levels, 0.0, n);
    let mut before = 1.0;
    let counted = [1, 2, 3].map(|degree| {
        let count = levels[degree].1;
        let free = n - before;
        before += count;
        (1.0 - free / count).clamp(0.0, 1.0)
    });
    let left = [1, 2, 3].map(|degree| kappa / (levels[degree].0 + kappa));
    Some(Left { left, alike: [(1.0 - n / before).clamp(0.0, 1.0); 3], counted })
}

/// What tangent features of `N` neurons leave of degrees 1 to 3; the same if every parameter beyond the first `d` took up a dimension.
pub(super) fn tangent_left(dimension: usize, neurons: usize, theory: &Theory) -> ([f64; 3], [f64; 3]) {
    let dimensions = theory.constant("dimensions of a degree (of their number)", 1.0);
    let (d, n) = (dimension as f64, neurons as f64);
    let (second, third) = (multiplicity(dimension, 2) * dimensions, multiplicity(dimension, 3) * dimensions);
    // Differences between neurons are one fewer than neurons.
    let untouched = (d - n + 1.0).max(0.0);
    let left = ((untouched * (untouched + 1.0) / 2.0 - 1.0) / second).clamp(0.0, 1.0);
    let rest = n * d - d;
    let of_third =
        |second_left: f64| (1.0 - (rest - second * (1.0 - second_left)).max(0.0) / third).clamp(0.0, 1.0);
    let all = (1.0 - rest / second).clamp(0.0, 1.0);
    ([0.0, left, of_third(left)], [0.0, all, of_third(all)])
}
