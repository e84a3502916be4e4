use nalgebra::{DMatrix, DVector};
use overparam_tensor::random::Stream;
use proptest::prelude::*;

use super::{drawn, mean_and_error};
use crate::shared_representation::theory::{
    Design, least_squares_risk, representation_bias, second_stage_risk, source_risk,
};
use crate::shared_representation::{Alternation, Setting, TargetTask, Truth, spectral_start};

proptest! {
    /// The oracle's excess risk is `k sigma^2 / n2` exactly in the mean over the noise, on its own inputs. The noises
    /// `sigma sqrt(n2) e_i`, `i = 1..n2`, have the covariance of any isotropic noise, and a risk quadratic in the noise has
    /// the same mean over all ensembles of one covariance: the mean over them is exact, without sampling. So is a single
    /// task's `d sigma^2 / n2`.
    #[test]
    fn the_oracles_risk_is_k_sigma2_over_n2_on_average(
        seed in any::<u64>(), k in 1usize..4, more in 0usize..5, extra in 1usize..20, noise in 0.1..3.0,
    ) {
        let (d, n2) = (k + more, k + more + extra);
        let stream = Stream::root(seed);
        let representation: DMatrix<f64> = stream.named("B").orthonormal_matrix(d, k);
        let parameter = &representation * stream.named("w").normal_vector::<f64>(k, 1.0);
        let inputs: DMatrix<f64> = stream.named("x").normal_matrix(n2, d, 1.0);
        let (mut oracle, mut single) = (0.0, 0.0);
        for i in 0..n2 {
            let mut labels = &inputs * &parameter;
            labels[i] += noise * (n2 as f64).sqrt();
            let task = TargetTask { inputs: inputs.clone(), labels, parameter: parameter.clone() };
            oracle += task.in_sample_risk(&task.on_representation(&representation).unwrap()) / n2 as f64;
            single += task.in_sample_risk(&task.alone().unwrap()) / n2 as f64;
        }
        let close = |risk: f64, p: usize| {
            let expected = least_squares_risk(Design::Fixed, noise, p, n2).unwrap();
            (risk / expected - 1.0).abs() < 1e-6
        };
        prop_assert!(close(oracle, k) && close(single, d), "{oracle} {single}");
    }
}

/// Gaussian design: `sigma^2 p / (n - p - 1)` for the oracle and a single task, the second stage on a wrong representation,
/// and all of it for any covariance; 4,000 tasks, 5 standard errors.
#[test]
fn second_stage_risks_are_exact_in_gaussian_design() {
    let setting = Setting { target_condition: 5.0, ..Setting::new(6, 2, 4) };
    let (n2, stream) = (12, Stream::root(20));
    let truth = Truth::draw(&setting, &stream).unwrap();
    let wrong: DMatrix<f64> = stream.named("wrong").orthonormal_matrix(6, 2);
    let head = truth.target_heads(1, &stream.named("head")).column(0).into_owned();
    // min over v of (theta - B^ v)^T Sigma (theta - B^ v), by weighted normal equations.
    let covariance = truth.target_covariance.inverse().try_inverse().unwrap();
    let theta = &truth.representation * &head;
    let inside = (wrong.transpose() * &covariance * &wrong).try_inverse().unwrap();
    let best = &wrong * inside * wrong.transpose() * &covariance * &theta;
    let bias = truth.target_covariance.energy(&(best - &theta));
    let mut samples: [Vec<f64>; 3] = Default::default();
    for i in 0..4_000 {
        let task = truth.target_task(&head, n2, &stream.named("task").indexed(i));
        let risk = |estimate: DVector<f64>| task.excess_risk(&estimate, &truth.target_covariance);
        samples[0].push(risk(task.on_representation(&truth.representation).unwrap()));
        samples[1].push(risk(task.alone().unwrap()));
        samples[2].push(risk(task.on_representation(&wrong).unwrap()));
    }
    let expected = [
        least_squares_risk(Design::Gaussian, 0.5, 2, n2),
        least_squares_risk(Design::Gaussian, 0.5, 6, n2),
        second_stage_risk(bias, 0.5, 2, n2),
    ];
    for (sample, expected) in samples.iter().zip(expected) {
        let ((mean, error), expected) = (mean_and_error(sample), expected.unwrap());
        assert!((mean - expected).abs() < 5.0 * error, "{mean} +- {error}, expected {expected}");
    }
}

/// The joint estimator's bias and in-sample risk against their leading order, over 100 draws: 5 standard errors plus the
/// next order, `k sigma^2 / n1` relative, here with a small noise. With and without shift, with fewer than full diversity,
/// and with fewer examples a task than dimensions.
#[test]
fn first_stage_errors_have_their_leading_constants() {
    let base = Setting { noise: 0.1, source_examples: 30, ..Setting::new(15, 2, 10) };
    let settings = [
        base,
        Setting { source_condition: 10.0, ..base },
        Setting { source_condition: 4.0, target_condition: 4.0, ..base },
        Setting { diversity: 0.2, ..base },
        Setting { source_examples: 12, tasks: 20, ..base },
    ];
    for (i, setting) in settings.into_iter().enumerate() {
        let (mut biases, mut sources, mut expected) = (Vec::new(), Vec::new(), 0.0);
        let draws = 100;
        for draw in 0..draws {
            let stream = Stream::root(21).indexed(i as u64).indexed(draw);
            let (truth, data) = drawn(&setting, &stream);
            let fit = Alternation::default().fit(&data, &spectral_start(&data, 2).unwrap()).unwrap();
            biases.push(bias(&truth, &fit.representation));
            expected += representation_bias(&truth).unwrap() / draws as f64;
            // ||X_t delta||^2 summed: the quadratic part of the objective.
            let delta = &fit.representation * &fit.heads - truth.source_parameters();
            let quadratic: f64 =
                data.tasks.iter().zip(delta.column_iter()).map(|(t, v)| v.dot(&(&t.gram * v))).sum();
            sources.push(quadratic / data.example_count() as f64);
        }
        let (mean, error) = mean_and_error(&biases);
        let next = 2.0 * 0.01 / setting.source_examples as f64;
        assert!(
            (mean - expected).abs() < 5.0 * error + next * expected,
            "{setting:?}: {mean} +- {error}, {expected}"
        );
        let (mean, error) = mean_and_error(&sources);
        let expected = source_risk(&Truth::draw(&setting, &Stream::root(0)).unwrap());
        assert!(
            (mean - expected).abs() < 5.0 * error + next * expected,
            "{setting:?}: {mean} +- {error}, {expected}"
        );
    }
}

/// `E (theta - B^ v)^T Sigma_t (theta - B^ v)` at the best `v`, over target heads uniform on the sphere.
fn bias(truth: &Truth, estimate: &DMatrix<f64>) -> f64 {
    let covariance = truth.target_covariance.inverse().try_inverse().unwrap();
    let inside = (estimate.transpose() * &covariance * estimate).try_inverse().unwrap();
    let left = DMatrix::identity(15, 15) - estimate * inside * estimate.transpose() * &covariance;
    let residual = left * &truth.representation;
    (residual.transpose() * covariance * residual).trace() / truth.setting.rank as f64
}

/// What the formulas say where they have nothing to say.
#[test]
fn risks_are_infinite_or_none_outside_their_range() {
    assert_eq!(least_squares_risk(Design::Gaussian, 1.0, 3, 4), None);
    assert_eq!(least_squares_risk(Design::Fixed, 1.0, 3, 2), None);
    assert_eq!(least_squares_risk(Design::Fixed, 2.0, 3, 6), Some(2.0));
    assert_eq!(second_stage_risk(0.0, 1.0, 3, 4), None);
    let truth = |setting: Setting| Truth::draw(&setting, &Stream::root(22)).unwrap();
    let none = truth(Setting { diversity: 0.0, ..Setting::new(6, 2, 4) });
    assert_eq!(representation_bias(&none).unwrap(), f64::INFINITY);
    let few = truth(Setting { source_examples: 3, ..Setting::new(20, 2, 2) });
    assert_eq!(representation_bias(&few).unwrap(), f64::INFINITY);
    // No shift, diverse: sigma^2 k (d - k) / (n1 T - k (d + T - k) - k).
    let plain = truth(Setting { source_examples: 50, ..Setting::new(10, 2, 6) });
    assert!((representation_bias(&plain).unwrap() - 0.25 * 16.0 / (300.0 - 28.0 - 2.0)).abs() < 1e-12);
}
