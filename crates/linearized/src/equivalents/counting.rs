//! Features whose masses fall steeply from degree to degree: what they leave of each degree is a count of dimensions.
//!
//! Let the activation be `s(z) = phi(eps z)` with `phi` generic and `eps -> 0`. Then the mass of each degree is `eps^2` times that of the degree below, and
//! with infinitely many samples and no ridge the features take up the degrees in order. Of a degree that is being filled they leave an isotropic
//! target the share of dimensions that are not yet spanned.
//!
//! **Random features** are generic: `N` of them span one dimension each.
//!
//! **Tangent features** `x_j s'(<w_a, x>)` are not. To lowest order all of them are linear, `x_j`. Combinations without linear part are differences
//! between neurons, `<beta_a, x> <u_a, x>` with `u_a = w_a - w_1`, `a = 2, ..., N`. With `m = min(N - 1, d)` independent `u_a`, the quadratic forms
//! that they do not reach are those on the complement of the `u_a`: `r (r + 1) / 2` dimensions, `r = d - m`. On the sphere
//! the form `|x|^2` is the constant, and quadratic forms are harmonics of degree 2 and the constant. Of the constant they reach
//! the projection on `|x_U|^2`, `x_U` the part of `x` in the span of the `u_a`. As `|x_U|^2` has mean `m / d` and second moment
//! `m (m + 2) / (d (d + 2))`, its share is `p = m (d + 2) / (d (m + 2))`, and of an isotropic target of degree 2
//!
#![doc = overparam_formula::formula!("left_2 = (r (r + 1) / 2 - 1 + p) / B(d, 2)    and    left_0 = 1 - p")]
//!
//! are left. Combinations without quadratic part, `beta_a = sum_b A_ab u_b` with `A` antisymmetric, are cubic: `<u_a, x> <u_b, x> <u_a - u_b, x>`.
//! There are `(N - 1)(N - 2) / 2` while `N <= d + 1`, and `d (N - 1) - d (d + 1) / 2` beyond: half of all parameters are lost to symmetry before degree 3 begins.
//! (Ours; the block-free [`equivalent`](super::equivalent) says 0.302 of the energy at `d = 12`, 8 neurons, energies 0.4, 0.3, 0.3 and `exp(0.1 z)`, where
//! counting says 0.340 and 0.342 is measured. That every cubic combination counts until the degree is full is a
//! count of parameters, checked numerically.)

use overparam_tensor::sphere::multiplicity;

/// The shares of degrees `0..=degree` that `features` random features leave in dimension `d`, `d >= 2`.
///
/// ```
/// use overparam_linearized::equivalents::random_features_left;
/// // 201 features in dimension 40: a constant, 40 linear functions, and 160 of the 819 harmonics of degree 2.
/// let left = random_features_left(40, 201, 3);
/// assert_eq!((left[1], left[2], left[3]), (0.0, 1.0 - 160.0 / 819.0, 1.0));
/// ```
///
/// # Panics
/// If `dimension < 2`.
pub fn random_features_left(dimension: usize, features: usize, degree: usize) -> Vec<f64> {
    let mut free = features as f64;
    let left = |degree: usize| {
        let count = multiplicity(dimension, degree);
        let left = (1.0 - free / count).clamp(0.0, 1.0);
        free = (free - count).max(0.0);
        left
    };
    (0..=degree).map(left).collect()
}

/// The shares of degrees 0 to 3 that the tangent features of `neurons` neurons in general position leave in dimension `d`, `d >= 2`.
///
/// ```
/// use overparam_linearized::equivalents::tangent_features_left;
/// let left = |neurons| tangent_features_left(40, neurons);
/// assert!((left(20)[2] - 0.281).abs() < 1e-3); // measured: 0.287
/// assert_eq!(left(41)[2], 0.0); // d + 1 neurons, twice the parameters that degree 2 has dimensions
/// ```
///
/// # Panics
/// If `dimension < 2`.
pub fn tangent_features_left(dimension: usize, neurons: usize) -> [f64; 4] {
    let d = dimension as f64;
    let (second, third) = (multiplicity(dimension, 2), multiplicity(dimension, 3));
    if neurons == 0 {
        return [1.0; 4];
    }
    let differences = (neurons - 1) as f64;
    let m = differences.min(d);
    let untouched = d - m;
    let constant = m * (d + 2.0) / (d * (m + 2.0));
    let quadratic = (untouched * (untouched + 1.0) / 2.0 - 1.0 + constant) / second;
    let reached = d * (d + 1.0) / 2.0 - untouched * (untouched + 1.0) / 2.0;
    let cubic = 1.0 - (d * differences - reached) / third;
    [1.0 - constant, 0.0, quadratic.clamp(0.0, 1.0), cubic.clamp(0.0, 1.0)]
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::linalg::{matmul, transposed};
    use overparam_tensor::random::Stream;
    use overparam_tensor::sphere::{Gegenbauer, multiplicity, uniform};
    use proptest::prelude::*;

    use super::{random_features_left, tangent_features_left};

    /// An orthonormal basis of the columns of `candidates`, orthogonal to `basis`, appended to it; what is small beside its own
    /// length is rounding.
    fn extend(basis: &mut Vec<DVector<f64>>, candidates: Vec<DVector<f64>>) {
        for candidate in candidates {
            let mut rest = candidate.clone();
            for _ in 0..2 {
                basis.iter().for_each(|b| rest.axpy(-b.dot(&rest), b, 1.0));
            }
            if rest.norm() > 1e-7 * candidate.norm() {
                basis.push(rest.clone() / rest.norm());
            }
        }
    }

    /// The steep limit itself, in quadrature on drawn points of the sphere: linear functions, then all `x_j <u_a, x>`, then the cubic
    /// combinations of antisymmetric matrices. What is left of harmonics `Q_k(<x, z>)`, for many `z`.
    fn measured(d: usize, neurons: usize) -> [f64; 3] {
        let x = uniform(&Stream::root(5), 6_000, d, 1.0);
        let u = Stream::root(6).normal_matrix::<f64>(neurons - 1, d, 1.0);
        let along = |a: usize| &x * u.row(a).transpose();
        let mut basis = Vec::new();
        extend(&mut basis, x.column_iter().map(|c| c.into_owned()).collect());
        let quadratic = |a: usize| (0..d).map(move |j| (a, j));
        let forms: Vec<(usize, usize)> = (0..neurons - 1).flat_map(quadratic).collect();
        extend(&mut basis, forms.iter().map(|&(a, j)| along(a).component_mul(&x.column(j))).collect());
        let pairs: Vec<(usize, usize)> = (0..neurons - 1).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
        let cubic = |&(a, b): &(usize, usize)| {
            let (a, b) = (along(a), along(b));
            a.component_mul(&b).component_mul(&(&a - &b))
        };
        extend(&mut basis, pairs.iter().map(cubic).collect());
        let basis = DMatrix::from_columns(&basis);
        let centres = uniform(&Stream::root(7), 300, d, 1.0);
        [0, 2, 3].map(|degree| {
            let mut weights = vec![0.0; degree + 1];
            weights[degree] = 1.0;
            let mut f = matmul(&x, transposed(&centres));
            Gegenbauer::new(d, degree).sum_each(f.as_mut_slice(), &weights);
            1.0 - matmul(transposed(&basis), &f).norm_squared() / f.norm_squared()
        })
    }

    #[test]
    fn tangent_features_leave_what_is_counted() {
        for (d, neurons) in [(5, 3), (6, 4), (8, 2), (8, 5), (8, 8), (5, 6)] {
            let [constant, _, second, third] = tangent_features_left(d, neurons);
            let found = measured(d, neurons);
            for (found, counted) in found.iter().zip([constant, second, third]) {
                assert!((found - counted).abs() < 0.02, "{d} {neurons}: {found} {counted}");
            }
        }
    }

    /// By other code, of `exp(0.1 z)` in dimension 40 (one draw) and 12 (sd 0.0004).
    #[test]
    fn counts_are_near_what_was_measured() {
        for (neurons, second) in [(2, 0.9516), (10, 0.607), (20, 0.287), (30, 0.091), (41, 0.011)] {
            assert!((tangent_features_left(40, neurons)[2] - second).abs() < 0.012, "{neurons}");
        }
        let [_, first, second, third] = tangent_features_left(12, 8);
        assert!((0.4 * first + 0.3 * (second + third) - 0.3416).abs() < 0.003);
    }

    proptest! {
        #[test]
        fn shares_fall_from_one_to_zero(d in 3usize..60, size in 0usize..4_000) {
            let (few, many) = (random_features_left(d, size, 4), random_features_left(d, size + 1, 4));
            prop_assert!(few.iter().zip(&many).all(|(a, b)| (0.0..=1.0).contains(b) && b <= a));
            // Every feature takes up one dimension, until five degrees are full.
            let dimensions = |left: &[f64]| -> f64 {
                left.iter().enumerate().map(|(k, left)| (1.0 - left) * multiplicity(d, k)).sum()
            };
            let all: f64 = (0..5).map(|k| multiplicity(d, k)).sum();
            prop_assert!((dimensions(&few) - (size as f64).min(all)).abs() < 1e-6 * all);
            let (few, many) = (tangent_features_left(d, size), tangent_features_left(d, size + 1));
            prop_assert!(few.iter().zip(&many).all(|(a, b)| (0.0..=1.0).contains(b) && *b <= a + 1e-12));
        }

        /// Degree 2 is full at `d + 1` neurons and not before; up to there every parameter is linear, quadratic or cubic.
        #[test]
        fn parameters_are_accounted_for(d in 4usize..60, share in 0.0..1.0f64) {
            let neurons = 1 + (share * d as f64) as usize;
            let [constant, first, second, third] = tangent_features_left(d, neurons);
            let used = (1.0 - constant) + d as f64 * (1.0 - first)
                + multiplicity(d, 2) * (1.0 - second) + multiplicity(d, 3) * (1.0 - third);
            prop_assert!((used - (d * neurons) as f64).abs() < 1e-6, "{used}");
            prop_assert!(tangent_features_left(d, d)[2] > 0.0 && tangent_features_left(d, d + 1)[2].abs() < 1e-12);
        }
    }
}
