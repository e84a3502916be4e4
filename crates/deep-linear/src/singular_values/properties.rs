//! The singular-value equation against flow, descent and finite differences.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use overparam_tensor::linalg::singular_values;
use overparam_tensor::ode::{Integrator, Tolerance};
use overparam_tensor::random::Stream;
use proptest::prelude::*;

use super::{SingularValueTrajectory, propagate, singular_value_rates};
use crate::flow::end_to_end_velocity;
use crate::{
    Convention, DeepLinearError, DeepLinearNetwork, EndToEndFlow, Entry, GradientFlow, Initialization,
    MatrixCompletion, Objective, Optimizer, Training,
};

fn normal(seed: u64, name: &str, rows: usize, columns: usize) -> DMatrix<f64> {
    Stream::root(seed).named(name).normal_matrix(rows, columns, 1.0)
}

/// Half the entries of a random matrix of rank 2 and Frobenius norm `size`.
fn problem(seed: u64, m: usize, n: usize, size: f64) -> MatrixCompletion<f64> {
    let mut truth = normal(seed, "left", m, 2) * normal(seed, "right", 2, n);
    truth *= size / truth.norm();
    let entries: Vec<Entry> = Stream::root(seed)
        .named("observed")
        .sample_indices(m * n, (m * n).div_ceil(2))
        .into_iter()
        .map(|k| Entry { row: k % m, column: k / m, value: truth[k] })
        .collect();
    MatrixCompletion::new(m, n, &entries, Convention::HalfSum).unwrap()
}

proptest! {
    #![proptest_config(crate::testing::cases(64))]

    /// The rates are the derivatives of the singular values along the end-to-end flow.
    #[test]
    fn rates_are_derivatives_along_the_flow(seed in any::<u64>(), m in 1usize..5, n in 1usize..5, depth in 1usize..6) {
        let (w, g) = (normal(seed, "w", m, n), normal(seed, "g", m, n));
        let at = singular_value_rates(&w, &g, depth).unwrap();
        let gaps = at.values.as_slice().windows(2).map(|s| s[0] - s[1]).fold(at.values.min(), f64::min);
        prop_assume!(gaps > 1e-2);
        let velocity = end_to_end_velocity(&w, &g, depth).unwrap();
        let h = 1e-6;
        let difference = (singular_values(&(&w + &velocity * h)).unwrap()
            - singular_values(&(&w - &velocity * h)).unwrap()) / (2.0 * h);
        prop_assert!((difference - &at.rates).norm() < 1e-4 * (1.0 + velocity.norm()).powi(3));
    }

    /// At repeated (and, at depth 1, vanishing) singular values they are the derivatives to the right.
    #[test]
    fn rates_at_repeated_values(seed in any::<u64>(), n in 2usize..5, extra in 0usize..3, depth in 1usize..5, zero in any::<bool>()) {
        let g = normal(seed, "g", n, n + extra);
        let mut w = DMatrix::identity(n, n + extra) * 0.7;
        if zero {
            w.row_mut(n - 1).fill(0.0);
        }
        let at = singular_value_rates(&w, &g, depth).unwrap();
        let h = 1e-7;
        let moved = &w + end_to_end_velocity(&w, &g, depth).unwrap() * h;
        let difference = (singular_values(&moved).unwrap() - &at.values) / h;
        prop_assert!((difference - &at.rates).norm() < 1e-4 * (1.0 + g.norm()).powi(2));
    }

    #[test]
    fn propagation_solves_the_equation(value in 0.01..3.0, depth in 1usize..6, alignment in -0.3..0.3) {
        let n = depth as f64;
        let f = |_: f64, s: &[f64], ds: &mut [f64]| ds[0] = -n * s[0].abs().powf(2.0 - 2.0 / n) * alignment;
        let expected = propagate(value, depth, 0.4 * alignment);
        prop_assume!(expected < 1e3);
        let mut integrator = Integrator::new(0.0, vec![value], f, Tolerance::default()).unwrap();
        integrator.advance_to(0.4).unwrap();
        prop_assert!((integrator.state()[0] - expected).abs() < 1e-6 * (1.0 + expected));
    }

    /// Along the flow itself, layers or end to end, only the quadrature error remains.
    #[test]
    fn the_equation_agrees_with_the_flow(seed in 0u64..1000, m in 2usize..5, n in 2usize..5, depth in 2usize..5) {
        let objective = problem(seed, m, n, 1.0);
        let end = normal(seed, "end", m, n) * 0.3;
        let mut widths = vec![m.max(n); depth + 1];
        (widths[0], widths[depth]) = (n, m);
        let init = Initialization::Balanced { end: end.clone() };
        let network = DeepLinearNetwork::initialize(&widths, &init, &Stream::root(seed)).unwrap();
        let mut layers = GradientFlow::new(&network, &objective, Tolerance::default()).unwrap();
        let mut whole = EndToEndFlow::new(&end, depth, &objective, Tolerance::default()).unwrap();
        let mut trajectories = [(); 2].map(|()| SingularValueTrajectory::new(depth).unwrap());
        let mut gradient = DMatrix::zeros(m, n);
        for step in 0..=400 {
            let time = 0.005 * f64::from(step);
            layers.advance_to(time).unwrap();
            whole.advance_to(time).unwrap();
            let ends = [layers.network().end_matrix(), whole.end_matrix()];
            for (trajectory, end) in trajectories.iter_mut().zip(&ends) {
                objective.loss_and_gradient(end, &mut gradient);
                trajectory.record(time, end, &gradient).unwrap();
            }
        }
        for trajectory in &trajectories {
            prop_assert!(trajectory.relative_error() < 1e-2, "{}", trajectory.relative_error());
        }
    }
}

/// The relative trajectory error of descent at a step size, to time 8, from a start with the given singular values.
fn descent_error(depth: usize, learning_rate: f64, unbalanced: bool) -> f64 {
    let (n, objective) = (6, problem(3, 6, 6, 5.0));
    let end = normal(3, "end", n, n) * 0.1;
    let init = if unbalanced {
        Initialization::Unbalanced { end, ratio: 4.0 }
    } else {
        Initialization::Balanced { end }
    };
    let mut network = DeepLinearNetwork::initialize(&vec![n; depth + 1], &init, &Stream::root(0)).unwrap();
    let mut trajectory = SingularValueTrajectory::new(depth).unwrap();
    let max_steps = (8.0 / learning_rate).round() as u64;
    let optimizer = Optimizer::GradientDescent { learning_rate };
    let result = Training { optimizer, loss_target: -1.0, max_steps, observe_every: 1 }.run_observed(
        &mut network,
        &objective,
        |seen| {
            trajectory.record(seen.step as f64 * learning_rate, seen.end_matrix, seen.end_gradient)?;
            Ok(ControlFlow::Continue(()))
        },
    );
    match result {
        Ok(_) => trajectory.relative_error(),
        Err(DeepLinearError::SingularValueBlowUp { .. }) => f64::INFINITY,
        Err(error) => panic!("{error}"),
    }
}

/// Descent follows the equation, twice as closely at half the step; unbalanced, it does not.
#[test]
fn descent_follows_the_equation_at_first_order() {
    for depth in 1..=4 {
        let (coarse, fine) = (descent_error(depth, 1e-3, false), descent_error(depth, 5e-4, false));
        assert!(fine < 0.02 && (coarse / fine - 2.0).abs() < 0.05, "depth {depth}: {coarse} {fine}");
        if depth > 1 {
            let control = descent_error(depth, 1e-3, true);
            assert!(control > 0.2, "depth {depth}: {control}");
        }
    }
}

/// `diag(1 - t, t - 1/2)`: paths that cross each other and zero at depth 1 are followed through, with their signs.
#[test]
fn crossings_are_followed() {
    let gradient = DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, -1.0]);
    let mut trajectory = SingularValueTrajectory::new(1).unwrap();
    for step in 0..=30 {
        let t = 0.1 * f64::from(step) + 0.01;
        let w = DMatrix::from_row_slice(2, 2, &[1.0 - t, 0.0, 0.0, t - 0.5]);
        trajectory.record(t, &w, &gradient).unwrap();
    }
    assert!(trajectory.relative_error() < 1e-12);
    let last = &trajectory.measured()[30];
    // The second path starts at -0.49, which the first decomposition calls 0.49.
    assert!((last[0] + 2.01).abs() < 1e-12 && (last[1] + 2.51).abs() < 1e-12, "{last}");
    assert_eq!(trajectory.final_order(), [1, 0]);
}

#[test]
fn snapshots_out_of_order_and_blow_up_are_errors() {
    let (w, g) = (DMatrix::identity(2, 2), DMatrix::identity(2, 2) * -1.0);
    let mut trajectory = SingularValueTrajectory::new(3).unwrap();
    trajectory.record(0.0, &w, &g).unwrap();
    assert!(matches!(trajectory.record(0.0, &w, &g), Err(DeepLinearError::TimeNotIncreasing { .. })));
    let error = trajectory.record(5.0, &w, &g).unwrap_err();
    assert_eq!(error, DeepLinearError::SingularValueBlowUp { index: 0, start: 0.0, end: 5.0 });
    assert_eq!(trajectory.times(), [0.0]);
    assert!(SingularValueTrajectory::new(0).is_err());
    assert!(singular_value_rates(&w, &g, 0).is_err());
}
