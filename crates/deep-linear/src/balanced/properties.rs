//! The closed forms against integration of the layers themselves, and their limits.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::random::Stream;
use proptest::prelude::*;

use super::{AlignedMode, BalancedDraw, BalancedFlow, DepthMode};
use crate::DeepLinearError;

/// Classical Runge-Kutta on `f`, which may be any vector field.
fn runge_kutta(
    mut state: DVector<f64>,
    time: f64,
    steps: usize,
    f: impl Fn(&DVector<f64>) -> DVector<f64>,
) -> DVector<f64> {
    let h = time / steps as f64;
    for _ in 0..steps {
        let k1 = f(&state);
        let k2 = f(&(&state + &k1 * (h / 2.0)));
        let k3 = f(&(&state + &k2 * (h / 2.0)));
        let k4 = f(&(&state + &k3 * h));
        state += (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6.0);
    }
    state
}

/// The layers after gradient flow of `1/2 ||Sigma - W2 W1||^2`.
fn integrated(
    w1: &DMatrix<f64>,
    w2: &DMatrix<f64>,
    sigma: &DMatrix<f64>,
    time: f64,
) -> (DMatrix<f64>, DMatrix<f64>) {
    let ((h, d), (c, _)) = (w1.shape(), w2.shape());
    let split = |state: &DVector<f64>| {
        let first = DMatrix::from_column_slice(h, d, &state.as_slice()[..h * d]);
        (first, DMatrix::from_column_slice(c, h, &state.as_slice()[h * d..]))
    };
    let join = |a: &DMatrix<f64>, b: &DMatrix<f64>| {
        DVector::from_iterator(h * d + c * h, a.iter().chain(b.iter()).copied())
    };
    let end = runge_kutta(join(w1, w2), time, 2000, |state| {
        let (a, b) = split(state);
        let error = sigma - &b * &a;
        join(&(b.transpose() * &error), &(&error * a.transpose()))
    });
    split(&end)
}

proptest! {
    #![proptest_config(crate::testing::cases(24))]

    #[test]
    fn the_flow_is_that_of_the_layers(
        seed in any::<u64>(), d in 1usize..5, h in 1usize..6, c in 1usize..5, lambda in -3f64..3.0, time in 0f64..3.0,
    ) {
        let lambda = if (lambda > 0.0 && h > c) || (lambda < 0.0 && h > d) { 0.0 } else { lambda };
        let strengths = vec![0.3; d.min(h).min(c)];
        let draw = BalancedDraw { inputs: d, hidden: h, outputs: c, imbalance: lambda, strengths };
        let stream = Stream::root(seed);
        let (w1, w2) = draw.draw(&stream).unwrap();
        let sigma = stream.named("sigma").normal_matrix(c, d, 1.0);
        let flow = BalancedFlow::new(&w1, &w2, &sigma).unwrap();
        prop_assert!((flow.imbalance() - lambda).abs() < 1e-12);
        let state = flow.at(time).unwrap();
        let (a, b) = integrated(&w1, &w2, &sigma, time);
        prop_assert!((&b * &a - &state.product).amax() < 1e-8);
        prop_assert!((a.transpose() * &a - &state.input_gram).amax() < 1e-8);
        prop_assert!((&b * b.transpose() - &state.output_gram).amax() < 1e-8);
        // In two strides as in one, and the kernel moves the error.
        let stages = flow.trajectory(&[0.4 * time, time]).unwrap();
        prop_assert!((&stages[1].product - &state.product).amax() < 1e-11);
        let error = &sigma - &state.product;
        let speed = state.kernel_operator() * DVector::from_column_slice(error.as_slice());
        let direct = &state.output_gram * &error + &error * &state.input_gram;
        prop_assert!((speed - DVector::from_column_slice(direct.as_slice())).amax() < 1e-12);
    }

    #[test]
    fn starts_that_are_not_balanced_are_refused(seed in any::<u64>(), d in 1usize..5, h in 2usize..6, c in 1usize..5) {
        let stream = Stream::root(seed);
        let [w1, w2, sigma] = [("1", h, d), ("2", c, h), ("s", c, d)].map(|(n, r, k)| stream.named(n).normal_matrix(r, k, 1.0));
        let refused = BalancedFlow::new(&w1, &w2, &sigma);
        let balanced = matches!(refused, Err(DeepLinearError::Configuration { .. }));
        prop_assert!(balanced);
    }

    #[test]
    fn modes_solve_their_equation(s0 in -1f64..2.0, sigma in -1.5f64..1.5, lambda in -30f64..30.0, small in any::<bool>(), time in 0f64..1.0) {
        let lambda = if small { lambda * 1e-3 } else { lambda };
        let mode = AlignedMode::new(s0, sigma, lambda).unwrap();
        let exact = mode.at(time).unwrap();
        let steps = 400 + (200.0 * lambda.abs()) as usize;
        let found = runge_kutta(DVector::from_element(1, s0), time, steps, |s| {
            DVector::from_element(1, mode.kernel(s[0]) * (sigma - s[0]))
        })[0];
        prop_assert!((exact - found).abs() < 1e-9, "{exact} {found}");
        // The way back, where the mode is not at its end yet.
        if (exact - sigma).abs() > 1e-3 && (exact - s0).abs() > 1e-3 {
            prop_assert!((mode.time_to(exact).unwrap() - time).abs() < 1e-9);
        }
    }

    #[test]
    fn depth_modes_solve_their_equation(depth in 1usize..12, start in 0.05f64..0.5, sigma in 0.6f64..2.0, time in 0f64..2.0) {
        let mode = DepthMode::new(depth, start, sigma).unwrap();
        let n = depth as f64;
        let found = runge_kutta(DVector::from_element(1, start), time, 2000, |s| {
            DVector::from_element(1, n * s[0].powf(2.0 - 2.0 / n) * (sigma - s[0]))
        })[0];
        prop_assert!((mode.at(time).unwrap() - found).abs() < 1e-9);
    }
}

#[test]
fn the_two_forms_of_a_mode_meet() {
    // On both sides of the switch between lazy and rich formulas, and in the limits that each is for.
    for (s0, sigma) in [(0.3, 0.9), (-0.4, 0.7), (0.0, 0.5)] {
        let at = |lambda: f64, t: f64| AlignedMode::new(s0, sigma, lambda).unwrap().at(t).unwrap();
        let edge = sigma.max(f64::abs(s0));
        assert!((at(edge * (1.0 - 1e-13), 0.7) - at(edge * (1.0 + 1e-13), 0.7)).abs() < 1e-12);
        let lazy: f64 = sigma + (s0 - sigma) * (-2f64).exp();
        assert!((at(1e9, 2e-9) - lazy).abs() < 1e-8);
        assert!((at(1e-200, 0.7) - at(0.0, 0.7)).abs() < 1e-14);
    }
    assert_eq!(AlignedMode::new(0.0, 1.0, 0.0).unwrap().at(5.0).unwrap(), 0.0);
    assert_eq!(AlignedMode::new(0.1, 1.0, 0.0).unwrap().time_to(1.0).unwrap(), f64::INFINITY);
    assert!(AlignedMode::new(0.1, 1.0, 0.0).unwrap().time_to(1.1).is_err());
}

#[test]
fn an_aligned_start_follows_its_mode() {
    let (lambda, p, sigma) = (0.7, 0.1, 1.2);
    let (w1, w2) = BalancedDraw { inputs: 1, hidden: 1, outputs: 1, imbalance: lambda, strengths: vec![p] }
        .draw(&Stream::root(3))
        .unwrap();
    let flow = BalancedFlow::new(&w1, &w2, &DMatrix::from_element(1, 1, sigma)).unwrap();
    let mode = AlignedMode::new(w2[0] * w1[0], sigma, lambda).unwrap();
    for time in [0.0, 0.3, 2.0, 500.0] {
        let state = flow.at(time).unwrap();
        let s = mode.at(time).unwrap();
        assert!((state.product[0] - s).abs() < 1e-13);
        assert!((state.kernel_operator()[0] - mode.kernel(s)).abs() < 1e-13);
    }
}

/// From lazy to rich: the change of the kernel, and the distance from the flow with the kernel frozen, fall as `lambda^-2`.
#[test]
fn large_imbalance_is_lazy() {
    let sigma: DMatrix<f64> = Stream::root(5).normal_matrix(4, 4, 1.0);
    let sigma = &sigma * (2.0 / sigma.norm());
    let change = |lambda: f64| {
        let draw =
            BalancedDraw { inputs: 4, hidden: 4, outputs: 4, imbalance: lambda, strengths: vec![0.05; 4] };
        let (w1, w2) = draw.draw(&Stream::root(6)).unwrap();
        let flow = BalancedFlow::new(&w1, &w2, &sigma).unwrap();
        let (start, end) = (flow.at(0.0).unwrap().kernel_operator(), flow.limit().unwrap().kernel_operator());
        (end - &start).norm() / start.norm()
    };
    for sign in [1.0, -1.0] {
        let slope = (change(64.0 * sign) / change(16.0 * sign)).ln() / 4f64.ln();
        assert!((slope + 2.0).abs() < 0.05, "{slope}");
    }
}

#[test]
fn limits_know_what_the_start_lacks() {
    // The leading direction of Sigma is missing from the start: descent stays with the second.
    let sigma = DMatrix::from_row_slice(2, 2, &[3.0, 0.0, 0.0, 1.0]);
    let (w1, w2) = (DMatrix::from_row_slice(1, 2, &[0.0, 0.1]), DMatrix::from_row_slice(2, 1, &[0.0, 0.1]));
    let limit = BalancedFlow::new(&w1, &w2, &sigma).unwrap().limit().unwrap();
    assert!((limit.product - DMatrix::from_row_slice(2, 2, &[0.0, 0.0, 0.0, 1.0])).amax() < 1e-14);
    // A zero start stays; more hidden units than modes, and unlearned outputs that keep what they have of the imbalance.
    let zero = BalancedFlow::new(&DMatrix::zeros(2, 2), &DMatrix::zeros(2, 2), &sigma).unwrap();
    assert_eq!(zero.at(1e4).unwrap().product.amax(), 0.0);
    let draw = BalancedDraw { inputs: 2, hidden: 3, outputs: 4, imbalance: 0.8, strengths: vec![0.1, 0.2] };
    let (w1, w2) = draw.draw(&Stream::root(8)).unwrap();
    let sigma = Stream::root(9).normal_matrix(4, 2, 1.0);
    let flow = BalancedFlow::new(&w1, &w2, &sigma).unwrap();
    let (limit, late) = (flow.limit().unwrap(), flow.at(200.0).unwrap());
    assert!(
        (&limit.product - &sigma).amax() < 1e-12 && (limit.output_gram - late.output_gram).amax() < 1e-10
    );
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let draw = BalancedDraw { inputs: 2, hidden: 3, outputs: 4, imbalance: 1.0, strengths: vec![0.1] };
    assert!(draw.draw(&Stream::root(0)).is_ok());
    let wrong = [
        BalancedDraw { imbalance: -1.0, ..draw.clone() },
        BalancedDraw { outputs: 2, ..draw.clone() },
        BalancedDraw { strengths: vec![0.1; 3], ..draw.clone() },
        BalancedDraw { strengths: vec![-0.1], ..draw.clone() },
        BalancedDraw { imbalance: f64::NAN, ..draw.clone() },
        BalancedDraw { inputs: 0, ..draw.clone() },
    ];
    for draw in wrong {
        assert!(draw.draw(&Stream::root(0)).is_err(), "{draw:?}");
    }
    for (depth, start, sigma) in [(0, 0.1, 1.0), (2, 0.0, 1.0), (2, 1.0, 1.0), (2, 0.1, f64::INFINITY)] {
        assert!(DepthMode::new(depth, start, sigma).is_err());
    }
    assert!(DepthMode::new(1, 0.1, 1.0).unwrap().plateau().is_err());
    assert!(DepthMode::new(2, 0.1, 1.0).unwrap().time_to_fraction(0.05).is_err());
}
