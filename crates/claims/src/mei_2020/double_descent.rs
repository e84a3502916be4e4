//! **mei-2020/double-descent.** Ridgeless random-features regression has a peak at `N = n` and its global minimum far past
//! it; the optimal ridge removes the peak.
//!
//! *Source.* Mei, Montanari 2022, theorems 2 to 5, figures 1 to 6.
//!
//! *Experiment.* `N` random features of inputs uniform on the sphere of dimension `d`, two values of `psi2 = n / d` (1.5 and 3),
//! `psi1 = N / d` from 0.2 to 3.3 times that, ReLU and tanh. Targets have a linear part of energy `F1^2 = 1` and a harmonic of degree
//! 2 (tanh: 3) of energy `F*^2 = 0.5`; label noise has variance `tau^2 = 0.5`. A fit is linear in its labels, so means over all such
//! targets and all noise are traces, and these are taken exactly: what a draw scatters by is its inputs and weights. A
//! ridge of 1e-8 stands for ridgeless on both sides.
//!
//! *Predicted.* As `d -> inf`, `risk = F1^2 B + (tau^2 + F*^2) V + F*^2` with `B`, `V` explicit, and training error and norm
//! `(N / d) ||a||^2` as well ([`overparam_linearized::asymptotics`]). The harmonic of higher degree counts as noise, because `n ~ d` samples
//! cannot tell it from noise: its unit energy leaves `1 + V`.
//!
//! *One number per draw.* `ln(measured / predicted)`, averaged over `N / n` and ridges of one seed, activation and `psi2`: the pooled
//! deviation. At finite `d` it is of order `1/d`; with the same at `2d`, `2 L(2d) - L(d)` removes that order. Simulations in
//! other code (NumPy, formulas of definition 1 of the paper) had -0.017 at `d = 50`, -0.009 at 100, -0.003 at 200 for the ReLU at
//! `psi2 = 3`, with a spread of 0.004 between draws. Points with `|N / n - 1| < 0.2` without ridge have heavy tails and are left
//! out of the means.
//!
//! *Bounds.* Pooled and extrapolated: the risk within 0.03 (a third of the nearest rival, and one and a half times a draw's scatter); bias, variance, the harmonic's part, training error and norm within 0.05
//! each, as errors of `B` and `V` could cancel in their sum. At each `N / n` alone, ridges pooled, within 0.15 at the larger `d`. Rivals are
//! formulas: the other activation's, the other `psi2`'s, the harmonic left out of the noise, an ungeneralised `B` (that of infinitely many features).
//! Then the three words of the statement: the ridgeless peak lies at `N = n` (rival: at `N = d`); past it the bias falls
//! below its minimum over `N < n` by the factor that the formulas say (rival: to that minimum, 1); at the ridge which the
//! formulas call optimal no step in `N` raises the risk (rival: the ridgeless step up to the peak).
//!
//! *Control.* The formulas of tanh for an experiment with the ReLU: the activation enters through `mu_1^2 / mu_*^2` alone, and that is
//! what is taken away.

mod experiment;
mod judge;
mod picture;
mod theory;

use overparam_eval::check::Check;
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use experiment::{Fit, Outcome};

/// One set of random features on one sample, at all ridges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Dimension of the inputs.
    pub dimension: usize,
    /// Training examples, `n`.
    pub samples: usize,
    /// Random features, `N`.
    pub features: usize,
    /// The features' activation.
    pub activation: String,
    /// The activation whose formulas predict: the same, except in the control.
    pub formulas: String,
    /// Degree of the target's nonlinear part.
    pub degree: usize,
    /// Index of the inputs, shared by all `N` and activations.
    pub seed: u64,
}

impl Cell {
    fn ratio(&self) -> f64 {
        self.features as f64 / self.samples as f64
    }

    /// Activation and `100 n / d`: what makes a series of points.
    fn series(&self) -> Series {
        (self.activation.clone(), self.formulas.clone(), 100 * self.samples / self.dimension)
    }

    /// `100 N / n`, rounded.
    fn percent(&self) -> usize {
        (100.0 * self.ratio()).round() as usize
    }
}

/// Activation, formulas, `100 psi2`.
type Series = (String, String, usize);

/// The fixed ridges; the first stands for ridgeless.
pub const LAMBDAS: [f64; 3] = [1e-8, 1e-3, 1e-1];

/// `F1^2`, `F*^2`, `tau^2`.
const ENERGIES: (f64, f64, f64) = (1.0, 0.5, 0.5);

/// Ridgeless fits with `|N / n - 1|` below this have heavy tails.
const PEAK: f64 = 0.19;

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
            prediction: "test risk, its parts, training error and norm follow the exact asymptotics at every ridge; \
                         ridgeless peak at N = n; risk at the optimal ridge never increases with N",
            must_hold: "ln(measured / asymptotics), pooled over points and extrapolated in 1/d: 0 +/- 0.03 for the risk, 0 +/- \
                        0.05 for each part, training error and norm; at each N/n 0 +/- 0.15; peak at N/n = 1, second descent as \
                        deep as predicted, no rise at the optimal ridge",
            control: "the formulas of another activation",
            cpu_seconds: [20.0, 300.0, 3000.0],
            size_ratio: [0.33, 0.67, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        [("relu", "relu"), ("tanh", "tanh")].into_iter().flat_map(|names| grid(plan, names)).collect()
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, ("relu", "tanh"))
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let rank = cell.features.min(cell.samples) as f64;
        2e-10 * cell.samples as f64 * rank * (experiment::TESTS as f64 * 6.0 + 10.0 * rank)
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        (what == Doubling::Size).then(|| Cell {
            dimension: 2 * cell.dimension,
            samples: 2 * cell.samples,
            features: 2 * cell.features,
            ..cell.clone()
        })
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        experiment::regress(cell, context).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        judge::judge(runs, theory)
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        picture::figures(runs, control)
    }
}

fn grid(plan: &Plan<'_>, (activation, formulas): (&str, &str)) -> Vec<Cell> {
    let dimensions = plan.by_scale([[50, 100], [100, 200], [150, 300]]);
    let ratios: &[f64] = plan.by_scale([
        &[0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 3.3][..],
        &[0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 2.5, 3.3][..],
        &[0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.3],
    ]);
    let degree = if activation == "relu" { 2 } else { 3 };
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        for dimension in dimensions {
            for samples in [3 * dimension / 2, 3 * dimension] {
                cells.extend(ratios.iter().map(|ratio| Cell {
                    dimension,
                    samples,
                    features: (ratio * samples as f64).round() as usize,
                    activation: activation.to_owned(),
                    formulas: formulas.to_owned(),
                    degree,
                    seed,
                }));
            }
        }
    }
    cells
}
