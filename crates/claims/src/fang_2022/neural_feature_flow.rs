//! **fang-2022/neural-feature-flow.** Descent on a deep net of width `m` follows a deterministic flow of its features on the
//! training set, at a distance of `m^(-1/2)`, and the features move.
//!
//! *Source.* Fang, Lee, Yang, Zhang 2021, theorems 2 to 5. *Experiment.* 8 Gaussian inputs in 8 dimensions, a smooth target,
//! `tanh`, mean-field scaling ([`overparam_feature_flow::flow`]), three layers of features: a DNN started by regression (the
//! paper's start, without which middle layers collapse) and a ResNet whose branches start at zero. Widths 64 to 512 against a
//! reference, the mean of 4 nets of width 1,024, all drawn independently; each width 16 times (24 at `smoke`), because the distance to the flow
//! is a random function of which one draw shows little.
//!
//! *Size.* An independent simulation (numpy, one seed) with 16 inputs and widths from 32 gave the DNN slopes of -0.32 and
//! -0.14: the regression start inverts an `N x N` Gram matrix of `m` features, whose own fluctuations are of order `N / m`.
//! With 8 inputs and widths from 64 it gave -0.57 and -0.02 (ResNet -0.44 and -0.01).
//!
//! *Predicted.* The root mean square (over draws and examples) of the difference of outputs, at the worst time, falls as
//! `m^(-1/2)`; the features' displacement does not depend on `m`.
//!
//! *Tolerances.* CLAIMS.md: slopes -0.5 +/- 0.15 and 0 +/- 0.1. The reference's own distance, that of a net of width
//! 4,096, is in the difference: it turns an exact -0.5 into -0.48 at these widths, well within.
//!
//! *Control.* NTK scaling: outputs differ at any width, and features move less the wider the net.

use nalgebra::DMatrix;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::Error;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling, Start, displacement};
use serde::{Deserialize, Serialize};

use super::FANG_LEE_YANG_ZHANG;
use crate::summary::{distinct, exponent};

/// All widths with one data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// DNN or ResNet.
    pub architecture: Architecture,
    /// Mean field, or NTK in the control.
    pub scaling: Scaling,
    /// `m`.
    pub widths: Vec<usize>,
    /// Width of the reference's `REFERENCES` nets.
    pub reference: usize,
    /// Networks of each width.
    pub draws: u64,
    /// Steps of rate `RATE`.
    pub steps: usize,
    /// Index of data and starts.
    pub seed: u64,
}

/// What each width shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// In the order of the cell's widths.
    pub widths: Vec<Width>,
    /// Training loss of the reference at `CURVE` equally spaced times.
    pub reference_losses: Vec<f64>,
}

/// Networks of one width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Width {
    /// Largest root mean square difference of outputs from the reference over time.
    pub gap: f64,
    /// Root mean square displacement of the features, all layers, at the end.
    pub moved: f64,
    /// Training loss of the first draw at `CURVE` equally spaced times.
    pub losses: Vec<f64>,
}

const RATE: f64 = 0.2;
const DEPTH: usize = 3;
const EXAMPLES: usize = 8;
/// Nets whose mean is the reference.
const REFERENCES: u64 = 4;
const DIMENSION: usize = 8;
const CURVE: usize = 25;
const ARCHITECTURES: [(Architecture, &str); 2] =
    [(Architecture::Dnn, "DNN"), (Architecture::ResNet, "ResNet")];

/// The claim.
pub struct NeuralFeatureFlow;

impl Claim for NeuralFeatureFlow {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "fang-2022/neural-feature-flow",
            statement: "Gradient descent on an m-wide deep net follows the neural feature flow, a deterministic limit over \
                        features, at a distance of m^(-1/2); features move by an amount that does not vanish with m.",
            formula: "th^(l+1) = (1/m) h(th^l) V_l with learning rates m and m^2; sup_t |f_m - f| = O(m^(-1/2))",
            sources: &[Source { place: "theorems 2 to 5", ..FANG_LEE_YANG_ZHANG }],
            prediction: "slope of the distance to the flow in m -1/2, slope of the features' displacement 0",
            must_hold: "slopes -0.5 +/- 0.15 and 0 +/- 0.1, for DNN and ResNet",
            control: "NTK scaling",
            cpu_seconds: [60.0, 80.0, 4000.0],
            size_ratio: [0.25, 0.5, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Scaling::MeanField)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Scaling::Ntk)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let products = |m: usize| (2 * (DEPTH - 1) * 3 * EXAMPLES) as f64 * (m as f64).powi(2) / 2e10;
        let draws: f64 = cell.widths.iter().map(|&m| cell.draws as f64 * products(m)).sum();
        cell.steps as f64 * (draws + REFERENCES as f64 * products(cell.reference))
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        compare(cell, context).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let mut checks = Vec::new();
        for (architecture, name) in ARCHITECTURES {
            let runs = runs.only(|c| c.architecture == architecture);
            let slope = |f: fn(&Width) -> f64| {
                runs.draws(|runs| {
                    let run = runs.first()?;
                    let widths = run.cell.widths.iter().zip(&run.outcome.widths);
                    exponent(&widths.map(|(m, w)| (*m as f64, f(w))).collect::<Vec<_>>())
                })
            };
            checks.push(
                Check::new(
                    format!("{}-gap", name.to_lowercase()),
                    format!("{name}: slope of the distance to the reference in m"),
                    Bound::Within { target: -0.5, tolerance: 0.15 },
                )
                .predicted("-1/2")
                .because("fluctuations of m independent units")
                .rival("another limit", 0.0)
                .rival("a deterministic correction of first order", -1.0)
                .control_fails()
                .draws(slope(|w| w.gap)),
            );
            checks.push(
                Check::new(
                    format!("{}-moved", name.to_lowercase()),
                    format!("{name}: slope of the features' displacement in m"),
                    Bound::Within { target: 0.0, tolerance: 0.1 },
                )
                .predicted("0")
                .because("every unit moves as in the limit")
                .rival("features that stay where they are", -0.5)
                .control_fails()
                .draws(slope(|w| w.moved)),
            );
        }
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![Figure {
            name: "neural-feature-flow".into(),
            title: "Deep nets against the flow of their features".into(),
            caption: "Left: largest distance of the outputs from the reference's over time. Middle: how far features move. \
                      Medians over seeds with ranges; lines: the predicted slopes, through the points' middle; hollow: NTK \
                      scaling. Right: training loss of the ResNet by width, first seed; line: the reference."
                .into(),
            panels: vec![
                against_width(runs, control, "Distance to the flow", "RMS difference of outputs", -0.5, |w| w.gap),
                against_width(runs, control, "Displacement of features", "RMS displacement", 0.0, |w| w.moved),
                losses(runs),
            ],
        }]
    }
}

fn grid(plan: &Plan<'_>, scaling: Scaling) -> Vec<Cell> {
    let widths: &[usize] =
        plan.by_scale([&[64, 128, 256][..], &[64, 128, 256, 512], &[64, 128, 256, 512, 1024]]);
    let (reference, draws, steps) = plan.by_scale([(512, 24, 30), (1024, 16, 40), (4096, 24, 400)]);
    plan.seeds()
        .flat_map(|seed| {
            ARCHITECTURES.map(|(architecture, _)| Cell {
                architecture,
                scaling,
                widths: widths.to_vec(),
                reference,
                draws,
                steps,
                seed,
            })
        })
        .collect()
}

fn compare(cell: &Cell, context: &Context<'_>) -> Result<Outcome, Error> {
    let inputs: DMatrix<f64> = context.shared("inputs", cell.seed).normal_matrix(EXAMPLES, DIMENSION, 1.0);
    let targets = DMatrix::from_fn(EXAMPLES, 1, |i, _| (1.5 * inputs[(i, 0)]).sin() + 0.5 * inputs[(i, 1)]);
    let start = match (cell.architecture, cell.scaling) {
        (Architecture::ResNet, _) => Start::Zero,
        (Architecture::Dnn, Scaling::MeanField) => Start::Regression,
        (Architecture::Dnn, Scaling::Ntk) => Start::Independent,
    };
    let starts = context.shared("starts", cell.seed);
    let flow = |m: usize, draw: u64| -> Result<Flow<f64>, Error> {
        let kind = (cell.architecture, cell.scaling, Activation::Tanh);
        let stream = starts.indexed(m as u64).indexed(draw);
        let network = Network::new(kind, (DEPTH, m), start, &inputs, &stream)?;
        Flow::new(network, inputs.clone(), targets.clone())
    };
    let Trajectory { mut outputs, losses: reference_losses, .. } =
        trajectory(&mut flow(cell.reference, 0)?, cell.steps)?;
    for draw in 1..REFERENCES {
        let another = trajectory(&mut flow(cell.reference, draw)?, cell.steps)?;
        outputs.iter_mut().zip(&another.outputs).for_each(|(sum, f)| *sum += f);
    }
    outputs.iter_mut().for_each(|sum| *sum /= REFERENCES as f64);
    let mut widths = Vec::new();
    for &m in &cell.widths {
        let mut squares = vec![0.0; outputs.len()];
        let (mut moved, mut first) = (0.0, Vec::new());
        for draw in 0..cell.draws {
            let own = trajectory(&mut flow(m, draw)?, cell.steps)?;
            for (square, (a, b)) in squares.iter_mut().zip(own.outputs.iter().zip(&outputs)) {
                *square += (a - b).norm_squared() / (EXAMPLES as f64 * cell.draws as f64);
            }
            moved += own.displacement.powi(2) / cell.draws as f64;
            if draw == 0 {
                first = own.losses;
            }
        }
        let gap = squares.into_iter().fold(0.0, f64::max).sqrt();
        widths.push(Width { gap, moved: moved.sqrt(), losses: first });
    }
    Ok(Outcome { widths, reference_losses })
}

struct Trajectory {
    /// At every step.
    outputs: Vec<DMatrix<f64>>,
    /// At `CURVE` times.
    losses: Vec<f64>,
    /// Of the features, at the end.
    displacement: f64,
}

fn trajectory(flow: &mut Flow<f64>, steps: usize) -> Result<Trajectory, Error> {
    let start = flow.features().to_vec();
    let (mut outputs, mut losses) = (vec![flow.outputs().clone()], Vec::new());
    for step in 0..steps {
        let loss = flow.step(RATE)?;
        if step % steps.div_ceil(CURVE) == 0 {
            losses.push(loss);
        }
        outputs.push(flow.outputs().clone());
    }
    Ok(Trajectory { outputs, losses, displacement: displacement(&start, flow.features()).all })
}

/// `(m, value)` of every seed.
fn by_seed(
    runs: &[Run<Cell, Outcome>],
    architecture: Architecture,
    f: fn(&Width) -> f64,
) -> Vec<Vec<(f64, f64)>> {
    let of = runs.iter().filter(|r| r.cell.architecture == architecture);
    of.map(|r| r.cell.widths.iter().zip(&r.outcome.widths).map(|(m, w)| (*m as f64, f(w))).collect())
        .collect()
}

fn against_width(
    runs: &[Run<Cell, Outcome>],
    control: &[Run<Cell, Outcome>],
    title: &str,
    quantity: &str,
    slope: f64,
    f: fn(&Width) -> f64,
) -> Panel {
    let mut series = Vec::new();
    for (colour, (architecture, name)) in ARCHITECTURES.into_iter().enumerate() {
        let points = |runs| -> Vec<Point> {
            let all: Vec<(f64, f64)> = by_seed(runs, architecture, f).into_iter().flatten().collect();
            let at = |m: usize| all.iter().filter(|p| p.0 == m as f64).map(|p| p.1).collect::<Vec<_>>();
            let widths = distinct(&all, |p| p.0 as usize);
            widths.into_iter().filter_map(|m| median_point(m as f64, &at(m))).collect()
        };
        let measured = points(runs);
        let n = measured.len() as f64;
        let height = measured.iter().map(|p| p.y.ln() - slope * p.x.ln()).sum::<f64>() / n;
        let line = measured.iter().map(|p| Point::new(p.x, (height + slope * p.x.ln()).exp())).collect();
        series.push(Series::new(format!("{name}, slope {slope}"), Role::Theory, colour, line));
        series.push(Series::new(name, Role::Experiment, colour, measured));
        series.push(Series::new(format!("{name}, NTK scaling"), Role::Control, colour, points(control)));
    }
    Panel { title: title.into(), x: Axis::log("width m"), y: Axis::log(quantity), series }
}

fn losses(runs: &[Run<Cell, Outcome>]) -> Panel {
    let first = runs.iter().find(|r| r.cell.architecture == Architecture::ResNet);
    let series = first.map_or_else(Vec::new, |Run { cell, outcome }| {
        let every = cell.steps.div_ceil(CURVE) as f64 * RATE;
        let curve = |losses: &[f64]| {
            losses.iter().enumerate().map(|(k, l)| Point::new(k as f64 * every, *l)).collect()
        };
        let mut series = vec![Series::new(
            format!("m = {}", cell.reference),
            Role::Theory,
            4,
            curve(&outcome.reference_losses),
        )];
        for (colour, (m, width)) in cell.widths.iter().zip(&outcome.widths).enumerate() {
            series.push(Series::new(format!("m = {m}"), Role::Trajectory, colour, curve(&width.losses)));
        }
        series
    });
    Panel {
        title: "Training loss, ResNet".into(),
        x: Axis::linear("time, rate x steps"),
        y: Axis::log("loss"),
        series,
    }
}
