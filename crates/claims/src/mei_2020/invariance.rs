//! **mei-2020/invariance.** A kernel that is averaged over the cyclic shifts of the coordinates learns an invariant target in the same steps as the kernel
//! itself, each with a `d`-th of the samples.
//!
//! *Source.* Mei, Misiakiewicz, Montanari 2021: the cyclic group has degeneracy 1, so that `n ~ d^(l - 1)` samples do the work of `d^l`.
//! *Experiment.* Inputs uniform on the sphere in a prime dimension `d`; kernel `exp(0.05 t)`, `t` the cosine, plain or averaged over the `d` shifts of
//! one argument, evaluated as such on drawn points; isotropic invariant targets with energies 0.4, 0.3, 0.3 in degrees 2, 3, 4. The
//! covariance of such targets is the mean over shifts of the Gegenbauer polynomials, so that the risk is averaged over all of them exactly, as a
//! trace. What their energy is, is measured on the test inputs.
//!
//! *Predicted.* Averaging keeps every eigenvalue `l_k` on the invariant harmonics, and puts zero on all others. Of degree `k` there are `D_k`, the mean over the
//! shifts of their traces: 1, `(d - 1) / 2`, and `B_k / d` for `3 <= k < d`. With `n = sum_k D_k l_k / (l_k + kappa) + ridge / kappa` and
//! `s_k = l_k / (l_k + kappa)`, `risk = sum_k e_k (1 - s_k)^2 / (1 - sum_k D_k s_k^2 / n)`. For the plain kernel all `B_k` count.
//! `d (D_0 + D_1 + D_2) = B_0 + B_1 + B_2`, too: at `d n` samples the plain kernel has the risk that the averaged one has at `n`.
//!
//! *Bounds.* All ratios as logarithms within 0.10. An independent program (NumPy, 8 draws, `d = 23`, `n` = 38, 112, 289) was off by 0.032, 0.029, 0.004, which is
//! finite `d`. At `n <= D_2` the tails are heavy, and nothing is judged. Rivals: the steps of the plain kernel; half of the factor; no variance.
//!
//! *Control.* A target without the symmetry: isotropic in all harmonics of the same degrees. The averaged kernel cannot learn what is not
//! invariant, and that acts as noise of known energy, `sum_k e_k (1 - D_k / B_k)`. The risk never falls below that; it can be predicted as
//! well, and is (the check `generic`, on the experiment's own fits).

mod experiment;
mod picture;
mod theory;

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Doubling, Plan, Run, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use theory::Steps;

/// Which kernel is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// The mean over the cyclic shifts of one argument.
    Averaged,
    /// The kernel itself.
    Plain,
}

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Isotropic among the functions that cyclic shifts leave as they are.
    Invariant,
    /// Isotropic among all functions of the same degrees.
    Generic,
}

/// One fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Which kernel is fitted.
    pub kernel: Kernel,
    /// Which target is put in the place of the invariant one.
    pub target: Target,
    /// Dimension of the inputs, `d`: a prime number, or the factor is only approximately `d`.
    pub dimension: usize,
    /// Number of training samples.
    pub size: usize,
    /// Independent sets of inputs, over which the risk is averaged.
    pub repeats: usize,
    /// Index of the draw.
    pub seed: u64,
}

/// Risks, averaged over targets of energy 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Of invariant targets.
    pub invariant: f64,
    /// Of generic ones, by the same fit.
    pub generic: f64,
}

impl Cell {
    /// The risk that stands for that of the invariant target.
    fn risk(&self, outcome: &Outcome) -> f64 {
        match self.target {
            Target::Invariant => outcome.invariant,
            Target::Generic => outcome.generic,
        }
    }
}

/// In degrees 0 to 4.
const ENERGIES: [f64; 5] = [0.0, 0.0, 0.4, 0.3, 0.3];

/// Of the kernel `exp(GAIN t)`.
const GAIN: f64 = 0.05;

/// Added to the kernel's diagonal.
const RIDGE: f64 = 1e-13;

/// Of all checks.
const TOLERANCE: f64 = 0.10;

/// The claim.
pub struct Invariance;

impl Claim for Invariance {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "mei-2020/invariance",
            statement: "A kernel averaged over the cyclic shifts of the coordinates learns an invariant target in the same steps as the \
                        kernel itself, each with a d-th of the samples.",
            formula: "risk of the averaged kernel at n samples = risk of the kernel at d n samples",
            sources: &[Source {
                citation: "Mei, Misiakiewicz, Montanari: Learning with invariances in random features and kernel models (COLT 2021)",
                place: "section 2: the cyclic group has degeneracy 1, and saves a factor d",
                url: "https://arxiv.org/abs/2102.13219",
            }],
            prediction: "the risk of the averaged kernel at finite size, with the multiplicities of invariant harmonics; of the plain kernel \
                         on the same targets; of the averaged kernel on targets that are not invariant",
            must_hold: "ln(measured / predicted) of all three within 0.10; ln(risk at d n samples, plain / risk at n samples, averaged) \
                        within 0.10 of 0",
            control: "a target without the symmetry, isotropic in all harmonics of the same degrees",
            cpu_seconds: [25.0, 80.0, 700.0],
            size_ratio: [0.1, 0.1, 0.1],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let mut cells = grid(plan, Target::Invariant);
        for seed in plan.seeds() {
            let (dimension, target, repeats) = (23, Target::Invariant, 4);
            let plain = |size| Cell { kernel: Kernel::Plain, target, dimension, size, repeats, seed };
            cells.extend([38, 112, 289].map(plain));
        }
        cells
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, Target::Generic)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let (n, d, tests) = (cell.size as f64, cell.dimension as f64, experiment::TESTS as f64);
        let shifts = if cell.kernel == Kernel::Averaged { 5e-9 } else { 1e-9 };
        cell.repeats as f64 * n * (n + tests) * (d * shifts + 5e-11 * n)
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        // The plain kernel would take d times the samples of the averaged one, in twice the dimension.
        if what != Doubling::Size || cell.kernel == Kernel::Plain {
            return None;
        }
        let dimension = (2 * cell.dimension..).find(|&d| is_prime(d))?;
        let size = theory::same_place(cell.size, cell.dimension, dimension);
        Some(Cell { dimension, size, ..cell.clone() })
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        if cell.dimension < 3 || cell.size == 0 || cell.repeats == 0 {
            return Err(CellError::new(format!(
                "dimension is {}, size {} and repeats {}, but must be at least 3, 1 and 1",
                cell.dimension, cell.size, cell.repeats
            )));
        }
        experiment::fit(cell, context)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let averaged = runs.only(|c| c.kernel == Kernel::Averaged);
        let plain = runs.only(|c| c.kernel == Kernel::Plain);
        let mut checks = vec![steps(&averaged, theory), generic(&averaged, theory)];
        // The control has the plain kernel only where the two are compared.
        if plain.cells().any(|c| c.size <= 12 * c.dimension) {
            checks.push(unshifted(&plain, theory));
        }
        checks.extend(shift(runs, theory));
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![picture::figure(runs, control)]
    }
}

/// The averaged kernel after degree 2, at the peak of degree 3 and in degree 4; the plain one at `d` times some of these numbers of samples.
fn grid(plan: &Plan<'_>, target: Target) -> Vec<Cell> {
    let averaged: &[(usize, usize)] = plan.by_scale([
        &[(23, 38), (23, 112), (23, 289)][..],
        &[(23, 38), (23, 112), (23, 289), (31, 61), (31, 192)],
        &[(23, 38), (23, 112), (23, 289), (47, 123), (47, 416), (47, 1770)],
    ]);
    let plain: &[(usize, usize)] =
        plan.by_scale([&[(23, 38)][..], &[(23, 38), (31, 61)], &[(23, 38), (23, 112), (47, 123)]]);
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        let cell =
            |kernel, (dimension, size), repeats| Cell { kernel, target, dimension, size, repeats, seed };
        cells.extend(averaged.iter().map(|&place| cell(Kernel::Averaged, place, 4)));
        cells.extend(plain.iter().map(|&(d, n)| cell(Kernel::Plain, (d, d * n), 1)));
    }
    cells
}

fn is_prime(n: usize) -> bool {
    n > 1 && (2..).take_while(|k| k * k <= n).all(|k| !n.is_multiple_of(k))
}

fn ln(what: f64, of: f64) -> f64 {
    (what / of).ln()
}

fn new(id: &str, quantity: &str) -> Check {
    Check::new(id, quantity, Bound::Within { target: 0.0, tolerance: TOLERANCE }).mean()
}

/// A risk in this dimension with this many samples.
type Formula<'a> = &'a dyn Fn(usize, f64) -> Option<f64>;

/// What is measured at each place against a prediction, and what rivals say in its stead. A rival is excluded if it is excluded somewhere.
fn compare(
    mut check: Check,
    runs: &Runs<'_, Cell, Outcome>,
    measured: impl Fn(&Run<Cell, Outcome>) -> f64,
    predicted: impl Fn(usize, f64) -> Option<f64>,
    rivals: &[(&str, Formula<'_>)],
) -> Check {
    let mut farthest = vec![0.0f64; rivals.len()];
    for (dimension, size) in runs.distinct(|c| (c.dimension, c.size)) {
        let here = runs.only(|c| (c.dimension, c.size) == (dimension, size));
        let Some(theory) = predicted(dimension, size as f64) else {
            continue;
        };
        let draws = here.draws(|runs| Some(ln(measured(runs.first()?), theory)));
        check = check.at(format!("d = {dimension}, n = {size}"), draws);
        for (farthest, (_, rival)) in farthest.iter_mut().zip(rivals) {
            let value = rival(dimension, size as f64).map_or(0.0, |rival| ln(rival, theory));
            if value.abs() > farthest.abs() {
                *farthest = value;
            }
        }
    }
    let named = rivals.iter().map(|(name, _)| *name).zip(farthest).filter(|(_, value)| *value != 0.0);
    named.fold(check, |check, (name, value)| check.rival(name, value))
}

/// The averaged kernel on the target that it is made for.
fn steps(averaged: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let of = |kernel, d, n| Steps::of(d, n, kernel, Target::Invariant, theory);
    let check = new("steps", "averaged kernel, invariant target: ln(measured / predicted risk)")
        .predicted("0")
        .because(
            "finite d: 0.03 in simulations by other code; the nearest rival is farther than twice the bound",
        )
        .control_fails();
    compare(
        check,
        averaged,
        |run| run.cell.risk(&run.outcome),
        |d, n| Some(of(Kernel::Averaged, d, n)?.risk),
        &[
            ("no shift: the steps of the plain kernel", &|d, n| Some(of(Kernel::Plain, d, n)?.risk)),
            ("half of the factor d", &|d, n| Some(of(Kernel::Averaged, d, n / 2.0)?.risk)),
            ("no variance factor: sum of e (1 - s)^2", &|d, n| Some(of(Kernel::Averaged, d, n)?.no_variance)),
        ],
    )
}

/// The same fits on a target without the symmetry.
fn generic(averaged: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let of = |d, n| Steps::of(d, n, Kernel::Averaged, Target::Generic, theory);
    let check = new("generic", "averaged kernel, target without the symmetry: ln(measured / predicted risk)")
        .predicted("0: what is not invariant is noise that stays")
        .because("as for the invariant target");
    compare(
        check,
        averaged,
        |run| run.outcome.generic,
        |d, n| Some(of(d, n)?.risk),
        &[
            ("what is not invariant disturbs nothing", &|d, n| Some(of(d, n)?.harmless)),
            ("learned like an invariant target", &|d, n| {
                Some(Steps::of(d, n, Kernel::Averaged, Target::Invariant, theory)?.risk)
            }),
        ],
    )
}

/// The plain kernel on the invariant target: its steps are where they are for any target.
fn unshifted(plain: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let of = |kernel, d, n| Steps::of(d, n, kernel, Target::Invariant, theory);
    let check = new("plain", "plain kernel, invariant target: ln(measured / predicted risk)")
        .predicted("0: the target's symmetry does not help a kernel that does not know it")
        .because("as for the averaged kernel");
    compare(
        check,
        plain,
        |run| run.cell.risk(&run.outcome),
        |d, n| Some(of(Kernel::Plain, d, n)?.risk),
        &[
            ("the target alone shifts the steps", &|d, n| Some(of(Kernel::Averaged, d, n)?.risk)),
            ("no variance factor: sum of e (1 - s)^2", &|d, n| Some(of(Kernel::Plain, d, n)?.no_variance)),
        ],
    )
}

/// The statement itself: the plain kernel at `d n` samples against the averaged one at `n`.
fn shift(runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Option<Check> {
    let of = |kernel, d, n| Some(Steps::of(d, n, kernel, Target::Invariant, theory)?.risk);
    let mut check = new(
        "shift",
        "ln(risk of the plain kernel at d n / risk of the averaged kernel at n), less its prediction",
    )
    .predicted("0; the ratio itself is predicted to be 1 within 0.001")
    .because("as for the averaged kernel")
    .control_fails();
    let (mut unshifted, mut half) = (0.0f64, 0.0f64);
    for (dimension, size) in runs.distinct(|c| (c.dimension, c.size)) {
        let wanted = |c: &Cell| match c.kernel {
            Kernel::Averaged => (c.dimension, c.size) == (dimension, size),
            Kernel::Plain => (c.dimension, c.size) == (dimension, size * dimension),
        };
        let pair = runs.only(wanted);
        if pair.distinct(|c| c.kernel).len() < 2 {
            continue;
        }
        let (d, n) = (dimension, size as f64);
        let (early, late) = (of(Kernel::Averaged, d, n)?, of(Kernel::Plain, d, n * d as f64)?);
        let predicted = ln(late, early);
        let draws = pair.draws(|runs| {
            let risk =
                |kernel| runs.iter().find(|r| r.cell.kernel == kernel).map(|r| r.cell.risk(&r.outcome));
            Some(ln(risk(Kernel::Plain)?, risk(Kernel::Averaged)?) - predicted)
        });
        check = check.at(format!("d = {d}, n = {size}"), draws);
        unshifted = ln(late, of(Kernel::Plain, d, n)?) - predicted;
        half = ln(late, of(Kernel::Plain, d, 0.5 * n * d as f64)?) - predicted;
    }
    let paired = !check.places.is_empty();
    paired.then(|| check.rival("no shift", unshifted).rival("half of the factor d", half))
}

#[cfg(test)]
mod tests;
