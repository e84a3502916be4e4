//! **hu-2021/singular-value-dynamics.** Under gradient flow from a balanced initialisation the end matrix's singular
//! values obey `ds_r/dt = -N (s_r^2)^(1-1/N) <grad L(W), u_r v_r^T>`: large ones speed up, small ones slow down, the more
//! so the deeper the network.
//!
//! *Source.* Arora, Cohen, Hu, Luo 2019, theorems 1 and 3, figure 3. *Experiment.* Matrix completion (`L` half the sum of squared
//! errors) by plain gradient descent on the factors, in double precision, at step sizes `eta` and `eta / 2`, depths 1 to 4, for a
//! fixed time `t = eta x steps`.
//!
//! *Predicted*, in a closed loop: the theory gets the end matrix at the start, the depth and the observed entries, and nothing of
//! the run. Theorem 3 is the diagonal of the flow of the end matrix, which in the frame of its singular vectors is
//!
//! ```text
//! dW/dt = -U (M o (U^T grad L(W) V)) V^T,     M_rc = sum_(j=1..N) s_r^(2 (N-j)/N) s_c^(2 (j-1)/N)
//! ```
//!
//! (`M_rr = N s_r^(2 - 2/N)`). A fourth-order Runge-Kutta method integrates it (`singular_value_dynamics/flow.rs`; it shares the singular
//! value decomposition with the experiment and nothing else). Singular values are compared in descending order, so that
//! paths that cross at depth 1 need not be followed.
//!
//! *What was wrong before.* Singular vectors and gradient came from the run: that tests Euler's method and an identity.
//!
//! *Tolerances.* Descent is Euler's method for the flow, so the distance `E(eta)` is `O(eta)`: its ratio to `E(eta/2)` is 2 up to the next
//! order in `eta` (2 +/- 0.02), and `2 s(eta/2) - s(eta)`, free of the first order, must be on the prediction to `1e-4` of the
//! singular values' norm, in every draw. `E` itself, below 0.01, is a share of the distance of the nearest wrong theory: an
//! independent simulation (NumPy) had 0.002 to 0.0034 for this equation, and for that of `N - 1` layers 0.75 and more, of `N + 1` layers
//! 0.83, 0.66, 0.42, 0.19 at depths 1 to 4 (0.11 at least), with a rate wrong by a tenth 0.21 to 0.44. A test repeats the rivals.
//!
//! *Control.* The same end matrix, factorised out of balance (the last layer four times the first): the hypothesis of the theorem and
//! no more. A single layer cannot be out of balance.

mod flow;

use nalgebra::DMatrix;
use overparam_deep_linear::{
    Convention, DeepLinearError, DeepLinearNetwork, Entry, Initialization, MatrixCompletion, Optimizer,
    Training,
};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Source;
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_tensor::linalg::{matmul, singular_values, transposed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

use super::ARORA_COHEN_HU_LUO;
use crate::summary::distinct;

/// One trajectory, at two step sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Rows and columns of the matrix to complete.
    pub size: usize,
    /// Rank of the truth, whose largest singular value is 1.
    pub rank: usize,
    /// Observed entries.
    pub observed: usize,
    /// Number of layers.
    pub depth: usize,
    /// The larger step size, `eta`; the other is half of it.
    pub learning_rate: f64,
    /// Time of the flow at which descent stops; the number of steps is `time / learning_rate`.
    pub time: f64,
    /// Last layer over first layer: 1 is balanced.
    pub imbalance: f64,
    /// Index of the truth, the entries and the start, shared by all depths.
    pub seed: u64,
}

/// All singular values, in descending order, at `MOMENTS` + 1 equidistant times from 0 to the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Of descent at `eta`.
    pub coarse: Vec<Vec<f64>>,
    /// Of descent at `eta / 2`.
    pub fine: Vec<Vec<f64>>,
    /// Of the flow.
    pub predicted: Vec<Vec<f64>>,
}

/// End-to-end scale of the start, relative to the truth's largest singular value.
const START: f64 = 0.05;

/// Intervals between the moments that are kept.
const MOMENTS: usize = 50;

/// Step of the Runge-Kutta method.
const STEP: f64 = 0.02;

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
            sources: &[Source { place: "theorems 1 and 3, figure 3", ..ARORA_COHEN_HU_LUO }],
            prediction: "from the start and the depth alone, every singular value at every time: the flow of the end matrix",
            must_hold: "at depths 1 to 4: distance of descent from the prediction at most 1% of the singular values' norm over \
                        the whole trajectory, halved with the step (2 +/- 0.02), and at most 1e-4 after extrapolation to \
                        step 0",
            control: "the same end matrix factorised out of balance",
            cpu_seconds: [15.0, 60.0, 20_000.0],
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
        cell.time / cell.learning_rate * 1e-8 * (cell.size as f64).powi(3)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let problem = Problem::draw(cell, context)?;
        let descend = |rate| problem.descend(cell, rate, context).map_err(CellError::new);
        Ok(Outcome {
            coarse: descend(cell.learning_rate)?,
            fine: descend(cell.learning_rate / 2.0)?,
            predicted: problem.predicted(cell, cell.depth as f64)?,
        })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let speed = theory.constant("the factor N", 1.0);
        runs.distinct(|cell| cell.depth).into_iter().flat_map(|depth| checks(runs, depth, speed)).collect()
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let panel = |runs: &[Run<Cell, Outcome>], depth: usize, what: &str| -> Option<Panel> {
            let run = runs.iter().find(|r| r.cell.depth == depth && r.cell.seed == 0)?;
            Some(trajectory(run, format!("Depth {depth}{what}")))
        };
        let depths = distinct(runs, |r| r.cell.depth);
        let mut panels: Vec<Panel> = depths.into_iter().filter_map(|d| panel(runs, d, "")).collect();
        panels.extend(panel(control, 3, ", control: out of balance"));
        vec![Figure {
            name: "trajectories".into(),
            title: "Singular values switch on one after another, as the equation says".into(),
            caption: "Lines: the flow of the end matrix, from its start alone. Points: gradient descent at the larger step \
                      size, first seed. With depth the transitions sharpen. Last panel: the control, where the equation \
                      misses."
                .into(),
            panels,
        }]
    }
}

fn grid(plan: &Plan<'_>, depths: std::ops::RangeInclusive<usize>, imbalance: f64) -> Vec<Cell> {
    let (size, rank, observed) = plan.by_scale([(8, 2, 40), (12, 3, 100), (100, 5, 5000)]);
    let long = plan.by_scale([20.0, 30.0, 60.0]);
    let cell = |depth: usize, seed| {
        // A single layer is fast at any size of its singular values.
        let time = if depth == 1 { long / 5.0 } else { long };
        Cell { size, rank, observed, depth, learning_rate: 5e-3, time, imbalance, seed }
    };
    plan.seeds().flat_map(|seed| depths.clone().map(move |depth| cell(depth, seed))).collect()
}

/// What experiment and theory are given.
struct Problem {
    observed: Vec<Entry>,
    end: DMatrix<f64>,
}

impl Problem {
    fn draw(cell: &Cell, context: &Context<'_>) -> Result<Self, CellError> {
        let normal =
            |name, columns| context.shared(name, cell.seed).normal_matrix::<f64>(cell.size, columns, 1.0);
        let mut truth =
            matmul(&normal("left factor", cell.rank), transposed(&normal("right factor", cell.rank)));
        truth /= spectral_norm(&truth)?;
        let observed = context
            .shared("observed entries", cell.seed)
            .sample_indices(truth.len(), cell.observed)
            .into_iter()
            .map(|i| (i / cell.size, i % cell.size))
            .map(|(row, column)| Entry { row, column, value: truth[(row, column)] })
            .collect();
        let mut end = normal("start", cell.size);
        end *= START / spectral_norm(&end)?;
        Ok(Self { observed, end })
    }

    fn descend(
        &self,
        cell: &Cell,
        rate: f64,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<f64>>, DeepLinearError> {
        let objective =
            MatrixCompletion::<f64>::new(cell.size, cell.size, &self.observed, Convention::HalfSum)?;
        let end = self.end.clone();
        let start = if cell.imbalance == 1.0 {
            Initialization::Balanced { end }
        } else {
            Initialization::Unbalanced { end, ratio: cell.imbalance }
        };
        let widths = vec![cell.size; cell.depth + 1];
        let mut network =
            DeepLinearNetwork::initialize(&widths, &start, &context.shared("frames", cell.seed))?;
        let every = (cell.time / rate / MOMENTS as f64).round() as u64;
        let training = Training {
            optimizer: Optimizer::GradientDescent { learning_rate: rate },
            loss_target: -1.0,
            max_steps: every * MOMENTS as u64,
            observe_every: every,
        };
        let mut curve = Vec::new();
        training.run_observed(&mut network, &objective, |seen| {
            curve.push(singular_values(seen.end_matrix)?.iter().copied().collect());
            Ok::<_, DeepLinearError>(ControlFlow::Continue(()))
        })?;
        Ok(curve)
    }

    /// By the equation of a net of `layers` layers, a real number: rivals have other ones.
    fn predicted(&self, cell: &Cell, layers: f64) -> Result<Vec<Vec<f64>>, CellError> {
        let gradient = |w: &DMatrix<f64>| {
            let mut g = DMatrix::zeros(w.nrows(), w.ncols());
            self.observed.iter().for_each(|e| g[(e.row, e.column)] = w[(e.row, e.column)] - e.value);
            g
        };
        let moment = cell.time / MOMENTS as f64;
        let steps = (moment / STEP).ceil();
        let mut w = self.end.clone();
        let mut curve = vec![flow::sorted(&w)?];
        for _ in 0..MOMENTS {
            for _ in 0..steps as usize {
                w = flow::step(&w, layers, moment / steps, &gradient)?;
            }
            curve.push(flow::sorted(&w)?);
        }
        Ok(curve)
    }
}

fn spectral_norm(a: &DMatrix<f64>) -> Result<f64, CellError> {
    Ok(singular_values(a).map_err(CellError::new)?.max())
}

/// The largest relative distance of a curve from the predicted one, both at the same times; `speed` runs the prediction
/// faster or slower. `None` if a curve is incomplete.
fn distance(measured: &[Vec<f64>], predicted: &[Vec<f64>], speed: f64) -> Option<f64> {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    let mut worst = 0f64;
    for (k, s) in measured.iter().enumerate() {
        let at = (speed * k as f64).min(predicted.len() as f64 - 1.0);
        let (before, after) = (predicted.get(at.floor() as usize)?, predicted.get(at.ceil() as usize)?);
        let theory = |r: usize| before[r] + at.fract() * (after[r] - before[r]);
        let gap = norm(&mut s.iter().enumerate().map(|(r, s)| s - theory(r)));
        worst = worst.max(gap / norm(&mut s.iter().copied()));
    }
    (measured.len() == MOMENTS + 1).then_some(worst)
}

/// `2 s(eta/2) - s(eta)`.
fn extrapolated(outcome: &Outcome) -> Vec<Vec<f64>> {
    let combine = |(coarse, fine): (&Vec<f64>, &Vec<f64>)| {
        coarse.iter().zip(fine).map(|(coarse, fine)| 2.0 * fine - coarse).collect()
    };
    outcome.coarse.iter().zip(&outcome.fine).map(combine).collect()
}

fn checks(runs: &Runs<'_, Cell, Outcome>, depth: usize, speed: f64) -> [Check; 3] {
    let here = runs.only(|cell| cell.depth == depth);
    let with =
        |value: fn(&Outcome, f64) -> Option<f64>| here.draws(|runs| value(&runs.first()?.outcome, speed));
    // The least of eight draws of an independent simulation.
    let deeper = [0.5, 0.3, 0.2, 0.11][depth.clamp(1, 4) - 1];
    let error = Check::new(
        format!("error-{depth}"),
        format!("depth {depth}: largest relative distance of descent from the prediction"),
        Bound::AtMost(0.01),
    )
    .predicted("0, up to descent's own error of order eta")
    .because("a tenth of what the nearest rival would cost")
    .rival("the equation of N + 1 layers", deeper)
    .rival("a rate 1.1 times as large", 0.2)
    .missing_is_outside()
    .draws(with(|o, speed| distance(&o.coarse, &o.predicted, speed)));
    let halving = Check::new(
        format!("halving-{depth}"),
        format!("depth {depth}: distance at step eta / at eta/2"),
        Bound::Within { target: 2.0, tolerance: 0.02 },
    )
    .predicted("2: what remains is descent's own error, of first order in eta")
    .because("the next order in eta")
    .rival("an error of the equation", 1.0)
    .rival("a method of second order", 4.0)
    .draws(with(|o, speed| {
        Some(distance(&o.coarse, &o.predicted, speed)? / distance(&o.fine, &o.predicted, speed)?)
    }));
    let limit = Check::new(
        format!("limit-{depth}"),
        format!("depth {depth}: relative distance after extrapolation to step 0"),
        Bound::AtMost(1e-4),
    )
    .predicted("0, up to terms of second order in eta")
    .because("eta squared is 2.5e-5")
    .rival("the equation of N + 1 layers", deeper)
    .exact()
    .draws(with(|o, speed| distance(&extrapolated(o), &o.predicted, speed)));
    if depth > 1 {
        [error.control_fails(), halving.control_fails(), limit.control_fails()]
    } else {
        [error, halving, limit]
    }
}

fn trajectory(run: &Run<Cell, Outcome>, title: String) -> Panel {
    let shown = run.cell.rank + 1;
    let points = |curve: &[Vec<f64>], every: usize, r: usize| {
        let moment = run.cell.time / MOMENTS as f64;
        let points = curve.iter().enumerate().step_by(every);
        points.filter_map(|(k, s)| Some(Point::new(k as f64 * moment, *s.get(r)?))).collect()
    };
    let series = (0..shown).flat_map(|r| {
        let name = |what: &str| format!("s{} {what}", r + 1);
        [
            Series::new(name("predicted"), Role::Theory, r, points(&run.outcome.predicted, 1, r)),
            Series::new(name("measured"), Role::Experiment, r, points(&run.outcome.coarse, 3, r)),
        ]
    });
    Panel {
        title,
        x: Axis::linear("time (step size x steps)"),
        y: Axis::linear("singular value"),
        series: series.collect(),
    }
}

#[cfg(test)]
mod tests {
    use overparam_eval::claim::Scale;
    use overparam_eval::inputs::Inputs;

    use super::*;
    use crate::hu_2021::trial::Trial;

    #[test]
    fn wrong_theories_and_the_control_do_not_hold() {
        Trial::run(&SingularValueDynamics, 4, 8).assert_sharp();
    }

    /// The rivals' numbers are those of their equations.
    #[test]
    fn equations_of_other_depths_miss_by_more_than_the_bound_allows() {
        let inputs = Inputs::none();
        let plan = Plan { scale: Scale::Smoke, seeds: 2, inputs: &inputs };
        for cell in SingularValueDynamics.cells(&plan) {
            let context = Context::new(4, "hu-2021/singular-value-dynamics", "cell", &inputs);
            let problem = Problem::draw(&cell, &context).unwrap();
            let measured = problem.descend(&cell, cell.learning_rate, &context).unwrap();
            let miss =
                |layers: f64| distance(&measured, &problem.predicted(&cell, layers).unwrap(), 1.0).unwrap();
            let n = cell.depth as f64;
            assert!(miss(n) < 0.01, "depth {n}: {}", miss(n));
            assert!(miss(n + 1.0) > 0.1, "depth {n}: {}", miss(n + 1.0));
            assert!(n < 2.0 || miss(n - 1.0) > 0.1, "depth {n}: {}", miss(n - 1.0));
        }
    }
}
