//! **zou-2023/kernel-regime.** Wide nets behave like kernel methods: weights hardly move, the tangent kernel hardly drifts, and
//! it is close to its deterministic limit.
//!
//! *Source.* Jacot, Gabriel, Hongler 2018; Lee et al. 2019, theorem 2.1; in the form of Zou, Cao, Zhou, Gu 2018 for deep ReLU nets.
//! *Experiment.* ReLU nets of two and three layers ([`crate::wide`]), 32 digits in 16 whitened dimensions, 20 full-batch steps at
//! rate `n / lambda_max`; root mean squares over several draws of the weights, then slopes in the width, seed by seed.
//!
//! *Predicted.* (1) The largest `||W_l(T) - W_l(0)||_F / sqrt m` falls as `m^(-1/2)`. (2) So does `||Theta - Theta_inf||_F / ||Theta_inf||_F`,
//! the larger of before and after training: a mean over `m` neurons. (3) `||Theta_T - Theta_0||_F / ||Theta_0||_F` is *at most* of order
//! `m^(-1/2)`, the share of the ReLUs that switch, and falls faster: the first-order change of the kernel is odd in the
//! readout weights, which are symmetric, so that switches on and off cancel up to fluctuations. For `k = sqrt m` switches of size
//! `1/m` and random sign that is `m^(1/4) / m = m^(-3/4)`; the second order is `1/m` (Dyer, Gur-Ari 2020; Huang, Yau 2020).
//!
//! Of two layers also the constants, without any fit (module `finite_width`): the root mean square of the distance at the
//! start from the variance of a neuron's kernel, and the movement from the limit kernel's parts.
//!
//! *Tolerances.* Slopes of movement and distance 0.15: the rivals are 0 and -1. The drift's slope is at most -5/8, half way
//! from -3/4 to the theorems' bound -1/2, so that the bound itself is a rival. Constants: 15% for the distance, pooled over
//! the widths (rivals: half as many independent neurons, `sqrt 2`;
//! hidden weights alone, about 1/2), 10% for the movement at the widest. *Control.* Mean-field scaling, where features move and the
//! kernel with them; at the start its kernel is the same, so that the distance's constant is tested by its rivals alone.

use std::ops::ControlFlow;

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Scale, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finite_width::TwoLayers;
use crate::wide::{Form, Images, Net, Scaling, extreme_eigenvalues, limit_kernel, relative_distance};
use crate::widths::{self, Formed};

/// Nets of one form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// The data.
    pub images: Images,
    /// The nets.
    pub form: Form,
    /// Training examples, `n`.
    pub examples: usize,
    /// Steps of descent at rate `n / lambda_max` of the limit kernel.
    pub steps: usize,
    /// Draws of the weights.
    pub draws: u64,
    /// Index of the data.
    pub seed: u64,
}

impl Formed for Cell {
    fn form(&self) -> Form {
        self.form
    }
}

/// How much of a kernel method the nets are: root mean squares over the draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `max_l ||W_l(T) - W_l(0)||_F / sqrt m`.
    pub moved: f64,
    /// `||Theta_T - Theta_0||_F / ||Theta_0||_F`.
    pub drift: f64,
    /// Larger of `||Theta - Theta_inf||_F / ||Theta_inf||_F` before and after training.
    pub distance: f64,
    /// The distance before training.
    pub at_start: f64,
    /// What theory says of it; two layers only.
    pub predicted_at_start: Option<f64>,
    /// What theory says of the movement at leading order; two layers only.
    pub predicted_moved: Option<f64>,
    /// Training loss at the end, as a share of that at the start.
    pub left: f64,
}

const DIMENSION: usize = 16;

/// A quantity whose exponent in the width is judged.
#[derive(Clone, Copy)]
struct Quantity {
    id: &'static str,
    name: &'static str,
    axis: &'static str,
    of: fn(&Outcome) -> f64,
    exponent: f64,
    reason: &'static str,
}

const QUANTITIES: [Quantity; 3] = [
    Quantity {
        id: "movement",
        name: "Movement of the weights",
        axis: "largest |W(T) - W(0)| / sqrt(m)",
        of: |o| o.moved,
        exponent: -0.5,
        reason: "the movement of all weights together does not depend on m",
    },
    Quantity {
        id: "drift",
        name: "Drift of the empirical kernel",
        axis: "|K(T) - K(0)| / |K(0)|",
        of: |o| o.drift,
        exponent: -0.75,
        reason: "symmetric readouts: the first order cancels up to fluctuations",
    },
    Quantity {
        id: "distance",
        name: "Distance to the limit kernel",
        axis: "|K - K_inf| / |K_inf|",
        of: |o| o.distance,
        exponent: -0.5,
        reason: "fluctuations of a mean over m neurons",
    },
];

/// The claim.
pub struct KernelRegime;

impl Claim for KernelRegime {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "zou-2023/kernel-regime",
            statement: "Wide nets behave like kernel methods: movement of the weights, drift of the tangent kernel and its \
                        distance to the limit all vanish with the width.",
            formula: "|W(t) - W(0)| / sqrt(m), |K_t - K_0| / |K_0|, |K_t - K_inf| / |K_inf| = O(m^(-1/2))",
            sources: &[
                Source {
                    citation: "Lee, Xiao, Schoenholz, Bahri, Novak, Sohl-Dickstein, Pennington: Wide Neural Networks of Any \
                               Depth Evolve as Linear Models Under Gradient Descent (NeurIPS 2019)",
                    place: "theorem 2.1, figure 1",
                    url: "https://arxiv.org/abs/1902.06720",
                },
                Source {
                    citation: "Zou, Cao, Zhou, Gu: Stochastic Gradient Descent Optimizes Over-parameterized Deep ReLU Networks \
                               (2018)",
                    place: "theorem 3.8",
                    url: "https://arxiv.org/abs/1811.08888",
                },
            ],
            prediction: "slopes in m: -1/2 for movement and distance to the limit, -3/4 or steeper for the drift; of two layers the \
                         distance and the movement themselves",
            must_hold: "slopes -0.5 +/- 0.15 (movement, distance) and at most -5/8 (drift), at depths 2 and 3; at depth 2 the \
                        distance at the start within 15% of the prediction, the movement at the widest within 10%",
            control: "mean-field scaling",
            cpu_seconds: [12.0, 300.0, 5000.0],
            size_ratio: [0.25, 0.25, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Scaling::Ntk)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Scaling::MeanField)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let step = 3e-5 + cell.form.flops(cell.examples, DIMENSION) / 1.5e10;
        0.02 + (cell.draws as usize * cell.steps) as f64 * step
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let data = context.shared("data", cell.seed);
        let (x, y) = cell.images.draw(cell.examples, DIMENSION, &data, context)?;
        let limit = limit_kernel(cell.form.depth, &x, None).map_err(CellError::new)?;
        let rate = cell.examples as f64 / extreme_eigenvalues(&limit)?.0;
        let theory = (cell.form.depth == 2).then(|| TwoLayers::new(&x));
        let mut squares = [0.0; 5];
        for draw in 0..cell.draws {
            let net = Net::new(cell.form, &x, &context.own("weights").indexed(draw))?;
            let (mut first, mut last) = (None, 0.0);
            let end = net.train(&y, rate, cell.steps, |_, loss, _| {
                first.get_or_insert(loss);
                last = loss;
                ControlFlow::Continue(())
            })?;
            let (before, after) = (net.kernel(&net.start)?, net.kernel(&end)?);
            let distance = |kernel| relative_distance(kernel, &limit);
            let measured = [
                net.movement(&end),
                relative_distance(&after, &before),
                distance(&before).max(distance(&after)),
                distance(&before),
                last / first.unwrap_or(1.0),
            ];
            squares.iter_mut().zip(measured).for_each(|(sum, value)| *sum += value * value);
        }
        let [moved, drift, distance, at_start, left] = squares.map(|sum| (sum / cell.draws as f64).sqrt());
        let width = cell.form.width;
        let predicted_at_start = theory.as_ref().map(|theory| theory.distance(width));
        let predicted_moved =
            theory.map(|theory| theory.movement(&y, rate, cell.steps, width)).transpose()?;
        Ok(Outcome { moved, drift, distance, at_start, predicted_at_start, predicted_moved, left })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let depths = runs.distinct(|cell| cell.form.depth);
        let slopes = depths.iter().flat_map(|&depth| QUANTITIES.map(|q| slope(runs, depth, q, theory)));
        slopes.chain(depths.contains(&2).then(|| constants(runs, theory)).into_iter().flatten()).collect()
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let panel = |q: Quantity| {
            widths::panel(q.name, q.axis, widths::by_depth(runs, control, q.of, Some(q.exponent)))
        };
        vec![Figure {
            name: "kernel-regime".into(),
            title: "Into the kernel regime".into(),
            caption: "Root mean squares over draws of the weights; medians over seeds with their intervals. Lines: the predicted slope \
                      through the points' middle. Hollow: mean-field scaling."
                .into(),
            panels: QUANTITIES.map(panel).into(),
        }]
    }
}

/// The exponent of a quantity in the width.
fn slope(runs: &Runs<'_, Cell, Outcome>, depth: usize, quantity: Quantity, theory: &Theory) -> Check {
    let Quantity { id, name, of, exponent, reason, .. } = quantity;
    let (bound, prediction) = if exponent < -0.5 {
        // Half way to the rival -1/2.
        (Bound::AtMost(0.5 * (exponent - 0.5)), "-3/4 or steeper")
    } else {
        (Bound::Within { target: theory.constant("exponent", exponent), tolerance: 0.15 }, "-1/2")
    };
    let check = Check::new(format!("{id}-{depth}"), format!("{depth} layers: {name}, slope in m"), bound)
        .predicted(prediction)
        .because(reason)
        .rival("nothing settles", 0.0)
        .control_fails()
        .mean()
        .draws(widths::slopes(runs, depth, of));
    if exponent < -0.5 {
        check.rival("the theorems' bound", -0.5)
    } else {
        check.rival("a correction of first order", -1.0)
    }
}

/// Of two layers: distance and movement in units of what theory says of them.
fn constants(runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> [Check; 2] {
    let runs = runs.only(|cell| cell.form.depth == 2);
    // Widths pooled as the mean of squares, each in units of its prediction.
    let distance = runs.draws(|runs| {
        let squares = runs.iter().map(|r| Some((r.outcome.at_start / r.outcome.predicted_at_start?).powi(2)));
        let squares: Vec<f64> = squares.collect::<Option<_>>()?;
        Some((squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
    });
    let widest = runs.cells().map(|cell| cell.form.width).max();
    let moved = runs.only(|cell| Some(cell.form.width) == widest).draws(|runs| {
        let outcome = &runs.first()?.outcome;
        Some(outcome.moved / outcome.predicted_moved?)
    });
    let unit = |name: &str, factor: f64| Bound::Factor { target: theory.constant(name, 1.0), factor };
    [
        Check::new(
            "distance-constant",
            "2 layers: distance to the limit at the start over the predicted one, all widths",
            unit("distance over the predicted", 1.15),
        )
        .predicted("1")
        .because("the variance of a neuron's kernel, exact at every width")
        .rival("half as many independent neurons", 2f64.sqrt())
        .rival("hidden weights alone", 0.5)
        .log_mean()
        .draws(distance),
        Check::new(
            "movement-constant",
            "2 layers: movement of the widest net over the predicted one",
            unit("movement over the predicted", 1.1),
        )
        .predicted("1")
        .because("the limit kernel's parts of readout and hidden weights")
        .control_fails()
        .log_mean()
        .draws(moved),
    ]
}

fn grid(plan: &Plan<'_>, scaling: Scaling) -> Vec<Cell> {
    let images = Images::of(plan);
    // Without a limit to the number of draws the narrow nets would cost most.
    let most = plan.by_scale([8, 16, 32]);
    let widest: usize = plan.by_scale([1024, 2048, 8192]);
    let depths = if plan.scale == Scale::Smoke { 2..=2 } else { 2..=3 };
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        for depth in depths.clone() {
            for width in (6..).map(|k| 1 << k).take_while(|&width| width <= widest) {
                let draws = (4096 / width as u64).clamp(4, most);
                let form = Form { depth, width, scaling };
                cells.push(Cell { images: images.clone(), form, examples: 32, steps: 20, draws, seed });
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use overparam_eval::claim::Run;
    use overparam_eval::runs::Grid;

    use super::super::testing::{scattered, tells_apart};
    use super::{Cell, KernelRegime, Outcome};
    use crate::wide::{Form, Images, Scaling};

    /// Exponents of movement and distance, and of the drift; constants in units of the predicted ones.
    fn grid(exponent: f64, drift: f64, [distance, moved]: [f64; 2]) -> Grid<Cell, Outcome> {
        let run = |seed: u64, width: usize| {
            let m = width as f64;
            let law = |scale: f64, exponent: f64| scale * m.powf(exponent) * scattered(0.01, seed, width);
            let outcome = Outcome {
                moved: law(moved, exponent),
                drift: law(1.0, drift),
                distance: law(distance, exponent),
                at_start: law(distance, -0.5),
                predicted_at_start: Some(m.powf(-0.5)),
                predicted_moved: Some(m.powf(-0.5)),
                left: 0.1,
            };
            let form = Form { depth: 2, width, scaling: Scaling::Ntk };
            Run {
                cell: Cell { images: Images::Digits, form, examples: 32, steps: 20, draws: 8, seed },
                outcome,
            }
        };
        Grid::finished((0..32).flat_map(|seed| [64, 128, 256, 512].map(|m| run(seed, m))).collect())
    }

    #[test]
    fn laws_and_constants_hold_and_wrong_ones_do_not() {
        let wrong = [
            grid(-0.5, -0.5, [1.0; 2]),
            grid(-1.0, -0.85, [1.0; 2]),
            grid(-0.5, -0.85, [1.3, 1.0]),
            grid(-0.5, -0.85, [0.7, 1.0]),
            grid(-0.5, -0.85, [1.0, 1.3]),
        ];
        tells_apart(&KernelRegime, &grid(-0.5, -0.85, [1.0; 2]), &grid(0.0, 0.0, [1.0; 2]), &wrong);
    }
}
