//! **mei-2020/double-descent.** Ridgeless random-features regression has a peak at `N = n` and its global minimum far past
//! it; the optimal ridge removes the peak.
//!
//! *Source.* Mei, Montanari 2022, theorems 2 to 5, figures 1 to 6. *Experiment.* `N` random features of inputs uniform on the
//! sphere of dimension `d`, `psi2 = n / d = 3`, `psi1 = N / d` from 0.1 to 10; ReLU and tanh; linear targets of energy 1 with
//! label noise of variance 0 and 0.5 (signal to noise infinite and 2). Ridges `lambda` from 1e-8 to 0.1, and at each `N` the
//! one that the asymptotics call optimal. 1e-8 stands for ridgeless on both sides: a Cholesky factorisation does for it what a
//! singular value decomposition would for 0, at a tenth of the time.
//!
//! *Predicted.* Test risk, its parts, bias `B` and variance `V`, training error and norm `(N / d) ||a||^2`, exactly, as
//! `d -> inf` ([`overparam_linearized::asymptotics`]). Finite `d` differs by `O(1 / d)`: `d = 200` at standard. A fit is linear in its
//! labels: the risk without noise is `B`, the mean square of the fit to noise alone is `V` times the noise's. (Measured on four draws
//! of noise a seed: one draw's square norm, common to all points, scatters by `sqrt(2 / n)`, and at smoke 91% of the
//! points were within. The bound is the same.)
//!
//! *Tolerances.* 3 standard errors or 3%, the larger. With six seeds 3 standard errors are exceeded by chance at 3% of the
//! points, with fourteen at 1%; hence 95% of the points must be within, and the worst of all within the multiple of the
//! standard error that Bonferroni's inequality puts in the place of 3, or 3%. The ridgeless fit with `|N / n - 1| < 0.2` has
//! risk, variance and norm of heavy tails: there only the peak's place is judged, to 0.05. Second descent: without noise the
//! ridgeless risk at the largest `N` is below its minimum over `N < n` (asymptotically by a factor of 6). Training errors below 1e-6 count as zero.
//! At the optimal ridge, no step in `N` may raise the risk beyond the same allowance, seeds paired.
//!
//! *Control.* The formulas of tanh for an experiment with the ReLU.

mod judge;
mod picture;

use nalgebra::{DMatrix, DVector};
use overparam_eval::check::Check;
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::Figure;
use overparam_linearized::Error;
use overparam_linearized::activation::Standard;
use overparam_linearized::asymptotics::{Energies, Prediction, optimal_lambda_bar, predict};
use overparam_linearized::data::{Target, sphere};
use overparam_linearized::hermite::Profile;
use overparam_linearized::models::{RandomFeatures, Samples};
use serde::{Deserialize, Serialize};

/// One set of random features on one sample, at all ridges and noise levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Dimension of the inputs.
    pub dimension: usize,
    /// `n`.
    pub samples: usize,
    /// `N`.
    pub features: usize,
    /// The features' activation.
    pub activation: String,
    /// The activation whose formulas predict: the same, except in the control.
    pub formulas: String,
    /// Index of target, data and noise, shared by all `N` and activations.
    pub seed: u64,
}

/// The fits of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Every noise level at every ridge.
    pub fits: Vec<Fit>,
}

/// One regression: what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// `tau^2`.
    pub noise: f64,
    /// `lambda`.
    pub lambda: f64,
    /// Whether `lambda` is the optimal one; otherwise one of [`LAMBDAS`].
    pub optimal: bool,
    /// Test risk, noise of the test labels not counted; `B` if `noise` is zero.
    pub risk: f64,
    /// `V`: mean square, on the test inputs, of fits to noise of variance 1 alone.
    pub variance: f64,
    /// Mean squared error on the sample.
    pub training_error: f64,
    /// `(N / d) ||a||^2`.
    pub norm_squared: f64,
}

/// The fixed ridges; the first stands for ridgeless.
pub const LAMBDAS: [f64; 4] = [1e-8, 1e-3, 1e-2, 1e-1];

/// The variances of the label noise; the target has energy 1.
const NOISES: [f64; 2] = [0.0, 0.5];

/// Draws of noise whose fits' mean square measures `V`: of one draw the square norm alone scatters by `sqrt(2 / n)`.
const ALONE: u64 = 4;

/// Ridgeless risks with `|N / n - 1|` below this are not compared, only their peak is found.
const PEAK: f64 = 0.2;

/// Training errors below this count as interpolation.
const INTERPOLATES: f64 = 1e-6;

/// `N / n` around the peak, at every scale.
const AROUND_PEAK: [f64; 5] = [0.9, 0.95, 1.0, 1.05, 1.1];

/// The claim.
pub struct DoubleDescent;

impl Claim for DoubleDescent {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "mei-2020/double-descent",
            statement: "Ridgeless random-features regression has a peak of the test error where features are as many as \
                        samples, and its minimum far past it; with the optimal ridge the peak is gone.",
            formula: "risk = F1^2 B + (tau^2 + Fs^2) V + Fs^2, with B, V explicit in N/d, n/d, lambda and mu_1/mu_*",
            sources: &[Source {
                citation: "Mei, Montanari: The generalization error of random features regression: precise asymptotics and \
                           the double descent curve (CPAM 2022)",
                place: "theorems 2 to 5, figures 1 to 6",
                url: "https://arxiv.org/abs/1908.05355",
            }],
            prediction: "test risk, bias, variance, training error and norm follow the exact asymptotics at every ridge; \
                         ridgeless peak at N = n; risk at the optimal ridge never increases with N",
            must_hold: "within 3 standard errors or 3% at 95% of the points, the worst within the simultaneous \
                        allowance; peak at N/n = 1 +/- 0.05, the far end below the first minimum; no rise at the \
                        optimal ridge",
            control: "the formulas of another activation",
            cpu_seconds: [2.0, 60.0, 500.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        [("relu", "relu"), ("tanh", "tanh")].into_iter().flat_map(|names| grid(plan, names)).collect()
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, ("relu", "tanh"))
    }

    fn cost(&self, cell: &Cell) -> f64 {
        3e-9 * (cell.features * cell.samples) as f64
            * (cell.features.min(cell.samples) + cell.dimension) as f64
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        regress(cell, context).map_err(CellError::new)
    }

    fn judge(&self, runs: &[Run<Cell, Outcome>]) -> Vec<Check> {
        judge::judge(runs)
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        picture::figures(&points(runs), &points(control))
    }
}

fn grid(plan: &Plan<'_>, (activation, formulas): (&str, &str)) -> Vec<Cell> {
    let (dimension, samples) = plan.by_scale([(100, 300), (200, 600), (300, 900)]);
    let away: &[f64] = plan.by_scale([
        &[0.1, 0.4, 3.3][..],
        &[0.034, 0.1, 0.2, 0.4, 0.6, 0.8, 1.25, 1.5, 2.0, 3.3][..],
        &[
            0.034, 0.067, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.2, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0,
            3.3,
        ][..],
    ]);
    let mut ratios = [away, &AROUND_PEAK[..]].concat();
    ratios.sort_by(f64::total_cmp);
    let cell = |seed: u64, ratio: f64| Cell {
        dimension,
        samples,
        features: (ratio * samples as f64).round() as usize,
        activation: activation.to_owned(),
        formulas: formulas.to_owned(),
        seed,
    };
    plan.seeds([6, 14, 20]).flat_map(|seed| ratios.iter().map(move |&r| cell(seed, r))).collect()
}

fn energies(noise: f64) -> Energies {
    Energies { linear: 1.0, nonlinear: 0.0, noise }
}

fn regress(cell: &Cell, context: &Context<'_>) -> Result<Outcome, Error> {
    let (d, n) = (cell.dimension, cell.samples);
    let activation: Standard = cell.activation.parse()?;
    let target = Target::single_index(context.shared("target", cell.seed), d, &[0.0, 1.0])?;
    let train = sphere(context.shared("training inputs", cell.seed), n, d);
    let test = sphere(context.shared("test inputs", cell.seed), 1_000, d);
    let noise = context.shared("label noise", cell.seed).normal_vector::<f64>(n, 1.0);
    let (signal, truth) = (target.values(&train), target.values(&test));
    // One column a noise level, and noise alone.
    let mut columns = NOISES.map(|tau2| &signal + &noise * tau2.sqrt()).to_vec();
    columns.extend(
        (0..ALONE).map(|i| context.shared("noise alone", cell.seed).indexed(i).normal_vector(n, 1.0)),
    );
    let labels = DMatrix::from_columns(&columns);
    let mut truths = NOISES.map(|_| truth.clone()).to_vec();
    truths.extend((0..ALONE).map(|_| DVector::zeros(truth.len())));
    let test_labels = DMatrix::from_columns(&truths);
    let random = RandomFeatures::on_sphere(context.own("weights"), cell.features, d);

    let formulas = Profile::of(&cell.formulas.parse::<Standard>()?)?;
    let ratio = |size: usize| size as f64 / d as f64;
    let mut lambdas = LAMBDAS.to_vec();
    for tau2 in NOISES {
        let (best, _) = optimal_lambda_bar(ratio(cell.features), ratio(n), formulas.zeta(), energies(tau2))?;
        lambdas.push((best * formulas.residual).max(LAMBDAS[0]));
    }
    let ridges: Vec<f64> = lambdas.iter().map(|lambda| lambda / d as f64).collect();
    let samples = Samples { inputs: &train, labels: &labels, test_inputs: &test, test_labels: &test_labels };
    let path = random.ridge_path(&activation, samples, &ridges)?;
    let mut fits = Vec::new();
    for (column, noise) in NOISES.into_iter().enumerate() {
        for (i, (fit, &lambda)) in path.iter().zip(&lambdas).enumerate() {
            let optimal = i >= LAMBDAS.len();
            if optimal && i != LAMBDAS.len() + column {
                continue;
            }
            let score = fit.scores[column];
            fits.push(Fit {
                noise,
                lambda,
                optimal,
                risk: score.test_error,
                variance: fit.scores[NOISES.len()..].iter().map(|s| s.test_error).sum::<f64>() / ALONE as f64,
                training_error: score.training_error,
                norm_squared: score.norm_squared / d as f64,
            });
        }
    }
    Ok(Outcome { fits })
}

/// All seeds of one regression, and what theory says of it.
struct Point<'a> {
    cell: &'a Cell,
    theory: Fit,
    fits: Vec<Fit>,
}

impl Point<'_> {
    fn ratio(&self) -> f64 {
        self.cell.features as f64 / self.cell.samples as f64
    }

    fn ridgeless(&self) -> bool {
        self.theory.lambda == LAMBDAS[0]
    }
}

/// One of the three quantities.
type Of = fn(&Fit) -> f64;

/// The points of the grid, ordered by activation and `N`, each with the fits in the order of [`Outcome::fits`].
fn points(runs: &[Run<Cell, Outcome>]) -> Vec<Point<'_>> {
    let mut points: Vec<Point<'_>> = Vec::new();
    for run in runs {
        for fit in &run.outcome.fits {
            let same = |p: &&mut Point<'_>| {
                let Cell { features, activation, .. } = p.cell;
                (features, activation) == (&run.cell.features, &run.cell.activation)
                    && (p.theory.noise, p.theory.optimal) == (fit.noise, fit.optimal)
                    && p.theory.lambda == fit.lambda
            };
            if let Some(point) = points.iter_mut().find(same) {
                point.fits.push(*fit);
            } else if let Some(theory) = theory(&run.cell, fit) {
                points.push(Point { cell: &run.cell, theory, fits: vec![*fit] });
            }
        }
    }
    points.sort_by_key(|p| (p.cell.activation.clone(), p.cell.features));
    points
}

/// The asymptotics of a fit.
fn theory(cell: &Cell, fit: &Fit) -> Option<Fit> {
    let ratio = |size: usize| size as f64 / cell.dimension as f64;
    let profile = Profile::of(&cell.formulas.parse::<Standard>().ok()?).ok()?;
    let Prediction { risk, variance, training_error, norm_squared, .. } =
        predict(ratio(cell.features), ratio(cell.samples), &profile, fit.lambda, energies(fit.noise)).ok()?;
    Some(Fit { risk, variance, training_error, norm_squared, ..*fit })
}
