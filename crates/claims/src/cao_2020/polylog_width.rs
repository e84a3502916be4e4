//! **cao-2020/polylog-width.** If the class of neural tangent random features separates the data with a margin, the width that is
//! needed does not grow with the number `n` of examples, but for logarithms; without a margin it grows in proportion to `n`.
//!
//! *Source.* Chen, Cao, Zou, Gu 2021, assumption 3.1 and theorems 3.3 to 3.5. *Data.* Inputs uniform on the sphere in `d = 5`
//! dimensions, norm `sqrt d`. Labels with a margin: `sign f*`, `f* = x_1 x_2`, inputs with `|f*| < 1` left out. `f*` is a
//! harmonic of degree 2 and in the class of a two-layer net. Without a margin: coins on the same inputs; or `sign(x_1 x_2 x_3)`,
//! a function as simple, but odd of degree 3: odd functions of a two-layer ReLU net without biases are linear.
//!
//! *Least width.* `m*` is the least number of neurons whose tangent features separate the labels, decided exactly
//! (`separation`): no steps and no budget. The features `x 1[w . x > 0]` of `m` neurons span `m d` dimensions. In general position `n`
//! coins are separable in `D` dimensions with probability `P(Bin(n - 1, 1/2) < D)` (Cover 1965; Wendel 1962), so that
//! `E m* = sum over m >= 0 of P(Bin(n - 1, 1/2) >= m d)`, half a neuron above `n / (2 d)`. The odd teacher's labels are coins to
//! even functions, and linear functions do not know them: the same number. With a margin `m*` stays where it is.
//!
//! *Deeper nets* are left out. From three layers on the odd teacher has a margin too, and coins alone have none; but in nets of a
//! dozen neurons a layer some inputs switch nearly all of them off, so that features are not in general position: two of three nets
//! of width 12 separated far fewer than two coins per dimension.
//!
//! *Descent.* One pass of stochastic descent on the logistic loss, one example a step, width 32, rate 1/2. With a margin the number of
//! mistakes on the way stays below a bound of the order of `1 / gamma^2 = E f*^2 / (mu_2 CUT^2) = (5/7) 32 = 22.9`, `mu_2` by the Funk-Hecke
//! formula, whatever `n`; so the error online falls as `1/n`, and the test error goes to 0. The theorems leave the constant open; the
//! bound here has 1.
//!
//! *Tolerances.* 0.08 around Cover's numbers: half of the distance to the rival that counts the readout's weights as dimensions too.
//! With a margin: exponent at most 0.15, width at most a tenth of Cover's at the largest `n`.
//!
//! *Not judged.* `ln(n) / gamma^2` is an upper bound on the width: it is 127 at `n = 256`, where 8 are enough.
//!
//! *Control.* Margins exchanged: where the statement has a margin, labels without; where it has none, labels with.

mod checks;
mod features;
mod figures;
mod search;
mod separation;
#[cfg(test)]
mod tests;

use nalgebra::DMatrix;
use overparam_eval::check::Check;
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::table::Table;
use overparam_eval::theory::Theory;
use overparam_tensor::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wide::{coins, sphere};
use checks::{COVER, covers_width, margin_checks, online_checks, without_margin};
use search::{least_width, online};

/// Where labels come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// Of `x_1 x_2`: in the class, with a margin.
    Even,
    /// Of `x_1 x_2 x_3`: no function of a two-layer net.
    Odd,
    /// Of nothing.
    Coins,
}

/// What is measured, by the role that it plays in the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The least width for labels with a margin.
    Margin,
    /// The least width for coins.
    Coins,
    /// The least width for the teacher outside of the class.
    Outside,
    /// One pass of stochastic descent.
    Online {
        /// Hidden units, `m`.
        width: usize,
    },
}

/// One search, or one pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// What is measured.
    pub task: Task,
    /// What the labels really are: on the control not what the task says.
    pub labels: Labels,
    /// Training examples, `n`.
    pub examples: usize,
    /// Data, weights and coins are drawn so many times, and means taken.
    pub draws: u64,
    /// Index of the draw.
    pub seed: u64,
}

/// What was found: means over the draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Of a search for the least width.
    Width {
        /// `m*`; four times Cover's width if even that does not separate.
        width: f64,
    },
    /// Of descent.
    Online {
        /// Examples seen, mistakes made.
        mistakes: Vec<(usize, f64)>,
        /// Share of fresh examples with the wrong sign.
        error: f64,
    },
}

const DIMENSION: usize = 5;
/// Least `|f*|` of an example.
const CUT: f64 = 1.0;
/// Learning rate of stochastic descent.
const RATE: f64 = 0.5;
const TEST: usize = 1000;

/// The claim.
pub struct PolylogWidth;

impl Claim for PolylogWidth {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "cao-2020/polylog-width",
            statement: "On data that the tangent kernel's class separates with a margin, the width that is needed does not grow \
                        with the number of examples, and one pass of stochastic descent makes a bounded number of mistakes; \
                        without a margin the width is proportional to the number of examples.",
            formula: "m* = O(1) with margin gamma, E m* = sum_(m >= 0) P(Bin(n - 1, 1/2) >= m d) = n / (2 d) + 1/2 without; \
                      mistakes = O(1 / gamma^2)",
            sources: &[
                Source {
                    citation: "Chen, Cao, Zou, Gu: How Much Over-parameterization Is Sufficient to Learn Deep ReLU Networks? (ICLR 2021)",
                    place: "theorems 3.3 to 3.5, assumption 3.1",
                    url: "https://arxiv.org/abs/1911.12360",
                },
                Source {
                    citation: "Cover: Geometrical and Statistical Properties of Systems of Linear Inequalities (1965)",
                    place: "theorem 1",
                    url: "https://doi.org/10.1109/PGEC.1965.264137",
                },
            ],
            prediction: "with a margin exponent 0 in n, and fewer than 22.9 mistakes; without, Cover's n / (2 d) neurons",
            must_hold: "with a margin: exponent at most 0.15, at most a tenth of Cover's width, test error at most 0.02, mistakes at \
                        most 22.9 and hardly growing; without: Cover's numbers within 8%",
            control: "margins exchanged: labels without a margin where the statement has one, and labels with one where it has none",
            cpu_seconds: [20.0, 200.0, 4000.0],
            size_ratio: [0.1, 0.2, 0.5],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let margin: &[usize] = plan.by_scale([
            &[128, 256, 512, 1024][..],
            &[128, 256, 512, 1024, 2048],
            &[256, 512, 1024, 2048, 4096, 8192],
        ]);
        grid(plan, margin, plan.by_scale([&[256][..], &[256, 512], &[512, 1024]]), |task| match task {
            Task::Margin | Task::Online { .. } => Labels::Even,
            Task::Coins => Labels::Coins,
            Task::Outside => Labels::Odd,
        })
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let without = plan.by_scale([&[256][..], &[256, 512], &[512, 1024]]);
        grid(plan, &[64, 128, 256], without, |task| match task {
            Task::Margin => Labels::Coins,
            Task::Coins | Task::Outside => Labels::Even,
            Task::Online { .. } => Labels::Odd,
        })
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let n = cell.examples as f64;
        let one = match (cell.task, cell.labels) {
            (Task::Online { width }, _) => n * (4e-5 + width as f64 * 1e-7),
            (_, Labels::Even) => 3e-5 * n,
            _ => 5e-9 * n.powi(3),
        };
        0.001 + cell.draws as f64 * one
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        let doubles = matches!(
            (cell.task, what),
            (Task::Margin | Task::Coins | Task::Outside, Doubling::Size)
                | (Task::Online { .. }, Doubling::Horizon)
        );
        doubles.then(|| Cell { examples: 2 * cell.examples, ..cell.clone() })
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        // Shared by all sizes of a seed, so that more examples contain the fewer.
        let streams = (0..cell.draws).map(|draw| context.shared("draw", cell.seed).indexed(draw));
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        match cell.task {
            Task::Margin | Task::Coins | Task::Outside => {
                let widths: Vec<f64> = streams.map(|stream| least_width(cell, &stream) as f64).collect();
                Ok(Outcome::Width { width: mean(widths) })
            }
            Task::Online { width } => {
                let passes: Result<Vec<_>, CellError> =
                    streams.map(|stream| online(cell, width, &stream)).collect();
                let passes = passes?;
                let checkpoints = passes[0].0.iter().map(|(seen, _)| *seen);
                let mistakes = checkpoints
                    .enumerate()
                    .map(|(k, seen)| (seen, mean(passes.iter().map(|pass| pass.0[k].1).collect())))
                    .collect();
                Ok(Outcome::Online { mistakes, error: mean(passes.iter().map(|pass| pass.1).collect()) })
            }
        }
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let capacity = theory.constant("examples per dimension", 2.0);
        let mut checks = margin_checks(&runs.only(|cell| cell.task == Task::Margin));
        for (id, task, of) in [("coins", Task::Coins, "coins"), ("outside", Task::Outside, "the odd teacher")]
        {
            let quantity = format!("least width for {of}, over Cover's");
            let mut check = without_margin(Check::new(id, quantity, COVER))
                .rival("the readout's weights are dimensions too", DIMENSION as f64 / (DIMENSION + 1) as f64);
            let here = runs.only(|cell| cell.task == task);
            for n in here.distinct(|cell| cell.examples) {
                let expected = covers_width(n) * 2.0 / capacity;
                let value = |run: &&Run<Cell, Outcome>| Some(run.outcome.width()? / expected);
                let draws = here.only(|cell| cell.examples == n).draws(|runs| value(runs.first()?));
                check = check.at(format!("n = {n}"), draws);
            }
            checks.push(check);
        }
        checks.extend(online_checks(&runs.only(|cell| matches!(cell.task, Task::Online { .. }))));
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![figures::figure(runs, control)]
    }

    fn tables(&self, runs: &[Run<Cell, Outcome>]) -> Vec<Table> {
        vec![figures::table(runs)]
    }
}

impl Outcome {
    fn width(&self) -> Option<f64> {
        if let Outcome::Width { width } = self { Some(*width) } else { None }
    }
}

impl Labels {
    /// What the labels are the signs of; of coins what decides which inputs are left out.
    fn teacher(self, x: &[f64]) -> f64 {
        match self {
            Labels::Even | Labels::Coins => x[0] * x[1],
            Labels::Odd => x[0] * x[1] * x[2],
        }
    }

    /// The first `n` examples of a stream as columns, and their labels.
    fn draw(self, n: usize, stream: &Stream) -> (DMatrix<f64>, Vec<f64>) {
        let mut kept = Vec::with_capacity(n * DIMENSION);
        for batch in 0.. {
            let fresh = sphere(512, DIMENSION, &stream.named("inputs").indexed(batch)).transpose();
            let good = fresh.column_iter().filter(|x| self.teacher(x.as_slice()).abs() >= CUT);
            good.for_each(|x| kept.extend_from_slice(x.as_slice()));
            if kept.len() >= n * DIMENSION {
                break;
            }
        }
        kept.truncate(n * DIMENSION);
        let x = DMatrix::from_vec(DIMENSION, n, kept);
        let y = match self {
            Labels::Coins => coins(n, &stream.named("labels")),
            _ => x.column_iter().map(|x| self.teacher(x.as_slice()).signum()).collect(),
        };
        (x, y)
    }
}

fn grid(plan: &Plan<'_>, margin: &[usize], without: &[usize], labels: impl Fn(Task) -> Labels) -> Vec<Cell> {
    let (pass, width) = plan.by_scale([(1024, 32), (4096, 128), (16384, 512)]);
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        let mut add = |task, examples, draws| {
            cells.push(Cell { task, labels: labels(task), examples, draws, seed });
        };
        margin
            .iter()
            .for_each(|&n| add(Task::Margin, n, if labels(Task::Margin) == Labels::Even { 4 } else { 1 }));
        for &n in without {
            add(Task::Coins, n, 2);
            add(Task::Outside, n, 2);
        }
        add(Task::Online { width }, pass, 1);
    }
    cells
}
