//! The optimum, its proof, and the constants, against independent computations.

use nalgebra::DVector;
use overparam_tensor::random::Stream;
use proptest::prelude::*;

use super::dual::Dual;
use super::testing::{line, random};
use super::{Atoms, Line};
use crate::Error;

proptest! {
    /// Value and gradient are those of the representation of `nfr`, and of differences.
    #[test]
    fn the_value_is_that_of_the_representation(seed in any::<u64>()) {
        let (line, net) = (line(), random(seed));
        let (problem, represented) = (line.problem(), net.represent());
        let value = line.value(&net);
        prop_assert!((problem.objective(&represented) - value).abs() < 1e-10 * value);
        let gradient = line.gradient(&net);
        let moved = |by: f64| {
            let mut net = net.clone();
            net.slopes[1] += by;
            net.first[0] += 2.0 * by;
            net.weights[(2, 1)] -= by;
            net.second[0] += by;
            net.top[1] += by;
            line.value(&net)
        };
        let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        let expected = gradient.slopes[1] + 2.0 * gradient.first[0] - gradient.weights[(2, 1)] + gradient.second[0] + gradient.top[1];
        prop_assert!((slope - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{slope} {expected}");
    }

    /// Weak duality, with the net's own second-layer units: whatever the dual point, no net of these units is below its value.
    #[test]
    fn weak_duality_holds_for_a_nets_own_units(seed in any::<u64>(), other in any::<u64>()) {
        let (line, net) = (line(), random(seed));
        let dual = Dual::of(&line, &random(other));
        let bound = dual.base(&line) - dual.best_of(&line, &net).max(0.0);
        prop_assert!(line.value(&net) >= bound - 1e-12);
    }
}

/// The optimum of a problem of four examples: its gap is small, no random net and no random descent is below its bound.
#[test]
fn no_net_is_below_the_certified_bound() {
    let line = line();
    let net = line.optimum(&Stream::root(1)).unwrap();
    let certified = line.certify(&net, 0.006, 200_000).unwrap();
    assert!(certified.gap() <= 0.01 && certified.gap() > 0.0, "{}", certified.gap());
    let least = (0..3000).map(|seed| line.value(&random(seed))).fold(f64::INFINITY, f64::min);
    assert!(least > certified.bound);
    for seed in 0..40 {
        let trained = super::newton::polish(&line, &random(seed), 150, 1e-9);
        let value = line.value(&trained);
        assert!(value >= certified.bound && value >= certified.value - 1e-9, "{value} {}", certified.value);
    }
}

/// One example: only products matter, so that the optimum is that of a net of one unit per layer, found by a grid.
#[test]
fn one_example_is_solved_by_brute_force() {
    let line = Line { inputs: vec![0.0], targets: vec![1.0], ridge_top: 0.01, ridge_features: 0.001 }
        .checked()
        .unwrap();
    // At x = 0 the slope is useless; one live unit of mass p, |b| and the strength w.
    let grid = |count: usize, from: f64, to: f64| {
        (0..count).map(move |k| from * (to / from).powf(k as f64 / (count - 1) as f64))
    };
    let mut least = f64::INFINITY;
    for p in grid(24, 0.05, 1.0) {
        for b in grid(32, 0.2, 4.0) {
            for w in grid(60, 0.1, 20.0) {
                let h = (p * w * b.tanh()).tanh();
                let u = h / (h * h + 2.0 * line.ridge_top);
                let loss = 0.5 * (u * h - 1.0f64).powi(2) + line.ridge_top * u * u;
                least = least.min(loss + line.ridge_features * (0.5 * (p * b).powi(2) + p * w * w));
            }
        }
    }
    let net = line.optimum(&Stream::root(2)).unwrap();
    let value = line.value(&net);
    assert!(value <= least + 1e-12 && value > least - 2e-4, "{value} {least}");
    assert!(line.certify(&net, 0.005, 100_000).unwrap().gap() < 0.01);
}

#[test]
fn two_examples_are_certified_and_a_bad_net_is_not() {
    let line =
        Line { inputs: vec![-0.5, 1.0], targets: vec![0.4, -0.8], ridge_top: 0.02, ridge_features: 0.002 };
    let net = line.optimum(&Stream::root(3)).unwrap();
    assert!(line.certify(&net, 0.005, 100_000).unwrap().gap() < 0.01);
    // The random net's dual point is not feasible for much: its proof fails or its bound is poor.
    match line.certify(&random(5), 0.005, 2000) {
        Ok(certified) => assert!(certified.gap() > 0.05),
        Err(error) => assert!(matches!(error, Error::NoConvergence { .. })),
    }
}

#[test]
fn what_is_no_problem_is_refused() {
    let good = line();
    assert!(Line { targets: vec![1.0], ..good.clone() }.checked().is_err());
    assert!(Line { inputs: vec![], targets: vec![], ..good.clone() }.checked().is_err());
    assert!(Line { ridge_top: 0.0, ..good.clone() }.optimum(&Stream::root(0)).is_err());
    assert!(Line { inputs: vec![0.0, 1.0, f64::NAN, 2.0], ..good.clone() }.checked().is_err());
    let heavy = Line { ridge_top: 1e3, ridge_features: 1e3, ..good.clone() }.optimum(&Stream::root(0));
    assert!(matches!(heavy, Err(Error::Parameter { .. })), "{heavy:?}");
    assert!(good.certify(&random(1), 0.0, 10).is_err());
}

/// Drawn nets exceed the optimum by `C / m`, as they are and after their weights were polished.
#[test]
fn drawn_nets_exceed_the_optimum_by_the_constants() {
    let line = line();
    let net = line.optimum(&Stream::root(1)).unwrap();
    let (best, constants) = (line.value(&net), line.finite_width(&net).unwrap());
    assert!(constants.trained < constants.top_trained && constants.top_trained < constants.drawn);
    let m = 4096;
    let (count, polished) = (3000, 150);
    let mut sums = [0.0; 2];
    for seed in 0..count {
        let drawn = Atoms {
            first: frequencies(&net.first, m, &Stream::root(seed).named("first")),
            second: frequencies(&net.second, m, &Stream::root(seed).named("second")),
            ..net.clone()
        };
        sums[0] += line.value(&drawn) - best;
        if seed < polished {
            sums[1] += line.value(&settled(&line, &drawn)) - best;
        }
    }
    let drawn = m as f64 * sums[0] / count as f64 / constants.drawn;
    let trained = m as f64 * sums[1] / polished as f64 / constants.trained;
    assert!((drawn - 1.0).abs() < 0.12, "{drawn}");
    assert!((trained - 1.0).abs() < 0.35, "{trained}");
}

/// Descent in weights alone, by plain gradient steps in the mean-field scaling with momentum.
fn settled(line: &Line, net: &Atoms) -> Atoms {
    let mut net = net.clone();
    let mut speed = net.clone();
    for part in [&mut speed.slopes, &mut speed.offsets, &mut speed.top] {
        part.fill(0.0);
    }
    speed.weights.fill(0.0);
    for _ in 0..2000 {
        let g = line.gradient(&net);
        let (p, q) = (net.first.clone(), net.second.clone());
        for j in 0..p.len() {
            speed.slopes[j] =
                0.97 * speed.slopes[j] - if net.slopes[j] == 0.0 { 0.0 } else { 0.2 * g.slopes[j] / p[j] };
            speed.offsets[j] =
                0.97 * speed.offsets[j] - if net.offsets[j] == 0.0 { 0.0 } else { 0.2 * g.offsets[j] / p[j] };
            for k in 0..q.len() {
                let step =
                    if net.weights[(j, k)] == 0.0 { 0.0 } else { 0.3 * g.weights[(j, k)] / (p[j] * q[k]) };
                speed.weights[(j, k)] = 0.97 * speed.weights[(j, k)] - step;
            }
        }
        for k in 0..q.len() {
            speed.top[k] = 0.97 * speed.top[k] - 0.3 * g.top[k] / q[k];
        }
        net.slopes += &speed.slopes;
        net.offsets += &speed.offsets;
        net.weights += &speed.weights;
        net.top += &speed.top;
    }
    net
}

/// Relative frequencies of `m` draws, each of which is nearly normal.
fn frequencies(masses: &DVector<f64>, m: usize, stream: &Stream) -> DVector<f64> {
    let noise: DVector<f64> = stream.normal_vector(masses.len(), 1.0);
    let roots = masses.map(f64::sqrt);
    // A multinomial's limit: sqrt(p/m) n, without its component along the total.
    let centred = &noise - &roots * roots.dot(&noise);
    masses + roots.component_mul(&centred) / (m as f64).sqrt()
}

#[test]
fn costs_and_strengths_are_sums_over_the_masses() {
    let mut net = random(1);
    net.slopes = DVector::from_vec(vec![1.0, -2.0, 0.0]);
    net.first = DVector::from_vec(vec![0.5, 0.25, 0.25]);
    assert_eq!(net.input_costs()[0], 1.0);
    let strength = net.second[0] * net.weights[(0, 0)].abs() + net.second[1] * net.weights[(0, 1)].abs();
    assert!((net.strengths()[0] - strength).abs() < 1e-14);
}
