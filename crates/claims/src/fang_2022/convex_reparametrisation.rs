//! **fang-2022/convex-reparametrisation.** Deep nets are convex in the repopulated representation (NFR).
//!
//! *Source.* Fang, Gu, Zhang, Zhang 2019, the theorem on convexity. *Experiment.* Nets of depth 2 to 5, 12 units a layer, 8
//! examples, with random weights `w_0`, random masses `p`, and a top layer `u~` that is the best one for its masses up to 10 %. At each
//! of them the Hessian of the objective (squared loss, ridge on the top layer, `l_{1,2}` cost of every layer of features) in all
//! masses and `u~` together, on the directions that keep the mean of each layer's masses. Second derivatives are exact: the objective is
//! evaluated on numbers that carry them (`curvature`), knowing nothing of its structure.
//!
//! *Predicted.* The objective is jointly convex: a loss that is convex in something linear, plus squares of linear functions over
//! positive ones. So no eigenvalue is negative, and along the chord in the direction of the lowest one, where convexity is at its
//! weakest, the middle does not lie above the mean of the ends.
//!
//! *Bounds.* Rounding: 1e-12 of the largest eigenvalue, 1e-12 of the objective.
//!
//! *Control.* Weight decay, `mean w_0^2 p_l / p_(l-1)`, in place of the `l_{1,2}` cost, at depth 3 and more: `a / b` is not jointly convex.
//! (At depth 2 there is no layer of masses below the first, weight decay is linear in them, and the problem is convex.)
//!
//! *Why not random chords.* The first version of this claim compared midpoints on 10,000 random chords. It had no power: with weight decay
//! in the cost's place not one of 15,000 random chords showed the violation that every Hessian shows.

mod curvature;

use nalgebra::{DMatrix, DVector};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::nfr::{Problem, Represented};
use overparam_tensor::linalg::symmetric_eigen;
use overparam_tensor::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FANG_GU_ZHANG_ZHANG;
use crate::summary::distinct;
use curvature::Objective;
pub use curvature::Penalty;

/// Nets of one depth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Layers with weights, the top one included.
    pub depth: usize,
    /// What the features cost.
    pub penalty: Penalty,
    /// Number of nets.
    pub nets: u64,
    /// Index of weights and masses.
    pub seed: u64,
}

/// What the Hessians show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Lowest over largest absolute eigenvalue, the lowest of all nets.
    pub lowest: f64,
    /// Share of the nets with an eigenvalue that is negative by more than rounding.
    pub negative: f64,
    /// Largest excess of the middle of the chord along the lowest eigenvalue's direction, as a share of the mean of its ends.
    pub excess: f64,
    /// The first net's objective above the straight line between the ends of its chord, at `POINTS` points, in units of their mean.
    pub profile: Vec<f64>,
}

/// Share that may be rounding.
const ROUNDING: f64 = 1e-12;
const UNITS: usize = 12;
/// Copies in all, of the units of a layer: masses are whole numbers of copies.
const COPIES: usize = 36;
const EXAMPLES: usize = 8;
/// Of the top layer and of the features.
const RIDGE: f64 = 1e-4;
/// Relative distance of a top layer from the best one.
const OFF: f64 = 0.1;
const INPUTS: usize = 4;
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
            prediction: "no eigenvalue of the Hessian in masses and top layer is negative, at any net",
            must_hold: "depth 2 to 5: no negative eigenvalue beyond rounding, and none of the chords along the lowest one's direction has \
                        its middle above the mean of its ends",
            control: "weight decay in place of the l_{1,2} cost, at depth 3 and more",
            cpu_seconds: [2.0, 10.0, 100.0],
            size_ratio: [1.0, 1.0, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, 2, Penalty::FeatureCost)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, 3, Penalty::WeightDecay)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        cell.nets as f64 * (cell.depth as f64).powi(3) * 1e-4
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let stream = context.shared("nets", cell.seed).indexed(cell.depth as u64);
        let mut outcome =
            Outcome { lowest: f64::INFINITY, negative: 0.0, excess: f64::NEG_INFINITY, profile: Vec::new() };
        for net in 0..cell.nets {
            let seen = examine(cell, &stream.indexed(net))?;
            outcome.negative += f64::from(u8::from(seen.lowest < -ROUNDING)) / cell.nets as f64;
            outcome.lowest = outcome.lowest.min(seen.lowest);
            outcome.excess = outcome.excess.max(seen.excess);
            if net == 0 {
                outcome.profile = seen.profile;
            }
        }
        Ok(outcome)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let worst = |f: fn(&Outcome) -> f64, worse: fn(f64, f64) -> f64| {
            runs.draws(|runs| runs.iter().map(|r| f(&r.outcome)).reduce(worse))
        };
        vec![
            Check::new("curvature", "lowest over largest eigenvalue of the Hessian, at the worst net", Bound::AtLeast(-ROUNDING))
                .predicted("not negative")
                .because("convexity is an inequality; rounding")
                .exact()
                .control_fails()
                .draws(worst(|o| o.lowest, f64::min)),
            Check::new("nets", "share of the nets at which an eigenvalue is negative, at the worst depth", Bound::AtMost(0.0))
                .predicted("0")
                .because("convexity is an inequality")
                .exact()
                .rival("weight decay: every net", 1.0)
                .control_fails()
                .draws(worst(|o| o.negative, f64::max)),
            Check::new(
                "chord",
                "largest excess of the middle of a chord along the lowest eigenvalue's direction, share of the mean of its ends",
                Bound::AtMost(ROUNDING),
            )
            .predicted("not positive")
            .because("convexity is an inequality; rounding")
            .exact()
            .control_fails()
            .draws(worst(|o| o.excess, f64::max)),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![Figure {
            name: "convex-reparametrisation".into(),
            title: "Where the objective bends least".into(),
            caption: "The objective above the straight line between the ends of a chord, in units of the mean of the ends, along the \
                      direction of the Hessian's lowest eigenvalue; one net of each depth, first seed. A convex function stays at or below \
                      the line at 0. Left: the l_{1,2} cost of features. Right: the control, weight decay."
                .into(),
            panels: vec![profiles(runs, "l_{1,2} cost"), profiles(control, "Weight decay")],
        }]
    }
}

fn grid(plan: &Plan<'_>, shallowest: usize, penalty: Penalty) -> Vec<Cell> {
    let nets = plan.by_scale([4, 25, 250]);
    plan.seeds()
        .flat_map(|seed| (shallowest..=5).map(move |depth| Cell { depth, penalty, nets, seed }))
        .collect()
}

/// One net.
struct Seen {
    lowest: f64,
    excess: f64,
    profile: Vec<f64>,
}

fn examine(cell: &Cell, stream: &Stream) -> Result<Seen, CellError> {
    let problem = problem(stream);
    let net = net(cell.depth, &problem, stream);
    let objective = Objective::new(&problem, &net, cell.penalty);
    let point = curvature::parameters(&net);
    let basis = fixed_means(cell.depth - 1);
    let hessian = basis.tr_mul(&(objective.hessian(&point) * &basis));
    let eigen = symmetric_eigen(&hessian).map_err(CellError::new)?;
    let (lowest, index) = (eigen.values.min(), eigen.values.imin());
    let largest = eigen.values.amax();
    let direction = basis * eigen.vectors.column(index);
    // As far as half of the mass that vanishes first.
    let masses = (cell.depth - 1) * UNITS;
    let reach =
        (0..masses).map(|k| 0.5 * point[k] / direction[k].abs()).fold(f64::INFINITY, f64::min).min(1.0);
    let at = |t: f64| -> f64 { objective.value((&point + &direction * (reach * t)).as_slice()) };
    let ends = [at(-1.0), at(1.0)];
    let mean = 0.5 * (ends[0] + ends[1]);
    let above = |t: f64| (at(t) - (mean + 0.5 * t * (ends[1] - ends[0]))) / mean;
    let profile = (0..POINTS).map(|k| above(2.0 * k as f64 / (POINTS - 1) as f64 - 1.0)).collect();
    Ok(Seen { lowest: lowest / largest, excess: above(0.0), profile })
}

/// An orthonormal basis of the changes of masses and top layer that keep the mean of every layer's masses.
fn fixed_means(layers: usize) -> DMatrix<f64> {
    let mut basis = DMatrix::zeros((layers + 1) * UNITS, layers * (UNITS - 1) + UNITS);
    for layer in 0..layers {
        for k in 1..UNITS {
            let (column, norm) = (layer * (UNITS - 1) + k - 1, ((k * (k + 1)) as f64).sqrt());
            (0..k).for_each(|z| basis[(layer * UNITS + z, column)] = norm.recip());
            basis[(layer * UNITS + k, column)] = -(k as f64) / norm;
        }
    }
    (0..UNITS).for_each(|z| basis[(layers * UNITS + z, layers * (UNITS - 1) + z)] = 1.0);
    basis
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

/// Random weights and masses, and nearly the best top layer for them.
fn net(depth: usize, problem: &Problem, stream: &Stream) -> Represented {
    let layers = depth - 1;
    let weights = (0..layers).map(|l| {
        let (inputs, std) = if l == 0 { (INPUTS, 1.0) } else { (UNITS, (UNITS as f64).sqrt()) };
        stream.named("weights").indexed(l as u64).normal_matrix(inputs, UNITS, std)
    });
    let mut net = Represented::uniform(weights.collect(), DMatrix::zeros(UNITS, 1));
    for (l, masses) in net.masses.iter_mut().enumerate() {
        let copies = copies(&stream.named("copies").indexed(l as u64));
        *masses = DVector::from_fn(UNITS, |z, _| (UNITS * copies[z]) as f64 / COPIES as f64);
    }
    // The minimum of loss and ridge: u~ = -p F^T r / (2 lambda N), with (I + F p F^T / (2 lambda N m)) r = -y.
    let features = problem.features(&problem.inputs, &net.weights).pop().unwrap_or_default();
    let scale = 1.0 / (2.0 * RIDGE * EXAMPLES as f64);
    let weighted = &features * DMatrix::from_diagonal(&net.masses[layers - 1]);
    let matrix =
        &weighted * features.transpose() * (scale / UNITS as f64) + DMatrix::identity(EXAMPLES, EXAMPLES);
    let residual = matrix.lu().solve(&problem.targets).unwrap_or_default();
    let noise: DMatrix<f64> = stream.named("top").normal_matrix(UNITS, 1, OFF);
    net.top = (weighted.transpose() * residual * scale).component_mul(&noise.add_scalar(1.0));
    net
}

fn profiles(runs: &[Run<Cell, Outcome>], title: &str) -> Panel {
    let first: Vec<&Run<Cell, Outcome>> = runs.iter().filter(|r| r.cell.seed == 0).collect();
    let at = |k: usize| 2.0 * k as f64 / (POINTS - 1) as f64 - 1.0;
    let zero = vec![Point::new(-1.0, 0.0), Point::new(1.0, 0.0)];
    let mut series = vec![Series::new("convex: at most", Role::Theory, 6, zero)];
    for (colour, depth) in distinct(&first, |r| r.cell.depth).into_iter().enumerate() {
        let of_depth = first.iter().filter(|r| r.cell.depth == depth);
        let points =
            of_depth.flat_map(|r| r.outcome.profile.iter().enumerate().map(|(k, q)| Point::new(at(k), *q)));
        series.push(Series::new(format!("depth {depth}"), Role::Trajectory, colour, points.collect()));
    }
    Panel {
        title: title.into(),
        x: Axis::linear("position on the chord"),
        y: Axis::linear("objective above the line / mean of the ends"),
        series,
    }
}

#[cfg(test)]
mod tests {
    use overparam_tensor::random::Stream;

    use super::{Cell, ConvexReparametrisation, Outcome, Penalty, examine, fixed_means};
    use crate::fang_2022::testing;

    #[test]
    fn the_basis_is_orthonormal_and_keeps_means() {
        let basis = fixed_means(2);
        let gram = basis.tr_mul(&basis);
        assert!((gram - nalgebra::DMatrix::<f64>::identity(34, 34)).amax() < 1e-14);
        assert!((0..34).all(|c| basis.column(c).rows(0, 12).sum().abs() < 1e-14));
    }

    #[test]
    fn the_cost_of_features_is_convex_where_weight_decay_is_not() {
        let seen = |penalty, depth, net| {
            let cell = Cell { depth, penalty, nets: 1, seed: 0 };
            examine(&cell, &Stream::root(7).indexed(net)).unwrap()
        };
        for net in 0..2 {
            for depth in [2, 4] {
                let seen = seen(Penalty::FeatureCost, depth, net);
                assert!(seen.lowest > -1e-14 && seen.excess < 1e-14, "{} {}", seen.lowest, seen.excess);
            }
            let seen = [2, 3, 5].map(|depth| seen(Penalty::WeightDecay, depth, net).lowest);
            assert!(seen[0] > -1e-14 && seen[1] < -1e-8 && seen[2] < -1e-8, "{seen:?}");
        }
    }

    #[test]
    fn one_negative_eigenvalue_is_too_many() {
        let claim = &ConvexReparametrisation;
        let outcome = |negative: bool| {
            let sign = if negative { 1.0 } else { -1.0 };
            Outcome {
                lowest: -1e-4 * sign,
                negative: sign.max(0.0),
                excess: 1e-5 * sign,
                profile: Vec::new(),
            }
        };
        let right = testing::grids(claim, |cell: &Cell, _| outcome(cell.penalty == Penalty::WeightDecay));
        assert!(right.holds(claim) && !right.exchanged().holds(claim));
        assert!(!testing::grids(claim, |cell: &Cell, _| outcome(cell.depth == 5)).holds(claim));
        // A control that is convex as well.
        assert!(!testing::grids(claim, |_: &Cell, _| outcome(false)).holds(claim));
    }
}
