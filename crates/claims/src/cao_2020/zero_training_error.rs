//! **cao-2020/zero-training-error.** Over-parameterised deep ReLU nets reach zero training error by (stochastic) gradient descent
//! from Gaussian initialisation, at a linear rate, without leaving the neighbourhood where their tangent kernel rules.
//!
//! *Source.* Zou, Cao, Zhou, Gu 2018; Zou, Gu 2019. *Experiment.* ReLU nets of 2 to 5 layers ([`crate::wide`]), 64 digits in 16
//! whitened dimensions, labels by class (true) or by coins (random), squared loss, full-batch descent at rate `n / lambda_max` of
//! the limit kernel, for the steps in which the limit kernel would leave 1% of the squared error; stochastic descent in batches
//! of 16 at half the rate for four times as many steps.
//!
//! *Predicted.* `||y - f(t)||^2 = sum (1 - eta lambda_i / n)^(2t) (v_i^T y)^2` with the eigenpairs of the empirical kernel *at the
//! start* ([`overparam_ntk::predict::squared`]): once the top directions are fitted (second half of the run) the logarithm of
//! the loss is nearly straight. Movement relative to the weights falls as `m^(-1/2)`.
//!
//! *Tolerances.* no training error in any run; `R^2` of the log-loss over the second half above 0.98; `||y - f(t)||` of
//! the widest net within 30% of the prediction at every step. Movement: slope in the width at most -0.5 + 0.15.
//!
//! *Changed after looking.* The length of a run, 1% of the squared error, was set when the curve's check became one of `||y - f(t)||`
//! at every step, after a first run. Inputs are whitened to 16 dimensions because raw pixels, nearly parallel, left a net of
//! width 512 a factor of two above its limit.
//!
//! *Control.* Widths 1 to 3, below `n / d = 4`, with random labels.

use std::ops::ControlFlow;

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Scale, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_eval::runs::Runs;
use overparam_eval::stats;
use overparam_eval::theory::Theory;
use overparam_tensor::Tensor;
use overparam_tensor::loss;
use overparam_tensor::optim::Minibatches;
use serde::{Deserialize, Serialize};

use crate::summary::distinct;
use crate::wide::{Form, Images, LinearDynamics, Net, Scaling, coins, extreme_eigenvalues, limit_kernel};
use crate::widths::{self, Formed};

/// One training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The data.
    pub images: Images,
    /// The net.
    pub form: Form,
    /// Whether labels are coins.
    pub random_labels: bool,
    /// Examples a step, if not all of them.
    pub batch: Option<usize>,
    /// `n`.
    pub examples: usize,
    /// Index of data and weights.
    pub seed: u64,
}

impl Formed for Cell {
    fn form(&self) -> Form {
        self.form
    }
}

/// How training went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Share of training examples with the wrong sign at the end; 1 if training diverged.
    pub errors: f64,
    /// `max_l ||W_l(T) - W_l(0)||_F / sqrt m`, if it did not.
    pub moved: Option<f64>,
    /// What only full-batch descent has.
    pub curve: Option<Curve>,
}

/// A loss curve against its prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// `R^2` of a line through the logarithm of the loss, second half of the run.
    pub linearity: f64,
    /// The largest `| ||y - f(t)|| / predicted - 1 |` over steps.
    pub deviation: f64,
    /// Squared error as a share of the first, at equally spaced steps.
    pub measured: Vec<f64>,
    /// The prediction at the same steps.
    pub predicted: Vec<f64>,
    /// Steps between two of them.
    pub spacing: f64,
}

const DIMENSION: usize = 16;
const DRAWN: usize = 30;

/// The claim.
pub struct ZeroTrainingError;

impl Claim for ZeroTrainingError {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "cao-2020/zero-training-error",
            statement: "Over-parameterised deep ReLU nets reach zero training error, on random labels too, at a linear rate and \
                        within the neighbourhood of their start where the tangent kernel rules.",
            formula: "|y - f(t)|^2 = sum_i (1 - eta lambda_i / n)^(2t) (v_i^T y)^2,  |W_l(t) - W_l(0)| = O(m^(-1/2)) |W_l(0)|",
            sources: &[
                Source {
                    citation: "Zou, Cao, Zhou, Gu: Stochastic Gradient Descent Optimizes Over-parameterized Deep ReLU Networks \
                               (2018)",
                    place: "theorems 3.8 and 3.10",
                    url: "https://arxiv.org/abs/1811.08888",
                },
                Source {
                    citation: "Zou, Gu: An Improved Analysis of Training Over-parameterized Deep Neural Networks (NeurIPS 2019)",
                    place: "theorems 3.1 and 3.3",
                    url: "https://arxiv.org/abs/1906.04688",
                },
            ],
            prediction: "the loss decays as the empirical kernel at the start says, to zero training error",
            must_hold: "no training error in any run; R^2 of the log-loss > 0.98 over the second half; |y - f(t)| of the widest \
                        within 30% of the predicted at every step; movement falling at least as m^(-0.35)",
            control: "width below n / d, random labels",
            cpu_seconds: [40.0, 200.0, 6000.0],
            size_ratio: [0.01, 0.01, 0.1],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let widths: &[usize] =
            plan.by_scale([&[64, 128, 512][..], &[64, 128, 256, 512], &[128, 512, 2048, 4096]]);
        let depths = if plan.scale == Scale::Smoke { 2..=3 } else { 2..=5 };
        grid(plan, depths, widths, &[false, true])
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let depths = if plan.scale == Scale::Smoke { 2..=3 } else { 2..=5 };
        grid(plan, depths, &[1, 2, 3], &[true])
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let (n, steps) = cell.batch.map_or((cell.examples, 200.0), |b| (b, 1000.0));
        0.02 + steps * (4e-5 + cell.form.flops(n, DIMENSION) / 1.5e10)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let n = cell.examples;
        let (x, classes) = cell.images.draw(n, DIMENSION, &context.shared("data", cell.seed), context)?;
        let y = if cell.random_labels { coins(n, &context.shared("labels", cell.seed)) } else { classes };
        let limit = limit_kernel(cell.form.depth, &x, None).map_err(CellError::new)?;
        let rate = n as f64 / extreme_eigenvalues(&limit)?.0;
        let steps = LinearDynamics::new(&limit, &y, rate)?.steps_to(0.01)?;
        let net = Net::new(cell.form, &x, &context.own("weights"))?;

        let mut losses = Vec::new();
        let mut look = |_: usize, loss: f64, _: &_| {
            losses.push(loss);
            ControlFlow::Continue(())
        };
        let trained = match cell.batch {
            None => net.train(&y, rate, steps, &mut look),
            Some(size) => {
                let batches = Minibatches::new(n, size, context.own("batches"));
                let goal = net.goal(&y);
                let objective = |step: usize, p: &_| {
                    let chosen = batches.at(step);
                    let f = net.network.apply(p, &net.x.gather(0, &chosen));
                    loss::squared(&f, &goal.gather(0, &chosen))
                };
                net.descend(objective, rate / 2.0, 4 * steps, &mut look)
            }
        };
        let Ok(end) = trained else {
            // A narrow net may diverge at the limit's rate: it has fitted nothing.
            return Ok(Outcome { errors: 1.0, moved: None, curve: None });
        };
        let fitted = net.change(&Tensor::from(&x))(&end);
        let errors = fitted.iter().zip(&y).filter(|(f, y)| **f * **y <= 0.0).count() as f64 / n as f64;
        let curve = match cell.batch {
            None => Some(compare(&LinearDynamics::new(&net.kernel(&net.start)?, &y, rate)?, &losses)?),
            Some(_) => None,
        };
        Ok(Outcome { errors, moved: Some(net.movement(&end)), curve })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let worst = |runs: &[&Run<Cell, Outcome>]| runs.iter().map(|r| r.outcome.errors).reduce(f64::max);
        let mut checks = vec![
            Check::new(
                "errors",
                "training errors of descent and stochastic descent, worst run of a seed",
                Bound::AtMost(0.0),
            )
            .predicted("0")
            .because("every run of a seed must fit all of its labels")
            .control_fails()
            .draws(runs.draws(worst)),
        ];
        let widest = runs.cells().map(|cell| cell.form.width).max();
        for depth in runs.distinct(|cell| cell.form.depth) {
            let full = runs.only(|cell| cell.form.depth == depth && cell.batch.is_none());
            let linearity = |runs: &[&Run<Cell, Outcome>]| {
                let all: Option<Vec<f64>> = runs.iter().map(|r| Some(r.outcome.curve.as_ref()?.linearity)).collect();
                all?.into_iter().reduce(f64::min)
            };
            let deviation = |runs: &[&Run<Cell, Outcome>]| {
                let all: Option<Vec<f64>> = runs.iter().map(|r| Some(r.outcome.curve.as_ref()?.deviation)).collect();
                all?.into_iter().reduce(f64::max)
            };
            checks.push(
                Check::new(
                    format!("linearity-{depth}"),
                    format!("{depth} layers: R^2 of the log-loss over the second half of the run, worst width"),
                    Bound::AtLeast(0.98),
                )
                .predicted("1")
                .because("a linear rate")
                .rival("no trend", 0.0)
                .draws(full.draws(linearity)),
            );
            checks.push(
                Check::new(
                    format!("curve-{depth}"),
                    format!(
                        "{depth} layers: |y - f(t)| of the widest net against the kernel at its start, largest deviation, \
                         worse of the two labellings"
                    ),
                    Bound::AtMost(0.3),
                )
                .predicted("0")
                .because("movement and drift are of order m^(-1/2)")
                .rival("the squared error decays at half the rate", 9.0)
                .draws(full.only(|cell| Some(cell.form.width) == widest).draws(deviation)),
            );
            checks.push(
                Check::new(
                    format!("movement-{depth}"),
                    format!("{depth} layers: movement of the weights on random labels, slope in m"),
                    Bound::AtMost(-0.35),
                )
                .predicted("-1/2")
                .because("-1/2 + 0.15: the neighbourhood shrinks relative to the weights")
                .rival("weights move by a share that does not depend on the width", 0.0)
                .draws(widths::slopes(&full.only(|cell| cell.random_labels), depth, |o| o.moved)),
            );
        }
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let plain = |runs: &[Run<Cell, Outcome>]| -> Vec<Run<Cell, Outcome>> {
            runs.iter().filter(|r| r.cell.batch.is_none() && r.cell.random_labels).cloned().collect()
        };
        let widest = runs.iter().map(|r| r.cell.form.width).max();
        let mut curves = Vec::new();
        for (colour, depth) in distinct(runs, |r| r.cell.form.depth).into_iter().enumerate() {
            let first = runs.iter().find(|r| {
                let form = r.cell.form;
                r.cell.random_labels
                    && r.cell.batch.is_none()
                    && form.depth == depth
                    && Some(form.width) == widest
            });
            let Some(curve) = first.and_then(|r| r.outcome.curve.as_ref()) else { continue };
            let points = |values: &[f64]| {
                values.iter().enumerate().map(|(i, &v)| Point::new(i as f64 * curve.spacing, v)).collect()
            };
            let predicted = format!("{depth} layers: kernel at the start");
            curves.push(Series::new(predicted, Role::Theory, colour, points(&curve.predicted)));
            curves.push(Series::new(
                format!("{depth} layers"),
                Role::Experiment,
                colour,
                points(&curve.measured),
            ));
        }
        vec![Figure {
            name: "zero-training-error".into(),
            title: "Random labels fitted at the kernel's rate".into(),
            caption: "Left: squared error of the widest net over steps, first seed, random labels; lines: predicted from the \
                      empirical kernel at the start. Right: how far weights move, medians over seeds with their intervals; hollow: fewer \
                      neurons than n / d."
                .into(),
            panels: vec![
                Panel {
                    title: "Squared error".into(),
                    x: Axis::linear("steps of full-batch descent"),
                    y: Axis::log("share of the first"),
                    series: curves,
                },
                widths::panel(
                    "Movement of the weights",
                    "largest |W(T) - W(0)| / sqrt(m)",
                    widths::by_depth(&plain(runs), &plain(control), |o| o.moved, Some(-0.5)),
                ),
            ],
        }]
    }
}

/// Compares the squared error with the prediction.
fn compare(linear: &LinearDynamics, losses: &[f64]) -> Result<Curve, CellError> {
    let predicted: Result<Vec<f64>, CellError> = (0..losses.len()).map(|step| linear.left(step)).collect();
    let predicted = predicted?;
    let measured: Vec<f64> = losses.iter().map(|loss| loss / losses[0]).collect();
    let relative = |(m, p): (&f64, &f64)| ((m / p).sqrt() - 1.0).abs();
    let deviation = measured.iter().zip(&predicted).map(relative).fold(0.0, f64::max);
    let half: Vec<f64> = (losses.len() / 2..losses.len()).map(|step| step as f64).collect();
    let logs: Vec<f64> = measured[losses.len() / 2..].iter().map(|m| m.ln()).collect();
    let line = stats::least_squares(&half, &logs, 0.95).map_err(CellError::new)?;
    let spacing = (losses.len() - 1) as f64 / (DRAWN - 1) as f64;
    let thin = |values: &[f64]| (0..DRAWN).map(|i| values[(i as f64 * spacing).round() as usize]).collect();
    Ok(Curve {
        linearity: line.r_squared.unwrap_or(0.0),
        deviation,
        measured: thin(&measured),
        predicted: thin(&predicted),
        spacing,
    })
}

fn grid(
    plan: &Plan<'_>,
    depths: std::ops::RangeInclusive<usize>,
    widths: &[usize],
    labels: &[bool],
) -> Vec<Cell> {
    let images = Images::of(plan);
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        for depth in depths.clone() {
            for &random_labels in labels {
                let mut add = |width, batch| {
                    let form = Form { depth, width, scaling: Scaling::Ntk };
                    cells.push(Cell {
                        images: images.clone(),
                        form,
                        random_labels,
                        batch,
                        examples: 64,
                        seed,
                    });
                };
                widths.iter().for_each(|&width| add(width, None));
                // Stochastic descent is about errors only; one width in the middle is enough.
                add(widths[widths.len() / 2], Some(16));
            }
        }
    }
    cells
}
