//! **cao-2020/learnable-functions.** What wide nets learn with little test error is what their tangent kernel's random-feature class
//! holds: low degrees first, at the rate of the kernel's eigenvalues, and nothing where these are zero.
//!
//! *Source.* Cao, Gu 2019, corollary 3.10; Cao, Fang, Wu, Zhou, Gu 2019, theorem 4.2. *Experiment.* Two-layer ReLU nets without
//! biases ([`crate::wide`]) on the sphere in 3 dimensions, squared loss, full-batch descent at rate 1. (1) *Decay*: inputs on a
//! Fibonacci lattice, turned at random for every seed, which integrates low harmonics almost exactly, as the population of
//! the theorem does; target `c sum over k = 1..4 of sqrt(2k + 1) P_k(z) / 2`, `z` the first coordinate, `c = 1/4`; the residual's components on
//! the four harmonics are followed until that of degree 4 has fallen to 1/5. (2) *Test*: 40 independent inputs, targets of one
//! degree, 600 steps (200 at `smoke`), test error on 1,000 fresh inputs in units of the target's energy.
//!
//! *Predicted.* Component `k` decays as `(1 - eta mu_k)^t`, `mu_k` the eigenvalue of `t k_0 + k_1` on harmonics of degree `k`, by the
//! Funk-Hecke formula ([`overparam_ntk::theory::sphere`]): 1/3, 0.0781, 0, 0.00521 for `k` = 1 to 4. Three dimensions instead of the
//! paper's ten so that degree 4 is learned in hundreds of steps, not tens of thousands.
//!
//! *Size of the target.* The rates are those of a fixed kernel; the kernel of a net of width `m` drifts with `R / sqrt m`, `R^2 = y^T
//! K^-1 y`, here `52 c^2` and nearly all degree 4's. A first run with `c = 1`, width 1,024, had degree 4 at 0.72 of the predicted rate; an
//! independent simulation (NumPy) traced that to the drift: 0.70 with `c = 1`, 0.94 with `c = 0.1`, and 0.90 and 0.99 at width 4,096. So
//! the size of the target was chosen after looking; the prediction, homogeneous in it, is as before.
//!
//! At `smoke` the width for the rates was 1,024 as well, where they scatter by 10% from seed to seed and three seeds decide nothing;
//! it is 2,048 now.
//!
//! *Tolerances.* rates within 15%. "Not learned": at least 0.95 of the component is left when the others are fitted, and
//! a test error of at least 0.9. "Learned": test error of degree 1 at most 0.1.
//!
//! *Control.* Labels are coins, independent of the inputs.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_ntk::theory::sphere::spectrum;
use overparam_tensor::Tensor;
use overparam_tensor::random::Stream;
use serde::{Deserialize, Serialize};

use crate::wide::{Form, Net, Scaling, coins, sphere};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The residual's components while all four degrees are learned together.
    Decay,
    /// The test error of a target of one degree.
    Test {
        /// From 1 to 4.
        degree: usize,
    },
}

/// One training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What is measured.
    pub task: Task,
    /// Whether labels are coins instead of harmonics.
    pub coins: bool,
    /// `m`.
    pub width: usize,
    /// `n`.
    pub examples: usize,
    /// Most steps.
    pub steps: usize,
    /// Index of inputs and weights.
    pub seed: u64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// `(1/n) sum_i (y - f(x_i)) phi_k(x_i)`, `k` = 1 to 4, before each step.
    Decay {
        /// A row a step.
        components: Vec<[f64; 4]>,
    },
    /// Mean squared test error over the target's energy.
    Test {
        /// In units of the energy.
        error: f64,
    },
}

const DIMENSION: usize = 3;
const RATE: f64 = 1.0;
/// `c`.
const SIZE: f64 = 0.25;
/// Degrees with a positive eigenvalue; 3 has none.
const LEARNED: [usize; 3] = [1, 2, 4];
/// A component is followed until this share of it is left.
const FOLLOWED: f64 = 0.2;

/// The claim.
pub struct LearnableFunctions;

impl Claim for LearnableFunctions {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "cao-2020/learnable-functions",
            statement: "Wide nets learn the functions of their tangent kernel's class, harmonic by harmonic at the rate of its \
                        eigenvalues, low degrees first, and never an odd degree from 3 on without biases.",
            formula: "<y - f(t), phi_k> = (1 - eta mu_k)^t <y, phi_k>,  mu_k = 0 for k = 3, 5, ...",
            sources: &[
                Source {
                    citation: "Cao, Gu: Generalization Bounds of Stochastic Gradient Descent for Wide and Deep Neural Networks \
                               (NeurIPS 2019)",
                    place: "corollary 3.10",
                    url: "https://arxiv.org/abs/1905.13210",
                },
                Source {
                    citation: "Cao, Fang, Wu, Zhou, Gu: Towards Understanding the Spectral Bias of Deep Learning (IJCAI 2021)",
                    place: "theorem 4.2",
                    url: "https://arxiv.org/abs/1912.01198",
                },
            ],
            prediction: "rates -ln(1 - eta mu_k) of the components of degree 1, 2, 4; none for degree 3; test errors in the order of \
                         the degrees",
            must_hold: "rates within 15%; at least 0.95 of degree 3 left; test error of degree 1 at most 0.1, below degree 2's, below \
                        degree 4's; of degree 3 at least 0.9",
            control: "labels independent of the inputs",
            cpu_seconds: [40.0, 300.0, 4000.0],
            size_ratio: [0.3, 0.3, 0.3],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, false)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, true)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let form = Form { depth: 2, width: cell.width, scaling: Scaling::Ntk };
        0.02 + cell.steps as f64 * (4e-5 + form.flops(cell.examples, DIMENSION) / 1e10)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let form = Form { depth: 2, width: cell.width, scaling: Scaling::Ntk };
        let n = cell.examples;
        let inputs = context.shared("inputs", cell.seed);
        let labels = |clean: Vec<f64>| if cell.coins { coins(n, &context.own("labels")) } else { clean };
        match cell.task {
            Task::Decay => {
                let x = lattice(n, &inputs);
                let phi: Vec<[f64; 4]> = x.row_iter().map(|row| harmonics(row[0])).collect();
                let y = labels(phi.iter().map(|p| SIZE * p.iter().sum::<f64>() / 2.0).collect());
                let net = Net::new(form, &x, &context.own("weights"))?;
                let rows = Tensor::from(&x);
                let change = net.change(&rows);
                let mut components = Vec::new();
                net.train(&y, RATE, cell.steps, |_, _, params| {
                    let f = change(params);
                    let component = |k: usize| {
                        phi.iter().zip(&y).zip(f.iter()).map(|((p, y), f)| (y - f) * p[k]).sum::<f64>()
                            / n as f64
                    };
                    let now: [f64; 4] = std::array::from_fn(component);
                    components.push(now);
                    let done = now[3].abs() <= FOLLOWED * components[0][3].abs();
                    if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
                Ok(Outcome::Decay { components })
            }
            Task::Test { degree } => {
                let x = sphere(n, DIMENSION, &inputs);
                let test = sphere(1000, DIMENSION, &context.shared("test", cell.seed));
                let target = |x: &DMatrix<f64>| -> Vec<f64> {
                    x.row_iter().map(|row| harmonics(row[0])[degree - 1]).collect()
                };
                let net = Net::new(form, &x, &context.own("weights"))?;
                let end =
                    net.train(&labels(target(&x)), RATE, cell.steps, |_, _, _| ControlFlow::Continue(()))?;
                let truth = if cell.coins { coins(1000, &context.own("test labels")) } else { target(&test) };
                let f = net.change(&Tensor::from(&test))(&end);
                let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
                let error = square(&mut truth.iter().zip(f.iter()).map(|(y, f)| y - f));
                Ok(Outcome::Test { error: error / square(&mut truth.iter().copied()) })
            }
        }
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let decay = runs.only(|cell| cell.task == Task::Decay);
        let mut checks: Vec<Check> = LEARNED
            .into_iter()
            .map(|degree| {
                Check::new(
                    format!("rate-{degree}"),
                    format!("degree {degree}: rate of decay, in units of -ln(1 - eta mu_{degree})"),
                    Bound::Within { target: 1.0, tolerance: 0.15 },
                )
                .predicted("1")
                .because("the drift of the kernel is of order m^(-1/2)")
                .rival("one layer of two learns", 0.5)
                .draws(decay.draws(|runs| relative_rate(&runs.first()?.outcome, degree)))
            })
            .collect();
        let left = |o: &Outcome| match o {
            Outcome::Decay { components } => Some(components.last()?[2] / components.first()?[2]),
            Outcome::Test { .. } => None,
        };
        checks.push(
            Check::new(
                "left-3",
                "degree 3: share of the component left when a fifth of degree 4's is",
                Bound::Within { target: 1.0, tolerance: 0.05 },
            )
            .predicted("1")
            .because("f(x) - f(-x) of a two-layer ReLU net without biases is linear")
            .rival("learned between degrees 2 and 4, as by three layers", 0.0)
            .draws(decay.draws(|runs| left(&runs.first()?.outcome))),
        );
        let error = |degree: usize| {
            move |runs: &[&Run<Cell, Outcome>]| {
                let run = runs.iter().find(|r| r.cell.task == Task::Test { degree })?;
                if let Outcome::Test { error } = run.outcome { Some(error) } else { None }
            }
        };
        let above = |high: usize, low: usize| runs.draws(|runs| Some(error(high)(runs)? / error(low)(runs)?));
        checks.push(
            Check::new("test-1", "test error of degree 1", Bound::AtMost(0.1))
                .predicted("near 0")
                .because("learned")
                .control_fails()
                .draws(runs.draws(error(1))),
        );
        let ordered = |high: usize, low: usize| {
            Check::new(
                format!("test-{high}-{low}"),
                format!("test error of degree {high}, in units of degree {low}'s"),
                Bound::AtLeast(1.0),
            )
            .predicted("above 1")
            .because("the same inputs")
            .rival("the reverse order", 0.2)
            .draws(above(high, low))
        };
        checks.extend([ordered(2, 1), ordered(4, 2)]);
        checks.push(
            Check::new("test-3", "test error of degree 3", Bound::AtLeast(0.9))
                .predicted("at least 1")
                .because("not learned")
                .rival("learned between degrees 2 and 4", 0.3)
                .draws(runs.draws(error(3))),
        );
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let first = runs.iter().find_map(|r| match &r.outcome {
            Outcome::Decay { components } => Some(components),
            Outcome::Test { .. } => None,
        });
        let mut curves = Vec::new();
        if let Some(components) = first {
            let spacing = components.len().div_ceil(40);
            for k in 0..4 {
                let at = |step: usize| components[step][k] / components[0][k];
                let steps = || (0..components.len()).step_by(spacing);
                let visible = |(_, share): &(usize, f64)| *share > 0.02;
                let measured = steps().map(|step| (step, at(step))).take_while(visible);
                let rate = eigenvalue(k + 1).map_or(0.0, predicted_rate);
                let theory = steps().map(|step| (step, (-rate * step as f64).exp())).take_while(visible);
                let point = |(step, share): (usize, f64)| Point::new(step as f64, share);
                let degree = k + 1;
                curves.push(Series::new(
                    format!("mu_{degree}"),
                    Role::Theory,
                    k,
                    theory.map(point).collect(),
                ));
                curves.push(Series::new(
                    format!("degree {degree}"),
                    Role::Experiment,
                    k,
                    measured.map(point).collect(),
                ));
            }
        }
        let tests = |runs: &[Run<Cell, Outcome>], label: &str, role| {
            let point = |k: usize| median_point(k as f64, &errors(runs, k + 1));
            Series::new(label, role, 0, (0..4).filter_map(point).collect())
        };
        vec![Figure {
            name: "learnable-functions".into(),
            title: "Harmonic by harmonic".into(),
            caption: "Left: components of the residual, first seed, lines: the eigenvalues' prediction. Right: test error of targets of \
                      one degree, 40 examples, medians over seeds with their intervals; hollow: labels independent of the inputs."
                .into(),
            panels: vec![
                Panel {
                    title: "Residual by degree".into(),
                    x: Axis::linear("steps"),
                    y: Axis::log("share left"),
                    series: curves,
                },
                Panel {
                    title: "Test error".into(),
                    x: Axis::named("degree", &["1", "2", "3", "4"]),
                    y: Axis::log("share of the target's energy"),
                    series: vec![
                        tests(runs, "harmonics", Role::Experiment),
                        tests(control, "coins", Role::Control),
                    ],
                },
            ],
        }]
    }
}

/// `sqrt(2k + 1) P_k(z)` for `k` = 1 to 4, orthonormal on the sphere in three dimensions; `z` in units of the radius `sqrt 3`.
fn harmonics(coordinate: f64) -> [f64; 4] {
    let z = coordinate / (DIMENSION as f64).sqrt();
    let (mut before, mut now) = (1.0, z);
    std::array::from_fn(|i| {
        let k = (i + 1) as f64;
        let value = (2.0 * k + 1.0).sqrt() * now;
        (before, now) = (now, ((2.0 * k + 1.0) * z * now - k * before) / (k + 1.0));
        value
    })
}

/// A Fibonacci lattice on the sphere, turned by a random rotation: rows of norm `sqrt 3`.
fn lattice(count: usize, stream: &Stream) -> DMatrix<f64> {
    let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt());
    let points = DMatrix::from_fn(count, DIMENSION, |i, j| {
        let height = 1.0 - (2 * i + 1) as f64 / count as f64;
        let (radius, angle) = ((1.0 - height * height).sqrt(), golden * i as f64);
        3f64.sqrt() * [radius * angle.cos(), radius * angle.sin(), height][j]
    });
    points * stream.orthonormal_matrix::<f64>(DIMENSION, DIMENSION)
}

/// The tangent kernel of the two-layer net, in the cosine.
fn kernel(t: f64) -> f64 {
    let angle = t.clamp(-1.0, 1.0).acos();
    let open = std::f64::consts::PI - angle;
    (2.0 * t * open + angle.sin()) / std::f64::consts::PI
}

fn eigenvalue(degree: usize) -> Option<f64> {
    Some(spectrum(kernel, DIMENSION, degree).ok()?.last()?.eigenvalue)
}

/// `-ln(1 - eta mu)`.
fn predicted_rate(eigenvalue: f64) -> f64 {
    -(-RATE * eigenvalue).ln_1p()
}

/// The rate of decay from the start until [`FOLLOWED`] is left, over the predicted.
fn relative_rate(outcome: &Outcome, degree: usize) -> Option<f64> {
    let predicted = predicted_rate(eigenvalue(degree)?);
    let Outcome::Decay { components } = outcome else { return None };
    let share = |step: usize| (components[step][degree - 1] / components[0][degree - 1]).abs().max(1e-12);
    let steps = components.len().checked_sub(1).filter(|&last| last > 0)?;
    let end = (1..=steps).find(|&step| share(step) <= FOLLOWED).unwrap_or(steps);
    Some(-share(end).ln() / end as f64 / predicted)
}

/// Test errors of one degree in the order of the seeds.
fn errors(runs: &[Run<Cell, Outcome>], degree: usize) -> Vec<f64> {
    let of_degree = runs.iter().filter(|r| r.cell.task == Task::Test { degree });
    of_degree
        .filter_map(|r| if let Outcome::Test { error } = r.outcome { Some(error) } else { None })
        .collect()
}

fn grid(plan: &Plan<'_>, coins: bool) -> Vec<Cell> {
    let [width, examples] = plan.by_scale([[2048, 200], [4096, 300], [16384, 1000]]);
    let [narrow, steps] = plan.by_scale([[512, 200], [1024, 600], [4096, 600]]);
    // The control is judged by its test errors: its components need no long look.
    let patience = if coins { 50 } else { 500 };
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        cells.push(Cell { task: Task::Decay, coins, width, examples, steps: patience, seed });
        for degree in 1..=4 {
            cells.push(Cell { task: Task::Test { degree }, coins, width: narrow, examples: 40, steps, seed });
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use overparam_tensor::random::Stream;

    use super::{eigenvalue, harmonics, lattice};

    /// The lattice integrates products of the four harmonics to the identity within a percent.
    #[test]
    fn the_harmonics_are_orthonormal_on_the_lattice() {
        let x = lattice(300, &Stream::root(1));
        for j in 0..4 {
            for k in 0..4 {
                let product =
                    x.row_iter().map(|row| harmonics(row[0])[j] * harmonics(row[0])[k]).sum::<f64>() / 300.0;
                assert!((product - f64::from(u8::from(j == k))).abs() < 0.01, "{j} {k}: {product}");
            }
        }
    }

    /// 1/3, 5/64, 0, 1/192 (an independent quadrature).
    #[test]
    fn the_eigenvalues_are_known() {
        for (degree, expected) in [(1, 1.0 / 3.0), (2, 5.0 / 64.0), (3, 0.0), (4, 1.0 / 192.0)] {
            assert!((eigenvalue(degree).unwrap() - expected).abs() < 1e-6, "{degree}");
        }
    }
}
