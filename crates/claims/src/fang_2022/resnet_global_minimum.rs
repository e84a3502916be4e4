//! **fang-2022/resnet-global-minimum.** If a ResNet's feature flow converges and its first layer's features have full rank, it is at
//! a global minimum, at any depth.
//!
//! *Source.* Fang, Lee, Yang, Zhang 2021, theorem 8. *Experiment.* Gaussian inputs in 10 dimensions with random signs as targets:
//! nothing to generalise from, so that only a global minimum has loss 0. `tanh` ResNets in mean-field scaling
//! ([`overparam_feature_flow::flow`]), all weights `N(0, 1)`, descent at rate `1 / (1 + depth / 10)` (the kernel of the outputs grows in
//! proportion to depth) until the loss is 1e-5. Not arriving in the steps allowed is an outcome.
//!
//! *Predicted.* Loss 0. At a stationary point of the flow the derivative by the first layer's features vanishes in every unit; a skip
//! connection carries these features to the top, and as long as they span all functions of the `N` examples the residual is 0. The
//! proof needs both, the connection and the rank, and each has its own control.
//!
//! *Controls*, from the same kind of start and with at least the same number of steps. (1) No skip connections: the signal of a mean-field
//! net falls as `m^(-1/2)` with every layer, and at depth 10 nothing moves: the loss stays what it was, 1/2. At depth 3 the plain net
//! arrives too, only later, so depth is part of this control. (2) Singular features: all units of a layer are copies of one. Copies stay
//! copies under descent, so the net is one of width 1 and its first layer's features have rank 1. Its `d + depth` weights
//! hardly ever fit 32 signs: at depth 10, 1 of 32 draws at master seeds 101 and 103 did, given 4,000 steps. That is no contradiction. Full
//! rank is sufficient and not necessary, and with 4 distinct units for 16 examples descent always arrived when tried.
//!
//! *Bounds.* Loss at most 1e-4, where descent that arrives stops at 1e-5. Full rank: the smallest eigenvalue of the first layer's
//! Gram matrix is above `N` units in the last place of single precision, in which the flow is computed, times the largest.

use nalgebra::DMatrix;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::Error;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling, Start, feature_spectrum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FANG_LEE_YANG_ZHANG;
use crate::summary::distinct;

/// Which hypothesis of the theorem is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// None: the experiment.
    Nothing,
    /// The skip connections.
    Skip,
    /// Full rank: all units of a layer are copies of one.
    Rank,
}

/// One net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// What the control takes away.
    pub missing: Missing,
    /// Layers of features.
    pub depth: usize,
    /// Units a layer.
    pub width: usize,
    /// Training examples, `N`.
    pub examples: usize,
    /// At most so many steps.
    pub steps: usize,
    /// Index of data and start.
    pub seed: u64,
}

/// Where the flow went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Training loss at the end; `None` if descent diverged.
    pub loss: Option<f64>,
    /// Steps made.
    pub steps: usize,
    /// Smallest over largest eigenvalue of the first layer's Gram matrix, at the end; `None` if descent diverged.
    pub conditioning: Option<f64>,
    /// Training loss every `EVERY` steps.
    pub losses: Vec<f64>,
}

const TARGET: f64 = 1e-5;
/// The largest loss that counts as a global minimum.
const LARGEST: f64 = 1e-4;
const EVERY: usize = 50;
const DIMENSION: usize = 10;

/// The claim.
pub struct ResnetGlobalMinimum;

impl Claim for ResnetGlobalMinimum {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "fang-2022/resnet-global-minimum",
            statement: "When the feature flow of a ResNet converges, it is at a global minimum; depth does not hurt.",
            formula: "b^(l+1) = b^l + h((1/m) h(b^l) V_l), f = (1/m) h(b^L) u; d loss/dt -> 0 implies loss -> 0",
            sources: &[Source { place: "theorem 8", ..FANG_LEE_YANG_ZHANG }],
            prediction: "training loss 0 at every depth, from random labels too",
            must_hold: "training loss at most 1e-4 at every depth, and the first layer's features of full rank at the end",
            control: "no skip connections, at depth 10 and more; and features of rank 1",
            cpu_seconds: [6.0, 300.0, 20000.0],
            size_ratio: [0.3, 0.6, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Missing::Nothing)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let mut cells = grid(plan, Missing::Skip);
        cells.retain(|cell| cell.depth >= 10);
        let deepest = cells.iter().map(|cell| cell.depth).max();
        let singular = grid(plan, Missing::Rank).into_iter().filter(|cell| Some(cell.depth) == deepest);
        // These cost nothing, and are given time.
        cells.extend(singular.map(|cell| Cell { width: 1, steps: 4 * cell.steps, ..cell }));
        cells
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        Some(match what {
            Doubling::Size if cell.missing == Missing::Rank => return None,
            Doubling::Size => Cell { width: 2 * cell.width, ..cell.clone() },
            Doubling::Horizon => Cell { steps: 2 * cell.steps, ..cell.clone() },
        })
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let products = (6 * (cell.depth - 1) * cell.examples) as f64 * (cell.width as f64).powi(2);
        let steps = if cell.missing == Missing::Nothing { 400 } else { cell.steps };
        steps as f64 * (products / 3e10 + 1e-5 * cell.depth as f64)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        descend(cell, context).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        // The worst depth of a seed; of a control, the one that takes this hypothesis away.
        let worst = |missing: Missing, f: fn(&Outcome) -> Option<f64>, worse: fn(f64, f64) -> f64| {
            let these = runs.only(|c| c.missing == missing || c.missing == Missing::Nothing);
            these.draws(|runs| {
                let all: Option<Vec<f64>> = runs.iter().map(|r| f(&r.outcome)).collect();
                all?.into_iter().reduce(worse)
            })
        };
        let loss = |id: &str, without: &str, missing: Missing| {
            let quantity = format!("training loss at the depth where it is largest{without}");
            Check::new(id, quantity, Bound::AtMost(LARGEST))
                .predicted("0 at a global minimum")
                .because("descent stops at 1e-5, or when its steps are used up")
                .rival("a start that is stationary, or never left", 0.5)
                .missing_is_outside()
                .control_fails()
                .draws(worst(missing, |o| o.loss, f64::max))
        };
        let examples = runs.cells().map(|c| c.examples).max().unwrap_or(1) as f64;
        vec![
            loss("loss", "", Missing::Skip),
            loss("loss-rank", " (control: features of rank 1)", Missing::Rank),
            Check::new(
                "rank",
                "smallest over largest eigenvalue of the first layer's features, at the end",
                Bound::AtLeast(examples * f64::from(f32::EPSILON)),
            )
            .predicted("positive: full rank")
            .because("N units in the last place of the arithmetic")
            .missing_is_outside()
            .control_fails()
            .draws(worst(Missing::Rank, |o| o.conditioning, f64::min)),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![Figure {
            name: "resnet-global-minimum".into(),
            title: "ResNets of every depth reach a global minimum".into(),
            caption: "Left: training loss against steps, first seed. Right: training loss at the end, medians over seeds with \
                      their intervals; line: the bound of the check; hollow: without skip connections, and with features of rank 1."
                .into(),
            panels: vec![curves(runs), ends(runs, control)],
        }]
    }
}

fn grid(plan: &Plan<'_>, missing: Missing) -> Vec<Cell> {
    let depths: &[usize] = plan.by_scale([&[2, 10][..], &[2, 5, 10, 20, 50], &[2, 5, 10, 20, 50, 100]]);
    let (examples, width) = plan.by_scale([(32, 64), (32, 100), (64, 1000)]);
    let steps = plan.by_scale([1_000, 4_000, 4_000]);
    let seeds = plan.seeds();
    seeds
        .flat_map(|seed| {
            depths.iter().map(move |&depth| Cell { missing, depth, width, examples, steps, seed })
        })
        .collect()
}

fn descend(cell: &Cell, context: &Context<'_>) -> Result<Outcome, Error> {
    let inputs: DMatrix<f32> =
        context.shared("inputs", cell.seed).normal_matrix(cell.examples, DIMENSION, 1.0);
    let targets = context.shared("targets", cell.seed).normal_matrix::<f32>(cell.examples, 1, 1.0);
    let targets = targets.map(f32::signum);
    let architecture = if cell.missing == Missing::Skip { Architecture::Dnn } else { Architecture::ResNet };
    let kind = (architecture, Scaling::MeanField, Activation::Tanh);
    let stream = context.shared("start", cell.seed);
    let network = Network::new(kind, (cell.depth, cell.width), Start::Independent, &inputs, &stream)?;
    let mut flow = Flow::new(network, inputs, targets)?;
    let rate = (1.0 + cell.depth as f64 / 10.0).recip();
    let (mut losses, mut steps) = (Vec::new(), 0);
    while steps < cell.steps && flow.loss() > TARGET {
        let loss = match flow.step(rate) {
            Err(Error::Diverged { .. }) => {
                return Ok(Outcome { loss: None, conditioning: None, steps, losses });
            }
            loss => loss?,
        };
        if steps.is_multiple_of(EVERY) {
            losses.push(loss);
        }
        steps += 1;
    }
    if !flow.loss().is_finite() {
        return Ok(Outcome { loss: None, conditioning: None, steps, losses });
    }
    let spectrum = feature_spectrum(&flow.values()[0].map(f64::from))?;
    let conditioning = spectrum[0] / spectrum[spectrum.len() - 1];
    Ok(Outcome { loss: Some(flow.loss()), steps, conditioning: Some(conditioning), losses })
}

fn curves(runs: &[Run<Cell, Outcome>]) -> Panel {
    let first = runs.iter().filter(|r| r.cell.seed == 0).enumerate();
    let series = first.map(|(colour, Run { cell, outcome })| {
        let points = outcome.losses.iter().enumerate().map(|(k, l)| Point::new((k * EVERY) as f64, *l));
        Series::new(format!("depth {}", cell.depth), Role::Trajectory, colour, points.collect())
    });
    Panel {
        title: "Training".into(),
        x: Axis::linear("steps"),
        y: Axis::log("training loss"),
        series: series.collect(),
    }
}

fn ends(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Panel {
    let series = |runs: &[Run<Cell, Outcome>], missing: Missing, label: &str, role: Role, colour: usize| {
        let runs: Vec<&Run<Cell, Outcome>> = runs.iter().filter(|r| r.cell.missing == missing).collect();
        let points = distinct(&runs, |r| r.cell.depth).into_iter().filter_map(|depth| {
            let of = runs.iter().filter(|r| r.cell.depth == depth);
            let losses: Vec<f64> = of.filter_map(|r| r.outcome.loss).collect();
            median_point(depth as f64, &losses)
        });
        Series::new(label, role, colour, points.collect())
    };
    let depths = distinct(runs, |r| r.cell.depth);
    let bound = depths.iter().map(|d| Point::new(*d as f64, LARGEST)).collect();
    Panel {
        title: "After training".into(),
        x: Axis::log("layers"),
        y: Axis::log("training loss"),
        series: vec![
            Series::new("at most", Role::Theory, 1, bound),
            series(runs, Missing::Nothing, "ResNet", Role::Experiment, 0),
            series(control, Missing::Skip, "no skip connections", Role::Control, 2),
            series(control, Missing::Rank, "features of rank 1", Role::Control, 3),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Missing, Outcome, ResnetGlobalMinimum};
    use crate::fang_2022::testing;

    fn outcome(loss: f64, conditioning: f64) -> Outcome {
        Outcome { loss: Some(loss), steps: 400, conditioning: Some(conditioning), losses: Vec::new() }
    }

    #[test]
    fn each_hypothesis_has_a_control_that_must_fail() {
        let claim = &ResnetGlobalMinimum;
        let grids = |skip: f64, rank: (f64, f64)| {
            testing::grids(claim, |cell: &Cell, _| match cell.missing {
                Missing::Nothing => outcome(1e-5, 1e-3),
                Missing::Skip => outcome(skip, 1e-3),
                Missing::Rank => outcome(rank.0, rank.1),
            })
        };
        let right = grids(0.5, (0.2, 1e-9));
        assert!(right.holds(claim) && !right.exchanged().holds(claim));
        // A plain net that arrives, singular features that fit, one unit that spans everything.
        assert!(!grids(1e-5, (0.2, 1e-9)).holds(claim));
        assert!(!grids(0.5, (1e-5, 1e-9)).holds(claim));
        assert!(!grids(0.5, (0.2, 1e-3)).holds(claim));
    }

    #[test]
    fn one_depth_that_does_not_arrive_is_enough() {
        let claim = &ResnetGlobalMinimum;
        let stuck = testing::grids(claim, |cell: &Cell, _| {
            let arrives = cell.missing == Missing::Nothing && cell.depth == 2;
            outcome(if arrives { 1e-5 } else { 0.3 }, if cell.missing == Missing::Rank { 0.0 } else { 1e-3 })
        });
        assert!(!stuck.holds(claim));
    }
}
