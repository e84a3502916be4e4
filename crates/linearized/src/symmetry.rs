//! Kernels averaged over cyclic shifts: the staircase of a target that does not change when its coordinates move round.
//!
//! Let `g` move the coordinates of `x` in `R^d` round by one place. The average of a rotation-invariant kernel,
//!
#![doc = overparam_formula::formula!("K_inv(x, y) = (1/d) sum_j h(<x, g^j y> / d),")]
//!
//! has the same eigenvalues `e_k` as `h` on harmonics that the shifts leave as they are, and zero on all others. Only the number of
//! eigenfunctions changes, from `B(d, k)` to the dimension `D(d, k)` of the invariant harmonics, which is the mean of the shifts'
//! traces (Burnside). A shift with `m` cycles of length `d / m` has on polynomials of degree `k` the trace `C(k m / d + m - 1, m - 1)` if
//! `d / m` divides `k`, and 0 otherwise; harmonics are polynomials of degree `k` without those of degree `k - 2`. For `d` prime and
//! `3 <= k < d` this is `B(d, k) / d` exactly: every step of the staircase comes `d` times earlier. What a target has that is not invariant cannot be
//! learned and acts as noise. (Mei, Misiakiewicz and Montanari 2021, *Learning with invariances in random features and kernel models*.)

use crate::Error;
use crate::equivalents::{Equivalent, Sizes, equivalent};
use crate::error::non_negative;
use crate::spectrum::Spectrum;

/// `D(d, k)`: the dimension of the harmonics of degree `k` on the sphere in `R^d`, `d >= 2`, that cyclic shifts of the coordinates leave as
/// they are.
///
/// As a float, exact while `d D(d, k)` fits 53 bits.
///
/// ```
/// use overparam_linearized::symmetry::cyclic_multiplicity;
/// // x_1 + ... + x_23; the sums of x_i x_{i+j}, j = 1..11; and B(23, 3) / 23.
/// let count = |degree| cyclic_multiplicity(23, degree);
/// assert_eq!([count(1), count(2), count(3)], [1.0, 11.0, 99.0]);
/// ```
///
/// # Panics
/// If `dimension < 2`.
pub fn cyclic_multiplicity(dimension: usize, degree: usize) -> f64 {
    assert!(dimension >= 2, "harmonics need dimension at least 2, got {dimension}");
    let polynomials = |degree: usize| -> f64 {
        let trace = |shift: usize| {
            let cycles = greatest_common_divisor(shift, dimension);
            let length = dimension / cycles;
            if degree.is_multiple_of(length) {
                choose(degree / length + cycles - 1, degree / length)
            } else {
                0.0
            }
        };
        (0..dimension).map(trace).sum::<f64>() / dimension as f64
    };
    let value = polynomials(degree) - degree.checked_sub(2).map_or(0.0, polynomials);
    if value < 1e15 { value.round() } else { value }
}

/// `gcd(0, b) = b`.
fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if a == 0 { b } else { greatest_common_divisor(b % a, a) }
}

/// The binomial coefficient, for small `k`.
fn choose(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64)
}

/// The spectrum of a kernel averaged over the cyclic shifts.
#[derive(Debug, Clone, PartialEq)]
pub struct CyclicAverage {
    /// With the multiplicities of invariant harmonics. It is no function of the cosine, so nothing but the equivalent may see it.
    levels: Spectrum,
    shares: Vec<f64>,
}

impl CyclicAverage {
    /// Of a rotation-invariant kernel with this spectrum. Of the tail, in degrees that are not followed, the share `1 / d` is taken to be
    /// invariant: exact for `d` prime and degrees below `d`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the invariant part of the kernel is zero.
    pub fn of(kernel: &Spectrum) -> Result<Self, Error> {
        let d = kernel.dimension();
        let multiplicities: Vec<f64> =
            (0..kernel.eigenvalues().len()).map(|degree| cyclic_multiplicity(d, degree)).collect();
        let shares =
            multiplicities.iter().zip(kernel.multiplicities()).map(|(some, all)| some / all).collect();
        Ok(Self { levels: kernel.with_multiplicities(multiplicities, kernel.tail() / d as f64)?, shares })
    }

    /// `e_0..=e_K`, those of the kernel that was averaged.
    pub fn eigenvalues(&self) -> &[f64] {
        self.levels.eigenvalues()
    }

    /// `D(d, 0)..=D(d, K)`.
    pub fn multiplicities(&self) -> &[f64] {
        self.levels.multiplicities()
    }

    /// `D(d, k) / B(d, k)`: the share of an isotropic target's energy of degree `k` that is invariant.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// The risk of regression with the averaged kernel on a target with `invariant[k]` of its energy in invariant harmonics of degree `k`, the
    /// energy `rest` in functions that are orthogonal to all invariant ones, and label noise variance `noise`. The rest acts as
    /// noise on the sample, and is left: risk and training error count it as they count the target.
    ///
    /// ```
    /// use overparam_linearized::equivalents::Sizes;
    /// use overparam_linearized::spectrum::Spectrum;
    /// use overparam_linearized::symmetry::CyclicAverage;
    ///
    /// let kernel = Spectrum::of_kernel(|t| (0.05 * t).exp(), 23, 4)?;
    /// let average = CyclicAverage::of(&kernel)?;
    /// let sizes = Sizes { samples: 38.0, features: f64::INFINITY, ridge: 0.0 };
    /// let steps = average.equivalent(&[0.0, 0.0, 0.4, 0.3, 0.3], 0.0, 0.0, sizes)?.risk;
    /// assert!((steps - 0.94).abs() < 0.01); // degree 2 is learned, where the kernel itself has seen 38 of its 275 harmonics
    /// # Ok::<(), overparam_linearized::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] for a size that is not positive, a negative ridge, energy or noise.
    pub fn equivalent(
        &self,
        invariant: &[f64],
        rest: f64,
        noise: f64,
        sizes: Sizes,
    ) -> Result<Equivalent, Error> {
        non_negative("the energy that is not invariant", rest)?;
        non_negative("the noise variance", noise)?;
        let mut found = equivalent(&self.levels, invariant, noise + rest, sizes)?;
        found.risk += rest;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use overparam_tensor::random::Stream;
    use overparam_tensor::sphere::{gegenbauer, multiplicity, uniform};
    use proptest::prelude::*;

    use super::{CyclicAverage, cyclic_multiplicity};
    use crate::equivalents::{Sizes, equivalent};
    use crate::spectrum::Spectrum;

    /// Monomials as exponents, up to shifts: a basis of the invariant polynomials.
    fn orbits(dimension: usize, degree: usize) -> usize {
        fn monomials(dimension: usize, degree: usize) -> Vec<Vec<usize>> {
            if dimension == 1 {
                return vec![vec![degree]];
            }
            let with = |first: usize| {
                monomials(dimension - 1, degree - first)
                    .into_iter()
                    .map(move |rest| [vec![first], rest].concat())
            };
            (0..=degree).flat_map(with).collect()
        }
        let least = |exponents: Vec<usize>| {
            let turned = |j: usize| [&exponents[j..], &exponents[..j]].concat();
            (0..dimension).map(turned).min().unwrap_or_default()
        };
        monomials(dimension, degree).into_iter().map(least).collect::<BTreeSet<_>>().len()
    }

    /// Harmonics are polynomials of degree `k` less those of degree `k - 2`; invariant ones are counted by hand.
    #[test]
    fn invariant_harmonics_are_orbits_of_monomials() {
        for d in 2..=8 {
            for k in 0..=6 {
                let below = if k < 2 { 0 } else { orbits(d, k - 2) };
                assert_eq!(cyclic_multiplicity(d, k), (orbits(d, k) - below) as f64, "{d} {k}");
            }
        }
    }

    /// `B E_x (1/d) sum_j Q_k(<x, g^j x>)` is the trace of the projection on invariant harmonics, within five standard errors.
    #[test]
    fn the_trace_of_the_averaged_kernel_counts_invariant_harmonics() {
        let (samples, degree) = (20_000, 3);
        for d in [5, 6] {
            let x = uniform(&Stream::root(3), samples, d, 1.0);
            let of_row = |i: usize| {
                let cosine = |j: usize| (0..d).map(|c| x[(i, c)] * x[(i, (c + j) % d)]).sum::<f64>();
                (0..d).map(|j| gegenbauer(d, degree, cosine(j))[degree]).sum::<f64>() / d as f64
                    * multiplicity(d, degree)
            };
            let values: Vec<f64> = (0..samples).map(of_row).collect();
            let mean = values.iter().sum::<f64>() / samples as f64;
            let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / samples as f64).sqrt();
            let gap = (mean - cyclic_multiplicity(d, degree)).abs();
            assert!(gap < 5.0 * deviation / (samples as f64).sqrt(), "{d}: {mean}");
        }
    }

    proptest! {
        /// In a prime dimension all but the first degrees have their share `1 / d`, and so have degrees 0 to 2 together.
        #[test]
        fn a_prime_dimension_divides_every_degree(
            d in prop::sample::select(vec![5usize, 7, 11, 13, 23, 47, 101]), k in 3usize..5,
        ) {
            prop_assert_eq!(cyclic_multiplicity(d, k) * d as f64, multiplicity(d, k));
            prop_assert_eq!(cyclic_multiplicity(d, 2), (d - 1) as f64 / 2.0);
            let sum = |count: fn(usize, usize) -> f64| (0..3).map(|k| count(d, k)).sum::<f64>();
            prop_assert_eq!(sum(cyclic_multiplicity) * d as f64, sum(multiplicity));
        }

        /// Where masses are steep, the averaged kernel does with `n` samples what the kernel does with `d n`, up to that degree 2
        /// has one function too few and degree 1 one too many for an exact share of `1 / d`.
        #[test]
        fn steps_come_d_times_earlier(place in 0.1..0.9f64, d in prop::sample::select(vec![23usize, 31, 47])) {
            let kernel = Spectrum::of_kernel(|t| (1e-2 * t).exp(), d, 3).unwrap();
            let average = CyclicAverage::of(&kernel).unwrap();
            let samples: f64 = (0..3).map(|k| cyclic_multiplicity(d, k)).sum::<f64>()
                + place * cyclic_multiplicity(d, 3);
            let sizes = |samples: f64| Sizes { samples, features: f64::INFINITY, ridge: 0.0 };
            let energies = [0.0, 0.0, 0.5, 0.5];
            let early = average.equivalent(&energies, 0.0, 0.0, sizes(samples)).unwrap().risk;
            let late = equivalent(&kernel, &energies, 0.0, sizes(d as f64 * samples)).unwrap().risk;
            prop_assert!((early / late - 1.0).abs() < 0.02, "{early} {late}");
        }

        /// What is not invariant is noise that is also left.
        #[test]
        fn the_rest_is_noise_that_stays(samples in 10.0..1e3f64, rest in 0.0..2.0f64) {
            let average = CyclicAverage::of(&Spectrum::of_kernel(f64::exp, 13, 6).unwrap()).unwrap();
            let sizes = Sizes { samples, features: f64::INFINITY, ridge: 1e-4 };
            let energies = [0.0, 0.2, 0.4];
            let with = average.equivalent(&energies, rest, 0.1, sizes).unwrap();
            let noisy = average.equivalent(&energies, 0.0, 0.1 + rest, sizes).unwrap();
            prop_assert!((with.risk - noisy.risk - rest).abs() < 1e-12);
            prop_assert!(average.equivalent(&energies, -1.0, 0.1, sizes).is_err());
        }
    }

    #[test]
    fn eigenvalues_are_kept_and_shares_are_ratios() {
        let kernel = Spectrum::of_kernel(f64::exp, 12, 5).unwrap();
        let average = CyclicAverage::of(&kernel).unwrap();
        assert_eq!(average.eigenvalues(), kernel.eigenvalues());
        for (k, share) in average.shares().iter().enumerate() {
            assert_eq!(average.multiplicities()[k], cyclic_multiplicity(12, k));
            assert_eq!(*share, cyclic_multiplicity(12, k) / multiplicity(12, k));
        }
    }
}
