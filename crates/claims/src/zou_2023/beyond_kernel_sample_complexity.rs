//! **zou-2023/beyond-kernel-sample-complexity.** Feature learning beats every kernel: examples in proportion to `d` instead of `d^k`.
//!
//! *Source.* Ghorbani, Mei, Misiakiewicz, Montanari 2020 (a rotation-invariant kernel learns degree `k` at `n ~ d^k`); Ben
//! Arous, Gheissari, Jagannath 2021 (information exponent 2: `n ~ d`, up to logarithms); Li, Ma, Zhang 2018 (square responses
//! from a small start). *Experiment.* Degree `k = 2`, targets of variance 1: `He_2` of one direction of `N(0, I)` inputs, and the
//! XOR of two coordinates of `{-1, 1}^d`. `n*(d)` is the least `n` on the grid `d 2^(j/4)` at which the error on fresh examples
//! is at most 0.1. The *net* has square responses ([`overparam_feature_flow::quadratic`]), 2 d directions, momentum, and stops
//! by 200 validation examples; its error is the median of three draws. The *kernel* gets every chance: ridge regression with
//! the same examples with the better of two kernels, the net's own tangent kernel `<x, y>^2 / d + 1` (all of degree 2 and
//! nothing else) and that of a two-layer ReLU net with biases, each with the best of ten ridges, chosen by validation.
//!
//! *The search* is a bisection in `j` from `n = d` to twice the number of products of two coordinates. Examples are nested, the
//! first `n` of one draw, so that the error nearly falls with `n`; where it does not, the grid's step of 19% bounds what the
//! bisection can miss by one position.
//!
//! *Predicted.* Without noise, least squares on `D = d (d + 1) / 2` features leaves `1 - n / D` of a generic target, so the
//! kernel needs `0.9 D`, of exponent 2; the net `O(d)`.
//!
//! *Tolerances.* Exponents within 0.4 of 2 (kernel; the rivals are 1 and 3) and below 1.6 (net); their difference, draw by draw,
//! above 0.
//!
//! *Control.* An isotropic target of the same degree, `x^T A x` with `A` symmetric Gaussian, on either kind of inputs: `D`
//! numbers to learn, for anything that learns.

use nalgebra::DMatrix;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::kernel_ridge::best_ridge;
use overparam_feature_flow::quadratic::{QuadraticNet, Target, Training, tangent_kernel};
use overparam_ntk::architecture::{Architecture, dense, relu};
use overparam_ntk::{Inputs, Kernel};
use overparam_tensor::random::Stream;
use serde::{Deserialize, Serialize};

use crate::summary::{distinct, exponent};

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learner {
    /// Kernel ridge regression with the best kernel and ridge.
    Kernel,
    /// The trained net.
    Net,
}

const LEARNERS: [(Learner, &str); 2] = [(Learner::Kernel, "kernel"), (Learner::Net, "trained net")];

/// The targets of the experiment, each with the control's.
const TARGETS: [(Target, Target, &str); 2] = [
    (Target::SingleIndex, Target::IsotropicGaussian, "one direction"),
    (Target::Parity, Target::IsotropicCube, "XOR"),
];

/// One search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What is learned.
    pub target: Target,
    /// What learns.
    pub learner: Learner,
    /// `d`.
    pub dimension: usize,
    /// Index of data and starts.
    pub seed: u64,
}

/// What the search saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `n*`, or nothing if the largest `n` was not enough.
    pub examples: Option<usize>,
    /// Every `n` tried with its test error, ascending in `n`.
    pub tried: Vec<(usize, f64)>,
}

const GOAL: f64 = 0.1;
const VALIDATION: usize = 200;
const TEST: usize = 1000;

/// The claim.
pub struct BeyondKernelSampleComplexity;

impl Claim for BeyondKernelSampleComplexity {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "zou-2023/beyond-kernel-sample-complexity",
            statement: "Feature learning beats every kernel: a target of degree two in few directions takes a kernel d^2 \
                        examples and a trained net about d.",
            formula: "n*(d) = min {n : E (f_n - f)^2 <= 0.1 E f^2},  kernel: 0.9 d (d + 1) / 2,  net: O(d)",
            sources: &[
                Source {
                    citation: "Ghorbani, Mei, Misiakiewicz, Montanari: When Do Neural Networks Outperform Kernel Methods? \
                               (NeurIPS 2020)",
                    place: "theorems 1 and 2",
                    url: "https://arxiv.org/abs/2006.13409",
                },
                Source {
                    citation: "Ben Arous, Gheissari, Jagannath: Online Stochastic Gradient Descent on Non-convex Losses from \
                               High-dimensional Inference (JMLR 2021)",
                    place: "theorem 1.3, information exponent 2",
                    url: "https://arxiv.org/abs/2003.10409",
                },
            ],
            prediction: "log-log slope of n* in d: 2 for the kernel, about 1 for the net",
            must_hold: "kernel within 0.4 of 2, net below 1.6, their difference at least 0.1; for one direction and for XOR",
            control: "an isotropic target of the same degree",
            cpu_seconds: [20.0, 360.0, 8000.0],
            size_ratio: [0.2, 0.4, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, TARGETS.map(|t| t.0))
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, TARGETS.map(|t| t.1))
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let d = cell.dimension as f64;
        match cell.learner {
            Learner::Kernel => 1e-9 * d.powi(6) + 1e-2,
            Learner::Net => 1e-5 * d.powi(3) + 1e-2,
        }
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let stream = context.shared("draw", cell.seed).indexed(cell.dimension as u64);
        let error = |n: usize| match cell.learner {
            Learner::Kernel => kernel_error(cell, n, &stream.indexed(0)),
            Learner::Net => {
                let draws = (0..3).map(|draw| net_error(cell, n, &stream.indexed(draw)));
                let mut errors = draws.collect::<Result<Vec<f64>, CellError>>()?;
                errors.sort_by(f64::total_cmp);
                Ok(errors[1])
            }
        };
        search(cell.dimension, error)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let degree = theory.constant("degree", 2.0);
        let mut checks = Vec::new();
        for (target, control, name) in TARGETS {
            let runs = runs.only(|cell| [target, control].contains(&cell.target));
            let of = |learner: Learner| runs.only(|cell| cell.learner == learner).draws(exponent_in_d);
            let difference = runs.draws(|runs| {
                let of = |learner: Learner| {
                    let runs: Vec<_> = runs.iter().copied().filter(|r| r.cell.learner == learner).collect();
                    exponent_in_d(&runs)
                };
                Some(of(Learner::Kernel)? - of(Learner::Net)?)
            });
            let key = name.replace(' ', "-");
            checks.extend([
                Check::new(
                    format!("kernel-{key}"),
                    format!("{name}: exponent of the kernel's n* in d"),
                    Bound::Within { target: degree, tolerance: 0.4 },
                )
                .predicted("2")
                .because("as many examples as products of two coordinates")
                .rival("degree 1", 1.0)
                .rival("degree 3", 3.0)
                .draws(of(Learner::Kernel)),
                Check::new(
                    format!("net-{key}"),
                    format!("{name}: exponent of the trained net's n* in d"),
                    Bound::AtMost(1.6),
                )
                .predicted("about 1")
                .because("d up to logarithms, which small dimensions feel")
                .rival("a kernel", 2.0)
                .control_fails()
                .draws(of(Learner::Net)),
                Check::new(
                    format!("difference-{key}"),
                    format!("{name}: kernel's exponent less the net's"),
                    Bound::AtLeast(0.1),
                )
                .predicted("1")
                .because("the net needs a smaller power of d, on the same examples")
                .rival("features gain nothing", 0.0)
                .draws(difference),
            ]);
        }
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let panels = TARGETS.iter().map(|&(target, isotropic, name)| {
            let d = distinct(runs, |r| r.cell.dimension);
            let line = |label: &str, colour, y: &dyn Fn(f64) -> f64| {
                let points = d.iter().map(|&d| Point::new(d as f64, y(d as f64)));
                Series::new(label, Role::Theory, colour, points.collect())
            };
            // On the cube squares are constant: d fewer products, one constant.
            let products =
                |d: f64| if target == Target::Parity { d * (d - 1.0) / 2.0 } else { d * (d + 1.0) / 2.0 };
            let net = points(runs, target, Learner::Net);
            let mut series = vec![line("0.9 D", 0, &|d| 0.9 * products(d))];
            if let Some(first) = net.first().copied() {
                series.push(line("proportional to d", 1, &|d| first.y * d / first.x));
            }
            for (k, (learner, label)) in LEARNERS.into_iter().enumerate() {
                series.push(Series::new(label, Role::Experiment, k, points(runs, target, learner)));
                let label = format!("{label}, isotropic target");
                series.push(Series::new(label, Role::Control, k, points(control, isotropic, learner)));
            }
            Panel { title: name.into(), x: Axis::log("dimension d"), y: Axis::log("n*, examples"), series }
        });
        vec![Figure {
            name: "beyond-kernel-sample-complexity".into(),
            title: "Examples that degree two takes".into(),
            caption: "Least number of examples to a test error of 0.1 of the target's variance: medians over seeds with their intervals. \
                      Lines: 0.9 times the number D of products of two coordinates, and a multiple of d through the net's \
                      first point. Hollow: isotropic targets."
                .into(),
            panels: panels.collect(),
        }]
    }
}

fn grid(plan: &Plan<'_>, targets: [Target; 2]) -> Vec<Cell> {
    let dimensions: &[usize] =
        plan.by_scale([&[8, 12, 16, 24][..], &[8, 12, 16, 24, 32, 40], &[8, 16, 24, 32, 48, 64, 96]]);
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        for target in targets {
            for (learner, _) in LEARNERS {
                cells.extend(dimensions.iter().map(|&dimension| Cell { target, learner, dimension, seed }));
            }
        }
    }
    cells
}

/// Bisection for the least `n` on the grid with an error of at most [`GOAL`].
fn search(d: usize, error: impl Fn(usize) -> Result<f64, CellError>) -> Result<Outcome, CellError> {
    let at = |j: i32| (d as f64 * 2f64.powf(f64::from(j) / 4.0)).round() as usize;
    // at(last) is at least twice d (d + 1) / 2.
    let (mut enough, last) = (None, (4.0 * (d as f64 + 1.0).log2()).ceil() as i32);
    let mut tried = Vec::new();
    let (mut low, mut high) = (0, last + 1);
    while low < high {
        let middle = i32::midpoint(low, high);
        let found = error(at(middle))?;
        tried.push((at(middle), found));
        if found <= GOAL {
            (enough, high) = (Some(at(middle)), middle);
        } else {
            low = middle + 1;
        }
    }
    tried.sort_by_key(|t| t.0);
    Ok(Outcome { examples: enough, tried })
}

/// Inputs and targets: training, validation, test.
fn examples(cell: &Cell, n: usize, stream: &Stream) -> [(DMatrix<f64>, DMatrix<f64>); 3] {
    let target = stream.named("target");
    [("train", n), ("validation", VALIDATION), ("test", TEST)]
        .map(|(name, count)| cell.target.draw((count, cell.dimension), &target, &stream.named(name)))
}

fn net_error(cell: &Cell, n: usize, stream: &Stream) -> Result<f64, CellError> {
    let [train, validation, test] = examples(cell, n, stream);
    let training = Training { directions: 2 * cell.dimension, start: 1e-3, learning_rate: 0.01, steps: 600 };
    let [train, validation] = [&train, &validation].map(|(x, y)| (x, y));
    let net = QuadraticNet::train(train, validation, &training, &stream.named("start"));
    Ok(net.map_err(CellError::new)?.error(&test.0, &test.1))
}

fn kernel_error(cell: &Cell, n: usize, stream: &Stream) -> Result<f64, CellError> {
    let [(x, y), validation, test] = examples(cell, n, stream);
    let fresh = DMatrix::from_rows(&validation.0.row_iter().chain(test.0.row_iter()).collect::<Vec<_>>());
    let net = Architecture::new([dense(1).w_std(1.0).b_std(0.5).into(), relu(), dense(1).into()]);
    let inputs = [&x, &fresh].map(|x| Inputs::from(x.clone()));
    let kernel = Kernel::new(&net, inputs[0].shape()).map_err(CellError::new)?;
    let relu = (
        kernel.ntk(&inputs[0], None).map_err(CellError::new)?,
        kernel.ntk(&inputs[1], Some(&inputs[0])).map_err(CellError::new)?,
    );
    let mut best = (f64::INFINITY, f64::NAN);
    for (own, other) in [relu, (tangent_kernel(&x, &x), tangent_kernel(&fresh, &x))] {
        let on_validation = other.rows(0, VALIDATION).into_owned();
        let predicted =
            best_ridge((&own, &y), (&on_validation, &validation.1), &other).map_err(CellError::new)?;
        let error = |from: usize, targets: &DMatrix<f64>| {
            (predicted.rows(from, targets.nrows()) - targets).norm_squared() / targets.nrows() as f64
        };
        let validated = error(0, &validation.1);
        if validated < best.0 {
            best = (validated, error(VALIDATION, &test.1));
        }
    }
    Ok(best.1)
}

/// The exponent of `n*` in `d` of one seed's searches; nothing where one did not end.
fn exponent_in_d(runs: &[&Run<Cell, Outcome>]) -> Option<f64> {
    let points = runs.iter().map(|r| Some((r.cell.dimension as f64, r.outcome.examples? as f64)));
    exponent(&points.collect::<Option<Vec<_>>>()?)
}

fn points(runs: &[Run<Cell, Outcome>], target: Target, learner: Learner) -> Vec<Point> {
    let of = |d: usize| {
        let runs = runs
            .iter()
            .filter(|r| r.cell.dimension == d && r.cell.target == target && r.cell.learner == learner);
        let found: Vec<f64> = runs.filter_map(|r| r.outcome.examples).map(|n| n as f64).collect();
        median_point(d as f64, &found)
    };
    distinct(runs, |r| r.cell.dimension).into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::search;

    #[test]
    fn the_search_finds_the_least_position_that_is_enough() {
        for least in [8, 13, 40, 60] {
            let outcome = search(8, |n| Ok(if n >= least { 0.05 } else { 0.5 })).unwrap();
            let found = outcome.examples.unwrap();
            assert!(found >= least && (found as f64) < 1.25 * least as f64, "{least}: {found}");
            assert!(outcome.tried.is_sorted() && outcome.tried.len() <= 5);
        }
        assert_eq!(search(8, |_| Ok(1.0)).unwrap().examples, None);
    }
}
