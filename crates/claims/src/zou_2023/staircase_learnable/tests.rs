use nalgebra::DVector;
use overparam_eval::claim::{Claim, Context, Doubling, Plan, Run, Scale};
use overparam_eval::decide::Decision;
use overparam_eval::inputs::Inputs;
use overparam_eval::runs::Grid;
use overparam_eval::theory::Theory;
use overparam_tensor::random::Stream;

use super::experiment::{Net, descend};
use super::theory::{limit, limit_of, plateau_ends, plateau_of};
use super::{BIAS, Cell, HALF, LEFT_PLATEAU, Outcome, RATE, StaircaseLearnable, TIMES, Target, time_to};
use crate::zou_2023::testing::{decision, scattered, tells_apart};

fn cell(target: Target, dimension: usize) -> Cell {
    Cell {
        predicted: target,
        target,
        dimension,
        width: 4 * dimension,
        batch: 2 * dimension,
        learning_rate: RATE,
        bias: BIAS,
        time: if target == Target::Stairs { 8.0 } else { 14.0 },
        seed: 0,
    }
}

fn near(found: f64, known: f64, tolerance: f64) {
    assert!((found - known).abs() <= tolerance, "{found}, not {known} +/- {tolerance}");
}

#[test]
fn a_step_is_along_the_gradient_of_the_real_loss() {
    let (d, m) = (4, 5);
    let x = Stream::root(1).normal_matrix(7, d, 1.0);
    let y = DVector::from_fn(7, |i, _| (i as f64).cos());
    let net = Net::new(d, m, BIAS, &Stream::root(2));
    let mut moved = net.clone();
    moved.step(&x, &y, 1.0);
    let slope = |change: &dyn Fn(&mut Net, f64)| {
        let at = |by: f64| {
            let mut net = net.clone();
            change(&mut net, by);
            net.risk(&x, &y)
        };
        (at(1e-5) - at(-1e-5)) / 2e-5 * m as f64
    };
    for j in 0..m {
        near(moved.readout[j] - net.readout[j], -slope(&|net, by| net.readout[j] += by), 1e-8);
        for i in 0..d {
            let step = moved.weights[(i, j)] - net.weights[(i, j)];
            near(step, -slope(&|net, by| net.weights[(i, j)] += by), 1e-8);
        }
    }
}

/// Between the limit of the flow and that of descent with steps twice as large, both by another program.
#[test]
fn the_limit_is_known() {
    let stated = Theory::as_stated();
    let found = limit(&TIMES, &stated).unwrap();
    let flow = [1.254687, 0.949460, 0.677800, 0.488517];
    let twice = [1.2607, 0.9582, 0.6884, 0.4939];
    for (found, (flow, twice)) in found.iter().zip(flow.iter().zip(twice)) {
        assert!((*flow..twice).contains(&(1.5 * found)), "{found}");
        near(1.5 * found, 0.5 * (flow + twice), 0.15 * (twice - flow));
    }
    near(limit_of(Target::Gap, &[8.0], &stated).unwrap()[0], 0.5003, 5e-4);
}

/// Six draws each of a NumPy program of its own, at d = 30, 60 and 120.
#[test]
fn plateaus_end_when_they_do() {
    let stated = Theory::as_stated();
    let ends = [30, 60, 120].map(|d| plateau_ends(d, &stated).unwrap().unwrap());
    for (end, known) in ends.into_iter().zip([9.32, 9.87, 10.53]) {
        near(end / known, 1.0, 0.03);
    }
    let finer = plateau_of(60, 16000, &stated).unwrap().unwrap();
    near(ends[1] / finer, 1.0, 5e-3);
}

#[test]
fn rivals_say_what_the_checks_say_of_them() {
    let stated = Theory::as_stated();
    let checks = StaircaseLearnable.judge(&world(&Wrong::default(), false).view(), &stated);
    let rival = |check: &str, name: &str| {
        let check = checks.iter().find(|c| c.id == check).unwrap();
        check.rivals.iter().find(|r| r.name.starts_with(name)).unwrap().value
    };
    let left = limit(&[8.0], &stated).unwrap()[0];
    near(rival("curve", "the plateau"), limit_of(Target::Gap, &[8.0], &stated).unwrap()[0] / left, 0.005);
    // K = E phi phi + E a^2 (E_1)^2 z . z' at u = 0: of the target only z_1 is learned, at the rate E_1^2/3.
    let slope = (2.0 / std::f64::consts::PI / 2.0).sqrt() * (-BIAS * BIAS / 4.0).exp();
    let kernel = ((-2.0 * slope * slope / 3.0 * 8.0).exp() + 2.0) / 3.0;
    near(rival("curve", "the limit's tangent kernel"), kernel / left, 0.005);
    let [early, late] = [20, 80].map(|d| plateau_ends(d, &stated).unwrap().unwrap());
    // The flow's 2,000 random starts leave 1 to 2 % in a ratio of times, and a tenth in their difference; the rivals are those of 4,000.
    near(rival("dimension-free", "a wait"), late / early, 0.02);
    near(rival("plateau", "the time of d = 20"), early / late, 0.02);
    near(rival("plateau", "a time in proportion"), 2.0 * early / late, 0.04);
    near(rival("growth", "a time in proportion"), early / (late - early), 0.8);
}

#[test]
fn real_nets_climb_stairs_and_wait_at_gaps() {
    let stated = Theory::as_stated();
    let stairs = descend(&cell(Target::Stairs, 24), &Stream::root(5)).unwrap();
    let left = limit(&TIMES, &stated).unwrap();
    for (time, left) in TIMES.into_iter().zip(left) {
        near(stairs.at(time).unwrap() / 1.5 / left, 1.0, 0.08);
    }
    let gap = descend(&cell(Target::Gap, 24), &Stream::root(6)).unwrap();
    let end = time_to(&gap.risks, LEFT_PLATEAU).unwrap();
    near(end / plateau_ends(24, &stated).unwrap().unwrap(), 1.0, 0.08);
    // An odd nonlinearity has no monomial of degree 2, whose energy of 1/2 stays.
    let odd = descend(&Cell { bias: 0.0, time: 20.0, ..cell(Target::Stairs, 24) }, &Stream::root(7)).unwrap();
    assert!(odd.risks.iter().all(|(_, risk)| *risk > 0.49), "{:?}", odd.risks);
}

/// By how much an invented world is off.
#[derive(Clone, Copy)]
struct Wrong {
    curve: f64,
    /// Exponent of the time of stairs in d.
    slower: f64,
    plateau: f64,
    growth: f64,
}

impl Default for Wrong {
    fn default() -> Self {
        Self { curve: 1.0, slower: 0.0, plateau: 1.0, growth: 1.0 }
    }
}

/// A path through these points, straight in the logarithm of the risk between them.
fn through(points: &[(f64, f64)], until: f64) -> Vec<(f64, f64)> {
    let at = |time: f64| {
        let after = points.iter().position(|(t, _)| *t >= time).unwrap_or(points.len() - 1).max(1);
        let ((t0, r0), (t1, r1)) = (points[after - 1], points[after]);
        r0 * (r1 / r0).powf((time - t0) / (t1 - t0))
    };
    (0..=(until / 0.25) as usize).map(|k| 0.25 * k as f64).map(|time| (time, at(time))).collect()
}

fn world(wrong: &Wrong, control: bool) -> Grid<Cell, Outcome> {
    let inputs = Inputs::none();
    let plan = Plan { scale: Scale::Smoke, seeds: 16, inputs: &inputs };
    let stated = Theory::as_stated();
    let shares = limit(&TIMES, &stated).unwrap();
    let ends = [20, 80].map(|d| plateau_ends(d, &stated).unwrap().unwrap());
    let run = |cell: Cell| {
        let noise = scattered(0.01, cell.seed, cell.dimension);
        let stretch = (cell.dimension as f64 / 20.0).powf(wrong.slower);
        let risks = match cell.target {
            Target::Stairs => {
                let mut points = vec![(0.0, 1.5)];
                points.extend(
                    TIMES
                        .iter()
                        .zip(&shares)
                        .map(|(t, share)| (t * stretch, 1.5 * share * wrong.curve * noise)),
                );
                points.push((20.0, 0.01));
                through(&points, cell.time)
            }
            Target::Gap => {
                let late = if cell.dimension == 20 { 0.0 } else { wrong.growth * (ends[1] - ends[0]) };
                let end = (ends[0] + late) * wrong.plateau * noise;
                through(
                    &[(0.0, 1.0), (3.0, 0.51), (end - 1.0, 0.5), (end, LEFT_PLATEAU), (end + 9.0, 0.01)],
                    cell.time,
                )
            }
        };
        Run { cell, outcome: Outcome { risks } }
    };
    let cells = if control { StaircaseLearnable.control(&plan) } else { StaircaseLearnable.cells(&plan) };
    Grid::finished(cells.into_iter().map(run).collect())
}

#[test]
fn the_truth_holds_and_nothing_else_does() {
    let truth = Wrong::default();
    let wrong = [
        Wrong { curve: 1.5, ..truth },
        Wrong { slower: 0.1, ..truth },
        Wrong { plateau: 1.12, ..truth },
        Wrong { growth: 0.0, ..truth },
        Wrong { growth: 3.0, ..truth },
    ];
    let worlds: Vec<_> = wrong.iter().map(|wrong| world(wrong, false)).collect();
    tells_apart(&StaircaseLearnable, &world(&truth, false), &world(&truth, true), &worlds);
    // A control that does what is predicted cannot tell anything.
    let blind =
        decision(&StaircaseLearnable, &world(&truth, false), &world(&truth, false), &Theory::as_stated());
    assert_eq!(blind, Decision::NotDiscriminating);
}

#[test]
fn the_time_to_a_level_is_read_between_two_looks() {
    let halves = [(0.0, 1.0), (1.0, 0.5), (2.0, 0.25)];
    near(time_to(&halves, 0.5_f64.powf(1.5)).unwrap(), 1.5, 1e-12);
    assert_eq!(time_to(&halves, 0.1), None);
    assert_eq!(time_to(&halves, 2.0), None);
    assert_eq!(time_to(&[], HALF), None);
}

#[test]
fn cells_that_make_no_sense_are_refused() {
    let inputs = Inputs::none();
    let one = Cell { time: 0.5, ..cell(Target::Stairs, 8) };
    for (wrong, expected) in [
        (Cell { dimension: 2, ..one.clone() }, "dimension is 2"),
        (Cell { batch: 0, ..one.clone() }, "batch 0"),
        (Cell { learning_rate: 0.0, ..one.clone() }, "learning_rate is 0"),
        (Cell { bias: f64::NAN, ..one.clone() }, "bias NaN"),
    ] {
        let context = Context::new(0, "zou-2023/staircase-learnable", "", &inputs);
        let error = StaircaseLearnable.run(&wrong, &context).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let context = Context::new(0, "zou-2023/staircase-learnable", "", &inputs);
    let hot = Cell { learning_rate: 1e200, time: 1e201, ..one.clone() };
    assert!(StaircaseLearnable.run(&hot, &context).is_err());
    assert_eq!(
        StaircaseLearnable.doubled(&one, Doubling::Size).map(|c| (c.dimension, c.width, c.batch)),
        Some((16, 64, 32))
    );
    assert_eq!(StaircaseLearnable.doubled(&one, Doubling::Horizon), None);
}
