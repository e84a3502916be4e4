//! **mei-2020/staircase.** The test error of kernel ridge regression, random features and tangent features falls in steps:
//! `n ~ d^l` samples, or as many features, learn a target's content of degree at most `l` and nothing else.
//!
//! *Source.* Ghorbani, Mei, Misiakiewicz, Montanari 2021, theorems 1 to 4. *Experiment.* Inputs uniform on the sphere, an
//! isotropic random target with energies 0.5, 0.3, 0.2 in degrees 1, 2, 3. The activation is `max(x - 1/2, 0)`, since the
//! ReLU's kernels have no odd degree above 1. Kernel ridge regression (ridge 1e-6) on `n` samples, infinitely many features;
//! random features and tangent features with infinitely many samples. Population risks are exact for the drawn inputs or
//! weights: no test set. Tangent features are counted by parameters, `N d`: then all three learn degree `l` at `d^l`.
//!
//! *Predicted.* The whole curve by the deterministic equivalents at finite size ([`overparam_linearized::equivalents`]); for tangent
//! features, which come in blocks, these are a heuristic. The plateaus: after degree `l` the energy above it.
//!
//! *Tolerances.* 10% of the target's energy of the equivalent at every size, the interval of the largest distance holding at
//! all sizes at once: the main check. And 10% of the plateaus' heights, half-way between steps, at the geometric mean of the
//! multiplicities `B(d, l)` and `B(d, l + 1)`, for `l` = 0 and 1 (the third would need some `d^(5/2)` samples).
//!
//! *Sizes, fixed before the run by the equivalents.* Steps are smooth at finite `d`. Half-way after degree 1 the equivalents put the
//! risk above the plateau's height by (kernel, random, tangent features) 0.065, 0.029, 0.111 at `d = 60`; 0.050, 0.022, 0.105 at 100;
//! 0.040, 0.018, 0.085 at 150; 0.035, 0.016, 0.079 at 200; 0.019, 0.009, 0.051 at 600 (`cargo xtask theory staircase`). So the
//! plateau of tangent features cannot be met at `d = 100`, where an earlier run of ours had measured 0.096 (0.089 to 0.103), and
//! can at 200: plateaus are looked up there (at smoke, 150), while the curve through the second step is drawn at
//! `d = 60`, where it fits in 2,400 samples. The kernel's curve used to be judged on 1,000 test inputs, whose scatter was most
//! of its interval; its risk is exact now. What scatters most is left: the kernel on the 12 to 22 samples of the first plateau. Four
//! seeds at smoke could not tell (0.04, at most 0.18), hence 12 there and 16 at standard; no bound was moved.
//!
//! *Control.* A target of the same energy in other degrees than the prediction was given: 0.2, 0.3, 0.5.

mod picture;

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_linearized::Error;
use overparam_linearized::activation::Standard;
use overparam_linearized::data::{Target, sphere};
use overparam_linearized::equivalents::{Sizes, equivalent};
use overparam_linearized::models::population;
use overparam_linearized::spectrum::Spectrum;
use overparam_tensor::sphere::multiplicity;
use serde::{Deserialize, Serialize};

/// What is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Kernel ridge regression on `size` samples.
    Kernel,
    /// `size` random features, infinitely many samples.
    RandomFeatures,
    /// Tangent features of `size / d` neurons, infinitely many samples.
    Tangent,
}

const MODELS: [(Model, &str); 3] = [
    (Model::Kernel, "kernel ridge regression"),
    (Model::RandomFeatures, "random features"),
    (Model::Tangent, "tangent features"),
];

/// One fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What is fitted.
    pub model: Model,
    /// `d`.
    pub dimension: usize,
    /// Samples or features.
    pub size: usize,
    /// The target's energies in degrees 0 to 3.
    pub energies: [f64; 4],
    /// The degree `l` whose plateau is looked up at this size.
    pub plateau: Option<usize>,
    /// Index of target, data and weights, shared by all sizes and models.
    pub seed: u64,
}

/// The fit's risk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `E (f - fit)^2`.
    pub risk: f64,
}

/// The energies that the prediction is given.
const ENERGIES: [f64; 4] = [0.0, 0.5, 0.3, 0.2];

/// The control's.
const MOVED: [f64; 4] = [0.0, 0.2, 0.3, 0.5];

const ACTIVATION: Standard = Standard::ShiftedRelu { shift: 0.5 };

/// Degree to which kernels are followed; what is beyond acts as a ridge. Off the diagonal cosines are below 0.6 and
/// what is left out below 1e-6.
const DEGREE: usize = 20;

/// Of kernel ridge regression.
const RIDGE: f64 = 1e-6;

/// Random zonal harmonics a degree in the target.
const CENTRES: usize = 200;

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
            prediction: "the deterministic equivalents at finite size, and between the steps the energy of the degrees not \
                         yet learned",
            must_hold: "risks within 10% of the target's energy of the prediction at every size, and of the plateaus half-way \
                        between steps",
            control: "the target's energy in other degrees than the prediction was given",
            cpu_seconds: [20.0, 100.0, 2000.0],
            size_ratio: [0.1, 0.1, 0.1],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, ENERGIES)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, MOVED)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let size = cell.size as f64;
        0.01 + 1.5e-7 * size * size + 1e-11 * size.powi(3)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        fit(cell, context).map(|risk| Outcome { risk }).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let mut checks = Vec::new();
        for (model, name) in MODELS {
            let of_model = runs.only(|cell| cell.model == model);
            let places = of_model.distinct(|cell| (cell.dimension, cell.size, cell.plateau));
            let mut curve = Check::new(
                format!("curve-{}", id(model)),
                format!("{name}: risk less its deterministic equivalent"),
                Bound::Within { target: 0.0, tolerance: 0.1 },
            )
            .predicted("0 as d grows")
            .because("10% of the target's energy, at every size")
            .control_fails();
            let mut plateaus = Check::new(
                format!("plateaus-{}", id(model)),
                format!("{name}: risk less the plateau's height"),
                Bound::Within { target: 0.0, tolerance: 0.1 },
            )
            .predicted("0 as d grows")
            .because("10% of the target's energy, half-way between the steps")
            .control_fails();
            for (dimension, size, plateau) in places {
                let here =
                    of_model.only(|c| (c.dimension, c.size, c.plateau) == (dimension, size, plateau));
                let Some(predicted) = here.cells().next().and_then(|cell| theory(cell).ok()) else { continue };
                let less = |what: f64| here.draws(|runs| Some(runs.first()?.outcome.risk - what));
                let at = format!("d = {dimension}, size {size}");
                curve = curve.at(at.clone(), less(predicted));
                if let Some(degree) = plateau {
                    plateaus = plateaus.at(at, less(height(degree)));
                }
            }
            checks.extend([curve, plateaus]);
        }
        checks
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        vec![picture::figure(runs, control)]
    }
}

fn id(model: Model) -> &'static str {
    match model {
        Model::Kernel => "kernel",
        Model::RandomFeatures => "random",
        Model::Tangent => "tangent",
    }
}

/// The energy above degree `l`.
fn height(degree: usize) -> f64 {
    ENERGIES.iter().skip(degree + 1).sum()
}

/// Dimension of the curve and of the plateaus, exponents `log n / log d` of the curve, and of points beside the plateaus.
type Sizing = (usize, usize, &'static [f64], &'static [f64]);

fn grid(plan: &Plan<'_>, energies: [f64; 4]) -> Vec<Cell> {
    let (low, high, curve, beside): Sizing = plan.by_scale([
        (60, 150, &[1.0, 1.5][..], &[][..]),
        (60, 200, &[0.75, 1.0, 1.25, 1.5, 1.7, 1.9][..], &[0.8, 1.0, 1.2][..]),
        (60, 400, &[0.75, 1.0, 1.25, 1.5, 1.7, 1.9, 2.0, 2.1][..], &[0.8, 1.0, 1.2, 1.3][..]),
    ]);
    let sized = |dimension: usize, exponents: &'static [f64]| {
        let size = move |e: &f64| (dimension as f64).powf(*e).round() as usize;
        exponents.iter().map(move |e| (dimension, size(e), None))
    };
    let between = |degree: usize| (multiplicity(high, degree) * multiplicity(high, degree + 1)).sqrt();
    let plateaus = [0, 1].map(|degree| (high, between(degree).round() as usize, Some(degree)));
    let sizes: Vec<_> = sized(low, curve).chain(sized(high, beside)).chain(plateaus).collect();
    let mut cells = Vec::new();
    for seed in plan.seeds() {
        for (model, _) in MODELS {
            for &(dimension, size, plateau) in &sizes {
                let neurons = (size as f64 / dimension as f64).round() as usize;
                let size = if model == Model::Tangent { neurons * dimension } else { size };
                if size > 0 {
                    cells.push(Cell { model, dimension, size, energies, plateau, seed });
                }
            }
        }
    }
    cells
}

fn fit(cell: &Cell, context: &Context<'_>) -> Result<f64, Error> {
    let (d, size) = (cell.dimension, cell.size);
    let target = Target::isotropic(context.shared("target", cell.seed), d, &cell.energies, CENTRES)?;
    let points = |rows: usize, name: &str| sphere(context.shared(name, cell.seed), rows, d);
    match cell.model {
        Model::Kernel => {
            let spectrum = Spectrum::of_random_features(&ACTIVATION, d, DEGREE)?;
            population::kernel_regression(&spectrum, &points(size, "inputs"), &target, RIDGE)
        }
        Model::RandomFeatures => population::random_features(&ACTIVATION, &points(size, "weights"), &target),
        Model::Tangent => population::tangent_features(&ACTIVATION, &points(size / d, "weights"), &target),
    }
}

/// The risk that the equivalents give for the energies of the claim, whatever those of the cell.
fn theory(cell: &Cell) -> Result<f64, Error> {
    theory_with_ridge(cell, RIDGE)
}

fn theory_with_ridge(cell: &Cell, ridge: f64) -> Result<f64, Error> {
    let size = cell.size as f64;
    let spectrum = match cell.model {
        Model::Tangent => Spectrum::of_tangent_features(&ACTIVATION, cell.dimension, DEGREE)?,
        _ => Spectrum::of_random_features(&ACTIVATION, cell.dimension, DEGREE)?,
    };
    let sizes = match cell.model {
        Model::Kernel => Sizes { samples: size, features: f64::INFINITY, ridge },
        _ => Sizes { samples: f64::INFINITY, features: size, ridge: 0.0 },
    };
    Ok(equivalent(&spectrum, &ENERGIES, 0.0, sizes)?.risk)
}

/// The risks over seeds at every size of a model.
fn points(runs: &[Run<Cell, Outcome>], model: Model) -> Vec<(&Cell, Vec<f64>)> {
    let mut points: Vec<(&Cell, Vec<f64>)> = Vec::new();
    for run in runs.iter().filter(|r| r.cell.model == model) {
        let place = |c: &Cell| (c.dimension, c.size, c.plateau);
        let same = |p: &&mut (&Cell, Vec<f64>)| place(p.0) == place(&run.cell);
        match points.iter_mut().find(same) {
            Some(point) => point.1.push(run.outcome.risk),
            None => points.push((&run.cell, vec![run.outcome.risk])),
        }
    }
    points.sort_by_key(|p| (p.0.dimension, p.0.size));
    points
}

#[cfg(test)]
mod tests {
    use overparam_eval::check::Check;
    use overparam_eval::decide::Decision;
    use overparam_eval::theory::Theory;

    use super::{Cell, Model, Outcome, Staircase, theory};
    use crate::mei_2020::testing::{Part, cells, decision, fails, is_sharp, judged};

    /// Runs at the equivalents' risks, some scatter between seeds, changed by `distort`.
    fn on(part: Part, distort: impl Fn(&Cell) -> f64) -> Vec<Check> {
        let mut known: Vec<(Cell, f64)> = Vec::new();
        for cell in cells(&Staircase, part).into_iter().filter(|c| c.seed == 0) {
            known.push((cell.clone(), theory(&cell).unwrap()));
        }
        judged(&Staircase, part, &Theory::as_stated(), |cell| {
            let same = |c: &Cell| (c.model, c.size, c.dimension) == (cell.model, cell.size, cell.dimension);
            let risk = known.iter().find(|(c, _)| same(c)).unwrap().1;
            Outcome { risk: risk + 0.003 * (cell.seed as f64 * 2.4 + cell.size as f64).sin() + distort(cell) }
        })
    }

    #[test]
    fn the_equivalents_hold_and_a_shifted_curve_fails() {
        let checks = on(Part::Experiment, |_| 0.0);
        is_sharp(&checks);
        // After degree 1, 0.8 of the control's energy is left instead of 0.5.
        let moved = |c: &Cell| if c.plateau == Some(1) { 0.3 } else { 0.0 };
        assert_eq!(decision(&checks, &on(Part::Control, moved)), Decision::Holds);
        assert_eq!(decision(&checks, &on(Part::Control, |_| 0.0)), Decision::NotDiscriminating);
        assert!(fails(&on(Part::Experiment, |c| if c.size == 60 { 0.15 } else { 0.0 }), "curve-kernel"));
    }

    #[test]
    fn tangent_features_are_whole_neurons() {
        for cell in cells(&Staircase, Part::Experiment).iter().filter(|c| c.model == Model::Tangent) {
            assert_eq!(cell.size % cell.dimension, 0);
        }
    }
}
