//! Training without a decomposition against the decomposition.

use nalgebra::DMatrix;
use overparam_ntk::predict::krylov::Krylov;
use overparam_ntk::predict::squared::SquaredLossDynamics;
use overparam_ntk::predict::{Regularizer, Schedule};
use proptest::prelude::*;

/// A positive semi-definite matrix of the given rank with eigenvalues over some decades, `m` further rows, and targets.
fn case(n: usize, m: usize, rank: usize, seed: f64) -> (DMatrix<f64>, DMatrix<f64>, DMatrix<f64>) {
    let features = DMatrix::from_fn(n + m, rank, |i, j| {
        (seed + 1.3 * i as f64 + 0.7 * (i * j) as f64).sin() * 0.8f64.powi(j as i32)
    });
    let (train, test) = (features.rows(0, n).into_owned(), features.rows(n, m).into_owned());
    let targets = DMatrix::from_fn(n, 2, |i, c| (seed * 2.1 + 0.9 * i as f64 + c as f64).cos());
    (&train * train.transpose(), &test * train.transpose(), targets)
}

fn schedules() -> [Schedule; 5] {
    [
        Schedule::flow(0.3),
        Schedule::flow(300.0),
        Schedule::Descent { rate: 0.05, steps: 70 },
        Schedule::HeavyBall { rate: 0.02, momentum: 0.8, steps: 40 },
        Schedule::MomentumFlow { rate: 0.1, momentum: 0.5, time: 30.0 },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_the_decomposition(n in 1..60usize, rank in 1..80usize, seed in 0.0..10.0f64) {
        let (dd, td, y) = case(n, 5, rank, seed);
        let start = DMatrix::from_fn(n, 2, |i, c| 0.1 * (i + c) as f64);
        let test_start = DMatrix::from_element(5, 2, 0.3);
        let regularizer = Regularizer::Relative(1e-3);
        let dense = SquaredLossDynamics::new(&dd, &y, regularizer).unwrap();
        let mut krylov = Krylov::new(&dd, &y, &start, regularizer).unwrap();
        for schedule in schedules().into_iter().chain([Schedule::CONVERGED]) {
            let (train, test) = (krylov.train(schedule).unwrap(), krylov.test(schedule, &test_start, &td).unwrap());
            let error = (train - dense.predict_train(schedule, &start).unwrap()).amax();
            prop_assert!(error < 1e-10, "{schedule:?}: training outputs differ by {error:e}");
            let error = (test - dense.predict_test(schedule, (&start, &test_start), &td).unwrap()).amax();
            prop_assert!(error < 1e-9, "{schedule:?}: test outputs differ by {error:e}");
        }
    }
}

/// A kernel without full rank, and times in any order from one basis.
#[test]
fn singular_kernels_and_any_order_of_times() {
    let (dd, td, y) = case(40, 3, 6, 0.5);
    let (zero, test_zero) = (DMatrix::zeros(40, 2), DMatrix::zeros(3, 2));
    let dense = SquaredLossDynamics::new(&dd, &y, Regularizer::NONE).unwrap();
    let mut krylov = Krylov::new(&dd, &y, &zero, Regularizer::NONE).unwrap();
    for time in [100.0, 1.0, 1e4, 0.01] {
        let schedule = Schedule::flow(time);
        let expected = dense.predict_test(schedule, (&zero, &test_zero), &td).unwrap();
        let error = (krylov.test(schedule, &test_zero, &td).unwrap() - expected).amax();
        assert!(error < 1e-9, "time {time}: {error:e}");
    }
    assert!(krylov.vectors() <= 10, "{} vectors for a kernel of rank 6", krylov.vectors());
}

/// Early times need few vectors however large the kernel.
#[test]
fn early_times_need_few_vectors() {
    let (dd, _, y) = case(300, 0, 80, 0.2);
    let mut krylov = Krylov::new(&dd, &y, &DMatrix::zeros(300, 2), Regularizer::Absolute(1e-2)).unwrap();
    krylov.train(Schedule::flow(1.0)).unwrap();
    assert!(krylov.vectors() <= 40, "{} vectors", krylov.vectors());
}

#[test]
fn refuses_what_does_not_fit() {
    let (dd, td, y) = case(4, 2, 4, 0.1);
    let zero = DMatrix::zeros(4, 2);
    let error = Krylov::new(&dd, &y, &DMatrix::zeros(3, 2), Regularizer::NONE).unwrap_err().to_string();
    assert!(error.contains("4 x 2") && error.contains("3 x 2"), "{error}");
    let mut krylov = Krylov::new(&dd, &y, &zero, Regularizer::NONE).unwrap();
    assert!(
        krylov
            .test(Schedule::flow(-1.0), &DMatrix::zeros(2, 2), &td)
            .unwrap_err()
            .to_string()
            .contains("time")
    );
    assert!(krylov.test(Schedule::flow(1.0), &DMatrix::zeros(1, 2), &td).is_err());
}
