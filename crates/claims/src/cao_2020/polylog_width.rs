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
//! *Deeper nets.* Of `L` weight matrices, features in the hidden ones span `D = (L - 2) m^2 + m d - (L - 2) m` dimensions: one for each
//! weight, less one for each neuron between two of the matrices, whose scale can move from one to the other. Cover's law says how many coins,
//! tossed one after another, they separate: the number `T` at which they stop has `P(T >= n) = P(Bin(n - 1, 1/2) < D)`, that is, the time of
//! the `D`-th success in fair trials, of mean `2 D` and variance `2 D`. General position takes more input dimensions than with two layers, since
//! inputs that switch on the same neurons share a subspace; `d = 16` is enough at `m = 8`. Inputs that switch off a whole layer, one in
//! `2^m` for each layer, have no features, and are left out. From three layers on the odd teacher is in the class (its eigenvalue of degree 3 is
//! not 0): the labels that cost a two-layer net `n / (2 d)` neurons have a margin, and their width stays where it is.
//!
//! *Descent.* One pass of stochastic descent on the logistic loss, one example a step, width 32, rate 1/2. With a margin the number of
//! mistakes on the way stays below a bound of the order of `1 / gamma^2 = E f*^2 / (mu_2 CUT^2) = (5/7) 32 = 22.9`, `mu_2` by the Funk-Hecke
//! formula, whatever `n`; so the error online falls as `1/n`, and the test error goes to 0. The theorems leave the constant open; the
//! bound here has 1.
//!
//! *Tolerances.* 0.08 around Cover's numbers: half of the distance to the rival that counts the readout's weights as dimensions too; for deeper
//! nets by the same rule, 0.043 at `m = 8` and `d = 16`, and 0.032 at `m = 12` and `d = 20`. With a margin: exponent at most 0.15, width at most a tenth of Cover's at the largest `n`. For three layers the
//! exponent is at most 0.25, because coins have 0.5 there.
//!
//! *Not judged.* `ln(n) / gamma^2` is an upper bound on the width: it is 127 at `n = 256`, where 8 are enough.
//!
//! *Control.* Margins exchanged: where the statement has a margin, labels without; where it has none, labels with. (For deeper nets those are the
//! signs of `x_1`; searches end at 1.5 times what the law says.)

mod checks;
mod deep;
mod features;
mod figures;
mod labels;
mod search;
mod separation;
#[cfg(test)]
mod tests;

use overparam_eval::check::Check;
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::table::Table;
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use checks::{COVER, covers_width, deep_checks, margin_checks, online_checks, without_margin};
pub use labels::Labels;
use search::{least_width, online};

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
    /// How many coins a deeper net's features separate, tossed one after another.
    DeepCoins {
        /// Weight matrices, `L`.
        depth: usize,
        /// Neurons a layer, `m`.
        width: usize,
        /// Dimension of the inputs, `d`.
        dimension: usize,
    },
    /// The least width of a deeper net for the teacher that is outside of the class of two layers.
    DeepMargin {
        /// Weight matrices, `L`.
        depth: usize,
    },
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
    /// Training examples, `n`; of coins one after another the most that are tossed.
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
    /// Of coins one after another.
    Separated {
        /// How many the features separate.
        coins: f64,
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
                      with L layers 2 ((L - 2) m^2 + m d - (L - 2) m) coins; mistakes = O(1 / gamma^2)",
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
            prediction: "with a margin exponent 0 in n, and fewer than 22.9 mistakes; without, Cover's n / (2 d) neurons, and two \
                         examples a dimension in deeper nets",
            must_hold: "with a margin: exponent at most 0.15 (three layers: 0.25), at most a tenth of Cover's width, test error at most \
                        0.02, mistakes at most 22.9 and hardly growing; without: Cover's numbers within 8%, in deeper nets within 3 to 4%",
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
            Task::Coins | Task::DeepCoins { .. } => Labels::Coins,
            Task::Outside | Task::DeepMargin { .. } => Labels::Odd,
        })
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let without = plan.by_scale([&[256][..], &[256, 512], &[512, 1024]]);
        grid(plan, &[64, 128, 256], without, |task| match task {
            Task::Margin | Task::DeepMargin { .. } => Labels::Coins,
            Task::Coins | Task::Outside => Labels::Even,
            Task::DeepCoins { .. } => Labels::Linear,
            Task::Online { .. } => Labels::Odd,
        })
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let n = cell.examples as f64;
        let one = match (cell.task, cell.labels) {
            (Task::Online { width }, _) => n * (4e-5 + width as f64 * 1e-7),
            (Task::DeepCoins { .. }, _) => 6e-10 * n.powi(3),
            (Task::DeepMargin { .. }, _) => 1e-4 * n,
            (_, Labels::Even) => 3e-5 * n,
            _ => 5e-9 * n.powi(3),
        };
        0.001 + cell.draws as f64 * one
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        let twice = Cell { examples: 2 * cell.examples, ..cell.clone() };
        match (cell.task, what) {
            (Task::DeepCoins { depth, width, dimension }, Doubling::Size) => {
                // Twice as many inputs: the width that makes as many dimensions, but for rounding.
                let width = (width as f64 * std::f64::consts::SQRT_2).round() as usize;
                let examples = deep::most_coins(depth, width, dimension);
                Some(Cell { task: Task::DeepCoins { depth, width, dimension }, examples, ..cell.clone() })
            }
            (Task::Online { .. }, Doubling::Horizon) => Some(twice),
            (Task::Online { .. }, _) | (_, Doubling::Horizon) => None,
            (_, Doubling::Size) => Some(twice),
        }
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
            Task::DeepCoins { depth, width, dimension } => {
                let separated = |stream| deep::coins_separated(cell, (depth, width, dimension), &stream);
                let counts: Result<Vec<f64>, CellError> = streams.map(separated).collect();
                Ok(Outcome::Separated { coins: mean(counts?) })
            }
            Task::DeepMargin { depth } => {
                let widths: Vec<f64> =
                    streams.map(|stream| deep::least_width(cell, depth, &stream) as f64).collect();
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
        checks.extend(deep_checks(runs, capacity));
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

    fn coins(&self) -> Option<f64> {
        if let Outcome::Separated { coins } = self { Some(*coins) } else { None }
    }
}

fn grid(plan: &Plan<'_>, margin: &[usize], without: &[usize], labels: impl Fn(Task) -> Labels) -> Vec<Cell> {
    let (pass, width) = plan.by_scale([(1024, 32), (4096, 128), (16384, 512)]);
    // Depth, width and dimension.
    let deep: &[(usize, usize, usize)] = plan.by_scale([
        &[(3, 8, 16)][..],
        &[(3, 12, 20), (4, 12, 20)],
        &[(3, 20, 40), (4, 20, 40), (5, 20, 40)],
    ]);
    let deep_margin: &[usize] = plan.by_scale([&[128, 256, 1024][..], &[128, 512, 2048], &[256, 1024, 4096]]);
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
        for &(depth, width, dimension) in deep {
            let task = Task::DeepCoins { depth, width, dimension };
            add(task, deep::most_coins(depth, width, dimension), plan.by_scale([4, 2, 2]));
        }
        let task = Task::DeepMargin { depth: 3 };
        // Coins need several times the neurons.
        let sizes = if labels(task) == Labels::Odd { deep_margin } else { &[128, 256, 384] };
        sizes.iter().for_each(|&n| add(task, n, 2));
        add(Task::Online { width }, pass, 1);
    }
    cells
}
