use overparam_eval::decide::Decision;
use overparam_eval::theory::Theory;

use super::checks::{covers_width, teacher_norm_squared};
use super::{Cell, Labels, Outcome, PolylogWidth, Task};
use crate::cao_2020::tests::{decision, noise};

/// What a cell gives if the theory is right.
fn outcome(cell: &Cell) -> Outcome {
    let jitter = 1.0 + 0.02 * noise(cell.seed, cell.examples as u64);
    let margin = cell.labels == Labels::Even;
    match cell.task {
        Task::Margin | Task::Coins | Task::Outside => {
            Outcome::Width { width: if margin { 7.5 } else { covers_width(cell.examples) } * jitter }
        }
        Task::Deep { .. } => Outcome::Examples { per_dimension: if margin { 3.5 } else { 2.0 } * jitter },
        Task::Online { .. } => {
            let mistakes = |seen: usize| if margin { 12.0 } else { 0.49 * seen as f64 };
            let seen = [64, 128, 256, 512, 1024];
            Outcome::Online {
                mistakes: seen.into_iter().map(|seen| (seen, mistakes(seen))).collect(),
                error: if margin { 0.0 } else { 0.47 },
            }
        }
    }
}

fn with(change: impl Fn(&Cell, Outcome) -> Outcome) -> Decision {
    decision(&PolylogWidth, |cell| change(cell, outcome(cell)), outcome, &Theory::as_stated())
}

/// 5/7 over 1/32, the eigenvalue by an independent quadrature.
#[test]
fn the_teacher_has_its_norm() {
    assert!((teacher_norm_squared() / (5.0 / 7.0 * 32.0) - 1.0).abs() < 1e-6);
}

#[test]
fn covers_width_is_half_a_neuron_above_half_the_examples_over_the_dimension() {
    for n in [128, 256, 1024] {
        assert!((covers_width(n) - n as f64 / 10.0 - 0.5).abs() < 0.05, "{n}: {}", covers_width(n));
    }
}

#[test]
fn the_theory_holds_and_its_constant_is_seen() {
    assert_eq!(with(|_, o| o), Decision::Holds);
    for factor in [0.7, 0.8, 1.2, 1.3] {
        let wrong = Theory::with("examples per dimension", factor);
        assert_ne!(decision(&PolylogWidth, outcome, outcome, &wrong), Decision::Holds, "{factor}");
    }
}

#[test]
fn rivals_do_not_hold() {
    // Width in proportion to n, with a margin too.
    let cover = |cell: &Cell, o| match cell.task {
        Task::Margin => Outcome::Width { width: 0.3 * cell.examples as f64 },
        _ => o,
    };
    assert_ne!(with(cover), Decision::Holds);
    // The readout's weights count as dimensions.
    let readout = |_: &Cell, o| match o {
        Outcome::Width { width } if width > 10.0 => Outcome::Width { width: width * 5.0 / 6.0 },
        o => o,
    };
    assert_ne!(with(readout), Decision::Holds);
    // A fixed share of mistakes.
    let share = |_: &Cell, o| match o {
        Outcome::Online { mistakes, error } => {
            Outcome::Online { mistakes: mistakes.iter().map(|m| (m.0, 0.02 * m.0 as f64)).collect(), error }
        }
        o => o,
    };
    assert_ne!(with(share), Decision::Holds);
}

#[test]
fn the_control_in_the_experiments_place_does_not_hold() {
    let exchanged = |cell: &Cell, _| {
        let labels = match (cell.task, cell.labels) {
            (Task::Online { .. }, _) => Labels::Odd,
            (_, Labels::Even) => Labels::Coins,
            _ => Labels::Even,
        };
        outcome(&Cell { labels, ..cell.clone() })
    };
    assert_eq!(with(exchanged), Decision::Fails);
}
