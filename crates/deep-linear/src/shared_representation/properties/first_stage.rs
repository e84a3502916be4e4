use nalgebra::{DMatrix, DVector};
use overparam_tensor::optim::{Optimizer, Stop, train};
use overparam_tensor::random::Stream;
use overparam_tensor::{Array, Tensor};
use proptest::prelude::*;

use super::drawn;
use crate::objective::Objective;
use crate::shared_representation::{
    Alternation, NuclearRepresentation, Setting, SharedRegression, TwoLayerDescent, method_of_moments,
    principal_angles, spectral_start,
};
use crate::testing::cases;
use crate::{Convention, DeepLinearError, LinearRegression};

proptest! {
    /// Loss against its definition, gradient against central differences (exact on quadratics).
    #[test]
    fn the_objective_is_its_definition(seed in any::<u64>(), d in 1usize..5, tasks in 1usize..4) {
        let stream = Stream::root(seed);
        let examples: Vec<(DMatrix<f64>, DVector<f64>)> = (0..tasks)
            .map(|t| {
                let stream = stream.indexed(t as u64);
                (stream.named("x").normal_matrix(t + 2, d, 1.0), stream.named("y").normal_vector(t + 2, 1.0))
            })
            .collect();
        let mut data = SharedRegression::new(d).unwrap();
        examples.iter().for_each(|(x, y)| data.push(x, y).unwrap());
        let theta: DMatrix<f64> = stream.named("theta").normal_matrix(tasks, d, 1.0);
        let definition = |theta: &DMatrix<f64>| {
            let squares = examples.iter().enumerate().map(|(t, (x, y))| (x * theta.row(t).transpose() - y).norm_squared());
            squares.sum::<f64>() / (2 * data.example_count()) as f64
        };
        let mut gradient = DMatrix::zeros(tasks, d);
        let loss = data.loss_and_gradient(&theta, &mut gradient);
        prop_assert!((loss - definition(&theta)).abs() < 1e-12 * (1.0 + loss));
        for i in 0..theta.len() {
            let moved = |h: f64| { let mut t = theta.clone(); t[i] += h; definition(&t) };
            let difference = (moved(1e-3) - moved(-1e-3)) / 2e-3;
            prop_assert!((difference - gradient[i]).abs() < 1e-9 * (1.0 + loss));
        }
    }

    /// Tasks with the same inputs are one regression with several outputs.
    #[test]
    fn common_inputs_give_linear_regression(seed in any::<u64>(), d in 1usize..5, tasks in 1usize..4) {
        let stream = Stream::root(seed);
        let x: DMatrix<f64> = stream.named("x").normal_matrix(6, d, 1.0);
        let y: DMatrix<f64> = stream.named("y").normal_matrix(6, tasks, 1.0);
        let mut data = SharedRegression::new(d).unwrap();
        y.column_iter().for_each(|y| data.push(&x, &y.into_owned()).unwrap());
        let regression = LinearRegression::<f64>::new(&x, &y, Convention::HalfSum).unwrap();
        let w: DMatrix<f64> = stream.named("w").normal_matrix(tasks, d, 1.0);
        let (mut a, mut b) = (DMatrix::zeros(tasks, d), DMatrix::zeros(tasks, d));
        let (la, lb) = (data.loss_and_gradient(&w, &mut a), regression.loss_and_gradient(&w, &mut b));
        let n = (6 * tasks) as f64;
        prop_assert!((la * n - lb).abs() < 1e-9 * (1.0 + lb) * (1.0 + regression.solution().norm()));
        prop_assert!((a * n - b).amax() < 1e-10 * (1.0 + lb));
    }
}

proptest! {
    #![proptest_config(cases(12))]

    /// No half of a sweep raises the objective, from any start; the end is stationary: its gradient in the end matrix
    /// vanishes along the representation and along the heads.
    #[test]
    fn alternation_descends_to_a_stationary_point(
        seed in any::<u64>(), d in 4usize..12, k in 1usize..4, blocks in 2usize..5, condition in 1.0..20.0,
    ) {
        let setting = Setting { source_condition: condition, ..Setting::new(d, k, k * blocks) };
        let stream = Stream::root(seed);
        let (_, data) = drawn(&setting, &stream);
        let start: DMatrix<f64> = stream.named("start").normal_matrix(d, k, 1.0);
        let mut seen: Vec<f64> = Vec::new();
        let method = Alternation { tolerance: 1e-9, max_sweeps: 2_000 };
        let fit = method.fit_observed(&data, &start, |loss| seen.push(loss)).unwrap();
        prop_assert!(seen.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-12)), "{seen:?}");
        prop_assert!(fit.converged, "{} after {} sweeps", fit.stationarity, fit.iterations);
        let end = (&fit.representation * &fit.heads).transpose();
        let mut gradient = DMatrix::zeros(end.nrows(), end.ncols());
        let loss = data.loss_and_gradient(&end, &mut gradient);
        prop_assert!((loss - fit.objective).abs() < 1e-12);
        prop_assert!((&gradient * &fit.representation).amax() < 1e-7);
        prop_assert!((&fit.heads * &gradient).amax() < 1e-7);
        let gram = fit.representation.transpose() * &fit.representation;
        prop_assert!((gram - DMatrix::identity(k, k)).amax() < 1e-12);
    }

    /// Without noise the representation is found exactly, from the spectral start, under covariate shift.
    #[test]
    fn without_noise_the_representation_is_found(
        seed in any::<u64>(), d in 4usize..12, k in 1usize..4, condition in 1.0..10.0,
    ) {
        let setting =
            Setting { noise: 0.0, source_condition: condition, source_examples: 4 * d, ..Setting::new(d, k, 4 * k) };
        let (truth, data) = drawn(&setting, &Stream::root(seed));
        let fit = Alternation::default().fit(&data, &spectral_start(&data, k).unwrap()).unwrap();
        prop_assert!(principal_angles(&truth.representation, &fit.representation).unwrap()[0] < 1e-6);
        prop_assert!(fit.objective < 1e-12);
    }
}

/// The same minimum by alternation from the spectral start, by alternation from 20 random starts, and by descent on the
/// two-layer linear network from 20 random starts: objectives to a relative 1e-10, subspaces to 1e-5 radians.
#[test]
fn twenty_starts_of_both_methods_reach_one_minimum() {
    let setting = Setting { source_examples: 30, ..Setting::new(12, 3, 12) };
    let stream = Stream::root(8);
    let (_, data) = drawn(&setting, &stream);
    let reference = Alternation::default().fit(&data, &spectral_start(&data, 3).unwrap()).unwrap();
    assert!(reference.converged);
    for i in 0..20 {
        let stream = stream.named("start").indexed(i);
        let alternated =
            Alternation::default().fit(&data, &stream.named("B").orthonormal_matrix(12, 3)).unwrap();
        let descended = TwoLayerDescent::default().fit(&data, 3, &stream.named("network")).unwrap();
        for fit in [alternated, descended] {
            assert!(fit.converged, "start {i}: stationarity {:e}", fit.stationarity);
            assert!((fit.objective / reference.objective - 1.0).abs() < 1e-10, "start {i}");
            let angles = principal_angles(&fit.representation, &reference.representation).unwrap();
            assert!(angles[0] < 1e-5, "start {i}: {}", angles[0]);
        }
    }
}

/// Both estimates without iteration find the span as examples grow: the error falls at least threefold with 16 times the
/// data (a square root of 16 less scatter).
#[test]
fn starts_are_consistent() {
    for method in [spectral_start, method_of_moments] {
        let angle = |source_examples| {
            let setting = Setting { source_examples, source_condition: 3.0, ..Setting::new(10, 2, 20) };
            let angle = |seed| {
                let (truth, data) = drawn(&setting, &Stream::root(seed));
                principal_angles(&truth.representation, &method(&data, 2).unwrap()).unwrap()[0]
            };
            (0..5).map(angle).sum::<f64>() / 5.0
        };
        let (few, many) = (angle(100), angle(1600));
        assert!(many < few / 3.0, "{few} {many}");
    }
}

/// Tasks `2 e_1` from 4 examples and `e_2` from 36, inputs orthogonal and no noise: each estimate is the task itself, however
/// many examples it has, so that the first direction is `e_1`.
#[test]
fn the_spectral_start_counts_tasks_not_examples() {
    let mut data = SharedRegression::new(2).unwrap();
    for (n, theta) in [(4, [2.0, 0.0]), (36, [0.0, 1.0])] {
        let x = Stream::root(15).indexed(n).orthonormal_matrix::<f64>(n as usize, 2) * (n as f64).sqrt();
        data.push(&x, &(&x * DVector::from_row_slice(&theta))).unwrap();
    }
    let start = spectral_start(&data, 1).unwrap();
    assert!((start[(0, 0)].abs() - 1.0).abs() < 1e-12 && start[(1, 0)].abs() < 1e-12, "{start}");
}

/// The nuclear-norm solution is certified, and is what weight decay on a wide two-layer linear network finds
/// (`lambda ||Theta||_* = min lambda/2 (||B||^2 + ||W||^2)`), an independent method on the other form of the problem.
#[test]
fn weight_decay_is_the_nuclear_norm() {
    let (d, tasks) = (6, 8);
    let stream = Stream::root(9);
    let setting = Setting { source_examples: 12, ..Setting::new(d, 2, tasks) };
    let (_, data) = drawn(&setting, &stream);
    let method = NuclearRepresentation { lambda: 0.03, tolerance: 1e-9, max_iterations: 5_000 };
    let fit = method.fit(&data).unwrap();
    assert!(
        fit.relative_gap <= 1e-9 && fit.representation.ncols() < d,
        "rank {}",
        fit.representation.ncols()
    );
    let value = data.loss_of(&fit.representation, &fit.heads)
        + 0.5 * method.lambda * (fit.representation.norm_squared() + fit.heads.norm_squared());
    assert!((value / fit.objective - 1.0).abs() < 1e-9);

    // L as a quadratic form in tensors: curvature and moment of each task, a row each.
    let mut zero = DMatrix::zeros(tasks, d);
    let constant = data.loss_and_gradient(&DMatrix::zeros(tasks, d), &mut zero);
    let grams: Vec<Tensor<f64>> = (0..tasks)
        .map(|t| {
            let columns: Vec<DVector<f64>> = (0..d)
                .map(|j| {
                    let mut end = DMatrix::zeros(tasks, d);
                    end[(t, j)] = 1.0;
                    let mut gradient = DMatrix::zeros(tasks, d);
                    data.loss_and_gradient(&end, &mut gradient);
                    (gradient - &zero).row(t).transpose()
                })
                .collect();
            Array::from(&DMatrix::from_columns(&columns)).into()
        })
        .collect();
    let slope: Tensor<f64> = Array::from(&zero).into();
    let loss = |(b, w): &(Tensor<f64>, Tensor<f64>)| {
        let end = w.matmul(b);
        let quadratic = grams
            .iter()
            .enumerate()
            .map(|(t, gram)| {
                let row = end.slice(0, t..t + 1);
                (row.matmul(gram) * row).sum().scale(0.5)
            })
            .reduce(|a, b| a + b)
            .unwrap();
        quadratic + (end * &slope).sum() + (b.square().sum() + w.square().sum()).scale(0.5 * method.lambda)
    };
    let mut net = (
        Tensor::normal(&stream.named("B"), &[d, d], 0.3),
        Tensor::normal(&stream.named("W"), &[tasks, d], 0.3),
    );
    let stop = Stop::after(20_000).at_gradient_norm(1e-8);
    train(&mut net, &mut Optimizer::descent(0.5), stop, |_, net: &(Tensor<f64>, Tensor<f64>)| loss(net))
        .unwrap();
    let descended = loss(&net).item() + constant;
    assert!((descended / fit.objective - 1.0).abs() < 1e-7, "{descended} {}", fit.objective);
}

/// Six tasks of rank two with noise; the same ones in other units of inputs and labels.
fn in_units(inputs: f64, labels: f64) -> SharedRegression {
    let stream = Stream::root(11);
    let theta =
        stream.named("b").normal_matrix::<f64>(5, 2, 1.0) * stream.named("w").normal_matrix::<f64>(2, 6, 1.0);
    let mut data = SharedRegression::new(5).unwrap();
    for (t, theta) in theta.column_iter().enumerate() {
        let stream = stream.indexed(t as u64);
        let x: DMatrix<f64> = stream.named("x").normal_matrix(20, 5, 1.0);
        let y = &x * theta + stream.named("noise").normal_vector::<f64>(20, 0.3);
        data.push(&(x * inputs), &(y * labels)).unwrap();
    }
    data
}

/// Inputs in units of `1/a` and labels in units of `1/b` make the solution `b / a` times what it was and the loss `b^2` times.
/// Steps, starts and thresholds that follow make the same number of iterations: powers of 4 even round alike.
#[test]
fn units_do_not_matter() {
    let plain = in_units(1.0, 1.0);
    let descent = TwoLayerDescent::default();
    let descended = descent.fit(&plain, 2, &Stream::root(12)).unwrap();
    assert!(descended.converged && descended.stationarity <= descent.tolerance);
    let method = NuclearRepresentation { lambda: 0.05, tolerance: 1e-9, max_iterations: 5_000 };
    let solved = method.fit(&plain).unwrap();
    assert!((1..5).contains(&solved.representation.ncols()), "rank {}", solved.representation.ncols());
    for (a, b) in [(64.0, 1.0), (1.0, 4096.0), (1.0, 1.0 / 4096.0), (1.0 / 16.0, 64.0)] {
        let data = in_units(a, b);
        let close = |ours: f64, theirs: f64| (ours / theirs - 1.0).abs() < 1e-9;
        let fit = descent.fit(&data, 2, &Stream::root(12)).unwrap();
        assert_eq!(fit.iterations, descended.iterations, "{a} {b}");
        assert!(close(fit.objective, b * b * descended.objective), "{a} {b}");
        assert!((fit.stationarity - descended.stationarity).abs() < 1e-3 * descent.tolerance, "{a} {b}");
        let fit = NuclearRepresentation { lambda: method.lambda * a * b, ..method }.fit(&data).unwrap();
        assert_eq!(fit.iterations, solved.iterations, "{a} {b}");
        assert!(close(fit.objective, b * b * solved.objective), "{a} {b}");
        assert_eq!(fit.representation.shape(), solved.representation.shape(), "{a} {b}");
        assert!(close(fit.radius(), (b / a).sqrt() * solved.radius()), "{a} {b}");
    }
}

/// Before the first step the gradient is the largest so far, whichever of the layers has more of it.
#[test]
fn descent_starts_at_stationarity_one() {
    let (_, data) = drawn(&Setting::new(5, 2, 4), &Stream::root(10));
    let descent = TwoLayerDescent { max_steps: 0, ..TwoLayerDescent::default() };
    for seed in 0..8 {
        let fit = descent.fit(&data, 2, &Stream::root(seed)).unwrap();
        assert_eq!((fit.stationarity, fit.converged), (1.0, false), "{seed}");
    }
}

/// Where `X_t^T X_t = n I` for each of `T` tasks, `lambda = sigma sqrt(n) (sqrt d + sqrt T) / (n T)`.
#[test]
fn the_noise_level_of_isotropic_inputs() {
    let (n, d, tasks, sigma) = (9, 4, 7, 0.3);
    let mut data = SharedRegression::new(d).unwrap();
    for t in 0..tasks {
        let x = Stream::root(13).indexed(t).orthonormal_matrix::<f64>(n, d) * (n as f64).sqrt();
        data.push(&x, &DVector::from_element(n, 1.0)).unwrap();
    }
    let (n, d, tasks) = (n as f64, d as f64, tasks as f64);
    let expected = sigma * n.sqrt() * (d.sqrt() + tasks.sqrt()) / (n * tasks);
    let lambda = NuclearRepresentation::at_noise_level(&data, sigma).unwrap().lambda;
    assert!((lambda / expected - 1.0).abs() < 1e-12, "{lambda} {expected}");
    for noise in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(NuclearRepresentation::at_noise_level(&data, noise).is_err());
    }
}

/// Proximal gradients without momentum reduce the error by `1 - 1/kappa` a step: `kappa ln 1e9 = 20,000` steps of condition
/// 1000. With it and its restarts, a few times `sqrt kappa ln 1e9 = 655`.
#[test]
fn momentum_makes_up_for_the_condition() {
    let setting = Setting { source_examples: 40, source_condition: 1e3, ..Setting::new(10, 2, 8) };
    let (_, data) = drawn(&setting, &Stream::root(14));
    let method = NuclearRepresentation { lambda: 1e-3, tolerance: 1e-9, max_iterations: 4_000 };
    let fit = method.fit(&data).unwrap();
    assert!(fit.iterations > 40, "{}: not a hard problem", fit.iterations);
}

/// Above the gradient at 0 the nuclear norm wins: nothing is represented.
#[test]
fn a_large_penalty_gives_zero() {
    let (_, data) = drawn(&Setting::new(5, 2, 4), &Stream::root(10));
    let fit = NuclearRepresentation { lambda: 10.0, tolerance: 1e-9, max_iterations: 50 }.fit(&data).unwrap();
    assert_eq!((fit.representation.ncols(), fit.radius()), (0, 0.0));
}

#[test]
fn penalties_and_scales_out_of_range_are_errors() {
    let (_, data) = drawn(&Setting::new(5, 2, 4), &Stream::root(10));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let method = NuclearRepresentation { lambda: bad, tolerance: 1e-9, max_iterations: 50 };
        assert!(matches!(method.fit(&data), Err(DeepLinearError::Configuration { .. })), "{bad}");
        let usual = TwoLayerDescent { max_steps: 50, ..TwoLayerDescent::default() };
        for descent in [
            TwoLayerDescent { scale: bad, ..usual },
            TwoLayerDescent { step: bad, ..usual },
            TwoLayerDescent { tolerance: bad, ..usual },
        ] {
            let fit = descent.fit(&data, 2, &Stream::root(12));
            assert!(matches!(fit, Err(DeepLinearError::Configuration { .. })), "{descent:?}");
        }
    }
}

#[test]
fn wrong_data_and_starts_are_named() {
    let mut data = SharedRegression::new(3).unwrap();
    let error = |r: Result<(), crate::DeepLinearError>| r.unwrap_err().to_string();
    assert_eq!(
        error(data.push(&DMatrix::zeros(4, 2), &DVector::zeros(4))),
        "the inputs of a source task is 4 x 2, expected 4 x 3"
    );
    let start = DMatrix::identity(3, 1);
    let message = Alternation::default().fit(&data, &start).unwrap_err().to_string();
    assert_eq!(message, "source tasks: at least one is needed, got none");
    let (_, data) = drawn(&Setting::new(5, 2, 4), &Stream::root(10));
    assert!(spectral_start(&data, 5).is_err() && spectral_start(&data, 0).is_err());
    assert!(
        Alternation::default().fit(&data, &start).unwrap_err().to_string().contains("3 x 1, expected 5 x 1")
    );
}
