//! **fang-2022/neural-feature-flow.** Descent on a deep residual net of width `m` follows a deterministic flow of its features on the
//! training set, at a distance of `C m^(-1/2)` with `C` known, and the features move.
//!
//! *Source.* Fang, Lee, Yang, Zhang 2021, the theorems on the limit of ResNets. *Experiment.* Six inputs on a half circle (the net is an
//! odd function, the other half adds nothing), an odd target, `tanh`, three layers of features, branches that start at zero, mean-field
//! scaling ([`overparam_feature_flow::flow`]), 40 steps of rate 0.2. Everything but the nets' starts is fixed, so that the limit is one
//! computation. A draw is 32 nets of each width.
//!
//! *Predicted*, without any wide net, by `limit`. Hidden weights that start at zero are what descent has written, so that a unit sees the
//! others only through kernels between times and examples; with the masses of a quadrature over the Gaussian start the recursion is the
//! limit itself. By the central limit theorem the output of `m` independent starts then has covariance `1/m` times that of the influence of one
//! unit, the derivative of the output by that unit's mass: `sqrt m` times the root mean square distance from the limit is
//! `C(T/2)` = 0.191 half way and `C(T)` = 0.145 at the end (0.63 at the start), known to about 2 %: quadratures of step 1.2, 1 and
//! 0.85 give 0.203, 0.192, 0.191 and 0.156, 0.148, 0.144. Features are displaced by what the limit's are, 0.498 in root mean square.
//!
//! *Bounds.* Distance over prediction 1 within a factor 1.25, far from `C(0)/C(T)` (a scatter that stays that of the start) and from other
//! exponents; displacement over the limit's 1 within 3 %.
//!
//! *Control.* NTK scaling from the same starts: outputs differ from the limit by order 1 at any width, and features move less the wider the
//! net. A limit whose first layer ascends lies 30 times the predicted distance
//! at `m = 64` away, one whose branches ascend or whose features are frozen 8 times (a test compares them with real nets).
//!
//! *What was dropped.* A plain net from the paper's regression start was part of this claim, and a net of twice the largest width stood
//! for the limit. The regression inverts a Gram matrix of `m` features whose own fluctuations flatten both slopes at the widths that a test
//! can afford, and a reference made by the same code agrees with itself whatever the code does.

mod limit;

use std::sync::OnceLock;

use nalgebra::{DMatrix, DVector};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::Error;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::flow::{Architecture, Flow, Network, Scaling, Start, displacement};
use overparam_tensor::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FANG_LEE_YANG_ZHANG;
use crate::summary::distinct;
use limit::{Drive, Limit, Population};

/// Nets of one width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// How sums over units and learning rates are scaled: as in the mean-field limit, or as in the NTK's.
    #[schemars(with = "String")]
    pub scaling: Scaling,
    /// Hidden units, `m`.
    pub width: usize,
    /// Number of nets.
    pub nets: u64,
    /// Index of the starts.
    pub seed: u64,
}

/// How the nets went: root mean squares over nets, examples and, for features, units and layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Distance of the outputs from the limit's at every step from 0; `None` if a net diverged.
    pub distances: Option<Vec<f64>>,
    /// Displacement of the features at the end.
    pub moved: Option<f64>,
    /// Training loss of the first net at every step.
    pub losses: Vec<f64>,
}

const RATE: f64 = 0.2;
const STEPS: usize = 40;
const DEPTH: usize = 3;
const EXAMPLES: usize = 6;
/// `C(t) = sqrt m` times the distance, half way and at the end; the test of [`limit`] computes them.
const C_HALF: f64 = 0.191;
const C_END: f64 = 0.145;
/// At the start: what a scatter that does not shrink would keep.
const C_START: f64 = 0.63;
/// Displacement of the limit's features at the end.
const MOVED: f64 = 0.498;

/// The claim.
pub struct NeuralFeatureFlow;

impl Claim for NeuralFeatureFlow {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "fang-2022/neural-feature-flow",
            statement: "Gradient descent on an m-wide residual net follows the neural feature flow, a deterministic limit over \
                        features, at a distance of C m^(-1/2); features move by an amount that does not vanish with m.",
            formula: "b^(l+1) = b^l + h((1/m) h(b^l) V_l) with learning rates m and m^2; sqrt(m) |f_m - f| = C(t)",
            sources: &[Source {
                place: "theorems on the convergence of ResNets to the flow",
                ..FANG_LEE_YANG_ZHANG
            }],
            prediction: "distance from the limit C(t) m^(-1/2) with C from the influence of one unit; displacement of the features \
                         as in the limit, computed by quadrature",
            must_hold: "distance over prediction 1 within a factor 1.25 half way and at the end, displacement over the limit's \
                        1 +/- 0.03, at every width",
            control: "NTK scaling",
            cpu_seconds: [8.0, 300.0, 3000.0],
            size_ratio: [0.1, 0.5, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Scaling::MeanField)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Scaling::Ntk)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let flops = (DEPTH - 1) as f64 * 6.0 * EXAMPLES as f64 * (cell.width as f64).powi(2);
        (cell.nets as usize * STEPS) as f64 * (flops / 1e10 + 2e-5)
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        (what == Doubling::Size).then(|| Cell { width: 2 * cell.width, ..cell.clone() })
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        compare(cell, &context.shared("starts", cell.seed)).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let exponent = theory.constant("exponent", -0.5);
        let moved = theory.constant("displacement", MOVED);
        let distance = |id: &str, when: &str, constant: f64, step: usize| {
            let quantity = format!("distance of the outputs from the limit {when}, measured over C m^(-1/2)");
            Check::new(id, quantity, Bound::Factor { target: 1.0, factor: 1.25 })
                .predicted("1, with C from the influence of one unit")
                .because("half way to the nearest rival, on a log scale, is 1.4")
                .rival("a correction of first order, at m = 64: m^(-1/2)", 0.125)
                .rival("fluctuations that add up coherently, m^(-1/4), at m = 64", 2.83)
                .rival("a scatter that stays that of the start", C_START / constant)
                .control_fails()
                .log_mean()
                .missing_is_outside()
                .with_widths(runs, |cell, outcome| {
                    let distance = *outcome.distances.as_ref()?.get(step)?;
                    Some(distance / (constant * (cell.width as f64).powf(exponent)))
                })
        };
        vec![
            distance("half-way", "half way", theory.constant("C(T/2)", C_HALF), STEPS / 2),
            distance("end", "at the end", theory.constant("C(T)", C_END), STEPS),
            Check::new(
                "displacement",
                "displacement of the features, measured over the limit's",
                Bound::Within { target: 1.0, tolerance: 0.03 },
            )
            .predicted("1: every unit moves as in the limit")
            .because("a draw's nets leave about 1 %, and so does the first order in 1/m at m = 64")
            .rival("features that stay where they are", 0.0)
            .rival("features that move as m^(-1/2) of the limit's, at m = 64", 0.125)
            .control_fails()
            .mean()
            .missing_is_outside()
            .with_widths(runs, |_, outcome| Some(outcome.moved? / moved)),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![Figure {
            name: "neural-feature-flow".into(),
            title: "Deep residual nets against the flow of their features".into(),
            caption: "Left: distance of the outputs from the limit's at the end. Middle: how far features move. Medians over seeds with \
                      their intervals; lines: the limit and its fluctuations, computed without nets; hollow: NTK scaling. Right: \
                      training loss, first seed; line: the limit's."
                .into(),
            panels: vec![
                against_width(
                    [runs, control],
                    ("Distance to the flow", "RMS difference of outputs"),
                    |m| C_END / m.sqrt(),
                    |o| o.distances.as_ref()?.last().copied(),
                ),
                against_width(
                    [runs, control],
                    ("Displacement of features", "RMS displacement"),
                    |_| limit().moved,
                    |o| o.moved,
                ),
                losses(runs),
            ],
        }]
    }
}

/// The draws of a quantity at every width.
trait WithWidths {
    fn with_widths(self, runs: &Runs<'_, Cell, Outcome>, of: impl Fn(&Cell, &Outcome) -> Option<f64>)
    -> Self;
}

impl WithWidths for Check {
    fn with_widths(
        self,
        runs: &Runs<'_, Cell, Outcome>,
        of: impl Fn(&Cell, &Outcome) -> Option<f64>,
    ) -> Self {
        runs.distinct(|cell| cell.width).into_iter().fold(self, |check, m| {
            let draws = runs.only(|cell| cell.width == m).draws(|runs| {
                let run = runs.first()?;
                of(&run.cell, &run.outcome)
            });
            check.at(format!("m = {m}"), draws)
        })
    }
}

fn grid(plan: &Plan<'_>, scaling: Scaling) -> Vec<Cell> {
    let widths: &[usize] = plan.by_scale([&[64, 128][..], &[64, 128, 256, 512], &[128, 256, 512, 1024]]);
    let nets = plan.by_scale([32, 32, 64]);
    plan.seeds()
        .flat_map(|seed| widths.iter().map(move |&width| Cell { scaling, width, nets, seed }))
        .collect()
}

/// The problem, which no seed changes: six points on half a circle of radius `sqrt 2`, an odd target.
fn drive() -> Drive {
    let angle = |i: usize| std::f64::consts::PI * (i as f64 + 0.5) / EXAMPLES as f64;
    let point = |i: usize, axis: usize| if axis == 0 { angle(i).cos() } else { angle(i).sin() };
    Drive {
        inputs: DMatrix::from_fn(EXAMPLES, 2, |i, axis| std::f64::consts::SQRT_2 * point(i, axis)),
        targets: DVector::from_fn(EXAMPLES, |i, _| 0.7 * angle(i).cos() - 0.5 * (3.0 * angle(i)).sin()),
        rate: RATE,
        steps: STEPS,
        factors: [1.0; 3],
    }
}

/// The limit of [`drive`]; computed once, because every cell needs it.
fn limit() -> &'static Limit {
    static LIMIT: OnceLock<Limit> = OnceLock::new();
    LIMIT.get_or_init(|| drive().follow(&Population::gaussian(0.7, 5.2)))
}

fn compare(cell: &Cell, starts: &Stream) -> Result<Outcome, Error> {
    let drive = drive();
    let targets = DMatrix::from_column_slice(EXAMPLES, 1, drive.targets.as_slice());
    let kind = (Architecture::ResNet, cell.scaling, Activation::Tanh);
    let (mut squares, mut moved, mut losses) = (vec![0.0; STEPS + 1], 0.0, Vec::new());
    for net in 0..cell.nets {
        let stream = starts.indexed(cell.width as u64).indexed(net);
        let network = Network::new(kind, (DEPTH, cell.width), Start::Zero, &drive.inputs, &stream)?;
        let mut flow = Flow::new(network, drive.inputs.clone(), targets.clone())?;
        let start = flow.features().to_vec();
        for (step, (square, limit)) in squares.iter_mut().zip(&limit().outputs).enumerate() {
            *square +=
                (flow.outputs().column(0) - limit).norm_squared() / (EXAMPLES as f64 * cell.nets as f64);
            if net == 0 {
                losses.push(flow.loss());
            }
            if step < STEPS {
                match flow.step(RATE) {
                    Err(Error::Diverged { .. }) => {
                        return Ok(Outcome { distances: None, moved: None, losses: Vec::new() });
                    }
                    step => step?,
                };
            }
        }
        moved += displacement(&start, flow.features()).all.powi(2) / cell.nets as f64;
    }
    let finite = squares.iter().all(|square| square.is_finite()) && moved.is_finite();
    losses.retain(|loss| loss.is_finite());
    let distances = squares.into_iter().map(f64::sqrt).collect();
    Ok(Outcome { distances: finite.then_some(distances), moved: finite.then_some(moved.sqrt()), losses })
}

fn against_width(
    [runs, control]: [&[Run<Cell, Outcome>]; 2],
    (title, quantity): (&str, &str),
    theory: fn(f64) -> f64,
    f: fn(&Outcome) -> Option<f64>,
) -> Panel {
    let points = |runs: &[Run<Cell, Outcome>]| -> Vec<Point> {
        let at = |m: usize| {
            runs.iter().filter(|r| r.cell.width == m).filter_map(|r| f(&r.outcome)).collect::<Vec<_>>()
        };
        let widths = distinct(runs, |r| r.cell.width);
        widths.into_iter().filter_map(|m| median_point(m as f64, &at(m))).collect()
    };
    let line = distinct(runs, |r| r.cell.width).into_iter().map(|m| Point::new(m as f64, theory(m as f64)));
    Panel {
        title: title.into(),
        x: Axis::log("width m"),
        y: Axis::log(quantity),
        series: vec![
            Series::new("limit", Role::Theory, 0, line.collect()),
            Series::new("nets", Role::Experiment, 0, points(runs)),
            Series::new("NTK scaling", Role::Control, 0, points(control)),
        ],
    }
}

fn losses(runs: &[Run<Cell, Outcome>]) -> Panel {
    let curve = |losses: &[f64]| -> Vec<Point> {
        losses.iter().enumerate().map(|(k, l)| Point::new(k as f64 * RATE, *l)).collect()
    };
    let targets = drive().targets;
    let of_limit: Vec<f64> =
        limit().outputs.iter().map(|f| (f - &targets).norm_squared() / (2 * EXAMPLES) as f64).collect();
    let mut series = vec![Series::new("limit", Role::Theory, 4, curve(&of_limit))];
    let first = runs.iter().filter(|r| r.cell.seed == 0);
    series.extend(first.enumerate().map(|(colour, Run { cell, outcome })| {
        Series::new(format!("m = {}", cell.width), Role::Trajectory, colour, curve(&outcome.losses))
    }));
    Panel {
        title: "Training loss".into(),
        x: Axis::linear("time, rate x steps"),
        y: Axis::log("loss"),
        series,
    }
}

#[cfg(test)]
mod tests {
    use overparam_eval::claim::{Claim, Run};
    use overparam_eval::runs::Grid;
    use overparam_eval::theory::Theory;
    use overparam_feature_flow::flow::Scaling;
    use overparam_tensor::random::Stream;

    use super::{C_END, C_HALF, Cell, MOVED, NeuralFeatureFlow, Outcome, STEPS, compare, drive, limit};
    use crate::fang_2022::neural_feature_flow::limit::Population;
    use crate::fang_2022::testing;

    /// Distances `factor` times the predicted ones.
    fn outcome(width: usize, factor: f64, moved: f64) -> Outcome {
        let mut distances = vec![0.0; STEPS + 1];
        distances[STEPS / 2] = factor * C_HALF / (width as f64).sqrt();
        distances[STEPS] = factor * C_END / (width as f64).sqrt();
        Outcome { distances: Some(distances), moved: Some(moved * MOVED), losses: Vec::new() }
    }

    #[test]
    fn the_predicted_constants_hold_and_wrong_ones_do_not() {
        let claim = &NeuralFeatureFlow;
        let grids = |factor: fn(usize) -> f64, moved: f64| {
            testing::grids(claim, |cell: &Cell, noise| match cell.scaling {
                Scaling::MeanField => {
                    outcome(cell.width, factor(cell.width) * (0.1 * noise).exp(), moved + 0.01 * noise)
                }
                Scaling::Ntk => outcome(cell.width, 40.0, 0.1),
            })
        };
        let right = grids(|_| 1.0, 1.0);
        assert!(right.holds(claim) && !right.clone().exchanged().holds(claim));
        assert!(right.wrong_theories_fail(claim, &["C(T)", "C(T/2)", "displacement", "exponent"]));
        assert!(!grids(|m| (m as f64).sqrt().recip(), 1.0).holds(claim));
        assert!(!grids(|m| (m as f64).powf(0.25), 1.0).holds(claim));
        assert!(!grids(|_| 1.0, 0.1).holds(claim));
    }

    #[test]
    fn a_net_that_diverges_is_no_agreement() {
        let claim = &NeuralFeatureFlow;
        let grids = testing::grids(claim, |cell: &Cell, _| match cell.scaling {
            Scaling::MeanField => Outcome { distances: None, moved: None, losses: Vec::new() },
            Scaling::Ntk => outcome(cell.width, 40.0, 0.1),
        });
        assert!(!grids.holds(claim));
    }

    /// Real nets against the limits of wrong theories: ascending first layer, ascending branches, frozen features.
    #[test]
    fn wrong_limits_are_far_from_real_nets() {
        let cell = Cell { scaling: Scaling::MeanField, width: 64, nets: 2, seed: 0 };
        let real = compare(&cell, &Stream::root(3)).unwrap();
        let population = Population::gaussian(1.0, 4.2);
        let apart = |factors: [f64; 3]| {
            let mut drive = drive();
            drive.factors = factors;
            let wrong = &drive.follow(&population).outputs[STEPS];
            (wrong - &limit().outputs[STEPS]).norm() / 6f64.sqrt() / real.distances.as_ref().unwrap()[STEPS]
        };
        let right = apart([1.0; 3]);
        assert!(right < 0.5, "{right}");
        for factors in [[-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [0.0, 0.0, 1.0]] {
            assert!(apart(factors) > 3.0, "{factors:?}: {}", apart(factors));
        }
    }

    #[test]
    fn judges_without_outcomes() {
        let cell = Cell { scaling: Scaling::MeanField, width: 64, nets: 2, seed: 0 };
        let grid = Grid::new(vec![cell], Vec::<Run<Cell, Outcome>>::new());
        let checks = NeuralFeatureFlow.judge(&grid.view(), &Theory::as_stated());
        assert_eq!(checks.iter().map(|c| c.count()).collect::<Vec<_>>(), [1, 1, 1]);
    }
}
