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
//! the classes `1 / (1 + kappa ||Delta||_F^2 / 2)` with `kappa` one minus the model's risk on the target `Delta`. For the trained net
//! the next order is known: with `E (x_i^2 - 1)(x_j^2 - 1) = Delta_i Delta_j + delta_ij (2 + 2 Delta_i^2)` and
//! `E y (x_i^2 - 1) = Delta_i` the best form on the first `N` directions leaves `1 / (1 + s)`, `s = (1/2) sum_(i <= N) Delta_i^2 / (1 + Delta_i^2)`.
//! At `d = 20`, `N >= d` this is 0.54 where the limit has 0.5.
//!
//! *Tolerances.* 2% of the energy of target or labels at every `rho`, a typical draw; the next order in `1 / d` is below 1%. The
//! rivals are the models' formulas exchanged: what one model leaves, said of another, at the `rho` where they differ most. The
//! separation for `rho < 1` must be more than the two tolerances together.
//!
//! *Control.* Another spectrum with the same trace and the same `||B||_F`, hence the same `q`: a tenth of the eigenvalues at one high value, the
//! others at one low value. The formulas of the original `B` must still hold for random features and for tangent features,
//! which know of `B` only these two numbers, and must fail for the trained net, which knows the spectrum.

mod picture;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use nalgebra::{DMatrix, DVector};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_linearized::Error;
use overparam_linearized::activation::Standard;
use overparam_linearized::hermite::Profile;
use overparam_linearized::quadratic::{
    Classes, Polynomial, QuadraticNet, Schedule, mixture_risk, random_features_risk, tangent_risk,
    trained_risk,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A function of Gaussian inputs.
    Function,
    /// The labels of two Gaussian classes.
    Classes,
}

/// What is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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

/// Eigenvalues of equal sum and equal sum of squares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spectrum {
    /// Equally spaced from 0.2 to 1.8.
    Even,
    /// A tenth of them at a high value, the others at a low one.
    TwoValues,
}

/// One model with one draw of its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// What is learned.
    pub task: Task,
    /// What is fitted.
    pub model: Model,
    /// Dimension of the inputs, `d`.
    pub dimension: usize,
    /// Neurons of the model, `N`.
    pub neurons: usize,
    /// The eigenvalues of `B`.
    pub spectrum: Spectrum,
    /// Index of the weights.
    pub seed: u64,
}

/// The model's population risk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Relative to the energy of target or labels; `None` if training diverged.
    pub risk: Option<f64>,
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
            must_hold: "each model within 2% of the energy at every rho, on both; trained below tangent below random \
                        features for rho < 1",
            control: "another spectrum with the same trace and norm: only the trained net may notice",
            cpu_seconds: [20.0, 200.0, 20_000.0],
            size_ratio: [0.04, 0.11, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Spectrum::Even)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Spectrum::TwoValues)
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
        match fit(cell, context) {
            Ok(risk) => Ok(Outcome { risk: Some(risk) }),
            Err(Error::Diverged { .. }) => Ok(Outcome { risk: None }),
            Err(error) => Err(CellError::new(error)),
        }
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        (what == Doubling::Size).then(|| Cell {
            dimension: 2 * cell.dimension,
            neurons: 2 * cell.neurons,
            ..cell.clone()
        })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let mut checks = Vec::new();
        for task in [Task::Function, Task::Classes] {
            for model in MODELS {
                checks.push(against_formula(runs, theory, task, model));
            }
        }
        for (above, below) in [(0, 2), (2, 3)] {
            checks.push(separation(runs, MODELS[above], MODELS[below]));
        }
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![picture::figure(runs, control)]
    }
}

/// In the energy of target or labels.
const TOLERANCE: f64 = 0.02;

/// A model's risk less its formula, at every `N`.
fn against_formula(
    runs: &Runs<'_, Cell, Outcome>,
    theory: &Theory,
    task: Task,
    (model, name): (Model, &str),
) -> Check {
    let (tag, on) = match task {
        Task::Function => ("function", "quadratic target"),
        Task::Classes => ("classes", "two classes"),
    };
    let mut check = Check::new(
        format!("{tag}-{}", id(model)),
        format!("{name}, {on}: risk less its formula, in the energy"),
        Bound::Within { target: 0.0, tolerance: TOLERANCE },
    )
    .predicted("0 as d grows")
    .because("2% of the energy at every rho; the next order in 1/d is below 1%");
    if model == Model::Trained {
        check = check.control_fails();
    }
    let learned = theory.constant(&format!("share that {name} learn (of its value)"), 1.0);
    let of_model = runs.only(|c| (c.task, c.model) == (task, model));
    let others = || MODELS.into_iter().filter(|(other, _)| *other != model);
    let mut rivals = others().map(|(_, name)| (name, 0.0f64)).collect::<Vec<_>>();
    for neurons in of_model.distinct(|c| c.neurons) {
        let here = of_model.only(|c| c.neurons == neurons);
        let Some(cell) = here.cells().next() else { continue };
        let Ok(stated) = formula(cell) else { continue };
        let predicted = 1.0 - learned * (1.0 - stated);
        let draws = here.draws(|runs| Some(runs.first()?.outcome.risk? - predicted));
        check = check.at(format!("rho = {}", rho(cell)), draws);
        for ((other, _), (_, largest)) in others().zip(&mut rivals) {
            let differs = formula(&Cell { model: other, ..cell.clone() }).map_or(0.0, |said| said - stated);
            if differs.abs() > largest.abs() {
                *largest = differs;
            }
        }
    }
    rivals
        .into_iter()
        .filter(|(_, value)| value.abs() > 2.0 * TOLERANCE)
        .fold(check, |check, (name, value)| check.rival(format!("the formula for {name}"), value))
}

/// SGD steps of the net trained on the quadratic target.
const STEPS: usize = 800;

/// Descent steps of the net trained on the classes. Neighbouring eigenvalues of `Delta` are told apart at the rate of four
/// times the learning rate times their spacing times the part not yet learned: by a factor of `e^6` in all at `d = 50`.
const DESCENT_STEPS: usize = 2_500;

/// `||Delta||_F^2`.
const CLASS_ENERGY: f64 = 2.0;

fn grid(plan: &Plan<'_>, spectrum: Spectrum) -> Vec<Cell> {
    let (linearised, trained) = plan.by_scale([(200, 20), (450, 50), (450, 450)]);
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
                    spectrum,
                    seed,
                }));
            }
        }
    }
    cells
}

/// The eigenvalues of `B`.
fn eigenvalues(spectrum: Spectrum, dimension: usize) -> DVector<f64> {
    let even = DVector::from_fn(dimension, |i, _| 0.2 + 1.6 * i as f64 / (dimension - 1) as f64);
    match spectrum {
        Spectrum::Even => even,
        Spectrum::TwoValues => {
            // Mean 1 and the same variance: p (1 - p) (high - low)^2.
            let high = (dimension / 10).max(1);
            let p = high as f64 / dimension as f64;
            let gap = (even.variance() / (p * (1.0 - p))).sqrt();
            let low = even.mean() - p * gap;
            DVector::from_fn(dimension, |i, _| if i + high < dimension { low } else { low + gap })
        }
    }
}

fn form(spectrum: Spectrum, dimension: usize) -> DMatrix<f64> {
    DMatrix::from_diagonal(&eigenvalues(spectrum, dimension))
}

/// `Delta`.
fn delta(spectrum: Spectrum, dimension: usize) -> DMatrix<f64> {
    let b = form(spectrum, dimension);
    &b * (CLASS_ENERGY.sqrt() / b.norm())
}

/// The eigenvalues of the weights' covariance, of sum 1.
fn covariance(cell: &Cell) -> DVector<f64> {
    let d = cell.dimension;
    match cell.model {
        Model::AlignedFeatures => {
            let eigenvalues = eigenvalues(cell.spectrum, d);
            eigenvalues.unscale(eigenvalues.sum())
        }
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
    let target = Polynomial::quadratic(form(cell.spectrum, d));
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
    let classes = Classes::of_covariances(delta(cell.spectrum, cell.dimension))?;
    match cell.model {
        Model::Trained => classes.trained_risk(weights(cell, context, 0.3), DESCENT_STEPS, 0.2),
        Model::Tangent => classes.tangent_risk(&weights(cell, context, 1.0)),
        _ => classes.random_features_risk(&Standard::Relu, &weights(cell, context, 1.0)),
    }
}

/// The closed form for the evenly spaced spectrum, whatever the cell's own. A judge asks for the same ones again and again (as
/// rivals of one another, for both grids, for every wrong theory): each is computed once.
fn formula(cell: &Cell) -> Result<f64, Error> {
    static KNOWN: Mutex<BTreeMap<(Task, Model, usize, usize), f64>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (cell.task, cell.model, cell.dimension, cell.neurons);
    if let Some(&risk) = known().get(&key) {
        return Ok(risk);
    }
    let risk = computed(cell)?;
    known().insert(key, risk);
    Ok(risk)
}

fn computed(cell: &Cell) -> Result<f64, Error> {
    let cell = &Cell { spectrum: Spectrum::Even, ..cell.clone() };
    let b = match cell.task {
        Task::Function => form(cell.spectrum, cell.dimension),
        Task::Classes => delta(cell.spectrum, cell.dimension),
    };
    let rho = cell.neurons as f64 / cell.dimension as f64;
    let risk = match (cell.model, cell.task) {
        (Model::Trained, Task::Classes) => return Ok(trained_on_classes(cell.neurons, &b)),
        (Model::Trained, Task::Function) => trained_risk(cell.neurons, &b)?,
        (Model::Tangent, _) => tangent_risk(rho, &b)?,
        (Model::RandomFeatures | Model::AlignedFeatures, _) => {
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

/// With the next order in `Delta` (module comment).
fn trained_on_classes(neurons: usize, delta: &DMatrix<f64>) -> f64 {
    let mut shares: Vec<f64> = delta.diagonal().iter().map(|x| x * x / (1.0 + x * x)).collect();
    shares.sort_by(|a, b| b.total_cmp(a));
    (1.0 + 0.5 * shares.iter().take(neurons).sum::<f64>()).recip()
}

fn rho(cell: &Cell) -> f64 {
    (1000.0 * cell.neurons as f64 / cell.dimension as f64).round() / 1000.0
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
fn separation(runs: &Runs<'_, Cell, Outcome>, above: (Model, &str), below: (Model, &str)) -> Check {
    let mut check = Check::new(
        format!("{}-above-{}", id(above.0), id(below.0)),
        format!("risk of {} less that of {}, quadratic target, rho < 1", above.1, below.1),
        Bound::AtLeast(0.05),
    )
    .predicted("positive")
    .because("the claim itself, with the tolerances of both formulas as room")
    .rival("both models learn the same", 0.0);
    let of = |model| runs.only(|c| (c.task, c.model) == (Task::Function, model));
    let thousandths = |c: &Cell| (1000.0 * rho(c)) as u64;
    for here in of(above.0).distinct(thousandths).into_iter().filter(|r| *r < 1000) {
        let at = runs.only(|c| c.task == Task::Function && thousandths(c) == here);
        let gap = at.draws(|runs| {
            let risk = |model| runs.iter().find(|r| r.cell.model == model)?.outcome.risk;
            Some(risk(above.0)? - risk(below.0)?)
        });
        check = check.at(format!("rho = {}", here as f64 / 1000.0), gap);
    }
    check
}

#[cfg(test)]
mod tests;
