//! **mei-2020/staircase.** The test error of kernel ridge regression, random features and tangent features falls in steps:
//! `n ~ d^l` samples, or as many parameters, learn a target's content of degree at most `l` and nothing else.
//!
//! *Source.* Ghorbani, Mei, Misiakiewicz, Montanari 2021, theorems 1 to 4. *Experiment.* Inputs uniform on the sphere; targets are
//! isotropic with energies 0.4, 0.3, 0.3 in degrees 1, 2, 3, and every risk is averaged over all of them exactly, as a
//! trace. Kernel: `exp(0.02 t)`, `t` the cosine, on drawn points (a Gaussian kernel of wide bandwidth: its masses fall from degree to
//! degree by 1 : 1e-2 : 6e-5, without a spectrum being chosen). Random and tangent features of `exp(0.1 z)`, infinitely many
//! samples; their moments are `E exp(<a, x>) = 0F1(d/2; d |a|^2 / 4)` and its derivatives.
//!
//! *Predicted for the kernel.* With `c_k` the mass, `B_k` the multiplicity, `l_k = c_k / B_k` the eigenvalue and `kappa` from
//! `n = sum_k B_k l_k / (l_k + kappa) + ridge / kappa`, `s_k = l_k / (l_k + kappa)`:
//! `risk = sum_k e_k (1 - s_k)^2 / (1 - sum_k B_k s_k^2 / n)`. Steep masses make peaks where `n` meets the multiplicity of a
//! degree, and plateaus between: no straight line in `ln n` comes near.
//!
//! *Predicted for features.* Their risk has no peaks, and a straight line nearly fits it. So the share left of each degree is
//! judged. Random features leave `kappa / (l_k + kappa)`, with `kappa` from `N = sum_k B_k l_k / (l_k + kappa)` and `l_k` the square of the
//! activation's coefficient. With infinitely steep masses this would be counting: `N` features first take up all of the degrees below
//! `k`, then `N - B_(<k)` of the `B_k` directions of degree `k`. At a corner, `N = B_(<=k)`, counting is off by 0.05, and is a rival.
//! Tangent features of `N` neurons are `x_j s'(<w, x>)`: to leading order all are linear, differences between
//! neurons are `x_j <w_a - w_1, x>`, and the quadratic forms that `N - 1` such directions do not touch are those on
//! their complement: `(d - N + 1)(d - N + 2) / 2`, less the trace. So degree 2 needs `N = d + 1` neurons, about
//! `2 B_2` parameters; half of them are lost to symmetry. This is our derivation, not the source's. (The deterministic equivalent for
//! features without blocks says 0.30 at 8 neurons, `d = 12`, where 0.34 is left.)
//!
//! *Bounds.* `ln(measured / predicted)` within 0.05 on steps and plateaus, 0.15 at the peaks of degree 1, whose scatter is ten times
//! as large; shares within 0.005 (random) and 0.02 (tangent features; the masses are not infinitely steep). Rivals: the first
//! power `sum_k e_k (1 - s_k)` of interpolation without variance; no variance factor; the best straight line in `ln n`; all degrees learned
//! alike; degrees learned strictly one after another; parameters of tangent features all counting.
//!
//! *Control.* For the kernel: the energy of degree 3 in degree 8 instead, where more samples do not help.

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

use theory::{Left, Steps, random_left, straight_line, tangent_left};

/// What is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Kernel ridge regression on `size` samples.
    Kernel,
    /// `size` random features, infinitely many samples.
    RandomFeatures,
    /// Tangent features of `size` neurons, infinitely many samples.
    Tangent,
}

/// One fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// What is fitted.
    pub model: Model,
    /// Dimension of the inputs, `d`.
    pub dimension: usize,
    /// Samples, features or neurons.
    pub size: usize,
    /// The degree in which the target has the energy that the prediction has in degree 3.
    pub third: usize,
    /// Index of inputs or weights.
    pub seed: u64,
}

/// What the fit leaves, averaged over targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Of the energy in degrees 1, 2 and the third, the share.
    pub left: [f64; 3],
}

impl Outcome {
    /// `E (f - fit)^2`.
    fn risk(&self) -> f64 {
        self.left.iter().zip(&ENERGIES[1..]).map(|(left, energy)| left * energy).sum()
    }
}

/// In degrees 0 to 3.
const ENERGIES: [f64; 4] = [0.0, 0.4, 0.3, 0.3];

/// Of the kernel `exp(GAIN t)`.
const GAIN: f64 = 0.02;

/// Of the activation `exp(SLOPE z)`.
const SLOPE: f64 = 0.1;

/// Added to the kernel's diagonal.
const RIDGE: f64 = 1e-13;

/// The claim.
pub struct Staircase;

impl Claim for Staircase {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "mei-2020/staircase",
            statement: "The test error of kernel ridge regression, random features and tangent features falls in steps: d^l \
                        samples or parameters learn a target's content of degree at most l and nothing else.",
            formula: "risk = ||P_{>l} f||^2 for d^l << n << d^(l+1)",
            sources: &[Source {
                citation: "Ghorbani, Mei, Misiakiewicz, Montanari: Linearized two-layers neural networks in high dimension \
                           (Annals of Statistics 2021)",
                place: "theorems 1 to 4",
                url: "https://arxiv.org/abs/1904.12191",
            }],
            prediction: "kernel: plateaus and peaks of the risk at finite size; the share left of each degree: by random features from the \
                         spectrum of their kernel, by tangent features by counting dimensions",
            must_hold: "ln(measured / predicted) of the kernel's risk within 0.05 on steps and plateaus, 0.15 at the first peak; shares \
                        left of each degree within 0.005 (random features) and 0.02 (tangent features)",
            control: "the energy of degree 3 moved to degree 8",
            cpu_seconds: [15.0, 300.0, 4000.0],
            size_ratio: [0.1, 0.1, 0.1],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let neurons: &[f64] =
            plan.by_scale([&[0.25, 0.5, 0.75][..], &[0.1, 0.25, 0.5, 0.75], &[0.1, 0.25, 0.5, 0.75]]);
        let wide = plan.by_scale([24, 40, 60]);
        let second = (wide * (wide + 1) / 2 - 1) as f64;
        // Of the directions of degree 2; the last is the corner.
        let random: &[f64] =
            plan.by_scale([&[0.3, 0.7, 1.0][..], &[0.2, 0.5, 0.8, 1.0], &[0.2, 0.5, 0.8, 1.0]]);
        let mut cells = kernel_cells(plan, 3);
        for seed in plan.seeds() {
            let cell = |model, size| Cell { model, dimension: wide, size, third: 3, seed };
            let features = |share: &f64| 1 + wide + (share * second).round() as usize;
            cells.extend(random.iter().map(|share| cell(Model::RandomFeatures, features(share))));
            let count = |share: &f64| (share * wide as f64).round() as usize;
            cells.extend(neurons.iter().map(|share| cell(Model::Tangent, count(share))));
        }
        cells
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        kernel_cells(plan, 8)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let size = if cell.model == Model::Tangent { cell.size * cell.dimension } else { cell.size } as f64;
        match cell.model {
            Model::Kernel => 2e-3 + 1e-10 * size * size * (size + 6.0 * experiment::TESTS as f64),
            _ => 5e-3 + 2e-10 * size.powi(3),
        }
    }

    fn doubled(&self, cell: &Cell, what: Doubling) -> Option<Cell> {
        // The same place on the staircase: the size grows with the multiplicity of the degree that it is in.
        let d = cell.dimension;
        let degree = if cell.size <= d + 1 { 1 } else { 2 };
        let grown =
            |size: usize| match cell.model {
                Model::Tangent => 2 * size,
                _ => (size as f64 * theory::multiplicity(2 * d, degree) / theory::multiplicity(d, degree))
                    .round() as usize,
            };
        (what == Doubling::Size).then(|| Cell { dimension: 2 * d, size: grown(cell.size), ..cell.clone() })
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        experiment::fit(cell, context).map(|left| Outcome { left })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        let mut checks = kernel_checks(&runs.only(|c| c.model == Model::Kernel), theory);
        let random = runs.only(|c| c.model == Model::RandomFeatures);
        let tangent = runs.only(|c| c.model == Model::Tangent);
        checks.extend((!random.is_empty()).then(|| random_shares(&random, theory)));
        checks.extend((!tangent.is_empty()).then(|| tangent_shares(&tangent, theory)));
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![picture::figure(runs, control)]
    }
}

fn kernel_cells(plan: &Plan<'_>, third: usize) -> Vec<Cell> {
    // Dimension and samples: the peak of degree 1, plateau and peak of degree 2, half-way through degree 3.
    let places: &[(usize, usize)] = plan.by_scale([
        &[(20, 69), (20, 230), (20, 634), (60, 61), (60, 340)][..],
        &[(20, 69), (20, 230), (20, 634), (20, 1750), (60, 61), (60, 340), (60, 1890)],
        &[
            (20, 69),
            (20, 230),
            (20, 634),
            (20, 1750),
            (60, 61),
            (60, 340),
            (60, 1890),
            (120, 121),
            (120, 1500),
            (120, 7380),
        ],
    ]);
    let at = |seed: u64| {
        places.iter().map(move |&(dimension, size)| Cell {
            model: Model::Kernel,
            dimension,
            size,
            third,
            seed,
        })
    };
    plan.seeds().flat_map(at).collect()
}

/// The kernel's risk at every place, peaks of degree 1 apart.
fn kernel_checks(kernel: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
    let ln = |what: f64, of: f64| (what / of).ln();
    let steps = Check::new(
        "kernel",
        "kernel ridge regression on steps and plateaus: ln(measured / predicted risk)",
        Bound::Within { target: 0.0, tolerance: 0.05 },
    )
    .predicted("0")
    .because("finite d: below 0.02 in simulations by other code")
    .control_fails()
    .mean();
    let peaks = Check::new(
        "kernel-peak",
        "kernel ridge regression at the peak of degree 1: ln(measured / predicted risk)",
        Bound::Within { target: 0.0, tolerance: 0.15 },
    )
    .predicted("0: the variance factor is largest here")
    .because("three times the tolerance of the plateaus, for ten times their scatter")
    .mean();
    let places = kernel.distinct(|c| (c.dimension, c.size));
    let add = |check: Check, wanted: &dyn Fn(usize, usize) -> bool| {
        let (mut check, mut line) = (check, Vec::new());
        // The largest that a rival says anywhere: it is excluded if it is excluded there.
        let mut rivals = [0.0f64; 3];
        for &(dimension, size) in places.iter().filter(|(d, n)| wanted(*d, *n)) {
            let here = kernel.only(|c| (c.dimension, c.size) == (dimension, size));
            let Some(Steps { risk, first_power, no_variance }) = Steps::of(dimension, size as f64, theory)
            else {
                continue;
            };
            let draws = here.draws(|runs| Some(ln(runs.first()?.outcome.risk(), risk)));
            check = check.at(format!("d = {dimension}, n = {size}"), draws);
            line.push((dimension, (size as f64).ln(), risk.ln()));
            for (rival, value) in rivals.iter_mut().zip([ln(first_power, risk), ln(no_variance, risk)]) {
                if value.abs() > rival.abs() {
                    *rival = value;
                }
            }
        }
        rivals[2] = straight_line(&line);
        let names = [
            "interpolation without variance: sum of e (1 - s)",
            "no variance factor: sum of e (1 - s)^2",
            "the best straight line in ln n through theory itself",
        ];
        names
            .into_iter()
            .zip(rivals)
            .filter(|(_, value)| *value != 0.0)
            .fold(check, |c, (name, v)| c.rival(name, v))
    };
    let peak = |d: usize, n: usize| n <= d + 1;
    vec![add(steps, &|d, n| !peak(d, n)), add(peaks, &peak)]
}

fn random_shares(features: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let check = Check::new(
        "random",
        "random features: share left of a degree, less the predicted one",
        Bound::Within { target: 0.0, tolerance: 0.005 },
    )
    .predicted("0: kappa over eigenvalue and kappa")
    .because("a tenth of what counting misses at a corner")
    .mean();
    let mut rivals = [0.0f64; 2];
    let check = at_every_size(check, features, "N", |dimension, size| {
        let Some(Left { left, alike, counted }) = random_left(dimension, size, theory) else {
            return [f64::NAN; 3];
        };
        rivals = [farthest(rivals[0], &alike, &left), farthest(rivals[1], &counted, &left)];
        left
    });
    check
        .rival("all degrees are learned alike", rivals[0])
        .rival("counting: a degree begins when the ones below are learned", rivals[1])
}

fn tangent_shares(features: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Check {
    let check = Check::new(
        "tangent",
        "tangent features: share left of a degree, less its count",
        Bound::Within { target: 0.0, tolerance: 0.02 },
    )
    .predicted("0: dimensions not yet taken over dimensions of the degree")
    .because("masses that are not infinitely steep round the corners; between the corners by less than this")
    .mean();
    let mut rival = 0.0f64;
    let check = at_every_size(check, features, "neurons", |dimension, size| {
        let (left, all) = tangent_left(dimension, size, theory);
        rival = farthest(rival, &all, &left);
        left
    });
    check.rival("every parameter beyond d counts", rival)
}

/// The largest distance, with its sign, of a rival from the prediction: it is excluded if it is excluded there.
fn farthest(so_far: f64, rival: &[f64; 3], predicted: &[f64; 3]) -> f64 {
    let differences = rival.iter().zip(predicted).map(|(rival, predicted)| rival - predicted);
    differences.fold(so_far, |far, next| if next.abs() > far.abs() { next } else { far })
}

/// The share left of each degree less the predicted one, at every size.
fn at_every_size(
    mut check: Check,
    features: &Runs<'_, Cell, Outcome>,
    what: &str,
    mut predicted: impl FnMut(usize, usize) -> [f64; 3],
) -> Check {
    for (dimension, size) in features.distinct(|c| (c.dimension, c.size)) {
        let here = features.only(|c| (c.dimension, c.size) == (dimension, size));
        let predicted = predicted(dimension, size);
        for degree in [1, 2, 3] {
            let draws =
                here.draws(|runs| Some(runs.first()?.outcome.left[degree - 1] - predicted[degree - 1]));
            check = check.at(format!("d = {dimension}, {what} = {size}, degree {degree}"), draws);
        }
    }
    check
}

#[cfg(test)]
mod tests;
