//! The flow on the hypercube against an independent program, against stochastic descent, and its escapes.

use nalgebra::{DMatrix, DVector};
use overparam_feature_flow::staircase::{DimensionFree, FiniteDimension, LinearStage, Motion, SparseTarget};
use overparam_tensor::random::Stream;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn target(p: usize, terms: &[(f64, &[usize])]) -> SparseTarget {
    let terms: Vec<(f64, Vec<usize>)> = terms.iter().map(|(c, s)| (*c, s.to_vec())).collect();
    SparseTarget::new(p, &terms).unwrap()
}

fn stairs() -> SparseTarget {
    target(3, &[(1.0, &[0]), (1.0, &[0, 1]), (1.0, &[0, 1, 2])])
}

#[test]
fn the_flow_without_dimension_has_its_digits() {
    let all: Value = serde_json::from_str(include_str!("data/staircase.json")).unwrap();
    let mut worst: f64 = 0.0;
    for case in all["flows"].as_array().unwrap() {
        let terms: Vec<(f64, Vec<usize>)> = case["terms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| (t[0].as_f64().unwrap(), numbers(&t[1]).iter().map(|i| *i as usize).collect()))
            .collect();
        let target = SparseTarget::new(case["P"].as_u64().unwrap() as usize, &terms).unwrap();
        let flow = DimensionFree {
            start: case["s0"].as_f64().unwrap(),
            bias: case["b0"].as_f64().unwrap(),
            ..DimensionFree::default()
        };
        let found = flow.run(&target, &numbers(&case["t"])).unwrap();
        for ((moment, risk), fourier) in
            found.iter().zip(numbers(&case["risk"])).zip(case["fourier"].as_array().unwrap())
        {
            worst = worst.max((moment.risk - risk).abs());
            for (set, coefficient) in fourier.as_object().unwrap() {
                let members = set.split(',').filter(|s| !s.is_empty()).map(|s| s.parse::<usize>().unwrap());
                let mask: usize = members.map(|i| 1 << i).sum();
                worst = worst.max((moment.fourier[mask] - coefficient.as_f64().unwrap()).abs());
            }
        }
    }
    println!("largest error {worst:.1e}");
    assert!(worst < 1e-6, "{worst:e}");
}

/// A target with larger coefficients, whose risk at 60 nodes is off by 6e-6: values of another program with 300 nodes and steps of .005.
#[test]
fn nodes_are_as_many_as_needed() {
    let strong = target(2, &[(0.5, &[]), (-2.0, &[1]), (1.0, &[0, 1])]);
    let flow = DimensionFree { start: 0.5, bias: 1.0, ..DimensionFree::default() };
    let times = [1.0, 4.0, 10.0];
    let (found, error) = flow.resolved(&strong, &times, 1e-7).unwrap();
    for (moment, risk) in found.iter().zip([2.080_857_28, 0.278_481_24, 0.026_905_75]) {
        assert!((moment.risk - risk).abs() < 1e-7, "{moment:?} {risk}");
    }
    assert!(error < 1e-7);
    let few = &flow.run(&strong, &times).unwrap()[2];
    assert!((few.risk - found[2].risk).abs() > 1e-6);
    // What is not asked for is not paid for.
    assert!(flow.resolved(&strong, &times, 1e-3).unwrap().1 < 1e-3);
    assert!(flow.resolved(&strong, &times, 0.0).is_err());
    assert!(DimensionFree { nodes: 1, ..flow }.resolved(&strong, &times, 1e-3).is_err());
}

/// A net of 200 units in dimension 50 by one-pass stochastic descent, beside descent of the limit.
#[test]
fn stochastic_descent_follows_the_limit() {
    let (d, m, batch, eta) = (50, 200, 500, 0.1);
    let stairs = stairs();
    let h = |x: &DMatrix<f64>| {
        DVector::from_fn(x.nrows(), |i, _| x[(i, 0)] * (1.0 + x[(i, 1)] * (1.0 + x[(i, 2)])))
    };
    let signs = |n: usize, stream: &Stream| {
        let x: DMatrix<f64> = stream.normal_matrix(n, d, 1.0);
        x.map(f64::signum)
    };
    let phi = |x: f64| libm_erf((x + 0.5) * std::f64::consts::FRAC_1_SQRT_2);
    let slope = |x: f64| (2.0 / std::f64::consts::PI).sqrt() * (-0.5 * (x + 0.5).powi(2)).exp();
    let test = signs(2000, &Stream::root(99));
    let truth = h(&test);
    let mut risks = [0.0; 3];
    let seeds = 2;
    for seed in 0..seeds {
        let stream = Stream::root(seed);
        let mut w: DMatrix<f64> = stream.named("w").normal_matrix(d, m, (d as f64).sqrt().recip());
        let mut a = DVector::from_fn(m, |j, _| (2 * j + 1) as f64 / m as f64 - 1.0);
        let mut record = |index: usize, w: &DMatrix<f64>, a: &DVector<f64>| {
            let f = (&test * w).map(phi) * a / m as f64;
            risks[index] += 0.5 * (&truth - f).norm_squared() / 2000.0 / seeds as f64;
        };
        record(0, &w, &a);
        for step in 1..=40 {
            let x = signs(batch, &stream.indexed(step));
            let products = &x * &w;
            let values = products.map(phi);
            let residual = h(&x) - &values * &a / m as f64;
            let step_a = values.tr_mul(&residual) * (eta / batch as f64);
            let mut slopes = products.map(slope);
            for (j, mut column) in slopes.column_iter_mut().enumerate() {
                column.component_mul_assign(&residual);
                column *= a[j];
            }
            w += x.tr_mul(&slopes) * (eta / batch as f64);
            a += step_a;
            if step % 20 == 0 {
                record(step as usize / 20, &w, &a);
            }
        }
    }
    let limit = DimensionFree { motion: Motion::Descent { eta }, ..DimensionFree::default() };
    let limit = limit.run(&stairs, &[0.0, 2.0, 4.0]).unwrap();
    for (found, limit) in risks.iter().zip(&limit) {
        assert!((found - limit.risk).abs() < 0.05, "{risks:?} {limit:?}");
    }
    assert!(limit[2].risk < 0.97);
    let known = [1.5, 1.2607, 0.9582];
    assert!(limit.iter().zip(known).all(|(l, k)| (l.risk - k).abs() < 1e-4));
}

/// `erf` by the series and the continued fraction, so that the net shares no code with the library.
fn libm_erf(x: f64) -> f64 {
    let (t, mut sum, mut term) = (x * x, x, x);
    if t > 9.0 {
        return x.signum();
    }
    for k in 1..60 {
        term *= -t / f64::from(k);
        if term.abs() < 1e-17 {
            break;
        }
        sum += term / f64::from(2 * k + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

/// Coordinates that nothing moves stay at zero, for as long as one likes, and an odd nonlinearity learns odd monomials only.
#[test]
fn plateaus_last() {
    let flow =
        DimensionFree { motion: Motion::Flow { time_step: 0.1 }, nodes: 20, ..DimensionFree::default() };
    for (target, risk) in [
        (target(2, &[(1.0, &[0, 1])]), 0.5),
        (target(3, &[(1.0, &[0, 1, 2])]), 0.5),
        (target(3, &[(1.0, &[0]), (1.0, &[0, 1, 2])]), 0.5),
    ] {
        let late = flow.run(&target, &[200.0]).unwrap();
        assert!((late[0].risk - risk).abs() < 1e-3, "{late:?}");
        assert!(late[0].fourier[3].abs() < 1e-12);
    }
    let odd = DimensionFree { bias: 0.0, ..flow };
    let late = odd.run(&stairs(), &[40.0]).unwrap();
    assert!(late[0].fourier[3].abs() < 1e-14 && late[0].fourier[1] > 0.9);
}

/// In finite dimension the plateau of leap 2 ends after a time that grows by `ln(100)/(2 kappa)` for a hundred times the dimension. The end is where
/// the coefficient is 0.01, the risk 0.49: later ones wait for units of smaller `a`, whose time grows faster.
#[test]
fn escapes_take_the_logarithm_of_the_dimension() {
    let pair = target(2, &[(1.0, &[0, 1])]);
    let run = |d: usize| {
        let flow = FiniteDimension {
            dimension: d,
            units: 2000,
            start: 1.0,
            bias: 0.5,
            motion: Motion::Flow { time_step: 0.5 },
        };
        let stream = Stream::root(4);
        let early = flow.run(&pair, &[10.0], &stream).unwrap()[0].fourier[3];
        (flow.escape_time(&pair, 0.49, (0.5, 120.0), &stream).unwrap().unwrap(), early)
    };
    let stage = |d: f64| LinearStage::new(1.0, 1.0, 0.5, d).unwrap();
    assert!((stage(1e4).kappa() - 0.132_501_7).abs() < 1e-6);
    let ((small, _), (large, early)) = (run(10_000), run(1_000_000));
    assert!((early / stage(1e6).coefficient_at(10.0) - 1.0).abs() < 0.2, "{early}");
    let predicted = stage(1e6).time_to(0.01).unwrap() - stage(1e4).time_to(0.01).unwrap();
    assert!(((large - small) / predicted - 1.0).abs() < 0.1, "{small} {large} {predicted}");
    // The two branches of the linear stage meet.
    let edge = 1e-2 / (2.0 * stage(1e4).kappa());
    let jump =
        stage(1e4).coefficient_at(edge * (1.0 + 1e-9)) / stage(1e4).coefficient_at(edge * (1.0 - 1e-9));
    assert!((jump - 1.0).abs() < 1e-6);
    assert!(LinearStage::new(1.0, 1.0, 0.0, 10.0).is_err());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let flow = DimensionFree::default();
    assert!(flow.run(&stairs(), &[1.0, 0.5]).is_err());
    assert!(DimensionFree { start: 0.0, ..flow }.run(&stairs(), &[1.0]).is_err());
    assert!(DimensionFree { nodes: 0, ..flow }.run(&stairs(), &[1.0]).is_err());
    assert!(DimensionFree { bias: f64::NAN, ..flow }.run(&stairs(), &[1.0]).is_err());
    let descent = DimensionFree { motion: Motion::Descent { eta: 0.3 }, ..flow };
    assert!(descent.run(&stairs(), &[1.0]).unwrap_err().to_string().contains("multiple"));
    let narrow = FiniteDimension { dimension: 2, units: 10, start: 1.0, bias: 0.5, motion: flow.motion };
    assert!(narrow.run(&stairs(), &[1.0], &Stream::root(0)).is_err());
}
