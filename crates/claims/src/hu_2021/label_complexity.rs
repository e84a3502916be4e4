//! **hu-2021/label-complexity.** Why a trained net generalises can be told before training: its test error is bounded by
//! `sqrt(2 y^T H^-1 y / n)`, which is small for true labels and large for random ones.
//!
//! *Source.* Arora, Du, Hu, Li, Wang 2019, theorem 5.1 and figure 2. *Experiment.* Images of unit norm in two classes (label
//! below 5 or not); a share `p` of the training labels is replaced by fair coins, for `p` from 0 to 1. The measure is computed
//! from the exact kernel of the infinitely wide net. The test error is that of a finite two-layer ReLU net
//! (`hu_2021/two_layer.rs`), first layer trained until the training loss is a tenth of what it was at the start; all but one in
//! a hundred or fewer of the training labels are fitted then. The two share the inputs and the labels and nothing else. What is
//! corrupted at some `p` is so at every larger one, so that fractions differ by what they are meant to.
//!
//! *Predicted.* The measure orders the fractions as the test error does. It bounds the test error up to a concentration term
//! `sqrt(log(n / (lambda_0 delta)) / n)`, here with constant 1 and `delta = 0.05`.
//!
//! *Tolerances.* CLAIMS.md: Spearman's rank correlation at least 0.95 in every seed. The bound is compared with the larger of
//! test error and absolute loss (clipped at 1; the theorem speaks of any 1-Lipschitz loss). On tasks as hard as these the
//! measure is above 1 at every `p`, and a bound above 1 excludes nothing: what is won is the order, not the number. The check
//! would notice a measure that is wrong by a factor, no more.
//!
//! *Size.* Theorem 5.1 asks for widths polynomial in `n`; these nets have some 50 weights an example, and `kappa = 10`, so that
//! few kinks are crossed. Heavy-ball momentum shortens training tenfold; in the linear regime it ends at descent's
//! minimum-norm solution. A NumPy prototype came first: over 20 seeds of kernel regression with eleven fractions the rank
//! correlation was as low as 0.66 at `n = 100`, 0.92 at 400, and at least 0.96 at 600 and 1,000, because with few examples
//! neighbouring fractions differ by less than the luck of the draw. So `standard` has `n = 600`, and `smoke`, with 400, five
//! fractions, sparse where the measure saturates. Before these sizes were settled, runs at width 128 with training to a loss of 1%
//! gave 0.976 in each of three seeds but took 3,000 steps; five even fractions at `n = 300` gave 1, 1 and 0.9 (from `p = 0.75` to 1
//! the measure hardly grows); eight at `n = 400` gave 0.976 and 0.929.
//!
//! *Control.* A norm that ignores the labels, `sqrt(2 tr(H^-1) / n)`: the root mean square of the measure over fair coins. It
//! varies with the training images alone, which the control draws anew for each fraction.

use nalgebra::{DMatrix, DVector};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::stats;
use overparam_eval::table::{Table, number};
use overparam_eval::theory::Theory;
use overparam_ntk::theory::complexity;
use overparam_tensor::linalg::{Cholesky, matmul};
use serde::{Deserialize, Serialize};

use super::ARORA_DU_HU_LI_WANG;
use super::images::{Data, Task, choose, coins, unit_rows};
use super::two_layer::{Descent, TwoLayer, first_layer_kernel};
use crate::summary::distinct;

/// One net trained on partly random labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The images.
    pub data: Data,
    /// `n`.
    pub examples: usize,
    /// `m`, even.
    pub width: usize,
    /// `p` in thousandths: the share of labels replaced by coins.
    pub corruption: u32,
    /// Whether the norm knows the labels; if not, training images are drawn for this cell alone.
    pub informed: bool,
    /// Index of the training images, the coins and the start.
    pub seed: u64,
}

/// What theory says before training, and what training led to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `sqrt(2 y^T H^-1 y / n)`, or the norm that ignores `y`.
    pub measure: f64,
    /// Smallest eigenvalue of `H`.
    pub smallest_eigenvalue: f64,
    /// Share of training images on the wrong side of their (partly random) labels.
    pub train_error: f64,
    /// Share of test images on the wrong side.
    pub test_error: f64,
    /// Mean of `min(|f - y|, 1)` over the test images.
    pub test_loss: f64,
    /// Share of test images that the infinitely wide net, trained to the end, gets wrong: kernel regression.
    pub limit_error: f64,
    /// Steps of descent.
    pub steps: usize,
}

const TASK: Task = Task::BelowFive;
const KAPPA: f64 = 10.0;
/// Training loss at the end, as a share of that at the start.
const TARGET: f64 = 0.1;
/// Of the bound.
const DELTA: f64 = 0.05;
/// Test images of the user's data; of the digits all that are not trained on.
const TESTS: usize = 2000;

/// The claim.
pub struct LabelComplexity;

impl Claim for LabelComplexity {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "hu-2021/label-complexity",
            statement: "Before training, sqrt(2 y^T H^-1 y / n) tells labels that a wide net will generalise from, from labels \
                        that it will merely fit.",
            formula: "test loss <= sqrt(2 y^T H^-1 y / n) + O(sqrt(log(n / (lambda_0 delta)) / n))",
            sources: &[Source { place: "theorem 5.1 and figure 2", ..ARORA_DU_HU_LI_WANG }],
            prediction: "as labels are replaced by coins, the measure rises in the order of the test error, and stays above it",
            must_hold: "Spearman correlation of measure and test error across fractions at least 0.95 in every seed; measure and \
                        concentration term above test error and loss in every run",
            control: "a norm that ignores the labels, sqrt(2 tr(H^-1) / n)",
            cpu_seconds: [25.0, 300.0, 20_000.0],
            size_ratio: [0.03, 0.06, 0.5],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, true)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, false)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let dimension = if cell.data == Data::Digits { 64.0 } else { 784.0 };
        let step = 4.0 * cell.examples as f64 * cell.width as f64 * (dimension + 20.0);
        (0.5 + f64::from(cell.corruption) / 1000.0) * 200.0 * step / 3e10 + 0.05
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let problem = Problem::new(cell, context)?;
        let n = cell.examples as f64;
        let kernel = first_layer_kernel(&problem.x, None)?;
        let factor = Cholesky::factor(&kernel).map_err(CellError::new)?;
        let targets = DMatrix::from_column_slice(problem.y.len(), 1, problem.y.as_slice());
        let measure = if cell.informed {
            complexity(&kernel, &targets).map_err(CellError::new)?
        } else {
            (2.0 * factor.solve(&DMatrix::identity(cell.examples, cell.examples)).trace() / n).sqrt()
        };
        let cross = first_layer_kernel(&problem.test_x, Some(&problem.x))?;
        let limit = matmul(&cross, &factor.solve(&targets)).column(0).into_owned();

        let stream = context.shared("start", cell.seed);
        let mut net = TwoLayer::start(problem.x.ncols(), cell.width, KAPPA, &stream);
        let steps = net.descend((&problem.x, &problem.y), descent(cell.examples), |step, residuals| {
            residuals.norm_squared() > TARGET * n && step < MOST_STEPS
        })?;
        let outputs = net.outputs(&problem.test_x);
        Ok(Outcome {
            measure,
            smallest_eigenvalue: smallest_eigenvalue(&factor, cell.examples),
            train_error: error(&net.outputs(&problem.x), &problem.y),
            test_error: error(&outputs, &problem.test_y),
            test_loss: outputs.zip_map(&problem.test_y, |f, y| (f - y).abs().min(1.0)).mean(),
            limit_error: error(&limit, &problem.test_y),
            steps,
        })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let constant = theory.constant("the bound's factor", 1.0);
        let checks = |data: &Data| {
            let here = runs.only(|cell| cell.data == *data);
            let name = data.name();
            [
                Check::new(
                    format!("order-{name}"),
                    format!("{name}: rank correlation of measure and test error"),
                    Bound::AtLeast(0.95),
                )
                .predicted("1")
                .because("across fractions of random labels")
                .rival("no relation", 0.0)
                .control_fails()
                .draws(here.draws(correlation)),
                Check::new(format!("bound-{name}"), format!("{name}: bound less test loss"), Bound::AtLeast(0.0))
                    .predicted("not below 0")
                    .because("theorem 5.1 with constant 1; the larger of error and absolute loss; the least over shares")
                    .rival("a bound of nothing", -0.5)
                    .draws(here.draws(|runs| runs.iter().map(|r| slack(r, constant)).reduce(f64::min))),
            ]
        };
        runs.distinct(|cell| cell.data.clone()).iter().flat_map(checks).collect()
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let figure = |data: &Data| {
            let of = |runs: &[Run<Cell, Outcome>]| -> Vec<Run<Cell, Outcome>> {
                runs.iter().filter(|r| r.cell.data == *data).cloned().collect()
            };
            Figure {
                name: format!("label-complexity-{}", data.name()),
                title: format!("A measure of labels and the test error ({})", data.name()),
                caption: "Left: the measure, computed before training, and the norm that ignores the labels (hollow). Right: test \
                          error of the trained net, and of the infinitely wide one (line). Medians over seeds with ranges."
                    .into(),
                panels: panels(&of(runs), &of(control)),
            }
        };
        distinct(runs, |r| r.cell.data.clone()).iter().map(figure).collect()
    }

    fn tables(&self, runs: &[Run<Cell, Outcome>]) -> Vec<Table> {
        let table = |data: &Data| {
            let runs: Vec<&Run<Cell, Outcome>> = runs.iter().filter(|r| r.cell.data == *data).collect();
            let row = |p: u32| {
                let of = |value: fn(&Outcome) -> f64| {
                    let values: Vec<f64> =
                        runs.iter().filter(|r| r.cell.corruption == p).map(|r| value(&r.outcome)).collect();
                    stats::median(&values).map_or_else(|_| String::new(), number)
                };
                vec![
                    number(f64::from(p) / 1000.0),
                    of(|o| o.measure),
                    of(|o| o.train_error),
                    of(|o| o.test_error),
                    of(|o| o.test_loss),
                    of(|o| o.limit_error),
                    of(|o| o.steps as f64),
                ]
            };
            Table {
                caption: format!("{}: medians over seeds", data.name()),
                head: [
                    "random labels",
                    "measure",
                    "training error",
                    "test error",
                    "test loss",
                    "test error, infinitely wide",
                    "steps",
                ]
                .map(String::from)
                .to_vec(),
                rows: distinct(&runs, |r| r.cell.corruption).into_iter().map(row).collect(),
            }
        };
        distinct(runs, |r| r.cell.data.clone()).iter().map(table).collect()
    }
}

/// A guard; training ends long before.
const MOST_STEPS: usize = 50_000;

/// `lambda_max(H) <= tr H = n/2`, so that a rate of `3/n` is at most three quarters of the largest stable one for any inputs. The
/// momentum is Polyak's for eigenvalues down to 0.005, the smallest of these nets' kernels at the start.
fn descent(examples: usize) -> Descent {
    let rate = 3.0 / examples as f64;
    Descent { rate, momentum: (1.0 - (0.005 * rate).sqrt()).powi(2) }
}

struct Problem {
    x: DMatrix<f64>,
    y: DVector<f64>,
    test_x: DMatrix<f64>,
    test_y: DVector<f64>,
}

impl Problem {
    fn new(cell: &Cell, context: &Context<'_>) -> Result<Self, CellError> {
        let parts = cell.data.parts(context)?;
        let stream = |purpose: &str| {
            if cell.informed { context.shared(purpose, cell.seed) } else { context.own(purpose) }
        };
        let train = choose(&TASK.members(&parts.train), cell.examples, &stream("images"))?;
        let mut y = TASK.signs(&parts.train, &train);
        corrupt(&mut y, f64::from(cell.corruption) / 1000.0, cell.seed, context);
        let test = TASK.members(&parts.test);
        let test = &test[..test.len().min(TESTS)];
        Ok(Self {
            x: unit_rows(&parts.train, &train),
            y,
            test_x: unit_rows(&parts.test, test),
            test_y: TASK.signs(&parts.test, test),
        })
    }
}

/// Replaces a label by a coin with probability `p`. Whatever is replaced at some `p` is so at every larger one.
fn corrupt(y: &mut DVector<f64>, p: f64, seed: u64, context: &Context<'_>) {
    let n = y.len();
    let coins = coins(n, &context.shared("coins", seed));
    // The rank of an example among uniformly random ones: uniform, and the same for all p.
    let ranks = context.shared("ranks", seed).permutation(n);
    for (label, (&rank, coin)) in y.iter_mut().zip(ranks.iter().zip(coins.iter())) {
        if (rank as f64 + 0.5) / (n as f64) < p {
            *label = *coin;
        }
    }
}

fn error(outputs: &DVector<f64>, labels: &DVector<f64>) -> f64 {
    let wrong = outputs.iter().zip(labels.iter()).filter(|&(f, y)| f * y <= 0.0).count();
    wrong as f64 / labels.len() as f64
}

/// By inverse iteration: the digits' two smallest eigenvalues are 3% apart.
fn smallest_eigenvalue(factor: &Cholesky<f64>, n: usize) -> f64 {
    let mut v = DVector::from_fn(n, |i, _| 1.0 + (i % 7) as f64);
    let mut growth = 0.0;
    for _ in 0..100 {
        v /= v.norm();
        v = factor.solve_vector(&v);
        growth = v.norm();
    }
    1.0 / growth
}

/// The bound less what it bounds.
fn slack(run: &Run<Cell, Outcome>, constant: f64) -> f64 {
    let (n, outcome) = (run.cell.examples as f64, &run.outcome);
    let concentration = ((n / (outcome.smallest_eigenvalue * DELTA)).ln() / n).sqrt();
    constant * (outcome.measure + concentration) - outcome.test_error.max(outcome.test_loss)
}

/// Of one seed, over its shares.
fn correlation(runs: &[&Run<Cell, Outcome>]) -> Option<f64> {
    let (measures, errors): (Vec<f64>, Vec<f64>) =
        runs.iter().map(|r| (r.outcome.measure, r.outcome.test_error)).unzip();
    Some(stats::spearman(&measures, &errors).ok()?.rho)
}

fn grid(plan: &Plan<'_>, informed: bool) -> Vec<Cell> {
    let corruptions: &[u32] = plan.by_scale([
        &[0, 200, 400, 600, 1000][..],
        &[0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000],
        &[0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000],
    ]);
    let mut cells = Vec::new();
    for data in Data::all(plan.inputs) {
        let digits = data == Data::Digits;
        let examples = plan.by_scale([300, 600, if digits { super::images::TRAIN_DIGITS } else { 5000 }]);
        let width = plan.by_scale([256, 512, 8192]);
        for seed in plan.seeds() {
            cells.extend(corruptions.iter().map(|&corruption| Cell {
                data: data.clone(),
                examples,
                width,
                corruption,
                informed,
                seed,
            }));
        }
    }
    cells
}

fn panels(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Panel> {
    let points = |runs: &[Run<Cell, Outcome>], value: fn(&Outcome) -> f64| -> Vec<Point> {
        let point = |p: u32| {
            let values: Vec<f64> =
                runs.iter().filter(|r| r.cell.corruption == p).map(|r| value(&r.outcome)).collect();
            median_point(f64::from(p) / 1000.0, &values)
        };
        distinct(runs, |r| r.cell.corruption).into_iter().filter_map(point).collect()
    };
    let axis = || Axis::linear("share of random labels");
    vec![
        Panel {
            title: "Before training".into(),
            x: axis(),
            y: Axis::linear("sqrt(2 y^T H^-1 y / n)"),
            series: vec![
                Series::new("measure", Role::Experiment, 0, points(runs, |o| o.measure)),
                Series::new("ignoring labels", Role::Control, 1, points(control, |o| o.measure)),
            ],
        },
        Panel {
            title: "After training".into(),
            x: axis(),
            y: Axis::linear("test error"),
            series: vec![
                Series::new("infinite width", Role::Theory, 0, points(runs, |o| o.limit_error)),
                Series::new("trained net", Role::Experiment, 0, points(runs, |o| o.test_error)),
            ],
        },
    ]
}

#[cfg(test)]
mod tests;
