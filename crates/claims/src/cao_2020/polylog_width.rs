//! **cao-2020/polylog-width.** If the tangent kernel's random-feature class separates the data with a margin, a width
//! polylogarithmic in the number `n` of examples and in `1 / epsilon` is enough to reach training loss `epsilon`.
//!
//! *Source.* Chen, Cao, Zou, Gu 2021, theorems 3.3 to 3.5. *Experiment.* Two-layer ReLU nets ([`crate::wide`]), logistic loss,
//! full-batch descent. Inputs uniform on the sphere in 5 dimensions, those with `|f*(x)| < 1` left out, labels `sign f*(x)`,
//! `f*(x) = 5 x_1 x_2` (unit vectors): not linear, but in the kernel's class with a margin that does not depend on `n`.
//!
//! *Margin and budget: theory.* `f*` is a harmonic of degree 2, so its norm in the kernel's space is `sqrt(E f*^2 / mu_2)`, `E f*^2 =
//! 5/7`, `mu_2` by the Funk-Hecke formula; the margin of the unit ball is `gamma = 1 / norm`. Descent at rate `eta = 4 n / lambda_max`
//! (one over the smoothness of the logistic loss) on the linearised problem satisfies `L(T) <= L(u) + |u|^2 / (2 eta T)` for every
//! `u`; with `|u| = ln(2 / epsilon) / gamma` and `L(u) <= epsilon / 2` this gives loss `epsilon` after
//! `T = ln(2 / epsilon)^2 / (gamma^2 eta epsilon)` steps: the theorem's `O(R^2 / epsilon)` with its constant. That is the budget,
//! from kernel and target alone, no width in it.
//!
//! *Search.* `m*` is the least width of the ladder 1, 2, 3, 4, 6, 8, 12, ... (ratios at most 3/2 beyond 2) at which at least half of the draws (of
//! data and weights, 9 at `standard`) reach `epsilon` within `T`; a run that diverges has not. It is found by bisection between the
//! ladder's ends, which supposes that success does not get rarer with the width. One cell is one search, a pure function of
//! `(labels, n, epsilon, draws, seed)`, and is cached as such; every width tried is in its outcome. A search that fails at the
//! ladder's top reports the top (`capped`). Exponents are fitted seed by seed over `n` (at one `epsilon`) and over `1 / epsilon` (at
//! one `n`), and carry the range over seeds; one rung of the ladder over the range of `n` is an exponent of 0.1.
//!
//! *Changed after looking, `smoke` alone.* With losses from 0.2 to 0.02 and random labels on 8 to 32 examples the intervals decided
//! nothing: over so short a range one rung of the ladder is an exponent of 0.18. Now losses reach 0.01 and random labels 64 examples.
//!
//! *Tolerances.* upper end of both exponents at most 0.25. *Control.* Random labels on the same inputs. They too are
//! separated, but by a function of norm `sqrt(y^T K^-1 y)`, which grows with `n`; the budget takes that for `1 / gamma`.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::table::{Table, number};
use overparam_eval::theory::Theory;
use overparam_ntk::theory::complexity;
use overparam_ntk::theory::sphere::spectrum;
use overparam_tensor::Tensor;
use overparam_tensor::loss;
use overparam_tensor::random::Stream;
use serde::{Deserialize, Serialize};

use crate::summary::{distinct, exponent};
use crate::wide::{Form, Net, Scaling, coins, extreme_eigenvalues, limit_kernel, sphere};

/// One search for the least width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Whether labels are coins.
    pub random_labels: bool,
    /// `n`.
    pub examples: usize,
    /// Training loss to reach.
    pub epsilon: f64,
    /// Draws of data and weights at each width.
    pub draws: u64,
    /// Index of the search.
    pub seed: u64,
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `m*`.
    pub width: usize,
    /// Whether even the ladder's top failed.
    pub capped: bool,
    /// The widths tried, in order, with the number of draws that reached the target.
    pub tried: Vec<(usize, u64)>,
    /// `T`, median over the draws.
    pub budget: f64,
}

const DIMENSION: usize = 5;
/// Least `|f*|` of an example.
const CUT: f64 = 1.0;
/// Widths up to 1,024.
const LADDER: [usize; 20] =
    [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];

/// The claim.
pub struct PolylogWidth;

impl Claim for PolylogWidth {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "cao-2020/polylog-width",
            statement: "On data that the tangent kernel's class separates with a margin, the width that training needs grows no \
                        faster than polylogarithmically in the number of examples and in one over the loss.",
            formula: "m*(n, epsilon) = polylog(n, 1/epsilon),  T = ln(2/epsilon)^2 / (gamma^2 eta epsilon)",
            sources: &[Source {
                citation: "Chen, Cao, Zou, Gu: How Much Over-parameterization Is Sufficient to Learn Deep ReLU Networks? (ICLR 2021)",
                place: "theorems 3.3 to 3.5, assumption 3.1",
                url: "https://arxiv.org/abs/1911.12360",
            }],
            prediction: "exponents of m* in n and in 1/epsilon near 0; the bounds before had 6 and more",
            must_hold: "upper end of both exponents at most 0.25",
            control: "random labels on the same inputs, where the exponent in n is above 0.5",
            cpu_seconds: [30.0, 200.0, 6000.0],
            size_ratio: [0.1, 0.1, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let most = plan.by_scale([256, 1024, 8192]);
        let epsilons: &[f64] =
            plan.by_scale([&[0.05, 0.01][..], &[0.1, 0.05, 0.02, 0.01], &[0.1, 0.03, 0.01, 0.003, 0.001]]);
        grid(plan, |draws, seed| {
            let cell = |examples, epsilon| Cell { random_labels: false, examples, epsilon, draws, seed };
            let sizes = (4..).step_by(2).map(|k| 1 << k).take_while(|&n| n <= most);
            let by_n = sizes.map(|n| cell(n, EPSILON));
            by_n.chain(epsilons.iter().map(|&epsilon| cell(EXAMPLES, epsilon))).collect()
        })
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let sizes: &[usize] = plan.by_scale([&[8, 32, 64][..], &[8, 16, 32, 64], &[16, 32, 64, 128]]);
        grid(plan, |draws, seed| {
            let cell =
                |&examples: &usize| Cell { random_labels: true, examples, epsilon: EPSILON, draws, seed };
            sizes.iter().map(cell).collect()
        })
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let steps = if cell.random_labels { 10.0 * cell.examples as f64 } else { 15.0 / cell.epsilon };
        let width = if cell.random_labels { cell.examples } else { 8 };
        let form = Form { depth: 2, width, scaling: Scaling::Ntk };
        (5 * cell.draws) as f64 * steps * (4e-5 + form.flops(cell.examples, DIMENSION) / 1e10)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let problems: Result<Vec<Problem>, CellError> =
            (0..cell.draws).map(|draw| problem(cell, &context.own("data").indexed(draw))).collect();
        let problems = problems?;
        let mut tried = Vec::new();
        let mut enough = |width: usize| -> Result<bool, CellError> {
            let mut reached = 0;
            for (draw, problem) in (0..).zip(&problems) {
                // Decided already, either way.
                if 2 * reached >= cell.draws || 2 * (reached + cell.draws - draw) < cell.draws {
                    break;
                }
                reached +=
                    u64::from(problem.reached(width, cell.epsilon, &context.own("weights").indexed(draw))?);
            }
            tried.push((width, reached));
            Ok(2 * reached >= cell.draws)
        };
        // Everything below `low` fails, `high` succeeds if it is on the ladder.
        let (mut low, mut high) = (0, LADDER.len());
        while low < high {
            let middle = low.midpoint(high);
            if enough(LADDER[middle])? { high = middle } else { low = middle + 1 }
        }
        let mut budgets: Vec<f64> = problems.iter().map(|p| p.steps as f64).collect();
        budgets.sort_by(f64::total_cmp);
        let (capped, top) = (high == LADDER.len(), LADDER.len() - 1);
        Ok(Outcome { width: LADDER[high.min(top)], capped, tried, budget: budgets[budgets.len() / 2] })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let check = |id: &str, quantity: &str, (within, abscissa): Sweep| {
            let point = |r: &&Run<Cell, Outcome>| (abscissa(&r.cell), r.outcome.width as f64);
            Check::new(id, quantity, Bound::AtMost(0.25))
                .predicted("0")
                .because("the bounds before were powers of 6 and more")
                .rival("as wide as there are examples, or as one over the loss", 1.0)
                .draws(runs.only(within).draws(|runs| exponent(&runs.iter().map(point).collect::<Vec<_>>())))
        };
        vec![
            check("examples", "exponent of m* in n", BY_N).control_fails(),
            check("loss", "exponent of m* in 1 / epsilon", BY_EPSILON),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let panel = |title: &str, label: &str, (within, abscissa): Sweep| {
            let series = |runs: &[Run<Cell, Outcome>], name: &str, role, colour| {
                let points: Vec<(f64, f64)> = runs
                    .iter()
                    .filter(|r| within(&r.cell))
                    .map(|r| (abscissa(&r.cell), r.outcome.width as f64))
                    .collect();
                let at = |x: &u64| {
                    let x = f64::from_bits(*x);
                    median_point(x, &points.iter().filter(|p| p.0 == x).map(|p| p.1).collect::<Vec<_>>())
                };
                let xs = distinct(&points, |p| p.0.to_bits());
                Series::new(name, role, colour, xs.iter().filter_map(at).collect())
            };
            let (margin, random) = (
                series(runs, "with a margin", Role::Experiment, 0),
                series(control, "random labels", Role::Control, 1),
            );
            let mut all = Vec::new();
            if let (Some(first), Some(last)) = (margin.points.first(), margin.points.last()) {
                let bound = |x: f64| Point::new(x, first.y * (x / first.x).powf(0.25));
                all.push(Series::new(
                    "exponent 1/4, the bound",
                    Role::Theory,
                    0,
                    vec![bound(first.x), bound(last.x)],
                ));
            }
            all.push(margin);
            if !random.points.is_empty() {
                all.push(random);
            }
            Panel { title: title.into(), x: Axis::log(label), y: Axis::log("least width m*"), series: all }
        };
        vec![Figure {
            name: "polylog-width".into(),
            title: "The width that training needs".into(),
            caption: format!(
                "Least width at which half of the draws reach training loss epsilon within the theorem's budget of steps, medians \
                 over seeds with their intervals. Left: epsilon = {EPSILON}. Right: n = {EXAMPLES}. Hollow: random labels."
            ),
            panels: vec![
                panel("In the number of examples", "n", BY_N),
                panel("In the training loss", "1 / epsilon", BY_EPSILON),
            ],
        }]
    }

    fn tables(&self, runs: &[Run<Cell, Outcome>]) -> Vec<Table> {
        let keys = distinct(runs, |r| (r.cell.examples, (1.0 / r.cell.epsilon).round() as u64));
        let row = |&(examples, inverse): &(usize, u64)| {
            let chosen = || {
                let here = |r: &&Run<Cell, Outcome>| {
                    r.cell.examples == examples && (1.0 / r.cell.epsilon).round() as u64 == inverse
                };
                runs.iter().filter(here).map(|r| &r.outcome)
            };
            let m = median_point(0.0, &chosen().map(|o| o.width as f64).collect::<Vec<_>>())?;
            let budget = median_point(0.0, &chosen().map(|o| o.budget).collect::<Vec<_>>())?;
            Some(vec![
                examples.to_string(),
                number(1.0 / inverse as f64),
                number(m.y),
                format!("{} to {}", number(m.low), number(m.high)),
                number(budget.y.round()),
            ])
        };
        vec![Table {
            caption: "Least width and budget of steps: medians over seeds, with the interval of the first.".into(),
            head: ["n", "epsilon", "m*", "interval of m*", "steps"].map(String::from).into(),
            rows: keys.iter().filter_map(row).collect(),
        }]
    }
}

/// Loss of the sweep over `n`.
const EPSILON: f64 = 0.2;
/// Examples of the sweep over losses.
const EXAMPLES: usize = 64;

/// Which cells a sweep takes, and what it varies.
type Sweep = (fn(&Cell) -> bool, fn(&Cell) -> f64);

const BY_N: Sweep = (|c| c.epsilon == EPSILON, |c| c.examples as f64);
const BY_EPSILON: Sweep = (|c| c.examples == EXAMPLES, |c| 1.0 / c.epsilon);

/// Data, rate and budget of one draw.
struct Problem {
    x: DMatrix<f64>,
    y: Vec<f64>,
    rate: f64,
    steps: usize,
}

impl Problem {
    /// Whether a net of this width reaches the loss within the budget.
    fn reached(&self, width: usize, epsilon: f64, weights: &Stream) -> Result<bool, CellError> {
        let form = Form { depth: 2, width, scaling: Scaling::Ntk };
        let net = Net::new(form, &self.x, weights)?;
        let signs = Tensor::from_vec(&[self.y.len(), 1], self.y.clone());
        let origin = net.goal(&vec![0.0; self.y.len()]);
        let objective = |_: usize, p: &_| loss::logistic(&(net.network.apply(p, &net.x) - &origin), &signs);
        let mut reached = false;
        let trained = net.descend(objective, self.rate, self.steps, |_, loss, _| {
            reached = loss <= epsilon;
            if reached { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        // A narrow net may diverge at the limit's rate: that is a failure of the width, not of the run.
        Ok(trained.is_ok() && reached)
    }
}

fn problem(cell: &Cell, stream: &Stream) -> Result<Problem, CellError> {
    let mut kept = Vec::with_capacity(cell.examples);
    for batch in 0.. {
        let fresh = sphere(4 * cell.examples, DIMENSION, &stream.named("inputs").indexed(batch));
        kept.extend(
            fresh.row_iter().filter(|row| teacher(row[0], row[1]).abs() >= CUT).map(|row| row.into_owned()),
        );
        if kept.len() >= cell.examples {
            break;
        }
    }
    kept.truncate(cell.examples);
    let x = DMatrix::from_rows(&kept);
    let n = cell.examples;
    let kernel = limit_kernel(2, &x, None).map_err(CellError::new)?;
    let rate = 4.0 * n as f64 / extreme_eigenvalues(&kernel)?.0;
    let (y, norm_squared) = if cell.random_labels {
        let y = coins(n, &stream.named("labels"));
        // complexity is sqrt(2 y^T K^-1 y / n).
        let measure = complexity(&kernel, &DMatrix::from_column_slice(n, 1, &y)).map_err(CellError::new)?;
        (y, measure.powi(2) * n as f64 / 2.0)
    } else {
        let y = x.row_iter().map(|row| teacher(row[0], row[1]).signum()).collect();
        (y, teacher_norm_squared()? / (CUT * CUT))
    };
    let steps = (2.0 / cell.epsilon).ln().powi(2) * norm_squared / (rate * cell.epsilon);
    Ok(Problem { x, y, rate, steps: steps.ceil() as usize })
}

/// `d x_1 x_2 / |x|^2` for `|x|^2 = d`.
fn teacher(first: f64, second: f64) -> f64 {
    first * second
}

/// `E f*^2 / mu_2 = d / (d + 2) / mu_2`.
fn teacher_norm_squared() -> Result<f64, CellError> {
    let kernel = |t: f64| {
        let angle = t.clamp(-1.0, 1.0).acos();
        (2.0 * t * (std::f64::consts::PI - angle) + angle.sin()) / std::f64::consts::PI
    };
    let spectrum = spectrum(kernel, DIMENSION, 2).map_err(CellError::new)?;
    let d = DIMENSION as f64;
    Ok(d / (d + 2.0) / spectrum[2].eigenvalue)
}

fn grid(plan: &Plan<'_>, of_seed: impl Fn(u64, u64) -> Vec<Cell>) -> Vec<Cell> {
    let draws = plan.by_scale([5, 9, 15]);
    plan.seeds().flat_map(|seed| of_seed(draws, seed)).collect()
}

#[cfg(test)]
mod tests {
    use super::teacher_norm_squared;

    /// 5/7 over 1/32, the eigenvalue by an independent quadrature.
    #[test]
    fn the_teacher_has_its_norm() {
        assert!((teacher_norm_squared().unwrap() / (5.0 / 7.0 * 32.0) - 1.0).abs() < 1e-6);
    }
}
