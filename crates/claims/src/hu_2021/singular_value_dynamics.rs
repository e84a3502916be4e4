//! **hu-2021/singular-value-dynamics.** Under gradient flow from a balanced initialisation the end matrix's singular
//! values obey `ds_r/dt = -N (s_r^2)^(1-1/N) <grad L(W), u_r v_r^T>`: large ones speed up, small ones slow down, the more
//! so the deeper the network.
//!
//! *Source.* Arora, Cohen, Hu, Luo 2019, theorem 3 and figure 3. *Experiment.* Matrix completion (`L` half the sum of
//! squared errors) by plain gradient descent in double precision at two step sizes, `eta` and `eta / 2`, depths 1 to 4,
//! for a fixed time `t = eta x steps`. The equation is integrated along each trajectory: `u_r`, `v_r` and `grad L` come
//! from the run, the singular values start from the run's and are never corrected
//! ([`overparam_deep_linear::singular_values`]).
//!
//! *Predicted.* Descent is Euler's method for the flow, so prediction and measurement differ by `O(eta)`: halving the step
//! halves the difference. A wrong power or factor in the equation would leave a difference that does not shrink.
//!
//! *Tolerances.* 2% of the singular values' norm, at the larger step and at every time; the halving is `2 +/- 0.3`, since
//! the next order of `eta` changes the ratio by a share of about `eta` times the largest curvature, here 0.1.
//!
//! *Control.* The same end matrix, factorised out of balance (the last layer four times the first). The equation rests on
//! balance and must miss the trajectory at depths 2 to 4; a single layer cannot be out of balance.

use std::ops::ControlFlow;

use nalgebra::DVector;
use overparam_deep_linear::singular_values::SingularValueTrajectory;
use overparam_deep_linear::{
    Convention, DeepLinearError, DeepLinearNetwork, Entry, Initialization, MatrixCompletion, Optimizer,
    Training,
};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_tensor::linalg::{matmul, transposed};
use serde::{Deserialize, Serialize};

use super::ARORA_COHEN_HU_LUO;
use crate::summary::distinct;

/// One trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Rows and columns of the matrix to complete.
    pub size: usize,
    /// Rank of the truth, whose largest singular value is 1.
    pub rank: usize,
    /// Observed entries.
    pub observed: usize,
    /// Layers.
    pub depth: usize,
    /// Step size `eta`.
    pub learning_rate: f64,
    /// Time of the flow at which descent stops; the number of steps is `time / learning_rate`.
    pub time: f64,
    /// Last layer over first layer: 1 is balanced.
    pub imbalance: f64,
    /// Index of the truth, the entries and the start, shared by all depths and step sizes.
    pub seed: u64,
}

/// How well the equation predicts one trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `max over t of ||s_predicted - s_measured|| / ||s_measured||`.
    pub relative_error: f64,
    /// Sixty moments of the largest singular values.
    pub curve: Vec<Moment>,
}

/// The largest singular values at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Time of the flow.
    pub time: f64,
    /// As descent has them.
    pub measured: Vec<f64>,
    /// As the equation has them.
    pub predicted: Vec<f64>,
}

/// End-to-end scale of the start, relative to the truth's largest singular value.
const START: f64 = 0.05;

/// The claim.
pub struct SingularValueDynamics;

impl Claim for SingularValueDynamics {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "hu-2021/singular-value-dynamics",
            statement: "Under gradient flow from a balanced initialisation each singular value of the end matrix moves \
                        at a speed proportional to a power of itself: large ones speed up, small ones slow down, more \
                        with depth.",
            formula: "ds_r/dt = -N (s_r^2)^(1-1/N) <grad L(W), u_r v_r^T>",
            sources: &[Source { place: "theorem 3 and figure 3", ..ARORA_COHEN_HU_LUO }],
            prediction: "the equation, integrated along descent's trajectory from the singular values at its start, \
                         follows them to O(eta)",
            must_hold: "at depths 1 to 4 the relative error over the whole trajectory is at most 2%, and halves with \
                        the step size",
            control: "the same end matrix factorised out of balance",
            cpu_seconds: [20.0, 80.0, 10_000.0],
            size_ratio: [0.08, 0.12, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, 1..=4, 1.0)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, 2..=4, 4.0)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        cell.time / cell.learning_rate * 3e-9 * (cell.size as f64).powi(3)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        descend(cell, context).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let depths = runs.distinct(|cell| cell.depth);
        depths.into_iter().flat_map(|depth| [error(runs, depth), halving(runs, depth)]).collect()
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let panel = |runs: &[Run<Cell, Outcome>], depth: usize, what: &str| -> Option<Panel> {
            let run = runs.iter().find(|r| r.cell.depth == depth && r.cell.seed == 0)?;
            Some(trajectory(&run.outcome, format!("Depth {depth}{what}")))
        };
        let mut panels: Vec<Panel> = depths(runs).into_iter().filter_map(|d| panel(runs, d, "")).collect();
        panels.extend(panel(control, 3, ", control: out of balance"));
        vec![Figure {
            name: "trajectories".into(),
            title: "Singular values switch on one after another, as the equation says".into(),
            caption: "Lines: the equation, integrated along the trajectory. Points: gradient descent at the larger step \
                      size, first seed. With depth the transitions sharpen. Last panel: the control, where the equation \
                      misses."
                .into(),
            panels,
        }]
    }
}

fn grid(plan: &Plan<'_>, depths: std::ops::RangeInclusive<usize>, imbalance: f64) -> Vec<Cell> {
    let (size, rank, observed) = plan.by_scale([(8, 2, 40), (12, 3, 100), (100, 5, 5000)]);
    let time = plan.by_scale([20.0, 30.0, 60.0]);
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        for depth in depths.clone() {
            // A single layer moves all singular values at once, small ones too: their paths meet often and must be followed
            // in smaller steps, but for a shorter time.
            let (time, coarse) = if depth == 1 { (0.2 * time, 1e-3) } else { (time, 5e-3) };
            for learning_rate in [coarse, coarse / 2.0] {
                cells.push(Cell { size, rank, observed, depth, learning_rate, time, imbalance, seed });
            }
        }
    }
    cells
}

fn descend(cell: &Cell, context: &Context<'_>) -> Result<Outcome, DeepLinearError> {
    let normal =
        |name, columns| context.shared(name, cell.seed).normal_matrix::<f64>(cell.size, columns, 1.0);
    let mut truth = matmul(&normal("left factor", cell.rank), transposed(&normal("right factor", cell.rank)));
    truth /= spectral_norm(&truth)?;
    let observed: Vec<Entry> = context
        .shared("observed entries", cell.seed)
        .sample_indices(truth.len(), cell.observed)
        .into_iter()
        .map(|i| (i / cell.size, i % cell.size))
        .map(|(row, column)| Entry { row, column, value: truth[(row, column)] })
        .collect();
    let objective = MatrixCompletion::<f64>::new(cell.size, cell.size, &observed, Convention::HalfSum)?;
    let mut end = normal("start", cell.size);
    end *= START / spectral_norm(&end)?;
    let start = if cell.imbalance == 1.0 {
        Initialization::Balanced { end }
    } else {
        Initialization::Unbalanced { end, ratio: cell.imbalance }
    };
    let widths = vec![cell.size; cell.depth + 1];
    let mut network = DeepLinearNetwork::initialize(&widths, &start, &context.shared("frames", cell.seed))?;
    let steps = (cell.time / cell.learning_rate).round() as u64;
    let training = Training {
        optimizer: Optimizer::GradientDescent { learning_rate: cell.learning_rate },
        loss_target: -1.0,
        max_steps: steps,
        observe_every: 1,
    };
    let mut trajectory = SingularValueTrajectory::new(cell.depth)?;
    training.run_observed(&mut network, &objective, |seen| {
        let time = seen.step as f64 * cell.learning_rate;
        trajectory.record(time, seen.end_matrix, seen.end_gradient)?;
        Ok::<_, DeepLinearError>(ControlFlow::Continue(()))
    })?;
    // Paths keep the order of their start and may change sign at depth 1: show those that end largest.
    let order = trajectory.final_order();
    let top = |values: &DVector<f64>| order.iter().take(cell.rank + 1).map(|&r| values[r].abs()).collect();
    let curve = (0..=59).map(|k| k * (trajectory.times().len() - 1) / 59).map(|i| Moment {
        time: trajectory.times()[i],
        measured: top(&trajectory.measured()[i]),
        predicted: top(&trajectory.predicted()[i]),
    });
    Ok(Outcome { relative_error: trajectory.relative_error(), curve: curve.collect() })
}

fn spectral_norm(a: &nalgebra::DMatrix<f64>) -> Result<f64, DeepLinearError> {
    Ok(overparam_deep_linear::measures::Spectrum::of(a)?.spectral_norm())
}

fn depths(runs: &[Run<Cell, Outcome>]) -> Vec<usize> {
    distinct(runs, |r| r.cell.depth)
}

/// The relative errors at the larger and at the smaller step size, of one seed and depth.
fn errors(runs: &[&Run<Cell, Outcome>]) -> Option<(f64, f64)> {
    let rate = |r: &&&Run<Cell, Outcome>, s: &&&Run<Cell, Outcome>| {
        r.cell.learning_rate.total_cmp(&s.cell.learning_rate)
    };
    let (small, large) = (runs.iter().min_by(rate)?, runs.iter().max_by(rate)?);
    Some((large.outcome.relative_error, small.outcome.relative_error))
}

fn error(runs: &Runs<'_, Cell, Outcome>, depth: usize) -> Check {
    let check = Check::new(
        format!("error-{depth}"),
        format!("depth {depth}: largest relative error of the predicted singular values"),
        Bound::AtMost(0.02),
    )
    .predicted("0 up to descent's distance from the flow")
    .because("small enough to see a wrong power or factor, which would cost tens of percent")
    .rival("a wrong power or factor", 0.1)
    .draws(runs.only(|cell| cell.depth == depth).draws(|runs| Some(errors(runs)?.0)));
    if depth > 1 { check.control_fails() } else { check }
}

fn halving(runs: &Runs<'_, Cell, Outcome>, depth: usize) -> Check {
    let ratio = |runs: &[&Run<Cell, Outcome>]| errors(runs).map(|(large, small)| large / small);
    let check = Check::new(
        format!("halving-{depth}"),
        format!("depth {depth}: relative error at step eta / at eta/2"),
        Bound::Within { target: 2.0, tolerance: 0.3 },
    )
    .predicted("2: what remains is descent's own error, O(eta)")
    .because("the next order in eta changes the ratio by less")
    .rival("an error that is not descent's", 1.0)
    .draws(runs.only(|cell| cell.depth == depth).draws(ratio));
    if depth > 1 { check.control_fails() } else { check }
}

fn trajectory(outcome: &Outcome, title: String) -> Panel {
    let values = outcome.curve.first().map_or(0, |m| m.measured.len());
    let points = |every: usize, f: &dyn Fn(&Moment) -> f64| {
        outcome.curve.iter().step_by(every).map(|m| Point::new(m.time, f(m))).collect()
    };
    let series = (0..values).flat_map(|r| {
        [
            Series::new(format!("s{} predicted", r + 1), Role::Theory, r, points(1, &|m| m.predicted[r])),
            Series::new(format!("s{} measured", r + 1), Role::Experiment, r, points(3, &|m| m.measured[r])),
        ]
    });
    Panel {
        title,
        x: Axis::linear("time (step size x steps)"),
        y: Axis::linear("singular value"),
        series: series.collect(),
    }
}
