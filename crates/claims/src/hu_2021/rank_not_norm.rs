//! **hu-2021/rank-not-norm.** What gradient flow on a deep linear network minimises is rank, not any norm: completing
//! `[[*, 1], [1, 0]]`, every norm grows without bound as the loss goes to 0, while the effective rank falls to its
//! infimum 1.
//!
//! *Source.* Arora, Cohen, Hu, Luo 2019, section 2 (the question); Razin, Cohen 2020, theorems 1 and 2 (the answer).
//! *Experiment.* Gradient flow (adaptive Runge-Kutta) of depths 2 to 4 from balanced starts, sampled at geometrically
//! spaced times. The end matrix starts at `0.1 (I + 0.3 G) / ||I + 0.3 G||_F` with Gaussian `G`, its determinant positive.
//! At depth 2 the second singular value decays exponentially and soon falls below what double precision resolves; there
//! the sampling of that trajectory ends. Depths 3 and 4 go down to the target loss.
//!
//! *Predicted.* Each Schatten (quasi-)norm is bounded below, and the distance of the effective rank to 1 above, by
//! functions of the loss alone. The bounds used are the sharp ones derived in [`overparam_deep_linear::rank_not_norm`];
//! they imply the paper's `a / sqrt(loss) - b` and `1 + (2 sqrt(12) / ln 2) sqrt(loss)`, so exceeding them exceeds those.
//!
//! *Tolerances.* None: these are inequalities, and monotonicity. Monotonicity is asked where the
//! loss is below 0.1. Before that the flow is still leaving its random start, whose norm and rank are not the theorem's subject.
//!
//! *Control.* Depth 1, which converges to a completion of bounded norm and effective rank near 2.

use nalgebra::DMatrix;
use overparam_deep_linear::measures::Spectrum;
use overparam_deep_linear::rank_not_norm::{completion_2x2, effective_rank_upper_bound, norm_lower_bound};
use overparam_deep_linear::{DeepLinearError, DeepLinearNetwork, GradientFlow, Initialization, Objective};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_eval::runs::Runs;
use overparam_eval::table::number;
use overparam_eval::theory::Theory;
use overparam_tensor::ode::Tolerance;
use serde::{Deserialize, Serialize};

use super::ARORA_COHEN_HU_LUO;

/// One trajectory of the flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Layers, all 2 x 2.
    pub depth: usize,
    /// Frobenius norm of the end matrix at the start.
    pub scale: f64,
    /// The flow stops when the loss falls to this.
    pub target: f64,
    /// Index of the random start, shared by all depths.
    pub seed: u64,
}

/// The trajectory, sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The samples, in time.
    pub samples: Vec<Sample>,
}

/// The end matrix at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Time of the flow.
    pub time: f64,
    /// Half the sum of squared errors.
    pub loss: f64,
    /// Schatten-`p` (quasi-)norms for `p` = 1/2, 1, 2, 4: [`ORDERS`].
    pub norms: [f64; 4],
    /// Effective rank.
    pub effective_rank: f64,
}

/// The orders `p` of [`Sample::norms`].
pub const ORDERS: [f64; 4] = [0.5, 1.0, 2.0, 4.0];

/// Below this loss the start is forgotten.
const SETTLED: f64 = 0.1;

/// Sampling ends where the second singular value is smaller than this share of the first: double precision then cannot
/// tell the sign of the determinant, on which the theorem rests.
const RESOLVED: f64 = 1e-13;

/// The figure shows every third sample.
const SHOWN: usize = 3;

/// The claim.
pub struct RankNotNorm;

impl Claim for RankNotNorm {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "hu-2021/rank-not-norm",
            statement: "Gradient flow on a deep linear network minimises rank, not any norm: completing [[*,1],[1,0]], \
                        every norm grows without bound while the effective rank falls to 1.",
            formula: "||W|| >= a / sqrt(loss) - b for every norm, while erank(W) - 1 = O(sqrt(loss))",
            sources: &[
                Source {
                    citation: "Razin, Cohen: Implicit Regularization in Deep Learning May Not Be Explainable by Norms \
                               (NeurIPS 2020)",
                    place: "theorems 1 and 2",
                    url: "https://arxiv.org/abs/2005.06398",
                },
                Source { place: "section 2", ..ARORA_COHEN_HU_LUO },
            ],
            prediction: "Schatten-1/2, 1, 2 and 4 (quasi-)norms rise as the loss falls and stay above a bound that \
                         diverges; the effective rank's distance to 1 stays below a bound that vanishes",
            must_hold: "norms monotone in -log(loss) and above the bound, effective rank below its bound, at depths 2 \
                        to 4",
            control: "depth 1",
            cpu_seconds: [1.0, 50.0, 2000.0],
            size_ratio: [1.0, 1.0, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, &[2, 3, 4])
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, &[1])
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        flow(cell, context).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        // The worst depth of a seed.
        let worst = |f: fn(&[Sample]) -> f64, pick: fn(f64, f64) -> f64| {
            runs.draws(|runs| runs.iter().map(|r| f(&r.outcome.samples)).reduce(pick))
        };
        vec![
            Check::new(
                "norms-rise",
                "smallest step of log norm between samples, over four norms",
                Bound::AtLeast(0.0),
            )
            .predicted("positive: every norm rises as the loss falls")
            .because("monotone; true of a net without the hypothesis as well, and no evidence")
            .guard()
            .draws(worst(smallest_rise, f64::min)),
            Check::new(
                "norm-bound",
                "smallest ratio of a norm to the theorem's lower bound",
                Bound::AtLeast(1.0),
            )
            .predicted("at least 1")
            .because("an inequality, at every depth")
            .control_fails()
            .exact()
            .draws(worst(smallest_norm_ratio, f64::min)),
            Check::new(
                "rank-bound",
                "largest ratio of (effective rank - 1) to the theorem's upper bound",
                Bound::AtMost(1.0),
            )
            .predicted("at most 1")
            .because("an inequality, at every depth")
            .control_fails()
            .exact()
            .draws(worst(largest_rank_ratio, f64::max)),
            Check::new(
                "rank-falls",
                "largest step of the effective rank between samples",
                Bound::AtMost(0.0),
            )
            .predicted("negative: the rank falls as the loss falls")
            .because("monotone, at every depth")
            .control_fails()
            .exact()
            .draws(worst(largest_rank_step, f64::max)),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let mut panels: Vec<Panel> = runs.iter().filter(|r| r.cell.seed == 0).map(norms).collect();
        panels.truncate(2);
        panels.push(ranks(runs, control));
        vec![Figure {
            name: "norms-and-rank".into(),
            title: "Norms rise without bound while the effective rank falls to 1".into(),
            caption: "Points along the flow, first seed. Dashed lines: the lower bound on every norm and the upper bound \
                      on the effective rank, functions of the loss alone. Hollow points: depth 1, the control."
                .into(),
            panels,
        }]
    }
}

fn grid(plan: &Plan<'_>, depths: &[usize]) -> Vec<Cell> {
    let target = plan.by_scale([1e-2, 3e-4, 1e-5]);
    let seeds = plan.seeds();
    seeds.flat_map(|seed| depths.iter().map(move |&depth| Cell { depth, scale: 0.1, target, seed })).collect()
}

fn flow(cell: &Cell, context: &Context<'_>) -> Result<Outcome, DeepLinearError> {
    /// Gives up on the target after this time.
    const LONGEST: f64 = 1e7;
    let noise = context.shared("start", cell.seed).normal_matrix::<f64>(2, 2, 0.3);
    let mut end = noise + DMatrix::identity(2, 2);
    if end.determinant() < 0.0 {
        end.swap_rows(0, 1);
    }
    end *= cell.scale / end.norm();
    let frames = context.shared("frames", cell.seed);
    let widths = vec![2; cell.depth + 1];
    let start = Initialization::Balanced { end };
    let network = DeepLinearNetwork::<f64>::initialize(&widths, &start, &frames)?;
    let objective = completion_2x2()?;
    let tolerance = Tolerance { relative: 1e-11, absolute: 1e-14, ..Tolerance::default() };
    let mut flow = GradientFlow::new(&network, &objective, tolerance)?;
    let mut samples = vec![sample(&flow)?.sample];
    let mut time = 0.05;
    while flow.loss() > cell.target && time < LONGEST {
        flow.advance_to(time)?;
        let next = sample(&flow)?;
        if next.second < RESOLVED {
            break;
        }
        samples.push(next.sample);
        time *= 1.1;
    }
    Ok(Outcome { samples })
}

/// A sample, and the second singular value as a share of the first.
struct Resolved {
    sample: Sample,
    second: f64,
}

fn sample(flow: &GradientFlow<'_, impl Objective<f64>>) -> Result<Resolved, DeepLinearError> {
    let spectrum = Spectrum::of(&flow.network().end_matrix())?;
    let mut norms = [0.0; 4];
    for (norm, order) in norms.iter_mut().zip(ORDERS) {
        *norm = spectrum.schatten(order)?;
    }
    let effective_rank = spectrum.effective_rank();
    let sample = Sample { time: flow.time(), loss: flow.loss(), norms, effective_rank };
    Ok(Resolved { sample, second: spectrum.values()[1] / spectrum.spectral_norm() })
}

fn settled(samples: &[Sample]) -> impl Iterator<Item = &Sample> + Clone {
    samples.iter().filter(|s| s.loss < SETTLED)
}

/// The smallest increase of any log norm from a sample to the next.
fn smallest_rise(samples: &[Sample]) -> f64 {
    let pairs = settled(samples).zip(settled(samples).skip(1));
    let steps = pairs.flat_map(|(a, b)| (0..ORDERS.len()).map(move |i| (b.norms[i] / a.norms[i]).ln()));
    steps.fold(f64::INFINITY, f64::min)
}

fn smallest_norm_ratio(samples: &[Sample]) -> f64 {
    let ratio = |s: &Sample| s.norms.iter().fold(f64::INFINITY, |m, n| m.min(n / norm_lower_bound(s.loss)));
    samples.iter().map(ratio).fold(f64::INFINITY, f64::min)
}

fn largest_rank_ratio(samples: &[Sample]) -> f64 {
    let ratio = |s: &Sample| (s.effective_rank - 1.0) / (effective_rank_upper_bound(s.loss) - 1.0);
    samples.iter().map(ratio).fold(0.0, f64::max)
}

fn largest_rank_step(samples: &[Sample]) -> f64 {
    let pairs = settled(samples).zip(settled(samples).skip(1));
    pairs.map(|(a, b)| b.effective_rank - a.effective_rank).fold(f64::NEG_INFINITY, f64::max)
}

fn norms(run: &Run<Cell, Outcome>) -> Panel {
    let samples = &run.outcome.samples;
    let bound = settled(samples).map(|s| Point::new(s.loss, norm_lower_bound(s.loss))).collect();
    let mut series = vec![Series::new("lower bound", Role::Theory, 6, bound)];
    series.extend(ORDERS.iter().enumerate().map(|(i, order)| {
        let points = samples.iter().step_by(SHOWN).map(|s| Point::new(s.loss, s.norms[i])).collect();
        Series::new(format!("Schatten-{}", number(*order)), Role::Experiment, i, points)
    }));
    Panel {
        title: format!("Norms, depth {}", run.cell.depth),
        x: Axis::log("loss"),
        y: Axis::log("norm of the end matrix"),
        series,
    }
}

fn ranks(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Panel {
    let first = |runs: &[Run<Cell, Outcome>], role: Role| -> Vec<Series> {
        let firsts = runs.iter().filter(|r| r.cell.seed == 0);
        let points = |r: &Run<Cell, Outcome>| -> Vec<Point> {
            r.outcome
                .samples
                .iter()
                .step_by(SHOWN)
                .map(|s| Point::new(s.loss, s.effective_rank - 1.0))
                .collect()
        };
        firsts
            .map(|r| Series::new(format!("depth {}", r.cell.depth), role, r.cell.depth - 1, points(r)))
            .collect()
    };
    let losses =
        runs.iter().filter(|r| r.cell.seed == 0).flat_map(|r| settled(&r.outcome.samples)).map(|s| s.loss);
    let mut losses: Vec<f64> = losses.collect();
    losses.sort_by(f64::total_cmp);
    let bound =
        losses.into_iter().map(|loss| Point::new(loss, effective_rank_upper_bound(loss) - 1.0)).collect();
    let mut series = vec![Series::new("upper bound", Role::Theory, 6, bound)];
    series.extend(first(runs, Role::Experiment));
    series.extend(first(control, Role::Control));
    Panel { title: "Effective rank".into(), x: Axis::log("loss"), y: Axis::log("effective rank - 1"), series }
}
