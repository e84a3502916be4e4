//! The staircase with the multiplicities of invariant harmonics in place of all.

use overparam_eval::theory::Theory;
use overparam_linearized::symmetry::{CyclicAverage, cyclic_multiplicity};

use super::super::spectra::{DEGREES, of_exponential, threshold};
use super::{ENERGIES, GAIN, Kernel, RIDGE, Target};

/// The risk of kernel ridge regression, and what rivals say of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Steps {
    pub(super) risk: f64,
    /// Without the factor `1 / (1 - sum_k D_k s_k^2 / n)`.
    pub(super) no_variance: f64,
    /// What is not invariant is left, and disturbs nothing.
    pub(super) harmless: f64,
}

impl Steps {
    /// Of `samples` inputs in this dimension; `None` if the kernel has no spectrum there.
    pub(super) fn of(
        dimension: usize,
        samples: f64,
        kernel: Kernel,
        target: Target,
        theory: &Theory,
    ) -> Option<Self> {
        let plain = of_exponential(GAIN, dimension)?;
        let average = CyclicAverage::of(&plain).ok()?;
        let dimensions = theory.constant("dimensions of a degree (of their number)", 1.0);
        let factor = theory.constant("factor of the shift (of d)", 1.0);
        let variance = theory.constant("variance (of its value)", 1.0);
        let counts: Vec<f64> = match kernel {
            Kernel::Plain => plain.multiplicities().iter().map(|b| b * dimensions).collect(),
            Kernel::Averaged => average.multiplicities().iter().map(|b| b * dimensions / factor).collect(),
        };
        let levels: Vec<(f64, f64)> = plain.eigenvalues().iter().copied().zip(counts).collect();
        let kappa = threshold(&levels, RIDGE, samples);
        let learned: Vec<f64> = levels.iter().map(|(l, _)| l / (l + kappa)).collect();
        let spent: f64 = levels.iter().zip(&learned).map(|((_, b), s)| b * s * s).sum::<f64>() / samples;
        // Of an isotropic target only the invariant share is seen by the averaged kernel.
        let seen = |degree: usize| match (kernel, target) {
            (Kernel::Averaged, Target::Generic) => average.shares()[degree] / factor,
            _ => 1.0,
        };
        let (mut signal, mut rest) = (0.0, 0.0);
        for (degree, energy) in ENERGIES.iter().enumerate() {
            signal += energy * seen(degree) * (1.0 - learned[degree]).powi(2);
            rest += energy * (1.0 - seen(degree));
        }
        let amplified = 1.0 + variance * spent / (1.0 - spent);
        Some(Self {
            risk: (signal + rest) * amplified,
            no_variance: signal + rest,
            harmless: signal * amplified + rest,
        })
    }
}

/// Samples of the averaged kernel at the same place of the staircase in another dimension: as far through the degree that is being
/// learned.
pub(super) fn same_place(samples: usize, dimension: usize, other: usize) -> usize {
    let (mut left, mut before) = (samples as f64, 0.0);
    for degree in 0..DEGREES {
        let (here, there) = (cyclic_multiplicity(dimension, degree), cyclic_multiplicity(other, degree));
        if left <= here {
            return (before + left / here * there).round() as usize;
        }
        left -= here;
        before += there;
    }
    samples
}
