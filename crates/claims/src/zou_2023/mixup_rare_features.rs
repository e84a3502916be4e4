//! **zou-2023/mixup-rare-features.** Standard training misses rare features, mixup learns them, and its benefit comes early.
//!
//! *Source.* Zou, Cao, Li, Gu 2023, theorems 4.1, 4.2 and section 5 (early stopping of mixup). *Experiment.* The paper's model
//! ([`overparam_feature_flow::patches::mixup`]): 200 examples of 5 patches in 400 dimensions, two of them feature noise of
//! strength 0.1, noise 0.17, rare features with probability 0.1, mixing 0.6, 10 filters a class from scale 0.01, full-batch
//! descent for a time (steps times rate) of 2,400, mixup over all pairs.
//!
//! *Predicted.* Noise that belongs to one example lets standard training fit the examples with a rare feature without it:
//! early on, a filter grows along a rare feature at a rate proportional to the `rho n / 2 = 10` examples that share it, along
//! an example's own noise patch at one proportional to `s_p^2 d = 12`. Whichever is first takes the loss away from the other.
//! Mixing an example with others attenuates its noise, not what it shares.
//!
//! *Tolerances.* In a typical draw the error on examples with a rare feature is at most 0.05 with mixup, at least 0.2
//! and 5 times as large without, and at most 0.05 if mixup stops after half of the steps.
//!
//! *Changed after looking.* The first setting, noise 0.15 and time 150, does not hold in every seed, here or in an
//! independent simulation (numpy): there the two rates are 10 and 9, and standard training finds a rare feature on some draws
//! (error 0.09 to 0.47 on four); and on some draws mixup needs longer (0.07 at time 150, 0.014 at 300). Hence more noise and a
//! longer time, chosen on eight other draws; bounds as they were. (At noise 0.18 mixup in the first half left 0.06 on one of
//! five.) The feature is in the first patch of every example; with features and noise in random
//! order mixing adds features to noise more often, and at that setting mixup's errors on three draws were 0.19 to 0.32, not
//! 0.001 to 0.07.
//!
//! *Control.* No rare features in the test: nothing to miss. The same errors are measured on common examples.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::patches::mixup::{Data, Training, train};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How examples are mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Not at all.
    Standard,
    /// In the first half of the steps.
    EarlyMixup,
    /// In all steps.
    Mixup,
}

const METHODS: [(Method, &str); 3] =
    [(Method::Standard, "standard"), (Method::EarlyMixup, "mixup, first half"), (Method::Mixup, "mixup")];

/// What the examples are like: the theorems' hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Examples {
    /// Entries of a patch, `d`.
    pub dimension: usize,
    /// Training examples, `n`.
    pub examples: usize,
    /// Share of the examples that carry a rare feature, `rho`.
    pub rare_share: f64,
    /// Strength of the feature noise, `alpha`, in units of a feature's.
    pub feature_noise: f64,
    /// Standard deviation of an entry of a noise patch, in units of a feature's strength.
    pub noise: f64,
}

const EXAMPLES: Examples =
    Examples { dimension: 400, examples: 200, rare_share: 0.1, feature_noise: 0.1, noise: 0.17 };
/// Weight of an example in its mixture with another, `lambda`.
const MIXING: f64 = 0.6;

/// One training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// What the examples are like.
    #[serde(flatten)]
    pub data: Examples,
    /// Weight of an example in its mixture with another, `lambda`: the other has `1 - lambda`.
    pub mixing: f64,
    /// How examples are mixed.
    pub method: Method,
    /// Whether the examples that the claim is about carry a rare feature.
    pub rare: bool,
    /// Full-batch steps.
    pub steps: usize,
    /// Index of data and start, shared by all methods.
    pub seed: u64,
}

/// Errors after training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// On the training examples.
    pub train_error: f64,
    /// On fresh examples with a common feature.
    pub common_error: f64,
    /// On the fresh examples that the claim is about: with a rare feature, or common ones in the control.
    pub error: f64,
}

/// Steps times learning rate.
const TIME: f64 = 2400.0;

/// The claim.
pub struct MixupRareFeatures;

impl Claim for MixupRareFeatures {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "zou-2023/mixup-rare-features",
            statement: "Standard training misses rare features, mixup learns them, and its benefit comes early.",
            formula: "x_ij = lambda x_i + (1 - lambda) x_j, loss_ij = lambda l(F(x_ij), y_i) + (1 - lambda) l(F(x_ij), y_j)",
            sources: &[Source {
                citation: "Zou, Cao, Li, Gu: The Benefits of Mixup for Feature Learning (ICML 2023)",
                place: "theorems 4.1 and 4.2, section 5",
                url: "https://arxiv.org/abs/2303.08433",
            }],
            prediction: "error on rare examples near 0 with mixup, a constant without; early mixup is enough",
            must_hold: "in a typical draw: error on rare examples at most 0.05 with mixup and with early mixup, at least 0.2 and \
                        5 times that of mixup without",
            control: "no rare features",
            cpu_seconds: [40.0, 40.0, 400.0],
            size_ratio: [0.2, 0.2, 0.5],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, true)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, false)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        cell.steps as f64 * if cell.method == Method::Standard { 1e-4 } else { 1e-3 }
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let Examples { dimension, examples, rare_share, feature_noise, noise } = cell.data;
        let data = Data {
            dimension,
            examples,
            patches: 5,
            feature_noise_patches: 2,
            rare: if cell.rare { rare_share } else { 0.0 },
            feature_noise,
            noise,
        };
        let mixup_steps = match cell.method {
            Method::Standard => 0,
            Method::EarlyMixup => cell.steps / 2,
            Method::Mixup => cell.steps,
        };
        let training = Training {
            filters: 10,
            start: 0.01,
            learning_rate: TIME / cell.steps as f64,
            steps: cell.steps,
            mixup_steps,
            mixing: cell.mixing,
        };
        let trained =
            train(&data, &training, 2000, &context.shared("run", cell.seed)).map_err(CellError::new)?;
        let error = if cell.rare { trained.rare_error } else { trained.common_error };
        Ok(Outcome { train_error: trained.train_error, common_error: trained.common_error, error })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let of = |method: Method| {
            runs.only(|cell| cell.method == method).draws(|runs| runs.first().map(|r| r.outcome.error))
        };
        let ratio = runs.draws(|runs| {
            let error =
                |method: Method| runs.iter().find(|r| r.cell.method == method).map(|r| r.outcome.error);
            // Half an error in 2,000 stands for none.
            Some(error(Method::Standard)? / error(Method::Mixup)?.max(0.5 / 2000.0))
        });
        vec![
            Check::new("standard", "error on rare examples, standard training", Bound::AtLeast(0.2))
                .predicted("at least a constant")
                .because("theorem 4.1")
                .rival("the rare feature is learned", 0.0)
                .control_fails()
                .draws(of(Method::Standard)),
            Check::new("mixup", "error on rare examples, mixup", Bound::AtMost(0.05))
                .predicted("near 0")
                .because("theorem 4.2")
                .rival("noise decides", 0.5)
                .draws(of(Method::Mixup)),
            Check::new("ratio", "error on rare examples, standard in units of mixup", Bound::AtLeast(5.0))
                .predicted("large")
                .because("a constant over nearly nothing")
                .rival("mixup changes nothing", 1.0)
                .control_fails()
                .draws(ratio),
            Check::new(
                "early-mixup",
                "error on rare examples, mixup in the first half only",
                Bound::AtMost(0.05),
            )
            .predicted("near 0")
            .because("section 5")
            .rival("noise decides", 0.5)
            .draws(of(Method::EarlyMixup)),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let names = METHODS.map(|m| m.1);
        let series =
            |runs: &[Run<Cell, Outcome>], label: &str, role: Role, colour, f: fn(&Outcome) -> f64| {
                let points = METHODS.iter().enumerate().filter_map(|(k, (method, _))| {
                    let of_method = runs.iter().filter(|r| r.cell.method == *method);
                    let values: Vec<f64> = of_method.map(|r| f(&r.outcome)).collect();
                    median_point(k as f64, &values)
                });
                Series::new(label, role, colour, points.collect())
            };
        let limit = |y: f64, label: &str, colour| {
            Series::new(label, Role::Theory, colour, vec![Point::new(-0.5, y), Point::new(2.5, y)])
        };
        vec![Figure {
            name: "mixup-rare-features".into(),
            title: "What standard training misses".into(),
            caption: "Errors on fresh examples, medians over seeds with their intervals. Lines: the bounds of the check. Hollow: data \
                      without rare features."
                .into(),
            panels: vec![Panel {
                title: "Test error".into(),
                x: Axis::named("", &names),
                y: Axis::linear("share of examples on the wrong side"),
                series: vec![
                    limit(0.2, "standard: at least", 0),
                    limit(0.05, "mixup: at most", 1),
                    series(runs, "rare feature", Role::Experiment, 2, |o| o.error),
                    series(control, "no rare features", Role::Control, 2, |o| o.error),
                ],
            }],
        }]
    }
}

fn grid(plan: &Plan<'_>, rare: bool) -> Vec<Cell> {
    let steps = plan.by_scale([600, 600, 6_000]);
    let cell = |method, seed| Cell { data: EXAMPLES, mixing: MIXING, method, rare, steps, seed };
    plan.seeds().flat_map(|seed| METHODS.map(|(method, _)| cell(method, seed))).collect()
}

#[cfg(test)]
mod tests {
    use overparam_eval::claim::Run;
    use overparam_eval::runs::Grid;

    use super::super::testing::{scattered, tells_apart};
    use super::{Cell, EXAMPLES, METHODS, MIXING, Method, MixupRareFeatures, Outcome};

    fn grid([standard, early, mixup]: [f64; 3]) -> Grid<Cell, Outcome> {
        let run = |seed: u64, method: Method| {
            let error = match method {
                Method::Standard => standard,
                Method::EarlyMixup => early,
                Method::Mixup => mixup,
            };
            let error = error * scattered(0.1, seed, 0);
            let outcome = Outcome { train_error: 0.0, common_error: 0.0, error };
            let cell = Cell { data: EXAMPLES, mixing: MIXING, method, rare: true, steps: 600, seed };
            Run { cell, outcome }
        };
        Grid::finished((0..32).flat_map(|seed| METHODS.map(|(method, _)| run(seed, method))).collect())
    }

    #[test]
    fn mixup_holds_and_a_method_that_changes_nothing_does_not() {
        let wrong = [grid([0.4; 3]), grid([0.01; 3]), grid([0.4, 0.4, 0.01])];
        tells_apart(&MixupRareFeatures, &grid([0.4, 0.01, 0.01]), &grid([0.0; 3]), &wrong);
    }
}
