//! **fang-2022/convex-reparametrisation.** Deep nets are convex in the repopulated representation (NFR).
//!
//! *Source.* Fang, Gu, Zhang, Zhang 2019, the theorem on convexity. *Experiment.* Nets of depth 2 to 5, 12 units a layer, 8
//! examples, with random weights `w_0`; pairs of random points `(p, u~)`; the objective (squared loss, ridge on the top layer,
//! `l_{1,2}` cost of every layer of features, [`overparam_feature_flow::nfr`]) at the chord's midpoint against the mean of its
//! ends. 10,000 chords in all. Masses are random; each top layer is the best one for its masses, its entries off by 10%.
//!
//! *Predicted.* No midpoint lies above the mean.
//!
//! *Tolerances.* None but rounding: 1e-12 of the objective.
//!
//! *Size.* The first ends had random top layers and a regulariser of 1e-2. Then the regulariser, which is convex in weights as
//! well, made up most of the objective, and the control violated convexity on 4% of the chords: between two bad nets there is
//! little to see. Between two nets that fit there is, hence fitted ends and 1e-4.
//!
//! *Control.* The same chords in raw weights. Masses are whole numbers of copies, so each end is exactly a net of units of equal
//! mass with the same function and the same cost; both ends have equally many units, listed in the order of the units they are
//! copies of. The chord is the straight line between their weights.

use nalgebra::{DMatrix, DVector};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::nfr::{Problem, Represented};
use overparam_tensor::random::Stream;
use serde::{Deserialize, Serialize};

use super::FANG_GU_ZHANG_ZHANG;
use crate::summary::distinct;

/// Chords of nets of one depth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Layers with weights, the top one included.
    pub depth: usize,
    /// Whether chords are straight in raw weights instead of the representation.
    pub raw: bool,
    /// Number of chords.
    pub chords: u64,
    /// Index of weights and ends.
    pub seed: u64,
}

/// What the chords show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Share of the chords whose midpoint is above the mean of the ends by more than rounding.
    pub violating: f64,
    /// Largest excess of the midpoint, as a share of the mean of the ends; negative if no midpoint is above.
    pub worst: f64,
    /// Objective along the first chord at 21 points, in units of the mean of its ends.
    pub profile: Vec<f64>,
}

/// Share of the objective that may be rounding.
const ROUNDING: f64 = 1e-12;
const UNITS: usize = 12;
/// Copies in all, of the units of a layer.
const COPIES: usize = 36;
const EXAMPLES: usize = 8;
/// Of the top layer and of the features.
const RIDGE: f64 = 1e-4;
/// Relative distance of an end's top layer from the best one.
const OFF: f64 = 0.1;
const INPUTS: usize = 4;
/// Chords with the same `w_0`.
const PER_BASE: u64 = 50;
const POINTS: usize = 21;

/// The claim.
pub struct ConvexReparametrisation;

impl Claim for ConvexReparametrisation {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "fang-2022/convex-reparametrisation",
            statement: "Written as densities over features, regularised training of a deep net is a convex problem.",
            formula: "Q(p, u~) = loss(mean u~ f_L) + lambda_u mean |u~|^2 / p_L + sum_l lambda mean (mean |w_0| p_l)^2 / p_(l-1)",
            sources: &[Source { place: "theorem on the convexity of NFR", ..FANG_GU_ZHANG_ZHANG }],
            prediction: "no chord's midpoint lies above the mean of its ends",
            must_hold: "over 10,000 random chords, depth 2 to 5, none violates convexity beyond rounding",
            control: "the same chords in raw weights",
            cpu_seconds: [0.3, 5.0, 50.0],
            size_ratio: [1.0, 1.0, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, false)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, true)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        cell.chords as f64 * cell.depth as f64 * if cell.raw { 5e-5 } else { 2e-5 }
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        Ok(chords(cell, &context.shared("chords", cell.seed).indexed(cell.depth as u64)))
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        // The worst depth of a seed.
        let worst = runs.draws(|runs| runs.iter().map(|r| r.outcome.worst).reduce(f64::max));
        vec![
            Check::new(
                "excess",
                "largest excess of a midpoint, share of the mean of the ends",
                Bound::AtMost(ROUNDING),
            )
            .predicted("not positive")
            .because("convexity is an inequality; rounding")
            .exact()
            .control_fails()
            .draws(worst),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![Figure {
            name: "convex-reparametrisation".into(),
            title: "The objective along chords between the same nets".into(),
            caption: "One chord of each depth, first seed, in units of the mean of its ends; a convex function stays below the \
                      dashed line at the middle. Left: densities over features. Right: the control, straight in weights."
                .into(),
            panels: vec![profiles(runs, "In the representation"), profiles(control, "In raw weights")],
        }]
    }
}

fn grid(plan: &Plan<'_>, raw: bool) -> Vec<Cell> {
    let chords = plan.by_scale([200, 500, 5000]);
    plan.seeds().flat_map(|seed| (2..=5).map(move |depth| Cell { depth, raw, chords, seed })).collect()
}

fn problem(stream: &Stream) -> Problem {
    Problem {
        inputs: stream.named("inputs").normal_matrix(EXAMPLES, INPUTS, 1.0),
        targets: stream.named("targets").normal_matrix(EXAMPLES, 1, 1.0),
        activation: Activation::Tanh,
        ridge_top: RIDGE,
        ridge_features: RIDGE,
    }
}

/// A random number of copies of each unit, at least one, [`COPIES`] in all.
fn copies(stream: &Stream) -> Vec<usize> {
    let mut cuts = stream.sample_indices(COPIES - 1, UNITS - 1);
    cuts.push(COPIES - 1);
    let mut last = 0;
    cuts.into_iter().map(|cut| cut + 1 - std::mem::replace(&mut last, cut + 1)).collect()
}

fn chords(cell: &Cell, stream: &Stream) -> Outcome {
    let (mut violating, mut worst, mut profile) = (0, f64::NEG_INFINITY, Vec::new());
    for chord in 0..cell.chords {
        let base = stream.named("base").indexed(chord / PER_BASE);
        let problem = problem(&base);
        let [a, b] = ["one end", "other end"]
            .map(|end| point(cell, &problem, &base, &stream.named(end).indexed(chord)));
        let mean = 0.5 * (problem.objective(&a) + problem.objective(&b));
        let excess = problem.objective(&a.toward(&b, 0.5)) / mean - 1.0;
        violating += usize::from(excess > ROUNDING);
        worst = worst.max(excess);
        if chord == 0 {
            let at = |k: usize| problem.objective(&a.toward(&b, k as f64 / (POINTS - 1) as f64)) / mean;
            profile = (0..POINTS).map(at).collect();
        }
    }
    Outcome { violating: violating as f64 / cell.chords as f64, worst, profile }
}

/// An end of a chord: `w_0` of the base, random masses, and nearly the best top layer for them.
fn point(cell: &Cell, problem: &Problem, base: &Stream, end: &Stream) -> Represented {
    let layers = cell.depth - 1;
    let weights = (0..layers).map(|l| {
        let (inputs, std) = if l == 0 { (INPUTS, 1.0) } else { (UNITS, (UNITS as f64).sqrt()) };
        base.named("weights").indexed(l as u64).normal_matrix(inputs, UNITS, std)
    });
    let mut net = Represented::uniform(weights.collect(), DMatrix::zeros(UNITS, 1));
    let copies: Vec<Vec<usize>> =
        (0..layers).map(|l| copies(&end.named("copies").indexed(l as u64))).collect();
    for (masses, copies) in net.masses.iter_mut().zip(&copies) {
        *masses = DVector::from_fn(UNITS, |z, _| (UNITS * copies[z]) as f64 / COPIES as f64);
    }
    // The minimum of loss and ridge: u~ = -p F^T r / (2 lambda N), with (I + F p F^T / (2 lambda N m)) r = -y.
    let features = problem.features(&problem.inputs, &net.weights).pop().unwrap_or_default();
    let scale = 1.0 / (2.0 * RIDGE * EXAMPLES as f64);
    let weighted = &features * DMatrix::from_diagonal(&net.masses[layers - 1]);
    let matrix =
        &weighted * features.transpose() * (scale / UNITS as f64) + DMatrix::identity(EXAMPLES, EXAMPLES);
    let residual = matrix.lu().solve(&problem.targets).unwrap_or_default();
    let noise: DMatrix<f64> = end.named("top").normal_matrix(UNITS, 1, OFF);
    net.top = (weighted.transpose() * residual * scale).component_mul(&noise.add_scalar(1.0));
    if cell.raw { net.expanded(&copies) } else { net }
}

fn profiles(runs: &[Run<Cell, Outcome>], title: &str) -> Panel {
    let first: Vec<&Run<Cell, Outcome>> = runs.iter().filter(|r| r.cell.seed == 0).collect();
    let at = |k: usize| k as f64 / (POINTS - 1) as f64;
    let mut series = vec![Series::new(
        "mean of the ends",
        Role::Theory,
        6,
        vec![Point::new(0.0, 1.0), Point::new(1.0, 1.0)],
    )];
    for (colour, depth) in distinct(&first, |r| r.cell.depth).into_iter().enumerate() {
        let of_depth = first.iter().filter(|r| r.cell.depth == depth);
        let points =
            of_depth.flat_map(|r| r.outcome.profile.iter().enumerate().map(|(k, q)| Point::new(at(k), *q)));
        series.push(Series::new(format!("depth {depth}"), Role::Trajectory, colour, points.collect()));
    }
    Panel {
        title: title.into(),
        x: Axis::linear("position on the chord"),
        y: Axis::linear("objective / mean of the ends"),
        series,
    }
}
