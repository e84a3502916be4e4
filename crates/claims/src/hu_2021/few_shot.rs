//! **hu-2021/few-shot.** With `T` source tasks of `n1` examples that share a `k`-dimensional linear representation of `R^d`,
//! a target task with `n2` examples has excess risk `O(d k / (n1 T) + k / n2)`: the dimension is paid for by all source
//! data together, past the `1/T` limit of analyses that treat tasks as i.i.d., if the source tasks span the representation.
//!
//! *Source.* Du, Hu, Kakade, Lee, Lei 2021, theorem 4.1; sections 5 and 6 for the two variants in the tables.
//!
//! *Experiment.* Haar-random representation, diverse unit heads, Gaussian inputs, label noise `sigma = 1/2` beside a signal
//! of variance 1. First stage: joint least squares over a rank-`k` representation by alternating minimisation from the
//! spectral start. Second stage: least squares on it; mean over target heads that are orthonormal bases. In the sweeps over
//! `n1` and `T` the target has `n2 = 20 n1 T / (d - k)` examples at the largest `n1 T`, so that the second term is at most
//! a twentieth of the first; in the sweep over `n2` the first term is at most a third of the second.
//!
//! *Predicted*, with constants ([`overparam_deep_linear::shared_representation::theory`]; the judge has its own copy):
//! `b + (sigma^2 + b) k / (n2 - k - 1)` with `b = sigma^2 k (d - k) / (n1 T - k (d + T - k) - k)`; a single task has
//! `sigma^2 d / (n2 - d - 1)`. The theorem's rates are -1 in `n1`, `T` and `n2`; as examples less parameters stand in the place of
//! examples, the formula's own slopes on the grids differ from them, most in `n2` (-1.115 at `smoke`), and these are the targets.
//!
//! *What was wrong before.* The slope in `n2` was judged as -1 +/- 0.2, which the formula itself nearly misses; `T` times the risk below 1
//! held with room to spare whatever the constants; the ReLU and the high-dimensional variant were not judged.
//!
//! *Tolerances.* Slopes in `n1` and `T` to 0.1: at `k (d - k) = 175` degrees of freedom a risk scatters by `sqrt(2 / 175) = 11%` from draw
//! to draw, a slope over four doublings by about 0.06. In `n2`, where targets are averaged over many heads, to 0.05, half the distance of the
//! theorem's -1. Ratios to the formula within a factor 1.15; the next order of the theory, `k sigma^2 / n1`, is below 1%. Counting all
//! `k (d + T - k)` parameters of the first stage instead of the `k (d - k)` that move the span would be a factor 2 at `T = 40`. All
//! of 40 random starts, half of them of alternation and half of descent on the two-layer linear network, must reach the
//! objective of the spectral start to a relative 1e-8. The variants have no constants in theory: sharing must bring a fifth.
//!
//! *Control.* Source tasks that span only `k - 1` directions: the last one is fitted to noise, and a `k`-th of the target's
//! energy is lost however many examples there are.
//!
//! *Reported, not judged*: principal angles; ridge, method of moments.

mod experiment;
mod judge;
mod picture;

use overparam_deep_linear::shared_representation::Setting;
use overparam_eval::check::Check;
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::Figure;
use overparam_eval::runs::Runs;
use overparam_eval::table::Table;
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One experiment with one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// What is done.
    pub experiment: Experiment,
    /// Index of everything random.
    pub seed: u64,
}

/// What the fields of a [`Setting`] mean; a test asks for every one of them.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct SettingFields {
    /// Dimension of the inputs, `d`.
    dimension: usize,
    /// Dimension of the representation that the tasks share, `k`.
    rank: usize,
    /// Source tasks, `T`.
    tasks: usize,
    /// Examples of each source task, `n1`.
    source_examples: usize,
    /// Standard deviation of the label noise, `sigma`; the signal has variance about 1.
    noise: f64,
    /// Energy of the last direction in the source heads, in units of each of the others: 1 where they load all equally.
    diversity: f64,
    /// Condition number of the source inputs' covariance.
    source_condition: f64,
    /// Condition number of the target inputs' covariance, whose eigenvectors are other than the source's.
    target_condition: f64,
}

/// What a cell does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Experiment {
    /// One source data set, its representation, and targets that use it.
    Transfer {
        /// Which sweep it is a point of.
        vary: Vary,
        /// The tasks.
        #[schemars(with = "SettingFields")]
        setting: Setting,
        /// `n2`, each with its own target tasks.
        target_examples: Vec<usize>,
    },
    /// The first stage from many starts, by both methods.
    Starts {
        /// The tasks.
        #[schemars(with = "SettingFields")]
        setting: Setting,
        /// Starts of each method.
        starts: u64,
    },
    /// Fewer examples a task than dimensions: the nuclear-norm variant.
    HighDimensional {
        /// The tasks.
        #[schemars(with = "SettingFields")]
        setting: Setting,
        /// Examples of the target task, `n2`.
        target_examples: usize,
    },
    /// Tasks that share ReLU units, and a wide net with weight decay.
    Relu {
        /// Dimension of the inputs, `d`.
        dimension: usize,
        /// Units of the truth.
        units: usize,
        /// Source tasks, `T`.
        tasks: usize,
        /// Examples of each source task, `n1`.
        source_examples: usize,
        /// Examples of the target task, `n2`.
        target_examples: usize,
        /// Hidden units of the net.
        width: usize,
        /// Steps of training.
        steps: usize,
    },
}

/// The sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vary {
    /// Over `n1` at fixed `T`.
    SourceExamples,
    /// Over `T` at fixed `n1`.
    Tasks,
    /// Over `n2`.
    TargetExamples,
    /// Over `T`, source and target inputs with different covariances.
    Shift,
}

/// What a cell measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Of [`Experiment::Transfer`].
    Transfer {
        /// Principal angles between estimated and true representation, radians, largest first.
        angles: Vec<f64>,
        /// The same of the method-of-moments representation.
        moments_angles: Vec<f64>,
        /// The predicted bias `b`; `None` where it is not finite.
        predicted_bias: Option<f64>,
        /// Sweeps of alternation.
        sweeps: usize,
        /// Whether it reached its tolerance.
        converged: bool,
        /// One for each `n2`.
        risks: Vec<Risks>,
    },
    /// Of [`Experiment::Starts`]: `|L / L_spectral - 1|`.
    Starts {
        /// Of alternation from random representations.
        alternation: Vec<f64>,
        /// Of descent on the two-layer linear network from small random weights.
        descent: Vec<f64>,
        /// Largest principal angle between any two-layer solution and the spectral start's, radians.
        largest_angle: f64,
    },
    /// Of the two variants: mean excess risk by method.
    Variant {
        /// Method and excess risk.
        risks: Vec<(String, f64)>,
    },
}

/// Mean excess risks over target tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Risks {
    /// Examples of the target task, `n2`.
    pub target_examples: usize,
    /// Least squares on the estimated representation.
    pub shared: f64,
    /// What theory says of it.
    pub predicted: Option<f64>,
    /// Least squares on the true representation.
    pub oracle: f64,
    /// Least squares on the method-of-moments representation.
    pub moments: f64,
    /// Least squares in all directions, a task alone; in the sweep over `n2` only.
    pub alone: Option<f64>,
    /// What theory says of that.
    pub predicted_alone: Option<f64>,
    /// Ridge regression in all directions with the Bayes-optimal ridge; in the sweep over `n2` only.
    pub ridge: Option<f64>,
}

/// The claim.
pub struct FewShot;

impl Claim for FewShot {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "hu-2021/few-shot",
            statement: "Source tasks that share a representation pay for the dimension together: a target task then needs \
                        as many examples as the representation has dimensions.",
            formula: "excess risk ~ sigma^2 (k (d - k) / (n1 T) + k / n2), a single task's sigma^2 d / n2",
            sources: &[Source {
                citation: "Du, Hu, Kakade, Lee, Lei: Few-Shot Learning via Learning the Representation, Provably (ICLR 2021)",
                place: "theorem 4.1, sections 5 and 6",
                url: "https://arxiv.org/abs/2002.09434",
            }],
            prediction: "slope -1 in n1 and in T where the first term dominates, -1 in n2 where the second does; the \
                         constants of least squares on a manifold; below 1/T",
            must_hold: "slopes within 0.1 (n1, T) and 0.05 (n2) of the formula's; risk within a factor 1.15 of the formula, also \
                        under covariate shift; gain over a single task within a factor 1.15 of the predicted one; all of 40 \
                        starts reach one objective to 1e-8; both variants at most 0.8 of the risk without sharing",
            control: "source tasks that span only k - 1 directions",
            cpu_seconds: [15.0, 300.0, 1000.0],
            size_ratio: [0.2, 0.5, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let pairs: &[Grid] = plan.by_scale([&[SMALL][..], &[MEDIUM, LARGE], &[MEDIUM, LARGE, PAPER]]);
        let mut experiments: Vec<Experiment> = pairs.iter().flat_map(|grid| grid.transfers(1.0)).collect();
        experiments.extend(pairs[0].shifted());
        experiments.extend(plan.by_scale([extras_small, extras, extras])());
        over_seeds(&experiments, plan.seeds())
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let experiments = plan.by_scale([&SMALL, &MEDIUM, &MEDIUM]).transfers(0.0);
        over_seeds(&experiments, plan.seeds())
    }

    fn cost(&self, cell: &Cell) -> f64 {
        match &cell.experiment {
            Experiment::Transfer { setting: s, .. } => {
                let work = (s.source_examples + 200) * s.tasks * s.dimension * s.dimension;
                1e-2 + 1e-10 * work as f64
            }
            Experiment::Starts { setting: s, starts } => {
                1e-8 * *starts as f64 * (s.tasks * s.dimension.pow(2)) as f64
            }
            Experiment::HighDimensional { setting: s, .. } => 1e-6 * (s.tasks * s.dimension) as f64,
            Experiment::Relu { steps, .. } => 2e-3 * *steps as f64,
        }
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        let stream = context.own("everything");
        experiment::run(&cell.experiment, &stream).map_err(CellError::new)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, theory: &Theory) -> Vec<Check> {
        judge::judge(runs, theory)
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        picture::figures(runs, control)
    }

    fn tables(&self, runs: &[Run<Cell, Outcome>]) -> Vec<Table> {
        picture::tables(runs)
    }
}

fn over_seeds(experiments: &[Experiment], seeds: std::ops::Range<u64>) -> Vec<Cell> {
    let cell =
        |seed: u64| experiments.iter().map(move |experiment| Cell { experiment: experiment.clone(), seed });
    seeds.flat_map(cell).collect()
}

/// The sweeps at one `(d, k)`.
struct Grid {
    dimension: usize,
    rank: usize,
    /// `n1` at `T = tasks[1]`.
    source_examples: &'static [usize],
    /// `T` at `n1 = source_examples[0]`.
    tasks: &'static [usize],
    /// `n1` and `T` of the sweep over `n2`.
    plenty: (usize, usize),
}

const SMALL: Grid = Grid {
    dimension: 40,
    rank: 5,
    source_examples: &[120, 240, 480, 960],
    tasks: &[20, 40, 80, 160],
    plenty: (480, 80),
};
const MEDIUM: Grid = Grid {
    dimension: 100,
    rank: 5,
    source_examples: &[200, 400, 800, 1600],
    tasks: &[25, 50, 100, 200],
    plenty: (800, 200),
};
const LARGE: Grid = Grid {
    dimension: 200,
    rank: 10,
    source_examples: &[400, 800, 1600],
    tasks: &[50, 100, 200],
    plenty: (1600, 200),
};
const PAPER: Grid = Grid {
    dimension: 400,
    rank: 10,
    source_examples: &[800, 1600, 3200],
    tasks: &[100, 200, 400],
    plenty: (3200, 400),
};

impl Grid {
    fn setting(&self, source_examples: usize, tasks: usize) -> Setting {
        Setting { source_examples, ..Setting::new(self.dimension, self.rank, tasks) }
    }

    /// `n2` at which the second term is a twentieth of the first.
    fn many(&self, source_examples: usize, tasks: usize) -> Vec<usize> {
        vec![20 * source_examples * tasks / (self.dimension - self.rank)]
    }

    fn transfers(&self, diversity: f64) -> Vec<Experiment> {
        let transfer = |vary, setting: Setting, target_examples| Experiment::Transfer {
            vary,
            setting: Setting { diversity, ..setting },
            target_examples,
        };
        let most = |values: &[usize]| values.iter().copied().max().unwrap_or(1);
        let (n1, t) = (self.source_examples[0], self.tasks[1]);
        let mut all = Vec::new();
        for &n in self.source_examples {
            let target_examples = self.many(most(self.source_examples), t);
            all.push(transfer(Vary::SourceExamples, self.setting(n, t), target_examples));
        }
        for &tasks in self.tasks {
            all.push(transfer(Vary::Tasks, self.setting(n1, tasks), self.many(n1, most(self.tasks))));
        }
        let (n1, t) = self.plenty;
        let target_examples = [6, 12, 24].map(|tenths| self.dimension * tenths / 10).to_vec();
        all.push(transfer(Vary::TargetExamples, self.setting(n1, t), target_examples));
        all
    }

    fn shifted(&self) -> Vec<Experiment> {
        let n1 = self.source_examples[0];
        let three = &self.tasks[..3];
        let experiment = |&tasks: &usize| Experiment::Transfer {
            vary: Vary::Shift,
            setting: Setting { source_condition: 10.0, target_condition: 10.0, ..self.setting(n1, tasks) },
            target_examples: self.many(n1, three[2]),
        };
        three.iter().map(experiment).collect()
    }
}

fn extras_small() -> Vec<Experiment> {
    vec![
        Experiment::Starts { setting: Setting::new(20, 2, 10), starts: 20 },
        Experiment::HighDimensional {
            setting: Setting { source_examples: 20, ..Setting::new(30, 2, 20) },
            target_examples: 15,
        },
        Experiment::Relu {
            dimension: 6,
            units: 2,
            tasks: 8,
            source_examples: 30,
            target_examples: 15,
            width: 24,
            steps: 200,
        },
    ]
}

fn extras() -> Vec<Experiment> {
    vec![
        Experiment::Starts { setting: Setting::new(60, 5, 40), starts: 20 },
        Experiment::HighDimensional {
            setting: Setting { source_examples: 50, ..Setting::new(120, 5, 60) },
            target_examples: 40,
        },
        Experiment::Relu {
            dimension: 10,
            units: 3,
            tasks: 20,
            source_examples: 50,
            target_examples: 25,
            width: 64,
            steps: 1_500,
        },
    ]
}
