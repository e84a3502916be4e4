use nalgebra::{DMatrix, DVector};
use overparam_tensor::random::Stream;
use proptest::prelude::*;

use crate::shared_representation::relu::Examples;
use crate::shared_representation::{ReluRepresentation, TargetTask, ball_least_squares};

proptest! {
    /// Inside the ball the residual is orthogonal to the features; on its boundary it is a positive multiple of `w`.
    #[test]
    fn ball_least_squares_satisfies_its_optimality_conditions(
        seed in any::<u64>(), n in 1usize..8, m in 1usize..8, radius in 0.01..3.0,
    ) {
        let stream = Stream::root(seed);
        let features: DMatrix<f64> = stream.named("f").normal_matrix(n, m, 1.0);
        let labels: DVector<f64> = stream.named("y").normal_vector(n, 1.0);
        let w = ball_least_squares(&features, &labels, radius).unwrap();
        prop_assert!(w.norm() <= radius * (1.0 + 1e-9));
        let pull = features.tr_mul(&(&labels - &features * &w));
        if w.norm() < radius * (1.0 - 1e-6) {
            prop_assert!(pull.amax() < 1e-6 * (1.0 + features.norm_squared()));
        } else {
            let mu = pull.dot(&w) / w.norm_squared();
            prop_assert!(mu > -1e-8);
            prop_assert!((pull - w * mu).amax() < 1e-6 * (1.0 + features.norm_squared()));
        }
    }

    /// The ridge estimate zeroes its gradient, and tends to least squares as the ridge vanishes.
    #[test]
    fn ridge_is_stationary_and_tends_to_least_squares(seed in any::<u64>(), d in 1usize..5, lambda in 0.01..10.0) {
        let stream = Stream::root(seed);
        let task = TargetTask {
            inputs: stream.named("x").normal_matrix(3 * d + 2, d, 1.0),
            labels: stream.named("y").normal_vector(3 * d + 2, 1.0),
            parameter: DVector::zeros(d),
        };
        let theta = task.ridge(lambda).unwrap();
        let gradient = task.inputs.tr_mul(&(&task.inputs * &theta - &task.labels)) + &theta * lambda;
        prop_assert!(gradient.amax() < 1e-9);
        let alone = task.alone().unwrap();
        prop_assert!((task.ridge(1e-10).unwrap() - &alone).amax() < 1e-6);
        // In all directions a representation is no restriction.
        prop_assert!((task.on_representation(&DMatrix::identity(d, d)).unwrap() - alone).amax() < 1e-9);
    }
}

/// A feature that occurs twice has half of its head in each place, in whatever unit: what counts as rounding goes by the
/// largest direction.
#[test]
fn repeated_features_share_their_head_in_any_unit() {
    let stream = Stream::root(15);
    let inputs: DMatrix<f64> = stream.named("f").normal_matrix(9, 3, 1.0);
    let twice = DMatrix::from_fn(9, 6, |i, j| inputs[(i, j % 3)]);
    let task =
        TargetTask { inputs, labels: stream.named("y").normal_vector(9, 1.0), parameter: DVector::zeros(3) };
    let once = task.alone().unwrap();
    for unit in [1e-6, 1.0, 1e6] {
        let w = ball_least_squares(&(&twice * unit), &task.labels, once.norm() / unit).unwrap() * unit;
        for (j, head) in w.iter().enumerate() {
            assert!((2.0 * head - once[j % 3]).abs() < 1e-9 * once.norm(), "{unit}: {w} {once}");
        }
    }
}

#[test]
fn few_examples_are_interpolated_with_minimum_norm() {
    let task = TargetTask {
        inputs: DMatrix::from_row_slice(1, 2, &[3.0, 4.0]),
        labels: DVector::from_element(1, 10.0),
        parameter: DVector::zeros(2),
    };
    assert!((task.alone().unwrap() - DVector::from_vec(vec![1.2, 1.6])).amax() < 1e-12);
}

/// Sixteen tasks that share two ReLU units are learned by 32 units with weight decay, and a new task is then regressed from
/// ten examples better than from scratch by the same network.
#[test]
fn a_wide_relu_net_learns_a_shared_representation() {
    let (d, n1, n2) = (5, 40, 10);
    let stream = Stream::root(12);
    let units: DMatrix<f64> = stream.named("units").orthonormal_matrix(d, 2);
    let teach = |name: &str, t: u64, n: usize| -> Examples {
        let stream = stream.named(name).indexed(t);
        let x: DMatrix<f64> = stream.named("x").normal_matrix(n, d, 1.0);
        let head: DVector<f64> = stream.named("head").normal_vector(2, 1.0);
        let y = (&x * &units).map(|h| h.max(0.0)) * head;
        (x, y)
    };
    let relu = ReluRepresentation { width: 32, weight_decay: 1e-3, learning_rate: 0.02, steps: 1_500 };
    let sources: Vec<Examples> = (0..16).map(|t| teach("source", t, n1)).collect();
    let shared = relu.fit(&sources, &stream.named("shared")).unwrap();
    assert!(shared.training_error < 0.02, "{}", shared.training_error);

    let (mut with, mut without) = (0.0, 0.0);
    for t in 0..4 {
        let (x, y) = teach("target", t, n2 + 500);
        let (seen, fresh) = (x.rows(0, n2).into_owned(), x.rows(n2, 500).into_owned());
        let (labels, truth) = (y.rows(0, n2).into_owned(), y.rows(n2, 500).into_owned());
        let head = shared.target_head(&seen, &labels).unwrap();
        with += (shared.features(&fresh) * head - &truth).norm_squared();
        let alone = relu.fit(&[(seen, labels)], &stream.named("alone").indexed(t)).unwrap();
        without += (alone.features(&fresh) * alone.heads.column(0) - &truth).norm_squared();
    }
    assert!(with < 0.25 * without, "{with} {without}");
}
