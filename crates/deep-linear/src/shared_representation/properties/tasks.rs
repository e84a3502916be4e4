use nalgebra::DMatrix;
use overparam_tensor::random::Stream;
use proptest::prelude::*;

use super::drawn;
use crate::shared_representation::angles::mean_squared_sine;
use crate::shared_representation::{Covariance, Setting, Truth, principal_angles};

fn source_covariance(setting: &Setting, stream: &Stream) -> Covariance {
    Truth::draw(setting, stream).unwrap().source_covariance
}

proptest! {
    /// `W W^T = (T / k) D^2` with `||D||_F^2 = k`, the last entry smaller by the diversity; all leverages are `k / T`.
    #[test]
    fn heads_have_the_spectrum_they_should(
        seed in any::<u64>(), k in 1usize..6, blocks in 1usize..5, diversity in 0.01..1.0,
    ) {
        let setting = Setting { diversity, ..Setting::new(k + 3, k, k * blocks) };
        let truth = Truth::draw(&setting, &Stream::root(seed)).unwrap();
        let second = &truth.heads * truth.heads.transpose() / blocks as f64;
        let last = if k == 1 { 1.0 } else { diversity };
        let c2 = k as f64 / (k as f64 - 1.0 + last);
        let expected = DMatrix::from_fn(k, k, |i, j| match (i == j, i + 1 == k) {
            (true, true) => c2 * last,
            (true, false) => c2,
            _ => 0.0,
        });
        prop_assert!((&second - &expected).amax() < 1e-12);
        prop_assert!((second.trace() - k as f64).abs() < 1e-12);
        let inverse = (second * blocks as f64).try_inverse().unwrap();
        for w in truth.heads.column_iter() {
            prop_assert!((w.dot(&(&inverse * w)) - 1.0 / blocks as f64).abs() < 1e-9);
        }
    }

    #[test]
    fn covariances_have_trace_d_and_the_condition_asked_for(
        seed in any::<u64>(), d in 2usize..8, condition in 1.0..100.0,
    ) {
        let setting = Setting { source_condition: condition, ..Setting::new(d, 1, 1) };
        let covariance = source_covariance(&setting, &Stream::root(seed));
        let matrix = DMatrix::from_fn(d, d, |i, j| {
            // By polarisation of the quadratic form.
            let unit = |i: usize| DMatrix::<f64>::identity(d, d).column(i).into_owned();
            0.25 * (covariance.energy(&(unit(i) + unit(j))) - covariance.energy(&(unit(i) - unit(j))))
        });
        prop_assert!((matrix.trace() - d as f64).abs() < 1e-10);
        prop_assert!((&matrix * covariance.inverse() - DMatrix::identity(d, d)).amax() < 1e-10 * condition);
        let values = matrix.symmetric_eigenvalues();
        prop_assert!((values.max() / values.min() / condition - 1.0).abs() < 1e-8);
    }

    /// Angles depend on the subspaces alone, and are those of the plane they were built in.
    #[test]
    fn principal_angles_are_those_of_the_construction(seed in any::<u64>(), a in 0.0..1.5f64, b in 0.0..1.5f64) {
        let stream = Stream::root(seed);
        let frame: DMatrix<f64> = stream.named("frame").orthonormal_matrix(7, 4);
        let turned = DMatrix::from_columns(&[
            frame.column(0) * a.cos() + frame.column(2) * a.sin(),
            frame.column(1) * b.cos() + frame.column(3) * b.sin(),
        ]);
        let rotation: DMatrix<f64> = stream.named("rotation").orthonormal_matrix(2, 2);
        let first = frame.columns(0, 2).into_owned();
        let angles = principal_angles(&first, &(&turned * rotation)).unwrap();
        prop_assert!((angles[0] - a.max(b)).abs() < 1e-12 && (angles[1] - a.min(b)).abs() < 1e-12);
        let mean = mean_squared_sine(&first, &turned).unwrap();
        prop_assert!((mean - 0.5 * (a.sin().powi(2) + b.sin().powi(2))).abs() < 1e-12);
    }
}

/// Input and label second moments of 20,000 examples, within 5 standard errors (at most `5 sqrt(3 / n)`, relative).
#[test]
fn examples_have_their_covariance_and_noise() {
    let setting = Setting { source_condition: 9.0, source_examples: 20_000, ..Setting::new(4, 2, 2) };
    let stream = Stream::root(5);
    let truth = Truth::draw(&setting, &stream).unwrap();
    let (x, y) = truth.source_examples(1, &stream.named("sources"));
    let n = 20_000.0;
    let empirical = x.transpose() * &x / n;
    assert!((empirical * truth.source_covariance.inverse() - DMatrix::identity(4, 4)).amax() < 0.2);
    let theta = truth.source_parameters().column(1).into_owned();
    let noise = (y - x * theta).norm_squared() / n;
    assert!((noise / 0.25 - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
}

#[test]
fn impossible_settings_are_named() {
    let draw = |setting: Setting| Truth::draw(&setting, &Stream::root(0)).unwrap_err().to_string();
    let base = Setting::new(5, 2, 4);
    assert_eq!(draw(Setting { diversity: 1.5, ..base }), "the diversity must be in [0, 1], got 1.5");
    assert_eq!(
        draw(Setting { rank: 6, ..base }),
        "the dimension d must be large enough for the representation, got 5"
    );
    assert_eq!(
        draw(Setting { noise: f64::NAN, ..base }),
        "the noise sigma must be finite and not negative, got NaN"
    );
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(draw(Setting { noise: bad, ..base }).starts_with("the noise sigma"), "{bad}");
        for setting in [Setting { source_condition: bad, ..base }, Setting { target_condition: bad, ..base }]
        {
            assert!(draw(setting).starts_with("a condition number"), "{bad}");
        }
    }
    let (_, data) = drawn(&base, &Stream::root(1));
    assert_eq!((data.dimension(), data.task_count(), data.example_count()), (5, 4, 40));
}
