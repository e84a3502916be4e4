//! **fang-2022/nfr-learns-features.** Optimised in the convex representation, a net learns in the same number of steps features that are
//! cheaper than those of training in weights, and better than features that do not move.
//!
//! *Source.* Fang, Gu, Zhang, Zhang 2019 (repopulation, and its experiments). *Experiment.* Nets with two layers of 48 features
//! on 200 examples: a synthetic target, the product of two of ten coordinates, and (beyond smoke scale) the embedded handwritten digits, even
//! against odd. The same start and the same number of full-batch Adam steps, their rate falling to 0, for both trained nets: in
//! *repopulation* the masses are solved for every 50 steps ([`overparam_feature_flow::nfr`]), in *weights* they stay 1 until the end. Both nets have
//! their masses solved before anything is measured, which changes neither function nor features: otherwise half of the
//! difference in cost is accounting (about 0.5 of the cost of a net trained in weights disappears with masses that were never part of its
//! training). At equal width and start, *frozen* is ridge regression on the start's last layer, *tangent* kernel ridge regression
//! with its tangent kernel, both with the ridge that 100 validation examples like best. Responses are ReLU; a constant coordinate
//! gives the first layer a bias.
//!
//! *Predicted.* Both trainings see the same convex cost of features, so nothing makes their *optima* differ as the width grows: a net with
//! masses is a net with copies. What repopulation has is a better direction, the exact minimum over the masses every 50 steps.
//! So the statement is about equal numbers of steps, not about convergence: objective and cost of features lower, test error below that of
//! features that do not move.
//!
//! *Bounds*, one-sided because no number is predicted: objective below 0.95, cost at most 0.9, test errors at most 0.9 of the
//! rivals'.
//!
//! *Controls.* (1) The regulariser off: masses then do not matter, and both trainings are the same. (2) Targets permuted among
//! the examples: there is nothing to learn for features, and those that move must lose their advantage.

use nalgebra::DMatrix;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Scale, Source};
use overparam_eval::data;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::Error;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::kernel_ridge::best_ridge;
use overparam_feature_flow::nfr::{Descent, Problem, Represented, Trains};
use overparam_tensor::linalg::{matmul, transposed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FANG_GU_ZHANG_ZHANG;
use crate::summary::distinct;

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The product of two coordinates.
    Product,
    /// Handwritten digits, even or odd.
    Digits,
}

const TASKS: [(Task, &str); 2] = [(Task::Product, "product"), (Task::Digits, "digits")];

/// What a control takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Without {
    /// Nothing: the experiment.
    Nothing,
    /// The regulariser, of features and top layer.
    Regulariser,
    /// The relation of targets to inputs.
    Signal,
}

/// All methods on one draw of data and start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// What is learned.
    pub task: Task,
    /// What is taken away.
    pub without: Without,
    /// Full-batch steps of the trained nets.
    pub steps: usize,
    /// Index of data and start.
    pub seed: u64,
}

/// What the methods reach, both trained nets with their best masses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Training loss and regulariser: repopulation, weights.
    pub objectives: [f64; 2],
    /// Feature cost summed over layers: repopulation, weights.
    pub costs: [f64; 2],
    /// Of training in weights, with masses 1.
    pub raw_cost: f64,
    /// Test error in units of the targets' variance: repopulation, weights, frozen, tangent.
    pub errors: [f64; 4],
}

const METHODS: [&str; 4] = ["repopulation", "weights", "frozen", "tangent"];
const UNITS: usize = 48;
const EXAMPLES: usize = 200;
const VALIDATION: usize = 100;
const TEST: usize = 500;
/// Steps between two solutions for the masses.
const EVERY: usize = 50;
const RIDGE: f64 = 1e-2;
const RATE: f64 = 0.03;

/// The claim.
pub struct NfrLearnsFeatures;

impl Claim for NfrLearnsFeatures {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "fang-2022/nfr-learns-features",
            statement: "Optimised in the convex representation a net learns efficient features: in the same number of steps a lower \
                        objective and a lower feature cost than training in weights, and better than features that do not move.",
            formula: "min over w_0, p, u~ of loss + lambda_u mean |u~|^2 / p_L + lambda sum_l c_l(p)",
            sources: &[Source {
                place: "the repopulation procedure and its experiments",
                ..FANG_GU_ZHANG_ZHANG
            }],
            prediction: "objective and feature cost below those of weight-space training, whose masses are solved at the end; test \
                         error below frozen and tangent features of the same width",
            must_hold: "objective at most 0.95 times, cost at most 0.9 times that of weights; test error at most 0.9 times those of \
                        frozen and tangent features",
            control: "the regulariser off (objective, cost); targets permuted (test errors)",
            cpu_seconds: [22.0, 200.0, 2000.0],
            size_ratio: [0.3, 0.3, 0.5],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, &[Without::Nothing])
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, &[Without::Regulariser, Without::Signal])
    }

    fn cost(&self, cell: &Cell) -> f64 {
        2e-3 * cell.steps as f64
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let mut examples = examples(cell, context)?;
        if cell.without == Without::Signal {
            let order = context.shared("permutation", cell.seed).permutation(examples.targets.nrows());
            examples.targets = examples.targets.select_rows(&order);
        }
        compare(cell, &examples, context).map_err(CellError::new)
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        (what == Doubling::Horizon).then(|| Cell { steps: 2 * cell.steps, ..cell.clone() })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let mut checks = Vec::new();
        for (task, name) in TASKS {
            if !runs.cells().any(|c| c.task == task) {
                continue;
            }
            let mut add = |id: &str, quantity: &str, f: fn(&Outcome) -> f64, bound: f64, without: Without| {
                let these = runs.only(|c| c.task == task && [Without::Nothing, without].contains(&c.without));
                checks.push(
                    Check::new(format!("{name}-{id}"), format!("{name}: {quantity}"), Bound::AtMost(bound))
                        .predicted("below 1")
                        .because("a margin below the rival's 1")
                        .rival("no gain", 1.0)
                        .control_fails()
                        .draws(these.draws(|runs| runs.first().map(|r| f(&r.outcome)))),
                );
            };
            let objective = |o: &Outcome| o.objectives[0] / o.objectives[1];
            let off = Without::Regulariser;
            add("objective", "objective, repopulation / weights", objective, 0.95, off);
            add("cost", "feature cost, repopulation / weights", |o| o.costs[0] / o.costs[1], 0.9, off);
            let frozen = |o: &Outcome| o.errors[0] / o.errors[2];
            add("frozen", "test error, repopulation / frozen features", frozen, 0.9, Without::Signal);
            let tangent = |o: &Outcome| o.errors[0] / o.errors[3];
            add("tangent", "test error, repopulation / tangent features", tangent, 0.9, Without::Signal);
        }
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let of = |runs: &[Run<Cell, Outcome>], task: Task, without: Without| -> Vec<Outcome> {
            let these = runs.iter().filter(|r| r.cell.task == task && r.cell.without == without);
            these.map(|r| r.outcome.clone()).collect()
        };
        let panel = |task: Task, title: &str| {
            let series = |runs: &[Run<Cell, Outcome>], without: Without, label: &str, role: Role| {
                let of = of(runs, task, without);
                let points = (0..METHODS.len()).filter_map(|k| {
                    median_point(k as f64, &of.iter().map(|o| o.errors[k]).collect::<Vec<_>>())
                });
                Series::new(label, role, 0, points.collect())
            };
            Panel {
                title: title.into(),
                x: Axis::named("", &METHODS),
                y: Axis::linear("test error / variance"),
                series: vec![
                    series(runs, Without::Nothing, "true targets", Role::Experiment),
                    series(control, Without::Signal, "permuted targets", Role::Control),
                ],
            }
        };
        let ratios =
            |runs: &[Run<Cell, Outcome>], without, label: &str, role, colour, f: fn(&Outcome) -> f64| {
                let points = TASKS.iter().enumerate().filter_map(|(k, (task, _))| {
                    median_point(k as f64, &of(runs, *task, without).iter().map(f).collect::<Vec<_>>())
                });
                Series::new(label, role, colour, points.collect())
            };
        let one = vec![Point::new(-0.5, 1.0), Point::new(1.5, 1.0)];
        let cost = |o: &Outcome| o.costs[0] / o.costs[1];
        let present = TASKS.into_iter().filter(|(task, _)| runs.iter().any(|r| r.cell.task == *task));
        let mut panels: Vec<Panel> = present.map(|(task, name)| panel(task, name)).collect();
        panels.push(Panel {
            title: "Against training in weights".into(),
            x: Axis::named("", &TASKS.map(|t| t.1)),
            y: Axis::linear("repopulation / weights"),
            series: vec![
                Series::new("equal", Role::Theory, 6, one),
                ratios(runs, Without::Nothing, "objective", Role::Experiment, 0, |o| {
                    o.objectives[0] / o.objectives[1]
                }),
                ratios(runs, Without::Nothing, "feature cost", Role::Experiment, 1, cost),
                ratios(
                    runs,
                    Without::Nothing,
                    "feature cost, weights with masses 1",
                    Role::Experiment,
                    2,
                    |o| o.costs[0] / o.raw_cost,
                ),
                ratios(
                    control,
                    Without::Regulariser,
                    "feature cost, regulariser off",
                    Role::Control,
                    1,
                    cost,
                ),
            ],
        });
        let seeds = distinct(runs, |r| r.cell.seed).len();
        vec![Figure {
            name: "nfr-learns-features".into(),
            title: "What repopulation learns".into(),
            caption: format!(
                "Medians over {seeds} seeds with their intervals. Test errors at equal width, and repopulation in units of training in \
                 weights, both with their best masses. Hollow: controls."
            ),
            panels,
        }]
    }
}

fn grid(plan: &Plan<'_>, without: &[Without]) -> Vec<Cell> {
    let steps = plan.by_scale([750, 1500, 10_000]);
    // A cell of digits costs as much as one of products: beyond smoke.
    let tasks = if plan.scale == Scale::Smoke { &TASKS[..1] } else { &TASKS[..] };
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        for &without in without {
            cells.extend(tasks.iter().map(|&(task, _)| Cell { task, without, steps, seed }));
        }
    }
    cells
}

/// Inputs and targets: training, validation and test examples below each other.
struct Examples {
    inputs: DMatrix<f64>,
    targets: DMatrix<f64>,
}

fn examples(cell: &Cell, context: &Context<'_>) -> Result<Examples, CellError> {
    const ALL: usize = EXAMPLES + VALIDATION + TEST;
    let stream = context.shared("data", cell.seed);
    match cell.task {
        Task::Product => {
            let inputs: DMatrix<f64> = stream.normal_matrix(ALL, 10, 1.0);
            let targets = DMatrix::from_fn(ALL, 1, |i, _| inputs[(i, 0)] * inputs[(i, 1)]);
            Ok(Examples { inputs: with_bias(inputs), targets })
        }
        Task::Digits => {
            let digits = data::digits();
            let parts =
                data::split(digits.labels.len(), VALIDATION, TEST, &stream).map_err(CellError::new)?;
            let train: Vec<usize> = stream.named("train").permutation(parts.train.len());
            let train = train.into_iter().take(EXAMPLES).map(|k| parts.train[k]);
            let rows: Vec<usize> = train.chain(parts.validation).chain(parts.test).collect();
            let inputs = digits.images.select_rows(&rows);
            // Centred, and in units in which a first-layer sum with weights N(0, 1) has variance about 1.
            let mean = inputs.mean();
            let inputs = inputs.add_scalar(-mean);
            let scale = (inputs.nrows() as f64).sqrt() / inputs.norm();
            let even = |i: usize| if digits.labels[rows[i]].is_multiple_of(2) { 1.0 } else { -1.0 };
            let targets = DMatrix::from_fn(ALL, 1, |i, _| even(i));
            Ok(Examples { inputs: with_bias(inputs * scale), targets })
        }
    }
}

/// A last coordinate 1.
fn with_bias(inputs: DMatrix<f64>) -> DMatrix<f64> {
    let d = inputs.ncols();
    inputs.insert_column(d, 1.0)
}

fn compare(cell: &Cell, examples: &Examples, context: &Context<'_>) -> Result<Outcome, Error> {
    let regularised = cell.without != Without::Regulariser;
    let ridge = if regularised { RIDGE } else { 0.0 };
    let rows = |m: &DMatrix<f64>, from: usize, count: usize| m.rows(from, count).into_owned();
    let problem = Problem {
        inputs: rows(&examples.inputs, 0, EXAMPLES),
        targets: rows(&examples.targets, 0, EXAMPLES),
        activation: Activation::Relu,
        ridge_top: ridge,
        ridge_features: ridge,
    };
    let stream = context.shared("start", cell.seed);
    let d = examples.inputs.ncols();
    let start = Represented::uniform(
        vec![
            stream.named("first").normal_matrix(d, UNITS, 1.0),
            stream.named("second").normal_matrix(UNITS, UNITS, (UNITS as f64).sqrt()),
        ],
        stream.named("top").normal_matrix(UNITS, 1, 1.0),
    );
    let tests = (
        rows(&examples.inputs, EXAMPLES + VALIDATION, TEST),
        rows(&examples.targets, EXAMPLES + VALIDATION, TEST),
    );
    let variance = tests.1.add_scalar(-tests.1.mean()).norm_squared();
    let error = |predicted: &DMatrix<f64>| (predicted - &tests.1).norm_squared() / variance;
    let (mut objectives, mut costs, mut raw_cost, mut errors) = ([0.0; 2], [0.0; 2], 0.0, [0.0; 4]);
    for (k, repopulates) in [(0, true), (1, false)] {
        let mut net = start.clone();
        let mut descent = Descent::new(&net, Trains::Everything, RATE)?;
        for step in 0..cell.steps {
            if repopulates && step.is_multiple_of(EVERY) && regularised {
                net.solve_masses(&problem, 1e-2, 100);
            }
            descent.step(&mut net, &problem, 1.0 - step as f64 / cell.steps as f64)?;
        }
        raw_cost = net.feature_costs().iter().sum();
        if regularised {
            net.solve_masses(&problem, 1e-3, 300);
        }
        objectives[k] = problem.objective(&net);
        costs[k] = net.feature_costs().iter().sum();
        errors[k] = error(&problem.predict(&net, &tests.0));
    }
    let frozen = problem.features(&examples.inputs, &start.weights).pop().unwrap_or_default();
    for (k, kernel) in
        [(2, matmul(&frozen, transposed(&frozen))), (3, problem.tangent_kernel(&start, &examples.inputs))]
    {
        let block = |from: usize, count: usize| kernel.view((from, 0), (count, EXAMPLES)).into_owned();
        let validation = rows(&examples.targets, EXAMPLES, VALIDATION);
        let predicted = best_ridge(
            (&block(0, EXAMPLES), &problem.targets),
            (&block(EXAMPLES, VALIDATION), &validation),
            &block(EXAMPLES + VALIDATION, TEST),
        )?;
        errors[k] = error(&predicted);
    }
    Ok(Outcome { objectives, costs, raw_cost, errors })
}

#[cfg(test)]
mod tests {
    use super::{Cell, NfrLearnsFeatures, Outcome, Without};
    use crate::fang_2022::testing;

    /// `ratio` of objectives and costs, `error` of repopulation where that of the others is 1.
    fn outcome(ratio: f64, error: f64) -> Outcome {
        Outcome {
            objectives: [ratio, 1.0],
            costs: [ratio, 1.0],
            raw_cost: 2.0,
            errors: [error, error, 1.0, 1.0],
        }
    }

    #[test]
    fn a_gain_needs_a_control_without_one() {
        let claim = &NfrLearnsFeatures;
        let grids = |gain: (f64, f64), off: f64, permuted: f64| {
            testing::grids(claim, |cell: &Cell, noise| match cell.without {
                Without::Nothing => outcome(gain.0 + 0.02 * noise, gain.1),
                Without::Regulariser => outcome(off, 0.3),
                Without::Signal => outcome(0.6, permuted),
            })
        };
        let right = grids((0.6, 0.3), 1.0, 1.3);
        assert!(right.holds(claim) && !right.exchanged().holds(claim));
        assert!(!grids((1.0, 0.3), 1.0, 1.3).holds(claim));
        assert!(!grids((0.6, 1.0), 1.0, 1.3).holds(claim));
        // Controls that gain as much.
        assert!(!grids((0.6, 0.3), 0.6, 1.3).holds(claim));
        assert!(!grids((0.6, 0.3), 1.0, 0.3).holds(claim));
    }
}
