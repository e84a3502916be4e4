use overparam_eval::claim::{Claim, Context, Doubling, Plan, Run, Scale};
use overparam_eval::decide::Decision;
use overparam_eval::inputs::Inputs;
use overparam_eval::runs::Grid;
use overparam_eval::theory::Theory;
use overparam_ntk::width_scaling::{Role, Rule, Scaling, WidthScaling};
use overparam_tensor::random::Stream;

use super::experiment::{Net, inputs, train};
use super::theory::{LAZY_PARTS, best, frozen, kernel, lowest, rich, standard_parts};
use super::{
    BASE, Cell, LOSS, MOVED, Outcome, RATES, STANDARD_LOSS, TARGETS, Table, WidthTransfer, best_rate,
};
use crate::zou_2023::testing::{decision, scattered, tells_apart};

const STEPS: usize = 5;

fn cell(predicted: Table, trained: Table, width: usize) -> Cell {
    Cell { predicted, trained, width, steps: STEPS, nets: 16, seed: 0 }
}

fn near(found: f64, known: f64, tolerance: f64) {
    assert!((found - known).abs() <= tolerance, "{found}, not {known} +/- {tolerance}");
}

#[test]
fn descent_is_along_the_gradient_of_the_real_loss() {
    let x = inputs();
    let start = Net::new(Table::Standard, 5, &x, &Stream::root(3));
    near(start.loss(&x), 0.5 * TARGETS.iter().map(|y| y * y).sum::<f64>(), 1e-12);
    // Away from the start, where the outputs count from it.
    let mut net = start;
    (0..3).for_each(|_| net.descend(&x, [0.05, 0.02, 0.03]));
    for matrix in 0..3 {
        let mut rates = [0.0; 3];
        rates[matrix] = 1.0;
        let mut moved = net.clone();
        moved.descend(&x, rates);
        for k in 0..net.matrices[matrix].len() {
            let at = |by: f64| {
                let mut net = net.clone();
                net.matrices[matrix].as_mut_slice()[k] += by;
                net.loss(&x)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            let step = moved.matrices[matrix].as_slice()[k] - net.matrices[matrix].as_slice()[k];
            near(step, -slope, 1e-8);
        }
    }
}

/// The tables of the experiment against the library's, which the experiment does not use.
#[test]
fn tables_are_those_of_the_library() {
    for (table, scaling) in [
        (Table::MaximalUpdate, Scaling::MaximalUpdate),
        (Table::Standard, Scaling::Standard),
        (Table::Ntk, Scaling::Ntk),
    ] {
        let known = WidthScaling::new(scaling, Rule::Sgd, BASE).unwrap();
        for width in [BASE, 64] {
            let found = table.scales(width);
            let places = [(Role::Input, BASE), (Role::Hidden, width), (Role::Output, width)];
            for (k, (role, fan_in)) in places.into_iter().enumerate() {
                let known = known.multipliers(role, fan_in, width, 1.0).unwrap();
                let square = known.factor * known.factor;
                near(found.deviations[k].powi(2), known.variance * square, 1e-12);
                // In the NTK's the library's rate is of eta at width 1, ours of eta at the base width.
                let unit = if table == Table::Ntk { BASE as f64 } else { 1.0 };
                near(found.rates[k], known.rate * square * unit, 1e-12);
            }
        }
        assert_eq!(table.eta(0.5, BASE), 0.5 / BASE as f64);
    }
}

/// Numbers of another program: nets of width 1,024, and sums over eigenvectors.
#[test]
fn the_limits_are_known() {
    let stated = Theory::as_stated();
    let at = |place: usize| rich(RATES[place].exp2(), STEPS, &stated).unwrap();
    near(at(LOSS).loss, 0.225, 0.01);
    near(at(MOVED).moved[0], 0.124, 0.006);
    near(at(MOVED).moved[1], 0.516, 0.02);
    near(best(STEPS, &stated).unwrap(), -1.85, 0.06);
    near(frozen(0.125, STEPS, LAZY_PARTS).unwrap(), 0.415, 1e-3);
    near(frozen(0.125, STEPS, 2.0).unwrap(), 0.553, 1e-3);
    near(standard_parts(64, &stated), 2.0625, 1e-12);
    near(lowest(|log| frozen(log.exp2(), STEPS, 2.0)).unwrap(), -1.38, 0.01);
    near(kernel()[(0, 1)], 0.75, 1e-12);
    // A tiny richness is the lazy limit.
    let lazy = rich(RATES[LOSS].exp2(), STEPS, &Theory::with("richness (of its value)", 1e-3)).unwrap();
    near(lazy.loss, frozen(RATES[LOSS].exp2(), STEPS, LAZY_PARTS).unwrap(), 1e-4);
}

#[test]
fn rivals_say_what_the_checks_say_of_them() {
    let stated = Theory::as_stated();
    let checks = WidthTransfer.judge(&truth().view(), &stated);
    let rival = |check: &str, name: &str| {
        let check = checks.iter().find(|c| c.id == check).unwrap();
        check.rivals.iter().find(|r| r.name.starts_with(name)).unwrap().value
    };
    let c = RATES[LOSS].exp2();
    let limit = rich(c, STEPS, &stated).unwrap().loss;
    near(rival("loss", "the lazy limit"), frozen(c, STEPS, 3.0).unwrap() / limit, 0.005);
    near(rival("loss", "a frozen kernel of hidden"), frozen(c, STEPS, 2.0).unwrap() / limit, 0.005);
    let c = RATES[STANDARD_LOSS].exp2();
    let predicted = frozen(c, STEPS, 2.0).unwrap();
    near(rival("standard-loss", "a kernel of all three"), frozen(c, STEPS, 3.0).unwrap() / predicted, 0.01);
    near(rival("standard-loss", "a kernel of the output"), frozen(c, STEPS, 1.0).unwrap() / predicted, 0.01);
    near(
        rival("standard-loss", "features that move"),
        rich(c, STEPS, &stated).unwrap().loss / predicted,
        0.03,
    );
    let ratio =
        (lowest(|log| frozen(log.exp2(), STEPS, 2.0)).unwrap() - best(STEPS, &stated).unwrap()).exp2();
    near(rival("rate", "standard"), ratio * 4.0 / 128.0, 0.003);
}

/// Real nets by the three tables: muP's follow the limit, the others do not.
#[test]
fn real_nets_follow_their_own_theory_only() {
    let stated = Theory::as_stated();
    let seen = |trained| train(&cell(Table::MaximalUpdate, trained, 256), &Stream::root(11));
    let [mup, standard, ntk] = [Table::MaximalUpdate, Table::Standard, Table::Ntk].map(seen);
    let limit = rich(RATES[LOSS].exp2(), STEPS, &stated).unwrap().loss;
    near(mup.losses[LOSS] / limit, 1.0, 0.12);
    let moved = rich(RATES[MOVED].exp2(), STEPS, &stated).unwrap().moved[1];
    near(mup.moved.unwrap()[1] / moved, 1.0, 0.25);
    assert!([&standard, &ntk].iter().all(|outcome| outcome.moved.unwrap()[1] < 0.1 * moved));
    let parts = standard_parts(256, &stated);
    near(
        standard.losses[STANDARD_LOSS] / frozen(RATES[STANDARD_LOSS].exp2(), STEPS, parts).unwrap(),
        1.0,
        0.15,
    );
    near(ntk.losses[LOSS] / frozen(RATES[LOSS].exp2(), STEPS, LAZY_PARTS).unwrap(), 1.0, 0.15);
    near(best_rate(&mup).unwrap().log2(), best(STEPS, &stated).unwrap(), 0.2);
}

/// The curve of the rates about a best one, with a known value at the place of a loss.
fn losses(best: f64, place: usize, value: f64) -> Vec<f64> {
    let away = |log: f64| 2.0 * (log - best).powi(2);
    RATES.iter().map(|&log| value * (away(log) - away(RATES[place])).exp()).collect()
}

/// What the theories say, with some scatter: the slope of muP's rate and the parts of the limit's movement and loss.
fn world(slope: f64, moved: f64, loss: f64, standard: f64) -> Grid<Cell, Outcome> {
    made_up(false, slope, moved, loss, standard)
}

fn made_up(control: bool, slope: f64, moved: f64, loss: f64, standard: f64) -> Grid<Cell, Outcome> {
    let inputs = Inputs::none();
    let plan = Plan { scale: Scale::Smoke, seeds: 32, inputs: &inputs };
    let stated = Theory::as_stated();
    let (top, limit) =
        (best(STEPS, &stated).unwrap(), rich(RATES[LOSS].exp2(), STEPS, &stated).unwrap().loss);
    let features = rich(RATES[MOVED].exp2(), STEPS, &stated).unwrap().moved;
    let cells = if control { WidthTransfer.control(&plan) } else { WidthTransfer.cells(&plan) };
    let run = |cell: Cell| {
        let noise = |place: usize| scattered(0.03, cell.seed, cell.width + place);
        let widening = (cell.width as f64 / 128.0).log2();
        let outcome = if cell.predicted == Table::Standard {
            let kernel =
                frozen(RATES[STANDARD_LOSS].exp2(), STEPS, standard_parts(cell.width, &stated)).unwrap();
            let best = -1.5 + standard * widening + noise(1) - 1.0;
            Outcome { losses: losses(best, STANDARD_LOSS, kernel * noise(2)), moved: Some([0.0; 2]) }
        } else {
            let best = top + slope * widening + noise(1) - 1.0;
            Outcome {
                losses: losses(best, LOSS, limit * loss * noise(2)),
                moved: Some(features.map(|m| m * moved * noise(3))),
            }
        };
        Run { cell, outcome }
    };
    Grid::finished(cells.into_iter().map(run).collect())
}

fn truth() -> Grid<Cell, Outcome> {
    world(0.0, 1.0, 1.0, 0.0)
}

#[test]
fn the_truth_holds_and_nothing_else_does() {
    let wrong = [
        world(-0.3, 1.0, 1.0, 0.0),
        world(0.0, 0.02, 1.0, 0.0),
        world(0.0, 1.3, 1.0, 0.0),
        world(0.0, 1.0, 1.24, 0.0),
        world(0.0, 1.0, 1.0, 0.5),
    ];
    tells_apart(&WidthTransfer, &truth(), &made_up(true, 0.4, 0.02, 1.24, 0.0), &wrong);
    // A control that behaves as muP does cannot tell anything.
    let blind = decision(&WidthTransfer, &truth(), &made_up(true, 0.0, 1.0, 1.0, 0.0), &Theory::as_stated());
    assert_eq!(blind, Decision::NotDiscriminating);
}

#[test]
fn the_best_rate_is_the_vertex_of_a_parabola() {
    let outcome = |losses: Vec<f64>| Outcome { losses, moved: None };
    for log in [-2.6, -1.81, -1.0] {
        near(best_rate(&outcome(losses(log, 0, 0.3))).unwrap().log2(), log, 1e-9);
    }
    for log in [-4.0, 0.0] {
        assert_eq!(best_rate(&outcome(losses(log, 0, 0.3))), None);
    }
    assert_eq!(best_rate(&outcome(vec![0.5; 10])), None);
    assert_eq!(best_rate(&outcome(Vec::new())), None);
}

#[test]
fn cells_that_make_no_sense_are_refused_and_divergence_counts_as_the_start() {
    let data = Inputs::none();
    let one = cell(Table::MaximalUpdate, Table::MaximalUpdate, 8);
    for (wrong, expected) in [
        (Cell { width: 0, ..one.clone() }, "width is 0"),
        (Cell { steps: 0, ..one.clone() }, "steps is 0"),
        (Cell { nets: 0, ..one.clone() }, "nets is 0"),
    ] {
        let context = Context::new(0, "zou-2023/width-transfer", "", &data);
        let error = WidthTransfer.run(&wrong, &context).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let long = train(&Cell { steps: 400, width: 64, ..one.clone() }, &Stream::root(1));
    near(long.losses[9], 2.5, 1e-9);
    assert!(long.losses.iter().all(|loss| loss.is_finite()));
    assert_eq!(WidthTransfer.doubled(&one, Doubling::Size).map(|c| c.width), Some(16));
    assert_eq!(WidthTransfer.doubled(&one, Doubling::Horizon), None);
}
