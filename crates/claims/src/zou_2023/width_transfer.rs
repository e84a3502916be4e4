//! **zou-2023/width-transfer.** In the maximal-update parametrisation (muP) the hidden layers of a net learn features at every width, along a
//! limit that is known, and the best learning rate of a narrow net is that of a wide one. In the standard parametrisation it falls as `1/n`.
//!
//! *Source.* Yang, Hu 2021; Yang et al. 2022, table 3 and figure 1. What muP tends to is the field theory of Bordelon, Pehlevan 2022; what the standard
//! parametrisation tends to is a frozen kernel (Lee et al. 2019). It belongs to this talk as the answer to what lies beyond the kernel regime at
//! any width.
//!
//! *Experiment.* Linear nets `f = w . W_2 W_1 x` of width `n` on three examples in `d = 4` dimensions, outputs counted from the start, five
//! steps of descent on `1/2 sum (y - f)^2` of all three matrices, at ten rates a factor `2^(1/4)` apart. Base width `n_0 = d`, `r = n/n_0`:
//!
//! | | input: variance; rate | hidden | output |
//! |---|---|---|---|
//! | standard | `1/d`; `eta` | `1/n`; `eta` | `1/n`; `eta` |
//! | muP | `1/d`; `eta r` | `1/n`; `eta` | `1/(n r)`; `eta/r` |
//! | NTK | `1/d`; `eta` | `1/n`; `eta/r` | `1/n`; `eta/r` |
//!
//! *Predicted*, from `K = x . x'/d` and the targets alone. With `d = n_0` muP is the field theory of richness `gamma = n_0^(-1/2)` at the rate
//! `c = eta n_0` *exactly*: there the weights are standard normal, the output has the factor `1/(gamma n)`, and every rate is `c gamma^2 n`. Of linear
//! nets it is solved step by step ([`overparam_feature_flow::rich_limit::DeepLinear`]). The limit has a loss for every rate, hence a best
//! rate, and moves the products of hidden units by known amounts. In standard parametrisation hidden units stay and the kernel is
//! `(2 n + d) K`, so that the loss depends on `c = eta n`, and the best rate is `c/n`.
//!
//! *Bounds.* Rate: a factor 1.15, where the rivals are off by 5 and more. Slopes: 0.15 of 0 and, with the bias of narrow nets, 0.2 of -1; half of the
//! way to the nearest rival is 0.25. Losses: 0.11, where the lazy kernel's is 24 % above the limit's, and 0.12 in standard parametrisation, where the
//! nearest rival is 43 % off. Features: 0.15, where the rival is 0. A NumPy program, 12 draws of eight nets of seeds of its own, found in muP at
//! width 128 the loss 0.99 +- 0.07 of the limit's (mean and scatter of a draw), movements of 1.01 +- 0.14 and 0.97 +- 0.09 in the two layers, a best
//! rate of 0.98 up to a factor 1.06, and the exponents 0.02 +- 0.04 and -0.95 +- 0.09. With 16 nets scatters are smaller by
//! `sqrt 2`, so that no check is nearer to its bound than 1.4 scatters. Constants are judged from width 128 on, and features at the widest nets.
//!
//! *Control.* The same nets, starts and examples by the other two tables, judged against muP's prediction. By the standard one the best
//! rate moves with the width; by both the features stay, and the loss is not that of the limit.

mod experiment;
mod picture;
#[cfg(test)]
mod tests;
mod theory;

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::summary::exponent;

/// How variances and learning rates go with the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// The maximal-update parametrisation, muP.
    MaximalUpdate,
    /// Variances of one over fan-in, one learning rate.
    Standard,
    /// The NTK's: factors in the forward pass, one learning rate.
    Ntk,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Table::MaximalUpdate => "muP",
            Table::Standard => "standard",
            Table::Ntk => "NTK",
        }
    }
}

/// Nets of one width by one table, at every rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Whose prediction the nets are compared with.
    pub predicted: Table,
    /// By which table they start and learn.
    pub trained: Table,
    /// Hidden units in each of two layers, `n`.
    pub width: usize,
    /// Steps of descent.
    pub steps: usize,
    /// Number of nets.
    pub nets: usize,
    /// Index of the starts.
    pub seed: u64,
}

/// What came of the nets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Geometric mean over the nets of the loss after the last step, at every rate; a loss above that of the start counts as that of the start.
    pub losses: Vec<f64>,
    /// Mean change of `y^T H y / |y|^2` at the second of the ten rates, `H` the products of a hidden layer's units over the examples; nothing
    /// if a net diverged there.
    pub moved: Option<[f64; 2]>,
}

const EXAMPLES: usize = 3;
/// `n_0`, which is also `d`.
const BASE: usize = 4;
/// The eigenvalues of their products are 0.21, 0.51 and 2.10: the best rate is a compromise between the fastest and the slowest mode.
const INPUTS: [[f64; BASE]; EXAMPLES] = [[2.0, 0.0, 0.0, 0.0], [1.5, 1.2, 0.0, 0.0], [1.0, 0.3, 1.5, 0.5]];
const TARGETS: [f64; EXAMPLES] = [2.0, 0.0, 1.0];

/// `log2 c`: muP's best rate is at -1.8, that of the frozen kernel of the standard table at -1.4.
const RATES: [f64; 10] = [-3.0, -2.75, -2.5, -2.25, -2.0, -1.75, -1.5, -1.25, -1.0, -0.75];
/// Where in [`RATES`] features are looked at, and losses in muP and in standard parametrisation.
const MOVED: usize = 1;
const LOSS: usize = 2;
const STANDARD_LOSS: usize = 4;

/// The narrowest nets whose constants are judged.
const WIDE: usize = 128;

/// The claim.
pub struct WidthTransfer;

impl Claim for WidthTransfer {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "zou-2023/width-transfer",
            statement: "In the maximal-update parametrisation nets learn features at every width along a known limit, and one learning rate is the \
                        best for all widths; in the standard one the best rate falls as 1/n.",
            formula: "muP: eta*(n) = c*/n_0, the best rate c* of the limit of richness n_0^(-1/2); standard: eta*(n) = c/n",
            sources: &[
                Source {
                    citation: "Yang, Hu: Tensor Programs IV: Feature Learning in Infinite-Width Neural Networks (ICML 2021)",
                    place: "section 5, maximal update",
                    url: "https://arxiv.org/abs/2011.14522",
                },
                Source {
                    citation: "Yang, Hu, Babuschkin, Sidor, Liu, Farhi, Ryder, Pachocki, Chen, Gao: Tensor Programs V: Tuning Large Neural Networks \
                               via Zero-Shot Hyperparameter Transfer (NeurIPS 2021)",
                    place: "table 3, figure 1",
                    url: "https://arxiv.org/abs/2203.03466",
                },
                Source {
                    citation: "Bordelon, Pehlevan: Self-Consistent Dynamical Field Theory of Kernel Evolution in Wide Neural Networks \
                               (NeurIPS 2022)",
                    place: "deep linear networks",
                    url: "https://arxiv.org/abs/2205.09653",
                },
            ],
            prediction: "best rate, loss and movement of features of the infinitely wide net in muP; loss of the frozen kernel in standard parametrisation; \
                         slopes 0 and -1 of the best rate in the width",
            must_hold: "muP: best rate within a factor 1.15 of the limit's, slope 0 +/- 0.15, loss within 11% and movement within 15% of the limit's; \
                        standard: slope -1 +/- 0.2, loss within 12% of the frozen kernel's",
            control: "the standard and the NTK parametrisation in the place of muP",
            cpu_seconds: [6.0, 25.0, 800.0],
            size_ratio: [0.03, 0.06, 0.25],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, &[(Table::MaximalUpdate, Table::MaximalUpdate), (Table::Standard, Table::Standard)])
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, &[(Table::MaximalUpdate, Table::Standard), (Table::MaximalUpdate, Table::Ntk)])
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let step = 1e-5 + 1e-9 * (cell.width * cell.width) as f64;
        (cell.nets * RATES.len() * cell.steps) as f64 * step
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        (what == Doubling::Size).then(|| Cell { width: 2 * cell.width, ..cell.clone() })
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        for (name, value) in [("width", cell.width), ("steps", cell.steps), ("nets", cell.nets)] {
            if value == 0 {
                return Err(CellError::new(format!("{name} is 0, but must be at least 1")));
            }
        }
        Ok(experiment::train(cell, &context.shared("starts", cell.seed)))
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let rich = runs.only(|c| c.predicted == Table::MaximalUpdate);
        let standard = runs.only(|c| c.predicted == Table::Standard);
        let mut checks = Vec::new();
        if !rich.is_empty() {
            checks.extend([rate(&rich, theory), shift(&rich), loss(&rich, theory), features(&rich, theory)]);
        }
        if !standard.is_empty() {
            checks.extend([standard_shift(&standard, theory), standard_loss(&standard, theory)]);
        }
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![picture::figure(runs, control)]
    }
}

fn grid(plan: &Plan<'_>, tables: &[(Table, Table)]) -> Vec<Cell> {
    let widths: &[usize] =
        plan.by_scale([&[64, 128, 256][..], &[64, 128, 256, 512], &[128, 256, 512, 1024, 2048]]);
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        for &(predicted, trained) in tables {
            cells.extend(widths.iter().map(|&width| Cell {
                predicted,
                trained,
                width,
                steps: 5,
                nets: 16,
                seed,
            }));
        }
    }
    cells
}

/// The rate `c` of the lowest loss: the vertex of the parabola, in logarithms, through the lowest of the losses and its neighbours; nothing if the lowest is
/// at an end.
fn best_rate(outcome: &Outcome) -> Option<f64> {
    let logs: Vec<f64> = outcome.losses.iter().map(|loss| loss.ln()).collect();
    let lowest = (0..logs.len()).min_by(|&i, &j| logs[i].total_cmp(&logs[j]))?;
    let &[left, middle, right] = logs.get(lowest.checked_sub(1)?..lowest + 2)? else {
        return None;
    };
    let curvature = left - 2.0 * middle + right;
    let offset = if curvature > 0.0 { 0.5 * (left - right) / curvature } else { 0.0 };
    Some((RATES.get(lowest)? + 0.25 * offset).exp2())
}

/// The best `eta` of a run.
fn best_eta(run: &Run<Cell, Outcome>) -> Option<f64> {
    Some(run.cell.trained.eta(best_rate(&run.outcome)?, run.cell.width))
}

type Value<'a> = &'a dyn Fn(&Run<Cell, Outcome>) -> Option<f64>;

/// One value of a run at every table and width that are wanted.
fn at_widths(
    check: Check,
    runs: &Runs<'_, Cell, Outcome>,
    least: usize,
    name: &str,
    value: Value<'_>,
) -> Check {
    let mut check = check;
    for (trained, width) in runs.distinct(|c| (c.trained, c.width)) {
        if width >= least {
            let here = runs.only(|c| (c.trained, c.width) == (trained, width));
            let draws = here.draws(|runs| value(runs.first()?));
            check = check.at(format!("{}{name}, n = {width}", trained.name()), draws);
        }
    }
    check
}

/// The exponent of the best `eta` in the width, by table.
fn slopes(check: Check, runs: &Runs<'_, Cell, Outcome>) -> Check {
    let mut check = check;
    for trained in runs.distinct(|c| c.trained) {
        let draws = runs.only(|c| c.trained == trained).draws(|runs| {
            let points = runs.iter().map(|run| Some((run.cell.width as f64, best_eta(run)?)));
            exponent(&points.collect::<Option<Vec<_>>>()?)
        });
        check = check.at(trained.name(), draws);
    }
    check
}

fn limit(run: &Run<Cell, Outcome>, place: usize, theory: &Theory) -> Option<theory::Rich> {
    theory::rich(RATES[place].exp2(), run.cell.steps, theory).ok()
}

fn rate(runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let factor = theory.constant("best rate (of its value)", 1.0);
    let steps = runs.distinct(|c| c.steps);
    let known: Vec<(usize, f64)> =
        steps.into_iter().filter_map(|steps| Some((steps, theory::best(steps, theory).ok()?))).collect();
    let check = Check::new(
        "rate",
        "muP: best learning rate over the limit's",
        Bound::Factor { target: 1.0, factor: 1.15 },
    )
    .predicted("1 at every width")
    .because("rates are a factor 1.19 apart, and a draw scatters by 4 %; half of the distance to the nearest rival is a factor 2.3")
    .rival("a rate that falls as n^(-1/2), at n = 128", 0.177)
    .rival("standard parametrisation, at n = 128", 0.043)
    .control_fails()
    .missing_is_outside()
    .log_mean();
    at_widths(check, runs, WIDE, "", &|run| {
        let (_, log) = known.iter().find(|(steps, _)| *steps == run.cell.steps)?;
        Some(best_eta(run)? / (factor * Table::MaximalUpdate.eta(log.exp2(), run.cell.width)))
    })
}

fn shift(runs: &Runs<'_, Cell, Outcome>) -> Check {
    let check = Check::new(
        "shift",
        "muP: exponent of the best learning rate in the width",
        Bound::Within { target: 0.0, tolerance: 0.15 },
    )
    .predicted("0: the rate of a narrow net is that of a wide one")
    .because("half of the distance to the nearest rival is 0.25")
    .rival("standard parametrisation", -1.0)
    .rival("a rate that falls as n^(-1/2)", -0.5)
    .control_fails()
    .missing_is_outside()
    .mean();
    slopes(check, runs)
}

fn loss(runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let check = Check::new(
        "loss",
        "muP: loss over the limit's, at c = 0.18",
        Bound::Within { target: 1.0, tolerance: 0.11 },
    )
    .predicted("1")
    .because("a draw scatters by 5 % at n = 128; half of the distance to the nearest rival is 0.118")
    .rival("the lazy limit: a frozen kernel of three matrices", 1.237)
    .rival("a frozen kernel of hidden and output matrix", 1.868)
    .control_fails()
    .mean();
    at_widths(check, runs, WIDE, "", &|run| {
        Some(run.outcome.losses.get(LOSS)? / limit(run, LOSS, theory)?.loss)
    })
}

fn features(runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let factor = theory.constant("movement of features (of its value)", 1.0);
    let mut check = Check::new(
        "features",
        "muP: how far the products of hidden units have moved along the targets, over the limit's, at c = 0.15",
        Bound::Within { target: 1.0, tolerance: 0.15 },
    )
    .predicted("1: hidden units move as in the limit")
    .because("a draw of 16 nets scatters by 7 to 10 % at n = 128; half of the distance to the rival is 0.5")
    .rival("features that stay: a frozen kernel", 0.0)
    .control_fails()
    .mean();
    let widest = runs.cells().map(|c| c.width).max().unwrap_or(WIDE);
    for layer in 0..2 {
        let name = format!(", layer {}", layer + 1);
        check = at_widths(check, runs, widest, &name, &|run| {
            Some(run.outcome.moved?[layer] / (factor * limit(run, MOVED, theory)?.moved[layer]))
        });
    }
    check
}

fn standard_shift(runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let target = theory.constant("exponent of the standard rate", -1.0);
    let check = Check::new(
        "standard-shift",
        "standard: exponent of the best learning rate in the width",
        Bound::Within { target, tolerance: 0.2 },
    )
    .predicted("-1: the kernel grows as n")
    .because("narrow nets leave 0.07; half of the distance to the nearest rival is 0.25")
    .rival("muP: one rate for all widths", 0.0)
    .rival("a rate that falls as n^(-1/2)", -0.5)
    .missing_is_outside()
    .mean();
    slopes(check, runs)
}

fn standard_loss(runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let check = Check::new(
        "standard-loss",
        "standard: loss over that of the frozen kernel (2 n + d) K, at eta n = 0.25",
        Bound::Within { target: 1.0, tolerance: 0.12 },
    )
    .predicted("1")
    .because("a draw scatters by 5 %; half of the distance to the nearest rival is 0.21")
    .rival("a kernel of all three matrices, 3 n K", 0.565)
    .rival("a kernel of the output matrix alone, n K", 1.780)
    .rival("features that move as in muP", 0.45)
    .mean();
    at_widths(check, runs, WIDE, "", &|run| {
        let parts = theory::standard_parts(run.cell.width, theory);
        let predicted = theory::frozen(RATES[STANDARD_LOSS].exp2(), run.cell.steps, parts).ok()?;
        Some(run.outcome.losses.get(STANDARD_LOSS)? / predicted)
    })
}
