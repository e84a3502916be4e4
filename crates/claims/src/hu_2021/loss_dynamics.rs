//! **hu-2021/loss-dynamics.** How the training loss of a wide net falls is told by the kernel's eigenpairs: a component of the
//! labels along an eigenvector is fitted at the rate of its eigenvalue. True labels lie along the top ones.
//!
//! *Source.* Arora, Du, Hu, Li, Wang 2019, theorem 4.1 and figure 1. *Experiment.* Images of two classes (label 0 or 1), unit
//! norm; two-layer ReLU nets (`hu_2021/two_layer.rs`), first layer trained by full-batch descent at rate `3.5 / n`. The second half of
//! the units mirrors the first with opposite signs, so that outputs start at 0.
//!
//! *Predicted.* The theorem: `u(k) - y = -(I - eta H)^k y + e(k)` with `||e(k)|| <= eps ||y||`. It leaves `eps` open; but the net's own
//! kernel is a mean over `m/2` independent neurons (a mirror image adds none), `H_m = H + D` with
//! `E D = 0`, and to first order in `D`, in the frame of `H = V diag(lambda) V^T` with `c = V^T y` and `rho = 1 - eta lambda`,
//!
//! ```text
//! e_a(k) = eta sum_b D_ab c_b S_ab(k),    S_ab = (rho_a^k - rho_b^k) / (rho_a - rho_b),    S_aa = k rho_a^(k-1)
//! E ||e(k)||^2 = (2/m) eta^2 E_w || ((V^T h_w V - diag(lambda)) o S(k)) c ||^2,    h_w = 1[X w > 0] 1[X w > 0]^T o X X^T
//! ```
//!
//! with one neuron `w` in the expectation (Monte Carlo, `loss_dynamics/theory.rs`). Judged is the ratio `Q` of `||e(k)||^2`, averaged over nets
//! and summed over twelve geometric `k`, to that, for labels that are fair coins: they have components along all eigenvectors. With
//! true labels the ratio agrees too, but one draw scatters by a factor. The speed of training is judged by the kernel as well: the
//! number of steps to a tenth of the loss for coins, over the same for true labels, against the ratio that the eigenpairs give.
//!
//! *What was wrong before.* The deviation was compared with 5%, which no theory gives; steps for coins with three times those for true labels,
//! which holds for any kernel; and the control was the kernel of permuted images.
//!
//! *Start.* With `u(0) = 0` nothing bounds the weights' scale `kappa` from above, and kinks that are crossed on the way, which the formula
//! neglects, cost about `kappa^(-2)`: in an independent simulation (NumPy, PyTorch; `n = 24`, `m = 512`) `Q` was 5.4, 1.09 and 1.0 at `kappa` = 1, 10 and
//! 100. So `kappa = 100`. What happens at the theorem's small `kappa` is in the table at `standard`, and not judged: the formula is for the
//! limit, and these widths are far from it there.
//!
//! *Tolerances.* The simulation had `Q = 1.04 +/- 0.03` (`n = 24`, `m = 512`) and `0.98 +/- 0.03` (`n = 50`, `m = 2048`); orders beyond the first need
//! `m >= 10 n`. The bound is a factor of 1.25: the nearest rival, `m` independent neurons, is at 2. Steps: a factor of 1.15.
//!
//! *Inputs* are rotated into their span, which changes neither the distribution of `X w` nor descent, and makes cost
//! independent of the number of pixels.
//!
//! *Control.* Mean-field scaling, `f = 1/m sum`, at `m` times the rate and `kappa = 1`. As ReLU is homogeneous it is the same net with
//! `kappa = m^(-1/2)`: the kernel at the start is the same, and features move.

mod experiment;
mod picture;
mod theory;

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Scale, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::table::Table;
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ARORA_DU_HU_LI_WANG;
use super::images::Data;

/// Nets trained on one draw of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// The images.
    pub data: Data,
    /// Training examples, `n`.
    pub examples: usize,
    /// Hidden units, `m`, even.
    pub width: usize,
    /// How weights start.
    pub start: Start,
    /// Nets trained on the coins.
    pub nets: u64,
    /// Steps of descent.
    pub steps: usize,
    /// Index of images, coins and nets.
    pub seed: u64,
}

/// Standard deviation of the weights at the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// This factor, `kappa`, whose loss is judged.
    Kappa(f64),
    /// `m^(-1/2)`, which is mean-field scaling.
    MeanField,
    /// This factor, whose loss is shown and not judged.
    Shown(f64),
}

impl Start {
    fn scale(self, width: usize) -> f64 {
        match self {
            Self::Kappa(kappa) | Self::Shown(kappa) => kappa,
            Self::MeanField => (width as f64).sqrt().recip(),
        }
    }
}

/// How training went, beside how it should have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Moments of training on the coins; empty if a net diverged.
    pub moments: Vec<Moment>,
    /// Steps to a tenth of the loss, interpolated, the geometric mean over nets: coins and true labels.
    pub steps: [Option<f64>; 2],
    /// The same by the kernel.
    pub predicted_steps: [Option<f64>; 2],
}

/// One moment of training on the coins, everything relative to `||y||^2`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// The step, `k`.
    pub step: usize,
    /// Mean over nets of the loss.
    pub loss: f64,
    /// By the kernel.
    pub predicted_loss: f64,
    /// Mean over nets of `||e(k)||^2`.
    pub deviation: f64,
    /// By the kernel's fluctuations, in units of `1/m`.
    pub predicted_deviation: f64,
    /// Mean over nets of the squared distance from what the NNGP kernel of the same trace would predict.
    pub from_nngp: f64,
}

/// The claim.
pub struct LossDynamics;

impl Claim for LossDynamics {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "hu-2021/loss-dynamics",
            statement: "The training loss of a wide net follows the kernel's eigenpairs: true labels lie along the top eigenvectors \
                        and are fitted faster than random ones.",
            formula: "u(k) - y = -(I - eta H)^k y + e(k), E |e(k)|^2 = (2/m) eta^2 E_w |((V^T h_w V - Lambda) o S(k)) V^T y|^2",
            sources: &[Source { place: "theorem 4.1 and figure 1", ..ARORA_DU_HU_LI_WANG }],
            prediction: "outputs at every step from the kernel alone; their mean squared distance from it from the fluctuation of \
                         one neuron's kernel; the ratio of steps that coins and true labels take",
            must_hold: "squared distance over the predicted one 1 within a factor 1.25, summed over the steps; ratio of steps to a tenth \
                        of the loss over the predicted one 1 within a factor 1.15",
            control: "mean-field scaling: the same kernel at the start, and features that move",
            cpu_seconds: [15.0, 150.0, 4000.0],
            size_ratio: [0.0024, 0.005, 0.02],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let mut cells = grid(plan, Start::Kappa(plan.by_scale([100.0, 100.0, 1000.0])));
        if plan.scale != Scale::Smoke {
            cells.extend(grid(plan, Start::Shown(1.0)));
        }
        cells
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Start::MeanField)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let (n, m) = (cell.examples as f64, cell.width as f64);
        (cell.nets as usize * cell.steps) as f64 * n * m * (4.0 * n + 20.0) / 1e10 + 0.05
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        match what {
            Doubling::Size => Some(Cell { width: 2 * cell.width, ..cell.clone() }),
            Doubling::Horizon => Some(Cell { steps: 2 * cell.steps, ..cell.clone() }),
        }
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        experiment::run(cell, context)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let judged = runs.only(|cell| !matches!(cell.start, Start::Shown(_)));
        let factor = theory.constant("2 in 2/m", 2.0);
        let speed = theory.constant("ratio of steps", 1.0);
        let sets = judged.distinct(|cell| cell.data.clone());
        sets.iter()
            .flat_map(|data| checks(&judged.only(|cell| cell.data == *data), data, [factor, speed]))
            .collect()
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        picture::figures(runs, control)
    }

    fn tables(&self, runs: &[Run<Cell, Outcome>]) -> Vec<Table> {
        picture::tables(runs)
    }
}

fn checks(runs: &Runs<'_, Cell, Outcome>, data: &Data, [factor, speed]: [f64; 2]) -> [Check; 2] {
    let name = data.name();
    let mut deviation = Check::new(
        format!("deviation-{name}"),
        format!("{name}: squared distance of outputs from the kernel's prediction, over the predicted one"),
        Bound::Factor { target: 1.0, factor: 1.25 },
    )
    .predicted("1")
    .because("higher orders at these widths; the nearest rival is a factor 2 away")
    .rival("m independent neurons instead of m/2 with mirror images", 2.0)
    .rival("independent entries of the kernel's fluctuation", 1.0 / 35.0)
    .rival("the eigenpairs of the NNGP kernel", 20.0)
    .control_fails()
    .missing_is_outside()
    .log_mean();
    let mut steps = Check::new(
        format!("steps-{name}"),
        format!("{name}: steps for coins over steps for true labels, over the predicted ratio"),
        Bound::Factor { target: 1.0, factor: 1.15 },
    )
    .predicted("1: from the eigenpairs and the labels' components")
    .because("finite width: a kernel that fluctuates fits its small eigenvalues more slowly")
    .rival("labels do not matter, on digits", 0.1)
    .control_fails()
    // A net that never reaches a tenth of its loss has no such number, and is not the kernel's.
    .missing_is_outside()
    .log_mean();
    for width in runs.distinct(|cell| cell.width) {
        let here = runs.only(|cell| cell.width == width);
        let place = format!("m = {width}");
        let ratio = |o: &Outcome| {
            let [coins, labels] = o.steps;
            let [predicted_coins, predicted_labels] = o.predicted_steps;
            Some(coins? / labels? / (speed * predicted_coins? / predicted_labels?))
        };
        deviation = deviation.at(&place, here.draws(|runs| deviation_ratio(runs.first()?, factor)));
        steps = steps.at(&place, here.draws(|runs| ratio(&runs.first()?.outcome)));
    }
    [deviation, steps]
}

/// `Q`; `None` if descent diverged.
fn deviation_ratio(run: &Run<Cell, Outcome>, factor: f64) -> Option<f64> {
    let moments = &run.outcome.moments;
    let measured: f64 = moments.iter().map(|m| m.deviation).sum();
    let predicted: f64 = moments.iter().map(|m| m.predicted_deviation).sum();
    (!moments.is_empty()).then(|| measured * run.cell.width as f64 / (factor * predicted))
}

fn grid(plan: &Plan<'_>, start: Start) -> Vec<Cell> {
    let (examples, widths, steps): (usize, &[usize], usize) =
        plan.by_scale([(24, &[512][..], 200), (50, &[1024, 2048], 300), (200, &[4096, 8192], 300)]);
    let mut cells = Vec::new();
    for data in Data::all(plan.inputs) {
        for seed in plan.seeds() {
            let cell =
                |&width: &usize| Cell { data: data.clone(), examples, width, start, nets: 8, steps, seed };
            cells.extend(widths.iter().map(cell));
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hu_2021::trial::Trial;

    #[test]
    fn wrong_theories_and_the_control_do_not_hold() {
        Trial::run(&LossDynamics, 4, 16).assert_sharp();
    }
}
