use overparam_eval::decide::Decision;
use overparam_eval::theory::Theory;
use overparam_tensor::random::Stream;

use super::checks::{covers_width, teacher_norm_squared};
use super::deep::{coins_separated, generic_rank, least_width};
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
        Task::DeepCoins { depth, width, dimension } => {
            let law = 2.0 * generic_rank(depth, width, dimension) as f64;
            let coins = if cell.labels == Labels::Coins {
                law * (1.0 + 0.02 * noise(cell.seed, 3))
            } else {
                cell.examples as f64
            };
            Outcome::Separated { coins }
        }
        Task::DeepMargin { .. } => {
            let width = if cell.labels == Labels::Coins { (cell.examples as f64).sqrt() } else { 7.0 };
            Outcome::Width { width: width * jitter }
        }
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
    // All weights of a deeper net are dimensions; or only those of one layer.
    for wrong in [200.0 / 184.0, 128.0 / 184.0, 64.0 / 184.0] {
        let counted = |_: &Cell, o| match o {
            Outcome::Separated { coins } => Outcome::Separated { coins: coins * wrong },
            o => o,
        };
        assert_ne!(with(counted), Decision::Holds, "{wrong}");
    }
    // The odd teacher has no margin with three layers either.
    let no_margin = |cell: &Cell, o| match cell.task {
        Task::DeepMargin { .. } => Outcome::Width { width: (cell.examples as f64).sqrt() / 1.6 },
        _ => o,
    };
    assert_ne!(with(no_margin), Decision::Holds);
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
            (Task::DeepCoins { .. }, _) => Labels::Linear,
            (Task::DeepMargin { .. }, _) => Labels::Coins,
            (_, Labels::Even) => Labels::Coins,
            _ => Labels::Even,
        };
        outcome(&Cell { labels, ..cell.clone() })
    };
    assert_eq!(with(exchanged), Decision::Fails);
}

fn cell(task: Task, labels: Labels, examples: usize) -> Cell {
    Cell { task, labels, examples, draws: 1, seed: 0 }
}

/// Small nets, so that a debug build is quick: 3 layers of 8 in 16 dimensions have 184 dimensions.
#[test]
fn a_deeper_net_separates_two_coins_a_dimension_and_a_linear_teacher_as_far_as_it_goes() {
    let net = (3, 8, 16);
    let of = |labels, k| {
        let cell = cell(Task::DeepCoins { depth: 3, width: 8, dimension: 16 }, labels, 3 * 184);
        coins_separated(&cell, net, &Stream::root(k)).unwrap()
    };
    let mean = (0..8).map(|k| of(Labels::Coins, k)).sum::<f64>() / 8.0;
    // Four standard errors of eight counts, and 2 % for neurons that are on or off for all inputs.
    assert!((mean / 368.0 - 1.0).abs() < 0.02 + 4.0 / (8.0_f64 * 368.0).sqrt(), "{mean}");
    assert!(of(Labels::Linear, 0) > 1.3 * 368.0);
}

#[test]
fn nets_that_have_no_features_are_refused() {
    let cell = cell(Task::DeepCoins { depth: 12, width: 1, dimension: 3 }, Labels::Coins, 30);
    let error = coins_separated(&cell, (12, 1, 3), &Stream::root(1)).unwrap_err().to_string();
    assert!(error.contains("width 1"), "{error}");
    assert!(coins_separated(&cell, (1, 4, 3), &Stream::root(1)).is_err());
}

#[test]
fn three_layers_need_fewer_neurons_for_the_odd_teacher_than_for_coins() {
    let width = |labels| {
        let of =
            |k| least_width(&cell(Task::DeepMargin { depth: 3 }, labels, 256), 3, &Stream::root(k)) as f64;
        (0..4).map(of).sum::<f64>() / 4.0
    };
    let (odd, coins) = (width(Labels::Odd), width(Labels::Coins));
    // Without a margin m^2 + 4 m = 128, but for dead neurons: 9.5 to 11.
    assert!(odd < 0.85 * coins && (8.5..13.0).contains(&coins), "{odd} {coins}");
}
