//! **zou-2023/adam-versus-gd.** On data with sparse noise, Adam and gradient descent both fit everything; descent generalises,
//! Adam does not.
//!
//! *Source.* Zou, Cao, Li, Gu 2021, theorem 4.1 (and 4.2 for the convex case) of the arXiv version. *Experiment.* The paper's model
//! ([`overparam_feature_flow::patches::sparse`]): 100 examples in 1,000 dimensions, 20 noise coordinates an example of standard
//! deviation 0.2, feature noise 0.3, 20 filters per class with `relu^3`, weight decay 1e-5, 4,000 full-batch steps at rate 0.05
//! (descent) and 1e-4 (Adam).
//!
//! *A limit of this claim.* It judges one setting after 4,000 steps, when the training error is 0 but training has not converged: Adam's test
//! error depends on when one stops. The theorem speaks of converged points, and of a threshold in the number of noise
//! coordinates, which is not swept here (`--set sparsity=1` changes it).
//!
//! *Predicted.* Descent grows the feature, which all examples share; Adam moves every coordinate at one speed, so an example's
//! 20 noise coordinates outrun the one of the feature, and the feature noise turns the feature's own weight round.
//!
//! *Tolerances.* In a typical draw both training errors are 0, and the test error is below 0.05 (descent) and above 0.4 (Adam). Dominated by noise means
//! that of a filter's products with an example the one with its noise is larger.
//!
//! *Control.* The convex model, linear responses: Adam and descent then agree about what to learn.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_feature_flow::patches::sparse::{Data, Response, Trained, Training, Update, train};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rule by which filters move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Gradient descent.
    Descent,
    /// Adam.
    Adam,
}

const RULES: [(Rule, &str); 2] = [(Rule::Descent, "gradient descent"), (Rule::Adam, "Adam")];

/// What the examples are like: the theorem's hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Examples {
    /// Entries of a patch, `d`.
    pub dimension: usize,
    /// Training examples, `n`.
    pub examples: usize,
    /// Noise coordinates of an example that are not zero, `s`: Adam is led astray where they are many, in units of the rest.
    pub sparsity: usize,
    /// Standard deviation of a noise coordinate, in units of the feature's strength.
    pub noise: f64,
    /// Strength of the feature noise, `alpha`, in units of the feature's.
    pub feature_noise: f64,
}

const EXAMPLES: Examples =
    Examples { dimension: 1000, examples: 100, sparsity: 20, noise: 0.2, feature_noise: 0.3 };

/// One training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// What the examples are like.
    #[serde(flatten)]
    pub data: Examples,
    /// How filters move.
    pub rule: Rule,
    /// Whether the responses are linear, which makes the problem convex.
    pub convex: bool,
    /// Filters a class.
    pub filters: usize,
    /// Full-batch steps.
    pub steps: usize,
    /// Index of data and start, shared by both rules.
    pub seed: u64,
}

/// What training led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Share of training examples on the wrong side.
    pub train_error: f64,
    /// Share of fresh examples on the wrong side.
    pub test_error: f64,
    /// Mean over training examples of the largest product of their class's filters with the feature.
    pub feature_product: f64,
    /// The same with the example's noise.
    pub noise_product: f64,
    /// Training loss along the way.
    pub losses: Vec<f64>,
}

/// The claim.
pub struct AdamVersusGd;

impl Claim for AdamVersusGd {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "zou-2023/adam-versus-gd",
            statement: "On patches with sparse noise Adam and gradient descent both reach zero training error; descent \
                        generalises and Adam does not.",
            formula: "F_k = sum_r sum_p relu^q(<w_kr, x_p>), x_1 = y v, x_2 = xi - alpha y v, xi sparse",
            sources: &[Source {
                citation: "Zou, Cao, Li, Gu: Understanding the Generalization of Adam in Learning Neural Networks with \
                           Proper Regularization (ICLR 2023)",
                place: "theorems 4.1 and 4.2 of the arXiv version",
                url: "https://arxiv.org/abs/2108.11371",
            }],
            prediction: "test error near 0 for descent, constant for Adam, whose filters align with noise",
            must_hold: "in a typical draw training errors 0, test error below 0.05 (descent) and above 0.4 (Adam), Adam's \
                        products dominated by noise and descent's by the feature",
            control: "a convex model, where the two must agree",
            cpu_seconds: [40.0, 80.0, 4000.0],
            size_ratio: [0.5, 0.5, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, false)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, true)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        5e-6 * (cell.steps * cell.filters) as f64
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let Examples { dimension, examples, sparsity, noise, feature_noise } = cell.data;
        let data = Data { dimension, examples, sparsity, noise, feature_noise };
        let (update, learning_rate) = match cell.rule {
            Rule::Descent => (Update::Descent, 0.05),
            Rule::Adam => (Update::Adam, 1e-4),
        };
        let training = Training {
            update,
            filters: cell.filters,
            response: if cell.convex { Response::Linear } else { Response::Power(3) },
            start: 0.01,
            weight_decay: 1e-5,
            learning_rate,
            steps: cell.steps,
        };
        let trained =
            train(&data, &training, 2000, &context.shared("run", cell.seed)).map_err(CellError::new)?;
        let Trained { train_error, test_error, feature_product, noise_product, losses } = trained;
        Ok(Outcome { train_error, test_error, feature_product, noise_product, losses: losses.to_vec() })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let of = |rule: Rule, f: fn(&Outcome) -> f64| {
            runs.only(|cell| cell.rule == rule).draws(|runs| runs.first().map(|r| f(&r.outcome)))
        };
        let share = |o: &Outcome| (o.noise_product / o.feature_product.abs()).min(1e6);
        let fitted = runs.draws(|runs| runs.iter().map(|r| r.outcome.train_error).reduce(f64::max));
        vec![
            Check::new("fitted", "training error of the worse of the two", Bound::AtMost(0.0))
                .predicted("0")
                .because("both rules fit all examples")
                .rival("a rule that only guesses", 0.5)
                .draws(fitted),
            Check::new("descent", "test error of gradient descent", Bound::AtMost(0.05))
                .predicted("near 0")
                .because("theorem 4.1")
                .rival("noise decides", 0.5)
                .draws(of(Rule::Descent, |o| o.test_error)),
            Check::new("adam", "test error of Adam", Bound::AtLeast(0.4))
                .predicted("at least a constant")
                .because("theorem 4.1")
                .rival("the feature decides", 0.0)
                .control_fails()
                .draws(of(Rule::Adam, |o| o.test_error)),
            Check::new(
                "adam-noise",
                "Adam: product with an example's noise, in units of that with the feature",
                Bound::AtLeast(1.0),
            )
            .predicted("above 1")
            .because("noise dominates")
            .rival("as descent", 0.01)
            .draws(of(Rule::Adam, share)),
            Check::new(
                "descent-noise",
                "gradient descent: product with an example's noise, in units of that with the feature",
                Bound::AtMost(1.0),
            )
            .predicted("below 1")
            .because("the feature dominates")
            .rival("as Adam", 10.0)
            .draws(of(Rule::Descent, share)),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let names = RULES.map(|r| r.1);
        let errors =
            |runs: &[Run<Cell, Outcome>], label: &str, role: Role, colour, f: fn(&Outcome) -> f64| {
                let points = RULES.iter().enumerate().filter_map(|(k, (rule, _))| {
                    let of_rule = runs.iter().filter(|r| r.cell.rule == *rule);
                    let values: Vec<f64> = of_rule.map(|r| f(&r.outcome)).collect();
                    median_point(k as f64, &values)
                });
                Series::new(label, role, colour, points.collect())
            };
        let panel = |title: &str, y: Axis, series| Panel {
            title: title.into(),
            x: Axis::named("", &names),
            y,
            series,
        };
        let limit = |y: f64, label: &str, colour| {
            Series::new(label, Role::Theory, colour, vec![Point::new(-0.5, y), Point::new(1.5, y)])
        };
        vec![Figure {
            name: "adam-versus-gd".into(),
            title: "The same training error, another solution".into(),
            caption: "Medians over seeds with their intervals. Left: test errors, with the bounds of the check; hollow: the convex \
                      model. Right: what the filters align with."
                .into(),
            panels: vec![
                panel(
                    "Test error",
                    Axis::linear("share of fresh examples").within(-0.03, 1.03),
                    vec![
                        limit(0.4, "Adam: at least", 1),
                        limit(0.05, "descent: at most", 0),
                        errors(runs, "relu^3", Role::Experiment, 2, |o| o.test_error),
                        errors(control, "convex", Role::Control, 2, |o| o.test_error),
                    ],
                ),
                panel(
                    "Largest product of a filter with",
                    Axis::linear("inner product, mean over training examples"),
                    vec![
                        errors(runs, "the feature", Role::Experiment, 0, |o| o.feature_product),
                        errors(runs, "the example's noise", Role::Experiment, 1, |o| o.noise_product),
                    ],
                ),
            ],
        }]
    }
}

fn grid(plan: &Plan<'_>, convex: bool) -> Vec<Cell> {
    let filters = plan.by_scale([20, 20, 50]);
    let steps = plan.by_scale([4_000, 4_000, 20_000]);
    let cell = |rule, seed| Cell { data: EXAMPLES, rule, convex, filters, steps, seed };
    plan.seeds().flat_map(|seed| RULES.map(|(rule, _)| cell(rule, seed))).collect()
}

#[cfg(test)]
mod tests {
    use overparam_eval::claim::Run;
    use overparam_eval::runs::Grid;

    use super::super::testing::{scattered, tells_apart};
    use super::{AdamVersusGd, Cell, EXAMPLES, Outcome, RULES, Rule};

    /// Test errors of both rules, and their noise in units of the feature.
    fn grid(descent: (f64, f64), adam: (f64, f64)) -> Grid<Cell, Outcome> {
        let run = |seed: u64, rule: Rule| {
            let (error, noise) = if rule == Rule::Adam { adam } else { descent };
            let outcome = Outcome {
                train_error: 0.0,
                test_error: error * scattered(0.1, seed, 0),
                feature_product: 1.0,
                noise_product: noise,
                losses: Vec::new(),
            };
            Run {
                cell: Cell { data: EXAMPLES, rule, convex: false, filters: 20, steps: 4000, seed },
                outcome,
            }
        };
        Grid::finished((0..32).flat_map(|seed| RULES.map(|(rule, _)| run(seed, rule))).collect())
    }

    #[test]
    fn two_solutions_hold_and_one_does_not() {
        let (feature, noise) = ((0.0, 0.01), (0.85, 10.0));
        let wrong = [grid(feature, feature), grid(noise, noise), grid(noise, feature)];
        tells_apart(&AdamVersusGd, &grid(feature, noise), &grid(feature, (0.1, 10.0)), &wrong);
    }
}
