use nalgebra::DMatrix;
use overparam_eval::claim::{Claim, Context, Doubling};
use overparam_eval::inputs::Inputs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::rich_limit::lazy_outputs;
use overparam_tensor::random::Stream;

use super::experiment::{INPUTS, gradient, outputs, richness, tanh, train};
use super::population::{Population, Rule};
use super::theory::{Instant, KERNEL, Limit, agreement, limit, problem};
use super::{BIAS, Cell, EARLY, LATE, Moment, Outcome, RichLimit, Richness, TARGETS, TIMES, WIDE, entries};
use crate::fang_2022::testing::{self, Grids};

fn cell(richness: Richness, gamma: f64, width: usize, nets: usize) -> Cell {
    Cell { richness, gamma, width, nets, seed: 0 }
}

fn near(found: f64, known: f64, tolerance: f64) {
    assert!((found - known).abs() <= tolerance, "{found}, not {known} +/- {tolerance}");
}

#[test]
fn the_gradient_is_that_of_the_real_loss() {
    for x in [-800.0, -3.0, -1e-9, 0.0, 0.4, 20.0, 800.0f64] {
        near(tanh(x), x.tanh(), 4e-16);
    }
    let gamma = 1.7;
    let state = Stream::root(5).normal_vector::<f64>(15, 1.0).as_slice().to_vec();
    let loss = |state: &[f64]| -> f64 {
        outputs(state, gamma).iter().zip(TARGETS).map(|(f, y)| 0.5 * (f - y).powi(2)).sum()
    };
    let mut found = vec![0.0; state.len()];
    gradient(&state, gamma, &mut found);
    for (k, slope) in found.iter().enumerate() {
        let at = |by: f64| {
            let mut moved = state.clone();
            moved[k] += by;
            loss(&moved)
        };
        near((at(1e-5) - at(-1e-5)) / 2e-5, *slope, 1e-9);
    }
    let products = entries(|i, j| INPUTS[i][0] * INPUTS[j][0] + INPUTS[i][1] * INPUTS[j][1]);
    products.into_iter().zip(KERNEL).for_each(|(found, known)| near(found, known, 1e-12));
}

/// Numbers of other programs: the limit and `m Cov f` at the times that are judged.
#[test]
fn the_limit_is_known() {
    let one = limit(1.0, 1.0).unwrap();
    for (time, f, variance) in
        [(EARLY, [0.507_463, -0.180_282], 0.1599), (LATE, [0.762_421_5, -0.346_051_7], 0.0765)]
    {
        near(one[time].outputs[0], f[0], 2e-5);
        near(one[time].outputs[1], f[1], 2e-5);
        near(one[time].covariance[0], variance, 1e-3);
    }
    near(one[0].covariance[0], 0.3943, 1e-3);
    let two = limit(2.0, 1.0).unwrap();
    for (time, f) in [(EARLY, [0.522_458, -0.238_156]), (LATE, [0.801_287, -0.428_881])] {
        near(two[time].outputs[0], f[0], 3e-4);
        near(two[time].outputs[1], f[1], 3e-4);
    }
}

/// The other solver at time 1 and 2, for a rule.
fn other(gamma: f64, rule: Rule) -> [Instant; 3] {
    let mut units = Population::grid(0.3);
    let see = |units: &Population| Instant {
        outputs: units.outputs(gamma),
        features: units.features(),
        gradients: units.gradients(),
        covariance: units.squares(gamma),
    };
    let start = see(&units);
    units.advance(gamma, rule, 1.0, 12);
    let early = see(&units);
    units.advance(gamma, rule, 1.0, 12);
    [start, early, see(&units)]
}

#[test]
fn a_second_solver_agrees_with_the_limit() {
    for gamma in [1.0, 2.0] {
        let limit = limit(gamma, 1.0).unwrap();
        for (found, time) in other(gamma, Rule::Stated).iter().zip([0, EARLY, LATE]) {
            for i in 0..2 {
                near(found.outputs[i], limit[time].outputs[i], 1e-3);
            }
            for i in 0..3 {
                near(found.features[i], limit[time].features[i], 1e-3);
                near(found.gradients[i], limit[time].gradients[i], 4e-3);
            }
        }
    }
}

/// The lazy limit's outputs at time 1 and 2, at any richness, from the kernels of the start.
fn lazy() -> [[f64; 2]; 2] {
    let problem = problem(1.0).unwrap();
    let start = limit(1.0, 1.0).unwrap()[0];
    let theta = DMatrix::from_fn(2, 2, |i, j| start.features[i + j] + KERNEL[i + j] * start.gradients[i + j]);
    let found = lazy_outputs(&problem, &theta, &[TIMES[EARLY], TIMES[LATE]]).unwrap();
    [0, 1].map(|k| [found[k][0], found[k][1]])
}

fn rival(check: &str, name: &str) -> f64 {
    let grids = made_up(|_, _| {}, |_, _| {});
    let checks = grids.judged(&RichLimit);
    let check = checks.iter().find(|c| c.id == check).unwrap();
    check.rivals.iter().find(|r| r.name.starts_with(name)).unwrap().value
}

#[test]
fn rivals_say_what_the_checks_say_of_them() {
    let stated = other(2.0, Rule::Stated);
    let phi = |o: &[Instant; 3], entry: usize| {
        (o[1].features[entry] - o[0].features[entry])
            / (stated[1].features[entry] - stated[0].features[entry])
    };
    let g = |o: &[Instant; 3]| {
        (o[2].gradients[2] - o[0].gradients[2]) / (stated[2].gradients[2] - stated[0].gradients[2])
    };
    let f = |o: &[Instant; 3]| o[1].outputs[1] / stated[1].outputs[1];
    for (rule, name) in [
        (Rule::WrongExample, "phi' at the wrong example"),
        (Rule::Ascending, "hidden weights that ascend"),
        (Rule::Staying, "features that stay"),
    ] {
        let wrong = other(2.0, rule);
        near(f(&wrong), rival("outputs", name), 3e-3);
        let entry = if rule == Rule::Ascending { 1 } else { 2 };
        near(phi(&wrong, entry), rival("features", name), 3e-3);
        near(g(&wrong), rival("gradients", name), 1e-2);
    }
    near(lazy()[0][1] / stated[1].outputs[1], rival("outputs", "the lazy limit"), 3e-3);
}

#[test]
fn rivals_of_the_covariance_are_what_they_say() {
    let right = limit(2.0, 1.0).unwrap()[LATE].covariance;
    let ratio =
        |wrong: [f64; 3], name: &str| near(agreement(wrong, right) / rival("covariance", name), 1.0, 0.03);
    let [start, _, late] = other(2.0, Rule::Stated);
    ratio(start.covariance, "a scatter that stays");
    let alone = entries(|i, j| late.covariance[i + j] - late.outputs[i] * late.outputs[j]);
    ratio(alone, "units that move in the limit's field");
    // U' = -Theta U from the identity, by midpoints.
    let mut units = Population::grid(0.35);
    let theta = |units: &Population| {
        let (phi, g) = (units.features(), units.gradients());
        [0, 1, 2].map(|k| phi[k] + KERNEL[k] * g[k])
    };
    let times =
        |k: [f64; 3], u: [[f64; 2]; 2]| [0, 1].map(|i| [0, 1].map(|j| k[i] * u[0][j] + k[i + 1] * u[1][j]));
    let moved =
        |u: [[f64; 2]; 2], v: [[f64; 2]; 2], by: f64| [0, 1].map(|i| [0, 1].map(|j| u[i][j] - by * v[i][j]));
    let mut u = [[1.0, 0.0], [0.0, 1.0]];
    let step = 0.05;
    for _ in 0..40 {
        let before = theta(&units);
        units.advance(2.0, Rule::Stated, 0.5 * step, 1);
        let halfway = moved(u, times(before, u), 0.5 * step);
        u = moved(u, times(theta(&units), halfway), step);
        units.advance(2.0, Rule::Stated, 0.5 * step, 1);
    }
    let c = start.covariance;
    let carried = entries(|i, j| {
        (0..2).flat_map(|k| (0..2).map(move |l| (k, l))).map(|(k, l)| u[i][k] * c[k + l] * u[j][l]).sum()
    });
    ratio(carried, "the scatter of the start");
}

/// The second derivative of the change in the weight of each unit, averaged over the units.
#[test]
fn the_bias_is_of_second_order_in_the_influence() {
    let units = Population::grid(0.75);
    let change = |mut units: Population| {
        let start = units.features()[2];
        units.advance(1.0, Rule::Stated, 1.0, 4);
        units.features()[2] - start
    };
    let (centre, by, mut sum) = (change(units.clone()), 2e-3, 0.0);
    for (unit, weight) in units.weights.iter().enumerate().filter(|(_, weight)| **weight > 1e-6) {
        let [up, down] = [by, -by].map(|by| change(units.towards(unit, by)));
        sum += 0.5 * weight * (up + down - 2.0 * centre) / (by * by);
    }
    near(sum / centre / BIAS, 1.0, 0.03);
}

#[test]
fn real_nets_follow_the_limit_and_lazy_ones_do_not() {
    let seen = train(&cell(Richness::Fixed, 2.0, 1024, 12), &Stream::root(9)).unwrap();
    let limit = limit(2.0, 1.0).unwrap();
    for time in [EARLY, LATE] {
        for i in 0..2 {
            let error = (limit[time].covariance[2 * i] / (1024.0 * 12.0)).sqrt();
            near(seen.at(time).unwrap().outputs[i], limit[time].outputs[i], 4.0 * error);
        }
        let moved = (seen.at(time).unwrap().features[2] - seen.at(0).unwrap().features[2])
            / (limit[time].features[2] - limit[0].features[2]);
        near(moved, 1.0, 0.12);
    }
    let lazy = train(&cell(Richness::Ntk, 2.0, 1024, 12), &Stream::root(9)).unwrap();
    near(
        (lazy.at(LATE).unwrap().features[2] - lazy.at(0).unwrap().features[2])
            / (limit[LATE].features[2] - limit[0].features[2]),
        0.0,
        0.1,
    );
    // The same starts.
    assert_eq!(lazy.at(0).unwrap().features, seen.at(0).unwrap().features);
    assert_eq!(richness(&cell(Richness::Ntk, 2.0, 1024, 12)), 1.0 / 32.0);
}

#[test]
fn cells_that_make_no_sense_are_refused() {
    let inputs = Inputs::none();
    let refused = |cell: Cell, expected: &str| {
        let context = Context::new(0, "fang-2022/rich-limit", "", &inputs);
        let error = RichLimit.run(&cell, &context).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(cell(Richness::Fixed, 1.0, 0, 4), "width is 0");
    refused(cell(Richness::Fixed, 1.0, 4, 1), "nets 1");
    refused(cell(Richness::Fixed, -1.0, 4, 4), "gamma -1");
}

#[test]
fn doubling_is_of_the_width() {
    let narrow = cell(Richness::Fixed, 1.0, 16, 4);
    assert_eq!(RichLimit.doubled(&narrow, Doubling::Size).map(|c| c.width), Some(32));
    assert_eq!(RichLimit.doubled(&narrow, Doubling::Horizon), None);
}

/// What an ensemble of a cell would show if the theory were exact, with some scatter.
fn exact(cell: &Cell, noise: f64) -> Outcome {
    let limit = limit(cell.gamma, 1.0).unwrap();
    let m = cell.width as f64;
    let bias = if cell.width < WIDE { BIAS / m } else { 0.0 };
    let moved =
        |now: [f64; 3], start: [f64; 3], by: f64| [0, 1, 2].map(|k| start[k] + (now[k] - start[k]) * by);
    let moment = |time: usize| Moment {
        time: TIMES[time],
        outputs: limit[time].outputs.map(|f| f * (1.0 + 0.015 * noise)),
        covariance: limit[time].covariance.map(|c| c * (1.0 + 0.07 * noise) / m),
        features: moved(
            limit[time].features,
            limit[0].features,
            1.0 + bias * (1.0 + 0.1 * noise) + 0.02 * noise,
        ),
        gradients: moved(limit[time].gradients, limit[0].gradients, 1.0 + 0.03 * noise),
    };
    Outcome { moments: (0..TIMES.len()).map(moment).collect() }
}

/// The same with changes in the experiment: of the moment at each time, given the cell; in the control features stay and outputs scatter.
fn made_up(
    of_wide: impl Fn(&Cell, &mut Outcome),
    of_narrow: impl Fn(&Cell, &mut Outcome),
) -> Grids<Cell, Outcome> {
    testing::grids(&RichLimit, |cell: &Cell, noise| {
        let mut outcome = exact(cell, noise);
        if cell.richness == Richness::Ntk {
            stay(&mut outcome);
            outcome
                .moments
                .iter_mut()
                .for_each(|m| m.covariance = m.covariance.map(|c| c * cell.width as f64));
        } else if cell.width >= WIDE {
            of_wide(cell, &mut outcome);
        } else {
            of_narrow(cell, &mut outcome);
        }
        outcome
    })
}

fn stay(outcome: &mut Outcome) {
    let start = outcome.moments[0].clone();
    for (k, moment) in outcome.moments.iter_mut().enumerate() {
        let scatter = 1e-3 * k as f64;
        moment.features = start.features.map(|x| x + scatter);
        moment.gradients = start.gradients.map(|x| x - scatter);
    }
}

#[test]
fn the_limit_holds_and_wrong_constants_do_not() {
    let right = made_up(|_, _| {}, |_, _| {});
    assert!(right.holds(&RichLimit));
    assert!(right.wrong_theories_fail(
        &RichLimit,
        &[
            "bias B",
            "covariance of the outputs (of its value)",
            "exponent of the width",
            "rate of the flow (of its value)",
            "richness gamma (of its value)",
        ]
    ));
    assert!(!right.exchanged().holds(&RichLimit));
}

/// Every rule, and the lazy limit, put in the place of what the nets do.
#[test]
fn wrong_limits_fail_where_they_are_put_in_the_experiments_place() {
    for rule in [Rule::WrongExample, Rule::Ascending, Rule::Staying] {
        let limits = [1.0, 2.0].map(|gamma| other(gamma, rule));
        let wrong = |cell: &Cell| limits[usize::from(cell.gamma == 2.0)];
        let part = |what: usize| {
            made_up(
                |cell, outcome| {
                    for (time, wrong) in [0, EARLY, LATE].into_iter().zip(wrong(cell)) {
                        let moment = &mut outcome.moments[time];
                        let shake = 1.0 + 1e-3 * (cell.seed as f64).sin();
                        match what {
                            0 => moment.outputs = wrong.outputs.map(|f| f * shake),
                            1 => moment.features = wrong.features.map(|x| x * shake),
                            _ => moment.gradients = wrong.gradients.map(|x| x * shake),
                        }
                    }
                },
                |_, _| {},
            )
        };
        for what in 0..3 {
            assert!(!part(what).holds(&RichLimit), "{rule:?} {what}");
        }
    }
    let outputs = made_up(
        |cell, outcome| {
            for (time, f) in [EARLY, LATE].into_iter().zip(lazy()) {
                outcome.moments[time].outputs = f.map(|f| f * (1.0 + 1e-3 * (cell.seed as f64).sin()));
            }
        },
        |_, _| {},
    );
    assert!(!outputs.holds(&RichLimit));
    assert!(!made_up(|_, outcome| stay(outcome), |_, _| {}).holds(&RichLimit));
    for factor in ["a scatter that stays", "units that move", "the scatter of the start"]
        .map(|name| rival("covariance", name))
    {
        let scattered = made_up(
            |_, outcome| {
                outcome.moments.iter_mut().for_each(|m| m.covariance = m.covariance.map(|c| c * factor));
            },
            |_, _| {},
        );
        assert!(!scattered.holds(&RichLimit), "{factor}");
    }
    // Nets without a bias.
    let unbiased = made_up(
        |_, _| {},
        |cell, outcome| {
            let limit: &Limit = &limit(1.0, 1.0).unwrap();
            let by = 1e-3 * (cell.seed as f64).sin();
            outcome.moments.iter_mut().zip(limit).for_each(|(m, l)| m.features = l.features.map(|x| x + by));
        },
    );
    assert!(!unbiased.holds(&RichLimit));
}

#[test]
fn judges_without_outcomes() {
    let theory = Theory::as_stated();
    let cells = vec![cell(Richness::Fixed, 2.0, 256, 4), cell(Richness::Fixed, 1.0, 16, 4)];
    let grid = overparam_eval::runs::Grid::new(cells, Vec::new());
    let checks = RichLimit.judge(&grid.view(), &theory);
    assert_eq!(checks.len(), 5);
    assert!(checks.iter().all(|c| c.count() == 1 && c.places.iter().all(|p| p.draws[0].value.is_none())));
}
