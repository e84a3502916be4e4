//! The sphere: uniform points, multiplicities of harmonics, Gegenbauer polynomials.
//!
//! `Q_k` is the Gegenbauer polynomial of degree `k` in dimension `d`, normalised to `Q_k(1) = 1`. For `x`, `y` independent
//! and uniform on the unit sphere `S^{d-1}` and `t = <x, y>`,
//!
#![doc = overparam_formula::formula!("E Q_j(t) Q_k(t) = delta_jk / B(d, k),    E_y Q_j(<x, y>) Q_k(<y, z>) = delta_jk Q_k(<x, z>) / B(d, k),")]
//!
//! where `B(d, k)` is the number of independent harmonics of degree `k`. A kernel `h(<x, y>)` has them as eigenfunctions, with
//! the eigenvalue `E h(t) Q_k(t)` (Funk-Hecke); [`Rule::spherical`](crate::quadrature::Rule::spherical) integrates over `t`.
//! (Dai and Xu 2013, chapter 1; Ghorbani, Mei, Misiakiewicz and Montanari 2021, appendix.)

use std::ops::Range;

use nalgebra::{DMatrix, DVector};

use crate::random::Stream;

/// `samples` rows, independent and uniform on the sphere of this radius in `R^dimension`: normal vectors, scaled to length.
///
/// ```
/// use overparam_tensor::{random::Stream, sphere};
/// let x = sphere::uniform(&Stream::root(0), 5, 3, 2.0);
/// assert!(x.row_iter().all(|row| (row.norm() - 2.0).abs() < 1e-14));
/// ```
pub fn uniform(stream: &Stream, samples: usize, dimension: usize, radius: f64) -> DMatrix<f64> {
    let mut x = stream.normal_matrix(samples, dimension, 1.0);
    scale_rows(&mut x, 0..dimension, radius);
    x
}

/// Scales the part of every row that lies in these columns to the norm `radius`; a part that is zero becomes NaN.
///
/// # Panics
/// If a column is not one of `x`.
pub fn scale_rows(x: &mut DMatrix<f64>, columns: Range<usize>, radius: f64) {
    let mut squares = DVector::zeros(x.nrows());
    for column in columns.clone() {
        squares += x.column(column).map(|x| x * x);
    }
    let factors = squares.map(|s: f64| radius / s.sqrt());
    for column in columns {
        x.column_mut(column).component_mul_assign(&factors);
    }
}

/// `B(d, k)`: the dimension of the harmonics of degree `k` on the sphere in `R^d`, `d >= 2`.
///
/// As a float: it passes `u64` at `d = 1,000`, `k = 8`.
///
/// ```
/// use overparam_tensor::sphere::multiplicity;
/// assert_eq!((multiplicity(10, 2), multiplicity(10, 3)), (54.0, 210.0));
/// ```
///
/// # Panics
/// If `dimension < 2`.
pub fn multiplicity(dimension: usize, degree: usize) -> f64 {
    assert!(dimension >= 2, "harmonics need dimension at least 2, got {dimension}");
    if degree == 0 {
        return 1.0;
    }
    let (d, k) = (dimension as f64, degree as f64);
    // (2k + d - 2) / k times the binomial coefficient of k + d - 3 over k - 1, rounded: exact while it fits 53 bits.
    let binomial = (1..degree).fold(1.0, |b, i| b * (d - 2.0 + i as f64) / i as f64);
    let value = (2.0 * k + d - 2.0) / k * binomial;
    if value < 1e15 { value.round() } else { value }
}

/// `Q_0(t), ..., Q_degree(t)` for `|t| <= 1`, by the three-term recurrence (stable there: every `|Q_k| <= 1`).
///
#[doc = overparam_formula::formula!("(k + d - 2) Q_{k+1} = (2k + d - 2) t Q_k - k Q_{k-1}")]
///
/// # Panics
/// If `dimension < 2`.
pub fn gegenbauer(dimension: usize, degree: usize, t: f64) -> Vec<f64> {
    let polynomials = Gegenbauer::new(dimension, degree);
    let mut values = vec![0.0; degree + 1];
    polynomials.fill(t, &mut values);
    values
}

/// The polynomials `Q_0, ..., Q_degree` in one dimension: the coefficients of their recurrence, for many arguments.
///
/// Arguments are expected in `[-1, 1]`; beyond, the recurrence still holds but loses digits.
#[derive(Debug, Clone)]
pub struct Gegenbauer {
    /// `Q_{k+1} = rise[k] t Q_k - fall[k] Q_{k-1}`.
    rise: Vec<f64>,
    fall: Vec<f64>,
}

impl Gegenbauer {
    /// Up to `degree` in `R^dimension`.
    ///
    /// # Panics
    /// If `dimension < 2`.
    pub fn new(dimension: usize, degree: usize) -> Self {
        assert!(dimension >= 2, "harmonics need dimension at least 2, got {dimension}");
        let d = dimension as f64;
        let coefficient = |k: usize| {
            let k = k as f64;
            // At d = 2, k = 0 the general form is 0 / 0; Q_1 = t in every dimension.
            if k == 0.0 { (1.0, 0.0) } else { ((2.0 * k + d - 2.0) / (k + d - 2.0), k / (k + d - 2.0)) }
        };
        let (rise, fall) = (0..degree).map(coefficient).unzip();
        Self { rise, fall }
    }

    fn check(&self, degrees: usize) {
        let known = self.rise.len() + 1;
        assert!(degrees <= known, "{degrees} coefficients for {known} Gegenbauer polynomials");
    }

    /// Writes `Q_k(t)` for `k < values.len()`.
    ///
    /// # Panics
    /// If there are more than `degree + 1` values.
    pub fn fill(&self, t: f64, values: &mut [f64]) {
        self.check(values.len());
        let (mut before, mut now) = (0.0, 1.0);
        for (k, value) in values.iter_mut().enumerate() {
            *value = now;
            if let (Some(rise), Some(fall)) = (self.rise.get(k), self.fall.get(k)) {
                (before, now) = (now, rise * t * now - fall * before);
            }
        }
    }

    /// `sum_k weights[k] Q_k(t)`.
    ///
    /// # Panics
    /// If there are more than `degree + 1` weights.
    pub fn sum(&self, t: f64, weights: &[f64]) -> f64 {
        self.check(weights.len());
        let (mut before, mut now, mut total) = (0.0, 1.0, 0.0);
        for (k, weight) in weights.iter().enumerate() {
            total += weight * now;
            if let (Some(rise), Some(fall)) = (self.rise.get(k), self.fall.get(k)) {
                (before, now) = (now, rise * t * now - fall * before);
            }
        }
        total
    }

    /// Replaces every `t`, cut to `[-1, 1]`, by [`Gegenbauer::sum`]: the same bits, several at a time.
    ///
    /// # Panics
    /// If there are more than `degree + 1` weights.
    pub fn sum_each(&self, arguments: &mut [f64], weights: &[f64]) {
        const LANES: usize = 8;
        self.check(weights.len());
        let mut blocks = arguments.chunks_exact_mut(LANES);
        for block in &mut blocks {
            let t: [f64; LANES] = std::array::from_fn(|i| block[i].clamp(-1.0, 1.0));
            let (mut before, mut now, mut total) = ([0.0; LANES], [1.0; LANES], [0.0; LANES]);
            for (k, &weight) in weights.iter().enumerate() {
                for i in 0..LANES {
                    total[i] += weight * now[i];
                }
                if let (Some(&rise), Some(&fall)) = (self.rise.get(k), self.fall.get(k)) {
                    for i in 0..LANES {
                        let next = rise * t[i] * now[i] - fall * before[i];
                        before[i] = now[i];
                        now[i] = next;
                    }
                }
            }
            block.copy_from_slice(&total);
        }
        for t in blocks.into_remainder() {
            *t = self.sum(t.clamp(-1.0, 1.0), weights);
        }
    }

    /// `sum_k weights[k] Q_k'(t)`: the recurrence differentiated.
    ///
    /// # Panics
    /// If there are more than `degree + 1` weights.
    pub fn slope(&self, t: f64, weights: &[f64]) -> f64 {
        self.check(weights.len());
        let (mut before, mut now) = ((0.0, 0.0), (1.0, 0.0));
        let mut total = 0.0;
        for (k, weight) in weights.iter().enumerate() {
            total += weight * now.1;
            if let (Some(rise), Some(fall)) = (self.rise.get(k), self.fall.get(k)) {
                let next = (rise * t * now.0 - fall * before.0, rise * (now.0 + t * now.1) - fall * before.1);
                (before, now) = (now, next);
            }
        }
        total
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{Gegenbauer, gegenbauer, multiplicity, uniform};
    use crate::quadrature::Rule;
    use crate::random::Stream;

    /// Homogeneous polynomials of degree `k` restricted to the sphere are harmonics of degrees `k, k - 2, ...`.
    #[test]
    fn multiplicities_sum_to_the_monomials() {
        for d in [2usize, 3, 7, 50, 1000] {
            for k in 0..=30usize {
                let harmonics: f64 = (0..=k).rev().step_by(2).map(|j| multiplicity(d, j)).sum();
                let monomials = (1..=k).fold(1.0, |b, i| b * (d - 1 + i) as f64 / i as f64);
                assert!((harmonics / monomials - 1.0).abs() < 1e-13, "{d} {k}: {harmonics} {monomials}");
            }
        }
    }

    /// `E x = 0` and `E x x^T = I / d` within five standard errors.
    #[test]
    fn points_are_uniform() {
        let (n, d) = (40_000, 3);
        let x = uniform(&Stream::root(7), n, d, 1.0);
        let covariance = x.tr_mul(&x) / n as f64;
        assert!(
            (covariance - nalgebra::DMatrix::identity(d, d) / d as f64).amax()
                < 5.0 / (n as f64).sqrt() / 3.0
        );
        assert!(x.row_mean().amax() < 5.0 / (n as f64 * d as f64).sqrt());
    }

    /// Orthonormal to rounding up to degree 30 in dimension 1,000, where `B` spans 57 decades.
    #[test]
    fn harmonics_are_orthonormal() {
        for d in [3usize, 10, 100, 1000] {
            let rule = Rule::spherical(d, &[]);
            for j in 0..=30usize {
                for k in 0..=j {
                    let norm = multiplicity(d, j).sqrt() * multiplicity(d, k).sqrt();
                    let inner = norm
                        * rule.integrate(|t| {
                            let q = gegenbauer(d, 30, t);
                            q[j] * q[k]
                        });
                    assert!((inner - f64::from(j == k)).abs() < 1e-10, "{d}: {j} {k} {inner}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn points_have_their_radius(seed in any::<u64>(), n in 1usize..10, d in 2usize..30, radius in 0.1..10.0f64) {
            let x = uniform(&Stream::root(seed), n, d, radius);
            prop_assert!(x.row_iter().all(|r| (r.norm() / radius - 1.0).abs() < 1e-13));
        }

        /// The circle and the ordinary sphere: Chebyshev and Legendre polynomials.
        #[test]
        fn dimension_two_is_chebyshev(angle in 0.0..std::f64::consts::PI, k in 0usize..30) {
            let q = gegenbauer(2, k, angle.cos());
            prop_assert!((q[k] - (k as f64 * angle).cos()).abs() < 1e-11);
        }

        #[test]
        fn many_sums_are_single_sums(d in 2usize..100, mut t in prop::collection::vec(-1.1..1.1f64, 0..40)) {
            let recurrence = Gegenbauer::new(d, 12);
            let weights: Vec<f64> = (0..=12).map(|k| 1.0 / (1.0 + f64::from(k))).collect();
            let single: Vec<f64> = t.iter().map(|t| recurrence.sum(t.clamp(-1.0, 1.0), &weights)).collect();
            recurrence.sum_each(&mut t, &weights);
            prop_assert_eq!(t, single);
        }

        #[test]
        fn bounded_by_one_and_differentiated(d in 2usize..1000, t in -0.999..0.999f64) {
            let recurrence = Gegenbauer::new(d, 30);
            prop_assert!(gegenbauer(d, 30, t).iter().all(|q| q.abs() <= 1.0 + 1e-12));
            let weights: Vec<f64> = (0..=30).map(|k| 1.0 / (1.0 + f64::from(k))).collect();
            let step = 1e-6;
            let slope = (recurrence.sum(t + step, &weights) - recurrence.sum(t - step, &weights)) / (2.0 * step);
            let exact = recurrence.slope(t, &weights);
            prop_assert!((slope - exact).abs() < 1e-3 * (1.0 + exact.abs()));
        }
    }
}
