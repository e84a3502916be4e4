//! Ridge and minimum-norm regression on explicit features, a whole path of ridges at once.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{least_squares, matmul, transposed};

use super::gram::{Solver, gram};
use crate::Error;
use crate::error::non_negative;

/// Features and labels of a training and a test set. `k` label columns are fitted at once and share every factorisation;
/// since the fit is linear in the labels, `[signal, noise]` separates bias from variance.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// `Z`: `n x p`.
    pub features: &'a DMatrix<f64>,
    /// `Y`: `n x k`.
    pub labels: &'a DMatrix<f64>,
    /// `m x p`.
    pub test_features: &'a DMatrix<f64>,
    /// `m x k`.
    pub test_labels: &'a DMatrix<f64>,
}

/// In which space the linear system was solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `(Z^T Z + kappa I_p) w = Z^T y`, for `p <= n`.
    Primal,
    /// `(Z Z^T + kappa I_n) alpha = y`, `w = Z^T alpha`, for `p > n`.
    Dual,
    /// The pseudo-inverse by singular values, for a ridge of zero.
    MinimumNorm,
}

/// Errors of one label column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean squared residual on the training set.
    pub training_error: f64,
    /// Mean squared residual on the test set.
    pub test_error: f64,
    /// `||w||^2`.
    pub norm_squared: f64,
}

/// The fit at one ridge.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The ridge.
    pub ridge: f64,
    /// How it was computed.
    pub form: Form,
    /// One a label column.
    pub scores: Vec<Score>,
    /// `w`, `p x k` (`alpha`, `n x k`, from [`super::kernel_path`]).
    pub coefficients: DMatrix<f64>,
    /// Predictions on the test set, `m x k`.
    pub predictions: DMatrix<f64>,
}

/// Minimises `(1/n) ||Y - Z W||^2 + ridge ||W||^2` for each ridge, in the order given.
///
/// A ridge of zero gives the minimum-norm least-squares fit from the singular value decomposition of `Z`, exact on both
/// sides of `p = n` and for features that are linearly dependent. Positive ridges share one Gram matrix of the smaller side
/// (`p <= n`: primal, else dual); a path of 20 or more ridges shares one eigen-decomposition too, and costs as much as a few
/// hundred would. Training errors in the dual are `kappa^2 ||alpha||^2 / n`, without cancellation down to `ridge ~ 0`.
///
/// # Errors
/// [`Error::Parameter`] for a ridge that is negative or not finite; [`Error::Linalg`] if the features are not finite.
///
/// # Panics
/// If the shapes in `data` do not fit.
pub fn ridge_path(data: Data<'_>, ridges: &[f64]) -> Result<Vec<Fit>, Error> {
    let Data { features, labels, test_features, test_labels } = data;
    let p = features.ncols();
    assert!(
        test_features.ncols() == p && test_features.nrows() == test_labels.nrows(),
        "ridge_path: features {:?}, test features {:?}, test labels {:?}",
        features.shape(),
        test_features.shape(),
        test_labels.shape()
    );
    path(features, labels, |w| matmul(test_features, w), test_labels, ridges)
}

/// [`ridge_path`] with the predictions on the test set computed from coefficients (`p x k`) by `predict`.
pub(super) fn path(
    features: &DMatrix<f64>,
    labels: &DMatrix<f64>,
    predict: impl Fn(&DMatrix<f64>) -> DMatrix<f64>,
    test_labels: &DMatrix<f64>,
    ridges: &[f64],
) -> Result<Vec<Fit>, Error> {
    let (n, p) = features.shape();
    assert!(
        labels.nrows() == n && test_labels.ncols() == labels.ncols(),
        "ridge path: features {n} x {p}, labels {:?}, test labels {:?}",
        labels.shape(),
        test_labels.shape()
    );
    for &ridge in ridges {
        non_negative("the ridge", ridge)?;
    }
    let form = if p <= n { Form::Primal } else { Form::Dual };
    let positive = ridges.iter().filter(|&&r| r > 0.0).count();
    let system = if positive > 0 { gram(features, form == Form::Primal) } else { DMatrix::zeros(0, 0) };
    let solver = Solver::new(&system, positive)?;
    let right = match form {
        Form::Primal => matmul(transposed(features), labels),
        _ => labels.clone(),
    };
    // All ridges side by side: one product with the features, which are read from memory once instead of once a ridge.
    let k = labels.ncols();
    let mut solutions = DMatrix::zeros(right.nrows(), k * ridges.len());
    for (i, &ridge) in ridges.iter().enumerate().filter(|(_, r)| **r > 0.0) {
        solutions.columns_mut(i * k, k).copy_from(&solver.solve(ridge * n as f64, &right)?);
    }
    let mut coefficients =
        if form == Form::Primal { solutions.clone() } else { matmul(transposed(features), &solutions) };
    for (i, _) in ridges.iter().enumerate().filter(|(_, r)| **r == 0.0) {
        coefficients.columns_mut(i * k, k).copy_from(&least_squares(features, labels)?);
    }
    let predictions = predict(&coefficients);
    let fitted = if form == Form::Primal || positive < ridges.len() {
        matmul(features, &coefficients)
    } else {
        DMatrix::zeros(0, 0)
    };
    let fit = |(i, &ridge): (usize, &f64)| {
        let part = |all: &DMatrix<f64>| all.columns(i * k, k).into_owned();
        let form = if ridge == 0.0 { Form::MinimumNorm } else { form };
        let residual =
            if form == Form::Dual { part(&solutions) * (ridge * n as f64) } else { labels - part(&fitted) };
        let (coefficients, predictions) = (part(&coefficients), part(&predictions));
        let norms: Vec<f64> = coefficients.column_iter().map(|w| w.norm_squared()).collect();
        let scores = scores(&residual, &predictions, test_labels, &norms);
        Fit { ridge, form, scores, coefficients, predictions }
    };
    Ok(ridges.iter().enumerate().map(fit).collect())
}

/// Mean squares of the residuals, column by column.
pub(super) fn scores(
    residual: &DMatrix<f64>,
    predictions: &DMatrix<f64>,
    test_labels: &DMatrix<f64>,
    norms: &[f64],
) -> Vec<Score> {
    let (n, m) = (residual.nrows() as f64, predictions.nrows() as f64);
    norms
        .iter()
        .enumerate()
        .map(|(k, &norm_squared)| Score {
            training_error: residual.column(k).norm_squared() / n,
            test_error: (predictions.column(k) - test_labels.column(k)).norm_squared() / m,
            norm_squared,
        })
        .collect()
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{Data, Form, ridge_path};
    use crate::models::{KernelData, kernel_path};

    struct Case {
        z: DMatrix<f64>,
        y: DMatrix<f64>,
        t: DMatrix<f64>,
        u: DMatrix<f64>,
    }

    fn case(seed: u64, n: usize, p: usize) -> Case {
        let s = Stream::root(seed);
        let draw = |name, rows, columns| s.named(name).normal_matrix::<f64>(rows, columns, 1.0);
        Case { z: draw("z", n, p), y: draw("y", n, 2), t: draw("t", 7, p), u: draw("u", 7, 2) }
    }

    impl Case {
        fn data(&self) -> Data<'_> {
            Data { features: &self.z, labels: &self.y, test_features: &self.t, test_labels: &self.u }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// Dual equals primal: the kernel form of the same problem, solved on the other side, has the same scores.
        #[test]
        fn dual_equals_primal(seed in any::<u64>(), n in 2usize..25, p in 2usize..25, ridge in 1e-3..10.0f64) {
            let c = case(seed, n, p);
            let fit = ridge_path(c.data(), &[ridge]).unwrap().remove(0);
            prop_assert_eq!(fit.form, if p <= n { Form::Primal } else { Form::Dual });
            let (kernel, cross) = (&c.z * c.z.transpose(), &c.t * c.z.transpose());
            let data = KernelData { kernel: &kernel, labels: &c.y, cross: &cross, test_labels: &c.u };
            let dual = kernel_path(data, &[ridge]).unwrap().remove(0);
            prop_assert!((&fit.predictions - &dual.predictions).amax() < 1e-9);
            for (a, b) in fit.scores.iter().zip(&dual.scores) {
                prop_assert!((a.training_error - b.training_error).abs() < 1e-9);
                prop_assert!((a.norm_squared - b.norm_squared).abs() < 1e-8 * (1.0 + a.norm_squared));
            }
        }

        /// One eigen-decomposition for a long path, one Cholesky factorisation each for a short one: the same fits, with the
        /// minimum-norm one in its place among them.
        #[test]
        fn long_paths_equal_short_ones(seed in any::<u64>(), n in 2usize..25, p in 2usize..25) {
            let c = case(seed, n, p);
            let mut ridges: Vec<f64> = (0..30).map(|i| 10f64.powf(f64::from(i) / 10.0 - 2.0)).collect();
            ridges[14] = 0.0;
            let long = ridge_path(c.data(), &ridges).unwrap();
            for (fit, &ridge) in long.iter().zip(&ridges).step_by(7) {
                let short = ridge_path(c.data(), &[ridge]).unwrap().remove(0);
                prop_assert!((&fit.predictions - &short.predictions).amax() < 1e-9);
            }
        }

        /// The minimum-norm fit is the limit of vanishing ridge, interpolates when it can, and is the shortest that does.
        #[test]
        fn ridgeless_is_the_limit(seed in any::<u64>(), n in 2usize..20, p in 2usize..20) {
            prop_assume!(n.abs_diff(p) > 3);
            let c = case(seed, n, p);
            let fits = ridge_path(c.data(), &[0.0, 1e-9]).unwrap();
            prop_assert_eq!(fits[0].form, Form::MinimumNorm);
            prop_assert!((&fits[0].predictions - &fits[1].predictions).amax() < 1e-4 * (1.0 + fits[0].predictions.amax()));
            for (none, little) in fits[0].scores.iter().zip(&fits[1].scores) {
                prop_assert!(none.norm_squared >= little.norm_squared * (1.0 - 1e-9));
                prop_assert!(p < n || none.training_error < 1e-20 * (1.0 + none.norm_squared));
            }
        }

        /// An enormous ridge predicts zero.
        #[test]
        fn infinite_ridge_is_the_null_risk(seed in any::<u64>(), n in 2usize..20, p in 2usize..20) {
            let c = case(seed, n, p);
            let fit = ridge_path(c.data(), &[1e12]).unwrap().remove(0);
            prop_assert!((fit.scores[0].test_error - c.u.column(0).norm_squared() / 7.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_negative_ridge_is_refused() {
        assert!(ridge_path(case(0, 3, 3).data(), &[1.0, -1.0]).is_err());
    }
}
