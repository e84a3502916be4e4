use overparam_eval::decide::Decision;
use overparam_eval::theory::Theory;

use super::checks::predicted_norm;
use super::{Cell, LearnableFunctions, Outcome, Task, parts, predicted_rate, rate};
use crate::cao_2020::tests::{decision, noise};

/// What a cell gives if the theory is right.
fn outcome(cell: &Cell) -> Outcome {
    let jitter = 1.0 + 0.005 * noise(cell.seed, cell.examples as u64);
    match cell.task {
        Task::Decay { dimension, .. } => {
            let eta = rate(dimension, cell.depth);
            // Each degree scatters by itself: a ratio of two would otherwise be the same number in every draw.
            let left = |k: usize, step: usize, scatter: f64| {
                let jitter = 1.0 + scatter * noise(cell.seed, (cell.examples + 7919 * k) as u64);
                (-predicted_rate(eta, cell.depth, dimension, k) * jitter * step as f64).exp()
            };
            let row = |step: usize, scatter| (1..=parts(dimension)).map(|k| left(k, step, scatter)).collect();
            let components = (0..=cell.steps).map(|step| row(step, 0.005)).collect();
            Outcome::Decay { components: Some(components), limit: row(cell.steps, 0.0) }
        }
        Task::Complexity => {
            let of = |degree| if cell.exchanged { usize::from(super::outside(degree)) } else { degree };
            let norm = |degree| predicted_norm(of(degree), cell.examples) * jitter;
            Outcome::Complexity { norms_squared: super::DEGREES.map(norm) }
        }
        Task::Test { degree } => {
            let degree = if cell.exchanged { 0 } else { degree };
            Outcome::Test { error: [2.0, 0.0004, 0.006, 1.3, 0.5][degree] * jitter }
        }
    }
}

fn with(change: impl Fn(&Cell, Outcome) -> Outcome) -> Decision {
    decision(&LearnableFunctions, |cell| change(cell, outcome(cell)), outcome, &Theory::as_stated())
}

#[test]
fn the_theory_holds_and_its_constants_are_seen() {
    assert_eq!(with(|_, o| o), Decision::Holds);
    for name in ["rate of decay over -ln(1 - eta mu)", "y^T K^-1 y over 1 / (mu_k + kappa_n)"] {
        for factor in [0.7, 0.8, 1.2, 1.3] {
            let wrong = Theory::with(name, factor);
            assert_ne!(
                decision(&LearnableFunctions, outcome, outcome, &wrong),
                Decision::Holds,
                "{name} {factor}"
            );
        }
    }
}

#[test]
fn rivals_do_not_hold() {
    // Nets decay at the rates of the other depth.
    let other = |cell: &Cell, o| match cell.task {
        Task::Decay { dimension: 3, .. } => outcome(&Cell { depth: 5 - cell.depth, ..cell.clone() }),
        _ => o,
    };
    assert_ne!(with(other), Decision::Holds);
    // Degree 3 has a norm like any other.
    let all = |_: &Cell, o| match o {
        Outcome::Complexity { norms_squared: [coins, one, two, _, four] } => {
            Outcome::Complexity { norms_squared: [coins, one, two, two, four] }
        }
        _ => o,
    };
    assert_ne!(with(all), Decision::Holds);
    let learned = |cell: &Cell, o| match cell.task {
        Task::Test { degree: 3 } => Outcome::Test { error: 0.3 },
        _ => o,
    };
    assert_ne!(with(learned), Decision::Holds);
}

#[test]
fn the_control_in_the_experiments_place_does_not_hold() {
    let exchanged = |cell: &Cell, o| match cell.task {
        Task::Decay { dimension: 3, .. } => outcome(&Cell { depth: 5 - cell.depth, ..cell.clone() }),
        Task::Complexity | Task::Test { .. } => outcome(&Cell { exchanged: true, ..cell.clone() }),
        Task::Decay { .. } => o,
    };
    assert_eq!(with(exchanged), Decision::Fails);
}

#[test]
fn a_net_that_diverged_does_not_hold() {
    let diverged = |cell: &Cell, o| match cell.task {
        Task::Decay { .. } => Outcome::Decay { components: None, limit: Vec::new() },
        _ => o,
    };
    assert_ne!(with(diverged), Decision::Holds);
}
