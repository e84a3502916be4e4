//! **mei-2020/lazy-limits.** What linearisation cannot do: on quadratic targets with `N / d` fixed, random features, tangent
//! features and the trained net are separated, with risks in closed form.
//!
//! *Source.* Ghorbani, Mei, Misiakiewicz, Montanari 2019, theorems 1 to 6. *Experiment.* Unlimited data, `rho = N / d` from 0.1 to 2.
//! (1) Inputs `N(0, I)`, target `<x, B x> - tr B` with the eigenvalues of `B` equally spaced from 0.2 to 1.8. (2) Two classes,
//! `N(0, I + Delta)` and `N(0, I - Delta)`, `Delta` proportional to `B` with `||Delta||_F^2 = 2`. Four models: ReLU random features with
//! weights `N(0, Gamma)`, `Gamma` isotropic or proportional to `B`; tangent features of quadratic neurons; all weights of quadratic
//! neurons trained, by SGD on fresh samples for (1), by gradient descent on the population risk for (2). For drawn weights
//! the population risk of the first three is exact linear algebra, so nothing but the weights is random; the trained
//! net's risk is exact as well.
//!
//! *Predicted.* The limits of `N, d -> inf` ([`overparam_linearized::quadratic`]), the trained net's at the run's own `N`, `d`. For
//! the classes `1 / (1 + kappa ||Delta||_F^2 / 2)` with `kappa` one minus the model's risk on the target `Delta`.
//!
//! *Tolerances.* 5% of the energy of target or labels at every `rho`: formulas are limits, and the next order in `1 / d` is
//! about 1%. The interval of the largest distance holds at all `rho` at once (Student t, Bonferroni). For separation the
//! ranges over seeds must not touch where `rho < 1`.
//!
//! *Control.* No quadratic part: a linear target of the same energy, classes that differ in their means. The formulas are
//! those of `B` and `Delta`.

use nalgebra::{DMatrix, DVector};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_linearized::Error;
use overparam_linearized::activation::Standard;
use overparam_linearized::hermite::Profile;
use overparam_linearized::quadratic::{
    Classes, Polynomial, QuadraticNet, Schedule, mixture_risk, random_features_risk, tangent_risk,
    trained_risk,
};
use serde::{Deserialize, Serialize};

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A function of Gaussian inputs.
    Function,
    /// The labels of two Gaussian classes.
    Classes,
}

/// What is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// ReLU random features, isotropic weights.
    RandomFeatures,
    /// ReLU random features, weights with covariance proportional to `B`.
    AlignedFeatures,
    /// Tangent features of quadratic neurons.
    Tangent,
    /// Quadratic neurons, trained.
    Trained,
}

const MODELS: [(Model, &str); 4] = [
    (Model::RandomFeatures, "random features"),
    (Model::AlignedFeatures, "random features aligned with B"),
    (Model::Tangent, "neural tangent"),
    (Model::Trained, "trained net"),
];

/// One model with one draw of its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What is learned.
    pub task: Task,
    /// What is fitted.
    pub model: Model,
    /// `d`.
    pub dimension: usize,
    /// `N`.
    pub neurons: usize,
    /// Whether the target has the quadratic part that the formulas are about; else it is linear, and the classes differ in
    /// their means.
    pub quadratic: bool,
    /// Index of the weights.
    pub seed: u64,
}

/// The model's population risk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Relative to the energy of target or labels.
    pub risk: f64,
}

/// The claim.
pub struct LazyLimits;

impl Claim for LazyLimits {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "mei-2020/lazy-limits",
            statement: "On quadratic targets with as many neurons as dimensions, random features learn next to nothing, \
                        tangent features a part, and the trained net the best approximation that its width allows.",
            formula: "R_NT = (1 - rho)^2 (1 - q) + (1 - rho) q, R_NN = sum over i > N of lambda_i(B)^2 / ||B||_F^2",
            sources: &[Source {
                citation: "Ghorbani, Mei, Misiakiewicz, Montanari: Limitations of Lazy Training of Two-layers Neural \
                           Networks (NeurIPS 2019)",
                place: "theorems 1 to 6",
                url: "https://arxiv.org/abs/1906.08899",
            }],
            prediction: "the three closed forms over rho = N/d from 0.1 to 2, for a quadratic target and for two Gaussian \
                         classes",
            must_hold: "each model within 5% of the energy at every rho, on both; trained below tangent below random \
                        features for rho < 1",
            control: "a target without a quadratic part; classes that differ in their means",
            cpu_seconds: [20.0, 200.0, 2000.0],
            size_ratio: [0.33, 0.44, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, true)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, false)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let (d, n) = (cell.dimension as f64, cell.neurons as f64);
        match (cell.model, cell.task) {
            (Model::Trained, Task::Function) => STEPS as f64 * (1e-5 + 8e-9 * d.powi(3)),
            (Model::Trained, Task::Classes) => DESCENT_STEPS as f64 * (1e-5 + 3e-10 * d.powi(3)),
            (Model::Tangent, _) => 1e-3 + 1e-9 * d.powi(3),
            _ => 1e-3 + 1e-7 * n * (n + 500.0),
        }
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        fit(cell, context).map(|risk| Outcome { risk }).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let mut checks = Vec::new();
        for (task, on, tag) in
            [(Task::Function, "quadratic target", "function"), (Task::Classes, "two classes", "classes")]
        {
            for (model, name) in MODELS {
                let mut check = Check::new(
                    format!("{tag}-{}", id(model)),
                    format!("{name}, {on}: risk less its formula, in the energy"),
                    Bound::Within { target: 0.0, tolerance: 0.05 },
                )
                .predicted("0 as d grows")
                .because("5% of the energy; at finite d the formulas are off by about 1%")
                .control_fails();
                let of_model = runs.only(|c| (c.task, c.model) == (task, model));
                for neurons in of_model.distinct(|c| c.neurons) {
                    let here = of_model.only(|c| c.neurons == neurons);
                    let Some(predicted) = here.cells().next().and_then(|c| theory(c).ok()) else { continue };
                    let draws = here.draws(|runs| Some(runs.first()?.outcome.risk - predicted));
                    check = check.at(format!("N = {neurons}"), draws);
                }
                checks.push(check);
            }
        }
        for (above, below) in [(0, 2), (2, 3)] {
            checks.push(separation(runs, MODELS[above], MODELS[below]));
        }
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![Figure {
            name: "lazy-limits".into(),
            title: "Random features, tangent features and the trained net on a quadratic target and on two classes".into(),
            caption: "Risk relative to the energy of target or labels against neurons per dimension. Lines: closed forms. \
                      Points: medians over seeds with 95% intervals. Hollow points: the controls, to which the formulas do \
                      not apply: a linear target, classes that differ in their means."
                .into(),
            panels: vec![
                panel(runs, Task::Function, "Quadratic target", Role::Experiment),
                panel(runs, Task::Classes, "Two Gaussian classes", Role::Experiment),
                panel(control, Task::Function, "Control: linear target", Role::Control),
                panel(control, Task::Classes, "Control: classes by their means", Role::Control),
            ],
        }]
    }
}

/// SGD steps of the net trained on the quadratic target.
const STEPS: usize = 800;

/// Descent steps of the net trained on the classes. Neighbouring eigenvalues of `Delta` are told apart at the rate of four
/// times the learning rate times their spacing times the part not yet learned: by a factor of `e^6` in all at `d = 50`.
const DESCENT_STEPS: usize = 2_500;

/// `||Delta||_F^2`.
const CLASS_ENERGY: f64 = 2.0;

fn grid(plan: &Plan<'_>, quadratic: bool) -> Vec<Cell> {
    let (linearised, trained) = plan.by_scale([(150, 20), (200, 50), (450, 100)]);
    let ratios: &[f64] = plan.by_scale([
        &[0.1, 0.5, 1.5][..],
        &[0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0][..],
        &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0][..],
    ]);
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        for task in [Task::Function, Task::Classes] {
            for (model, _) in MODELS {
                let dimension = if model == Model::Trained { trained } else { linearised };
                cells.extend(ratios.iter().map(|ratio| Cell {
                    task,
                    model,
                    dimension,
                    neurons: (ratio * dimension as f64).round() as usize,
                    quadratic,
                    seed,
                }));
            }
        }
    }
    cells
}

/// The eigenvalues of `B`: equally spaced from 0.2 to 1.8.
fn eigenvalues(dimension: usize) -> DVector<f64> {
    DVector::from_fn(dimension, |i, _| 0.2 + 1.6 * i as f64 / (dimension - 1) as f64)
}

fn form(dimension: usize) -> DMatrix<f64> {
    DMatrix::from_diagonal(&eigenvalues(dimension))
}

/// `Delta`.
fn delta(dimension: usize) -> DMatrix<f64> {
    let b = form(dimension);
    &b * (CLASS_ENERGY.sqrt() / b.norm())
}

/// The eigenvalues of the weights' covariance, of sum 1.
fn covariance(cell: &Cell) -> DVector<f64> {
    let d = cell.dimension;
    match cell.model {
        Model::AlignedFeatures => eigenvalues(d).unscale(eigenvalues(d).sum()),
        _ => DVector::from_element(d, (d as f64).recip()),
    }
}

fn fit(cell: &Cell, context: &Context<'_>) -> Result<f64, Error> {
    match cell.task {
        Task::Function => fit_function(cell, context),
        Task::Classes => fit_classes(cell, context),
    }
}

/// First-layer weights `N(0, Gamma)` times `scale`.
fn weights(cell: &Cell, context: &Context<'_>, scale: f64) -> DMatrix<f64> {
    let mut weights =
        context.shared("weights", cell.seed).normal_matrix::<f64>(cell.neurons, cell.dimension, scale);
    for (mut column, variance) in weights.column_iter_mut().zip(covariance(cell).iter()) {
        column *= variance.sqrt();
    }
    weights
}

fn fit_function(cell: &Cell, context: &Context<'_>) -> Result<f64, Error> {
    let d = cell.dimension;
    let quadratic = Polynomial::quadratic(form(d));
    let target = if cell.quadratic {
        quadratic
    } else {
        Polynomial::linear(DVector::from_element(d, (quadratic.energy() / d as f64).sqrt()))
    };
    match cell.model {
        Model::Trained => {
            let schedule = Schedule { steps: STEPS, batch: 8 * d, learning_rate: 0.015, cooling: 0.5 };
            let mut net = QuadraticNet { weights: weights(cell, context, 0.5) };
            net.train(&target, schedule, context.shared("samples", cell.seed))?;
            Ok(net.risk(&target))
        }
        Model::Tangent => target.tangent_risk(&weights(cell, context, 1.0)),
        _ => target.random_features_risk(&Standard::Relu, &weights(cell, context, 1.0)),
    }
}

fn fit_classes(cell: &Cell, context: &Context<'_>) -> Result<f64, Error> {
    let d = cell.dimension;
    let classes = if cell.quadratic {
        Classes::of_covariances(delta(d))?
    } else {
        // As far apart as the others: E (y - best linear function)^2 is 1 / (1 + ||m||^2).
        Classes::of_means(DVector::from_element(d, (0.5 * CLASS_ENERGY / d as f64).sqrt()))
    };
    match cell.model {
        Model::Trained => classes.trained_risk(weights(cell, context, 0.3), DESCENT_STEPS, 0.2),
        Model::Tangent => classes.tangent_risk(&weights(cell, context, 1.0)),
        _ => classes.random_features_risk(&Standard::Relu, &weights(cell, context, 1.0)),
    }
}

/// The closed form for the quadratic target or the classes `Delta`, whatever the cell's own.
fn theory(cell: &Cell) -> Result<f64, Error> {
    let b = match cell.task {
        Task::Function => form(cell.dimension),
        Task::Classes => delta(cell.dimension),
    };
    let rho = cell.neurons as f64 / cell.dimension as f64;
    let risk = match cell.model {
        Model::Tangent => tangent_risk(rho, &b)?,
        Model::Trained => trained_risk(cell.neurons, &b)?,
        Model::RandomFeatures | Model::AlignedFeatures => {
            let gamma = DMatrix::from_diagonal(&covariance(cell));
            random_features_risk(&Profile::of(&Standard::Relu)?, rho, &b, &gamma)?
        }
    };
    match cell.task {
        Task::Function => Ok(risk),
        // The closed forms are differences: rounding may leave -1e-17.
        Task::Classes => mixture_risk(risk.clamp(0.0, 1.0), &b),
    }
}

/// The risks over seeds at every `N` of a model.
fn points(runs: &[Run<Cell, Outcome>], task: Task, model: Model) -> Vec<(&Cell, Vec<f64>)> {
    let mut points: Vec<(&Cell, Vec<f64>)> = Vec::new();
    for run in runs.iter().filter(|r| (r.cell.task, r.cell.model) == (task, model)) {
        match points.iter_mut().find(|p| p.0.neurons == run.cell.neurons) {
            Some(point) => point.1.push(run.outcome.risk),
            None => points.push((&run.cell, vec![run.outcome.risk])),
        }
    }
    points.sort_by_key(|p| p.0.neurons);
    points
}

fn id(model: Model) -> &'static str {
    match model {
        Model::RandomFeatures => "random",
        Model::AlignedFeatures => "aligned",
        Model::Tangent => "tangent",
        Model::Trained => "trained",
    }
}

/// By how much one model's risk is above another's, seed by seed. The grid has the same `rho` for every model.
fn separation(
    runs: &Runs<'_, Cell, Outcome>,
    above: (Model, &str),
    below: (Model, &str),
) -> Check {
    let rho = |c: &Cell| c.neurons as f64 / c.dimension as f64;
    let mut check = Check::new(
        format!("{}-above-{}", id(above.0), id(below.0)),
        format!("risk of {} less that of {}, quadratic target, rho < 1", above.1, below.1),
        Bound::AtLeast(0.05),
    )
    .predicted("positive")
    .because("the claim itself, with the tolerance of the formulas as room")
    .rival("both models learn the same", 0.0);
    let of = |model| runs.only(|c| (c.task, c.model) == (Task::Function, model));
    for here in of(above.0).distinct(|c| (1000.0 * rho(c)).round() as u64).into_iter().filter(|r| *r < 1000) {
        let at = runs.only(|c| c.task == Task::Function && (1000.0 * rho(c)).round() as u64 == here);
        let gap = at.draws(|runs| {
            let risk = |model| runs.iter().find(|r| r.cell.model == model).map(|r| r.outcome.risk);
            Some(risk(above.0)? - risk(below.0)?)
        });
        check = check.at(format!("rho = {}", here as f64 / 1000.0), gap);
    }
    check
}

fn panel(runs: &[Run<Cell, Outcome>], task: Task, title: &str, role: Role) -> Panel {
    let mut series = Vec::new();
    for (colour, (model, name)) in MODELS.into_iter().enumerate() {
        let points = points(runs, task, model);
        let Some((first, _)) = points.first() else { continue };
        let line = (0..=2 * first.dimension).step_by((first.dimension / 25).max(1)).filter_map(|neurons| {
            let risk = theory(&Cell { neurons, ..(*first).clone() }).ok()?;
            Some(Point::new(neurons as f64 / first.dimension as f64, risk))
        });
        series.push(Series::new(format!("{name}, theory"), Role::Theory, colour, line.collect()));
        let measured = points.iter().filter_map(|(cell, risks)| {
            let rho = cell.neurons as f64 / cell.dimension as f64;
            median_point(rho, risks)
        });
        series.push(Series::new(name, role, colour, measured.collect()));
    }
    Panel {
        title: title.into(),
        x: Axis::linear("neurons per dimension, N/d"),
        y: Axis::linear("risk / energy"),
        series,
    }
}

#[cfg(test)]
mod tests {
    use overparam_eval::check::Check;
    use overparam_eval::decide::Decision;
    use overparam_eval::theory::Theory;

    use super::{Cell, LazyLimits, Model, Outcome, Task, theory};
    use crate::mei_2020::testing::{Part, decision, fails, is_sharp, judged};

    /// Runs at the closed forms, some scatter between seeds, changed by `distort`.
    fn on(part: Part, distort: impl Fn(&Cell) -> f64) -> Vec<Check> {
        let risk = |c: &Cell| theory(c).unwrap() + 0.002 * (c.seed as f64 * 2.4).sin() + distort(c);
        judged(&LazyLimits, part, &Theory::as_stated(), |cell| Outcome { risk: risk(cell) })
    }

    #[test]
    fn closed_forms_hold_and_a_target_without_quadratic_part_fails() {
        let checks = on(Part::Experiment, |_| 0.0);
        is_sharp(&checks);
        // Quadratic neurons learn nothing of a linear target.
        let control = on(Part::Control, |c| 1.0 - theory(c).unwrap());
        assert_eq!(decision(&checks, &control), Decision::Holds);
        let cases: [(&str, fn(&Cell) -> f64); 4] = [
            ("classes-trained", |c| if (c.task, c.model) == (Task::Classes, Model::Trained) { 0.08 } else { 0.0 }),
            ("function-tangent", |c| if c.model == Model::Tangent { -0.08 } else { 0.0 }),
            ("random-above-tangent", |c| if c.model == Model::RandomFeatures { -0.9 } else { 0.0 }),
            ("tangent-above-trained", |c| if c.model == Model::Trained { 0.9 } else { 0.0 }),
        ];
        for (id, distort) in cases {
            assert!(fails(&on(Part::Experiment, distort), id), "{id}");
        }
    }
}
