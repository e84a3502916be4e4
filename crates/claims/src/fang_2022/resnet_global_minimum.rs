//! **fang-2022/resnet-global-minimum.** If a ResNet's feature flow converges, it is to a global minimum, at any depth.
//!
//! *Source.* Fang, Lee, Yang, Zhang 2021, theorem 8. *Experiment.* 32 Gaussian inputs in 10 dimensions with random signs as
//! targets: nothing to generalise from, so that only a global minimum has loss 0. `tanh` ResNets in mean-field scaling
//! ([`overparam_feature_flow::flow`]), 100 units a layer, branches starting at zero, descent at rate `1 / (1 + depth / 10)` (the
//! kernel of the outputs grows in proportion to depth) until the loss is 1e-5, at most 4,000 steps.
//!
//! *Predicted.* Loss 0. The proof rests on the first layer: a skip connection carries its features up, and as long as they span
//! all functions of the examples a stationary point is a global minimum. So their Gram matrix must keep full rank.
//!
//! *Tolerances.* CLAIMS.md: loss below 1e-4 in every seed at depths 2 to 50. Full rank: the smallest eigenvalue is above
//! `N` units in the last place of single precision, in which the flow is computed, times the largest.
//!
//! *Control.* No skip connections from the same start, at depths above 2: the middle layers are degenerate and nothing moves.

use nalgebra::DMatrix;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::Error;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling, Start, feature_spectrum};
use serde::{Deserialize, Serialize};

use super::FANG_LEE_YANG_ZHANG;
use crate::summary::distinct;

/// One net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// ResNet, or DNN in the control.
    pub architecture: Architecture,
    /// Layers of features.
    pub depth: usize,
    /// Units a layer.
    pub width: usize,
    /// `N`.
    pub examples: usize,
    /// At most so many steps.
    pub steps: usize,
    /// Index of data and start.
    pub seed: u64,
}

/// Where the flow went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Training loss at the end.
    pub loss: f64,
    /// Steps made.
    pub steps: usize,
    /// Smallest over largest eigenvalue of the first layer's Gram matrix, at the end.
    pub conditioning: f64,
    /// Training loss every `EVERY` steps.
    pub losses: Vec<f64>,
}

const TARGET: f64 = 1e-5;
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
            must_hold: "training loss below 1e-4 in every seed at every depth; the first layer's features keep full rank",
            control: "no skip connections from the same start",
            cpu_seconds: [3.0, 60.0, 5000.0],
            size_ratio: [0.3, 0.6, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Architecture::ResNet)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let cells = grid(plan, Architecture::Dnn).into_iter().filter(|c| c.depth > 2);
        // Nothing moves: the first steps show it.
        cells.map(|cell| Cell { steps: 200, ..cell }).collect()
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let products = (6 * (cell.depth - 1) * cell.examples) as f64 * (cell.width as f64).powi(2);
        0.2 * cell.steps as f64 * (products / 3e10 + 1e-4)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        descend(cell, context).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        // The worst depth of a seed.
        let loss = runs.draws(|runs| runs.iter().map(|r| r.outcome.loss).reduce(f64::max));
        let conditioning = runs.draws(|runs| runs.iter().map(|r| r.outcome.conditioning).reduce(f64::min));
        let rank = runs.cells().map(|c| c.examples).max().unwrap_or(1) as f64 * f64::from(f32::EPSILON);
        vec![
            Check::new("loss", "training loss at the depth where it is largest", Bound::AtMost(1e-4))
                .predicted("0 at a global minimum")
                .because("descent stops at 1e-5, or after 4,000 steps")
                .rival("a stationary point that is no global minimum: the loss at the start", 0.5)
                .control_fails()
                .draws(loss),
            Check::new(
                "rank",
                "smallest over largest eigenvalue of the first layer's features, at the end",
                Bound::AtLeast(rank),
            )
            .predicted("positive: full rank")
            .because("N units in the last place of the arithmetic")
            .guard()
            .draws(conditioning),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![Figure {
            name: "resnet-global-minimum".into(),
            title: "ResNets of every depth reach a global minimum".into(),
            caption: "Left: training loss against steps, first seed. Right: training loss at the end, medians over seeds with \
                      ranges; line: the bound of the check; hollow: without skip connections."
                .into(),
            panels: vec![curves(runs), ends(runs, control)],
        }]
    }
}

fn grid(plan: &Plan<'_>, architecture: Architecture) -> Vec<Cell> {
    let depths: &[usize] = plan.by_scale([&[2, 10][..], &[2, 5, 10, 20, 50], &[2, 5, 10, 20, 50, 100]]);
    let (examples, width) = plan.by_scale([(16, 64), (32, 100), (64, 1000)]);
    let seeds = plan.seeds();
    seeds
        .flat_map(|seed| {
            depths.iter().map(move |&depth| Cell { architecture, depth, width, examples, steps: 4_000, seed })
        })
        .collect()
}

fn descend(cell: &Cell, context: &Context<'_>) -> Result<Outcome, Error> {
    let inputs: DMatrix<f32> =
        context.shared("inputs", cell.seed).normal_matrix(cell.examples, DIMENSION, 1.0);
    let targets = context.shared("targets", cell.seed).normal_matrix::<f32>(cell.examples, 1, 1.0);
    let targets = targets.map(f32::signum);
    let kind = (cell.architecture, Scaling::MeanField, Activation::Tanh);
    let stream = context.shared("start", cell.seed);
    let network = Network::new(kind, (cell.depth, cell.width), Start::Zero, &inputs, &stream)?;
    let mut flow = Flow::new(network, inputs, targets)?;
    let rate = (1.0 + cell.depth as f64 / 10.0).recip();
    let (mut losses, mut steps) = (Vec::new(), 0);
    while steps < cell.steps && flow.loss() > TARGET {
        let loss = flow.step(rate)?;
        if steps.is_multiple_of(EVERY) {
            losses.push(loss);
        }
        steps += 1;
    }
    let spectrum = feature_spectrum(&flow.values()[0].map(f64::from))?;
    let conditioning = spectrum[0] / spectrum[spectrum.len() - 1];
    Ok(Outcome { loss: flow.loss(), steps, conditioning, losses })
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
    let series = |runs: &[Run<Cell, Outcome>], label: &str, role: Role| {
        let points = distinct(runs, |r| r.cell.depth).into_iter().filter_map(|depth| {
            let of = runs.iter().filter(|r| r.cell.depth == depth);
            let losses: Vec<f64> = of.map(|r| r.outcome.loss).collect();
            median_point(depth as f64, &losses)
        });
        Series::new(label, role, 0, points.collect())
    };
    let depths = distinct(runs, |r| r.cell.depth);
    let bound = depths.iter().map(|d| Point::new(*d as f64, 1e-4)).collect();
    Panel {
        title: "After training".into(),
        x: Axis::log("layers"),
        y: Axis::log("training loss"),
        series: vec![
            Series::new("at most", Role::Theory, 1, bound),
            series(runs, "ResNet", Role::Experiment),
            series(control, "no skip connections", Role::Control),
        ],
    }
}
