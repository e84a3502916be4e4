//! **fang-2022/two-level-convexity.** In the limit of infinite width a two-level network is convex in the distribution of its
//! features: noisy descent on `m` features reaches the global minimum, at a cost of `O(1/m)` for finite `m`.
//!
//! *Source.* Fang, Dong, Zhang 2019 (convexity, and that noisy descent learns the optimal population); Mei, Montanari, Nguyen
//! 2018 (particles and their limit). *Experiment.* Twenty points of a sine mixture, features `tanh(w_1 x + w_2 / 2)`, the top
//! layer ridge-regularised, the features entropically ([`overparam_feature_flow::two_level`] has the objective `F`). `m`
//! features descend with noise from the reference population; after a burn-in, the residual of the net is averaged over: it
//! stands for a population `rho_z`, whose excess `F(rho_z) - F*` is the gap. `F*` is found without particles: Newton's
//! method on the dual over a grid of features, to a duality gap of 1e-10.
//!
//! *Predicted.* `F(rho_z) - F* = C / m` with `C` computed from the optimum (no fitted constant), and the net's own loss and
//! ridge tend to the optimum's.
//!
//! *Tolerances.* 1% of `F*` at the largest `m`; slope -1 within 0.3, both from CLAIMS.md. `F` is a sum of non-negative terms
//! that vanishes for nobody, so a share of `F*` is a strict unit.
//!
//! *Size.* The temperature is 0.02. At 0.01, the first choice, the computed `C / F*` is 2.1 instead of 1.1 and features relax
//! half as fast, so that `smoke` could not decide.
//!
//! *Control.* One to three features, fewer than the optimum needs: no residual of theirs stands for the optimal population.

use nalgebra::{DMatrix, DVector};
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::Error;
use overparam_feature_flow::activation::Activation;
use overparam_feature_flow::two_level::{Dictionary, NoisyDescent, Optimum, Particles, TwoLevel};
use serde::{Deserialize, Serialize};

use crate::summary::{distinct, exponent};

/// One net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// `m`.
    pub features: usize,
    /// Steps after the burn-in, over which the residual is observed every `EVERY` steps.
    pub steps: usize,
    /// Index of start and noise.
    pub seed: u64,
}

/// What the net says of the convex problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `F(rho_z) - F*` as a share of `F*`, mean over the observed steps.
    pub gap: f64,
    /// The prediction for it, `C / (m F*)`.
    pub predicted: f64,
    /// Loss and ridge, mean over the observed steps, minus the optimum's, as a share of `F*`.
    pub energy_gap: f64,
    /// Duality gap of the reference solution.
    pub reference_gap: f64,
    /// Share of the features in each of `BINS` slices of their first coordinate, over the observed steps.
    pub population: Vec<f64>,
    /// First coordinate, and the share that the optimal population has in a slice of that width there.
    pub optimum: Vec<(f64, f64)>,
}

/// Slices of the first coordinate from -3 to 3 standard deviations of the reference population.
const BINS: usize = 30;
const EVERY: usize = 40;
/// Five relaxation times of the reference population, `s^2 / (tau eta)` = 200 steps each.
const BURN_IN: usize = 1000;
const LEARNING_RATE: f64 = 1.0;
const EXAMPLES: usize = 20;
const SPREAD: f64 = 2.0;

/// The claim.
pub struct TwoLevelConvexity;

impl Claim for TwoLevelConvexity {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "fang-2022/two-level-convexity",
            statement: "In the limit a two-level net is convex in its feature distribution: noisy descent on m features \
                        reaches the global minimum, and finite m costs O(1/m).",
            formula: "F(rho) = min_u {loss + ridge(u)} + tau KL(rho || rho_0), F(rho_z) - F* = C / m",
            sources: &[
                Source {
                    citation: "Fang, Dong, Zhang: Over Parameterized Two-level Neural Networks Can Learn Near Optimal \
                               Feature Representations (2019)",
                    place: "theorems on convexity and noisy gradient descent",
                    url: "https://arxiv.org/abs/1910.11508",
                },
                Source {
                    citation: "Mei, Montanari, Nguyen: A Mean Field View of the Landscape of Two-Layer Neural Networks \
                               (PNAS 2018)",
                    place: "theorem 3 and proposition 1",
                    url: "https://arxiv.org/abs/1804.06561",
                },
            ],
            prediction: "the gap to the convex optimum is C / m, with C known from the optimum",
            must_hold: "gap below 1% of the optimum's value at the largest m; slope of the gap in m -1 +/- 0.3; the net's loss \
                        and ridge within 1% of the optimum's",
            control: "one to three features, fewer than the optimum needs",
            cpu_seconds: [3.0, 60.0, 1000.0],
            size_ratio: [0.1, 0.3, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let widths: &[usize] = plan.by_scale([
            &[16, 64, 256][..],
            &[16, 32, 64, 128, 256, 512],
            &[16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
        ]);
        grid(plan, widths)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, &[1, 2, 3])
    }

    fn cost(&self, cell: &Cell) -> f64 {
        (cell.steps + BURN_IN) as f64 * (1e-5 + 4e-7 * cell.features as f64)
            + cell.steps as f64 / EVERY as f64 * 3e-3
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        descend(cell, context).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let largest = runs.cells().map(|c| c.features).max();
        let widest = runs.only(|c| Some(c.features) == largest);
        let of = |f: fn(&Outcome) -> f64| widest.draws(|runs| runs.first().map(|r| f(&r.outcome)));
        let slope = runs.draws(|runs| {
            let points: Vec<_> = runs.iter().map(|r| (r.cell.features as f64, r.outcome.gap)).collect();
            exponent(&points)
        });
        vec![
            Check::new("gap", "gap of the population to the convex optimum at the largest m, share of the optimum", Bound::AtMost(0.01))
                .predicted("C / m")
                .because("1%")
                .control_fails()
                .draws(of(|o| o.gap)),
            Check::new(
                "energy",
                "distance of the net's loss and ridge from the optimum's at the largest m, share of the optimum",
                Bound::AtMost(0.01),
            )
            .predicted("0 as m grows")
            .because("1%")
            .control_fails()
            .draws(of(|o| o.energy_gap.abs())),
            Check::new("slope", "slope of log gap against log m", Bound::Within { target: -1.0, tolerance: 0.25 })
                .predicted("-1")
                .because("a quadratic form of Gaussian deviations of order m^(-1/2)")
                .rival("a gap linear in the deviations", -0.5)
                .draws(slope),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![Figure {
            name: "two-level-convexity".into(),
            title: "Noisy descent on m features against the convex optimum".into(),
            caption: "Left: excess of the population that the net stands for, over the optimum; the line is the prediction, \
                      without a fitted constant. Hollow: fewer features than the optimum needs. Right: where the features \
                      are, along their first coordinate, at the largest m (points, medians over seeds) and at the optimum \
                      (line). Bars: ranges over seeds."
                .into(),
            panels: vec![gaps(runs, control), population(runs)],
        }]
    }
}

fn grid(plan: &Plan<'_>, widths: &[usize]) -> Vec<Cell> {
    let steps = plan.by_scale([4_000, 10_000, 40_000]);
    plan.seeds().flat_map(|seed| widths.iter().map(move |&features| Cell { features, steps, seed })).collect()
}

fn problem() -> Result<TwoLevel, Error> {
    let x = |i: usize| 2.0 * i as f64 / (EXAMPLES - 1) as f64 - 1.0;
    TwoLevel {
        inputs: DMatrix::from_fn(EXAMPLES, 2, |i, j| if j == 0 { x(i) } else { 0.5 }),
        targets: DVector::from_fn(EXAMPLES, |i, _| (3.0 * x(i)).sin() + 0.3 * (5.0 * x(i)).cos()),
        activation: Activation::Tanh,
        ridge: 0.02,
        temperature: 0.02,
        spread: SPREAD,
    }
    .checked()
}

fn descend(cell: &Cell, context: &Context<'_>) -> Result<Outcome, Error> {
    let problem = problem()?;
    let dictionary = Dictionary::grid(&problem, 61, 7.0)?;
    let optimum = dictionary.solve(1e-10)?;
    let start = context.shared("start", cell.seed);
    let mut net = Particles::random(&problem, cell.features, &start);
    let descent = NoisyDescent { learning_rate: LEARNING_RATE, noise: true };
    let (mut gap, mut energy, mut population) = (0.0, 0.0, vec![0.0; BINS]);
    let observed = cell.steps.div_ceil(EVERY) as f64;
    let weight = observed.recip();
    net.descend(&problem, descent, BURN_IN + cell.steps, &context.own("noise"), |step, net, top| {
        if step >= BURN_IN && (step - BURN_IN).is_multiple_of(EVERY) {
            gap += weight * (dictionary.certificate(&top.residual)?.primal - optimum.value);
            energy += weight * top.value;
            for w in net.features.column(0).iter() {
                count(&mut population, *w, weight / net.features.nrows() as f64);
            }
        }
        Ok(())
    })?;
    Ok(Outcome {
        gap: gap / optimum.value,
        predicted: optimum.finite_width_gap / (cell.features as f64 * optimum.value),
        energy_gap: (energy - optimum.energy) / optimum.value,
        reference_gap: optimum.gap,
        population,
        optimum: optimal_population(&dictionary, &optimum),
    })
}

/// The grid's own spacing differs from the slices': its masses become a density first.
fn optimal_population(dictionary: &Dictionary<'_>, optimum: &Optimum) -> Vec<(f64, f64)> {
    let mut masses: Vec<(f64, f64)> = Vec::new();
    for (w, mass) in dictionary.features().column(0).iter().zip(optimum.masses.iter()) {
        match masses.iter_mut().find(|m| m.0 == *w) {
            Some(total) => total.1 += mass,
            None => masses.push((*w, *mass)),
        }
    }
    let spacing = masses.get(1).map_or(1.0, |second| second.0 - masses[0].0);
    let slice = 6.0 * SPREAD / BINS as f64;
    let inside = masses.into_iter().filter(|m| m.0.abs() <= 3.0 * SPREAD);
    inside.map(|(w, mass)| (w, mass * slice / spacing)).collect()
}

/// Adds a mass to the slice that `w` lies in, if any.
fn count(shares: &mut [f64], w: f64, mass: f64) {
    let position = (w / (3.0 * SPREAD) + 1.0) / 2.0 * BINS as f64;
    if (0.0..BINS as f64).contains(&position) {
        shares[position as usize] += mass;
    }
}

fn gaps(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Panel {
    let series = |runs: &[Run<Cell, Outcome>], label: &str, role: Role| {
        let points = distinct(runs, |r| r.cell.features).into_iter().filter_map(|m| {
            let gaps: Vec<f64> =
                runs.iter().filter(|r| r.cell.features == m).map(|r| r.outcome.gap).collect();
            median_point(m as f64, &gaps)
        });
        Series::new(label, role, 0, points.collect())
    };
    let mut theory: Vec<Point> =
        runs.iter().chain(control).map(|r| Point::new(r.cell.features as f64, r.outcome.predicted)).collect();
    theory.sort_by(|a, b| a.x.total_cmp(&b.x));
    Panel {
        title: "Gap to the convex optimum".into(),
        x: Axis::log("features m"),
        y: Axis::log("(F(rho_z) - F*) / F*"),
        series: vec![
            Series::new("C / m, computed", Role::Theory, 0, theory),
            series(runs, "noisy descent", Role::Experiment),
            series(control, "too few features", Role::Control),
        ],
    }
}

fn population(runs: &[Run<Cell, Outcome>]) -> Panel {
    let largest = runs.iter().map(|r| r.cell.features).max();
    let widest: Vec<&Outcome> =
        runs.iter().filter(|r| Some(r.cell.features) == largest).map(|r| &r.outcome).collect();
    let centre = |k: usize| 3.0 * SPREAD * ((2 * k + 1) as f64 / BINS as f64 - 1.0);
    let measured = (0..BINS).filter_map(|k| {
        let shares: Vec<f64> = widest.iter().map(|o| o.population[k]).collect();
        median_point(centre(k), &shares)
    });
    let theory = widest
        .first()
        .map_or_else(Vec::new, |o| o.optimum.iter().map(|(w, share)| Point::new(*w, *share)).collect());
    Panel {
        title: "The features' population".into(),
        x: Axis::linear("first coordinate of a feature, w_1"),
        y: Axis::linear("share of the features"),
        series: vec![
            Series::new("convex optimum", Role::Theory, 0, theory),
            Series::new("features after descent", Role::Experiment, 0, measured.collect()),
        ],
    }
}
