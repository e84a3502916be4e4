//! The risks in the limit `N, d -> inf`, `N / d = rho`.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::symmetric_eigen;

use crate::Error;
use crate::error::{non_negative, require};
use crate::hermite::Profile;

/// Random features with weights `N(0, Gamma)`: the risk relative to `E f^2` (theorem 1 of the paper).
///
/// `psi` solves `1 / psi = mu_*^2 + mean_t[mu_1^2 t / (1 + rho mu_1^2 psi t)]` over the eigenvalues `t` of `d Gamma`. For
/// `Gamma = I / d` only the trace of `B` is learned at all.
///
/// # Errors
/// [`Error::Parameter`] if `rho` is negative or `gamma` has a negative eigenvalue; [`Error::Linalg`].
///
/// # Panics
/// If `b` and `gamma` are not square of one size.
pub fn random_features_risk(
    activation: &Profile,
    rho: f64,
    b: &DMatrix<f64>,
    gamma: &DMatrix<f64>,
) -> Result<f64, Error> {
    assert!(b.is_square() && b.shape() == gamma.shape(), "B is {:?}, Gamma {:?}", b.shape(), gamma.shape());
    non_negative("rho = N / d", rho)?;
    let d = b.nrows() as f64;
    let t = symmetric_eigen(gamma)?.values * d;
    for &t in t.iter() {
        require(t > -1e-10, "an eigenvalue of d Gamma", t, "at least 0")?;
    }
    let gain = resolvent_scale(activation, rho, &t) * activation.quadratic.powi(2) * rho * d;
    let overlap = b.dot(gamma);
    Ok(1.0 - gain * overlap * overlap / (b.norm_squared() * (2.0 + gain * gamma.norm_squared())))
}

/// `psi`: `psi (mu_*^2 + mean[mu_1^2 t / (1 + rho mu_1^2 psi t)]) - 1` increases and is concave in `psi`, so Newton's method
/// from below its root climbs monotonically; the mean at its largest gives the start.
fn resolvent_scale(activation: &Profile, rho: f64, t: &DVector<f64>) -> f64 {
    let m = activation.linear.powi(2);
    let mut psi = (activation.residual + m * t.mean()).recip();
    for _ in 0..100 {
        let damped = |t: f64| (1.0 + rho * m * psi * t).recip();
        let value = psi * (activation.residual + t.map(|t| m * t * damped(t)).mean()) - 1.0;
        let slope = activation.residual + t.map(|t| m * t * damped(t).powi(2)).mean();
        let step = value / slope;
        psi -= step;
        if step.abs() <= 2.0 * f64::EPSILON * psi {
            break;
        }
    }
    psi
}

/// The neural tangent model of `N = rho d` quadratic neurons, isotropic weights: the risk relative to `E f^2` (theorem 2).
///
/// # Errors
/// [`Error::Parameter`] if `rho` is negative.
///
/// # Panics
/// If `b` is not square.
pub fn tangent_risk(rho: f64, b: &DMatrix<f64>) -> Result<f64, Error> {
    non_negative("rho = N / d", rho)?;
    let q = b.trace().powi(2) / (b.nrows() as f64 * b.norm_squared());
    let rest = (1.0 - rho).max(0.0);
    Ok(rest * rest * (1.0 - q) + rest * q)
}

/// The trained network of `N` quadratic neurons, the best rank-`N` approximation of a positive semidefinite `B`: the risk
/// relative to `E f^2` (theorem 3).
///
/// # Errors
/// [`Error::Linalg`].
///
/// # Panics
/// If `b` is not square.
pub fn trained_risk(neurons: usize, b: &DMatrix<f64>) -> Result<f64, Error> {
    let mut squares: Vec<f64> = symmetric_eigen(b)?.values.iter().map(|v| v * v).collect();
    squares.sort_by(|a, b| b.total_cmp(a));
    Ok(squares.iter().skip(neurons).sum::<f64>() / squares.iter().sum::<f64>())
}

/// Least squares on labels `+-1` of the two classes `N(0, I +- Delta)` by a model that leaves the fraction `risk` of the
/// quadratic target `B = Delta` unexplained (one of the three above): `1 / (1 + (1 - risk) ||Delta||_F^2 / 2)`.
///
/// The limit is `||Delta||_F` fixed, `||Delta||_op = O(d^{-1/2})` (theorems 4 to 6).
///
/// # Errors
/// [`Error::Parameter`] if `risk` is not in `[0, 1]`.
pub fn mixture_risk(risk: f64, delta: &DMatrix<f64>) -> Result<f64, Error> {
    require((0.0..=1.0).contains(&risk), "the fraction left unexplained", risk, "in [0, 1]")?;
    Ok((1.0 + 0.5 * (1.0 - risk) * delta.norm_squared()).recip())
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{mixture_risk, random_features_risk, resolvent_scale, tangent_risk, trained_risk};
    use crate::activation::Standard;
    use crate::data::Mixture;
    use crate::hermite::Profile;
    use crate::models::{Data, TangentFeatures, ridge_path};

    proptest! {
        /// The root of its equation; `1 / mu_*^2 = 1/2` for the second Hermite polynomial, whose `mu_1` is 0.
        #[test]
        fn the_resolvent_scale_solves_its_equation(rho in 0.01f64..100.0, t in prop::collection::vec(0.0f64..50.0, 1..5)) {
            let t = DVector::from_vec(t);
            let of = |s: &Standard| (Profile::of(s).unwrap(), resolvent_scale(&Profile::of(s).unwrap(), rho, &t));
            let (p, psi) = of(&Standard::ShiftedRelu { shift: 0.5 });
            let m = p.linear * p.linear;
            let damped = t.map(|t| m * t / (1.0 + rho * m * psi * t)).mean();
            prop_assert!((psi * (p.residual + damped) - 1.0).abs() < 1e-12);
            prop_assert!((of(&Standard::Quadratic).1 - 0.5).abs() < 1e-12);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        /// More neurons never hurt, and the order is: trained below tangent below random features.
        #[test]
        fn training_beats_linearisation(seed in any::<u64>(), d in 5usize..30, rho in 0.05..2.0f64) {
            let g: DMatrix<f64> = Stream::root(seed).normal_matrix(d, 2 * d, 1.0);
            let b = &g * g.transpose() / d as f64;
            let isotropic = DMatrix::identity(d, d) / d as f64;
            let relu = Profile::of(&Standard::Relu).unwrap();
            let at = |rho: f64| [
                random_features_risk(&relu, rho, &b, &isotropic).unwrap(),
                tangent_risk(rho, &b).unwrap(),
                trained_risk((rho * d as f64) as usize, &b).unwrap(),
            ];
            let (few, more) = (at(rho), at(1.3 * rho));
            for (few, more) in few.iter().zip(&more) {
                prop_assert!(*more <= few + 1e-12 && *more >= -1e-12);
            }
            let whole = (rho * d as f64).floor() / d as f64;
            prop_assert!(at(whole)[2] <= at(whole)[1] + 1e-12);
        }
    }

    /// Two classes, tangent features, least squares on samples with the classical correction for `p` parameters.
    #[test]
    fn mixture_classes_are_separated_as_predicted() {
        let (d, neurons, n) = (24, 6, 12_000);
        let values: Vec<f64> = (0..d).map(|i| (0.5 + i as f64 / 23.0) * 1.2 / (d as f64).sqrt()).collect();
        let delta = DMatrix::from_diagonal(&DVector::from_vec(values));
        let s = Stream::root(4);
        let (x, y) = Mixture::new(&delta).unwrap().sample(s.named("data"), n);
        let mut z = TangentFeatures::on_sphere(s.named("w"), neurons, d).map(&Standard::Quadratic, &x);
        let constant = z.ncols();
        z = z.insert_column(constant, 1.0);
        let y = DMatrix::from_column_slice(n, 1, y.as_slice());
        let data = Data { features: &z, labels: &y, test_features: &z, test_labels: &y };
        let p = (neurons * d - neurons * (neurons - 1) / 2 + 1) as f64;
        let measured = ridge_path(data, &[0.0]).unwrap()[0].scores[0].training_error / (1.0 - p / n as f64);
        let predicted =
            mixture_risk(tangent_risk(neurons as f64 / d as f64, &delta).unwrap(), &delta).unwrap();
        assert!((measured - predicted).abs() < 0.03, "{measured} {predicted}");
    }
}
